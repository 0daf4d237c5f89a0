internal import Platform
internal import Sodium

/// Reads frames of one file through one reused window, and opens them into one reused piece of guarded
/// memory.
struct FrameReader: ~Copyable {
    private let file: any StorageFile
    private let key: Key
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private var plaintext: SecretBytes
    /// Bytes given to checksums and tags so far, against which a search is bounded.
    private(set) var work = 0

    private static let windowCount = 256 * 1024

    init(_ file: any StorageFile, key: consuming Key) throws(VaultFileError) {
        self.file = file
        self.key = key
        plaintext = try guarding { () throws(SodiumError) in try SecretBytes(count: 4096) }
    }

    /// A frame that was found authentic.
    struct Frame {
        let offset: UInt64
        /// The length of its box.
        let boxCount: Int
        let tag: Bytes16

        var end: UInt64 { offset + UInt64(Format.frameOverhead + boxCount) }
    }

    /// Opens the frame at `offset`, rules 1 to 3 of vault-format.md, section 6.
    ///
    /// - Parameters:
    ///   - length: where the file ends.
    ///   - body: is lent the plaintext.
    /// - Returns: what `body` returns, or nil if there is no authentic frame at `offset`.
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, and what `body` throws.
    mutating func open<R>(
        at offset: UInt64, length: UInt64,
        _ body: (Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead) else { return nil }
        guard let head = try fill(offset, Format.frameOverhead, before: length) else { return nil }
        let boxCount = Int(window.span.load(UInt32.self, at: head))
        let nonceOffset = window.span.load(UInt64.self, at: head + 24)
        guard nonceOffset == offset, Format.boxCounts.contains(boxCount), boxCount % 16 == 0,
            UInt64(Format.frameOverhead + boxCount) <= length - offset,
            let start = try fill(offset, Format.frameOverhead + boxCount, before: length)
        else { return nil }

        // A reference of its own, so that the borrow is not one of self.
        let window = window
        let bytes = window.span.extracting(start..<start + Format.frameOverhead + boxCount)
        var sum = CRC32C()
        sum.update(bytes.extracting(0..<4))
        sum.update(bytes.extracting(8..<bytes.count))
        work += 28 + boxCount
        guard sum.value == bytes.load(UInt32.self, at: 4) else { return nil }

        let count = boxCount - SecretBox.tagCount
        if plaintext.count < count {
            let room = max(count, min(2 * plaintext.count, Format.boxCounts.upperBound))
            plaintext = try guarding { () throws(SodiumError) in try SecretBytes(count: room) }
        }
        work += boxCount
        let box = bytes.extracting(Format.frameOverhead..<bytes.count)
        let opened = plaintext.withMutableBytes {
            SecretBox.open(box, nonce: bytes.extracting(8..<32), key: key, into: &$0)
        }
        guard opened else { return nil }
        let frame = Frame(offset: offset, boxCount: boxCount, tag: Bytes16(box, at: 0))
        return try plaintext.withBytes { bytes throws(VaultFileError) in
            try body(frame, bytes.extracting(0..<count))
        }
    }

    /// Whether bytes that could be a frame's nonce hold the offset itself: the cheapest sign of a frame.
    mutating func mayBeFrame(at offset: UInt64, length: UInt64) throws(VaultFileError) -> Bool {
        guard length >= offset, length - offset >= UInt64(Format.frameOverhead),
            let head = try fill(offset, Format.frameOverhead, before: length)
        else { return false }
        return window.span.load(UInt64.self, at: head + 24) == offset
    }

    /// Wipes what the last frame left in guarded memory.
    mutating func wipe() {
        let count = plaintext.count
        plaintext.withMutableBytes { $0.wipe(0..<count) }
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
        let wanted = max(min(FrameReader.windowCount, Int(clamping: end - offset)), count)
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
