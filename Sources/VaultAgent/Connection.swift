internal import Platform
internal import Sodium

/// One client's end of the socket, as the agent sees it.
final class Connection {
    private let socket: LocalSocket
    /// What it has said so far.
    var client = Responder.Client()
    /// Whether a commit of it waits for its outcome.
    var isWaiting = false
    /// Whether nothing more is to be read from it.
    private(set) var isOver = false
    /// Whether it is gone.
    private(set) var isClosed = false
    /// When it last sent or took something; monotonic milliseconds.
    private(set) var lastActivity: UInt64
    /// Since when half a message lies here, or half a reply was not taken.
    private(set) var stalledSince: UInt64?

    /// The beginning of messages that are not complete or not answered yet; nil if there is none.
    private var input: SecretBuffer?
    /// What was not taken yet of the replies; nil if all was.
    private var output: SecretBuffer?
    private var sent = 0

    init(_ socket: consuming LocalSocket, now: UInt64) {
        self.socket = socket
        lastActivity = now
    }

    /// Whether it has to wait with its next request.
    var isBusy: Bool { isWaiting || isOver || isClosed || output != nil }

    /// Whether closing it loses nothing but the connection.
    var isIdle: Bool { !isWaiting && input == nil && output == nil }

    /// How many bytes are held for it.
    var bufferedCount: Int { (input?.capacity ?? 0) + (output?.capacity ?? 0) }

    /// Adds it to what is waited for.
    func wait(in poller: inout Poller) -> Int {
        poller.add(socket, output != nil ? .writing : isBusy ? .none : .reading)
    }

    /// Disconnects.
    func close() {
        isClosed = true
        input = nil
        output = nil
        socket.shutDown()
    }

    /// Ends the conversation when what was said is taken.
    func end() {
        isOver = true
        input = nil
        if output == nil { close() }
    }

    /// Receives what there is, at most what `scratch` holds.
    ///
    /// - Returns: how many bytes came; 0 if there is nothing now, or the other side is gone.
    func receive(into scratch: inout SecretBytes, now: UInt64) -> Int {
        do throws(Errno) {
            let count = try scratch.withMutableBytes { free throws(Errno) in try socket.receive(into: &free) }
            if count == 0 { close() }
            lastActivity = now
            return count
        } catch .wouldBlock {
            return 0
        } catch {
            close()
            return 0
        }
    }

    /// Hands the bytes that came, behind those that were kept, to `answer`, which returns how many of them are
    /// done with.
    func take(_ bytes: Span<UInt8>, now: UInt64, _ answer: (Span<UInt8>) -> Int) throws(SodiumError) {
        if input == nil {
            let done = answer(bytes)
            if done < bytes.count, !isOver, !isClosed {
                input = try Connection.copy(bytes.extracting(done..<bytes.count))
            }
        } else {
            try input?.append(bytes)
            try answerKept(answer)
        }
        noteStall(now)
    }

    /// Goes on with what was kept.
    func resume(now: UInt64, _ answer: (Span<UInt8>) -> Int) throws(SodiumError) {
        if input != nil { try answerKept(answer) }
        noteStall(now)
    }

    private func answerKept(_ answer: (Span<UInt8>) -> Int) throws(SodiumError) {
        guard let kept = input.take() else { return }
        let done = kept.withBytes { answer($0) }
        if isOver || isClosed || done == kept.count { return }
        if done > 0 {
            input = try kept.withBytes { bytes throws(SodiumError) in
                try Connection.copy(bytes.extracting(done..<bytes.count))
            }
        } else {
            input = consume kept
        }
    }

    private static func copy(_ bytes: Span<UInt8>) throws(SodiumError) -> SecretBuffer {
        var copy = try SecretBuffer(capacity: bytes.count)
        try copy.append(bytes)
        return copy
    }

    /// Sends a reply, or what the kernel takes of it now.
    func send(_ reply: Span<UInt8>, now: UInt64) throws(SodiumError) {
        let done = output == nil ? push(reply) : 0
        if isClosed || done == reply.count { return }
        if output == nil {
            output = try SecretBuffer(capacity: reply.count - done)
            sent = 0
        }
        try output?.append(reply.extracting(done..<reply.count))
        noteStall(now)
    }

    /// Goes on with what was not taken.
    func flush(now: UInt64) {
        guard let count = output?.count else { return }
        let from = sent
        sent += output?.withBytes { push($0.extracting(from..<count)) } ?? 0
        if isClosed { return }
        if sent > from { lastActivity = now }
        if sent == count {
            output = nil
            if isOver { close() }
        }
        noteStall(now)
    }

    /// How many bytes the kernel takes.
    private func push(_ bytes: Span<UInt8>) -> Int {
        var done = 0
        do throws(Errno) {
            while done < bytes.count { done += try socket.send(bytes.extracting(done..<bytes.count)) }
        } catch .wouldBlock {
            return done
        } catch {
            close()
        }
        return done
    }

    private func noteStall(_ now: UInt64) {
        let isStalled = !isWaiting && (input != nil || output != nil)
        stalledSince = isStalled ? stalledSince ?? now : nil
    }
}
