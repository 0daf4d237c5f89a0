"""The verbs of the program, each as one command on a vault that has a past, for faults.py."""

import os
import shutil

from agentclient import PASSPHRASE, Sandbox, vaultfile

SECRET = b"searched-for-"  # in every value, so that none can be said or left anywhere unnoticed
NEW_PASSPHRASE = b"a new passphrase"
MAGIC = b"\x89VLT\r\n\x1a\n"


class Verb:
    """One command.

    What it does to the files is seen from an undisturbed run; `done` is what it answers when it is asked for what is done already.
    """

    def __init__(self, name, *words, input=None, agent=False, tail=False, done=(0,), varies=False, codes=(0,),
                 failure=1, key=True, variables=None, says=True, look=None):
        self.name, self.words, self.input = name, list(words), input
        self.agent = agent            # through an agent that has the vault unlocked, else with the passphrase
        self.tail = tail              # the vault ends in what a killed writer left
        self.done = done
        self.varies = varies          # what it prints is not the same twice
        self.codes = codes            # what an undisturbed run may answer
        self.failure = failure        # the code of any other failure
        self.key = key and not agent  # takes a passphrase
        self.variables = variables or {}
        self.look = look              # what `vault status` answers when the work is done

    def command(self, box):
        options = ["--passphrase-file", box.passphrase] if self.key else []
        position = self.words.index("--") if "--" in self.words else len(self.words)
        return [*self.words[:position], *options, *self.words[position:]]


def verbs(root):
    """Every verb of the program; paths are in the directory `root`."""
    value = SECRET + b"four"
    passwd = ["passwd", "--new-passphrase-file", root + "/new-passphrase", "--kdf-memory", "64"]
    both = [
        Verb("set", "set", "team", "A", input=value),
        Verb("get", "get", "A"),
        Verb("list", "list", "--all"),
        Verb("delete", "delete", "team", "A", done=(9,)),
        Verb("explain", "explain", "A", "--project", "web"),
        Verb("run", "run", "--file", "F=B", "--project", "web", "--", "/usr/bin/printenv", "A", failure=125),
        Verb("inject", "inject", "-i", root + "/template", "-o", root + "/filled"),
        Verb("export", "export", "--format", "json", "-o", root + "/exported"),
        Verb("import", "import", "team", "--format", "dotenv", root + "/variables"),
        Verb("history", "history", "team", "A"),
        Verb("undo", "undo", "team", "A"),
        Verb("edit", "edit", "team", "A", variables={"EDITOR": root + "/editor"}),
        Verb("copy", "copy", "A", "--from", "team", "--to", "project", "--to-id", "web"),
        Verb("move", "move", "A", "--from", "team", "--to", "cluster", "--to-id", "gpu", done=(9,)),
        Verb("compact", "compact", "--keep", "none", varies=True),
        Verb("purge", "purge", "team", "A", "--all", "--yes", done=(9,), varies=True),
        Verb("check", "check"),
        Verb("backup", "backup", root + "/backup"),
        Verb("restore", "restore", root + "/backup", "--yes", varies=True),
        Verb("salvage", "salvage", root + "/damaged", root + "/salvaged", done=(1,)),
        Verb("accept", "accept", "--yes"),
        Verb("diff", "diff", root + "/other"),
        Verb("diff as text", "diff", "--textconv", root + "/other"),
        Verb("merge", "merge", root + "/other", varies=True),
        Verb("merge on trial", "merge", root + "/other", "--dry-run"),
        Verb("merge into a copy", "merge", root + "/other", "--into", root + "/backup", varies=True),
    ]
    direct = [
        Verb("init", "init", "--vault", root + "/new/vault", "--kdf-memory", "64", "--kdf-time", "3", done=(1,)),
        Verb("set after a tail", "set", "team", "A", input=value, tail=True),
        Verb("merge after a tail", "merge", root + "/other", tail=True, varies=True),
        Verb("compact after a tail", "compact", tail=True, varies=True),
        Verb("get by command", "get", "A", "--passphrase-command", "cat " + root + "/passphrase", key=False),
        Verb("inject to stdout", "inject", "-i", root + "/template"),
        Verb("export to stdout", "export", "--format", "dotenv"),
        Verb("check without a key", "check", "--keyless", key=False),
        Verb("purge after a tail", "purge", "team", "A", "--all", "--yes", tail=True, done=(9,), varies=True),
        Verb("merge that takes keys", "merge", root + "/newer", "--take-keys", "--other-passphrase-file", root + "/new-passphrase",
             varies=True, done=(5,)),
        Verb("check of damage", "check", "--vault", root + "/damaged", codes=(8,)),
        Verb("backup to stdout", "backup", "-", varies=True),
        Verb("backup verified", "backup", "--verify", root + "/backup"),
        Verb("unlock", "unlock", look=0),
        Verb("passwd", *passwd, done=(5,)),
        Verb("rekey", "rekey", varies=True),
        Verb("recovery-key", "recovery-key", varies=True),
        Verb("locked", "get", "A", codes=(4,), key=False),
        Verb("status without agent", "status", codes=(4,), key=False, varies=True),
        Verb("completions", "completions", "bash", key=False),
        Verb("complete without agent", "complete", "bash", "1", "--", "vault", "get", key=False, codes=(0, 2)),
        Verb("trust", "trust", root + "/clone", key=False),
        Verb("man", "man", key=False),
        Verb("help", "help", "set", key=False),
        Verb("version", "--version", key=False),
    ]
    through = [
        Verb("unlock again", "unlock", "--idle", "30m", agent=True, varies=True),
        Verb("lock", "lock", agent=True, look=4),
        Verb("lock all", "lock", "--all", agent=True, look=4),
        Verb("status", "status", agent=True, varies=True),
        Verb("passwd beside an agent", *passwd, "--passphrase-file", root + "/passphrase", agent=True, done=(5,)),
        Verb("web", "web", "--no-open", "--idle", "1s", agent=True, varies=True),
    ]
    for verb in both:
        agent = Verb(verb.name + " by agent", *verb.words, input=verb.input, agent=True)
        for name in ("done", "varies", "failure", "variables"):
            setattr(agent, name, getattr(verb, name))
        through.append(agent)
    return both + direct + through


def content(data, cache={}):
    """Every version of every secret and of its metadata in the bytes of a vault; what the second implementation refuses is its verdict."""
    if data not in cache:
        if len(cache) > 1000:
            cache.clear()
        try:
            cache[data] = histories(data, PASSPHRASE)
        except vaultfile.WrongPassphrase:
            try:
                cache[data] = NEW_PASSPHRASE, histories(data, NEW_PASSPHRASE)
            except vaultfile.VaultError as error:
                cache[data] = str(error)
        except vaultfile.VaultError as error:
            cache[data] = str(error)
    return cache[data]


def histories(data, passphrase):
    vault = vaultfile.parse(data, passphrase)
    return {(part, address): [(record.kind, record.value) for record in versions]
            for part, found in enumerate((vault.histories(), vault.metadata_histories())) for address, versions in found.items()}


class State:
    """The files that a command finds and leaves."""

    def __init__(self, tail=False):
        self.box = box = Sandbox()
        root = box.root
        options = ["--passphrase-file", box.passphrase]
        box.must("set", "team", "A", *options, input=SECRET + b"one")
        box.must("backup", root + "/backup", *options)
        box.must("backup", root + "/other", *options)
        for name, value in [("A", b"elsewhere"), ("O", b"other" * 1000)]:
            box.must("set", "--vault", root + "/other", "team", name, *options, input=SECRET + value)
        for value in [b"two", b"three"]:
            box.must("set", "team", "A", *options, input=SECRET + value)
        box.must("set", "project", "--id", "web", "B", *options, input=SECRET + b"x" * 5000)
        box.must("set", "team", "C", *options, input=SECRET + b"c")
        shutil.copy(box.vault, root + "/damaged")
        with open(root + "/damaged", "r+b") as file:
            file.seek(4608 + 176 + 40)
            file.write(b"????????")
        self.put("template", b"a = {{ secret:A }}\n")
        self.put("filled", b"what was filled before\n")
        self.put("exported", b"what was exported before\n")
        self.put("variables", b"D=" + SECRET + b"d\nE=" + SECRET + b"e\n")
        self.put("new-passphrase", NEW_PASSPHRASE)
        shutil.copy(root + "/other", root + "/newer")
        box.must("passwd", "--vault", root + "/newer", "--new-passphrase-file", root + "/new-passphrase", "--kdf-memory", "64",
                 *options)
        os.mkdir(root + "/clone")
        self.put("clone/.vault.toml", b'project = "web"\n')
        self.put("editor", b"#!/bin/sh\nprintf %s-edited " + SECRET + b' >"$1"\n', 0o700)
        if tail:
            with open(box.vault, "ab") as file:
                file.write(b"t" * 300)
        self.files = self.present()

    def put(self, name, data, mode=0o600):
        with open(os.path.join(self.box.root, name), "wb") as file:
            file.write(data)
        os.chmod(file.name, mode)

    def present(self):
        """The bytes of every file, the agent's own aside."""
        found = {}
        for directory, directories, names in os.walk(self.box.root):
            if directory == self.box.root:
                directories.remove("run")
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.box.root)] = file.read()
        return found

    def reset(self):
        """Puts everything as it was."""
        present = self.present()
        for name in present.keys() - self.files.keys():
            os.remove(os.path.join(self.box.root, name))
        for name, data in self.files.items():
            if present.get(name) != data:
                self.put(name, data, 0o700 if name == "editor" else 0o600)
        shutil.rmtree(self.box.root + "/new", ignore_errors=True)
        return present != self.files

    @staticmethod
    def is_leftover(name):
        """Whether a file is one that is written beside the place that it shall have."""
        return os.path.basename(name).startswith(".") and not name.startswith((".local", "clone"))

    @staticmethod
    def meaning(files):
        """What the files say, by name; not how, nor what this machine remembers of them, nor what is on its way."""
        said = {}
        for name, data in files.items():
            if name.startswith(".local") or State.is_leftover(name) or ".unfinished-" in name:
                continue
            if ".before-restore-" in name:
                if data == files["backup"]:
                    continue  # killed before the two changed places: it is one more copy of the backup
                name = name[:name.index(".before-restore-")] + ".before-restore"
            said[name] = content(data) if data.startswith(MAGIC) else data
        return said
