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
    static let bodyCount = 56

    /// The point at which a file with this header stands at `position`.
    init(_ header: Header, _ position: Replay.Position) {
        vaultID = header.vaultID
        generation = header.generation
        seq = position.seq
        end = position.end
        tag = position.tag
    }

    /// Reads the ``bodyCount`` bytes at `offset`.
    init(_ bytes: Span<UInt8>, at offset: Int) {
        vaultID = Bytes16(bytes, at: offset)
        generation = bytes.load(UInt64.self, at: offset + 16)
        seq = bytes.load(UInt64.self, at: offset + 24)
        end = bytes.load(UInt64.self, at: offset + 32)
        tag = Bytes16(bytes, at: offset + 40)
    }

    /// The ``bodyCount`` bytes.
    var body: [UInt8] {
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

/// The folder of marks: what this machine saw last of the vault at each path.
public struct MarkFolder: Sendable {
    private let path: String
    private let storage: any Storage

    private static let magic = Array("VLTMARK1".utf8)
    private static let count = 96

    /// The marks in the folder at `path`, which is made when the first one is written.
    public init(path: String, storage: any Storage = DiskStorage()) {
        self.path = path
        self.storage = storage
    }

    /// The mark of the vault at a path without symbolic links; nil if there is none, or none that can be trusted.
    ///
    /// - Throws: if there may be one that cannot be read.
    public func mark(of vault: String) throws(Errno) -> Mark? {
        let file: any StorageFile
        do throws(Errno) {
            file = try storage.open(try name(vault), .reading)
        } catch .noSuchFile, .notFolder {
            return nil
        } catch {
            throw error
        }
        var bytes = [UInt8](repeating: 0, count: MarkFolder.count)
        var span = bytes.mutableSpan
        guard try file.read(at: 0, into: &span) == MarkFolder.count,
            Array(bytes[..<8]) == MarkFolder.magic, try MarkFolder.sum(bytes) == Array(bytes[64...])
        else { return nil }
        return Mark(bytes.span, at: MarkFolder.magic.count)
    }

    /// Remembers what was seen of the vault at a path.
    ///
    /// It is written over what was there, in one sector; a mark that a crash tore counts as none.
    public func set(_ mark: Mark, of vault: String) throws(Errno) {
        let bytes = MarkFolder.magic + mark.body
        let padded = bytes + (try MarkFolder.sum(bytes))
        try file(try name(vault)).write(padded.span, at: 0)
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
        do throws(SodiumError) {
            let hash = try BLAKE2b.hash(Array(vault.utf8).span, count: 16)
            return Path.join(path, hash.hexadecimal)
        } catch {
            throw .noMemory
        }
    }

    private static func sum(_ bytes: [UInt8]) throws(Errno) -> [UInt8] {
        do throws(SodiumError) {
            return try BLAKE2b.hash(bytes.span.extracting(0..<64))
        } catch {
            throw .noMemory
        }
    }
}

extension [UInt8] {
    /// Two digits for each byte.
    package var hexadecimal: String {
        let digits = Array<Character>("0123456789abcdef")
        return String(flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
