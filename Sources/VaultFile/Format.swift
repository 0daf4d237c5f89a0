internal import Platform

/// The constants of vault-format.md, section 1.
public enum Format {
    /// The length of the header, in bytes.
    public static let headerSize = 512
    /// Where the header's copy begins.
    public static let headerCopyOffset: UInt64 = 4096
    /// Where the first frame begins.
    public static let logStart: UInt64 = 4608
    /// Frames begin at multiples of this.
    public static let alignment: UInt64 = 16
    /// The bytes of a frame before its box.
    public static let frameOverhead = 32
    /// The bytes of a plaintext before its body.
    public static let prefixSize = 48
    /// The bytes of an address before its id.
    public static let addressOverhead = 4
    /// The most bytes that a value has.
    public static let maxValue = 1 << 20
    /// The most characters that a name or an id has.
    public static let maxName = 128
    /// The most bytes that the body of any record has.
    public static let maxBody = addressOverhead + 2 * maxName + maxValue
    /// The lengths that a box can have.
    public static let boxCounts = 144...1_081_360
    /// The most bytes of frames that a transaction has.
    public static let maxTransaction: UInt64 = 64 << 20
    /// The last millisecond of the year 9999.
    public static let maxTime: UInt64 = 253_402_300_799_999
    /// The lengths that a passphrase can have, in bytes.
    public static let passphraseCounts = 1...1024
    /// How many bytes a reader gives to checksums and tags when it looks on after a bad frame.
    static let searchBudget = 256 << 20

    /// The length of the plaintext that holds `count` bytes of prefix and body.
    package static func bucket(_ count: Int) -> Int {
        if count <= 128 { return 128 }
        if count <= 1024 { return (count + 63) & ~63 }
        let exponent = Int.bitWidth - 1 - count.leadingZeroBitCount
        let kept = Int.bitWidth - exponent.leadingZeroBitCount
        let mask = (1 << (exponent - kept)) - 1
        return (count + mask) & ~mask
    }

    /// The length of the frame of a record whose body has `bodySize` bytes.
    package static func frameSize(bodySize: Int) -> Int {
        frameOverhead + 16 + bucket(prefixSize + bodySize)
    }
}

/// Sixteen bytes, compared and stored as two words: a tag, a vault's id.
public struct Bytes16: Hashable, Sendable {
    let low: UInt64
    let high: UInt64

    static let zero = Bytes16(low: 0, high: 0)

    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

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

    /// The bytes in their order in the file.
    public var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: 16)
        var span = result.mutableSpan
        store(into: &span, at: 0)
        return result
    }
}
