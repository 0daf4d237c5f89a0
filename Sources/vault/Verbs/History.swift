internal import CommandSyntax
internal import Platform
internal import VaultKit
internal import UserMessages

/// The verb `vault history`.
struct History: Command {
    var target = SecretSelector()
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "history", usage: "SCOPE [--id ID] NAME", summary: "List the versions of a secret",
        discussion: """
            New to old, with the number that 'vault get --version' takes and the time in UTC; no values. On a \
            terminal it is a table, otherwise number, time and 'set' or 'deleted' with tabs between.

            With --json: {"schema":1,"versions":[{"version":0,"time":"2026-11-23T22:05:01Z","deleted":false},…]}.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .required, name: .required)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secret(options)
        let vault = try options.openForReading()
        let history = try options.during { () throws(VaultError) in try vault.history(of: secret) }
        if history.isEmpty {
            throw absent(secret.name, searched: secret.scope.described, in: vault, explicit: secret.scope)
        }
        if json {
            let versions = history.enumerated().map { number, version in
                JSON.object([
                    ("version", .number(number)), ("time", .string(UTCTimestamp.format(version.time))),
                    ("deleted", .bool(version.isDeletion)),
                ])
            }
            try Output.write(
                JSON.object([("schema", .number(1)), ("versions", .array(versions))]).text + "\n")
        } else if Output.isTerminal {
            var table = Table("VERSION", "TIME", "CHANGE")
            for (number, version) in history.enumerated() {
                table.add(String(number), UTCTimestamp.format(version.time), version.change)
            }
            try Output.write(table.text)
        } else {
            let lines = history.enumerated().map { "\($0)\t\(UTCTimestamp.format($1.time))\t\($1.change)\n" }
            try Output.write(lines.joined())
        }
    }
}

extension SecretVersion {
    /// What it did.
    var change: String { isDeletion ? "deleted" : "set" }
}
