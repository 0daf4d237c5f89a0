internal import Platform
internal import Sodium
internal import VaultFile

/// Seals the records of a new file and writes them in pieces: new records first, then those of the old file.
struct RecordWriter: ~Copyable {
    /// The plaintexts of the new records.
    private let fronts: [[UInt8]]
    /// The places of the old records.
    private let places: [FramePlace]
    private let header: Header
    private let entropy: Entropy
    private let progress: ProgressHandler
    private var sealer: FrameSealer
    private var sum: ContentSum
    /// How many records were added.
    private var count = 0
    /// The offset at which the transaction of the next record starts.
    private var transactionStart = Format.logStart
    /// The bytes that have not been written yet, and their offset in the file.
    private var piece: [UInt8]
    private var pieceStart: UInt64 = 0

    /// The maximum number of bytes in a transaction.
    private static let maxTransaction = 16 << 20
    /// The minimum number of bytes in a write.
    private static let pieceSize = 1 << 20

    /// Creates a writer for a file with `header`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(
        _ fronts: [[UInt8]], _ places: [FramePlace], _ header: Header, master: borrowing Key,
        sum: consuming ContentSum,
        _ dependencies: Dependencies, _ progress: ProgressHandler
    ) throws(VaultFileError) {
        let key = try guarding(header.frameKey(master: master))
        let start = Replay.start(header)
        var sealer = try FrameSealer(after: start, key: key)
        let longest = max(
            places.lazy.map(\.boxSize).max() ?? 0,
            fronts.lazy.map { $0.count + SecretBox.tagSize }.reduce(0, max))
        try sealer.reserve(longest: longest, total: .max)
        let salt = try dependencies.entropy.salt()
        sealer.begin(after: start, salt: salt)
        self.sealer = sealer
        self.sum = sum
        self.fronts = fronts
        self.places = places
        self.header = header
        entropy = dependencies.entropy
        self.progress = progress
        piece = header.front
        piece.reserveCapacity(2 * RecordWriter.pieceSize)
    }

    /// Adds the new records.
    mutating func addFronts() throws(VaultFileError) {
        for front in fronts { try add(front.span) }
    }

    /// How many records of the old file were added.
    private var carriedCount: Int { count - fronts.count }

    /// The offset of the next record in the old file; nil if there is none.
    var nextOffset: UInt64? { carriedCount < places.count ? places[carriedCount].offset : nil }

    /// Adds the next record of the old file.
    ///
    /// - Parameter content: its plaintext.
    /// - Throws: ``VaultFileError/damaged(at:)`` if its length has changed since it was found.
    mutating func carry(_ content: Span<UInt8>) throws(VaultFileError) {
        let place = places[carriedCount]
        guard content.count + SecretBox.tagSize == place.boxSize else { throw .damaged(at: place.offset) }
        try add(content)
    }

    private mutating func add(_ content: Span<UInt8>) throws(VaultFileError) {
        sum.add(content)
        let end = sealer.nextOffset + UInt64(Format.frameOverhead + content.count + SecretBox.tagSize)
        var prefix = RecordPrefix(content)
        prefix.seq = sealer.nextSeq
        prefix.transactionStart = transactionStart
        sealer.add(content.count, to: &piece) { bytes in
            bytes.copy(from: content, at: 0)
            prefix.store(into: &bytes)
        }
        count += 1
        guard isEndOfTransaction(end) else { return }
        sealer.commit(to: &piece)
        transactionStart = end
        sealer.begin(after: sealer.position, salt: try entropy.salt())
    }

    /// Returns whether the last record, whose frame ends at `end`, must be the last of its transaction.
    private func isEndOfTransaction(_ end: UInt64) -> Bool {
        guard count < fronts.count + places.count else { return true }
        let next =
            count < fronts.count
            ? Format.frameOverhead + SecretBox.tagSize + fronts[count].count
            : places[carriedCount].frameSize
        return Int(end - transactionStart) + next > RecordWriter.maxTransaction
    }

    /// Writes the pending bytes if there are enough of them.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/cancelled``.
    mutating func write(to file: any StorageFile) throws(VaultFileError) {
        guard piece.count >= RecordWriter.pieceSize else { return }
        try writeAll(to: file)
        try progress.say(sealer.nextOffset, of: 2 * header.baseEnd)
    }

    /// Writes all pending bytes.
    ///
    /// - Returns: the sum of all records.
    consuming func finish(_ file: any StorageFile) throws(VaultFileError) -> [UInt8] {
        try writeAll(to: file)
        return sum.finish()
    }

    private mutating func writeAll(to file: any StorageFile) throws(VaultFileError) {
        try during(.rewrite, file.write(piece.span, at: pieceStart))
        file.startSync(of: piece.count, at: pieceStart)
        pieceStart += UInt64(piece.count)
        piece.removeAll(keepingCapacity: true)
    }
}
