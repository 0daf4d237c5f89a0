internal import Glibc

/// A file that somebody named on the command line, to be read once from front to back.
public struct InputFile: ~Copyable {
    private let descriptor: Descriptor
    /// The user that owns it.
    public let owner: UInt32
    /// Whether anybody but this user, and root, may read it.
    public let isReadableByOthers: Bool
    /// Whether users other than the owner may change it.
    public let isWritableByOthers: Bool
    /// How many bytes it had when it was opened; 0 for a pipe or a device.
    public let byteCount: Int

    /// Opens a file, a pipe or a device for reading; a pipe is waited for.
    ///
    /// - Parameter onlyRegular: refuse anything but a regular file, without waiting, as ``Errno/invalidArgument``.
    /// - Throws: ``Errno/isDirectory`` for a directory.
    public init(_ path: String, onlyRegular: Bool = false) throws(Errno) {
        let opened = try Descriptor(path: path, flags: O_RDONLY | (onlyRegular ? O_NONBLOCK : 0))
        let status = try opened.status()
        if status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
        if onlyRegular, status.st_mode & S_IFMT != S_IFREG { throw .invalidArgument }
        owner = status.st_uid
        // The permissions of a pipe or a device, such as the one behind <( ), say nothing.
        let regular = status.st_mode & S_IFMT == S_IFREG
        let isOurs = [0, CurrentProcess.userID].contains(status.st_uid)
        isReadableByOthers = regular && (status.st_mode & 0o044 != 0 || !isOurs)
        isWritableByOthers = regular && status.st_mode & 0o022 != 0
        byteCount = regular ? Int(status.st_size) : 0
        descriptor = opened
    }

    /// Whether what lies at `path` is a named pipe of neither this user nor root.
    public static func isForeignPipe(_ path: String) -> Bool {
        var status = stat()
        guard (try? retrying { unsafe stat(path, &status) }) != nil else { return false }
        return status.st_mode & S_IFMT == S_IFIFO && ![0, CurrentProcess.userID].contains(status.st_uid)
    }

    /// Whether a regular file without any bytes lies at `path`.
    public static func isEmptyFile(_ path: String) -> Bool {
        var status = stat()
        guard (try? retrying { unsafe stat(path, &status) }) != nil else { return false }
        return status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
    }

    /// Whether users other than the owner may read or write the regular file at `path`, going by its mode.
    public static func isOpenToOthers(_ path: String) -> Bool {
        var status = stat()
        guard (try? retrying { unsafe stat(path, &status) }) != nil else { return false }
        return status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o066 != 0
    }

    /// Reads once, at most `buffer.count` bytes.
    ///
    /// - Returns: how many bytes came; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try descriptor.read(into: &buffer)
    }

    /// The whole of a small text file.
    ///
    /// - Returns: its bytes, or nil if there are more than `limit`.
    public borrowing func readAll(limit: Int) throws(Errno) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count <= limit {
            var piece = [UInt8](repeating: 0, count: limit + 1 - count)
            var span = piece.mutableSpan
            let more = try read(into: &span)
            if more == 0 { return Array(bytes[..<count]) }
            bytes.replaceSubrange(count..<count + more, with: piece[..<more])
            count += more
        }
        return nil
    }
}
