internal import Platform
internal import Sodium

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
    ///   other error the transaction is not in the file. After an error of the disk this log writes no more.
    @discardableResult
    public func append(
        _ transaction: borrowing Transaction, patience: UInt64 = Log.writePatience
    ) throws(VaultFileError) -> SavedTail? {
        if hasFailed { throw .previousFailure }
        try lockPresentFile(patience: patience)
        defer { file.unlock() }
        if header.isReadOnly { throw .readOnly }
        try noteTail(try advance())
        guard transaction.count > 0 else { return nil }
        let times = try stamp(transaction)

        hasFailed = true  // until all went well
        let saved = try setTailAside()
        try syncPresentEnd()
        let sealed = try seal(transaction, times)
        try write(sealed)
        if (try? isReplaced()) != false { throw .replacedDuringWrite }
        try replay.apply(sealed.records, committed: sealed.position)
        syncedEnd = sealed.position.end
        hasFailed = false
        return saved
    }

    /// An unfinished tail that was moved out of the way.
    public struct SavedTail: Equatable, Sendable {
        /// How many bytes it had.
        public let count: UInt64
        /// The file that holds them now.
        public let path: String
    }

    /// Takes the lock of the file that the path names, whichever that is by then.
    private func lockPresentFile(patience: UInt64) throws(VaultFileError) {
        let deadline = SystemClock.monotonicNanoseconds() + patience * 1_000_000
        while true {
            let now = SystemClock.monotonicNanoseconds()
            try takeLock(.exclusive, patience: deadline > now ? (deadline - now + 999_999) / 1_000_000 : 0)
            do throws(VaultFileError) {
                guard try isReplaced() else { return }
            } catch {
                file.unlock()
                throw error
            }
            file.unlock()
            try reopen()
        }
    }

    /// The time of each change: now, but later than any version of the same name.
    private func stamp(_ transaction: borrowing Transaction) throws(VaultFileError) -> [UInt64] {
        let now = min(surroundings.now(), Format.mostTime)
        var stamped: [Address: UInt64] = [:]
        var times: [UInt64] = []
        for change in transaction.changes {
            let newest =
                stamped[change.address]
                ?? replay.index.find(change.address.bytes.span).map { replay.index.newest(at: $0).time }
            let time = max(now, newest.map { $0 + 1 } ?? 0)
            guard time <= Format.mostTime else { throw .timeExhausted }
            stamped[change.address] = time
            times.append(time)
        }
        return times
    }

    /// Saves an unfinished tail beside the file and cuts it off.
    private func setTailAside() throws(VaultFileError) -> SavedTail? {
        guard let tail = unfinishedTail else { return nil }
        let storage = surroundings.storage
        let path = path
        let real = try during(.save) { () throws(Errno) in try storage.resolvingLinks(path) }
        let mark = try randomName()
        let savedPath = "\(real).unfinished-\(tail.offset)-\(mark)"
        let file = file
        try during(.save) { () throws(Errno) in
            let saved = try storage.create(savedPath)
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            var done: UInt64 = 0
            while done < tail.count {
                var span = piece.mutableSpan
                let count = try file.read(at: tail.offset + done, into: &span)
                if count == 0 { break }
                try saved.write(piece.span.extracting(first: min(count, Int(tail.count - done))), at: done)
                done += UInt64(count)
            }
            try saved.sync()
            try storage.syncFolder(Path.folder(of: real))
        }
        try during(.truncate) { () throws(Errno) in
            try file.truncate(to: tail.offset)
            try file.sync()
        }
        unfinishedTail = nil
        syncedEnd = tail.offset
        return SavedTail(count: tail.count, path: savedPath)
    }

    /// Makes durable what a writer before us may have left unsynced, and the file's name.
    private func syncPresentEnd() throws(VaultFileError) {
        let (file, storage, path) = (file, surroundings.storage, path)
        if syncedEnd != replay.committed.end {
            try during(.sync) { () throws(Errno) in try file.sync() }
            syncedEnd = replay.committed.end
        }
        if !isNameSynced {
            try during(.sync) { () throws(Errno) in
                try storage.syncFolder(Path.folder(of: try storage.resolvingLinks(path)))
            }
            isNameSynced = true
        }
    }

    private func seal(
        _ transaction: borrowing Transaction, _ times: [UInt64]
    ) throws(VaultFileError) -> Transaction.Sealed {
        do throws(SodiumError) {
            return try transaction.seal(
                after: replay.committed, times: times, key: frameKey, entropy: surroundings.entropy)
        } catch {
            throw VaultFileError(error)
        }
    }

    /// One write and one sync; on an error the file is cut back to where it was.
    private func write(_ sealed: Transaction.Sealed) throws(VaultFileError) {
        let (file, end) = (file, replay.committed.end)
        do throws(Errno) {
            try file.write(sealed.frames.span, at: end)
        } catch {
            try? file.truncate(to: end)
            try? file.sync()
            throw .io(.write, error)
        }
        do throws(Errno) {
            try file.sync()
        } catch {
            try? file.truncate(to: end)
            try? file.sync()
            throw .outcomeUnknown(error)
        }
    }

    private func randomName() throws(VaultFileError) -> String {
        let entropy = surroundings.entropy
        return try guarding { () throws(SodiumError) in try entropy.fileNameSuffix() }
    }
}

extension Entropy {
    /// Sixteen hexadecimal digits for the name of a new file.
    func fileNameSuffix() throws(SodiumError) -> String {
        let digits = Array("0123456789abcdef")
        return String(try bytes(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
