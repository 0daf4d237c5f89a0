import Foundation
import Platform
import Sodium

extension Span<UInt8> {
    /// A copy of the bytes.
    var copied: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}

/// A thread-safe disk in memory, on which every directory exists.
final class FuzzDisk: Storage, @unchecked Sendable {
    fileprivate final class Node {
        let inode: UInt64
        var bytes: [UInt8] = []
        var holders: [ObjectIdentifier: LockKind] = [:]

        init(inode: UInt64) { self.inode = inode }
    }

    private let lock = NSLock()
    private var nodes: [String: Node] = [:]
    private var lastInode: UInt64 = 0

    fileprivate func locked<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }

    private func whole<R>(_ body: () -> R) -> R {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    private func newNode() -> Node {
        lastInode += 1
        return Node(inode: lastInode)
    }

    private func node(_ path: String) throws(Errno) -> Node {
        guard let node = nodes[path] else { throw .noSuchFile }
        return node
    }

    /// The bytes of a file; empty if there is none.
    ///
    /// Setting them creates a new file.
    subscript(path: String) -> [UInt8] {
        get { whole { nodes[path]?.bytes ?? [] } }
        set {
            whole {
                let node = newNode()
                node.bytes = newValue
                nodes[path] = node
            }
        }
    }

    /// Every path.
    var paths: [String] { whole { nodes.keys.sorted() } }

    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile {
        try locked { () throws(Errno) in FuzzFile(self, try node(path), access) }
    }

    func create(_ path: String) throws(Errno) -> any StorageFile {
        try locked { () throws(Errno) in
            guard nodes[path] == nil else { throw .fileExists }
            let node = newNode()
            nodes[path] = node
            return FuzzFile(self, node, .writing)
        }
    }

    func identity(of path: String) throws(Errno) -> FileIdentity {
        try locked { () throws(Errno) in FileIdentity(device: 1, inode: try node(path).inode) }
    }

    func resolvingLinks(_ path: String) throws(Errno) -> String {
        try locked { () throws(Errno) in
            _ = try node(path)
            return path
        }
    }

    func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        try locked { () throws(Errno) in
            let moved = try node(from)
            guard nodes[to] == nil else { throw .fileExists }
            (nodes[from], nodes[to]) = (nil, moved)
        }
    }

    func rename(_ from: String, to: String) throws(Errno) {
        try locked { () throws(Errno) in
            let moved = try node(from)
            nodes[from] = nil
            nodes[to] = moved
        }
    }

    func exchange(_ one: String, _ other: String) throws(Errno) {
        try locked { () throws(Errno) in
            let (first, second) = (try node(one), try node(other))
            (nodes[one], nodes[other]) = (second, first)
        }
    }

    func remove(_ path: String) throws(Errno) {
        try locked { () throws(Errno) in
            _ = try node(path)
            nodes[path] = nil
        }
    }

    func names(in directory: String) throws(Errno) -> [String] {
        whole { nodes.keys.filter { Path.directory(of: $0) == directory }.map { Path.name(of: $0) } }
    }

    func makeDirectory(_ path: String) {}

    func syncDirectory(_ path: String) {}

    fileprivate func nameCount(of node: Node) -> Int { whole { nodes.values.count { $0 === node } } }
}

/// An open file of a ``FuzzDisk``.
private final class FuzzFile: StorageFile {
    private let disk: FuzzDisk
    private let node: FuzzDisk.Node
    private let access: StorageAccess

    init(_ disk: FuzzDisk, _ node: FuzzDisk.Node, _ access: StorageAccess) {
        (self.disk, self.node, self.access) = (disk, node, access)
    }

    deinit { unlock() }

    func length() throws(Errno) -> UInt64 {
        try disk.locked { () throws(Errno) in UInt64(node.bytes.count) }
    }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        let bytes = try disk.locked { () throws(Errno) in node.bytes }
        guard offset < UInt64(bytes.count) else { return 0 }
        let count = min(buffer.count, bytes.count - Int(offset))
        buffer.copy(from: bytes.span.extracting(Int(offset)..<Int(offset) + count), at: 0)
        return count
    }

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        guard access == .writing else { throw .badDescriptor }
        let content = bytes.copied
        try disk.locked { () throws(Errno) in
            let missing = Int(offset) + content.count - node.bytes.count
            if missing > 0 { node.bytes += [UInt8](repeating: 0, count: missing) }
            node.bytes.replaceSubrange(Int(offset)..<Int(offset) + content.count, with: content)
        }
    }

    func truncate(to length: UInt64) throws(Errno) {
        guard access == .writing else { throw .badDescriptor }
        try disk.locked { () throws(Errno) in
            if node.bytes.count > Int(length) { node.bytes.removeLast(node.bytes.count - Int(length)) }
        }
    }

    func sync() {}

    func identity() -> FileIdentity { FileIdentity(device: 1, inode: node.inode) }

    func nextData(from offset: UInt64) -> UInt64 { offset }

    func nameCount() -> Int { disk.nameCount(of: node) }

    func adoptAttributes(of other: any StorageFile) {}

    func tryLock(_ kind: LockKind) throws(Errno) -> Bool {
        try disk.locked { () throws(Errno) in
            let others = node.holders.filter { $0.key != ObjectIdentifier(self) }
            if others.values.contains(.exclusive) || (kind == .exclusive && !others.isEmpty) { return false }
            node.holders[ObjectIdentifier(self)] = kind
            return true
        }
    }

    func unlock() {
        try? disk.locked { () throws(Errno) in node.holders[ObjectIdentifier(self)] = nil }
    }
}
