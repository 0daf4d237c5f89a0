internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault history`.
struct HistoryCommand: Command {
    var target = SecretSelector()
    var metadata = false
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "history", usage: "[SCOPE [--id ID]] NAME", summary: "List the versions of a secret",
        discussion: """
            Without a SCOPE, the versions of the effective secret are listed; 'vault undo' without a SCOPE acts
            on the context's project, else on its cluster. If these differ, a hint has the command to undo.

            Versions are listed from new to old, each with the number that 'vault get --version' takes and its
            time in UTC; values are not shown. On a terminal, the output is a table; otherwise, each line is
            the number, the time, and 'set' or 'deleted', separated by tabs. --metadata lists the versions of
            what 'vault describe' shows, each with the number that its --version takes.

            With --json:
            {"schema":1,"versions":[{"version":0,"time":"2026-11-23T22:05:01Z","deleted":false},…]}.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required)
        parameters.flag("--metadata", "List the versions of the metadata", &metadata)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let candidates = try target.secretsToRead(options)
        let vault = try options.openForReading()
        let secret = try candidates.first(options, in: vault)
        let history = try options.during(vault.history(of: secret, metadata ? .metadata : .value))
        if target.scope == nil, !options.common.quiet {
            Output.note("vault: history of \(metadata ? "the metadata of " : "")\(secret.located)")
            if history.count > 1, !metadata, candidates.scopeToChange != secret.scope {
                Output.hint("'vault undo \(secret.operands)' restores its previous version")
            }
            options.noteEmptyScopes(
                before: secret.scope, of: candidates.secrets.map(\.scope), in: vault)
        }
        if json {
            let versions = history.enumerated().map { number, version in
                JSON.object([
                    ("version", .number(number)), ("time", .string(UTCTimestamp.format(version.time))),
                    ("deleted", .bool(version.isDeletion)),
                ])
            }
            return try Output.write(JSON.document([("versions", .array(versions))]))
        }
        guard Output.isTerminal else {
            let lines = history.enumerated().map { "\($0)\t\(UTCTimestamp.format($1.time))\t\($1.change)\n" }
            return try Output.write(lines.joined())
        }
        var table = Table("VERSION", "TIME", "CHANGE")
        for (number, version) in history.enumerated() {
            table.add(String(number), UTCTimestamp.format(version.time), version.change)
        }
        try Output.write(table.text)
    }
}
