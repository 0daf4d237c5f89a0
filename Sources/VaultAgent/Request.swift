internal import Sodium
internal import VaultFile
internal import VaultKit

/// What a client asks for: agent-protocol.md, section 4.
enum Request: ~Copyable {
    case hello(version: UInt16)
    case stop
    case status(path: String)
    case unlock(UnlockRequest)
    case shorten(path: String, Limits)
    case lock(path: String)
    case open(path: String)
    case names
    case contains([Address])
    case history(SecretID)
    case value(SecretID, version: UInt32)
    case commit(CommitRequest)
    case summary
    case job(path: String, Job)
    case announce(path: String, SharedKey)
    case follow(path: String, lexical: String)

    /// Reads a request.
    ///
    /// - Parameter message: the kind and the body.
    /// - Throws: ``MalformedMessage``, and nothing of it is kept.
    static func decode(_ message: Span<UInt8>) throws(MalformedMessage) -> Request {
        var reader = FieldReader()
        guard let kind = AgentProtocol.Kind(rawValue: try reader.number(UInt8.self, of: message)) else {
            throw MalformedMessage()
        }
        // The two whose content cannot be copied.
        switch kind {
        case .unlock: return .unlock(try UnlockRequest(message, &reader))
        case .commit: return .commit(try CommitRequest(message, &reader))
        default: break
        }
        let request = try decode(kind, message, &reader)
        try reader.finish(message)
        return request
    }

    private static func decode(
        _ kind: AgentProtocol.Kind, _ message: Span<UInt8>, _ reader: inout FieldReader
    ) throws(MalformedMessage) -> Request {
        switch kind {
        case .hello:
            let magic = try reader.take(AgentProtocol.magic.count, of: message)
            guard magic.map({ message[$0] }) == AgentProtocol.magic else { throw MalformedMessage() }
            return .hello(version: try reader.number(UInt16.self, of: message))
        case .stop: return .stop
        case .status: return .status(path: try reader.path(of: message))
        case .shorten:
            return .shorten(path: try reader.path(of: message), try reader.limits(of: message))
        case .lock: return .lock(path: try reader.path(of: message))
        case .open: return .open(path: try reader.path(of: message))
        case .names: return .names
        case .contains:
            guard message.count - reader.position <= AgentProtocol.maxSecrets else {
                throw MalformedMessage()
            }
            var addresses: [Address] = []
            repeat { addresses.append(try reader.address(of: message)) } while reader.position < message.count
            return .contains(addresses)
        case .history: return .history(try reader.secret(of: message))
        case .value:
            let secret = try reader.secret(of: message)
            return .value(secret, version: try reader.number(UInt32.self, of: message))
        case .summary: return .summary
        case .job:
            let path = try reader.path(of: message)
            return .job(path: path, try reader.job(of: message))
        case .announce:
            let path = try reader.path(of: message)
            return .announce(path: path, SharedKey(try reader.key(of: message)))
        case .follow:
            return .follow(path: try reader.path(of: message), lexical: try reader.path(of: message))
        case .unlock, .commit: throw MalformedMessage()
        }
    }
}

/// A vault's master key on its way into the agent.
struct UnlockRequest: ~Copyable {
    let path: String
    let key: Key
    let limits: Limits
    /// Whether it is a copy, of which nothing is remembered.
    let isCopy: Bool
    /// The directory of checkpoints, which the client knows; empty if there is none.
    let checkpoints: String

    init(_ message: Span<UInt8>, _ reader: inout FieldReader) throws(MalformedMessage) {
        let path = try reader.path(of: message)
        let key = try reader.key(of: message)
        let limits = try reader.limits(of: message)
        let isCopy = try reader.flag(of: message)
        let count = Int(try reader.number(UInt16.self, of: message))
        let checkpoints = try reader.text(count, of: message)
        try reader.finish(message)
        guard count <= AgentProtocol.maxPath, checkpoints.isEmpty || AgentProtocol.isEncodable(checkpoints)
        else { throw MalformedMessage() }
        guard limits.idle > 0, limits.total > 0 else { throw MalformedMessage() }
        self.init(path: path, key: key, limits: limits, isCopy: isCopy, checkpoints: checkpoints)
    }

    private init(path: String, key: consuming Key, limits: Limits, isCopy: Bool, checkpoints: String) {
        self.isCopy = isCopy
        self.checkpoints = checkpoints
        self.path = path
        self.key = key
        self.limits = limits
    }
}

/// Changes on their way into the agent, or why they cannot be made.
struct CommitRequest: ~Copyable {
    let changes: Changes
    let refusal: VaultError?

    /// The bytes of values for which room is made before it is known how many there are.
    private static let maxRoom = 1 << 20

    init(_ message: Span<UInt8>, _ reader: inout FieldReader) throws(MalformedMessage) {
        guard var changes = try? Changes(capacity: min(message.count, CommitRequest.maxRoom)) else {
            throw MalformedMessage()
        }
        var refusal: VaultError?
        while reader.position < message.count {
            let kind = try reader.number(UInt8.self, of: message)
            let address = try reader.address(of: message)
            let count = Int(try reader.number(UInt32.self, of: message))
            let value = try reader.take(count, of: message)
            guard kind == 1 || kind == 2 && count == 0 else { throw MalformedMessage() }
            if refusal != nil { continue }
            do throws(VaultError) {
                if kind == 1 {
                    try changes.set(address, to: message.extracting(value))
                } else {
                    try changes.delete(address)
                }
            } catch {
                refusal = error
            }
        }
        self.init(changes, refusal)
    }

    private init(_ changes: consuming Changes, _ refusal: VaultError?) {
        self.changes = changes
        self.refusal = refusal
    }
}
