"""What is left of the disk, of descriptors and of memory may be nothing: the commands say so, and what was there stays."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from agentclient import PASSPHRASE, ROOT, VAULT, Sandbox, vaultfile

sys.path.insert(0, os.path.join(ROOT, "Tests", "Campaigns"))

import faults  # noqa: E402

READING = [("get", "A"), ("list",), ("list", "--json"), ("export", "--format", "json"), ("history", "team", "A"),
           ("explain", "A"), ("check",), ("backup", "-"), ("status",), ("man",), ("help",), ("--version",),
           ("completions", "bash"), ("inject", "-i", "/dev/null")]


class LimitTests(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.key = ["--passphrase-file", self.box.passphrase]
        self.box.must("set", "team", "A", *self.key, input=b"one")

    def values(self, path=None):
        current = vaultfile.open(path or self.box.vault, PASSPHRASE).current()
        return {address[2]: value for address, value in current.items()}

    def limited(self, limit, number, *words, input=b"", **more):
        def prepare():
            resource.setrlimit(limit, (number, number))
        child = self.box.start(*words, stdin=subprocess.PIPE, preexec_fn=prepare, **more)
        output, errors = child.communicate(input, timeout=60)
        return child.returncode, output, errors.decode()

    def injected(self, injection, *words, input=None):
        """Runs a command of whose system calls one fails."""
        log = self.box.root + ".strace"
        self.addCleanup(lambda: os.path.exists(log) and os.remove(log))
        done = subprocess.run(["strace", "-f", "-qq", "-b", "execve", "-o", log, "-e", injection, VAULT, *words],
                              env=self.box.environment, cwd=self.box.root, input=input, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()

    def test_what_cannot_be_written_to_standard_output_is_a_failure(self):
        self.box.unlock()
        for words in READING:
            if words[0] == "inject":
                self.box.must("set", "team", "T", input=b"x")
                with open(self.box.root + "/t", "w") as file:
                    file.write("{{ secret:T }}")
                words = ("inject", "-i", self.box.root + "/t")
            with self.subTest(words), open("/dev/full", "wb") as full:
                done = subprocess.run([VAULT, *words], env=self.box.environment, stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(b"cannot write to standard output: no space left on device", done.stderr)

    def test_too_few_descriptors_are_a_failure_or_enough(self):
        for number in range(3, 9):
            for words, input, code in [(("get", "A"), None, 1), (("set", "team", "A"), b"one", 1),
                                       (("compact",), None, 1), (("run", "--", "/bin/true"), None, 125),
                                       (("backup", self.box.root + "/b"), None, 1)]:
                with self.subTest(words=words, number=number):
                    words = [words[0], *self.key, *words[1:]]
                    given, _, errors = self.limited(resource.RLIMIT_NOFILE, number, *words, input=input)
                    self.assertIn(given, (0, code), errors)
                    if given:
                        self.assertIn("vault: error: ", errors)
                    self.assertEqual(self.values(), {"A": b"one"})
        self.assertEqual([name for name in os.listdir(self.box.root) if name.startswith(".v.")], [])

    def test_a_file_that_may_not_grow_further_stays_as_it_was(self):
        size = os.path.getsize(self.box.vault)
        for limit in [0, 1, 4096, size, size + 1, size + 5000]:
            with self.subTest(limit):
                code, _, errors = self.limited(resource.RLIMIT_FSIZE, limit, "set", *self.key, "team", "B", input=b"x" * 9000)
                self.assertEqual(code, 1, errors)
                self.assertIn("cannot write", errors)
                self.assertEqual(os.path.getsize(self.box.vault), size)
                code, _, errors = self.limited(resource.RLIMIT_FSIZE, min(limit, size - 1), "compact", *self.key)
                self.assertEqual(code, 1, errors)
                self.assertEqual(self.values(), {"A": b"one"})
        self.box.must("set", *self.key, "team", "B", input=b"x" * 9000)

    def test_a_full_disk_takes_nothing_and_loses_nothing(self):
        disk = tempfile.mkdtemp(prefix="vault-full-")
        self.addCleanup(shutil.rmtree, disk, ignore_errors=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
            self.skipTest("a disk of 64 KiB can be mounted by root alone")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        vault = disk + "/v"
        options = ["--vault", vault, *self.key]
        shutil.copy(self.box.vault, vault)
        number = 0
        while True:
            code, _, errors = self.box.run("set", *options, "team", "N%d" % number, input=b"n" * 5000)
            if code:
                break
            number += 1
        self.assertEqual(code, 1)
        self.assertIn("no space left on device", errors)
        self.assertGreater(number, 5)
        expected = {"A": b"one", **{"N%d" % n: b"n" * 5000 for n in range(number)}}
        self.assertEqual(self.values(vault), expected)
        for words in [("compact",), ("backup", disk + "/b"), ("export", "--format", "json", "-o", disk + "/e")]:
            code, _, errors = self.box.run(*words, *options)
            self.assertEqual(code, 1, errors)
            self.assertIn("no space left on device", errors)
            self.assertEqual(os.listdir(disk), ["v"])
        code, _, errors = self.box.run("init", "--vault", disk + "/n", "--kdf-memory", "64", *self.key)
        self.assertEqual((code, os.listdir(disk)), (1, ["v"]), errors)
        self.assertEqual(self.values(vault), expected)

    def test_an_agent_that_cannot_be_reached_is_not_said_to_be_locked(self):
        for injection in ["socket:error=EMFILE", "connect:error=EACCES", "getsockopt:error=ENOMEM", "socket:error=ENOMEM"]:
            with self.subTest(injection=injection):
                self.box.unlock()
                code, _, errors = self.injected("inject=" + injection, "lock")
                self.assertEqual(code, 1, errors)
                self.assertIn("vault: error: ", errors)
                self.assertEqual(self.box.run("status")[0], 0)
                # That one ends it all the same.
                self.assertEqual(self.injected("inject=" + injection, "lock", "--all")[0], 0)
                self.assertEqual(self.box.agents(), [])
        self.box.unlock()
        code, _, errors = self.injected("inject=socket:error=EMFILE", "status")
        self.assertEqual(code, 4)
        self.assertIn("vault: warning: cannot reach the agent: too many open files", errors)

    def test_a_program_is_not_called_too_large_when_memory_is_short(self):
        state = faults.Campaign("run")
        self.addCleanup(state.close)
        state.prepare()
        for call in [call for call in state.calls if call.name == "mmap" and call.is_guarded]:
            with self.subTest(call=call):
                (code, _, errors), _ = state.trace("-e", faults.Fault(call, "ENOMEM").injection)
                self.assertEqual(code, 125)
                self.assertRegex(errors, "^vault: error: not enough memory( for the key derivation or the value)?\n$")

    def test_what_a_killed_command_was_about_to_name_is_removed_by_the_next(self):
        self.box.must("set", *self.key, "team", "S", input=b"searched for")
        for call, words in [("rename", ("export", "--format", "json", "-o", self.box.root + "/out/e")),
                            ("rename", ("backup", self.box.root + "/out/b")),
                            ("renameat2", ("salvage", self.box.vault, self.box.root + "/out/s"))]:
            with self.subTest(words):
                os.mkdir(self.box.root + "/out")
                code, _, _ = self.injected("inject=%s:signal=KILL" % call, *words, *self.key)
                self.assertEqual(code, -signal.SIGKILL)
                self.assertEqual(len(os.listdir(self.box.root + "/out")), 1)
                self.box.must(*words, *self.key)
                self.assertEqual(os.listdir(self.box.root + "/out"), [os.path.basename(words[-1])])
                shutil.rmtree(self.box.root + "/out")

    def test_a_checkpoint_that_cannot_be_read_is_not_called_nothing(self):
        seen = self.box.root + "/.local/state/vault/seen"
        for name in os.listdir(seen):
            os.remove(os.path.join(seen, name))
            os.mkdir(os.path.join(seen, name))
        code, _, errors = self.box.run("accept", "--yes", *self.key)
        self.assertEqual(code, 1)
        self.assertIn("nothing was accepted: cannot save the checkpoint: is a directory\n", errors)

    def test_a_slice_of_the_faults_of_some_commands(self):
        names = ["set", "compact after a tail", "restore", "run by agent"]
        total, failures = faults.run(names, step=60, seconds=120, jobs=2, show=lambda *words: None)
        self.assertEqual(failures, [])
        self.assertGreater(total["faults"], 50)


if __name__ == "__main__":
    unittest.main()
