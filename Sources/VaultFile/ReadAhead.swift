internal import Platform
internal import Sodium
internal import Synchronization

/// When frames are opened before they are asked for.
package struct ReadAheadSizes: Sendable {
    /// For less than this, in bytes, a second thread does not pay.
    package var leastCount: UInt64 = 1 << 20
    /// How many bytes of a file a thread is given at a time: enough for its start to cost little, few enough that two overlap soon.
    package var pieceSize = 512 << 10
}

/// Opens the frames of a stretch of a file before they are asked for: while its user is at one piece, a second thread opens
/// the next.
///
/// It gives out frames that are whole and authentic, and says nothing about any other: its user looks for himself then.
struct ReadAhead: ~Copyable {
    private let file: any StorageFile
    /// Where the stretch ends, and how far it was read.
    private let end: UInt64
    private var readEnd: UInt64
    private var current: Piece
    private let next: NextPiece
    private var opener: JoinableThread?
    private var isOpening = false

    /// The piece that is being opened; only its opener uses it until that has ended.
    private final class NextPiece: Sendable {
        let piece: Mutex<Piece>

        init(_ piece: consuming sending Piece) { self.piece = Mutex(piece) }

        func open() { piece.withLock { $0.open() } }
    }

    /// Begins with the stretch of `file` from `start`, where a frame begins, to `end`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(
        _ file: any StorageFile, key: borrowing BoxKey, from start: UInt64, to end: UInt64,
        _ sizes: ReadAheadSizes
    ) throws(VaultFileError) {
        let first = try Piece(key, sizes.pieceSize)
        next = NextPiece(try Piece(key, sizes.pieceSize))
        current = first
        self.file = file
        self.end = end
        readEnd = start
        turn()
    }

    /// Lends the frame at `offset` and its plaintext.
    ///
    /// - Parameter length: where the file ends.
    /// - Returns: what `body` returns, or nil if this frame was not opened.
    mutating func withFrame<R>(
        at offset: UInt64, length: UInt64,
        _ body: (FrameReader.Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        while current.end <= offset, isOpening { turn() }
        return try current.withFrame(at: offset, length: length, body)
    }

    /// Takes the piece that was being opened, and has the one behind it opened.
    private mutating func turn() {
        current.read(file, from: readEnd, to: end)
        if let opener = opener.take() { opener.join() }
        isOpening = !current.isEmpty
        if isOpening { readEnd = current.end }
        next.piece.withLock { swap(&current, &$0) }
        guard isOpening else { return }
        let next = next
        opener = try? JoinableThread { next.open() }
        if opener == nil { next.open() }
    }
}

/// Frames that follow one another in a file and are opened together.
private struct Piece: ~Copyable {
    private var key: BoxKey
    /// Where it begins and ends in the file.
    private var start: UInt64 = 0
    private(set) var end: UInt64 = 0
    /// The bytes of the file, and how many of them count.
    private var bytes: [UInt8]
    private var count = 0
    /// Where in `bytes` each frame begins.
    private var frames: [Int] = []
    /// How many of the frames were opened, and how many given out.
    private var openedCount = 0
    private var givenCount = 0
    /// The plaintext of a frame stands where the frame's box stands in `bytes`, without its tag.
    private var room: SecretBytes

    /// How many bytes it has, unless its only frame is longer.
    private let usualCount: Int

    init(_ key: borrowing BoxKey, _ usualCount: Int) throws(VaultFileError) {
        let room = try guarding { () throws(SodiumError) in
            try SecretBytes(count: Piece.workBufferSize(usualCount))
        }
        self.key = try guarding { () throws(SodiumError) in try key.copy() }
        self.room = room
        self.usualCount = usualCount
        bytes = [UInt8](repeating: 0, count: usualCount)
    }

    /// A room behind the last byte, of which the last message leaves most.
    private static func workBufferSize(_ count: Int) -> Int { count + BoxKey.workBufferSize(0) }

    /// Whether there is no frame.
    var isEmpty: Bool { frames.isEmpty }

    /// Reads what looks like frames from `start` on, one at least if it lies before `limit`.
    mutating func read(_ file: any StorageFile, from start: UInt64, to limit: UInt64) {
        self.start = start
        (openedCount, givenCount) = (0, 0)
        load(file, min(usualCount, Int(clamping: limit - start)))
        cut()
        if isEmpty, let long = frameSize(at: 0), long <= limit - start {
            load(file, long)
            cut()
        }
    }

    /// What cannot be read is not there: whoever looks for himself is told why.
    private mutating func load(_ file: any StorageFile, _ wanted: Int) {
        if bytes.count < wanted { bytes = [UInt8](repeating: 0, count: wanted) }
        let start = start
        var span = bytes.mutableSpan
        let read = (try? file.read(at: start, into: &span)) ?? 0
        count = min(read, wanted)
    }

    /// Finds where the frames begin.
    private mutating func cut() {
        frames.removeAll(keepingCapacity: true)
        var offset = 0
        while let length = frameSize(at: offset), length <= count - offset {
            frames.append(offset)
            offset += length
        }
        end = start + UInt64(offset)
    }

    /// The length of the frame at `offset`, if one can begin there.
    private func frameSize(at offset: Int) -> Int? {
        guard offset + Format.frameOverhead <= count else { return nil }
        let head = FrameHead(bytes.span.extracting(offset..<offset + Format.frameOverhead))
        return head.canBegin(at: start + UInt64(offset)) ? head.frameSize : nil
    }

    /// Where the frame number `index` lies in `bytes`.
    private func range(_ index: Int) -> Range<Int> {
        frames[index]..<(index + 1 < frames.count ? frames[index + 1] : Int(end - start))
    }

    /// Opens the frames, up to the first that is not whole or not authentic.
    mutating func open() {
        defer { Stack.wipe() }
        if room.count < Piece.workBufferSize(count) {
            guard let larger = try? SecretBytes(count: Piece.workBufferSize(count)) else { return }
            room = larger
        }
        let bytes = bytes
        while openedCount < frames.count {
            let range = range(openedCount)
            let frame = bytes.span.extracting(range)
            guard FrameHead(frame).isSum(of: frame) else { return }
            let isAuthentic = room.withMutableBytes(from: range.lowerBound) {
                key.open(
                    frame.extracting(Format.frameOverhead..<frame.count), nonce: frame.extracting(8..<32),
                    inRoom: &$0)
            }
            guard isAuthentic else { return }
            openedCount += 1
        }
    }

    /// Lends the frame at `offset`, if it was opened and neither it nor one behind it was lent before.
    mutating func withFrame<R>(
        at offset: UInt64, length: UInt64,
        _ body: (FrameReader.Frame, Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R? {
        while givenCount < openedCount, start + UInt64(frames[givenCount]) < offset { givenCount += 1 }
        guard givenCount < openedCount, start + UInt64(frames[givenCount]) == offset else { return nil }
        let range = range(givenCount)
        guard offset + UInt64(range.count) <= length else { return nil }
        givenCount += 1
        let frame = FrameReader.Frame(bytes.span.extracting(range), at: offset)
        let message = range.lowerBound + BoxKey.roomLead
        return try room.withBytes { room throws(VaultFileError) in
            try body(frame, room.extracting(message..<message + frame.plaintextSize))
        }
    }
}
