internal import HTTPServer
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultCore
internal import UserMessages

/// Answers requests about the vault, as a client of the agent with one session for each request.
struct APIHandler {
    /// The vault file.
    let path: String

    /// Performs the action of a route, and returns JSON or nil.
    func answer(_ route: Route, _ body: Span<UInt8>) throws(Refusal) -> SecretBuffer? {
        switch route {
        case .file, .exchange, .lock: return nil
        case .list(let scope): return try APIHandler.text(try names(in: scope))
        case .set(let secret):
            try set(secret, body)
            return nil
        case .delete(let secret):
            try about(secret) { session throws(VaultError) in
                try session.delete(secret.name, in: secret.scope)
            }
            return nil
        case .contexts: return try APIHandler.text(try contexts())
        case .details(let scope): return try APIHandler.text(try details(scope))
        case .history(let secret): return try APIHandler.text(try history(of: secret))
        case .effective(let context): return try APIHandler.text(try effective(context))
        case .value: return try value(body)
        case .describe:
            try describe(body)
            return nil
        }
    }

    /// Throws if the vault is locked; does not extend its deadlines.
    func checkUnlocked() throws(Refusal) {
        do throws(AgentError) {
            _ = try AgentClient().status(of: path)
        } catch {
            throw Refusal(Failure(error, path: path))
        }
    }

    private func names(in scope: Scope) throws(Refusal) -> JSON {
        let names = try during { session throws(VaultError) in try session.names(in: scope) }
        return .array(names.map { .object([("name", .string($0))]) })
    }

    private func history(of secret: SecretID) throws(Refusal) -> JSON {
        let versions = try during { session throws(VaultError) in try session.history(of: secret) }
        return .array(
            versions.map { version in
                let time = JSON.string(UTCTimestamp.format(version.time))
                return .object([("time", time), ("deleted", .bool(version.isDeletion))])
            })
    }

    private func set(_ secret: SecretID, _ body: Span<UInt8>) throws(Refusal) {
        let fields = try APIHandler.fields(body, ["value"], about: secret)
        guard fields.count(of: "value") != 0 else {
            throw Refusal(400, "the value of '\(secret.name)' is empty")
        }
        try about(secret) { session throws(VaultError) in
            try fields.withValue(of: "value") { value throws(VaultError) in
                try session.set(secret.name, in: secret.scope, to: value)
            }
        }
    }

    private func value(_ body: Span<UInt8>) throws(Refusal) -> SecretBuffer {
        let secret = try APIHandler.secret(in: try APIHandler.fields(body, ["scope", "id", "name"]))
        let value = try about(secret) { session throws(VaultError) in
            try session.value(of: secret, version: 0)
        }
        return try value.withBytes { value throws(Refusal) in
            guard JSONWriter.canWrite(value) else {
                return try APIHandler.text(.object([("bytes", .number(value.count))]))
            }
            return try APIHandler.allocating { () throws(SodiumError) in
                var text = try SecretBuffer(capacity: value.count + 64)
                try text.append(Array("{\"value\":".utf8).span)
                try JSONWriter.append(value, to: &text)
                try text.append(UInt8(ascii: "}"))
                return text
            }
        }
    }

    /// Changes the metadata of a secret, unless they no longer are those that the request is about.
    private func describe(_ body: Span<UInt8>) throws(Refusal) {
        let fields = try APIHandler.fields(body, ["scope", "id", "name", "revision"] + MetadataChange.names)
        let secret = try APIHandler.secret(in: fields)
        guard let revision = fields.text(of: "revision") else {
            throw Refusal(400, "'\(secret.name)': the body has no field 'revision'")
        }
        let change: MetadataChange
        do throws(Refusal) {
            change = try MetadataChange(fields, now: SystemClock.wallMilliseconds())
        } catch {
            throw Refusal(error.status, "'\(secret.name)': \(error.message)")
        }
        var isStale = false
        try about(secret) { session throws(VaultError) in
            try session.editMetadata(of: secret) { metadata in
                isStale = (try? metadata.revision()) != revision
                if !isStale { change.apply(to: &metadata) }
            }
        }
        if isStale {
            throw Refusal(
                409, "the metadata of '\(secret.name)' in \(secret.scope.described) were changed meanwhile")
        }
    }

    private func contexts() throws(Refusal) -> JSON {
        let secrets = try during { session throws(VaultError) in try session.secrets() }
        var counts: [Scope: Int] = [:]
        for secret in secrets { counts[secret.scope, default: 0] += 1 }
        let list = { (word: String) in
            let scopes = counts.filter { $0.key.word == word }.map { ($0.key.id ?? "", $0.value) }
            return JSON.array(
                scopes.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }.map {
                    .object([("id", .string($0.0)), ("secrets", .number($0.1))])
                })
        }
        return .object([
            ("vault", .string(path)), ("team", .number(counts[.team] ?? 0)), ("projects", list("project")),
            ("clusters", list("cluster")),
        ])
    }

    /// Calls `body` with a session.
    func during<R: ~Copyable>(_ body: (any Session) throws(VaultError) -> R) throws(Refusal) -> R {
        do throws(Failure) {
            let session = try inWords(about: path) { () throws(AgentError) in
                try AgentClient().session(for: path)
            }
            return try inWords(about: path) { () throws(VaultError) in try body(session) }
        } catch {
            throw Refusal(error)
        }
    }

    /// Calls `body` with a session; errors name the secret.
    private func about<R: ~Copyable>(
        _ secret: SecretID, _ body: (any Session) throws(VaultError) -> R
    ) throws(Refusal) -> R {
        do throws(Refusal) {
            return try during(body)
        } catch {
            if error.status == 404 {
                throw Refusal(404, "no secret '\(secret.name)' in \(secret.scope.described)")
            }
            throw Refusal(error.status, "'\(secret.name)': \(error.message)")
        }
    }

    /// Parses a body, which must be one flat JSON object of strings.
    private static func fields(
        _ body: Span<UInt8>, _ known: [String], about secret: SecretID? = nil
    ) throws(Refusal) -> Assignments {
        let prefix = secret.map { "'\($0.name)': " } ?? ""
        let fields: Assignments
        do throws(UnreadableText) {
            fields = try Assignments.read(body, as: .json)
        } catch {
            if error.reason == .outOfMemory { throw .outOfMemory }
            let words =
                error.reason == .valueTooLong
                ? Failure.valueTooLong.message : "the body must be JSON, one object of strings"
            throw Refusal(400, prefix + words)
        }
        for name in fields.names {
            guard known.contains(name) else {
                throw Refusal(400, prefix + "unknown field '\(name)' in the body")
            }
            // An import would take the value of such an object.
            guard fields.metadata(of: name) == nil else {
                throw Refusal(400, prefix + "the body must be JSON, one object of strings")
            }
        }
        if known.count == 1, fields.count(of: known[0]) == nil {
            throw Refusal(400, prefix + "the body has no field '\(known[0])'")
        }
        return fields
    }

    /// Returns the secret that a body names.
    private static func secret(in fields: borrowing Assignments) throws(Refusal) -> SecretID {
        let scope = try Route.scope(fields.text(of: "scope") ?? "", fields.text(of: "id"), "id")
        return try Route.secret(fields.text(of: "name") ?? "", in: scope)
    }

    /// Returns JSON as bytes to send.
    static func text(_ json: JSON) throws(Refusal) -> SecretBuffer { try buffer(Array(json.text.utf8)) }

    /// Copies bytes to send.
    static func buffer(_ bytes: [UInt8]) throws(Refusal) -> SecretBuffer {
        try allocating { () throws(SodiumError) in
            var buffer = try SecretBuffer(capacity: bytes.count)
            try buffer.append(bytes.span)
            return buffer
        }
    }

    static func allocating<R: ~Copyable>(_ body: () throws(SodiumError) -> R) throws(Refusal) -> R {
        try converting(body) { _ in Refusal.outOfMemory }
    }
}
