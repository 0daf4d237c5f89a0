internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultKit
internal import UserMessages

/// What the verbs ask of the agent.
enum AgentAccess {
    /// A session about the vault at `path`; nil if it is locked.
    ///
    /// An agent that cannot be used is as good as none, but not without a word.
    ///
    /// - Parameter secret: whose newest value will be asked for first, if that is known.
    static func session(
        for path: String, expecting secret: SecretID? = nil
    ) throws(Failure) -> (any Session)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.session(for: path, expecting: secret) }
    }

    /// A session about the vault at `path`, for who must not say a word; nil if there is none.
    static func quietSession(for path: String) -> (any Session)? {
        do throws(AgentError) {
            return try AgentClient().session(for: path)
        } catch {
            return nil
        }
    }

    /// What the agent tells about the vault at `path`; nil if it is locked.
    static func status(of path: String) throws(Failure) -> AgentStatus? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.status(of: path) }
    }

    /// Somebody who does jobs with the key of the vault at `path`; nil if it is locked.
    static func worker(for path: String) throws(Failure) -> (any JobRunner)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.worker(for: path) } ?? nil
    }

    /// Makes an agent that has the vault at `path` unlocked take the file that was put there; if it cannot, it is locked.
    ///
    /// An agent goes by the checkpoint itself; this is for one that has none, or the key of another vault.
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

    /// Tells an agent that has the vault at `path` unlocked which key the file gets next.
    ///
    /// One that cannot be told will lock it.
    static func announce(_ key: borrowing Key, for path: String) {
        guard let agent = try? AgentClient() else { return }
        try? agent.announce(key, for: path)
    }

    /// Makes an agent that has the vault at `path` unlocked take in what was done to the file.
    static func catchUp(at path: String) { _ = try? AgentClient().status(of: path) }

    /// Keeps a copy unlocked for `patience` milliseconds, of which this machine remembers nothing.
    static func unlockCopy(_ path: String, _ key: borrowing Key, for patience: UInt64) throws(Failure) {
        do throws(AgentError) {
            _ = try AgentClient().unlock(
                path, key: key, limits: Limits(idle: patience, total: patience), isCopy: true)
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Locks what is unlocked at `path`.
    static func lock(_ path: String) { try? AgentClient().lock(path) }

    private static func ifUnlocked<R>(_ path: String, _ body: (AgentClient) throws(AgentError) -> R)
        throws(Failure)
        -> R?
    {
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
