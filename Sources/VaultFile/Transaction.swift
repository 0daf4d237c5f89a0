internal import Platform
internal import Sodium

/// Changes that are appended all or none.
///
/// Their values are kept in guarded memory until ``Log/append(_:timeout:)`` writes them.
public struct Transaction: ~Copyable {
    struct Change {
        let kind: RecordKind
        let address: Address
        /// The range of the new value in the buffer.
        let value: Range<Int>

        var bodySize: Int { Format.addressOverhead + address.packed.count - 3 + value.count }
    }

    /// The newest version of a secret on which the changes depend.
    package struct Condition: Sendable {
        package let address: Address
        /// The time and kind of that version; nil if the secret has none.
        package let newest: Newest?

        /// Creates a condition.
        package init(_ address: Address, newest: Newest?) { (self.address, self.newest) = (address, newest) }
    }

    /// The time of a version, in milliseconds since 1970, and whether it is a deletion.
    package struct Newest: Equatable, Sendable {
        package let time: UInt64
        package let isDeletion: Bool

        package init(time: UInt64, isDeletion: Bool) { (self.time, self.isDeletion) = (time, isDeletion) }
    }

    private(set) var changes: [Change] = []
    /// The conditions without which nothing is written.
    package private(set) var conditions: [Condition] = []
    private var values: SecretBuffer
    /// The length of the frames that the changes will take, in bytes.
    public private(set) var framesSize: UInt64 = 0

    /// Creates a transaction without changes.
    ///
    /// - Parameter capacity: the expected length of all values, in bytes.
    /// - Throws: ``VaultFileError/outOfMemory``.
    public init(capacity: Int = 0) throws(VaultFileError) {
        values = try guarding(SecretBuffer(capacity: capacity))
    }

    /// The number of changes.
    public var count: Int { changes.count }

    /// Adds a new version of a secret, of at most ``Format/maxValue`` bytes, or of its metadata, of at most ``Format/maxMetadata``.
    ///
    /// - Throws: ``VaultFileError/transactionTooLarge``, ``VaultFileError/outOfMemory``; the transaction is
    ///   then unchanged.
    public mutating func set(_ address: Address, to value: Span<UInt8>) throws(VaultFileError) {
        let kind: RecordKind = address.isOfMetadata ? .metadata : .value
        precondition(value.count <= kind.maxContent)
        try add(kind, address, value)
    }

    /// Adds the deletion of a secret, or of its metadata.
    ///
    /// - Throws: ``VaultFileError/transactionTooLarge``; the transaction is then unchanged.
    public mutating func delete(_ address: Address) throws(VaultFileError) {
        try add(address.isOfMetadata ? .metadata : .tombstone, address, Span())
    }

    /// Makes the changes depend on the newest version of a secret, so that what another process has written since the caller read it
    /// is not overridden.
    package mutating func require(_ condition: Condition) { conditions.append(condition) }

    private mutating func add(
        _ kind: RecordKind, _ address: Address, _ value: Span<UInt8>
    ) throws(VaultFileError) {
        let range = values.count..<values.count + value.count
        let change = Change(kind: kind, address: address, value: range)
        let frameSize = UInt64(Format.frameSize(bodySize: change.bodySize))
        guard framesSize + frameSize <= Format.maxTransaction else { throw .transactionTooLarge }
        try guarding(values.append(value))
        framesSize += frameSize
        changes.append(change)
    }

    /// Calls `body` with each change in order: its address, and the new value, or nil for a deletion.
    public borrowing func forEach<E>(_ body: (Address, Span<UInt8>?) throws(E) -> Void) throws(E) {
        try values.withBytes { values throws(E) in
            for change in changes {
                try body(change.address, change.kind != .tombstone ? values.extracting(change.value) : nil)
            }
        }
    }

    /// Writes the plaintext of a change, up to the end of its bucket.
    func write(_ change: Change, _ prefix: RecordPrefix, into plaintext: inout MutableSpan<UInt8>) {
        plaintext.wipe(0..<Format.bucket(Format.prefixSize + change.bodySize))
        prefix.store(into: &plaintext)
        let valueStart = Address.store(change.address.packed.span, into: &plaintext, at: Format.prefixSize)
        values.withBytes { plaintext.copy(from: $0.extracting(change.value), at: valueStart) }
    }
}

extension Address {
    /// Writes a packed address as records hold it: with a zero byte after scope and lengths.
    ///
    /// - Returns: the offset after it.
    static func store(
        _ packed: Span<UInt8>, into bytes: inout MutableSpan<UInt8>, at offset: Int
    ) -> Int {
        bytes.copy(from: packed.extracting(0..<3), at: offset)
        bytes[offset] &= ~metadataBit
        bytes[offset + 3] = 0
        bytes.copy(from: packed.extracting(3..<packed.count), at: offset + Format.addressOverhead)
        return offset + packed.count + 1
    }
}
