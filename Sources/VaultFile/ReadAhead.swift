internal import Platform
internal import Sodium
internal import Synchronization

/// Opens consecutive frames of a file before they are used: a second thread opens the next piece while the caller uses the present one.
///
/// Only whole and authentic frames are passed on. The caller reads any other frame itself, and so learns what is wrong. The caller's
/// thread reads the file; the second thread only computes.
struct ReadAhead: ~Copyable {
    private let file: any StorageFile
    private let end: UInt64
    private var current: Piece
    private let next: NextPiece
    private var opener = SecondThread()

    /// The number of bytes from which on a second thread saves time.
    static let minSize: UInt64 = 1 << 20

    /// The piece that the second thread opens.
    private final class NextPiece: Sendable {
        let piece: Mutex<Piece>

        init(_ piece: consuming sending Piece) { self.piece = Mutex(piece) }
    }

    /// Begins with the frames of `file` between `start`, where one begins, and `end`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``.
    init(
        _ file: any StorageFile, key: borrowing BoxKey, from start: UInt64, to end: UInt64
    ) throws(SodiumError) {
        let current = try Piece(key, at: start)
        next = NextPiece(try Piece(key, at: start))
        self.current = current
        self.file = file
        self.end = end
        turn()
    }

    /// Calls `body` with the frame at `offset`, which follows the previous one, and its plaintext.
    ///
    /// - Returns: what `body` returns, or nil if the frame was not opened; no later one is then.
    mutating func withFrame<R>(
        at offset: UInt64, _ body: (FrameReader.Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        if current.end == offset { turn() }
        return try current.withNextFrame(at: offset, body)
    }

    /// Takes the piece that was opened meanwhile, and starts opening the one after it.
    private mutating func turn() {
        opener.wait()
        next.piece.withLock { next in
            swap(&current, &next)
            next.read(file, from: max(current.end, next.end), to: end)
        }
        let next = next
        opener.start { next.piece.withLock { $0.open() } }
    }
}

/// Consecutive frames that are opened together.
private struct Piece: ~Copyable {
    private var key: BoxKey
    private var start: UInt64
    private(set) var end: UInt64
    private var bytes = [UInt8](repeating: 0, count: Piece.size)
    /// Where the frames lie in ``bytes``; their plaintexts begin at the same places in ``plaintexts``.
    private var frames: [Range<Int>] = []
    private var plaintexts: SecretBytes
    private var openedCount = 0
    private var usedCount = 0

    private static let size = 256 << 10

    init(_ key: borrowing BoxKey, at start: UInt64) throws(SodiumError) {
        let plaintexts = try SecretBytes(count: Piece.size)
        self.key = try key.copy()
        self.plaintexts = plaintexts
        (self.start, end) = (start, start)
    }

    /// Reads the frames from `start` on that fit; none if the first is too long, or cannot be read.
    mutating func read(_ file: any StorageFile, from start: UInt64, to limit: UInt64) {
        self.start = start
        frames.removeAll(keepingCapacity: true)
        (openedCount, usedCount) = (0, 0)
        var span = bytes.mutableSpan
        let count = min((try? file.read(at: start, into: &span)) ?? 0, Int(clamping: limit - start))
        var offset = 0
        while count - offset >= Format.frameOverhead {
            let head = FrameHead(bytes.span.extracting(offset..<offset + Format.frameOverhead))
            guard head.canBegin(at: start + UInt64(offset)), head.frameSize <= count - offset else { break }
            frames.append(offset..<offset + head.frameSize)
            offset += head.frameSize
        }
        end = start + UInt64(offset)
    }

    /// Opens the frames up to the first that is not whole and authentic.
    mutating func open() {
        defer { Stack.wipe() }
        let bytes = bytes
        for range in frames {
            let frame = bytes.span.extracting(range)
            guard FrameHead(frame).isSum(of: frame) else { return }
            let isAuthentic = plaintexts.withMutableBytes(from: range.lowerBound) {
                key.open(
                    frame.extracting(Format.frameOverhead..<frame.count), nonce: frame.extracting(8..<32),
                    into: &$0)
            }
            guard isAuthentic else { return }
            openedCount += 1
        }
    }

    /// Calls `body` with the next frame, if it begins at `offset` and was opened.
    mutating func withNextFrame<R>(
        at offset: UInt64, _ body: (FrameReader.Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        guard usedCount < openedCount, start + UInt64(frames[usedCount].lowerBound) == offset else {
            return nil
        }
        let range = frames[usedCount]
        usedCount += 1
        let frame = FrameReader.Frame(bytes.span.extracting(range), at: offset)
        return try plaintexts.withBytes { plaintexts throws(VaultFileError) in
            try body(
                frame, plaintexts.extracting(range.lowerBound..<range.lowerBound + frame.plaintextSize))
        }
    }
}
