"""A second implementation of the vault file, format 1, written from vault-format.md alone.

Reading:   vault = vaultfile.open("team.vault", b"passphrase")     # bytes: a passphrase
           vault = vaultfile.open("team.vault", "01234A-...")      # str: the text of a recovery key
           vault.current(), vault.histories(), vault.verdict
Writing:   vaultfile.create("team.vault", b"passphrase")
           vault.append([value(TEAM, "", "NAME", b"bytes"), tombstone(PROJECT, "shop", "NAME")])
           vault.compact(keep=1)

Section numbers in the comments are those of vault-format.md.  Everything is held in memory and the checksum is
computed in Python: this program is here to be read and to be compared with, not to be fast.
"""

import fcntl
import hashlib
import hmac
import os
import re
import struct
import time as _time
from collections import namedtuple
from io import open as open_file

from argon2.low_level import Type, hash_secret_raw
from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.exceptions import CryptoError

# ---- section 1: constants -----------------------------------------------------------------------------------------

MAGIC = b"\x89VLT\r\n\x1a\n"
HEADER_LENGTH, COPY_AT, LOG_START = 512, 4096, 4608
BOX_LEAST, BOX_MOST = 144, 1081360
TRANSACTION_MOST = 64 << 20
SEARCH_MOST = 256 << 20
COMPACT_COMMIT = 16 << 20
VALUE_MOST, BODY_MOST = 1048576, 1048836
TIME_MOST = 253402300799999
VALUE, TOMBSTONE, HEAD = 0x01, 0x02, 0xC1
IGNORABLE, SAFE_TO_COPY = 0x80, 0x40
TEAM, PROJECT, CLUSTER = 1, 2, 3
COMMIT = 1
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

HEADER = struct.Struct("<8sHHIIIII16sQQQ32s16s8s")  # bytes 0 to 127
SLOT = struct.Struct("<BBHIII16s24s48s32s8s")
FRAME = struct.Struct("<II16sQ")
SEALED = struct.Struct("<BBHIQ16sQQ")

# ---- verdicts -----------------------------------------------------------------------------------------------------


class VaultError(Exception):
    """A verdict other than "whole" and "unfinished tail".  Each subclass is named by its docstring."""

    @property
    def verdict(self):
        return self.__doc__

    def __str__(self):
        return ": ".join(filter(None, (self.verdict, super().__str__())))


# fmt: off
class NotAVault(VaultError): "not a vault"
class IncompleteCopy(VaultError): "incomplete copy"
class Unsupported(VaultError): "unsupported"
class HeaderDamaged(VaultError): "header damaged"
class KdfRefused(VaultError): "refused"
class WrongPassphrase(VaultError): "wrong passphrase"
class HeaderTampered(VaultError): "tampered with"
class Mistyped(VaultError): "mistyped recovery key"
class NoRecoveryKey(VaultError): "no recovery key"
class ReadOnly(VaultError): "read only"
# fmt: on


class Damage(VaultError):
    "damage"

    def __init__(self, offset, why=""):
        super().__init__(why)
        self.offset = offset

    @property
    def verdict(self):
        return "damage at %d" % self.offset


# ---- primitives ---------------------------------------------------------------------------------------------------


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC = _crc_table()


def crc32c(data, crc=0):
    """CRC32C of data; give the result for what came before as `crc` to go on."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def blake(size, message, key=b""):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


def stretch(passphrase, salt, passes, memory_kib):
    return hash_secret_raw(passphrase, salt, passes, memory_kib, 1, 64, Type.ID, 19)


def bucket(n):
    """Section 4: the length of a plaintext that has n bytes before its padding."""
    if n <= 128:
        return 128
    if n <= 1024:
        step = 64
    else:
        e = n.bit_length() - 1
        step = 1 << e - e.bit_length()  # e.bit_length() is floor(log2 e) + 1
    return -(-n // step) * step


# ---- section 3: keys ----------------------------------------------------------------------------------------------


def recovery_text(key):
    """The text of a recovery key of 20 bytes: six groups of six."""
    check = blake(32, b"vault-1 recovery check" + key)
    bits = int.from_bytes(key, "big") << 20 | int.from_bytes(check[:3], "big") >> 4
    text = "".join(BASE32[bits >> 5 * i & 31] for i in range(35, -1, -1))
    return "-".join(text[i:i + 6] for i in range(0, 36, 6))


def recovery_key(text):
    """The 20 bytes that a person typed in; raises Mistyped."""
    text = text.upper().translate(str.maketrans("OIL", "011", "- "))
    if len(text) != 36 or any(c not in BASE32 for c in text):
        raise Mistyped()
    bits = 0
    for c in text:
        bits = bits << 5 | BASE32.index(c)
    key = (bits >> 20).to_bytes(20, "big")
    if recovery_text(key).replace("-", "") != text:
        raise Mistyped()
    return key


def _slot_secret(slot, secret):
    """X of section 3, for a passphrase or for the 20 bytes of a recovery key."""
    if slot.kind == 1:
        return stretch(secret, slot.salt, slot.passes, slot.memory)
    return blake(64, b"vault-1 recovery" + slot.salt, key=secret)


def _commitment(x, vault_id, slot_bytes):
    return blake(32, b"vault-1 slot" + vault_id + slot_bytes[:104], key=x[32:])


def _header_mac(master, header):
    return blake(32, header[:480], key=blake(32, b"vault-1 header", key=master))


def _check_passphrase(passphrase):
    if not 1 <= len(passphrase) <= 1024:
        raise ValueError("a passphrase has 1 to 1024 bytes")


# ---- section 2: the header ----------------------------------------------------------------------------------------

Header = namedtuple("Header", "magic format reserved1 length incompatible read_only compatible reserved2 vault_id"
                              " generation base_seq base_end file_salt lineage reserved3")
Slot = namedtuple("Slot", "kind derivation reserved1 passes memory lanes salt nonce box commitment reserved2")


def slot_bytes(data, number):
    return data[128 + 144 * number:272 + 144 * number]


def check_kdf(passes, memory):
    if not (1 <= passes <= 32 and 8192 <= memory <= 4194304 and passes * memory <= 16777216):
        raise KdfRefused("t = %d, m = %d KiB" % (passes, memory))


def read_header(data):
    """Steps 1 to 6 of "Reading a header": all that can be said without a key."""
    if not data or data[:8] != MAGIC[:len(data)]:
        raise NotAVault()
    if len(data) < HEADER_LENGTH:
        raise IncompleteCopy("shorter than a header")
    h = Header(*HEADER.unpack_from(data))
    if h.format != 1 or h.incompatible:
        raise Unsupported("format %d, flags %#x" % (h.format, h.incompatible))
    if blake(32, data[:448]) != data[448:480]:
        raise HeaderDamaged("wrong sum")
    first, second = (Slot(*SLOT.unpack(slot_bytes(data, i))) for i in (0, 1))
    if first.kind == 1:
        check_kdf(first.passes, first.memory)
    rules = [
        h.length == HEADER_LENGTH,
        h.reserved1 == h.reserved2 == 0 and not any(h.reserved3) and not any(data[416:448]),
        h.generation != 0,
        h.base_end >= LOG_START and h.base_end % 16 == 0,
        h.generation != 1 or (h.base_seq == 0 and h.base_end == LOG_START and not any(h.lineage)),
        first.kind == 1 and first.derivation == 2 and first.lanes == 1,
        first.reserved1 == 0 and not any(first.reserved2),
        not any(slot_bytes(data, 1)) or (second[:6] == (2, 0, 0, 0, 0, 0) and not any(second.reserved2)),
    ]
    if not all(rules):
        raise HeaderDamaged("a rule is broken")
    if len(data) < h.base_end:
        raise IncompleteCopy("%d of at least %d bytes" % (len(data), h.base_end))
    return h


def unlock(data, secret):
    """Steps 7 and 8: the master key, by a passphrase (bytes) or the text of a recovery key (str)."""
    number = 1 if isinstance(secret, str) else 0
    raw = slot_bytes(data, number)
    slot = Slot(*SLOT.unpack(raw))
    if slot.kind == 0:
        raise NoRecoveryKey()
    if number == 1:
        secret = recovery_key(secret)
    else:
        _check_passphrase(secret)
    x = _slot_secret(slot, secret)
    if not hmac.compare_digest(_commitment(x, data[32:48], raw), slot.commitment):
        raise WrongPassphrase("or the slot was damaged on purpose")
    try:
        master = crypto_secretbox_open(slot.box, slot.nonce, x[:32])
    except CryptoError:
        raise HeaderTampered("the box does not open") from None
    check_mac(data, master)
    return master


def check_mac(data, master):
    if not hmac.compare_digest(_header_mac(master, data), data[480:512]):
        raise HeaderTampered("wrong MAC")


# ---- sections 4 and 5: frames and records -------------------------------------------------------------------------

# One record.  For kinds other than value and tombstone, scope is 0 and `value` is the body.
Record = namedtuple("Record", "kind scope id name value time seq", defaults=(None, None))


def value(scope, id, name, value, time=None):
    return Record(VALUE, scope, id.encode(), name.encode(), bytes(value), time)


def tombstone(scope, id, name, time=None):
    return Record(TOMBSTONE, scope, id.encode(), name.encode(), b"", time)


def other(kind, body, time=None):
    return Record(kind, 0, b"", b"", bytes(body), time)


def head(vault_id, generation, seq, end, tag, time=None):
    return other(HEAD, struct.pack("<16sQQQ16s", vault_id, generation, seq, end, tag), time)


def encode_body(record):
    if record.kind not in (VALUE, TOMBSTONE):
        return record.value
    return bytes((record.scope, len(record.id), len(record.name), 0)) + record.id + record.name + record.value


def decode_body(kind, body):
    """(scope, id, name, value) of a body; raises Unsupported for its kind or ValueError for a broken rule."""
    if kind not in (VALUE, TOMBSTONE):
        if kind != HEAD and not kind & IGNORABLE:
            raise Unsupported("a record of kind 0x%02x" % kind)
        if kind == HEAD and len(body) != 56:
            raise ValueError("length of the body")
        return 0, b"", b"", body
    if len(body) < 5:
        raise ValueError("length of the body")
    scope, id_length, name_length, reserved = body[:4]
    middle, end = 4 + id_length, 4 + id_length + name_length
    id, name, rest = body[4:middle], body[middle:end], body[end:]
    if reserved or len(id) != id_length or len(name) != name_length or not NAME.fullmatch(name):
        raise ValueError("address")
    if scope not in (TEAM, PROJECT, CLUSTER) or (id_length if scope == TEAM else not ID.fullmatch(id)):
        raise ValueError("scope or id")
    if len(rest) > (VALUE_MOST if kind == VALUE else 0):
        raise ValueError("length of the value")
    return scope, id, name, rest


def decode_plaintext(plain):
    """The record in an authentic plaintext, and whether it commits; raises ValueError or Unsupported."""
    kind, flags, reserved, length, seq, _, _, time = SEALED.unpack_from(plain)
    if flags & ~COMMIT or reserved or time > TIME_MOST:
        raise ValueError("flags, reserved or time")
    if length > BODY_MOST or bucket(48 + length) != len(plain) or any(plain[48 + length:]):
        raise ValueError("length, bucket or padding")
    return Record(kind, *decode_body(kind, plain[48:48 + length]), time, seq), bool(flags & COMMIT)


def read_frame(data, at, key):
    """The sealed frame at `at` if it is authentic (rules 1 to 3 of section 6).

    Gives (cost, end, tag, plaintext); the last three are None if it is not; the cost is the number of bytes that were
    given to the CRC and the MAC.
    """
    none = None, None, None
    if at + 32 > len(data):
        return (0, *none)
    length, crc, _, offset = FRAME.unpack_from(data, at)
    end = at + 32 + length
    if offset != at or not BOX_LEAST <= length <= BOX_MOST or length % 16 or end > len(data):
        return (0, *none)
    view = memoryview(data)
    if crc32c(view[at + 8:end], crc32c(view[at:at + 4])) != crc:
        return (length + 28, *none)
    box = data[at + 32:end]
    try:
        plain = crypto_secretbox_open(box, data[at + 8:at + 32], key)
    except CryptoError:
        return (2 * length + 28, *none)
    return 2 * length + 28, end, box[:16], plain


def frame_length(record):
    return 48 + bucket(48 + len(encode_body(record)))


def seal(transactions, key, at, seq, prev_tag, random):
    """The bytes of transactions (lists of Records, with times) that begin at offset `at` after frame `seq`."""
    out = bytearray()
    for records in transactions:
        tx_start, nonce16, size = at, random(16), 0
        for record in records:
            body = encode_body(record)
            seq += 1
            plain = SEALED.pack(record.kind, COMMIT if record is records[-1] else 0, 0, len(body), seq, prev_tag,
                                tx_start, record.time) + body
            plain += bytes(bucket(len(plain)) - len(plain))
            try:
                if decode_plaintext(plain)[0] != record._replace(seq=seq):  # the reader's rules are the writer's too
                    raise ValueError("a record that does not come back")
            except Unsupported:
                pass  # a kind to come may be written, to see what readers make of it
            nonce = nonce16 + struct.pack("<Q", at)
            box = crypto_secretbox(plain, nonce, key)
            length = struct.pack("<I", len(box))
            out += length + struct.pack("<I", crc32c(nonce + box, crc32c(length))) + nonce + box
            at += 32 + len(box)
            prev_tag = box[:16]
        if not records or at - tx_start > TRANSACTION_MOST:
            raise ValueError("a transaction is empty or too long")
    return bytes(out)


# ---- sections 6, 7 and 9: a vault ---------------------------------------------------------------------------------


class Vault:
    """An opened vault.

    header, master             the header's fields; the master key
    records                    the records that took effect, in the order of the file
    whole                      False if the file has an unfinished tail
    tail                       the offset of the unfinished tail, or None
    end, seq, tag              the last commit: where it ends, the seq and tag of its last frame
    copy_differs, gap_not_zero what only `check` reports about bytes 512 to 4607
    """

    def __init__(self, data, master, path=None, random=os.urandom, clock=None):
        self.path, self.master, self.random = path, master, random
        self.clock = clock or (lambda: _time.time_ns() // 1000000)
        self._load(data)

    @property
    def verdict(self):
        return "whole" if self.whole else "unfinished tail"

    def _load(self, data):
        """Replay (section 6), then decide about what follows the last commit (section 7)."""
        self.header = header = read_header(data)
        check_mac(data, self.master)
        self.raw_header = data[:HEADER_LENGTH]
        self.copy_differs = data[COPY_AT:LOG_START] != self.raw_header
        self.gap_not_zero = any(data[HEADER_LENGTH:COPY_AT])
        self.key = blake(32, b"vault-1 frames" + data[:480], key=self.master)
        self.records, self.end, self.seq, self.tag = [], LOG_START, header.base_seq, data[480:496]
        at, seq, tag, pending, ends = LOG_START, self.seq, self.tag, [], {LOG_START}
        while True:
            _, end, own_tag, plain = read_frame(data, at, self.key)
            if plain is None or SEALED.unpack_from(plain)[4:7] != (seq + 1, tag, self.end):
                break
            try:
                record, commits = decode_plaintext(plain)
                if end - self.end > TRANSACTION_MOST:
                    raise ValueError("a transaction that is too long")
            except ValueError as broken:
                raise Damage(at, str(broken)) from None
            pending.append(record)
            at, seq, tag = end, seq + 1, own_tag
            if commits:
                self.records += pending
                self.end, self.seq, self.tag, pending = at, seq, tag, []
                ends.add(at)
        # `at` is B of section 7 and self.end is C.
        if header.base_end not in ends:
            raise Damage(at, "in the content of a rewrite")
        self.whole = self.end == len(data)
        self.tail = None if self.whole else self.end
        if not self.whole:
            if len(data) - self.end > TRANSACTION_MOST:
                raise Damage(at, "more follows than one transaction")
            self._search(data, at)

    def _search(self, data, b):
        """Look after B for a frame of a later transaction; it proves damage."""
        spent = 0
        for at in range(b + 16, len(data), 16):
            cost, _, _, plain = read_frame(data, at, self.key)
            spent += cost
            if plain is not None and SEALED.unpack_from(plain)[6] > b:
                raise Damage(b, "a later transaction begins at %d" % SEALED.unpack_from(plain)[6])
            if spent > SEARCH_MOST:
                raise Damage(b, "too much to search")

    # -- section 9

    def histories(self):
        """{(scope, id, name): versions}, newest first, equal ones once (as the first of them in the file)."""
        sets = {}
        for r in self.records:
            if r.kind in (VALUE, TOMBSTONE):
                sets.setdefault((r.scope, r.id.decode(), r.name.decode()), {}).setdefault((r.time, r.kind, r.value), r)
        return {address: [s[triple] for triple in sorted(s, reverse=True)] for address, s in sets.items()}

    def skipped(self):
        """How many records took effect that are neither values nor tombstones."""
        return sum(r.kind not in (VALUE, TOMBSTONE) for r in self.records)

    def digest(self):
        """Section 13: what stands for the whole history, in hexadecimal."""
        parts = {}
        for (scope, id, name), versions in self.histories().items():
            address = bytes((scope, len(id), len(name), 0)) + id.encode() + name.encode()
            parts[address] = struct.pack("<I", len(versions)) + b"".join(
                struct.pack("<QBI", v.time, v.kind, len(v.value)) + v.value for v in versions)
        return blake(32, b"".join(address + parts[address] for address in sorted(parts))).hex()

    def current(self):
        """{(scope, id, name): value} of the secrets that exist."""
        return {a: v[0].value for a, v in self.histories().items() if v[0].kind == VALUE}

    # -- section 8

    def append(self, records):
        """Write one transaction; a record without a time gets the one that section 9 says."""
        with self._locked() as file:
            newest = {a: v[0].time for a, v in self.histories().items()}
            stamped = []
            for r in records:
                address = (r.scope, r.id.decode(), r.name.decode()) if r.scope else None
                if r.time is None:
                    r = r._replace(time=max(self.clock(), newest.get(address, -1) + 1))
                    if r.time > TIME_MOST:
                        raise ValueError("the year 9999")
                if address:
                    newest[address] = max(r.time, newest.get(address, 0))
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

    def compact(self, keep=1, max_age=None):
        """Write the next generation: the newest `keep` versions of every name, and older ones that were replaced at
        most `max_age` milliseconds ago.  Records keep the order that they had."""
        with self._locked():
            now, kept = self.clock(), set()
            for versions in self.histories().values():
                for i, r in enumerate(versions):
                    if i < max(keep, 1) or max_age is not None and now - versions[i - 1].time <= max_age:
                        kept.add(r.seq)
            copied = [r for r in self.records if r.seq in kept or r.kind & (IGNORABLE | SAFE_TO_COPY) == 0xC0]
            transactions, size = [], COMPACT_COMMIT
            for r in copied:
                size += frame_length(r)
                if size > COMPACT_COMMIT:
                    transactions.append([])
                    size = frame_length(r)
                transactions[-1].append(r._replace(seq=None))
            h = self.header._replace(generation=self.header.generation + 1, base_seq=self.seq, lineage=self.tag,
                                     base_end=LOG_START + sum(map(frame_length, copied)), file_salt=self.random(32))
            data = build(h, self.raw_header[128:416], self.master, transactions, self.random)
            folder, name = os.path.split(os.path.abspath(self.path))
            temporary = os.path.join(folder, ".%s.compact-%s" % (name, self.random(8).hex()))
            _write_new(temporary, data)
            with open_file(temporary, "rb") as file:
                new = Vault(file.read(), self.master)
            if [r[:6] for r in new.records] != [r[:6] for r in copied] or not new.whole:
                raise OSError("what was written does not come back")
            os.rename(temporary, self.path)
            _sync_folder(folder)
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
                    if self.header.read_only:
                        raise ReadOnly()
                    if not self.whole:
                        _write_new("%s.unfinished-%d-%s" % (self.path, self.end, self.random(8).hex()), data[self.end:])
                        os.ftruncate(file.fileno(), self.end)
                        os.fsync(file.fileno())
                    _sync_folder(os.path.dirname(os.path.abspath(self.path)))
                    return file
            except BaseException:
                file.close()
                raise
            file.close()


def build(header, slots, master, transactions, random):
    """The bytes of a whole file.  The caller has set base_end, which must be known before anything is sealed."""
    raw = HEADER.pack(*header) + slots + bytes(32)
    raw += blake(32, raw)
    raw += _header_mac(master, raw)
    key = blake(32, b"vault-1 frames" + raw[:480], key=master)
    frames = seal(transactions, key, LOG_START, header.base_seq, raw[480:496], random)
    return raw + bytes(COPY_AT - HEADER_LENGTH) + raw + frames


def make_slot(kind, secret, vault_id, master, random, passes=0, memory=0):
    """A slot of kind 1 (passphrase) or 2 (the 20 bytes of a recovery key)."""
    salt, nonce = random(16), random(24)
    slot = Slot(kind, 2 if kind == 1 else 0, 0, passes, memory, 1 if kind == 1 else 0, salt, nonce, b"", b"", b"")
    x = _slot_secret(slot, secret)
    slot = slot._replace(box=crypto_secretbox(master, nonce, x[:32]))
    return SLOT.pack(*slot._replace(commitment=_commitment(x, vault_id, SLOT.pack(*slot))))


def create(path, passphrase, memory_kib=262144, passes=3, recovery=False, random=os.urandom):
    """Make an empty vault; gives the text of the recovery key, or None.

    Random bytes are drawn in this order: vault id (16), master key (32), file salt (32), salt (16) and nonce (24) of
    slot 0; then the recovery key (20), salt and nonce of slot 1; then 8 for the temporary name.
    """
    _check_passphrase(passphrase)
    check_kdf(passes, memory_kib)
    vault_id, master, file_salt = random(16), random(32), random(32)
    slots = make_slot(1, passphrase, vault_id, master, random, passes, memory_kib)
    key = random(20) if recovery else None
    slots += make_slot(2, key, vault_id, master, random) if recovery else bytes(144)
    header = Header(MAGIC, 1, 0, HEADER_LENGTH, 0, 0, 0, 0, vault_id, 1, 0, LOG_START, file_salt, bytes(16), bytes(8))
    data = build(header, slots, master, [], random)
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, ".%s.new-%s" % (name, random(8).hex()))
    _write_new(temporary, data)
    try:
        os.link(temporary, path)  # unlike rename, never replaces
    finally:
        os.unlink(temporary)
    _sync_folder(folder)
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


def _sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
