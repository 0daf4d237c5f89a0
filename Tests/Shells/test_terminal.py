"""`vault run` at a terminal, in tmux, as a person has it: colours, window size, Ctrl-C, Ctrl-Z and back; and a person who
moves from a .env file to the vault and back with nothing but the README."""

import os
import re
import shlex
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
PROGRAM = r"""
import os, signal, sys, time
print("size", *os.get_terminal_size(), "tty", os.isatty(0) and os.isatty(1), "secret", os.environ["TOKEN"], flush=True)
print("\033[31mred\033[0m", flush=True)
signal.signal(signal.SIGWINCH, lambda *_: print("now", *os.get_terminal_size(), flush=True))
while True:
    try:
        line = input("> ")
        print("got", line, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    except EOFError:
        sys.exit(7)
"""


class Terminal(unittest.TestCase):
    def setUp(self):
        # The server of tmux may still be putting its own things away when the folder goes.
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        root = self.folder.name
        os.mkdir(os.path.join(root, "bin"))
        os.mkdir(os.path.join(root, "run"), 0o700)
        os.mkdir(os.path.join(root, "work"))
        os.symlink(VAULT, os.path.join(root, "bin", "vault"))
        self.environment = {
            "PATH": os.path.join(root, "bin") + ":/usr/bin:/bin", "HOME": root, "LANG": "C.UTF-8", "TERM": "xterm",
            "XDG_RUNTIME_DIR": os.path.join(root, "run"), "TMUX_TMPDIR": root,
            "HISTFILE": "/dev/null"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-c", os.path.join(root, "work"),
                  "env " + " ".join(f"{k}={shlex.quote(v)}" for k, v in self.environment.items() if k != "TERM")
                  + " PS1='READY> ' bash --norc --noprofile")
        self.wait(r"READY>$")

    def tearDown(self):
        subprocess.run([VAULT, "lock", "--all"], env=self.environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.tmux("kill-server")
        self.folder.cleanup()

    def tmux(self, *arguments):
        result = subprocess.run(["tmux", *arguments], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def screen(self, *more):
        return self.tmux("capture-pane", "-p", "-S", "-", *more).rstrip("\n")

    def wait(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.screen()):
            self.assertLess(time.monotonic(), end, f"waited in vain for {pattern!r} in\n{self.screen()}")
            time.sleep(0.05)

    def type(self, line, then=r"READY>$"):
        """Types a line once the shell waits for it, and waits until what it does is done."""
        self.tmux("clear-history")
        self.tmux("send-keys", "-R")
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")
        time.sleep(0.1)
        self.wait(then)
        return self.screen()

    def key(self, key):
        self.tmux("send-keys", key)

    def make_vault(self):
        environment = dict(self.environment, VAULT_PASSPHRASE="x")
        subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], env=environment, check=True)
        subprocess.run([VAULT, "unlock", "-q"], env=environment, check=True)
        subprocess.run([VAULT, "set", "-q", "team", "TOKEN"], env=environment, input=b"s3cret", check=True)

    def test_run_leaves_the_terminal_to_the_program(self):
        self.make_vault()
        with open(os.path.join(self.folder.name, "work", "program.py"), "w") as file:
            file.write(PROGRAM)
        self.type("vault run -- python3 program.py", then=r">$")
        self.wait(r"size 100 30 tty True secret s3cret")
        self.assertIn("\x1b[31mred", self.screen("-e"))
        self.type("hello", then=r"got hello\n>$")
        self.key("C-c")
        self.wait(r"interrupted\n>$")
        self.tmux("resize-window", "-x", "90", "-y", "20")
        self.wait(r"now 90 20")
        self.key("C-z")
        self.wait(r"Stopped +vault run -- python3 program.py\nREADY>$")
        self.type("fg", then=r"vault run -- python3 program.py")
        self.key("Enter")
        self.type("again", then=r"got again\n>$")
        self.key("C-d")
        self.wait(r"READY>$")
        self.assertIn("code 7", self.type("echo code $?", then=r"code \d+"))
        self.type("vault run -- sleep 100", then=r"sleep 100")
        self.key("C-c")
        self.wait(r"READY>$")
        self.assertIn("code 130", self.type("echo code $?", then=r"code \d+"))

    def test_a_newcomer_moves_a_env_file_into_the_vault_and_back(self):
        began = time.monotonic()
        with open(os.path.join(self.folder.name, "work", ".env"), "w") as file:
            file.write("# the shop\nexport API_KEY='it is $5'\nDB_URL=postgres://db/shop\n"
                       "KEY=\"-----BEGIN-----\\nabc\\n-----END-----\\n\"\n")
        before = subprocess.run(["/usr/bin/python3", "-c", "import dotenv; print(dict(dotenv.dotenv_values('.env')))"],
                                cwd=os.path.join(self.folder.name, "work"), stdout=subprocess.PIPE, check=True).stdout
        self.type("vault init", then=r"assphrase.*:$")
        self.type("a long passphrase", then=r"again.*:$")
        self.type("a long passphrase")
        self.assertNotIn("a long passphrase", self.screen())
        self.type("vault unlock", then=r"assphrase.*:$")
        self.assertIn("Unlocked", self.type("a long passphrase"))
        self.assertIn("API_KEY\tnew".expandtabs(), self.type(
            "vault import project --id shop --format dotenv --dry-run .env").expandtabs())
        self.assertIn("Imported into project shop: 3 new, 0 replaced, 0 unchanged", self.type(
            "vault import project --id shop --format dotenv .env").replace("\n", ""))
        self.type("rm .env; echo 'project = \"shop\"' > .vault.toml")
        self.type("vault run true", then=r"Trust it \(project shop\)\? \[y/N\]$")
        self.type("y")
        self.assertIn("it is $5", self.type("vault run -- sh -c 'echo \"$API_KEY\"'"))
        # KEY has lines and API_KEY a dollar: one dialect carries both.
        self.type("vault export --format dotenv --dialect python -o .env")
        after = subprocess.run(["/usr/bin/python3", "-c", "import dotenv; print(dict(dotenv.dotenv_values('.env')))"],
                               cwd=os.path.join(self.folder.name, "work"), stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(eval(after), eval(before))
        self.assertLess(time.monotonic() - began, 300)


if __name__ == "__main__":
    unittest.main()
