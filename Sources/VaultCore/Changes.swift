public import VaultFile

/// Changes to a vault that are made together or not at all.
public struct Changes: ~Copyable {
    var transaction: Transaction

    /// Creates an empty set of changes.
    ///
    /// - Parameter capacity: the number of bytes of values for which room is made at once.
    /// - Throws: ``VaultError/file(_:)`` if there is no memory.
    public init(capacity: Int = 0) throws(VaultError) {
        transaction = try wrapping(Transaction(capacity: capacity))
    }

    /// The number of changes.
    public var count: Int { transaction.count }

    /// Adds the creation or replacement of a secret.
    ///
    /// - Parameters:
    ///   - secret: the secret.
    ///   - value: any bytes, at most 1 MiB.
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``, ``VaultError/valueTooLong``, and
    ///   ``VaultError/file(_:)`` with `VaultFileError.transactionTooLarge` beyond 64 MiB in all. Nothing is
    ///   added then.
    public mutating func set(_ secret: SecretID, to value: Span<UInt8>) throws(VaultError) {
        try set(try secret.address(), to: value)
    }

    /// Adds the deletion of a secret, whether or not it exists.
    ///
    /// - Throws: as ``set(_:to:)``.
    public mutating func delete(_ secret: SecretID) throws(VaultError) { try delete(try secret.address()) }

    /// Adds metadata of a secret, whether or not it exists; none removes what it has.
    ///
    /// - Throws: as ``set(_:to:)``, and ``VaultError/metadataTooLong``.
    public mutating func set(_ secret: SecretID, metadata: Metadata) throws(VaultError) {
        let json = metadata.isEmpty ? [] : metadata.json
        try set(try secret.address(of: .metadata), to: json.span)
    }

    /// Makes all the changes depend on the newest version of a part of a secret: if it is another one when they are committed, the commit
    /// throws `VaultFileError.changedMeanwhile`.
    ///
    /// - Parameter newest: the version that the caller saw; nil if there was none.
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``.
    package mutating func require(
        _ secret: SecretID, _ part: Part = .value, newest: SecretVersion?
    ) throws(VaultError) {
        let newest = newest.map { Transaction.Newest(time: $0.time, isDeletion: $0.isDeletion) }
        require(Transaction.Condition(try secret.address(of: part), newest: newest))
    }

    package mutating func require(_ condition: Transaction.Condition) { transaction.require(condition) }

    /// The conditions without which nothing is changed.
    package var conditions: [Transaction.Condition] { transaction.conditions }

    package mutating func set(_ address: Address, to value: Span<UInt8>) throws(VaultError) {
        if address.part == .metadata, value.count > Format.maxMetadata { throw .metadataTooLong }
        guard value.count <= Format.maxValue else { throw .valueTooLong }
        try wrapping(transaction.set(address, to: value))
    }

    package mutating func delete(_ address: Address) throws(VaultError) {
        try wrapping(transaction.delete(address))
    }

    /// Calls `body` with each change in order: the address, and the new value or metadata, or nil if the secret is deleted.
    package borrowing func forEach<E>(_ body: (Address, Span<UInt8>?) throws(E) -> Void) throws(E) {
        try transaction.forEach(body)
    }
}

/// Changes that wait to be made durable together with others, and their outcome.
public final class Submission {
    let changes: Changes
    /// Nil while the changes wait; then what was done about an unfinished tail, or why they are not in the
    /// file.
    public internal(set) var outcome: Result<Log.SavedTail?, VaultError>?

    /// Creates a submission of `changes`.
    public init(_ changes: consuming Changes) { self.changes = changes }

    /// Ends the wait with an error.
    public func fail(_ error: VaultError) { outcome = .failure(error) }
}
