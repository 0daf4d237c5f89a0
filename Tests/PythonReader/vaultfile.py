"""A second implementation of the vault file, format 1, written from vault-format.md alone.

Reading:   vault = vaultfile.open("team.vault", b"passphrase")     # bytes: a passphrase
           vault = vaultfile.open("team.vault", "01234A-...")      # str: the text of a recovery key
           vault.current(), vault.metadata(), vault.histories(), vault.metadata_histories(), vault.verdict, vault.state()
Writing:   vaultfile.create("team.vault", b"passphrase")
           vault.append([value(TEAM, "", "NAME", b"bytes"), tombstone(PROJECT, "shop", "NAME")])
           vault.append([metadata(TEAM, "", "NAME", b'{"tags":["a"]}')])
           vault.compact(keep="none")

The modules beside it hold what the page says, and take no step outside memory: reader.py sections 2 to 7, descent.py what a file
knows of its own descent, checkpoint.py the verdict about a rollback, rewrite.py compaction, purge and new keys, merge.py,
salvage.py.  This one writes files.  Section numbers in the comments are those of vault-format.md.
"""

import fcntl
import os
import struct
import time as _time
from io import open as open_file

from nacl.bindings import crypto_secretbox

import reader
import rewrite
from primitives import *  # noqa: F401,F403
from primitives import (
    CLUSTER, COMMIT, COPY_AT, HEAD, HEADER, HEADER_LENGTH, LOG_START, MAGIC, METADATA, PROJECT, SEALED, SLOT, TEAM, TIME_MOST, TOMBSTONE,
    TRANSACTION_MOST, VALUE, WITH_DESCENT, blake, bucket, crc32c)
from reader import (  # noqa: F401
    BASE32, Header, Record, Slot, check_kdf, check_passphrase, commitment, decode_body, decode_plaintext, encode_body, frame_key,
    frame_length, header_mac, read_frame, read_header, recovery_key, recovery_text, slot_bytes, slot_secret, unaddressed,
    unlock)
from verdicts import *  # noqa: F401,F403
from verdicts import ReadOnly, Unsupported

COMPACT_COMMIT = 16 << 20


def value(scope, id, name, value, time=None):
    return Record(VALUE, scope, id.encode(), name.encode(), bytes(value), time)


def tombstone(scope, id, name, time=None):
    return Record(TOMBSTONE, scope, id.encode(), name.encode(), b"", time)


def metadata(scope, id, name, metadata, time=None):
    return Record(METADATA, scope, id.encode(), name.encode(), bytes(metadata), time)


def other(kind, body, time=None):
    return unaddressed(kind, bytes(body), time)


def head(vault_id, generation, seq, end, tag, time=None):
    return other(HEAD, struct.pack("<16sQQQ16s", vault_id, generation, seq, end, tag), time)


# ---- section 8: sealing -------------------------------------------------------------------------------------------


def seal(transactions, key, at, seq, prev_tag, random):
    """The bytes of transactions (lists of Records, with times) that begin at offset `at` after frame `seq`."""
    out, nonces = bytearray(), blake(32, b"vault-1 nonces", key=key)
    for records in transactions:
        tx_start, attempt = at, random(16)
        for record in records:
            body = encode_body(record)
            seq += 1
            plain = SEALED.pack(record.kind, COMMIT if record is records[-1] else 0, 0, len(body), seq, prev_tag,
                                tx_start, record.time) + body
            plain += bytes(bucket(len(plain)) - len(plain))
            try:
                if decode_plaintext(plain, at)[0] != record._replace(seq=seq):  # the reader's rules are the writer's too
                    raise ValueError("a record that does not come back")
            except Unsupported:
                pass  # a kind to come may be written, to see what readers make of it
            nonce = blake(16, plain, key=nonces + attempt) + struct.pack("<Q", at)
            box = crypto_secretbox(plain, nonce, key)
            length = struct.pack("<I", len(box))
            out += length + struct.pack("<I", crc32c(nonce + box, crc32c(length))) + nonce + box
            at += 32 + len(box)
            prev_tag = box[:16]
        if not records or at - tx_start > TRANSACTION_MOST:
            raise ValueError("a transaction is empty or too long")
    return bytes(out)


def front(header, slots, master):
    """The 4,608 bytes before the first frame."""
    raw = HEADER.pack(*header) + slots + bytes(32)
    raw += blake(32, raw)
    raw += header_mac(master, raw)
    return raw + bytes(COPY_AT - HEADER_LENGTH) + raw


def build(header, slots, master, transactions, random):
    """The bytes of a whole file.  The caller has set base_end, which must be known before anything is sealed."""
    raw = front(header, slots, master)
    return raw + seal(transactions, frame_key(master, raw), LOG_START, header.base_seq, raw[480:496], random)


def rewritten(made, slots, master, random):
    """The bytes of the file that a rewrite.Rewrite is."""
    header = made.header._replace(file_salt=random(32))
    return build(header, slots, master, split(made.records, COMPACT_COMMIT), random)


def split(records, most):
    """The records in transactions of at most `most` bytes of frames."""
    transactions, size = [], 0
    for record in records:
        length = frame_length(record)
        if not transactions or size + length > most:
            transactions.append([])
            size = 0
        transactions[-1].append(record)
        size += length
    return transactions


def make_slot(kind, secret, vault_id, master, random, passes=0, memory=0):
    """A slot of kind 1 (passphrase) or 2 (the 20 bytes of a recovery key)."""
    salt, nonce = random(16), random(24)
    slot = Slot(kind, 2 if kind == 1 else 0, 0, passes, memory, 1 if kind == 1 else 0, salt, nonce, b"", b"", b"")
    x = slot_secret(slot, secret)
    slot = slot._replace(box=crypto_secretbox(master, nonce, x[:32]))
    return SLOT.pack(*slot._replace(commitment=commitment(x, vault_id, SLOT.pack(*slot))))


# ---- files --------------------------------------------------------------------------------------------------------


class Vault(reader.Vault):
    """An opened vault with a path, which can be written."""

    def __init__(self, data, master, path=None, random=os.urandom, clock=None):
        self.path, self.random = path, random
        self.clock = clock or (lambda: _time.time_ns() // 1000000)
        super().__init__(data, master)

    def append(self, records):
        """Write one transaction; a record without a time gets the one that section 9 says."""
        with self._locked() as file:
            where = lambda r: (reader.address(r), reader.history_of(r.kind)) if reader.is_version(r) else None  # noqa: E731
            newest = {where(v[0]): v[0].time for v in reader.histories(self.records, self.header.vault_id)}
            stamped = []
            for r in records:
                history = where(r)
                if r.time is None:
                    r = r._replace(time=max(self.clock(), newest.get(history, -1) + 1))
                    if r.time > TIME_MOST:
                        raise ValueError("the year 9999")
                if history:
                    newest[history] = max(r.time, newest.get(history, 0))
                stamped.append(r._replace(seq=None))
            frames = seal([stamped], self.key, self.end, self.seq, self.tag, self.random)
            os.fdatasync(file.fileno())
            if os.pwrite(file.fileno(), frames, self.end) != len(frames):
                os.ftruncate(file.fileno(), self.end)
                raise OSError("a short write")
            os.fdatasync(file.fileno())
            if not self._same(file):
                raise OSError("the file was replaced")
            file.seek(0)
            self._load(file.read())

    def compact(self, keep=rewrite.NONE):
        """Write the next generation; keep as in rewrite.py."""
        with self._locked():
            made = rewrite.compaction(self, keep, self.clock())
            data = rewritten(made, self.raw_header[128:416], self.master, self.random)
            directory, name = os.path.split(os.path.abspath(self.path))
            temporary = os.path.join(directory, ".%s.compact-%s" % (name, self.random(8).hex()))
            _write_new(temporary, data)
            with open_file(temporary, "rb") as file:
                new = reader.Vault(file.read(), self.master)
            if [r[:6] for r in new.records] != [r[:6] for r in made.records] or not new.whole:
                raise OSError("what was written does not come back")
            os.rename(temporary, self.path)
            _sync_directory(directory)
        self._load(data)

    def _same(self, file):
        return os.path.samestat(os.fstat(file.fileno()), os.stat(self.path))

    def _locked(self):
        """The file, under the exclusive lock, replayed anew and without an unfinished tail."""
        while True:
            file = open_file(self.path, "r+b", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._same(file):
                    data = file.read()
                    self._load(data)
                    if self.header.read_only & ~WITH_DESCENT:
                        raise ReadOnly()
                    if not self.whole:
                        _write_new("%s.unfinished-%d-%s" % (self.path, self.end, self.random(8).hex()), data[self.end:])
                        os.ftruncate(file.fileno(), self.end)
                        os.fsync(file.fileno())
                    _sync_directory(os.path.dirname(os.path.abspath(self.path)))
                    return file
            except BaseException:
                file.close()
                raise
            file.close()


def create(path, passphrase, memory_kib=262144, passes=3, recovery=False, random=os.urandom):
    """Make an empty vault; gives the text of the recovery key, or None.

    Random bytes are drawn in this order: vault id (16), master key (32), file salt (32), salt (16) and nonce (24) of
    slot 0; then the recovery key (20), salt and nonce of slot 1; then 8 for the temporary name.
    """
    check_passphrase(passphrase)
    check_kdf(passes, memory_kib)
    vault_id, master, file_salt = random(16), random(32), random(32)
    slots = make_slot(1, passphrase, vault_id, master, random, passes, memory_kib)
    key = random(20) if recovery else None
    slots += make_slot(2, key, vault_id, master, random) if recovery else bytes(144)
    header = Header(MAGIC, 1, 0, HEADER_LENGTH, 0, WITH_DESCENT, 0, 0, vault_id, 1, 0, LOG_START, file_salt, bytes(16), bytes(8))
    data = front(header, slots, master)
    directory, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(directory, ".%s.new-%s" % (name, random(8).hex()))
    _write_new(temporary, data)
    try:
        os.link(temporary, path)  # unlike rename, never replaces
    finally:
        os.unlink(temporary)
    _sync_directory(directory)
    return recovery_text(key) if recovery else None


def parse(data, secret, **more):
    """The vault in `data`."""
    read_header(data)
    return Vault(data, unlock(data, secret), **more)


def open(path, secret, **more):
    """The vault at `path`, by a passphrase (bytes) or the text of a recovery key (str)."""
    with open_file(path, "rb") as file:
        data = file.read()
    return parse(data, secret, path=path, **more)


def _write_new(path, data):
    with open_file(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory):
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
