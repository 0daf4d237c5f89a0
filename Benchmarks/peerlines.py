"""The tools beside which peers.py measures vault, and how each is used for each work.

Every one is used as its own documentation recommends, and in its best light: unlocked, with no passphrase to stretch or the least that
it allows. In the lines NAME, VALUE, IMPORT and CHILD are put in; a line with shell syntax goes to `/bin/sh -c`, any other is started
directly.
"""

import contextlib
import os
import re
import secrets
import subprocess
import time

VENV = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".build", "peers", "bin")
PATIENCE = 600  # seconds, for any line
NOT_TO_BE_HAD = {
    "gopass": "Debian 12 has another program under this name, a plain copy of pass by other authors; the known gopass is neither in "
              "Debian 12 nor in Python's package index",
}


class Wrong(Exception):
    """A peer that is installed gave an answer that is not right."""


class Peer:
    name = program = store = None  # its name, the program without which it is missing, the file or directory that it keeps
    packages = ()  # of Debian; of Python's package index where there are none
    encrypts = True
    copied = False  # whether a copy of the store may be put back; else what was deleted is set again
    most = None  # how many secrets a store can be filled with in reasonable time, and why
    environment, no_way = {}, {}
    stdin = {"set": "VALUE"}

    def __init__(self, root):
        self.root, self.children, self.pids = root, [], set()
        os.mkdir(root, 0o700)
        self.env = {"HOME": root, "XDG_RUNTIME_DIR": root, "LANG": "C.UTF-8", "PATH": self.path()}
        self.env.update({key: value.replace("ROOT", root) for key, value in self.environment.items()})

    @classmethod
    def path(cls):
        return "/usr/bin:/bin" if cls.packages else VENV + ":/usr/bin:/bin"

    def start(self):
        """Makes an empty store, and starts what serves it."""

    def stop(self):
        """Ends what `start` started."""

    def fill(self, values):
        """Sets all of them in the quickest way there is; not measured."""
        self.write_import(values)
        self.ask("import")

    def write_import(self, values):
        self.write("import", "".join("%s=%s\n" % item for item in values.items()))

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w") as file:
            file.write(text)

    def shell(self, line, stdin="", patience=PATIENCE):
        try:
            done = subprocess.run(["/bin/sh", "-c", line], cwd=self.root, env=self.env, input=stdin, capture_output=True, text=True,
                                  timeout=patience)
        except subprocess.TimeoutExpired:
            raise Wrong("%s: %s: no end after %d s" % (self.name, line, patience)) from None
        if done.returncode:
            raise Wrong("%s: %s: code %d: %s" % (self.name, line, done.returncode, done.stderr[-400:]))
        return done.stdout

    def line(self, work, name="", value="", child="/bin/true"):
        """The line for a work, and its standard input."""
        words = {"NAME": name, "VALUE": value, "IMPORT": "import", "CHILD": child}
        return [re.sub("NAME|VALUE|IMPORT|CHILD", lambda found: words[found[0]], text)
                for text in (self.lines[work], self.stdin.get(work, ""))]

    def ask(self, work, **words):
        return self.shell(*self.line(work, **words))

    def find_daemons(self):
        """The processes that serve this store: those started here, and those that name its directory."""
        self.pids = {child.pid for child in self.children}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open("/proc/%s/cmdline" % pid, "rb") as file:
                if re.search(re.escape(self.root.encode()) + rb"[/\0]", file.read()):
                    self.pids.add(int(pid))
        return self.pids

    def daemon_cpu(self):
        """Seconds on a processor, of every thread of every daemon."""
        total = 0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                for task in os.listdir("/proc/%d/task" % pid):
                    with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                        total += int(file.read().split()[0])
        return total / 1e9

    def daemon_memory(self):
        """KiB, at most, of all daemons together."""
        total = 0
        for pid in self.pids:
            with contextlib.suppress(OSError), open("/proc/%d/status" % pid) as file:
                total += int(re.search(r"VmHWM:\s*(\d+)", file.read())[1])
        return total

    def size(self):
        """Bytes of the store, and bytes of its blocks on the disk."""
        top = os.path.join(self.root, self.store)
        paths = [top] + [os.path.join(directory, name) for directory, directories, files in os.walk(top) for name in directories + files]
        found = [os.lstat(path) for path in paths]
        return sum(entry.st_size for entry in found), sum(512 * entry.st_blocks for entry in found)


class Vault(Peer):
    """As README.md shows it: unlocked once, then asked without a passphrase. The agent is the same for a terminal and a script."""
    name, program, store, packages = "vault", "vault", ".local/share/vault/default.vault", ("vault",)
    lines = {
        "get": "vault get NAME", "set": "vault set team NAME", "list": "vault list", "delete": "vault delete team NAME",
        "environment": "vault run -- CHILD", "import": "vault import team --format dotenv IMPORT",
    }

    def start(self):
        self.write("passphrase", "correct horse battery staple")
        self.shell("vault init -q --passphrase-file passphrase --kdf-memory 64 && vault unlock -q --passphrase-file passphrase")

    def stop(self):
        self.shell("vault lock --all -q")


class Pass(Peer):
    """A key of the kind that GnuPG makes by default for the future (Ed25519 and X25519: quicker than RSA), without a passphrase, and an
    agent that runs already. pass has no import and no way to start a child: its users write these loops."""
    name, program, store, packages = "pass", "pass", "p", ("pass", "gnupg")
    environment = {"GNUPGHOME": "ROOT/g", "PASSWORD_STORE_DIR": "ROOT/p"}
    lines = {
        "get": "pass show NAME", "set": "pass insert -e -f NAME", "list": "pass ls", "delete": "pass rm -f NAME",
        "environment": 'cd p; for f in *.gpg; do export "${f%.gpg}=$(pass show "${f%.gpg}")"; done; exec CHILD',
        "import": 'while IFS== read -r name value; do echo "$value" | pass insert -e -f "$name"; done <IMPORT',
    }
    stdin = {"set": "VALUE\n"}

    def start(self):
        os.mkdir(self.root + "/g", 0o700)
        self.shell("gpg --batch -q --passphrase '' --quick-generate-key b@example.org future-default default never && pass init b@example.org"
                   " && gpg-connect-agent /bye && gpg --batch -q --check-trustdb")

    def fill(self, values):
        """One gpg for many files, where `pass insert` starts one for each."""
        for name, value in values.items():
            self.write("p/" + name, value + "\n")
        self.shell("cd p; ls | xargs -n 500 -P 2 gpg --batch -q -r b@example.org --multifile --encrypt && find . -name '*[0-9]' -delete")

    def stop(self):
        self.shell("gpgconf --kill all; gpgconf --remove-socketdir")


class Age(Peer):
    """An X25519 identity in a file, so that nothing is stretched, over one file of NAME=value lines. Each change writes that file anew
    beside the old one; nothing is flushed to the disk."""
    name, program, store, copied, packages = "age", "age", ".env.age", True, ("age",)
    lines = {
        "get": "age -d -i key .env.age | sed -n 's/^NAME=//p'",
        "set": "{ age -d -i key .env.age | sed '/^NAME=/d'; printf NAME=; cat; } | age -R public -o new && mv new .env.age",
        "list": "age -d -i key .env.age | cut -d= -f1",
        "delete": "age -d -i key .env.age | sed '/^NAME=/d' | age -R public -o new && mv new .env.age",
        "environment": 'set -a; eval "$(age -d -i key .env.age)"; exec CHILD',
        "import": "age -R public -o .env.age IMPORT",
    }
    stdin = {"set": "VALUE\n"}

    def start(self):
        self.shell("age-keygen -o key && age-keygen -y key >public")


class KeePassXC(Peer):
    """A key file instead of a passphrase, and 100 ms of key derivation: keepassxc-cli takes no less. `rm` moves to the recycle bin."""
    name, program, store, copied, packages = "keepassxc-cli", "keepassxc-cli", "s.kdbx", True, ("keepassxc",)
    lines = {
        "get": "keepassxc-cli show -q --no-password -k key -a Password -s s.kdbx NAME",
        "set": "keepassxc-cli edit -q --no-password -k key -p s.kdbx NAME",
        "list": "keepassxc-cli ls -q --no-password -k key s.kdbx",
        "delete": "keepassxc-cli rm -q --no-password -k key s.kdbx NAME",
        "environment": """eval "$(keepassxc-cli export -q --no-password -k key -f csv s.kdbx |
            sed '1d; s/^"[^"]*","\\([^"]*\\)","[^"]*","\\([^"]*\\)".*/export \\1=\\2/')"; exec CHILD""",
        "import": "keepassxc-cli import -q --set-key-file key -t 100 IMPORT s.kdbx",
    }
    stdin = {"set": "VALUE\n"}

    def write_import(self, values):
        """The XML that it reads, made beforehand."""
        entries = "".join("<Entry><String><Key>Title</Key><Value>%s</Value></String><String><Key>Password</Key><Value ProtectInMemory="
                          '"True">%s</Value></String></Entry>' % item for item in values.items())
        self.write("import", "<KeePassFile><Root><Group><Name>Passwords</Name>%s</Group></Root></KeePassFile>" % entries)


class SQLCipher(Peer):
    """A raw key, which SQLCipher takes as it is, in a file that the shell reads first; one row a secret, found by the primary key. The
    statement that has a value comes on standard input, so that it is no argument."""
    name, program, store, copied, packages = "sqlcipher", "sqlcipher", "s.db", True, ("sqlcipher",)
    lines = {
        "get": """sqlcipher -batch -init key s.db "SELECT value FROM secrets WHERE name = 'NAME'" """,
        "set": "sqlcipher -batch -init key s.db",
        "list": 'sqlcipher -batch -init key s.db "SELECT name FROM secrets"',
        "delete": """sqlcipher -batch -init key s.db "DELETE FROM secrets WHERE name = 'NAME'" """,
        "environment": """set -a; eval "$(sqlcipher -batch -init key s.db "SELECT name || '=' || quote(value) FROM secrets")"; exec CHILD""",
        "import": 'sqlcipher -batch -separator = -init key s.db ".import IMPORT secrets"',
    }
    stdin = {"set": "UPDATE secrets SET value = 'VALUE' WHERE name = 'NAME';\n"}

    def start(self):
        self.write("key", "PRAGMA key = \"x'%s'\";\n" % secrets.token_hex(32))
        self.shell('sqlcipher -batch -init key s.db "CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"')


class Keyring(Peer):
    """GNOME's keyring, by libsecret's own command: the daemon runs, on a bus of its own, and is unlocked. `search --all` finds what has
    an attribute in common, and tells names on standard error and values on standard output. It cannot import or start a child, so that
    its users write these loops."""
    name, program, store = "secret-tool", "secret-tool", ".local/share/keyrings"
    packages = ("libsecret-tools", "gnome-keyring")
    environment = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=ROOT/bus"}
    lines = {
        "get": "secret-tool lookup project demo name NAME", "set": "secret-tool store --label=NAME project demo name NAME",
        "list": "secret-tool search --all project demo 2>&1 | sed -n 's/^attribute.name = //p'",
        "delete": "secret-tool clear project demo name NAME",
        "environment": """set -a; eval "$(secret-tool search --all project demo 2>&1 |
            awk '/^secret = /{value = $3} /^attribute.name = /{print $3 "=" value}')"; exec CHILD""",
        "import": """while IFS== read -r name value; do
            printf %s "$value" | secret-tool store --label="$name" project demo name "$name"; done <IMPORT""",
    }
    most = (2000, "the daemon writes its whole file anew for each secret, so that filling it takes a quarter of an hour")

    def start(self):
        # As Debian's session bus, but that nothing is started on demand: a second keyring would be.
        self.write("bus.conf", """<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
            <limit name="max_replies_per_connection">50000</limit><limit name="max_match_rules_per_connection">50000</limit>
            <limit name="max_incoming_bytes">1000000000</limit><limit name="max_outgoing_bytes">1000000000</limit>
            <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>""" % self.root)
        self.serve(["dbus-daemon", "--nofork", "--config-file=" + self.root + "/bus.conf"])
        self.wait("test -S bus")
        self.serve(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], b"correct horse battery staple")
        self.wait("printf 1 | secret-tool store --label=0 first 1 && secret-tool clear first 1")

    def serve(self, words, stdin=b""):
        child = subprocess.Popen(words, env=self.env, cwd=self.root, start_new_session=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        child.stdin.write(stdin)
        child.stdin.close()

    def wait(self, line):
        for _ in range(100):
            with contextlib.suppress(Wrong):
                return self.shell(line, patience=5)
            time.sleep(0.05)
        self.shell(line)

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait()


class AnsibleVault(Peer):
    """A password file, and one encrypted file of NAME=value lines. `edit` decrypts and encrypts in one process, where `view` and
    `encrypt` would start Python twice; the editor is a line of sed."""
    name, program, store, copied = "ansible-vault", "ansible-vault", ".env", True
    distribution = "ansible-core"
    environment = {"ANSIBLE_VAULT_PASSWORD_FILE": "ROOT/password", "ANSIBLE_HOME": "ROOT"}
    lines = {
        "get": "ansible-vault view .env | sed -n 's/^NAME=//p'", "set": 'EDITOR="./replace NAME" ansible-vault edit .env',
        "list": "ansible-vault view .env | cut -d= -f1", "delete": 'EDITOR="sed -i /^NAME=/d" ansible-vault edit .env',
        "environment": 'set -a; eval "$(ansible-vault view .env)"; exec CHILD',
        "import": "ansible-vault encrypt --output .env IMPORT",
    }

    def start(self):
        self.write("password", "correct horse battery staple")
        self.write("replace", '#!/bin/sh\nexec sed -i "s/^$1=.*/$1=$(cat)/" "$2"\n')
        os.chmod(self.root + "/replace", 0o700)


class Dotenv(Peer):
    """python-dotenv's own command on a plain file: nothing is encrypted. Its `set` takes the value as an argument alone."""
    name, program, store, copied, encrypts = "python-dotenv", "dotenv", ".env", True, False
    distribution = "python-dotenv"
    lines = {
        "get": "dotenv -f .env get NAME", "set": "dotenv -f .env set NAME VALUE", "list": "dotenv -f .env list",
        "delete": "dotenv -f .env unset NAME", "environment": "dotenv -f .env run -- CHILD",
    }
    stdin = {}
    no_way = {"import": "the file that would be imported is the store"}

    def fill(self, values):
        self.write_import(values)
        os.rename(self.root + "/import", self.root + "/.env")


PEERS = [Vault, Pass, Age, KeePassXC, SQLCipher, Keyring, AnsibleVault, Dotenv]
