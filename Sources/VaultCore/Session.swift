public import Platform
public import Sodium
internal import VaultFile

/// An unlocked vault, opened by this process or by an agent.
///
/// A malformed name or id is reported as ``VaultError/invalidName`` or ``VaultError/invalidID``.
public protocol Session: AnyObject {
    /// Returns every secret of which a part exists, sorted bytewise by scope, id and name.
    ///
    /// Metadata that were removed exist, as empty ones, and so do those of a secret that was deleted.
    func secrets(with part: Part) throws(VaultError) -> [SecretID]

    /// Returns true if a secret exists.
    func contains(_ secret: SecretID) throws(VaultError) -> Bool

    /// Returns for each of several secrets, in their order, whether it exists.
    func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool]

    /// Returns the versions of a part of a secret, newest first, deletions included; empty if it never existed.
    func history(of secret: SecretID, _ part: Part) throws(VaultError) -> [SecretVersion]

    /// Lists the newest version of every secret, deletions included, as differences from an empty vault.
    func listContents() throws(VaultError) -> Comparison

    /// Calls `body` with the value of a version, which is wiped afterwards, and returns what it returns.
    ///
    /// Version 0 is the newest, 1 the one before, as in ``history(of:)``.
    ///
    /// - Throws: ``VaultError/noSuchSecret``, ``VaultError/noSuchVersion``; a deletion has no value either.
    func withValue<R: ~Copyable>(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> R
    ) throws(VaultError) -> R

    /// Returns the metadata of several secrets, in their order: the version with this number, or nil if there are none or they cannot be
    /// read.
    ///
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``, and what a read of the file throws.
    func metadata(of secrets: [SecretID], version: Int) throws(VaultError) -> [Metadata?]

    /// Calls `body` with the newest values of several secrets, one after the other, each of which is wiped
    /// afterwards.
    ///
    /// - Throws: as ``withValue(of:version:_:)``; `body` may have been called for some of them before.
    func withValues(of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void) throws(VaultError)

    /// Creates or replaces a secret, durably.
    ///
    /// - Throws: as ``Changes/set(_:to:)`` and ``commit(_:)``.
    func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError)

    /// Makes changes durable, all or none.
    ///
    /// - Throws: ``VaultError``; unless it is `VaultFileError.outcomeUnknown`, nothing was changed.
    func commit(_ changes: borrowing Changes) throws(VaultError)

    /// Takes in what other processes wrote since.
    func refresh() throws(VaultError)

    /// Returns statistics about the vault.
    func summary() throws(VaultError) -> Summary

    /// Returns what differs after any change that another process has made; nil if this session sees such changes only after
    /// ``refresh()``.
    func state() throws(VaultError) -> Summary?

    /// Returns what the user should be told that happened since the last call.
    func takeNotices() -> [Notice]
}

/// A fact that the user should know and that is not an error.
public enum Notice: Equatable, Sendable {
    /// This number of bytes follows the last complete change and belongs to none.
    case unfinishedTail(count: UInt64)
    /// This number of such bytes was moved to the file at this path.
    case savedTail(count: UInt64, path: String)
    /// The checkpoint could not be saved or read.
    case nothingRemembered(Errno)
    /// There is no directory for checkpoints.
    case nowhereToRemember
    /// The checkpoint was not whole; there is a new one from now on.
    case checkpointTorn
    /// The file contains what was seen last, but is of an older generation.
    case compactionUndone
    /// This path is new, and a newer state of the vault was seen at another path, at a time in milliseconds
    /// since 1970.
    case newerElsewhere(path: String, time: UInt64)
}

/// An entry in the history of a secret.
public struct SecretVersion: Equatable, Sendable {
    /// The time when it was written, in milliseconds since 1970.
    package let time: UInt64
    /// True if the version is a deletion.
    public let isDeletion: Bool

    package init(time: UInt64, isDeletion: Bool) {
        self.time = time
        self.isDeletion = isDeletion
    }

    /// The time when it was written, since 1970-01-01 00:00 UTC.
    ///
    /// `Date(timeIntervalSince1970: version.timeSince1970 / .seconds(1))` is the same as Foundation's type.
    public var timeSince1970: Duration { .milliseconds(time) }
}

/// Statistics about a vault.
public struct Summary: Equatable, Sendable {
    /// The generation of the file.
    public let generation: UInt64
    /// The number of secrets.
    public let secrets: Int
    /// The number of versions that are kept, deletions included.
    public let versions: Int
    /// The offset of the end of the last commit.
    public let committedBytes: UInt64
    /// The number of bytes of current values.
    public let liveBytes: UInt64
    /// The number of bytes of older versions and deletions, which a compaction could free.
    public var deadBytes: UInt64 { committedBytes - Format.logStart - liveBytes }

    /// Creates a summary from numbers that were counted elsewhere.
    public init(
        generation: UInt64, secrets: Int, versions: Int, committedBytes: UInt64, liveBytes: UInt64
    ) {
        (self.generation, self.secrets, self.versions) = (generation, secrets, versions)
        (self.committedBytes, self.liveBytes) = (committedBytes, liveBytes)
    }
}

extension Session {
    /// Returns every secret that exists, sorted bytewise by scope, id and name.
    public func secrets() throws(VaultError) -> [SecretID] { try secrets(with: .value) }

    /// Returns the versions of a secret, newest first, deletions included; empty if it never existed.
    public func history(of secret: SecretID) throws(VaultError) -> [SecretVersion] {
        try history(of: secret, .value)
    }

    /// Returns the metadata of a secret; nil if there are none, or they cannot be read.
    ///
    /// - Parameter version: 0 for the newest, 1 for those before.
    /// - Throws: as ``metadata(of:version:)``.
    public func metadata(of secret: SecretID, version: Int = 0) throws(VaultError) -> Metadata? {
        try metadata(of: [secret], version: version)[0]
    }

    /// Returns for each of several secrets whether it exists, with one query for each.
    public func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool] {
        var answers: [Bool] = []
        for secret in secrets { answers.append(try contains(secret)) }
        return answers
    }

    /// Calls `body` with the newest values of several secrets, with one query for each.
    public func withValues(
        of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void
    ) throws(VaultError) {
        for secret in secrets {
            try withValue(of: secret, version: 0) { value in body(secret, value) }
        }
    }

    /// Returns nil, as a session does that sees changes only after ``refresh()``.
    public func state() -> Summary? { nil }

    /// Calls `body`, again if another process has changed the vault meanwhile, so that all it read is of one state.
    ///
    /// - Parameters:
    ///   - timeout: how long others may go on changing the vault, in milliseconds.
    ///   - convert: converts an error of the session, which is ``VaultFileError/busy`` after that time.
    public func inOneState<R: ~Copyable, E>(
        timeout: UInt64 = 10_000, _ convert: (VaultError) -> E, _ body: () throws(E) -> R
    ) throws(E) -> R {
        let deadline = SystemClock.monotonicMilliseconds() + timeout
        while true {
            let before = try converting({ () throws(VaultError) in try state() }, convert)
            let result: Result<R, E>
            do throws(E) { result = .success(try body()) } catch { result = .failure(error) }
            // Without an answer, what `body` threw says why.
            guard before != nil, let after = try? state(), before != after else { return try result.get() }
            if SystemClock.monotonicMilliseconds() >= deadline { throw convert(.file(.busy)) }
        }
    }

    /// Creates or replaces a secret, durably, by a commit of that one change.
    public func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError) {
        var changes = try Changes()
        try changes.set(SecretID(name, in: scope), to: value)
        try commit(changes)
    }

    /// Deletes a secret, durably.
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

    /// Returns the value of a version, in guarded memory of its own.
    ///
    /// - Throws: as ``withValue(of:version:_:)``.
    public func value(of secret: SecretID, version: Int) throws(VaultError) -> SecretBytes {
        let copy = try withValue(of: secret, version: version) { value in try? SecretBytes(copying: value) }
        guard let copy else { throw .file(.outOfMemory) }
        return copy
    }

    /// Returns the secret that supplies `name` in `context`, and those that it shadows; nil if none does.
    public func resolve(_ name: String, in context: Context) throws(VaultError) -> Resolution? {
        let candidates = context.scopes.map { SecretID(name, in: $0) }
        let found = zip(candidates, try contains(candidates)).filter(\.1).map(\.0)
        return found.first.map { Resolution(winner: $0, shadowed: Array(found.dropFirst())) }
    }

    /// Returns the secrets that apply in `context`, one for each name, sorted bytewise by name.
    public func effective(in context: Context) throws(VaultError) -> [SecretID] {
        let secrets = try secrets()
        return context.scopes.reduce([]) { stronger, scope in
            // The list is sorted by scope, then by name.
            let first = secrets.firstIndex { $0.scope == scope } ?? secrets.endIndex
            return merge(stronger, over: secrets[first...].prefix { $0.scope == scope })
        }
    }

    /// Returns the names in one scope, sorted bytewise.
    public func names(in scope: Scope) throws(VaultError) -> [String] {
        try secrets().filter { $0.scope == scope }.map(\.name)
    }

    /// Restores an older version, by writing it as a new one.
    ///
    /// With the default, a deleted secret comes back; one that was set again after a deletion is deleted again. If the newest change set
    /// metadata too, they also become what they were before.
    ///
    /// - Parameter number: the version, counted as in ``history(of:)``; 1 is the one before the present one.
    /// - Throws: ``VaultError/noSuchSecret``, ``VaultError/noSuchVersion`` if there is no such version.
    /// - Returns: true if the secret exists now.
    @discardableResult
    public func undo(_ secret: SecretID, toVersion number: Int = 1) throws(VaultError) -> Bool {
        try !restore(secret, toVersion: number).isDeletion
    }

    /// Does what ``undo(_:toVersion:)`` does, and returns the version that was restored.
    package func restore(_ secret: SecretID, toVersion number: Int) throws(VaultError) -> SecretVersion {
        try retrying { () throws(VaultError) in
            // If another process has set the secret since, that is what is undone.
            try refresh()
            var changes = try Changes()
            let history = try history(of: secret)
            guard let newest = history.first else { throw .noSuchSecret }
            guard history.indices.contains(number) else { throw .noSuchVersion }
            try addUndo(of: secret, history, toVersion: number, ifNewest: newest, to: &changes)
            if number == 1, let described = try self.history(of: secret, .metadata).first,
                described.time == newest.time
            {
                try addUndoOfMetadata(of: secret, ifNewest: described, to: &changes)
            }
            try commit(changes)
            return history[number]
        }
    }

    /// Adds to `changes` that a version of a secret becomes the newest, if `newest` still is that.
    package func addUndo(
        of secret: SecretID, _ history: [SecretVersion], toVersion number: Int,
        ifNewest newest: SecretVersion,
        to changes: inout Changes
    ) throws(VaultError) {
        try changes.require(secret, newest: newest)
        if history[number].isDeletion { return try changes.delete(secret) }
        let value = try value(of: secret, version: number)
        try value.withBytes { value throws(VaultError) in try changes.set(secret, to: value) }
    }

    /// Calls `body`, and up to nine times more if another process changes what it depends on before its own change is made.
    package func retrying<R>(_ body: () throws(VaultError) -> R) throws(VaultError) -> R {
        for _ in 1...9 {
            do throws(VaultError) {
                return try body()
            } catch .file(.changedMeanwhile) {
                continue
            }
        }
        return try body()
    }
}

/// Joins two lists that are sorted by name; of two secrets with the same name, that of `stronger` remains.
private func merge(_ stronger: [SecretID], over weaker: ArraySlice<SecretID>) -> [SecretID] {
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
