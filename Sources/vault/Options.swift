internal import CommandSyntax
internal import ProgramEnvironment
internal import Settings
internal import UserMessages

/// A scope as the command line spells it.
enum ScopeArgument: String, CaseIterable, Sendable {
    case team, project, cluster
}

/// The options of every verb.
struct CommonOptions: Sendable {
    var vault: String?
    var quiet = false
    /// Declared for help and parser; ``Main`` looks for the option itself, since it holds for every prompt.
    var noInput = false

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option("--vault", "FILE", "Use this vault file", &vault, completing: .file)
        parameters.flag("-q --quiet", "Print no confirmations, nor the scope that is used", &quiet)
        parameters.flag("--no-input", "Never ask anything; fail instead", &noInput)
    }
}

/// The options that name a source for a passphrase, so that nobody is asked for it.
struct PassphraseOptions: Sendable {
    /// The passphrase that the options are about.
    enum Role: Sendable {
        case current, new
        /// The one of another file, if it differs from the vault's.
        case other
    }

    var descriptor: Int?
    var file: String?
    var command: String?
    private let role: Role

    init(_ role: Role = .current) { self.role = role }

    /// True if any is given; for the current passphrase, the file is then opened without the agent.
    var isGiven: Bool { descriptor != nil || file != nil || command != nil }

    /// True if the passphrase comes from standard input.
    var isStandardInput: Bool { descriptor == 0 }

    /// A hint to use these options.
    var hint: Hint { "give \(prefix)-file, \(prefix)-command or \(prefix)-fd" }

    mutating func declare(_ parameters: inout Parameters) {
        let passphrase =
            switch role {
            case .current: "the passphrase"
            case .new: "the new passphrase"
            case .other: "the other file's passphrase"
            }
        parameters.option(
            prefix + "-fd", "N", "Read " + passphrase + " from this file descriptor", &descriptor,
            as: .number(in: 0...65535))
        parameters.option(
            prefix + "-file", "FILE", "Read " + passphrase + " from this file", &file, completing: .file)
        parameters.option(
            prefix + "-command", "CMD", "Use the output of this shell command as " + passphrase, &command,
            completing: .command)
    }

    /// The source that is given; nil if there is none.
    func source() throws(Failure) -> Passphrase.Source? {
        let given: [Passphrase.Source] = [
            descriptor.map { .descriptor($0) }, file.map { .file($0) }, command.map { .command($0) },
        ].compactMap { $0 }
        if given.count > 1 { throw Failure(.usage, "only one of the \(prefix) options can be given") }
        return given.first
    }

    private var prefix: String {
        switch role {
        case .current: "--passphrase"
        case .new: "--new-passphrase"
        case .other: "--other-passphrase"
        }
    }
}

extension ContextOptions {
    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "-p --project", "ID", "Use this project", &project, completing: .dynamic("projects"))
        parameters.option(
            "-c --cluster", "ID", "Use this cluster", &cluster, completing: .dynamic("clusters"))
        parameters.flag("--no-context", "Ignore VAULT_PROJECT, VAULT_CLUSTER and .vault.toml", &noContext)
    }
}

/// The options of every verb that opens the vault.
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

/// A secret or scope as most verbs take it: SCOPE, NAME and `--id`.
struct SecretSelector: Sendable {
    var scope: ScopeArgument?
    var name: String?
    var id: String?

    /// The ways in which a command can take the NAME.
    enum Presence { case required, optional, absent }

    /// Explains an id among the operands, as in `set project web NAME`, and a SCOPE after the NAME.
    static let advice: CommandInfo.Advice = { kind, words in
        if kind == .noChoice,
            let scope = words.dropFirst().first(where: { ScopeArgument(rawValue: $0) != nil })
        {
            return "the SCOPE precedes the NAME: \(scope)\(scope == "team" ? "" : " --id ID") NAME"
        }
        guard kind == .tooManyOperands, words.contains("project") || words.contains("cluster"),
            !words.contains("--id")
        else { return nil }
        return "an id follows --id: project --id ID, or cluster --id ID"
    }

    /// Declares SCOPE, NAME and `--id`.
    ///
    /// - Parameters:
    ///   - isNameFirst: true if a single operand is always a NAME, even `team`.
    ///   - completion: the kind of names that a shell offers: see ``CompleteCommand``.
    mutating func declare(
        _ parameters: inout Parameters, name: Presence, isNameFirst: Bool = false,
        completing completion: Completion = .dynamic("names")
    ) {
        parameters.operand(
            "SCOPE", "team, project or cluster; by default from the context", &scope, as: .oneOf,
            claimsChoices: !isNameFirst)
        if name != .absent {
            parameters.operand(
                "NAME", "The name of the secret", &self.name, isRequired: name == .required,
                completing: completion)
            parameters.option(
                "--name", "NAME", "The same as the operand", &self.name, completing: completion,
                insteadOf: "NAME")
        }
        parameters.option("--id", "ID", "The id of the project or cluster", &id, completing: .dynamic("ids"))
    }
}
