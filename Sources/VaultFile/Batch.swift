internal import Sodium

/// The one transaction that a write consists of, put together from the changes of several that asked for it.
///
/// It is one because two in one write could reach the disk in either order, and the second without the first is damage to a
/// reader: vault-format.md, section 8. So its last frame is sealed only when it is known to be the last.
public struct Batch: ~Copyable {
    private let log: Log
    private let start: Replay.Position
    /// The length of the last change's plaintext, which waits for another one or for COMMIT; 0 if there is none.
    private var plaintextCount = 0
    /// The frames that are sealed.
    private(set) var frames: [UInt8] = []
    private var frameBytes: UInt64 = 0
    private var frameCount = 0
    /// Whether there are records of another file among them, which are taken in by reading them back.
    private(set) var hasCarried = false

    /// What follows the last commit of `log`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(_ log: Log) throws(VaultFileError) {
        self.log = log
        start = log.replay.committed
        log.sealer.begin(after: start, salt: try log.surroundings.entropy.salt())
    }

    /// Adds the changes of a transaction behind those that were added before.
    ///
    /// On an error the batch is as it was.
    ///
    /// - Returns: false if there is no room for it beside the others; an empty batch has room for any.
    /// - Throws: ``VaultFileError/timeExhausted``, ``VaultFileError/outOfMemory``.
    public mutating func add(_ transaction: borrowing Transaction) throws(VaultFileError) -> Bool {
        guard frameBytes + transaction.frameBytes <= Format.mostTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + transaction.count)
        let before = log.replay.uncommittedCount
        let times: [UInt64]
        do throws(VaultFileError) {
            times = try stamp(transaction)
            try log.sealer.reserve(
                transaction.changes.lazy.map { Format.bucket(Format.prefixCount + $0.bodyCount) }.max() ?? 0)
        } catch {
            log.replay.rollBack(to: before)
            throw error
        }
        frameBytes += transaction.frameBytes
        frameCount += transaction.count
        frames.reserveCapacity(Int(frameBytes))
        for (change, time) in zip(transaction.changes, times) {
            seal()
            stage(change, of: transaction, time)
        }
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
        let more = UInt64(Format.frameOverhead + content.count + SecretBox.tagCount)
        guard frameBytes + more <= Format.mostTransaction else { return false }
        try start.checkRoom(forFrames: frameCount + 1)
        try log.sealer.reserve(content.count)
        seal()
        plaintextCount = content.count
        var prefix = RecordPrefix(content)
        prefix.isCommit = false
        prefix.seq = log.sealer.position.seq + 1
        prefix.previousTag = log.sealer.position.tag
        prefix.transactionStart = start.end
        log.sealer.withPlaintext { bytes in
            bytes.copy(from: content, at: 0)
            prefix.store(into: &bytes)
        }
        frameBytes += more
        frameCount += 1
        hasCarried = true
        return true
    }

    /// Adds the head of another copy, whose history is in this file with the batch.
    ///
    /// - Returns: as ``carry(_:)``.
    package mutating func add(head: Mark) throws(VaultFileError) -> Bool {
        var content = [UInt8](repeating: 0, count: Format.bucket(Format.prefixCount + Mark.bodyCount))
        let prefix = RecordPrefix(
            kind: RecordKind.head, isCommit: false, bodyCount: Mark.bodyCount, seq: 0, previousTag: .zero,
            transactionStart: 0, time: min(log.surroundings.now(), Format.mostTime))
        var span = content.mutableSpan
        prefix.store(into: &span)
        span.copy(from: head.body.span, at: Format.prefixCount)
        return try carry(content.span)
    }

    /// The time of each change: now, but later than any version of the same name.
    ///
    /// Each is in the index from then on, until the batch is committed or rolled back.
    private mutating func stamp(_ transaction: borrowing Transaction) throws(VaultFileError) -> [UInt64] {
        let now = min(log.surroundings.now(), Format.mostTime)
        var times: [UInt64] = []
        times.reserveCapacity(transaction.count)
        var offset = start.end + frameBytes
        for change in transaction.changes {
            let address = change.address.bytes
            let time = max(now, log.replay.newestTime(of: address.span).map { $0 + 1 } ?? 0)
            guard time <= Format.mostTime else { throw .timeExhausted }
            let frameCount = Format.frameCount(bodyCount: change.bodyCount)
            let version = Version(
                offset: offset, time: time, boxCount: frameCount - Format.frameOverhead, kind: change.kind)
            log.replay.add(version, at: address.span)
            offset += UInt64(frameCount)
            times.append(time)
        }
        return times
    }

    private mutating func stage(
        _ change: Transaction.Change, of transaction: borrowing Transaction, _ time: UInt64
    ) {
        plaintextCount = Format.bucket(Format.prefixCount + change.bodyCount)
        let prefix = RecordPrefix(
            kind: change.kind.rawValue, isCommit: false, bodyCount: change.bodyCount,
            seq: log.sealer.position.seq + 1, previousTag: log.sealer.position.tag,
            transactionStart: start.end,
            time: time)
        log.sealer.withPlaintext { transaction.write(change, prefix, into: &$0) }
    }

    /// Seals the plaintext that waits, if there is one.
    private mutating func seal() {
        guard plaintextCount > 0 else { return }
        // With the thread sanitizer, reaching it through the batch while `frames` changes is refused.
        let log = log
        log.sealer.seal(plaintextCount, to: &frames)
        plaintextCount = 0
    }

    /// Seals the last frame, with COMMIT.
    ///
    /// - Returns: the position behind it.
    mutating func finish() -> Replay.Position {
        if plaintextCount > 0 {
            log.sealer.withPlaintext { bytes in
                var prefix = RecordPrefix(bytes.span)
                prefix.isCommit = true
                prefix.store(into: &bytes)
            }
        }
        seal()
        return log.sealer.position
    }
}
