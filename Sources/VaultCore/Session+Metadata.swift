internal import Platform
internal import Sodium

/// What sessions do with metadata.
extension Session {
    /// Returns the metadata of those of `secrets` that have any.
    public func metadata(among secrets: [SecretID]) throws(VaultError) -> [SecretID: Metadata] {
        var candidates = secrets
        // To ask about a few at once is cheaper than to list all that have any.
        if secrets.count > 2 {
            let having = Set(try self.secrets(with: .metadata))
            candidates = having.isEmpty ? [] : secrets.filter(having.contains)
        }
        if candidates.isEmpty { return [:] }
        let pairs = zip(candidates, try metadata(of: candidates, version: 0))
        return Dictionary(
            pairs.compactMap { secret, found in found.map { (secret, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// Changes the metadata of a secret, again if another process changes them at the same time.
    ///
    /// - Parameter edit: changes those that the secret has, or empty ones.
    /// - Throws: ``VaultError/noSuchSecret``, and as ``commit(_:)``.
    public func editMetadata(of secret: SecretID, _ edit: (inout Metadata) -> Void) throws(VaultError) {
        try retrying { () throws(VaultError) in
            try refresh()
            guard try contains(secret) else { throw .noSuchSecret }
            let newest = try history(of: secret, .metadata).first
            var metadata = try metadata(of: secret) ?? Metadata()
            let before = metadata
            edit(&metadata)
            if metadata == before { return }
            var changes = try Changes()
            try changes.require(secret, .metadata, newest: newest)
            try changes.set(secret, metadata: metadata)
            try commit(changes)
        }
    }

    /// Adds to `changes` that `target` gets the newest value of `source`, and its `metadata` if it has any.
    package func addCopy(
        of source: SecretID, _ metadata: Metadata?, to target: SecretID, to changes: inout Changes
    ) throws(VaultError) {
        let value = try value(of: source, version: 0)
        try value.withBytes { value throws(VaultError) in try changes.set(target, to: value) }
        if let metadata { try changes.set(target, metadata: metadata) }
    }

    /// Undoes the last change to a secret if that was one to its metadata alone.
    ///
    /// - Parameters:
    ///   - number: the version of the metadata that becomes the newest; one more than there are stands for none.
    ///   - always: true to do it even if the value was changed since.
    /// - Returns: false if it was not, or there is no such version, and nothing was changed.
    package func undoMetadata(
        of secret: SecretID, toVersion number: Int = 1, always: Bool = false
    ) throws(VaultError) -> Bool {
        try retrying { () throws(VaultError) in
            try refresh()
            let versions = try history(of: secret, .metadata)
            guard let newest = versions.first, let value = try history(of: secret).first,
                !value.isDeletion, always || value.time < newest.time, number <= versions.count
            else { return false }
            var changes = try Changes()
            try changes.require(secret, newest: value)
            try addUndoOfMetadata(of: secret, toVersion: number, ifNewest: newest, to: &changes)
            try commit(changes)
            return true
        }
    }

    /// Adds to `changes` that the metadata of a secret become what they were before, if `newest` still is their newest version.
    package func addUndoOfMetadata(
        of secret: SecretID, toVersion number: Int = 1, ifNewest newest: SecretVersion,
        to changes: inout Changes
    ) throws(VaultError) {
        try changes.require(secret, .metadata, newest: newest)
        try changes.set(secret, metadata: try metadata(of: secret, version: number) ?? Metadata())
    }
}

/// A secret with what `vault list --long` says of it.
public struct DescribedSecret: Equatable, Sendable {
    /// The secret.
    public let secret: SecretID
    /// When its value was set, in milliseconds since 1970.
    public let time: UInt64
    /// Its metadata; empty ones if it has none.
    public var metadata: Metadata

    /// The time from which the value should be replaced: ``Metadata/due(setAt:)``.
    public var due: UInt64? { metadata.due(setAt: time) }

    /// Creates one from what a caller has read already.
    package init(secret: SecretID, time: UInt64, metadata: Metadata) {
        (self.secret, self.time, self.metadata) = (secret, time, metadata)
    }
}

extension Session {
    /// Returns several secrets, in their order, with their metadata and the ages of their values; those that do not exist are left out.
    public func described(_ secrets: [SecretID]) throws(VaultError) -> [DescribedSecret] {
        if secrets.isEmpty { return [] }
        let metadata = try metadata(among: secrets)
        let times = try setTimes(of: secrets)
        return secrets.compactMap { secret in
            times[secret].map {
                DescribedSecret(secret: secret, time: $0, metadata: metadata[secret] ?? Metadata())
            }
        }
    }

    /// Returns those of `secrets` that have metadata by which they expire or must be replaced, as ``described(_:)`` does.
    public func withDates(among secrets: [SecretID]) throws(VaultError) -> [DescribedSecret] {
        let dated = try metadata(among: secrets).filter { $1.expires != nil || $1.rotateEvery != nil }
        return try described(secrets.filter { dated[$0] != nil })
    }

    private func setTimes(of secrets: [SecretID]) throws(VaultError) -> [SecretID: UInt64] {
        var times: [SecretID: UInt64] = [:]
        func add(_ secret: SecretID, _ newest: SecretVersion?) {
            if let newest, !newest.isDeletion { times[secret] = newest.time }
        }
        // One answer about all secrets costs about as much as a hundred about one each.
        let contents = secrets.count > 100 ? try listContents() : nil
        if let contents, contents.count == contents.differences.count {
            for entry in contents.differences where entry.part == .value { add(entry.secret, entry.there) }
        } else {
            for secret in secrets { add(secret, try history(of: secret).first) }
        }
        return times
    }

    /// Creates or replaces a secret and changes its metadata, durably and at once.
    ///
    /// - Parameter edit: changes the metadata that the secret has, or empty ones.
    public func set(
        _ secret: SecretID, to value: Span<UInt8>, editing edit: (inout Metadata) -> Void
    ) throws(VaultError) {
        try retrying { () throws(VaultError) in
            try refresh()
            let newest = try history(of: secret, .metadata).first
            var metadata = try metadata(of: secret) ?? Metadata()
            let before = metadata
            edit(&metadata)
            var changes = try Changes()
            try changes.set(secret, to: value)
            if metadata != before {
                try changes.require(secret, .metadata, newest: newest)
                try changes.set(secret, metadata: metadata)
            }
            try commit(changes)
        }
    }
}
