#!/usr/bin/env python3
"""How long the release binary takes for files that are made to take long, against an ordinary file of the same size.

    hostile.py [--mebibytes 8] [--patience 120] [--only WORDS]

Each verb may take twice as long as for the ordinary file, and a second. A case is one verb on one file. It is the time of the CPUs, of all
threads together, which other work on the machine does not lengthen.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys

import hostilefiles
from hostilefiles import forge, ordinary, sealed

sys.path.insert(0, os.path.join(hostilefiles.ROOT, "Tests/EndToEnd/Agent"))

from agentclient import Sandbox, VAULT  # noqa: E402


class Place:
    """Two ordinary copies of a vault, and a copy of one beside which a hostile one is put."""

    def __init__(self, size, patience):
        self.patience = patience
        self.box = Sandbox()
        with open(self.box.passphrase, "wb") as file:
            file.write(forge.PASSPHRASE.encode())
        self.write("ordinary", sealed("ordinary", ordinary(), size))
        self.write("changed", sealed("changed", ordinary(changed=10), size))

    def path(self, name):
        return os.path.join(self.box.root, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)

    def vault(self, file, *words):
        """The seconds that it takes; nothing but an answer of the program's own is expected."""
        environment = {**self.box.environment, "VAULT_FILE": self.path(file), "VAULT_PASSPHRASE_FILE": self.box.passphrase}
        shutil.rmtree(self.path(".local"), ignore_errors=True)  # what was seen at this path before
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            done = subprocess.run([VAULT, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=self.patience)
        except subprocess.TimeoutExpired:
            return self.patience
        if done.returncode not in (0, 8, 9, 10):
            sys.exit("hostile: vault %s ended with %d: %s" % (" ".join(words), done.returncode, done.stderr.decode()))
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime

    def times(self, file, other):
        """What each verb takes for a file, and for it and another copy of the same kind."""
        result = {"get": self.vault(file, "get", "team", "A"), "check": self.vault(file, "check"),
                  "check --keyless": self.vault(file, "check", "--keyless"),
                  "diff": self.vault("ordinary", "diff", self.path(file)),
                  "diff, the other way": self.vault(file, "diff", self.path("ordinary"))}
        shutil.copy(self.path("ordinary"), self.path("merged"))
        result["merge"] = self.vault("merged", "merge", self.path(file))
        result["get of what was merged"] = self.vault("merged", "get", "team", "A")
        shutil.copy(self.path(file), self.path("merged"))
        result["merge, the other way"] = self.vault("merged", "merge", self.path("ordinary"))
        result["diff of two"] = self.vault(file, "diff", self.path(other))
        shutil.copy(self.path(file), self.path("merged"))
        result["merge of two"] = self.vault("merged", "merge", self.path(other))
        result["salvage"] = self.vault("ordinary", "salvage", self.path(file), self.path("salvaged"))
        for name in ["salvaged", "merged"]:
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=8)
    parser.add_argument("--patience", type=float, default=120, help="the seconds by the clock after which a verb is over the bound in any case")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    size = options.mebibytes << 20
    place = Place(size, options.patience)
    # The faster of two, so that no file is let off because another program was at work.
    runs = [place.times("changed", "ordinary") for _ in range(2)]
    usual = {verb: min(run[verb] for run in runs) for verb in runs[0]}
    print("  ordinary: " + ", ".join("%s %.2f s" % pair for pair in usual.items()), flush=True)
    cases, over, worst = 0, 0, 0.0
    for name, make in hostilefiles.files(size):
        if options.only not in name:
            continue
        place.write("hostile", make(1))
        place.write("other", make(2))
        for verb, taken in place.times("hostile", "other").items():
            bound = 2 * usual[verb] + 1
            cases += 1
            worst = max(worst, taken / usual[verb])
            if taken > bound:
                over += 1
            print("  %-45s %-25s %7.2f s, %5.1f times%s" % (name, verb, taken, taken / usual[verb], ", OVER" if taken > bound else ""), flush=True)
    print("hostile: %d cases, worst ratio %.1f, %d over the bound" % (cases, worst, over), flush=True)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
