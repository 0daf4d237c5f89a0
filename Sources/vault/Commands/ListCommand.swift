internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultCore
internal import UserMessages

/// The command `vault list`.
struct ListCommand: Command {
    var target = SecretSelector()
    var pattern: String?
    var text: String?
    var all = false
    var tree = false
    var deleted = false
    var long = false
    var tags: [String] = []
    var expired = false
    var due: UInt64?
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "list", aliases: ["ls"], usage: "[SCOPE [--id ID]] [PATTERN]",
        summary: "List the names of secrets",
        discussion: """
            Without a SCOPE, the effective names in the context are listed, with the scope that each comes
            from; with a SCOPE, the names in it; with --all, the names in every scope.

            PATTERN selects names as a shell selects files (quote it: 'DB_*'), --match those that contain TEXT,
            ignoring case. --tree lists the names below their scopes. --deleted lists deleted secrets that
            'vault undo' can bring back.

            --long adds when each value was set, expires and is due, the tags and the description. --tag,
            --expired and --due select by these (see 'vault help describe'); --due 30d looks 30 days ahead.

            On a terminal, the output is a table, with --deleted also of times. Otherwise, each line is a name
            or, with --all, SCOPE, ID and NAME, separated by tabs; --long adds its columns. Lines are sorted
            bytewise.

            With --json: {"schema":1,"secrets":[{"name":"A","scope":"project","id":"web"},…]}; the team's id
            is null. --long adds the fields of 'vault describe --json'.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .absent)
        parameters.operand("PATTERN", "List only names that match", &pattern)
        parameters.option("--match", "TEXT", "List only names that contain TEXT", &text)
        parameters.flag("--all", "List every scope", &all)
        parameters.flag("--tree", "List the names below their scopes", &tree)
        parameters.flag("--deleted", "List deleted secrets that can be brought back", &deleted)
        parameters.flag(
            "-l --long", "Show when values were set, expire and are due, tags and descriptions", &long)
        parameters.repeatable(
            "--tag", "TAG", "List only secrets with this tag", &tags, completing: .dynamic("tags"))
        parameters.flag("--expired", "List only secrets that have expired", &expired)
        parameters.option(
            "--due", optional: "TIME", "List only secrets that are to be replaced by now, or within TIME",
            &due,
            as: .duration, bare: 0)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all, target.scope != nil { throw Failure(.usage, "--all cannot be combined with a SCOPE") }
        if let pattern, target.scope == nil, let scope = ListCommand.scope(near: pattern) {
            // So that the hint names the vault.
            _ = try options.path()
            throw Failure(
                .usage, "operand SCOPE must be one of team, project, cluster",
                hint: pattern.hasSuffix("s")
                    ? "'vault list --all --tree' shows every project and cluster"
                    : "did you mean '\(scope)'?")
        }
        if due == 0, let pattern, let time = DurationFormat.parse(pattern) {
            // No name begins with a digit, so this was meant for --due.
            var command = self
            (command.due, command.pattern) = (time, nil)
            return try command.run()
        }
        if isLong, tree || deleted {
            let option = long ? "--long" : !tags.isEmpty ? "--tag" : expired ? "--expired" : "--due"
            throw Failure(.usage, "\(option) cannot be combined with \(tree ? "--tree" : "--deleted")")
        }
        if deleted { return try listDeleted() }
        if tree, json { throw Failure(.usage, "--tree cannot be combined with --json") }
        let scope = try target.scope(options)
        let current = scope == nil && !all ? try CurrentContext(options.context) : nil
        let vault = try options.openForReading()
        var secrets = try options.during { () throws(VaultError) in
            if let current { return try vault.effective(in: current.context) }
            return try vault.secrets().filter { scope == nil || $0.scope == scope }
        }
        if let scopes = current?.context.scopes, !secrets.isEmpty {
            options.noteEmptyScopes(without: secrets, of: scopes, in: vault)
        }
        if pattern != nil || text != nil { secrets = secrets.filter(isWanted) }
        let now = SystemClock.wallMilliseconds()
        let described = isLong ? try described(secrets, in: vault, now: now) : []
        if isLong { secrets = described.map(\.secret) }
        if secrets.isEmpty, !options.common.quiet {
            let place = scope?.described ?? current?.searched ?? "this vault"
            Output.note("No secrets in \(place)\(condition)")
            hintToSearch(vault)
        }
        if json {
            let objects =
                long
                ? described.map { JSON.object($0.secret.fields + $0.fields(now: now)) }
                : secrets.map { .object($0.fields) }
            return try Output.write(JSON.document([("secrets", .array(objects))]))
        }
        if secrets.isEmpty { return }
        if long { return try printLong(described, now: now) }
        if tree { return try Output.write(ListCommand.tree(of: secrets)) }
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

    /// Returns the scope that a pattern was probably meant to be, as in `TEAM`, `prject` or `projects`; nil if it looks like a name.
    private static func scope(near pattern: String) -> String? {
        let words = ScopeArgument.allCases.map(\.rawValue)
        if let plural = words.first(where: { folded(pattern) == Array($0.utf8) + [UInt8(ascii: "s")] }) {
            return plural
        }
        if let scope = words.first(where: { folded(pattern) == Array($0.utf8) }) { return scope }
        return pattern.utf8.allSatisfy { (0x61...0x7A).contains($0) }
            ? Suggestion.nearestName(to: pattern, among: words) : nil
    }

    /// Says how to search for a part of a name, if that finds any.
    private func hintToSearch(_ vault: any Session) {
        guard let pattern, text == nil, SecretID.isValidID(pattern), let secrets = try? vault.secrets() else {
            return
        }
        let part = ListCommand(text: pattern)
        let count = secrets.count(where: part.isWanted)
        if count > 0 {
            Output.hint(
                "'vault list --all --match \(pattern)' finds \(Words.count(UInt64(count), "name")) with that part"
            )
        }
    }

    /// The names that are wanted, in words.
    var condition: String {
        let pattern = pattern.map { " match '\($0)'" }
        let selected = tags.map { " tagged '\($0)'" } + (expired ? [" that have expired"] : [])
        let dates = selected.joined() + (due == nil ? "" : " that are due")
        return (pattern ?? "") + (text.map { "\(pattern == nil ? "" : " and") contain '\($0)'" } ?? "")
            + dates
    }

    func isWanted(_ secret: SecretID) -> Bool {
        if let pattern, !Glob.matches(secret.name, pattern) { return false }
        guard let text else { return true }
        let (name, part) = (ListCommand.folded(secret.name), ListCommand.folded(text))
        return part.isEmpty || name.indices.contains { name[$0...].starts(with: part) }
    }

    /// Returns the bytes with small letters for capital ones.
    private static func folded(_ text: String) -> [UInt8] {
        text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    /// Returns the names below their scopes, which are in the order of precedence.
    private static func tree(of secrets: [SecretID]) -> String {
        var scopes: [Scope] = []
        var names: [Scope: [String]] = [:]
        for word in ["project", "cluster", "team"] {
            for secret in secrets where secret.scope.word == word {
                if names[secret.scope] == nil { scopes.append(secret.scope) }
                names[secret.scope, default: []].append("  \(secret.name)\n")
            }
        }
        return scopes.map { "\($0.described)\n" + (names[$0] ?? []).joined() }.joined()
    }
}
