internal import Passphrases
internal import Platform
internal import Sodium
internal import VaultFile
internal import UserMessages

extension Passphrase {
    /// The passphrase of a vault that is being made at `path`; a person is asked twice.
    static func new(
        for path: String, _ new: NewPassphraseOptions, or ordinary: PassphraseOptions
    ) throws(Failure) -> SecretBytes {
        let explicitNew = try explicit(new.descriptor, new.file, new.command, "new-passphrase")
        let explicitOrdinary = try explicit(
            ordinary.descriptor, ordinary.file, ordinary.command, "passphrase")
        if let source = explicitNew ?? explicitOrdinary { return try readNew(source) }
        for name in ["VAULT_NEW_PASSPHRASE", "VAULT_PASSPHRASE"] {
            if let source = try environment(name) { return try readNew(source) }
        }
        return try askedTwice(path)
    }

    /// The passphrase that the vault at `path` gets in place of another one; a person is asked twice.
    static func new(for path: String, _ new: NewPassphraseOptions) throws(Failure) -> SecretBytes {
        if let source = try explicit(new.descriptor, new.file, new.command, "new-passphrase") {
            return try readNew(source)
        }
        if let source = try environment("VAULT_NEW_PASSPHRASE") { return try readNew(source) }
        return try askedTwice(path)
    }

    /// Takes even a weak passphrase where there is nobody to ask for another one, but not without a word.
    private static func readNew(_ source: Source) throws(Failure) -> SecretBytes {
        let passphrase = try read(source)
        if try bits(passphrase) < Strength.leastBits {
            // How weak is nothing for a log.
            Output.warn(
                "the new passphrase is weak: less than \(Strength.leastBits) bits, as far as can be estimated"
            )
        }
        return passphrase
    }

    private static func askedTwice(_ path: String) throws(Failure) -> SecretBytes {
        let terminal = try openTerminal(
            orLament: Failure(
                .locked, "there is no terminal to ask for a new passphrase",
                hint: "give --new-passphrase-file, --new-passphrase-command or --new-passphrase-fd"))
        let prompt = "New passphrase for \(Prompt.name(of: path)) (leave empty to generate one): "
        var left = tries
        var weak: SecretBytes?
        while true {
            let typed = try Prompt.hidden(terminal, prompt, atMost: Format.passphraseSizes.upperBound + 1)
            if typed.count == 0 { return try generated(terminal) }
            let first = try checked(typed)
            // The person insists, and has typed it twice.
            if let weak = weak.take(), isSame(weak, first) { return first }
            let bits = try bits(first)
            if bits >= Strength.leastBits {
                if isSame(first, try ask(terminal, "The same again: ")) { return first }
                left -= 1
                guard left > 0 else { throw Failure(.other, "the two passphrases differ") }
                try Prompt.say("vault: the two passphrases differ, try again", at: terminal)
                continue
            }
            try Prompt.say(
                "vault: this passphrase is weak, about \(bits) bits of at least \(Strength.leastBits): type a better one, or the same again to take it nevertheless",
                at: terminal)
            weak = consume first
        }
    }

    /// A new passphrase of words, which the person at the terminal sees this once.
    private static func generated(_ terminal: borrowing Terminal) throws(Failure) -> SecretBytes {
        let passphrase = try inWords { () throws(SodiumError) in try WordPassphrase.random() }
        try Prompt.say("Generated this passphrase, which is shown only now; write it down:", at: terminal)
        do throws(PromptError) {
            try passphrase.withBytes { bytes throws(PromptError) in try terminal.write(bytes) }
        } catch {
            throw Failure(error)
        }
        try Prompt.say("", at: terminal)
        return passphrase
    }

    private static func bits(_ passphrase: borrowing SecretBytes) throws(Failure) -> Int {
        do throws(SodiumError) {
            return try Strength.bits(of: passphrase)
        } catch {
            throw Failure(error)
        }
    }

    private static func isSame(_ one: borrowing SecretBytes, _ other: borrowing SecretBytes) -> Bool {
        one.withBytes { one in other.withBytes { one.isEqualInConstantTime(to: $0) } }
    }
}
