internal import Passphrases
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import UserMessages

extension Passphrase {
    /// Returns a new passphrase for the vault at `path`, from the options, the environment or a prompt.
    ///
    /// - Parameter ordinary: the sources of the ordinary passphrase, which a vault that is being created can also use.
    static func new(
        for path: String, _ new: PassphraseOptions, or ordinary: PassphraseOptions? = nil
    ) throws(Failure) -> SecretBytes {
        let (newSource, ordinarySource) = (try new.source(), try ordinary?.source())
        if let source = newSource ?? ordinarySource { return try readNew(source) }
        for name in ["VAULT_NEW_PASSPHRASE"] + (ordinary == nil ? [] : ["VAULT_PASSPHRASE"]) {
            if let source = try environment(name) { return try readNew(source) }
        }
        return try askedTwice(path, new)
    }

    /// Reads a new passphrase; only warns if it is weak, since there is nobody to ask for another one.
    private static func readNew(_ source: Source) throws(Failure) -> SecretBytes {
        let passphrase = try read(source)
        if try bits(passphrase) < Strength.leastBits {
            // The exact strength does not belong in a log.
            Output.warn("the new passphrase is weak: estimated at less than \(Strength.leastBits) bits")
        }
        return passphrase
    }

    private static func askedTwice(_ path: String, _ new: PassphraseOptions) throws(Failure) -> SecretBytes {
        let terminal = try openTerminal(
            or: Failure(.locked, Prompt.cannotAsk(for: "a new passphrase"), hint: new.hint))
        let prompt = "New passphrase for \(Prompt.name(of: path)) (leave empty to generate one): "
        var left = tries
        var weak: SecretBytes?
        while true {
            let typed = try Prompt.hidden(terminal, prompt, atMost: Format.passphraseSizes.upperBound + 1)
            if typed.count == 0 { return try generated(terminal) }
            let first = try checked(typed)
            // A weak passphrase is accepted when it is typed again.
            if let weak = weak.take(), isSame(weak, first) { return first }
            let bits = try bits(first)
            if bits >= Strength.leastBits {
                if isSame(first, try ask(terminal, "Repeat: ")) { return first }
                left -= 1
                guard left > 0 else { throw Failure(.other, "the two passphrases differ") }
                try Prompt.say("vault: the two passphrases differ, try again", at: terminal)
                continue
            }
            try Prompt.say(
                "vault: this passphrase is weak, about \(bits) bits of at least \(Strength.leastBits): type a better one, or the same again to use it anyway",
                at: terminal)
            weak = consume first
        }
    }

    /// Generates a passphrase of words and shows it on the terminal.
    private static func generated(_ terminal: borrowing Terminal) throws(Failure) -> SecretBytes {
        let passphrase = try allocating(WordPassphrase.random())
        try Prompt.say("Generated this passphrase, which is shown only now; write it down:", at: terminal)
        try inWords { () throws(PromptError) in
            try passphrase.withBytes { bytes throws(PromptError) in try terminal.write(bytes) }
        }
        try Prompt.say("", at: terminal)
        return passphrase
    }

    private static func bits(_ passphrase: borrowing SecretBytes) throws(Failure) -> Int {
        try allocating(Strength.bits(of: passphrase))
    }

    private static func isSame(_ one: borrowing SecretBytes, _ other: borrowing SecretBytes) -> Bool {
        one.withBytes { one in other.withBytes { one.isEqualInConstantTime(to: $0) } }
    }
}
