internal import CommandSyntax
internal import Platform
internal import VaultKit
internal import UserMessages

/// The verb `vault explain`.
struct Explain: Command {
    var target = SecretSelector()
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "explain", usage: "NAME",
        summary: "Tell which scope supplies a name, and what it shadows",
        discussion: """
            Project beats cluster beats team; a scope that the context does not name is not looked at. \
            No value is printed. With a SCOPE only that scope is looked at.

            With --json: {"schema":1,"name":"A","winner":{"scope","id"},"scopes":[{"scope","id","applies","versions","time"},…],\
            "context":{"project","project_from","cluster","cluster_from","problem"}}, where "problem" says why nothing was taken from a \
            .vault.toml, or is null.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .optional, name: .required)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    /// A scope that has the name.
    private struct Finding {
        let secret: SecretID
        let versions: Int
        let time: UInt64
    }

    func run() throws(Failure) {
        let name = try target.checkedName()
        let scope = try target.scope(options)
        // Where a scope is named, the context is told, and nothing is taken from it.
        let current =
            scope == nil
            ? try CurrentContext(options.context) : CurrentContext.known(options.context)
        let vault = try options.openForReading()
        var findings: [Finding] = []
        for scope in scope.map({ [$0] }) ?? current.context.scopes {
            let secret = SecretID(name, in: scope)
            let history = try options.during { () throws(VaultError) in try vault.history(of: secret) }
            guard let newest = history.first, !newest.isDeletion else { continue }
            findings.append(Finding(secret: secret, versions: history.count, time: newest.time))
        }
        guard let winner = findings.first else {
            throw absent(name, searched: scope?.described ?? current.searched, in: vault, explicit: scope)
        }
        try Output.write(
            json ? jsonText(name, winner, findings, current) : text(name, winner, findings, current))
    }

    private func text(_ name: String, _ winner: Finding, _ findings: [Finding], _ current: CurrentContext)
        -> String
    {
        var lines = ["\(name) comes from \(winner.secret.scope.described)"]
        for (index, finding) in findings.enumerated() {
            let versions = finding.versions == 1 ? "1 version" : "\(finding.versions) versions"
            let role = index == 0 ? "applies" : "shadowed by \(winner.secret.scope.described)"
            lines.append(
                "  \(finding.secret.scope.described): \(role), \(versions), set \(UTCTimestamp.format(finding.time))"
            )
        }
        lines += current.lines
        return lines.joined(separator: "\n") + "\n"
    }

    private func jsonText(
        _ name: String, _ winner: Finding, _ findings: [Finding], _ current: CurrentContext
    ) -> String {
        let scopes = findings.enumerated().map { index, finding in
            JSON.object([
                ("scope", .string(finding.secret.scope.word)), ("id", .optional(finding.secret.scope.id)),
                ("applies", .bool(index == 0)), ("versions", .number(finding.versions)),
                ("time", .string(UTCTimestamp.format(finding.time))),
            ])
        }
        return JSON.object([
            ("schema", .number(1)), ("name", .string(name)),
            (
                "winner",
                .object([
                    ("scope", .string(winner.secret.scope.word)), ("id", .optional(winner.secret.scope.id)),
                ])
            ),
            ("scopes", .array(scopes)),
            ("context", current.json),
        ]).text + "\n"
    }
}
