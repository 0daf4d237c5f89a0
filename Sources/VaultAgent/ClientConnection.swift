internal import Platform
internal import Sodium

/// One client's end of the socket, as the agent's loop sees it.
final class ClientConnection {
    enum Greeting { case none, sameVersion, otherVersion }

    let id: ClientID
    let socket: ClientSocket
    /// What Hello said.
    var greeting = Greeting.none
    /// The vault that it speaks about.
    var path: String?
    /// Whether an answer is being made elsewhere.
    private(set) var isWaiting = false
    /// Whether nothing more is to be read from it.
    private(set) var isOver = false
    /// Whether it is gone.
    private(set) var isClosed = false
    /// When it last sent or took something; monotonic milliseconds.
    private(set) var lastActivity: UInt64
    /// Since when half a message lies here, or half a reply was not taken.
    private(set) var stalledSince: UInt64?

    /// The files that came with messages that were not looked at yet.
    private var files: [HeldFile] = []
    /// The requests that a vault's worker answers now.
    private var parcel: Parcel?
    /// The beginning of messages that are not complete or not answered yet; nil if there is none.
    private var input: SecretBuffer?
    /// What was not taken yet of the replies, and how much of that was taken since.
    private var output: (unsent: Unsent, sent: Int)?
    /// The room that was granted for a long message, in bytes.
    private(set) var room = 0

    init(_ id: ClientID, _ socket: consuming LocalSocket, now: UInt64) {
        self.id = id
        self.socket = ClientSocket(socket)
        lastActivity = now
    }

    /// Whether it has to wait with its next request.
    var isBusy: Bool { isWaiting || isOver || isClosed || output != nil }

    /// How many files came with messages that were not looked at yet.
    var waitingFileCount: Int { files.count }

    /// Whether closing it loses nothing but the connection.
    var isIdle: Bool { !isWaiting && input == nil && output == nil }

    /// How many bytes are held for it.
    var bufferedSize: Int { (input == nil ? 0 : input?.capacity ?? 0) + unsentSize }

    /// How many bytes of replies wait for it to take them.
    var unsentSize: Int { output?.unsent.bytes.count ?? 0 }

    /// Whether a reply waits for it to take it.
    var hasUnsent: Bool { output != nil }

    /// How many bytes the long message has that it began to send; nil if it began none.
    var wantedRoom: Int? {
        // Of a value that cannot be copied, `?.` sees a property also when there is none: `!= nil` comes first.
        guard room == 0, !isBusy, input != nil, let begun = input?.count, begun >= 4 else { return nil }
        let count = input?.withBytes { AgentProtocol.message(in: $0, at: 0).upperBound } ?? 0
        return count > AgentProtocol.shortMessage ? count : nil
    }

    /// Lets it send the long message that it began.
    func grant(_ count: Int, now: UInt64) throws(SodiumError) {
        room = count
        if input != nil, let begun = input?.count { try input?.reserve(max(count - begun, 0)) }
        noteStall(now)
    }

    /// Adds it to what is waited for.
    func wait(in poller: inout Poller) -> Int {
        if output != nil { return poller.add(socket.socket, .writing) }
        return poller.add(socket.socket, isBusy || wantedRoom != nil ? .none : .reading)
    }

    /// Disconnects.
    func close() {
        isClosed = true
        input = nil
        (output, room, files) = (nil, 0, [])
        socket.socket.shutDown()
    }

    /// Ends the conversation when what was said is taken.
    func end() {
        isOver = true
        input = nil
        if output == nil { close() }
    }

    /// Says that an answer is made elsewhere; of `parcel`, if it is one about a vault.
    func wait(for parcel: Parcel? = nil, now: UInt64) {
        isWaiting = true
        self.parcel = parcel
        noteStall(now)
    }

    /// Says that the answer is made.
    ///
    /// - Parameters:
    ///   - count: how many bytes of the parcel's requests are answered; the others wait again.
    ///   - unsent: what of the replies was not sent.
    func goOn(after count: Int = 0, _ unsent: Unsent? = nil, now: UInt64) throws(SodiumError) {
        isWaiting = false
        room = 0
        if isClosed { return }
        if let unsent { output = (unsent, 0) }
        if let parcel {
            try parcel.withBytes { bytes throws(SodiumError) in
                if count < bytes.count { try putBack(bytes.extracting(count..<bytes.count)) }
            }
        }
        parcel = nil
        noteStall(now)
    }

    private func putBack(_ bytes: Span<UInt8>) throws(SodiumError) {
        guard let behind = input.take() else {
            input = try ClientConnection.copy(bytes)
            return
        }
        var all = try SecretBuffer(capacity: bytes.count + behind.count)
        try all.append(bytes)
        try behind.withBytes { behind throws(SodiumError) in try all.append(behind) }
        input = consume all
    }

    /// Receives what there is, at most what `scratch` holds.
    ///
    /// - Returns: how many bytes came; 0 if there is nothing now, or the other side is gone.
    func receive(into scratch: inout SecretBytes, now: UInt64) -> Int {
        do throws(Errno) {
            let count = try scratch.withMutableBytes { free throws(Errno) in
                try socket.socket.receive(into: &free, &files)
            }
            if count == 0 || files.count > AgentProtocol.maxFiles { close() }
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
                input = try ClientConnection.copy(bytes.extracting(done..<bytes.count))
            }
        } else {
            try input?.append(bytes)
            try answerKept(answer)
        }
        noteStall(now)
    }

    /// Takes the next so many of the files that came with messages.
    ///
    /// - Returns: nil if fewer came.
    func takeFiles(_ count: Int) -> [HeldFile]? {
        guard files.count >= count else { return nil }
        defer { files.removeFirst(count) }
        return Array(files.prefix(count))
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
                try ClientConnection.copy(bytes.extracting(done..<bytes.count))
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
        if let (unsent, sent) = output {
            var all = try unsent.bytes.withBytes { bytes throws(SodiumError) in
                try ClientConnection.copy(bytes.extracting(sent..<bytes.count))
            }
            try all.append(reply)
            output = (try all.withBytes { bytes throws(SodiumError) in try Unsent(bytes) }, 0)
        } else {
            output = (try Unsent(reply.extracting(done..<reply.count)), 0)
        }
        noteStall(now)
    }

    /// Goes on with what was not taken.
    func flush(now: UInt64) {
        guard let (unsent, sent) = output else { return }
        let count = unsent.bytes.count
        let more = unsent.bytes.withBytes { push($0.extracting(sent..<count)) }
        if isClosed { return }
        if more > 0 { lastActivity = now }
        output = sent + more == count ? nil : (unsent, sent + more)
        if output == nil, isOver { close() }
        noteStall(now)
    }

    /// How many bytes the kernel takes.
    private func push(_ bytes: Span<UInt8>) -> Int {
        do throws(Errno) {
            return try socket.push(bytes)
        } catch {
            close()
            return 0
        }
    }

    private func noteStall(_ now: UInt64) {
        let isStalled = !isWaiting && (input != nil || output != nil) && wantedRoom == nil
        stalledSince = isStalled ? stalledSince ?? now : nil
    }
}
