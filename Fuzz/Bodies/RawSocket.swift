import Glibc

/// A non-blocking Unix socket, without any of the product's code.
final class RawSocket {
    private let number: Int32

    private init(_ number: Int32) {
        require(number >= 0, "no socket: \(errno)")
        self.number = number
    }

    deinit { close(number) }

    private static func make() -> RawSocket {
        RawSocket(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        require(result == 0, "no socket at \(path): \(errno)")
    }

    static func connected(to path: String) -> RawSocket {
        let result = make()
        withAddress(path) { connect(result.number, $0, $1) }
        return result
    }

    static func listening(at path: String) -> RawSocket {
        let result = make()
        unlink(path)
        withAddress(path) { bind(result.number, $0, $1) }
        require(listen(result.number, 8) == 0, "nobody listens")
        return result
    }

    func accept() -> RawSocket { RawSocket(Glibc.accept(number, nil, nil)) }

    /// Sends what the kernel takes; the peer may be gone.
    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }

    /// Returns the bytes that have arrived.
    func receive() -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return result }
            result += buffer.prefix(count)
        }
    }

    /// Ends the connection; the peer can still read what was sent.
    func end() { shutdown(number, Int32(SHUT_RDWR)) }
}

/// Directories in memory for this process's sockets.
enum SocketDirectory {
    static let server = make("server")
    static let client = make("client")

    static let socketName = "/agent.sock"

    private static func make(_ name: String) -> String {
        let path = "/dev/shm/vault-fuzz-\(getpid())-\(name)"
        require(mkdir(path, 0o700) == 0 || errno == EEXIST, "no directory \(path)")
        atexit {
            for directory in [SocketDirectory.server, SocketDirectory.client] {
                for name in [SocketDirectory.socketName, "/agent.lock"] { unlink(directory + name) }
                rmdir(directory)
            }
        }
        return path
    }
}
