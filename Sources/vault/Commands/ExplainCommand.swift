internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultCore
internal import UserMessages

/// The command `vault explain`.
struct ExplainCommand: Command {
    var target = SecretSelector()
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "explain", usage: "[SCOPE [--id ID]] NAME",
        summary: "Show which scope supplies a name, and what it shadows",
        discussion: """
            The project's secret takes precedence, then the cluster's, then the team's; a scope that the
            context does not name is not searched. No value is printed. With a SCOPE, only that scope is
            searched; the output says whether its secret applies in the context.

            With --json: {"schema":1, "name":"A", "winner":{"scope", "id"}, "scopes":[{"scope", "id",
            "applies", "versions", "time"}, …], "context":{"project", "project_from", "cluster",
            "cluster_from", "problem"}}, where "problem" is the reason why a .vault.toml was not used, or
            null. "winner" is the strongest of the scopes that were searched, and "applies" says whether the
            context gets the secret from that scope.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required, isNameFirst: true)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    /// A scope that has a secret of the name, the number of its versions, and the time of the newest.
    private typealias Finding = (scope: Scope, versions: Int, time: UInt64)

    func run() throws(Failure) {
        let name = try target.checkedName()
        let scope = try target.scope(options)
        // With an explicit scope, the context is only reported, so a .vault.toml needs no trust.
        let current =
            scope == nil
            ? try CurrentContext(options.context) : CurrentContext.known(options.context)
        let vault = try options.openForReading()
        let searched = scope.map { [$0] } ?? current.context.scopes
        var findings: [Finding] = []
        for scope in searched {
            let history = try options.during(vault.history(of: SecretID(name, in: scope)))
            guard let newest = history.first, !newest.isDeletion else { continue }
            findings.append((scope, history.count, newest.time))
        }
        guard let winner = findings.first?.scope else {
            throw absent(name, in: searched, of: vault, replacing: target.typedScope(options))
        }
        options.noteEmptyScopes(before: winner, of: current.context.scopes, in: vault)
        let role: Role =
            if scope == nil { .applies } else { try role(of: winner, name, current, in: vault) }
        try Output.write(
            json
                ? jsonText(name, winner, role, findings, current)
                : text(name, winner, role, findings, current))
    }

    /// The part that the strongest of the findings has in the context.
    private enum Role {
        case applies
        case shadowed(by: Scope)
        case outside
        /// The context is not known, since a `.vault.toml` was not used.
        case unknown

        var words: String {
            switch self {
            case .applies: "applies"
            case .shadowed(let scope): "shadowed by \(scope.described)"
            case .outside: "not in the context"
            case .unknown: "may not apply"
            }
        }

        var isApplied: Bool { if case .applies = self { true } else { false } }
    }

    /// Returns the part that a secret in an explicit scope has in the context.
    private func role(
        of scope: Scope, _ name: String, _ current: CurrentContext, in vault: any Session
    ) throws(Failure) -> Role {
        if current.problem != nil { return .unknown }
        guard current.context.scopes.contains(scope) else { return .outside }
        let winner = try options.during(vault.resolve(name, in: current.context))?.winner.scope
        return winner.map { $0 == scope ? .applies : .shadowed(by: $0) } ?? .outside
    }

    private func text(
        _ name: String, _ winner: Scope, _ role: Role, _ findings: [Finding], _ current: CurrentContext
    ) -> String {
        let scopes = findings.enumerated().map { index, finding in
            let role = index == 0 ? role.words : "shadowed by \(winner.described)"
            let versions = Words.count(UInt64(finding.versions), "version")
            return
                "  \(finding.scope.described): \(role), \(versions), set \(UTCTimestamp.format(finding.time))"
        }
        let title =
            role.isApplied ? "\(name) comes from \(winner.described)" : "\(name) in \(winner.described)"
        let lines = [title] + scopes + current.lines
        return lines.joined(separator: "\n") + "\n"
    }

    private func jsonText(
        _ name: String, _ winner: Scope, _ role: Role, _ findings: [Finding], _ current: CurrentContext
    ) -> String {
        let scopes = findings.enumerated().map { index, finding in
            JSON.object(
                finding.scope.fields + [
                    ("applies", .bool(index == 0 && role.isApplied)), ("versions", .number(finding.versions)),
                    ("time", .string(UTCTimestamp.format(finding.time))),
                ])
        }
        return JSON.document([
            ("name", .string(name)), ("winner", .object(winner.fields)), ("scopes", .array(scopes)),
            ("context", current.json),
        ])
    }
}
