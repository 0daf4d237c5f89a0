internal import Platform
internal import Settings
internal import VaultCore
internal import UserMessages

/// The list of deleted secrets.
extension ListCommand {
    func listDeleted() throws(Failure) {
        if tree { throw Failure(.usage, "--tree cannot be combined with --deleted") }
        let scope = try target.scope(options)
        let current = scope == nil && !all ? try CurrentContext(options.context) : nil
        let scopes = scope.map { [$0] } ?? current?.context.scopes
        let vault = try options.openForReading()
        let contents = try options.during(vault.listContents())
        var deleted: [(secret: SecretID, time: UInt64)] = []
        for difference in contents.differences {
            guard difference.part == .value, let version = difference.there, version.isDeletion,
                scopes?.contains(difference.secret.scope) ?? true, isWanted(difference.secret),
                // A compaction may have dropped the values.
                try options.during(vault.history(of: difference.secret)).contains(where: { !$0.isDeletion })
            else { continue }
            deleted.append((difference.secret, version.time))
        }
        let hidden = contents.count - UInt64(contents.differences.count)
        if hidden > 0 { Output.warn("\(hidden) secrets of this vault were not looked at") }
        if deleted.isEmpty, !options.common.quiet {
            let place = scope?.described ?? current?.searched ?? "this vault"
            Output.note("No deleted secrets in \(place)\(condition)")
        }
        if json {
            let list = deleted.map { secret, time in
                JSON.object(secret.fields + [("deleted", .string(UTCTimestamp.format(time)))])
            }
            return try Output.write(JSON.document([("secrets", .array(list))]))
        }
        if deleted.isEmpty { return }
        guard Output.isTerminal else {
            var seen: Set<String> = []
            let lines = deleted.map { all ? $0.secret.line : $0.secret.name }
            return try Output.write(lines.filter { seen.insert($0).inserted }.map { $0 + "\n" }.joined())
        }
        var table = Table("NAME", "SCOPE", "ID", "DELETED")
        for (secret, time) in deleted {
            table.add(secret.name, secret.scope.word, secret.scope.id ?? "", UTCTimestamp.format(time))
        }
        try Output.write(table.text)
    }
}
