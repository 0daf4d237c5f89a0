internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault restore`.
struct RestoreCommand: Command {
    var source = ""
    var yes = false
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "restore", summary: "Replace the vault with a backup",
        discussion: """
            The backup is fully verified, copied, and verified again before it replaces the vault in one step;
            this machine trusts it from then on. The previous file is kept beside the vault, under a name that
            ends in the time of the restore. So nothing is lost: 'vault diff' shows what the previous file had
            that the backup lacks, and 'vault merge' brings it back.

            First, vault shows what the backup contains, what is there now, what this machine last saw, how
            many changes of the present file the backup lacks (if the backup's key opens that file), and
            whether the two are different vaults. Versions that were purged since the backup come back; vault
            shows their number. Then vault asks for confirmation at a terminal; a script needs --yes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("SRC", "The backup", &source, isRequired: true, completing: .file)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        parameters.group("Passphrase of the backup") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        try Failure.refuseEmpty(source, "SRC")
        let path = try options.common.path()
        let (source, real) = (Locations.realPath(of: source), Locations.realPath(of: path))
        _ = try FileOptions.header(of: self.source, isOperand: true)
        if source == real { throw Failure(VaultError.sameFile, path: path) }
        typealias Outcome = (restored: Verification, kept: String?, markFailure: Errno?)
        let result = try withSourceKey { worker throws(VaultError) -> Result<Outcome, Failure> in
            let backup = Backup(of: real, by: worker)
            let present = backup.present()
            let shown = (copy: try describe(source, path, real, worker), present: present)
            do throws(Failure) {
                if !yes { try Prompt.confirm("Replace \(path) with \(self.source)?") }
            } catch {
                return .failure(error)
            }
            return .success(
                try options.showingProgress("restoring") { progress throws(VaultError) in
                    // With --yes, the file is replaced whatever it has become.
                    try backup.restore(from: source, ifStill: yes ? nil : shown, progress: progress)
                })
        }
        let outcome: Result<Outcome, Failure>
        do throws(VaultError) {
            outcome = try result.get()
        } catch .file(.noFile) {
            throw Failure(.noVault, "no vault at \(self.source)")
        } catch .file(.replacedDuringWrite) {
            throw Failure(
                .other, "\(self.source) or \(path) has changed since it was shown; nothing was restored",
                hint: "try again")
        } catch {
            throw Failure(error, path: error.isAboutTarget ? path : self.source)
        }
        let (restored, kept, markFailure) = try outcome.get()
        if let markFailure { Notice.nothingRemembered(markFailure).show() }
        AgentAccess.adopt(path)
        options.common.confirm("Restored \(restored.content) to \(path)")
        if let kept { options.common.confirm("The previous file is now \(kept)") }
    }

    /// Calls `body` with a worker that has the key of the backup.
    private func withSourceKey<R>(
        _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> Result<R, VaultError> {
        do throws(Failure) {
            return try options.withKey(of: source, other, body)
        } catch {
            guard error.code == .wrongPassphrase, !other.isGiven else { throw error }
            throw Failure(.wrongPassphrase, "the passphrase does not open \(source)", hint: other.hint)
        }
    }

    /// Shows what the backup contains, what is there now, and what would be lost.
    ///
    /// - Returns: the last commit of the backup.
    private func describe(
        _ source: String, _ path: String, _ real: String, _ worker: any JobRunner
    ) throws(VaultError) -> CommitPoint {
        let backup = try worker.verify(source, isCopy: true, seenAt: real)
        let header = try? Log.readHeader(path: real, dependencies: Dependencies())
        let isOther = header.map { $0.vaultID != backup.point.vaultID } ?? false
        let isShown = !yes || !options.common.quiet
        if isShown { Output.note("the backup:", backup.lines(self.source)) }
        let present = try describePresent(path, real, isOther, worker)
        if isShown, let present { Output.note("there now: ", present) }
        let last = try? CheckpointReport.last(real)
        if isShown, let last { Output.note("last seen: ", last.lines) }
        if isOther {
            Output.warn("\(self.source) is another vault, not a copy of the present one")
        }
        guard isShown else { return backup.point }
        let comparison = isOther ? nil : try? worker.compare(real, with: source)
        if let comparison {
            Output.note(RestoreCommand.words(lacking: comparison.others, more: comparison.lacking))
            let purged = comparison.purgedHere
            if purged > 0 { Output.warn("\(Words.count(purged, "purged version")) will come back") }
        }
        // If the backup lacks changes of the present file, that was said already.
        if comparison?.others ?? 0 == 0, let last, let contains = backup.containsLastSeen {
            if last.vaultID != backup.point.vaultID {
                Output.warn("the backup is another vault than the one that this machine last saw")
            } else if !contains {
                Output.warn("the backup lacks part of what this machine last saw")
            } else if comparison == nil {
                Output.note("the backup contains what this machine last saw")
            }
        }
        return backup.point
    }

    /// Describes the file in the vault's place, as far as the key of the backup and the header allow.
    ///
    /// - Returns: nil, after a warning, if nothing is known of the file, which does not prevent a restore.
    private func describePresent(
        _ path: String, _ real: String, _ isOther: Bool, _ worker: any JobRunner
    ) throws(VaultError) -> [String]? {
        let fault: String
        do throws(VaultError) {
            return try worker.verify(real, isCopy: true).lines(path)
        } catch .file(.noFile) {
            return ["nothing"]
        } catch .file(.keysChanged), .locked {
            if !isOther {
                let keys = "the backup has other keys than the present file"
                Output.warn("\(keys); only the backup's passphrase will open the vault")
            }
            fault = "not readable with the key of the backup"
        } catch .file(.damaged), .file(.damagedHeader), .file(.tamperedHeader), .file(.incompleteCopy) {
            fault = "damaged"
        } catch .agentLost(let outcomeUnknown) {
            throw .agentLost(outcomeUnknown: outcomeUnknown)
        } catch {
            Output.warn(Failure(error, path: real).message)
            return nil
        }
        guard let present = try? CheckpointReport.present(real) else { return ["no sound vault in \(path)"] }
        return ["vault \(present.vaultID.shortText) in \(path)", "\(fault): \(present.size)"]
    }

    private static func words(lacking: UInt64, more: UInt64) -> String {
        let lacks = "lacks \(Words.count(lacking, "change")) of the present file"
        return switch (lacking, more) {
        case (0, 0): "the backup has the same changes"
        case (0, _): "the backup has all changes of the present file, and \(more) more"
        case (_, 0): "the backup \(lacks)"
        default: "the backup \(lacks), and has \(Words.count(more, "other"))"
        }
    }
}
