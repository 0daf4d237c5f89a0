#!/usr/bin/env python3
"""How fast vault is, as ratios to C programs that do no more than has to be done: floors/client.c and floors/file.c.

    bench.py [--quick] [--json FILE] [--vault BINARY]

Each row and its floor are measured in turns, in the same run, so that whatever else the machine does hits both. A ratio is that of the
medians; beside it stand the quartiles of the ratios of all turns. Ends with 1 if a row is above its target.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PASSPHRASE = "correct horse battery staple"  # engine's
SIZES = [10, 100, 1_000, 10_000, 100_000, 1_000_000]
MOST_MEMORY = 512  # MiB, which docs/performance.md states for any work on a million secrets


def run(*words, environment=None, text=None):
    done = subprocess.run(words, env=environment, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s ended with %d: %s" % (" ".join(words), done.returncode, done.stderr.strip()))
    return done.stdout


def median(numbers):
    return statistics.median(numbers)


class Bench:
    def __init__(self, directory, vault, quick):
        self.directory, self.vault, self.quick = directory, vault, quick
        self.rows, self.growth = [], []
        self.engine = os.path.join(HERE, ".build", "release", "engine")
        # Short, since a socket's path is.
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": directory, "XDG_RUNTIME_DIR": directory, "XDG_STATE_HOME": directory + "/state",
            "VAULT_FILE": directory + "/none",
        }
        self.passphrase, self.value = directory + "/passphrase", directory + "/value"
        for path, content in [(self.passphrase, PASSPHRASE), (self.value, "a value of forty bytes, or thereabouts..")]:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(content)
        for name in ["client", "line", "file"]:
            run("gcc", "-static", "-O2", "-o", self.floor(name), os.path.join(HERE, "floors", name + ".c"),
                *(["-lsodium"] if name == "file" else []))
        run("gcc", "-O2", "-o", self.floor("turns"), os.path.join(HERE, "turns.c"))
        # Programs are measured as they are installed. What a linker wrote lies in smaller pieces in the system's memory, and starts slower.
        os.mkdir(directory + "/bin")
        self.vault = shutil.copy(vault, directory + "/bin/vault")
        for name in ["client", "line", "file"]:
            os.replace(shutil.copy(self.floor(name), self.floor(name) + ".copy"), self.floor(name))

    def floor(self, name):
        return os.path.join(self.directory, name)

    def runs(self, count):
        return max(3, count // 20) if self.quick else count

    # Vaults

    def path(self, name):
        return "%s/%s.vault" % (self.directory, name)

    def make(self, name):
        """A vault without secrets, whose passphrase costs little: what is measured begins behind it."""
        for path in [self.path(name), self.directory + "/state"]:
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
        run(self.vault, "init", "--quiet", "--kdf-memory", "64", "--passphrase-file", self.passphrase, environment=self.of(name))

    def of(self, name):
        return dict(self.environment, VAULT_FILE=self.path(name))

    def fill(self, name, count):
        self.make(name)
        self.at(self.engine, "fill", self.path(name), str(count))

    def fresh(self, name, copy):
        """A copy of a vault of which this machine remembers nothing."""
        shutil.rmtree(self.directory + "/state", ignore_errors=True)
        shutil.copyfile(self.path(name), self.path(copy))
        os.sync()

    def unlock(self, name):
        run(self.vault, "unlock", "--quiet", "--passphrase-file", self.passphrase, environment=self.of(name))

    def lock(self):
        subprocess.run([self.vault, "lock", "--all", "--quiet"], env=self.environment, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def unlocked(self, name):
        self.unlock(name)
        try:
            yield
        finally:
            self.lock()

    def agent_memory(self):
        """What the agent has in main memory, in MiB, and the most that it ever had."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open("/proc/%s/cmdline" % number, "rb") as file:
                    words = file.read().split(b"\0")
                if words[0] == b"vault-agent" and words[1].startswith(self.directory.encode()):
                    with open("/proc/%s/status" % number) as file:
                        status = file.read()
                    return [int(status.split(key)[1].split()[0]) / 1024 for key in ("VmRSS:", "VmHWM:")]
        sys.exit("there is no agent")

    # Measuring

    def at(self, *words):
        return [int(line) for line in run(*words, environment=self.environment).split()]

    def turns(self, runs, one, other):
        """Nanoseconds of two programs, started in turn."""
        with open(self.value) as value:
            done = subprocess.run(
                [self.floor("turns"), str(self.runs(runs)), *one, "--", *other], env=self.environment, stdin=value, cwd="/",
                capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        pairs = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def printed(self, runs, one, other):
        """The numbers that two kinds of work print, done in turn."""
        ours, floors = [], []
        for _ in range(self.runs(runs)):
            ours += one()
            floors += other()
        return ours, floors

    def row(self, name, floor, target, measured):
        ours, floors = measured
        ratios = [one / other for one, other in zip(ours, floors)]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        row = {
            "work": name, "floor": floor, "target": target, "runs": len(ours), "unit": "ms",
            "median": median(ours) / 1e6, "least": min(ours) / 1e6, "floor_median": median(floors) / 1e6,
            "floor_least": min(floors) / 1e6, "ratio": median(ours) / median(floors), "quartiles": [low, high],
        }
        self.add(row)

    def limit(self, name, unit, value, target):
        self.add({"work": name, "unit": unit, "median": value, "target": target})

    def add(self, row):
        reached = row.get("ratio", row["median"])
        row["met"] = reached <= row["target"]
        self.rows.append(row)
        if "ratio" in row:
            print("%-52s %10.3f ms %10.3f ms  %5.2f  (%.2f to %.2f)  %s %g, %d runs" % (
                row["work"], row["median"], row["floor_median"], row["ratio"], *row["quartiles"],
                "within" if row["met"] else "ABOVE", row["target"], row["runs"]), flush=True)
        else:
            print("%-52s %10.1f %-23s %s %g" % (
                row["work"], row["median"], row["unit"], "within" if row["met"] else "ABOVE", row["target"]), flush=True)

    def grew(self, work, count, numbers, unit="ms"):
        self.growth.append({
            "work": work, "secrets": count, "unit": unit, "median": round(median(numbers) / (1e6 if unit == "ms" else 1), 4)})


def agent_rows(bench):
    vault, client, socket = bench.vault, bench.floor("client"), bench.directory + "/vault/agent.sock"
    bench.row("vault --version", "C: prints a line", 2, bench.turns(500, [vault, "--version"], [bench.floor("line")]))
    name = "NAME_000050"
    names = bench.directory + "/hundred.env"
    with open(names, "w") as file:
        file.writelines("NAME_%06d=a value of forty bytes, or thereabouts..\n" % number for number in range(100))
    bench.make("hundred")
    with bench.unlocked("hundred"):
        path, file = bench.path("hundred"), "VAULT_FILE=" + bench.path("hundred")
        run(vault, "import", "--quiet", "team", "--format", "dotenv", names, environment=bench.of("hundred"))
        bench.row("vault get, from the agent", "C: asks the socket, prints", 1.65, bench.turns(
            1000, [file, vault, "get", name], [client, "get", socket, path, name]))
        bench.row("vault run -- /bin/true, 100 secrets", "C: execs the same environment", 2, bench.turns(
            500, [file, vault, "run", "/bin/true"], [client, "run", names, "/bin/true"]))
        bench.row("vault set, by the agent, durable", "C: asks the socket, writes, syncs", 1.5, bench.turns(
            500, [file, vault, "set", "team", name], [client, "set", socket, path, name, bench.directory + "/frames"]))


def most_secrets():
    return format(SIZES[-1], ",") + " secrets"


def engine_rows(bench):
    engine, file = bench.engine, bench.floor("file")
    bench.make("empty")

    def new():
        with contextlib.suppress(FileNotFoundError):
            os.remove(bench.path("new"))
        os.sync()
        return bench.path("new")

    def fresh():
        bench.fresh("empty", "copy")
        return bench.path("copy")

    # The first of each process come before what they use is at hand.
    bench.row("library: set, durable", "C: writes, syncs", 1.3, bench.printed(
        20, lambda: bench.at(engine, "set", fresh(), "60")[10:], lambda: bench.at(file, "append", "60", new())[10:]))
    bench.row("library: set, durable", "C: the same system calls", 1.3, bench.printed(
        20, lambda: bench.at(engine, "set", fresh(), "60")[10:],
        lambda: bench.at(file, "commit", "60", new(), bench.directory + "/mark")[10:]))
    bench.row("library: import 10,000 in one transaction", "C: seals, writes, syncs", 1.5, bench.printed(
        41, lambda: bench.at(engine, "import", fresh(), "10000"), lambda: bench.at(file, "seal", "10000", new())))


def list_row(bench):
    client, socket, names = bench.floor("client"), bench.directory + "/vault/agent.sock", bench.directory + "/names.env"
    with open(names, "w") as file:
        file.writelines("NAME_%06d=a value of forty bytes, or thereabouts..\n" % number for number in range(100_000))
    bench.make("names")
    with bench.unlocked("names"):
        path = bench.path("names")
        run(bench.vault, "import", "--quiet", "team", "--format", "dotenv", names, environment=bench.of("names"))
        bench.row("vault list, 100,000 names, from the agent", "C: receives and prints the same", 2, bench.turns(
            100, ["VAULT_FILE=" + path, bench.vault, "list"], [client, "list", socket, path]))


def size_rows(bench, count):
    """What grows with the number of secrets; all are in one project."""
    vault, engine, file = bench.vault, bench.engine, bench.floor("file")
    name, path, most = "many%d" % count, bench.path("many%d" % count), SIZES[-1]
    bench.fill(name, count)
    runs = 15 if count > 100_000 else 31
    if count == most:
        bench.limit("bytes on disk a secret (value 40, name 24, id 12)", "bytes", (os.path.getsize(path) - 4608) / count, 200)

    def both(work, floor, name, target):
        measured = bench.printed(
            runs, lambda: bench.at(engine, work, path), lambda: bench.at(file, work, path, bench.passphrase))
        if count == most:
            bench.row(name, floor, target, measured)
        bench.grew("library: " + work, count, measured[0])

    both("open", "C: reads, opens, chains the frames", "library: open " + most_secrets(), 0.8)
    both("check", "C: reads and opens the frames", "library: check " + most_secrets(), 0.8)

    def compact():
        bench.fresh(name, "copy")
        return bench.at(engine, "compact", bench.path("copy"))

    def rewrite():
        with contextlib.suppress(FileNotFoundError):
            os.remove(bench.path("new"))
        os.sync()
        return bench.at(file, "rewrite", path, bench.passphrase, bench.path("new"))

    compacted = bench.printed(9, compact, rewrite)
    if count == most:
        bench.row("library: compact " + most_secrets(), "C: reads, opens, seals, writes, syncs", 1.2, compacted)
    bench.grew("library: compact", count, compacted[0])
    for other in ["copy", "new"]:
        os.remove(bench.path(other))

    here, project = "VAULT_FILE=" + path, ["--project", "project-0007"]
    with bench.unlocked(name):
        memory, highest = bench.agent_memory()
        for work, runs, words in [
            ("get", 500, ["get", *project, "SERVICE_TOKEN_0000000007"]), ("set", 200, ["set", "team", "NAME"]),
            ("list", 21, ["list", *project]), ("run", 21, ["run", *project, "/bin/true"]),
        ]:
            # Beyond that, an environment has no room.
            if work != "run" or count <= 10_000:
                bench.grew(work, count, bench.turns(runs, [here, vault, *words], [vault, "--version"])[0])
    bench.grew("agent's memory", count, [memory], "MiB")
    if count == most:
        bench.limit("agent's memory, " + most_secrets(), "MiB", memory, 96)
        bench.limit("the most that it had, as it was unlocked", "MiB", highest, 128)


def one_of_a_million(bench):
    """Two agents would share a socket; so one has both vaults."""
    few, many = "many%d" % SIZES[0], "many%d" % SIZES[-1]
    words = [bench.vault, "get", "--project", "project-0007", "SERVICE_TOKEN_0000000007"]
    with bench.unlocked(few):
        bench.unlock(many)
        bench.row("vault get of " + most_secrets(), "vault get of %d" % SIZES[0], 1.2, bench.turns(
            500, ["VAULT_FILE=" + bench.path(many), *words], ["VAULT_FILE=" + bench.path(few), *words]))


def memory_row(bench):
    """The most that any verb takes that opens the file by itself."""
    name, most = "many%d" % SIZES[-1], 0
    for words in [["get", "--project", "project-0007", "SERVICE_TOKEN_0000000007"], ["list", "--all"], ["check"],
                  ["backup", bench.directory + "/backup"], ["compact"]]:
        child = subprocess.Popen(
            [bench.vault, *words, "--passphrase-file", bench.passphrase], env=bench.of(name), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit("%s ended with %d" % (words[0], child.returncode))
        most = max(most, usage.ru_maxrss / 1024)
    bench.limit("the most memory of get, list, check, backup, compact", "MiB", most, MOST_MEMORY)


def machine():
    with open("/proc/cpuinfo") as file:
        cpu = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    with open("/etc/os-release") as file:
        distribution = next(line.split("=")[1].strip().strip('"') for line in file if line.startswith("PRETTY_NAME"))
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release().split("-")[0], "distribution": distribution}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few runs, and 10,000 secrets at most")
    parser.add_argument("--json")
    parser.add_argument("--vault", default=os.path.join(HERE, "..", ".build", "release", "vault"))
    options = parser.parse_args()
    if options.quick:
        SIZES[-2:] = []
    directory = tempfile.mkdtemp(prefix="vb")
    bench = Bench(directory, os.path.abspath(options.vault), options.quick)
    try:
        agent_rows(bench)
        list_row(bench)
        engine_rows(bench)
        for count in SIZES:
            size_rows(bench, count)
        one_of_a_million(bench)
        memory_row(bench)
    finally:
        bench.lock()
        shutil.rmtree(directory)
    print("\n%-16s" % "median ms" + "".join("%12s" % format(count, ",") for count in SIZES))
    for work in dict.fromkeys(row["work"] for row in bench.growth):
        values = {row["secrets"]: row["median"] for row in bench.growth if row["work"] == work}
        print("%-16s" % work + "".join("%12.3f" % values[count] if count in values else "%12s" % "" for count in SIZES))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({
                "date": datetime.date.today().isoformat(), "machine": machine(), "rows": bench.rows, "growth": bench.growth,
            }, file, indent=1)
            file.write("\n")
    above = [row["work"] for row in bench.rows if not row["met"]]
    if above and not options.quick:
        sys.exit("above the target: " + ", ".join(above))


main()
