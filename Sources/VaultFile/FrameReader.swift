package import Platform
package import Sodium

/// The place of a frame in a file.
package struct FramePlace: Equatable, Sendable {
    /// The offset of the frame.
    package let offset: UInt64
    private let count: UInt32

    /// Creates the place of the frame at `offset` whose box has `boxSize` bytes.
    package init(offset: UInt64, boxSize: Int) {
        self.offset = offset
        count = UInt32(boxSize)
    }

    /// The number of bytes in the box.
    package var boxSize: Int { Int(count) }
    /// The number of bytes in the frame.
    package var frameSize: Int { Format.frameOverhead + boxSize }
}

/// The fields of a frame before its box: vault-format.md, section 4.
struct FrameHead {
    private let boxLength: UInt32
    private let sum: UInt32
    private let offset: UInt64

    /// Reads the fields from the first 32 bytes of a frame.
    @inline(__always)
    init(_ bytes: Span<UInt8>) {
        boxLength = bytes.load(UInt32.self, at: 0)
        sum = bytes.load(UInt32.self, at: 4)
        offset = bytes.load(UInt64.self, at: 24)
    }

    /// The number of bytes in the frame, if there is one.
    var frameSize: Int { Format.frameOverhead + Int(boxLength) }

    /// Returns whether a frame can begin like this at `offset`: rule 1 of section 6, and the offset in the nonce.
    @inline(__always)
    func canBegin(at offset: UInt64) -> Bool {
        self.offset == offset && Format.boxSizes.contains(Int(boxLength)) && boxLength % 16 == 0
    }

    /// Returns whether the checksum is that of `frame`: rule 2 of section 6.
    @inline(__always)
    func isSum(of frame: Span<UInt8>) -> Bool { FrameHead.sum(of: frame) == sum }

    /// Computes the checksum of `frame`, which covers everything but its own four bytes.
    static func sum(of frame: Span<UInt8>) -> UInt32 {
        var sum = CRC32C()
        sum.update(frame.extracting(0..<4))
        sum.update(frame.extracting(8..<frame.count))
        return sum.value
    }
}

/// Finds whole frames of a file without a key, through a window that is reused.
package struct FrameScanner: ~Copyable {
    fileprivate let file: any StorageFile
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    /// How many bytes checksums were computed over so far.
    private(set) var work = 0

    /// Where the file ended when it was last found to be shorter than its length was before; else the largest number.
    private var foundEnd = UInt64.max

    /// How many bytes are read at a time.
    var reach = FrameScanner.longReach

    /// Values of ``reach`` for frames that follow one another, and for single frames.
    static let longReach = 256 * 1024
    static let shortReach = 4 * 1024

    package init(_ file: any StorageFile) { self.file = file }

    /// A frame with a valid checksum.
    package struct WholeFrame {
        fileprivate let window: [UInt8]
        fileprivate let range: Range<Int>
    }

    /// Returns the frame at `offset`, if rules 1 and 2 of vault-format.md, section 6, hold and its nonce contains the offset.
    ///
    /// - Parameter length: the length of the file in bytes.
    package mutating func frame(at offset: UInt64, length: UInt64) throws(VaultFileError) -> WholeFrame? {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead) else { return nil }
        guard let head = try fill(offset, Format.frameOverhead, before: length) else { return nil }
        let begin = FrameHead(window.span.extracting(head..<head + Format.frameOverhead))
        let count = begin.frameSize
        guard begin.canBegin(at: offset), UInt64(count) <= length - offset,
            let start = try fill(offset, count, before: length)
        else { return nil }
        let frame = WholeFrame(window: window, range: start..<start + count)
        work += count - 4
        return begin.isSum(of: frame.window.span.extracting(frame.range)) ? frame : nil
    }

    /// Returns the next offset from `offset` on at which a frame can begin, skipping a hole in the file.
    ///
    /// A frame is never all zeros, so none begins in a hole except within the last bytes before data.
    package func skippingHole(at offset: UInt64) -> UInt64 {
        let data = file.nextData(from: offset)
        let reach = UInt64(Format.frameOverhead)
        return data > offset + reach ? (data - reach) & ~(Format.alignment - 1) : offset
    }

    /// Returns the size of the frame at `offset`, if its first 32 bytes can be those of a frame there.
    ///
    /// This is the cheapest test for a frame.
    ///
    /// - Parameter length: the length of the file in bytes.
    package mutating func frameSize(at offset: UInt64, length: UInt64) throws(VaultFileError) -> Int? {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead),
            let head = try fill(offset, Format.frameOverhead, before: length)
        else { return nil }
        let begin = FrameHead(window.span.extracting(head..<head + Format.frameOverhead))
        let count = begin.frameSize
        return begin.canBegin(at: offset) && UInt64(count) <= length - offset ? count : nil
    }

    /// Returns whether the file was truncated so that it ends at `offset` or before; no walk goes on from there.
    package func isCut(at offset: UInt64) -> Bool { foundEnd <= offset }

    /// Discards cached bytes, because the file may have changed.
    mutating func forget() {
        window.removeAll(keepingCapacity: true)
        foundEnd = .max
    }

    /// Makes the window hold `count` bytes of the file from `offset` on, and more up to `end`.
    ///
    /// - Returns: the index of the first byte in the window, or nil if the file ends before the last one.
    private mutating func fill(
        _ offset: UInt64, _ count: Int, before end: UInt64
    ) throws(VaultFileError) -> Int? {
        let windowEnd = windowStart + UInt64(window.count)
        if !window.isEmpty, offset >= windowStart, offset + UInt64(count) <= windowEnd {
            return Int(offset - windowStart)
        }
        let wanted = max(min(reach, Int(clamping: end - offset)), count)
        var filled = window
        window = []
        if filled.count < wanted {
            filled = [UInt8](repeating: 0, count: wanted)
        } else {
            filled.removeLast(filled.count - wanted)
        }
        var span = filled.mutableSpan
        let read = try during(.read, file.read(at: offset, into: &span))
        if read < wanted { foundEnd = offset + UInt64(read) }
        filled.removeLast(filled.count - read)
        window = filled
        windowStart = offset
        return read >= count ? 0 : nil
    }
}

/// Opens frames of a file into a buffer of guarded memory that is reused.
package struct FrameReader: ~Copyable {
    private var key: BoxKey
    package var scanner: FrameScanner
    private var workBuffer: SecretBytes
    /// How many bytes of the work buffer hold plaintext since it was last wiped.
    private var usedSize = 0
    private var boxWork = 0
    private var ahead: ReadAhead?

    package init(_ file: any StorageFile, key: borrowing Key) throws(VaultFileError) {
        let workBuffer = try guarding(SecretBytes(count: 4080))
        self.key = try guarding(BoxKey(copying: key))
        self.workBuffer = workBuffer
        scanner = FrameScanner(file)
    }

    /// An authentic frame.
    package struct Frame {
        package let offset: UInt64
        /// The number of bytes in its box.
        package let boxSize: Int
        package let tag: Bytes16

        init(_ bytes: Span<UInt8>, at offset: UInt64) {
            self.offset = offset
            boxSize = bytes.count - Format.frameOverhead
            tag = Bytes16(bytes, at: Format.frameOverhead)
        }

        /// The number of bytes in its plaintext.
        var plaintextSize: Int { boxSize - SecretBox.tagSize }

        package var end: UInt64 { offset + UInt64(Format.frameOverhead + boxSize) }

        /// Returns the position after the frame, if its number is `seq`.
        package func position(seq: UInt64) -> Replay.Position {
            Replay.Position(end: end, seq: seq, tag: tag, lastFrame: offset)
        }
    }

    /// How many bytes checksums and tags were computed over so far, by which searches are bounded.
    package var work: Int { scanner.work + boxWork }

    /// Opens the frame at `offset`, rules 1 to 3 of vault-format.md, section 6.
    ///
    /// - Parameters:
    ///   - length: the length of the file in bytes.
    ///   - body: receives the frame and its plaintext.
    /// - Returns: what `body` returns, or nil if there is no authentic frame at `offset`.
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, and what `body` throws.
    package mutating func open<R>(
        at offset: UInt64, length: UInt64,
        _ body: (Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        if let result = try ahead?.withFrame(at: offset, body) { return result }
        ahead = nil
        guard let whole = try scanner.frame(at: offset, length: length),
            let frame = try open(whole.window.span.extracting(whole.range), at: offset)
        else { return nil }
        return try workBuffer.withBytes { plaintext throws(VaultFileError) in
            try body(frame, plaintext.extracting(0..<frame.plaintextSize))
        }
    }

    private mutating func open(_ bytes: Span<UInt8>, at offset: UInt64) throws(VaultFileError) -> Frame? {
        let frame = Frame(bytes, at: offset)
        if workBuffer.count < frame.plaintextSize {
            let size = max(frame.plaintextSize, min(2 * workBuffer.count, Format.boxSizes.upperBound))
            workBuffer = try guarding(SecretBytes(count: size))
        }
        boxWork += frame.boxSize
        usedSize = max(usedSize, frame.plaintextSize)
        let isAuthentic = workBuffer.withMutableBytes { plaintext in
            key.open(
                bytes.extracting(Format.frameOverhead..<bytes.count), nonce: bytes.extracting(8..<32),
                into: &plaintext)
        }
        return isAuthentic ? frame : nil
    }

    /// Opens the frames between `start`, where one begins, and `end` ahead of their use, until one is read that does not come next.
    ///
    /// This only saves time: nothing happens if there are few bytes, or no memory.
    package mutating func readAhead(from start: UInt64, to end: UInt64) {
        guard end >= start, end - start >= ReadAhead.minSize else { return }
        ahead = try? ReadAhead(scanner.file, key: key, from: start, to: end)
    }

    /// Ends reading ahead, and wipes the plaintext that the last frames left.
    package mutating func wipe() {
        ahead = nil
        let size = usedSize
        workBuffer.withMutableBytes { $0.wipe(0..<size) }
        usedSize = 0
    }

    /// Discards cached bytes, because the file may have changed.
    mutating func forget() { scanner.forget() }
}
