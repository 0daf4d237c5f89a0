"""Work on the whole file: what a compaction keeps and drops, as the second implementation sees it; jobs of the agent."""

import hashlib
import os
import shutil
import struct
import subprocess
import threading
import unittest

from agentclient import ANNOUNCE, JOB, LOCK, PASSPHRASE, Failure, Sandbox, message, path_field, until, vaultfile


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
        before = digest(self.box.vault)
        # The old copy has nothing that this file did not contain, so that what was dropped stays away unless it is asked for.
        self.box.must("merge", self.box.root + "/old")
        self.assertEqual(vaultfile.open(self.box.vault, PASSPHRASE).histories(), compacted)
        self.box.must("merge", "--all-versions", self.box.root + "/old")
        self.assertEqual(digest(self.box.vault), before)
        merged = vaultfile.open(self.box.vault, PASSPHRASE).histories()
        self.assertEqual(sorted(map(len, merged.values())), sorted(map(len, histories.values())))

    def test_the_second_implementation_goes_on_in_a_compacted_file(self):
        self.box.unlock()
        self.fill()
        self.box.must("compact")
        vault = vaultfile.open(self.box.vault, PASSPHRASE)
        vault.append([vaultfile.value(vaultfile.TEAM, "", "K0", b"by another program")])
        self.assertEqual(self.box.must("get", "K0"), b"by another program")
        self.box.must("check")


class Kept(Case):
    def test_a_rewrite_keeps_mode_owner_and_attributes(self):
        box = self.box
        box.unlock()
        self.fill()
        os.chmod(box.vault, 0o640)
        if os.geteuid() == 0:
            os.chown(box.vault, 65534, 65533)
        attributes = {"user.note": b"of mine", "user.empty": b""}
        try:
            for name, value in attributes.items():
                os.setxattr(box.vault, name, value)
        except OSError:
            attributes = {}  # a file system that has none
        before = os.stat(box.vault)
        box.must("backup", box.root + "/b")
        for verb in [("compact",), ("restore", box.root + "/b", "--yes")]:
            box.must(*verb)
            after = os.stat(box.vault)
            self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid))
            self.assertEqual({name: os.getxattr(box.vault, name) for name in attributes}, attributes)

    def test_a_vault_that_is_mounted_at_its_path_is_left_alone(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        box = self.box
        os.rename(box.vault, box.root + "/real")
        open(box.vault, "w").close()
        if subprocess.run(["mount", "--bind", box.root + "/real", box.vault], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this machine lets nobody mount")
        try:
            before = open(box.vault, "rb").read()
            for verb in [("compact", "-q"), ("restore", box.root + "/b", "--yes")]:
                if verb[0] == "restore":
                    box.must("backup", box.root + "/b", "--passphrase-file", box.passphrase)
                code, _, errors = box.run(*verb, "--passphrase-file", box.passphrase)
                self.assertEqual(code, 1, errors)
                self.assertIn("is a mount point", errors)
                self.assertEqual(open(box.vault, "rb").read(), before)
        finally:
            subprocess.run(["umount", box.vault], check=True)
        self.assertEqual([name for name in os.listdir(box.root) if name.startswith(".v")], [])

    def test_a_full_disk_loses_nothing_and_is_named(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        box = self.box
        disk = box.root + "/disk"
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this machine lets nobody mount")
        try:
            shutil.move(box.vault, disk + "/v")
            box.vault = disk + "/v"
            box.unlock()
            box.must("set", "team", "A", input=b"small")
            box.must("set", "team", "BIG", input=os.urandom(100_000))
            before = digest(box.vault)
            for verb, input in [(("set", "team", "C"), os.urandom(200_000)), (("compact", "--keep", "all"), None),
                                (("backup", disk + "/b"), None), (("salvage", box.vault, disk + "/s"), None)]:
                if verb[0] != "set":
                    with open(disk + "/filler", "wb") as file:
                        file.write(bytes(100_000))
                code, _, errors = box.run(*verb, input=input)
                self.assertEqual(code, 1, (verb, errors))
                self.assertIn("no space left on device", errors)
                self.assertEqual(digest(box.vault), before)
                if os.path.exists(disk + "/filler"):
                    os.remove(disk + "/filler")
                self.assertEqual(sorted(os.listdir(disk)), ["v"], verb)
            box.must("set", "team", "C", input=b"works again")
            box.must("compact")
            box.must("backup", disk + "/b")
        finally:
            box.must("lock")
            subprocess.run(["umount", "--lazy", disk], check=True)


class Reminded(Case):
    def memory(self, suffix):
        directory = self.box.root + "/.local/state/vault/seen/"
        return directory + hashlib.blake2b(os.fsencode(self.box.vault), digest_size=16).hexdigest() + suffix

    def test_the_checkpoint_is_the_one_that_the_format_page_describes(self):
        self.box.must("set", "team", "A", "--passphrase-file", self.box.passphrase, input=b"x")
        vault = vaultfile.open(self.box.vault, PASSPHRASE)
        with open(self.memory(""), "rb") as file:
            mark = file.read()
        magic, id, key, generation, header, end, tag = struct.unpack_from("<8s16s2Q16sQ16s", mark)
        self.assertEqual((magic, id, generation, len(mark)), (b"VLTSEEN2", vault.header.vault_id, 1, 1024))
        self.assertEqual(end, os.path.getsize(self.box.vault))
        self.assertEqual(mark[992:], hashlib.blake2b(mark[:992], digest_size=32).digest())
        with open(self.memory(".path"), "rb") as file:
            self.assertEqual(file.read(), os.fsencode(self.box.vault))

    def test_an_old_backup_is_said_to_be_old(self):
        box = self.box
        box.unlock()
        box.must("backup", box.root + "/b")
        self.assertNotIn(b"make", box.must("status").split(b"last verified backup: ")[1])
        with open(self.memory(".backup"), "r+b") as file:
            record = bytearray(file.read())
            time = struct.unpack_from("<Q", record, 64)[0] - 40 * 86_400_000
            struct.pack_into("<Q", record, 64, time)
            record[72:] = hashlib.blake2b(record[:72], digest_size=32).digest()
            file.seek(0)
            file.write(record)
        self.assertIn(b", 40d ago; make a new one with 'vault --vault %s backup DEST'" % os.fsencode(box.vault), box.must("status"))

    def test_a_machine_without_a_memory_works_all_the_same_and_says_so(self):
        box = self.box
        os.makedirs(box.root + "/.local/state")
        open(box.root + "/.local/state/vault", "w").close()
        code, _, errors = box.run("set", "team", "A", "--passphrase-file", box.passphrase, input=b"x")
        self.assertEqual(code, 0, errors)
        self.assertIn("vault: warning: cannot save or read the checkpoint; a rollback would go undetected", errors)
        # Each client of the agent is told too.
        for verb in [("unlock", "--passphrase-file", box.passphrase), ("get", "A"), ("status",), ("set", "team", "B")]:
            code, _, errors = box.run(*verb, input=b"x")
            self.assertEqual(code, 0, errors)
            self.assertIn("a rollback would go undetected", errors, verb)


    def test_keys_that_went_back_are_refused_by_every_job(self):
        box = self.box
        box.unlock()
        box.must("set", "team", "A", input=b"x")
        shutil.copyfile(box.vault, box.root + "/old")
        with open(os.open(box.root + "/p2", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(b"another passphrase\n")
        # Where the agent is not told, it still has the old keys.
        box.must("passwd", "--passphrase-file", box.passphrase, "--new-passphrase-file", box.root + "/p2",
                 "--kdf-memory", "64", "-q", environment={**box.environment, "XDG_RUNTIME_DIR": ""})
        shutil.copyfile(box.root + "/old", box.vault)
        for verb in [("get", "A"), ("check",), ("compact",), ("backup", box.root + "/b"), ("purge", "team", "A", "--all", "-y")]:
            code, _, errors = box.run(*verb)
            self.assertEqual(code, 13, (verb, errors))
            self.assertIn("keys", errors)
        self.assertFalse(os.path.exists(box.root + "/b"))


class Others(Case):
    def test_another_passphrase_opens_the_other_file(self):
        box = self.box
        other = box.root + "/other"
        vaultfile.create(other, b"another passphrase", memory_kib=8192, passes=1)
        with open(os.open(box.root + "/p2", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(b"another passphrase\n")
        direct = ["--passphrase-file", box.passphrase]
        self.assertEqual(box.run("backup", "--verify", other, *direct)[0], 5)
        self.assertEqual(box.must("backup", "--verify", other, *direct, "--other-passphrase-file", box.root + "/p2"),
                         b"ok: 0 secrets, 0 versions, 4608 bytes\n")
        box.unlock()
        self.assertEqual(box.run("restore", other, "--yes")[0], 4)
        box.must("restore", other, "--yes", "--other-passphrase-file", box.root + "/p2")
        # The agent has no key for what lies there now.
        self.assertEqual(box.run("list")[0], 4)
        box.must("list", "--passphrase-file", box.root + "/p2")


class Together(Case):
    def all_at_once(self, *commands):
        """Starts all commands, and returns what each of them said that did not end well."""
        children = [(words, self.box.start(*words, stdin=subprocess.PIPE)) for words in commands]
        ends = [(words, child.communicate(b"value", timeout=60)[1], child.returncode) for words, child in children]
        return [end for end in ends if end[2] != 0]

    def test_compactions_backups_and_writers_wait_for_each_other(self):
        box = self.box
        box.unlock()
        self.fill(5)
        for round in range(3):
            commands = []
            for number in range(6):
                commands += [("compact",), ("backup", box.root + "/b%d" % number), ("set", "team", "N%d" % number)]
            self.assertEqual(self.all_at_once(*commands), [])
        for number in range(6):
            box.must("backup", "--verify", box.root + "/b%d" % number)
        box.must("check")

    def test_a_restore_raises_no_alarm_in_those_who_read_and_write_meanwhile(self):
        box = self.box
        box.unlock()
        self.fill(5)
        box.must("backup", box.root + "/b")
        box.must("compact")
        self.fill(5)
        for round in range(3):
            commands = []
            for number in range(4):
                commands += [("restore", box.root + "/b", "--yes"), ("set", "team", "N"), ("list",),
                             ("get", "K1", "--passphrase-file", box.passphrase),
                             ("set", "team", "M", "--passphrase-file", box.passphrase)]
            self.assertEqual(self.all_at_once(*commands), [])
        box.must("check")


class Jobs(Case):
    def ask(self, client, job):
        """Every message of a job's reply."""
        client.send(JOB, path_field(self.box.vault) + job)
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
        # The proof of descent names the changes, 23 with the birth of the vault.
        self.assertEqual(before - after, 176 * dropped - 304)

    def test_a_verification_says_what_a_checkpoint_says(self):
        self.box.unlock()
        self.fill()
        shutil.copyfile(self.box.vault, self.box.root + "/copy")
        report = self.ask(self.box.client(), b"\x02" + path_field(self.box.root + "/copy"))[-1]
        vault = vaultfile.open(self.box.root + "/copy", PASSPHRASE)
        id, generation, seq, end, tag = struct.unpack_from("<16s3Q16s", report, 2)
        self.assertEqual((id, generation, seq, end), (vault.header.vault_id, 1, 22, os.path.getsize(self.box.vault)))
        self.assertEqual(report[58:74], id)
        newest, secrets, versions, hidden, contains, findings = struct.unpack_from("<4QBB", report, 58 + 984)
        self.assertEqual((secrets, versions, hidden, contains, findings, len(report)), (7, 22, 0, 0, 0, 58 + 984 + 34))

    def test_a_copy_is_held_against_what_was_seen_of_the_vault(self):
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"1")
        shutil.copyfile(self.box.vault, self.box.root + "/old")
        self.box.must("set", "team", "A", input=b"2")
        shutil.copyfile(self.box.vault, self.box.root + "/new")
        for copy, contains in (("/new", 1), ("/old", 2)):
            report = self.ask(self.box.client(), b"\x0a" + path_field(self.box.root + copy) + path_field(self.box.vault))[-1]
            self.assertEqual(report[58 + 984 + 32], contains)
        report = self.ask(self.box.client(), b"\x0a" + path_field(self.box.vault) + path_field(self.box.root + "/nowhere"))[-1]
        self.assertEqual(report[58 + 984 + 32], 0)

    def test_a_file_with_another_key_is_refused(self):
        self.box.unlock()
        other = self.box.make("other")
        for kind, more in [(b"\x02", b""), (b"\x05", b"\0")]:
            self.assertRaisesRegex(Failure, "^43$", self.ask, self.box.client(), kind + path_field(other) + more)

    def apart(self):
        """The vault, and a copy of it that another program wrote to."""
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"base")
        shutil.copyfile(self.box.vault, self.box.root + "/copy")
        self.box.must("set", "team", "A", input=b"here")
        copy = vaultfile.open(self.box.root + "/copy", PASSPHRASE)
        copy.append([vaultfile.value(vaultfile.TEAM, "", "A", b"there"), vaultfile.value(vaultfile.PROJECT, "web", "B", b"new")])
        return path_field(self.box.vault), path_field(self.box.root + "/copy")

    def test_a_comparison_tells_names_and_times(self):
        vault, copy = self.apart()
        report = self.ask(self.box.client(), b"\x06" + vault + copy)[-1]
        self.assertEqual(report[:43], b"\0\x04" + struct.pack("<QBQQQQ", 2, 0, 1, 1, 0, 0))
        report = report[32:]
        self.assertEqual(report[11:18], b"\x02\x02\x03\x01web")
        self.assertEqual(report[18:19] + report[19:28] + report[28:29], b"B" + bytes(9) + b"\x01")
        self.assertEqual(report[37:42], b"\x03\x01\0\x01A")
        self.assertEqual(len(report), 60)
        outline = self.ask(self.box.client(), b"\x08" + copy)[-1]
        self.assertEqual(outline[:43], b"\0\x04" + struct.pack("<QBQQQQ", 2, 0, 0, 0, 0, 0))
        for secret in (b"base", b"here", b"there"):
            self.assertNotIn(secret, report + outline)

    def test_a_merge_is_the_union_as_the_second_implementation_sees_it(self):
        vault, copy = self.apart()
        client = self.box.client()
        before = open(self.box.vault, "rb").read()
        trial = self.ask(client, b"\x07" + vault + copy + b"\x01")[-1]
        self.assertEqual(open(self.box.vault, "rb").read(), before)
        report = self.ask(client, b"\x07" + vault + copy + b"\0")[-1]
        self.assertEqual(trial, report)
        self.assertEqual(report[:60], b"\0\x05" + struct.pack("<QQBBQQQQQ", 2, 2, 4, 1, 0, 0, 0, 0, 0))
        self.assertEqual(report[70:], struct.pack("<I", 1) + b"\x01\0\x01A" + report[78:79] + struct.pack("<II", 1, 0))
        merged = vaultfile.open(self.box.vault, PASSPHRASE).histories()
        values = {name: {record.value for record in versions} for (_, _, name), versions in merged.items()}
        self.assertEqual(values, {"A": {b"base", b"here", b"there"}, "B": {b"new"}})
        again = self.ask(client, b"\x07" + vault + copy + b"\0")[-1]
        self.assertEqual(again[2:19], struct.pack("<QQB", 0, 0, 0))
        self.assertRaisesRegex(Failure, "^60$", self.ask, self.box.client(), b"\x07" + vault + copy + b"\x20")

    def test_an_announcement_needs_an_unlocked_vault_and_changes_nothing(self):
        body = path_field(self.box.vault) + bytes(32)
        self.box.unlock()
        client = self.box.client()
        self.assertEqual(client.ask(ANNOUNCE, body), b"")
        self.box.must("set", "team", "A", input=b"x")
        self.assertEqual(self.box.must("get", "A"), b"x")
        client.ask(LOCK, path_field(self.box.vault))
        self.assertRaisesRegex(Failure, "^1$", client.ask, ANNOUNCE, body)

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
            client.send(JOB, path_field(self.box.vault) + b"\x03" + path_field(self.box.vault) + b"\0")
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
