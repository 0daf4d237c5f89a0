#!/usr/bin/env python3
"""How long a vault of very many secrets takes to open, compact and check, and how much memory.

    million.py [COUNT [VAULT]]

The memory is the most that the process ever had in main memory. The passphrase's own 64 MiB come and go before the file is read.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
VAULT = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "..", ".build", "release", "vault"))
LIMIT = 512  # MiB, which the README states

folder = tempfile.mkdtemp(prefix="vault-million-")
path = folder + "/v"
passphrase = folder + "/passphrase"
with open(os.open(passphrase, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
    file.write("correct horse battery staple")
environment = {"HOME": folder, "XDG_RUNTIME_DIR": folder, "PATH": os.environ["PATH"], "VAULT_FILE": path}
worst = 0


def run(what, *words, quiet=True):
    global worst
    start = time.monotonic()
    child = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    if words[0] == VAULT:
        worst = max(worst, usage.ru_maxrss // 1024)
    print("%-34s %7.2f s %6d MiB   %s" % (
        what, seconds, usage.ru_maxrss // 1024, "" if quiet else output.decode().strip()), flush=True)
    if child.returncode:
        sys.exit("failed with %d" % child.returncode)
    return output


def agent_memory():
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as file:
                words = file.read().split(b"\0")
            if words[0] == b"vault-agent" and words[1].startswith(folder.encode()):
                with open("/proc/%s/status" % name) as file:
                    return int(file.read().split("VmHWM:")[1].split()[0]) // 1024
        except OSError:
            continue
    return 0


try:
    subprocess.run(["swift", "build", "-c", "release", "--package-path", HERE, "--product", "fill", "--quiet"], check=True)
    direct = ["--passphrase-file", passphrase]
    run("init", VAULT, "init", "-q", "--kdf-memory", "64", *direct)
    run("%d secrets set" % COUNT, HERE + "/.build/release/fill", path, str(COUNT))
    print("%-34s %27d bytes" % ("the file", os.path.getsize(path)))
    run("get, file opened", VAULT, "get", "SECRET_7", "--project", "project-7", *direct)
    run("list --all, file opened", VAULT, "list", "--all", *direct)
    run("check, file opened", VAULT, "check", *direct, quiet=False)
    run("check --keyless", VAULT, "check", "--keyless", quiet=False)
    run("backup, file opened", VAULT, "backup", folder + "/b", *direct)
    run("compact, file opened", VAULT, "compact", "--keep", "none", *direct, quiet=False)
    run("unlock", VAULT, "unlock", "-q", *direct)
    print("%-34s %9s %6d MiB" % ("the agent, unlocked", "", agent_memory()))
    run("get, from the agent", VAULT, "get", "SECRET_7", "--project", "project-7")
    run("set, by the agent", VAULT, "set", "team", "ONE", "--from-file", passphrase, "-q")
    run("list --all, from the agent", VAULT, "list", "--all")
    run("check, by the agent", VAULT, "check", quiet=False)
    run("compact, by the agent", VAULT, "compact", quiet=False)
    run("get behind it", VAULT, "get", "SECRET_7", "--project", "project-7")
    worst = max(worst, agent_memory())
    print("%-34s %9s %6d MiB" % ("the agent, at most", "", agent_memory()))
    if worst > LIMIT:
        sys.exit("more than %d MiB" % LIMIT)
finally:
    subprocess.run([VAULT, "lock", "--all", "-q"], env=environment)
    shutil.rmtree(folder)
