internal import CommandSyntax

/// What `vault help TOPIC` tells beside the commands.
extension HelpTopic {
    static let exitCodes = HelpTopic(
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
               13  the file is older than what this machine last saw, has diverged from it, cannot prove that it contains it,
                   has keys that were replaced, or is another vault; a merge would take newer keys unasked

            Where a command line has --json, an error is JSON on standard error: {"schema":1,"error":{"code","message","hint"}}, without \
            "hint" where there is none.

            'vault run' ends with the program's own code; before it starts, 125 stands for 1, and 126 means that the program \
            cannot be executed, 127 that it was not found.
            """)

    static let environment = HelpTopic(
        name: "environment", summary: "Which variables and files are read",
        text: """
            The vault file: --vault, else VAULT_FILE, else ${XDG_DATA_HOME:-~/.local/share}/vault/default.vault.

            The context, each id on its own: --project and --cluster, else VAULT_PROJECT and VAULT_CLUSTER, else project \
            and cluster in the nearest .vault.toml in this directory or above. --no-context ignores the last two.

            .vault.toml may have the keys project and cluster (strings) and require (an array of names without which 'vault run', \
            'vault export' and 'vault inject' do nothing). It counts once it is trusted as it is: see 'vault help trust'. A command that would take \
            anything from one that is not asks at a terminal, and stops elsewhere (exit code 2). One that others can write, that belongs to neither you nor \
            root, cannot be read or is damaged stops it everywhere. No trust is needed with --no-context, nor where options or variables name \
            both ids, unless the command looks for what it requires.

            The passphrase, when nobody shall be asked: --passphrase-fd, --passphrase-file or --passphrase-command, else \
            VAULT_PASSPHRASE_FILE, VAULT_PASSPHRASE_COMMAND, VAULT_PASSPHRASE. For a new vault first --new-passphrase-fd, \
            --new-passphrase-file, --new-passphrase-command, then VAULT_NEW_PASSPHRASE_FILE and VAULT_NEW_PASSPHRASE_COMMAND. \
            One final newline is not part of it. Programs that vault starts never see these variables.
            """)

    static let unattended = HelpTopic(
        name: "unattended", summary: "Machines without a person: key files, commands, and what each protects",
        text: """
            Nobody is there to type a passphrase, so it comes from somewhere, and whoever reaches that place and the vault can open \
            it. What protects it is what keeps the two apart.

            A key file is a passphrase that nobody has to remember; any file of 1 to 1,024 bytes that only you can read. It protects \
            the copies of the vault that leave the machine: backups, a synchronised directory, a repository. It does not protect against \
            somebody who has the machine's disk or your account, unless the file lies on a medium of its own.

                (umask 077; head -c 32 /dev/urandom | base64 >~/vault.key)
                vault init --passphrase-file ~/vault.key --recovery-key
                vault unlock --passphrase-file ~/vault.key

            A command protects as much as what it asks: a TPM, so that the disk alone opens nothing; another machine, which can refuse; \
            a password manager that is unlocked. What it prints is the passphrase.

                export VAULT_PASSPHRASE_COMMAND='systemd-creds decrypt ~/vault.cred -'
                export VAULT_PASSPHRASE_COMMAND='ssh keys.example cat vault.key'

            A descriptor leaves nothing on disk at all; a supervisor hands the passphrase over: --passphrase-fd 3.

            The variable VAULT_PASSPHRASE is for builds that offer nothing else: each of your processes can read it, and so can \
            what those start, but for the programs that vault starts.

            In each case 'vault unlock' once and then no passphrase at hand is better than a passphrase at hand all the time: an agent \
            can be locked, and hands out no key.
            """)

    static let git = HelpTopic(
        name: "git", summary: "A vault in a git repository: merge it, and see what changed",
        text: """
            A vault is one file, so a repository can carry it from machine to machine. Where two of them changed it, git calls 'vault merge', \
            and both keep what they set. In the repository, once:

                echo '*.vault -text merge=vault diff=vault' >>.gitattributes

            (-text keeps a rule such as '* text eol=crlf' from changing bytes of it.)

            On each machine, once for the repository (or --global):

                git config merge.vault.name 'union of two vaults'
                git config merge.vault.driver 'vault merge --vault %P --into %A %B'
                git config diff.vault.textconv 'vault diff --vault NAME.vault --textconv'

            where NAME.vault is the vault's path in the repository. 'vault --vault NAME.vault unlock' before: then neither asks for anything. \
            'git diff' and 'git log -p' show which secrets were set or deleted, and when; never a value. While the vault is locked they \
            ask at a terminal, and stop with an error elsewhere; --no-textconv leaves vaults out.

            If the driver cannot merge, git reports a conflict, and the file is yours: while the vault is locked and there is no terminal to ask at; and \
            where the keys were changed on the other side ('vault passwd' or 'vault rekey' there), since whoever once had the old ones can make \
            such a commit. By hand, with --take-keys if the keys were changed by you:

                git show :3:NAME.vault >theirs
                vault merge --vault NAME.vault theirs --other-passphrase-file FILE --take-keys
                git add NAME.vault; rm theirs

            Where a branch renames the vault, git calls the driver with the new name, under which the agent of a machine that has the old one does not \
            know it: a conflict, with your file under the new name. Unlock that, 'vault --vault NEW.vault unlock', and merge by hand as above; or, \
            before the merge, rename it here too ('git mv', 'git commit') and unlock it. On each machine the name in diff.vault.textconv changes with it.

            A branch that was checked out can hold an older state than this machine last saw, or one that has diverged, which vault does not use \
            (exit code 13) until 'vault accept'. Old commits hold old states for ever, purged versions too, and the passphrase of that time opens \
            them.
            """)

    static let migrate = HelpTopic(
        name: "migrate", summary: "How to come from Gradient, .env files, pass, KeePass, 1Password",
        text: """
            From a .env file; look first at what would be done:

                vault import project --id web --format dotenv --dry-run .env
                vault import project --id web --format dotenv .env

            If a line is refused because programs read it differently, say whose file it is with --dialect. When all is there, \
            let 'vault run -- CMD' take the place of the file, and delete it.

            From pass, the first line of each entry; what cannot stand in a name becomes an underscore:

                cd ~/.password-store && find * -name '*.gpg' | while read -r f; do pass show "${f%.gpg}" </dev/null | head -n 1 | vault set team "$(printf %s "${f%.gpg}" | tr -c 'A-Za-z0-9_.-' _)"; done

            From the CSV file that KeePassXC or 1Password exports, with columns Title and Password (of KeePass 2 the first is \
            Account). Two entries of one title are refused, so that none is lost:

                python3 -c 'import csv, json, re, sys; print("{" + ",\\n".join(json.dumps(re.sub("[^A-Za-z0-9_.-]", "_", row["Title"])) + ":" + json.dumps(row["Password"]) for row in csv.DictReader(sys.stdin)) + "}")' <export.csv | vault import team --format json -

            Delete such a file when the vault has what you need: it is plain text.

            From Gradient, whose service has ended: in a script put 'vault' where 'gradient' stood, and start its programs \
            with 'vault run', which fills in variables whose value is 'secret:NAME'. What the service held can no longer be had.

                vault secrets set project --id web --name=API_KEY --value="$API_KEY"
            """)

    static let recipes = HelpTopic(
        name: "recipes", summary: "direnv, sudo, and other programs that take secrets",
        text: """
            direnv: in .envrc, secrets for the directory, as long as the vault is unlocked:

                eval "$(vault export --format sh)"

            If a .vault.toml says which project that is, 'vault trust' it once, as you 'direnv allow' the .envrc.

            A build server trusts what it checks out, or names the project itself:

                vault run --no-context --project web -- make deploy

            sudo hands on no variables but those that are named. Do not put vault behind sudo: root has another vault.

                vault run -- sudo --preserve-env=API_KEY command

            A program that wants a file gets one that lies in memory alone:

                vault run --file TLS_KEY_FILE=TLS_KEY -- sh -c 'openssl pkey -in "$TLS_KEY_FILE" -noout'
            """)
}
