internal import CommandSyntax
internal import Platform

/// The commands of `vault`, from which the parser, the help, the manual page and the completions are made.
enum CommandTable {
    static let version = "0.1.0"

    static let program = Program<any Command>(
        name: "vault", summary: "Keep a developer's secrets in one encrypted file",
        discussion: """
            Each secret belongs to a scope: the team, a project or a cluster. If several scopes have a secret
            of the same name, the project's takes precedence, then the cluster's, then the team's.
            """,
        groupWords: ["secrets"],
        groupDiscussion: """
            'secrets' may stand before any command, as in scripts for Gradient: 'vault secrets set' does what
            'vault set' does, and confirms it with exactly Gradient's words. See 'vault help migrate'.
            """,
        everyday: "set get list delete edit run unlock lock status",
        synonym: { word in
            // Words of pass, gopass, op, bw, rbw, git, direnv and restic; none leads to a command that deletes.
            switch word {
            case "insert", "add", "create", "new", "put", "write", "store", "update": "set"
            case "generate", "gen": "set --generate"
            case "read", "view", "cat", "print": "get"
            case "clip": "get --copy"
            case "find", "search", "grep", "tree": "list"
            case "rename": "move"
            case "env", "start": "run"
            case "login", "signin", "open": "unlock"
            case "logout", "signout", "close": "lock"
            case "info": "status"
            case "allow": "trust"
            case "log", "versions": "history"
            case "revert": "undo"
            case "prune", "gc": "compact"
            case "verify": "check"
            case "settings": "config"
            default: nil
            }
        },
        sharedOptions: Parameters.declared { parameters in
            var options = VaultOptions()
            options.declare(&parameters)
        },
        sections: [
            Section(
                "Secrets",
                [
                    verb(SetCommand.self), verb(GetCommand.self), verb(ListCommand.self),
                    verb(DescribeCommand.self), verb(DeleteCommand.self), verb(EditCommand.self),
                    verb(CopyCommand.self),
                    verb(MoveCommand.self),
                ]),
            Section(
                "Using them",
                [
                    verb(RunCommand.self), verb(InjectCommand.self), verb(ExportCommand.self),
                    verb(ImportCommand.self), verb(ExplainCommand.self), verb(TrustCommand.self),
                    verb(WebCommand.self),
                ]),
            Section(
                "The past",
                [
                    verb(HistoryCommand.self), verb(UndoCommand.self), verb(PurgeCommand.self),
                ]),
            Section(
                "The vault",
                [
                    verb(InitCommand.self), verb(UnlockCommand.self), verb(LockCommand.self),
                    verb(StatusCommand.self), verb(PasswdCommand.self), verb(RekeyCommand.self),
                    verb(RecoveryKeyCommand.self),
                ]),
            Section(
                "The file",
                [
                    verb(BackupCommand.self), verb(RestoreCommand.self), verb(CompactCommand.self),
                    verb(CheckCommand.self), verb(SalvageCommand.self), verb(AcceptCommand.self),
                    verb(DiffCommand.self), verb(MergeCommand.self),
                ]),
            Section(
                "This program",
                [
                    verb(ConfigCommand.self), verb(DoctorCommand.self), verb(CompletionsCommand.self),
                    verb(CompleteCommand.self), verb(ManCommand.self), verb(VersionCommand.self),
                ]),
        ],
        topics: [HelpTopic.exitCodes, .environment, .toml, .unattended, .git, .migrate, .recipes])

    /// True if this process was called with a group word, as scripts of Gradient call it; their strings are then kept.
    static var isCalledAsGradient: Bool { program.groupWord(in: CurrentProcess.arguments().words) != nil }

    /// Each type is written out, so that its parser is compiled for it.
    private static func verb(_ command: (some Command).Type) -> Verb<any Command> { Verb(command) { $0 } }
}
