#!/usr/bin/env python3
"""How long the agent keeps others waiting while everything is asked of it at once, and how much memory it takes.

    agentload.py [--seconds 60] [--secrets 1000000]

A vault with many secrets is verified, listed and written by 64 clients, files that were made to take long are unlocked again and
again, and another process holds the lock of a vault that is to be written. Meanwhile another vault's value is asked for, status, lock and
deadlines are used, and each wait is measured at the socket. It ends with one line of numbers.
"""

import argparse
import fcntl
import os
import struct
import subprocess
import sys
import threading
import time

import hostilefiles
from hostilefiles import forge

sys.path.insert(0, os.path.join(hostilefiles.ROOT, "Tests/EndToEnd/Agent"))

from agentclient import JOB, LOCK, NAMES, PASSPHRASE, STATUS, UNLOCK, VAULT, Failure, Sandbox, path_field  # noqa: E402

CLIENTS = 64
BOUND = 0.1  # seconds, for 99 of 100


class Load:
    def __init__(self, secrets):
        self.box = Sandbox()
        with open(self.box.passphrase, "wb") as file:
            file.write(forge.PASSPHRASE.encode())
        self.box.vault = self.write("quick", hostilefiles.sealed("quick", hostilefiles.ordinary(), 1 << 16))
        self.short = self.write("short", hostilefiles.sealed("short", hostilefiles.ordinary(), 1 << 16))
        self.hostile = [self.write("hostile%d" % i, make(1)) for i, (_, make) in enumerate(list(hostilefiles.files(8 << 20))[:4])]
        self.large = self.make_large(secrets)
        self.box.must("set", "team", "QUICK", input=b"value", environment=self.environment(self.box.vault))
        self.box.must("unlock", environment=self.environment(self.box.vault))
        self.ends, self.waits, self.failures, self.done = False, {}, [], 0

    def write(self, name, content):
        path = os.path.join(self.box.root, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o600)
        return path

    def environment(self, path):
        return {**self.box.environment, "VAULT_FILE": path, "VAULT_PASSPHRASE_FILE": self.box.passphrase}

    def make_large(self, secrets):
        path = self.box.make("large")
        environment = {**self.environment(path), "VAULT_PASSPHRASE_FILE": self.box.root + "/large-passphrase"}
        with open(self.box.root + "/large-passphrase", "wb") as file:
            file.write(PASSPHRASE)
        os.chmod(self.box.root + "/large-passphrase", 0o600)
        self.box.must("unlock", environment=environment)
        for first in range(0, secrets, 250_000):
            lines = ",".join('"N%d":"%s"' % (i, "x" * 30) for i in range(first, min(first + 250_000, secrets)))
            done = subprocess.run([VAULT, "import", "team", "--format", "json", "-"], input=("{" + lines + "}").encode(), env=environment,
                                  capture_output=True)
            assert done.returncode == 0, done.stderr
        return path

    def measured(self, name, ask):
        start = time.monotonic()
        ask()
        self.waits.setdefault(name, []).append(time.monotonic() - start)

    def until_end(self, body):
        def run():
            while not self.ends:
                try:
                    body()
                    self.done += 1
                except (Failure, OSError):
                    pass  # it was locked meanwhile, or has ended
                except Exception as error:  # said at the end
                    self.failures.append(repr(error))
                    return
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def client(self):
        client = self.box.client()
        client.socket.settimeout(120)
        return client

    def finished(self, client, kind, reply):
        while reply[:1] == b"\x01":
            reply = client.answer(kind)
        client.close()

    def verify(self):
        client = self.client()
        self.finished(client, JOB, client.ask(JOB, path_field(self.large) + b"\x01" + path_field(self.large)))

    def list(self):
        client = self.client()
        client.open(self.large)
        self.finished(client, NAMES, client.ask(NAMES, b"\0"))

    def write_large(self):
        client = self.client()
        client.open(self.large)
        client.set("LARGE", b"y" * (1 << 20))
        client.close()

    def unlock_hostile(self):
        for path in self.hostile:
            key = forge.MASTER
            body = path_field(path) + key + struct.pack("<QQBBH", 60_000, 60_000, 0, 1, 0)
            client = self.client()
            try:
                client.ask(UNLOCK, body)
            finally:
                client.close()

    def get(self):
        client = self.client()
        client.open(self.box.vault)
        assert client.get("QUICK") == b"value"
        client.close()

    def status(self, path):
        client = self.client()
        try:
            client.ask(STATUS, path_field(path))
        finally:
            client.close()

    def lock(self, path):
        client = self.client()
        client.ask(LOCK, path_field(path))
        client.close()

    def deadline(self):
        """How long after its deadline a vault is locked."""
        body = path_field(self.short) + forge.MASTER + struct.pack("<QQBBH", 150, 60_000, 0, 1, 0)
        client = self.client()
        client.ask(UNLOCK, body)
        end = time.monotonic() + 0.15
        try:
            while True:
                client.ask(STATUS, path_field(self.short))
                time.sleep(0.002)
        except Failure as failure:
            assert failure.args == (1,)
        client.close()
        self.waits.setdefault("deadline", []).append(time.monotonic() - end)

    def memory(self):
        with open("/proc/%d/status" % self.box.agent) as file:
            return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))

    def run(self, seconds):
        held = os.open(self.hostile[0], os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        threads = [self.until_end(body) for _ in range(CLIENTS // 4 - 1) for body in (self.verify, self.list, self.write_large, self.verify)]
        threads += [self.until_end(self.unlock_hostile) for _ in range(4)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.measured("get", self.get)
            self.measured("status", lambda: self.status(self.box.vault))
            self.measured("status of the busy vault", lambda: self.status(self.large))
            self.measured("lock", lambda: self.lock(self.hostile[1]))
            self.deadline()
            time.sleep(0.02)
        self.ends = True
        self.measured("lock --all", lambda: self.box.must("lock", "--all"))
        for thread in threads:
            thread.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--secrets", type=int, default=1_000_000)
    options = parser.parse_args()
    load = Load(options.secrets)
    try:
        memory = []
        watcher = threading.Thread(target=lambda: watch(load, memory))
        watcher.start()
        load.run(options.seconds)
        watcher.join()
        late = []
        for name, waits in load.waits.items():
            waits.sort()
            worst = waits[min(len(waits) * 99 // 100, len(waits) - 1)]
            print("  %-25s %5d times, median %6.1f ms, 99 of 100 within %6.1f ms" % (
                name, len(waits), 1000 * waits[len(waits) // 2], 1000 * worst))
            if worst > BOUND and len(waits) > 1:
                late.append(name)
        for failure in load.failures:
            print("FAILURE", failure)
        print("agent load: %d requests beside, at most %d MiB, %d of %d kinds late, %d failures" % (
            load.done, max(memory), len(late), len(load.waits), len(load.failures)))
        return 1 if late or load.failures or max(memory) >= 512 else 0
    finally:
        load.box.close()


def watch(load, memory):
    while not load.ends:
        try:
            memory.append(load.memory())
        except (AssertionError, OSError, StopIteration):
            pass
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
