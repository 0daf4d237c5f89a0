"""A person at a shell in tmux, for the tests that need a terminal with job control."""

import os
import re
import shlex
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))


class Person(unittest.TestCase):
    def setUp(self):
        # The server of tmux may still be putting its own things away when the directory goes.
        self.directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        root = self.directory.name
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
        self.directory.cleanup()

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
        # In this order: what is cleared goes into the history.
        self.tmux("send-keys", "-R")
        self.tmux("clear-history")
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")
        time.sleep(0.1)
        self.wait(then)
        return self.screen()

    def key(self, key):
        self.tmux("send-keys", key)
