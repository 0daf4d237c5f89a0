internal import Platform
internal import Sodium

/// The number of a connection, which no later one has.
typealias ClientID = UInt64

/// The agent's end of a client's socket, from which the loop receives and to which the loop and a worker send.
final class ClientSocket: Sendable {
    let socket: LocalSocket

    init(_ socket: consuming LocalSocket) { self.socket = socket }

    /// Sends as much as the kernel takes without waiting.
    ///
    /// - Returns: the number of bytes sent.
    /// - Throws: `Errno.brokenPipe` if the client is gone.
    func push(_ bytes: Span<UInt8>) throws(Errno) -> Int {
        var done = 0
        do throws(Errno) {
            while done < bytes.count { done += try socket.send(bytes.extracting(done..<bytes.count)) }
        } catch .wouldBlock {
            // The caller keeps the rest.
        }
        return done
    }
}

/// A part of the replies that the kernel has not taken yet, in guarded memory.
final class Unsent: Sendable {
    let bytes: SecretBuffer

    init(copying bytes: Span<UInt8>) throws(SodiumError) { self.bytes = try SecretBuffer(copying: bytes) }
}

/// Requests of one client about one vault, on their way to its ``VaultWorker``.
final class Parcel: Sendable {
    let client: ClientID
    /// The socket for the replies.
    let socket: ClientSocket
    /// The replies to earlier requests, which are sent first.
    let preface: [UInt8]
    /// The file that the client means, if the first request is an Open.
    let file: HeldFile?
    /// The requests, unless they contain values.
    private let plain: [UInt8]
    /// The requests, if they contain values.
    private let secret: SecretBuffer?

    /// Copies `requests`, which are whole messages; guarded memory is used only if they contain values.
    init(
        _ requests: Span<UInt8>, hasValues: Bool, from client: ClientID, _ socket: ClientSocket,
        preface: [UInt8], file: HeldFile?
    ) throws(SodiumError) {
        (self.client, self.socket, self.preface, self.file) = (client, socket, preface, file)
        plain = hasValues ? [] : requests.array(0..<requests.count)
        secret = hasValues ? try SecretBuffer(copying: requests) : nil
    }

    /// Calls `body` with the requests.
    func withBytes<E>(_ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        let plain = plain
        if secret == nil { try body(plain.span) } else { try secret?.withBytes(body) }
    }
}
