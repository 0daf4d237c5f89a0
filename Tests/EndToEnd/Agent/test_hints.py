"""Every command in a hint, pasted into a shell as it stands: a shell takes it, and it acts on the vault that the error is about."""

import glob
import os
import re
import shutil
import subprocess
import unittest

from agentclient import PASSPHRASE, ROOT, VAULT, Sandbox

# Spaces, quotes, what a shell would run, and what looks like a command in a hint.
NAME = "it's $(touch owned) \"a\" 'vault lock --all' vault"
HELPERS = """
v() { vault --vault "$V" "$@"; }
put() { printf %s "$1" | v set team A -q; }
elsewhere() { HOME=$PWD/elsewhere XDG_RUNTIME_DIR= "$@"; }
mkdir -p elsewhere
"""

# The commands of one hint, in order; what leads to it; how each ends that is pasted, without a terminal.
CASES = [
    (["unlock"], "put 1; env -u VAULT_PASSPHRASE vault --vault \"$V\" get A", [0]),
    (["passwd"], "v unlock", [4]),
    (["init"], "rm \"$V\"; v get A", [0]),
    (["init --yes"], "put 1; rm \"$V\"; v init", [0]),
    (["list --all"], "X=secret:NONE v run -- true", [0]),
    (["recovery-key"], "v recovery-key >/dev/full", [0]),
    (["delete team A"], "put 1; v undo team A", [0]),
    (["check"], "put 1; printf garbage >>\"$V\"; v get A", [10]),
    (["help import"], "echo '???' | v import team - --format dotenv", [0]),
    (["compact --keep all"],
     "put 1; put 2; cp \"$V\" other; elsewhere vault --vault other purge team A --version 1 --yes; v merge other", [0]),
    (["compact"], "for i in 1 2 3; do head -c 700000 /dev/zero | v set team A -q; done; v unlock -q; v status", [0]),
    (["help merge", "help restore", "accept"],
     "put 1; cp \"$V\" old; put 2; cp old \"$V\"; v get A", [0, 0, 2]),
    (["accept", "merge './-a fork'"],
     "put 1; cp \"$V\" './-a fork'; put 2; cp \"$V\" mine; elsewhere vault --vault './-a fork' set team B -q </dev/null --allow-empty;"
     " cp './-a fork' \"$V\"; v merge -- '-a fork'", [2, 13]),
    (["lock --all"], "v unlock -q; kill -STOP $(pgrep -f \"^vault-agent $XDG_RUNTIME_DIR\"); v get A", [0]),
    (["purge team A --version 0"],
     "printf '[[{\"kind\": \"value\", \"scope\": \"team\", \"name\": \"A\", \"value\": \"\", \"time\": 253402300799999}]]' >steps;"
     " rm \"$V\"; /usr/bin/python3 -B $MAKE \"$V\" --passphrase-file passphrase --memory-kib 8192 --passes 1 --json steps; put 2",
     [2]),
    (["help"], "vault", [0]),
    (["undo team A"], "put 1; put 2; v history A --project web", [0]),
    (["undo team A"], "put 1; v delete team A -q; v get A", [0]),
    (["history team A"], "put 1; v get A --version 5", [0]),
    (["delete project --id p B"], "put 1; v move A --from team --to project --to-id p --as B -q; v undo team A", [0]),
    (["list"], "put 1; v export --format sh --only 'ZZ*'", [0]),
    (["list --all --match a"], "put 1; v list a", [0]),
    (["list --all --tree"], "v list projects", [0]),
    (["set --missing"], "printf 'project = \"p\"\\n[secrets.K]\\ngenerate = true\\n' >.vault.toml; v trust; v run -- true", [0]),
    (["set project --id p A"], "printf 1x | v set project --id p A -q; printf '[secrets.A]\\ntype = \"port\"\\n' >.vault.toml; v trust;"
     " VAULT_PROJECT=p v set team --missing", [2]),
    (["undo team A"], "put 1; v move A --from team --to project --to-id p -q; v undo project --id p A", [0]),
    (["list --expired"], "for i in 1 2 3 4 5 6; do printf x | v set team N$i --expires 2026-01-01 -q; done; v export --format json", [0]),
    (["list --all --due --long"], "printf x | v set team A --expires 2026-01-01 -q; v unlock -q; v status", [0]),
    (["history --metadata team A"], "put 1; v describe team A --tag a -q; v describe team A --version 3", [0]),
    (["describe team A --expires never"], "put 1; v describe team A --expires 2026-01-01 -q; put 2", [0]),
    (["doctor"], "chmod 777 .; v unlock -q; v status; chmod 700 .", [10]),
]

# Where a person alone knows the operand, or what is meant is a program of ours and no command.
EXEMPT = {"backup DEST", "set NAME", "web", "run", "export --schema"}
# Shown after the last try at a terminal alone: pasted in Tests/EndToEnd/Shells/test_prompts.py.
ELSEWHERE = {"passwd --recovery"}
# Shown below a table on a terminal alone: Tests/CommandLineTests/TableTests.swift.
# Shown for what takes long to make: Transcripts/scopes.txt and config.txt.
LONG = {"list --deleted --all", r"diff \(Hint.quoted(path: file))"}
TABLES = {r"diff \(Hint.quoted(path: files.other)) | less", r"history \(option)\(first.secret.operands)"}


WORD = r"(?:\$'[^']*'|\"\$\(printf '[^']*'\)\"|'[^']*'(?:\\''[^']*')*|[^\s']+)"


def commands(text):
    """What stands between single quotes in hints, and in what status advises; there are quotes of a shell in it."""
    lines = "\n".join(line for line in text.splitlines() if re.match(r"vault: hint: |older versions: |urgent: |due: ", line))
    return re.findall(rf"'(vault(?: {WORD})*)'", lines)


class Hints(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.vault = os.path.join(self.box.root, NAME)
        shutil.copy(self.box.vault, self.vault)
        os.mkdir(self.box.root + "/bin")
        os.symlink(VAULT, self.box.root + "/bin/vault")
        self.environment = {
            **self.box.environment, "PATH": self.box.root + "/bin:/usr/bin:/bin", "V": NAME,
            "VAULT_PASSPHRASE": PASSPHRASE.decode(), "VAULT_NEW_PASSPHRASE": "seven otters learnt to juggle",
            "MAKE": os.path.join(ROOT, "Tests", "PythonReader", "vaultmake.py")}

    def shell(self, script, program="bash"):
        return subprocess.run([program, "-c", script], cwd=self.box.root, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def test_every_command_in_a_hint_can_be_pasted_and_acts_on_the_same_vault(self):
        for phrases, script, codes in CASES:
            with self.subTest(phrases):
                self.setUp()
                with open(self.box.vault, "rb") as file:
                    default = file.read()
                said = self.shell(HELPERS + script)
                text = (said.stdout + said.stderr).decode()
                found = commands(text)
                self.assertEqual([without_vault(command) for command in found], phrases, text)
                for command, code in zip(found, codes):
                    pasted = self.shell(command)
                    self.assertEqual(pasted.returncode, code, (command, pasted))
                    if not re.match(r"vault (help|lock --all)", command):
                        self.assertIn("--vault", command)
                with open(self.box.vault, "rb") as file:
                    self.assertEqual(file.read(), default, "the default vault was changed")
                self.assertFalse(os.path.exists(self.box.root + "/owned"))

    def test_no_command_in_a_hint_is_untried(self):
        tried = {phrase for phrases, _, _ in CASES for phrase in phrases} | EXEMPT | ELSEWHERE | TABLES | LONG
        sources = [name for part in ("vault", "UserMessages", "ProgramEnvironment", "Settings", "vault-web")
                   for name in glob.glob(os.path.join(ROOT, "Sources", part, "**", "*.swift"), recursive=True)
                   if os.path.basename(name) != "Topics.swift"]
        self.assertGreater(len(sources), 50)
        for name in sources:
            with open(name) as file:
                source = re.sub(r'"""\n.*?"""|^ *//.*?$', "", file.read(), flags=re.S | re.M)
            for phrase in re.findall(r"'vault ((?:[^'\\\n]|\\\([^)]*\)*)*)'", source):
                # The same operands as in the cases.
                phrase = re.sub(r"\\\((secret|deleted|moved|\$0)\.operands\)", "team A", phrase)
                phrase = phrase.replace(r"\(pattern)", "a").replace(r"set --missing\(words)", "set --missing")
                phrase = phrase.replace(r"set \(item.secret.operands)", "set project --id p A")
                phrase = re.sub(r"^merge .*", "merge './-a fork'", phrase)
                if phrase.startswith("help "):
                    self.assertEqual(self.box.run(*phrase.split())[0], 0, (name, phrase))
                else:
                    self.assertIn(phrase, tried, name)

    def test_a_vault_that_the_variable_names_for_one_command_is_named(self):
        environment = {**self.environment, "VAULT_FILE": "./elsewhere"}
        said = subprocess.run([VAULT, "get", "A"], env=environment, cwd=self.box.root, stderr=subprocess.PIPE)
        self.assertEqual(commands(said.stderr.decode()), ["vault --vault ./elsewhere init"])

    def test_a_name_with_control_characters_can_be_pasted_too(self):
        for name in ["two\nlines", "-q", "\x1b[31mred", "\u202eleft", "a\\b'c\nd", "~", "ü"]:
            with self.subTest(name):
                path = os.path.join(self.box.root, name)
                shutil.copy(self.box.vault, path)
                self.environment["V"] = name if name != "-q" else "./-q"
                self.shell('printf 1 | vault --vault "$V" set team A -q')
                said = self.shell('vault --vault "$V" undo team A').stderr.decode()
                [command] = commands(said)
                self.assertTrue(command.isprintable(), command)
                # The hint is to delete the secret, with a shell that has no $'…', too.
                for program in "bash", "sh":
                    self.shell('printf 1 | vault --vault "$V" set team A -q')
                    self.assertEqual(self.shell(command, program).returncode, 0, command)
                    self.assertEqual(self.shell('vault --vault "$V" get A').returncode, 9)

    def test_a_chmod_in_a_hint_can_be_pasted(self):
        private = os.path.join(self.box.root, "a 'private' file")
        shutil.copy(self.box.passphrase, private)
        os.chmod(private, 0o644)
        said = self.shell("vault list --passphrase-file \"a 'private' file\"").stderr.decode()
        self.assertEqual(self.shell(said.split("hint: ")[1]).returncode, 0, said)
        self.assertEqual(os.stat(private).st_mode & 0o777, 0o600)


def without_vault(command):
    """The command without the program's name and the option that names the vault."""
    return re.sub(rf"^vault ?(--vault {WORD} )?", "", command)


if __name__ == "__main__":
    unittest.main()
