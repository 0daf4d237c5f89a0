"""Random files named .env: what `vault import` takes is what the dialect's own program reads in it."""

import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

import dotenv

import programs

VAULT = os.environ.get("VAULT_BINARY", os.path.join(programs.ROOT, ".build", "release", "vault"))
COUNT = int(os.environ.get("VAULT_FILES", "250"))
PIECES = ["A=", "B=", "export C=", "D =", "E= ", "  F=", "'", '"', "`", "\\", "\\n", "\\\\", "\\'", '\\"', "\\t", "$",
          "${A}", "#", " # note", "#note", " ", "  ", "\t", "x", "two words", "it's", "\n", "\n", "\n", "\r\n", "\n\n",
          "=", "é", "\u00a0", "# note\n", "A='a b'\n", 'B="c\\nd"\n', "E=f # g\n", "~", ":", "{}", ";", "|", "\ufeff"]


def shell(program):
    def read(path, names):
        script = f"set -e; . '{path}'; for name in {' '.join(names)}; do eval \"[ -z \\\"\\${{$name+x}}\\\" ] || " \
                 "printf '%s=%s\\\\0' $name \\\"\\$$name\\\"\"; done"
        output = subprocess.run(["/bin/" + program, "-c", script], env={"PATH": "/nonexistent"}, cwd="/", stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        if output.returncode != 0:
            return None
        return dict(entry.split("=", 1) for entry in output.stdout.decode(errors="replace").split("\0")[:-1])
    return read


def python(path, names):
    return {name: value for name, value in dotenv.dotenv_values(path, interpolate=True).items() if value is not None}


def node(path, names):
    # In a last line without an end, Node.js 20 goes on to look for variables within the value, or a comment.
    with open(path, "a") as file:
        file.write("\n")
    code = "process.stdout.write(JSON.stringify(require('util').parseEnv(require('fs').readFileSync(process.argv[1],'utf8'))))"
    return json.loads(programs.run(programs.NODE, "-e", code, path))


def direnv(path, names):
    result = subprocess.run(["direnv", "dotenv", "json", path], env=programs.ENVIRONMENT, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    return json.loads(result.stdout) if result.returncode == 0 else None


DIALECTS = {"posix": [shell("bash"), shell("dash")], "python": [python], "direnv": [direnv]}
if os.path.exists(programs.NODE):
    DIALECTS["node"] = [node]


class Imports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        root = cls.directory.name
        cls.environment = {"PATH": "/usr/bin:/bin", "HOME": root, "XDG_RUNTIME_DIR": os.path.join(root, "run"),
                           "VAULT_FILE": os.path.join(root, "v.vault")}
        os.mkdir(os.path.join(root, "run"), 0o700)
        locked = dict(cls.environment, VAULT_PASSPHRASE="x")
        subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], env=locked, check=True)
        subprocess.run([VAULT, "unlock", "-q"], env=locked, check=True)

    @classmethod
    def tearDownClass(cls):
        subprocess.run([VAULT, "lock", "--all", "-q"], env=cls.environment)
        cls.directory.cleanup()

    def imported(self, path, dialect, id):
        """What was taken, or None if it was refused by a line."""
        words = ["--dialect", dialect] if dialect else []
        result = subprocess.run([VAULT, "import", "cluster", "--id", id, "--format", "dotenv", "--allow-empty", *words,
                                 path], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if result.returncode != 0:
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr.decode(), r"line \d+: ")
            return None
        result = subprocess.run([VAULT, "export", "--format", "json", "--cluster", id], env=self.environment,
                                stdout=subprocess.PIPE, check=True)
        return json.loads(result.stdout)

    def test_what_is_taken_is_what_the_program_reads(self):
        seed = int(os.environ.get("VAULT_SEED", 1))
        source, taken = random.Random(seed), dict.fromkeys([*DIALECTS, None], 0)
        path = os.path.join(self.directory.name, ".env")
        for number in range(COUNT):
            text = "".join(source.choices(PIECES, k=source.randint(1, 14)))
            with open(path, "w", newline="") as file:
                file.write(text)
            for dialect in taken:
                found = self.imported(path, dialect, f"{dialect}-{number}")
                if found is None:
                    continue
                taken[dialect] += 1
                family = DIALECTS[dialect] if dialect else [python] + DIALECTS.get("node", [])
                # A byte order mark is skipped here; not every program knows it.
                if "\ufeff" in text:
                    continue
                for read in family:
                    with self.subTest(f"seed {seed}, {dialect}: {text!r}"):
                        read_there = read(path, {*"ABCDEF", *found})
                        self.assertIsNotNone(read_there)
                        self.assertEqual({k: v for k, v in read_there.items() if k.isidentifier()}, found)
        print(f"seed {seed}, {COUNT} files, taken: {taken}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
