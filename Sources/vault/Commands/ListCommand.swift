internal import CommandSyntax
internal import VaultCore
internal import UserMessages

/// The command `vault list`.
struct ListCommand: Command {
    var target = SecretSelector()
    var all = false
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "list", aliases: ["ls"], usage: "[SCOPE [--id ID]]", summary: "List the names of secrets",
        discussion: """
            Without a SCOPE, the effective names in the context are listed, with the scope that each comes
            from; with a SCOPE, the names in it; with --all, the names in every scope.

            On a terminal, the output is a table. Otherwise, each line is a name or, with --all, SCOPE, ID and
            NAME, separated by tabs. Lines are sorted bytewise.

            With --json: {"schema":1,"secrets":[{"name":"A","scope":"project","id":"web"},…]}; the team's id
            is null.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .optional, name: .absent)
        parameters.flag("--all", "List every scope", &all)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all, target.scope != nil { throw Failure(.usage, "--all cannot be combined with a SCOPE") }
        let scope = try target.scope(options)
        let current = scope == nil && !all ? try CurrentContext(options.context) : nil
        let vault = try options.openForReading()
        let secrets = try options.during { () throws(VaultError) in
            if let current { return try vault.effective(in: current.context) }
            return try vault.secrets().filter { scope == nil || $0.scope == scope }
        }
        if secrets.isEmpty, !options.common.quiet {
            Output.note("No secrets in \(scope?.described ?? current?.searched ?? "this vault")")
        }
        if json {
            return try Output.write(
                JSON.document([("secrets", .array(secrets.map { .object($0.fields) }))]))
        }
        if secrets.isEmpty { return }
        guard Output.isTerminal else {
            var lines: [UInt8] = []
            for secret in secrets {
                lines += (all ? secret.line : secret.name).utf8
                lines.append(UInt8(ascii: "\n"))
            }
            return try Output.write(lines.span)
        }
        var table = Table("NAME", "SCOPE", "ID")
        for secret in secrets { table.add(secret.name, secret.scope.word, secret.scope.id ?? "") }
        try Output.write(table.text)
    }
}
