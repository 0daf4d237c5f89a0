internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault init`.
struct InitCommand: Command {
    var hasRecoveryKey = false
    var yes = false
    var cost = CostOptions()
    var new = PassphraseOptions(.new)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "init", summary: "Create a new vault",
        discussion: """
            The file is private (mode 0600), its directory is created if it is missing, and an existing file
            is never changed. On a file system without modes, such as FAT and exFAT, vault warns that others
            can read the file.

            The cost of one guess at the passphrase is set so that it takes this machine about three quarters
            of a second, with at least 3 passes over 256 MiB. --kdf-memory and --kdf-time choose otherwise.

            At a terminal, you type the new passphrase twice. If it has less than 50 bits by the estimate of
            zxcvbn, vault calls it weak and asks again; it is accepted if you type it again. If you leave it
            empty, vault generates a passphrase of ten random words (110 bits) and shows it once. Without a
            terminal, a weak passphrase is accepted with a warning.

            Without the passphrase, only the recovery key can open the vault. --recovery-key prints one on
            standard output, once; write it down and keep it away from this machine. 'vault recovery-key'
            makes one later.

            If this machine saw a vault at this path before and the file is missing now, a disk may not be
            mounted or a copy not finished: at a terminal, vault asks for confirmation; a script needs --yes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--recovery-key", "Print a recovery key", &hasRecoveryKey)
        parameters.flag("-y --yes", "Create a new vault even if another one was seen there", &yes)
        cost.declare(&parameters)
        parameters.group("New passphrase") { new.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        let parameters = try cost.chosen()
        let printer = RecoveryKeyPrinter()
        try InitCommand.refuseDanglingLink(path)
        if LocalSession.isOccupied(path) { throw Failure(VaultFileError.alreadyExists, path: path) }
        if !yes { try refuseMissingVault(path) }
        let show = { (key: borrowing RecoveryKey) in printer.show(key) }
        let passphrase = try Passphrase.new(for: path, new, or: options.passphrase)
        _ = try reportingErrors(
            about: path,
            try passphrase.withBytes { passphrase throws(VaultError) in
                try LocalSession.create(
                    at: path, passphrase: passphrase, parameters: parameters,
                    showRecoveryKey: hasRecoveryKey ? show : nil)
            })
        // An agent may still have a previous vault at this path unlocked.
        AgentAccess.adopt(path)
        try printer.finish()
        Notice.ofMemory(of: path)?.show()
        options.common.confirm("Created the vault \(path)")
        if InputFile.isOpenToOthers(path) { Output.warnOfOthers(path) }
    }

    private static func refuseDanglingLink(_ path: String) throws(Failure) {
        guard !LocalSession.isOccupied(path), (try? Path.owner(of: path)) != nil else { return }
        throw Failure(
            .other, "\(path) is a symbolic link to a file that does not exist",
            hint: "mount the disk or copy the file, or remove the link")
    }

    /// Refuses to create a vault where one that this machine saw before may only be missing at the moment.
    private func refuseMissingVault(_ path: String) throws(Failure) {
        let seen = try? CheckpointReport.last(path)
        guard seen != nil || CheckpointReport.isTorn(path) else { return }
        let last = seen?.text ?? "unknown; the checkpoint is incomplete"
        let message = "this machine saw a vault at \(path), but the file is missing now (last seen: \(last))"
        guard InheritedDescriptor.standardInput.isTerminal else {
            throw Failure(
                .rollback, message,
                hint: "mount the disk or copy the file; 'vault init --yes' creates a new vault anyway")
        }
        Output.warn(message)
        try Prompt.confirm("Create a new vault there anyway?")
    }
}
