internal import CommandSyntax
internal import VaultCore
internal import UserMessages

/// The command `vault import`.
struct ImportCommand: Command {
    var scope: ScopeArgument?
    var id: String?
    var file: String?
    var format: ImportArgument?
    var dialect: DotenvDialect?
    var dryRun = false
    var json = false
    var allowEmpty = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "import", usage: "[SCOPE [--id ID]] --format FORMAT FILE|-",
        summary: "Set many secrets from a file",
        discussion: """
            Either all secrets are set or none; the error for a line that cannot be read names its number. A
            secret that already has the value is left unchanged.

            json is one object that maps names to strings, or to the objects that 'vault export --metadata'
            writes. dotenv is lines of NAME=value with comments,
            quotes, and an optional 'export' before the name. Programs differ in how they read such files:
            --dialect names the program that the file is for (posix: a shell, python: python-dotenv, node:
            'node --env-file', direnv, systemd). Without --dialect, a line is accepted if python-dotenv, node
            and direnv, as far as they can read it, agree on its meaning. A value that depends on other
            variables or on a command is refused. If a name occurs several times, the last one counts. A byte
            order mark is skipped.

            The file is not removed. Delete it once the vault has what you need.

              vault import project --id web --format dotenv --dry-run .env
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand(
            "SCOPE", "team, project or cluster; by default from the context", &scope, as: .oneOf,
            claimsChoices: true)
        parameters.operand(
            "FILE", "The file, or - for standard input", &file, isRequired: true, completing: .file)
        parameters.option(
            "--id", "ID", "The id of the project or cluster", &id, completing: .dynamic("ids"))
        parameters.option("--format", "FORMAT", "dotenv or json", &format, as: .oneOf)
        parameters.option(
            "--dialect", "DIALECT", "For dotenv: posix, python, node, direnv or systemd", &dialect,
            as: .oneOf)
        parameters.flag("-n --dry-run", "Print what would be done, but change nothing", &dryRun)
        parameters.flag("--json", "Print JSON", &json)
        parameters.flag("--allow-empty", "Allow empty values", &allowEmpty)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        guard let file else { throw Failure(.usage, "missing operand FILE") }
        guard let format else {
            throw Failure(.usage, "missing option '--format'", hint: "one of dotenv, json")
        }
        try Failure.refuseDialect(dialect, isDotenv: format == .dotenv)
        let scope = try SecretSelector(scope: scope, id: id).scopeToChange(options)
        // Errors in the file are reported before vault asks for a passphrase.
        let assignments = try Assignments.read(
            file: file, as: format == .json ? .json : .dotenv(dialect),
            standardInputIsTaken: options.passphrase.isStandardInput, orElse: "nothing was imported")
        try refuseEmptyValues(assignments, file)
        if dryRun {
            let vault = try options.openForReading()
            options.noteNewScope(scope, in: vault)
            let plan = try options.during(Import(assignments, into: scope, of: vault))
            if !json {
                try Output.write(plan.entries.map { "\($0.name)\t\($0.effect.rawValue)\n" }.joined())
            }
            return try report("Would import", plan, into: scope)
        }
        let plan = try options.change { vault throws(Failure) in
            options.noteNewScope(scope, in: vault)
            return try options.during { () throws(VaultError) in
                let plan = try Import(assignments, into: scope, of: vault)
                try plan.commit(assignments, to: vault)
                return plan
            }
        }
        try report("Imported", plan, into: scope)
    }

    private func report(_ done: String, _ plan: Import, into scope: Scope) throws(Failure) {
        if json {
            let secrets = plan.entries.map { entry in
                JSON.object([("name", .string(entry.name)), ("effect", .string(entry.effect.rawValue))])
            }
            return try Output.write(
                JSON.document(scope.fields + [("dry_run", .bool(dryRun)), ("secrets", .array(secrets))]))
        }
        let effects: [Import.Effect] = [.new, .replaced, .unchanged, .described]
        let counts = effects.compactMap { effect in
            let count = plan.entries.count { $0.effect == effect }
            return effect == .described && count == 0 ? nil : "\(count) \(effect.rawValue)"
        }
        options.common.confirm("\(done) into \(scope.described): \(counts.joined(separator: ", "))")
    }

    private func refuseEmptyValues(_ assignments: borrowing Assignments, _ file: String) throws(Failure) {
        guard !allowEmpty, let name = assignments.firstEmptyName else { return }
        let place = "\(file == "-" ? "standard input" : file): line \(assignments.line(of: name))"
        throw Failure(
            .usage, "\(place): the value of '\(name)' is empty; nothing was imported",
            hint: "add --allow-empty if that is intended")
    }
}
