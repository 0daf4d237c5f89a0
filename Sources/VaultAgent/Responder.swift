internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

/// Answers requests: agent-protocol.md, section 6.
final class Responder {
    /// What a connection has said so far.
    struct Client {
        enum Greeting { case none, sameVersion, otherVersion }

        var greeting = Greeting.none
        /// The vault that it speaks about.
        var path: String?
    }

    /// What follows from a request.
    enum Answer {
        /// The reply is complete.
        case replied
        /// The reply is complete, and nothing more is said on this connection.
        case over
        /// The reply is made when these changes have an outcome.
        case later(Submission, path: String)
        /// The reply is made of what this errand brings.
        case errand(Errand, Job, path: String)
    }

    private let keyring: Keyring
    /// Whether the agent shall end.
    private(set) var isStopped = false

    /// The most that one message of names has in its body.
    private static let namesCount = 1 << 20

    init(keyring: Keyring) { self.keyring = keyring }

    /// Answers one message.
    ///
    /// - Parameters:
    ///   - message: its kind and its body.
    ///   - reply: gets what is to be sent.
    func answer(
        _ message: Span<UInt8>, from client: inout Client, into reply: inout SecretBuffer
    ) throws(SodiumError) -> Answer {
        keyring.expire()
        let start = reply.count
        do {
            let request = try Request.decode(message)
            return try answer(request, from: &client, into: &reply)
        } catch let error as SodiumError {
            throw error
        } catch {
            reply.truncate(to: start)
            let failure = Responder.failure(error)
            try failure.append(to: &reply)
            return failure == .malformed ? .over : .replied
        }
    }

    /// Appends how far an errand is.
    func report(done: UInt64, of total: UInt64, into reply: inout SecretBuffer) throws(SodiumError) {
        try reply.appendHead(AgentProtocol.Kind.job.reply, bodyCount: 17)
        try reply.append(1)
        try reply.append(number: done)
        try reply.append(number: total)
    }

    /// Appends what became of an errand.
    func report(
        _ outcome: Result<JobReport, VaultError>, of job: Job, _ path: String,
        into reply: inout SecretBuffer
    ) throws(SodiumError) {
        switch outcome {
        case .success(let report):
            if case .accept(let accepted, _) = job { keyring.reopen(accepted) }
            let message = report.message
            try reply.appendHead(AgentProtocol.Kind.job.reply, bodyCount: 1 + message.count)
            try reply.append(0)
            try reply.append(message)
        case .failure(.file(.cancelled)) where !keyring.isUnlocked(path):
            try WireFailure.vault(.locked).append(to: &reply)
        case .failure(let error): try WireFailure.vault(error).append(to: &reply)
        }
    }

    /// Appends the reply to a commit.
    func report(_ submission: Submission, into reply: inout SecretBuffer) throws(SodiumError) {
        switch submission.outcome {
        case .success(let saved):
            let path = Array((saved?.path ?? "").utf8)
            try reply.appendHead(AgentProtocol.Kind.commit.reply, bodyCount: 8 + path.count)
            try reply.append(number: UInt64(saved?.count ?? 0))
            try reply.append(path)
        case .failure(let error): try WireFailure.vault(error).append(to: &reply)
        case nil: try WireFailure.vault(.file(.busy)).append(to: &reply)
        }
    }

    private static func failure(_ error: any Error) -> WireFailure {
        switch error {
        case let error as WireFailure: error
        case let error as VaultError: .vault(error)
        default: .malformed
        }
    }

    private func answer(
        _ request: consuming Request, from client: inout Client, into reply: inout SecretBuffer
    ) throws -> Answer {
        switch (consume request) {
        case .hello(let version):
            guard client.greeting == .none else { throw MalformedMessage() }
            client.greeting = version == AgentProtocol.version ? .sameVersion : .otherVersion
            try reply.appendHead(AgentProtocol.Kind.hello.reply, bodyCount: 2)
            try reply.append(number: AgentProtocol.version)
            return .replied
        case .stop:
            guard client.greeting != .none else { throw MalformedMessage() }
            keyring.lockAll()
            isStopped = true
            try reply.appendHead(AgentProtocol.Kind.stop.reply, bodyCount: 0)
            return .over
        case let other:
            guard client.greeting == .sameVersion else { throw MalformedMessage() }
            return try answerGreeted(other, from: &client, into: &reply)
        }
    }

    private func answerGreeted(
        _ request: consuming Request, from client: inout Client, into reply: inout SecretBuffer
    ) throws -> Answer {
        switch (consume request) {
        case .status(let path): try append(try keyring.status(path), .status, to: &reply)
        case .unlock(let request): try append(try keyring.unlock(request), .unlock, to: &reply)
        case .shorten(let path, let wish): try append(try keyring.shorten(path, wish), .shorten, to: &reply)
        case .lock(let path):
            keyring.lock(path)
            try reply.appendHead(AgentProtocol.Kind.lock.reply, bodyCount: 0)
        case .job(let path, let job): return .errand(try keyring.begin(job, path), job, path: path)
        case .announce(let path, let successor):
            try keyring.announce(successor, path)
            try reply.appendHead(AgentProtocol.Kind.announce.reply, bodyCount: 0)
        case .open(let path):
            let vault = try keyring.use(path)
            client.path = path
            let notices = Notice.message(vault.newsForClients())
            try reply.appendHead(AgentProtocol.Kind.open.reply, bodyCount: 8 + notices.count)
            try reply.append(number: vault.unfinishedTail ?? 0)
            try reply.append(notices)
        case .follow(let path, let lexical):
            try keyring.follow(path, lexical)
            try reply.appendHead(AgentProtocol.Kind.follow.reply, bodyCount: 0)
        case let other:
            guard let path = client.path else { throw WireFailure.nothingOpened }
            return try answerAbout(path, other, into: &reply)
        }
        return .replied
    }

    private func answerAbout(
        _ path: String, _ request: consuming Request, into reply: inout SecretBuffer
    ) throws -> Answer {
        let vault = try keyring.use(path)
        switch (consume request) {
        case .commit(let request):
            if let refusal = request.refusal { throw refusal }
            return .later(Submission(request.changes), path: path)
        case .names: try appendNames(of: vault, to: &reply)
        case .contains(let addresses):
            try reply.appendHead(AgentProtocol.Kind.contains.reply, bodyCount: addresses.count)
            for address in addresses { try reply.append(vault.contains(address) ? 1 : 0) }
        case .history(let secret):
            let versions = try vault.history(of: secret)
            try reply.appendHead(AgentProtocol.Kind.history.reply, bodyCount: 9 * versions.count)
            for version in versions {
                try reply.append(number: version.time)
                try reply.append(version.isDeletion ? 1 : 0)
            }
        case .value(let secret, let version):
            try appendValue(of: secret, Int(version), vault, to: &reply)
        case .summary:
            let summary = vault.summary()
            try reply.appendHead(AgentProtocol.Kind.summary.reply, bodyCount: 40)
            try reply.append(number: summary.generation)
            try reply.append(number: UInt64(summary.secrets))
            try reply.append(number: UInt64(summary.versions))
            try reply.append(number: summary.committedBytes)
            try reply.append(number: summary.liveBytes)
        default: throw MalformedMessage()
        }
        return .replied
    }

    private func append(
        _ status: AgentStatus, _ kind: AgentProtocol.Kind, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        let notices = Notice.message(status.notices)
        try reply.appendHead(kind.reply, bodyCount: 57 + notices.count)
        for number in [
            status.idleLeft, status.totalLeft, status.generation, status.secrets, status.versions,
            status.liveBytes, status.deadBytes,
        ] {
            try reply.append(number: number)
        }
        try reply.append(status.locksOnSleep ? 1 : 0)
        try reply.append(notices)
    }

    private func appendNames(of vault: Vault, to reply: inout SecretBuffer) throws(SodiumError) {
        var body: [UInt8] = []
        try vault.forEachPacked { packed throws(SodiumError) in
            if body.count + packed.count > Responder.namesCount {
                try appendNames(body, areMore: true, to: &reply)
                body.removeAll(keepingCapacity: true)
            }
            body.append(copying: packed)
        }
        try appendNames(body, areMore: false, to: &reply)
    }

    private func appendNames(
        _ body: [UInt8], areMore: Bool, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        try reply.appendHead(AgentProtocol.Kind.names.reply, bodyCount: 1 + body.count)
        try reply.append(areMore ? 1 : 0)
        try reply.append(body)
    }

    private func appendValue(
        of secret: Secret, _ version: Int, _ vault: Vault, to reply: inout SecretBuffer
    ) throws {
        var failure: SodiumError?
        try vault.withValue(of: secret, version: version) { value in
            do throws(SodiumError) {
                try reply.appendHead(AgentProtocol.Kind.value.reply, bodyCount: value.count)
                try reply.append(value)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
