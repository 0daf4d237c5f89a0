internal import Platform
internal import Sodium

/// What sessions do with metadata.
extension Session {
    /// Returns the metadata of those of `secrets` that have any.
    public func metadata(among secrets: [SecretID]) throws(VaultError) -> [SecretID: Metadata] {
        let having = Set(try self.secrets(with: .metadata))
        if having.isEmpty { return [:] }
        let candidates = secrets.filter(having.contains)
        let pairs = zip(candidates, try metadata(of: candidates, version: 0))
        return Dictionary(
            uniqueKeysWithValues: pairs.compactMap { secret, found in found.map { (secret, $0) } })
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
    /// - Returns: false if it was not, and nothing was changed.
    package func undoMetadata(of secret: SecretID) throws(VaultError) -> Bool {
        try retrying { () throws(VaultError) in
            try refresh()
            guard let newest = try history(of: secret, .metadata).first,
                let value = try history(of: secret).first, value.time < newest.time, !value.isDeletion
            else { return false }
            var changes = try Changes()
            try changes.require(secret, newest: value)
            try addUndoOfMetadata(of: secret, ifNewest: newest, to: &changes)
            try commit(changes)
            return true
        }
    }

    /// Adds to `changes` that the metadata of a secret become what they were before, if `newest` still is their newest version.
    package func addUndoOfMetadata(
        of secret: SecretID, ifNewest newest: SecretVersion, to changes: inout Changes
    ) throws(VaultError) {
        try changes.require(secret, .metadata, newest: newest)
        try changes.set(secret, metadata: try metadata(of: secret, version: 1) ?? Metadata())
    }
}
