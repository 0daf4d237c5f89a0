internal import Platform
public import Sodium
public import VaultFile

/// Copies every authentic record of a damaged vault file into a new one.
public enum Salvage {
    /// The result of a salvage.
    public struct Report: Equatable, Sendable {
        /// How many secrets the new file has, and how many versions of them.
        public let secrets, versions: UInt64
        /// The parts of the file in which no record was found, in the order of the file.
        public let lost: [Lost]
        /// The offset of the first record of a transaction whose end was not found; nil if there is none.
        ///
        /// Its records are in the new file, although the transaction may never have been committed.
        public let uncertainFrom: UInt64?
        /// How many records were left out because this version does not know their kind.
        public let unknown: UInt64
        /// How many bytes of the file the disk could not read, in whole blocks; those in which records may have been are in ``lost`` too.
        public let unreadable: UInt64

        /// Creates a report from its numbers.
        public init(
            secrets: UInt64, versions: UInt64, lost: [Lost], uncertainFrom: UInt64?, unknown: UInt64,
            unreadable: UInt64
        ) {
            (self.secrets, self.versions, self.lost) = (secrets, versions, lost)
            (self.uncertainFrom, self.unknown, self.unreadable) = (uncertainFrom, unknown, unreadable)
        }
    }

    /// A part of the file in which no record was found.
    public struct Lost: Equatable, Sendable {
        /// The offset and the number of its bytes.
        public let offset, count: UInt64
        /// How many records are missing; nil at the end of the file, where that is unknown.
        public let records: UInt64?

        /// Creates a part of `count` bytes at `offset`.
        public init(offset: UInt64, count: UInt64, records: UInt64?) {
            (self.offset, self.count, self.records) = (offset, count, records)
        }
    }

    private static let purpose = "salvage"

    /// Returns the headers by which the file at `path` may be read: the first one and its copy, if they differ.
    ///
    /// - Throws: the error of the first header if neither is valid.
    public static func headers(of path: String, dependencies: Dependencies) throws(VaultFileError) -> [Header]
    {
        let file = try dependencies.storage.openVault(path, .reading)
        var headers: [Header] = []
        var failure: VaultFileError?
        for offset in [0, Format.headerCopyOffset] {
            do throws(VaultFileError) {
                let bytes = try file.bytes(at: offset, count: Format.headerSize)
                let header = try Header(bytes, bounds: dependencies.readingBounds)
                if !headers.contains(header) { headers.append(header) }
            } catch {
                failure = failure ?? error
            }
        }
        if headers.isEmpty, let failure { throw failure }
        return headers
    }

    /// Copies every authentic record of the file at `path` to a new vault at `target`, which the same passphrase opens.
    ///
    /// The file at `path` is not changed. It may be an older copy than this machine has seen: no checkpoint is compared. Blocks
    /// that the disk cannot read count as lost.
    ///
    /// - Throws: ``VaultFileError/keysChanged`` if the key opens neither header; ``VaultFileError/alreadyExists``;
    ///   ``VaultFileError/changedWhileRead`` if a record is no longer where it was found; and as reading and writing do.
    ///   There is nothing at `target` then.
    public static func run(
        from path: String, to target: String, master: borrowing Key, dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        var header: Header?
        for candidate in try headers(of: path, dependencies: dependencies)
        where try candidate.isAuthentic(master: master) {
            header = header ?? candidate
        }
        guard let header else { throw .keysChanged }
        if (try? dependencies.storage.identity(of: target)) != nil { throw .alreadyExists }

        let file = DefectiveFile(try dependencies.storage.openVault(path, .reading))
        // The walk begins behind the headers, and defects in them count too.
        _ = try file.bytes(at: 0, count: Int(Format.logStart))
        while true {
            let before = try file.unreadableSize()
            do throws(VaultFileError) {
                return try copy(file, header, to: target, master, dependencies, progress)
            } catch .changedWhileRead {
                // If the disk has lost another block since the search, the next search counts it.
                guard try file.unreadableSize() > before else { throw .changedWhileRead }
            }
        }
    }

    /// Searches the file once, and copies what was found.
    ///
    /// - Throws: ``VaultFileError/changedWhileRead`` if a record that was found cannot be copied.
    private static func copy(
        _ file: DefectiveFile, _ header: Header, to target: String, _ master: borrowing Key,
        _ dependencies: Dependencies, _ progress: ProgressHandler
    ) throws(VaultFileError) -> Report {
        let length = try file.currentLength()
        var source = try FrameReader(
            file, key: try guarding(header.frameKey(master: master)))
        var search = Search(header, length, progress)
        let found = try search.run(&source)

        // A file that lacks a change cannot prove that it contains any.
        let descent =
            found.isWhole
            ? try Descent(carrying: found.ancestry, try ChangeNamer(master: master), isChange: false)
            : Descent(keys: found.ancestry.keys.suffix(Descent.maxKeys))
        let rewrite = try Rewrite(
            found.unpurgedPlaces(), behind: descent, found.purged.entries, dependencies, progress)
        let next = try rewrite.header(following: header, last: found.last, master: master)
        let new = try NewFile(for: target, purpose: purpose, dependencies)
        let sum = try rewrite.write(
            next, from: &source, length: length, master: master, to: new.file)
        let written = try rewrite.verify(new.path, holds: sum, master: try master.copy())
        var secrets: UInt64 = 0
        written.forEachCurrent(.value) { _ in secrets += 1 }
        let unreadable = try file.unreadableSize()
        try new.publish(at: target) { storage, path throws(Errno) in
            try storage.renameWithoutReplacing(path, to: target)
        }
        return Report(
            secrets: secrets, versions: UInt64(written.versionCount), lost: found.lost,
            uncertainFrom: found.uncertainFrom, unknown: found.unknown, unreadable: unreadable)
    }
}

/// Searches a file of which any part may be damaged for authentic frames.
private struct Search {
    /// A record that the new file gets, unless it is a version that was purged.
    struct Record {
        let place: FramePlace
        /// The entry that a purge list has for it; nil if it is not a version.
        let purgeEntry: Bytes16?
    }

    /// The result of a search.
    struct Result {
        var records: [Record] = []
        var last: Replay.Position
        var lost: [Salvage.Lost] = []
        var uncertainFrom: UInt64?
        var unknown: UInt64 = 0
        var ancestry: Ancestry
        var purged = PurgeList()

        /// True if each frame follows the one before it.
        var isChained = true
        /// True if a transaction ends where the content of the last rewrite does.
        var hasContent: Bool

        /// True if nothing is missing.
        var isWhole: Bool {
            lost.isEmpty && uncertainFrom == nil && unknown == 0 && isChained && hasContent
        }

        /// Returns the places of the records without the versions that were purged.
        func unpurgedPlaces() -> [FramePlace] {
            records.filter { $0.purgeEntry.map { !purged.contains($0) } ?? true }.map(\.place)
        }
    }

    private let header: Header
    private let length: UInt64
    private let progress: ProgressHandler
    private var result: Result
    /// The transaction of the last frame, and whether its end was found.
    private var transaction: (start: UInt64, isWhole: Bool)?
    /// The offset at which the transaction of the next frame should begin.
    private var expectedStart = Format.logStart
    /// The proof of descent at the start of the present transaction, if there is one.
    private var descent: Descent?
    private var bound = SearchBound()

    init(_ header: Header, _ length: UInt64, _ progress: ProgressHandler) {
        (self.header, self.length, self.progress) = (header, length, progress)
        result = Result(
            last: Replay.start(header), ancestry: Ancestry(header),
            hasContent: header.baseEnd == Format.logStart)
    }

    mutating func run(_ source: inout FrameReader) throws(VaultFileError) -> Result {
        defer { source.wipe() }
        var offset = Format.logStart
        var reported = offset
        while offset < length, !source.scanner.isCut(at: offset) {
            if let size = try source.scanner.frameSize(at: offset, length: length),
                bound.allows(size, at: offset), try take(offset, &source)
            {
                offset = result.last.end
            } else {
                offset += Format.alignment
            }
            guard offset > reported + 1 << 20 else { continue }
            try progress.say(offset, of: length)
            offset = source.scanner.skippingHole(at: offset)
            reported = offset
        }
        if result.last.end < length { addLost(from: result.last.end, to: length) }
        if length < header.baseEnd { addLost(from: length, to: header.baseEnd) }
        if let transaction, !transaction.isWhole { result.uncertainFrom = transaction.start }
        return result
    }

    private mutating func addLost(from start: UInt64, to end: UInt64, records: UInt64? = nil) {
        result.lost.append(Salvage.Lost(offset: start, count: end - start, records: records))
    }

    /// Takes the frame at `offset` if it is authentic and comes after those that were taken before.
    private mutating func take(_ offset: UInt64, _ source: inout FrameReader) throws(VaultFileError) -> Bool {
        let (before, workBefore) = (result.last, source.work)
        var packed: [UInt8] = []
        let opened = try source.open(at: offset, length: length) {
            frame, plaintext throws(VaultFileError) -> (
                Replay.Position, RecordPrefix, RecordBody, FramePlace
            )? in
            let prefix = RecordPrefix(plaintext)
            guard let body = RecordBody(prefix, in: plaintext, address: &packed), prefix.seq > before.seq,
                prefix.transactionStart <= offset
            else { return nil }
            if case .descent = body, offset != prefix.transactionStart { return nil }
            let place = FramePlace(offset: offset, boxSize: frame.boxSize)
            return (frame.position(seq: prefix.seq), prefix, body, place)
        }
        guard case .some(.some((let position, let prefix, let body, let place))) = opened else {
            bound.waste(source.work - workBefore)
            return false
        }
        if offset > before.end {
            addLost(from: before.end, to: offset, records: prefix.seq - before.seq - 1)
        }
        if !before.isFollowed(by: prefix) || prefix.transactionStart != expectedStart
            || position.end - prefix.transactionStart > Format.maxTransaction
        {
            result.isChained = false
        }
        if offset == prefix.transactionStart { descent = nil }
        switch body {
        case .version(let kind, _):
            let version = Version(offset: offset, time: prefix.time, boxSize: place.boxSize, kind: kind)
            let entry = try PurgeList.entry(packed.span, version, of: header.vaultID)
            result.records.append(Record(place: place, purgeEntry: entry))
        case .descent(let descent): self.descent = descent
        case .purged(let entries): result.purged.add(entries)
        case .unknown(let isCarried):
            if isCarried { result.records.append(Record(place: place, purgeEntry: nil)) }
        case .unsupported: result.unknown += 1
        case .head: break
        }
        if prefix.isCommit { commit(prefix, at: position) }
        result.last = position
        let isSame = transaction?.start == prefix.transactionStart
        transaction = (prefix.transactionStart, prefix.isCommit || isSame && transaction?.isWhole == true)
        return true
    }

    /// Ends the transaction of the frame with this prefix, which ends at `position`.
    private mutating func commit(_ prefix: RecordPrefix, at position: Replay.Position) {
        result.ancestry.take(
            descent, tag: position.tag, isFirst: prefix.transactionStart == Format.logStart,
            isContent: position.end <= header.baseEnd)
        descent = nil
        expectedStart = position.end
        if position.end == header.baseEnd { result.hasContent = true }
    }
}
