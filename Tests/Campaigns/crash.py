#!/usr/bin/env python3
"""The program is killed at every system call, and each call that touches files fails once: what is left is the old state or the new.

    crash.py [--operation NAME] [--step N] [--seconds S]

It needs strace, which can do both to a static program. `--step 7` tries every seventh call only.
"""

import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Agent"))

from agentclient import PASSPHRASE, VAULT, Sandbox, vaultfile  # noqa: E402

FAILING = "openat,pwrite64,write,fdatasync,fsync,rename,renameat2,ftruncate,unlink,mkdir,fchmod,getdents64"


class State:
    """Everything that an operation can change, in a folder that is copied before each try."""

    def __init__(self, box):
        self.box = box
        box.run("set", "team", "A", "--passphrase-file", box.passphrase, input=b"one")
        box.run("backup", box.root + "/backup", "--passphrase-file", box.passphrase)
        for value in [b"two", b"three"]:
            box.run("set", "team", "A", "--passphrase-file", box.passphrase, input=value)
        box.run("set", "project", "--id", "web", "B", "--passphrase-file", box.passphrase, input=b"x" * 5000)
        self.saved = box.root + ".saved"
        shutil.copytree(box.root, self.saved, symlinks=True)

    def reset(self):
        shutil.rmtree(self.box.root)
        shutil.copytree(self.saved, self.box.root, symlinks=True)

    def close(self):
        shutil.rmtree(self.saved)
        self.box.close()


def content(path):
    """Every version of every secret; what the second implementation refuses is no vault."""
    try:
        vault = vaultfile.open(path, PASSPHRASE)
    except FileNotFoundError:
        return None
    return {address: [(record.kind, record.value) for record in versions]
            for address, versions in vault.histories().items()}


def operations(box):
    """For each: the words, and the files that it may change."""
    return {
        "set": (["set", "team", "A"], b"four", [box.vault]),
        "delete": (["delete", "team", "A"], None, [box.vault]),
        "compact": (["compact", "--keep", "none"], None, [box.vault]),
        "backup": (["backup", box.root + "/backup"], None, [box.root + "/backup"]),
        "restore": (["restore", box.root + "/backup", "--yes"], None, [box.vault]),
        "accept": (["accept", "--yes"], None, [box.vault]),
        "init": (["init", "--vault", box.root + "/new", "--kdf-memory", "64"], None, [box.root + "/new"]),
    }


class Campaign:
    def __init__(self, box, state, name, operation):
        self.box, self.state, self.name = box, state, name
        self.words, self.input, self.changed = operation
        self.words = [*self.words, "--passphrase-file", box.passphrase]
        self.others = [path for path in (box.vault, box.root + "/backup") if path not in self.changed]
        self.counts = collections.Counter()
        self.failures = []

    def trace(self, *options):
        done = subprocess.run(["strace", "-f", "-qq", "-o", self.state.saved + ".log", *options, VAULT, *self.words],
                              env=self.box.environment, input=self.input, cwd=self.box.root, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stderr.decode(errors="replace")

    def calls(self):
        """The names of the system calls of an undisturbed run, and the states before and after it."""
        self.state.reset()
        self.before = [content(path) for path in self.changed]
        self.rest = [content(path) for path in self.others]
        code, errors = self.trace()
        assert code == 0, (self.name, code, errors)
        self.after = [content(path) for path in self.changed]
        with open(self.state.saved + ".log") as log:
            return re.findall(r"^\d+ +(\w+)\(", log.read(), re.M)

    def judge(self, what, code, errors):
        """What is left after a disturbed run, and whether the next one works."""
        try:
            present = [content(path) for path in self.changed]
            ok = present in (self.before, self.after) and [content(path) for path in self.others] == self.rest
        except vaultfile.VaultError as error:
            present, ok = error, False
        if code == 0 and present != self.after:
            ok = False
        if code < 0 and code != -signal.SIGKILL or "Fatal" in errors or "stack" in errors.lower():
            ok = False
        again, said = 0, ""
        # What is done cannot be done again: a vault is made once, a secret deleted once.
        if not (self.name in ("init", "delete") and present == self.after):
            again, _, said = self.box.run(*self.words, input=self.input)
        compacted, _, more = self.box.run("compact", "--passphrase-file", self.box.passphrase)
        left = [name for name in os.listdir(self.box.root) if ".compact-" in name or ".copy-" in name]
        left = [] if self.name == "backup" else [name for name in left if name.startswith(".v.")]
        if not ok or again or compacted or left:
            self.failures.append((what, code, errors, present if not ok else "", again, said, compacted, more, left))
            print("FAILURE", self.name, *self.failures[-1], flush=True)
        self.counts[what.split()[0]] += 1

    def go(self, step, end):
        calls = self.calls()
        for number in range(1, len(calls) + 1, step):
            if time.monotonic() > end:
                break
            self.state.reset()
            code, errors = self.trace("-e", "inject=all:signal=KILL:when=%d" % number)
            self.judge("killed at call %d" % number, code, errors)
        failing = [call for call in calls if call in FAILING.split(",")]
        for error in ["ENOSPC", "EIO"]:
            for number in range(1, len(failing) + 1, step):
                if time.monotonic() > end:
                    break
                self.state.reset()
                code, errors = self.trace(
                    "-e", "trace=" + FAILING, "-e", "inject=%s:error=%s:when=%d" % (FAILING, error, number))
                self.judge("failed with %s at call %d" % (error, number), code, errors)
        print("  %-8s %4d system calls; %s; %d failures" % (
            self.name, len(calls), ", ".join("%d %s" % (count, what) for what, count in self.counts.items()),
            len(self.failures)), flush=True)
        return not self.failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--operation")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("crash.py needs strace: apt-get install strace")
    box = Sandbox()
    state = State(box)
    end = time.monotonic() + options.seconds
    good = True
    for name, operation in operations(box).items():
        if options.operation in (None, name):
            good = Campaign(box, state, name, operation).go(options.step, end) and good
    state.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
