internal import Glibc

/// An error number of the operating system.
public struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number, as `errno` holds it.
    public let rawValue: Int32

    /// Creates the error with this number.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Operation not permitted.
    public static let notPermitted = Errno(rawValue: EPERM)
    /// No such file or directory.
    public static let noSuchFile = Errno(rawValue: ENOENT)
    /// Interrupted by a signal.
    public static let interrupted = Errno(rawValue: EINTR)
    /// Input/output error.
    public static let ioError = Errno(rawValue: EIO)
    /// No such device or address, such as `/dev/tty` without a terminal.
    public static let noDevice = Errno(rawValue: ENXIO)
    /// Bad file descriptor.
    public static let badDescriptor = Errno(rawValue: EBADF)
    /// Permission denied.
    public static let permissionDenied = Errno(rawValue: EACCES)
    /// Read-only file system.
    public static let readOnlyFileSystem = Errno(rawValue: EROFS)
    /// File exists.
    public static let fileExists = Errno(rawValue: EEXIST)
    /// Not a directory.
    public static let notDirectory = Errno(rawValue: ENOTDIR)
    /// Is a directory.
    public static let isDirectory = Errno(rawValue: EISDIR)
    /// Invalid argument; also the error for a kind of rename that a file system does not support.
    public static let invalidArgument = Errno(rawValue: EINVAL)
    /// No space left on device.
    public static let noSpace = Errno(rawValue: ENOSPC)
    /// Cannot allocate memory.
    public static let noMemory = Errno(rawValue: ENOMEM)
    /// Device or resource busy.
    public static let alreadyInUse = Errno(rawValue: EBUSY)
    /// Too many open files.
    public static let tooManyFiles = Errno(rawValue: EMFILE)
    /// Connection refused: no process listens at the socket.
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    /// Address already in use.
    public static let addressInUse = Errno(rawValue: EADDRINUSE)
    /// Cannot assign requested address: it is not one of this machine.
    public static let noSuchAddress = Errno(rawValue: EADDRNOTAVAIL)
    /// Address family not supported by protocol.
    public static let noAddressFamily = Errno(rawValue: EAFNOSUPPORT)
    /// Software caused connection abort: the peer closed it before it was accepted.
    static let connectionAborted = Errno(rawValue: ECONNABORTED)
    /// Connection reset by peer.
    public static let connectionReset = Errno(rawValue: ECONNRESET)
    /// Broken pipe.
    public static let brokenPipe = Errno(rawValue: EPIPE)
    /// File name too long.
    public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    /// Function not implemented.
    public static let notImplemented = Errno(rawValue: ENOSYS)
    /// Operation not supported.
    public static let notSupported = Errno(rawValue: ENOTSUP)
    /// No locks available.
    public static let noLocks = Errno(rawValue: ENOLCK)
    /// Resource temporarily unavailable.
    public static let wouldBlock = Errno(rawValue: EAGAIN)
    /// Exec format error.
    public static let notExecutable = Errno(rawValue: ENOEXEC)
    /// Too many levels of symbolic links.
    public static let tooManyLinks = Errno(rawValue: ELOOP)
    /// Argument list too long.
    public static let tooLong = Errno(rawValue: E2BIG)
    /// The error for a name that is not UTF-8 text (EILSEQ).
    public static let notText = Errno(rawValue: EILSEQ)
    /// Connection timed out.
    static let timedOut = Errno(rawValue: ETIMEDOUT)

    /// The error of the last failed call of this thread.
    static var current: Errno { Errno(rawValue: errno) }

    /// True if a file system answers so to a call that it does not support.
    public var isLackOfCall: Bool { [.invalidArgument, .notImplemented, .notSupported].contains(self) }

    /// True if a file system answers so to a hard link that it does not support: FAT says "not permitted",
    /// rclone "input/output error", and a security policy "permission denied".
    var isLackOfLinks: Bool {
        isLackOfCall || [.notPermitted, .permissionDenied, .ioError].contains(self)
    }

    /// True if a read failed because the disk or its file system has lost the bytes: other bytes may still be there.
    public var isDefectOfDisk: Bool { [EIO, EBADMSG, EUCLEAN, ENODATA, EREMOTEIO].contains(rawValue) }

    /// The C library's description with a lower-case first letter, as in "no space left on device".
    public var description: String {
        if self == .notText { return "not UTF-8 text" }
        guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
        let words = unsafe String(cString: text)
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}

/// Calls `body` again while it fails with EINTR.
///
/// - Returns: the result of `body`, never -1.
/// - Throws: the error number if `body` returns -1.
func retrying<Result: FixedWidthInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let error = Errno.current
        if error != .interrupted { throw error }
    }
}
