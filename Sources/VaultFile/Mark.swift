public import Platform
internal import Sodium

/// A point in the history of a vault, as a mark or a head names it: vault-format.md, sections 5 and 10.
public struct Mark: Equatable, Sendable {
    /// Which vault.
    public let vaultID: Bytes16
    /// Which generation of its file.
    public let generation: UInt64
    /// The `seq` of the last frame.
    public let seq: UInt64
    /// The offset where it ends.
    public let end: UInt64
    /// Its tag; if the file has no frame, the first half of the header's MAC.
    public let tag: Bytes16

    /// The bytes that a mark and a head have in common.
    package static let bodyCount = 56

    /// The point at which a file with this header stands at `position`.
    init(_ header: Header, _ position: Replay.Position) {
        vaultID = header.vaultID
        generation = header.generation
        seq = position.seq
        end = position.end
        tag = position.tag
    }

    /// Reads the ``bodyCount`` bytes at `offset`.
    package init(_ bytes: Span<UInt8>, at offset: Int) {
        vaultID = Bytes16(bytes, at: offset)
        generation = bytes.load(UInt64.self, at: offset + 16)
        seq = bytes.load(UInt64.self, at: offset + 24)
        end = bytes.load(UInt64.self, at: offset + 32)
        tag = Bytes16(bytes, at: offset + 40)
    }

    /// The ``bodyCount`` bytes.
    package var body: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Mark.bodyCount)
        var span = bytes.mutableSpan
        vaultID.store(into: &span, at: 0)
        span.store(generation, at: 16)
        span.store(seq, at: 24)
        span.store(end, at: 32)
        tag.store(into: &span, at: 40)
        return bytes
    }
}

/// What this machine remembers of the vault at each path: what it saw last, and when it was last backed up.
public struct MarkFolder: Sendable {
    private let path: String
    private let storage: any Storage

    /// A backup that was verified.
    public struct Backup: Equatable, Sendable {
        /// What it holds.
        public let mark: Mark
        /// When it was made, in milliseconds since 1970.
        public let time: UInt64

        /// A backup of that point, made at `time`.
        public init(of mark: Mark, at time: UInt64) { (self.mark, self.time) = (mark, time) }
    }

    /// The memory in the folder at `path`, which is made when something is first written there.
    public init(path: String, storage: any Storage = DiskStorage()) {
        self.path = path
        self.storage = storage
    }

    /// The mark of the vault at a path without symbolic links; nil if there is none, or none that can be trusted.
    ///
    /// - Throws: if there may be one that cannot be read.
    public func mark(of vault: String) throws(Errno) -> Mark? {
        try read("VLTMARK1", Mark.bodyCount, name(vault)).map { Mark($0.span, at: 0) }
    }

    /// The file with the mark of the vault at a path, for reading and writing it while a lock is held; nil if there is none.
    func markFile(of vault: String) throws(Errno) -> (any StorageFile)? {
        do throws(Errno) {
            return try storage.open(try name(vault), .writing)
        } catch .noSuchFile, .notFolder {
            return nil
        } catch {
            throw error
        }
    }

    /// The mark in its file; nil if it cannot be trusted.
    func mark(in file: any StorageFile) throws(Errno) -> Mark? {
        try read("VLTMARK1", Mark.bodyCount, file).map { Mark($0.span, at: 0) }
    }

    /// Writes over the mark in its file.
    func set(_ mark: Mark, in file: any StorageFile) throws(Errno) {
        try write("VLTMARK1", mark.body, file)
    }

    /// Remembers what was seen of the vault at a path.
    ///
    /// - Parameter durably: whether a crash may not bring back the mark before: where that is ahead of this one, it would
    ///   refuse the file.
    public func set(_ mark: Mark, of vault: String, durably: Bool = false) throws(Errno) {
        let file = try file(name(vault))
        try write("VLTMARK1", mark.body, file)
        if durably { try file.sync() }
    }

    /// The last backup of the vault at a path that was verified; nil if none is known.
    public func backup(of vault: String) throws(Errno) -> Backup? {
        try read("VLTBACK1", Mark.bodyCount + 8, name(vault) + ".backup").map {
            Backup(of: Mark($0.span, at: 0), at: $0.span.load(UInt64.self, at: Mark.bodyCount))
        }
    }

    /// Remembers a backup of the vault at a path.
    public func set(_ backup: Backup, of vault: String) throws(Errno) {
        let time = (0..<8).map { UInt8(truncatingIfNeeded: backup.time >> (8 * $0)) }
        try write("VLTBACK1", backup.mark.body + time, try file(name(vault) + ".backup"))
    }

    /// What is between magic and sum.
    private func read(_ magic: StaticString, _ count: Int, _ name: String) throws(Errno) -> [UInt8]? {
        let file: any StorageFile
        do throws(Errno) {
            file = try storage.open(name, .reading)
        } catch .noSuchFile, .notFolder {
            return nil
        } catch {
            throw error
        }
        return try read(magic, count, file)
    }

    private func read(
        _ magic: StaticString, _ count: Int, _ file: any StorageFile
    ) throws(Errno) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 8 + count + 32)
        var span = bytes.mutableSpan
        let read = try file.read(at: 0, into: &span)
        guard read == bytes.count, bytes.starts(with: Array(magic.description.utf8)),
            try MarkFolder.hash(bytes.prefix(8 + count), 32) == Array(bytes.suffix(32))
        else { return nil }
        return Array(bytes[8..<8 + count])
    }

    /// Writes over what was there, within one sector; what a crash tore counts as nothing.
    private func write(
        _ magic: StaticString, _ body: [UInt8], _ file: any StorageFile
    ) throws(Errno) {
        let bytes = Array(magic.description.utf8) + body
        let whole = bytes + (try MarkFolder.hash(bytes[...], 32))
        try file.write(whole.span, at: 0)
    }

    private func file(_ name: String) throws(Errno) -> any StorageFile {
        do throws(Errno) {
            return try storage.open(name, .writing)
        } catch .noSuchFile, .notFolder {
            try storage.makeFolder(path)
        }
        do throws(Errno) {
            return try storage.create(name)
        } catch .fileExists {
            return try storage.open(name, .writing)
        }
    }

    private func name(_ vault: String) throws(Errno) -> String {
        Path.join(path, try MarkFolder.hash(Array(vault.utf8)[...], 16).hexadecimal)
    }

    private static func hash(_ bytes: ArraySlice<UInt8>, _ count: Int) throws(Errno) -> [UInt8] {
        do throws(SodiumError) {
            return try BLAKE2b.hash(Array(bytes).span, count: count)
        } catch {
            throw .noMemory
        }
    }
}

extension [UInt8] {
    /// Two digits for each byte.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * count)
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
