"""The agent's own system calls fail, or are its last, while clients ask it for one thing after the other: for faults.py."""

import os
import re
import select
import signal
import subprocess
import time

from agentclient import VAULT
from faultverbs import SECRET, State

NAME = "the agent"
PATIENCE = 25


class Served:
    """One run of an agent under strace, and what its clients were told."""

    def __init__(self, campaign, *options):
        self.box, self.log = campaign.box, campaign.log
        child = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", self.log, *options, "vault-agent", self.box.root + "/run/vault", self.box.root],
            env={"PATH": campaign.directory + ":/usr/bin"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd="/", start_new_session=True)
        self.child, self.answers, self.is_stuck = child, [], False
        # It says that it listens, or ends.
        select.select([child.stdout], [], [], PATIENCE)

    def ask(self, words, input=None):
        """Runs a client; what follows one that waited for long is not asked any more."""
        child = self.box.start(*words, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        start = time.monotonic()
        try:
            output, errors = child.communicate(input, timeout=PATIENCE)
            code = child.returncode
        except subprocess.TimeoutExpired:
            child.kill()
            output, errors = child.communicate()
            code = None
        self.is_stuck = self.is_stuck or time.monotonic() - start > 5
        self.answers.append((words, code, output, errors.decode(errors="replace")))

    def end(self):
        """Ends every agent, as a person would end one that does not answer."""
        for agent in self.box.agents():
            os.kill(agent, signal.SIGKILL)
        try:
            _, errors = self.child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            _, errors = self.child.communicate()
        with open(self.log, errors="replace") as log:
            return log.read(), errors.decode(errors="replace")


class AgentCampaign:
    """The faults of the agent, with the interface of a verb's campaign."""

    def __init__(self, counts, parse, faults_of):
        self.state = State()
        self.box, self.log, self.counts, self.failures = self.state.box, self.state.box.root + ".strace", counts, []
        self.parse, self.faults_of = parse, faults_of
        self.directory = self.box.root + "/run/bin"
        os.mkdir(self.directory)
        os.symlink(VAULT, self.directory + "/vault-agent")
        key = ["--passphrase-file", self.box.passphrase]
        self.steps = [(["unlock", *key], None), (["status"], None), (["get", "A"], None),
                      (["set", "team", "A"], SECRET + b"four"), (["list"], None), (["get", "C"], None),
                      (["compact", "--keep", "all"], None), (["check"], None), (["lock"], None)]
        self.before = State.meaning(self.state.files)

    def close(self):
        self.box.close()
        if os.path.exists(self.log):
            os.remove(self.log)

    def serve(self, *options):
        self.state.reset()
        served = Served(self, *options)
        for words, input in self.steps:
            if not served.is_stuck:
                served.ask(words, input)
        return served, *served.end()

    def go(self, step, end):
        served, log, _ = self.serve()
        assert all(code == 0 for _, code, _, _ in served.answers), served.answers
        self.undisturbed = served.answers
        self.after = State.meaning(self.state.present())
        # A socket that is ready does not say for ever that it is not.
        faults = [fault for fault in self.faults_of(self.parse(log)[0]) if not (fault.lasts and fault.error == "EAGAIN")]
        for fault in faults[::step]:
            if time.monotonic() > end:
                self.counts["not tried"] += 1
                continue
            self.judge(fault, *self.serve("-e", fault.injection))
        return self

    def fail(self, kind, fault, *words):
        self.counts[kind] += 1
        self.failures.append("%s: %s: %s: %s" % (NAME, fault, kind, " ".join(map(str, words))))

    def judge(self, fault, served, _, errors):
        self.counts["faults"] += 1
        self.counts["kills" if fault.error is None else "errors"] += 1
        present = State.meaning(self.state.present())
        if present not in (self.before, self.after):
            self.fail("lost", fault, present.keys() ^ self.before.keys(), present["v"])
        for (words, code, output, said), (_, _, expected, _) in zip(served.answers, self.undisturbed):
            self.judge_answer(fault, words, code, output, said, expected, present == self.after)
        if SECRET.decode() in errors:
            self.fail("wrong code", fault, "a secret is told", errors)
        # The next agent serves as if nothing had been.
        code, _, said = self.box.run("unlock", "--passphrase-file", self.box.passphrase)
        value = self.box.run("get", "A")
        wanted = SECRET + (b"four" if present == self.after else b"three")
        if code or value[:2] != (0, wanted):
            self.fail("stuck", fault, "then", code, said, value)
        self.box.run("lock", "--all")
        left = [name for name in self.state.present() if State.is_leftover(name)]
        if left:
            self.box.run("compact", "--passphrase-file", self.box.passphrase)
            left = [name for name in self.state.present() if State.is_leftover(name)]
        if left:
            self.fail("stuck", fault, "left for ever", left)

    def judge_answer(self, fault, words, code, output, said, expected, is_set):
        verb = words[0]
        if code is None:
            return self.fail("stuck", fault, words, said)
        if SECRET.decode() in said:
            self.fail("wrong code", fault, words, "a secret is told", said)
        if code == 0 and verb in ("get", "list") and output != expected and not (is_set or verb == "list"):
            # What was not set is not there; anything else is wrong.
            if output != SECRET + b"three":
                self.fail("wrong code", fault, words, output)
        if verb == "set":
            if code == 0 and not is_set:
                self.fail("lost", fault, "acknowledged, and not there")
            if code and is_set and "not known" not in said:
                self.fail("wrong code", fault, "said to have failed, and there", code, said)
        if code not in (0, 1, 4):
            self.fail("wrong code", fault, words, code, said)
        if code and not re.search("vault: (error|warning): ", said) and verb != "status":
            self.fail("wrong code", fault, words, code, "and no word", said)
