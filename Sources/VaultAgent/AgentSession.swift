internal import Platform
internal import Sodium
internal import VaultFile
public import VaultKit

/// A vault that the agent keeps unlocked.
///
/// Each call is a request; the agent brings itself up to date before it answers.
public final class AgentSession: Session {
    private let connection: AgentConnection
    private var notices: [Notice] = []

    /// How many bytes a secret has among names, about.
    private static let usualSecret = 16

    init(_ connection: AgentConnection) throws(AgentError) {
        self.connection = connection
        var (tail, news): (UInt64, [Notice]) = (0, [])
        try connection.open { body throws(MalformedMessage) in
            var reader = FieldReader()
            tail = try reader.number(UInt64.self, of: body)
            news = try reader.notices(of: body)
            return false
        }
        notices = news
        if tail > 0 { notices.append(.unfinishedTail(count: tail)) }
    }

    /// Every secret that exists, by scope, id and name, bytewise.
    public func secrets() throws(VaultError) -> [SecretID] {
        var secrets: [SecretID] = []
        try ask(.names) { body throws(MalformedMessage) in
            var reader = FieldReader()
            let areMore = try reader.flag(of: body)
            secrets.reserveCapacity(secrets.count + body.count / AgentSession.usualSecret)
            while reader.position < body.count { secrets.append(try reader.secret(of: body)) }
            return areMore
        }
        return secrets
    }

    /// Whether a secret exists.
    public func contains(_ secret: SecretID) throws(VaultError) -> Bool { try contains([secret]) == [true] }

    /// Whether each of several secrets exists, many of which are asked for at once.
    public func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool] {
        var answers: [Bool] = []
        answers.reserveCapacity(secrets.count)
        while answers.count < secrets.count {
            var question: [UInt8] = []
            var end = answers.count
            // Half of what may be asked at once, so that the last one does not pass it.
            while end < secrets.count, question.count < AgentProtocol.maxSecrets / 2 {
                question += try secrets[end].packed()
                end += 1
            }
            try ask(.contains, about: question) { body throws(MalformedMessage) in
                var reader = FieldReader()
                while answers.count < end { answers.append(try reader.flag(of: body)) }
                try reader.finish(body)
            }
        }
        return answers
    }

    /// The versions of a secret, new to old, deletions too; empty if it never existed.
    public func history(of secret: SecretID) throws(VaultError) -> [SecretVersion] {
        var versions: [SecretVersion] = []
        try ask(.history, about: try secret.packed()) { body throws(MalformedMessage) in
            var reader = FieldReader()
            while reader.position < body.count {
                let time = try reader.number(UInt64.self, of: body)
                versions.append(SecretVersion(time: time, isDeletion: try reader.flag(of: body)))
            }
        }
        return versions
    }

    /// Lends the value of a version, which is wiped afterwards: 0 is the newest, 1 the one before.
    public func withValue(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> Void
    ) throws(VaultError) {
        guard let number = UInt32(exactly: version) else { throw .noSuchVersion }
        let question = AgentSession.question(about: try secret.packed(), version: number)
        try ask(.value, about: question) { value throws(MalformedMessage) in body(value) }
    }

    /// What asks for the newest value of a secret.
    static func question(for secret: SecretID) throws(VaultError) -> AgentConnection.Question {
        AgentConnection.Question(kind: .value, body: question(about: try secret.packed(), version: 0))
    }

    /// Lends the newest values of several secrets, all of which are asked for at once.
    public func withValues(
        of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void
    ) throws(VaultError) {
        var requests: [[UInt8]] = []
        for secret in secrets {
            requests.append(AgentSession.question(about: try secret.packed(), version: 0))
        }
        do throws(AgentError) {
            try connection.requests(.value, requests) { index, value in body(secrets[index], value) }
        } catch {
            throw VaultError(error, outcomeUnknown: false)
        }
    }

    private static func question(about secret: [UInt8], version: UInt32) -> [UInt8] {
        secret + version.littleEndianBytes
    }

    /// Makes changes durable, all or none.
    public func commit(_ changes: borrowing Changes) throws(VaultError) {
        var count = 0
        changes.forEach { address, value in count += 1 + address.packed.count + 4 + (value?.count ?? 0) }
        guard count < AgentProtocol.maxMessage else { throw .file(.transactionTooLarge) }
        try commit(count) { message throws(SodiumError) in
            try changes.forEach { address, value throws(SodiumError) in
                try AgentSession.append(address.packed, value, to: &message)
            }
        }
    }

    /// Creates or replaces one secret, durably; its value is copied once, into the request.
    public func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError) {
        let packed = try SecretID(name, in: scope).packed()
        let count = 1 + packed.count + 4 + value.count
        guard value.count <= Format.maxValue else { throw .valueTooLong }
        try commit(count) { message throws(SodiumError) in
            try AgentSession.append(packed, value, to: &message)
        }
    }

    private func commit(
        _ count: Int, _ fill: (inout SecretBuffer) throws(SodiumError) -> Void
    ) throws(VaultError) {
        var saved: Notice?
        do throws(AgentError) {
            try connection.request(
                .commit, bodySize: count, fill: fill,
                read: { body throws(MalformedMessage) in
                    var reader = FieldReader()
                    let count = try reader.number(UInt64.self, of: body)
                    let path = try reader.text(body.count - reader.position, of: body)
                    if !path.isEmpty { saved = .savedTail(count: count, path: path) }
                    return false
                })
        } catch {
            throw VaultError(error, outcomeUnknown: true)
        }
        if let saved { notices.append(saved) }
    }

    private static func append(
        _ packed: [UInt8], _ value: Span<UInt8>?, to message: inout SecretBuffer
    ) throws(SodiumError) {
        try message.append(value == nil ? 2 : 1)
        try message.append(packed)
        try message.append(number: UInt32(value?.count ?? 0))
        if let value { try message.append(value) }
    }

    /// Nothing to do: the agent looks at the file before each answer.
    public func refresh() {}

    /// Numbers about the vault.
    public func summary() throws(VaultError) -> Summary {
        var summary: Summary?
        try ask(.summary) { body throws(MalformedMessage) in
            var reader = FieldReader()
            summary = Summary(
                generation: try reader.number(UInt64.self, of: body),
                secrets: Int(clamping: try reader.number(UInt64.self, of: body)),
                versions: Int(clamping: try reader.number(UInt64.self, of: body)),
                committedBytes: try reader.number(UInt64.self, of: body),
                liveBytes: try reader.number(UInt64.self, of: body))
            return false
        }
        guard let summary else { throw .agentLost(outcomeUnknown: false) }
        return summary
    }

    /// What a person should be told that happened since the last call.
    public func takeNotices() -> [Notice] {
        defer { notices = [] }
        return notices
    }

    private func ask(
        _ kind: AgentProtocol.Kind, _ body: (Span<UInt8>) throws(MalformedMessage) -> Bool
    ) throws(VaultError) {
        do throws(AgentError) {
            try connection.request(kind, read: body)
        } catch {
            throw VaultError(error, outcomeUnknown: false)
        }
    }

    /// Asks with a body that is no secret, and has one reply.
    private func ask(
        _ kind: AgentProtocol.Kind, about question: [UInt8],
        _ body: (Span<UInt8>) throws(MalformedMessage) -> Void
    ) throws(VaultError) {
        do throws(AgentError) {
            try connection.ask(AgentConnection.Question(kind: kind, body: question), read: body)
        } catch {
            throw VaultError(error, outcomeUnknown: false)
        }
    }
}

extension VaultError {
    /// What a session tells about its agent.
    init(_ error: AgentError, outcomeUnknown: Bool) {
        if case .vault(let error) = error {
            self = error
        } else {
            self = .agentLost(outcomeUnknown: outcomeUnknown)
        }
    }
}

extension AgentConnection {
    /// Sends a request whose body begins with a path, with the files that it speaks of.
    func request(
        _ kind: AgentProtocol.Kind, path: String, about files: [HeldFile] = [], moreSize: Int = 0,
        fill more: (inout SecretBuffer) throws(SodiumError) -> Void = { _ in },
        read: (Span<UInt8>) throws(MalformedMessage) -> Bool = { _ in false }
    ) throws(AgentError) {
        // What cannot be said to an agent is not unlocked.
        guard AgentProtocol.isEncodable(path) else { throw .vault(.locked) }
        try request(
            kind, about: files, bodySize: 2 + path.utf8.count + moreSize,
            fill: { message throws(SodiumError) in
                try message.append(path: path)
                try more(&message)
            }, read: read)
    }

    /// Sends a request about a path that is answered with a status.
    func status(
        _ kind: AgentProtocol.Kind, path: String, about file: HeldFile, moreSize: Int = 0,
        fill more: (inout SecretBuffer) throws(SodiumError) -> Void = { _ in }
    ) throws(AgentError) -> AgentStatus {
        var status: AgentStatus?
        try request(
            kind, path: path, about: [file], moreSize: moreSize, fill: more,
            read: { body throws(MalformedMessage) in
                var reader = FieldReader()
                let idleLeft = try reader.number(UInt64.self, of: body)
                let totalLeft = try reader.number(UInt64.self, of: body)
                let generation = try reader.number(UInt64.self, of: body)
                let secrets = try reader.number(UInt64.self, of: body)
                let versions = try reader.number(UInt64.self, of: body)
                let liveBytes = try reader.number(UInt64.self, of: body)
                let deadBytes = try reader.number(UInt64.self, of: body)
                let flags = try reader.number(UInt8.self, of: body)
                guard flags < 4 else { throw MalformedMessage() }
                status = AgentStatus(
                    idleLeft: idleLeft, totalLeft: totalLeft, locksOnSleep: flags & 1 != 0,
                    isMemoryLocked: flags & 2 == 0, generation: generation, secrets: secrets,
                    versions: versions, liveBytes: liveBytes,
                    deadBytes: deadBytes, notices: try reader.notices(of: body))
                return false
            })
        guard let status else { throw .malformed }
        return status
    }
}
