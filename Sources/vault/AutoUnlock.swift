internal import Platform
internal import ProgramEnvironment
internal import Settings
internal import UserMessages
internal import VaultCore

/// Unlocks a vault when a command first needs it, as its user may want.
enum AutoUnlock {
    /// Unlocks the vault as `vault unlock` does, with a passphrase that a person types, if the settings ask for that.
    ///
    /// - Returns: false if they do not, or if nobody is to be asked.
    static func run(_ common: CommonOptions, _ passphrase: PassphraseOptions) throws(Failure) -> Bool {
        if passphrase.isGiven { return false }
        guard try Passphrase.environment("VAULT_PASSPHRASE") == nil, try Setting.unlocksOnFirstUse(),
            Prompt.isPossible, let directory = Locations.runtimeDirectory
        else { return false }
        do throws(Errno) {
            try PrivateDirectory.prepare(directory)
        } catch {
            Output.warn("cannot unlock the vault for other commands: \(directory): \(error)")
            return false
        }
        try UnlockCommand(options: FileOptions(common: common)).run()
        return true
    }

    /// Says on a terminal how to type the passphrase only once.
    static func suggest(_ common: CommonOptions) {
        guard !common.quiet, InheritedDescriptor.standardError.isTerminal else { return }
        Output.hint("'vault unlock' keeps the vault open for your other commands")
    }
}
