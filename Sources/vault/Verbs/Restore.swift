internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault restore`.
struct Restore: Command {
    var source = ""
    var yes = false
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "restore", summary: "Put a backup in the vault's place",
        discussion: """
            The backup is verified from end to end, copied, and verified again before it takes the vault's place in one step; this \
            machine trusts it from then on. The file that was there stays beside it, under a name that ends in the time of the restore; \
            so nothing is lost: 'vault diff' shows what it had that the backup lacks, and 'vault merge' takes it in.

            Before that it says what the backup holds, what is there, what this machine saw last, how many changes of the file that is \
            there the backup lacks, as far as its key opens that, and whether the two are different vaults. What was purged since comes \
            back, and is counted. A person at a terminal is asked then; a script needs --yes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("SRC", "The backup", &source, isRequired: true, completing: .file)
        parameters.flag("-y --yes", "Do not ask", &yes)
        parameters.group("Passphrase of the backup") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        try Failure.refuseEmpty(source, "SRC")
        let path = try options.common.path()
        let (source, real) = (Locations.realPath(of: source), Locations.realPath(of: path))
        _ = try FileOptions.header(of: self.source, isOperand: true)
        if source == real { throw Failure(VaultError.sameFile, path: path) }
        var failure: Failure?
        typealias Outcome = (restored: Verification, kept: String?, markFailure: Errno?)
        let result = try withSourceKey { worker throws(VaultError) -> Outcome? in
            let backup = Backup(of: real, by: worker)
            let present = backup.present()
            let shown = (copy: try describe(source, real, worker), present: present)
            do throws(Failure) {
                if !yes { try Prompt.confirm("Put \(self.source) in the place of \(path)?") }
            } catch {
                failure = error
                return nil
            }
            return try options.showingProgress("restoring") { progress throws(VaultError) in
                // Who says yes beforehand says it to whatever is there.
                try backup.restore(from: source, ifStill: yes ? nil : shown, progress: progress)
            }
        }
        if let failure { throw failure }
        let (restored, kept, markFailure): Outcome
        do throws(VaultError) {
            guard let outcome = try result.get() else { return }
            (restored, kept, markFailure) = outcome
        } catch .file(.noFile) {
            throw Failure(.noVault, "no vault at \(self.source)")
        } catch .file(.replacedDuringWrite) {
            throw Failure(
                .other, "\(self.source) or \(path) is not what was shown any more; nothing was restored",
                hint: "try again")
        } catch {
            throw Failure(error, path: error.isAboutTarget ? path : self.source)
        }
        if let markFailure { Notice.nothingRemembered(markFailure).show() }
        AgentAccess.adopt(path)
        options.common.confirm(
            "Restored \(restored.content) to \(path)")
        if let kept { options.common.confirm("The file that was there is now \(kept)") }
    }

    /// Calls `body` with somebody who has the key of the backup.
    private func withSourceKey<R>(
        _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> Result<R, VaultError> {
        do throws(Failure) {
            return try options.withKey(of: source, other, body)
        } catch {
            guard error.code == .wrongPassphrase, !other.isGiven else { throw error }
            throw Failure(
                .wrongPassphrase, "the passphrase is not that of \(source)",
                hint: other.hint)
        }
    }

    /// Says what the backup holds, what is there, and what would go.
    ///
    /// - Returns: the point that the backup has reached.
    private func describe(
        _ source: String, _ real: String, _ worker: any JobRunner
    ) throws(VaultError) -> CommitPoint {
        let backup = try worker.verify(source, isCopy: true, seenAt: real)
        let isShown = !yes || !options.common.quiet
        if isShown { Output.note("the backup: \(backup.description)") }
        let present = try? Log.readHeader(path: real, dependencies: Dependencies())
        let isOther = present.map { $0.vaultID != backup.point.vaultID } ?? false
        if let text = try describePresent(real, isOther, worker), isShown {
            Output.note("there now: \(text)")
        }
        let last = try? CheckpointReport.last(real)
        if isShown, let last { Output.note("last seen: \(last.text)") }
        var comparison: Comparison?
        if isOther {
            Output.warn("\(self.source) is another vault, not a copy of the one that is there")
        } else if isShown {
            comparison = try? worker.compare(real, with: source)
        }
        if let comparison {
            Output.note(Restore.words(lacking: comparison.others, more: comparison.lacking))
            warnOfPurged(comparison.purgedHere)
        }
        // What the file that is there shows needs no other words.
        if isShown, comparison?.others ?? 0 == 0, let last, let contains = backup.containsLastSeen {
            weigh(contains, isCopy: last.vaultID == backup.point.vaultID, isCompared: comparison != nil)
        }
        return backup.point
    }

    /// Says how the backup stands to what this machine saw last.
    private func weigh(_ contains: Bool, isCopy: Bool, isCompared: Bool) {
        if !isCopy {
            Output.warn("the backup is another vault than the one that this machine saw last")
        } else if !contains {
            Output.warn("the backup lacks part of what this machine saw last")
        } else if !isCompared {
            Output.note("the backup contains what this machine saw last")
        }
    }

    private func warnOfPurged(_ count: UInt64) {
        if count == 0 { return }
        Output.warn(
            "\(Words.count(count, "version")) that \(count == 1 ? "was" : "were") purged since will be back")
    }

    /// What lies in the vault's place, as far as the key of the backup and the header tell; nil, with a warning, if nothing can be
    /// told, which is no reason not to restore.
    private func describePresent(
        _ real: String, _ isOther: Bool, _ worker: any JobRunner
    ) throws(VaultError) -> String? {
        let fault: String
        do throws(VaultError) {
            return try worker.verify(real, isCopy: true).description
        } catch .file(.noFile) {
            return "nothing"
        } catch .file(.keysChanged), .locked {
            if !isOther {
                Output.warn(
                    "the backup has other keys than the file that is there: its own passphrase opens it, and no other"
                )
            }
            fault = "the key of the backup does not open it"
        } catch .file(.damaged), .file(.damagedHeader), .file(.tamperedHeader), .file(.incompleteCopy) {
            fault = "damaged"
        } catch .agentLost(let outcomeUnknown) {
            throw .agentLost(outcomeUnknown: outcomeUnknown)
        } catch {
            Output.warn(Failure(error, path: real).message)
            return nil
        }
        return (try? CheckpointReport.present(real)).map { "\($0.text); \(fault)" } ?? "no sound vault"
    }

    private static func words(lacking: UInt64, more: UInt64) -> String {
        let lacks = "lacks \(Words.count(lacking, "change")) that \(lacking == 1 ? "is" : "are") there now"
        return switch (lacking, more) {
        case (0, 0): "the backup has the same changes"
        case (0, _): "the backup has all changes that are there now, and \(more) more"
        case (_, 0): "the backup \(lacks)"
        default: "the backup \(lacks), and has \(Words.count(more, "other"))"
        }
    }
}
