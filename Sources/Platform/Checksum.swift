internal import CPlatform

/// CRC32C (Castagnoli), by the CPU's own instruction where it has one.
public struct CRC32C: Sendable {
    /// The checksum of all bytes so far.
    public private(set) var value: UInt32 = 0

    /// The checksum of nothing.
    public init() {}

    /// Goes on with `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        let before = value
        value = unsafe bytes.withPointer { unsafe platform_crc32c(before, $0, $1) }
    }

    /// The checksum of `bytes` by the portable code, for comparison.
    static func portable(_ bytes: Span<UInt8>) -> UInt32 {
        unsafe bytes.withPointer { unsafe platform_crc32c_portable(0, $0, $1) }
    }
}
