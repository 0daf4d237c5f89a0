"""Where secrets are in the agent's memory, and where they are not: the bytes are known, and they are searched for.

Needs root, since the agent lets nobody else look, and gdb, whose gcore writes a core dump as the kernel would.
"""

import os
import re
import shutil
import subprocess
import unittest

from agentclient import PASSPHRASE, Sandbox, vaultfile

PLANTED = b"planted-" + b"0123456789abcdef" * 3


def memory(process):
    """All memory of a process that can be read, region by region."""
    regions = []
    with open("/proc/%d/maps" % process) as maps, open("/proc/%d/mem" % process, "rb") as content:
        for line in maps:
            start, end = (int(number, 16) for number in re.match(r"(\w+)-(\w+)", line).groups())
            try:
                content.seek(start)
                regions.append(content.read(end - start))
            except (OSError, OverflowError, ValueError):
                continue  # a guard page, or the kernel's own
    return regions


def pieces(secret):
    """A secret, and each half of a key: what a register or a copy of a part would hold."""
    return [secret] if len(secret) != 32 else [secret, secret[:16], secret[16:]]


@unittest.skipUnless(os.geteuid() == 0, "only root can look into the agent")
@unittest.skipUnless(shutil.which("gcore"), "gcore, of the package gdb, is not there")
class Memory(unittest.TestCase):
    def setUp(self):
        self.box = box = Sandbox()
        self.addCleanup(box.close)
        with open(box.vault, "rb") as file:
            header = file.read(512)
        self.master = vaultfile.unlock(header, PASSPHRASE)
        self.frames = vaultfile.blake(32, b"vault-1 frames" + header[:480], key=self.master)
        mac_key = vaultfile.blake(32, b"vault-1 header", key=self.master)
        derived = vaultfile.stretch(PASSPHRASE, header[144:160], 1, 8192)
        self.secrets = {"master key": self.master, "frame key": self.frames, "header key": mac_key,
                        "wrap key": derived[:32], "commitment key": derived[32:], "passphrase": PASSPHRASE,
                        "value": PLANTED}
        box.unlock()
        self.agent = box.agent
        box.must("set", "team", "A", input=PLANTED)
        for _ in range(20):
            self.assertEqual(box.must("get", "A"), PLANTED)
        box.must("set", "team", "LONG", input=PLANTED * 2000)
        self.assertEqual(box.must("get", "LONG"), PLANTED * 2000)
        box.must("list")
        box.must("check")
        # A message that never becomes whole is in the agent's memory as long as its connection is.
        self.half = box.client()
        self.half.socket.sendall(b"\xff\xff\0\0\x0b" + PLANTED * 3)

    def tearDown(self):
        self.half.close()

    def found(self, dump):
        """The secrets that are in a dump, by name."""
        return {name for name, secret in self.secrets.items()
                if any(piece in region for piece in pieces(secret) for region in dump)}

    def core(self, *settings):
        """A core dump, taken now."""
        words = ["gdb", "--batch", "--nx", "--pid", str(self.agent)]
        path = self.box.root + "/core"
        for setting in settings + ("generate-core-file " + path,):
            words += ["--eval-command", setting]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60)
        with open(path, "rb") as file:
            return [file.read()]

    def test_while_unlocked_the_keys_are_in_memory_and_in_no_core_dump(self):
        # That the keys are found where they must be proves that they would be found where they must not be.
        self.assertLessEqual({"master key", "frame key"}, self.found(memory(self.agent)))
        everything = self.core("set use-coredump-filter off", "set dump-excluded-mappings on")
        self.assertLessEqual({"master key", "frame key"}, self.found(everything))
        core = self.core()
        self.assertIn(os.fsencode(self.box.vault), core[0])
        self.assertEqual(self.found(core), set())

    def test_values_are_wiped_when_they_were_handed_out(self):
        self.half.close()
        self.box.must("list")
        self.assertLessEqual(self.found(memory(self.agent)), {"master key", "frame key"})

    def test_after_lock_nothing_is_left(self):
        self.half.close()
        self.box.must("lock")
        self.assertEqual(self.box.agent, self.agent)
        self.assertEqual(self.found(memory(self.agent)), set())
        core = self.core("set use-coredump-filter off", "set dump-excluded-mappings on")
        self.assertIn(b"vault-agent", core[0])
        self.assertEqual(self.found(core), set())

    def test_after_a_deadline_nothing_is_left(self):
        self.half.close()
        self.box.must("unlock", "--idle", "1s")
        while self.box.run("status")[0] == 0:
            pass
        self.assertEqual(self.found(memory(self.agent)), set())

    def test_nobody_else_can_look(self):
        child = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "cat", "/proc/%d/maps" % self.agent],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(child.returncode, 0)
        with open("/proc/%d/limits" % self.agent) as limits:
            self.assertRegex(limits.read(), r"Max core file size +0 +0 ")


if __name__ == "__main__":
    unittest.main()
