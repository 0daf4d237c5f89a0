public import Platform
internal import Sodium

/// The directory in which this machine remembers vaults: what it saw last at each path, and when each was backed up.
public struct CheckpointStore: Sendable {
    private let path: String
    private let storage: any Storage

    /// A backup that was verified.
    public struct Backup: Equatable, Sendable {
        /// What it holds.
        public let point: CommitPoint
        /// When it was made, in milliseconds since 1970.
        public let time: UInt64

        /// A backup of that point, made at `time`.
        public init(of point: CommitPoint, at time: UInt64) { (self.point, self.time) = (point, time) }
    }

    /// What there is for a path.
    public enum Entry: Equatable, Sendable {
        /// Nothing: the vault was never seen there.
        case none
        /// Something that is not whole: a crash tore it, or somebody changed it.
        case torn
        /// This.
        case seen(LastSeen)

        /// What was seen, if that is known.
        public var lastSeen: LastSeen? {
            if case .seen(let seen) = self { seen } else { nil }
        }
    }

    /// The directory at `path`, which is made when something is first written there.
    public init(path: String, storage: any Storage = DiskStorage()) {
        self.path = path
        self.storage = storage
    }

    private static let magic = "VLTSEEN2"
    private static let legacyMagic = "VLTMARK1"
    private static let backupMagic = "VLTBACK1"
    /// The longest path that is read back.
    private static let maxPath = 4096

    /// What was last seen of the vault at a path.
    ///
    /// - Throws: if there may be something that cannot be read.
    public func entry(of vault: String) throws(Errno) -> Entry {
        guard let file = try existing(try name(vault), .reading) else { return .none }
        return try entry(in: file)
    }

    /// The file of a vault's checkpoint, for reading and writing it while a lock is held; nil if there is none.
    func checkpointFile(of vault: String) throws(Errno) -> (any StorageFile)? {
        try existing(try name(vault), .writing)
    }

    /// What its file says.
    func entry(in file: any StorageFile) throws(Errno) -> Entry {
        // One more than there should be, which would show.
        var bytes = [UInt8](repeating: 0, count: 8 + Checkpoint.bodySize + 32 + 1)
        var span = bytes.mutableSpan
        let count = try file.read(at: 0, into: &span)
        if let body = try CheckpointStore.body(bytes, count, Self.magic, Checkpoint.bodySize) {
            return Checkpoint(body.span).map { .seen(.checkpoint($0)) } ?? .torn
        }
        if let body = try CheckpointStore.body(bytes, count, Self.legacyMagic, CommitPoint.bodySize) {
            return .seen(.legacy(CommitPoint(body.span, at: 0)))
        }
        return .torn
    }

    /// Writes a checkpoint over what is in its file.
    func set(_ checkpoint: Checkpoint, in file: any StorageFile) throws(Errno) {
        try write(Self.magic, checkpoint.body, file)
    }

    /// Remembers what was seen of the vault at a path.
    ///
    /// - Parameter durably: whether a crash may not bring back the checkpoint before: where that is ahead of this one, it would
    ///   refuse the file.
    public func set(_ checkpoint: Checkpoint, of vault: String, durably: Bool = false) throws(Errno) {
        let name = try name(vault)
        let file = try file(name)
        try write(Self.magic, checkpoint.body, file)
        if durably { try file.sync() }
        if (try? existing(name + ".path", .reading)) ?? nil == nil {
            let path = try self.file(name + ".path")
            try path.write(Array(vault.utf8).span, at: 0)
        }
    }

    /// Forgets what was seen at a path.
    func remove(_ vault: String) throws(Errno) {
        for suffix in ["", ".path"] { try remove(name: try name(vault) + suffix) }
    }

    /// Where a path led to last.
    enum Link: Equatable {
        /// To nothing else, as far as is known.
        case none
        /// What there is was torn by a crash, or changed by somebody.
        case torn
        /// To this path.
        case to(String)
    }

    /// Where a path led to last that led to another.
    func link(of lexical: String) throws(Errno) -> Link {
        guard let file = try existing(try name(lexical) + ".link", .reading) else { return .none }
        return try text(in: file).map { .to($0) } ?? .torn
    }

    /// Whether it is known that a path leads to the vault at another one, so that what is remembered there is all that counts.
    public func isKnown(_ lexical: String, toLeadTo vault: String) -> Bool {
        do throws(Errno) {
            guard try link(of: lexical) == .to(vault) else { return false }
            return try entry(of: lexical) == .none
        } catch {
            return false
        }
    }

    /// Whether what is remembered of a path that is named agrees with the one that it leads to, or there is nothing.
    ///
    /// - Throws: if that cannot be read.
    public func isSettled(_ lexical: String, at vault: String) throws(Errno) -> Bool {
        let recollection = try recollection(of: vault, named: lexical)
        return recollection.isLinkCurrent || recollection.others.isEmpty
    }

    /// What was seen where a path that is named led before, and at the one that it leads to.
    public func sightings(of lexical: String, at vault: String) throws(Errno) -> [LastSeen] {
        let recollection = try recollection(of: vault, named: lexical)
        return recollection.others + (recollection.canonical.map { [$0] } ?? [])
    }

    /// Whether what is remembered of a path that is named, or of the one that it leads to, is not whole.
    public func isTorn(_ lexical: String, at vault: String) -> Bool {
        (try? recollection(of: vault, named: lexical))?.isTorn ?? false
    }

    /// Makes sure that what is seen of the vault at a path can be remembered.
    ///
    /// - Throws: if it cannot.
    public func probe(_ vault: String) throws(Errno) {
        if try checkpointFile(of: vault) == nil { try storage.makeOwnDirectory(path) }
    }

    /// Remembers where a path leads from now on, whatever was seen there before.
    public func acceptLink(_ lexical: String, at vault: String) throws(Errno) {
        try updateLink(try recollection(of: vault, named: lexical))
    }

    /// Remembers where a path leads; nil if it is the vault's own.
    func setLink(of lexical: String, to vault: String?) throws(Errno) {
        let name = try name(lexical) + ".link"
        guard let vault else { return try remove(name: name) }
        let file = try file(name)
        let bytes = Array(vault.utf8)
        try file.truncate(to: 0)
        try file.write(bytes.span, at: 0)
    }

    /// What was seen of one vault, wherever that was, and the paths.
    func others(of vaultID: Bytes16) throws(Errno) -> [(path: String, lastSeen: LastSeen)] {
        let names: [String]
        do throws(Errno) {
            names = try storage.names(in: path)
        } catch .noSuchFile, .notDirectory {
            return []
        } catch {
            throw error
        }
        var found: [(path: String, lastSeen: LastSeen)] = []
        for name in names.sorted() where name.utf8.count == 32 {
            guard let file = try existing(Path.join(path, name), .reading),
                let seen = try entry(in: file).lastSeen, seen.vaultID == vaultID
            else { continue }
            found.append((try text(Path.join(path, name) + ".path") ?? "another path", seen))
        }
        return found
    }

    /// The last backup of the vault at a path that was verified; nil if none is known.
    public func backup(of vault: String) throws(Errno) -> Backup? {
        guard let file = try existing(try name(vault) + ".backup", .reading) else { return nil }
        let size = CommitPoint.bodySize + 8
        var bytes = [UInt8](repeating: 0, count: 8 + size + 32)
        var span = bytes.mutableSpan
        let count = try file.read(at: 0, into: &span)
        return try CheckpointStore.body(bytes, count, Self.backupMagic, size).map {
            Backup(of: CommitPoint($0.span, at: 0), at: $0.span.load(UInt64.self, at: CommitPoint.bodySize))
        }
    }

    /// Remembers a backup of the vault at a path.
    public func set(_ backup: Backup, of vault: String) throws(Errno) {
        var time = [UInt8](repeating: 0, count: 8)
        var span = time.mutableSpan
        span.store(backup.time, at: 0)
        try write(Self.backupMagic, backup.point.body + time, try file(name(vault) + ".backup"))
    }

    /// The `size` bytes between magic and sum; nil if these are not whole.
    private static func body(
        _ bytes: [UInt8], _ count: Int, _ magic: String, _ size: Int
    ) throws(Errno) -> [UInt8]? {
        guard count == 8 + size + 32, bytes.starts(with: magic.utf8),
            try hash(bytes[..<(8 + size)], 32) == Array(bytes[(8 + size)..<(8 + size + 32)])
        else { return nil }
        return Array(bytes[8..<8 + size])
    }

    /// Writes over what was there; what a crash tore counts as nothing, and is told.
    private func write(_ magic: String, _ body: [UInt8], _ file: any StorageFile) throws(Errno) {
        let bytes = Array(magic.utf8) + body
        let whole = bytes + (try CheckpointStore.hash(bytes[...], 32))
        try file.write(whole.span, at: 0)
        if try file.length() > UInt64(whole.count) { try file.truncate(to: UInt64(whole.count)) }
    }

    private func existing(_ name: String, _ access: StorageAccess) throws(Errno) -> (any StorageFile)? {
        do throws(Errno) {
            return try storage.open(name, access)
        } catch .noSuchFile, .notDirectory {
            return nil
        } catch {
            throw error
        }
    }

    private func text(_ name: String) throws(Errno) -> String? {
        guard let file = try existing(name, .reading) else { return nil }
        return try text(in: file)
    }

    /// The path that a file holds; nil if it holds none.
    private func text(in file: any StorageFile) throws(Errno) -> String? {
        var bytes = [UInt8](repeating: 0, count: CheckpointStore.maxPath)
        var span = bytes.mutableSpan
        let count = try file.read(at: 0, into: &span)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return text.hasPrefix("/") ? text : nil
    }

    private func remove(name: String) throws(Errno) {
        do throws(Errno) {
            try storage.remove(name)
        } catch .noSuchFile, .notDirectory {
            return
        } catch {
            throw error
        }
    }

    private func file(_ name: String) throws(Errno) -> any StorageFile {
        do throws(Errno) {
            return try storage.open(name, .writing)
        } catch .noSuchFile, .notDirectory {
            try storage.makeOwnDirectory(path)
        }
        do throws(Errno) {
            return try storage.create(name)
        } catch .fileExists {
            return try storage.open(name, .writing)
        }
    }

    private func name(_ vault: String) throws(Errno) -> String {
        Path.join(path, try CheckpointStore.hash(Array(vault.utf8)[...], 16).hexadecimal)
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
