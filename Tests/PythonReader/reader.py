"""The reader: from the bytes of a file to its history, or to the verdict why there is none: vault-format.md, sections 2 to 7.

Everything is held in memory.  This program is here to be read and to be compared with, not to be fast.
"""

import hmac
import struct
from collections import namedtuple

from nacl.bindings import crypto_secretbox_open
from nacl.exceptions import CryptoError

import descent
import primitives
from primitives import (
    BODY_MOST, BOX_LEAST, BOX_MOST, CLUSTER, COMMIT, COPY_AT, DESCENT, FRAME, HEAD, HEADER, HEADER_LENGTH, ID, IGNORABLE,
    LOG_START, MAGIC, METADATA, METADATA_MOST, NAME, PROJECT, PURGED, SEALED, SEARCH_MOST, SEQ_MOST, SLOT, TEAM, TIME_MOST,
    TOMBSTONE, TRANSACTION_MOST, VALUE, VALUE_MOST, blake, bucket, crc32c)
from verdicts import (
    Damage, HeaderDamaged, HeaderTampered, IncompleteCopy, InvalidPassphrase, KdfRefused, Mistyped, NoRecoveryKey, NotAVault,
    Unsupported, WrongPassphrase)

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# ---- section 3: keys ----------------------------------------------------------------------------------------------


def recovery_text(key):
    """The text of a recovery key of 20 bytes: six groups of six."""
    check = blake(32, b"vault-1 recovery check" + key)
    bits = int.from_bytes(key, "big") << 20 | int.from_bytes(check[:3], "big") >> 4
    text = "".join(BASE32[bits >> 5 * i & 31] for i in range(35, -1, -1))
    return "-".join(text[i:i + 6] for i in range(0, 36, 6))


def recovery_key(text):
    """The 20 bytes that a person typed in; raises Mistyped."""
    if not text.isascii():
        raise Mistyped()  # nor does upper() then turn another letter into one of ours
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


def slot_secret(slot, secret):
    """X of section 3, for a passphrase or for the 20 bytes of a recovery key."""
    if slot.kind == 1:
        return primitives.stretch(secret, slot.salt, slot.passes, slot.memory)
    return blake(64, b"vault-1 recovery" + slot.salt, key=secret)


def commitment(x, vault_id, slot_bytes):
    return blake(32, b"vault-1 slot" + vault_id + slot_bytes[:104], key=x[32:])


def header_mac(master, header):
    return blake(32, header[:480], key=blake(32, b"vault-1 header", key=master))


def frame_key(master, header):
    return blake(32, b"vault-1 frames" + header[:480], key=master)


def check_passphrase(passphrase):
    if not 1 <= len(passphrase) <= 1024:
        raise InvalidPassphrase("a passphrase has 1 to 1024 bytes")


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
    h = decode_header(data)
    if len(data) < h.base_end:
        raise IncompleteCopy("%d of at least %d bytes" % (len(data), h.base_end))
    return h


def decode_header(data):
    """Steps 1 to 5."""
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
        h.reserved1 == 0,
        h.reserved2 == 0,
        not any(h.reserved3),
        not any(data[416:448]),
        h.generation != 0,
        h.base_end >= LOG_START,
        h.base_end % 16 == 0,
        h.generation != 1 or (h.base_seq == 0 and h.base_end == LOG_START and not any(h.lineage)),
        first.kind == 1,
        first.derivation == 2,
        first.lanes == 1,
        first.reserved1 == 0,
        not any(first.reserved2),
        not any(slot_bytes(data, 1)) or (second[:6] == (2, 0, 0, 0, 0, 0) and not any(second.reserved2)),
    ]
    if not all(rules):
        raise HeaderDamaged("a rule is broken")
    return h


def unlock(data, secret):
    """Steps 7 to 9: the master key, by a passphrase (bytes) or the text of a recovery key (str)."""
    number = 1 if isinstance(secret, str) else 0
    raw = slot_bytes(data, number)
    slot = Slot(*SLOT.unpack(raw))
    if slot.kind == 0:
        raise NoRecoveryKey()
    if number == 1:
        secret = recovery_key(secret)
    else:
        check_passphrase(secret)
    x = slot_secret(slot, secret)
    if not hmac.compare_digest(commitment(x, data[32:48], raw), slot.commitment):
        raise WrongPassphrase("or the slot was damaged on purpose")
    try:
        master = crypto_secretbox_open(slot.box, slot.nonce, x[:32])
    except CryptoError:
        raise HeaderTampered("the box does not open") from None
    check_mac(data, master)
    return master


def check_mac(data, master):
    if not hmac.compare_digest(header_mac(master, data), data[480:512]):
        raise HeaderTampered("wrong MAC")


# ---- sections 4 and 5: frames and records -------------------------------------------------------------------------

# The kinds of the versions in the two histories of an address, and how long what stands behind it may be.  A program that is older
# than metadata has the first alone: to it METADATA is a kind that it does not know.
HISTORIES = [{VALUE: VALUE_MOST, TOMBSTONE: 0}, {METADATA: METADATA_MOST}]

# One record.  For kinds that have no history, scope is 0 and `value` is the body.
Record = namedtuple("Record", "kind scope id name value time seq", defaults=(None, None))


OF_METADATA = 0x80  # the bit of a scope that is set in a digest
NOWHERE = 0, b"", b""  # scope, id and name of a record without an address


def unaddressed(kind, body, time):
    """A record of a kind that has no address."""
    return Record(kind, *NOWHERE, body, time)


def history_of(kind):
    """The number of the history of an address to which records of a kind belong; None if to neither."""
    return next((number for number, kinds in enumerate(HISTORIES) if kind in kinds), None)


def is_version(record):
    return history_of(record.kind) is not None


def address(record):
    """The address of a version, as section 5 encodes it."""
    return bytes((record.scope, len(record.id), len(record.name), 0)) + record.id + record.name


def encode_body(record):
    return address(record) + record.value if is_version(record) else record.value


def decode_body(kind, body, is_first):
    """(scope, id, name, value) of a body; raises Unsupported for its kind or ValueError for a broken rule.

    `is_first` says whether the frame is the first of its transaction.
    """
    if history_of(kind) is None:
        if not kind & IGNORABLE:
            raise Unsupported("a record of kind 0x%02x" % kind)
        if kind == HEAD and len(body) != 56:
            raise ValueError("length of the body")
        if kind == DESCENT:
            if not is_first:
                raise ValueError("a DESCENT that is not the first of its transaction")
            descent.Descent.decode(body)
        if kind == PURGED:
            descent.purged_entries(body)
        return *NOWHERE, body
    if len(body) < 5:
        raise ValueError("length of the body")
    scope, id_length, name_length, reserved = body[:4]
    middle, end = 4 + id_length, 4 + id_length + name_length
    id, name, rest = body[4:middle], body[middle:end], body[end:]
    if reserved or len(id) != id_length or len(name) != name_length or not NAME.fullmatch(name):
        raise ValueError("address")
    if scope not in (TEAM, PROJECT, CLUSTER) or (id_length if scope == TEAM else not ID.fullmatch(id)):
        raise ValueError("scope or id")
    if len(rest) > HISTORIES[history_of(kind)][kind]:
        raise ValueError("length of the value or the metadata")
    return scope, id, name, rest


def decode_plaintext(plain, at):
    """The record in an authentic plaintext, and whether it commits; raises ValueError or Unsupported."""
    kind, flags, reserved, length, seq, _, tx_start, time = SEALED.unpack_from(plain)
    if flags & ~COMMIT or reserved or time > TIME_MOST:
        raise ValueError("flags, reserved or time")
    if length > BODY_MOST or bucket(48 + length) != len(plain) or any(plain[48 + length:]):
        raise ValueError("length, bucket or padding")
    return Record(kind, *decode_body(kind, plain[48:48 + length], at == tx_start), time, seq), bool(flags & COMMIT)


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


# ---- sections 6, 7 and 9: a vault ---------------------------------------------------------------------------------

# A transaction that took effect: its records, where it ends, and the tag of its last frame.
Transaction = namedtuple("Transaction", "records end tag")


class Vault:
    """An opened vault.

    header, master             the header's fields; the master key
    transactions, records      what took effect, in the order of the file
    whole                      False if the file has an unfinished tail
    tail                       the offset of the unfinished tail, or None
    end, seq, tag              the last commit: where it ends, the seq and tag of its last frame
    copy_differs, gap_not_zero what only `check` reports about bytes 512 to 4607
    """

    def __init__(self, data, master):
        self.master = master
        self._load(data)

    @property
    def verdict(self):
        return "whole" if self.whole else "unfinished tail"

    @property
    def records(self):
        return [record for transaction in self.transactions for record in transaction.records]

    @property
    def key_id(self):
        return descent.key_id(self.master)

    def state(self):
        """What section 6 says of ids, keys and purged versions."""
        return descent.replay(self)

    def _load(self, data):
        """Everything from byte 0 to the verdict."""
        self.header = read_header(data)
        check_mac(data, self.master)
        self.replay(data, data[:HEADER_LENGTH])

    def replay(self, data, raw_header):
        """Replay (section 6), then decide about what follows the last commit (section 7)."""
        self.raw_header, self.mac = raw_header, raw_header[480:496]
        self.copy_differs = data[COPY_AT:LOG_START] != raw_header
        self.gap_not_zero = any(data[HEADER_LENGTH:COPY_AT])
        self.key = frame_key(self.master, raw_header)
        self.transactions = []
        self.end, self.seq, self.tag = LOG_START, self.header.base_seq, self.mac
        at, seq, tag, pending, ends, listed = LOG_START, self.seq, self.tag, [], {LOG_START}, 0
        while seq < SEQ_MOST:
            _, end, own_tag, plain = read_frame(data, at, self.key)
            if plain is None or SEALED.unpack_from(plain)[4:7] != (seq + 1, tag, self.end):
                break
            try:
                record, commits = decode_plaintext(plain, at)
                listed += len(record.value) // 16 if record.kind == PURGED else 0
                if end - self.end > TRANSACTION_MOST:
                    raise ValueError("a transaction that is too long")
                if listed > descent.PURGED_IN_ALL:
                    raise ValueError("too many purged entries")
            except ValueError as broken:
                raise Damage(at, str(broken)) from None
            pending.append(record)
            at, seq, tag = end, seq + 1, own_tag
            if commits:
                self.transactions.append(Transaction(pending, at, tag))
                self.end, self.seq, self.tag, pending = at, seq, tag, []
                ends.add(at)
        # `at` is B of section 7 and self.end is C.
        if self.header.base_end not in ends:
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
            if data[at + 24:at + 32] != at.to_bytes(8, "little"):
                continue  # the cheapest test first
            cost, _, _, plain = read_frame(data, at, self.key)
            spent += cost
            if plain is not None and SEALED.unpack_from(plain)[6] > b:
                raise Damage(b, "a later transaction begins at %d" % SEALED.unpack_from(plain)[6])
            if spent > SEARCH_MOST:
                raise Damage(b, "too much to search")

    def histories(self):
        """Section 9: {(scope, id, name): versions}, newest first, equal ones once (as the first of them in the file)."""
        return {named(v[0]): v for v in histories(self.records, self.header.vault_id) if v[0].kind in HISTORIES[0]}

    def metadata_histories(self):
        """The same of metadata."""
        return {named(v[0]): v for v in histories(self.records, self.header.vault_id) if v[0].kind not in HISTORIES[0]}

    def skipped(self):
        """How many records took effect that are no versions."""
        return sum(not is_version(r) for r in self.records)

    def digest(self):
        return digest(self.records, self.header.vault_id)

    def current(self):
        """{(scope, id, name): value} of the secrets that exist."""
        return {a: v[0].value for a, v in self.histories().items() if v[0].kind == VALUE}

    def metadata(self):
        """{(scope, id, name): metadata} where there are any, whether or not the secret exists."""
        return {a: v[0].value for a, v in self.metadata_histories().items() if v[0].value}


def purged(records):
    """The entries of all PURGED records, in order, each once."""
    return primitives.unique([entry for r in records if r.kind == PURGED for entry in descent.purged_entries(r.value)])


def entry(vault_id, record):
    """What stands for the versions of the record's address that have its time and kind."""
    return descent.purged_entry(vault_id, address(record), record.time, record.kind)


def named(record):
    """Scope, id and name of a version."""
    return record.scope, record.id.decode(), record.name.decode()


def histories(records, vault_id, listed=None):
    """The versions of each history, newest first, without what these entries list, or those of the records.

    The records belong to the vault with this id.
    """
    sets, listed = {}, set(purged(records) if listed is None else listed)
    for r in records:
        if is_version(r) and not (listed and entry(vault_id, r) in listed):
            sets.setdefault((address(r), history_of(r.kind)), {}).setdefault((r.time, r.kind, r.value), r)
    return [[s[triple] for triple in sorted(s, reverse=True)] for s in sets.values()]


def digest(records, vault_id):
    """Section 13: what stands for all histories, in hexadecimal."""
    parts = {}
    for versions in histories(records, vault_id):
        scope, *rest = address(versions[0])
        parts[bytes((scope | OF_METADATA * history_of(versions[0].kind), *rest))] = struct.pack("<I", len(versions)) + b"".join(
            struct.pack("<QBI", v.time, v.kind, len(v.value)) + v.value for v in versions)
    return blake(32, b"".join(where + parts[where] for where in sorted(parts))).hex()


def parse(data, secret):
    """The vault in `data`, by a passphrase (bytes) or the text of a recovery key (str)."""
    read_header(data)
    return Vault(data, unlock(data, secret))
