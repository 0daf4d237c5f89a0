public import Platform
public import VaultFile

/// A directory with dated backups of a vault, such as `default-20261128T085012Z.vault`.
public struct BackupDirectory {
    private let directory: String
    private let stem: String
    private let dependencies: Dependencies

    /// Creates the backups in `directory` of the vault at `path`.
    public init(_ directory: String, of path: String, dependencies: Dependencies = .live) {
        let name = Path.name(of: path)
        self.directory = directory
        self.stem = (name.hasSuffix(Self.suffix) ? String(name.dropLast(Self.suffix.count)) : name) + "-"
        self.dependencies = dependencies
    }

    private static let suffix = ".vault"

    /// True if the directory can be listed.
    public var exists: Bool { (try? dependencies.storage.names(in: directory)) != nil }

    /// The path of a backup that is made now.
    public func pathForNow() -> String {
        let stamp = UTCTimestamp.format(dependencies.now()).filter { $0 != "-" && $0 != ":" }
        return Path.join(directory, stem + stamp + Self.suffix)
    }

    /// Removes the oldest backups of the vault, so that `count` are left.
    ///
    /// Only backups are removed that are older than the one at `newest`, by their names and by what their headers say, and of which
    /// `isContained` is true; other files and those that cannot be read stay.
    ///
    /// - Parameters:
    ///   - newest: the path of a backup that was verified after it was written.
    ///   - verification: the content of that backup.
    ///   - isContained: returns whether the backup at a path has no change that the newest one lacks.
    /// - Returns: how many were removed, and the paths of those that stay because they have such changes.
    /// - Throws: the error of the system if the directory cannot be read, or one cannot be removed.
    public func prune(
        keeping count: Int, newest: String, _ verification: Verification, isContained: (String) -> Bool
    ) throws(Errno) -> (removed: Int, kept: [String]) {
        let newest = Path.name(of: newest)
        let older = try dependencies.storage.names(in: directory).filter { isDated($0) && $0 < newest }
            .sorted().map { Path.join(directory, $0) }.filter { isOlder($0, than: verification.point) }
        let surplus = older.dropLast(count - 1)
        let kept = surplus.filter { !isContained($0) }
        let removed = surplus.filter { !kept.contains($0) }
        for path in removed { try dependencies.storage.remove(path) }
        if !removed.isEmpty { try dependencies.storage.syncDirectory(directory) }
        return (removed.count, kept)
    }

    /// True for the name of a backup of a vault with this vault's file name.
    private func isDated(_ name: String) -> Bool {
        guard name.hasPrefix(stem), name.hasSuffix(Self.suffix) else { return false }
        let pattern = Array("ddddddddTddddddZ".utf8)
        let stamp = Array(name.utf8.dropFirst(stem.utf8.count).dropLast(Self.suffix.utf8.count))
        return stamp.count == pattern.count
            && zip(stamp, pattern).allSatisfy { byte, expected in
                expected == UInt8(ascii: "d") ? (0x30...0x39).contains(byte) : byte == expected
            }
    }

    /// True if the file at `path` is of the same vault and not of a later state.
    private func isOlder(_ path: String, than point: CommitPoint) -> Bool {
        guard dependencies.storage.mayBeRegularFile(path),
            let header = try? Log.readHeader(path: path, dependencies: dependencies),
            let length = try? dependencies.storage.open(path, .reading).length()
        else { return false }
        return header.vaultID == point.vaultID
            && (header.generation, length) <= (point.generation, point.end)
    }
}
