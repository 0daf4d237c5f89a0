"""The real shells, each at a terminal: words are begun, the Tab key is pressed, and the shell runs what it made of them."""

import os
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
# The shell's function stands before the program, so a completed line tells its words instead of doing anything.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "bind 'set enable-bracketed-paste off'; source <(vault completions bash); "
             "vault() { printf 'RAN:<%s>' \"$@\"; echo; }; PS1='READY>'\n"),
    "zsh": (["zsh", "-f", "-i"],
            "unset zle_bracketed_paste; autoload -U compinit; compinit -u -D; source <(vault completions zsh); "
            "vault() { printf 'RAN:<%s>' \"$@\"; echo }; PS1='READY>'\n"),
    "fish": (["fish", "--no-config", "-i"],
             "function fish_prompt; echo -n 'READY>'; end; vault completions fish | source; "
             "function vault; printf 'RAN:<%s>' $argv; echo; end\n"),
}


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, name, environment, directory):
        command, setup = SHELLS[name]
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execvpe(command[0], command, environment)
        self.seen = b""
        self.send(setup)
        self.wait(rb"READY>[^']*$")

    def send(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.plain()):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"waited in vain for {pattern!r} in {self.plain()[-800:]!r}"
            self.seen += os.read(self.terminal, 65536)
            if b"\x1b[c" in self.seen or b"\x1b[0c" in self.seen:
                # A shell that asks what terminal this is gets an answer.
                self.seen = self.seen.replace(b"\x1b[c", b"").replace(b"\x1b[0c", b"")
                os.write(self.terminal, b"\x1b[?6c")
        return re.search(pattern, self.plain())

    def plain(self):
        return re.sub(rb"\x1b(\[[0-9;?>=]*[A-Za-z]|[()][A-Z0-9]|[=>]|\][^\x07\x1b]*(\x07|\x1b\\))", b"", self.seen)

    def complete(self, line):
        """The words of the line after Tab."""
        self.seen = b""
        self.send(line + "\t")
        time.sleep(0.5)
        self.send("\n")
        found = self.wait(rb"\n\r?(?:RAN:<[^>]*>)+\r?\n").group(0)
        return [word.decode() for word in re.findall(rb"RAN:<([^>]*)>", found)]

    def close(self):
        os.close(self.terminal)
        try:
            os.kill(self.process, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.process, 0)


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        root = cls.directory.name
        os.mkdir(os.path.join(root, "bin"))
        os.mkdir(os.path.join(root, "run"), 0o700)
        os.symlink(VAULT, os.path.join(root, "bin", "vault"))
        cls.environment = {
            "PATH": os.path.join(root, "bin") + ":/usr/bin:/bin", "HOME": root, "TERM": "xterm", "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": os.path.join(root, "run"), "VAULT_FILE": os.path.join(root, "v.vault"),
            "SHELL_SESSIONS_DISABLE": "1"}
        cls.vault("init", "-q", "--kdf-memory", "64", "--kdf-time", "3", passphrase=True)
        cls.vault("unlock", "-q", passphrase=True)
        for words in (("project", "--id", "web", "DB_PASSWORD"), ("team", "TOKEN"), ("cluster", "--id", "gpu", "CUDA")):
            cls.vault("set", "-q", *words, stdin=b"x")
        for name in "certificate.pem", "two words":
            with open(os.path.join(root, name), "w"):
                pass

    @classmethod
    def tearDownClass(cls):
        cls.vault("lock", "--all")
        cls.directory.cleanup()

    @classmethod
    def vault(cls, *arguments, stdin=b"", passphrase=False):
        environment = dict(cls.environment, **({"VAULT_PASSPHRASE": "x"} if passphrase else {}))
        result = subprocess.run([VAULT, *arguments], input=stdin, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout.decode()

    def complete(self, *words):
        result = subprocess.run([VAULT, "complete", "--", *words], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return [line.split("\t")[0] for line in result.stdout.decode().splitlines()]

    def test_each_shell_completes_commands_options_scopes_ids_names_and_files(self):
        for shell in SHELLS:
            with self.subTest(shell):
                terminal = Terminal(shell, self.environment, self.directory.name)
                try:
                    for line, words in [
                        ("vault hist", ["history"]),
                        ("vault get --proj", ["get", "--project"]),
                        ("vault get proj", ["get", "project"]),
                        ("vault get -p web D", ["get", "-p", "web", "DB_PASSWORD"]),
                        ("vault get project --id w", ["get", "project", "--id", "web"]),
                        ("vault get --project=w", ["get", "--project=web"]),
                        ("vault --cluster g", ["--cluster", "gpu"]),
                        ("vault secrets del", ["secrets", "delete"]),
                        ("vault set team X --from-file cert", ["set", "team", "X", "--from-file", "certificate.pem"]),
                        ("vault set team X --from-file tw", ["set", "team", "X", "--from-file", "two words"]),
                        ("vault export --format js", ["export", "--format", "json"]),
                    ]:
                        self.assertEqual(terminal.complete(line), words, line)
                finally:
                    terminal.close()

    def test_ids_and_names_belong_to_the_scope_that_was_said(self):
        self.assertEqual(self.complete("get", "project", "--id", ""), ["web"])
        self.assertEqual(self.complete("get", "team", ""), ["TOKEN"])
        self.assertEqual(self.complete("copy", "TOKEN", "--from", "team", "--to", "cluster", "--to-id", ""), ["gpu"])
        self.assertEqual(self.complete("delete", "team", "--name", ""), ["TOKEN"])
        self.assertEqual(self.complete("delete", ""), ["team", "project", "cluster"])
        self.assertEqual(self.complete("delete", "-p", "web", ""), ["team", "project", "cluster", "DB_PASSWORD"])
        self.assertEqual(self.complete("get", "-p", "web", ""), ["team", "project", "cluster", "DB_PASSWORD", "TOKEN"])
        self.assertEqual(self.complete("move", "--from", "team", ""), ["TOKEN"])
        self.assertEqual(self.complete("move", "-p", "web", ""), ["DB_PASSWORD"])
        self.assertEqual(self.complete("history", "--project", "web", "D"), ["DB_PASSWORD"])
        self.assertEqual(self.complete("history", "-c", "gpu", "C"), ["CUDA"])
        self.assertEqual(self.complete("get", "D"), [], "in a project that is not of the context")
        self.assertEqual(self.complete("get", "project", "--project", "web", "D"), ["DB_PASSWORD"])
        self.assertEqual(self.complete("run", ""), [":commands"])
        self.assertEqual(self.complete("run", "ls", ""), [":files"])
        self.assertEqual(self.complete("no-such-verb", ""), [])

    def test_undo_and_purge_complete_deleted_names(self):
        self.vault("set", "-q", "project", "--id", "old", "GONE", stdin=b"x")
        self.vault("delete", "-q", "project", "--id", "old", "GONE")
        for verb in "undo", "purge":
            self.assertEqual(self.complete(verb, "-p", "old", "G"), ["GONE"])
            self.assertEqual(self.complete(verb, "team", ""), ["TOKEN"])
        for verb in "delete", "edit", "set", "get":
            self.assertEqual(self.complete(verb, "-p", "old", "G"), [])

    def test_a_locked_vault_is_silent(self):
        self.vault("lock")
        self.assertEqual(self.complete("get", ""), ["team", "project", "cluster"])
        self.assertEqual(self.complete("get", "--project", ""), [])
        self.assertEqual(self.complete("--vault", "nowhere", "get", ""), ["team", "project", "cluster"])
        self.vault("unlock", "-q", passphrase=True)

    def test_help_manual_completions_and_the_parser_have_the_same_options(self):
        overview = self.vault("help", "all")
        verbs = [word for word in self.complete("") if word != "help"]
        self.assertEqual(verbs, re.findall(r"^  ([a-z-]+)  ", overview.split("Help topics")[0], re.M))
        manual = self.vault("man").replace("\\-", "-")
        for verb in verbs:
            with self.subTest(verb):
                text = self.vault("help", verb)
                section = re.search(r'^\.SS "vault %s"\n(.*?)(?=^\.S[SH] )' % verb, manual, re.M | re.S).group(1)
                helped = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text.split("\nOptions:")[-1]
                                        if "\nOptions:" in text else text, re.M))
                completed = set(self.complete(verb, "--"))
                manualled = set(re.findall(r"^\.B (?:-\w, )?(--[a-z-]+)", section, re.M)) | {"--help"}
                self.assertEqual(helped, completed)
                self.assertEqual(manualled, completed)
                for option in completed - {"--help"}:
                    # The parser knows it: whatever it complains about, it is no unknown option.
                    result = subprocess.run([VAULT, verb, option + "=\x01", "\x01", "\x01", "\x01"], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    self.assertNotIn(b"unknown option", result.stderr, (verb, option))

    def test_the_manual_is_one_that_man_can_show(self):
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=self.vault("man").encode(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn("vault run".encode(), result.stdout)


if __name__ == "__main__":
    unittest.main()
