internal import CPlatform

/// A CRC32C (Castagnoli) checksum, computed with the CPU's instruction where there is one.
public struct CRC32C: Sendable {
    /// The checksum of all bytes so far.
    public private(set) var value: UInt32 = 0

    /// Creates the checksum of no bytes.
    public init() {}

    /// Adds `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        let before = value
        value = unsafe bytes.withPointer { unsafe platform_crc32c(before, $0, $1) }
    }

    /// Returns the checksum of `bytes` by the portable code, for tests.
    static func portable(_ bytes: Span<UInt8>) -> UInt32 {
        unsafe bytes.withPointer { unsafe platform_crc32c_portable(0, $0, $1) }
    }
}
