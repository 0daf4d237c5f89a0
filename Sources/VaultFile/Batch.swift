internal import Sodium

/// A transaction that joins the changes of several callers, for one write.
///
/// Two transactions in one write could reach the disk in either order, and the second without the first would
/// be damage to a reader: vault-format.md, section 8. The last frame, which commits, is sealed only when no
/// more changes follow.
public struct Batch: ~Copyable {
    private let log: Log
    private var sealer: FrameSealer
    private let start: Replay.Position
    /// The sealed frames.
    private(set) var frames: [UInt8] = []
    private var framesSize: UInt64 = 0
    private var frameCount = 0
    /// True if there are records of other files, which replay has to read back.
    private(set) var hasCarried = false

    /// Begins a transaction after the last commit of `log`.
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

    /// Adds the changes of a transaction.
    ///
    /// On an error the batch is unchanged.
    ///
    /// - Returns: false if the batch would become too large; any transaction fits into an empty batch.
    /// - Throws: ``VaultFileError/changedMeanwhile``, ``VaultFileError/timeExhausted``, ``VaultFileError/outOfMemory``.
    public mutating func add(_ transaction: borrowing Transaction) throws(VaultFileError) -> Bool {
        guard framesSize + transaction.framesSize <= Format.maxTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + transaction.count)
        for condition in transaction.conditions
        where log.newestVersion(of: condition.address) != condition.newest { throw .changedMeanwhile }
        let before = log.replay.uncommittedCount
        let times: [UInt64]
        do throws(VaultFileError) {
            times = try stamp(transaction)
            let longestBody = transaction.changes.lazy.map(\.bodySize).max() ?? 0
            try sealer.reserve(
                longest: Format.bucket(Format.prefixSize + longestBody),
                total: Int(framesSize + transaction.framesSize))
        } catch {
            log.replay.rollBack(to: before)
            throw error
        }
        framesSize += transaction.framesSize
        frameCount += transaction.count
        frames.reserveCapacity(Int(framesSize))
        for (change, time) in zip(transaction.changes, times) {
            let prefix = RecordPrefix(
                kind: change.kind.rawValue, bodySize: change.bodySize, seq: sealer.nextSeq,
                transactionStart: start.end, time: time)
            sealer.add(Format.bucket(Format.prefixSize + change.bodySize), to: &frames) {
                transaction.write(change, prefix, into: &$0)
            }
        }
        return true
    }

    /// True if nothing was added.
    var isEmpty: Bool { frameCount == 0 }

    /// Adds a record of another file, and keeps its time.
    ///
    /// - Parameter content: a plaintext that keeps the rules of the format; its fields for the chain of
    ///   frames are replaced.
    /// - Returns: false if the batch would become too large; it is then unchanged.
    /// - Throws: ``VaultFileError/outOfMemory``; the batch is then unchanged.
    package mutating func carry(_ content: Span<UInt8>) throws(VaultFileError) -> Bool {
        let more = UInt64(Format.frameOverhead + content.count + SecretBox.tagSize)
        guard framesSize + more <= Format.maxTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + 1)
        try sealer.reserve(longest: content.count, total: Int(framesSize + more))
        var prefix = RecordPrefix(content)
        prefix.seq = sealer.nextSeq
        prefix.previousTag = .zero
        prefix.transactionStart = start.end
        sealer.add(content.count, to: &frames) { bytes in
            bytes.copy(from: content, at: 0)
            prefix.store(into: &bytes)
        }
        framesSize += more
        frameCount += 1
        hasCarried = true
        return true
    }

    /// Adds a descent record, which must be the first record of the batch.
    ///
    /// - Returns: as ``carry(_:)``.
    package mutating func add(_ descent: Descent) throws(VaultFileError) -> Bool {
        precondition(isEmpty)
        let content = RecordPrefix.plaintext(of: descent, time: log.dependencies.now())
        return try carry(content.span)
    }

    /// Adds purges of another copy, at most ``PurgeList/maxEntries``.
    ///
    /// - Returns: as ``carry(_:)``.
    package mutating func add(purged entries: [Bytes16]) throws(VaultFileError) -> Bool {
        precondition(entries.count <= PurgeList.maxEntries)
        for content in RecordPrefix.plaintexts(ofPurged: entries, time: log.dependencies.now()) {
            guard try carry(content.span) else { return false }
        }
        return true
    }

    /// Chooses the time of each change: now, but later than any version of the name, purged ones included.
    ///
    /// The changes are added to the index, uncommitted.
    private mutating func stamp(_ transaction: borrowing Transaction) throws(VaultFileError) -> [UInt64] {
        let now = min(log.dependencies.now(), Format.maxTime)
        var times: [UInt64] = []
        times.reserveCapacity(transaction.count)
        var offset = start.end + framesSize
        for change in transaction.changes {
            let address = change.address.packed
            let time = max(now, log.replay.newestTime(of: address.span).map { $0 + 1 } ?? 0)
            let frameSize = Format.frameSize(bodySize: change.bodySize)
            var version = Version(
                offset: offset, time: time, boxSize: frameSize - Format.frameOverhead, kind: change.kind)
            // A version with the entry of a purged one would be hidden with it.
            while try log.purged.contains(address.span, version, of: log.header.vaultID) { version.time += 1 }
            guard version.time <= Format.maxTime else { throw .timeExhausted }
            log.replay.add(version, at: address.span)
            offset += UInt64(frameSize)
            times.append(version.time)
        }
        return times
    }

    /// Seals the last frames, and sets the commit flag of the last one.
    ///
    /// - Returns: the position after the batch.
    mutating func finish() -> Replay.Position {
        sealer.commit(to: &frames)
        return sealer.position
    }
}

extension RecordPrefix {
    /// Returns the plaintext of a record that is not yet in a transaction, up to the end of its bucket.
    ///
    /// - Parameter fill: writes the body after the prefix.
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

    /// Returns the plaintexts of the records that list `entries`.
    package static func plaintexts(ofPurged entries: some Collection<Bytes16>, time: UInt64) -> [[UInt8]] {
        stride(from: 0, to: entries.count, by: PurgeList.maxEntries).map { start in
            let body = entries.dropFirst(start).prefix(PurgeList.maxEntries).flatMap(\.bytes)
            return plaintext(kind: RecordBody.purgedKind, bodySize: body.count, time: time) {
                $0.copy(from: body.span, at: Format.prefixSize)
            }
        }
    }

    /// Returns the plaintext of a descent record.
    package static func plaintext(of descent: Descent, time: UInt64) -> [UInt8] {
        plaintext(kind: RecordBody.descentKind, bodySize: descent.size, time: time) {
            descent.store(into: &$0, at: Format.prefixSize)
        }
    }
}
