internal import CommandSyntax
internal import ProgramEnvironment
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault passwd`.
struct PasswdCommand: Command {
    var recovery = false
    var recoveryKey = RecoveryOptions()
    var cost = CostOptions()
    var new = PassphraseOptions(.new)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "passwd", summary: "Change the passphrase",
        discussion: """
            The vault also gets a new master key, and every version is rewritten under it, so an old copy of
            the file or of its header together with the old passphrase reveals nothing that is written from
            now on. Old copies still reveal what they contain: vault lists copies in the vault's directory,
            but cannot find backups elsewhere. If a value may be in the wrong hands, change it where it is
            used.

            The new file is read back and compared before it replaces the old one in one step. If the machine
            stops at any moment, the vault opens with either the old or the new passphrase. Your agent keeps
            the vault unlocked; agents of other users lock it.

            At a terminal, you type the new passphrase twice. If it has less than 50 bits by the estimate of
            zxcvbn, vault calls it weak and asks again; it is accepted if you type it again. If you leave it
            empty, vault generates a passphrase of ten random words (110 bits) and shows it once. Without a
            terminal, a weak passphrase is accepted with a warning.

            A guess at the new passphrase costs as much as for a new vault, and never less than before;
            --kdf-memory and --kdf-time choose otherwise. If the vault has a recovery key, a new one is
            printed, and the old one no longer works.

            With --recovery, vault asks for the recovery key instead of the old passphrase.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--recovery", "Open the vault with the recovery key", &recovery)
        recoveryKey.declare(&parameters)
        parameters.group("Cost of a guess") { cost.declare(&$0) }
        parameters.group("New passphrase") { new.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let chosen = try cost.chosen()
        let change = try KeyChange(options.common)
        if recovery, !change.header.hasRecoveryKey {
            throw Failure(VaultFileError.noRecoveryKey, path: change.path)
        }
        let holder = try Passphrase.unlock(change.path, options.passphrase, isRecovery: recovery) {
            credential throws(Failure) in try change.open(with: credential)
        }
        let newPassphrase = try Passphrase.new(for: change.path, new)
        try change.run(
            holder, newPassphrase, cost: chosen.map { .chosen($0) } ?? .raised,
            hasRecoveryKey: change.header.hasRecoveryKey && !recoveryKey.isDropped,
            confirmation: "Changed the passphrase of \(change.path)")
    }
}
