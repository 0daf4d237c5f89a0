public import Platform
public import Sodium

/// An open vault file, replayed up to the last commit that was read.
///
/// A log is not safe to use from several threads at a time. Any number of processes may have the same file open:
/// readers take no lock, and writers take turns under `flock`.
public final class Log {
    /// The path by which the file was opened.
    public let path: String
    /// The header of the open file.
    public private(set) var header: Header
    /// The bytes that a killed writer left behind the last commit; nil if there are none, or a writer is at work.
    public internal(set) var unfinishedTail: UnfinishedTail?

    package let dependencies: Dependencies
    private var access: StorageAccess
    let master: Key
    private(set) var file: any StorageFile
    /// Created by the first write.
    var sealer: FrameSealer?
    var replay: Replay
    /// The names of changes and the id of the master key, once they have been computed.
    var knownNamer: ChangeNamer?
    var knownKeyID: UInt64?
    private var identity: FileIdentity
    /// The last commit that was read while no writer was at work, so that it is known to stay.
    ///
    /// A file that lacks it is an older copy or a fork.
    var seen: Replay.Position
    /// Up to which offset this process has synced the file, and whether it has synced its directory.
    var syncedEnd: UInt64?
    var isNameSynced = false
    /// The checkpoint's file that was last read by a writer, and the canonical path of its vault.
    var checkpointFile: (path: String, file: any StorageFile)?
    /// The state that this log itself last read from the file.
    var lastRead: ReadState?
    /// Findings about checkpoints that the user should be told.
    package var observations: [Observation] = []
    /// True if the caller refreshes the log before it reads values, so that one read of the file can serve several.
    package var isRefreshedByCaller = false
    /// True while this log holds the writer's lock under which `checkpointFile` was read.
    var isWriting = false
    /// The error with which reading or writing a checkpoint failed; nil if it succeeded.
    public internal(set) var checkpointFailure: Errno?
    /// True after a failed write, because a later success of the system would prove nothing about it.
    var hasFailed = false

    /// Bytes after the last commit that belong to no committed transaction.
    public struct UnfinishedTail: Equatable, Sendable {
        /// Their offset, which is the end of the last commit.
        public let offset: UInt64
        /// Their number.
        public let count: UInt64

        /// Creates a tail of `count` bytes at `offset`.
        public init(offset: UInt64, count: UInt64) { (self.offset, self.count) = (offset, count) }
    }

    /// How many times the file may be replaced while the log catches up.
    private static let attempts = 20

    /// Opens the file at `path`, unlocks it and verifies every frame.
    ///
    /// - Parameter unlock: returns the master key for a valid header.
    /// - Throws: any ``VaultFileError`` about opening or reading, and what `unlock` throws. The file is never changed.
    public convenience init(
        path: String, access: StorageAccess, dependencies: Dependencies,
        unlock: (Header) throws(VaultFileError) -> Key
    ) throws(VaultFileError) {
        let remembered = Log.readCheckpoints(path, dependencies)
        let (file, header) = try Log.openFile(path, access, dependencies)
        try self.init(path, access, dependencies, file, header, remembered, master: try unlock(header))
    }

    /// Opens the file at `path` with its master key and verifies every frame.
    ///
    /// - Throws: any ``VaultFileError`` about opening or reading; ``VaultFileError/keysChanged`` if the key is not the file's.
    public convenience init(
        path: String, access: StorageAccess, dependencies: Dependencies, master: consuming Key
    ) throws(VaultFileError) {
        let remembered = Log.readCheckpoints(path, dependencies)
        let (file, header) = try Log.openFile(path, access, dependencies)
        guard try header.isAuthentic(master: master) else { throw .keysChanged }
        try self.init(path, access, dependencies, file, header, remembered, master: master)
    }

    /// Opens the file at `path` for reading, verifies every frame, and sums up its records.
    ///
    /// - Parameter sum: an empty sum.
    /// - Returns: the log and the sum of all records; nil for the sum if the file had to be read twice.
    package static func open(
        path: String, dependencies: Dependencies, master: consuming Key, summing sum: consuming ContentSum
    ) throws(VaultFileError) -> (log: Log, sum: [UInt8]?) {
        let (file, header) = try openFile(path, .reading, dependencies)
        guard try header.isAuthentic(master: master) else { throw .keysChanged }
        let log = try Log(path, .reading, dependencies, file, header, sum: sum, master: master)
        return (log, log.replay.sum.take()?.finish())
    }

    init(
        _ path: String, _ access: StorageAccess, _ dependencies: Dependencies, _ file: any StorageFile,
        _ header: Header, _ remembered: Result<RememberedCheckpoints?, Errno> = .success(nil),
        sum: consuming ContentSum? = nil, master: consuming Key
    ) throws(VaultFileError) {
        (self.path, self.access, self.dependencies, self.file) = (path, access, dependencies, file)
        self.header = header
        replay = try Log.replay(file, header, master, dependencies)
        identity = try during(.open, file.identity())
        seen = replay.committed
        self.master = master
        replay.sum = sum
        try catchUp(after: remembered)
        if case .success(.some(let found)) = remembered, found.all.isEmpty, !found.isTorn {
            checkOtherPaths()
        }
    }

    /// Opens a file and reads its header, without any key.
    ///
    /// - Throws: the verdicts of vault-format.md, "Reading a header", steps 1 to 6;
    ///   ``VaultFileError/noFile``.
    public static func readHeader(path: String, dependencies: Dependencies) throws(VaultFileError) -> Header {
        try openFile(path, .reading, dependencies).header
    }

    static func openFile(
        _ path: String, _ access: StorageAccess, _ dependencies: Dependencies
    ) throws(VaultFileError) -> (file: any StorageFile, header: Header) {
        let file = try dependencies.storage.openVault(path, access)
        let header = try Header(
            file.bytes(at: 0, count: Format.headerSize), bounds: dependencies.readingBounds)
        _ = try wholeLength(of: file, header)
        return (file, header)
    }

    /// Returns the length of a file.
    ///
    /// - Throws: ``VaultFileError/incompleteCopy(count:expected:)`` if the file ends before what the last rewrite wrote does.
    private static func wholeLength(
        of file: any StorageFile, _ header: Header
    ) throws(VaultFileError) -> UInt64 {
        let length = try file.currentLength()
        guard length >= header.baseEnd else { throw .incompleteCopy(count: length, expected: header.baseEnd) }
        return length
    }

    private static func replay(
        _ file: any StorageFile, _ header: Header, _ master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Replay {
        try Replay(
            file, header: header, frameKey: try frameKey(header, master),
            cancellation: dependencies.cancellation)
    }

    static func frameKey(_ header: Header, _ master: borrowing Key) throws(VaultFileError) -> Key {
        try guarding(header.frameKey(master: master))
    }

    /// Reads what other processes have written since, and follows the path if the file was replaced.
    ///
    /// After a failed write, it reopens the file and verifies all of it.
    ///
    /// - Throws: as opening does; ``VaultFileError/replaced`` if another vault is at the path,
    ///   ``VaultFileError/keysChanged`` if the same vault has other keys, ``VaultFileError/rolledBack`` if
    ///   the file no longer contains the last commit that this log has read.
    public func refresh() throws(VaultFileError) {
        let remembered = readCheckpoints()
        if hasFailed { return try reopen(after: remembered) }
        if try isReplaced() { return try reopen(after: remembered) }
        try catchUp(after: remembered)
    }

    /// Returns whether the path names another file than the one that is open.
    ///
    /// - Throws: ``VaultFileError`` if the path names no file, or one that cannot be read.
    func isReplaced() throws(VaultFileError) -> Bool {
        let there = try dependencies.storage.openVault(path, .reading)
        if try during(.open, { () throws(Errno) in try there.identity() }) != identity { return true }
        // `cp` over the file keeps its inode but not its header. So does a rename on a file system that derives inode numbers from paths,
        // such as rclone's; there, a descriptor still reads the replaced file, so the file at the path is compared.
        if try there.bytes(at: 0, count: Format.headerSize) != header.bytes { return true }
        return try !hasGrownAlike(there)
    }

    /// Returns whether a file with the same identity and header contains the last commit, too.
    ///
    /// A restored backup has the header of the file that it replaces.
    private func hasGrownAlike(_ there: any StorageFile) throws(VaultFileError) -> Bool {
        let (before, here) = (try there.currentLength(), try file.currentLength())
        let after = try there.currentLength()
        // A writer may append meanwhile. If one truncates the file, all of it is read again.
        guard before <= here, here <= after else { return false }
        return try Log.holds(replay.committed, in: there, length: after)
    }

    /// Reopens the file for writing if it was opened for reading only.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)`` if the file cannot be written; it then stays open for reading.
    public func becomeWritable() throws(VaultFileError) {
        guard access == .reading else { return }
        let (path, storage) = (path, dependencies.storage)
        let opened = try during(.open, storage.open(path, .writing))
        // A file that has replaced this one is opened for writing once the replacement is noticed.
        if try during(.open, { () throws(Errno) in try opened.identity() }) == identity { file = opened }
        access = .writing
    }

    /// Returns whether the file still contains a commit that was read earlier.
    ///
    /// Writers that respect the lock never remove one, but `cp` does.
    func holds(_ commit: Replay.Position, length: UInt64) throws(VaultFileError) -> Bool {
        try Log.holds(commit, in: file, length: length)
    }

    private static func holds(
        _ commit: Replay.Position, in file: any StorageFile, length: UInt64
    ) throws(VaultFileError) -> Bool {
        guard length >= commit.end else { return false }
        guard commit.lastFrame > 0 else { return true }
        let tag = try file.bytes(at: commit.lastFrame + UInt64(Format.frameOverhead), count: 16)
        return tag == commit.tag.bytes
    }

    /// Opens the file that is now at the path with the same master key, and verifies every frame.
    ///
    /// - Throws: as ``refresh()``.
    public func reopen() throws(VaultFileError) { try reopen(after: readCheckpoints()) }

    /// - Parameter attempts: how many times the file may be replaced meanwhile.
    private func reopen(
        after remembered: Result<RememberedCheckpoints?, Errno>, _ attempts: Int = Log.attempts
    ) throws(VaultFileError) {
        let (file, header) = try Log.openFile(path, access, dependencies)
        guard header.vaultID == self.header.vaultID else { throw .replaced }
        guard try header.isAuthentic(master: master) else { throw .keysChanged }
        if header != self.header { seen = Replay.start(header) }
        self.file = file
        self.header = header
        sealer = nil
        replay = try Log.replay(file, header, master, dependencies)
        identity = try during(.open, file.identity())
        syncedEnd = nil
        isNameSynced = false
        try catchUp(after: remembered, attempts)
        hasFailed = false
    }

    /// Replays what was appended, and compares it with the checkpoints, which were read before.
    ///
    /// It takes no lock unless something looks wrong, since a writer may be at work.
    private func catchUp(
        after remembered: Result<RememberedCheckpoints?, Errno>, _ attempts: Int = Log.attempts
    ) throws(VaultFileError) {
        let remembered = note(remembered)
        let tail: UInt64?
        do throws(VaultFileError) {
            replay.watch(for: remembered?.all ?? [])
            // A tail is searched for damage later, when no writer can be at work on it.
            tail = try advance(skippingSearch: true)
            try verify(against: remembered)
        } catch {
            if error.isPassing { throw error }
            return try catchUpAgain(attempts)
        }
        unfinishedTail = nil
        guard tail != nil || replay.committed != seen || isBehind(remembered) else { return }
        // Without locks on this file system, what was read has to count all the same.
        let (lock, isLocked) = tryLock()
        guard isLocked ?? (tail != nil) else { return }
        do throws(VaultFileError) {
            defer { lock?.release() }
            // No writer is at work now: a tail belongs to nobody, and what is committed stays.
            let tail = try advance()
            // Between the two looks, the file may have been cut or overwritten.
            try verify(against: remembered)
            guard isLocked == true else { return }
            try noteTail(tail)
            noteSeen()
            if (try? isReplaced()) == false { try rememberAgain(after: note(readCheckpoints())) }
        } catch {
            if error.isPassing { throw error }
            if case .damaged = error, isLocked == true, (try? isReplaced()) == false { throw error }
            try catchUpAgain(attempts)
        }
    }

    /// Saves a checkpoint of the present commit, under a lock, if it agrees with the checkpoints that are saved by now.
    func rememberAgain(after remembered: RememberedCheckpoints?) throws(VaultFileError) {
        for seen in remembered?.all ?? [] where try refusal(of: seen) != nil {
            return
        }
        remember(after: remembered)
    }

    /// Catches up under a lock, so that no writer can be at work; follows the path if the file was replaced.
    private func catchUpAgain(_ attempts: Int) throws(VaultFileError) {
        if try catchUpUnderLock() { return }
        guard attempts > 0 else { throw .busy }
        try reopen(after: readCheckpoints(), attempts - 1)
    }

    /// Catches up under a lock.
    ///
    /// - Returns: false if the file was replaced, or truncated meanwhile: it must be read anew.
    private func catchUpUnderLock() throws(VaultFileError) -> Bool {
        guard let lock = try takeLock(.shared, timeout: dependencies.readTimeout) else {
            return try catchUpRepeatedly()
        }
        defer { lock.release() }
        if try isReplaced() { return false }
        let remembered = note(readCheckpoints())
        do throws(VaultFileError) {
            try verifyFromFront(remembered)
        } catch .changedWhileRead {
            return false
        }
        remember(after: remembered)
        return true
    }

    /// Catches up without a lock, several times with pauses, so that a writer can finish meanwhile.
    private func catchUpRepeatedly() throws(VaultFileError) -> Bool {
        for _ in 1..<Log.unlockedAttempts {
            do throws(VaultFileError) {
                return try catchUpFromFront()
            } catch {
                if error.isPassing { throw error }
            }
            SystemClock.sleep(milliseconds: Log.unlockedPause)
        }
        return try catchUpFromFront()
    }

    private func catchUpFromFront() throws(VaultFileError) -> Bool {
        if try isReplaced() { return false }
        try verifyFromFront(note(readCheckpoints()))
        return true
    }

    /// How many times ``catchUpRepeatedly()`` tries, and for how many milliseconds it pauses each time.
    private static let (unlockedAttempts, unlockedPause): (Int, UInt64) = (4, 100)

    /// Takes a shared lock without waiting.
    ///
    /// - Returns: the lock, and whether it was obtained; nil for that if the file system has no locks.
    private func tryLock() -> (lock: WriterLock?, isLocked: Bool?) {
        do throws(VaultFileError) {
            let lock = try takeLock(.shared, timeout: 0)
            return (lock, lock.map { _ in true })
        } catch {
            return (nil, error == .busy ? false : nil)
        }
    }

    /// Replays the whole file, under a lock, and compares it with the checkpoints only.
    ///
    /// The last commit that this log itself has read no longer counts.
    func verifyFromFront(_ remembered: RememberedCheckpoints?) throws(VaultFileError) {
        try replayAnew(watchingFor: remembered?.all ?? [])
        try noteTail(try run(to: try Log.wholeLength(of: file, header)))
        try verify(against: remembered)
        noteSeen()
    }

    private func replayAnew(watchingFor expected: [LastSeen]) throws(VaultFileError) {
        replay = try Log.replay(file, header, master, dependencies)
        replay.watch(for: expected)
    }

    /// Replays to the present end of the file.
    ///
    /// - Returns: the offset of an unfinished tail, or nil if the file ends with a commit.
    func advance(skippingSearch: Bool = false) throws(VaultFileError) -> UInt64? {
        let length = try Log.wholeLength(of: file, header)
        guard try holds(seen, length: length) else { throw .rolledBack(Rollback(.older, lastSeen: 0)) }
        if seen != replay.committed, try !holds(replay.committed, length: length) {
            // A writer removed what it could not make durable, or the file was overwritten.
            syncedEnd = nil
            try replayAnew(watchingFor: replay.watched)
        }
        return try run(to: length, skippingSearch: skippingSearch)
    }

    /// Waits for the lock of the file.
    ///
    /// - Returns: the lock, or nil if this process may not take a shared lock.
    /// - Throws: ``VaultFileError/busy`` when `timeout` milliseconds have passed.
    func takeLock(_ kind: LockKind, timeout: UInt64) throws(VaultFileError) -> WriterLock? {
        try WriterLock.take(
            kind, of: file, at: path, dependencies.storage, timeout: timeout, dependencies.cancellation)
    }
}
