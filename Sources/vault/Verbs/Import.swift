internal import CommandSyntax
internal import Sodium
internal import VaultKit
internal import UserMessages

/// The verb `vault import`.
struct ImportSecrets: Command {
    var scope: ScopeWord?
    var id: String?
    var file: String?
    var format: ImportWord?
    var dialect: DotenvDialect?
    var dryRun = false
    var allowEmpty = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "import", usage: "SCOPE [--id ID] --format FORMAT FILE|-",
        summary: "Set many secrets from a file",
        discussion: """
            All of them are set together, or none: a line that cannot be read is named by its number. A secret that has this \
            value already is left as it is.

            json is one flat object, name to string. dotenv is lines of NAME=value with comments, quotes, and 'export' before \
            them. Programs differ in how they read such files: --dialect says whose file it is (posix: a shell, python: \
            python-dotenv, node: 'node --env-file', direnv, systemd). Without it a line is taken if python-dotenv, node and direnv, \
            as far as they can read it, take it for the same. A value that would depend on other variables or on a command is \
            refused. Where a name stands several times the last one counts; a byte order mark is skipped.

            The file stays where it is. When the vault has what you need, delete it.

              vault import project --id web --format dotenv --dry-run .env
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("SCOPE", "team, project or cluster", &scope, as: .oneOf, isRequired: true)
        parameters.operand(
            "FILE", "The file, or - for standard input", &file, isRequired: true, completing: .file)
        parameters.option(
            "--id", "ID", "The id of the project or cluster", &id, completing: .dynamic("ids"))
        parameters.option("--format", "FORMAT", "dotenv or json", &format, as: .oneOf)
        parameters.option(
            "--dialect", "DIALECT", "For dotenv: posix, python, node, direnv or systemd", &dialect,
            as: .oneOf)
        parameters.flag("-n --dry-run", "Print what would be done, and do nothing", &dryRun)
        parameters.flag("--allow-empty", "Let values have no bytes", &allowEmpty)
        options.declare(&parameters)
    }

    /// The longest file, in bytes; a transaction has at most 64 MiB too.
    private static let maxBytes = 64 << 20

    func run() throws(Failure) {
        guard let file else { throw Failure(.usage, "missing operand FILE") }
        guard let format else {
            throw Failure(.usage, "missing option '--format'", hint: "one of dotenv, json")
        }
        try Failure.refuseDialect(dialect, isDotenv: format == .dotenv)
        guard let scope = try SecretSelector(scope: scope, id: id).scope(options) else {
            throw Failure(.usage, "missing operand SCOPE")
        }
        // What is wrong with the file is said before anybody is asked for a passphrase.
        let text = try Content.fileOrStandardInput(
            file, options.passphrase, atMost: ImportSecrets.maxBytes)
        let assignments = try read(text, file)
        try refuseEmptyValues(assignments, file)
        if dryRun {
            let vault = try options.openForReading()
            let plan = try options.during { () throws(VaultError) in
                try Import(assignments, into: scope, of: vault)
            }
            return try Output.write(plan.entries.map { "\($0.name)\t\($0.effect.rawValue)\n" }.joined())
        }
        let plan = try options.change { vault throws(Failure) in
            try options.during { () throws(VaultError) in
                let plan = try Import(assignments, into: scope, of: vault)
                try plan.commit(assignments, to: vault)
                return plan
            }
        }
        options.common.confirm("Imported into \(scope.described): \(plan.words)")
    }

    private func read(_ text: borrowing SecretBuffer, _ file: String) throws(Failure) -> Assignments {
        do throws(UnreadableText) {
            return try text.withBytes { text throws(UnreadableText) in
                try Assignments.read(text, as: format == .json ? .json : .dotenv(dialect))
            }
        } catch {
            throw Failure(error, in: file, isJSON: format == .json)
        }
    }

    private func refuseEmptyValues(_ assignments: borrowing Assignments, _ file: String) throws(Failure) {
        guard !allowEmpty, let name = assignments.firstEmptyName else { return }
        let place = "\(file == "-" ? "standard input" : file): line \(assignments.line(of: name))"
        throw Failure(
            .usage, "\(place): the value of '\(name)' is empty; nothing was imported",
            hint: "add --allow-empty if that is meant")
    }
}

extension Import {
    fileprivate var words: String {
        let counts = [Effect.new, .replaced, .unchanged].map { effect in
            (entries.count { $0.effect == effect }, effect.rawValue)
        }
        return counts.map { "\($0) \($1)" }.joined(separator: ", ")
    }
}
