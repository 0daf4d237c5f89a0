"""Random values through every export format into the programs that read it: exact, or refused by name, never run."""

import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

import programs

VAULT = os.environ.get("VAULT_BINARY", os.path.join(programs.ROOT, ".build", "release", "vault"))
COUNT = int(os.environ.get("VAULT_VALUES", "600"))
PIECES = [
    b"'", b'"', b"`", b"$", b"\\", b"\n", b"\r\n", b"\r", b"#", b" #", b"!", b" ", b"\t", b"=", b";", b"&", b"|", b"~",
    b"$HOME", b"${HOME}", b"${HOME:-x}", b"$(touch pwned)", b"`touch pwned`", b"\\n", b"\\\\", b"\\'", b'\\"', b"'\\''",
    b"%s", b"*", b"{a,b}", b"\xc3\xa9", "\u00a0\u2028\U0001f511\uf601".encode(), b"-", b"export A=b", b"\n#", b"A=b", b"=ls", b":~", b":=ls",
    b"\x01", b"\x1b[31m", b"\x7f", b"\xff\xfe", b"\x00", b"secret:A", b"{{ secret:A }}", b"abc", b"0", b"word",
]
TEXT = [piece for piece in PIECES if piece.decode(errors="replace").isprintable()]
PEM = (b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/=\nBKcwggSjAgEAAoIBAQC7\n"
       b"-----END PRIVATE KEY-----\n")


def value(random):
    kind = random.random()
    if kind < 0.25:
        return b"".join(random.choices(TEXT, k=random.randint(1, 6)))
    if kind < 0.80:
        return b"".join(random.choices(PIECES, k=random.randint(1, 8)))
    if kind < 0.90:
        return bytes(random.choices(range(1, 128), k=random.randint(1, 60)))
    if kind < 0.995:
        return random.randbytes(random.randint(1, 60))
    return b"".join(random.choices(TEXT if kind < 0.998 else PIECES, k=100 * 1024))[:100 * 1024]


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        root = cls.directory.name
        cls.environment = {
            "PATH": "/usr/bin:/bin", "HOME": root, "XDG_RUNTIME_DIR": os.path.join(root, "run"),
            "VAULT_FILE": os.path.join(root, "v.vault")}
        os.mkdir(os.path.join(root, "run"), 0o700)
        cls.old = os.getcwd()
        os.chdir(root)
        locked = dict(cls.environment, VAULT_PASSPHRASE="x")
        subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], env=locked, check=True)
        subprocess.run([VAULT, "unlock", "-q"], env=locked, check=True)
        seed = int(os.environ.get("VAULT_SEED", 1))
        print(f"seed {seed}, {COUNT} values", file=sys.stderr)
        source = random.Random(seed)
        cls.values = {f"V{index}": value(source) for index in range(COUNT)}
        for name, content in cls.values.items():
            cls.vault("set", "team", name, "-q", "--raw", stdin=content)

    @classmethod
    def tearDownClass(cls):
        cls.vault("lock", "--all")
        os.chdir(cls.old)
        cls.directory.cleanup()

    @classmethod
    def vault(cls, *arguments, stdin=b"", code=0):
        result = subprocess.run([VAULT, *arguments], input=stdin, env=cls.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        assert result.returncode == code, (arguments, result.returncode, result.stderr[:1000])
        return result

    def export(self, arguments):
        """What the format carries of the values, in a file, and the names of those that it refused."""
        first = subprocess.run([VAULT, "export", *arguments.split()], env=self.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        refused = []
        if first.returncode != 0:
            self.assertEqual(first.returncode, 11, first.stderr)
            self.assertEqual(first.stdout, b"")
            refused = re.findall(r"'(V\d+)'", first.stderr.decode())
        path = os.path.join(self.directory.name, "export.env")
        left_out = [word for name in refused for word in ("--except", name)]
        self.vault("export", *arguments.split(), "-o", path, *left_out)
        return path, [name for name in self.values if name not in set(refused)], refused

    def check(self, arguments):
        path, names, refused = self.export(arguments)
        for program, read in programs.READERS[arguments].items():
            found = read(path, names)
            for name in names:
                self.assertEqual(found[name], self.values[name], f"{program} read {arguments} wrongly")
        self.assertFalse(os.path.exists("pwned"), "a value was run")
        print(f"{arguments}: {len(names)} read back by {', '.join(programs.READERS[arguments])}; "
              f"{len(refused)} refused", file=sys.stderr)
        return refused

    def test_a_program_reads_back_what_was_set(self):
        carried = {}
        for arguments in programs.READERS:
            with self.subTest(arguments):
                carried[arguments] = set(self.values) - set(self.check(arguments))
        # What needs no care at all is carried by everything.
        plain = {name for name, content in self.values.items() if re.fullmatch(rb"[A-Za-z0-9]+", content)}
        for arguments, names in carried.items():
            self.assertLessEqual(plain, names)
        # A shell can have any bytes but NUL, JSON any text.
        self.assertEqual(carried["--format sh"], {n for n, v in self.values.items() if b"\0" not in v})
        self.assertEqual(carried["--format json"], {n for n, v in self.values.items() if is_text(v)})

    def test_a_pem_key_goes_through_every_format_that_can_have_lines(self):
        self.vault("set", "project", "--id", "pem", "PEM_KEY", "-q", "--raw", stdin=PEM)
        path = os.path.join(self.directory.name, "pem.env")
        for arguments, readers in programs.READERS.items():
            if arguments in ("--format docker", "--format dotenv"):
                continue
            self.vault("export", *arguments.split(), "--project", "pem", "--only", "PEM_KEY", "-o", path)
            for read in readers.values():
                self.assertEqual(read(path, ["PEM_KEY"]), {"PEM_KEY": PEM})
        refusal = self.vault("export", "--format", "docker", "--project", "pem", "--only", "PEM_KEY", code=11)
        self.assertIn(b"'PEM_KEY' (json, sh, fish", refusal.stderr)
        self.vault("delete", "project", "--id", "pem", "PEM_KEY", "--yes")


def is_text(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
