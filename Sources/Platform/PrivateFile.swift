internal import CPlatform
internal import Glibc

/// A file in memory that other processes of this user can open by its path.
///
/// Unlike a ``MemoryFile`` it has a name: it is alone in a directory, mode 0700, that is made for it in the
/// user's runtime directory. Both go away with ``remove()``. A later process removes what a killed one left.
public struct PrivateFile: ~Copyable {
    private static let prefix = "vault-edit."
    private static let name = "value"
    /// How many directories are made if each is gone before it is locked, as if `runtime` were moved.
    private static let attempts = 100
    private static let fileName = Array(name.utf8CString)

    private let parent: OpenDirectory
    /// Its directory, locked as long as this value lives.
    private let directory: OpenDirectory

    /// The path of the file.
    public let path: String

    /// Returns the user's runtime directory, if it belongs to them alone and is in memory.
    ///
    /// - Returns: `$XDG_RUNTIME_DIR`, or `/run/user/UID` without that variable; nil if it cannot be used.
    public static var runtimeDirectory: String? {
        let named = (try? Environment.value("XDG_RUNTIME_DIR")) ?? nil
        let directory = named ?? "/run/user/\(CurrentProcess.userID)"
        guard Path.isAbsolute(directory), PrivateDirectory.isOurs(directory) else { return nil }
        return unsafe platform_is_in_memory(directory) == 1 ? directory : nil
    }

    /// Creates an empty file, mode 0600, in ``runtimeDirectory``.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is none.
    public init() throws(Errno) {
        guard let runtime = PrivateFile.runtimeDirectory else { throw .noSuchFile }
        try self.init(in: runtime)
    }

    /// Creates an empty file, mode 0600, in a directory of its own in `runtime`.
    init(in runtime: String) throws(Errno) {
        let opened = try OpenDirectory(path: runtime)
        PrivateFile.removeLeftovers(in: opened)
        for _ in 1...PrivateFile.attempts {
            var template = Array(Path.join(runtime, PrivateFile.prefix + "XXXXXX").utf8CString)
            guard unsafe mkdtemp(&template) != nil else { throw .current }
            let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let made = try PrivateFile.lock(path, in: opened) else { continue }
            _ = try made.open(PrivateFile.fileName, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            parent = opened
            directory = made
            self.path = Path.join(path, PrivateFile.name)
            return
        }
        throw .noSuchFile
    }

    /// Replaces the content.
    public borrowing func write(_ bytes: Span<UInt8>) throws(Errno) {
        try directory.open(PrivateFile.fileName, O_WRONLY | O_TRUNC | O_NONBLOCK).writeAll(bytes)
    }

    /// Opens the file that has its name now, which may be another one since an editor saved it.
    ///
    /// - Returns: nil if that is no regular file.
    public borrowing func reopened() throws(Errno) -> InputFile? {
        guard try directory.status(of: PrivateFile.fileName).isRegularFile else { return nil }
        // Should it be replaced meanwhile, this fails and does not wait.
        return try InputFile(directory.open(PrivateFile.fileName, O_RDONLY | O_NONBLOCK), onlyRegular: true)
    }

    /// Overwrites with zeros and removes the file, and all that an editor put beside it.
    ///
    /// If the directory was moved, only the empty directory is left.
    ///
    /// - Returns: false if something could not be removed.
    public borrowing func remove() -> Bool {
        let isEmpty = directory.removeContent()
        return parent.remove(directory) && isEmpty
    }

    /// Opens and locks a new directory.
    ///
    /// - Returns: nil if another process removed it as a leftover before it was locked.
    private static func lock(
        _ path: String, in parent: borrowing OpenDirectory
    ) throws(Errno) -> OpenDirectory? {
        do throws(Errno) {
            let made = try parent.directory(Array(Path.name(of: path).utf8CString))
            guard try made.tryLock(), parent.holds(made) else { return nil }
            return made
        } catch .noSuchFile {
            return nil
        }
    }

    /// Removes the directories of processes that were killed: nobody has them locked.
    private static func removeLeftovers(in parent: borrowing OpenDirectory) {
        for name in (try? parent.names()) ?? [] where isOurs(name) {
            guard let left = try? parent.directory(name), let status = try? left.status(),
                status.st_uid == CurrentProcess.userID, status.st_mode & 0o077 == 0,
                (try? left.tryLock()) == true
            else { continue }
            _ = left.removeContent()
            _ = parent.remove(left)
        }
    }

    /// Returns true for a name that `mkdtemp` makes.
    private static func isOurs(_ name: FileName) -> Bool {
        let start = prefix.utf8CString.dropLast()
        return name.starts(with: start) && name.count == start.count + 6 + 1
    }
}
