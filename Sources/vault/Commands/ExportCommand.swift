internal import CommandSyntax
internal import ProgramEnvironment
internal import Sodium
internal import VaultCore
internal import UserMessages

/// The command `vault export`.
struct ExportCommand: Command {
    var format: ExportArgument?
    var dialect: DotenvDialect?
    var output: String?
    var metadata = false
    var filter = NameFilter()
    var allowedNames: [String] = []
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "export", usage: "--format FORMAT",
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
        filter.declare(&parameters)
        parameters.repeatable(
            "--allow-name", "K", "Let a secret set this variable even if it is dangerous", &allowedNames)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let format = try checkedFormat()
        if let output { try Failure.refuseEmpty(output, "FILE") }
        let current = try CurrentContext(options.context, for: .all)
        let vault = try options.openForReading()
        let export = try vault.inOneState(options) { () throws(Failure) in
            try filledExport(as: format, from: vault, in: current)
        }
        try export.withText { text throws(Failure) in try Output.write(text, to: output) }
    }

    /// Returns the export of the effective secrets that are selected.
    private func filledExport(
        as format: ExportFormat, from vault: any Session, in current: CurrentContext
    ) throws(Failure) -> Export {
        let effective = try options.during(vault.effective(in: current.context))
        options.noteEmptyScopes(without: effective, of: current.context.scopes, in: vault)
        if effective.isEmpty, !options.common.quiet {
            Output.note("vault: no secrets in \(current.searched)")
        }
        try current.checkRequired(effective)
        let selected = try filter.selected(effective, orElse: "nothing was written")
        // A shell evaluates these at once, as direnv does.
        if format == .sh || format == .fish {
            try ChildEnvironment.refuseDangerous(selected.map(\.name), allowing: allowedNames)
        }
        try options.noteExpired(among: selected, in: vault)
        var export = try allocating(Export(as: format))
        let described = metadata ? try options.during(vault.metadata(among: selected)) : [:]
        var failure: SodiumError?
        try options.during { () throws(VaultError) in
            try vault.withValues(of: selected) { secret, value in
                do throws(SodiumError) {
                    if failure == nil { try export.add(secret.name, value, described[secret]) }
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw Failure(failure) }
        guard export.refused.isEmpty else {
            throw try refusal(export.refused, effective, in: vault, format)
        }
        try allocating(export.finish())
        return export
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
        _ names: [String], _ effective: [SecretID], in vault: any Session, _ format: ExportFormat
    ) throws(Failure) -> Failure {
        let secrets = effective.filter { names.contains($0.name) }
        let words = try secrets.map { secret throws(Failure) in
            let value = try options.during(vault.value(of: secret, version: 0))
            let formats = try value.withBytes { value throws(Failure) in
                try allocating(Export.formats(for: secret.name, value))
            }
            let others = formats.map(\.words).joined(separator: ", ")
            return "'\(secret.name)' (\(others.isEmpty ? "no format can" : "\(others) can"))"
        }
        return Failure(
            .notExpressible,
            "\(format.words) cannot express exactly: \(words.joined(separator: ", ")); nothing was written",
            hint:
                "leave it out with --except, choose another format, or pass it as 'vault help run' describes")
    }
}
