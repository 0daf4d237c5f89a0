"""What the agent does when something else lies at the vault's path all of a sudden."""

import os
import shutil
import subprocess
import unittest

from agentclient import PASSPHRASE, VAULT, Sandbox, vaultfile


class Replaced(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.old = self.box.root + "/old"
        shutil.copyfile(self.box.vault, self.old)
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"one")
        self.aside = self.box.root + "/aside"

    def bytes(self):
        with open(self.box.vault, "rb") as file:
            return file.read()

    def refused(self, code, words):
        """get and set are refused alike, and the file stays as it is."""
        before = self.bytes() if os.path.isfile(self.box.vault) else None
        for verb in [("get", "A"), ("list",), ("set", "team", "B")]:
            result = self.box.run(*verb, input=b"two")
            self.assertEqual(result[0], code, result)
            self.assertIn(words, result[2])
            self.assertEqual(result[1], b"")
        if before is not None:
            self.assertEqual(self.bytes(), before)

    def restored(self):
        os.replace(self.aside, self.box.vault)
        self.assertEqual(self.box.must("get", "A"), b"one")

    def put(self, path, in_place=False):
        if in_place:
            shutil.copyfile(self.box.vault, self.aside)
            shutil.copyfile(path, self.box.vault)
        else:
            os.rename(self.box.vault, self.aside)
            os.rename(path, self.box.vault)

    def test_an_older_backup(self):
        self.put(self.old)
        self.refused(13, "is older: it lacks part of what this machine saw on ")
        self.restored()

    def test_an_older_backup_copied_over_it(self):
        self.put(self.old, in_place=True)
        self.refused(13, "is older: it lacks part of what this machine saw on ")
        self.restored()

    def test_an_older_backup_that_is_meant_is_accepted_and_stays_unlocked(self):
        self.put(self.old)
        self.refused(13, "is older: it lacks part of what this machine saw on ")
        self.box.must("accept", "--yes")
        self.assertEqual(self.box.run("get", "A")[0], 9)
        self.box.must("set", "team", "A", input=b"two")

    def test_a_copy_that_went_another_way(self):
        shutil.copyfile(self.box.vault, self.old)
        self.box.must("set", "team", "A", input=b"two")
        self.box.must("set", "team", "A", "--vault", self.old, "--passphrase-file", self.box.passphrase, input=b"other")
        self.put(self.old)
        self.refused(13, "has diverged: it lacks part of what this machine saw on ")

    def test_another_vault(self):
        self.put(self.box.make("other"))
        self.refused(13, "is now a different vault")
        self.restored()

    def test_another_vault_copied_over_it(self):
        self.put(self.box.make("other"), in_place=True)
        self.refused(13, "is now a different vault")
        self.restored()

    def test_a_new_vault_that_the_user_made_there(self):
        os.remove(self.box.vault)
        self.box.must("init", "--yes", "--kdf-memory", "64", "--passphrase-file", self.box.passphrase)
        self.assertEqual(self.box.run("list")[0], 4)
        self.box.unlock()
        self.assertEqual(self.box.must("list"), b"")

    def test_no_file(self):
        os.rename(self.box.vault, self.aside)
        self.refused(6, "no vault at")
        self.restored()

    def test_no_vault(self):
        with open(self.old, "wb") as file:
            file.write(b"something else" * 1000)
        self.put(self.old)
        self.refused(6, "is not a vault")
        self.restored()

    def test_half_a_vault(self):
        with open(self.old, "wb") as file:
            file.write(self.bytes()[:4000])
        self.put(self.old, in_place=True)
        self.refused(8, "is an incomplete copy")
        self.restored()

    def test_a_newer_copy_of_the_same_vault_is_the_vault(self):
        shutil.copyfile(self.box.vault, self.old)
        self.box.must("set", "team", "A", "--vault", self.old, "--passphrase-file", self.box.passphrase, input=b"two")
        self.put(self.old)
        self.assertEqual(self.box.must("get", "A"), b"two")
        self.box.must("set", "team", "B", input=b"three")
        self.assertEqual(
            self.box.must("get", "B", "--passphrase-file", self.box.passphrase), b"three")

    def test_a_compaction_by_another_program_is_followed(self):
        for number in range(3):
            self.box.must("set", "team", "A", input=b"%d" % number)
            vaultfile.open(self.box.vault, PASSPHRASE).compact()
            self.assertEqual(self.box.must("get", "A"), b"%d" % number)
        self.box.must("set", "team", "B", input=b"behind it")
        self.assertEqual(self.box.must("get", "B", "--passphrase-file", self.box.passphrase), b"behind it")
        self.assertIn(b"generation: 4", self.box.must("status"))

    def test_a_change_by_another_process_is_seen_at_once(self):
        for number in range(5):
            value = b"%d" % number
            self.box.must("set", "team", "A", "--passphrase-file", self.box.passphrase, input=value)
            self.assertEqual(self.box.must("get", "A"), value)

    def test_a_file_that_may_not_be_read(self):
        """Root may read everything, so this is done as somebody else where it is root who tests."""
        box = self.box
        # The directory that it was built in may be closed to others.
        program = shutil.copy(VAULT, box.root + "/program")
        if os.geteuid() == 0:
            box.must("lock", "--all")
            for directory, directories, files in os.walk(box.root):
                for name in [directory] + [os.path.join(directory, file) for file in files]:
                    os.chown(name, 65534, 65534)
            as_other = dict(user=65534, group=65534, extra_groups=[])
        else:
            as_other = {}

        def run(*words):
            done = subprocess.run([program, *words], env=box.environment, stdin=subprocess.DEVNULL, cwd="/",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, **as_other)
            return done.returncode, done.stdout, done.stderr.decode()

        self.addCleanup(run, "lock", "--all")
        self.assertEqual(run("unlock", "--passphrase-file", box.passphrase)[0], 0)
        self.assertEqual(run("get", "A")[1], b"one")
        os.chmod(box.vault, 0)
        for verb in [("get", "A"), ("set", "team", "B", "--value", "x")]:
            code, output, errors = run(*verb)
            self.assertEqual((code, output), (1, b""))
            self.assertIn("permission denied", errors)
        os.chmod(box.vault, 0o400)
        self.assertEqual(run("get", "A")[1], b"one")
        self.assertEqual(run("set", "team", "B", "--value", "x")[0], 1)
        os.chmod(box.vault, 0o600)
        self.assertEqual(run("set", "team", "B", "--value", "x")[0], 0)


if __name__ == "__main__":
    unittest.main()
