internal import CommandSyntax

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
        sharedOptions: Parameters.declared { parameters in
            var options = VaultOptions()
            options.declare(&parameters)
        },
        sections: [
            section(
                "Secrets", SetCommand.self, GetCommand.self, ListCommand.self, DeleteCommand.self,
                EditCommand.self, CopyCommand.self, MoveCommand.self),
            section(
                "Using them", RunCommand.self, InjectCommand.self, ExportCommand.self, ImportCommand.self,
                ExplainCommand.self, TrustCommand.self, WebCommand.self),
            section("The past", HistoryCommand.self, UndoCommand.self, PurgeCommand.self),
            section(
                "The vault", InitCommand.self, UnlockCommand.self, LockCommand.self, StatusCommand.self,
                PasswdCommand.self, RekeyCommand.self, RecoveryKeyCommand.self),
            section(
                "The file", BackupCommand.self, RestoreCommand.self, CompactCommand.self, CheckCommand.self,
                SalvageCommand.self, AcceptCommand.self, DiffCommand.self, MergeCommand.self),
            section(
                "Pages and shells", CompletionsCommand.self, CompleteCommand.self, ManCommand.self,
                VersionCommand.self),
        ],
        topics: [HelpTopic.exitCodes, .environment, .unattended, .git, .migrate, .recipes])

    private static func section(_ title: String, _ commands: any Command.Type...) -> Section<any Command> {
        Section(title, commands.map { verb($0) })
    }

    private static func verb(_ command: (some Command).Type) -> Verb<any Command> { Verb(command) { $0 } }
}
