internal import Platform
package import Sodium

/// Writing: vault-format.md, section 8, step by step.
extension Log {
    /// How long a writer waits for another one, in milliseconds.
    public static let writePatience: UInt64 = 30_000

    /// Appends a transaction.
    ///
    /// When this returns, it is durable.
    ///
    /// - Parameters:
    ///   - transaction: the changes; without any, nothing is written.
    ///   - patience: how long to wait for another writer, in milliseconds.
    /// - Returns: what was done about a tail that a killed writer had left.
    /// - Throws: ``VaultFileError``. After ``VaultFileError/outcomeUnknown(_:)`` nobody knows; after any
    ///   other error the transaction is not in the file. After an error of the disk this log writes no more
    ///   before ``refresh()`` has opened the file anew.
    @discardableResult
    public func append(
        _ transaction: borrowing Transaction, patience: UInt64 = Log.writePatience
    ) throws(VaultFileError) -> SavedTail? {
        try append(patience: patience) { batch throws(VaultFileError) in
            guard try batch.add(transaction) else { throw .transactionTooLarge }
        }
    }

    /// Appends several transactions as one, with one write and one sync.
    ///
    /// - Parameter fill: adds them, once the lock is had and the file's end is known. What it throws is thrown,
    ///   and nothing is written.
    /// - Throws: as ``append(_:patience:)``, which then holds for the whole batch.
    @discardableResult
    public func append(
        patience: UInt64 = Log.writePatience, _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> SavedTail? {
        try withWriterLock(patience: patience) { recollection throws(VaultFileError) in
            try append(after: recollection, fill)
        }
    }

    /// Appends as ``append(patience:_:)`` does to a file that is not published yet: whoever made it holds its lock.
    package func appendBeforePublishing(
        _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) {
        try becomeWritable()
        _ = try append(after: nil, fill)
    }

    private func append(
        after recollection: Recollection?, _ fill: (inout Batch) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> SavedTail? {
        defer { replay.rollBack() }
        var batch = try Batch(self)
        try fill(&batch)
        guard !batch.isEmpty else { return nil }
        let end = batch.finish()
        let saved = try prepareForWrite { () throws(VaultFileError) in try write(batch, to: end) }
        remember(after: recollection)
        return saved
    }

    /// Calls `body` while no other writer can be at work on the file that lies at the path, which was verified to its
    /// end and contains what this machine saw last.
    ///
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/readOnly``, ``VaultFileError/previousFailure``, and as
    ///   ``refresh()``.
    package func withWriterLock<R>(
        patience: UInt64, _ body: (Recollection?) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        if hasFailed { throw .previousFailure }
        let lock = try lockPresentFile(patience: patience)
        defer { lock?.release() }
        if header.isReadOnly { throw .readOnly }
        isWriting = true
        defer { isWriting = false }
        // Nobody else changes it now.
        let recollection = note(recollectToChange())
        replay.watch(for: recollection?.all ?? [])
        do throws(VaultFileError) {
            try noteTail(try advance())
            try verify(against: recollection)
        } catch {
            if error.isPassing { throw error }
            try verifyFromFront(recollection)
        }
        // From here on it is done, and whoever asked for it hears what became of it.
        replay.cancellation = nil
        defer { replay.cancellation = dependencies.cancellation }
        return try body(recollection)
    }

    /// Sets an unfinished tail aside, makes sure that all before it is durable, and calls `body`.
    ///
    /// If any of it fails, this log writes no more.
    package func prepareForWrite(_ body: () throws(VaultFileError) -> Void) throws(VaultFileError)
        -> SavedTail?
    {
        hasFailed = true  // until all went well
        // What was read behind the last commit is about to be another.
        replay.forget()
        let saved = try setTailAside()
        try syncPresentEnd()
        try body()
        hasFailed = false
        return saved
    }

    private func write(_ batch: borrowing Batch, to end: Replay.Position) throws(VaultFileError) {
        try write(batch.frames)
        guard try isStill(end) else { throw .replacedDuringWrite }
        if batch.hasCarried || replay.hasLate {
            replay.rollBack()
            try readBack()
        } else {
            replay.commit(end)
        }
        syncedEnd = end.end
        noteSeen()
    }

    /// What seals frames under the key of the file that is open; whoever takes it gives it back.
    func takeSealer() throws(VaultFileError) -> FrameSealer {
        if let sealer = sealer.take() { return sealer }
        return try FrameSealer(after: replay.committed, key: try Log.frameKey(header, master))
    }

    /// Takes in what was just written as any other process would.
    ///
    /// - Throws: ``VaultFileError/outcomeUnknown(_:)`` where it cannot be read, since it is durable.
    private func readBack() throws(VaultFileError) {
        do throws(VaultFileError) {
            try noteTail(try advance())
        } catch .io(_, let error) {
            throw .outcomeUnknown(error)
        } catch .outOfMemory {
            throw .outcomeUnknown(.noMemory)
        } catch {
            throw error
        }
    }

    /// An unfinished tail that was moved out of the way.
    public struct SavedTail: Equatable, Sendable {
        /// How many bytes it had.
        public let count: UInt64
        /// The file that holds them now.
        public let path: String

        /// So many bytes in the file at `path`.
        public init(count: UInt64, path: String) {
            self.count = count
            self.path = path
        }
    }

    /// Takes the lock of the file that the path names, whichever that is by then.
    private func lockPresentFile(patience: UInt64) throws(VaultFileError) -> WriterLock? {
        let deadline = SystemClock.monotonicNanoseconds() + patience * 1_000_000
        while true {
            let now = SystemClock.monotonicNanoseconds()
            let lock = try takeLock(
                .exclusive, patience: deadline > now ? (deadline - now + 999_999) / 1_000_000 : 0)
            do throws(VaultFileError) {
                guard try isReplaced() else { return lock }
            } catch {
                lock?.release()
                throw error
            }
            lock?.release()
            try reopen()
        }
    }

    /// Saves an unfinished tail beside the file and cuts it off.
    private func setTailAside() throws(VaultFileError) -> SavedTail? {
        guard let tail = unfinishedTail else { return nil }
        let storage = dependencies.storage
        let path = path
        let real = try during(.save) { () throws(Errno) in try storage.resolvingLinks(path) }
        let suffix = try randomName()
        let savedPath = "\(real).unfinished-\(tail.offset)-\(suffix)"
        let file = file
        let saved = try during(.save) { () throws(Errno) in try storage.create(savedPath) }
        do throws(Errno) {
            try copy(tail, to: saved)
            try saved.sync()
            try storage.syncDirectory(Path.directory(of: real))
        } catch {
            // Half a copy would only look like a saved tail, and each further try would leave one more.
            try? storage.remove(savedPath)
            throw .io(.save, error)
        }
        try during(.truncate) { () throws(Errno) in
            try file.truncate(to: tail.offset)
            try file.sync()
        }
        unfinishedTail = nil
        syncedEnd = tail.offset
        return SavedTail(count: tail.count, path: savedPath)
    }

    private func copy(_ tail: UnfinishedTail, to saved: any StorageFile) throws(Errno) {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        var done: UInt64 = 0
        while done < tail.count {
            var span = piece.mutableSpan
            let count = try file.read(at: tail.offset + done, into: &span)
            if count == 0 { break }
            try saved.write(piece.span.extracting(first: min(count, Int(tail.count - done))), at: done)
            done += UInt64(count)
        }
    }

    /// Makes durable what a writer before us may have left unsynced, and the file's name.
    private func syncPresentEnd() throws(VaultFileError) {
        let (file, storage, path) = (file, dependencies.storage, path)
        if syncedEnd != replay.committed.end {
            try during(.sync) { () throws(Errno) in try file.sync() }
            syncedEnd = replay.committed.end
        }
        if !isNameSynced {
            try during(.sync) { () throws(Errno) in
                try storage.syncDirectory(Path.directory(of: try storage.resolvingLinks(path)))
            }
            isNameSynced = true
        }
    }

    /// One write and one sync; on an error the file is cut back to where it was.
    private func write(_ frames: [UInt8]) throws(VaultFileError) {
        let (file, end) = (file, replay.committed.end)
        do throws(Errno) {
            try file.write(frames.span, at: end)
        } catch {
            let isTakenBack = (try? Log.cut(file, to: end)) != nil
            // Less than a transaction counts for nothing.
            let isTail = (try? file.length()).map { $0 < end + UInt64(frames.count) } ?? false
            throw isTakenBack || isTail ? .io(.write, error) : .outcomeUnknown(error)
        }
        do throws(Errno) {
            try file.sync()
        } catch {
            try? Log.cut(file, to: end)
            throw .outcomeUnknown(error)
        }
    }

    private static func cut(_ file: any StorageFile, to end: UInt64) throws(Errno) {
        try file.truncate(to: end)
        try file.sync()
    }

    /// Whether the path names this file still, and it holds what was just written: an older copy of it over it keeps
    /// everything but that.
    ///
    /// - Throws: ``VaultFileError/outcomeUnknown(_:)`` if the system does not let anybody look.
    private func isStill(_ commit: Replay.Position) throws(VaultFileError) -> Bool {
        let file = file
        do throws(VaultFileError) {
            if try isReplaced() { return false }
            return try holds(commit, length: try during(.read) { () throws(Errno) in try file.length() })
        } catch .io(_, let error) {
            throw .outcomeUnknown(error)
        } catch {
            return false  // what lies there is no vault any more
        }
    }

    private func randomName() throws(VaultFileError) -> String {
        let entropy = dependencies.entropy
        return try guarding { () throws(SodiumError) in try entropy.fileNameSuffix() }
    }
}

extension Entropy {
    /// Sixteen hexadecimal digits for the name of a new file.
    package func fileNameSuffix() throws(SodiumError) -> String { try bytes(8).hexadecimal }

    /// Whether it can be what ``fileNameSuffix()`` gives.
    package static func isFileNameSuffix(_ text: some Collection<UInt8>) -> Bool {
        text.count == 16 && text.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
