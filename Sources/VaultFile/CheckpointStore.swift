public import Platform
internal import Sodium

/// The directory of this machine's checkpoints and backup records, one set of files for each path of a vault.
public struct CheckpointStore: Sendable {
    private let path: String
    private let storage: any Storage

    /// A record of a verified backup.
    public struct Backup: Equatable, Sendable {
        /// The last commit that the backup holds.
        public let point: CommitPoint
        /// The time at which it was made, in milliseconds since 1970.
        public let time: UInt64

        /// Creates a record.
        public init(of point: CommitPoint, at time: UInt64) { (self.point, self.time) = (point, time) }
    }

    /// The checkpoint of a path, as far as it can be read.
    public enum Entry: Equatable, Sendable {
        /// There is none: no vault was seen at the path.
        case none
        /// The checkpoint is torn by a crash or tampered with.
        case torn
        /// The checkpoint is intact.
        case seen(LastSeen)

        /// The checkpoint, if it is intact.
        public var lastSeen: LastSeen? {
            if case .seen(let seen) = self { seen } else { nil }
        }
    }

    /// Creates a store in the directory at `path`, which is created by the first write.
    public init(path: String, storage: any Storage = DiskStorage()) {
        self.path = path
        self.storage = storage
    }

    private static let magic = "VLTSEEN2"
    private static let legacyMagic = "VLTMARK1"
    private static let backupMagic = "VLTBACK1"
    private static let magicSize = 8
    private static let hashSize = 32
    /// The maximum length of a path that is read from a file, in bytes.
    private static let maxPathSize = 4096

    /// Returns the checkpoint of the vault at a path.
    ///
    /// - Throws: if there may be a checkpoint that cannot be read.
    public func entry(of vault: String) throws(Errno) -> Entry {
        guard let file = try existing(try name(vault), .reading) else { return .none }
        return try entry(in: file)
    }

    /// Opens the checkpoint file of a vault for reading and writing; nil if there is none.
    func checkpointFile(of vault: String) throws(Errno) -> (any StorageFile)? {
        try existing(try name(vault), .writing)
    }

    /// Reads a checkpoint file.
    func entry(in file: any StorageFile) throws(Errno) -> Entry {
        if let body = try CheckpointStore.body(of: file, Self.magic, Checkpoint.bodySize) {
            return Checkpoint(body.span).map { .seen(.checkpoint($0)) } ?? .torn
        }
        if let body = try CheckpointStore.body(of: file, Self.legacyMagic, CommitPoint.bodySize) {
            return .seen(.legacy(CommitPoint(body.span, at: 0)))
        }
        return .torn
    }

    /// Overwrites a checkpoint file.
    func set(_ checkpoint: Checkpoint, in file: any StorageFile) throws(Errno) {
        try write(Self.magic, checkpoint.body, file)
    }

    /// Saves the checkpoint of the vault at a path.
    ///
    /// - Parameter durably: whether to sync it, so that a crash cannot bring back the previous checkpoint.
    ///   That is needed where the previous one is ahead of this one, and would refuse the file.
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

    /// Removes the checkpoint of a path.
    func remove(_ vault: String) throws(Errno) {
        for suffix in ["", ".path"] { try remove(name: try name(vault) + suffix) }
    }

    /// The stored target of a path that was a symbolic link when it was last used.
    enum Link: Equatable {
        /// None is stored.
        case none
        /// The file is torn by a crash or tampered with.
        case torn
        /// The path led to this one.
        case to(String)
    }

    /// Returns the path to which `lexical` led when it was last used.
    func link(of lexical: String) throws(Errno) -> Link {
        guard let file = try existing(try name(lexical) + ".link", .reading) else { return .none }
        return try text(in: file).map { .to($0) } ?? .torn
    }

    /// Returns whether `lexical` is stored as a link to `vault` and has no checkpoint of its own.
    ///
    /// Then only the checkpoint of `vault` counts.
    public func isKnown(_ lexical: String, toLeadTo vault: String) -> Bool {
        (try? link(of: lexical)) == .to(vault) && (try? entry(of: lexical)) == Entry.none
    }

    /// Returns whether `lexical` is stored as a link to `vault`, or has no other checkpoints.
    ///
    /// - Throws: if these files cannot be read.
    public func isLinkCurrent(_ lexical: String, at vault: String) throws(Errno) -> Bool {
        let remembered = try rememberedCheckpoints(of: vault, named: lexical)
        return remembered.isLinkCurrent || remembered.others.isEmpty
    }

    /// Returns the checkpoints of `lexical`, of its previous target, and of `vault`, its present one.
    public func checkpoints(of lexical: String, at vault: String) throws(Errno) -> [LastSeen] {
        let remembered = try rememberedCheckpoints(of: vault, named: lexical)
        return remembered.others + (remembered.canonical.map { [$0] } ?? [])
    }

    /// Returns whether a checkpoint of `lexical` or of `vault`, to which it leads, is torn.
    public func isTorn(_ lexical: String, at vault: String) -> Bool {
        (try? rememberedCheckpoints(of: vault, named: lexical))?.isTorn ?? false
    }

    /// Checks that the checkpoint of a path can be written.
    ///
    /// - Throws: if it cannot.
    public func probe(_ vault: String) throws(Errno) {
        if try checkpointFile(of: vault) == nil { try storage.makeOwnDirectory(path) }
    }

    /// Stores that `lexical` leads to `vault`, and discards the checkpoint of `lexical` itself.
    public func acceptLink(_ lexical: String, at vault: String) throws(Errno) {
        try updateLink(try rememberedCheckpoints(of: vault, named: lexical))
    }

    /// Stores the path to which `lexical` leads; nil if it is not a link.
    func setLink(of lexical: String, to vault: String?) throws(Errno) {
        let name = try name(lexical) + ".link"
        guard let vault else { return try remove(name: name) }
        let file = try file(name)
        try file.truncate(to: 0)
        try file.write(Array(vault.utf8).span, at: 0)
    }

    /// Returns all checkpoints of one vault that can be read, with their paths.
    func others(of vaultID: Bytes16) throws(Errno) -> [(path: String, lastSeen: LastSeen)] {
        let names = try ifPresent { () throws(Errno) in try storage.names(in: path) } ?? []
        var found: [(path: String, lastSeen: LastSeen)] = []
        for name in names.sorted() where name.utf8.count == 32 {
            let checkpointPath = Path.join(path, name)
            // One that cannot be read hides none of the others.
            guard let file = try? existing(checkpointPath, .reading),
                let seen = (try? entry(in: file))?.lastSeen, seen.vaultID == vaultID
            else { continue }
            let pathFile = (try? existing(checkpointPath + ".path", .reading)) ?? nil
            let vaultPath = pathFile.flatMap { (try? text(in: $0)) ?? nil }
            found.append((vaultPath ?? "another path", seen))
        }
        return found
    }

    /// Returns the last verified backup of the vault at a path; nil if none is recorded.
    public func backup(of vault: String) throws(Errno) -> Backup? {
        guard let file = try existing(try name(vault) + ".backup", .reading),
            let body = try CheckpointStore.body(of: file, Self.backupMagic, CommitPoint.bodySize + 8)
        else { return nil }
        return Backup(
            of: CommitPoint(body.span, at: 0), at: body.span.load(UInt64.self, at: CommitPoint.bodySize))
    }

    /// Records a backup of the vault at a path.
    public func set(_ backup: Backup, of vault: String) throws(Errno) {
        var body = backup.point.body + [UInt8](repeating: 0, count: 8)
        var span = body.mutableSpan
        span.store(backup.time, at: CommitPoint.bodySize)
        try write(Self.backupMagic, body, try file(name(vault) + ".backup"))
    }

    /// Reads a file of magic, `size` bytes and their hash; nil if it has another form.
    private static func body(
        of file: any StorageFile, _ magic: String, _ size: Int
    ) throws(Errno) -> [UInt8]? {
        let end = magicSize + size
        // One byte more than expected, so that a longer file is noticed.
        var bytes = [UInt8](repeating: 0, count: end + hashSize + 1)
        var span = bytes.mutableSpan
        guard try file.read(at: 0, into: &span) == end + hashSize, bytes.starts(with: magic.utf8),
            try hash(Array(bytes[..<end]), hashSize).elementsEqual(bytes[end..<end + hashSize])
        else { return nil }
        return Array(bytes[magicSize..<end])
    }

    /// Overwrites a file with magic, body and their hash, which tells when a crash tore it.
    private func write(_ magic: String, _ body: [UInt8], _ file: any StorageFile) throws(Errno) {
        let content = Array(magic.utf8) + body
        let bytes = content + (try CheckpointStore.hash(content, CheckpointStore.hashSize))
        try file.write(bytes.span, at: 0)
        if try file.length() > UInt64(bytes.count) { try file.truncate(to: UInt64(bytes.count)) }
    }

    /// Calls `body`; returns nil if the file or its directory does not exist.
    private func ifPresent<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R? {
        do throws(Errno) {
            return try body()
        } catch .noSuchFile, .notDirectory {
            return nil
        }
    }

    private func existing(_ name: String, _ access: StorageAccess) throws(Errno) -> (any StorageFile)? {
        try ifPresent { () throws(Errno) in try storage.open(name, access) }
    }

    private func remove(name: String) throws(Errno) {
        _ = try ifPresent { () throws(Errno) in try storage.remove(name) }
    }

    /// Reads a file that holds an absolute path; nil if it holds something else.
    private func text(in file: any StorageFile) throws(Errno) -> String? {
        var bytes = [UInt8](repeating: 0, count: CheckpointStore.maxPathSize)
        var span = bytes.mutableSpan
        let count = try file.read(at: 0, into: &span)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return Path.isAbsolute(text) ? text : nil
    }

    /// Opens a file for writing; creates it, and the directory, if they do not exist.
    private func file(_ name: String) throws(Errno) -> any StorageFile {
        if let file = try existing(name, .writing) { return file }
        try storage.makeOwnDirectory(path)
        do throws(Errno) {
            return try storage.create(name)
        } catch .fileExists {
            return try storage.open(name, .writing)
        }
    }

    /// Returns the path of a vault's checkpoint file; the other files have suffixes to it.
    private func name(_ vault: String) throws(Errno) -> String {
        Path.join(path, try CheckpointStore.hash(Array(vault.utf8), 16).hexadecimal)
    }

    private static func hash(_ bytes: [UInt8], _ count: Int) throws(Errno) -> [UInt8] {
        do throws(SodiumError) {
            return try BLAKE2b.hash(bytes.span, count: count)
        } catch {
            throw .noMemory
        }
    }
}
