internal import Sodium

/// The one transaction that a write consists of, put together from the changes of several that asked for it.
///
/// It is one because two in one write could reach the disk in either order, and the second without the first is damage to a
/// reader: vault-format.md, section 8. So its last frame is sealed only when it is known to be the last.
public struct Batch: ~Copyable {
    private let log: Log
    private var sealer: FrameSealer
    private let start: Replay.Position
    /// The frames that are sealed.
    private(set) var frames: [UInt8] = []
    private var frameBytes: UInt64 = 0
    private var frameCount = 0
    /// Whether there are records among them that are taken in by reading them back.
    private(set) var hasCarried = false

    /// What follows the last commit of `log`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(_ log: Log) throws(VaultFileError) {
        let salt = try log.dependencies.entropy.salt()
        let start = log.replay.committed
        var sealer = try log.takeSealer()
        sealer.begin(after: start, salt: salt)
        self.log = log
        self.start = start
        self.sealer = sealer
    }

    deinit {
        var sealer = consume sealer
        sealer.wipe()
        log.sealer = consume sealer
    }

    /// Adds the changes of a transaction behind those that were added before.
    ///
    /// On an error the batch is as it was.
    ///
    /// - Returns: false if there is no room for it beside the others; an empty batch has room for any.
    /// - Throws: ``VaultFileError/timeExhausted``, ``VaultFileError/outOfMemory``.
    public mutating func add(_ transaction: borrowing Transaction) throws(VaultFileError) -> Bool {
        guard frameBytes + transaction.frameBytes <= Format.maxTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + transaction.count)
        let before = log.replay.uncommittedCount
        let times: [UInt64]
        do throws(VaultFileError) {
            times = try stamp(transaction)
            try sealer.reserve(
                longest: transaction.changes.lazy.map { Format.bucket(Format.prefixSize + $0.bodySize) }
                    .max()
                    ?? 0,
                total: Int(frameBytes + transaction.frameBytes))
        } catch {
            log.replay.rollBack(to: before)
            throw error
        }
        frameBytes += transaction.frameBytes
        frameCount += transaction.count
        frames.reserveCapacity(Int(frameBytes))
        for (change, time) in zip(transaction.changes, times) { stage(change, of: transaction, time) }
        return true
    }

    /// Whether nothing was added.
    var isEmpty: Bool { frameCount == 0 }

    /// Adds a record of another file, with its time, behind what was added before.
    ///
    /// - Parameter content: a plaintext that keeps the rules of the format; where it stands in the history is replaced.
    /// - Returns: false if there is no room for it beside the others; the batch is as it was then.
    /// - Throws: ``VaultFileError/outOfMemory``; the batch is as it was then.
    package mutating func carry(_ content: Span<UInt8>) throws(VaultFileError) -> Bool {
        let more = UInt64(Format.frameOverhead + content.count + SecretBox.tagSize)
        guard frameBytes + more <= Format.maxTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + 1)
        try sealer.reserve(longest: content.count, total: Int(frameBytes + more))
        var prefix = RecordPrefix(content)
        prefix.isCommit = false
        prefix.seq = sealer.nextSeq
        prefix.previousTag = .zero
        prefix.transactionStart = start.end
        sealer.add(content.count, to: &frames) { bytes in
            bytes.copy(from: content, at: 0)
            prefix.store(into: &bytes)
        }
        frameBytes += more
        frameCount += 1
        hasCarried = true
        return true
    }

    /// Adds what the file proves to contain with the batch, which must be its first record.
    ///
    /// - Returns: as ``carry(_:)``.
    package mutating func add(_ descent: Descent) throws(VaultFileError) -> Bool {
        precondition(isEmpty)
        let content = RecordPrefix.plaintext(of: descent, time: log.dependencies.now())
        return try carry(content.span)
    }

    /// Adds what was purged from another copy, and must not come back here: as many entries as one record has, at most.
    ///
    /// - Returns: as ``carry(_:)``.
    package mutating func add(purged entries: [Bytes16]) throws(VaultFileError) -> Bool {
        precondition(entries.count <= PurgeList.maxEntries)
        for content in RecordPrefix.plaintexts(ofPurged: entries, time: log.dependencies.now()) {
            guard try carry(content.span) else { return false }
        }
        return true
    }

    /// The time of each change: now, but later than any version of the same name, and none that was purged.
    ///
    /// Each is in the index from then on, until the batch is committed or rolled back.
    private mutating func stamp(_ transaction: borrowing Transaction) throws(VaultFileError) -> [UInt64] {
        let now = min(log.dependencies.now(), Format.maxTime)
        var times: [UInt64] = []
        times.reserveCapacity(transaction.count)
        var offset = start.end + frameBytes
        for change in transaction.changes {
            let address = change.address.packed
            let time = max(now, log.replay.newestTime(of: address.span).map { $0 + 1 } ?? 0)
            let frameSize = Format.frameSize(bodySize: change.bodySize)
            var version = Version(
                offset: offset, time: time, boxSize: frameSize - Format.frameOverhead, kind: change.kind)
            // What is named like a version that was purged would go with it.
            while try log.purged.contains(address.span, version, of: log.header.vaultID) { version.time += 1 }
            guard version.time <= Format.maxTime else { throw .timeExhausted }
            log.replay.add(version, at: address.span)
            offset += UInt64(frameSize)
            times.append(version.time)
        }
        return times
    }

    private mutating func stage(
        _ change: Transaction.Change, of transaction: borrowing Transaction, _ time: UInt64
    ) {
        var prefix = RecordPrefix(kind: change.kind.rawValue, bodySize: change.bodySize, time: time)
        prefix.seq = sealer.nextSeq
        prefix.transactionStart = start.end
        let placed = prefix
        sealer.add(Format.bucket(Format.prefixSize + change.bodySize), to: &frames) {
            transaction.write(change, placed, into: &$0)
        }
    }

    /// Seals what waits, the last frame with COMMIT.
    ///
    /// - Returns: the position behind it.
    mutating func finish() -> Replay.Position {
        sealer.commit(to: &frames)
        return sealer.position
    }
}

extension RecordPrefix {
    /// The plaintext of a record that no transaction has yet, up to the end of its bucket.
    ///
    /// - Parameter fill: writes the body behind the prefix.
    package static func plaintext(
        kind: UInt8, bodySize: Int, time: UInt64, _ fill: (inout MutableSpan<UInt8>) -> Void
    ) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: Format.bucket(Format.prefixSize + bodySize))
        let prefix = RecordPrefix(kind: kind, bodySize: bodySize, time: min(time, Format.maxTime))
        var span = content.mutableSpan
        prefix.store(into: &span)
        fill(&span)
        return content
    }

    /// The plaintexts of as many records as it takes to list what was purged.
    package static func plaintexts(ofPurged entries: some Collection<Bytes16>, time: UInt64) -> [[UInt8]] {
        PurgeList.bodies(entries).map { body in
            plaintext(kind: RecordBody.purgedKind, bodySize: body.count, time: time) {
                $0.copy(from: body.span, at: Format.prefixSize)
            }
        }
    }

    /// The plaintext of a proof of descent.
    package static func plaintext(of descent: Descent, time: UInt64) -> [UInt8] {
        plaintext(kind: RecordBody.descentKind, bodySize: descent.size, time: time) {
            descent.store(into: &$0, at: Format.prefixSize)
        }
    }
}
