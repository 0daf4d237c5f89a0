internal import Platform
internal import Sodium
internal import VaultFile

/// Carries records over into a new file: vault-format.md, section 9.
struct Rewrite: ~Copyable {
    private let places: [FramePlace]
    /// Where the old file ends, as far as it counts.
    private let sourceEnd: UInt64
    private let surroundings: Surroundings
    private let progress: Progress

    /// How many bytes of frames a transaction has at most.
    static let mostTransaction = 16 << 20
    /// The largest plaintext of a frame.
    private static let mostPlaintext = 1_081_344
    /// How many bytes are written at a time, at least.
    private static let pieceCount = 1 << 20

    /// The records in `places`, which lie in the order of the file.
    init(_ places: [FramePlace], before sourceEnd: UInt64, _ surroundings: Surroundings, _ progress: Progress)
    {
        self.places = places
        self.sourceEnd = sourceEnd
        self.surroundings = surroundings
        self.progress = progress
    }

    /// The bytes of frames that they have, in either file.
    var frameBytes: UInt64 { places.reduce(0) { $0 + UInt64($1.frameCount) } }

    /// The header of the new file.
    ///
    /// - Parameters:
    ///   - old: the old one, whose flags it gets.
    ///   - last: the last frame of the old file, or the position before its first.
    ///   - slots: the slots that wrap `master`; nil keeps the old ones.
    func header(
        following old: Header, last: Replay.Position, slots: [[UInt8]]? = nil, master: borrowing Key
    ) throws(VaultFileError) -> Header {
        try last.checkRoom(forFrames: places.count)
        let salt = try salt(32)
        let bytes = try old.successor(
            base: last, end: Format.logStart + frameBytes, fileSalt: salt, slots: slots, master: master)
        return try Header(bytes, bounds: surroundings.readingBounds)
    }

    /// Writes the new file, header and all.
    ///
    /// - Throws: ``VaultFileError/damaged(at:)`` if a record is no longer where it was found;
    ///   ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/cancelled``.
    func write(
        _ header: Header, from source: inout FrameReader, master: borrowing Key, to file: any StorageFile
    ) throws(VaultFileError) {
        let key = try guarding { () throws(SodiumError) in try header.frameKey(master: master) }
        var sealer = FrameSealer(after: Replay.start(header), salt: try salt(16))
        var piece = Piece(header.front)
        var plaintext = try guarding { () throws(SodiumError) in try SecretBytes(count: Rewrite.mostPlaintext)
        }
        var transactionStart = Format.logStart
        for (index, place) in places.enumerated() {
            let end = sealer.position.end + UInt64(place.frameCount)
            let isCommit = commits(index, transactionStart, end)
            let position = sealer.position
            let count = try source.open(at: place.offset, length: sourceEnd) {
                frame, content throws(VaultFileError) -> Int? in
                guard frame.boxCount == place.boxCount else { return nil }
                var prefix = RecordPrefix(content)
                prefix.isCommit = isCommit
                prefix.seq = position.seq + 1
                prefix.previousTag = position.tag
                prefix.transactionStart = transactionStart
                plaintext.withMutableBytes { bytes in
                    bytes.copy(from: content, at: 0)
                    prefix.store(into: &bytes)
                }
                return content.count
            }
            guard case .some(.some(let count)) = count else { throw .damaged(at: place.offset) }
            plaintext.withBytes { sealer.append($0.extracting(first: count), key: key, to: &piece.bytes) }
            if isCommit {
                transactionStart = end
                sealer.renew(try salt(16))
            }
            if piece.bytes.count >= Rewrite.pieceCount {
                try piece.write(to: file)
                try progress.say(end, of: 2 * header.baseEnd)
            }
        }
        source.wipe()
        try piece.write(to: file)
    }

    /// Whether the record at `index`, whose new frame ends at `end`, is the last of its transaction.
    private func commits(_ index: Int, _ transactionStart: UInt64, _ end: UInt64) -> Bool {
        guard index + 1 < places.count else { return true }
        return Int(end - transactionStart) + places[index + 1].frameCount > Rewrite.mostTransaction
    }

    private func salt(_ count: Int) throws(VaultFileError) -> [UInt8] {
        let entropy = surroundings.entropy
        return try guarding { () throws(SodiumError) in try entropy.bytes(count) }
    }

    /// Reads the new file back through the reader, and holds each record against the old one.
    ///
    /// - Returns: the new file, opened and verified.
    /// - Throws: ``VaultFileError/rewriteDiffers(at:)``.
    func verify(
        _ path: String, against source: inout FrameReader, master: consuming Key
    ) throws(VaultFileError) -> Log {
        var surroundings = surroundings
        surroundings.marks = nil
        surroundings.lookPatience = 0
        let log: Log
        do throws(VaultFileError) {
            log = try Log(path: path, access: .reading, surroundings: surroundings, master: master)
        } catch .busy {
            // Something is wrong with the file, and the lock under which it would be looked at again is our own.
            throw .rewriteDiffers(at: Format.logStart)
        } catch {
            throw error
        }
        guard log.committedEnd == Format.logStart + frameBytes, log.unfinishedTail == nil else {
            throw .rewriteDiffers(at: log.committedEnd)
        }
        var copies = try log.reader()
        var offset = Format.logStart
        var said = offset
        for place in places {
            let isSame = try source.open(at: place.offset, length: sourceEnd) {
                _, old throws(VaultFileError) in
                try copies.open(at: offset, length: log.committedEnd) { _, new throws(VaultFileError) in
                    Rewrite.isSame(old, new)
                }
            }
            guard case .some(.some(true)) = isSame else { throw .rewriteDiffers(at: offset) }
            offset += UInt64(place.frameCount)
            if offset > said + UInt64(Rewrite.pieceCount) {
                try progress.say(log.committedEnd + offset, of: 2 * log.committedEnd)
                said = offset
            }
        }
        source.wipe()
        copies.wipe()
        return log
    }

    /// Whether two plaintexts say the same: everything but where they stand in their files.
    private static func isSame(_ old: Span<UInt8>, _ new: Span<UInt8>) -> Bool {
        let (left, right) = (RecordPrefix(old), RecordPrefix(new))
        return left.kind == right.kind && left.time == right.time && left.bodyCount == right.bodyCount
            && old.extracting(Format.prefixCount..<old.count).equals(
                new.extracting(Format.prefixCount..<new.count))
    }
}

/// Bytes of a new file that wait to be written together.
private struct Piece {
    var bytes: [UInt8]
    private var offset: UInt64 = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func write(to file: any StorageFile) throws(VaultFileError) {
        do throws(Errno) {
            try file.write(bytes.span, at: offset)
        } catch {
            throw .io(.rewrite, error)
        }
        offset += UInt64(bytes.count)
        bytes.removeAll(keepingCapacity: true)
    }
}
