internal import Platform
package import Sodium

/// Writing, in the steps of vault-format.md, section 8.
extension Log {
    /// How long a writer waits for another writer, in milliseconds.
    public static let writeTimeout: UInt64 = 30_000

    /// Appends a transaction, which is durable when this returns.
    ///
    /// - Parameters:
    ///   - transaction: the changes; if there are none, nothing is written.
    ///   - timeout: how long to wait for another writer, in milliseconds.
    /// - Returns: the unfinished tail of a killed writer, if one was set aside.
    /// - Throws: ``VaultFileError``. After ``VaultFileError/outcomeUnknown(_:)`` the transaction may or may not be in the file;
    ///   after any other error it is not. After a failed write, this log writes nothing until ``refresh()`` has reopened the file.
    @discardableResult
    public func append(
        _ transaction: borrowing Transaction, timeout: UInt64 = Log.writeTimeout
    ) throws(VaultFileError) -> SavedTail? {
        try append(timeout: timeout) { batch throws(VaultFileError) in
            guard try batch.add(transaction) else { throw .transactionTooLarge }
        }
    }

    /// Appends several transactions as one, with one write and one sync.
    ///
    /// - Parameter fill: adds the transactions, once the lock is held and the file's end is known. If it throws, nothing is
    ///   written.
    /// - Throws: as ``append(_:timeout:)``, and what `fill` throws.
    @discardableResult
    public func append(
        timeout: UInt64 = Log.writeTimeout, _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> SavedTail? {
        try withWriterLock(timeout: timeout) { remembered throws(VaultFileError) in
            try append(after: remembered, fill)
        }
    }

    /// Appends to a file that has not been published yet, and whose lock the caller holds.
    package func appendBeforePublishing(
        _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) {
        try becomeWritable()
        _ = try append(after: nil, fill)
    }

    private func append(
        after remembered: RememberedCheckpoints?, _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> SavedTail? {
        defer { replay.rollBack() }
        var batch = try Batch(self)
        try fill(&batch)
        guard !batch.isEmpty else { return nil }
        let end = batch.finish()
        let saved = try prepareForWrite { () throws(VaultFileError) in try write(batch, to: end) }
        remember(after: remembered)
        return saved
    }

    /// Calls `body` under the writers' lock of the file at the path, verified to its end and against the checkpoints.
    ///
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/readOnly``, ``VaultFileError/previousFailure``, and as
    ///   ``refresh()``.
    package func withWriterLock<R>(
        timeout: UInt64, _ body: (RememberedCheckpoints?) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        if hasFailed { throw .previousFailure }
        let lock = try lockPresentFile(timeout: timeout)
        defer { lock?.release() }
        if header.isReadOnly { throw .readOnly }
        isWriting = true
        defer { isWriting = false }
        // Nobody else changes the checkpoint now.
        let remembered = note(readCheckpointsToChange())
        replay.watch(for: remembered?.all ?? [])
        do throws(VaultFileError) {
            try noteTail(try advance())
            try verify(against: remembered)
        } catch {
            if error.isPassing { throw error }
            try verifyFromFront(remembered)
        }
        // From here on, the work is no longer cancelled, so that its caller learns the outcome.
        replay.cancellation = nil
        defer { replay.cancellation = dependencies.cancellation }
        return try body(remembered)
    }

    /// Sets an unfinished tail aside, syncs everything before it, and calls `body`.
    ///
    /// If any of that fails, this log writes nothing more.
    package func prepareForWrite(
        _ body: () throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> SavedTail? {
        hasFailed = true  // Until everything has succeeded.
        replay.forget()
        let saved = try setTailAside()
        try syncPresentEnd()
        try body()
        hasFailed = false
        return saved
    }

    private func write(_ batch: borrowing Batch, to end: Replay.Position) throws(VaultFileError) {
        try write(batch.frames)
        guard try isPresent(end) else { throw .replacedDuringWrite }
        if batch.hasCarried || replay.hasLate {
            replay.rollBack()
            try readBack()
        } else {
            replay.commit(end)
        }
        syncedEnd = end.end
        noteSeen()
    }

    /// Takes the sealer for frames of the open file; the caller gives it back.
    func takeSealer() throws(VaultFileError) -> FrameSealer {
        if let sealer = sealer.take() { return sealer }
        return try FrameSealer(after: replay.committed, key: try Log.frameKey(header, master))
    }

    /// Replays what was just written, as any other process would.
    ///
    /// - Throws: ``VaultFileError/outcomeUnknown(_:)`` if it cannot be read, although it is durable.
    private func readBack() throws(VaultFileError) {
        do throws(VaultFileError) {
            try noteTail(try advance())
        } catch .io(_, let error) {
            throw .outcomeUnknown(error)
        } catch .outOfMemory {
            throw .outcomeUnknown(.noMemory)
        }
    }

    /// An unfinished tail that was moved to a file of its own.
    public struct SavedTail: Equatable, Sendable {
        /// The number of its bytes.
        public let count: UInt64
        /// The path of the file that now holds them.
        public let path: String

        /// Creates a saved tail of `count` bytes in the file at `path`.
        public init(count: UInt64, path: String) { (self.count, self.path) = (count, path) }
    }

    /// Takes the lock of the file at the path, and reopens it if it was replaced meanwhile.
    private func lockPresentFile(timeout: UInt64) throws(VaultFileError) -> WriterLock? {
        let deadline = SystemClock.monotonicNanoseconds() + timeout * 1_000_000
        while true {
            let now = SystemClock.monotonicNanoseconds()
            let lock = try takeLock(
                .exclusive, timeout: deadline > now ? (deadline - now + 999_999) / 1_000_000 : 0)
            if try isPresentFile(under: lock) { return lock }
            try reopen()
        }
    }

    /// Returns whether the path still names the open file; if it does not, or that cannot be found out, releases the lock.
    private func isPresentFile(under lock: WriterLock?) throws(VaultFileError) -> Bool {
        var isPresent = false
        defer { if !isPresent { lock?.release() } }
        isPresent = try !isReplaced()
        return isPresent
    }

    /// Saves an unfinished tail beside the file and truncates the file before it.
    private func setTailAside() throws(VaultFileError) -> SavedTail? {
        guard let tail = unfinishedTail else { return nil }
        let storage = dependencies.storage
        let path = path
        let real = try during(.save, storage.resolvingLinks(path))
        let suffix = try randomName()
        let savedPath = "\(real).unfinished-\(tail.offset)-\(suffix)"
        let file = file
        let saved = try during(.save, storage.create(savedPath))
        var count: UInt64 = 0
        do throws(Errno) {
            count = try copy(tail, to: saved)
            try saved.sync()
            try storage.syncDirectory(Path.directory(of: real))
        } catch {
            // A partial copy would look like a saved tail, and each further attempt would leave another one.
            try? storage.remove(savedPath)
            throw .io(.save, error)
        }
        guard count == tail.count else {
            // A program without the lock truncated the file; truncating it at the tail's offset could lengthen it.
            try? storage.remove(savedPath)
            throw .changedWhileRead
        }
        try during(.truncate) { () throws(Errno) in
            try file.truncate(to: tail.offset)
            try file.sync()
        }
        unfinishedTail = nil
        syncedEnd = tail.offset
        return SavedTail(count: tail.count, path: savedPath)
    }

    /// Copies the tail to a file.
    ///
    /// - Returns: the number of bytes, which is smaller if the file ends before.
    private func copy(_ tail: UnfinishedTail, to saved: any StorageFile) throws(Errno) -> UInt64 {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        var done: UInt64 = 0
        while done < tail.count {
            var span = piece.mutableSpan
            let count = try file.read(at: tail.offset + done, into: &span)
            if count == 0 { break }
            let part = min(count, Int(clamping: tail.count - done))
            try saved.write(piece.span.extracting(first: part), at: done)
            done += UInt64(part)
        }
        return done
    }

    /// Syncs what an earlier writer may have left unsynced, and the file's directory.
    private func syncPresentEnd() throws(VaultFileError) {
        let (file, storage, path) = (file, dependencies.storage, path)
        if syncedEnd != replay.committed.end {
            try during(.sync, file.sync())
            syncedEnd = replay.committed.end
        }
        if !isNameSynced {
            try during(.sync, storage.syncDirectory(Path.directory(of: try storage.resolvingLinks(path))))
            isNameSynced = true
        }
    }

    /// Appends frames with one write and one sync; after an error, truncates the file to where it ended before.
    private func write(_ frames: [UInt8]) throws(VaultFileError) {
        let (file, end) = (file, replay.committed.end)
        do throws(Errno) {
            try file.write(frames.span, at: end)
        } catch {
            let isTruncated = (try? Log.truncate(file, to: end)) != nil
            // Part of a transaction has no effect.
            let isPartial = (try? file.length()).map { $0 < end + UInt64(frames.count) } ?? false
            throw isTruncated || isPartial ? .io(.write, error) : .outcomeUnknown(error)
        }
        do throws(Errno) {
            try file.sync()
        } catch {
            try? Log.truncate(file, to: end)
            throw .outcomeUnknown(error)
        }
    }

    private static func truncate(_ file: any StorageFile, to end: UInt64) throws(Errno) {
        try file.truncate(to: end)
        try file.sync()
    }

    /// Returns whether the file at the path is still this one and contains the commit that was just written.
    ///
    /// An older copy that is written over the file keeps everything but that.
    ///
    /// - Throws: ``VaultFileError/outcomeUnknown(_:)`` if the file cannot be read.
    private func isPresent(_ commit: Replay.Position) throws(VaultFileError) -> Bool {
        do throws(VaultFileError) {
            if try isReplaced() { return false }
            return try holds(commit, length: try file.currentLength())
        } catch .io(_, let error) {
            throw .outcomeUnknown(error)
        } catch {
            return false  // The file at the path is not a vault any more.
        }
    }

    private func randomName() throws(VaultFileError) -> String {
        let entropy = dependencies.entropy
        return try guarding(entropy.fileNameSuffix())
    }
}

extension Entropy {
    /// Returns 16 random hexadecimal digits for the name of a new file.
    package func fileNameSuffix() throws(SodiumError) -> String { try bytes(8).hexadecimal }

    /// Returns whether `text` has the form of a result of ``fileNameSuffix()``.
    package static func isFileNameSuffix(_ text: some Collection<UInt8>) -> Bool {
        text.count == 16 && text.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
