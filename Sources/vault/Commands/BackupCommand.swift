internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultCore
internal import UserMessages

/// The command `vault backup`.
struct BackupCommand: Command {
    var destination: String?
    var verified: String?
    var other = PassphraseOptions(.other)
    var json = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "backup", usage: "[DEST|- | --verify FILE]", summary: "Write a verified copy of the vault",
        discussion: """
            The copy holds everything up to the last change, including the history, and is encrypted as the
            vault is; the same passphrase opens it. The copy is opened and fully verified before it gets its
            name. It replaces an older backup of this vault at DEST, but never any other file. If DEST is a
            directory, the copy gets the vault's file name there. 'vault status' shows when the last backup
            was made.

            Without DEST, the backup goes to the backup_directory of 'vault config', under a dated name. The
            newest 30 (backup_keep) stay there; older ones are removed once the new one is verified, except
            those with changes that the vault lacks.

            With '-', the copy is written to standard output, for a program that stores it elsewhere. There it
            is only verified if you run 'vault backup --verify'.

            Any other copy of the file, made with cp at any moment, is a backup too.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand(
            "DEST", "Where to write the backup, or - for standard output", &destination,
            completing: .file)
        parameters.option(
            "--verify", "FILE", "Verify every byte of this backup instead", &verified, completing: .file,
            insteadOf: "DEST")
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Passphrase of the backup") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if let verified { return try verify(verified) }
        let path = try options.common.path()
        guard let destination else { return try backUpToConfiguredDirectory(path) }
        try Failure.refuseEmpty(destination, "DEST")
        if destination == "-", json { throw Failure(.usage, "--json cannot be combined with -") }
        if destination == "-", Output.isTerminal {
            throw Failure(
                .usage, "a backup cannot be written to a terminal", hint: "redirect it, or name a file")
        }
        if destination != "-" {
            let (verification, target) = try backUp(path) { backup throws(VaultError) in
                try make(backup, of: path, destination)
            }
            if json { try printJSON(verification, at: target, removed: 0) }
            return
        }
        var failure: Failure?
        try backUp(path) { backup throws(VaultError) in
            try backup.stream { piece throws(VaultError) in
                guard failure == nil else { return }
                do throws(Failure) { try Output.write(piece, isWhole: true) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    /// Calls `body` with the backups of the vault, puts its error into words and shows notices.
    private func backUp<R>(
        _ path: String, to target: String? = nil, _ body: (Backup) throws(VaultError) -> R
    ) throws(Failure) -> R {
        let worker = try options.worker(for: path)
        defer { worker.showNotices(of: path) }
        do throws(VaultError) {
            return try body(Backup(of: Locations.realPath(of: path), by: worker))
        } catch {
            throw Failure(error, path: error.isAboutTarget ? target ?? destination ?? path : path)
        }
    }

    private func backUpToConfiguredDirectory(_ path: String) throws(Failure) {
        let configuration = try Configuration.required()
        guard let directory = configuration.backupDirectory else {
            throw Failure(
                .usage, "missing operand DEST",
                hint: "or set backup_directory in config.toml: see 'vault help config'")
        }
        let backups = BackupDirectory(directory, of: Locations.realPath(of: path))
        // A directory that is missing may be on a disk that is not mounted.
        guard backups.exists else {
            throw Failure(
                .other, "there is no directory \(directory), which config.toml names for backups",
                hint: "mkdir -p -m 700 \(Hint.quoted(path: directory))")
        }
        let target = backups.pathForNow()
        let keep = configuration.backupKeep ?? Setting.defaultBackupKeep
        let (verification, pruned) = try backUp(path, to: target) { backup throws(VaultError) in
            let (verification, _) = try make(backup, of: path, target)
            let pruned = Result { () throws(Errno) in
                try backups.prune(
                    keeping: keep, newest: target, verification, isContained: backup.isContained)
            }
            return (verification, pruned)
        }
        let (removed, kept) = try inWords("cannot remove older backups in \(directory)", pruned.get())
        for file in kept {
            Output.warn("kept \(file), since it has changes that the vault lacks")
            Output.hint("'vault diff \(Hint.quoted(path: file))' lists them")
        }
        if json { return try printJSON(verification, at: target, removed: removed) }
        if removed > 0 { options.common.confirm("Removed \(Words.count(UInt64(removed), "older backup"))") }
    }

    private func printJSON(_ backup: Verification, at target: String, removed: Int) throws(Failure) {
        try Output.write(
            JSON.document([("path", .string(target))] + backup.fields + [("removed", .number(removed))]))
    }

    /// Returns what the backup contains, and its path.
    private func make(
        _ backup: Backup, of path: String, _ destination: String
    ) throws(VaultError) -> (Verification, target: String) {
        let target = backup.target(destination)
        let verification = try options.showingProgress("backing up") { progress throws(VaultError) in
            try backup.make(at: target, progress: progress)
        }
        do throws(Errno) {
            try backup.remember(verification)
        } catch {
            Output.warn("cannot save when the backup was made: \(error)")
        }
        verification.warnOfHidden(in: path)
        let isInDirectory = target != Locations.realPath(of: destination)
        let shown = isInDirectory ? Path.join(destination, Path.name(of: target)) : destination
        if !json { options.common.confirm("Backed up \(verification.content) to \(shown)") }
        return (verification, target)
    }

    private func verify(_ file: String) throws(Failure) {
        try Failure.refuseEmpty(file, "FILE")
        let real = Locations.realPath(of: file)
        let result = try options.withKey(of: file, other) { worker throws(VaultError) in
            try options.showingProgress("verifying") { progress throws(VaultError) in
                try worker.verify(real, isCopy: true, progress: progress)
            }
        }
        let verification = try reportingErrors(about: file, try result.get())
        try options.report(
            verification.findings, orElse: verification.summary, asJSON: json ? verification.fields : nil)
    }
}
