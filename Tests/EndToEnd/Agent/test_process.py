"""The agent as a process: who starts it, what it holds on to, when it ends."""

import os
import pty
import signal
import stat
import subprocess
import threading
import time
import unittest

from agentclient import PASSPHRASE, VAULT, Sandbox, until


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.close)


class Started(Case):
    def test_unlocked_once_every_command_works_without_a_passphrase(self):
        box = self.box
        box.unlock()
        box.must("set", "team", "A", input=b"one\n")
        self.assertEqual(box.must("get", "A"), b"one")
        self.assertEqual(box.must("list"), b"A\n")
        self.assertEqual(box.must("run", "--", "/bin/sh", "-c", "printf %s \"$A\""), b"one")
        self.assertEqual(box.run("status")[0], 0)

    def test_cron_has_nothing_but_home_and_path(self):
        box = self.box
        bare = {"PATH": "/usr/bin:/bin", "HOME": box.root}
        os.makedirs(box.root + "/.local/share/vault", 0o700)
        os.rename(box.vault, box.root + "/.local/share/vault/default.vault")
        self.addCleanup(box.run, "lock", "--all", environment=bare)
        box.unlock(environment=bare)
        box.must("set", "team", "A", input=b"one", environment=bare)
        self.assertEqual(box.must("get", "A", environment=bare), b"one")

    def test_a_command_substitution_returns(self):
        box = self.box
        script = 'x=$("$0" unlock --passphrase-file "$1"); echo "[$x]"; y=$("$0" unlock 2>&1); echo "$y"'
        said = subprocess.run(["/bin/sh", "-c", script, VAULT, box.passphrase], env=box.environment, timeout=20,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True).stdout
        self.assertEqual(said.splitlines()[0], b"[]")
        self.assertIn(b"is already unlocked", said)

    def test_a_person_types_the_passphrase_and_the_window_closes(self):
        box = self.box
        child, master = pty.fork()
        if child == 0:
            os.execve(VAULT, ["vault", "unlock"], box.environment)
        said = b""
        while not said.endswith(b": "):
            said += os.read(master, 1024)
        self.assertEqual(said, b"Passphrase for ~/v: ")
        os.write(master, PASSPHRASE + b"\n")
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        os.close(master)
        self.assertEqual(box.run("status")[0], 0)

    def test_it_holds_nothing_of_the_one_who_started_it(self):
        box = self.box
        extra = os.open(box.root + "/extra", os.O_CREAT | os.O_RDWR)
        end, other = os.pipe()
        environment = dict(box.environment, VAULT_PASSPHRASE="not this one", SECRET="in the environment")
        child = box.start("unlock", "--passphrase-file", box.passphrase, environment=environment,
                          pass_fds=[extra, other])
        child.communicate(timeout=20)
        os.close(other)
        self.assertEqual(os.read(end, 1), b"")  # nobody else holds the pipe
        agent = "/proc/%d" % box.agent
        expected = sorted(["/dev/null"] * 3 + [box.root + "/run/vault/agent.lock", box.vault] + ["anon_inode"] * 4 + ["socket"])

        def held():
            links = []
            for name in os.listdir(agent + "/fd"):
                try:
                    links.append(os.readlink(agent + "/fd/" + name))
                except FileNotFoundError:
                    pass  # closed meanwhile
            return sorted(link.split(":")[0] for link in links)

        # The connection of the one who is gone may be there for a moment.
        self.assertTrue(until(lambda: held() == expected), held())
        with open(agent + "/environ", "rb") as file:
            self.assertEqual(file.read(), b"")
        self.assertEqual(os.readlink(agent + "/cwd"), "/")
        self.assertEqual(os.getsid(box.agent), box.agent)
        self.assertEqual(stat.S_IMODE(os.stat(box.socket).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(box.socket)).st_mode), 0o700)
        os.kill(box.agent, signal.SIGHUP)
        box.must("status")

    def test_two_hundred_at_once_leave_one(self):
        box = self.box
        os.mkdir(box.root + "/run/vault", 0o700)
        for name in ["agent.sock", "agent.lock"]:
            open(box.root + "/run/vault/" + name, "w").close()
        children = [box.start("unlock", "--passphrase-file", box.passphrase) for _ in range(200)]
        for child in children:
            self.assertIn("unlocked", child.communicate(timeout=120)[1].decode().lower())
            self.assertEqual(child.returncode, 0)
        self.assertEqual(len(box.agents()), 1)
        box.must("list")

    def test_it_can_be_killed_at_any_moment(self):
        box = self.box
        acknowledged = []
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                if box.run("set", "team", "N%d" % number, input=b"%d" % number)[0] == 0:
                    acknowledged.append(number)

        def kill():
            delay = 0.005
            while not stop.is_set():
                for agent in box.agents():
                    os.kill(agent, signal.SIGKILL)
                delay = delay * 1.3 if delay < 0.3 else 0.005
                time.sleep(delay)

        threads = [threading.Thread(target=write), threading.Thread(target=kill)]
        for thread in threads:
            thread.start()
        for _ in range(60):
            # An agent can die between its answer to unlock and anything else; it cannot be in the way.
            self.assertIn(box.run("unlock", "--passphrase-file", box.passphrase)[0], [0, 1])
        stop.set()
        for thread in threads:
            thread.join()
        box.unlock()
        self.assertEqual(len(box.agents()), 1)
        for number in acknowledged:
            self.assertEqual(box.must("get", "N%d" % number), b"%d" % number)
        box.must("check")

    def test_a_stopped_derivation_does_not_keep_others_waiting_who_need_none(self):
        box = self.box
        box.unlock()
        with open(box.root + "/run/vault/derivation.lock", "w") as file:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX)
            box.must("unlock")


class Ends(Case):
    def locked(self):
        return self.box.run("status")[0] == 4

    def test_the_idle_deadline_is_kept_to_the_second_and_status_does_not_move_it(self):
        box = self.box
        begin = time.monotonic()
        box.unlock("--idle", "2s")
        after = time.monotonic()
        while time.monotonic() < begin + 1.9:
            self.assertFalse(self.locked())
        self.assertTrue(until(self.locked, 5))
        self.assertLess(time.monotonic() - after, 3)

    def test_use_moves_the_idle_deadline_but_not_the_last_one(self):
        box = self.box
        box.must("set", "--passphrase-file", box.passphrase, "team", "A", "--value", "one")
        begin = time.monotonic()
        box.unlock("--idle", "1s", "--max", "3s")
        while time.monotonic() < begin + 2.8:
            self.assertEqual(box.must("get", "A"), b"one")
        self.assertTrue(until(lambda: box.run("get", "A")[0] == 4, 1.5))

    def test_an_agent_that_ends_is_not_in_the_way_of_the_next(self):
        for _ in range(20):
            self.box.unlock()
            self.box.must("lock", "--all")
            self.assertFalse(os.path.exists(self.box.socket))

    def test_a_client_that_dies_while_it_waits_costs_nothing(self):
        import fcntl
        box = self.box
        box.unlock()
        with open(box.vault, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            child = box.start("set", "team", "A", "--value", "one")
            time.sleep(0.3)
            child.kill()
            child.communicate()
            with open("/proc/%d/stat" % box.agent) as stat_file:
                before = sum(map(int, stat_file.read().rsplit(")")[1].split()[11:13]))
            time.sleep(1)
            with open("/proc/%d/stat" % box.agent) as stat_file:
                after = sum(map(int, stat_file.read().rsplit(")")[1].split()[11:13]))
            self.assertLess(after - before, 30)  # hundredths of a second
            self.assertEqual(box.must("list"), b"")
        self.assertTrue(until(lambda: box.run("get", "A")[1] == b"one", 5))

    def test_an_agent_that_does_not_answer_is_not_waited_for_forever(self):
        box = self.box
        box.unlock()
        os.kill(box.agent, signal.SIGSTOP)
        self.addCleanup(os.kill, box.agent, signal.SIGCONT)
        code, _, errors = box.run("list")
        self.assertEqual((code, errors.splitlines()[0]), (4, "vault: warning: the agent does not answer"))
        os.kill(box.agent, signal.SIGCONT)
        box.must("list")

    def test_a_lock_is_a_lock_for_everybody(self):
        box = self.box
        other = box.make("other")
        box.unlock()
        box.unlock("--vault", other)
        box.must("lock")
        self.assertEqual(box.run("get", "A")[0], 4)
        self.assertEqual(box.run("status", "--vault", other)[0], 0)
        agent = box.agent
        box.must("lock", "--all")
        self.assertTrue(until(lambda: not os.path.exists("/proc/%d" % agent)))
        self.assertFalse(os.path.exists(box.socket))
        self.assertEqual(box.run("status", "--vault", other)[0], 4)


if __name__ == "__main__":
    unittest.main()
