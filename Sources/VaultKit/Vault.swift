internal import Dispatch
internal import Platform
internal import Sodium
internal import Synchronization
internal import UserMessages
internal import VaultAgent
public import VaultCore
internal import VaultFile

/// An open vault.
///
/// ```swift
/// let vault = try await Vault.open()
/// let key = try await vault.value(of: "API_KEY", in: Context(project: "web", cluster: "gpu-1"))
/// ```
///
/// A vault can be used from any task and thread. Its calls run one after the other on a queue of their own,
/// so that waiting for the disk, for another process or for a key derivation blocks no thread of Swift's
/// concurrency. Each call sees what other processes have written before it. A change is on disk when the call
/// returns.
public final class Vault: Sendable {
    /// The path of the vault's file.
    public let path: String
    private let session: Mutex<any Session>
    private let queue = DispatchQueue(label: "VaultKit.Vault")

    /// - Parameter path: an absolute path, which a change of the working directory does not change.
    package init(_ session: sending any Session, path: String) {
        self.path = path
        self.session = Mutex(session)
    }

    // MARK: Opening

    /// The path of the user's vault file: `$VAULT_FILE`, else `vault/default.vault` in `$XDG_DATA_HOME`, else
    /// `~/.local/share/vault/default.vault`.
    ///
    /// - Throws: ``VaultKitError/noVault(_:)`` if the user has no home directory;
    ///   ``VaultKitError/invalidArgument(_:)`` if the path is not UTF-8 text.
    public static func defaultPath() throws(VaultKitError) -> String {
        do throws(NotText) {
            if let path = try Locations.vaultFile() { return path }
        } catch {
            throw VaultKitError(error)
        }
        throw .noVault("no vault file is named, and there is no home directory")
    }

    /// Opens a vault that `vault unlock` has unlocked; this process never has its keys.
    ///
    /// If the agent exits, calls throw ``VaultKitError/locked(_:)`` until the vault is unlocked again.
    ///
    /// - Parameter path: the vault's file; nil stands for ``defaultPath()``.
    /// - Throws: ``VaultKitError/locked(_:)`` if it is not unlocked, and the errors of ``defaultPath()`` and
    ///   of an unreadable file.
    public static func open(at path: String? = nil) async throws(VaultKitError) -> Vault {
        let path = try absolutePath(path)
        return try await onQueue(DispatchQueue.global()) { () throws(VaultKitError) in
            Vault(try connect(path), path: path)
        }
    }

    private static func connect(_ path: String) throws(VaultKitError) -> AgentSession {
        do throws(AgentError) {
            return try AgentClient().session(for: path)
        } catch {
            // A file that is missing or defective is a better reason than a vault that is locked.
            do throws(VaultFileError) {
                _ = try Log.readHeader(path: path, dependencies: .live)
            } catch {
                throw VaultKitError(.file(error), path: path, secret: nil)
            }
            throw VaultKitError(error, path: path)
        }
    }

    private static func absolutePath(_ path: String?) throws(VaultKitError) -> String {
        let path = if let path { path } else { try defaultPath() }
        return (try? Path.lexical(path)) ?? path
    }

    /// Opens a vault with its passphrase and verifies every byte of it, which takes about a second.
    ///
    /// This process has the keys, in guarded memory, until the vault is deallocated.
    ///
    /// - Parameters:
    ///   - path: the vault's file; nil stands for ``defaultPath()``.
    ///   - passphrase: 1 to 1,024 bytes.
    /// - Throws: ``VaultKitError/noVault(_:)``, ``VaultKitError/wrongPassphrase(_:)``,
    ///   ``VaultKitError/corrupt(_:)``, ``VaultKitError/rolledBack(_:)``, ``VaultKitError/busy(_:)``.
    public static func open(
        at path: String? = nil, passphrase: some SecretConvertible
    ) async throws(VaultKitError) -> Vault {
        try await unlock(path, passphrase) { path, passphrase throws(VaultError) in
            // The session opens the file for writing when it is asked for a change.
            try LocalSession.open(at: path, passphrase: passphrase, access: .reading)
        }
    }

    /// Creates a vault file, mode 0600, and its directory if that is missing.
    ///
    /// It measures the machine, so that one guess at the passphrase takes about a second.
    ///
    /// - Parameters:
    ///   - path: where the file will be; nil stands for ``defaultPath()``.
    ///   - passphrase: 1 to 1,024 bytes.
    /// - Throws: ``VaultKitError/alreadyExists(_:)``, ``VaultKitError/invalidArgument(_:)``,
    ///   ``VaultKitError/busy(_:)``, ``VaultKitError/other(_:)``; no file is left then.
    public static func create(
        at path: String? = nil, passphrase: some SecretConvertible
    ) async throws(VaultKitError) -> Vault {
        try await unlock(path, passphrase) { path, passphrase throws(VaultError) in
            try LocalSession.create(at: path, passphrase: passphrase)
        }
    }

    private static func unlock(
        _ path: String?, _ passphrase: some SecretConvertible,
        by open: @escaping @Sendable (String, Span<UInt8>) throws(VaultError) -> LocalSession
    ) async throws(VaultKitError) -> Vault {
        let path = try absolutePath(path)
        let passphrase = try passphrase.secretValue()
        return try await onQueue(DispatchQueue.global()) { () throws(VaultKitError) in
            do throws(VaultError) {
                let session = try passphrase.withBytes { bytes throws(VaultError) in try open(path, bytes) }
                return Vault(session, path: path)
            } catch {
                throw VaultKitError(error, path: path, secret: nil)
            }
        }
    }

    // MARK: Reading

    /// Returns the value that applies in `context`: the project's, else the cluster's, else the team's.
    ///
    /// - Throws: ``VaultKitError/notFound(_:)``, ``VaultKitError/invalidArgument(_:)``,
    ///   ``VaultKitError/locked(_:)``.
    public func value(of name: String, in context: Context) async throws(VaultKitError) -> SecretValue {
        try await perform(about: name) { session throws(VaultError) in
            guard let value = try Vault.value(of: name, in: context, session) else { throw .noSuchSecret }
            return value
        }
    }

    /// Asks for the value in each scope in turn, so that no other process can delete it between two requests.
    private static func value(
        of name: String, in context: Context, _ session: any Session
    ) throws(VaultError) -> SecretValue? {
        for scope in context.scopes {
            do throws(VaultError) {
                return SecretValue(try session.value(of: SecretID(name, in: scope), version: 0))
            } catch .noSuchSecret {
                continue
            }
        }
        return nil
    }

    /// Returns the value in one scope, whatever others have.
    ///
    /// - Throws: as ``value(of:in:)-(_,Context)``.
    public func value(of name: String, in scope: Scope) async throws(VaultKitError) -> SecretValue {
        try await value(of: SecretID(name, in: scope), version: 0)
    }

    /// Returns the value of a version: 0 is the newest, 1 the one before, as in ``history(of:)``.
    ///
    /// - Throws: as ``value(of:in:)-(_,Context)``; a deletion has no value either.
    public func value(of secret: SecretID, version: Int) async throws(VaultKitError) -> SecretValue {
        try await perform(about: secret.name) { session throws(VaultError) in
            SecretValue(try session.value(of: secret, version: version))
        }
    }

    /// Returns every value that applies in `context`, by name.
    ///
    /// - Throws: ``VaultKitError/locked(_:)``.
    public func values(in context: Context) async throws(VaultKitError) -> [String: SecretValue] {
        try await perform { session throws(VaultError) in
            try session.inOneState({ $0 }) { () throws(VaultError) in
                var values: [String: SecretValue] = [:]
                for secret in try session.effective(in: context) {
                    values[secret.name] = SecretValue(try session.value(of: secret, version: 0))
                }
                return values
            }
        }
    }

    /// Returns the secret that supplies `name` in `context`, and those that it shadows; nil if none does.
    ///
    /// - Throws: ``VaultKitError/invalidArgument(_:)``, ``VaultKitError/locked(_:)``.
    public func resolve(_ name: String, in context: Context) async throws(VaultKitError) -> Resolution? {
        try await perform { session throws(VaultError) in try session.resolve(name, in: context) }
    }

    /// Returns every secret, sorted by scope, id and name.
    ///
    /// - Throws: ``VaultKitError/locked(_:)``.
    public func secrets() async throws(VaultKitError) -> [SecretID] {
        try await perform { session throws(VaultError) in try session.secrets() }
    }

    /// Returns the versions of a secret, newest first, deletions included; empty if it never existed.
    ///
    /// - Throws: ``VaultKitError/invalidArgument(_:)``, ``VaultKitError/locked(_:)``.
    public func history(of secret: SecretID) async throws(VaultKitError) -> [SecretVersion] {
        try await perform { session throws(VaultError) in try session.history(of: secret) }
    }

    /// Returns what a secret is for; nil if nothing is noted.
    ///
    /// - Throws: ``VaultKitError/invalidArgument(_:)``, ``VaultKitError/locked(_:)``.
    public func metadata(of secret: SecretID) async throws(VaultKitError) -> Metadata? {
        try await perform(about: secret.name) { session throws(VaultError) in
            try session.metadata(of: secret)
        }
    }

    // MARK: Changing

    /// Creates or replaces a secret, durably.
    ///
    /// - Throws: ``VaultKitError/invalidArgument(_:)``, ``VaultKitError/busy(_:)``,
    ///   ``VaultKitError/locked(_:)``, ``VaultKitError/outcomeUnknown(_:)``; unless it is the last, nothing
    ///   was changed.
    public func set(
        _ name: String, in scope: Scope, to value: some SecretConvertible
    ) async throws(VaultKitError) {
        let value = try value.secretValue()
        try await perform(about: name, isChange: true) { session throws(VaultError) in
            try value.withBytes { bytes throws(VaultError) in try session.set(name, in: scope, to: bytes) }
        }
    }

    /// Changes what a secret is for, durably; its value, and the age of that, stay.
    ///
    /// - Parameters:
    ///   - secret: the secret.
    ///   - edit: changes the metadata that the secret has, or empty ones; it is called again if another process changes them at the
    ///     same time.
    /// - Throws: ``VaultKitError/notFound(_:)`` if there is no such secret; ``VaultKitError/invalidArgument(_:)`` if the metadata would
    ///   have more than 64 KiB; and as ``set(_:in:to:)``.
    public func describe(
        _ secret: SecretID, _ edit: @escaping @Sendable (inout Metadata) -> Void
    ) async throws(VaultKitError) {
        try await perform(about: secret.name, isChange: true) { session throws(VaultError) in
            try session.editMetadata(of: secret, edit)
        }
    }

    /// Deletes a secret, durably; its history remains.
    ///
    /// - Throws: ``VaultKitError/notFound(_:)``, and as ``set(_:in:to:)``.
    public func delete(_ name: String, in scope: Scope) async throws(VaultKitError) {
        try await perform(about: name, isChange: true) { session throws(VaultError) in
            try session.delete(name, in: scope)
        }
    }

    /// Restores an older version, durably, by writing it as a new one.
    ///
    /// With the default, a deleted secret comes back; one that was set again after a deletion is deleted again.
    ///
    /// - Parameters:
    ///   - secret: the secret, which may be deleted.
    ///   - number: the version, counted as in ``history(of:)``; 1 is the one before the present one.
    /// - Returns: true if the secret exists now.
    /// - Throws: ``VaultKitError/notFound(_:)`` if there is no such version, and as ``set(_:in:to:)``.
    @discardableResult
    public func undo(_ secret: SecretID, toVersion number: Int = 1) async throws(VaultKitError) -> Bool {
        try await perform(about: secret.name, isChange: true) { session throws(VaultError) in
            try session.undo(secret, toVersion: number)
        }
    }

    // MARK: Notices

    /// Returns what happened since the last call that is no error, but that the owner of the vault should know, a phrase for each.
    ///
    /// For example, that bytes of an interrupted write were moved to a file, or that a rollback of the vault would go undetected
    /// because there is no directory for checkpoints.
    public func takeNotices() async -> [String] {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.session.withLock { $0.takeNotices() }) }
        }.map(\.message)
    }

    // MARK: Queue

    /// Runs `work` with the session, which is brought up to date before.
    ///
    /// If the agent has exited, `work` is run once more with a new session, unless it is a change, which may
    /// have been made.
    private func perform<R: Sendable>(
        about name: String? = nil, isChange: Bool = false,
        _ work: @escaping @Sendable (any Session) throws(VaultError) -> R
    ) async throws(VaultKitError) -> R {
        try await Vault.onQueue(queue) { () throws(VaultKitError) in
            try self.session.withLock { session throws(VaultKitError) in
                var isRepeated = isChange
                while true {
                    if Vault.isLost(session) { session = try Vault.connect(self.path) }
                    do throws(VaultError) {
                        try session.refresh()
                        return try work(session)
                    } catch {
                        guard Vault.isLost(session), !isRepeated else {
                            throw VaultKitError(error, path: self.path, secret: name)
                        }
                        isRepeated = true
                    }
                }
            }
        }
    }

    private static func isLost(_ session: any Session) -> Bool { (session as? AgentSession)?.isLost == true }

    private static func onQueue<R: Sendable>(
        _ queue: DispatchQueue, _ work: @escaping @Sendable () throws(VaultKitError) -> R
    ) async throws(VaultKitError) -> R {
        try await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Result(catching: work)) }
        }.get()
    }
}
