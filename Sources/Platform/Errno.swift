internal import Glibc

/// An error number of the operating system.
public struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number, as `errno` holds it.
    public let rawValue: Int32

    /// The error with that number.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Operation not permitted.
    public static let notPermitted = Errno(rawValue: EPERM)
    /// No such file or directory.
    public static let noSuchFile = Errno(rawValue: ENOENT)
    /// Interrupted by a signal.
    public static let interrupted = Errno(rawValue: EINTR)
    /// Input/output error.
    public static let ioError = Errno(rawValue: EIO)
    /// No such device or address: `/dev/tty` without a terminal.
    public static let noDevice = Errno(rawValue: ENXIO)
    /// Bad file descriptor.
    public static let badDescriptor = Errno(rawValue: EBADF)
    /// Permission denied.
    public static let permissionDenied = Errno(rawValue: EACCES)
    /// EROFS: the file system is mounted for reading alone.
    public static let readOnlyFileSystem = Errno(rawValue: EROFS)
    /// File exists.
    public static let fileExists = Errno(rawValue: EEXIST)
    /// Not a directory.
    public static let notDirectory = Errno(rawValue: ENOTDIR)
    /// Is a directory.
    public static let isDirectory = Errno(rawValue: EISDIR)
    /// Invalid argument; also what a file system answers to a kind of rename that it lacks.
    public static let invalidArgument = Errno(rawValue: EINVAL)
    /// No space left on device.
    public static let noSpace = Errno(rawValue: ENOSPC)
    /// Cannot allocate memory.
    public static let noMemory = Errno(rawValue: ENOMEM)
    /// Device or resource busy.
    public static let alreadyInUse = Errno(rawValue: EBUSY)
    /// Too many open files.
    public static let tooManyFiles = Errno(rawValue: EMFILE)
    /// Connection refused: a socket at which nobody listens.
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    /// Address already in use.
    public static let addressInUse = Errno(rawValue: EADDRINUSE)
    /// Cannot assign requested address: this machine has none such.
    public static let noSuchAddress = Errno(rawValue: EADDRNOTAVAIL)
    /// Address family not supported by protocol.
    public static let noAddressFamily = Errno(rawValue: EAFNOSUPPORT)
    /// Software caused connection abort: the other side left before it was accepted.
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
    /// A name that is no UTF-8 text: Linux's own word for it is "illegal byte sequence".
    public static let notText = Errno(rawValue: EILSEQ)

    /// Connection timed out: what was waited for did not come.
    static let timedOut = Errno(rawValue: ETIMEDOUT)

    /// The error that the last failed call of this thread left.
    static var current: Errno { Errno(rawValue: errno) }

    /// Whether it is what a file system answers to a call, or a kind of call, that it lacks.
    public var isLackOfCall: Bool { [.invalidArgument, .notImplemented, .notSupported].contains(self) }

    /// The same of a hard link, of which FAT says that it is not permitted, a policy that it is denied, and rclone that it failed.
    var isLackOfLinks: Bool {
        isLackOfCall || [.notPermitted, .permissionDenied, .ioError].contains(self)
    }

    /// The C library's words for it, with a small first letter, as in "no space left on device".
    public var description: String {
        if self == .notText { return "not UTF-8 text" }
        guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
        let words = unsafe String(cString: text)
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}

/// Calls `body` until it is not interrupted: the only place where EINTR is handled.
///
/// - Returns: what `body` returned, never -1.
/// - Throws: the error number that `body` left with -1.
func retrying<Result: FixedWidthInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let error = Errno.current
        if error != .interrupted { throw error }
    }
}
