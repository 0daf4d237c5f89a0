internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

/// Answers one request about an open vault: agent-protocol.md, section 4.
enum Responder {
    /// The result of a request.
    enum Answer {
        /// The reply is complete.
        case replied
        /// The reply is complete, and the connection must end.
        case over
        /// The reply is made when these changes have an outcome.
        case later(Submission)
    }

    /// The maximum bytes of names in one message.
    private static let namesSize = 1 << 20

    /// Answers one message.
    ///
    /// - Parameters:
    ///   - message: the kind and the body.
    ///   - vault: returns the vault, brought up to date.
    ///   - reply: the reply, or the failure, is appended to it.
    static func answer(
        _ message: Span<UInt8>, about vault: () throws(VaultError) -> LocalSession,
        into reply: inout SecretBuffer
    ) throws(SodiumError) -> Answer {
        let start = reply.count
        do {
            return try answer(try Request.decode(message), about: vault, into: &reply)
        } catch let error as SodiumError {
            throw error
        } catch {
            reply.truncate(to: start)
            let failure = WireFailure(error)
            try reply.append(failure.message)
            return failure == .malformed ? .over : .replied
        }
    }

    /// Returns the reply to a commit that has an outcome.
    static func reply(to submission: Submission) -> [UInt8] {
        switch submission.outcome {
        case .success(let saved): AgentProtocol.Kind.commit.reply(saved.field)
        case .failure(let error): WireFailure.vault(error).message
        case nil: preconditionFailure("the changes still wait")
        }
    }

    private static func answer(
        _ request: consuming Request, about find: () throws(VaultError) -> LocalSession,
        into reply: inout SecretBuffer
    ) throws -> Answer {
        typealias Kind = AgentProtocol.Kind
        let vault = try find()
        switch (consume request) {
        case .open:
            let notices = vault.newsForClients()
            try reply.append(Kind.open.reply((vault.unfinishedTail ?? 0).field + notices.field))
        case .commit(let request):
            if let refusal = request.refusal { throw refusal }
            return .later(Submission(request.changes))
        case .names(let part): try appendNames(of: vault, with: part, to: &reply)
        case .contains(let addresses):
            try reply.append(Kind.contains.reply(addresses.map { vault.contains($0) ? 1 : 0 }))
        case .history(let address):
            let versions = vault.history(at: address)
            try reply.append(Kind.history.reply(versions.flatMap { $0.time.field + $0.isDeletion.field }))
        case .value(let address, let version): try appendValue(at: address, Int(version), vault, to: &reply)
        case .summary: try reply.append(Kind.summary.reply(vault.summary().body))
        default: throw MalformedMessage()
        }
        return .replied
    }

    private static func appendNames(
        of vault: LocalSession, with part: Part, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        var names: [UInt8] = []
        try vault.forEachPacked(with: part) { packed throws(SodiumError) in
            if names.count + packed.count > namesSize {
                try reply.append(AgentProtocol.Kind.names.reply([1] + names))
                names.removeAll(keepingCapacity: true)
            }
            names.append(copying: packed)
        }
        try reply.append(AgentProtocol.Kind.names.reply([0] + names))
    }

    private static func appendValue(
        at address: Address, _ version: Int, _ vault: LocalSession, to reply: inout SecretBuffer
    ) throws {
        try vault.withContent(at: address, version: version) { value in
            Result { () throws(SodiumError) in
                try reply.appendHead(AgentProtocol.Kind.value.replyNumber, bodySize: value.count)
                try reply.append(value)
            }
        }.get()
    }
}
