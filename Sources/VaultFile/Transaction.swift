internal import Platform
internal import Sodium

/// Changes that are appended together or not at all.
///
/// Values wait in guarded memory. Nothing is in the file before ``Log/append(_:patience:)``.
public struct Transaction: ~Copyable {
    struct Change {
        let kind: RecordKind
        let address: Address
        let valueStart: Int
        let valueSize: Int

        var bodySize: Int { Format.addressOverhead + address.packed.count - 3 + valueSize }
    }

    private(set) var changes: [Change] = []
    private var values: SecretBuffer
    /// The bytes of frames that the changes will take.
    public private(set) var frameBytes: UInt64 = 0

    /// A transaction without changes.
    ///
    /// - Parameter capacity: the bytes of values for which there is room before more is made.
    /// - Throws: ``VaultFileError/outOfMemory``.
    public init(capacity: Int = 0) throws(VaultFileError) {
        values = try guarding { () throws(SodiumError) in try SecretBuffer(capacity: capacity) }
    }

    /// How many changes there are.
    public var count: Int { changes.count }

    /// Adds a new version of a secret, of at most ``Format/maxValue`` bytes.
    ///
    /// - Throws: ``VaultFileError/transactionTooLarge``, ``VaultFileError/outOfMemory``; the transaction is
    ///   as it was then.
    public mutating func set(_ address: Address, to value: Span<UInt8>) throws(VaultFileError) {
        precondition(value.count <= Format.maxValue)
        let start = values.count
        try add(Change(kind: .value, address: address, valueStart: start, valueSize: value.count))
        do throws(SodiumError) {
            try values.append(value)
        } catch {
            frameBytes -= UInt64(Format.frameSize(bodySize: changes.removeLast().bodySize))
            throw VaultFileError(error)
        }
    }

    /// Adds the deletion of a secret.
    ///
    /// - Throws: ``VaultFileError/transactionTooLarge``; the transaction is as it was then.
    public mutating func delete(_ address: Address) throws(VaultFileError) {
        try add(Change(kind: .tombstone, address: address, valueStart: values.count, valueSize: 0))
    }

    private mutating func add(_ change: Change) throws(VaultFileError) {
        let more = UInt64(Format.frameSize(bodySize: change.bodySize))
        guard frameBytes + more <= Format.maxTransaction else { throw .transactionTooLarge }
        frameBytes += more
        changes.append(change)
    }

    /// Lends each change in order: its address, and the new value, or nil for a deletion.
    public borrowing func forEach<E>(_ body: (Address, Span<UInt8>?) throws(E) -> Void) throws(E) {
        try values.withBytes { values throws(E) in
            for change in changes {
                let end = change.valueStart + change.valueSize
                let value = change.kind == .value ? values.extracting(change.valueStart..<end) : nil
                try body(change.address, value)
            }
        }
    }

    /// Writes the plaintext of a change, up to the end of its bucket.
    func write(_ change: Change, _ prefix: RecordPrefix, into plaintext: inout MutableSpan<UInt8>) {
        plaintext.wipe(0..<Format.bucket(Format.prefixSize + change.bodySize))
        prefix.store(into: &plaintext)
        let address = change.address.packed.span
        plaintext.copy(from: address.extracting(0..<3), at: Format.prefixSize)
        let text = Format.prefixSize + Format.addressOverhead
        plaintext.copy(from: address.extracting(3..<address.count), at: text)
        values.withBytes { values in
            let value = values.extracting(change.valueStart..<change.valueStart + change.valueSize)
            plaintext.copy(from: value, at: text + address.count - 3)
        }
    }
}
