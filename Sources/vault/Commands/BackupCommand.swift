internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault backup`.
struct BackupCommand: Command {
    var destination: String?
    var verified: String?
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "backup", usage: "DEST|- | --verify FILE", summary: "Write a verified copy of the vault",
        discussion: """
            The copy holds everything up to the last change, including the history, and is encrypted as the
            vault is; the same passphrase opens it. The copy is opened and fully verified before it gets its
            name. It replaces an older backup of this vault at DEST, but never any other file. If DEST is a
            directory, the copy gets the vault's file name there. 'vault status' shows when the last backup
            was made.

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
        parameters.group("Passphrase of the backup") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if let verified { return try verify(verified) }
        guard let destination else {
            throw Failure(.usage, "missing operand DEST", hint: "see 'vault help backup'")
        }
        try Failure.refuseEmpty(destination, "DEST")
        let path = try options.common.path()
        if destination == "-", Output.isTerminal {
            throw Failure(
                .usage, "a backup cannot be written to a terminal", hint: "redirect it, or name a file")
        }
        let worker = try options.worker(for: path)
        var failure: Failure?
        do throws(VaultError) {
            let backup = Backup(of: Locations.realPath(of: path), by: worker)
            defer { worker.showNotices(of: path) }
            if destination != "-" { return try make(backup, of: path, destination) }
            try backup.stream { piece throws(VaultError) in
                guard failure == nil else { return }
                do throws(Failure) { try Output.write(piece, isWhole: true) } catch { failure = error }
            }
        } catch {
            throw Failure(error, path: error.isAboutTarget ? destination : path)
        }
        if let failure { throw failure }
    }

    private func make(_ backup: Backup, of path: String, _ destination: String) throws(VaultError) {
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
        options.common.confirm("Backed up \(verification.content) to \(shown)")
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
        try options.report(verification.findings, orElse: verification.summary)
    }
}
