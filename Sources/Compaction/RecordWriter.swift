internal import Platform
internal import Sodium
internal import VaultFile

/// Seals the records of an old file into a new one, and writes them piece by piece.
struct RecordWriter: ~Copyable {
    private let places: [FramePlace]
    private let header: Header
    private let entropy: Entropy
    private let progress: Progress
    private var sealer: FrameSealer
    private var sum: ContentSum
    /// How many records were carried over, and where the transaction of the next one starts.
    private var count = 0
    private var transactionStart = Format.logStart
    /// Bytes that wait to be written together, and where they begin in the file.
    private var piece: [UInt8]
    private var pieceStart: UInt64 = 0

    /// How many bytes of frames a transaction has at most.
    private static let mostTransaction = 16 << 20
    /// How many bytes are written at a time, at least.
    private static let pieceCount = 1 << 20

    /// The records in `places`, for a file with `header`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(
        _ places: [FramePlace], _ header: Header, master: borrowing Key, sum: consuming ContentSum,
        _ surroundings: Surroundings, _ progress: Progress
    ) throws(VaultFileError) {
        let key = try guarding { () throws(SodiumError) in try header.frameKey(master: master) }
        let start = Replay.start(header)
        var sealer = try FrameSealer(after: start, key: key)
        try sealer.reserve(places.lazy.map(\.boxCount).max() ?? 0)
        sealer.begin(after: start, salt: try surroundings.entropy.salt())
        self.sealer = sealer
        self.sum = sum
        self.places = places
        self.header = header
        entropy = surroundings.entropy
        self.progress = progress
        piece = header.front
        piece.reserveCapacity(2 * RecordWriter.pieceCount)
    }

    /// Where the next record lies in the old file; nil if there is none.
    var nextOffset: UInt64? { count < places.count ? places[count].offset : nil }

    /// Carries the next record over.
    ///
    /// - Parameter content: its plaintext in the old file.
    /// - Throws: ``VaultFileError/damaged(at:)`` if it has another length than it had when it was found.
    mutating func carry(_ content: Span<UInt8>) throws(VaultFileError) {
        let place = places[count]
        guard content.count + SecretBox.tagCount == place.boxCount else { throw .damaged(at: place.offset) }
        sum.add(content)
        let position = sealer.position
        let end = position.end + UInt64(place.frameCount)
        var prefix = RecordPrefix(content)
        prefix.isCommit = isLastOfTransaction(end)
        prefix.seq = position.seq + 1
        prefix.previousTag = position.tag
        prefix.transactionStart = transactionStart
        sealer.withPlaintext { bytes in
            bytes.copy(from: content, at: 0)
            prefix.store(into: &bytes)
        }
        sealer.seal(content.count, to: &piece)
        count += 1
        if prefix.isCommit {
            transactionStart = end
            sealer.begin(after: sealer.position, salt: try entropy.salt())
        }
    }

    /// Whether the next record, whose new frame ends at `end`, is the last of its transaction.
    private func isLastOfTransaction(_ end: UInt64) -> Bool {
        guard count + 1 < places.count else { return true }
        return Int(end - transactionStart) + places[count + 1].frameCount > RecordWriter.mostTransaction
    }

    /// Writes what waits, once it is enough.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/cancelled``.
    mutating func write(to file: any StorageFile) throws(VaultFileError) {
        guard piece.count >= RecordWriter.pieceCount else { return }
        try writeAll(to: file)
        try progress.say(sealer.position.end, of: 2 * header.baseEnd)
    }

    /// Writes the rest.
    ///
    /// - Returns: the sum of the records, as they were read.
    consuming func finish(_ file: any StorageFile) throws(VaultFileError) -> [UInt8] {
        try writeAll(to: file)
        return sum.finish()
    }

    private mutating func writeAll(to file: any StorageFile) throws(VaultFileError) {
        do throws(Errno) {
            try file.write(piece.span, at: pieceStart)
        } catch {
            throw .io(.rewrite, error)
        }
        pieceStart += UInt64(piece.count)
        piece.removeAll(keepingCapacity: true)
    }
}
