"""The agent's socket: clients of every kind, and that none of them is in another's way."""

import os
import socket
import struct
import subprocess
import sys
import threading
import unittest

from agentclient import (COMMIT, CONTAINS, HELLO, HISTORY, NAMES, OPEN, STATUS, STOP, UNLOCK, Client, Failure, Sandbox,
                         message, path_field, secret_field, until)

OTHER_USER = 65534
AS_OTHER = "import os, socket, sys; os.setgroups([]); os.setgid(%d); os.setuid(%d)\n" % (OTHER_USER, OTHER_USER)


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)

    def served(self):
        """Whether a stranger to the connection in question is served at once."""
        return self.box.must("get", "A") == b"one"


class Unlocked(Case):
    def setUp(self):
        super().setUp()
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"one")
        self.agent = self.box.agent

    def tearDown(self):
        self.assertTrue(self.served())
        self.assertEqual(self.box.agent, self.agent)

    def test_a_client_written_from_the_page_is_served(self):
        client = self.box.client()
        self.assertEqual(client.open(self.box.vault), b"\0" * 9)
        self.assertEqual(client.get("A"), b"one")
        client.set("B", b"two", scope=2, id="web")
        self.assertEqual(client.get("B", scope=2, id="web"), b"two")
        self.assertEqual(client.ask(NAMES, b"\0"), b"\0\x02\x03\x01webB\x01\0\x01A")
        idle, total, generation, secrets, versions, live, dead, expired, due, flags, notices = struct.unpack("<9QBB", client.ask(
            STATUS, path_field(self.box.vault)))
        self.assertTrue(3_590_000 < idle <= 3_600_000 and 43_190_000 < total <= 43_200_000)
        self.assertEqual((generation, secrets, versions, live, dead, expired, due, flags, notices), (1, 2, 2, 352, 0, 0, 0, 0, 0))
        self.assertRaisesRegex(Failure, "^6$", client.get, "NOPE")
        self.assertRaisesRegex(Failure, "^1$", client.open, "/tmp/no-such-vault")

    def test_metadata_are_a_part_of_a_secret_with_a_history_of_its_own(self):
        client = self.box.client()
        client.open(self.box.vault)
        part = {"scope": 128 + 1}
        self.assertRaisesRegex(Failure, "^6$", client.get, "A", **part)
        self.assertEqual(client.ask(NAMES, b"\1"), b"\0")
        client.set("A", b'{"expires":1}', **part)
        self.assertEqual((client.get("A", **part), client.get("A")), (b'{"expires":1}', b"one"))
        self.assertEqual(client.ask(NAMES, b"\1"), client.ask(NAMES, b"\0"))
        self.assertEqual(len(client.ask(HISTORY, secret_field("A", **part))), 9)
        self.assertEqual(self.box.run("describe", "A", "--json")[1].count(b'"expired":true'), 1)
        status = struct.unpack_from("<9Q", client.ask(STATUS, path_field(self.box.vault)))
        self.assertEqual(status[-2:], (1, 1))
        # A deletion leaves empty metadata, and depends on what is there as any change does.
        newest = client.ask(HISTORY, secret_field("A", **part))[:8]
        field = secret_field("A", **part)
        stale = b"\3" + field + struct.pack("<I", 9) + b"\1" + bytes(8)
        fresh = b"\3" + field + struct.pack("<I", 9) + b"\1" + newest
        remove = b"\2" + field + bytes(4)
        self.assertRaisesRegex(Failure, "^54$", client.ask, COMMIT, stale + remove)
        client.ask(COMMIT, fresh + remove)
        self.assertEqual((client.get("A", **part), client.get("A")), (b"", b"one"))
        self.assertRaisesRegex(Failure, "^9$", client.set, "A", bytes(65_537), **part)
        self.assertRaisesRegex(Failure, "^60$", self.box.client().ask, COMMIT, b"\1" + secret_field("A", scope=128) + bytes(4))
        self.assertRaisesRegex(Failure, "^60$", self.box.client().ask, CONTAINS, secret_field("A", **part))

    def test_a_wrong_key_unlocks_nothing(self):
        body = path_field(self.box.vault) + bytes(32) + struct.pack("<QQBBH", 1000, 1000, 0, 0, 0)
        self.assertRaisesRegex(Failure, "^43$", self.box.client().ask, UNLOCK, body)

    def test_another_version_is_told_and_may_only_stop(self):
        client = self.box.client(greet=False)
        client.socket.sendall(HELLO[:-2] + b"\x01\0")
        self.assertEqual(client.reply(), (128, b"\x05\0"))
        self.assertRaisesRegex(Failure, "^60$", client.ask, STATUS, path_field(self.box.vault))
        self.assertEqual(client.exactly(1), b"")

    def test_hostile_messages_end_their_own_connection(self):
        announced = struct.pack("<I", 64 << 20)
        for first in [b"\0\0\0\0", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000).replace(b"\0", b"x"),
                      message(OPEN, path_field("/x")), HELLO + HELLO, HELLO + struct.pack("<I", (64 << 20) + 1),
                      HELLO + message(77), HELLO + message(COMMIT, b"\x01\x01\0\x01A\xff\xff\xff\xff")]:
            client = self.box.client(greet=False)
            client.socket.sendall(first)
            said = client.exactly(10_000)
            self.assertEqual(said[-19:-16], b"\xff\x3c\0", first)
        waiting = [self.box.client(greet=False) for _ in range(3)]
        waiting[0].socket.sendall(HELLO[:6])
        waiting[1].socket.sendall(HELLO + announced)
        waiting[2].socket.sendall(HELLO + announced + b"\x0b" + os.urandom(1 << 15))
        self.assertTrue(self.served())

    def test_a_client_that_reads_nothing_waits_alone(self):
        self.box.must("set", "team", "LARGE", input=b"x" * (1 << 20))
        client = self.box.client()
        client.open(self.box.vault)
        client.socket.settimeout(0.2)
        try:
            while True:
                client.socket.sendall(message(10, b"\x01\0\x05LARGE\0\0\0\0"))
        except TimeoutError:
            pass
        self.assertTrue(self.served())
        with open("/proc/%d/status" % self.agent) as file:
            resident = [line for line in file if line.startswith("VmRSS")][0]
        self.assertLess(int(resident.split()[1]), 64 << 10)

    def test_a_thousand_idle_connections_lock_nobody_out(self):
        idle = []
        for _ in range(1000):
            idle.append(self.box.client(greet=len(idle) % 2 == 0))
        self.assertTrue(self.served())
        clients = [self.box.client() for _ in range(10)]
        for client in clients + idle:
            client.close()

    def test_its_memory_is_flat(self):
        def resident():
            with open("/proc/%d/status" % self.agent) as file:
                return int([line for line in file if line.startswith("VmRSS")][0].split()[1])

        def talk(rounds):
            for _ in range(rounds):
                client = self.box.client()
                client.open(self.box.vault)
                for _ in range(20):
                    client.get("A")
                client.ask(NAMES, b"\0")
                self.assertRaises(Failure, client.get, "NOPE")
                client.close()

        talk(200)
        before = resident()
        threads = [threading.Thread(target=talk, args=(500,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(resident() - before, 512)  # KiB, after ninety thousand requests


class OtherVersion(Case):
    """An agent of another version, made of a few lines."""

    def serve(self):
        os.mkdir(os.path.dirname(self.box.socket), 0o700)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.box.socket)
        listener.listen()
        self.addCleanup(listener.close)
        self.heard = b""

        def answer():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                data = connection.recv(4096)
                self.heard += data
                connection.sendall(b"\x03\0\0\0\x80\x07\0")
                if data[15:] == message(STOP):
                    connection.sendall(b"\x01\0\0\0\x81")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()

    def test_client_and_agent_say_so_and_how_to_go_on(self):
        self.serve()
        code, _, errors = self.box.run("get", "A")
        self.assertEqual(code, 4)
        told = "the agent speaks version 7 of the protocol, this vault speaks version 5"
        hint = "vault: hint: end it with 'vault lock --all', then unlock again with 'vault --vault %s unlock'" % self.box.vault
        self.assertEqual(errors.splitlines()[:2], ["vault: warning: " + told, hint])
        code, _, errors = self.box.run("unlock", "--passphrase-file", self.box.passphrase)
        self.assertEqual((code, errors.splitlines()), (1, ["vault: error: " + told, hint]))
        self.assertEqual(self.box.run("lock")[0], 1)
        self.box.must("lock", "--all")
        self.assertTrue(self.heard.endswith(message(STOP)))

    def test_a_command_with_a_passphrase_continues_without_the_agent(self):
        self.serve()
        self.box.must("set", "team", "A", "--passphrase-file", self.box.passphrase, input=b"one")
        environment = dict(self.box.environment, VAULT_PASSPHRASE_FILE=self.box.passphrase)
        code, output, errors = self.box.run("get", "A", environment=environment)
        self.assertEqual((code, output), (0, b"one"))
        self.assertIn("warning: the agent speaks version 7", errors)


@unittest.skipUnless(os.geteuid() == 0, "only root can act as another user")
class OtherUser(Case):
    def test_another_user_is_disconnected_without_a_byte_whatever_the_modes_say(self):
        box = self.box
        box.unlock()
        for directory in [box.root, box.root + "/run", os.path.dirname(box.socket)]:
            os.chmod(directory, 0o711)
        os.chmod(box.socket, 0o777)
        script = AS_OTHER + """
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
try:
    s.sendall(%r)
    print(len(s.recv(100)))
except (ConnectionResetError, BrokenPipeError):
    print(0)
""" % HELLO
        said = subprocess.run([sys.executable, "-c", script, box.socket], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(said, b"0\n")
        for directory in [box.root, box.root + "/run", os.path.dirname(box.socket)]:
            os.chmod(directory, 0o700)
        box.must("list")

    def test_another_users_agent_gets_no_byte(self):
        box = self.box
        directory = os.path.dirname(box.socket)
        os.mkdir(directory, 0o777)
        for path in [box.root, box.root + "/run", directory]:
            os.chmod(path, 0o777)
        script = AS_OTHER + """
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("listening", flush=True)
for _ in range(2):
    print(len(s.accept()[0].recv(100)), flush=True)
"""
        stranger = subprocess.Popen([sys.executable, "-c", script, box.socket], stdout=subprocess.PIPE)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        self.addCleanup(stranger.stdout.close)
        self.assertEqual(stranger.stdout.readline(), b"listening\n")
        for path in [directory, box.root + "/run", box.root]:
            os.chmod(path, 0o700)
        told = "the agent's socket belongs to another user; nothing was sent to it"
        code, _, errors = box.run("get", "A")
        self.assertEqual((code, errors.splitlines()[0]), (4, "vault: warning: " + told))
        self.assertEqual(stranger.stdout.readline(), b"0\n")
        code, _, errors = box.run("unlock", "--passphrase-file", box.passphrase)
        self.assertEqual((code, errors.splitlines()[0]), (1, "vault: error: " + told))
        self.assertEqual(stranger.stdout.readline(), b"0\n")


if __name__ == "__main__":
    unittest.main()
