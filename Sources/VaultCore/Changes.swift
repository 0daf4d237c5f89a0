public import VaultFile

/// Changes to a vault that are made together or not at all.
public struct Changes: ~Copyable {
    var transaction: Transaction

    /// No changes yet.
    ///
    /// - Parameter capacity: the bytes of values for which there is room before more is made.
    /// - Throws: ``VaultError/file(_:)`` if there is no memory.
    public init(capacity: Int = 0) throws(VaultError) {
        transaction = try reading { () throws(VaultFileError) in try Transaction(capacity: capacity) }
    }

    /// How many changes there are.
    public var count: Int { transaction.count }

    /// Creates or replaces one secret.
    ///
    /// - Parameters:
    ///   - secret: which.
    ///   - value: any bytes, at most 1 MiB.
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``, ``VaultError/valueTooLong``, and
    ///   ``VaultError/file(_:)`` with `VaultFileError.transactionTooLarge` beyond 64 MiB in all; the
    ///   changes are as they were then.
    public mutating func set(_ secret: SecretID, to value: Span<UInt8>) throws(VaultError) {
        try set(try secret.address(), to: value)
    }

    /// Deletes one secret.
    ///
    /// Whether it exists is not asked.
    ///
    /// - Throws: as ``set(_:to:)``.
    public mutating func delete(_ secret: SecretID) throws(VaultError) { try delete(try secret.address()) }

    package mutating func set(_ address: Address, to value: Span<UInt8>) throws(VaultError) {
        guard value.count <= Format.maxValue else { throw .valueTooLong }
        do throws(VaultFileError) {
            try transaction.set(address, to: value)
        } catch {
            throw .file(error)
        }
    }

    package mutating func delete(_ address: Address) throws(VaultError) {
        do throws(VaultFileError) {
            try transaction.delete(address)
        } catch {
            throw .file(error)
        }
    }

    /// Lends each change in order: the address of the secret, and its new value, or nil if it is deleted.
    package borrowing func forEach<E>(_ body: (Address, Span<UInt8>?) throws(E) -> Void) throws(E) {
        try transaction.forEach(body)
    }
}

/// Changes that wait to be made durable together with others, and what became of them.
public final class Submission {
    let changes: Changes
    /// Nil while they wait; then what was done about an unfinished tail, or why they are not in the file.
    public internal(set) var outcome: Result<Log.SavedTail?, VaultError>?

    /// Hands over `changes`.
    public init(_ changes: consuming Changes) { self.changes = changes }

    /// Gives them up.
    public func fail(_ error: VaultError) { outcome = .failure(error) }
}
