"""A client of the agent, written from agent-protocol.md alone, and a place to run one in."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
sys.path.insert(0, os.path.join(ROOT, "Tests", "PythonReader"))

import vaultfile  # noqa: E402

VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
PASSPHRASE = b"a passphrase that is searched for"
HELLO = b"\x0b\0\0\0\0vault-ag\x05\0"
(HELLO_KIND, STOP, STATUS, UNLOCK, SHORTEN, LOCK, OPEN, NAMES, CONTAINS, HISTORY, VALUE, COMMIT, SUMMARY,
 JOB, ANNOUNCE, FOLLOW) = range(16)


class Failure(Exception):
    """A message of kind 255; its code is the first argument."""


def message(kind, body=b""):
    return struct.pack("<IB", 1 + len(body), kind) + body


def path_field(path):
    path = os.fsencode(path)
    return struct.pack("<H", len(path)) + path


def secret_field(name, scope=1, id=""):
    return struct.pack("<BBB", scope, len(id), len(name)) + id.encode() + name.encode()


def paths(kind, body):
    """The paths that a request names, of those whose files go along."""
    if kind not in (STATUS, UNLOCK, SHORTEN, OPEN, JOB, FOLLOW):
        return []
    first, rest = field_of(body)
    if kind != JOB:
        return [first]
    second, rest_of_job = field_of(rest[1:])
    return [first, second] + ([field_of(rest_of_job)[0]] if rest[0] in (4, 6, 7, 10) else [])


def field_of(body):
    end = 2 + struct.unpack_from("<H", body)[0]
    return body[2:end], body[end:]


def hold(path):
    """A descriptor of what lies at the path or, where nothing does, of its directory."""
    try:
        return os.open(path, os.O_PATH | os.O_NOFOLLOW)
    except FileNotFoundError:
        return os.open(os.path.dirname(path), os.O_PATH)


class Client:
    """One connection."""

    def __init__(self, path, greet=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        if greet:
            self.socket.sendall(HELLO)
            assert self.reply() == (128, b"\x05\0")

    def close(self):
        self.socket.close()

    def exactly(self, count):
        """So many bytes, or fewer if the other side ends the connection."""
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                break
            data += more
        return data

    def reply(self):
        """The next message's kind and body; None if there is none."""
        head = self.exactly(4)
        if len(head) < 4:
            return None
        body = self.exactly(struct.unpack("<I", head)[0])
        return body[0], body[1:]

    def ask(self, kind, body=b"", files=None):
        self.send(kind, body, files)
        return self.answer(kind)

    def send(self, kind, body=b"", files=None):
        """Sends a request with what lies at the paths that it names, or at other paths."""
        held = [hold(path) for path in (paths(kind, body) if files is None else files)]
        sent = socket.send_fds(self.socket, [message(kind, body)], held)
        for file in held:
            os.close(file)
        rest = message(kind, body)[sent:]
        if rest:
            self.socket.sendall(rest)

    def answer(self, kind):
        reply = self.reply()
        if reply is None:
            raise ConnectionError("no reply")
        if reply[0] == 255:
            raise Failure(struct.unpack_from("<H", reply[1])[0])
        assert reply[0] == kind + 128, reply
        return reply[1]

    def open(self, path):
        return self.ask(OPEN, path_field(path))

    def get(self, name, **scope):
        return self.ask(VALUE, secret_field(name, **scope) + b"\0\0\0\0")

    def set(self, name, value, **scope):
        return self.ask(COMMIT, b"\x01" + secret_field(name, **scope) + struct.pack("<I", len(value)) + value)


class Sandbox:
    """A home of its own with a vault whose derivation is cheap; its agent ends with it."""

    def __init__(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="vault-agent-"))
        os.mkdir(self.root + "/run", 0o700)
        self.socket = self.root + "/run/vault/agent.sock"
        self.passphrase = self.root + "/passphrase"
        with open(self.passphrase, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(PASSPHRASE)
        self.vault = self.make("v")

    def make(self, name):
        path = os.path.join(self.root, name)
        vaultfile.create(path, PASSPHRASE, memory_kib=8192, passes=1)
        return path

    @property
    def environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": self.root, "XDG_RUNTIME_DIR": self.root + "/run",
                "VAULT_FILE": self.vault}

    def start(self, *words, environment=None, **more):
        return subprocess.Popen([VAULT, *words], env=environment or self.environment, cwd=self.root,
                                stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True, **more)

    def run(self, *words, input=None, environment=None):
        """The exit code, standard output and standard error of the program."""
        child = self.start(*words, environment=environment,
                           stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        output, errors = child.communicate(input, timeout=60)
        return child.returncode, output, errors.decode()

    def must(self, *words, **more):
        code, output, errors = self.run(*words, **more)
        assert code == 0, (words, code, errors)
        return output

    def unlock(self, *words, **more):
        return self.must("unlock", "--passphrase-file", self.passphrase, *words, **more)

    def client(self, **more):
        return Client(self.socket, **more)

    def agents(self):
        """The numbers of the agents whose directory is in this sandbox."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if words[0] == b"vault-agent" and words[1].startswith(os.fsencode(self.root)):
                found.append(int(name))
        return found

    @property
    def agent(self):
        agents = self.agents()
        assert len(agents) == 1, agents
        return agents[0]

    def close(self):
        try:
            self.run("lock", "--all")
        finally:
            for number in self.agents():
                os.kill(number, 9)
            shutil.rmtree(self.root, ignore_errors=True)


def until(condition, seconds=20):
    """Waits for something that must come; True if it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
