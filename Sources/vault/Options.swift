internal import CommandSyntax

/// The word for a scope on the command line.
enum ScopeWord: String, CaseIterable, Sendable {
    case team, project, cluster
}

/// What every verb takes.
struct CommonOptions: Sendable {
    var vault: String?
    var quiet = false

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option("--vault", "FILE", "Use this vault file", &vault, completing: .file)
        parameters.flag("-q --quiet", "Print no confirmations", &quiet)
    }
}

/// Where the passphrase of an existing vault comes from when nobody is asked.
struct PassphraseOptions: Sendable {
    var descriptor: Int?
    var file: String?
    var command: String?

    /// Whether any is given, which opens the file directly.
    var isGiven: Bool { descriptor != nil || file != nil || command != nil }

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--passphrase-fd", "N", "Read the passphrase from this file descriptor", &descriptor,
            as: .number(in: 0...65535))
        parameters.option(
            "--passphrase-file", "FILE", "Read the passphrase from this file", &file, completing: .file)
        parameters.option(
            "--passphrase-command", "CMD", "Take what this shell command prints as the passphrase", &command,
            completing: .command)
    }
}

/// Where a new passphrase comes from when nobody is asked.
struct NewPassphraseOptions: Sendable {
    var descriptor: Int?
    var file: String?
    var command: String?

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--new-passphrase-fd", "N", "Read the new passphrase from this file descriptor", &descriptor,
            as: .number(in: 0...65535))
        parameters.option(
            "--new-passphrase-file", "FILE", "Read the new passphrase from this file", &file,
            completing: .file)
        parameters.option(
            "--new-passphrase-command", "CMD", "Take what this shell command prints as the new passphrase",
            &command, completing: .command)
    }
}

/// Which project and cluster are meant.
struct ContextOptions: Sendable {
    var project: String?
    var cluster: String?
    var noContext = false

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--project", "ID", "The project of the moment", &project, completing: .dynamic("projects"))
        parameters.option(
            "--cluster", "ID", "The cluster of the moment", &cluster, completing: .dynamic("clusters"))
        parameters.flag("--no-context", "Ignore VAULT_PROJECT, VAULT_CLUSTER and .vault.toml", &noContext)
    }
}

/// What every verb that opens the vault takes.
struct VaultOptions: Sendable {
    var common = CommonOptions()
    var passphrase = PassphraseOptions()
    var context = ContextOptions()

    mutating func declare(_ parameters: inout Parameters) {
        parameters.group("Context") { context.declare(&$0) }
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }
}

/// SCOPE, NAME and `--id`, as most verbs take them.
struct SecretSelector: Sendable {
    var scope: ScopeWord?
    var name: String?
    var id: String?

    /// Whether an operand has to be there.
    enum Presence { case required, optional, absent }

    /// Declares SCOPE, NAME and `--id`.
    mutating func declare(_ parameters: inout Parameters, scope presence: Presence, name: Presence) {
        parameters.operand(
            "SCOPE",
            presence == .required
                ? "team, project or cluster" : "team, project or cluster; else the context decides",
            &scope, as: .oneOf, isRequired: presence == .required)
        if name != .absent {
            parameters.operand(
                "NAME", "The name of the secret", &self.name, isRequired: name == .required,
                completing: .dynamic("names"))
            parameters.option(
                "--name", "NAME", "The same as the operand", &self.name, completing: .dynamic("names"),
                insteadOf: "NAME")
        }
        parameters.option("--id", "ID", "The id of the project or cluster", &id, completing: .dynamic("ids"))
    }
}
