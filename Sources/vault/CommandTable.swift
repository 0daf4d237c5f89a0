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
        sharedOptions: VaultOptions.parameters.outlines,
        sections: [
            Section(
                "Secrets",
                [
                    Verb(named: ["set"], SetSecret.syntax, run),
                    Verb(named: ["get", "show"], Get.syntax, run),
                    Verb(named: ["list", "ls"], List.syntax, run),
                    Verb(named: ["delete", "rm", "remove", "unset"], Delete.syntax, run),
                    Verb(named: ["edit"], Edit.syntax, run),
                    Verb(named: ["copy", "cp"], CopySecret.copySyntax, run),
                    Verb(named: ["move", "mv"], CopySecret.moveSyntax, run),
                ]),
            Section(
                "Using them",
                [
                    Verb(named: ["run", "exec"], Run.syntax, run),
                    Verb(named: ["inject"], Inject.syntax, run),
                    Verb(named: ["export"], ExportSecrets.syntax, run),
                    Verb(named: ["import"], ImportSecrets.syntax, run),
                    Verb(named: ["explain"], Explain.syntax, run),
                    Verb(named: ["trust"], Trust.syntax, run),
                    Verb(named: ["web"], Web.syntax, run),
                ]),
            Section(
                "The past",
                [
                    Verb(named: ["history"], History.syntax, run), Verb(named: ["undo"], Undo.syntax, run),
                    Verb(named: ["purge"], PurgeVersions.syntax, run),
                ]),
            Section(
                "The vault",
                [
                    Verb(named: ["init"], Init.syntax, run), Verb(named: ["unlock"], Unlock.syntax, run),
                    Verb(named: ["lock"], Lock.syntax, run), Verb(named: ["status"], Status.syntax, run),
                    Verb(named: ["passwd"], Passwd.syntax, run), Verb(named: ["rekey"], Rekey.syntax, run),
                    Verb(named: ["recovery-key"], MakeRecoveryKey.syntax, run),
                ]),
            Section(
                "The file",
                [
                    Verb(named: ["backup"], MakeBackup.syntax, run),
                    Verb(named: ["restore"], Restore.syntax, run),
                    Verb(named: ["compact"], Compact.syntax, run), Verb(named: ["check"], Check.syntax, run),
                    Verb(named: ["salvage"], SalvageFile.syntax, run),
                    Verb(named: ["accept"], Accept.syntax, run),
                    Verb(named: ["diff"], Diff.syntax, run), Verb(named: ["merge"], MergeCopy.syntax, run),
                ]),
            Section(
                "Pages and shells",
                [
                    Verb(named: ["completions"], PrintCompletions.syntax, run),
                    Verb(named: ["complete"], Complete.syntax, run),
                    Verb(named: ["man"], PrintManual.syntax, run),
                    Verb(named: ["version"], Version.syntax, run),
                ]),
        ],
        topics: [HelpTopic.exitCodes, .environment, .unattended, .git, .migrate, .recipes])

    @Sendable private static func run(_ command: some Command) -> any Command { command }
}
