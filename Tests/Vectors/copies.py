"""Files and copies of them for the vectors in v2: what forge.py makes, with DESCENT, and with several files in one vector.

No reader is asked here either: each vector says what it expects, in terms of the records that were put in and of the ids of changes.
"""

import json
import struct

import vaultfile as vf
from forge import (
    EMPTY_SLOT, LOG_START, MASTER, PASSPHRASE, SLOT, START, VAULT_ID, Chain, draw, make_header, other, passphrase_slot, patched, place, size,
    without_zeros)

NOW = START + 10 ** 9
DAY = 86400000
OTHER_MASTERS = {name: draw("master " + name)(32) for name in ("older", "newer", "third", "fourth")}
SLOTS = {MASTER: SLOT}


def slot(master):
    """The slot that wraps this master key, by the passphrase that all vectors have."""
    if master not in SLOTS:
        SLOTS[master] = passphrase_slot("of " + master.hex()[:8], master=master)
    return SLOTS[master]


def id(tag, master=MASTER):
    """The id of the change whose last frame has this tag."""
    return vf.blake(16, tag, key=vf.blake(32, b"vault-1 changes", key=master))[:8]


def key_id(master=MASTER):
    return vf.blake(16, b"vault-1 key id", key=master)[:8]


def made_up(count, label="id"):
    """So many ids of changes that nobody made."""
    random = draw("ids " + label)
    return [random(8) for _ in range(count)]


def descent_body(change=False, heads=(), keys=(), ids=(), dropped=0, **raw):
    """The body of a DESCENT; `raw` are fields that are not as the lists say: flags, zero, h, k, n, zero2."""
    return struct.pack("<BBHIIIQ", raw.get("flags", int(change)), raw.get("zero", 0), raw.get("h", len(heads)), raw.get("k", len(keys)),
                       raw.get("n", len(ids)), raw.get("zero2", 0), dropped) + b"".join([*heads, *keys, *ids])


def descent(change=False, heads=(), keys=(), ids=(), dropped=0, **raw):
    return other(vf.DESCENT, descent_body(change, heads, keys, ids, dropped, **raw))


def entry(record, vault_id=VAULT_ID):
    """The entry of a PURGED that stands for a version."""
    where = record.body[:4 + record.body[1] + record.body[2]]
    return vf.blake(16, where + struct.pack("<QB", record.time, record.kind), key=vault_id)


def purged(*entries):
    return other(vf.PURGED, b"".join(entries))


def keystream(chain, count, nonce16, at):
    """What a plaintext of so many bytes must be for its ciphertext to be zeros."""
    key = chain.key
    return vf.crypto_secretbox(bytes(count), nonce16 + struct.pack("<Q", at), key)[16:]


def zeros_inside(chain, record, at, before=48, nonce16=bytes(range(16))):
    """The record with the end of its body chosen so that the ciphertext is zeros there, and the vector short.

    It has to be sealed at `at` with this nonce16; only what fills its bucket is short.
    """
    stream = keystream(chain, 48 + len(record.body), nonce16, at)
    return record._replace(body=record.body[:before] + stream[48 + before:], wrong={**record.wrong, "nonce16": nonce16})


class File:
    """A file in the making; `commit` gives the id of the change that the transaction is."""

    def __init__(self, label, master=MASTER, header=None, slots=None, **fields):
        self.label, self.master = label, master
        self.header = header or make_header(label, master=master, slots=slots or (slot(master), EMPTY_SLOT), **fields)
        self.data = self.header + bytes(vf.COPY_AT - 512) + self.header
        self.chain = Chain(self.header, draw(label), master)
        self.took = []
        self.passphrase = PASSPHRASE

    @property
    def birth(self):
        """The id of the state without a frame, in generation 1."""
        return id(self.header[480:496], self.master)

    @property
    def mac(self):
        return self.header[480:496]

    @property
    def tag(self):
        return self.chain.tag

    @property
    def end(self):
        return self.chain.at

    def commit(self, *records, **more):
        self.data += self.chain.transaction(records, **more)
        self.took += records
        return id(self.chain.tag, self.master)

    def fork(self, label):
        """A copy that goes on by itself."""
        twin = File.__new__(File)
        twin.__dict__.update(self.__dict__)
        twin.label, twin.took, twin.chain = label, list(self.took), self.chain.fork()
        twin.chain.random = draw("fork " + label)
        return twin

    def checkpoint(self, heads, recent=(), time=START, legacy=False, **fields):
        return checkpoint(heads, recent, time, legacy, **{
            "vault_id": self.header[32:48], "key": key_id(self.master), "generation": struct.unpack_from("<Q", self.header, 48)[0],
            "mac": self.mac, "end": self.end, "tag": self.tag, **fields})

    def mark(self, **fields):
        f = {"vault_id": self.header[32:48], "generation": struct.unpack_from("<Q", self.header, 48)[0], "seq": self.chain.seq,
             "end": self.end, "tag": self.tag, **fields}
        data = struct.pack("<8s16sQQQ16s", b"VLTMARK1", f["vault_id"], f["generation"], f["seq"], f["end"], f["tag"])
        return data + vf.blake(32, data)


def checkpoint(heads, recent, time, legacy, vault_id, key, generation, mac, end, tag, h=None, r=None):
    data = struct.pack("<8s16s8sQ16sQ16sQHHHH", b"VLTSEEN2", vault_id, key, generation, mac, end, tag, time,
                       len(heads) if h is None else h, len(recent) if r is None else r, int(legacy), 0)
    data = (data + b"".join(heads)).ljust(352, b"\0") + b"".join(recent)
    data = data.ljust(992, b"\0")
    return data + vf.blake(32, data)


def rewritten(label, first, *transactions, generation=2, base_seq=7, lineage=bytes(range(200, 216)), master=MASTER, **fields):
    """A file whose first transactions a rewrite wrote; `first` is the DESCENT at the front of the first one, or None."""
    transactions = [list(t) for t in transactions] or [[]]
    if first is not None:
        transactions[0].insert(0, first)
    transactions = [t for t in transactions if t]
    fields = {"base_end": LOG_START + sum(size(*t) for t in transactions), "read_only": int(first is not None), **fields}
    file = File(label, master, generation=generation, base_seq=base_seq, lineage=lineage, **fields)
    for t in transactions:
        file.commit(*t)
    return file


# ---- what is expected ---------------------------------------------------------------------------------------------


def history(records, vault_id=VAULT_ID):
    """secrets, versions and digest of what is put in, as section 13 says."""
    found, lists = {}, [r.body for r in records if r.kind == vf.PURGED]
    entries = {body[at:at + 16] for body in lists for at in range(0, len(body), 16)}
    for r in records:
        if r.kind in (vf.VALUE, vf.TOMBSTONE, vf.METADATA) and entry(r, vault_id) not in entries:
            where = place(r)
            found.setdefault(where, set()).add((r.time, r.kind, r.body[len(where):]))
    out, secrets = b"", 0
    for where in sorted(found):
        versions = sorted(found[where], reverse=True)
        secrets += versions[0][1] == vf.VALUE
        out += where + struct.pack("<I", len(versions))
        for time, kind, value in versions:
            out += struct.pack("<QBI", time, kind, len(value)) + value
    return {"secrets": secrets, "versions": sum(map(len, found.values())), "digest": vf.blake(32, out).hex()}


def order(records):
    """A hash of the records in their order."""
    return vf.blake(32, b"".join(struct.pack("<BQI", r.kind, r.time, len(r.body)) + r.body for r in records)).hex()


def state(ids, heads, keys=(), dropped=0, legacy=False):
    """The member `descent` of a file that was read."""
    return {"heads": sorted(h.hex() for h in heads), "ids": len(ids), "ids_digest": vf.blake(32, b"".join(ids)).hex(),
            "keys": [k.hex() for k in keys], "dropped": dropped, "legacy": legacy}


def record(change=False, heads=(), keys=(), ids=(), dropped=0):
    """The member `descent` of a DESCENT that was written."""
    return {"change": change, "heads": sorted(h.hex() for h in heads), "ids": len(ids), "ids_digest": vf.blake(32, b"".join(ids)).hex(),
            "keys": [k.hex() for k in keys], "dropped": dropped}


def listed(entries):
    return {"purged": len(entries), "purged_digest": vf.blake(32, b"".join(entries)).hex()}


def new_file(file, kept, descent, entries=()):
    """What a rewrite of the file makes: the records behind DESCENT and PURGED, the DESCENT, the entries of all PURGED."""
    h = vf.Header(*vf.HEADER.unpack_from(file.header))
    count = 24 + 8 * (len(descent["heads"]) + len(descent["keys"]) + descent["ids"])
    end = LOG_START + 48 + vf.bucket(48 + count) + size(*kept)
    for at in range(0, len(entries), 65536):
        end += 48 + vf.bucket(48 + 16 * len(entries[at:at + 65536]))
    return {"expect": "written", "generation": h.generation + 1, "base_seq": file.chain.seq, "base_end": end,
            "lineage": file.chain.tag.hex(), "read_only": h.read_only | 1, "compatible": h.compatible, **history(kept),
            "records": len(kept), "order": order(kept), "descent": descent, **listed(entries)}


# ---- vectors ------------------------------------------------------------------------------------------------------


class Vectors:
    """All vectors, by directory and name."""

    all = {}

    @classmethod
    def add(cls, directory, name, section, comment, files, said, **given):
        """`said` is what is expected, `given` what the test is told besides the files."""
        if (directory, name) in cls.all:
            raise ValueError("twice: %s/%s" % (directory, name))
        bodies, described = [], []
        for f in files:
            body, runs = without_zeros(f.data)
            described.append({"passphrase": f.passphrase, "length": len(body), "zeros": runs})
            bodies.append(body)
        head = {**said, "section": section, "comment": comment, **given, "files": described}
        lines = ",\n".join('"%s": %s' % (key, json.dumps(value, ensure_ascii=False)) for key, value in head.items())
        cls.all[directory, name] = ("{\n%s\n}\n\n" % lines).encode() + b"".join(bodies)


def cut(file, length):
    file.data = file.data[:length]
    return file


def patch(file, *patches):
    file.data = patched(file.data, *patches)
    return file
