internal import CommandSyntax
internal import VaultFile
internal import UserMessages

/// The command `vault rekey`.
struct RekeyCommand: Command {
    var recoveryKey = RecoveryOptions()
    var options = FileOptions()

    static let info = CommandInfo(
        name: "rekey", summary: "Change the master key and keep the passphrase",
        discussion: """
            The whole vault is rewritten under a new master key, as 'vault passwd' does. Anyone who once
            learned the old master key or has an old recovery key cannot read what is written from now on. The
            passphrase stays the same, so anyone who knows it can still open the vault. If the vault has a
            recovery key, a new one is printed, and the old one no longer works.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        recoveryKey.declare(&parameters)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let change = try KeyChange(options.common)
        try change.runKeepingPassphrase(
            options.passphrase, hasRecoveryKey: change.header.hasRecoveryKey && !recoveryKey.isDropped,
            confirmation: "Changed the master key of \(change.path)")
    }
}
