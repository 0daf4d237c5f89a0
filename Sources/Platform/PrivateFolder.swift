internal import Glibc

/// A folder that no other user can look into or change.
public enum PrivateFolder {
    /// Makes the folder, mode 0700, and those above it, and makes sure that it is ours.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it belongs to somebody else or is open to others.
    public static func prepare(_ path: String) throws(Errno) {
        try DiskStorage().makeFolder(path)
        try check(path)
    }

    /// Opens a file in such a folder for writing, and makes it if it is missing.
    public static func openFile(_ path: String) throws(Errno) -> any StorageFile {
        let storage = DiskStorage()
        do throws(Errno) {
            return try storage.create(path)
        } catch .fileExists {
            return try storage.open(path, .writing)
        }
    }

    /// Whether `path` is a folder, no symbolic link, that belongs to this user and is closed to others.
    public static func isOurs(_ path: String) -> Bool { (try? check(path)) != nil }

    /// Makes sure that `path` is a folder, no symbolic link, that belongs to this user and is closed to others.
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
