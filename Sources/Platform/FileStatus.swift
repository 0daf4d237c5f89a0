internal import Glibc

/// Returns the status of the file that `path` leads to; of a symbolic link itself if `followingLinks` is
/// false.
func fileStatus(of path: String, followingLinks: Bool = true) throws(Errno) -> stat {
    var status = stat()
    _ = try retrying { unsafe followingLinks ? stat(path, &status) : lstat(path, &status) }
    return status
}

extension stat {
    var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
    var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
    /// True if the file belongs to this user or to root.
    var isOursOrRoots: Bool { [CurrentProcess.userID, 0].contains(st_uid) }
}

extension FileIdentity {
    init(_ status: stat) { self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) }
}
