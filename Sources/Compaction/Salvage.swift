internal import Platform
public import Sodium
public import VaultFile

/// Saves what verifies of a damaged vault file into a new one.
public enum Salvage {
    /// What was saved, and what was not.
    public struct Report: Equatable, Sendable {
        /// How many secrets the new file has, and in how many versions.
        public let secrets, versions: UInt64
        /// What was lost, in the order of the file.
        public let lost: [Lost]
        /// Where the records begin that belong to a change whose end was not found; nil if there are none.
        ///
        /// They were taken, but nobody knows whether the change was ever complete.
        public let uncertainFrom: UInt64?
        /// How many records were left behind because this version does not know what they say.
        public let unknown: UInt64

        /// Numbers that were told elsewhere.
        public init(
            secrets: UInt64, versions: UInt64, lost: [Lost], uncertainFrom: UInt64?, unknown: UInt64
        ) {
            self.secrets = secrets
            self.versions = versions
            self.lost = lost
            self.uncertainFrom = uncertainFrom
            self.unknown = unknown
        }
    }

    /// Bytes in which no record was found.
    public struct Lost: Equatable, Sendable {
        /// Where they begin and how many they are.
        public let offset, count: UInt64
        /// How many records were there; nil at the end, where nothing tells.
        public let records: UInt64?

        /// So many bytes from `offset` on.
        public init(offset: UInt64, count: UInt64, records: UInt64?) {
            self.offset = offset
            self.count = count
            self.records = records
        }
    }

    private static let purpose = "salvage"

    /// The headers by which the file at `path` may be read: its first one, and the copy behind it.
    ///
    /// - Throws: what reading the first one says, if neither can be used.
    public static func headers(of path: String, dependencies: Dependencies) throws(VaultFileError) -> [Header]
    {
        let file = try open(path, dependencies)
        var headers: [Header] = []
        var failure: VaultFileError?
        for offset in [0, Format.headerCopyOffset] {
            var bytes = [UInt8](repeating: 0, count: Format.headerSize)
            var span = bytes.mutableSpan
            let count = try during(.read) { () throws(Errno) in try file.read(at: offset, into: &span) }
            do throws(VaultFileError) {
                let header = try Header(Array(bytes.prefix(count)), bounds: dependencies.readingBounds)
                if !headers.contains(header) { headers.append(header) }
            } catch {
                failure = failure ?? error
            }
        }
        if headers.isEmpty, let failure { throw failure }
        return headers
    }

    private static func open(
        _ path: String, _ dependencies: Dependencies
    ) throws(VaultFileError) -> any StorageFile {
        do throws(Errno) {
            return try dependencies.storage.open(path, .reading)
        } catch {
            throw VaultFileError(opening: error)
        }
    }

    /// Reads every record of the file at `path` that is authentic, and writes them to a new vault at `target`, which the same
    /// passphrase opens.
    ///
    /// The file at `path` is not changed, and nothing but a record that was written to it is ever taken. A copy, whatever its
    /// mark says, can be salvaged.
    ///
    /// - Throws: ``VaultFileError/keysChanged`` if the key opens neither header; ``VaultFileError/alreadyExists``; and as reading
    ///   and writing do. There is nothing at `target` then.
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

        let file = try open(path, dependencies)
        let length = try during(.read) { () throws(Errno) in try file.length() }
        var source = try FrameReader(
            file, key: try guarding { () throws(SodiumError) in try header.frameKey(master: master) })
        var search = Search(header, length, progress)
        var found = try search.run(&source)
        try found.leaveOutPurged(of: header.vaultID, &source, length)

        let namer = try ChangeNamer(master: master)
        // What lacks a change cannot prove that it has any.
        let descent =
            found.isWhole
            ? try Descent(carrying: found.ancestry, namer, isChange: false)
            : Descent(keys: found.ancestry.keys.suffix(Descent.maxKeys))
        let rewrite = try Rewrite(
            found.places, behind: descent, found.purged.entries, dependencies, progress)
        let next = try rewrite.header(following: header, last: found.last, master: master)
        let new = try NewFile(for: target, purpose: purpose, dependencies)
        let sum = try rewrite.write(
            next, from: &source, length: length, master: master, to: new.file)
        let written = try rewrite.verify(new.path, holds: sum, master: try master.copy())
        var secrets: UInt64 = 0
        written.forEachCurrent { _ in secrets += 1 }
        try new.publish(at: target) { storage, path throws(Errno) in
            try storage.renameWithoutReplacing(path, to: target)
        }
        return Report(
            secrets: secrets, versions: UInt64(written.versionCount), lost: found.lost,
            uncertainFrom: found.uncertainFrom, unknown: found.unknown)
    }
}

/// The search for authentic frames in a file of which any part may be damaged.
private struct Search {
    /// What was found.
    struct Result {
        var places: [FramePlace] = []
        var last: Replay.Position
        var lost: [Salvage.Lost] = []
        var uncertainFrom: UInt64?
        var unknown: UInt64 = 0
        var ancestry: Ancestry
        var purged = PurgeList()

        /// Whether each frame follows the one before, and a transaction ends where the content of the last rewrite does.
        var isChained = true
        var hasContent: Bool

        /// Whether nothing is missing.
        var isWhole: Bool {
            lost.isEmpty && uncertainFrom == nil && unknown == 0 && isChained && hasContent
        }

        /// Leaves out the versions that are listed as purged.
        mutating func leaveOutPurged(
            of vaultID: Bytes16, _ source: inout FrameReader, _ length: UInt64
        ) throws(VaultFileError) {
            if purged.isEmpty { return }
            defer { source.wipe() }
            var (kept, packed) = ([FramePlace](), [UInt8]())
            for place in places {
                let isPurged = try source.open(at: place.offset, length: length) {
                    _, plaintext throws(VaultFileError) in
                    let prefix = RecordPrefix(plaintext)
                    guard let kind = RecordKind(rawValue: prefix.kind),
                        prefix.unpackAddress(in: plaintext, into: &packed) != nil
                    else { return false }
                    let version = Version(
                        offset: place.offset, time: prefix.time, boxSize: place.boxSize, kind: kind)
                    return try purged.contains(packed.span, version, of: vaultID)
                }
                guard let isPurged else { throw .damaged(at: place.offset) }
                if !isPurged { kept.append(place) }
            }
            places = kept
        }
    }

    private let header: Header
    private let length: UInt64
    private let progress: ProgressHandler
    private var result: Result
    /// The transaction that the last frame belongs to, and whether its end was found.
    private var transaction: (start: UInt64, isWhole: Bool)?
    /// Where the transaction of the next frame should begin.
    private var expectedStart = Format.logStart
    /// The record with which that began, if it proves something.
    private var descent: Descent?

    private var bound = SearchBound()

    init(_ header: Header, _ length: UInt64, _ progress: ProgressHandler) {
        self.header = header
        self.length = length
        self.progress = progress
        result = Result(
            last: Replay.start(header), ancestry: Ancestry(header),
            hasContent: header.baseEnd == Format.logStart)
    }

    mutating func run(_ source: inout FrameReader) throws(VaultFileError) -> Result {
        var offset = Format.logStart
        var said = offset
        while offset < length {
            if let count = try source.scanner.frameSize(at: offset, length: length),
                bound.allows(count, at: offset), try take(offset, &source)
            {
                offset = result.last.end
            } else {
                offset += Format.alignment
            }
            guard offset > said + 1 << 20 else { continue }
            try progress.say(offset, of: length)
            offset = source.scanner.skippingHole(at: offset)
            said = offset
        }
        source.wipe()
        if result.last.end < length {
            result.lost.append(
                Salvage.Lost(offset: result.last.end, count: length - result.last.end, records: nil))
        }
        if length < header.baseEnd {
            result.lost.append(Salvage.Lost(offset: length, count: header.baseEnd - length, records: nil))
        }
        if let transaction, !transaction.isWhole { result.uncertainFrom = transaction.start }
        return result
    }

    /// Takes the frame at `offset`, if it is authentic and comes after those that were taken.
    private mutating func take(_ offset: UInt64, _ source: inout FrameReader) throws(VaultFileError) -> Bool {
        let (before, workBefore) = (result.last, source.work)
        var packed: [UInt8] = []
        var (carries, isUnknown) = (false, false)
        var (descent, purged): (Descent?, [Bytes16]) = (nil, [])
        let opened = try source.open(at: offset, length: length) {
            frame, plaintext throws(VaultFileError) -> (Replay.Position, RecordPrefix, Int)? in
            let prefix = RecordPrefix(plaintext)
            guard prefix.keepsRules(in: plaintext), prefix.seq > before.seq, prefix.transactionStart <= offset
            else { return nil }
            if RecordKind(rawValue: prefix.kind) != nil {
                guard prefix.unpackAddress(in: plaintext, into: &packed) != nil else { return nil }
                carries = true
            } else {
                let body = plaintext.extracting(Format.prefixSize..<Format.prefixSize + prefix.bodySize)
                switch prefix.kind {
                case RecordKind.descent:
                    descent = Descent(body)
                    if descent == nil || offset != prefix.transactionStart { return nil }
                case RecordKind.purged:
                    guard let entries = PurgeList.entries(body) else { return nil }
                    purged = entries
                case RecordKind.head:
                    if prefix.bodySize != CommitPoint.bodySize { return nil }
                default:
                    isUnknown = prefix.kind & RecordKind.ignorable == 0
                    carries = !isUnknown && prefix.kind & RecordKind.safeToCopy != 0
                }
            }
            return (frame.position(seq: prefix.seq), prefix, frame.boxSize)
        }
        guard case .some(.some((let position, let prefix, let boxSize))) = opened else {
            bound.waste(source.work - workBefore)
            return false
        }
        if offset > before.end {
            result.lost.append(
                Salvage.Lost(
                    offset: before.end, count: offset - before.end, records: prefix.seq - before.seq - 1))
        }
        if carries { result.places.append(FramePlace(offset: offset, boxSize: boxSize)) }
        if !before.isFollowed(by: prefix) || prefix.transactionStart != expectedStart
            || position.end - prefix.transactionStart > Format.maxTransaction
        {
            result.isChained = false
        }
        if isUnknown { result.unknown += 1 }
        result.purged.add(purged)
        if offset == prefix.transactionStart { self.descent = descent }
        if prefix.isCommit {
            result.ancestry.take(
                self.descent, tag: position.tag, isFirst: prefix.transactionStart == Format.logStart,
                isContent: position.end <= header.baseEnd)
            self.descent = nil
            expectedStart = position.end
            if position.end == header.baseEnd { result.hasContent = true }
        }
        result.last = position
        let isSame = transaction?.start == prefix.transactionStart
        transaction = (prefix.transactionStart, prefix.isCommit || isSame && transaction?.isWhole == true)
        return true
    }
}
