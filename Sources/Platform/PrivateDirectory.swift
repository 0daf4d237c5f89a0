internal import Glibc

/// A directory that no other user can look into or change.
public enum PrivateDirectory {
    /// Makes the directory, mode 0700, and those above it, and makes sure that it is ours.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it belongs to somebody else or is open to others, or would be made in a directory
    ///   that is somebody else's.
    public static func prepare(_ path: String) throws(Errno) {
        do throws(Errno) {
            return try check(path)
        } catch .noSuchFile {
            // It is made.
        } catch {
            throw error
        }
        try checkOwner(above: path)
        try DiskStorage().makeDirectory(path)
        try check(path)
    }

    /// Makes sure that a directory at `path` would not be made in somebody else's, where it would be in their way: with the
    /// environment of another user, as under `sudo -E`, variables lead there.
    ///
    /// - Throws: ``Errno/permissionDenied``, and what the system refuses.
    public static func checkOwner(above path: String) throws(Errno) {
        let parent = Path.directory(of: path)
        var status = stat()
        do throws(Errno) {
            _ = try retrying { unsafe stat(parent, &status) }
        } catch .noSuchFile where parent != path {
            return try checkOwner(above: parent)
        } catch {
            throw error
        }
        guard [CurrentProcess.userID, 0].contains(status.st_uid) else { throw .permissionDenied }
    }

    /// Opens a file in such a directory for writing, and makes it if it is missing.
    public static func openFile(_ path: String) throws(Errno) -> any StorageFile {
        let storage = DiskStorage()
        do throws(Errno) {
            return try storage.create(path)
        } catch .fileExists {
            return try storage.open(path, .writing)
        }
    }

    /// Whether `path` is a directory, no symbolic link, that belongs to this user and is closed to others.
    public static func isOurs(_ path: String) -> Bool { (try? check(path)) != nil }

    /// Makes sure that `path` is a directory, no symbolic link, that belongs to this user and is closed to others.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it is not, ``Errno/noSuchFile`` if there is nothing, and what the system refuses.
    public static func check(_ path: String) throws(Errno) {
        var status = stat()
        _ = try retrying { unsafe lstat(path, &status) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == CurrentProcess.userID,
            status.st_mode & 0o077 == 0
        else { throw .permissionDenied }
    }
}
