internal import CPlatform
internal import Glibc

/// A stream socket to another process of this machine.
public struct LocalSocket: ~Copyable, Sendable {
    let descriptor: Descriptor

    fileprivate init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Connects to the socket at `path`.
    ///
    /// - Parameter patience: how long a later ``send(_:)`` or ``receive(into:)`` may take, in milliseconds.
    /// - Throws: ``Errno/noSuchFile`` if nothing is there, ``Errno/connectionRefused`` if nobody listens.
    public init(connectingTo path: String, patience: UInt64) throws(Errno) {
        self.init(try LocalSocket.connected(to: path, patience))
    }

    private static func connected(to path: String, _ patience: UInt64) throws(Errno) -> Descriptor {
        let descriptor = try make()
        let number = descriptor.number
        try setPatience(patience, of: number)
        try withShortPath(path) { path throws(Errno) in
            _ = try retrying { unsafe platform_socket_connect(number, path) }
        }
        return descriptor
    }

    /// The process at the other end.
    public struct Peer: Sendable {
        /// Whom it acts for.
        public let userID: UInt32
        /// Its number; 0 if this process cannot see it.
        public let processID: Int32
    }

    /// The process at the other end: who connected, or who listened.
    public var peer: Peer {
        get throws(Errno) {
            var (user, process): (UInt32, Int32) = (0, 0)
            let number = descriptor.number
            _ = try retrying { unsafe platform_socket_peer(number, &user, &process) }
            return Peer(userID: user, processID: process)
        }
    }

    /// Sends what the kernel takes now, or within the patience of a connection that was made here.
    ///
    /// - Returns: how many bytes it took.
    /// - Throws: ``Errno/wouldBlock`` if none, ``Errno/brokenPipe`` if the other side is gone.
    public borrowing func send(_ bytes: Span<UInt8>) throws(Errno) -> Int {
        let number = descriptor.number
        return unsafe try bytes.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe Glibc.send(number, pointer, count, Int32(MSG_NOSIGNAL)) }
        }
    }

    /// Sends as ``send(_:)`` does, and with the first byte files that the other side shall hold, at most 4.
    public borrowing func send(_ bytes: Span<UInt8>, with files: [HeldFile]) throws(Errno) -> Int {
        let number = descriptor.number
        let descriptors = files.map { $0.descriptor.number }
        return unsafe try bytes.withPointer { pointer, count throws(Errno) in
            try retrying {
                unsafe Int(platform_socket_send(number, pointer, count, descriptors, descriptors.count))
            }
        }
    }

    /// Receives as ``receive(into:)`` does, and files that came with the bytes.
    public borrowing func receive(
        into buffer: inout MutableSpan<UInt8>, _ files: inout [HeldFile]
    ) throws(Errno) -> Int {
        let number = descriptor.number
        return unsafe try buffer.withPointer { pointer, size throws(Errno) in
            // The most that come with one message (SCM_MAX_FD in Linux).
            var descriptors = InlineArray<253, Int32>(repeating: -1)
            var count = 0
            var room = descriptors.mutableSpan
            let received = unsafe try room.withUnsafeMutableBufferPointer { room throws(Errno) in
                try retrying {
                    unsafe Int(platform_socket_receive(number, pointer, size, room.baseAddress, &count))
                }
            }
            for index in 0..<count {
                files.append(HeldFile(adopting: Descriptor(adopting: descriptors[index], .received)))
            }
            return received
        }
    }

    /// Receives what there is, at most `buffer.count` bytes.
    ///
    /// - Returns: how many bytes came; 0 if the other side is gone.
    /// - Throws: ``Errno/wouldBlock`` if there is nothing, or was nothing within the patience.
    public borrowing func receive(into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        let number = descriptor.number
        return unsafe try buffer.withPointer { pointer, count throws(Errno) in
            try retrying { unsafe recv(number, pointer, count, 0) }
        }
    }

    /// Ends the connection, before the value goes away.
    public borrowing func shutDown() { _ = shutdown(descriptor.number, Int32(SHUT_RDWR)) }

    fileprivate static func make() throws(Errno) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return Descriptor(adopting: try retrying { socket(AF_UNIX, kind, 0) })
    }

    /// Sets how long a ``send(_:)`` or ``receive(into:)`` may take from now on, in milliseconds.
    public borrowing func setPatience(_ milliseconds: UInt64) throws(Errno) {
        try LocalSocket.setPatience(milliseconds, of: descriptor.number)
    }

    private static func setPatience(_ milliseconds: UInt64, of number: Int32) throws(Errno) {
        var time = timeval(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
        let count = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = try retrying { unsafe setsockopt(number, SOL_SOCKET, option, &time, count) }
        }
    }
}

/// A socket that other processes of this machine connect to by its path.
public struct Listener: ~Copyable, Sendable {
    let descriptor: Descriptor
    private let path: String
    private let identity: FileIdentity

    /// Listens at `path`, mode 0600.
    ///
    /// The socket is made under a name of its own and renamed, so that nobody sees one that does not listen
    /// yet; what was at `path` is replaced. Only one process may do this for a path at a time.
    public static func make(at path: String) throws(Errno) -> Listener {
        let descriptor = try LocalSocket.make()
        let number = descriptor.number
        let temporary = path + ".new"
        _ = unsafe unlink(temporary)
        let before = umask(0o177)
        defer { umask(before) }
        try withShortPath(temporary) { path throws(Errno) in
            _ = try retrying { unsafe platform_socket_bind(number, path) }
        }
        _ = try retrying { listen(number, 4096) }
        _ = try retrying { fcntl(number, F_SETFL, O_NONBLOCK) }
        let identity = try DiskStorage().identity(of: temporary)
        _ = try retrying { unsafe rename(temporary, path) }
        return Listener(descriptor: descriptor, path: path, identity: identity)
    }

    /// Takes the next connection, which never waits.
    ///
    /// - Returns: nil if there is none.
    /// - Throws: what the system refuses, such as ``Errno/tooManyFiles``.
    public borrowing func accept() throws(Errno) -> LocalSocket? {
        let number = descriptor.number
        do throws(Errno) {
            return LocalSocket(
                Descriptor(
                    adopting: try retrying { platform_socket_accept(number) }, .accepted))
        } catch .wouldBlock, .connectionAborted {
            return nil
        }
    }

    /// Whether the path still leads here.
    public var isReachable: Bool { (try? DiskStorage().identity(of: path)) == identity }

    /// Takes the path away, if it still leads here.
    public borrowing func remove() {
        if isReachable { _ = unsafe unlink(path) }
    }
}

/// Calls `body` with a path that leads to the same file and fits into the address of a socket, 107 bytes.
private func withShortPath(_ path: String, _ body: (String) throws(Errno) -> Void) throws(Errno) {
    if path.utf8.count <= 107 { return try body(path) }
    let directory = try Descriptor(path: Path.directory(of: path), flags: O_RDONLY | O_DIRECTORY)
    try body("/proc/self/fd/\(directory.number)/\(Path.name(of: path))")
}
