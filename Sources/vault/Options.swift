internal import CommandSyntax

/// The word for a scope on the command line.
enum ScopeWord: String, CaseIterable, Sendable {
    case team, project, cluster
}

/// What every verb takes.
struct CommonOptions: Sendable {
    var vault: String?
    var quiet = false

    static let parameters: Parameters<CommonOptions> = [
        .option("--vault", "FILE", "Use this vault file", \.vault, completing: .file),
        .flag("-q --quiet", "Print no confirmations", \.quiet),
    ]
}

/// Where the passphrase of an existing vault comes from when nobody is asked.
struct PassphraseOptions: Sendable {
    var descriptor: Int?
    var file: String?
    var command: String?

    /// Whether any is given, which opens the file directly.
    var isGiven: Bool { descriptor != nil || file != nil || command != nil }

    static let parameters: Parameters<PassphraseOptions> = [
        .option(
            "--passphrase-fd", "N", "Read the passphrase from this file descriptor", \.descriptor,
            as: .number(in: 0...65535)),
        .option("--passphrase-file", "FILE", "Read the passphrase from this file", \.file, completing: .file),
        .option(
            "--passphrase-command", "CMD", "Take what this shell command prints as the passphrase", \.command,
            completing: .command),
    ]
}

/// Where a new passphrase comes from when nobody is asked.
struct NewPassphraseOptions: Sendable {
    var descriptor: Int?
    var file: String?
    var command: String?

    static let parameters: Parameters<NewPassphraseOptions> = [
        .option(
            "--new-passphrase-fd", "N", "Read the new passphrase from this file descriptor", \.descriptor,
            as: .number(in: 0...65535)),
        .option(
            "--new-passphrase-file", "FILE", "Read the new passphrase from this file", \.file,
            completing: .file),
        .option(
            "--new-passphrase-command", "CMD", "Take what this shell command prints as the new passphrase",
            \.command, completing: .command),
    ]
}

/// Which project and cluster are meant.
struct ContextOptions: Sendable {
    var project: String?
    var cluster: String?
    var noContext = false

    static let parameters: Parameters<ContextOptions> = [
        .option("--project", "ID", "The project of the moment", \.project, completing: .dynamic("projects")),
        .option("--cluster", "ID", "The cluster of the moment", \.cluster, completing: .dynamic("clusters")),
        .flag("--no-context", "Ignore VAULT_PROJECT, VAULT_CLUSTER and .vault.toml", \.noContext),
    ]
}

/// What every verb that opens the vault takes.
struct VaultOptions: Sendable {
    var common = CommonOptions()
    var passphrase = PassphraseOptions()
    var context = ContextOptions()

    static let parameters: Parameters<VaultOptions> = [
        .options(ContextOptions.parameters, \.context, group: "Context"),
        .options(PassphraseOptions.parameters, \.passphrase, group: "Passphrase"),
        .options(CommonOptions.parameters, \.common, group: "Common options"),
    ]
}

/// SCOPE, NAME and `--id`, as most verbs take them.
struct Target: Sendable {
    var scope: ScopeWord?
    var name: String?
    var id: String?

    /// With a SCOPE that must be there.
    static let inScope: Parameters<Target> = [
        .operand("SCOPE", "team, project or cluster", \.scope, as: .oneOf, isRequired: true),
        nameOperand, nameOption, idOption,
    ]

    /// With a SCOPE that may be left out; a single operand is the NAME.
    static let anywhere: Parameters<Target> = [
        .operand("SCOPE", "team, project or cluster; else the context decides", \.scope, as: .oneOf),
        nameOperand, nameOption, idOption,
    ]

    /// With a SCOPE that must be there and a NAME that may be asked for.
    static let askingForName: Parameters<Target> = [
        .operand("SCOPE", "team, project or cluster", \.scope, as: .oneOf, isRequired: true),
        .operand("NAME", "The name of the secret", \.name, completing: .dynamic("names")),
        nameOption, idOption,
    ]

    /// With a SCOPE that may be left out, and no NAME.
    static let scopeOnly: Parameters<Target> = [
        .operand("SCOPE", "team, project or cluster; else the context decides", \.scope, as: .oneOf),
        idOption,
    ]

    private static let nameOperand: Parameters<Target> = .operand(
        "NAME", "The name of the secret", \.name, isRequired: true, completing: .dynamic("names"))
    private static let nameOption: Parameters<Target> = .option(
        "--name", "NAME", "The same as the operand", \.name, completing: .dynamic("names"), insteadOf: "NAME")
    private static let idOption: Parameters<Target> = .option(
        "--id", "ID", "The id of the project or cluster", \.id, completing: .dynamic("ids"))
}
