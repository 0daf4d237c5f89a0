internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

/// Answers requests about one vault: agent-protocol.md, section 6.
enum Responder {
    /// What follows from a request.
    enum Answer {
        /// The reply is complete.
        case replied
        /// The reply is complete, and nothing more is said on this connection.
        case over
        /// The reply is made when these changes have an outcome.
        case later(Submission)
    }

    /// The most that one message of names has in its body.
    private static let namesSize = 1 << 20

    /// Answers one message.
    ///
    /// - Parameters:
    ///   - message: its kind and its body.
    ///   - vault: finds the vault, brought up to date, or throws why it cannot be had.
    ///   - reply: gets what is to be sent.
    static func answer(
        _ message: Span<UInt8>, about vault: () throws(VaultError) -> Vault, into reply: inout SecretBuffer
    ) throws(SodiumError) -> Answer {
        let start = reply.count
        do {
            return try answer(try Request.decode(message), about: vault, into: &reply)
        } catch let error as SodiumError {
            throw error
        } catch {
            reply.truncate(to: start)
            let failure = WireFailure(error)
            try failure.append(to: &reply)
            return failure == .malformed ? .over : .replied
        }
    }

    /// Appends the reply to a commit.
    static func report(_ submission: Submission, into reply: inout SecretBuffer) throws(SodiumError) {
        switch submission.outcome {
        case .success(let saved):
            let path = Array((saved?.path ?? "").utf8)
            try reply.appendHead(AgentProtocol.Kind.commit.reply, bodySize: 8 + path.count)
            try reply.append(number: UInt64(saved?.count ?? 0))
            try reply.append(path)
        case .failure(let error): try WireFailure.vault(error).append(to: &reply)
        case nil: try WireFailure.vault(.file(.busy)).append(to: &reply)
        }
    }

    private static func answer(
        _ request: consuming Request, about find: () throws(VaultError) -> Vault,
        into reply: inout SecretBuffer
    ) throws -> Answer {
        let vault = try find()
        switch (consume request) {
        case .open:
            let notices = Notice.message(vault.newsForClients())
            try reply.appendHead(AgentProtocol.Kind.open.reply, bodySize: 8 + notices.count)
            try reply.append(number: vault.unfinishedTail ?? 0)
            try reply.append(notices)
        case .commit(let request):
            if let refusal = request.refusal { throw refusal }
            return .later(Submission(request.changes))
        case .names: try appendNames(of: vault, to: &reply)
        case .contains(let addresses):
            try reply.appendHead(AgentProtocol.Kind.contains.reply, bodySize: addresses.count)
            for address in addresses { try reply.append(vault.contains(address) ? 1 : 0) }
        case .history(let secret):
            let versions = try vault.history(of: secret)
            try reply.appendHead(AgentProtocol.Kind.history.reply, bodySize: 9 * versions.count)
            for version in versions {
                try reply.append(number: version.time)
                try reply.append(version.isDeletion ? 1 : 0)
            }
        case .value(let secret, let version):
            try appendValue(of: secret, Int(version), vault, to: &reply)
        case .summary:
            let summary = vault.summary()
            try reply.appendHead(AgentProtocol.Kind.summary.reply, bodySize: 40)
            try reply.append(number: summary.generation)
            try reply.append(number: UInt64(summary.secrets))
            try reply.append(number: UInt64(summary.versions))
            try reply.append(number: summary.committedBytes)
            try reply.append(number: summary.liveBytes)
        default: throw MalformedMessage()
        }
        return .replied
    }

    private static func appendNames(of vault: Vault, to reply: inout SecretBuffer) throws(SodiumError) {
        var body: [UInt8] = []
        try vault.forEachPacked { packed throws(SodiumError) in
            if body.count + packed.count > namesSize {
                try appendNames(body, areMore: true, to: &reply)
                body.removeAll(keepingCapacity: true)
            }
            body.append(copying: packed)
        }
        try appendNames(body, areMore: false, to: &reply)
    }

    private static func appendNames(
        _ body: [UInt8], areMore: Bool, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        try reply.appendHead(AgentProtocol.Kind.names.reply, bodySize: 1 + body.count)
        try reply.append(areMore ? 1 : 0)
        try reply.append(body)
    }

    private static func appendValue(
        of secret: SecretID, _ version: Int, _ vault: Vault, to reply: inout SecretBuffer
    ) throws {
        var failure: SodiumError?
        try vault.withValue(of: secret, version: version) { value in
            do throws(SodiumError) {
                try reply.appendHead(AgentProtocol.Kind.value.reply, bodySize: value.count)
                try reply.append(value)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

extension WireFailure {
    /// Why a request is not answered.
    init(_ error: any Error) {
        self =
            switch error {
            case let error as WireFailure: error
            case let error as VaultError: .vault(error)
            default: .malformed
            }
    }
}
