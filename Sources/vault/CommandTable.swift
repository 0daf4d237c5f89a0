internal import CommandSyntax

/// The one table of the command line: parser, help and whatever else is drawn from it read this.
enum CommandTable {
    static let version = "0.1.0"

    static let program = Program<any Command>(
        name: "vault", summary: "Keep a developer's secrets in one encrypted file",
        discussion: """
            Secrets live in scopes: the team, any number of projects, any number of clusters. Where a name stands in \
            several, the project's applies, else the cluster's, else the team's.
            """,
        groupWords: ["secrets"],
        sharedOptions: Parameters.declared { parameters in
            var options = VaultOptions()
            options.declare(&parameters)
        },
        sections: [
            Section(
                "Secrets",
                [
                    Verb(SetSecret.self, run),
                    Verb(Get.self, run),
                    Verb(List.self, run),
                    Verb(Delete.self, run),
                    Verb(Edit.self, run),
                    Verb(CopySecret.self, run),
                    Verb(MoveSecret.self, run),
                ]),
            Section(
                "Using them",
                [
                    Verb(Run.self, run),
                    Verb(Inject.self, run),
                    Verb(ExportSecrets.self, run),
                    Verb(ImportSecrets.self, run),
                    Verb(Explain.self, run),
                    Verb(Trust.self, run),
                    Verb(Web.self, run),
                ]),
            Section(
                "The past",
                [
                    Verb(History.self, run), Verb(Undo.self, run),
                    Verb(PurgeVersions.self, run),
                ]),
            Section(
                "The vault",
                [
                    Verb(Init.self, run), Verb(Unlock.self, run),
                    Verb(Lock.self, run), Verb(Status.self, run),
                    Verb(Passwd.self, run), Verb(Rekey.self, run),
                    Verb(MakeRecoveryKey.self, run),
                ]),
            Section(
                "The file",
                [
                    Verb(MakeBackup.self, run),
                    Verb(Restore.self, run),
                    Verb(Compact.self, run), Verb(Check.self, run),
                    Verb(SalvageFile.self, run),
                    Verb(Accept.self, run),
                    Verb(Diff.self, run), Verb(MergeCopy.self, run),
                ]),
            Section(
                "Pages and shells",
                [
                    Verb(PrintCompletions.self, run),
                    Verb(Complete.self, run),
                    Verb(PrintManual.self, run),
                    Verb(Version.self, run),
                ]),
        ],
        topics: [HelpTopic.exitCodes, .environment, .unattended, .git, .migrate, .recipes])

    @Sendable private static func run(_ command: some Command) -> any Command { command }
}
