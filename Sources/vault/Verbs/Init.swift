internal import CommandSyntax
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import Wording

/// The verb `vault init`.
struct Init: Command {
    var hasRecoveryKey = false
    var cost = CostOptions()
    var new = NewPassphraseOptions()
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let syntax = Syntax(
        Init(), name: "init", summary: "Make a new vault",
        discussion: """
            The file is private (0600), its folder is made if it is missing, and an existing file is never touched.

            One guess at the passphrase costs as much as this machine does in about three quarters of a second, and \
            never less than 3 passes over 256 MiB. --kdf-memory and --kdf-time choose otherwise.

            Nobody can open the vault without the passphrase, but with the recovery key: --recovery-key prints one on standard \
            output, once; write it down and keep it away from this machine. 'vault recovery-key' makes one later.
            """,
        parameters: [
            .flag("--recovery-key", "Print a recovery key", \.hasRecoveryKey),
            .shared(CostOptions.parameters, \.cost),
            .options(NewPassphraseOptions.parameters, \.new, group: "New passphrase"),
            .options(PassphraseOptions.parameters, \.passphrase, group: "Passphrase"),
            .options(CommonOptions.parameters, \.common, group: "Common options"),
        ])

    func run() throws(Failure) {
        let path = try common.path()
        let parameters = try cost.chosen()
        let printer = RecoveryKeyPrinter()
        if Vault.isOccupied(path) { throw Failure(VaultFileError.alreadyExists, path: path) }
        let show = { (key: borrowing RecoveryKey) in printer.show(key) }
        let passphrase = try Passphrase.new(new, or: passphrase)
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
        common.confirm("Made the vault \(path)")
    }
}
