internal import Platform
internal import Sodium
internal import VaultFile

/// A comparison of the values of one secret in two files.
///
/// The last value of each file is kept, so that none is read twice while the versions are walked: they may
/// all have the same time.
struct ComparedValues: ~Copyable {
    private let address: Address
    private let here, there: Log
    private var left = Kept()
    private var right = Kept()

    private struct Kept: ~Copyable {
        var offset: UInt64 = 0
        var value: SecretBytes?

        mutating func read(_ version: Version, _ address: Address, _ log: Log) throws(VaultFileError) {
            if version.offset == offset, value != nil { return }
            // The next value is nearby, and bytes before a verified commit are never written again.
            let isNear = log.isRefreshedByCaller
            log.isRefreshedByCaller = true
            defer { log.isRefreshedByCaller = isNear }
            var copy: SecretBytes?
            try log.withValue(of: version, at: address) { bytes throws(VaultFileError) in
                copy = try guarding(SecretBytes(copying: bytes))
            }
            value = copy.take()
            offset = version.offset
        }
    }

    init(_ address: Address, _ here: Log, _ there: Log) {
        (self.address, self.here, self.there) = (address, here, there)
    }

    /// Compares the values of a version of this file and of one of the other: negative if this one's is
    /// smaller.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``,
    ///   ``VaultFileError/damaged(at:)``.
    mutating func order(_ one: Version, _ other: Version) throws(VaultFileError) -> Int {
        try left.read(one, address, here)
        try right.read(other, address, there)
        guard let one = left.value.take(), let other = right.value.take() else { throw .outOfMemory }
        let order = one.withBytes { one in other.withBytes { one.order(against: $0) } }
        left.value = consume one
        right.value = consume other
        return order
    }
}
