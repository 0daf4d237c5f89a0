internal import CommandSyntax
internal import ProgramEnvironment
internal import Settings
internal import Sodium
internal import VaultCore
internal import UserMessages

/// The command `vault export`.
struct ExportCommand: Command {
    var format: ExportArgument?
    var dialect: DotenvDialect?
    var output: String?
    var metadata = false
    var schema = false
    var filter = NameFilter()
    var allowedNames: [String] = []
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "export", usage: "--format FORMAT\n--schema [-o FILE]",
        summary: "Write the effective secrets for other programs",
        discussion: """
            The formats: json is one object that maps names to strings, or with --metadata to objects with the
            value and what 'vault describe' notes, which 'vault import' takes back. sh and fish are commands for these
            shells. docker is for 'docker run --env-file'. dotenv is lines of NAME=value, written so that all
            of the dialects below read them alike; with --dialect, they are written for one dialect, which can
            express more.

            The dialects: posix (a shell that reads the file with '.'), python (python-dotenv), node ('node
            --env-file'), direnv (its 'dotenv'), systemd (EnvironmentFile=).

            Each value is quoted so that the target program reads it back exactly. If a format cannot express
            a value exactly, nothing is written: the exit code is 11, and the error names the formats that
            can. If vault can start the program itself, prefer 'vault run': it can pass more values and leaves
            no file behind.

            What .vault.toml declares about the secrets applies as for 'vault run', except that those with
            'file = true' are left out. --schema writes what it declares as a .env.example, which contains no
            secrets, and needs no vault: see 'vault help toml'.

            Where a shell evaluates the output, names that change how programs load code (LD_*, PATH, …) need
            --allow-name, as for 'vault run'.

              eval "$(vault export --format sh)"
              vault export --format fish | source
              vault export --project web --format dotenv --dialect node -o .env
            """,
        advice: { kind, _ in
            guard kind == .tooManyOperands else { return nil }
            return "it takes the effective secrets: choose with --project ID, --cluster ID or --no-context"
        })

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option("--format", "FORMAT", "dotenv, json, sh, fish or docker", &format, as: .oneOf)
        parameters.option(
            "--dialect", "DIALECT", "For dotenv: posix, python, node, direnv or systemd", &dialect,
            as: .oneOf)
        parameters.option(
            "-o --output", "FILE", "Write to this file with mode 0600, replacing an existing one", &output,
            completing: .file)
        parameters.flag("--metadata", "For json: write what secrets are for, too", &metadata)
        parameters.flag("--schema", "Write an example file of what .vault.toml declares", &schema)
        filter.declare(&parameters)
        parameters.repeatable(
            "--allow-name", "K", "Let a secret set this variable even if it is dangerous", &allowedNames)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if schema { return try writeSchema() }
        let format = try checkedFormat()
        if let output { try Failure.refuseEmpty(output, "FILE") }
        let current = try CurrentContext(options.context, for: .all)
        let vault = try options.openForReading()
        let export = try vault.inOneState(options) { () throws(Failure) in
            try filledExport(as: format, from: vault, in: current)
        }
        try export.withText { text throws(Failure) in try Output.write(text, to: output) }
    }

    /// Writes what the project declares.
    private func writeSchema() throws(Failure) {
        let others = [
            ("--format", format != nil), ("--dialect", dialect != nil), ("--only", !filter.only.isEmpty),
            ("--except", !filter.except.isEmpty), ("--allow-name", !allowedNames.isEmpty),
            ("--metadata", metadata),
        ]
        if let (option, _) = others.first(where: \.1) {
            throw Failure(.usage, "--schema cannot be combined with \(option)")
        }
        if let output { try Failure.refuseEmpty(output, "FILE") }
        let contract = try CurrentContext(options.context, for: .contract).contract
        if contract.isEmpty { throw Failure(.other, "no \(ContextFile.name) declares secrets here") }
        try Output.write(Array(try ExampleFile.text(of: contract).utf8).span, to: output)
    }

    /// Returns the export of the effective secrets that are selected.
    private func filledExport(
        as format: ExportFormat, from vault: any Session, in current: CurrentContext
    ) throws(Failure) -> Export {
        let check = try options.check(current, in: vault, saysIfEmpty: true)
        try check.requireKept(hint: current.missingHint)
        let selected = try filter.selected(check.deliveries.map(\.name), orElse: "nothing was written")
        let passed = passed(check.deliveries(selected: selected), current.contract)
        // A shell evaluates these at once, as direnv does.
        if format == .sh || format == .fish {
            try ChildEnvironment.refuseDangerous(passed, allowing: allowedNames)
        }
        let secrets = passed.compactMap(\.secret)
        try options.noteExpired(among: secrets, in: vault)
        var export = try allocating(Export(as: format))
        let described = metadata ? try options.during(vault.metadata(among: secrets)) : [:]
        try vault.withValues(of: passed) { delivery, value throws(Failure) in
            let metadata = delivery.secret.flatMap { described[$0] }
            try inWords { () throws(SodiumError) in try export.add(delivery.variable, value, metadata) }
        }
        guard export.refused.isEmpty else {
            throw try refusal(passed.filter { export.refused.contains($0.variable) }, in: vault, format)
        }
        try allocating(export.finish())
        return export
    }

    /// Returns the deliveries that can be written, and says which others are left out.
    private func passed(
        _ deliveries: (passed: [Delivery], displaced: [(delivery: Delivery, by: String)]),
        _ contract: Contract
    ) -> [Delivery] {
        for (delivery, owner) in deliveries.displaced {
            Output.warn("'\(delivery.name)' is left out: '\(owner)' sets that variable in \(contract.path)")
        }
        let files = deliveries.passed.filter(\.isFile).map { "'\($0.name)'" }
        if !files.isEmpty, !options.common.quiet {
            Output.note("vault: left out: \(files.joined(separator: ", ")), which programs get as files")
        }
        return deliveries.passed.filter { !$0.isFile }
    }

    private func checkedFormat() throws(Failure) -> ExportFormat {
        guard let format else {
            throw Failure(
                .usage, "missing option '--format'", hint: "one of dotenv, json, sh, fish, docker")
        }
        try Failure.refuseDialect(dialect, isDotenv: format == .dotenv)
        if metadata, format != .json { throw Failure(.usage, "--metadata requires --format json") }
        return switch format {
        case .dotenv: .dotenv(dialect)
        case .json: .json
        case .sh: .sh
        case .fish: .fish
        case .docker: .docker
        }
    }

    /// Returns the error that names each secret that the format cannot express, and the formats that can.
    private func refusal(
        _ refused: [Delivery], in vault: any Session, _ format: ExportFormat
    ) throws(Failure) -> Failure {
        var words: [String] = []
        try vault.withValues(of: refused) { delivery, value throws(Failure) in
            let formats = try allocating(Export.formats(for: delivery.variable, value))
            let others = formats.map(\.words).joined(separator: ", ")
            words.append("'\(delivery.name)' (\(others.isEmpty ? "no format can" : "\(others) can"))")
        }
        return Failure(
            .notExpressible,
            "\(format.words) cannot express exactly: \(words.joined(separator: ", ")); nothing was written",
            hint:
                "leave it out with --except, choose another format, or pass it as 'vault help run' describes")
    }
}
