internal import CommandSyntax

/// The help topics other than commands.
extension HelpTopic {
    static let exitCodes = HelpTopic(
        name: "exit-codes", summary: "The meaning of each exit code",
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

            With --json, an error is JSON on standard error: {"schema":1,"error":{"code","message","hint"}}; "hint" is \
            optional.

            'vault run' ends with the exit code of the program. If the program does not start, code 125 replaces 1; 126 means \
            that it cannot be executed, 127 that it was not found.
            """)

    static let environment = HelpTopic(
        name: "environment", summary: "The variables and files that vault reads",
        text: """
            The vault file: --vault, else VAULT_FILE, else vault in config.toml (see 'vault help config'), else ${XDG_DATA_HOME:-~/.local/share}/vault/default.vault.

            The context, each id on its own: --project and --cluster, else VAULT_PROJECT and VAULT_CLUSTER, else project \
            and cluster in the nearest .vault.toml in this directory or above. --no-context ignores the last two.

            .vault.toml may have the keys project and cluster (strings) and require (an array of names without which 'vault run', \
            'vault export' and 'vault inject' do nothing). It takes effect once you trust its content: see 'vault help trust'. A command \
            that would use an untrusted file asks on a terminal, and otherwise stops (exit code 2). A file that others can write, that \
            belongs to neither you nor root, or that cannot be read or parsed always stops it. No trust is needed with --no-context, nor if options \
            or variables give both ids, unless the command checks the required names.

            The passphrase, without a prompt: --passphrase-fd, --passphrase-file or --passphrase-command, else \
            VAULT_PASSPHRASE_FILE, VAULT_PASSPHRASE_COMMAND, VAULT_PASSPHRASE. For a new vault first --new-passphrase-fd, \
            --new-passphrase-file, --new-passphrase-command, then VAULT_NEW_PASSPHRASE_FILE and VAULT_NEW_PASSPHRASE_COMMAND. \
            One final newline is removed. Programs that vault starts never see these variables.

            Without a source, a command asks for the passphrase on the terminal and opens the vault for itself alone. With \
            VAULT_AUTO_UNLOCK=1, or auto_unlock = true in config.toml, it unlocks the vault instead, as 'vault unlock' does.

            'vault edit' reads VISUAL, EDITOR and XDG_RUNTIME_DIR; 'vault get --copy' reads WAYLAND_DISPLAY, DISPLAY, SSH_TTY, SSH_CONNECTION, TERM, \
            TMUX and STY.

            NO_COLOR, and TERM=dumb, make messages plain unless color in config.toml is "always"; 'vault help config' has the other \
            settings.

            --no-input, or VAULT_NO_INPUT with a value that is not empty, forbids all questions: what would be asked for fails instead.
            """)

    static let unattended = HelpTopic(
        name: "unattended", summary: "Use without a person: key files, commands and what they protect",
        text: """
            If nobody can type a passphrase, it comes from a file or a command. Whoever can read that source and the vault can open \
            the vault, so the two must be kept apart.

            A key file is a passphrase that nobody has to remember: any file of 1 to 1,024 bytes that only you can read. It protects \
            copies of the vault that leave the machine: backups, a synchronised directory, a repository. It does not protect against \
            somebody who has the machine's disk or your account, unless the file is on a separate medium.

                (umask 077; head -c 32 /dev/urandom | base64 >~/vault.key)
                vault init --passphrase-file ~/vault.key --recovery-key
                vault unlock --passphrase-file ~/vault.key

            A command protects as well as the service that it asks: a TPM, so that the disk alone opens nothing; another machine, which \
            can refuse; or an unlocked password manager. Its output is the passphrase.

                export VAULT_PASSPHRASE_COMMAND='systemd-creds decrypt ~/vault.cred -'
                export VAULT_PASSPHRASE_COMMAND='ssh keys.example cat vault.key'

            A file descriptor leaves nothing on disk: a supervisor passes the passphrase with --passphrase-fd 3.

            The variable VAULT_PASSPHRASE is for build servers that offer nothing else: each of your processes can read it, and so can \
            their children, except programs that vault starts.

            It is better to run 'vault unlock' once and then remove the passphrase than to keep it available: an agent can be locked, \
            and never gives its key away.
            """)

    static let git = HelpTopic(
        name: "git", summary: "A vault in a git repository: merge it, and see what changed",
        text: """
            A repository can carry a vault, which is one file, between machines. If two of them changed it, git calls 'vault merge', \
            which keeps the changes of both. Once in the repository:

                echo '*.vault -text merge=vault diff=vault' >>.gitattributes

            (-text prevents a rule such as '* text eol=crlf' from changing its bytes.)

            Once on each machine, for the repository (or --global):

                git config merge.vault.name 'union of two vaults'
                git config merge.vault.driver 'vault merge --vault %P --into %A %B'
                git config diff.vault.textconv 'vault diff --vault NAME.vault --textconv'

            where NAME.vault is the vault's path in the repository. Run 'vault --vault NAME.vault unlock' first, so that neither needs a \
            passphrase. 'git diff' and 'git log -p' show which secrets were set or deleted, and when; never a value. While the vault is \
            locked they ask on a terminal, and otherwise fail; --no-textconv leaves vaults out.

            If the driver cannot merge, git reports a conflict and leaves your file. This happens while the vault is locked and there is no \
            terminal, and if the keys were changed on the other side ('vault passwd' or 'vault rekey' there), since anyone who once had the \
            old keys can make such a commit. To merge by hand (omit --take-keys unless you changed the keys):

                git show :3:NAME.vault >theirs
                vault merge --vault NAME.vault theirs --other-passphrase-file FILE --take-keys
                git add NAME.vault; rm theirs

            If a branch renames the vault, git calls the driver with the new name, which the agent does not know: a conflict, with your \
            file under the new name. Unlock that with 'vault --vault NEW.vault unlock' and merge by hand as above. Or, before the merge, \
            rename it here too ('git mv', 'git commit') and unlock it. On each machine, change the name in diff.vault.textconv too.

            If you check out a branch with an older state than this machine last saw, or one that has diverged, vault does not use \
            it (exit code 13) until 'vault accept'. Old commits keep old states forever, including purged versions, and the passphrase of \
            that time opens them.
            """)

    static let migrate = HelpTopic(
        name: "migrate", summary: "Moving from Gradient, .env files, pass, KeePass, 1Password",
        text: """
            From a .env file; see first what would be imported:

                vault import project --id web --format dotenv --dry-run .env
                vault import project --id web --format dotenv .env

            If a line is refused because programs read it differently, choose the program's format with --dialect. When everything is \
            imported, use 'vault run -- CMD' instead of the file, and delete it.

            From pass, the first line of each entry; characters that a name cannot have become underscores:

                cd ~/.password-store && find * -name '*.gpg' | while read -r f; do pass show "${f%.gpg}" </dev/null | head -n 1 | vault set team "$(printf %s "${f%.gpg}" | tr -c 'A-Za-z0-9_.-' _)"; done

            From the CSV file that KeePassXC or 1Password exports, with columns Title and Password (of KeePass 2 the first is \
            Account). Two entries with the same title are refused, so that none is lost:

                python3 -c 'import csv, json, re, sys; print("{" + ",\\n".join(json.dumps(re.sub("[^A-Za-z0-9_.-]", "_", row["Title"])) + ":" + json.dumps(row["Password"]) for row in csv.DictReader(sys.stdin)) + "}")' <export.csv | vault import team --format json -

            Delete the exported file afterwards: it is plain text.

            From Gradient, which has been shut down: replace 'gradient' with 'vault' in scripts, and start programs with 'vault run', \
            which resolves variables whose value is 'secret:NAME'. The secrets stored in the service are no longer available.

                vault secrets set project --id web --name=API_KEY --value="$API_KEY"
            """)

    static let recipes = HelpTopic(
        name: "recipes", summary: "direnv, sudo, and other programs that take secrets",
        text: """
            direnv: this line in .envrc loads the secrets of the directory while the vault is unlocked:

                eval "$(vault export --format sh --no-input)"

            If a .vault.toml names the project, run 'vault trust' once, as you run 'direnv allow' for the .envrc. After 'vault unlock', \
            'direnv reload' loads the secrets. After 'vault lock', those that are loaded stay in the shell until you leave the directory; \
            'vault run' passes them to one program alone.

            On a build server, trust the checkout or name the project explicitly:

                vault run --no-context --project web -- make deploy

            sudo passes on only the variables that you name. Do not run vault under sudo: root has a vault of its own.

                vault run -- sudo --preserve-env=API_KEY command

            A program that needs a file gets one that exists only in memory:

                vault run --file TLS_KEY_FILE=TLS_KEY -- sh -c 'openssl pkey -in "$TLS_KEY_FILE" -noout'
            """)
}
