internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The result of opening a vault with its passphrase, and that passphrase.
struct Unlocked<R>: ~Copyable {
    let result: R
    let passphrase: SecretBytes
}

extension Passphrase {
    /// Reads the passphrase from the source that the options or the environment name; nil if a person must be asked.
    static func given(_ options: PassphraseOptions) throws(Failure) -> SecretBytes? {
        if let source = try options.source() { return try read(source) }
        guard let source = try environment("VAULT_PASSPHRASE") else { return nil }
        return try read(source)
    }

    /// How many tries a person gets.
    static let tries = 3

    /// Opens the vault at `path` with its passphrase, from the options, the environment or a prompt.
    ///
    /// - Parameters:
    ///   - failure: the error if there is no terminal to prompt on.
    ///   - afterTyping: what to do once a person has typed the right one, while nobody else can prompt.
    ///   - open: tries a passphrase; throws ``ExitCode/wrongPassphrase`` if it is wrong.
    static func unlock<R>(
        _ path: String, _ options: PassphraseOptions,
        ifNoTerminal failure: @autoclosure () -> Failure = .nobodyToAsk,
        afterTyping: () -> Void = {},
        _ open: (borrowing SecretBytes) throws(Failure) -> R
    ) throws(Failure) -> Unlocked<R> {
        if let given = try given(options) {
            return Unlocked(result: try open(given), passphrase: given)
        }
        let terminal = try openTerminal(or: failure())
        return try ask(
            "Passphrase for \(Prompt.name(of: path)): ", at: terminal, path, afterTyping: afterTyping, open)
    }

    /// Opens the vault at `path` with its passphrase or its recovery key, which comes from the same sources; never asks the agent.
    ///
    /// - Parameter failure: returns the error if there is no terminal to prompt on; its argument names what is missing.
    static func unlock<R>(
        _ path: String, _ options: PassphraseOptions, isRecovery: Bool,
        ifNoTerminal failure: (String) -> Failure = { .noTerminal(for: $0) },
        _ open: (borrowing Credential) throws(Failure) -> R
    ) throws(Failure) -> R {
        guard isRecovery else {
            return try unlock(path, options, ifNoTerminal: failure("passphrase")) {
                passphrase throws(Failure) in
                let copy = try allocating(
                    passphrase.withBytes { bytes throws(SodiumError) in try SecretBytes(copying: bytes) })
                return try open(.passphrase(copy))
            }.result
        }
        func openWithKey(_ text: borrowing SecretBytes) throws(Failure) -> R {
            let key = try inWords(about: path) { () throws(VaultFileError) in
                try text.withBytes { text throws(VaultFileError) in try RecoveryKey(typed: text) }
            }
            return try open(.recovery(key))
        }
        if let given = try given(options) { return try openWithKey(given) }
        let terminal = try openTerminal(or: failure("recovery key"))
        let prompt = "Recovery key for \(Prompt.name(of: path)): "
        return try ask(prompt, at: terminal, path, openWithKey).result
    }

    /// Opens the vault at `path` with a passphrase from a prompt; nil if there is no terminal.
    static func unlockByPerson<R>(
        _ path: String, _ open: (borrowing SecretBytes) throws(Failure) -> R
    ) throws(Failure) -> Unlocked<R>? {
        guard let terminal = try? Prompt.openTerminal() else { return nil }
        return try ask("Passphrase for \(Prompt.name(of: path)): ", at: terminal, path, open)
    }

    private static func ask<R>(
        _ prompt: String, at terminal: borrowing Terminal, _ path: String, afterTyping: () -> Void = {},
        _ open: (borrowing SecretBytes) throws(Failure) -> R
    ) throws(Failure) -> Unlocked<R> {
        var left = tries
        while true {
            let line = try Prompt.hidden(terminal, prompt, atMost: Format.passphraseSizes.upperBound + 1)
            left -= 1
            let failure: Failure
            if line.count == 0 {
                failure = Failure(.wrongPassphrase, "nothing was typed")
            } else {
                let typed = try checked(line)
                do throws(Failure) {
                    let result = try open(typed)
                    afterTyping()
                    return Unlocked(result: result, passphrase: typed)
                } catch {
                    failure = error
                }
            }
            guard failure.code == .wrongPassphrase, left > 0 else { throw failure }
            try Prompt.say("vault: \(failure.message), try again", at: terminal)
        }
    }

    /// Prompts for a passphrase once.
    static func ask(_ terminal: borrowing Terminal, _ prompt: String) throws(Failure) -> SecretBytes {
        try checked(try Prompt.hidden(terminal, prompt, atMost: Format.passphraseSizes.upperBound + 1))
    }

    static func openTerminal(or failure: @autoclosure () -> Failure) throws(Failure) -> Terminal {
        guard let terminal = try? Prompt.openTerminal() else { throw failure() }
        return terminal
    }
}

extension Failure {
    /// The vault is locked, and there is no terminal to prompt on.
    static var nobodyToAsk: Failure {
        Failure(
            .locked, "the vault is locked, and " + Prompt.cannotAsk(for: "the passphrase"),
            hint: "unlock it with 'vault unlock', or \(PassphraseOptions().hint)")
    }

    /// A command needs `what` even if the vault is unlocked, and there is no terminal to prompt on.
    static func noTerminal(for what: String) -> Failure {
        Failure(.locked, Prompt.cannotAsk(for: "the \(what)"), hint: PassphraseOptions().hint)
    }
}
