public import Platform
internal import Sodium
internal import VaultFile
public import VaultKit

/// Why an agent did not do what it was asked.
public enum AgentError: Error, Equatable, Sendable {
    /// None runs.
    case notRunning
    /// The system does not let it be reached, so that nobody knows whether one runs.
    case unreachable(Errno)
    /// The directory of its socket is not the user's own, or others can look into it.
    case directoryNotPrivate
    /// The socket belongs to another user; nothing was sent.
    case foreign
    /// It speaks another version of the protocol.
    case otherVersion(UInt16)
    /// It ended, or did not answer in time.
    case lost
    /// It does not keep to the protocol.
    case malformed
    /// It sees another file at the path, as in another mount namespace; nothing was done.
    case otherFile
    /// Only the passphrase can lengthen a deadline.
    case wouldLengthen
    /// It could not be started.
    case cannotStart(AgentServer.StartError)
    /// What it says about the vault.
    case vault(VaultError)
}

/// A client's end of the agent's socket.
public final class AgentConnection {
    private let socket: LocalSocket
    /// The agent's process; 0 if this one cannot see it.
    var agentProcessID: Int32 { (try? socket.peer.processID) ?? 0 }
    /// The request that is being sent, then what was received of its reply; at first Hello, unless that was sent.
    private var buffer: SecretBuffer
    /// How many bytes of a reply were read already.
    private var taken = 0

    /// How long an agent may take to say Hello, in milliseconds.
    private static let helloPatience: UInt64 = 10_000
    /// How many bytes of requests are sent before a reply is read: so many always fit into the kernel's own buffer, however
    /// long nobody reads the other end.
    private static let maxAhead = 1 << 14
    /// How long an answer may take, in milliseconds: longer than an agent waits for another writer.
    private static let patience: UInt64 = 60_000

    private init(
        _ socket: consuming LocalSocket, _ buffer: consuming SecretBuffer, opening path: String?,
        ahead: Question?
    ) {
        self.socket = socket
        self.buffer = buffer
        opening = path
        self.ahead = ahead
    }

    /// A request that is no secret.
    struct Question: Equatable {
        let kind: AgentProtocol.Kind
        let body: [UInt8]

        fileprivate var message: [UInt8] { AgentConnection.message(kind, body) }
    }

    /// Connects to the agent of this user.
    ///
    /// - Parameters:
    ///   - path: a vault that the connection shall speak about. That is asked at once: it is no secret, and guarded memory is made
    ///     while the agent looks at the file. Without it nothing is sent yet.
    ///   - file: which file that is.
    ///   - ahead: what will be asked first about that vault; it is asked along with it.
    ///   - userID: who the agent has to be.
    ///   - patience: how long it may take to say Hello, in milliseconds.
    /// - Throws: ``AgentError/notRunning``, ``AgentError/directoryNotPrivate``, ``AgentError/foreign``,
    ///   ``AgentError/unreachable(_:)``.
    static func connect(
        in directory: String, opening path: String? = nil, _ file: HeldFile? = nil, ahead: Question? = nil,
        userID: UInt32 = CurrentProcess.userID, patience: UInt64 = helloPatience
    ) throws(AgentError) -> AgentConnection {
        let socketPath = Path.join(directory, AgentProtocol.socketName)
        do throws(Errno) {
            // Whose directory it is, is asked first: in another's, anybody could listen.
            try PrivateDirectory.check(directory)
            let socket = try LocalSocket(connectingTo: socketPath, patience: patience)
            guard try socket.peer.userID == userID else { throw .notPermitted }
            return try make(socket, opening: path, file, ahead)
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

    private static func make(
        _ socket: consuming LocalSocket, opening path: String?, _ file: HeldFile?, _ ahead: Question?
    ) throws(Errno) -> AgentConnection {
        let hello = message(.hello, AgentProtocol.magic + AgentProtocol.version.littleEndianBytes)
        if let path {
            let open = message(.open, UInt16(path.utf8.count).littleEndianBytes + path.utf8)
            let messages = hello + open + (ahead?.message ?? [])
            if !send(messages.span, with: file.map { [$0] } ?? [], over: socket) { throw .wouldBlock }
        }
        do throws(SodiumError) {
            var buffer = try SecretBuffer(capacity: 4000)
            if path == nil { try buffer.append(hello) }
            return AgentConnection(socket, buffer, opening: path, ahead: ahead)
        } catch {
            throw .noMemory
        }
    }

    /// A request that is no secret.
    private static func message(_ kind: AgentProtocol.Kind, _ body: [UInt8]) -> [UInt8] {
        UInt32(1 + body.count).littleEndianBytes + [kind.rawValue] + body
    }

    /// Sends all of `bytes`, with files that they speak of.
    ///
    /// - Returns: false if the agent does not take them. What it said before it went away can be read all the same.
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

    /// The vault that was asked for when connecting, until the answer is read.
    private var opening: String?
    /// What was asked ahead, until the answer is read.
    private var ahead: Question?
    /// Whether Hello was answered, and whether an answer is waited for longer than for that.
    private var (isGreeted, isPatient) = (false, false)

    /// Makes sure that the connection speaks about the vault that was named when it was made.
    ///
    /// - Parameter read: is lent the body of the reply.
    func open(read: (Span<UInt8>) throws(MalformedMessage) -> Bool) throws(AgentError) {
        opening = nil
        try readHello(isStop: false)
        while try readReply(to: .open, read) {}
    }

    /// Sends a request that is no secret and has one reply, unless it was sent ahead, and lends the body of the reply.
    func ask(_ question: Question, read: (Span<UInt8>) throws(MalformedMessage) -> Void) throws(AgentError) {
        if question == ahead {
            ahead = nil
        } else {
            try append(question.kind, question.body.count) { message throws(SodiumError) in
                try message.append(question.body)
            }
            try sendBuffer(isStop: false)
        }
        _ = try readReply(to: question.kind) { body throws(MalformedMessage) in
            try read(body)
            return false
        }
    }

    /// Drops the answer to what was asked ahead and is not wanted.
    private func forgetAhead() throws(AgentError) {
        guard let question = ahead else { return }
        ahead = nil
        do throws(AgentError) {
            _ = try readReply(to: question.kind) { _ in false }
        } catch .vault {
            // What is wrong there concerns nobody.
        } catch {
            throw error
        }
    }

    /// Sends a request and lends the body of its reply.
    ///
    /// The first one takes Hello along with it.
    ///
    /// - Parameters:
    ///   - files: those that it speaks of.
    ///   - fill: appends the request's body, of exactly `bodySize` bytes.
    ///   - read: is lent the body of the reply, or of each message of it; true asks for another one.
    func request(
        _ kind: AgentProtocol.Kind, about files: [HeldFile] = [], bodySize: Int = 0,
        fill: (inout SecretBuffer) throws(SodiumError) -> Void = { _ in },
        read: (Span<UInt8>) throws(MalformedMessage) -> Bool = { _ in false }
    ) throws(AgentError) {
        try append(kind, bodySize, fill)
        try sendBuffer(with: files, isStop: kind == .stop)
        while try readReply(to: kind, read) {}
    }

    /// Sends several requests of one kind together and lends the body of the reply to each.
    ///
    /// One that fails does not keep the others from being answered; the first failure is thrown afterwards.
    ///
    /// - Parameters:
    ///   - bodies: the body of each request, which is no secret.
    ///   - read: is given the place of a request and lent the body of its reply, in order.
    func requests(
        _ kind: AgentProtocol.Kind, _ bodies: [[UInt8]],
        read: (Int, Span<UInt8>) throws(MalformedMessage) -> Void
    ) throws(AgentError) {
        var failure: VaultError?
        var rest = bodies.indices
        while let first = rest.first {
            repeat {
                let body = bodies[rest.removeFirst()]
                try append(kind, body.count) { message throws(SodiumError) in try message.append(body) }
            } while !rest.isEmpty && buffer.count < AgentConnection.maxAhead
            try sendBuffer(isStop: false)
            for index in first..<rest.lowerBound {
                do throws(AgentError) {
                    _ = try readReply(to: kind) { body throws(MalformedMessage) in
                        try read(index, body)
                        return false
                    }
                } catch .vault(let error) {
                    failure = failure ?? error
                } catch {
                    throw error
                }
            }
        }
        if let failure { throw .vault(failure) }
    }

    private func append(
        _ kind: AgentProtocol.Kind, _ bodySize: Int,
        _ fill: (inout SecretBuffer) throws(SodiumError) -> Void
    ) throws(AgentError) {
        try forgetAhead()
        do throws(SodiumError) {
            try buffer.reserve(AgentProtocol.headSize + bodySize)
            try buffer.appendHead(kind.rawValue, bodySize: bodySize)
            try fill(&buffer)
        } catch {
            throw .vault(.file(.outOfMemory))
        }
    }

    /// Sends what waits, and reads the answer to Hello if that was at the front of it.
    ///
    /// - Parameter isStop: whether it is the request that every version understands.
    private func sendBuffer(with files: [HeldFile] = [], isStop: Bool) throws(AgentError) {
        guard buffer.withBytes({ AgentConnection.send($0, with: files, over: socket) }) else { throw .lost }
        buffer.truncate(to: 0)
        if !isGreeted { try readHello(isStop: isStop) }
    }

    /// Reads the answer to Hello.
    ///
    /// - Parameter isStop: whether the request behind it is the one that every version understands.
    private func readHello(isStop: Bool) throws(AgentError) {
        var version: UInt16 = 0
        _ = try readReply(to: .hello) { body throws(MalformedMessage) in
            var reader = FieldReader()
            version = try reader.number(UInt16.self, of: body)
            return false
        }
        isGreeted = true
        guard version == AgentProtocol.version || isStop else { throw .otherVersion(version) }
    }

    private func readReply(
        to kind: AgentProtocol.Kind, _ body: (Span<UInt8>) throws(MalformedMessage) -> Bool
    ) throws(AgentError) -> Bool {
        try receive(AgentProtocol.headSize)
        let (count, actual) = head()
        guard count >= 1, count <= AgentProtocol.maxMessage else { throw .malformed }
        let end = AgentProtocol.headSize + count - 1
        try receive(end)
        defer { forget(end) }
        let start = taken
        var failure: AgentError?
        let isMore: Bool
        do throws(MalformedMessage) {
            isMore = try buffer.withBytes { bytes throws(MalformedMessage) in
                let content = bytes.extracting(start + AgentProtocol.headSize..<start + end)
                if actual == AgentProtocol.failureKind {
                    failure = AgentError(try WireFailure(content))
                    return false
                }
                guard actual == kind.reply else { throw MalformedMessage() }
                return try body(content)
            }
        } catch {
            throw .malformed
        }
        if let failure { throw failure }
        return isMore
    }

    /// The length and the kind of the message that begins what was received.
    private func head() -> (count: Int, kind: UInt8) {
        var reader = FieldReader(at: taken)
        return buffer.withBytes { bytes in
            (Int((try? reader.number(UInt32.self, of: bytes)) ?? 0), bytes[reader.position])
        }
    }

    /// Receives until `count` bytes lie behind those that were taken.
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
        if isGreeted, !isPatient {
            isPatient = true
            try? socket.setPatience(AgentConnection.patience)
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

    /// Wipes what was taken when nothing is behind it.
    private func forget(_ count: Int) {
        taken += count
        guard taken == buffer.count else { return }
        buffer.truncate(to: 0)
        taken = 0
    }
}

extension AgentError {
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
