"""Work on the whole file: what a compaction keeps and drops, as the second implementation sees it; jobs of the agent."""

import hashlib
import os
import shutil
import struct
import threading
import unittest

from agentclient import JOB, LOCK, PASSPHRASE, Failure, Sandbox, message, path_field, until, vaultfile


def digest(path):
    """A hash of every live secret, however the file holds them."""
    sum = hashlib.sha256()
    for (scope, id, name), value in sorted(vaultfile.open(path, PASSPHRASE).current().items()):
        sum.update(("%d %s %s %d " % (scope, id, name, len(value))).encode() + value)
    return sum.hexdigest()


def plaintexts(path):
    """Everything that whoever has the key can read in the file, frame by frame."""
    return b"\0".join(record.value or b"" for record in vaultfile.open(path, PASSPHRASE).records)


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)

    def fill(self, count=20):
        """Secrets that were replaced, and some that were deleted: what is live, and what is not."""
        for number in range(count):
            name = "K%d" % (number % 7)
            self.box.must("set", "team", name, input=b"value %d of %s" % (number, name.encode()))
        self.box.must("set", "project", "--id", "web", "BIG", input=os.urandom(70_000), environment=None)
        self.box.must("delete", "team", "K3")


class Compacted(Case):
    def test_live_secrets_are_the_same_by_an_independent_digest_and_the_rest_is_gone(self):
        self.box.unlock()
        self.fill()
        before, old = digest(self.box.vault), plaintexts(self.box.vault)
        self.assertIn(b"value 1 of K1", old)
        self.box.must("compact", "--keep", "none")
        self.assertEqual(digest(self.box.vault), before)
        left = plaintexts(self.box.vault)
        self.assertIn(b"value 15 of K1", left)
        for gone in [b"value 1 of K1", b"value 8 of K1", b"value 17 of K3"]:
            self.assertNotIn(gone, left)

    def test_what_was_deleted_stays_deleted_when_an_old_copy_is_merged(self):
        self.box.unlock()
        self.fill()
        shutil.copyfile(self.box.vault, self.box.root + "/old")
        self.box.must("compact", "--keep", "none")
        histories = vaultfile.open(self.box.root + "/old", PASSPHRASE).histories()
        compacted = vaultfile.open(self.box.vault, PASSPHRASE).histories()
        self.assertEqual(set(compacted), set(histories))
        for address, versions in compacted.items():
            # A merge is the union of the two sets, and the largest by time wins.
            newest = max(histories[address] + versions, key=lambda record: (record.time, record.kind, record.value))
            self.assertEqual((newest.kind, newest.value), (versions[0].kind, versions[0].value), address)

    def test_the_second_implementation_goes_on_in_a_compacted_file(self):
        self.box.unlock()
        self.fill()
        self.box.must("compact")
        vault = vaultfile.open(self.box.vault, PASSPHRASE)
        vault.append([vaultfile.value(vaultfile.TEAM, "", "K0", b"by another program")])
        self.assertEqual(self.box.must("get", "K0"), b"by another program")
        self.box.must("check")


class Jobs(Case):
    def ask(self, client, job):
        """Every message of a job's reply."""
        client.socket.sendall(message(JOB, path_field(self.box.vault) + job))
        bodies = [client.answer(JOB)]
        while bodies[-1][0] == 1:
            bodies.append(client.answer(JOB))
        return bodies

    def test_a_job_is_done_while_others_are_answered(self):
        self.box.unlock()
        self.fill()
        report = self.ask(self.box.client(), b"\x03" + path_field(self.box.vault) + b"\x01")[-1]
        self.assertEqual(report[:2], b"\0\x02")
        generation, before, after, dropped, kept, tail = struct.unpack_from("<6Q", report, 2)
        self.assertEqual((generation, after, kept, tail), (2, os.path.getsize(self.box.vault), 8, 0))
        self.assertEqual(before - after, 176 * dropped)

    def test_a_verification_says_what_a_mark_says(self):
        self.box.unlock()
        self.fill()
        shutil.copyfile(self.box.vault, self.box.root + "/copy")
        report = self.ask(self.box.client(), b"\x02" + path_field(self.box.root + "/copy"))[-1]
        vault = vaultfile.open(self.box.root + "/copy", PASSPHRASE)
        id, generation, seq, end, tag, secrets, versions = struct.unpack_from("<16s3Q16s2Q", report, 2)
        self.assertEqual((id, generation, seq, end), (vault.header.vault_id, 1, 22, os.path.getsize(self.box.vault)))
        self.assertEqual((secrets, versions, len(report)), (7, 22, 74))

    def test_a_file_with_another_key_is_refused(self):
        self.box.unlock()
        other = self.box.make("other")
        for kind in [b"\x02", b"\x05"]:
            self.assertRaisesRegex(Failure, "^43$", self.ask, self.box.client(), kind + path_field(other))

    def test_who_is_locked_gets_no_job_done(self):
        self.box.unlock()
        client = self.box.client()
        client.ask(LOCK, path_field(self.box.vault))
        self.assertRaisesRegex(Failure, "^1$", self.ask, client, b"\x01" + path_field(self.box.vault))

    def test_a_client_that_goes_away_leaves_a_whole_file(self):
        self.box.unlock()
        self.fill()
        before = digest(self.box.vault)
        for _ in range(10):
            client = self.box.client()
            client.socket.sendall(message(JOB, path_field(self.box.vault) + b"\x03" + path_field(self.box.vault) + b"\0"))
            client.close()
        self.box.must("compact")
        self.assertEqual(digest(self.box.vault), before)
        self.assertTrue(until(lambda: not [name for name in os.listdir(self.box.root) if ".compact-" in name]))

    def test_writers_through_the_agent_wait_for_a_compaction_and_land_in_the_new_file(self):
        self.box.unlock()
        self.fill()
        stop = threading.Event()

        def compact():
            while not stop.is_set():
                self.box.must("compact", "--keep", "all")

        worker = threading.Thread(target=compact)
        worker.start()
        try:
            client = self.box.client()
            client.open(self.box.vault)
            for number in range(300):
                client.set("N", b"%d" % number)
                self.assertEqual(client.get("N"), b"%d" % number)
        finally:
            stop.set()
            worker.join()
        self.assertEqual(len(vaultfile.open(self.box.vault, PASSPHRASE).histories()[(1, "", "N")]), 300)
