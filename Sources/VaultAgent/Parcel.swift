internal import Platform
internal import Sodium

/// The agent's end of a client's socket: the loop receives from it, whoever answers sends.
final class ClientSocket: Sendable {
    let socket: LocalSocket

    init(_ socket: consuming LocalSocket) { self.socket = socket }

    /// Sends what the kernel takes at once.
    ///
    /// - Returns: how many bytes that was.
    /// - Throws: `Errno.brokenPipe` if the other side is gone.
    func push(_ bytes: Span<UInt8>) throws(Errno) -> Int {
        var done = 0
        do throws(Errno) {
            while done < bytes.count { done += try socket.send(bytes.extracting(done..<bytes.count)) }
        } catch .wouldBlock {
            // The rest waits.
        } catch {
            throw error
        }
        return done
    }
}

/// Bytes of a reply that the kernel did not take yet.
final class Unsent: Sendable {
    let bytes: SecretBuffer

    /// Copies `bytes`.
    init(_ bytes: Span<UInt8>) throws(SodiumError) {
        var copy = try SecretBuffer(capacity: bytes.count)
        try copy.append(bytes)
        self.bytes = copy
    }
}

/// Requests of one client about one vault, on their way to its ``VaultWorker``.
final class Parcel: Sendable {
    /// Who asked.
    let client: ClientID
    /// Where replies go.
    let socket: ClientSocket
    /// What goes before the first reply.
    let preface: [UInt8]
    /// The file that an Open, which is the first request then, speaks of; nil if there is none.
    let file: HeldFile?
    /// The requests, if there are no values among them.
    private let names: [UInt8]
    /// The requests, if there are.
    private let values: SecretBuffer?

    /// Copies `requests`: whole messages, each with its length before it.
    init(
        _ requests: Span<UInt8>, isSecret: Bool, from client: ClientID, _ socket: ClientSocket,
        preface: [UInt8], file: HeldFile?
    ) throws(SodiumError) {
        (self.client, self.socket, self.preface, self.file) = (client, socket, preface, file)
        if isSecret {
            var copy = try SecretBuffer(capacity: requests.count)
            try copy.append(requests)
            names = []
            values = consume copy
        } else {
            names = requests.array(0..<requests.count)
            values = nil
        }
    }

    private static func lend<E>(_ bytes: [UInt8], _ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        try body(bytes.span)
    }

    /// Lends the requests.
    func withBytes<E>(_ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        if values == nil { try Parcel.lend(names, body) } else { try values?.withBytes(body) }
    }
}

/// Names a connection of the agent while it lasts.
typealias ClientID = UInt64
