internal import Platform
internal import Sodium
internal import VaultCore
internal import UserMessages

/// A secret as the lists show it.
private struct ListedSecret {
    let described: DescribedSecret
    let versions: Int

    var id: SecretID { described.secret }

    /// The fields after those that name the secret: web-interface.md, section 3.
    func fields(now: UInt64) throws(Refusal) -> [(String, JSON)] {
        [
            ("versions", .number(versions)), ("time", .string(UTCTimestamp.format(described.time))),
            ("revision", .string(try described.metadata.revision())),
        ] + described.fields(now: now)
    }
}

/// The lists of secrets, with what these are for.
extension APIHandler {
    /// The secrets of a scope.
    func details(_ scope: Scope) throws(Refusal) -> JSON {
        let list = try during { session throws(VaultError) in try APIHandler.list(in: [scope], session) }
        let now = SystemClock.wallMilliseconds()
        return .array(
            try list.map { secret throws(Refusal) in
                .object([("name", .string(secret.id.name))] + (try secret.fields(now: now)))
            })
    }

    /// The names that apply in a context, each with its scopes, the strongest first.
    func effective(_ context: Context) throws(Refusal) -> JSON {
        let list = try during { session throws(VaultError) in
            try APIHandler.list(in: context.scopes, session)
        }
        let now = SystemClock.wallMilliseconds()
        var scopes: [String: [JSON]] = [:]
        for secret in list {
            let place = [
                ("scope", JSON.string(secret.id.scope.word)), ("id", .optional(secret.id.scope.id)),
            ]
            scopes[secret.id.name, default: []].append(.object(place + (try secret.fields(now: now))))
        }
        // Names are ASCII, which compares bytewise.
        return .array(
            scopes.keys.sorted().map {
                .object([("name", .string($0)), ("scopes", .array(scopes[$0] ?? []))])
            })
    }

    /// Returns the secrets of several scopes, by scope and then by name.
    private static func list(
        in scopes: [Scope], _ session: any Session
    ) throws(VaultError) -> [ListedSecret] {
        let all = try session.secrets()
        let secrets = scopes.flatMap { scope in all.filter { $0.scope == scope } }
        let metadata = try session.metadata(among: secrets)
        var list: [ListedSecret] = []
        for secret in secrets {
            let history = try session.history(of: secret)
            // Another process may have deleted it since.
            guard let newest = history.first, !newest.isDeletion else { continue }
            let described = DescribedSecret(
                secret: secret, time: newest.time, metadata: metadata[secret] ?? Metadata())
            list.append(ListedSecret(described: described, versions: history.count))
        }
        return list
    }
}
