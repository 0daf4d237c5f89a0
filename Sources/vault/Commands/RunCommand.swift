internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Settings
internal import VaultCore
internal import UserMessages

/// The command `vault run`.
struct RunCommand: Command {
    var words: [String] = []
    var filter = NameFilter()
    var pristine = false
    var noAll = false
    var variables: [String] = []
    var variableFiles: [String] = []
    var memoryFiles: [String] = []
    var allowedNames: [String] = []
    var strict = false
    var dryRun = false
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "run", aliases: ["exec"], usage: "[--] CMD [ARG…]\n--dry-run [--json]",
        summary: "Run a program with the secrets in its environment",
        discussion: """
            vault replaces itself with CMD, so the terminal, the signals and the exit code are CMD's own.
            Options end at the first operand.

            The environment is made of these parts, where later ones override earlier ones: defaults that
            .vault.toml declares; the inherited environment; every effective secret whose name is a valid variable name; --env-file; --env. If the
            whole value of an inherited variable, or of one in --env-file or --env, is 'secret:NAME', it
            becomes the effective value of NAME; 'secret::TEXT' becomes 'secret:TEXT'. --file sets a variable
            to the path of a file that exists only in memory and contains the value, of any length. If
            anything prevents that, every problem is reported at once and nothing is started. Variables that
            hold a passphrase or name its source (VAULT_…PASSPHRASE…) are never passed on, wherever they come
            from.

            What the .vault.toml of the project declares about its secrets applies too: their types, defaults
            and variables; see 'vault help toml'. --dry-run starts nothing and prints what CMD would get:
            for each variable the secret, where the value comes from, and 'ok', 'missing', 'malformed' or 'not
            passed' with the reason; never a value. Variables that are merely inherited are not listed.

            Names that change how programs load code (LD_*, PATH, BASH_ENV, …) need --allow-name.

              vault run -- npm start
              vault run --dry-run
              vault run --file TLS_KEY_FILE=TLS_KEY -- nginx
              vault run --project web --no-all --env TOKEN=secret:API_TOKEN -- ./deploy

            Once CMD is started, the exit code is CMD's own. Before that, it is 126 if CMD cannot be executed,
            127 if it is not found, 125 where other commands exit with 1, and otherwise as in 'vault help
            exit-codes'.
            """,
        stopsAtFirstOperand: true)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operands("CMD", "The program and its arguments", &words, completing: .command)
        filter.declare(&parameters)
        parameters.flag(
            "--pristine", "Inherit only PATH, HOME, USER, TERM, LANG and TMPDIR", &pristine)
        parameters.flag("--no-all", "Pass only secrets that are referred to", &noAll)
        parameters.repeatable("--env", "K=V", "Set a variable", &variables)
        parameters.repeatable(
            "--env-file", "FILE", "Set the variables in this dotenv file",
            &variableFiles, completing: .file)
        parameters.repeatable(
            "--file", "K=NAME", "Set a variable to the path of a file in memory with the value of NAME",
            &memoryFiles)
        parameters.repeatable(
            "--allow-name", "K", "Let a secret set this dangerous variable", &allowedNames)
        parameters.flag("--strict", "Start nothing if a secret that is passed has expired", &strict)
        parameters.flag("-n --dry-run", "Print what the program would get, but start nothing", &dryRun)
        parameters.flag("--json", "Print JSON, with --dry-run", &json)
        options.declare(&parameters)
    }

    var verbatimArguments: Int { words.count }

    func run() throws(Failure) {
        do throws(Failure) {
            try start()
        } catch {
            var failure = error
            if failure.code == .other { failure.code = .runFailed }
            throw failure
        }
    }

    private func start() throws(Failure) {
        if words.isEmpty, !dryRun {
            throw Failure(.usage, "missing operand CMD", hint: "see 'vault help run'")
        }
        if json, !dryRun { throw Failure(.usage, "--json requires --dry-run") }
        for variable in variables where !RunCommand.isAssignment(variable) {
            throw Failure(.usage, "--env takes NAME=VALUE")
        }
        let memoryFiles = try parsedMemoryFiles()
        let current = try CurrentContext(options.context, for: .all)
        let files = try variableFiles.map { path throws(Failure) in
            try VariableFile(path, options.passphrase)
        }
        let vault = try options.openForReading()
        let environment = try vault.inOneState(options) { () throws(Failure) in
            try childEnvironment(from: vault, in: current, files, memoryFiles)
        }
        if dryRun { try RunCommand.show(environment.plan, asJSON: json) }
        try environment.checkReady(silently: json)
        try options.noteExpired(among: environment.secrets, in: vault, refusing: strict)
        if dryRun { return }

        let first = CurrentProcess.arguments().words.count - words.count
        let error = try environment.become(argumentsFrom: first)
        switch error {
        case .noSuchFile, .notDirectory: throw Failure(.notFound, "\(words[0]): not found")
        case .tooLong:
            let names = environment.namesBySize
            let list = names.isEmpty ? "" : "; the secrets in it by size: " + names.joined(separator: ", ")
            throw Failure(
                .notExpressible, "the environment is too long for the system" + list,
                hint: "use --only or --except")
        // `Errno` has a case of the same name, so the type of the exit code is spelled out.
        default: throw Failure(ExitCode.notExecutable, "\(words[0]): \(error)")
        }
    }

    /// Returns the environment that the program gets.
    private func childEnvironment(
        from vault: any Session, in current: CurrentContext, _ files: [VariableFile],
        _ memoryFiles: [MemoryFile]
    ) throws(Failure) -> ChildEnvironment {
        let check = try options.check(current, in: vault, saysIfEmpty: !noAll)
        var environment = try ChildEnvironment(vault: vault, check: check, hint: current.missingHint)
        try environment.inherit(pristine: pristine)
        let names = check.deliveries.map(\.name)
        let selected = noAll ? [] : try filter.selected(names, orElse: "nothing was started")
        try environment.add(
            selected, orElse: noAll ? "--no-all" : "left out by --only or --except", allowing: allowedNames)
        for file in files { try environment.assign(all: file.assignments) }
        for variable in variables { try environment.assign(variable) }
        for file in memoryFiles { try environment.addFile(file.variable, of: file.secret) }
        return environment
    }

    private static func show(_ plan: [PlannedVariable], asJSON json: Bool) throws(Failure) {
        if json { return try Output.write(JSON.document([("variables", .array(plan.map(\.json)))])) }
        var table = Table("VARIABLE", "SECRET", "FROM", "STATE")
        var lines = ""
        for row in plan {
            let cells = [row.variable, row.source.name ?? "", row.source.text, row.state.text]
            table.add(cells[0], cells[1], cells[2], cells[3])
            // The name of an inherited variable can have tabs and line breaks.
            lines += cells.map { Output.visible($0) }.joined(separator: "\t") + "\n"
        }
        try Output.write(Output.isTerminal ? table.text : lines)
    }

    /// What `--file` asks for: a variable and the secret whose value its file contains.
    private typealias MemoryFile = (variable: String, secret: String)

    /// Returns the variables and secrets of `--file`, each of which must set a variable of its own.
    private func parsedMemoryFiles() throws(Failure) -> [MemoryFile] {
        var taken = Set(variables.map { String($0.prefix { $0 != "=" }) })
        return try memoryFiles.map { file throws(Failure) in
            let parts = file.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            guard parts.count == 2, SecretID.isVariableName(parts[0]), SecretID.isValidName(parts[1]) else {
                throw Failure(.usage, "--file takes VARIABLE=NAME")
            }
            guard taken.insert(parts[0]).inserted else {
                throw Failure(.usage, "the variable \(parts[0]) is set twice")
            }
            return (parts[0], parts[1])
        }
    }

    private static func isAssignment(_ text: String) -> Bool {
        guard let equals = text.firstIndex(of: "=") else { return false }
        return SecretID.isVariableName(String(text[..<equals]))
    }
}

/// The content of an `--env-file`; a class, since an array cannot hold values that cannot be copied.
private final class VariableFile {
    let assignments: Assignments

    init(_ path: String, _ passphrase: PassphraseOptions) throws(Failure) {
        assignments = try Assignments.read(
            file: path, as: .dotenv(nil), standardInputIsTaken: passphrase.isStandardInput,
            orElse: "nothing was started")
    }
}
