internal import Platform
internal import Sodium
internal import VaultFile

/// Seals the records of an old file into a new one, behind some that are new, and writes them piece by piece.
struct RecordWriter: ~Copyable {
    private let fronts: [[UInt8]]
    private let places: [FramePlace]
    private let header: Header
    private let entropy: Entropy
    private let progress: ProgressHandler
    private var sealer: FrameSealer
    private var sum: ContentSum
    /// How many records were added, and where the transaction of the next one starts.
    private var count = 0
    private var transactionStart = Format.logStart
    /// Bytes that wait to be written together, and where they begin in the file.
    private var piece: [UInt8]
    private var pieceStart: UInt64 = 0

    /// How many bytes of frames a transaction has at most.
    private static let maxTransaction = 16 << 20
    /// How many bytes are written at a time, at least.
    private static let pieceSize = 1 << 20

    /// The records in `places`, for a file with `header` that begins with those in `fronts`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(
        _ fronts: [[UInt8]], _ places: [FramePlace], _ header: Header, master: borrowing Key,
        sum: consuming ContentSum,
        _ dependencies: Dependencies, _ progress: ProgressHandler
    ) throws(VaultFileError) {
        let key = try guarding { () throws(SodiumError) in try header.frameKey(master: master) }
        let start = Replay.start(header)
        var sealer = try FrameSealer(after: start, key: key)
        let longest = max(
            places.lazy.map(\.boxSize).max() ?? 0,
            fronts.lazy.map { $0.count + SecretBox.tagSize }.max() ?? 0)
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

    /// Adds what is new, before anything is carried over.
    mutating func begin() throws(VaultFileError) {
        for front in fronts { try add(front.span) }
    }

    /// How many records of the old file were carried over.
    private var carriedCount: Int { count - fronts.count }

    /// Where the next record lies in the old file; nil if there is none.
    var nextOffset: UInt64? { carriedCount < places.count ? places[carriedCount].offset : nil }

    /// Carries the next record over.
    ///
    /// - Parameter content: its plaintext in the old file.
    /// - Throws: ``VaultFileError/damaged(at:)`` if it has another length than it had when it was found.
    mutating func carry(_ content: Span<UInt8>) throws(VaultFileError) {
        let place = places[carriedCount]
        guard content.count + SecretBox.tagSize == place.boxSize else { throw .damaged(at: place.offset) }
        try add(content)
    }

    private mutating func add(_ content: Span<UInt8>) throws(VaultFileError) {
        sum.add(content)
        let end = sealer.nextOffset + UInt64(Format.frameOverhead + content.count + SecretBox.tagSize)
        var prefix = RecordPrefix(content)
        prefix.isCommit = false
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

    /// Whether the record that was just added, whose frame ends at `end`, is the last of its transaction.
    private func isEndOfTransaction(_ end: UInt64) -> Bool {
        guard count < fronts.count + places.count else { return true }
        let next =
            count < fronts.count
            ? Format.frameOverhead + SecretBox.tagSize + fronts[count].count
            : places[carriedCount].frameSize
        return Int(end - transactionStart) + next > RecordWriter.maxTransaction
    }

    /// Writes what waits, once it is enough.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/cancelled``.
    mutating func write(to file: any StorageFile) throws(VaultFileError) {
        guard piece.count >= RecordWriter.pieceSize else { return }
        try writeAll(to: file)
        try progress.say(sealer.nextOffset, of: 2 * header.baseEnd)
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
        file.startSync(of: piece.count, at: pieceStart)
        pieceStart += UInt64(piece.count)
        piece.removeAll(keepingCapacity: true)
    }
}
