#!/usr/bin/env python3
"""Every system call of every verb fails in every way that it can, or is the last one: nothing is lost, and the exit code is right.

    faults.py [--verb NAME] [--step N] [--seconds S] [--jobs N]

A verb is run undisturbed first, under strace. Then, for each of its system calls: the process is killed at it; and where the
call can fail, it fails once, or from then on, with each error that Linux has for it. After each of these runs the files say what
they said before or what an undisturbed run makes of them, nothing else is left, what was said fits what was done, and the
same command works. `--step 7` takes every seventh of these faults; `--verb` those of one verb. It ends with one line of counts.
"""

import argparse
import collections
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "EndToEnd/Agent"))

from agentclient import VAULT  # noqa: E402
from agentfaults import NAME as AGENT, AgentCampaign  # noqa: E402
from faultverbs import SECRET, State, verbs  # noqa: E402

# What each call can say. Errors with which the system says that something is not there are no faults; and close(2) closes, whatever
# it says, which an injected error would not.
ERRORS = {
    "openat": ["EIO", "EACCES", "EMFILE", "ENFILE", "ENOMEM", "EINTR"],
    "read": ["EIO", "EINTR", "ENOMEM"], "pread64": ["EIO", "EINTR", "ENOMEM"],
    "write": ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EPIPE"], "pwrite64": ["EIO", "ENOSPC", "EDQUOT", "EFBIG", "EINTR"],
    "fdatasync": ["EIO", "ENOSPC", "EDQUOT", "EINTR"], "fsync": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "rename": ["EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS"], "renameat2": ["EIO", "ENOSPC", "EDQUOT", "EINVAL", "EROFS"],
    "link": ["EIO", "ENOSPC", "EPERM"], "unlink": ["EIO", "EACCES", "EROFS"], "ftruncate": ["EIO", "EINTR", "EPERM"],
    "sync_file_range": ["EIO", "ENOSPC", "EINVAL"],
    "mkdir": ["EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS"], "fchmod": ["EIO", "EPERM", "EROFS"],
    "fchown": ["EIO", "EPERM", "EROFS"], "getdents64": ["EIO", "ENOMEM"], "flock": ["EAGAIN", "ENOLCK", "EINTR"],
    "newfstatat": ["EIO", "ENOMEM", "EACCES"], "lseek": ["EIO"], "readlink": ["EIO", "EACCES", "ENOMEM"],
    "getcwd": ["ENOMEM", "EACCES"], "flistxattr": ["EIO", "EOPNOTSUPP"], "fgetxattr": ["EIO"], "fsetxattr": ["EIO", "ENOSPC"],
    "socket": ["EMFILE", "ENFILE", "ENOMEM", "EACCES"], "connect": ["EAGAIN", "EACCES", "EINTR"],
    "setsockopt": ["ENOMEM"], "getsockopt": ["ENOMEM"],
    "sendto": ["EAGAIN", "EINTR", "ENOMEM"], "recvfrom": ["ECONNRESET", "EAGAIN", "EINTR", "ENOMEM"],
    "accept4": ["EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EINTR"], "bind": ["EADDRINUSE", "EACCES", "ENOSPC"],
    "listen": ["EADDRINUSE"], "timerfd_create": ["EMFILE", "ENFILE", "ENOMEM"], "timerfd_settime": ["EINVAL"],
    "mmap": ["ENOMEM", "EAGAIN"], "mlock": ["ENOMEM", "EPERM", "EAGAIN"], "mprotect": ["ENOMEM"], "madvise": ["EINVAL"],
    "brk": ["ENOMEM"], "munmap": ["ENOMEM"], "memfd_create": ["EMFILE", "ENFILE", "ENOMEM"], "pipe2": ["EMFILE", "ENFILE"],
    "clone": ["EAGAIN", "ENOMEM"], "clone3": ["EAGAIN", "ENOMEM"], "vfork": ["EAGAIN", "ENOMEM"],
    "execve": ["EACCES", "ENOMEM", "EIO"], "dup2": ["EMFILE", "EINTR"], "getrandom": ["EINTR", "EAGAIN"],
    "poll": ["EINTR", "ENOMEM"], "ppoll": ["EINTR", "ENOMEM"], "ioctl": ["EIO", "ENOTTY"], "fcntl": ["EINVAL", "EPERM"],
    "prctl": ["EINVAL"], "prlimit64": ["EPERM"], "wait4": ["EINTR"], "chdir": ["EACCES", "ENOMEM"],
    "clock_nanosleep": ["EINTR"],
}
# No disk and no kernel says these for ever, and who is told so tries again at once.
PASSING = {("getrandom", "EAGAIN"), ("flock", "EAGAIN")}
# What guards memory is called for each secret in the same way, before and after; every eighth stands for all.
GUARDING = {"mprotect", "madvise", "mlock", "munlock", "munmap"}
MAKING = {"ENOSPC", "EDQUOT", "EROFS"}  # what a call that opens says only where it makes something
LINE = re.compile(r"^(vault: (error|warning|hint): .|last seen: +unknown, )")
CRASHES = {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGSEGV, -signal.SIGBUS}
PATIENCE = 25


class Call:
    """A system call of an undisturbed run: which of its name it is in its process, and whether the program had begun."""

    def __init__(self, name, number, words, has_begun):
        self.name, self.number, self.words, self.has_begun = name, number, words, has_begun
        self.is_guarded = False  # makes guarded memory; what the language's own allocator asks for is not

    def __str__(self):
        return "%s %d %s" % (self.name, self.number, self.words[:60])


class Fault:
    def __init__(self, call, error=None, lasts=False):
        self.call, self.error, self.lasts = call, error, lasts

    @property
    def injection(self):
        what = "error=" + self.error if self.error else "signal=KILL"
        return "inject=%s:%s:when=%d%s" % (self.call.name, what, self.call.number, "+" if self.lasts else "")

    def __str__(self):
        return "%s at %s" % ("kill" if not self.error else self.error + (" from then on" if self.lasts else ""), self.call)


def parse(log):
    """The calls of each process of a trace."""
    calls, counts, begun = [], collections.Counter(), set()
    memory = {}
    for line in log.splitlines():
        found = re.match(r"(\d+) +(\w+)\((.*)", line)
        if not found:
            continue
        process, name, words = found.groups()
        counts[process, name] += 1
        call = Call(name, counts[process, name], words, process in begun)
        if name == "mmap":
            memory[process] = call
            call.is_guarded = "MAP_POPULATE" in words
        elif name == "mprotect" and "PROT_NONE" in words and process in memory:
            memory.pop(process).is_guarded = True
        if name == "prctl" and "DUMPABLE" in words:
            begun.add(process)
        calls.append((process, call))
    first = calls[0][0]
    # A process that it starts begins where it is started.
    return [call for process, call in calls if process == first or call.number > 0], first


def plain(line):
    """A line without what is another one each time."""
    return re.sub(r"[0-9]+", "0", re.sub(r"[0-9]+[hms]( [0-9]+[hms])*", "0s", line))


def faults_of(calls):
    """What is tried: each call once for each of its name and number, since that is what strace counts."""
    seen = set()
    for call in calls:
        if (call.name, call.number) in seen:
            continue
        seen.add((call.name, call.number))
        if call.number > 1 or call.name != "execve":
            yield Fault(call)
        if not call.has_begun or call.name in GUARDING and call.number % 8 > 1:
            continue
        errors = list(ERRORS.get(call.name, []))
        if call.name == "openat" and "O_CREAT" in call.words:
            errors += sorted(MAKING)
        for error in errors:
            if error == "EPIPE" and call.name == "write" and not re.match(r"[12],", call.words):
                continue
            yield Fault(call, error)
            if error != "EINTR" and (call.name, error) not in PASSING:
                yield Fault(call, error, lasts=True)


class Campaign:
    """All faults of one verb, in a sandbox of its own."""

    def __init__(self, name):
        tail = name.endswith("after a tail")
        self.state = State(tail)
        self.box = self.state.box
        self.verb = next(verb for verb in verbs(self.box.root) if verb.name == name)
        self.environment = {**self.box.environment, **self.verb.variables}
        self.log = self.box.root + ".strace"
        self.counts = collections.Counter()
        self.failures = []
        self.before = State.meaning(self.state.files)

    def close(self):
        self.box.close()
        if os.path.exists(self.log):
            os.remove(self.log)

    def reset(self):
        """The files as they were, and an agent if there shall be one, which has seen no others."""
        changed = self.state.reset()
        agents = self.box.agents()
        if agents and (changed or not self.verb.agent or self.verb.look is not None):
            self.box.run("lock", "--all")
            for agent in self.box.agents():
                os.kill(agent, signal.SIGKILL)
            agents = []
        if self.verb.agent and not agents:
            self.box.unlock()

    def run(self, *prefix):
        """The exit code, or None after a time that nothing takes, and both outputs."""
        child = subprocess.Popen(
            [*prefix, VAULT, *self.verb.command(self.box)], env=self.environment, cwd=self.box.root,
            stdin=subprocess.DEVNULL if self.verb.input is None else subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        try:
            output, errors = child.communicate(self.verb.input, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, errors = child.communicate()
            return None, output, errors.decode(errors="replace")
        return child.returncode, output, errors.decode(errors="replace")

    def trace(self, *options):
        result = self.run("strace", "-f", "-qq", "-b", "execve", "-o", self.log, *options)
        with open(self.log, errors="replace") as log:
            return result, log.read()

    def prepare(self):
        """Runs the verb undisturbed: what it says and does then is what it has to."""
        self.reset()
        (code, self.output, errors), log = self.trace()
        assert code in self.verb.codes, (self.verb.name, code, errors)
        self.code = code
        self.said = set(map(plain, errors.splitlines()))
        self.after = State.meaning(self.state.present())
        self.calls, _ = parse(log)

    def go(self, step, end):
        self.prepare()
        faults = list(faults_of(self.calls))
        for fault in faults[len(self.verb.name) % step::step]:
            if time.monotonic() > end:
                self.counts["not tried"] += 1
                continue
            self.reset()
            result, log = self.trace("-e", fault.injection)
            self.judge(fault, result, log)
        return self

    def fail(self, kind, fault, *words):
        self.counts[kind] += 1
        self.failures.append("%s: %s: %s: %s" % (self.verb.name, fault, kind, " ".join(map(str, words))))

    def judge(self, fault, result, log):
        code, output, errors = result
        self.counts["faults"] += 1
        self.counts["kills" if fault.error is None else "errors"] += 1
        injected = [line for line in log.splitlines() if "(INJECTED)" in line]
        files = self.settled() if self.verb.agent and code != self.code else self.state.present()
        present = State.meaning(files)
        if code is None:
            self.fail("stuck", fault, "no end", errors)
        self.judge_words(fault, code, output, errors, injected)
        is_done = present == self.after
        if is_done and self.before != self.after and code and code > 0 and "may or may not" not in errors:
            if not any("write(1" in line for line in injected):
                self.fail("wrong code", fault, "done, but", code, errors)
        if not is_done and present != self.before:
            self.fail("lost", fault, code, errors, self.difference(present))
        if code == self.code and not is_done:
            self.fail("lost", fault, "not done, but", code, errors)
        if code == 0 and self.verb.look is not None and self.box.run("status")[0] != self.verb.look:
            self.fail("lost", fault, "not done, but", code, errors)
        left = [name for name in files if State.is_leftover(name)]
        if left and (code or 0) >= 0 and not any("unlink(" in line for line in injected):
            self.fail("stuck", fault, "left", left)
        self.judge_next(fault, is_done and self.before != self.after)

    def settled(self):
        """The files when the agent has done what it was asked by somebody who did not wait for it."""
        before, files = None, self.state.present()
        while before != files:
            time.sleep(0.03)
            before, files = files, self.state.present()
        return files

    def judge_words(self, fault, code, output, errors, injected):
        """Whether the exit code is right for what happened, and what is said is in our own words."""
        if SECRET.decode() in errors:
            self.fail("wrong code", fault, "a secret is told", errors)
        strange = [line for line in errors.splitlines() if plain(line) not in self.said and not LINE.match(line)]
        if strange and code is not None and code >= 0:
            self.fail("wrong code", fault, "said", strange)
        if code == self.code and (self.verb.varies or output == self.output or fault.error == "EPIPE"):
            return  # a reader that went away, as `head` does, is no failure
        if code == -signal.SIGKILL and fault.error is None:
            return
        if code in CRASHES and fault.error and self.is_allocator(fault):
            # The language ends a program that gets no memory; that is silent, and nothing is lost by it.
            self.counts["ended without memory"] += 1
            return
        allowed = {self.verb.failure}
        if self.verb.name.startswith("edit") and fault.error is None:
            allowed.add(3)  # it was the editor that was killed
        if self.verb.name == "trust" and fault.call.name in ("openat", "read", "newfstatat"):
            allowed.add(2)  # a context file that cannot be read cannot be trusted
        if fault.call.name == "flock":
            allowed.add(7)
        if fault.call.name == "execve" and self.verb.name.startswith("run"):
            allowed = {126}
        if self.verb.agent and self.is_way_to_agent(injected):
            allowed.add(4)
        if code not in allowed:
            self.fail("wrong code", fault, code, output[:60], errors)
        elif not re.search("vault: (error|warning): ", errors) and not any("write(2" in line for line in injected):
            self.fail("wrong code", fault, code, "and no word", errors)

    @staticmethod
    def is_allocator(fault):
        return fault.call.name == "brk" or fault.call.name == "mmap" and (fault.lasts or not fault.call.is_guarded)

    @staticmethod
    def is_way_to_agent(injected):
        ways = ("socket(", "connect(", "setsockopt(", "getsockopt(", "sendto(", "recvfrom(", "/run/vault", "mmap(", "readlink(")
        return any(way in line for way in ways for line in injected)

    def judge_next(self, fault, is_done):
        """Whether the same command works now, and nothing stays behind."""
        code, output, errors = self.run()
        allowed = self.verb.done if is_done else self.verb.codes
        present = self.state.present()
        if code not in allowed:
            self.fail("stuck", fault, "then", code, errors)
        elif not is_done and State.meaning(present) != self.after:
            self.fail("stuck", fault, "then", self.difference(State.meaning(present)))
        left = [name for name in present if State.is_leftover(name)]
        if left:
            vault = self.verb.words[self.verb.words.index("--vault") + 1] if "--vault" in self.verb.words else self.box.vault
            self.box.run("compact", "--vault", vault, "--passphrase-file", self.box.passphrase)
            left = [name for name in self.state.present() if State.is_leftover(name)]
        if left:
            self.fail("stuck", fault, "left for ever", left)

    def difference(self, present):
        names = {name for name in present.keys() | self.after.keys()
                 if present.get(name) not in (self.before.get(name), self.after.get(name))}
        return names or {name for name in present if present.get(name) != self.before.get(name)}


def campaign(work):
    name, step, end = work
    campaign = AgentCampaign(collections.Counter(), parse, faults_of) if name == AGENT else Campaign(name)
    try:
        campaign.go(step, end)
    except Exception as error:
        campaign.fail("stuck", "the campaign", repr(error))
    finally:
        campaign.close()
    return name, campaign.counts, campaign.failures


def run(names, step, seconds, jobs, show=print):
    """Runs the faults of the verbs that are named, and returns what was counted and what was found."""
    end = time.monotonic() + seconds
    total, failures = collections.Counter(), []
    with multiprocessing.Pool(jobs) as pool:
        for name, counts, found in pool.imap_unordered(campaign, [(name, step, end) for name in names]):
            late = ", %d not tried for want of time" % counts["not tried"] if counts["not tried"] else ""
            show("  %-22s %5d kills, %5d errors, %d ended without memory; %d findings%s" % (
                name, counts["kills"], counts["errors"], counts["ended without memory"], len(found), late))
            for failure in found:
                show("FAILURE", failure)
            total.update(counts)
            failures += found
    return total, failures


def summary(total, count):
    return "faults: %d faults in %d verbs, %d lost, %d wrong codes, %d stuck" % (
        total["faults"], count, total["lost"], total["wrong code"], total["stuck"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--verb")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=14400)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("faults.py needs strace: apt-get install strace")
    names = [name for name in [verb.name for verb in verbs("")] + [AGENT] if options.verb in (None, "", name)]
    total, failures = run(names, options.step, options.seconds, options.jobs,
                          show=lambda *words: print(*words, flush=True))
    print(summary(total, len(names)))
    return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main())
