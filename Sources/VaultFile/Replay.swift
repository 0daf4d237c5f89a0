internal import Platform
internal import Sodium

/// The walk over all frames from a commit to the end of the file, which verifies each and fills the index.
package struct Replay: ~Copyable {
    /// The end of a committed transaction, and what the next frame must name.
    package struct Position: Equatable, Sendable {
        package var end: UInt64
        package var seq: UInt64
        package var tag: Bytes16
        /// The offset of the last frame; 0 if there is none.
        package var lastFrame: UInt64 = 0

        /// Whether a frame with this prefix comes next in the chain.
        package func isFollowed(by prefix: RecordPrefix) -> Bool {
            seq < .max && prefix.seq == seq + 1 && prefix.previousTag == tag
        }

        /// Makes sure that there are numbers for so many more frames.
        ///
        /// - Throws: ``VaultFileError/numbersExhausted`` if not: only a forged `base_seq` comes near the last of them.
        package func checkRoom(forFrames count: Int) throws(VaultFileError) {
            if UInt64.max - seq < UInt64(count) { throw .numbersExhausted }
        }
    }

    /// Points in this generation that the file is expected to have reached, and those that were met on the way.
    private(set) var watched: [LastSeen] = []
    private var met: [LastSeen] = []
    /// What the file proves to contain.
    private(set) var ancestry: Ancestry
    /// What was purged and must not come back, in the order of the file.
    private(set) var purged = PurgeList()
    /// The offsets of the versions that are listed there, and so in no history.
    private(set) var hidden: Set<UInt64> = []
    /// How many entries all its records have, repeated ones too, and those that wait for their commit.
    private(set) var listedCount = 0
    /// Whether the list has grown since all versions were held against it.
    private var isListNew = false
    /// The records of unknown kinds that a rewrite copies without knowing them.
    private(set) var extras: [FramePlace] = []

    /// The sum of the records that were found in place, if somebody wants it.
    var sum: ContentSum?

    private let header: Header
    /// Ends the walk where it is; nil if nobody will.
    var cancellation: Cancellation?
    private var reader: FrameReader
    /// What took effect so far.
    private(set) var index = Index()
    /// The last commit.
    private(set) var committed: Position
    /// Whether a transaction ended where the content of the last rewrite does.
    private var metBaseEnd: Bool
    /// How many committed records were skipped that are neither values nor tombstones.
    private(set) var skipped = 0

    private var stagedSkips = 0
    private var stagedDescent: Descent?
    private var stagedPurges: [[Bytes16]] = []
    private var stagedHidden: [UInt64] = []
    private var stagedExtras: [FramePlace] = []
    private var packed: [UInt8] = []

    init(
        _ file: any StorageFile, header: Header, frameKey: consuming Key,
        cancellation: Cancellation? = nil
    ) throws(VaultFileError) {
        self.header = header
        self.cancellation = cancellation
        reader = try FrameReader(file, key: frameKey)
        committed = Replay.start(header)
        ancestry = Ancestry(header)
        metBaseEnd = header.baseEnd == committed.end
    }

    /// Before the first frame of a file.
    package static func start(_ header: Header) -> Position {
        Position(end: Format.logStart, seq: header.baseSeq, tag: header.macTag)
    }

    /// Looks out for points from now on.
    mutating func watch(for points: [LastSeen]) {
        met.removeAll { !points.contains($0) }
        watched = points
        meet()
    }

    private mutating func meet() {
        if committed.end == header.baseEnd { metBaseEnd = true }
        for point in watched where point.end == committed.end && isAtCommit(point) && !met.contains(point) {
            met.append(point)
        }
    }

    /// Whether the last commit is the one that a point names.
    ///
    /// The position before the first frame is that of every file with the same header.
    private func isAtCommit(_ point: LastSeen) -> Bool {
        point.isOf(header) && point.tag == committed.tag
    }

    /// Whether the file has reached a point of this generation, as far as that was looked out for.
    func hasMet(_ point: LastSeen) -> Bool {
        if point.end == Format.logStart { return point.isAtStart(of: header) }
        return met.contains(point) || point.end == committed.end && isAtCommit(point)
    }

    /// Goes on from the last commit to `length`, the file's present end.
    ///
    /// - Parameters:
    ///   - length: where the file ends.
    ///   - isGlance: whether what follows the last commit is only said to be there, and not searched for a proof of damage.
    /// - Returns: where an unfinished tail begins, or nil if the file is whole.
    /// - Throws: ``VaultFileError/damaged(at:)``, ``VaultFileError/unsupported(_:)``,
    ///   ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``. Transactions before the defect have
    ///   taken effect then.
    mutating func run(to length: UInt64, isGlance: Bool = false) throws(VaultFileError) -> UInt64? {
        reader.forget()
        if length > committed.end { index.reserve(forFrames: length - committed.end) }
        defer { reader.wipe() }
        let stop: UInt64
        do throws(VaultFileError) {
            stop = try replay(to: length)
        } catch {
            // What lies before a defect has taken effect.
            try? orderHistories()
            throw error
        }
        try orderHistories()
        if !metBaseEnd { throw .damaged(at: stop) }
        if committed.end == length { return nil }
        if length - committed.end > Format.maxTransaction { throw .damaged(at: stop) }
        if !isGlance { try scanForLaterTransaction(after: stop, to: length) }
        return committed.end
    }

    /// Lends the value of a version.
    ///
    /// - Parameter isNear: whether it may be one that was read with others since the last replay; else it is read now.
    /// - Throws: ``VaultFileError/damaged(at:)`` if the frame is no longer what replay saw.
    mutating func withValue<R>(
        of version: Version, address: Span<UInt8>, isNear: Bool,
        _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        if !isNear { reader.forget() }
        return try reader.withValue(of: version, address: address, before: committed.end, body)
    }

    /// The time of the newest version in the history of a name, deleted or not, one that waits for its commit too.
    mutating func newestTime(of address: Span<UInt8>) -> UInt64? {
        guard let place = index.find(address) else { return nil }
        return [histories.newest(at: place)?.time, index.latestTime(at: place)].compactMap(\.self).max()
    }

    /// Whether versions wait for their places, since a purged one of their name is newer.
    var hasLate: Bool { index.hasLate }

    /// Takes in a version that this process is about to append, and that is newer than any of its name.
    mutating func add(_ version: Version, at address: Span<UInt8>) { index.insert(version, address: address) }

    /// How many bytes checksums and tags were computed of so far.
    var work: Int { reader.work }

    /// Forgets bytes that were read, because the file is changed.
    mutating func forget() { reader.forget() }

    /// How many versions wait for their commit.
    var uncommittedCount: Int { index.uncommittedCount }

    /// Takes back all but the first `count` of the versions that wait.
    mutating func rollBack(to count: Int) { index.rollBack(to: count) }

    /// Walks to the first frame that is not in place, or to the end; returns where that is.
    private mutating func replay(to length: UInt64) throws(VaultFileError) -> UInt64 {
        defer { rollBack() }
        var last = committed
        var transactionStart = committed.end
        while last.end < length {
            try cancellation?.check()
            let start = last.end
            guard let commits = try step(&last, transactionStart, length) else { return start }
            guard last.end - transactionStart <= Format.maxTransaction else { throw .damaged(at: start) }
            guard commits else { continue }
            commit(last)
            transactionStart = last.end
        }
        return last.end
    }

    /// Opens the frame behind `last` and stages its record.
    ///
    /// - Returns: whether the frame commits, or nil if none is in place there.
    private mutating func step(
        _ last: inout Position, _ transactionStart: UInt64, _ length: UInt64
    ) throws(VaultFileError) -> Bool? {
        let before = last
        var record: (kind: RecordKind, time: UInt64)?
        var (descent, purged, isCarried) = (Descent?.none, [Bytes16]?.none, false)
        var packed: [UInt8] = []
        swap(&packed, &self.packed)
        defer { swap(&packed, &self.packed) }
        let opened = try reader.open(at: before.end, length: length) {
            frame, plaintext throws(VaultFileError) -> (Position, Int, Bool)? in
            let prefix = RecordPrefix(plaintext)
            guard before.isFollowed(by: prefix), prefix.transactionStart == transactionStart else {
                return nil
            }
            guard prefix.keepsRules(in: plaintext) else { throw .damaged(at: before.end) }
            sum?.add(plaintext)
            if let kind = RecordKind(rawValue: prefix.kind) {
                guard prefix.unpackAddress(in: plaintext, into: &packed) != nil else {
                    throw .damaged(at: before.end)
                }
                record = (kind, prefix.time)
            } else if prefix.kind & RecordKind.ignorable == 0 {
                throw .unsupported(.record(kind: prefix.kind))
            } else {
                let body = plaintext.extracting(Format.prefixSize..<Format.prefixSize + prefix.bodySize)
                switch prefix.kind {
                case RecordKind.descent:
                    descent = Descent(body)
                    if descent == nil || before.end != transactionStart { throw .damaged(at: before.end) }
                case RecordKind.purged:
                    purged = PurgeList.entries(body)
                    guard let count = purged?.count, listedCount + count <= PurgeList.maxTotal else {
                        throw .damaged(at: before.end)
                    }
                case RecordKind.head:
                    if prefix.bodySize != CommitPoint.bodySize { throw .damaged(at: before.end) }
                default:
                    isCarried = prefix.kind & RecordKind.safeToCopy != 0
                }
            }
            return (
                frame.position(seq: prefix.seq), frame.boxSize, prefix.isCommit
            )
        }
        guard case .some(.some((let position, let boxSize, let isCommit))) = opened else { return nil }
        if let record {
            let version = Version(
                offset: before.end, time: record.time, boxSize: boxSize, kind: record.kind)
            if !isListNew, try self.purged.contains(packed.span, version, of: header.vaultID) {
                stagedHidden.append(version.offset)
            }
            index.insert(version, address: packed.span)
        } else {
            stagedSkips += 1
            if let descent { stagedDescent = descent }
            if let purged {
                stagedPurges.append(purged)
                listedCount += purged.count
            }
            if isCarried { stagedExtras.append(FramePlace(offset: before.end, boxSize: boxSize)) }
        }
        last = position
        return isCommit
    }

    /// Lets what was found or added take effect, up to the end of its transaction.
    mutating func commit(_ position: Position) {
        index.commit()
        skipped += stagedSkips
        extras += stagedExtras
        for entries in stagedPurges where purged.add(entries) { isListNew = true }
        stagedPurges.removeAll()
        if !stagedHidden.isEmpty { hidden.formUnion(stagedHidden) }
        ancestry.take(
            stagedDescent, tag: position.tag, isFirst: committed.end == Format.logStart,
            isContent: position.end <= header.baseEnd)
        committed = position
        meet()
        rollBack()
    }

    /// Takes back what was found or added since the last commit.
    mutating func rollBack() {
        index.rollBack()
        stagedSkips = 0
        stagedDescent = nil
        listedCount -= stagedPurges.reduce(0) { $0 + $1.count }
        stagedPurges.removeAll()
        stagedHidden.removeAll()
        stagedExtras.removeAll()
    }

    /// Puts versions in their places that were not found from old to new, then hides those that are listed as purged.
    ///
    /// What fails is done the next time.
    private mutating func orderHistories() throws(VaultFileError) {
        if index.hasLate {
            let order = index.order()
            let values = ValueOrder(order.ties, of: index, before: committed.end)
            index.link(order, try values.sorted(order.tied, &reader))
        }
        if isListNew { try hideListed() }
    }

    private mutating func hideListed() throws(VaultFileError) {
        var listed: Set<UInt64> = []
        for place in 0..<index.count {
            try index.withAddress(at: place) { address throws(VaultFileError) in
                var next: Version? = index.newest(at: place)
                while let version = next {
                    if try purged.contains(address, version, of: header.vaultID) {
                        listed.insert(version.offset)
                    }
                    next = index.older(than: version)
                }
            }
        }
        hidden = listed
        isListNew = false
    }

    /// The versions that count, of every name.
    var histories: Histories { Histories(index: index, hidden: hidden) }

    /// Looks for a frame of a later transaction, which proves that what stopped the replay is damage: section
    /// 7.
    private mutating func scanForLaterTransaction(after stop: UInt64, to length: UInt64)
        throws(VaultFileError)
    {
        var offset = stop + Format.alignment
        let before = reader.work
        while offset < length {
            try cancellation?.check()
            if try reader.scanner.frameSize(at: offset, length: length) != nil {
                let start = try reader.open(at: offset, length: length) { RecordPrefix($1).transactionStart }
                if let start, start > stop { throw .damaged(at: stop) }
                if reader.work - before > Format.searchBudget { throw .damaged(at: stop) }
            }
            offset += Format.alignment
        }
    }
}
