import Platform
import Sodium

/// A disk in memory, for one thread, that counts calls, fails on demand, and lets a test change its files.
final class MemoryDisk: Storage, @unchecked Sendable {
    /// The kinds of calls, which are counted separately.
    enum Call: Hashable, Sendable, CaseIterable {
        case open, create, identity, resolve, rename, remove, names, makeDirectory, syncDirectory
        case length, read, write, truncate, sync, lock, lockFile, attributes, status
    }

    /// The peculiarities of some file systems.
    enum Lack: Sendable {
        /// No rename that fails if the target exists, and no hard links, as on exFAT.
        case exclusiveRename
        /// No exchange of two files' names.
        case exchange
        /// Inode numbers are derived from paths, and a replaced file can no longer be read, as with rclone.
        case numbers
    }

    /// A file, which can have several names.
    final class Node {
        let inode: UInt64
        var bytes: [UInt8] = []
        /// The parts that the disk cannot read.
        var unreadable: [Range<UInt64>] = []
        var holders: [ObjectIdentifier: LockKind] = [:]

        init(inode: UInt64) { self.inode = inode }
    }

    private struct Fault {
        let call: Call
        var skipped: Int
        let error: Errno
        let lasts: Bool
    }

    /// The files by path.
    private(set) var files: [String: Node] = [:]
    /// The calls so far that changed something, in order.
    private(set) var journal: [Call] = []
    /// The number of calls of each kind.
    private(set) var counts: [Call: Int] = [:]
    /// The peculiarities of the file system.
    var lacks: Set<Lack> = []
    /// The targets of the symbolic links, by the path of each.
    var symbolicLinks: [String: String] = [:]
    /// True if some users can read the files but not write them, so that writers lock files beside them.
    var hasReaders = false
    /// A function that is called before each call takes effect.
    var before: ((Call) -> Void)?
    /// A function from the length of a failing write to the number of bytes that are written.
    var written: (Int) -> Int = { $0 / 2 }
    private var directories: Set<String> = ["/"]
    private var faults: [Fault] = []
    private var nextInode: UInt64 = 100

    /// The bytes of the file at `path`; empty if there is none.
    subscript(path: String) -> [UInt8] {
        get { files[path]?.bytes ?? [] }
        set {
            for directory in [Path.directory(of: path), "/"] { directories.insert(directory) }
            if files[path] == nil { files[path] = newNode() }
            files[path]?.bytes = newValue
        }
    }

    /// Puts a new file at `path`, as a rename over it would.
    func replace(_ path: String, with bytes: [UInt8]) {
        let node = newNode()
        node.bytes = bytes
        files[path] = node
    }

    /// Gives a file a second name.
    func link(_ path: String, to other: String) { files[other] = files[path] }

    /// Releases all locks, as the end of a process does.
    func releaseLocks() { for node in files.values { node.holders = [:] } }

    /// Flips one bit.
    func flip(_ path: String, at offset: Int, bit: Int) { files[path]?.bytes[offset] ^= 1 << UInt8(bit) }

    /// Makes a future call of a kind fail: the next one, or the one after `skipped` calls.
    func fail(
        _ call: Call, after skipped: Int = 0, with error: Errno = .ioError, fromThenOn lasts: Bool = false
    ) {
        faults.append(Fault(call: call, skipped: skipped, error: error, lasts: lasts))
    }

    /// Removes all faults.
    func heal() { faults = [] }

    /// Resets the counts and the journal.
    func resetCounts() {
        counts = [:]
        journal = []
    }

    fileprivate func note(_ call: Call) throws(Errno) {
        before?(call)
        counts[call, default: 0] += 1
        switch call {
        case .length, .read, .identity, .resolve, .open, .lock, .lockFile, .names, .status: break
        default: journal.append(call)
        }
        var failure: Errno?
        for index in faults.indices.reversed() where faults[index].call == call {
            if faults[index].skipped > 0 {
                faults[index].skipped -= 1
                continue
            }
            failure = faults[index].error
            if !faults[index].lasts { faults.remove(at: index) }
        }
        if let failure { throw failure }
    }

    private func newNode() -> Node {
        nextInode += 1
        return Node(inode: nextInode)
    }

    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile {
        try note(.open)
        let path = symbolicLinks[path] ?? path
        guard let node = files[path] else { throw directories.contains(path) ? .isDirectory : .noSuchFile }
        return MemoryFile(self, node, access, number: number(of: node, at: path))
    }

    func create(_ path: String) throws(Errno) -> any StorageFile {
        try note(.create)
        guard directories.contains(Path.directory(of: path)) else { throw .noSuchFile }
        if files[path] != nil { throw .fileExists }
        let node = newNode()
        files[path] = node
        return MemoryFile(self, node, .writing, number: number(of: node, at: path))
    }

    private func number(of node: Node, at path: String) -> UInt64 {
        guard lacks.contains(.numbers) else { return node.inode }
        return path.utf8.reduce(5381) { $0 &* 33 &+ UInt64($1) }
    }

    func identity(of path: String) throws(Errno) -> FileIdentity {
        try note(.identity)
        let path = symbolicLinks[path] ?? path
        guard let node = files[path] else { throw .noSuchFile }
        return FileIdentity(device: 1, inode: number(of: node, at: path))
    }

    func resolvingLinks(_ path: String) throws(Errno) -> String {
        try note(.resolve)
        let path = symbolicLinks[path] ?? path
        if files[path] == nil, !directories.contains(path) { throw .noSuchFile }
        return path
    }

    func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        if lacks.contains(.exclusiveRename) { return try renameOverPlaceholder(from, to: to) }
        try note(.rename)
        guard let node = files[from] else { throw .noSuchFile }
        if files[to] != nil { throw .fileExists }
        files[to] = node
        files[from] = nil
    }

    func rename(_ from: String, to: String) throws(Errno) {
        try note(.rename)
        guard let node = files.removeValue(forKey: from) else { throw .noSuchFile }
        files[to] = node
    }

    func exchange(_ one: String, _ other: String) throws(Errno) {
        try note(.rename)
        if lacks.contains(.exchange) { throw .invalidArgument }
        guard let first = files[one], let second = files[other] else { throw .noSuchFile }
        (files[one], files[other]) = (second, first)
    }

    func names(in directory: String) throws(Errno) -> [String] {
        try note(.names)
        guard directories.contains(directory) else { throw .noSuchFile }
        return files.keys.filter { Path.directory(of: $0) == directory }.map { Path.name(of: $0) }
    }

    func remove(_ path: String) throws(Errno) {
        try note(.remove)
        guard files.removeValue(forKey: path) != nil else { throw .noSuchFile }
    }

    func makeDirectory(_ path: String) throws(Errno) {
        try note(.makeDirectory)
        var directory = path
        while directories.insert(directory).inserted { directory = Path.directory(of: directory) }
    }

    func syncDirectory(_ path: String) throws(Errno) {
        try note(.syncDirectory)
        guard directories.contains(path) else { throw .noSuchFile }
    }

    func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)? {
        guard hasReaders else { return nil }
        try note(.lockFile)
        let name = MemoryDisk.lockFile(of: path)
        if isMade, files[name] == nil { files[name] = newNode() }
        guard let node = files[name] else { throw .noSuchFile }
        return MemoryFile(self, node, .writing, number: number(of: node, at: name))
    }

    /// Returns the path of the file that writers lock instead of the vault at `path`.
    static func lockFile(of path: String) -> String {
        Path.join(Path.directory(of: path), ".\(Path.name(of: path)).lock")
    }
}

/// An open file of a ``MemoryDisk``.
private final class MemoryFile: StorageFile {
    private let disk: MemoryDisk
    private let node: MemoryDisk.Node
    private let access: StorageAccess
    private let number: UInt64

    init(_ disk: MemoryDisk, _ node: MemoryDisk.Node, _ access: StorageAccess, number: UInt64) {
        (self.disk, self.node, self.access, self.number) = (disk, node, access, number)
    }

    deinit { node.holders[ObjectIdentifier(self)] = nil }

    func length() throws(Errno) -> UInt64 {
        try disk.note(.length)
        return UInt64(node.bytes.count)
    }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        do throws(Errno) {
            try disk.note(.read)
            let wanted = offset..<min(offset + UInt64(buffer.count), max(offset, UInt64(node.bytes.count)))
            if node.unreadable.contains(where: { $0.overlaps(wanted) }) { throw .ioError }
        } catch {
            // The content of the buffer after a failed read must not be used.
            for index in 0..<buffer.count { buffer[index] = 0xAA }
            throw error
        }
        if disk.lacks.contains(.numbers), !disk.files.values.contains(where: { $0 === node }) {
            throw .noSuchFile
        }
        let bytes = node.bytes
        guard offset < UInt64(bytes.count) else { return 0 }
        let count = min(buffer.count, bytes.count - Int(offset))
        buffer.copy(from: bytes.span.extracting(Int(offset)..<Int(offset) + count), at: 0)
        return count
    }

    /// Writes; a write that fails has written a part.
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        var failure: Errno?
        do throws(Errno) { try disk.note(.write) } catch { failure = error }
        if access == .reading { throw .badDescriptor }
        let count = failure == nil ? bytes.count : disk.written(bytes.count)
        let end = Int(offset) + count
        var content: [UInt8] = []
        swap(&content, &node.bytes)
        if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
        var span = content.mutableSpan
        span.copy(from: bytes.extracting(first: count), at: Int(offset))
        node.bytes = content
        if let failure { throw failure }
    }

    func truncate(to length: UInt64) throws(Errno) {
        try disk.note(.truncate)
        if access == .reading { throw .badDescriptor }
        if node.bytes.count > Int(length) { node.bytes.removeLast(node.bytes.count - Int(length)) }
    }

    func sync() throws(Errno) { try disk.note(.sync) }

    func identity() throws(Errno) -> FileIdentity {
        try disk.note(.status)
        return FileIdentity(device: 1, inode: number)
    }

    func nextData(from offset: UInt64) -> UInt64 { offset }

    func nameCount() throws(Errno) -> Int {
        try disk.note(.status)
        return disk.files.values.count { $0 === node }
    }

    func adoptAttributes(of other: any StorageFile) throws(Errno) { try disk.note(.attributes) }

    func tryLock(_ kind: LockKind) throws(Errno) -> Bool {
        try disk.note(.lock)
        let others = node.holders.filter { $0.key != ObjectIdentifier(self) }
        if others.values.contains(.exclusive) || (kind == .exclusive && !others.isEmpty) { return false }
        node.holders[ObjectIdentifier(self)] = kind
        return true
    }

    func unlock() { node.holders[ObjectIdentifier(self)] = nil }
}
