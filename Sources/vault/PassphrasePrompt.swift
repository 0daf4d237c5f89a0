internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// A vault that was opened with its passphrase.
struct Unlocked<R>: ~Copyable {
    let result: R
    let passphrase: SecretBytes
}

extension Passphrase {
    /// How often a person may try.
    static let tries = 3

    /// Opens the vault at `path` with its passphrase, found or asked for.
    ///
    /// - Parameters:
    ///   - lament: the error where nobody can be asked, and what to do about it.
    ///   - open: tries a passphrase; fails with ``ExitCode/wrongPassphrase`` if it is a wrong one.
    static func unlock<R>(
        _ path: String, _ options: PassphraseOptions,
        orLament lament: @autoclosure () -> Failure = .nobodyToAsk,
        _ open: (borrowing SecretBytes) throws(Failure) -> R
    ) throws(Failure) -> Unlocked<R> {
        if let given = try given(options) { return Unlocked(result: try open(given), passphrase: given) }
        let terminal = try openTerminal(orLament: lament())
        return try ask("Passphrase for \(Prompt.name(of: path)): ", at: terminal, path, open)
    }

    /// Opens the vault at `path` with its passphrase, or with its recovery key, which then comes from the same places.
    ///
    /// It does not help here that an agent has the vault unlocked.
    ///
    /// - Parameter lament: the error where nobody can be asked for what it is given.
    static func unlock<R>(
        _ path: String, _ options: PassphraseOptions, isRecovery: Bool,
        orLament lament: (String) -> Failure = { .noTerminal(for: $0) },
        _ open: (borrowing Credential) throws(Failure) -> R
    ) throws(Failure) -> R {
        guard isRecovery else {
            return try unlock(path, options, orLament: lament("passphrase")) {
                passphrase throws(Failure) in
                let copy = try inWords { () throws(SodiumError) in
                    try passphrase.withBytes { bytes throws(SodiumError) in try SecretBytes(copying: bytes) }
                }
                return try open(.passphrase(copy))
            }.result
        }
        func openWithKey(_ text: borrowing SecretBytes) throws(Failure) -> R {
            let key: RecoveryKey
            do throws(VaultFileError) {
                key = try text.withBytes { text throws(VaultFileError) in try RecoveryKey(typed: text) }
            } catch {
                throw Failure(error, path: path)
            }
            return try open(.recovery(key))
        }
        if let given = try given(options) { return try openWithKey(given) }
        let terminal = try openTerminal(orLament: lament("recovery key"))
        let prompt = "Recovery key for \(Prompt.name(of: path)): "
        return try ask(prompt, at: terminal, path, openWithKey).result
    }

    /// Opens the vault at `path` with a passphrase that a person is asked for; nil if there is no terminal to ask at.
    static func unlockByPerson<R>(
        _ path: String, _ open: (borrowing SecretBytes) throws(Failure) -> R
    ) throws(Failure) -> Unlocked<R>? {
        guard let terminal = try? Prompt.openTerminal() else { return nil }
        return try ask("Passphrase for \(Prompt.name(of: path)): ", at: terminal, path, open)
    }

    private static func ask<R>(
        _ prompt: String, at terminal: borrowing Terminal, _ path: String,
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
                    return Unlocked(result: try open(typed), passphrase: typed)
                } catch {
                    failure = error
                }
            }
            guard failure.code == .wrongPassphrase, left > 0 else { throw failure }
            try Prompt.say("vault: \(failure.message), try again", at: terminal)
        }
    }

    /// One hidden line, which can be a passphrase.
    static func ask(_ terminal: borrowing Terminal, _ prompt: String) throws(Failure) -> SecretBytes {
        try checked(try Prompt.hidden(terminal, prompt, atMost: Format.passphraseSizes.upperBound + 1))
    }

    static func openTerminal(orLament lament: @autoclosure () -> Failure) throws(Failure) -> Terminal {
        do throws(Errno) {
            return try Prompt.openTerminal()
        } catch {
            throw lament()
        }
    }
}

extension Failure {
    /// The vault is locked, and there is nobody to ask.
    static let nobodyToAsk = Failure(
        .locked, "the vault is locked, and there is no terminal to ask for the passphrase",
        hint: "unlock it with 'vault unlock', or \(Passphrase.waysToGive)")

    /// Something has to be asked for, whether the vault is unlocked or not.
    static func noTerminal(for what: String) -> Failure {
        Failure(.locked, "there is no terminal to ask for the \(what)", hint: Passphrase.waysToGive)
    }
}
