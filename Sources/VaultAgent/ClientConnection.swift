internal import Platform
internal import Sodium

/// The agent's side of one connection, as its loop sees it.
final class ClientConnection {
    enum Greeting { case none, sameVersion, otherVersion }

    let id: ClientID
    let socket: ClientSocket
    /// The version in the client's Hello.
    var greeting = Greeting.none
    /// The vault that the connection speaks about.
    var path: String?
    /// True while a worker or a job makes the next reply.
    private(set) var isWaiting = false
    /// True if no more requests are read.
    private(set) var isOver = false
    private(set) var isClosed = false
    /// The time at which the client last sent or took bytes; monotonic milliseconds.
    private(set) var lastActivity = SystemClock.monotonicMilliseconds()
    /// The time since which a message is incomplete or a reply is not taken; nil if neither is so.
    private(set) var stalledSince: UInt64?

    /// The descriptors that were received and that no message has claimed.
    private var files: [HeldFile] = []
    /// The requests that a vault's worker answers now.
    private var parcel: Parcel?
    /// The bytes that were received and are not answered yet; nil if there are none.
    private var input: SecretBuffer?
    /// The replies that the client has not taken, and how many bytes of them were sent since.
    private var output: (unsent: Unsent, sent: Int)?
    /// The size of the long message that the client may send now; 0 if there is none.
    private(set) var grantedSize = 0

    init(_ id: ClientID, _ socket: consuming LocalSocket) {
        self.id = id
        self.socket = ClientSocket(socket)
    }

    /// True if the next request must wait.
    var isBusy: Bool { isWaiting || isOver || isClosed || output != nil }

    /// The number of descriptors that no message has claimed.
    var waitingFileCount: Int { files.count }

    /// True if closing the connection interrupts nothing.
    var isIdle: Bool { !isWaiting && input == nil && output == nil }

    /// The bytes that the agent holds for the connection.
    var bufferedSize: Int { (input == nil ? 0 : input?.capacity ?? 0) + unsentSize }

    /// The bytes of replies that the client has not taken.
    var unsentSize: Int { output?.unsent.bytes.count ?? 0 }

    /// The size of the long message of which the client has sent the beginning; nil if there is none, or it may send it.
    var requestedSize: Int? {
        // On an optional ~Copyable value, `?.count` is not nil even if the value is: compare with nil first.
        guard grantedSize == 0, !isBusy, input != nil, let begun = input?.count, begun >= 4 else {
            return nil
        }
        let count = input?.withBytes { AgentProtocol.content(of: $0, at: 0).upperBound } ?? 0
        return count > AgentProtocol.maxShortMessage ? count : nil
    }

    /// Allows the client to send the long message that it has begun.
    func grant(_ count: Int) throws(SodiumError) {
        grantedSize = count
        if input != nil, let begun = input?.count { try input?.reserve(max(count - begun, 0)) }
    }

    /// Adds the socket to `poller`, and returns its place there.
    func wait(in poller: inout Poller) -> Int {
        if output != nil { return poller.add(socket.socket, .writing) }
        return poller.add(socket.socket, isBusy || requestedSize != nil ? .none : .reading)
    }

    /// Disconnects.
    func close() {
        isClosed = true
        input = nil
        (output, grantedSize, files) = (nil, 0, [])
        socket.socket.shutDown()
    }

    /// Disconnects when the client has taken all replies.
    func end() {
        isOver = true
        input = nil
        if output == nil { close() }
    }

    /// Marks that a worker or a job makes the next reply, and keeps the requests that a worker answers.
    func wait(for parcel: Parcel? = nil) {
        isWaiting = true
        self.parcel = parcel
    }

    /// Marks that the reply is made.
    ///
    /// - Parameters:
    ///   - count: the number of bytes of the parcel's requests that were answered; the others become input again.
    ///   - unsent: the part of the replies that was not sent.
    func proceed(after count: Int = 0, _ unsent: Unsent? = nil) throws(SodiumError) {
        isWaiting = false
        grantedSize = 0
        if isClosed { return }
        if let unsent { output = (unsent, 0) }
        try parcel?.withBytes { bytes throws(SodiumError) in
            if count < bytes.count { try putBack(bytes.extracting(count..<bytes.count)) }
        }
        parcel = nil
    }

    private func putBack(_ bytes: Span<UInt8>) throws(SodiumError) {
        var all = try SecretBuffer(copying: bytes)
        if let behind = input.take() {
            try behind.withBytes { behind throws(SodiumError) in try all.append(behind) }
        }
        input = consume all
    }

    /// Receives the available bytes, as far as they fit into `scratch`.
    ///
    /// - Returns: the number of bytes; 0 if none are available, or the client is gone.
    func receive(into scratch: inout SecretBytes) -> Int {
        do throws(Errno) {
            let count = try scratch.withMutableBytes { free throws(Errno) in
                try socket.socket.receive(into: &free, &files)
            }
            if count == 0 || files.count > AgentProtocol.maxFiles { close() }
            lastActivity = SystemClock.monotonicMilliseconds()
            return count
        } catch .wouldBlock {
            return 0
        } catch {
            close()
            return 0
        }
    }

    /// Passes all input, with `bytes` at its end, to `answer`, which returns how many bytes it has answered.
    func take(_ bytes: Span<UInt8>, _ answer: (Span<UInt8>) -> Int) throws(SodiumError) {
        guard input == nil else {
            try input?.append(bytes)
            return try resume(answer)
        }
        let done = answer(bytes)
        if done < bytes.count, !isOver, !isClosed {
            input = try SecretBuffer(copying: bytes.extracting(done..<bytes.count))
        }
    }

    /// Passes the input to `answer`, which returns how many bytes it has answered.
    func resume(_ answer: (Span<UInt8>) -> Int) throws(SodiumError) {
        guard let kept = input.take() else { return }
        let done = kept.withBytes { answer($0) }
        if isOver || isClosed || done == kept.count { return }
        if done > 0 {
            input = try kept.withBytes { bytes throws(SodiumError) in
                try SecretBuffer(copying: bytes.extracting(done..<bytes.count))
            }
        } else {
            input = consume kept
        }
    }

    /// Takes the next `count` descriptors for a message that claims them.
    ///
    /// - Returns: nil if fewer were received.
    func takeFiles(_ count: Int) -> [HeldFile]? {
        guard files.count >= count else { return nil }
        defer { files.removeFirst(count) }
        return Array(files.prefix(count))
    }

    /// Sends replies, and keeps what the kernel does not take.
    func send(_ replies: Span<UInt8>) throws(SodiumError) {
        let done = output == nil ? push(replies) : 0
        if isClosed || done == replies.count { return }
        guard let (unsent, sent) = output else {
            output = (try Unsent(copying: replies.extracting(done..<replies.count)), 0)
            return
        }
        var all = try unsent.bytes.withBytes { bytes throws(SodiumError) in
            try SecretBuffer(copying: bytes.extracting(sent..<bytes.count))
        }
        try all.append(replies)
        output = (try all.withBytes { bytes throws(SodiumError) in try Unsent(copying: bytes) }, 0)
    }

    /// Sends what the kernel did not take before.
    func flush() {
        guard let (unsent, sent) = output else { return }
        let count = unsent.bytes.count
        let more = unsent.bytes.withBytes { push($0.extracting(sent..<count)) }
        if isClosed { return }
        if more > 0 { lastActivity = SystemClock.monotonicMilliseconds() }
        output = sent + more == count ? nil : (unsent, sent + more)
        guard output == nil else { return }
        if input == nil { stalledSince = nil }
        if isOver { close() }
    }

    /// Returns how many bytes the kernel takes.
    private func push(_ bytes: Span<UInt8>) -> Int {
        do throws(Errno) {
            return try socket.push(bytes)
        } catch {
            close()
            return 0
        }
    }

    /// Updates ``stalledSince``; called after each step of the loop.
    func noteStall(now: UInt64) {
        let isStalled = !isWaiting && (input != nil || output != nil) && requestedSize == nil
        stalledSince = isStalled ? stalledSince ?? now : nil
    }
}
