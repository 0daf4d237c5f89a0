internal import Platform
internal import Sodium

/// The constants of vault-format.md, section 1.
public enum Format {
    /// The length of the header, in bytes.
    public static let headerSize = 512
    /// The offset of the header's copy.
    public static let headerCopyOffset: UInt64 = 4096
    /// The offset of the first frame.
    public static let logStart: UInt64 = 4608
    /// Frames begin at multiples of this.
    public static let alignment: UInt64 = 16
    /// The number of bytes before the box of a frame.
    public static let frameOverhead = 32
    /// The number of bytes before the body of a plaintext.
    public static let prefixSize = 48
    /// The number of bytes before the id of an address.
    public static let addressOverhead = 4
    /// The maximum length of a value, in bytes.
    public static let maxValue = 1 << 20
    /// The size of the largest metadata of a secret, in bytes.
    public static let maxMetadata = 1 << 16
    /// The maximum length of a name or an id, in characters.
    public static let maxName = 128
    /// The maximum length of the body of a record, in bytes.
    public static let maxBody = addressOverhead + 2 * maxName + maxValue
    /// The lengths that a box can have, in bytes.
    public static let boxSizes = 144...1_081_360
    /// The maximum length of a transaction's frames, in bytes.
    public static let maxTransaction: UInt64 = 64 << 20
    /// The last millisecond of the year 9999.
    public static let maxTime: UInt64 = 253_402_300_799_999
    /// The lengths that a passphrase can have, in bytes.
    public static let passphraseSizes = 1...1024
    /// The number of bytes that a reader verifies when it searches after a bad frame.
    static let searchBudget = 256 << 20

    /// Returns the length of the plaintext for `count` bytes of prefix and body.
    package static func bucket(_ count: Int) -> Int {
        if count <= 128 { return 128 }
        if count <= 1024 { return (count + 63) & ~63 }
        let exponent = Int.bitWidth - 1 - count.leadingZeroBitCount
        let kept = Int.bitWidth - exponent.leadingZeroBitCount
        let mask = (1 << (exponent - kept)) - 1
        return (count + mask) & ~mask
    }

    /// Returns the length of the frame for a body of `bodySize` bytes.
    package static func frameSize(bodySize: Int) -> Int {
        frameOverhead + SecretBox.tagSize + bucket(prefixSize + bodySize)
    }
}

/// Sixteen bytes, such as a tag or a vault's id, stored as two words.
public struct Bytes16: Hashable, Sendable {
    let low: UInt64
    let high: UInt64

    static let zero = Bytes16(low: 0, high: 0)
}

extension Bytes16 {
    @inline(__always)
    init(_ span: Span<UInt8>, at offset: Int) {
        low = span.load(UInt64.self, at: offset)
        high = span.load(UInt64.self, at: offset + 8)
    }

    @inline(__always)
    func store(into span: inout MutableSpan<UInt8>, at offset: Int) {
        span.store(low, at: offset)
        span.store(high, at: offset + 8)
    }

    /// The bytes in the order of the file.
    public var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: 16)
        var span = result.mutableSpan
        store(into: &span, at: 0)
        return result
    }
}
