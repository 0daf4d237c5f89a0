"""What one vault, one client or another user does delays nobody else; and the agent answers for the right file alone."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from agentclient import JOB, NAMES, OPEN, STATUS, VAULT, Failure, Sandbox, path_field, until

OTHER_USER = 65534
NAMESPACE = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0
WHY = "needs the right to make a mount namespace"


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)
        self.box.unlock()
        self.box.must("set", "team", "A", input=b"first")


@unittest.skipUnless(NAMESPACE, WHY)
class WrongFile(Case):
    """In another mount namespace the vault's path leads to another file, and the agent's socket to the same agent."""

    def within(self, mount, *words, input=b""):
        script = mount + '; exec "$@"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", VAULT, *words], input=input, capture_output=True,
                              env=self.box.environment, cwd="/", timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()

    def setUp(self):
        super().setUp()
        os.mkdir(self.box.root + "/other")
        self.other = self.box.make("other/v")
        self.mount = "mount --bind %s %s" % (self.other, self.box.vault)

    def test_no_value_is_given_for_another_file_and_none_is_written(self):
        before = open(self.box.vault, "rb").read()
        for words in [["get", "A"], ["set", "team", "A"], ["list"], ["history", "team", "A"], ["check"], ["compact"], ["status"],
                      ["run", "--", "env"]]:
            code, output, errors = self.within(self.mount, *words, input=b"two")
            self.assertEqual(code, 4, (words, output, errors))
            self.assertNotIn(b"first", output)
        self.assertEqual(open(self.box.vault, "rb").read(), before)
        self.assertEqual(self.box.must("get", "A"), b"first")

    def test_nothing_is_given_where_no_file_lies(self):
        empty = "mount -t tmpfs none %s/other" % self.box.root
        shutil.move(self.box.vault, self.box.root + "/other/moved")
        self.box.vault = self.box.root + "/other/moved"
        self.box.unlock()
        code, output, errors = self.within(empty, "get", "A")
        self.assertEqual((code, output), (6, b""), errors)
        self.assertEqual(self.box.must("get", "A"), b"first")

    def test_a_job_names_no_file_that_means_another_one_to_the_agent(self):
        copy = self.box.root + "/copy"
        shutil.copy(self.box.vault, copy)
        self.box.must("set", "team", "B", input=b"two")
        code, output, errors = self.within("mount --bind %s %s" % (self.other, copy), "diff", copy)
        self.assertEqual(code, 4, (output, errors))
        self.assertIn(b"B", self.box.must("diff", copy))

    def test_unlocking_another_file_says_what_is_wrong(self):
        code, _, errors = self.within(self.mount, "unlock", "--passphrase-file", self.box.passphrase)
        self.assertEqual(code, 1, errors)
        self.assertIn("the agent sees a different file at %s" % self.box.vault, errors)


class Descriptors(Case):
    def test_a_descriptor_of_another_file_is_answered_as_if_the_vault_were_locked(self):
        client = self.box.client()
        self.assertRaisesRegex(Failure, "^63$", client.ask, OPEN, path_field(self.box.vault), ["/etc/passwd"])
        # Nothing about it is answered on that connection either.
        self.assertRaisesRegex(Failure, "^62$", client.get, "A")
        self.assertRaisesRegex(Failure, "^63$", client.ask, STATUS, path_field(self.box.vault), ["/etc"])
        job = path_field(self.box.vault) + b"\x01" + path_field(self.box.vault)
        self.assertRaisesRegex(Failure, "^63$", client.ask, JOB, job, [self.box.vault, "/etc/passwd"])
        client.open(self.box.vault)
        self.assertEqual(client.get("A"), b"first")

    def test_without_a_descriptor_a_message_breaks_a_rule(self):
        client = self.box.client()
        self.assertRaisesRegex(Failure, "^60$", client.ask, OPEN, path_field(self.box.vault), [])
        self.assertEqual(client.exactly(1), b"")

    def test_descriptors_that_nothing_speaks_of_are_not_kept(self):
        before = len(os.listdir("/proc/%d/fd" % self.box.agent))
        clients = []
        for _ in range(5):
            client = self.box.client()
            clients.append(client)
            try:
                for _ in range(20):
                    client.ask(NAMES, b"\0", files=["/etc/passwd"] * 4)
            except (Failure, ConnectionError):
                pass
        self.assertLess(len(os.listdir("/proc/%d/fd" % self.box.agent)), before + 5 * 17 + 5)
        for client in clients:
            client.close()
        self.assertTrue(until(lambda: len(os.listdir("/proc/%d/fd" % self.box.agent)) <= before))


    def test_a_descriptor_that_cannot_be_closed_delays_nobody(self):
        """A socket that lingers, as it is, and waiting in a connection that nobody received from."""
        # A message that breaks a rule, so that nothing is received after it; and half a message.
        self.send_lingering([[b"\xff" * 9, b"more"], [b"\x0b"]])
        status = self.box.client()
        self.assertRaises((Failure, ConnectionError), status.ask, STATUS, path_field(self.box.vault), ["/etc/passwd"] * 3)
        start = time.monotonic()
        self.assertEqual(self.box.must("get", "A"), b"first")
        self.box.must("lock")
        self.assertEqual(self.box.run("get", "A")[0], 4)
        self.box.unlock("--max", "1s")
        self.assertTrue(until(lambda: self.box.run("get", "A")[0] == 4))
        self.box.must("lock", "--all")
        self.assertLess(time.monotonic() - start, 20)
        self.assertTrue(until(lambda: not self.box.agents()))

    def test_an_agent_that_is_sent_more_than_it_can_close_locks_everything_and_ends(self):
        agent = self.box.agent
        self.send_lingering([[b"\x0b"]] * 80)
        self.assertTrue(until(lambda: not alive(agent)))
        self.assertEqual(self.box.run("get", "A")[0], 4)
        self.box.unlock()
        self.assertEqual(self.box.must("get", "A"), b"first")

    def send_lingering(self, connections):
        """Sends connections to the agent that linger, one with each message, and gives them up.

        The agent is stopped meanwhile, so that it alone has them when it closes them: only then that waits.
        """
        agent = self.box.agent
        os.kill(agent, signal.SIGSTOP)
        for messages in connections:
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(self.box.socket)
                for message in messages:
                    client, *others = lingering()
                    self.addCleanup(lambda others=others: [end.close() for end in others])
                    socket.send_fds(raw, [message], [client.fileno()])
                    client.close()
        os.kill(agent, signal.SIGCONT)

    def test_many_descriptors_of_one_client_take_none_from_others(self):
        self.box.must("lock", "--all")
        limited = ["sh", "-c", 'ulimit -n 300; exec "$@"', "sh", VAULT, "unlock", "--passphrase-file", self.box.passphrase]
        subprocess.run(limited, env=self.box.environment, check=True, stderr=subprocess.DEVNULL)
        flood = [socket.socket(socket.AF_UNIX) for _ in range(400)]
        self.addCleanup(lambda: [client.close() for client in flood])
        file = os.open("/etc/passwd", os.O_PATH)
        for number, client in enumerate(flood):
            try:
                client.connect(self.box.socket)
                socket.send_fds(client, [b"\x0b"], [file] * (1 + number % 16))
            except OSError:
                continue
            if number % 20 == 0:
                self.assertEqual(self.box.must("get", "A"), b"first")
        self.box.must("lock")
        self.assertLess(len(os.listdir("/proc/%d/fd" % self.box.agent)), 250)


def lingering():
    """A connection whose closing waits for an hour: nobody takes what it has to send."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client = socket.create_connection(listener.getsockname())
    peer, _ = listener.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    client.setblocking(False)
    try:
        while True:
            client.send(b"x" * 65536)
    except BlockingIOError:
        return client, peer, listener


class Waiting(Case):
    def large(self, count):
        """A vault of its own with many secrets, unlocked, and its path."""
        path = self.box.make("large")
        environment = dict(self.box.environment, VAULT_FILE=path)
        self.box.must("unlock", "--passphrase-file", self.box.passphrase, environment=environment)
        lines = "".join('%s"N%d":"%s"' % ("," if i else "", i, "x" * 30) for i in range(count))
        self.box.must("import", "team", "--format", "json", "-", input=("{" + lines + "}").encode(), environment=environment)
        return path

    def memory(self):
        with open("/proc/%d/status" % self.box.agent) as file:
            return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))

    def test_sixty_four_clients_at_once_are_all_answered_and_take_little_memory(self):
        path = self.large(60_000)
        other = self.box.vault
        job = path_field(path) + b"\x01" + path_field(path)
        failures, done = [], []

        def ask(index):
            try:
                client = self.box.client()
                client.socket.settimeout(120)
                if index % 4 == 0:
                    reply = client.ask(JOB, job)
                    while reply[:1] == b"\x01":
                        reply = client.answer(JOB)
                elif index % 4 == 1:
                    client.open(path)
                    reply = client.ask(NAMES, b"\0")
                    while reply[:1] == b"\x01":
                        reply = client.answer(NAMES)
                elif index % 4 == 2:
                    client.open(other)
                    for _ in range(20):
                        assert client.get("A") == b"first"
                else:
                    client.open(path)
                    client.set("LARGE%d" % index, b"y" * (1 << 20))
                done.append(index)
            except Exception as error:
                failures.append((index, repr(error)))

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(done), 64)
        self.assertLess(self.memory(), 512)

    def test_a_vault_whose_lock_is_held_delays_no_other_and_no_lock(self):
        path = self.box.make("held")
        environment = dict(self.box.environment, VAULT_FILE=path)
        self.box.must("unlock", "--passphrase-file", self.box.passphrase, environment=environment)
        with holding(path):
            writer = self.box.start("set", "team", "A", environment=environment, stdin=subprocess.PIPE)
            writer.stdin.write(b"late")
            writer.stdin.close()
            time.sleep(0.3)
            for _ in range(5):
                self.assertEqual(self.box.must("get", "A"), b"first")
            self.assertIn(b"unlocked", self.box.must("status", environment=environment))
            self.box.must("lock", environment=environment)
            # Its key is gone at once, and whoever waited for it hears so.
            self.assertEqual(writer.wait(20), 4)
        self.assertEqual(self.box.must("get", "A"), b"first")


class holding:
    """Another process holds the lock of a file, as a writer does."""

    def __init__(self, path, user=None):
        code = "import fcntl, os, sys, time\n"
        if user is not None:
            code += "os.setgroups([]); os.setgid(%d); os.setuid(%d)\n" % (user, user)
        code += ("fd = os.open(sys.argv[1], os.O_RDONLY)\nfcntl.flock(fd, fcntl.LOCK_EX)\n"
                 "fcntl.lockf(fd, fcntl.LOCK_SH)\nprint('held', flush=True)\ntime.sleep(600)\n")
        self.words = [sys.executable, "-c", code, path]

    def __enter__(self):
        self.child = subprocess.Popen(self.words, stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == b"held\n"

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


@unittest.skipUnless(os.getuid() == 0, "needs root, to become another user")
class Readers(Case):
    """Another user who may read the vault, as in a git checkout, holds every lock on it that there is."""

    def setUp(self):
        super().setUp()
        os.chmod(self.box.root, 0o755)
        os.chmod(self.box.vault, 0o644)

    def test_a_reader_who_holds_its_lock_stops_no_writer(self):
        with holding(self.box.vault, OTHER_USER):
            self.box.must("set", "team", "A", input=b"two")
            self.assertEqual(self.box.must("get", "A"), b"two")
            self.box.must("compact")
            self.box.must("lock", "--all")
            self.box.must("set", "team", "A", "--passphrase-file", self.box.passphrase, input=b"three")
            self.assertEqual(self.box.must("get", "A", "--passphrase-file", self.box.passphrase), b"three")

    def test_the_file_that_is_locked_beside_it_has_the_write_bits_alone(self):
        self.box.must("set", "team", "A", input=b"two")
        beside = os.stat(self.box.root + "/.v.lock")
        self.assertEqual((beside.st_mode & 0o7777, beside.st_size, beside.st_uid), (0o200, 0, 0))
        os.chmod(self.box.vault, 0o664)
        self.box.must("set", "team", "A", input=b"three")
        self.assertEqual(os.stat(self.box.root + "/.v.lock").st_mode & 0o7777, 0o220)

    def test_a_vault_that_is_ones_own_has_no_such_file(self):
        os.chmod(self.box.vault, 0o600)
        self.box.must("set", "team", "A", input=b"two")
        self.assertFalse(os.path.exists(self.box.root + "/.v.lock"))

    def test_a_reader_of_it_needs_no_lock(self):
        self.box.must("set", "team", "A", input=b"two")
        home = self.box.root + "/stranger"
        os.mkdir(home)
        passphrase = home + "/passphrase"
        shutil.copy(self.box.passphrase, passphrase)
        for path in [home, passphrase]:
            os.chown(path, OTHER_USER, OTHER_USER)
        os.chmod(passphrase, 0o600)
        done = subprocess.run([VAULT, "get", "A", "--vault", self.box.vault, "--passphrase-file", passphrase],
                              env={"PATH": "/usr/bin:/bin", "HOME": home}, capture_output=True, user=OTHER_USER, group=OTHER_USER,
                              extra_groups=[], timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b"two"), done.stderr)

    def test_a_lock_file_of_somebody_who_may_not_write_the_vault_is_named_and_not_used(self):
        beside = self.box.root + "/.v.lock"
        os.close(os.open(beside, os.O_CREAT | os.O_WRONLY, 0o222))
        os.chown(beside, OTHER_USER, OTHER_USER)
        code, _, errors = self.box.run("set", "team", "A", input=b"two")
        self.assertEqual(code, 1)
        self.assertIn("cannot lock %s with %s: permission denied" % (self.box.vault, beside), errors)
        os.unlink(beside)
        self.box.must("set", "team", "A", input=b"two")

    def test_two_writers_of_it_exclude_each_other(self):
        children = [self.box.start("set", "team", "N%d" % i, "--passphrase-file", self.box.passphrase, "--value", "x") for i in range(8)]
        for child in children:
            child.communicate(timeout=60)
            self.assertEqual(child.returncode, 0)
        self.assertEqual(len(self.box.must("list", "team").split()), 9)


class EveryAgent(Case):
    def start_elsewhere(self, name):
        """An agent in another runtime directory that has the vault unlocked, too; its environment."""
        os.mkdir(self.box.root + "/" + name, 0o700)
        environment = dict(self.box.environment, XDG_RUNTIME_DIR=self.box.root + "/" + name)
        self.box.must("unlock", "--passphrase-file", self.box.passphrase, environment=environment)
        self.assertEqual(self.box.must("get", "A", environment=environment), b"first")
        return environment

    def test_lock_all_reaches_agents_in_other_runtime_directories(self):
        elsewhere = self.start_elsewhere("su")
        self.box.must("lock", "--all")
        for environment in [self.box.environment, elsewhere]:
            self.assertEqual(self.box.run("get", "A", environment=environment)[0], 4)

    def test_lock_all_ends_an_agent_that_is_stopped(self):
        agent = self.box.agent
        os.kill(agent, signal.SIGSTOP)
        code, _, errors = self.box.run("lock", "--all")
        self.assertEqual(code, 0, errors)
        self.assertTrue(until(lambda: not os.path.exists("/proc/%d/fd" % agent) or not alive(agent)))
        self.assertEqual(self.box.run("get", "A")[0], 4)

    def test_lock_all_ends_an_agent_whose_directory_is_gone(self):
        elsewhere = self.start_elsewhere("gone")
        agent = next(pid for pid in agents() if ("%s/gone/vault" % self.box.root) in words(pid))
        os.kill(agent, signal.SIGSTOP)
        shutil.rmtree(elsewhere["XDG_RUNTIME_DIR"])
        self.box.must("lock", "--all")
        self.assertTrue(until(lambda: not alive(agent)))

    def test_lock_all_ends_an_agent_that_is_stopped_where_another_took_its_place(self):
        agent = self.box.agent
        os.kill(agent, signal.SIGSTOP)
        shutil.rmtree(self.box.root + "/run/vault")
        self.box.unlock()
        self.box.must("lock", "--all")
        self.assertTrue(until(lambda: not alive(agent)))

    @unittest.skipUnless(NAMESPACE, WHY)
    def test_lock_all_does_not_say_that_all_is_locked_where_it_cannot_see_all(self):
        os.kill(self.box.agent, signal.SIGSTOP)
        done = self.unshared("-pf", "--mount-proc")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there may be an agent in %s/run/vault that cannot be stopped from here" % self.box.root, done.stderr.decode())
        os.kill(self.box.agent, signal.SIGCONT)
        self.start_elsewhere("su")
        done = self.unshared("-pf", "--mount-proc")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"agents outside it cannot be seen", done.stderr)
        done = self.unshared("-m", before="mount -t tmpfs none /proc; ")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot look for agents", done.stderr)

    def unshared(self, *options, before=""):
        return subprocess.run(["unshare", *options, "sh", "-c", before + 'exec "$@"', "sh", VAULT, "lock", "--all"],
                              env=self.box.environment, capture_output=True, timeout=60)

    def test_an_agent_that_cannot_be_reached_any_more_ends_by_itself(self):
        elsewhere = self.start_elsewhere("gone")
        agent = next(pid for pid in agents() if ("%s/gone/vault" % self.box.root) in words(pid))
        shutil.rmtree(elsewhere["XDG_RUNTIME_DIR"])
        start = time.monotonic()
        self.assertTrue(until(lambda: not alive(agent)))
        self.assertLess(time.monotonic() - start, 10)


def agents():
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and words(int(pid))[:1] == ["vault-agent"]]


def words(pid):
    try:
        with open("/proc/%d/cmdline" % pid) as file:
            return file.read().split("\0")
    except OSError:
        return []


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Memory(Case):
    def test_memory_that_cannot_be_locked_is_told_at_unlock_and_by_status(self):
        self.box.must("lock", "--all")
        limited = ["sh", "-c", 'ulimit -l 0; exec "$@"', "sh", VAULT]
        drop = {}
        if os.getuid() == 0:
            if shutil.which("setpriv") is None:
                self.skipTest("root can lock memory whatever the limit is, and there is no setpriv")
            limited = ["setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock", *limited]
        done = subprocess.run([*limited, "unlock", "--passphrase-file", self.box.passphrase], env=self.box.environment,
                              capture_output=True, timeout=60, **drop)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"vault: warning: memory cannot be locked here", done.stderr)
        self.assertIn(b"memory: not locked", self.box.must("status"))
        self.assertIn(b'"memory_locked":false', self.box.must("status", "--json"))


@unittest.skipUnless(os.getuid() == 0, "needs root, to be in another user's environment")
class AnothersPlace(unittest.TestCase):
    def test_root_makes_nothing_in_the_directories_of_the_user_whose_environment_it_has(self):
        box = Sandbox()
        self.addCleanup(box.close)
        home = box.root + "/home"
        for path in [home, home + "/run"]:
            os.mkdir(path, 0o700)
            os.chown(path, OTHER_USER, OTHER_USER)
        environment = dict(box.environment, HOME=home, XDG_RUNTIME_DIR=home + "/run")
        code, _, errors = box.run("unlock", "--passphrase-file", box.passphrase, environment=environment)
        self.assertNotEqual(code, 0)
        self.assertIn("belongs to another user", errors)
        box.run("get", "A", "--passphrase-file", box.passphrase, environment=environment)
        own = {name: value for name, value in environment.items() if name != "VAULT_FILE"}
        code, _, errors = box.run("init", "--passphrase-file", box.passphrase, environment=own)
        self.assertEqual(code, 1)
        self.assertIn("this would create a directory in another user's directory", errors)
        # Nor does it say that all is locked while the user's agent answers.
        os.mkdir(home + "/run/vault", 0o700)
        os.chown(home + "/run/vault", OTHER_USER, OTHER_USER)
        code, _, errors = box.run("lock", "--all", environment=environment)
        self.assertEqual(code, 1)
        self.assertIn("there may be an agent in %s/run/vault" % home, errors)
        os.rmdir(home + "/run/vault")
        self.assertEqual(os.listdir(home), ["run"])
        self.assertEqual(os.listdir(home + "/run"), [])


if __name__ == "__main__":
    unittest.main()
