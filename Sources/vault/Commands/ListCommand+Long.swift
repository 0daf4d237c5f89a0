internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The parts of the list that need metadata.
extension ListCommand {
    /// True if the list selects or shows more than names.
    var isLong: Bool { long || !tags.isEmpty || expired || due != nil }

    /// Returns those of the secrets that the options select, with their metadata and ages.
    func described(_ secrets: [SecretID], in vault: any Session, now: UInt64) throws(Failure)
        -> [DescribedSecret]
    {
        let all = try options.during(vault.described(secrets))
        let limit = now + (due ?? 0)
        return all.filter { secret in
            tags.allSatisfy(secret.metadata.tags.contains)
                && (!expired || secret.metadata.isExpired(at: now))
                && (due == nil || secret.due.map { $0 <= limit } ?? false)
        }
    }

    /// Prints secrets with what is known of them.
    func printLong(_ secrets: [DescribedSecret], now: UInt64) throws(Failure) {
        guard Output.isTerminal else {
            let lines = secrets.map { secret in
                let names = all ? secret.secret.line : secret.secret.name
                return ([names] + ListCommand.cells(secret, separator: ",")).joined(separator: "\t") + "\n"
            }
            return try Output.write(lines.joined())
        }
        var table = Table("NAME", "SCOPE", "ID", "SET", "EXPIRES", "DUE", "TAGS", "DESCRIPTION")
        for described in secrets {
            let (secret, cells) = (described.secret, ListCommand.cells(described, separator: ", "))
            let days = cells.prefix(3).map { String($0.prefix(10)) }
            table.add(
                secret.name, secret.scope.word, secret.scope.id ?? "", days[0], days[1], days[2], cells[3],
                cells[4])
        }
        try Output.write(table.text)
    }

    /// The times at which the value was set, expires and is due, the tags and the description.
    private static func cells(_ secret: DescribedSecret, separator: String) -> [String] {
        let times = [secret.time, secret.metadata.expires, secret.due]
        return times.map { $0.map(UTCTimestamp.format) ?? "" } + [
            Output.visible(secret.metadata.tags.joined(separator: separator)),
            Output.visible(secret.metadata.description ?? ""),
        ]
    }
}
