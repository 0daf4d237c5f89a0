internal import Sodium
internal import VaultFile
internal import VaultCore

/// A request of a client: agent-protocol.md, section 4.
enum Request: ~Copyable {
    case hello(version: UInt16)
    case stop
    case status(path: String)
    case unlock(UnlockRequest)
    case shorten(path: String, Limits)
    case lock(path: String)
    case open(path: String)
    case names(Part)
    case contains([Address])
    case history(Address)
    case value(Address, version: UInt32)
    case commit(CommitRequest)
    case summary
    case job(path: String, Job)
    case announce(path: String, SharedKey)
    case follow(path: String, lexical: String)

    /// Reads the kind and the body of a request.
    static func decode(_ message: Span<UInt8>) throws(MalformedMessage) -> Request {
        var reader = FieldReader(message)
        guard let kind = AgentProtocol.Kind(rawValue: try reader.number()) else { throw MalformedMessage() }
        let request = try body(of: kind, &reader)
        try reader.finish()
        return request
    }

    private static func body(
        of kind: AgentProtocol.Kind, _ reader: inout FieldReader
    ) throws(MalformedMessage) -> Request {
        switch kind {
        case .hello:
            for byte in AgentProtocol.magic where try reader.number() != byte { throw MalformedMessage() }
            return .hello(version: try reader.number())
        case .stop: return .stop
        case .status: return .status(path: try reader.path())
        case .unlock:
            let request = UnlockRequest(
                path: try reader.path(), key: try reader.key(), limits: try reader.limits(),
                isCopy: try reader.flag(), checkpoints: try reader.text())
            guard request.limits.idle > 0, request.limits.total > 0,
                request.checkpoints.isEmpty || AgentProtocol.isEncodable(request.checkpoints)
            else { throw MalformedMessage() }
            return .unlock(request)
        case .shorten: return .shorten(path: try reader.path(), try reader.limits())
        case .lock: return .lock(path: try reader.path())
        case .open: return .open(path: try reader.path())
        case .names: return .names(try reader.flag() ? .metadata : .value)
        case .contains:
            guard reader.remaining <= AgentProtocol.maxSecrets else { throw MalformedMessage() }
            var addresses: [Address] = []
            repeat { addresses.append(try reader.secretAddress()) } while reader.remaining > 0
            return .contains(addresses)
        case .history: return .history(try reader.address())
        case .value: return .value(try reader.address(), version: try reader.number())
        case .commit: return .commit(try CommitRequest(&reader))
        case .summary: return .summary
        case .job: return .job(path: try reader.path(), try Job(&reader))
        case .announce: return .announce(path: try reader.path(), SharedKey(try reader.key()))
        case .follow: return .follow(path: try reader.path(), lexical: try reader.path())
        }
    }
}

/// A request to unlock a vault, with its master key.
struct UnlockRequest: ~Copyable {
    let path: String
    let key: Key
    let limits: Limits
    /// True if the file is a copy, for which no checkpoint is kept.
    let isCopy: Bool
    /// The directory of the client's checkpoints; empty if there is none.
    let checkpoints: String
}

/// A request to commit changes, or the reason why they cannot be made.
struct CommitRequest: ~Copyable {
    let changes: Changes
    let refusal: VaultError?

    /// The maximum bytes that are reserved for values before their total size is known.
    private static let maxReserved = 1 << 20

    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        guard var changes = try? Changes(capacity: min(reader.remaining, CommitRequest.maxReserved)) else {
            throw MalformedMessage()
        }
        var refusal: VaultError?
        while reader.remaining > 0 {
            let kind = try reader.number(UInt8.self)
            let address = try reader.address()
            let value = try reader.take(Int(try reader.number(UInt32.self)))
            if kind == 3 {
                changes.require(Transaction.Condition(address, newest: try Transaction.Newest.read(value)))
                continue
            }
            guard kind == 1 || kind == 2 && value.isEmpty else { throw MalformedMessage() }
            if refusal != nil { continue }
            do throws(VaultError) {
                if kind == 1 {
                    try changes.set(address, to: value)
                } else {
                    try changes.delete(address)
                }
            } catch {
                refusal = error
            }
        }
        self.changes = changes
        self.refusal = refusal
    }
}

extension Transaction.Newest {
    /// Reads the version that a condition names; nil if it says that there is none.
    fileprivate static func read(_ field: Span<UInt8>) throws(MalformedMessage) -> Transaction.Newest? {
        if field.isEmpty { return nil }
        var reader = FieldReader(field)
        let kind = try reader.number(UInt8.self)
        let newest = Transaction.Newest(time: try reader.number(), isDeletion: kind == 2)
        try reader.finish()
        guard kind == 1 || kind == 2 else { throw MalformedMessage() }
        return newest
    }
}

extension Transaction.Condition {
    /// The condition as a commit request has it.
    var field: [UInt8] {
        let version = newest.map { [$0.isDeletion ? 2 : 1] + $0.time.field } ?? []
        return [3] + address.packed + UInt32(version.count).field + version
    }
}
