public import Platform
public import Sodium

/// One opened vault file, known up to the last commit that was seen.
///
/// It is not safe to use from several threads at a time. Any number of processes may have the same file open:
/// readers take no lock, writers take turns under `flock`.
public final class Log {
    /// The path that was asked for.
    public let path: String
    /// The header of the file that is open now.
    public private(set) var header: Header
    /// What a killed writer left behind the last commit, if no writer is at work.
    public internal(set) var unfinishedTail: UnfinishedTail?

    package let dependencies: Dependencies
    private var access: StorageAccess
    let master: Key
    private(set) var file: any StorageFile
    /// Made by the first write.
    var sealer: FrameSealer?
    var replay: Replay
    /// What names changes under the master key, and what tells that from others, once they were asked for.
    var knownNamer: ChangeNamer?
    var knownKeyID: UInt64?
    private var identity: FileIdentity
    /// The last commit that is known to stay, because no writer was at work on it when it was seen.
    ///
    /// A file without it is an older one, or has gone another way.
    var seen: Replay.Position
    /// How far this process itself made the file durable, and whether it did so for its name.
    var syncedEnd: UInt64?
    var isNameSynced = false
    /// The file of the checkpoint that was read last by a writer, and the canonical path of the vault that it speaks of.
    var checkpointFile: (path: String, file: any StorageFile)?
    /// What this log saw itself last.
    var sight: Sight?
    /// What a person should be told of what this machine remembers.
    package var observations: [Observation] = []
    /// Whether its user refreshes it before it reads values, so that several can be read from the file at a time.
    package var looksBeforeReading = false
    /// Whether this log holds a writer's lock, under which `checkpointFile` was looked at.
    var isWriting = false
    /// Why a checkpoint could not be read or written, if that was so.
    public internal(set) var checkpointFailure: Errno?
    /// Set by the first error of a write: what the system says afterwards proves nothing.
    var hasFailed = false

    /// Bytes behind the last commit that no transaction owns.
    public struct UnfinishedTail: Equatable, Sendable {
        /// Where they begin: the end of the last commit.
        public let offset: UInt64
        /// How many there are.
        public let count: UInt64

        /// So many bytes from `offset` on.
        public init(offset: UInt64, count: UInt64) {
            self.offset = offset
            self.count = count
        }
    }

    /// How often another file may take the name during a second look.
    private static let attempts = 20

    /// Opens the file at `path`, unlocks it and verifies every frame.
    ///
    /// - Parameter unlock: is given the header, whose rules hold, and finds the master key.
    /// - Throws: any ``VaultFileError`` that speaks of opening or reading, and what `unlock` throws. The file
    ///   is never changed.
    public convenience init(
        path: String, access: StorageAccess, dependencies: Dependencies,
        unlock: (Header) throws(VaultFileError) -> Key
    ) throws(VaultFileError) {
        let recollection = Log.recollect(path, dependencies)
        let (file, header) = try Log.openFile(path, access, dependencies)
        try self.init(path, access, dependencies, file, header, recollection, master: try unlock(header))
    }

    /// Opens the file at `path` with its master key and verifies every frame.
    ///
    /// - Throws: as the other opening, and ``VaultFileError/keysChanged`` if the key is not the file's.
    public convenience init(
        path: String, access: StorageAccess, dependencies: Dependencies, master: consuming Key
    ) throws(VaultFileError) {
        let recollection = Log.recollect(path, dependencies)
        let (file, header) = try Log.openFile(path, access, dependencies)
        guard try header.isAuthentic(master: master) else { throw .keysChanged }
        try self.init(path, access, dependencies, file, header, recollection, master: master)
    }

    /// Opens the file at `path` as the other openings do, for reading, and sums up what its records say.
    ///
    /// - Parameter sum: the sum of nothing yet.
    /// - Returns: the log and the sum of all records, or nil for that if it was looked at twice.
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
        _ header: Header, _ recollection: Result<Recollection?, Errno> = .success(nil),
        sum: consuming ContentSum? = nil, master: consuming Key
    ) throws(VaultFileError) {
        self.path = path
        self.access = access
        self.dependencies = dependencies
        self.file = file
        self.header = header
        replay = try Log.replay(file, header, master, dependencies)
        identity = try during(.open) { () throws(Errno) in try file.identity() }
        seen = replay.committed
        self.master = master
        replay.sum = sum
        try catchUp(after: recollection)
        if case .success(.some(let found)) = recollection, found.all.isEmpty, !found.isTorn {
            lookElsewhere()
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
        let file: any StorageFile
        do throws(Errno) {
            file = try dependencies.storage.open(path, access)
        } catch {
            throw VaultFileError(opening: error)
        }
        var bytes = [UInt8](repeating: 0, count: Format.headerSize)
        var span = bytes.mutableSpan
        let count = try during(.read) { () throws(Errno) in try file.read(at: 0, into: &span) }
        bytes.removeLast(bytes.count - count)
        let header = try Header(bytes, bounds: dependencies.readingBounds)
        let length = try during(.read) { () throws(Errno) in try file.length() }
        guard length >= header.baseEnd else { throw .incompleteCopy(count: length, expected: header.baseEnd) }
        return (file, header)
    }

    private static func replay(
        _ file: any StorageFile, _ header: Header, _ master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Replay {
        try Replay(
            file, header: header, frameKey: try frameKey(header, master),
            cancellation: dependencies.cancellation)
    }

    static func frameKey(_ header: Header, _ master: borrowing Key) throws(VaultFileError) -> Key {
        do throws(SodiumError) {
            return try header.frameKey(master: master)
        } catch {
            throw VaultFileError(error)
        }
    }

    /// Takes in what other processes did since the last look, the replacement of the file too.
    ///
    /// After an error of the disk, it opens the file anew and verifies all of it.
    ///
    /// - Throws: as opening does; ``VaultFileError/replaced`` if another vault lies at the path,
    ///   ``VaultFileError/keysChanged`` if it is the same one with other keys, ``VaultFileError/rolledBack`` if
    ///   the file no longer holds what this log saw.
    public func refresh() throws(VaultFileError) {
        let recollection = recollect()
        if hasFailed { return try reopen(after: recollection) }
        if try isReplaced() { return try reopen(after: recollection) }
        try catchUp(after: recollection)
    }

    /// Whether the path names another file than the one that is open.
    ///
    /// - Throws: if it names none, or one that may not be read.
    func isReplaced() throws(VaultFileError) -> Bool {
        let there: any StorageFile
        do throws(Errno) {
            there = try dependencies.storage.open(path, .reading)
        } catch {
            throw VaultFileError(opening: error)
        }
        if try during(.open, { () throws(Errno) in try there.identity() }) != identity { return true }
        // `cp` over the file keeps its identity but not its header. So does a rename where a file system makes its numbers from paths, as
        // rclone does; what was replaced is still there for whoever has it open, so that what lies at the path is looked at.
        let known = header.bytes
        let front = try Log.bytes(of: there, at: 0, count: Format.headerSize)
        if !front.span.equals(known.span) { return true }
        return try !hasGrownAlike(there)
    }

    /// Whether another file of this identity and header, which is opened for a moment, is no other one: a restored backup has the header of
    /// what it replaces.
    private func hasGrownAlike(_ there: any StorageFile) throws(VaultFileError) -> Bool {
        let file = file
        let (before, here, after) = try during(.read) { () throws(Errno) in
            (try there.length(), try file.length(), try there.length())
        }
        // A writer may be at work. Where one has cut the file meanwhile, all of it is read again.
        guard before <= here, here <= after else { return false }
        return try Log.holds(replay.committed, in: there, length: after)
    }

    /// Opens the file for writing too, if it was opened for reading alone.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)`` if it may not be written; it is open for reading still.
    public func becomeWritable() throws(VaultFileError) {
        guard access == .reading else { return }
        let (path, storage) = (path, dependencies.storage)
        let opened = try during(.open) { () throws(Errno) in try storage.open(path, .writing) }
        // If another file is there by now, it is opened, for writing, as soon as that is noticed.
        if try during(.open, { () throws(Errno) in try opened.identity() }) == identity { file = opened }
        access = .writing
    }

    /// Whether the file still holds a commit that was seen.
    ///
    /// Nobody who keeps to the lock takes it away, but `cp` does.
    func holds(_ commit: Replay.Position, length: UInt64) throws(VaultFileError) -> Bool {
        try Log.holds(commit, in: file, length: length)
    }

    private static func holds(
        _ commit: Replay.Position, in file: any StorageFile, length: UInt64
    ) throws(VaultFileError) -> Bool {
        guard length >= commit.end else { return false }
        guard commit.lastFrame > 0 else { return true }
        let tag = try bytes(of: file, at: commit.lastFrame + UInt64(Format.frameOverhead), count: 16)
        return tag == commit.tag.bytes
    }

    private static func bytes(
        of file: any StorageFile, at offset: UInt64, count: Int
    ) throws(VaultFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let read = try during(.read) { () throws(Errno) in try file.read(at: offset, into: &span) }
        bytes.removeLast(count - read)
        return bytes
    }

    /// Opens what lies at the path now with the key that is known, and verifies every frame.
    ///
    /// - Throws: as ``refresh()``.
    public func reopen() throws(VaultFileError) { try reopen(after: recollect()) }

    /// - Parameter attempts: how often another file may take the name meanwhile.
    private func reopen(
        after recollection: Result<Recollection?, Errno>, _ attempts: Int = Log.attempts
    ) throws(VaultFileError) {
        let (file, header) = try Log.openFile(path, access, dependencies)
        guard header.vaultID == self.header.vaultID else { throw .replaced }
        guard try header.isAuthentic(master: master) else { throw .keysChanged }
        if header != self.header { seen = Replay.start(header) }
        self.file = file
        self.header = header
        sealer = nil
        replay = try Log.replay(file, header, master, dependencies)
        identity = try during(.open) { () throws(Errno) in try file.identity() }
        syncedEnd = nil
        isNameSynced = false
        try catchUp(after: recollection, attempts)
        hasFailed = false
    }

    /// Replays what was appended, and holds it against what this machine remembers, which was read before.
    ///
    /// Takes no lock unless something looks wrong, since a writer may be at work.
    private func catchUp(
        after recollection: Result<Recollection?, Errno>, _ attempts: Int = Log.attempts
    ) throws(VaultFileError) {
        let recollection = note(recollection)
        let tail: UInt64?
        do throws(VaultFileError) {
            replay.watch(for: recollection?.all ?? [])
            // A tail is searched once, when no writer can be at work on it.
            tail = try advance(isGlance: true)
            try verify(against: recollection)
        } catch {
            if error.isPassing { throw error }
            return try catchUpAgain(attempts)
        }
        unfinishedTail = nil
        guard tail != nil || replay.committed != seen || isBehind(recollection) else { return }
        // Where there are no locks, nobody is kept out, and the look counts all the same.
        let (lock, isLocked) = tryLock()
        guard isLocked ?? (tail != nil) else { return }
        do throws(VaultFileError) {
            defer { lock?.release() }
            // No writer is at work now: what is left over is nobody's, and what is committed stays.
            let tail = try advance()
            guard isLocked == true else { return }
            try noteTail(tail)
            noteSeen()
            if (try? isReplaced()) == false { try rememberAgain() }
        } catch {
            if error.isPassing { throw error }
            if case .damaged = error, isLocked == true, (try? isReplaced()) == false { throw error }
            try catchUpAgain(attempts)
        }
    }

    /// Remembers the present commit, under a lock, if it agrees with what is remembered by now.
    private func rememberAgain() throws(VaultFileError) {
        let recollection = note(recollect())
        for seen in recollection?.all ?? [] where try refusal(of: seen) != nil {
            return
        }
        remember(after: recollection)
    }

    /// Takes a second look while no writer can be at work; if another file has the name by now, at that one.
    private func catchUpAgain(_ attempts: Int) throws(VaultFileError) {
        if try catchUpUnderLock() { return }
        guard attempts > 0 else { throw .busy }
        try reopen(after: recollect(), attempts - 1)
    }

    /// - Returns: whether the file has the name still; if not, nothing was looked at.
    private func catchUpUnderLock() throws(VaultFileError) -> Bool {
        guard let lock = try takeLock(.shared, patience: dependencies.lookPatience) else {
            return try catchUpRepeatedly()
        }
        defer { lock.release() }
        if try isReplaced() { return false }
        let recollection = note(recollect())
        try verifyFromFront(recollection)
        remember(after: recollection)
        return true
    }

    /// Looks a few times where no lock can be had: what a writer is doing is over after a moment.
    private func catchUpRepeatedly() throws(VaultFileError) -> Bool {
        var attempts = Log.unlockedLooks
        while true {
            do throws(VaultFileError) {
                if try isReplaced() { return false }
                try verifyFromFront(note(recollect()))
                return true
            } catch {
                attempts -= 1
                if error.isPassing || attempts == 0 { throw error }
                SystemClock.sleep(milliseconds: Log.unlockedPause)
            }
        }
    }

    /// How often who may not lock looks again, and how many milliseconds later each time.
    private static let (unlockedLooks, unlockedPause): (Int, UInt64) = (4, 100)

    /// Takes a shared lock if it can be had at once.
    ///
    /// - Returns: the lock, and whether it was had; nil for that where there are no locks.
    private func tryLock() -> (lock: WriterLock?, isLocked: Bool?) {
        do throws(VaultFileError) {
            let lock = try takeLock(.shared, patience: 0)
            return (lock, lock.map { _ in true })
        } catch {
            return (nil, error == .busy ? false : nil)
        }
    }

    /// Replays from the front, under a lock.
    ///
    /// What this log saw itself counts no longer: the file is held against what this machine remembers.
    func verifyFromFront(_ recollection: Recollection?) throws(VaultFileError) {
        let file = file
        try replayAnew(watchingFor: recollection?.all ?? [])
        let length = try during(.read) { () throws(Errno) in try file.length() }
        guard length >= header.baseEnd else { throw .incompleteCopy(count: length, expected: header.baseEnd) }
        try noteTail(try replay.run(to: length))
        try verify(against: recollection)
        noteSeen()
    }

    private func replayAnew(watchingFor expected: [LastSeen]) throws(VaultFileError) {
        replay = try Log.replay(file, header, master, dependencies)
        replay.watch(for: expected)
    }

    /// Replays to the present end of the file.
    ///
    /// - Returns: where an unfinished tail begins.
    func advance(isGlance: Bool = false) throws(VaultFileError) -> UInt64? {
        let file = file
        let length = try during(.read) { () throws(Errno) in try file.length() }
        guard length >= header.baseEnd else { throw .incompleteCopy(count: length, expected: header.baseEnd) }
        guard try holds(seen, length: length) else { throw .rolledBack(Rollback(.older, lastSeen: 0)) }
        if seen == replay.committed { return try replay.run(to: length, isGlance: isGlance) }
        // A writer took back what it could not make durable, or the file was overwritten.
        guard try holds(replay.committed, length: length) else {
            syncedEnd = nil
            try replayAnew(watchingFor: replay.watched)
            return try replay.run(to: length, isGlance: isGlance)
        }
        return try replay.run(to: length, isGlance: isGlance)
    }

    /// Remembers a tail that was found under a lock.
    func noteTail(_ offset: UInt64?) throws(VaultFileError) {
        guard let offset else { return unfinishedTail = nil }
        let file = file
        let length = try during(.read) { () throws(Errno) in try file.length() }
        // Whoever keeps no lock can have cut the file since the replay.
        guard length >= offset else { throw .rolledBack(Rollback(.older, lastSeen: 0)) }
        unfinishedTail = UnfinishedTail(offset: offset, count: length - offset)
    }

    /// Waits for the lock of the file.
    ///
    /// - Returns: nil if this process may not have it, which is not so for an exclusive one.
    /// - Throws: ``VaultFileError/busy`` when `patience` milliseconds have passed.
    func takeLock(_ kind: LockKind, patience: UInt64) throws(VaultFileError) -> WriterLock? {
        try WriterLock.take(
            kind, of: file, at: path, dependencies.storage, patience: patience, dependencies.cancellation)
    }
}
