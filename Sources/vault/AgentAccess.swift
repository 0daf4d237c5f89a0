internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultCore
internal import UserMessages

/// The verbs' requests to the agent.
enum AgentAccess {
    /// Opens a session for the vault at `path`; nil if it is locked, or with a warning if the agent cannot be used.
    ///
    /// - Parameter secret: the secret whose newest value will be read first, if known.
    static func session(
        for path: String, expecting secret: SecretID? = nil
    ) throws(Failure) -> (any Session)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.session(for: path, expecting: secret) }
    }

    /// Opens a session for the vault at `path` without any output; nil if there is none.
    static func quietSession(for path: String) -> (any Session)? { try? AgentClient().session(for: path) }

    /// Asks for the agent's status of the vault at `path`; nil if it is locked.
    static func status(of path: String) throws(Failure) -> AgentStatus? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.status(of: path) }
    }

    /// Returns a runner of jobs that has the key of the vault at `path`; nil if it is locked.
    static func worker(for path: String) throws(Failure) -> (any JobRunner)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.worker(for: path) } ?? nil
    }

    /// Makes an agent that has the vault at `path` unlocked accept the new file there, or lock it if it cannot.
    ///
    /// Only an agent that has no checkpoint or the key of another vault needs this; others follow the checkpoint.
    static func adopt(_ path: String) {
        guard let agent = try? AgentClient() else { return }
        do throws(AgentError) {
            _ = try agent.status(of: path)
        } catch .vault(.file) {
            guard let worker = try? agent.worker(for: path) else { return }
            if (try? worker.accept(Locations.realPath(of: path))) == nil { try? agent.lock(path) }
        } catch {
            return
        }
    }

    /// Announces the file's next key to an agent that has the vault at `path` unlocked; otherwise the agent would lock it.
    static func announce(_ key: borrowing Key, for path: String) {
        try? AgentClient().announce(key, for: path)
    }

    /// Makes an agent that has the vault at `path` unlocked read the changes to the file.
    static func catchUp(at path: String) { _ = try? AgentClient().status(of: path) }

    /// Unlocks a copy for `timeout` milliseconds, without a checkpoint for it.
    static func unlockCopy(_ path: String, _ key: borrowing Key, for timeout: UInt64) throws(Failure) {
        try inWords(about: path) { () throws(AgentError) in
            _ = try AgentClient().unlock(
                path, key: key, limits: Limits(idle: timeout, total: timeout), isCopy: true)
        }
    }

    /// Locks the vault at `path`.
    static func lock(_ path: String) { try? AgentClient().lock(path) }

    private static func ifUnlocked<R>(
        _ path: String, _ body: (AgentClient) throws(AgentError) -> R
    ) throws(Failure) -> R? {
        do throws(AgentError) {
            return try body(try AgentClient())
        } catch .notRunning, .vault(.locked), .otherFile {
            return nil
        } catch {
            let failure = Failure(error, path: path)
            if case .vault = error { throw failure }
            Output.warn(failure.message)
            if let hint = failure.hint { Output.hint(hint) }
            return nil
        }
    }
}

extension ValueFormat where Value == UInt64 {
    /// A duration such as `90s`, `15m`, `1h` or `7d`, in milliseconds.
    static var duration: Self {
        Self("a duration such as 90s, 15m, 1h or 7d") { DurationFormat.parse($0) }
    }
}
