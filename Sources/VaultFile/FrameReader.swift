package import Platform
package import Sodium

/// Where a frame lies in a file.
package struct FramePlace: Equatable, Sendable {
    /// Its offset.
    package let offset: UInt64
    private let count: UInt32

    /// The frame at `offset` whose box has `boxCount` bytes.
    package init(offset: UInt64, boxCount: Int) {
        self.offset = offset
        count = UInt32(boxCount)
    }

    /// The length of its box.
    package var boxCount: Int { Int(count) }
    /// The length of the frame.
    package var frameCount: Int { Format.frameOverhead + boxCount }
}

/// Finds whole frames of one file through one reused window, without a key.
package struct FrameScanner: ~Copyable {
    private let file: any StorageFile
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    /// Bytes given to checksums so far.
    private(set) var work = 0

    private static let windowCount = 256 * 1024

    package init(_ file: any StorageFile) { self.file = file }

    /// A frame that is whole, as far as can be told without a key.
    package struct WholeFrame {
        fileprivate let window: [UInt8]
        fileprivate let range: Range<Int>

        /// The length of the box.
        package var boxCount: Int { range.count - Format.frameOverhead }
    }

    /// The frame at `offset`, if rules 1 and 2 of vault-format.md, section 6, hold and its nonce names the offset.
    ///
    /// - Parameter length: where the file ends.
    package mutating func frame(at offset: UInt64, length: UInt64) throws(VaultFileError) -> WholeFrame? {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead) else { return nil }
        guard let head = try fill(offset, Format.frameOverhead, before: length) else { return nil }
        let boxCount = Int(window.span.load(UInt32.self, at: head))
        let nonceOffset = window.span.load(UInt64.self, at: head + 24)
        guard nonceOffset == offset, Format.boxCounts.contains(boxCount), boxCount % 16 == 0,
            UInt64(Format.frameOverhead + boxCount) <= length - offset,
            let start = try fill(offset, Format.frameOverhead + boxCount, before: length)
        else { return nil }
        let frame = WholeFrame(
            window: window, range: start..<start + Format.frameOverhead + boxCount)
        let bytes = frame.window.span.extracting(frame.range)
        var sum = CRC32C()
        sum.update(bytes.extracting(0..<4))
        sum.update(bytes.extracting(8..<bytes.count))
        work += 28 + boxCount
        return sum.value == bytes.load(UInt32.self, at: 4) ? frame : nil
    }

    /// The offset of the next frame after `offset` that can be there; of a hole in the file, all is skipped.
    ///
    /// A frame is never all zeros, so none begins in a hole but in the last bytes before data.
    package func skippingHole(at offset: UInt64) -> UInt64 {
        let data = file.nextData(from: offset)
        let reach = UInt64(Format.frameOverhead)
        return data > offset + reach ? (data - reach) & ~(Format.alignment - 1) : offset
    }

    /// Whether bytes that could be a frame's nonce hold the offset itself: the cheapest sign of a frame.
    package mutating func mayBeFrame(at offset: UInt64, length: UInt64) throws(VaultFileError) -> Bool {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead),
            let head = try fill(offset, Format.frameOverhead, before: length)
        else { return false }
        return window.span.load(UInt64.self, at: head + 24) == offset
    }

    /// Forgets what was read, because the file may have changed since.
    mutating func forget() {
        window.removeAll(keepingCapacity: true)
        work = 0
    }

    /// Makes sure that the window holds `count` bytes of the file from `offset` on; it reads on, but not beyond
    /// `end`.
    ///
    /// - Returns: where in the window they begin, or nil if the file ends before.
    private mutating func fill(
        _ offset: UInt64, _ count: Int, before end: UInt64
    ) throws(VaultFileError) -> Int? {
        let windowEnd = windowStart + UInt64(window.count)
        if !window.isEmpty, offset >= windowStart, offset + UInt64(count) <= windowEnd {
            return Int(offset - windowStart)
        }
        let wanted = max(min(FrameScanner.windowCount, Int(clamping: end - offset)), count)
        var filled = window
        window = []
        if filled.count < wanted {
            filled = [UInt8](repeating: 0, count: wanted)
        } else {
            filled.removeLast(filled.count - wanted)
        }
        var span = filled.mutableSpan
        let read = try during(.read) { () throws(Errno) in try file.read(at: offset, into: &span) }
        filled.removeLast(filled.count - read)
        window = filled
        windowStart = offset
        return read >= count ? 0 : nil
    }
}

/// Opens frames of one file into one reused piece of guarded memory.
package struct FrameReader: ~Copyable {
    private let key: Key
    package var scanner: FrameScanner
    private var plaintext: SecretBytes
    private var boxWork = 0

    package init(_ file: any StorageFile, key: consuming Key) throws(VaultFileError) {
        self.key = key
        scanner = FrameScanner(file)
        plaintext = try guarding { () throws(SodiumError) in try SecretBytes(count: 4096) }
    }

    /// A frame that was found authentic.
    package struct Frame {
        package let offset: UInt64
        /// The length of its box.
        package let boxCount: Int
        package let tag: Bytes16

        package var end: UInt64 { offset + UInt64(Format.frameOverhead + boxCount) }

        /// What the frame behind it must name, if this one is number `seq`.
        package func position(seq: UInt64) -> Replay.Position {
            Replay.Position(end: end, seq: seq, tag: tag, lastFrame: offset)
        }
    }

    /// Bytes given to checksums and tags so far, against which a search is bounded.
    package var work: Int { scanner.work + boxWork }

    /// Opens the frame at `offset`, rules 1 to 3 of vault-format.md, section 6.
    ///
    /// - Parameters:
    ///   - length: where the file ends.
    ///   - body: is lent the plaintext.
    /// - Returns: what `body` returns, or nil if there is no authentic frame at `offset`.
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, and what `body` throws.
    package mutating func open<R>(
        at offset: UInt64, length: UInt64,
        _ body: (Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        guard let whole = try scanner.frame(at: offset, length: length),
            let frame = try open(whole.window.span.extracting(whole.range), at: offset)
        else { return nil }
        let count = frame.boxCount - SecretBox.tagCount
        return try plaintext.withBytes { bytes throws(VaultFileError) in
            try body(frame, bytes.extracting(first: count))
        }
    }

    private mutating func open(_ bytes: Span<UInt8>, at offset: UInt64) throws(VaultFileError) -> Frame? {
        let box = bytes.extracting(Format.frameOverhead..<bytes.count)
        let count = box.count - SecretBox.tagCount
        if plaintext.count < count {
            let room = max(count, min(2 * plaintext.count, Format.boxCounts.upperBound))
            plaintext = try guarding { () throws(SodiumError) in try SecretBytes(count: room) }
        }
        boxWork += box.count
        let opened = plaintext.withMutableBytes {
            SecretBox.open(box, nonce: bytes.extracting(8..<32), key: key, into: &$0)
        }
        return opened ? Frame(offset: offset, boxCount: box.count, tag: Bytes16(box, at: 0)) : nil
    }

    /// Wipes what the last frame left in guarded memory.
    package mutating func wipe() {
        let count = plaintext.count
        plaintext.withMutableBytes { $0.wipe(0..<count) }
    }

    /// Forgets what was read, because the file may have changed since.
    mutating func forget() {
        scanner.forget()
        boxWork = 0
    }
}
