internal import CMicroHTTPD
internal import Glibc
public import Platform
internal import Sodium

/// Decides which connections a server accepts, and answers its requests.
public protocol HTTPService: AnyObject {
    /// Returns true if a connection from this port of `address` is accepted; otherwise it is closed without a
    /// response.
    func admits(clientPort: UInt16, of address: LoopbackPeer.Address) -> Bool

    /// Examines the head of a request.
    ///
    /// - Returns: the response to a request that is refused, whose body is discarded; otherwise nil.
    func refusal(of request: Request) -> Response?

    /// Returns the response to a request whose body would exceed the limit.
    func responseToLongBody() -> Response

    /// Returns the response to a request that was not refused.
    func response(to request: Request, body: Span<UInt8>) -> Response
}

/// An HTTP/1.1 server on one port of 127.0.0.1 and ::1, in one thread, so that its service handles one
/// request at a time.
///
/// It listens at both addresses because `localhost` may mean either: another server at one of them would
/// receive requests that are meant for this one.
///
/// The only user of libmicrohttpd.
@safe public final class HTTPServer {
    /// The resources that clients may use.
    public struct Limits: Sendable {
        /// Simultaneous connections for each address; further ones wait in the kernel's queue.
        public var connections = 512
        /// The time limit for a request and its response, and between two requests, in milliseconds.
        public var timeout: UInt64 = 20_000
        /// The memory for a request's head and the library's own data about it, in bytes.
        public var head = 32 << 10
        /// The maximal size of a request's body, in bytes.
        public var body = 8 << 20

        /// Creates the limits of web-interface.md, section 6.
        public init() {}
    }

    private let service: any HTTPService
    private let limits: Limits
    /// The library's servers, one for each address.
    private var daemons: [OpaquePointer] = unsafe []
    private var poller = Poller()
    /// The open connections, by the addresses of the library's structures.
    private var connections: [UInt: HTTPConnection] = [:]

    private struct HTTPConnection {
        let descriptor: Int32
        /// When it was opened or last got a response, in monotonic milliseconds.
        var since: UInt64
    }

    /// The error if the server cannot listen at an address.
    public struct CannotListen: Error {
        /// The address.
        public let address: LoopbackPeer.Address
        /// The reason, such as that the port is in use.
        public let reason: Errno
    }

    /// The number of ports to try, since the system may choose one that is in use at ::1.
    private static let maxPorts = 16

    /// Listens on `port`, or on one that the system chooses if it is 0.
    ///
    /// If the machine has no ::1, it listens at 127.0.0.1 only.
    public init(
        port: UInt16, limits: Limits = Limits(), service: any HTTPService
    ) throws(CannotListen) {
        self.service = service
        self.limits = limits
        var tries = port == 0 ? HTTPServer.maxPorts : 1
        while unsafe daemons.isEmpty {
            tries -= 1
            do throws(CannotListen) {
                try listen(on: port)
            } catch  where error.address == .ipv6 && error.reason == .addressInUse && tries > 0 {
                stop()
            }
        }
    }

    private func listen(on port: UInt16) throws(CannotListen) {
        try listen(at: .ipv4, port)
        do throws(CannotListen) {
            try listen(at: .ipv6, self.port)
        } catch  where error.reason == .noSuchAddress || error.reason == .noAddressFamily {
            // This machine has no IPv6.
        }
    }

    private func listen(at address: LoopbackPeer.Address, _ port: UInt16) throws(CannotListen) {
        var settings = unsafe microhttpd_settings()
        unsafe settings.is_ipv6 = address == .ipv6 ? 1 : 0
        unsafe settings.port = port
        unsafe settings.connections = UInt32(limits.connections)
        unsafe settings.seconds = UInt32(limits.timeout / 1000)
        unsafe settings.head = limits.head
        unsafe settings.context = Unmanaged.passUnretained(self).toOpaque()
        unsafe settings.accept = { context, address, _ in
            guard let address = unsafe address else { return .NO }
            let port = unsafe microhttpd_client_port(address)
            guard port != 0 else { return .NO }
            let isIPv6 = unsafe Int32(address.pointee.sa_family) == AF_INET6
            let service = unsafe HTTPServer.from(context).service
            return service.admits(clientPort: port, of: isIPv6 ? .ipv6 : .ipv4) ? .YES : .NO
        }
        unsafe settings.connection = { context, connection, _, code in
            guard let connection = unsafe connection else { return }
            let server = unsafe HTTPServer.from(context)
            let opened = unsafe HTTPConnection(
                descriptor: microhttpd_descriptor(connection), since: SystemClock.monotonicMilliseconds())
            let isOpen = code == .CONNECTION_NOTIFY_STARTED
            server.connections[UInt(bitPattern: connection)] = isOpen ? opened : nil
        }
        unsafe settings.begin = { _, target, connection in
            let bytes = unsafe target.map {
                unsafe Array(UnsafeRawBufferPointer(start: $0, count: strlen($0)))
            }
            let request = unsafe Request(target: bytes ?? [], connection: connection)
            return unsafe Unmanaged.passRetained(request).toOpaque()
        }
        unsafe settings.handle = { context, connection, _, method, _, bytes, count, state in
            guard let connection = unsafe connection, let count = unsafe count,
                let pointer = unsafe state?.pointee
            else { return .NO }
            let request = unsafe Unmanaged<Request>.fromOpaque(pointer).takeUnretainedValue()
            if !request.hasBegun { unsafe request.method = method.map { unsafe String(cString: $0) } ?? "" }
            let server = unsafe HTTPServer.from(context)
            return unsafe server.receive(request, connection, bytes, &count.pointee) ? .YES : .NO
        }
        unsafe settings.complete = { context, connection, state, _ in
            let server = unsafe HTTPServer.from(context)
            server.connections[UInt(bitPattern: connection)]?.since = SystemClock.monotonicMilliseconds()
            guard let pointer = unsafe state?.pointee else { return }
            let request = unsafe Unmanaged<Request>.fromOpaque(pointer).takeRetainedValue()
            unsafe request.connection = nil
            unsafe state?.pointee = nil
        }
        errno = 0
        guard let daemon = unsafe microhttpd_start(&settings) else {
            throw CannotListen(address: address, reason: Errno(rawValue: errno == 0 ? EIO : errno))
        }
        unsafe daemons.append(daemon)
    }

    deinit { stop() }

    private func stop() {
        unsafe daemons.forEach { unsafe MHD_stop_daemon($0) }
        unsafe daemons.removeAll()
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
        guard let context = unsafe context else {
            preconditionFailure("the library passes the context that it was given")
        }
        // The server outlives the library's daemons, and no other context is used.
        return unsafe Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
    }

    /// The port on which it listens.
    public var port: UInt16 { unsafe daemons.first.map { unsafe microhttpd_port($0) } ?? 0 }

    /// Waits for events, for at most the given time, and handles them.
    public func step(milliseconds: UInt64) throws(Errno) {
        var wait = milliseconds
        // An overdue connection is closed within a second.
        if !connections.isEmpty { wait = min(wait, 1000) }
        poller.removeAll()
        unsafe daemons.forEach { daemon in
            var libraryWait: UInt64 = 0
            let isWaiting = unsafe MHD_get_timeout(daemon, &libraryWait)
            if isWaiting == .YES { wait = min(wait, libraryWait) }
            let descriptor = unsafe microhttpd_poll_descriptor(daemon)
            _ = poller.add(InheritedDescriptor(number: descriptor), .reading)
        }
        try poller.wait(milliseconds: wait)
        closeOverdue()
        unsafe daemons.forEach { unsafe MHD_run($0) }
        Stack.wipe()
    }

    /// Closes connections that take too long; the library itself closes only idle ones, not slow ones.
    private func closeOverdue() {
        let now = SystemClock.monotonicMilliseconds()
        for connection in connections.values where now >= connection.since + limits.timeout {
            shutdown(connection.descriptor, Int32(SHUT_RDWR))
        }
    }

    /// Receives a part of a request: first its head, then pieces of its body, then its end.
    ///
    /// - Parameter count: the number of bytes of the body; set to 0 when they were consumed.
    /// - Returns: false if the connection must be closed.
    private func receive(
        _ request: Request, _ connection: OpaquePointer, _ bytes: UnsafePointer<CChar>?, _ count: inout Int
    ) -> Bool {
        if !request.hasBegun {
            request.hasBegun = true
            if let declared = request.value(of: "content-length").flatMap({ UInt64($0) }),
                declared > limits.body
            {
                return unsafe send(service.responseToLongBody(), to: connection)
            }
            request.refusal = service.refusal(of: request)
            return true
        }
        if count > 0, let bytes = unsafe bytes {
            defer {
                unsafe microhttpd_wipe(bytes, count)
                count = 0
            }
            request.bodySize += count
            if request.bodySize > limits.body { return false }
            return unsafe keep(bytes, count, for: request)
        }
        return unsafe send(answer(request), to: connection)
    }

    /// Appends a piece to the body of a request that was not refused.
    private func keep(_ bytes: UnsafePointer<CChar>, _ count: Int, for request: Request) -> Bool {
        if request.refusal != nil { return true }
        let raw = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
        do throws(SodiumError) {
            if request.body == nil { request.body = try SecretBuffer(capacity: count) }
            try unsafe request.body?.append(Span(_unsafeBytes: raw))
            return true
        } catch {
            return false
        }
    }

    private func answer(_ request: Request) -> Response {
        if let refusal = request.refusal { return refusal }
        guard let body = request.body.take() else {
            return service.response(to: request, body: Span())
        }
        return body.withBytes { service.response(to: request, body: $0) }
    }

    private func send(_ response: Response, to connection: OpaquePointer) -> Bool {
        guard let message = unsafe HTTPServer.message(response) else { return false }
        defer { unsafe MHD_destroy_response(message) }
        for field in response.fields {
            let result = unsafe MHD_add_response_header(message, field.name, field.value)
            guard result == .YES else { return false }
        }
        let result = unsafe MHD_queue_response(connection, UInt32(response.status), message)
        return result == .YES
    }

    private static func message(_ response: Response) -> OpaquePointer? {
        guard let body = response.body else {
            return unsafe MHD_create_response_from_buffer_with_free_callback_cls(0, nil, nil, nil)
        }
        // The library sends from guarded memory and calls back when it is done.
        return unsafe body.bytes.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                let memory = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                return unsafe MHD_create_response_from_buffer_with_free_callback_cls(
                    bytes.count, memory,
                    { body in unsafe body.map { unsafe Unmanaged<ResponseBody>.fromOpaque($0).release() } },
                    Unmanaged.passRetained(body).toOpaque())
            }
        }
    }
}
