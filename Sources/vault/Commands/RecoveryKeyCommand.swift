internal import CommandSyntax
internal import UserMessages

/// The command `vault recovery-key`.
struct RecoveryKeyCommand: Command {
    var options = FileOptions()

    static let info = CommandInfo(
        name: "recovery-key", summary: "Create a new recovery key",
        discussion: """
            The recovery key opens the vault if the passphrase is lost: 'vault unlock --recovery' unlocks it,
            and 'vault passwd --recovery' sets a new passphrase. The key is printed once, on standard output,
            and stored nowhere: write it down and keep it away from this machine. Anyone who has it and the
            file needs no passphrase. When you type it, upper and lower case, hyphens and spaces do not
            matter, and typing errors are detected.

            The vault also gets a new master key, as with 'vault rekey', so a previous recovery key no longer
            works. 'vault rekey --drop-recovery-key' leaves the vault without a recovery key.
            """)

    mutating func declare(_ parameters: inout Parameters) { options.declare(&parameters) }

    func run() throws(Failure) {
        let change = try KeyChange(options.common)
        try change.runKeepingPassphrase(
            options.passphrase, hasRecoveryKey: true,
            confirmation: "Created a new recovery key for \(change.path)")
    }
}
