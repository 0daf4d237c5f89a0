"""Forges vault files with the right keys: right ones, and ones with exactly one thing wrong.

It takes the primitives of Tests/PythonReader/vaultfile.py and asks no reader what a file is: each vector says that itself, by
vault-format.md.  Everything is a function of the vector's name.
"""

import json
import os
import re
import struct
import sys
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "PythonReader"))

import vaultfile as vf  # noqa: E402

PASSPHRASE = "vector pässphrase"
START = 1767225600000  # 2026-01-01T00:00:00Z
TEAM, PROJECT, CLUSTER = vf.TEAM, vf.PROJECT, vf.CLUSTER
LOG_START, TIME_MOST = vf.LOG_START, vf.TIME_MOST


def draw(label):
    """A source of bytes (n -> bytes) that is a function of the label."""
    state = [0]

    def random(n):
        out = b""
        while len(out) < n:
            out += vf.blake(64, b"vector %d %s" % (state[0], label.encode()))
            state[0] += 1
        return out[:n]

    return random


# ---- what most vectors share, so that a key is derived for few slots only -----------------------------------------

_random = draw("shared")
VAULT_ID, MASTER, RECOVERY_KEY = _random(16), _random(32), _random(20)
RECOVERY = vf.recovery_text(RECOVERY_KEY)
EMPTY_SLOT = bytes(144)


def passphrase_slot(label, passphrase=PASSPHRASE, t=1, m=8192, master=MASTER, vault_id=VAULT_ID):
    return vf.make_slot(1, passphrase.encode(), vault_id, master, draw("slot " + label), t, m)


def recovery_slot(label="recovery", key=RECOVERY_KEY):
    return vf.make_slot(2, key, VAULT_ID, MASTER, draw("slot " + label))


SLOT, RECOVERY_SLOT = passphrase_slot("shared"), recovery_slot()


def patched(data, *patches):
    """The bytes with others at some offsets: (offset, bytes), ..."""
    for offset, content in patches:
        data = data[:offset] + content + data[offset + len(content):]
    return data


def with_sum(header):
    """The header with its sum made right, as anybody can."""
    return patched(header, (448, vf.blake(32, header[:448])))


def make_header(label, *patches, slots=(SLOT, EMPTY_SLOT), master=MASTER, **fields):
    """512 bytes with the right sum and MAC, whatever the fields and patches say."""
    h = vf.Header(vf.MAGIC, 1, 0, 512, 0, 0, 0, 0, VAULT_ID, 1, 0, LOG_START, draw("salt " + label)(32), bytes(16), bytes(8))
    raw = with_sum(patched(vf.HEADER.pack(*h._replace(**fields)) + b"".join(slots) + bytes(96), *patches))
    return raw[:480] + vf.header_mac(master, raw)


# ---- records ------------------------------------------------------------------------------------------------------

# `wrong` says what is not as it should be about its frame: see Chain.frame.
Rec = namedtuple("Rec", "kind body time wrong")


def address(name, scope=TEAM, id=""):
    return bytes((scope, len(id), len(name), 0)) + id.encode("latin-1") + name.encode("latin-1")


def put(name="A", value=b"one", time=START, scope=TEAM, id="", **wrong):
    return Rec(vf.VALUE, address(name, scope, id) + value, time, wrong)


def gone(name="A", time=START, scope=TEAM, id="", **wrong):
    return Rec(vf.TOMBSTONE, address(name, scope, id), time, wrong)


def about(name="A", metadata=b"{}", time=START, scope=TEAM, id="", **wrong):
    """Metadata of a secret."""
    return Rec(vf.METADATA, address(name, scope, id) + metadata, time, wrong)


def place(record):
    """What a history stands under in a digest."""
    scope, id, name = record.body[:3]
    return bytes((scope | (0x80 if record.kind == vf.METADATA else 0),)) + record.body[1:4 + id + name]


def other(kind, body=b"of a kind to come", time=START, **wrong):
    return Rec(kind, body, time, wrong)


def head(vault_id=bytes(range(16)), generation=3, seq=40, end=9600, tag=bytes(range(100, 116)), time=START):
    return other(vf.HEAD, struct.pack("<16sQQQ16s", vault_id, generation, seq, end, tag), time)


def size(*records):
    """The length of their frames."""
    return sum(48 + vf.bucket(48 + len(r.body)) for r in records)


# ---- frames -------------------------------------------------------------------------------------------------------


class Chain:
    """Seals frames that follow one another."""

    def __init__(self, header, random, master=MASTER):
        self.key = vf.blake(32, b"vault-1 frames" + header[:480], key=master)
        self.at, self.seq, self.tag, self.random = LOG_START, struct.unpack_from("<Q", header, 56)[0], header[480:496], random

    def fork(self):
        """One that goes on from here by itself."""
        twin = Chain.__new__(Chain)
        twin.__dict__.update(self.__dict__)
        return twin

    def skip(self, count):
        """Goes on behind some bytes that are no frames of this chain."""
        self.at += count
        return self

    def frame(self, record, tx_start, commit, nonce16):
        """The frame of a record.

        Keys of record.wrong.  In the plaintext: flags, reserved, length, seq (added), prev_tag, tx_start, padding (its last byte),
        plain (its length).  Around it: offset (in the nonce), nonce16, key; then, with a CRC that is right unless crc is
        given, L, flip (an index into the frame whose lowest bit turns), late_nonce16; and crc (bits that turn).
        """
        w = record.wrong
        plain = vf.SEALED.pack(record.kind, w.get("flags", int(commit)), w.get("reserved", 0), w.get("length", len(record.body)),
                               (self.seq + 1 + w.get("seq", 0)) % 2 ** 64, w.get("prev_tag", self.tag), w.get("tx_start", tx_start),
                               record.time) + record.body
        plain += bytes(w.get("plain", vf.bucket(len(plain))) - len(plain))
        if "padding" in w:
            plain = plain[:-1] + bytes((w["padding"],))
        nonce = w.get("nonce16", nonce16) + struct.pack("<Q", w.get("offset", self.at))
        box = vf.crypto_secretbox(plain, nonce, w.get("key", self.key))
        frame = bytearray(struct.pack("<II", w.get("L", len(box)), 0) + nonce + box)
        if "late_nonce16" in w:
            frame[8:24] = w["late_nonce16"]
        if "flip" in w:
            frame[w["flip"]] ^= 1
        frame[4:8] = struct.pack("<I", vf.crc32c(bytes(frame[:4] + frame[8:])) ^ w.get("crc", 0))
        self.at, self.seq, self.tag = self.at + len(frame), self.seq + 1, box[:16]
        return bytes(frame)

    def transaction(self, records, commit=True, nonce16=None):
        start, nonce16 = self.at, nonce16 or self.random(16)
        return b"".join(self.frame(r, start, commit and r is records[-1], nonce16) for r in records)


# ---- vectors ------------------------------------------------------------------------------------------------------


def without_zeros(data):
    """The data without its long runs of zeros, and these."""
    runs, parts, end = [], [], 0
    for m in re.finditer(b"\0{64,}", data):
        runs.append([m.start(), len(m[0])])
        parts.append(data[end:m.start()])
        end = m.end()
    return b"".join(parts) + data[end:], runs


class Vector:
    """One file in the making, and what it must be taken for.

    `commit` appends a transaction that counts, `frames` and `raw` what does not.  Then one of `whole`, `tail`, `damage` and `says`
    tells the outcome.
    """

    all = {}

    def __init__(self, name, section, comment, header=None, passphrase=PASSPHRASE, recovery=None, master=MASTER, **fields):
        if name in Vector.all:
            raise ValueError("twice: " + name)
        Vector.all[name] = self
        self.name, self.section, self.comment = name, section, comment
        self.secret = {"recovery": recovery} if recovery is not None else {"passphrase": passphrase}
        self.random = draw(name)
        self.header = header or make_header(name, master=master, **fields)
        self.data = self.header + bytes(vf.COPY_AT - 512) + self.header
        self.chain = Chain(self.header, self.random, master)
        self.took, self.end, self.seq = [], LOG_START, self.chain.seq
        self.expected, self.findings, self.zeros = None, [], 0

    # -- content

    def commit(self, *records, **more):
        self.data += self.chain.transaction(records, **more)
        self.took += records
        self.end, self.seq = self.chain.at, self.chain.seq
        return self

    def frames(self, *records, **more):
        self.data += self.chain.transaction(records, **more)
        return self

    def raw(self, content):
        self.data += content
        self.chain.skip(len(content))
        return self

    def patch(self, *patches):
        self.data = patched(self.data, *patches)
        return self

    def cut(self, length):
        self.data = self.data[:length]
        return self

    def finds(self, *findings):
        self.findings = list(findings)
        return self

    # -- outcomes

    def says(self, outcome, **more):
        self.expected = {"expect": outcome, **more}

    def whole(self):
        assert len(self.data) == self.end, self.name
        self.says("whole", **self._recovered())

    def tail(self):
        count = len(self.data) - self.end
        assert count > 0, self.name
        self.says("unfinished tail", tail=count, **self._recovered())

    def damage(self, offset):
        self.says("damage", offset=offset)

    def _recovered(self):
        """What takes effect, from what was put in; no reader is asked."""
        history, skipped = {}, 0
        for r in self.took:
            if r.kind not in (vf.VALUE, vf.TOMBSTONE, vf.METADATA):
                skipped += 1
                continue
            where = place(r)
            history.setdefault(where, set()).add((r.time, r.kind, r.body[len(where):]))
        out, secrets = b"", 0
        for where in sorted(history):
            versions = sorted(history[where], reverse=True)
            secrets += versions[0][1] == vf.VALUE
            out += where + struct.pack("<I", len(versions))
            for time, kind, value in versions:
                out += struct.pack("<QBI", time, kind, len(value)) + value
        return {"end": self.end, "seq": self.seq, "secrets": secrets, "versions": sum(map(len, history.values())),
                "skipped": skipped, "digest": vf.blake(32, out).hex()}

    def bytes(self):
        """The vector's file: a head in JSON, an empty line, and the vault without its long runs of zeros."""
        assert self.expected, self.name
        head = {**self.expected, "section": self.section, "comment": self.comment, **self.secret}
        if self.findings:
            head["check"] = self.findings
        body, runs = without_zeros(self.data)
        if self.zeros:
            runs.append([len(self.data), self.zeros])
        if runs:
            head["zeros"] = runs
        lines = ",\n".join('"%s": %s' % (key, json.dumps(value, ensure_ascii=False)) for key, value in head.items())
        return ("{\n%s\n}\n\n" % lines).encode() + body
