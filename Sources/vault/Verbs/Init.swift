internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault init`.
struct Init: Command {
    var hasRecoveryKey = false
    var yes = false
    var cost = CostOptions()
    var new = PassphraseOptions(.new)
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "init", summary: "Make a new vault",
        discussion: """
            The file is private (0600), its directory is made if it is missing, and an existing file is never touched. Where a file system \
            keeps no modes, as FAT and exFAT do not, a warning says so.

            One guess at the passphrase costs as much as this machine does in about three quarters of a second, and \
            never less than 3 passes over 256 MiB. --kdf-memory and --kdf-time choose otherwise.

            A person at a terminal types the new passphrase twice. One of less than 50 bits, by the estimate of zxcvbn, is called \
            weak and asked for again; typed again as it is, it is taken. Left empty, a passphrase of ten random words (110 \
            bits) is generated and shown once. Where there is no terminal, a weak one is taken with a warning.

            Nobody can open the vault without the passphrase, but with the recovery key: --recovery-key prints one on standard \
            output, once; write it down and keep it away from this machine. 'vault recovery-key' makes one later.

            Where this machine saw a vault before and there is no file now, a disk may not be mounted, or a copy not be there yet: a person \
            at a terminal is asked, a script needs --yes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--recovery-key", "Print a recovery key", &hasRecoveryKey)
        parameters.flag("-y --yes", "Make a new vault where another one was seen before", &yes)
        cost.declare(&parameters)
        parameters.group("New passphrase") { new.declare(&$0) }
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path()
        let parameters = try cost.chosen()
        let printer = RecoveryKeyPrinter()
        try Init.refuseDanglingLink(path)
        if Vault.isOccupied(path) { throw Failure(VaultFileError.alreadyExists, path: path) }
        if !yes { try refuseSeen(path) }
        let show = { (key: borrowing RecoveryKey) in printer.show(key) }
        let passphrase = try Passphrase.new(for: path, new, or: passphrase)
        do throws(VaultError) {
            _ = try passphrase.withBytes { passphrase throws(VaultError) in
                try Vault.create(
                    at: path, passphrase: passphrase, parameters: parameters,
                    showRecoveryKey: hasRecoveryKey ? show : nil)
            }
        } catch {
            throw Failure(error, path: path)
        }
        // An agent may still have the one that lay there before.
        AgentAccess.adopt(path)
        try printer.finish()
        Notice.ofMemory(of: path)?.show()
        common.confirm("Made the vault \(path)")
        if InputFile.isOpenToOthers(path) { Output.warnOfOthers(path) }
    }

    /// Makes sure that what a link leads to is only not there at the moment.
    private static func refuseDanglingLink(_ path: String) throws(Failure) {
        guard !Vault.isOccupied(path), (try? Path.owner(of: path)) != nil else { return }
        throw Failure(
            .other, "\(path) is a symbolic link, and the file that it leads to is not there",
            hint: "mount the disk or copy the file, or remove the link")
    }

    /// Makes sure that a vault which is only not there at the moment is not replaced by a new one.
    private func refuseSeen(_ path: String) throws(Failure) {
        let seen = try? CheckpointReport.last(path)
        guard seen != nil || CheckpointReport.isTorn(path) else { return }
        let message =
            "this machine saw a vault at \(path), and there is no file now (last seen: \(seen?.text ?? "not known; the checkpoint is not whole"))"
        guard InheritedDescriptor.standardInput.isTerminal else {
            throw Failure(
                .rollback, message,
                hint: "mount the disk or copy the file; 'vault init --yes' makes a new vault all the same")
        }
        Output.warn(message)
        try Prompt.confirm("Make a new vault there all the same?")
    }
}
