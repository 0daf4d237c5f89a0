internal import Platform
internal import Sodium
internal import VaultFile

/// The values of one secret that are compared between two files.
///
/// The last of each is kept, so that none is read twice while the versions are walked along: they may all be of one millisecond.
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
            // The next one lies near, and what is behind a commit that was verified is not written any more.
            let isNear = log.looksBeforeReading
            log.looksBeforeReading = true
            defer { log.looksBeforeReading = isNear }
            var copy: SecretBytes?
            try log.withValue(of: version, at: address) { bytes throws(VaultFileError) in
                copy = try guarding { () throws(SodiumError) in try SecretBytes(copying: bytes) }
            }
            value = copy.take()
            offset = version.offset
        }
    }

    init(_ address: Address, _ here: Log, _ there: Log) {
        (self.address, self.here, self.there) = (address, here, there)
    }

    /// Orders a version of this side and one of the other by their values: negative if this one's is the smaller.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/damaged(at:)``.
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
