internal import Platform
internal import Settings
internal import Sodium
internal import VaultAgent
internal import VaultCore
internal import VaultFile
package import UserMessages

/// Checks of the installation and of what surrounds a vault; it never asks anything, opens nothing and changes nothing.
package struct Diagnosis {
    /// The path of the vault's file, as the user named it.
    private let path: String
    let real: String
    /// The problem with the `.vault.toml` that applies, if any.
    private let contextProblem: Failure?

    package init(of path: String, contextProblem: Failure?) {
        self.path = path
        self.real = Locations.realPath(of: path)
        self.contextProblem = contextProblem
    }

    /// Makes every check; returns what each found.
    package func run() -> [[Finding]] {
        [
            configuration(), context(), directories(), memory(), agent(), vault(), content(), age(),
            permissions(), fileSystem(),
            backup(), conflictedCopies(), leftovers(), git(), programs(),
        ]
    }

    /// The urgent findings of the checks that take no time, for `vault status`.
    package func urgentFindings() -> [Finding] { (permissions() + conflictedCopies()).filter(\.isUrgent) }

    private func configuration() -> [Finding] {
        guard let problem = Configuration.asFarAsKnown.problem else { return [] }
        let file = Hint.quoted(path: Configuration.path ?? "config.toml")
        return [
            Finding(
                "configuration", isUrgent: true, problem.message,
                remedy: problem.hint ?? "correct it: ${EDITOR:-vi} \(file)")
        ]
    }

    private func context() -> [Finding] {
        guard let problem = contextProblem else { return [] }
        return [Finding("context", problem.message, remedy: problem.hint)]
    }

    private func directories() -> [Finding] {
        var findings: [Finding] = []
        if Locations.runtimeDirectory == nil {
            findings.append(
                Finding(
                    "directories", isUrgent: true, "there is no directory for the agent's socket",
                    remedy: "set XDG_RUNTIME_DIR or HOME"))
        }
        guard let directory = Locations.checkpointDirectory else {
            let message = "there is no directory for checkpoints; a rollback would go undetected"
            return findings + [
                Finding("directories", isUrgent: true, message, remedy: "set HOME or XDG_STATE_HOME")
            ]
        }
        do throws(Errno) {
            try PrivateDirectory.check(directory)
        } catch .noSuchFile {
            // The first command that sees a vault makes it.
        } catch {
            let message = "cannot save checkpoints, so a rollback would go undetected: \(directory): \(error)"
            findings.append(Finding("directories", isUrgent: true, message))
        }
        return findings
    }

    private func memory() -> [Finding] {
        // Only an attempt shows whether memory can be locked.
        _ = try? SecretBytes(count: 1)
        if GuardedMemory.isLocked { return [] }
        return [
            Finding(
                "memory", isUrgent: true,
                "memory cannot be locked: keys and values may be swapped to disk",
                remedy: "raise the limit that 'ulimit -l' shows")
        ]
    }

    private func agent() -> [Finding] {
        do throws(AgentError) {
            let status = try AgentClient().status(of: path)
            if status.isMemoryLocked { return [] }
            return [
                Finding(
                    "agent", isUrgent: true,
                    "the agent's memory is not locked: keys and values may be swapped to disk",
                    remedy: "raise the limit that 'ulimit -l' shows, 'vault lock --all', and unlock again")
            ]
        } catch .notRunning, .vault(.locked) {
            return []
        } catch {
            let failure = Failure(error, path: path)
            return [Finding("agent", isUrgent: true, failure.message, remedy: failure.hint)]
        }
    }

    private func vault() -> [Finding] {
        do throws(VaultFileError) {
            let header = try Log.readHeader(path: real, dependencies: .live)
            guard header.parameters.isBelowDefault else { return [] }
            let message = "a guess at the passphrase costs less than it does for a new vault"
            return [Finding("vault", message, remedy: "'vault passwd' raises the cost")]
        } catch {
            let failure = Failure(error, path: path)
            return [Finding("vault", isUrgent: true, failure.message, remedy: failure.hint)]
        }
    }

    /// Finds damage that shows without the key; a header that is unusable is a finding of ``vault()``.
    private func content() -> [Finding] {
        guard let check = try? KeylessCheck(path: real, dependencies: Dependencies()),
            let first = check.findings.first
        else { return [] }
        let others = check.findings.count == 1 ? "" : "; \(check.findings.count - 1) more such places"
        return [Finding("content", isUrgent: true, first.words + others, remedy: "'vault check'")]
    }

    /// Finds a file that is older than its checkpoint, as far as the key is not needed to see that.
    private func age() -> [Finding] {
        guard let seen = (try? Locations.checkpoints?.entry(of: real))??.lastSeen,
            let header = try? Log.readHeader(path: real, dependencies: .live), seen.vaultID == header.vaultID,
            let length = try? DiskStorage().open(real, .reading).length(),
            (header.generation, length) < (seen.generation, seen.end)
        else { return [] }
        return [
            Finding(
                "age", isUrgent: true, "the vault is older than what this machine last saw",
                remedy: "see 'vault help restore' and 'vault help merge'")
        ]
    }

    private func permissions() -> [Finding] {
        var findings: [Finding] = []
        let directory = Path.directory(of: real)
        if InputFile.isOpenToOthers(real) {
            let isWritable = (try? Path.isWritableByOthers(real)) == true
            findings.append(
                Finding(
                    "permissions", isUrgent: isWritable,
                    "others can \(isWritable ? "write" : "read") \(path)",
                    remedy: "chmod 600 \(Hint.quoted(path: path))"))
        }
        if (try? Path.isWritableByOthers(directory)) == true {
            findings.append(
                Finding(
                    "permissions", isUrgent: true, "others can replace files in \(directory)",
                    remedy: "chmod go-w \(Hint.quoted(path: directory))"))
        }
        return findings
    }

    /// File systems on which locks, or what a sync guarantees, depend on another machine or program.
    private static let remote = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "davfs"]

    private func fileSystem() -> [Finding] {
        guard let type = MountTable.fileSystem(of: real) else { return [] }
        guard Diagnosis.remote.contains(type) || type.hasPrefix("fuse.") else { return [] }
        return [
            Finding(
                "file system",
                "the vault is on a \(type) file system, where locks may not hold between machines",
                remedy: "keep the vault on a local disk and copy backups; see 'vault help git'")
        ]
    }

    private func backup() -> [Finding] {
        guard let header = try? Log.readHeader(path: real, dependencies: .live) else { return [] }
        let remedy: Hint =
            Configuration.asFarAsKnown.backupDirectory == nil ? "'vault backup DEST'" : "'vault backup'"
        if let directory = Configuration.asFarAsKnown.backupDirectory, (try? Path.owner(of: directory)) == nil
        {
            return [
                Finding(
                    "backup", "the backup directory does not exist: \(directory)",
                    remedy: "mkdir -p -m 700 \(Hint.quoted(path: directory))")
            ]
        }
        let last = (try? Locations.checkpoints?.backup(of: real)) ?? nil
        guard let last, last.point.vaultID == header.vaultID else {
            return [Finding("backup", "no verified backup of this vault was made here", remedy: remedy)]
        }
        let now = SystemClock.wallMilliseconds()
        let age = now > last.time ? now - last.time : 0
        if age < BackupAge.max { return [] }
        let words = DurationFormat.words(milliseconds: age)
        return [Finding("backup", "the last verified backup is \(words) old", remedy: remedy)]
    }

    private func git() -> [Finding] {
        guard let repository = GitRepository(around: real), repository.tracks(real) else { return [] }
        if repository.hasMergeDriver { return [] }
        return [
            Finding(
                "git", "git tracks the vault, but has no merge driver for it",
                remedy: "see 'vault help git'")
        ]
    }

    private func programs() -> [Finding] {
        guard let own = try? Path.resolvingLinks("/proc/self/exe") else { return [] }
        var findings: [Finding] = []
        if let first = ProgramPath.first(named: "vault"), Locations.realPath(of: first) != own {
            let message = "PATH leads to another program of this name first: \(first)"
            findings.append(Finding("programs", message))
        }
        let page = Path.join(Path.directory(of: own), "vault-web")
        if (try? Path.owner(of: page)) == nil, ProgramPath.first(named: "vault-web") == nil {
            let message = "vault-web is neither beside vault nor in PATH, so that 'vault web' cannot work"
            findings.append(Finding("programs", message))
        }
        return findings
    }
}

/// When a backup is old.
package enum BackupAge {
    /// The age at which a new one is suggested, in milliseconds: 30 days.
    package static let max: UInt64 = 30 * 86_400_000
}
