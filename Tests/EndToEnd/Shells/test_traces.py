"""What verbs write, call by call (strace): no value reaches a file but those that the user named."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
VALUE = b"PLAINTEXT-that-must-not-lie-about"
WRITES = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,copy_file_range,sendfile,mmap"


class Traces(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.directory.name, "VAULT_PASSPHRASE": "x",
                            "XDG_RUNTIME_DIR": os.path.join(self.directory.name, "run"),
                            "VAULT_FILE": os.path.join(self.directory.name, "v.vault")}
        os.mkdir(self.environment["XDG_RUNTIME_DIR"], 0o700)
        self.run_vault("init", "-q", "--kdf-memory", "64", "--kdf-time", "3")
        self.run_vault("set", "-q", "team", "A", stdin=VALUE)

    def tearDown(self):
        self.directory.cleanup()

    def run_vault(self, *arguments, stdin=b"", prefix=(), **more):
        result = subprocess.run([*prefix, VAULT, *arguments], input=stdin, cwd=self.directory.name,
                                env=dict(self.environment, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, (arguments, result.stderr))
        return result.stdout

    def written(self, *arguments, stdin=b"", **more):
        """The files and devices that the value was written to, by the program and those that it started."""
        log = os.path.join(self.directory.name, "trace")
        self.run_vault(*arguments, stdin=stdin,
                       prefix=("strace", "-f", "-y", "-s", "1000000", "-e", "trace=" + WRITES, "-o", log), **more)
        with open(log, errors="replace") as file:
            lines = file.read().splitlines()
        os.unlink(log)
        self.assertTrue(lines, "nothing was traced")
        found = set()
        for line in lines:
            call = re.search(r"(\w+)\((\d+)<([^>]*)>", line)
            if call and call[1] != "mmap" and VALUE.decode() in line:
                found.add(call[3])
            # A file that is mapped for writing would escape the trace.
            self.assertFalse(call and "MAP_SHARED" in line and "PROT_WRITE" in line and "/memfd:" not in line, line)
        return {re.sub(r"\[\d+\]|:\[\d+\]| \(deleted\)", "", name) for name in found}

    def test_no_command_writes_a_value_where_it_was_not_told_to(self):
        value = VALUE.decode()
        dotenv = os.path.join(self.directory.name, "in.env")
        with open(dotenv, "w") as file:
            file.write(f"B='{value}'\n")
        quiet = [
            (("set", "team", "C"), {"stdin": VALUE}), (("set", "team", "C", "--from-file", "in.env"), {}),
            (("import", "team", "--format", "dotenv", "in.env"), {}),
            (("import", "team", "--format", "json", "-"), {"stdin": b'{"J":"%s"}' % VALUE}),
            (("list",), {}), (("list", "--all", "--json"), {}), (("explain", "A"), {}), (("history", "team", "A"), {}),
            (("copy", "A", "--from", "team", "--to", "team", "--as", "D"), {}),
            (("move", "D", "--from", "team", "--to", "team", "--as", "E"), {}),
            (("delete", "team", "E"), {}), (("undo", "team", "E"), {}), (("check",), {}), (("compact",), {}),
            (("backup", "backup.vault"), {}), (("salvage", "backup.vault", "salvaged.vault"), {}),
            (("restore", "backup.vault", "--yes"), {}), (("run", "--", "true"), {}), (("status",), None),
        ]
        for arguments, more in quiet:
            if more is None:
                continue
            with self.subTest(arguments[0]):
                self.assertEqual(self.written(*arguments, **more), set(), arguments)

    def test_what_is_asked_for_goes_to_standard_output_or_the_named_file_alone(self):
        for arguments in (("get", "A"), ("export", "--format", "sh"), ("export", "--format", "json")):
            with self.subTest(arguments):
                self.assertEqual(self.written(*arguments), {"pipe"})
        self.assertEqual(self.written("inject", stdin=b"{{ secret:A }}"), {"pipe"})
        found = self.written("export", "--format", "json", "-o", "out.json")
        self.assertEqual({os.path.basename(re.sub(r"\.\d+\.tmp$", "", name)) for name in found}, {".out.json"})

    def test_memory_files_lie_in_memory(self):
        self.assertEqual(self.written("run", "--no-all", "--file", "F=A", "--", "true"), {"/memfd:secret"})
        editor = "sh -c 'printf more >>\"$1\"' --"
        self.assertEqual(self.written("edit", "team", "A", EDITOR=editor), {"/memfd:secret"})
        self.assertEqual(self.run_vault("get", "team", "A"), VALUE + b"more")

    @unittest.skipUnless(shutil.which("vim"), "vim is not installed here; the options that it gets are for it alone")
    def requests(self, *arguments, **more):
        """How many messages a command sends to the agent."""
        log = os.path.join(self.directory.name, "trace")
        self.run_vault(*arguments, prefix=("strace", "-f", "-y", "-e", "trace=" + WRITES, "-o", log), **more)
        with open(log, errors="replace") as file:
            count = sum("<socket:" in line or "<UNIX" in line for line in file)
        os.unlink(log)
        return count

    def test_a_secret_that_is_in_the_named_project_costs_no_request_about_other_projects(self):
        self.run_vault("set", "-q", "-p", "web", "A", stdin=b"1")
        self.run_vault("set", "-q", "team", "B", stdin=b"1")
        self.run_vault("unlock", "-q")
        try:
            found = self.requests("get", "A", VAULT_PROJECT="web")
            self.assertGreater(found, 0)
            self.assertEqual(self.requests("get", "A", "-p", "web"), found)
            fallback = self.requests("get", "B", VAULT_PROJECT="none")
            self.assertEqual(self.requests("get", "B", "-p", "none"), fallback + 1)
        finally:
            self.run_vault("lock", "-q", "--all")

    def test_vim_leaves_nothing_behind(self):
        found = self.written("edit", "team", "A", EDITOR="vim -es -c 'normal Amore' -c wq", TERM="dumb")
        self.assertEqual(found, {"/memfd:secret"})


if __name__ == "__main__":
    unittest.main()
