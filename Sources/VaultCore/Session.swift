public import Platform
public import Sodium
internal import VaultFile

/// What can be asked of an unlocked vault, whoever answers.
///
/// Names and ids are checked by the callee; a malformed one is ``VaultError/invalidName`` or
/// ``VaultError/invalidID``.
public protocol Session: AnyObject {
    /// Every secret that exists, by scope, id and name, bytewise.
    func secrets() throws(VaultError) -> [SecretID]

    /// Whether a secret exists.
    func contains(_ secret: SecretID) throws(VaultError) -> Bool

    /// Whether each of several secrets exists, in their order.
    func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool]

    /// The versions of a secret, new to old, deletions too; empty if it never existed.
    func history(of secret: SecretID) throws(VaultError) -> [SecretVersion]

    /// Lends the value of a version, which is wiped afterwards: 0 is the newest, 1 the one before, as in
    /// ``history(of:)``.
    ///
    /// - Throws: ``VaultError/noSuchSecret``, ``VaultError/noSuchVersion``; a deletion has no value either.
    func withValue(of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> Void) throws(VaultError)

    /// Lends the newest values of several secrets, one after the other, each of which is wiped afterwards.
    ///
    /// - Throws: as ``withValue(of:version:_:)``; some of the values may have been lent before.
    func withValues(of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void) throws(VaultError)

    /// Creates or replaces one secret, durably.
    ///
    /// - Throws: as ``Changes/set(_:to:)`` and ``commit(_:)``.
    func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError)

    /// Makes changes durable, all or none.
    ///
    /// - Throws: ``VaultError``; unless it is `VaultFileError.outcomeUnknown`, nothing was changed
    ///   then.
    func commit(_ changes: borrowing Changes) throws(VaultError)

    /// Takes in what other processes wrote since.
    func refresh() throws(VaultError)

    /// Numbers about the vault.
    func summary() throws(VaultError) -> Summary

    /// What a person should be told that happened since the last call.
    func takeNotices() -> [Notice]
}

/// Something that was noticed on the way and is no error.
public enum Notice: Equatable, Sendable {
    /// So many bytes follow the last complete change and belong to none.
    case unfinishedTail(count: UInt64)
    /// So many such bytes were moved to a file of this name.
    case savedTail(count: UInt64, path: String)
    /// What was seen of the vault could not be remembered, or what was remembered could not be read.
    case nothingRemembered(Errno)
    /// There is no place where it could be remembered.
    case nowhereToRemember
    /// What was remembered is not whole; the file is remembered from now on.
    case checkpointTorn
    /// The file contains what was seen last, but is of an older generation.
    case compactionUndone
    /// A newer state of the vault was seen at another path, at a time in milliseconds since 1970; this path is new.
    case newerElsewhere(path: String, time: UInt64)
}

/// One entry in the history of a secret.
public struct SecretVersion: Equatable, Sendable {
    /// When it was written, in milliseconds since 1970.
    public let time: UInt64
    /// Whether it is a deletion.
    public let isDeletion: Bool

    /// A version that was written at `time`.
    public init(time: UInt64, isDeletion: Bool) {
        self.time = time
        self.isDeletion = isDeletion
    }
}

/// Numbers about a vault.
public struct Summary: Equatable, Sendable {
    /// The generation of the file.
    public let generation: UInt64
    /// How many secrets exist.
    public let secrets: Int
    /// How many versions are kept, deletions too.
    public let versions: Int
    /// Where the last commit ends, in bytes.
    public let committedBytes: UInt64
    /// How many of them the current values take.
    public let liveBytes: UInt64
    /// How many the older versions and what was deleted take, which a compaction could free.
    public var deadBytes: UInt64 { committedBytes - Format.logStart - liveBytes }

    /// Numbers that were counted elsewhere.
    public init(
        generation: UInt64, secrets: Int, versions: Int, committedBytes: UInt64, liveBytes: UInt64
    ) {
        self.generation = generation
        self.secrets = secrets
        self.versions = versions
        self.committedBytes = committedBytes
        self.liveBytes = liveBytes
    }
}

extension Session {
    /// Whether each of several secrets exists, asking for one after the other.
    public func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool] {
        var answers: [Bool] = []
        for secret in secrets { answers.append(try contains(secret)) }
        return answers
    }

    /// Lends the newest values of several secrets, asking for each when the one before was lent.
    public func withValues(
        of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void
    ) throws(VaultError) {
        for secret in secrets {
            try withValue(of: secret, version: 0) { value in body(secret, value) }
        }
    }

    /// Creates or replaces one secret, durably, by a commit of that one change.
    public func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError) {
        var changes = try Changes()
        try changes.set(SecretID(name, in: scope), to: value)
        try commit(changes)
    }

    /// Deletes one secret, durably.
    ///
    /// - Throws: ``VaultError/noSuchSecret``, and as ``commit(_:)``.
    public func delete(_ name: String, in scope: Scope) throws(VaultError) {
        let secret = SecretID(name, in: scope)
        try refresh()
        guard try contains(secret) else { throw .noSuchSecret }
        var changes = try Changes()
        try changes.delete(secret)
        try commit(changes)
    }

    /// The value of a version, in guarded memory of its own.
    ///
    /// - Throws: as ``withValue(of:version:_:)``.
    public func value(of secret: SecretID, version: Int) throws(VaultError) -> SecretBytes {
        var copy: SecretBytes?
        try withValue(of: secret, version: version) { copy = try? SecretBytes(copying: $0) }
        guard let copy = copy.take() else { throw .file(.outOfMemory) }
        return copy
    }

    /// The value of a secret in one scope.
    ///
    /// - Throws: ``VaultError/noSuchSecret``.
    public func value(of name: String, in scope: Scope) throws(VaultError) -> SecretBytes {
        try value(of: SecretID(name, in: scope), version: 0)
    }

    /// Which scope supplies `name` in `context`, and which it shadows; nil if none does.
    public func resolve(_ name: String, in context: Context) throws(VaultError) -> Resolution? {
        var found: [SecretID] = []
        for scope in context.scopes {
            let secret = SecretID(name, in: scope)
            if try contains(secret) { found.append(secret) }
        }
        return found.first.map { Resolution(winner: $0, shadowed: Array(found.dropFirst())) }
    }

    /// The secrets that apply in `context`, one for each name, by name, bytewise.
    public func effective(in context: Context) throws(VaultError) -> [SecretID] {
        let secrets = try secrets()
        return context.scopes.reduce([]) { stronger, scope in
            // Those of one scope lie together, by name.
            let first = secrets.firstIndex { $0.scope == scope } ?? secrets.endIndex
            let rest = secrets[first...]
            return effectiveSecrets(
                stronger, rest[..<(rest.firstIndex { $0.scope != scope } ?? rest.endIndex)])
        }
    }

    /// The names in one scope, bytewise.
    public func names(in scope: Scope) throws(VaultError) -> [String] {
        try secrets().filter { $0.scope == scope }.map(\.name)
    }

    /// Goes back to the version before the present one, by writing it as a new one.
    ///
    /// What was deleted comes back; what was set again after a deletion is deleted again.
    ///
    /// - Throws: ``VaultError/noSuchSecret``, ``VaultError/noSuchVersion`` if there is none before.
    /// - Returns: whether the secret exists now.
    @discardableResult
    public func undo(_ secret: SecretID) throws(VaultError) -> Bool {
        // What another process has set since is undone, not it and the version before it.
        try refresh()
        let history = try history(of: secret)
        guard !history.isEmpty else { throw .noSuchSecret }
        guard history.count > 1 else { throw .noSuchVersion }
        var changes = try Changes()
        if history[1].isDeletion {
            try changes.delete(secret)
        } else {
            let before = try value(of: secret, version: 1)
            try before.withBytes { value throws(VaultError) in try changes.set(secret, to: value) }
        }
        try commit(changes)
        return !history[1].isDeletion
    }
}

/// Joins two lists by name, where of two secrets with the same one the first list's applies.
private func effectiveSecrets(_ stronger: [SecretID], _ weaker: ArraySlice<SecretID>) -> [SecretID] {
    if stronger.isEmpty { return Array(weaker) }
    var result: [SecretID] = []
    var rest = stronger[...]
    for secret in weaker {
        while let first = rest.first, first.name.utf8.lexicographicallyPrecedes(secret.name.utf8) {
            result.append(rest.removeFirst())
        }
        if rest.first?.name != secret.name { result.append(secret) }
    }
    return result + rest
}
