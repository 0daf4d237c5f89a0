#!/usr/bin/python3
"""vaultmake.py OUT --passphrase-file F --json SPEC.json [--seed N] [--memory-kib M] [--passes T] [--recovery]

Writes a vault from a JSON list of steps.  A step is a transaction, that is a list of records, or {"compact": {...}}
with "keep": "all" versions, "none" but the newest ("none" if not said), or those that were replaced at this time or
later (milliseconds since 1970).  A record is an object:

    {"kind": "value" | "tombstone" | "metadata", "scope": "team" | "project" | "cluster", "id": "", "name": "N",
     "value": BASE64, "time": MS}
    {"kind": "unknown", "number": 193, "value": BASE64, "time": MS}

Without a time a record gets the one that the page says.  With --seed the file is a function of the arguments: random
bytes are then drawn from BLAKE2b and the clock begins at 1600000000000 and goes on by a second at each look.  SPEC.json
may be - for standard input.  With --recovery the recovery key is printed.  A record of an unknown kind that no reader
may ignore can only be in the last step.
"""

import argparse
import base64
import hashlib
import json
import os
import sys

import vaultfile
from vaultdump import KINDS, SCOPES, read_line

SCOPE_NUMBERS = {name: number for number, name in SCOPES.items()}
KIND_NUMBERS = {name: number for number, name in KINDS.items()}


def seeded(seed):
    """A random source (n -> bytes) and a clock (-> milliseconds) that are functions of the seed."""
    state = {"drawn": 0, "now": 1600000000000 - 1000}

    def random(n):
        out = b""
        while len(out) < n:
            out += hashlib.blake2b(b"vaultmake %d %d" % (seed, state["drawn"])).digest()
            state["drawn"] += 1
        return out[:n]

    def clock():
        state["now"] += 1000
        return state["now"]

    return random, clock


def record(spec):
    content = base64.b64decode(spec.get("value", ""), validate=True)
    if spec["kind"] in ("unknown", "head"):
        return vaultfile.other(spec.get("number", vaultfile.HEAD), content, spec.get("time"))
    if spec["kind"] == "tombstone" and content:
        raise ValueError("a tombstone has no value")
    return vaultfile.Record(KIND_NUMBERS[spec["kind"]], SCOPE_NUMBERS[spec["scope"]], spec.get("id", "").encode(),
                            spec["name"].encode(), content, spec.get("time"))


def make(path, passphrase, steps, random=os.urandom, clock=None, **options):
    """Write the vault; gives the text of its recovery key, or None."""
    recovery = vaultfile.create(path, passphrase, random=random, **options)
    vault = vaultfile.open(path, passphrase, random=random, clock=clock)
    for step in steps:
        if isinstance(step, dict):
            vault.compact(**step["compact"])
            continue
        try:
            vault.append([record(r) for r in step])
        except vaultfile.Unsupported:
            if step is not steps[-1]:
                raise
    return recovery


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--passphrase-file", required=True)
    parser.add_argument("--json", required=True, metavar="SPEC.json")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--memory-kib", type=int, default=262144)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--recovery", action="store_true")
    options = parser.parse_args()
    random, clock = (os.urandom, None) if options.seed is None else seeded(options.seed)
    try:
        with open(0 if options.json == "-" else options.json, encoding="utf-8") as file:
            steps = json.load(file)
        recovery = make(options.out, read_line(options.passphrase_file), steps, random, clock,
                        memory_kib=options.memory_kib, passes=options.passes, recovery=options.recovery)
    except vaultfile.VaultError as error:
        print(error.verdict, file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError) as error:
        print(error, file=sys.stderr)
        return 2
    if recovery:
        print(recovery)
    return 0


if __name__ == "__main__":
    sys.exit(main())
