#!/usr/bin/env python3
"""Eight writers, four readers, a compactor, a copier and a killer on one vault, with a history of what each may see.

    torture.py [--seconds 600] [--seed N]

Every value that a reader gets must be one that was acknowledged before it looked, or attempted since. Every copy must open and
pass `check`. Nobody may hear of damage, a finding or a rollback (8, 10, 13). A writer that is killed may leave its change or not, and
bytes of it behind the last commit: so a copy with such a tail counts as a failure only while nobody is killed.
"""

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "EndToEnd/Agent"))

from agentclient import Sandbox  # noqa: E402

WRITERS, READERS, NAMES = 8, 4, 6
QUIET, DEADLY = 20, 10  # seconds without and with kills, in turn


class Name:
    """What one secret may hold; a single writer writes it."""

    def __init__(self):
        self.acknowledged = None
        self.pending = []   # attempts whose end is not known: in flight, or killed
        self.attempts = []  # all of them


class Torture:
    def __init__(self, seconds, seed):
        self.box = Sandbox()
        self.random = random.Random(seed)
        self.end = time.monotonic() + seconds
        self.start = time.monotonic()
        self.names = {"W%d_%d" % (writer, number): Name() for writer in range(WRITERS) for number in range(NAMES)}
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.failures = []
        self.in_flight = {}
        self.last_kill = 0

    @property
    def is_over(self):
        return time.monotonic() > self.end or len(self.failures) > 20

    @property
    def is_deadly(self):
        return (time.monotonic() - self.start) % (QUIET + DEADLY) > QUIET

    def fail(self, *words):
        with self.lock:
            self.failures.append(words)
        print("FAILURE", *words, flush=True)

    def run(self, *words, input=None, direct=False, writer=None, environment=None):
        """Runs the program, through the agent or with the passphrase; a writer's process can be killed."""
        options = ["--passphrase-file", self.box.passphrase] if direct else []
        child = self.box.start(*words, *options, environment=environment,
                               stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        if writer is not None:
            self.in_flight[writer] = child
        output, errors = child.communicate(input)
        if writer is not None:
            self.in_flight.pop(writer, None)
        return child.returncode, output, errors.decode()

    def write(self, number):
        rng = random.Random(self.random.random())
        serial = 0
        while not self.is_over:
            name = "W%d_%d" % (number, rng.randrange(NAMES))
            entry = self.names[name]
            serial += 1
            value = None
            if rng.random() < 0.85:
                size = rng.randrange(5, 100) * 1024 if rng.random() < 0.05 else rng.randrange(200)
                value = b"%s %d " % (name.encode(), serial) + rng.randbytes(size).hex().encode()
            elif entry.acknowledged is None or entry.pending:
                continue  # deleting what may not be there is another test
            with self.lock:
                entry.pending.append(value)
                entry.attempts.append(value)
            direct = rng.random() < 0.5
            words = ("delete", "team", name) if value is None else ("set", "team", name)
            code, _, errors = self.run(*words, input=value, direct=direct, writer=(number, serial))
            with self.lock:
                if code == 0:
                    entry.acknowledged, entry.pending = value, []
                    self.counts["acknowledged writes"] += 1
                elif code == -signal.SIGKILL:
                    self.counts["killed writers"] += 1
                    continue
            if code not in (0, -signal.SIGKILL):
                self.fail("write", name, code, errors)

    def read(self, number):
        rng = random.Random(self.random.random())
        while not self.is_over:
            name = rng.choice(list(self.names))
            entry = self.names[name]
            with self.lock:
                allowed, first = [entry.acknowledged, *entry.pending], len(entry.attempts)
            code, value, errors = self.run("get", name, direct=rng.random() < 0.5)
            with self.lock:
                allowed += entry.attempts[first:]
            self.counts["reads"] += 1
            if code == 9:
                value = None
            elif code != 0:
                self.fail("read", name, code, errors)
                continue
            if value not in allowed:
                self.fail("wrong read", name, value[:40] if value else value, [a and a[:20] for a in allowed])

    def compact(self):
        rng = random.Random(self.random.random())
        while not self.is_over:
            keep = rng.choice(["none", "all", "1s", "90d"])
            code, _, errors = self.run("compact", "--keep", keep, direct=rng.random() < 0.5)
            if code == 0:
                self.counts["compactions"] += 1
            else:
                self.fail("compact", code, errors)
            time.sleep(rng.random() / 2)

    def copy(self):
        number = 0
        while not self.is_over:
            number += 1
            copy = self.box.root + "/copy%d" % number
            with self.lock:
                allowed = {name: [e.acknowledged, *e.pending] for name, e in self.names.items()}
                first = {name: len(e.attempts) for name, e in self.names.items()}
            was_deadly = self.is_deadly or time.monotonic() < self.last_kill + 5
            subprocess.run(["cp", self.box.vault, copy], check=True)
            code, output, errors = self.run("check", "--vault", copy, direct=True)
            self.counts["copies"] += 1
            if code == 10 and was_deadly and b"are not part of a complete change" in output:
                self.counts["copies with a killed writer's tail"] += 1
            elif code != 0:
                self.fail("copy", code, output, errors)
                continue
            name = self.random.choice(list(self.names))
            code, value, errors = self.run("get", name, "--vault", copy, direct=True)
            with self.lock:
                allowed = allowed[name] + self.names[name].attempts[first[name]:]
            value = None if code == 9 else value
            if code not in (0, 9) or value not in allowed:
                self.fail("wrong copy", name, code, value, errors)
            os.remove(copy)

    def kill(self):
        while not self.is_over:
            time.sleep(self.random.random() / 3)
            if not self.is_deadly:
                continue
            for child in list(self.in_flight.values())[:2]:
                # Long enough after its start to be anywhere on its way.
                time.sleep(self.random.random() / 50)
                self.last_kill = time.monotonic()
                child.kill()

    def finish(self):
        """Every name holds what was acknowledged last, or what a killed writer attempted after it."""
        for name, entry in self.names.items():
            for direct in [False, True]:
                code, value, errors = self.run("get", name, direct=direct)
                value = None if code == 9 else value
                if code not in (0, 9) or value not in [entry.acknowledged, *entry.pending]:
                    self.fail("lost", name, code, value, errors)
        self.run("set", "team", "LAST", input=b"moves a tail aside")
        code, output, errors = self.run("check", direct=True)
        if code != 0:
            self.fail("check", code, output, errors)

    def go(self):
        self.box.unlock()
        workers = [threading.Thread(target=self.write, args=[number]) for number in range(WRITERS)]
        workers += [threading.Thread(target=self.read, args=[number]) for number in range(READERS)]
        workers += [threading.Thread(target=work) for work in (self.compact, self.copy, self.kill)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.finish()
        self.box.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    torture = Torture(options.seconds, options.seed)
    torture.go()
    counts = ["%d %s" % (count, what) for what, count in sorted(torture.counts.items())]
    print("torture: %s; %d failures in %d s (seed %d)" % (
        ", ".join(counts), len(torture.failures), options.seconds, options.seed))
    return 1 if torture.failures else 0


if __name__ == "__main__":
    sys.exit(main())
