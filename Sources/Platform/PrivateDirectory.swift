internal import Glibc

/// A directory that no other user can read or change.
public enum PrivateDirectory {
    /// Checks the directory, or creates it, mode 0700, and its missing parents.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it belongs to another user or is open to others, or would be
    ///   created in another user's directory.
    public static func prepare(_ path: String) throws(Errno) {
        do throws(Errno) {
            return try check(path)
        } catch .noSuchFile {
            try DiskStorage().makeOwnDirectory(path)
            try check(path)
        }
    }

    /// Checks that a directory at `path` would not be created in another user's directory, to which variables
    /// lead in the environment of that user, as under `sudo -E`.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it would be, and other errors of the system.
    public static func checkOwner(above path: String) throws(Errno) {
        let parent = Path.directory(of: path)
        do throws(Errno) {
            guard try fileStatus(of: parent).isOursOrRoots else { throw .permissionDenied }
        } catch .noSuchFile where parent != path {
            try checkOwner(above: parent)
        }
    }

    /// Opens a file in such a directory for writing, and creates it if it is missing.
    public static func openFile(_ path: String) throws(Errno) -> any StorageFile {
        let storage = DiskStorage()
        do throws(Errno) {
            return try storage.create(path)
        } catch .fileExists {
            return try storage.open(path, .writing)
        }
    }

    /// Returns true if ``check(_:)`` succeeds.
    public static func isOurs(_ path: String) -> Bool { (try? check(path)) != nil }

    /// Checks that `path` is a directory, not a symbolic link, that belongs to this user and is closed to
    /// others.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it is not, ``Errno/noSuchFile`` if it does not exist, and
    ///   other errors of the system.
    public static func check(_ path: String) throws(Errno) {
        let status = try fileStatus(of: path, followingLinks: false)
        guard status.isDirectory, status.st_uid == CurrentProcess.userID,
            status.st_mode & 0o077 == 0
        else { throw .permissionDenied }
    }
}
