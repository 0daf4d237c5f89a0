#!/usr/bin/env python3
"""vault beside the tools that a user would take instead: the same work on the same data, in the same run, in turns.

    peers.py [--quick] [--json FILE] [--vault BINARY]

peerlines.py has what is run. In every round each peer has one turn, in an order drawn anew. Each line is checked once for each size
before it is timed; one wrong answer ends the benchmark with code 1. Memory is that of one more run, under time(1): what a child of this
program is told to have used at most begins with what Python had. What a daemon spent counts as the command's.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import random
import re
import secrets
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from peerlines import NOT_TO_BE_HAD, PATIENCE, PEERS, VENV, Vault, Wrong

HERE = os.path.dirname(os.path.abspath(__file__))
WORKS = {
    "get": "one secret", "set": "a new value for a name that exists", "list": "all names", "delete": "one secret",
    "environment": "all secrets into the environment of a child, /bin/true", "import": "many secrets into an empty store",
}
LONGEST = 150  # seconds; what would take longer a run is left out


def a_value():
    return secrets.token_hex(20)


def a_store(count):
    return {"SERVICE_TOKEN_%06d" % number: a_value() for number in range(count)}


class Cell:
    """One peer, one work, one size."""

    def __init__(self, kind, work, count, peer, values):
        self.kind, self.work, self.count, self.peer, self.values = kind, work, count, peer, values
        self.wall, self.cpu, self.daemon_cpu, self.memory, self.daemon_memory, self.store = [], [], [], 0, 0, (0, 0)

    def wants(self, rounds, budget):
        spent = sum(self.wall)
        return len(self.wall) < rounds and (spent < budget or len(self.wall) < (1 if spent > 60 else 2))

    def row(self):
        wall = sorted(1000 * seconds for seconds in self.wall)
        quartiles = statistics.quantiles(wall, n=4, method="inclusive")[::2] if len(wall) > 1 else wall * 2
        return {
            "peer": self.kind.name, "encrypts": self.kind.encrypts, "work": self.work, "secrets": self.count, "runs": len(wall),
            "median_ms": round(statistics.median(wall), 3), "least_ms": round(wall[0], 3),
            "quartile_ms": [round(quartile, 3) for quartile in quartiles],
            "cpu_ms": round(1000 * (statistics.mean(self.cpu) + statistics.mean(self.daemon_cpu)), 3),
            "daemon_cpu_ms": round(1000 * statistics.mean(self.daemon_cpu), 3),
            "memory_kib": self.memory, "daemon_memory_kib": self.daemon_memory,
            "store_bytes": self.store[0], "store_disk_bytes": self.store[1],
        }


class Bench:
    def __init__(self, directory, vault, rounds, budget):
        self.directory, self.vault, self.rounds, self.budget = directory, vault, rounds, budget
        self.random = random.Random(1)
        self.live, self.opened, self.child = [], 0, None
        self.rows, self.left_out, self.missing, self.kinds = [], [], dict(NOT_TO_BE_HAD), []
        for kind in PEERS:
            if kind is Vault or shutil.which(kind.program, path=kind.path()):
                self.kinds.append(kind)
            else:
                self.missing[kind.name] = "'%s' is not installed" % kind.program

    def open(self, kind, values=None):
        """A store of a peer, with all that serves it."""
        self.opened += 1
        peer = kind(os.path.join(self.directory, str(self.opened)))
        if kind is Vault:
            peer.env["PATH"] = os.path.dirname(self.vault) + ":" + peer.env["PATH"]
        self.live.append(peer)
        peer.start()
        if values:
            peer.fill(values)
        peer.find_daemons()
        return peer

    def close(self, peer):
        self.live.remove(peer)
        peer.stop()
        for _ in range(100):
            if not peer.find_daemons() - {child.pid for child in peer.children}:
                break
            time.sleep(0.02)
        else:
            for pid in peer.pids:
                os.kill(pid, signal.SIGKILL)
        os.chdir("/")
        shutil.rmtree(peer.root)

    def stop(self):
        if self.child:
            with contextlib.suppress(OSError):
                os.killpg(self.child, signal.SIGKILL)
        for peer in list(self.live):
            with contextlib.suppress(Wrong, OSError):
                self.close(peer)

    def spawn(self, peer, line, stdin, output="/dev/null", before=()):
        """Seconds that one line takes, those on a processor, and its daemons'. The clock runs over the start and the end alone."""
        os.chdir(peer.root)
        peer.write(".stdin", stdin)
        words = [*before, *(["/bin/sh", "-c", line] if re.search(r"[|;&<$]|^[A-Z]+=", line) else shlex.split(line))]
        program = shutil.which(words[0], path=peer.env["PATH"])
        files = [(os.POSIX_SPAWN_OPEN, 0, ".stdin", os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                 (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
        signal.alarm(PATIENCE)
        served = peer.daemon_cpu()
        start = time.perf_counter()
        self.child = os.posix_spawn(program, words, peer.env, file_actions=files, setpgroup=0)
        _, status, usage = os.wait4(self.child, 0)
        wall = time.perf_counter() - start
        signal.alarm(0)
        self.child = None
        if status:
            raise Wrong("%s: %s: status %d" % (peer.name, line, status))
        return wall, usage.ru_utime + usage.ru_stime, peer.daemon_cpu() - served

    def turn(self, cell, checked):
        """One run: timed, or checked, with its memory measured."""
        name, new = self.random.choice(list(cell.values)), a_value()
        peer = cell.peer or self.open(cell.kind)
        if cell.work == "import":
            peer.write_import(cell.values)
        if cell.work == "delete" and peer.copied:
            shutil.copyfile(os.path.join(peer.root, peer.store), peer.root + "/.before")
        if checked:
            line = peer.line(cell.work, name=name, value=new, child="/usr/bin/env")
            self.spawn(peer, *line, output=".output", before=["/usr/bin/time", "-f", "%M", "-o", ".memory"])
            with open(".memory") as file:
                cell.memory = int(file.read())
        else:
            wall, cpu, daemon_cpu = self.spawn(peer, *peer.line(cell.work, name=name, value=new))
            cell.wall.append(wall)
            cell.cpu.append(cpu)
            cell.daemon_cpu.append(daemon_cpu)
        cell.store, cell.daemon_memory = peer.size(), peer.daemon_memory()
        if cell.work == "set":
            cell.values[name] = new
        if checked:
            self.check(cell, peer, name)
        if cell.work == "delete" and peer.copied:
            shutil.copyfile(peer.root + "/.before", os.path.join(peer.root, peer.store))
        elif cell.work == "delete":
            peer.ask("set", name=name, value=cell.values[name])
        if not cell.peer:
            self.close(peer)

    def check(self, cell, peer, name):
        with open(".output") as file:
            output = file.read()
        if cell.work in ("set", "import"):
            output = peer.ask("get", name=name)
        elif cell.work == "delete":
            output = peer.ask("list")
        if cell.work in ("get", "set", "import"):
            right = output.strip() == cell.values[name]
        elif cell.work == "environment":
            right = cell.values.items() <= dict(line.partition("=")[::2] for line in output.splitlines()).items()
        else:
            right = set(re.findall(r"\bSERVICE_TOKEN_\d{6}\b", output)) == set(cell.values) - ({name} if cell.work == "delete" else set())
        if right and cell.work == "import":
            right = set(re.findall(r"\bSERVICE_TOKEN_\d{6}\b", peer.ask("list"))) == set(cell.values)
        if not right:
            raise Wrong("%s: %s with %d secrets: the answer is wrong" % (peer.name, cell.work, cell.count))

    def measure(self, cells):
        for cell in cells:
            self.turn(cell, checked=True)
        wanting = cells
        while wanting := [cell for cell in wanting if cell.wants(self.rounds, self.budget)]:
            self.random.shuffle(wanting)
            for cell in wanting:
                self.turn(cell, checked=False)
        self.rows += [cell.row() for cell in cells]

    def reason_to_leave_out(self, kind, work, count):
        if work in kind.no_way:
            return kind.no_way[work]
        if kind.most and count > kind.most[0]:
            return kind.most[1]
        for row in reversed(self.rows):
            if (row["peer"], row["work"]) == (kind.name, work):
                estimate = row["median_ms"] / 1000 * count / row["secrets"]
                return "some %d s a run, by what %d take" % (estimate, row["secrets"]) if estimate > LONGEST else None
        return None

    def cells(self, work, count, peers):
        found = []
        for kind in self.kinds:
            reason = self.reason_to_leave_out(kind, work, count)
            if reason:
                self.left_out.append({"peer": kind.name, "work": work, "secrets": count, "reason": reason})
            else:
                found.append(Cell(kind, work, count, *peers.get(kind, (None, a_store(count)))))
        return found

    def run(self, sizes, imported):
        for count in sizes:
            peers = {}
            for kind in self.kinds:
                if not kind.most or count <= kind.most[0]:
                    say("%d secrets: filling %s" % (count, kind.name))
                    values = a_store(count)
                    peers[kind] = self.open(kind, values), values
            for work in [work for work in WORKS if work != "import"]:
                say("%d secrets: %s" % (count, work))
                self.measure(self.cells(work, count, peers))
            for peer, _ in peers.values():
                self.close(peer)
        say("%d secrets: import" % imported)
        self.measure(self.cells("import", imported, {}))


def give_up(*_):
    raise Wrong("no end after %d s" % PATIENCE)


def say(text):
    print(text, file=sys.stderr, flush=True)


def versions(bench):
    found = {}
    for kind in bench.kinds:
        if kind is Vault:
            words = [bench.vault, "--version"]
        elif kind.packages:
            words = ["dpkg-query", "--show", "--showformat=${Package} ${Version}, ", *kind.packages]
        else:
            words = [VENV + "/python3", "-c", "import importlib.metadata as m; print(%r, m.version(%r))" % (2 * (kind.distribution,))]
        found[kind.name] = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip(" ,\n")
    return found


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release().split("-")[0],
            "distribution": platform.freedesktop_os_release()["PRETTY_NAME"]}


def table(bench, work):
    rows = {(row["peer"], row["secrets"]): row for row in bench.rows if row["work"] == work}
    reasons = {(left["peer"], left["secrets"]): left["reason"] for left in bench.left_out if left["work"] == work}
    sizes = sorted({count for _, count in [*rows, *reasons]})
    print("\n%s: %s\n%-15s%-10s%s" % (work, WORKS[work], "", "encrypts", "".join("%24s" % format(count, ",") for count in sizes)))
    for kind in bench.kinds:
        texts = []
        for count in sizes:
            row = rows.get((kind.name, count))
            texts.append("%11.2f ms %8.1f x" % (row["median_ms"], row["median_ms"] / rows["vault", count]["median_ms"]) if row
                         else "no way" if work in kind.no_way else "left out")
        print("%-15s%-10s%s" % (kind.name, "yes" if kind.encrypts else "no", "".join("%24s" % text for text in texts)))
    for (peer, count), reason in reasons.items():
        print("  %s, %s: %s" % (peer, format(count, ","), reason))


def costs(bench):
    """What else one secret costs, each with the daemon that serves it, and what the store takes."""
    rows = {(row["peer"], row["secrets"]): row for row in bench.rows if row["work"] == "get"}
    sizes = sorted({count for _, count in rows})
    print("\nget: on a processor; memory, with the daemon's; size of the store\n%-15s%s" % (
        "", "".join("%36s" % format(count, ",") for count in sizes)))
    for kind in bench.kinds:
        found = [rows.get((kind.name, count)) for count in sizes]
        print("%-15s%s" % (kind.name, "".join("%36s" % ("%.2f ms %8.1f MiB %9.1f KiB" % (
            row["cpu_ms"], (row["memory_kib"] + row["daemon_memory_kib"]) / 1024, row["store_bytes"] / 1024) if row else "left out")
            for row in found)))


def main():
    parser = argparse.ArgumentParser(description="vault beside the tools that a user would take instead")
    parser.add_argument("--quick", action="store_true", help="small stores and three rounds, to see that all peers work")
    parser.add_argument("--json", metavar="FILE", help="write what was measured there")
    parser.add_argument("--vault", metavar="BINARY", default=os.path.join(HERE, "..", ".build", "release", "vault"))
    options = parser.parse_args()
    destination = options.json and os.path.abspath(options.json)
    os.umask(0o077)
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Not /tmp, which may lie in memory; and short, since the path of a socket has at most 107 bytes.
    directory = tempfile.mkdtemp(prefix="vp", dir="/var/tmp")
    bench = Bench(directory, os.path.realpath(options.vault), 3 if options.quick else 30, 1 if options.quick else 8)
    start = datetime.datetime.now(datetime.timezone.utc)
    try:
        bench.run(*(([10, 100], 100) if options.quick else ([10, 1000, 10000], 1000)))
        result = {"date": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "machine": machine(), "versions": versions(bench),
                  "missing": bench.missing, "left_out": bench.left_out, "rows": bench.rows}
    except Wrong as wrong:
        sys.exit("peers.py: %s" % wrong)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        bench.stop()
        os.chdir("/")
        shutil.rmtree(directory, ignore_errors=True)
    for work in WORKS:
        table(bench, work)
    costs(bench)
    print("\n" + "\n".join("missing: %s: %s" % item for item in bench.missing.items()))
    vaults = {(row["work"], row["secrets"]): row["median_ms"] for row in bench.rows if row["peer"] == "vault"}
    quicker = [row for row in bench.rows if row["median_ms"] < vaults[row["work"], row["secrets"]]]
    for row in quicker:
        print("quicker than vault: %(peer)s, %(work)s, %(secrets)d secrets" % row)
    print("vault is the quickest in %d of %d rows" % (len(vaults) - len({(row["work"], row["secrets"]) for row in quicker}), len(vaults)))
    if destination:
        with open(destination, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
