internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// Another copy of the vault, which may have a different passphrase.
struct OtherFile {
    /// The path as it was given.
    let name: String
    /// The source of its passphrase, if it is not the vault's.
    let passphrase: PassphraseOptions
    let options: FileOptions

    private var path: String { Locations.realPath(of: name) }

    /// How long the agent keeps the other file unlocked unless it is locked earlier, in milliseconds.
    private static let timeout: UInt64 = 60_000

    /// Verifies the other file and calls `body` with a runner that has its key and the vault's.
    ///
    /// - Parameter target: a copy with the vault's key to use in place of the vault; nil for the vault itself.
    func withBothKeys<R>(
        in target: String? = nil, _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> R {
        try Failure.refuseEmpty(name, "OTHER")
        _ = try FileOptions.header(of: name, isOperand: true)
        let vault = try options.common.path()
        let file = target ?? vault
        func call(_ runner: any JobRunner) throws(Failure) -> R {
            do throws(VaultError) {
                return try body(runner)
            } catch .file(.keysChanged) where target != nil {
                throw Failure(.other, "\(file) has other keys than \(vault)")
            } catch .file(.rolledBack(let rollback)) {
                let refusal = Failure(VaultError.file(.rolledBack(rollback)), path: file)
                let into = target.map { "--into \(Hint.quoted(path: $0)) " } ?? ""
                throw Failure(
                    .rollback,
                    "\(refusal.message); \(name) does not have all of that, and was not merged",
                    hint:
                        "find a copy that has it; 'vault accept' gives it up, and 'vault merge \(into)\(Hint.quoted(path: name))' takes what \(name) has then"
                )
            } catch .file(.newerKeys) {
                throw Failure(
                    .rollback,
                    "\(name) has newer keys than \(file), and anyone who once had the old keys could have made it",
                    hint: "if you changed the keys there yourself, add --take-keys")
            } catch {
                throw Failure(error, path: file)
            }
        }
        if !options.passphrase.isGiven, let agent = try AgentAccess.worker(for: vault) {
            return try withAgent(agent, call)
        }
        _ = try FileOptions.header(of: file, isOperand: target != nil)
        let unlocked = try Passphrase.unlock(file, options.passphrase) {
            passphrase throws(Failure) in try LocalJobRunner.of(file, passphrase)
        }
        let runner = unlocked.result
        if !passphrase.isGiven, try canOpen(runner) { return try call(runner) }
        let other = try localRunner(or: unlocked.passphrase)
        try verify(with: other)
        return try call(runner.with(other))
    }

    /// Has the agent do the work, with the other file unlocked for as long as that takes if it needs another key.
    private func withAgent<R>(
        _ agent: any JobRunner, _ call: (any JobRunner) throws(Failure) -> R
    ) throws(Failure) -> R {
        let isReady = if try canOpen(agent) { true } else { try isUnlocked() }
        if isReady, !passphrase.isGiven { return try call(agent) }
        let runner = try localRunner()
        try verify(with: runner)
        // A file that was unlocked before stays unlocked.
        if isReady { return try call(agent) }
        try runner.withMasterKey { key throws(Failure) in
            try AgentAccess.unlockCopy(path, key, for: OtherFile.timeout)
        }
        defer { AgentAccess.lock(path) }
        return try call(agent)
    }

    /// Returns a runner with the key of the other file alone, for when the agent has the vault's key.
    private func localRunner() throws(Failure) -> LocalJobRunner {
        do throws(Failure) {
            return try unlock(with: passphrase.isGiven ? passphrase : options.passphrase)
        } catch {
            let isMissing = error.code == .locked || error.code == .wrongPassphrase && !passphrase.isGiven
            throw isMissing ? otherKeys(error.code) : error
        }
    }

    private func otherKeys(_ code: ExitCode) -> Failure {
        Failure(code, "\(name) has other keys than the vault", hint: passphrase.hint)
    }

    /// Returns whether the agent has the other file unlocked under its own path.
    private func isUnlocked() throws(Failure) -> Bool {
        guard let agent = try AgentAccess.worker(for: path) else { return false }
        return try canOpen(agent)
    }

    /// Returns whether a runner has the key of the other file; if so, it has verified the file.
    private func canOpen(_ runner: any JobRunner) throws(Failure) -> Bool {
        try inWords(about: name) { () throws(VaultError) in
            do throws(VaultError) {
                _ = try runner.verify(path, isCopy: true)
                return true
            } catch .file(.keysChanged), .locked {
                return false
            }
        }
    }

    private func verify(with runner: any JobRunner) throws(Failure) {
        _ = try inWords(about: name) { () throws(VaultError) in try runner.verify(path, isCopy: true) }
    }

    /// Returns a runner with the key of the other file: by its own passphrase if one is given, else by the vault's, else by a prompt.
    private func localRunner(or vaultPassphrase: borrowing SecretBytes) throws(Failure) -> LocalJobRunner {
        if passphrase.isGiven { return try unlock(with: passphrase) }
        do throws(Failure) {
            return try LocalJobRunner.of(name, vaultPassphrase)
        } catch {
            guard error.code == .wrongPassphrase else { throw error }
            let asked = try Passphrase.unlockByPerson(name) { passphrase throws(Failure) in
                try LocalJobRunner.of(name, passphrase)
            }
            guard let asked else { throw otherKeys(.wrongPassphrase) }
            return asked.result
        }
    }

    private func unlock(with source: PassphraseOptions) throws(Failure) -> LocalJobRunner {
        try Passphrase.unlock(name, source) { passphrase throws(Failure) in
            try LocalJobRunner.of(name, passphrase)
        }.result
    }
}

extension LocalJobRunner {
    /// Returns a runner with the key of the file at `path`.
    ///
    /// - Parameter isDamaged: whether to tolerate a damaged header.
    static func of(
        _ path: String, _ passphrase: borrowing SecretBytes, isDamaged: Bool = false
    ) throws(Failure) -> LocalJobRunner {
        try inWords(about: path) { () throws(VaultError) in
            try passphrase.withBytes { bytes throws(VaultError) in
                try LocalJobRunner.open(path, passphrase: bytes, isDamaged: isDamaged)
            }
        }
    }
}
