internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// Another copy of the vault, which may have another passphrase.
struct OtherFile {
    /// The path as it was given.
    let name: String
    let passphrase: OtherPassphraseOptions
    let options: FileOptions

    private var path: String { Locations.realPath(of: name) }

    /// How long an agent keeps the other file unlocked if nobody locks it again, in milliseconds.
    private static let patience: UInt64 = 60_000

    /// Calls `body` with somebody who has the key of the vault and that of the other file, which was verified.
    ///
    /// - Parameter target: a copy that stands in the vault's place, and has its key; nil is the vault itself.
    func withBothKeys<R>(
        in target: String? = nil, _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> R {
        try Failure.refuseEmpty(name, "OTHER")
        _ = try FileOptions.header(of: name, isOperand: true)
        let vault = try options.common.path()
        func call(_ worker: any JobRunner) throws(Failure) -> R {
            do throws(VaultError) {
                return try body(worker)
            } catch .file(.keysChanged) where target != nil {
                throw Failure(.other, "\(target ?? "") has other keys than \(vault)")
            } catch .file(.rolledBack(let rollback)) {
                let refusal = Failure(VaultError.file(.rolledBack(rollback)), path: target ?? vault)
                let into = target.map { "--into \(Hint.quoted(path: $0)) " } ?? ""
                throw Failure(
                    .rollback,
                    "\(refusal.message); \(name) does not bring all of that back, and was not merged",
                    hint:
                        "find a copy that has it; 'vault accept' gives it up, and 'vault merge \(into)\(Hint.quoted(path: name))' takes what \(name) has then"
                )
            } catch .file(.newerKeys) {
                throw Failure(
                    .rollback,
                    "\(name) has newer keys than \(target ?? vault), which are not taken unasked: whoever once had the old keys can make such a file",
                    hint: "if you changed the keys there yourself, add --take-keys")
            } catch {
                throw Failure(error, path: target ?? vault)
            }
        }
        if !options.passphrase.isGiven, let agent = try AgentAccess.worker(for: vault) {
            return try withAgent(agent, call)
        }
        _ = try FileOptions.header(of: target ?? vault, isOperand: target != nil)
        let unlocked = try Passphrase.unlock(target ?? vault, options.passphrase) {
            passphrase throws(Failure) in try LocalJobRunner.of(target ?? vault, passphrase)
        }
        let holder = unlocked.result
        guard passphrase.asPassphrase == nil, try isSound(by: holder) else {
            let other = try otherHolder(or: unlocked.passphrase)
            try verify(by: other)
            return try call(holder.with(other))
        }
        return try call(holder)
    }

    /// The agent of the vault does the work; the other file is unlocked for as long as that takes, unless it has the same key or is
    /// unlocked anyway.
    private func withAgent<R>(
        _ agent: any JobRunner, _ call: (any JobRunner) throws(Failure) -> R
    ) throws(Failure) -> R {
        let isReady = if try isSound(by: agent) { true } else { try isUnlocked() }
        if isReady, passphrase.asPassphrase == nil { return try call(agent) }
        let holder = try ownHolder()
        try verify(by: holder)
        // What somebody else unlocked is not locked afterwards.
        if isReady { return try call(agent) }
        try holder.withMasterKey { key throws(Failure) in
            try AgentAccess.unlockCopy(path, key, for: OtherFile.patience)
        }
        defer { AgentAccess.lock(path) }
        return try call(agent)
    }

    /// Somebody with the key of the other file alone, while the vault is unlocked.
    private func ownHolder() throws(Failure) -> LocalJobRunner {
        do throws(Failure) {
            return try unlock(with: passphrase.asPassphrase ?? options.passphrase)
        } catch
            where error.code == .locked || error.code == .wrongPassphrase && passphrase.asPassphrase == nil
        {
            throw anotherPassphrase(error.code)
        } catch {
            throw error
        }
    }

    private func anotherPassphrase(_ code: ExitCode) -> Failure {
        Failure(
            code, "\(name) has other keys than the vault",
            hint: OtherPassphraseOptions.hint)
    }

    /// Whether the agent has the other file unlocked under its own path.
    private func isUnlocked() throws(Failure) -> Bool {
        guard let own = try AgentAccess.worker(for: path) else { return false }
        return try isSound(by: own)
    }

    /// Whether a worker has the key of the other file, which it then verified.
    private func isSound(by worker: any JobRunner) throws(Failure) -> Bool {
        do throws(VaultError) {
            _ = try worker.verify(path, isCopy: true)
            return true
        } catch .file(.keysChanged), .locked {
            return false
        } catch {
            throw Failure(error, path: name)
        }
    }

    private func verify(by worker: any JobRunner) throws(Failure) {
        do throws(VaultError) {
            _ = try worker.verify(path, isCopy: true)
        } catch {
            throw Failure(error, path: name)
        }
    }

    /// Somebody with the key of the other file: by the passphrase that is named for it, else by the vault's, else by one that a
    /// person is asked for.
    private func otherHolder(or typed: borrowing SecretBytes) throws(Failure) -> LocalJobRunner {
        if let source = passphrase.asPassphrase {
            return try unlock(with: source)
        }
        do throws(Failure) {
            return try LocalJobRunner.of(name, typed)
        } catch {
            guard error.code == .wrongPassphrase else { throw error }
            let asked = try Passphrase.unlockByPerson(name) { passphrase throws(Failure) in
                try LocalJobRunner.of(name, passphrase)
            }
            guard let asked else { throw anotherPassphrase(.wrongPassphrase) }
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
    /// Somebody with the key of the file at `path`.
    ///
    /// - Parameter isDamaged: whether to make the best of a damaged header.
    static func of(
        _ path: String, _ passphrase: borrowing SecretBytes, isDamaged: Bool = false
    ) throws(Failure) -> LocalJobRunner {
        do throws(VaultError) {
            return try passphrase.withBytes { bytes throws(VaultError) in
                try LocalJobRunner.open(path, passphrase: bytes, isDamaged: isDamaged)
            }
        } catch {
            throw Failure(error, path: path)
        }
    }
}
