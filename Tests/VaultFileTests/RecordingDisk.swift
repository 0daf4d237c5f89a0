import Platform
import Sodium

/// A view of a ``MemoryDisk`` that records each call; one of its calls may fail, or all from one on.
///
/// It is a wrapper so that one of several processes on the same disk can be recorded, disturbed or killed
/// alone.
final class RecordingDisk: Storage, @unchecked Sendable {
    /// A change, or a sync.
    ///
    /// Files are identified by inode number.
    enum Event: Sendable {
        case names([Entry], directory: String)
        case write(UInt64, offset: Int, [UInt8])
        case truncate(UInt64, length: Int)
        case sync(UInt64)
        case syncDirectory(String)
    }

    /// A name, and the file that gets it; nil if the name is removed.
    struct Entry: Sendable {
        let path: String
        let inode: UInt64?
        /// The file that had the name before.
        var replaced: UInt64?
    }

    /// A failure of the call with this number, from 1.
    ///
    /// If it lasts, all later calls fail too, as if the process were dead.
    struct Fault: Sendable {
        let call: Int
        let error: Errno
        let lasts: Bool
    }

    let inner: MemoryDisk
    private(set) var events: [Event] = []
    private(set) var calls = 0
    var fault: Fault?

    init(_ inner: MemoryDisk) { self.inner = inner }

    /// Begins a new recording.
    func begin() { (events, calls, fault) = ([], 0, nil) }

    /// True if all calls fail from now on.
    fileprivate var isDead: Bool { fault.map { $0.lasts && calls >= $0.call } ?? false }

    fileprivate func note(_ event: Event) { events.append(event) }

    fileprivate func step() throws(Errno) {
        calls += 1
        if let fault, calls == fault.call || fault.lasts && calls > fault.call { throw fault.error }
    }

    private func inode(_ path: String) -> UInt64? { inner.files[path]?.inode }

    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile {
        try step()
        return try file(path, try inner.open(path, access))
    }

    private func file(_ path: String, _ file: any StorageFile) throws(Errno) -> any StorageFile {
        guard let inode = inode(path) else { throw .noSuchFile }
        return RecordingFile(self, file, inode)
    }

    func create(_ path: String) throws(Errno) -> any StorageFile {
        try step()
        let created = try inner.create(path)
        note(.names([Entry(path: path, inode: inode(path))], directory: Path.directory(of: path)))
        return try file(path, created)
    }

    func identity(of path: String) throws(Errno) -> FileIdentity {
        try step()
        return try inner.identity(of: path)
    }

    func resolvingLinks(_ path: String) throws(Errno) -> String {
        try step()
        return try inner.resolvingLinks(path)
    }

    func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        try step()
        try inner.renameWithoutReplacing(from, to: to)
        noteRename(from, to)
    }

    func rename(_ from: String, to: String) throws(Errno) {
        try step()
        let replaced = inode(to)
        try inner.rename(from, to: to)
        noteRename(from, to, replaced)
    }

    private func noteRename(_ from: String, _ to: String, _ replaced: UInt64? = nil) {
        let entries = [
            Entry(path: to, inode: inode(to), replaced: replaced), Entry(path: from, inode: nil),
        ]
        note(.names(entries, directory: Path.directory(of: to)))
    }

    func exchange(_ one: String, _ other: String) throws(Errno) {
        try step()
        try inner.exchange(one, other)
        let entries = [one, other].map { Entry(path: $0, inode: inode($0)) }
        note(.names(entries, directory: Path.directory(of: one)))
    }

    func remove(_ path: String) throws(Errno) {
        try step()
        try inner.remove(path)
        note(.names([Entry(path: path, inode: nil)], directory: Path.directory(of: path)))
    }

    func names(in directory: String) throws(Errno) -> [String] {
        try step()
        return try inner.names(in: directory)
    }

    func makeDirectory(_ path: String) throws(Errno) {
        try step()
        try inner.makeDirectory(path)
    }

    func syncDirectory(_ path: String) throws(Errno) {
        try step()
        try inner.syncDirectory(path)
        note(.syncDirectory(path))
    }
}

/// An open file of a ``RecordingDisk``.
private final class RecordingFile: StorageFile {
    private let disk: RecordingDisk
    let inner: any StorageFile
    private let inode: UInt64

    init(_ disk: RecordingDisk, _ inner: any StorageFile, _ inode: UInt64) {
        (self.disk, self.inner, self.inode) = (disk, inner, inode)
    }

    func length() throws(Errno) -> UInt64 {
        try disk.step()
        return try inner.length()
    }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try disk.step()
        return try inner.read(at: offset, into: &buffer)
    }

    func nextData(from offset: UInt64) -> UInt64 { inner.nextData(from: offset) }

    /// Writes; a write that fails, or during which the process dies, has written half.
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        let wasDead = disk.isDead
        var failure: Errno?
        do throws(Errno) { try disk.step() } catch { failure = error }
        if wasDead, let failure { throw failure }
        let done = failure == nil ? bytes : bytes.extracting(first: bytes.count / 2)
        try inner.write(done, at: offset)
        disk.note(.write(inode, offset: Int(offset), done.array(done.indices)))
        if let failure { throw failure }
    }

    func truncate(to length: UInt64) throws(Errno) {
        try disk.step()
        try inner.truncate(to: length)
        disk.note(.truncate(inode, length: Int(length)))
    }

    func sync() throws(Errno) {
        try disk.step()
        try inner.sync()
        disk.note(.sync(inode))
    }

    func identity() throws(Errno) -> FileIdentity { try inner.identity() }

    func nameCount() throws(Errno) -> Int { try inner.nameCount() }

    func adoptAttributes(of other: any StorageFile) throws(Errno) { try disk.step() }

    func tryLock(_ kind: LockKind) throws(Errno) -> Bool {
        try disk.step()
        return try inner.tryLock(kind)
    }

    func unlock() { inner.unlock() }
}
