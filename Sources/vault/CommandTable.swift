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
                ]),
            Section(
                "The past",
                [Verb(named: ["history"], History.syntax, run), Verb(named: ["undo"], Undo.syntax, run)]),
            Section(
                "The vault",
                [
                    Verb(named: ["init"], Init.syntax, run), Verb(named: ["unlock"], Unlock.syntax, run),
                    Verb(named: ["lock"], Lock.syntax, run), Verb(named: ["status"], Status.syntax, run),
                ]),
            Section(
                "The file",
                [
                    Verb(named: ["backup"], MakeBackup.syntax, run),
                    Verb(named: ["restore"], Restore.syntax, run),
                    Verb(named: ["compact"], Compact.syntax, run), Verb(named: ["check"], Check.syntax, run),
                    Verb(named: ["salvage"], SalvageFile.syntax, run),
                    Verb(named: ["accept"], Accept.syntax, run),
                ]),
            Section(
                "Pages and shells",
                [
                    Verb(named: ["completions"], PrintCompletions.syntax, run),
                    Verb(named: ["complete"], Complete.syntax, run),
                    Verb(named: ["man"], PrintManual.syntax, run),
                ]),
        ],
        topics: [exitCodes, environment])

    @Sendable private static func run(_ command: some Command) -> any Command { command }

    private static let exitCodes = HelpTopic(
        name: "exit-codes", summary: "What the exit codes mean",
        text: """
            The exit codes are stable:

                0  done
                1  any other failure
                2  usage
                3  cancelled by the user
                4  locked, and nobody to ask
                5  wrong passphrase
                6  no vault there
                7  busy: waited too long for another writer, or for another derivation of a key
                8  damaged, tampered with, an incomplete copy, an unsupported version, refused KDF parameters
                9  no such secret
               10  check found something
               11  a value cannot be expressed in that format
               12  a required secret or reference is missing
               13  the file is older than what this machine last saw, or another vault now lies at that path

            'vault run' ends with the program's own code; before it starts, 125 stands for 1, and 126 means that the program \
            cannot be executed, 127 that it was not found.
            """)

    private static let environment = HelpTopic(
        name: "environment", summary: "Which variables and files are read",
        text: """
            The vault file: --vault, else VAULT_FILE, else ${XDG_DATA_HOME:-~/.local/share}/vault/default.vault.

            The context, each id on its own: --project and --cluster, else VAULT_PROJECT and VAULT_CLUSTER, else project \
            and cluster in the nearest .vault.toml in this folder or above. --no-context ignores the last two.

            .vault.toml may have the keys project and cluster (strings) and require (an array of names without which 'vault run' \
            does not start). It is ignored, with a warning, if it cannot be read, or unless it is yours or root's and nobody else \
            can write it.

            The passphrase, when nobody shall be asked: --passphrase-fd, --passphrase-file or --passphrase-command, else \
            VAULT_PASSPHRASE_FILE, VAULT_PASSPHRASE_COMMAND, VAULT_PASSPHRASE. For a new vault first --new-passphrase-fd, \
            --new-passphrase-file, --new-passphrase-command, then VAULT_NEW_PASSPHRASE_FILE and VAULT_NEW_PASSPHRASE_COMMAND. \
            One final newline is not part of it. Programs that vault starts never see these variables.
            """)
}
