internal import Platform
internal import Sodium

/// Walks over all frames of a file, verifies each and fills the index.
package struct Replay: ~Copyable {
    /// The end of a committed transaction, and what the next frame must name.
    package struct Position: Equatable, Sendable {
        package var end: UInt64
        package var seq: UInt64
        package var tag: Bytes16
        /// The offset of the last frame; 0 if there is none.
        package var lastFrame: UInt64 = 0

        /// Returns whether a frame with this prefix comes next in the chain.
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

    /// The checkpoints of this generation that the file is expected to contain.
    private(set) var watched: [LastSeen] = []
    /// Those of ``watched`` that the walk has come by.
    private var met: [LastSeen] = []
    /// The changes and keys that the file proves to contain.
    private(set) var ancestry: Ancestry
    /// The versions that were purged and that no merge may bring back, in the order of the file.
    private(set) var purged = PurgeList()
    /// The offsets of the versions on the purge list, which no history shows.
    private(set) var hidden: Set<UInt64> = []
    /// How many entries all purge records have, including repeated and uncommitted ones.
    private(set) var listedCount = 0
    /// True if the purge list has grown since ``hidden`` was computed.
    private var isListNew = false
    /// The records of unknown kinds that a rewrite carries over.
    private(set) var extras: [FramePlace] = []

    /// Sums up the records as they are read, if set.
    var sum: ContentSum?

    private let header: Header
    /// Cancels the walk, if set.
    var cancellation: Cancellation?
    private var reader: FrameReader
    /// The versions of every committed transaction so far.
    private(set) var index = Index()
    /// The end of the last committed transaction.
    private(set) var committed: Position
    /// True once a transaction has ended where the header says that the content of the last rewrite ends.
    private var metBaseEnd: Bool
    /// How many committed records are neither values nor tombstones.
    private(set) var skipped = 0

    /// The effects of the records since the last commit, except for those on the index.
    private struct Staged {
        var skips = 0
        var descent: Descent?
        var purges: [[Bytes16]] = []
        var hidden: [UInt64] = []
        var extras: [FramePlace] = []
    }

    private var staged = Staged()
    /// The address of the record at hand; kept to reuse its memory.
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

    /// The position before the first frame of a file with this header.
    package static func start(_ header: Header) -> Position {
        Position(end: Format.logStart, seq: header.baseSeq, tag: header.macTag)
    }

    /// Notes from now on which of these checkpoints the file contains.
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

    /// Returns whether the last commit is the one that a checkpoint names.
    private func isAtCommit(_ point: LastSeen) -> Bool {
        point.isOf(header) && point.tag == committed.tag
    }

    /// Returns whether the file contains a checkpoint of this generation that was watched for.
    func hasMet(_ point: LastSeen) -> Bool {
        if point.end == Format.logStart { return point.isAtStart(of: header) }
        return met.contains(point) || point.end == committed.end && isAtCommit(point)
    }

    /// Replays from the last commit to the end of the file.
    ///
    /// - Parameters:
    ///   - length: the length of the file in bytes.
    ///   - skippingSearch: true to skip the search for later transactions after an unfinished tail, which would prove damage.
    /// - Returns: the offset at which an unfinished tail begins, or nil if the file ends with a commit.
    /// - Throws: ``VaultFileError/damaged(at:)``, ``VaultFileError/unsupported(_:)``,
    ///   ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/cancelled``. Transactions before the
    ///   defect have taken effect then.
    mutating func run(to length: UInt64, skippingSearch: Bool = false) throws(VaultFileError) -> UInt64? {
        reader.forget()
        reader.readAhead(from: committed.end, to: length)
        if length > committed.end { index.reserve(forFrames: length - committed.end) }
        defer { reader.wipe() }
        let stop: UInt64
        do throws(VaultFileError) {
            stop = try replay(to: length)
        } catch {
            try? orderHistories()
            throw error
        }
        try orderHistories()
        if !metBaseEnd { throw .damaged(at: stop) }
        if committed.end == length { return nil }
        if length - committed.end > Format.maxTransaction { throw .damaged(at: stop) }
        if !skippingSearch { try scanForLaterTransaction(after: stop, to: length) }
        return committed.end
    }

    /// Calls `body` with the value of a version.
    ///
    /// - Parameter isNear: true to use bytes that were read since the last replay; false to read the frame now.
    /// - Throws: ``VaultFileError/damaged(at:)`` if the frame has changed since it was replayed.
    mutating func withValue<R>(
        of version: Version, address: Span<UInt8>, isNear: Bool,
        _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        if !isNear { reader.forget() }
        return try reader.withValue(of: version, address: address, before: committed.end, body)
    }

    /// Returns the time of the newest version of a secret, including deletions and uncommitted versions.
    mutating func newestTime(of address: Span<UInt8>) -> UInt64? {
        guard let place = index.find(address) else { return nil }
        return [histories.newest(at: place)?.time, index.latestTime(at: place)].compactMap(\.self).max()
    }

    /// True if some versions are not in the order of their histories yet, since a purged version of their secret is newer.
    var hasLate: Bool { index.hasLate }

    /// Adds a version that this process is about to append and that is newer than any other of its secret.
    mutating func add(_ version: Version, at address: Span<UInt8>) { index.insert(version, address: address) }

    /// How many bytes checksums and tags were computed over so far.
    var work: Int { reader.work }

    /// Discards cached bytes of the file, because it is being changed.
    mutating func forget() { reader.forget() }

    /// How many versions were added since the last commit.
    var uncommittedCount: Int { index.uncommittedCount }

    /// Removes all but the first `count` of the uncommitted versions.
    mutating func rollBack(to count: Int) { index.rollBack(to: count) }

    /// Replays up to the end of the file, or to the first place where no valid frame continues the chain, and returns that offset.
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

    /// Opens the frame after `last` and stages its record.
    ///
    /// - Returns: whether the frame commits its transaction, or nil if there is no frame that continues the chain.
    private mutating func step(
        _ last: inout Position, _ transactionStart: UInt64, _ length: UInt64
    ) throws(VaultFileError) -> Bool? {
        let before = last
        var packed: [UInt8] = []
        swap(&packed, &self.packed)
        defer { swap(&packed, &self.packed) }
        let opened = try reader.open(at: before.end, length: length) {
            frame, plaintext throws(VaultFileError) -> (RecordPrefix, RecordBody, Position, FramePlace)? in
            let prefix = RecordPrefix(plaintext)
            guard before.isFollowed(by: prefix), prefix.transactionStart == transactionStart else {
                return nil
            }
            guard let body = RecordBody(prefix, in: plaintext, address: &packed) else {
                throw .damaged(at: before.end)
            }
            sum?.add(plaintext)
            let place = FramePlace(offset: before.end, boxSize: frame.boxSize)
            return (prefix, body, frame.position(seq: prefix.seq), place)
        }
        guard case .some(.some((let prefix, let body, let position, let place))) = opened else { return nil }
        if case .version(let kind, _) = body {
            let version = Version(
                offset: before.end, time: prefix.time, boxSize: place.boxSize, kind: kind)
            if !isListNew, try purged.contains(packed.span, version, of: header.vaultID) {
                staged.hidden.append(version.offset)
            }
            index.insert(version, address: packed.span)
        } else {
            try stage(body, at: place, isFirst: before.end == transactionStart, kind: prefix.kind)
        }
        last = position
        return prefix.isCommit
    }

    /// Stages a record that is not a version.
    private mutating func stage(
        _ body: RecordBody, at place: FramePlace, isFirst: Bool, kind: UInt8
    ) throws(VaultFileError) {
        switch body {
        case .descent(let descent):
            guard isFirst else { throw .damaged(at: place.offset) }
            staged.descent = descent
        case .purged(let entries):
            guard listedCount + entries.count <= PurgeList.maxTotal else { throw .damaged(at: place.offset) }
            staged.purges.append(entries)
            listedCount += entries.count
        case .unknown(let isCarried): if isCarried { staged.extras.append(place) }
        case .unsupported: throw .unsupported(.record(kind: kind))
        case .version, .head: break
        }
        staged.skips += 1
    }

    /// Lets everything that was staged take effect, up to the end of its transaction.
    mutating func commit(_ position: Position) {
        index.commit()
        skipped += staged.skips
        extras += staged.extras
        for entries in staged.purges where purged.add(entries) { isListNew = true }
        hidden.formUnion(staged.hidden)
        ancestry.take(
            staged.descent, tag: position.tag, isFirst: committed.end == Format.logStart,
            isContent: position.end <= header.baseEnd)
        committed = position
        meet()
        staged = Staged()
    }

    /// Discards everything that was staged since the last commit.
    mutating func rollBack() {
        index.rollBack()
        listedCount -= staged.purges.reduce(0) { $0 + $1.count }
        staged = Staged()
    }

    /// Sorts histories whose versions were not written in the order of their times, then hides purged versions.
    ///
    /// If it throws, the next call does the work.
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

    /// The history of every secret, without purged versions.
    var histories: Histories { Histories(index: index, hidden: hidden) }

    /// Searches for a frame of a later transaction, which proves that the replay was stopped by damage: section 7.
    private mutating func scanForLaterTransaction(
        after stop: UInt64, to length: UInt64
    ) throws(VaultFileError) {
        var offset = stop + Format.alignment
        let before = reader.work
        while offset < length, !reader.scanner.isCut(at: offset) {
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
