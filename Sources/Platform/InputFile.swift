internal import Glibc

/// A file named on the command line, to be read once from start to end.
public struct InputFile: ~Copyable {
    private let descriptor: Descriptor
    /// The user that owns it.
    public let owner: UInt32
    /// True if users other than this one and root may read it.
    public let isReadableByOthers: Bool
    /// True if users other than the owner may change it.
    public let isWritableByOthers: Bool
    /// The size when it was opened; 0 for a pipe or a device.
    public let byteCount: Int

    /// Opens a file, a pipe or a device for reading; a pipe is waited for.
    ///
    /// - Parameter onlyRegular: refuses anything but a regular file, without waiting, as
    ///   ``Errno/invalidArgument``.
    /// - Throws: ``Errno/isDirectory`` for a directory.
    public init(_ path: String, onlyRegular: Bool = false) throws(Errno) {
        try self.init(
            Descriptor(path: path, flags: O_RDONLY | (onlyRegular ? O_NONBLOCK : 0)), onlyRegular: onlyRegular
        )
    }

    /// Takes an open file.
    init(_ opened: consuming Descriptor, onlyRegular: Bool) throws(Errno) {
        let status = try opened.status()
        // The permissions of a pipe or a device, such as the one behind <( ), mean nothing.
        let isRegular = status.isRegularFile
        if status.isDirectory { throw .isDirectory }
        if onlyRegular, !isRegular { throw .invalidArgument }
        owner = status.st_uid
        isReadableByOthers = isRegular && (status.st_mode & 0o044 != 0 || !status.isOursOrRoots)
        isWritableByOthers = isRegular && status.st_mode & 0o022 != 0
        byteCount = isRegular ? Int(status.st_size) : 0
        descriptor = opened
    }

    /// Returns true if `path` leads to a named pipe that belongs neither to this user nor to root.
    public static func isForeignPipe(_ path: String) -> Bool {
        guard let status = try? fileStatus(of: path) else { return false }
        return status.st_mode & S_IFMT == S_IFIFO && !status.isOursOrRoots
    }

    /// Returns true if `path` leads to an empty regular file.
    public static func isEmptyFile(_ path: String) -> Bool {
        guard let status = try? fileStatus(of: path) else { return false }
        return status.isRegularFile && status.st_size == 0
    }

    /// Returns true if `path` leads to a regular file whose mode lets users other than the owner read or
    /// write it.
    public static func isOpenToOthers(_ path: String) -> Bool {
        guard let status = try? fileStatus(of: path) else { return false }
        return status.isRegularFile && status.st_mode & 0o066 != 0
    }

    /// Returns the text of a file that the kernel generates, of at most 64 KiB; empty if it cannot be read.
    static func text(of path: String) -> String {
        guard let file = try? InputFile(path, onlyRegular: true),
            let bytes = try? file.readAll(limit: 1 << 16)
        else { return "" }
        return String(validating: bytes, as: UTF8.self) ?? ""
    }

    /// Reads once, at most `buffer.count` bytes.
    ///
    /// - Returns: the number of bytes read; 0 at the end.
    public borrowing func read(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try descriptor.read(into: &buffer)
    }

    /// Reads the rest of a small file that is not secret.
    ///
    /// - Returns: its bytes, or nil if there are more than `limit`.
    public borrowing func readAll(limit: Int) throws(Errno) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: limit + 1)
        while bytes.count <= limit {
            var span = piece.mutableSpan
            let count = try read(into: &span)
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
        return nil
    }
}
