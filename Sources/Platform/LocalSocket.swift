internal import CPlatform
internal import Glibc

/// A connection to another process of this machine, over a stream socket.
public struct LocalSocket: ~Copyable, Sendable {
    let descriptor: Descriptor

    fileprivate init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Connects to the socket at `path`.
    ///
    /// - Parameter timeout: that of each later ``send(_:)`` and ``receive(into:)``, in milliseconds.
    /// - Throws: ``Errno/noSuchFile`` if there is no socket, ``Errno/connectionRefused`` if no process
    ///   listens there.
    public init(connectingTo path: String, timeout: UInt64) throws(Errno) {
        let socket = LocalSocket(try LocalSocket.make())
        try socket.setTimeout(timeout)
        try withShortPath(path) { path throws(Errno) in
            _ = try retrying { unsafe platform_socket_connect(socket.descriptor.number, path) }
        }
        self = socket
    }

    /// The process at the other end.
    public struct Peer: Sendable {
        /// The user that it acts for.
        public let userID: UInt32
        /// Its process ID; 0 if it is in a PID namespace that this process cannot see.
        public let processID: Int32
    }

    /// The process that connected to this one, or that listened.
    public var peer: Peer {
        get throws(Errno) {
            var (user, process): (UInt32, Int32) = (0, 0)
            _ = try retrying { unsafe platform_socket_peer(descriptor.number, &user, &process) }
            return Peer(userID: user, processID: process)
        }
    }

    /// Sends what the kernel accepts now, or within the timeout if there is one.
    ///
    /// - Returns: the number of bytes that were sent.
    /// - Throws: ``Errno/wouldBlock`` if that is none, ``Errno/brokenPipe`` if the peer has closed the
    ///   connection.
    public borrowing func send(_ bytes: Span<UInt8>) throws(Errno) -> Int {
        unsafe try bytes.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe Glibc.send(descriptor.number, pointer, count, Int32(MSG_NOSIGNAL)) }
        }
    }

    /// Sends as ``send(_:)`` does, with at most 4 files that the peer is to hold; they go with the first
    /// byte.
    public borrowing func send(_ bytes: Span<UInt8>, with files: [HeldFile]) throws(Errno) -> Int {
        let descriptors = files.map { $0.descriptor.number }
        return unsafe try bytes.withPointer { pointer, size throws(Errno) in
            try retrying {
                unsafe Int(
                    platform_socket_send(
                        descriptor.number, pointer, size, descriptors, descriptors.count))
            }
        }
    }

    /// Receives as ``receive(into:)`` does, and appends files that the peer sent.
    public borrowing func receive(
        into buffer: inout MutableSpan<UInt8>, _ files: inout [HeldFile]
    ) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, size throws(Errno) in
            // The most that one message carries (SCM_MAX_FD in Linux).
            var descriptors = InlineArray<253, Int32>(repeating: -1)
            var count = 0
            var span = descriptors.mutableSpan
            let received = unsafe try span.withUnsafeMutableBufferPointer { space throws(Errno) in
                try retrying {
                    unsafe Int(
                        platform_socket_receive(
                            descriptor.number, pointer, size, space.baseAddress, &count))
                }
            }
            for index in 0..<count {
                files.append(HeldFile(adopting: Descriptor(adopting: descriptors[index], .received)))
            }
            return received
        }
    }

    /// Receives what has arrived, at most `buffer.count` bytes; waits for it if the socket has a timeout.
    ///
    /// - Returns: the number of bytes received; 0 if the peer has closed the connection.
    /// - Throws: ``Errno/wouldBlock`` if nothing has arrived.
    public borrowing func receive(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe recv(descriptor.number, pointer, count, 0) }
        }
    }

    /// Shuts the connection down while the value still exists.
    public borrowing func shutDown() { _ = shutdown(descriptor.number, Int32(SHUT_RDWR)) }

    fileprivate static func make() throws(Errno) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return Descriptor(adopting: try retrying { socket(AF_UNIX, kind, 0) })
    }

    /// Sets the timeout of each later ``send(_:)`` and ``receive(into:)``, in milliseconds.
    public borrowing func setTimeout(_ milliseconds: UInt64) throws(Errno) {
        var time = timeval(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
        let count = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = try retrying { unsafe setsockopt(descriptor.number, SOL_SOCKET, option, &time, count) }
        }
    }
}

/// A socket at a path, to which other processes of this machine connect.
public struct Listener: ~Copyable, Sendable {
    let descriptor: Descriptor
    private let path: String
    private let identity: FileIdentity

    /// Listens at `path`, mode 0600.
    ///
    /// The socket is created under a temporary name and renamed once it listens; it replaces a file at
    /// `path`. Only one process may do this for a path at a time.
    public static func make(at path: String) throws(Errno) -> Listener {
        let descriptor = try LocalSocket.make()
        let temporary = path + ".new"
        _ = unsafe unlink(temporary)
        let before = umask(0o177)
        defer { umask(before) }
        try withShortPath(temporary) { path throws(Errno) in
            _ = try retrying { unsafe platform_socket_bind(descriptor.number, path) }
        }
        _ = try retrying { listen(descriptor.number, 4096) }
        _ = try retrying { fcntl(descriptor.number, F_SETFL, O_NONBLOCK) }
        let identity = try DiskStorage().identity(of: temporary)
        _ = try retrying { unsafe rename(temporary, path) }
        return Listener(descriptor: descriptor, path: path, identity: identity)
    }

    /// Accepts the next connection, which is non-blocking.
    ///
    /// - Returns: nil if there is none.
    /// - Throws: other errors of `accept`, such as ``Errno/tooManyFiles``.
    public borrowing func accept() throws(Errno) -> LocalSocket? {
        do throws(Errno) {
            let number = try retrying { platform_socket_accept(descriptor.number) }
            return LocalSocket(Descriptor(adopting: number, .accepted))
        } catch .wouldBlock, .connectionAborted {
            return nil
        }
    }

    /// True if the path still leads to this socket.
    public var isReachable: Bool { (try? DiskStorage().identity(of: path)) == identity }

    /// Removes the socket's path if it still leads to this socket.
    public borrowing func remove() {
        if isReachable { _ = unsafe unlink(path) }
    }
}

/// Calls `body` with a path to the same file that fits into the address of a socket, 107 bytes.
private func withShortPath(_ path: String, _ body: (String) throws(Errno) -> Void) throws(Errno) {
    if path.utf8.count <= 107 { return try body(path) }
    let directory = try Descriptor(path: Path.directory(of: path), flags: O_RDONLY | O_DIRECTORY)
    try body("/proc/self/fd/\(directory.number)/\(Path.name(of: path))")
}
