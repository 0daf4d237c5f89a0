internal import Platform
internal import Sodium
internal import Wording

extension Passphrase {
    /// The passphrase of a vault that is being made at `path`; a person is asked twice.
    static func new(
        for path: String, _ new: NewPassphraseOptions, or ordinary: PassphraseOptions
    ) throws(Failure) -> SecretBytes {
        let explicitNew = try explicit(new.descriptor, new.file, new.command, "new-passphrase")
        let explicitOrdinary = try explicit(
            ordinary.descriptor, ordinary.file, ordinary.command, "passphrase")
        if let source = explicitNew ?? explicitOrdinary { return try read(source) }
        for name in ["VAULT_NEW_PASSPHRASE", "VAULT_PASSPHRASE"] {
            if let source = try environment(name) { return try read(source) }
        }
        return try askedTwice(path)
    }

    /// The passphrase that the vault at `path` gets in place of another one; a person is asked twice.
    static func new(for path: String, _ new: NewPassphraseOptions) throws(Failure) -> SecretBytes {
        if let source = try explicit(new.descriptor, new.file, new.command, "new-passphrase") {
            return try read(source)
        }
        if let source = try environment("VAULT_NEW_PASSPHRASE") { return try read(source) }
        return try askedTwice(path)
    }

    private static func askedTwice(_ path: String) throws(Failure) -> SecretBytes {
        let terminal = try openTerminal(
            orLament: Failure(
                .locked, "there is no terminal to ask for a new passphrase",
                hint: "give --new-passphrase-file, --new-passphrase-command or --new-passphrase-fd"))
        let first = try ask(terminal, "New passphrase for \(Prompt.name(of: path)): ")
        let second = try ask(terminal, "The same again: ")
        let same = first.withBytes { first in second.withBytes { first.isEqualInConstantTime(to: $0) } }
        guard same else { throw Failure(.other, "the two passphrases differ") }
        return first
    }
}
