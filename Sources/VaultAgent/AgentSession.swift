internal import Platform
internal import Sodium
internal import VaultFile
public import VaultCore

/// A session about a vault that the agent keeps unlocked.
///
/// Each call is a request; the agent brings itself up to date before it answers.
public final class AgentSession: Session {
    private let connection: AgentConnection
    private let vault: AgentJobRunner
    private var notices: [Notice]

    /// - Parameters:
    ///   - connection: one that was made with the path of the vault.
    ///   - vault: runs jobs on the same vault.
    init(_ connection: AgentConnection, _ vault: AgentJobRunner) throws(AgentError) {
        (self.connection, self.vault) = (connection, vault)
        notices = try connection.open { reader in
            let tail = try reader.number(UInt64.self)
            return try reader.notices() + (tail > 0 ? [.unfinishedTail(count: tail)] : [])
        }
    }

    /// True once the agent has exited, or did not answer in time; every further call fails.
    public var isLost: Bool { connection.isBroken }

    /// Returns every secret of which a part exists, in bytewise order of scope, id and name.
    public func secrets(with part: Part) throws(VaultError) -> [SecretID] {
        var secrets: [SecretID] = []
        try withSessionErrors { () throws(AgentError) in
            var areMore = true
            try connection.send(.names, (part == .metadata).field)
            while areMore {
                try connection.reply(to: .names) { reader in
                    areMore = try reader.flag()
                    // A secret takes some 16 bytes in the list.
                    secrets.reserveCapacity(secrets.count + reader.remaining / 16)
                    while reader.remaining > 0 { secrets.append(try reader.secret()) }
                }
            }
        }
        return secrets
    }

    /// Lists the newest version of every secret, deletions included, as differences from an empty vault.
    public func listContents() throws(VaultError) -> Comparison { try vault.listContents(vault.path) }

    /// Returns whether a secret exists.
    public func contains(_ secret: SecretID) throws(VaultError) -> Bool { try contains([secret]) == [true] }

    /// Returns for each of several secrets whether it exists; one request asks for many of them.
    public func contains(_ secrets: [SecretID]) throws(VaultError) -> [Bool] {
        var answers: [Bool] = []
        while answers.count < secrets.count {
            var body: [UInt8] = []
            var end = answers.count
            // With half of the limit, the last secret cannot exceed it.
            while end < secrets.count, body.count < AgentProtocol.maxSecrets / 2 {
                body += try secrets[end].packed()
                end += 1
            }
            try ask(.contains, body) { reader in
                while answers.count < end { answers.append(try reader.flag()) }
                try reader.finish()
            }
        }
        return answers
    }

    /// Returns the versions of a part of a secret, newest first, including deletions; none if it never existed.
    public func history(of secret: SecretID, _ part: Part) throws(VaultError) -> [SecretVersion] {
        try ask(.history, try secret.packed(part)) { reader in
            var versions: [SecretVersion] = []
            while reader.remaining > 0 {
                versions.append(SecretVersion(time: try reader.number(), isDeletion: try reader.flag()))
            }
            return versions
        }
    }

    /// Calls `body` with the value of a version, and wipes it afterwards; 0 is the newest version, 1 the one before.
    public func withValue<R: ~Copyable>(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> R
    ) throws(VaultError) -> R {
        guard let number = UInt32(exactly: version) else { throw .noSuchVersion }
        var result: R?
        try ask(.value, try secret.packed() + number.field) { result = body(try $0.take($0.remaining)) }
        guard let result = result.take() else { throw .agentLost(outcomeUnknown: false) }
        return result
    }

    /// Returns the request for a version of a part of a secret.
    static func request(
        _ part: Part, of secret: SecretID, version: UInt32 = 0
    ) throws(VaultError) -> AgentConnection.PlainRequest {
        AgentConnection.PlainRequest(kind: .value, body: try secret.packed(part) + version.field)
    }

    /// Calls `body` with the newest values of several secrets; the requests are sent together.
    public func withValues(
        of secrets: [SecretID], _ body: (SecretID, Span<UInt8>) -> Void
    ) throws(VaultError) {
        let requests = try secrets.map { secret throws(VaultError) in
            try AgentSession.request(.value, of: secret).body
        }
        try withSessionErrors { () throws(AgentError) in
            try connection.requests(.value, requests) { index, reader in
                body(secrets[index], try reader.take(reader.remaining))
            }
        }
    }

    /// Returns the metadata of several secrets, in their order; nil for those that have none, or none that can be read.
    public func metadata(of secrets: [SecretID], version: Int) throws(VaultError) -> [Metadata?] {
        guard let number = UInt32(exactly: version) else { return secrets.map { _ in nil } }
        let requests = try secrets.map { secret throws(VaultError) in
            try AgentSession.request(.metadata, of: secret, version: number).body
        }
        var found = [Metadata?](repeating: nil, count: secrets.count)
        try withSessionErrors { () throws(AgentError) in
            try connection.requests(.value, requests, ignoring: [.noSuchSecret, .noSuchVersion]) {
                found[$0] = Metadata(json: try $1.take($1.remaining))
            }
        }
        return found
    }

    /// Makes changes durable, all or none.
    public func commit(_ changes: borrowing Changes) throws(VaultError) {
        var count = 0
        changes.forEach { address, value in count += 1 + address.packed.count + 4 + (value?.count ?? 0) }
        let conditions = changes.conditions.flatMap(\.field)
        count += conditions.count
        guard count < AgentProtocol.maxMessage else { throw .file(.transactionTooLarge) }
        try commit(count) { message throws(SodiumError) in
            try message.append(conditions)
            try changes.forEach { address, value throws(SodiumError) in
                try AgentSession.append(address.packed, value, to: &message)
            }
        }
    }

    /// Creates or replaces one secret, durably; its value is copied once, into the request.
    public func set(_ name: String, in scope: Scope, to value: Span<UInt8>) throws(VaultError) {
        let packed = try SecretID(name, in: scope).packed()
        guard value.count <= Format.maxValue else { throw .valueTooLong }
        try commit(1 + packed.count + 4 + value.count) { message throws(SodiumError) in
            try AgentSession.append(packed, value, to: &message)
        }
    }

    private func commit(
        _ count: Int, _ fill: (inout SecretBuffer) throws(SodiumError) -> Void
    ) throws(VaultError) {
        let saved = try withSessionErrors(outcomeUnknown: true) { () throws(AgentError) in
            try connection.request(.commit, bodySize: count, fill: fill) { try $0.savedTail() }
        }
        if let saved { notices.append(.savedTail(count: saved.count, path: saved.path)) }
    }

    private static func append(
        _ packed: [UInt8], _ value: Span<UInt8>?, to message: inout SecretBuffer
    ) throws(SodiumError) {
        try message.append([value == nil ? 2 : 1] + packed + UInt32(value?.count ?? 0).field)
        if let value { try message.append(value) }
    }

    /// Does nothing, since the agent checks the file before each answer.
    public func refresh() {}

    /// Returns numbers about the vault.
    public func summary() throws(VaultError) -> Summary { try ask(.summary) { try Summary(&$0) } }

    /// Returns numbers that any change alters.
    public func state() throws(VaultError) -> Summary? { try summary() }

    /// Returns the notices since the last call.
    public func takeNotices() -> [Notice] {
        defer { notices = [] }
        return notices
    }

    private func ask<R>(
        _ kind: AgentProtocol.Kind, _ body: [UInt8] = [], read: (inout FieldReader) throws -> R
    ) throws(VaultError) -> R {
        try withSessionErrors { () throws(AgentError) in try connection.request(kind, body, read: read) }
    }
}

/// Runs `body`, and throws an error of the agent as a session does.
///
/// - Parameter outcomeUnknown: true if changes may be durable although no reply came.
func withSessionErrors<R>(
    outcomeUnknown: Bool = false, _ body: () throws(AgentError) -> R
) throws(VaultError) -> R {
    do throws(AgentError) {
        return try body()
    } catch .vault(let error) {
        throw error
    } catch {
        throw .agentLost(outcomeUnknown: outcomeUnknown)
    }
}
