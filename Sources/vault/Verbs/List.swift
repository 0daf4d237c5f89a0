internal import CommandSyntax
internal import VaultKit
internal import UserMessages

/// The verb `vault list`.
struct List: Command {
    var target = SecretSelector()
    var all = false
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "list", aliases: ["ls"], usage: "[SCOPE [--id ID]]",
        summary: "List the names of secrets",
        discussion: """
            Without a SCOPE these are the effective names in the context, with the scope that each comes from; with \
            a SCOPE, the names in it; with --all, the names of every scope.

            On a terminal it is a table. Otherwise it is one name a line, and with --all \
            SCOPE, ID and NAME with tabs between. Sorted bytewise.

            With --json: {"schema":1,"secrets":[{"name":"A","scope":"project","id":"web"},…]}; the team's id is null.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .optional, name: .absent)
        parameters.flag("--all", "List every scope", &all)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all, target.scope != nil { throw Failure(.usage, "--all does not go with a SCOPE") }
        let scope = try target.scope(options)
        let current = scope == nil && !all ? try CurrentContext(options.context) : nil
        let vault = try options.openForReading()
        let secrets: [SecretID]
        if let current {
            secrets = try options.during { () throws(VaultError) in try vault.effective(in: current.context) }
        } else {
            secrets = try options.during { () throws(VaultError) in try vault.secrets() }
                .filter { scope == nil || $0.scope == scope }
        }
        if secrets.isEmpty, !options.common.quiet {
            Output.note("No secrets in \(scope?.described ?? current?.searched ?? "this vault")")
        }
        if json {
            let list = secrets.map { JSON.object($0.fields) }
            return try Output.write(
                JSON.object([("schema", .number(1)), ("secrets", .array(list))]).text + "\n")
        }
        if !secrets.isEmpty { try Output.write(lines(secrets).span) }
    }

    private func lines(_ secrets: [SecretID]) -> [UInt8] {
        if Output.isTerminal {
            var table = Table("NAME", "SCOPE", "ID")
            for secret in secrets { table.add(secret.name, secret.scope.word, secret.scope.id ?? "") }
            return Array(table.text.utf8)
        }
        var lines: [UInt8] = []
        for secret in secrets {
            lines += (all ? secret.line : secret.name).utf8
            lines.append(UInt8(ascii: "\n"))
        }
        return lines
    }
}

extension SecretID {
    /// As `list --all` prints it.
    var line: String { "\(scope.word)\t\(scope.id ?? "")\t\(name)" }

    /// As JSON names it.
    var fields: [(String, JSON)] {
        [("name", .string(name)), ("scope", .string(scope.word)), ("id", .optional(scope.id))]
    }
}
