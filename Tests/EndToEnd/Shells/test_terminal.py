"""`vault run` at a terminal, in tmux, as a person has it: colours, window size, Ctrl-C, Ctrl-Z and back; and a person who
moves from a .env file to the vault and back with nothing but the README."""

import os
import subprocess
import time
import unittest

from person import VAULT, Person

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


class Terminal(Person):
    def make_vault(self):
        environment = dict(self.environment, VAULT_PASSPHRASE="seven quiet otters read maps")
        subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], env=environment, check=True)
        subprocess.run([VAULT, "unlock", "-q"], env=environment, check=True)
        subprocess.run([VAULT, "set", "-q", "team", "TOKEN"], env=environment, input=b"s3cret", check=True)

    def test_run_leaves_the_terminal_to_the_program(self):
        self.make_vault()
        with open(os.path.join(self.directory.name, "work", "program.py"), "w") as file:
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
        with open(os.path.join(self.directory.name, "work", ".env"), "w") as file:
            file.write("# the shop\nexport API_KEY='it is $5'\nDB_URL=postgres://db/shop\n"
                       "KEY=\"-----BEGIN-----\\nabc\\n-----END-----\\n\"\n")
        before = subprocess.run(["/usr/bin/python3", "-c", "import dotenv; print(dict(dotenv.dotenv_values('.env')))"],
                                cwd=os.path.join(self.directory.name, "work"), stdout=subprocess.PIPE, check=True).stdout
        self.type("vault init", then=r"assphrase.*:$")
        self.type("a long passphrase of mine", then=r"Repeat:$")
        self.type("a long passphrase of mine")
        self.assertNotIn("a long passphrase of mine", self.screen())
        self.type("vault unlock", then=r"assphrase.*:$")
        self.assertIn("Unlocked", self.type("a long passphrase of mine"))
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
                               cwd=os.path.join(self.directory.name, "work"), stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(eval(after), eval(before))
        self.assertLess(time.monotonic() - began, 300)


if __name__ == "__main__":
    unittest.main()
