#!/usr/bin/env python3
"""The test vectors in Python and in Swift, then random vaults both ways: what one implementation writes, the other reads.

    vectors.py [--vaults N] [--seed S] [--swift COMMAND]

It runs the same tests as `make test`, with more vaults, and adds up what they say.
"""

import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = ["/usr/bin/python3", "-B", "-m", "unittest", "discover", "--start-directory", "Tests/PythonReader", "--pattern", "test_vectors*.py"]


def run(words, **environment):
    """Shows what a program prints; gives the counts in it, and whether the program was content."""
    passed = failed = 0
    process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        print(line, end="", flush=True)
        if found := re.search(r"^(?:vectors|random vaults).*: (\d+) passed, (\d+) failed$", line):
            passed, failed = passed + int(found[1]), failed + int(found[2])
    process.wait()
    if passed == 0 or process.returncode and not failed:
        failed += 1  # something else went wrong
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vaults", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--swift", default="swift")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    swift = [options.swift, "test", "--disable-xctest", "--filter", "VaultFileTests.(VectorTests|DifferentialTests)"]
    python = run(PYTHON)
    both = run(swift, SWIFT_BACKTRACE="enable=no", VAULT_VECTORS=str(options.vaults), VAULT_SEED=str(options.seed))
    passed, failed = python[0] + both[0], python[1] + both[1]
    print("vectors: %d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
