public import Platform
internal import Sodium
internal import VaultFile
public import VaultCore

/// The reason why an agent did not do what a client asked.
public enum AgentError: Error, Equatable, Sendable {
    /// No agent is running.
    case notRunning
    /// The system does not let the client connect; an agent may be running or not.
    case unreachable(Errno)
    /// The directory of the socket is not the user's own, or others can access it.
    case directoryNotPrivate
    /// The socket belongs to another user; nothing was sent.
    case foreign
    /// The agent speaks another version of the protocol.
    case otherVersion(UInt16)
    /// The agent ended, or did not answer in time.
    case lost
    /// The agent broke a rule of the protocol.
    case malformed
    /// The agent finds another file at the path, as in another mount namespace; nothing was done.
    case otherFile
    /// Only the passphrase can lengthen a deadline.
    case wouldLengthen
    /// The agent could not be started.
    case cannotStart(AgentServer.StartError)
    /// The agent reported an error of the vault.
    case vault(VaultError)

    init(_ failure: WireFailure) {
        self =
            switch failure {
            case .vault(let error): .vault(error)
            case .malformed, .nothingOpened: .malformed
            case .wouldLengthen: .wouldLengthen
            case .otherFile: .otherFile
            }
    }
}

/// The client's side of a connection to the agent.
public final class AgentConnection {
    private let socket: LocalSocket
    /// The process ID of the agent; 0 if this process cannot see it.
    var agentProcessID: Int32 { (try? socket.peer.processID) ?? 0 }
    /// Requests to be sent, then received replies; at first the Hello, unless that was sent already.
    private var buffer: SecretBuffer
    /// The number of bytes in the buffer that belong to replies already read.
    private var taken = 0
    /// The requests that were sent when connecting, until their replies are read.
    private var ahead: ArraySlice<PlainRequest>
    private var isGreeted = false
    /// True once an error has left requests and replies out of step: the next reply could be that of an earlier request.
    private(set) var isBroken = false
    /// True if the socket's timeout is that for replies after Hello.
    private var hasReplyTimeout = false

    /// How long an agent may take to answer Hello, in milliseconds.
    private static let helloTimeout: UInt64 = 10_000
    /// How long any other reply may take, in milliseconds: longer than an agent waits for another writer.
    private static let replyTimeout: UInt64 = 60_000
    /// The bytes of requests that are sent before a reply is read: they always fit into the kernel's buffer, even if the agent
    /// does not read.
    private static let maxAhead = 1 << 14

    /// A request that contains no value and no key.
    struct PlainRequest: Equatable {
        let kind: AgentProtocol.Kind
        let body: [UInt8]
    }

    /// Connects to the agent of this user.
    ///
    /// - Parameters:
    ///   - path: a vault to open. Hello and Open are sent at once, and the agent checks the file while this process allocates
    ///     guarded memory. Without a path, nothing is sent yet.
    ///   - file: the vault's file.
    ///   - ahead: the first requests about the vault, which are sent along with Open.
    ///   - userID: the user to whom the agent must belong.
    ///   - timeout: how long the agent may take to answer Hello, in milliseconds.
    /// - Throws: ``AgentError/notRunning``, ``AgentError/directoryNotPrivate``, ``AgentError/foreign``, ``AgentError/lost``,
    ///   ``AgentError/unreachable(_:)``.
    static func connect(
        in directory: String, opening path: String? = nil, _ file: HeldFile? = nil,
        ahead: [PlainRequest] = [], userID: UInt32 = CurrentProcess.userID, timeout: UInt64 = helloTimeout
    ) throws(AgentError) -> AgentConnection {
        let socketPath = Path.join(directory, AgentProtocol.socketName)
        do throws(Errno) {
            // This comes first: in a directory of somebody else, anybody could listen.
            try PrivateDirectory.check(directory)
            let socket = try LocalSocket(connectingTo: socketPath, timeout: timeout)
            guard try socket.peer.userID == userID else { throw .notPermitted }
            return try AgentConnection(socket, opening: path, file, ahead)
        } catch .permissionDenied {
            throw .directoryNotPrivate
        } catch .notPermitted {
            throw .foreign
        } catch .wouldBlock {
            throw .lost
        } catch .noSuchFile, .notDirectory, .connectionRefused {
            throw .notRunning
        } catch {
            throw .unreachable(error)
        }
    }

    private init(
        _ socket: consuming LocalSocket, opening path: String?, _ file: HeldFile?, _ ahead: [PlainRequest]
    ) throws(Errno) {
        let hello = AgentProtocol.Kind.hello.request(AgentProtocol.magic + AgentProtocol.version.field)
        if let path {
            let open = AgentProtocol.Kind.open.request(path.field)
            let messages = hello + open + ahead.flatMap { $0.kind.request($0.body) }
            let isSent = AgentConnection.send(messages.span, with: file.map { [$0] } ?? [], over: socket)
            if !isSent { throw .wouldBlock }
        }
        do throws(SodiumError) {
            buffer = try SecretBuffer(capacity: 4000)
            if path == nil { try buffer.append(hello) }
        } catch {
            throw .noMemory
        }
        self.socket = socket
        self.ahead = ahead[...]
    }

    /// Reads the replies to the Hello and the Open that were sent when connecting.
    func open<R>(read: (inout FieldReader) throws -> R) throws(AgentError) -> R {
        try readHello()
        return try reply(to: .open, read: read)
    }

    /// Sends a request without values and keys, unless it was sent when connecting, and reads its reply.
    ///
    /// - Parameters:
    ///   - files: the files that the request names.
    ///   - read: reads the body of the reply; if it throws, the reply is malformed.
    func request<R>(
        _ kind: AgentProtocol.Kind, _ body: [UInt8] = [], about files: [HeldFile] = [],
        read: (inout FieldReader) throws -> R = { _ in }
    ) throws(AgentError) -> R {
        if !isAhead(kind, body) { try send(kind, body, about: files) }
        return try reply(to: kind, read: read)
    }

    /// Sends a request that contains a key, and reads its reply.
    func request<R>(
        _ kind: AgentProtocol.Kind, _ start: [UInt8], _ key: borrowing Key, _ end: [UInt8] = [],
        about files: [HeldFile] = [], read: (inout FieldReader) throws -> R = { _ in }
    ) throws(AgentError) -> R {
        try append(kind, bodySize: start.count + Key.count + end.count) { message throws(SodiumError) in
            try message.append(start)
            try key.withBytes { key throws(SodiumError) in try message.append(key) }
            try message.append(end)
        }
        try sendBuffer(about: files)
        return try reply(to: kind, read: read)
    }

    /// Sends a request that contains values, and reads its reply.
    ///
    /// - Parameter fill: appends the body, of exactly `bodySize` bytes.
    func request<R>(
        _ kind: AgentProtocol.Kind, bodySize: Int,
        fill: (inout SecretBuffer) throws(SodiumError) -> Void, read: (inout FieldReader) throws -> R
    ) throws(AgentError) -> R {
        try append(kind, bodySize: bodySize, fill)
        try sendBuffer()
        return try reply(to: kind, read: read)
    }

    /// Sends several requests of one kind together, and reads the reply to each.
    ///
    /// If some fail, the others are answered all the same; then the first failure is thrown.
    ///
    /// - Parameters:
    ///   - bodies: the bodies, which contain no values and keys.
    ///   - ignored: the failures that are none.
    ///   - read: reads the body of the reply to the request with this index.
    func requests(
        _ kind: AgentProtocol.Kind, _ bodies: [[UInt8]], ignoring ignored: [VaultError] = [],
        read: (Int, inout FieldReader) throws -> Void
    ) throws(AgentError) {
        var failure: VaultError?
        var rest = bodies.indices
        while let first = rest.first {
            if isAhead(kind, bodies[first]) {
                rest.removeFirst()
            } else {
                try sendRequests(kind, bodies, from: &rest)
            }
            for index in first..<rest.lowerBound {
                do throws(AgentError) {
                    try reply(to: kind) { try read(index, &$0) }
                } catch .vault(let error) {
                    if !ignored.contains(error) { failure = failure ?? error }
                }
            }
        }
        if let failure { throw .vault(failure) }
    }

    /// Sends the first of several requests, as many as may be sent before a reply is read.
    private func sendRequests(
        _ kind: AgentProtocol.Kind, _ bodies: [[UInt8]], from rest: inout Range<Int>
    ) throws(AgentError) {
        repeat {
            let body = bodies[rest.removeFirst()]
            try append(kind, bodySize: body.count) { message throws(SodiumError) in
                try message.append(body)
            }
        } while !rest.isEmpty && buffer.count < AgentConnection.maxAhead
        try sendBuffer()
    }

    /// Stops the agent, whatever its protocol version.
    func stop() throws(AgentError) {
        try append(.stop, bodySize: 0) { _ in }
        do throws(AgentError) {
            try sendBuffer()
        } catch .otherVersion {
            // The reply to Stop follows all the same.
        }
        try reply(to: .stop) { _ in }
    }

    /// Sends a request without values and keys; the caller reads its replies.
    func send(
        _ kind: AgentProtocol.Kind, _ body: [UInt8] = [], about files: [HeldFile] = []
    ) throws(AgentError) {
        try append(kind, bodySize: body.count) { message throws(SodiumError) in try message.append(body) }
        try sendBuffer(about: files)
    }

    private func append(
        _ kind: AgentProtocol.Kind, bodySize: Int, _ fill: (inout SecretBuffer) throws(SodiumError) -> Void
    ) throws(AgentError) {
        try dropAhead()
        if isBroken { throw .lost }
        isBroken = true
        do throws(SodiumError) {
            try buffer.reserve(AgentProtocol.headSize + bodySize)
            try buffer.appendHead(kind.rawValue, bodySize: bodySize)
            try fill(&buffer)
        } catch {
            throw .vault(.file(.outOfMemory))
        }
        isBroken = false
    }

    /// Returns true if a request was sent when connecting, so that its reply is the next one.
    private func isAhead(_ kind: AgentProtocol.Kind, _ body: [UInt8]) -> Bool {
        guard ahead.first == PlainRequest(kind: kind, body: body) else { return false }
        ahead.removeFirst()
        return true
    }

    /// Reads and drops the replies to the requests that were sent when connecting.
    private func dropAhead() throws(AgentError) {
        while let request = ahead.popFirst() {
            do throws(AgentError) {
                try reply(to: request.kind) { _ in }
            } catch .vault {
                // Nobody asked for it, so its error concerns nobody.
            }
        }
    }

    /// Sends the requests in the buffer, and reads the reply to Hello if that is one of them.
    private func sendBuffer(about files: [HeldFile] = []) throws(AgentError) {
        guard buffer.withBytes({ AgentConnection.send($0, with: files, over: socket) }) else {
            isBroken = true
            throw .lost
        }
        buffer.truncate(to: 0)
        taken = 0
        if !isGreeted { try readHello() }
    }

    /// Sends all of `bytes`, with the files that they name.
    ///
    /// - Returns: false if the agent does not take the bytes in time; true if it has gone away, since its last replies can still
    ///   be read.
    private static func send(
        _ bytes: Span<UInt8>, with files: [HeldFile], over socket: borrowing LocalSocket
    ) -> Bool {
        do throws(Errno) {
            var done = files.isEmpty ? 0 : try socket.send(bytes, with: files)
            while done < bytes.count { done += try socket.send(bytes.extracting(done..<bytes.count)) }
            return true
        } catch {
            return error == .brokenPipe || error == .connectionReset
        }
    }

    private func readHello() throws(AgentError) {
        let version = try reply(to: .hello) { try $0.number(UInt16.self) }
        isGreeted = true
        guard version == AgentProtocol.version else { throw .otherVersion(version) }
    }

    /// Receives a reply, or the next one of several to the same request.
    ///
    /// - Parameter read: reads the body; if it throws, the reply is malformed.
    func reply<R>(
        to kind: AgentProtocol.Kind, read: (inout FieldReader) throws -> R
    ) throws(AgentError) -> R {
        if isBroken { throw .lost }
        isBroken = true
        try receive(4)
        let count = buffer.withBytes { AgentProtocol.content(of: $0, at: taken).count }
        guard (1...AgentProtocol.maxMessage).contains(count) else { throw .malformed }
        try receive(4 + count)
        defer { forget(4 + count) }
        let start = taken + 4
        let result: Result<R, AgentError>
        do {
            result = try buffer.withBytes { bytes in
                var reader = FieldReader(bytes.extracting(start..<start + count))
                let actual = try reader.number(UInt8.self)
                if actual == AgentProtocol.failureKind {
                    return .failure(AgentError(try WireFailure(&reader)))
                }
                guard actual == kind.replyNumber else { throw MalformedMessage() }
                return .success(try read(&reader))
            }
        } catch {
            throw .malformed
        }
        isBroken = false
        return try result.get()
    }

    /// Receives until the buffer holds `count` bytes that are not taken.
    private func receive(_ count: Int) throws(AgentError) {
        if buffer.count - taken >= count { return }
        do throws(SodiumError) {
            if taken + count > buffer.capacity {
                buffer.removeFirst(taken)
                taken = 0
            }
            try buffer.reserve(count - (buffer.count - taken))
        } catch {
            throw .vault(.file(.outOfMemory))
        }
        if isGreeted, !hasReplyTimeout {
            hasReplyTimeout = true
            try? socket.setTimeout(AgentConnection.replyTimeout)
        }
        while buffer.count - taken < count {
            do throws(Errno) {
                let received = try buffer.appendInPlace { free throws(Errno) in
                    try socket.receive(into: &free)
                }
                if received == 0 { throw .brokenPipe }
            } catch {
                throw .lost
            }
        }
    }

    /// Marks bytes as taken, and wipes the buffer if no others follow.
    private func forget(_ count: Int) {
        taken += count
        guard taken == buffer.count else { return }
        buffer.truncate(to: 0)
        taken = 0
    }
}
