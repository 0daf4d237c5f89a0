internal import CPlatform
internal import Glibc

/// A file in memory that other processes of this user can open by its path.
///
/// Unlike a ``MemoryFile`` it has a name: it is alone in a directory, mode 0700, that is made for it in the
/// user's runtime directory. Both go away with ``remove()``. A later process removes what a killed one left.
public struct PrivateFile: ~Copyable {
    private static let prefix = "vault-edit."
    private static let name = "value"

    /// Its directory, locked as long as this value lives.
    private let lock: Descriptor
    private let directory: String

    /// The path of the file.
    public var path: String { Path.join(directory, PrivateFile.name) }

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
        guard let parent = PrivateFile.runtimeDirectory else { throw .noSuchFile }
        PrivateFile.removeLeftovers(in: parent)
        let made = try PrivateFile.makeDirectory(in: parent)
        let opened = try Descriptor(path: made, flags: O_RDONLY | O_DIRECTORY)
        _ = try retrying { flock(opened.number, LOCK_EX | LOCK_NB) }
        let file = Path.join(made, PrivateFile.name)
        _ = try Descriptor(path: file, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        directory = made
        lock = opened
    }

    /// Replaces the content.
    public borrowing func write(_ bytes: Span<UInt8>) throws(Errno) {
        try Descriptor(path: path, flags: O_WRONLY | O_TRUNC).writeAll(bytes)
    }

    /// Overwrites with zeros and removes the file, and all that an editor put beside it.
    ///
    /// - Returns: false if something could not be removed.
    public borrowing func remove() -> Bool { PrivateFile.remove(directory) }

    private static func makeDirectory(in parent: String) throws(Errno) -> String {
        var template = Array(Path.join(parent, prefix + "XXXXXX").utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw .current }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the directories of processes that were killed.
    private static func removeLeftovers(in parent: String) {
        for name in (try? DiskStorage().names(in: parent)) ?? [] where name.hasPrefix(prefix) {
            let directory = Path.join(parent, name)
            guard PrivateDirectory.isOurs(directory), !isNew(directory),
                let lock = try? Descriptor(path: directory, flags: O_RDONLY | O_DIRECTORY),
                flock(lock.number, LOCK_EX | LOCK_NB) == 0
            else { continue }
            _ = remove(directory)
        }
    }

    /// Returns true if the directory was changed within a minute: it may not be locked yet.
    private static func isNew(_ directory: String) -> Bool {
        guard let status = try? fileStatus(of: directory) else { return true }
        return UInt64(status.st_mtim.tv_sec) * 1000 + 60_000 > SystemClock.wallMilliseconds()
    }

    private static func remove(_ directory: String) -> Bool {
        for name in (try? DiskStorage().names(in: directory)) ?? [] where name != "." && name != ".." {
            let path = Path.join(directory, name)
            wipe(path)
            if unsafe unlink(path) != 0 { _ = unsafe rmdir(path) }
        }
        return unsafe rmdir(directory) == 0
    }

    /// Overwrites a regular file.
    private static func wipe(_ path: String) {
        let flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK
        guard let file = try? Descriptor(path: path, flags: flags), let status = try? file.status(),
            status.isRegularFile, status.st_nlink == 1
        else { return }
        let zeros = [UInt8](repeating: 0, count: 64 * 1024)
        var rest = Int(status.st_size)
        while rest > 0 {
            let piece = zeros.span.extracting(first: min(rest, zeros.count))
            guard (try? file.writeAll(piece)) != nil else { return }
            rest -= piece.count
        }
    }
}
