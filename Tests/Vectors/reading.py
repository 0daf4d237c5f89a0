"""Vectors of v2/reader: rules of reading that no vector of v1 covers, and the records DESCENT and PURGED."""

import struct

import vaultfile as vf
from copies import descent, descent_body, entry, history, id, keystream, made_up, purged, state, zeros_inside
from forge import (
    EMPTY_SLOT, LOG_START, RECOVERY, RECOVERY_SLOT, SLOT, START, Vector, draw, gone, head, make_header,
    other, passphrase_slot, patched, put,
    recovery_slot, size, with_sum)

SECOND = LOG_START + 176
MIB = 1 << 20
LINEAGE = bytes(range(200, 216))


class Reading(Vector):
    """A vector that says too what replay says of descent."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.changes = []  # the ids of what was committed, in order
        self.entries = 0
        self.state = None

    def commit(self, *records, **more):
        super().commit(*records, **more)
        self.changes.append(id(self.chain.tag))
        return self

    @property
    def birth(self):
        return id(self.header[480:496])

    def has(self, ids, heads, keys=(), dropped=0, legacy=False):
        self.state = state(ids, heads, keys, dropped, legacy)
        return self

    def has_purged(self, count):
        self.entries = count
        return self

    def _recovered(self):
        changes = [self.birth, *self.changes]
        return {**super()._recovered(), **history(self.took), "descent": self.state or state(changes, changes[-1:]), "purged": self.entries}


def sample(name, section, comment, **more):
    v = Reading(name, section, comment, **more)
    return v.commit(put())


# ---- what v1 leaves out -------------------------------------------------------------------------------------------


def headers():
    U32 = struct.Struct("<I").pack
    sample("short-file-of-format-2", 2, "Step 2 comes before step 3: 511 bytes that name format 2",
           header=make_header("short", (8, b"\2"))).cut(511).says("incomplete copy")
    for name, comment, patch in [("derivation-3", "derivation 3", (129, b"\3")), ("lanes-2", "2 lanes", (140, b"\2")),
                                 ("reserved", "a reserved byte", (130, b"\1"))]:
        sample("kdf-refused-with-" + name, 2, "Step 5a comes before 5b: t is 33, and the slot has " + comment,
               header=make_header(name, patch, (132, U32(33)))).says("refused")
    sample("kdf-refused-where-the-kind-is-wrong", 2, "Step 5a asks for kind 1: t is 33, kind 2",
           header=make_header("kind", (128, b"\2"), (132, U32(33)))).says("header damaged")
    sample("generation-0-with-a-lineage", 2, "Step 5b: the generation is never 0",
           header=make_header("zero", generation=0, lineage=LINEAGE)).says("header damaged")
    sample("base-end-no-multiple-of-16", 2, "Step 5b: base_end is a multiple of 16",
           header=make_header("odd", generation=2, lineage=LINEAGE, base_end=SECOND - 8)).says("header damaged")
    sample("recovery-key-mistyped-where-there-is-none", 2, "Step 7a comes before 7b", recovery="not a key").says("no recovery key")
    both = dict(slots=(SLOT, RECOVERY_SLOT))
    v = sample("recovery-key-mistyped-before-tampering", 2, "Step 7b comes before 7e and step 8", recovery=RECOVERY[:-1], **both)
    v.patch((0, with_sum(patched(v.header, (328, b"\2\1"))))).says("mistyped recovery key")
    for name, comment, text in [("a-tab", "A tab is not ignored", RECOVERY[:6] + "\t" + RECOVERY[6:]),
                                ("a-newline", "A newline is not ignored", RECOVERY + "\n"),
                                ("an-underscore", "Only hyphens and spaces are ignored", RECOVERY.replace("-", "_")),
                                ("a-no-break-space", "Only the space of ASCII is ignored", RECOVERY.replace("-", "\u00a0"))]:
        sample("recovery-key-with-" + name, 3, comment, recovery=text, **both).says("mistyped recovery key")
    digits = next(bytes((0,) * 19 + (n,)) for n in range(256) if "S" in vf.recovery_text(bytes((0,) * 19 + (n,))))
    sample("recovery-key-with-a-long-s", 3, "Only letters of ASCII are converted to upper case", slots=(SLOT, recovery_slot("s", digits)),
           recovery=vf.recovery_text(digits).replace("S", "\u017f")).says("mistyped recovery key")
    sample("recovery-key-with-spaces-and-hyphens-at-the-ends", 3, "Hyphens and spaces are ignored wherever they stand",
           recovery="- " + RECOVERY.replace("-", "") + " -", **both).whole()
    sample("passphrase-empty", 2, "Step 7c: no byte", passphrase="").says("invalid passphrase")
    long = "0123456789abcdef" * 64 + "x"
    sample("passphrase-of-1025-bytes", 2, "Step 7c: 1,025 bytes", passphrase=long).says("invalid passphrase")
    sample("passphrase-of-1025-bytes-in-513-characters", 2, "Step 7c: bytes are counted", passphrase="ä" * 512 + "x").says("invalid passphrase")
    text = "ä" * 512
    sample("passphrase-of-1024-bytes-in-512-characters", 3, "Bytes are counted", passphrase=text,
           slots=(passphrase_slot("512", text), EMPTY_SLOT)).whole()
    sample("passphrase-empty-in-an-incomplete-copy", 2, "Step 6 comes before step 7c", passphrase="").cut(4607).says("incomplete copy")


def sizes():
    def long(name, section, comment, record, before=0):
        """A frame whose body is chosen so that the vector is short."""
        v = Reading(name, section, comment)
        return v, zeros_inside(v.chain, record, LOG_START, before)

    v, r = long("value-of-1-mib-and-1-byte", 5, "A value has at most 1,048,576 bytes", put("A", bytes(MIB + 1)), 5)
    v.frames(r).damage(LOG_START)
    v, r = long("value-of-1-mib-alone", 5, "A value has at most 1,048,576 bytes; with a short name", put("A", bytes(MIB)), 5)
    v.commit(r).whole()
    v, r = long("body-of-1048837-bytes", 4, "A body has at most 1,048,836 bytes", other(0x85, bytes(1048837)))
    v.frames(r).damage(LOG_START)
    v, r = long("body-of-1048836-bytes", 4, "A body has at most 1,048,836 bytes", other(0x85, bytes(1048836)))
    v.commit(r).whole()
    v, r = long("body-of-1048837-bytes-of-a-critical-kind", 5, "The rules of the plaintext come before the kind",
                other(0x42, bytes(1048837)))
    v.frames(r).damage(LOG_START)
    v = Reading("frame-of-16-bytes-more-than-the-largest", 6, "Rule 1: L is 1,081,376, though the CRC is right and the box opens")
    record = zeros_inside(v.chain, other(0x85, bytes(1081360 - 48)), LOG_START, before=8)
    v.frames(record._replace(wrong={**record.wrong, "plain": 1081360, "length": 100})).tail()
    v = Reading("frame-of-the-largest-length", 6, "Rule 1: L is 1,081,360, so the frame is in place; its bucket is not that of its body")
    record = zeros_inside(v.chain, other(0x85, bytes(1081344 - 48)), LOG_START, before=8)
    v.frames(record._replace(wrong={**record.wrong, "length": 100})).damage(LOG_START)
    for length in (80, 81):
        Reading("bucket-of-a-body-of-%d-bytes" % length, 4, "The edge of the first bucket").commit(other(0x85, b"b" * length)).whole()
    Reading("address-at-its-longest-in-a-tombstone", 5, "The longest body of a tombstone: 260 bytes").commit(
        gone("N" * 128, scope=vf.CLUSTER, id="i" * 128)).whole()


def order():
    Reading("empty-value-and-tombstone-of-one-time", 9, "By kind: the tombstone is larger than an empty value").commit(
        put(value=b"", time=9), gone(time=9)).whole()
    Reading("tombstone-and-empty-value-of-one-time", 9, "By kind, whatever comes first in the file").commit(
        gone(time=9)).commit(put(value=b"", time=9)).whole()
    Reading("empty-value-behind-a-tombstone", 9, "An empty value is a value: the secret exists").commit(
        gone(time=9)).commit(put(value=b"", time=10)).whole()


def seqs():
    last = 2 ** 64 - 1
    fields = dict(generation=2, lineage=LINEAGE)
    v = Reading("seq-2-to-the-64-minus-1", 4, "The last seq there is", base_seq=last - 1, **fields).commit(put())
    v.has([id(LINEAGE), *v.changes], v.changes, legacy=True).whole()
    v = Reading("seq-that-wraps", 6, "After seq 2^64 - 1 no frame is expected: not one with seq 0", base_seq=last - 1, **fields).commit(put())
    v.has([id(LINEAGE), *v.changes], v.changes, legacy=True)
    v.chain.seq = -1
    v.frames(put("B")).tail()
    v = Reading("seq-that-wraps-before-another", 7, "After seq 2^64 - 1 no frame is expected", base_seq=last - 1, **fields).commit(put())
    v.chain.seq = -1
    v.frames(put("B")).frames(put("C")).damage(SECOND)
    v = Reading("seq-that-wraps-in-a-transaction", 6, "A transaction cannot go on after seq 2^64 - 1", base_seq=last - 1, **fields)
    v.has([id(LINEAGE)], [id(LINEAGE)], legacy=True)
    start = v.chain.at
    v.data += v.chain.frame(put(), start, False, bytes(16))
    v.chain.seq = -1
    v.data += v.chain.frame(put("B"), start, True, bytes(16))
    v.tail()
    v = Reading("base-seq-2-to-the-64-minus-1", 6, "No frame is expected at all", base_seq=last, **fields)
    v.has([id(LINEAGE)], [id(LINEAGE)], legacy=True)
    v.chain.seq = -1
    v.frames(put()).tail()


# ---- 64 MiB and 256 MiB -------------------------------------------------------------------------------------------


def short(chain, plain, number=0, commit=False, start=None, kind=0x85, nonce16=bytes(range(16))):
    """A frame with a plaintext of so many bytes whose ciphertext is mostly zeros."""
    stream = keystream(chain, plain, nonce16, chain.at)
    record = other(kind, struct.pack("<I", number) + stream[52:], nonce16=nonce16)
    return record, chain.frame(record, chain.at if start is None else start, commit, nonce16)


def transactions():
    def fill(v, plains, commit, start=None):
        start, took = v.chain.at if start is None else start, []
        for i, plain in enumerate(plains):
            took.append(short(v.chain, plain, i, commit and i == len(plains) - 1, start))
        v.data += b"".join(frame for _, frame in took)
        return [record for record, _ in took]

    whole, above = exactly()
    v = Reading("transaction-of-64-mib", 6, "A transaction has at most 64 MiB")
    v.took, v.end, v.seq = fill(v, whole, True), v.chain.at, v.chain.seq
    v.changes = [id(v.chain.tag)]
    assert v.end == LOG_START + (64 << 20)
    v.whole()
    v = Reading("transaction-of-64-mib-and-16-bytes", 6, "The frame with which it exceeds 64 MiB is damage")
    fill(v, above, True)
    assert v.chain.at == LOG_START + (64 << 20) + 16
    v.damage(LOG_START + (64 << 20) + 16 - 48 - above[-1])
    v = Reading("transaction-of-64-mib-and-16-bytes-of-a-critical-kind", 5, "The kind is decided before the 64 MiB of the transaction")
    fill(v, above[:-1], False)
    v.data += short(v.chain, above[-1], 0, True, LOG_START, kind=0x42)[1]
    v.says("unsupported")
    v = Reading("transaction-of-64-mib-and-a-breach", 5, "The breach is at the same frame")
    v.commit(put())
    start = v.chain.at
    fill(v, above[:-1], False)
    v.damage(SECOND + (64 << 20) + 16 - 48 - above[-1])
    v.data += v.chain.frame(put(flags=3), start, True, bytes(16))
    v = Reading("tail-of-64-mib", 7, "64 MiB may follow C").commit(put())
    v.zeros = 64 << 20
    v.says("unfinished tail", tail=64 << 20, **v._recovered())
    for name, comment, more in [("tail-of-64-mib-with-frames-in-place", "The 64 MiB are counted from C, not from B", 0),
                                ("tail-of-64-mib-and-1-byte-with-frames-in-place", "More than 64 MiB follow C, though not B", 1)]:
        v = Reading(name, 7, comment).commit(put()).frames(put("B"), put("C"), commit=False)
        v.zeros = (64 << 20) - 352 + more
        if more:
            v.damage(SECOND + 352)
        else:
            v.says("unfinished tail", tail=64 << 20, **v._recovered())


def exactly():
    """Plaintexts without padding that fill 64 MiB, and 64 MiB and 16 bytes."""
    whole = [MIB] * 63 + [1032192, 12288, 320, 256, 256]
    above = [MIB] * 63 + [1032192, 12288, 512, 384]
    for plains, total in ((whole, 64 << 20), (above, (64 << 20) + 16)):
        assert sum(plains) + 48 * len(plains) == total and all(vf.bucket(p) == p for p in plains)
    return whole, above


def searches():
    budget = 256 << 20
    largest = 1081360

    def candidate(length, at, crc=None):
        """The front of what may be a frame, as far as can be seen before its CRC is computed."""
        return struct.pack("<II16sQ", length, crc or 0, draw("candidate %d" % at)(16), at)

    def lengths(count, total):
        """L of so many candidates, together so much; each at most the largest and a multiple of 16."""
        out = []
        for left in range(count, 0, -1):
            length = min(largest, (total // left + 15) // 16 * 16)
            out.append(length)
            total -= length
        assert total == 0, total
        return out

    def search(name, comment, count, tried, more=0, behind=0, decoys=0, opens=False):
        """`tried` of the candidates have a right CRC, so that their box is tried; they are the last, and as long as the smallest."""
        v = Reading(name, 7, comment).commit(put())
        # 28 + L for each candidate, and L again for each that is tried.
        ls = lengths(count, budget + more - 28 * (count + tried) - 144 * tried * 2) + [144] * tried
        start = SECOND + 16
        fronts = b"".join(candidate(l, start + 32 * i) for i, l in enumerate([145] * decoys + ls[:count]))
        data = bytearray(bytes(16) + fronts)
        for i in range(tried):
            at = SECOND + len(data)
            if opens:  # a frame of the transaction at B, which proves nothing
                v.chain.at = at
                data += v.chain.frame(put("X"), SECOND, False, bytes(16))
                continue
            frame = bytearray(candidate(144, at) + draw("box %d" % at)(144))
            frame[4:8] = struct.pack("<I", vf.crc32c(bytes(frame[:4] + frame[8:])))
            data += frame
        if behind:
            at = SECOND + len(data)
            data += candidate(144, at) + draw("last")(144)
        v.data += bytes(data)
        v.zeros = largest + 32
        return v

    v = search("search-of-256-mib", "256 MiB of candidates are searched", 252, 0)
    v.says("unfinished tail", tail=len(v.data) - SECOND + v.zeros, **v._recovered())
    search("search-of-256-mib-and-16-bytes", "More than 256 MiB are damage", 252, 0, 16).damage(SECOND)
    v = search("search-of-256-mib-with-boxes", "28 + L is counted for each CRC, L for each box", 252, 4)
    v.says("unfinished tail", tail=len(v.data) - SECOND + v.zeros, **v._recovered())
    search("search-of-256-mib-with-boxes-and-16-bytes", "28 + L is counted for each CRC, L for each box", 252, 16, 16).damage(SECOND)
    v = search("search-of-256-mib-with-boxes-that-open", "28 + L is counted for each CRC, L for each box", 252, 16, opens=True)
    v.says("unfinished tail", tail=len(v.data) - SECOND + v.zeros, **v._recovered())
    search("search-of-256-mib-with-boxes-that-open-and-16-bytes", "28 + L is counted for each CRC, L for each box", 252, 16, 16,
           opens=True).damage(SECOND)
    v = search("search-of-256-mib-and-what-is-no-candidate", "What has no L by rule 1 does not count", 252, 0, decoys=20)
    v.says("unfinished tail", tail=len(v.data) - SECOND + v.zeros, **v._recovered())
    search("search-of-256-mib-and-16-bytes-and-what-is-no-candidate", "What has no L by rule 1 does not count", 252, 0, 16, decoys=20).damage(SECOND)
    search("search-of-256-mib-and-one-more-candidate", "28 + L of the last candidate exceed 256 MiB", 252, 0, 0, 1).damage(SECOND)
    v = search("search-of-256-mib-with-a-later-transaction", "What the last candidate is counts before the bytes that it takes", 252, 0, -16)
    v.data += bytes(-len(v.data) % 16)
    v.chain.at = len(v.data)
    v.frames(put("X"))
    v.damage(SECOND)


# ---- DESCENT and PURGED -------------------------------------------------------------------------------------------

A, B, C, D, E, F = made_up(6)
K1, K2, K3 = made_up(3, "key")


def descent_rules():
    def refused(name, comment, record, before=()):
        v = Reading("descent-" + name, 5, comment).commit(put())
        v.frames(*before, record, commit=not before)
        v.damage(SECOND + size(*before))

    def taken(name, comment, record, ids, heads, **more):
        """In generation 1, behind one change; `ids` and `heads` with "own" for the id of the transaction itself."""
        v = Reading("descent-" + name, 5, comment).commit(put()).commit(record, put("B"))
        first, own = v.changes
        replaced = {"birth": v.birth, "first": first, "own": own}
        v.has([replaced.get(i, i) for i in ids], [replaced.get(i, i) for i in heads], **more).whole()

    for flags in (2, 3, 0x80, 0x81):
        refused("flags-%02x" % flags, "Flags but CHANGE are 0", descent(flags & 1, [] if flags & 1 else [A], flags=flags))
    refused("byte-1-not-zero", "Byte 1 is zero", descent(heads=[A], zero=1))
    refused("bytes-12-to-15-not-zero", "Bytes 12 to 15 are zero", descent(heads=[A], zero2=1))
    refused("byte-15-not-zero", "Bytes 12 to 15 are zero", descent(heads=[A], zero2=1 << 31))
    refused("without-heads-and-change", "Without heads it is a change", descent(ids=[A]))
    refused("empty-without-change", "Without heads it is a change", descent())
    refused("change-with-heads", "A change has no heads", descent(True, [A]))
    many = made_up(33, "heads")
    taken("of-32-heads", "At most 32 heads", descent(heads=many[:32]), ["birth", "first", *many[:32]], many[:32])
    refused("of-33-heads", "At most 32 heads", descent(heads=many))
    keys = made_up(1025, "keys")
    taken("of-1024-key-ids", "At most 1,024 key ids", descent(True, keys=keys[:1024]), ["birth", "first", "own"], ["own"], keys=keys[:1024])
    refused("of-1025-key-ids", "At most 1,024 key ids", descent(True, keys=keys))
    for name, count in (("128000", 128000), ("128001", 128001)):
        v = Reading("descent-of-%s-ids" % name, 5, "At most 128,000 ids").commit(put())
        record = zeros_inside(v.chain, other(vf.DESCENT, descent_body(True, n=count) + bytes(8 * count)), SECOND, 24)
        if count > 128000:
            v.frames(record).damage(SECOND)
            continue
        v.commit(record)
        ids = [record.body[24 + 8 * i:32 + 8 * i] for i in range(count)]
        v.has([*ids, v.birth, *v.changes], v.changes[-1:]).whole()
    for name, body in [("of-0-bytes", b""), ("of-23-bytes", descent_body(True)[:23]), ("of-25-bytes", descent_body(True) + b"\0"),
                       ("one-byte-short", descent_body(ids=[A, B], heads=[C])[:-1]),
                       ("one-byte-long", descent_body(ids=[A, B], heads=[C]) + b"\0"), ("one-id-long", descent_body(True, ids=[A], n=0)),
                       ("one-id-short", descent_body(True, ids=[A], n=2)), ("heads-beyond-the-body", descent_body(heads=[A], h=3)),
                       ("keys-beyond-the-body", descent_body(True, keys=[A], k=2))]:
        refused(name, "The length of the body is that of the lists", other(vf.DESCENT, body))
    taken("empty", "A change without anything else", descent(True), ["birth", "first", "own"], ["own"])
    refused("second-in-its-transaction", "Only the first record may be a DESCENT", descent(True), [put("B")])
    refused("twice-in-a-transaction", "At most one a transaction", descent(True), [descent(True)])
    v = Reading("descent-breach-without-a-commit", 5, "A breach is damage, committed or not").commit(put())
    v.frames(descent(heads=[A], zero=1), put("B"), commit=False).damage(SECOND)
    v = Reading("descent-breach-out-of-place", 5, "The rules are asked of frames in place alone").commit(put())
    v.frames(descent()._replace(wrong={"seq": 1})).tail()
    v = Reading("descent-in-a-tail", 6, "Only what is committed takes effect").commit(put())
    v.frames(descent(True, keys=[K1], ids=[A]), put("B"), commit=False).tail()
    Reading("descent-alone", 5, "A DESCENT may carry COMMIT").commit(descent(True)).whole()

    taken("ids-of-a-change", "The ids of a change stand before what was there", descent(True, ids=[A, B]), [A, B, "birth", "first", "own"],
          ["own"])
    taken("ids-of-no-change", "The ids of no change stand behind what was there, then the heads", descent(heads=[C, D], ids=[A, B]),
          ["birth", "first", A, B, C, D], [C, D])
    taken("heads-among-the-ids", "No duplicates: the heads have their place among the ids", descent(heads=[D, A], ids=[A, B, D]),
          ["birth", "first", A, B, D], [D, A])
    taken("duplicates", "No duplicates", descent(True, ids=[A, B, A, B, C], keys=[K1, K1, K2]), [A, B, C, "birth", "first", "own"], ["own"],
          keys=[K1, K2])
    taken("heads-twice", "No duplicates in the frontier", descent(heads=[A, A]), ["birth", "first", A], [A])
    taken("keys-and-dropped", "Key ids and the number of dropped ids", descent(True, keys=[K1, K2], dropped=5),
          ["birth", "first", "own"], ["own"], keys=[K1, K2], dropped=5)


def descents():
    v = Reading("descent-of-ids-that-are-there", 6, "Ids that are there keep their place").commit(put())
    first = v.changes[0]
    v.commit(descent(True, ids=[A, first, B]))
    v.has([A, B, v.birth, first, v.changes[1]], v.changes[1:]).whole()
    v = Reading("descent-with-heads-that-are-there", 6, "As after a merge of two branches").commit(put())
    first = v.changes[0]
    v.commit(descent(heads=[first, A], ids=[B, A]), put("B"))
    v.has([v.birth, first, B, A], [first, A]).whole()
    v = Reading("descent-and-a-change", 6, "A change behind it follows all heads").commit(descent(heads=[A, B], ids=[C])).commit(put())
    v.has([v.birth, C, A, B, v.changes[1]], v.changes[1:]).whole()
    v = Reading("descents-of-several-transactions", 6, "Each counts in its turn")
    v.commit(descent(True, ids=[A], keys=[K2], dropped=1)).commit(descent(heads=[B, C], keys=[K1, K2], dropped=2))
    v.commit(descent(True, ids=[D, C], keys=[K3], dropped=4))
    own = v.changes
    v.has([D, A, v.birth, own[0], B, C, own[2]], own[2:], [K2, K1, K3], 7).whole()
    v = Reading("descent-dropped-saturates", 6, "dropped stops at 2^64 - 1")
    v.commit(descent(True, dropped=2 ** 64 - 2)).commit(descent(True, dropped=5))
    v.has([v.birth, *v.changes], v.changes[1:], dropped=2 ** 64 - 1).whole()
    v = Reading("descent-dropped-2-to-the-64-minus-1", 6, "dropped at its most").commit(descent(True, dropped=2 ** 64 - 1))
    v.has([v.birth, *v.changes], v.changes, dropped=2 ** 64 - 1).whole()

    def later(name, comment, *transactions, generation=2, end=None, section=6):
        end = LOG_START + sum(size(*t) for t in transactions) if end is None else end
        v = Reading(name, section, comment, generation=generation, base_seq=9, lineage=LINEAGE, base_end=end, read_only=1)
        for t in transactions:
            v.commit(*t)
        return v

    start = id(LINEAGE)
    v = later("rewrite-with-descent", "What a compaction wrote adds no id", [descent(heads=[C], ids=[A, B], keys=[K1]), put(), put("B")])
    v.has([A, B, C], [C], [K1]).whole()
    v = later("rewrite-with-descent-in-three-transactions", "Nor does what stands in a later transaction of it",
              [descent(heads=[C], ids=[A, B]), put()], [put("B")], [put("C")])
    v.has([A, B, C], [C]).whole()
    v = later("rewrite-with-descent-and-a-change-behind-it", "A change behind base_end", [descent(heads=[C], ids=[A, B]), put()])
    v.commit(put("B"))
    v.has([A, B, C, v.changes[-1]], v.changes[-1:]).whole()
    v = later("rewrite-that-is-a-change", "As a purge or new keys: the id of the first transaction", [descent(True, ids=[A, B]), put()],
              [put("B")])
    v.has([A, B, v.changes[0]], v.changes[:1]).whole()
    v = later("rewrite-of-before", "Without DESCENT it is LEGACY, and begins with its lineage", [put(), put("B")], [put("C")])
    v.has([start], [start], legacy=True).whole()
    v = later("rewrite-of-before-and-a-change", "A change behind base_end", [put(), put("B")]).commit(put("C"))
    v.has([start, v.changes[-1]], v.changes[-1:], legacy=True).whole()
    v = later("rewrite-of-before-with-a-descent-behind-base-end", "Still LEGACY", [put()])
    v.commit(descent(heads=[A], ids=[B]), put("B"))
    v.has([start, B, A], [A], legacy=True).whole()
    v = later("rewrite-of-before-with-a-descent-in-its-second-transaction", "Still LEGACY, but that DESCENT counts", [put()],
              [descent(True, ids=[B]), put("B")])
    v.has([B, start, v.changes[-1]], v.changes[-1:], legacy=True).whole()
    later("rewrite-of-before-without-a-frame", "It has no first record", end=LOG_START).has([start], [start], legacy=True).whole()
    v = later("rewrite-of-before-without-a-frame-and-a-change", "Its first record is no DESCENT", end=LOG_START).commit(put())
    v.has([start, *v.changes], v.changes, legacy=True).whole()
    v = later("rewrite-of-before-without-a-frame-and-a-tail", "Nothing took effect", end=LOG_START).has([start], [start], legacy=True)
    v.frames(put(), commit=False).tail()
    v = later("rewrite-of-before-without-a-frame-and-an-unfinished-descent", "What did not take effect is no first record", end=LOG_START)
    v.has([start], [start], legacy=True)
    v.frames(descent(heads=[A], ids=[B]), put(), commit=False).tail()
    v = later("generation-2-to-the-64-minus-1", "The last generation there is", [descent(heads=[A]), put()], generation=2 ** 64 - 1)
    v.has([A], [A]).whole()
    v = Reading("generation-1-with-a-descent-first", 6, "Generation 1 is never LEGACY and begins with its MAC")
    v.commit(descent(heads=[A], ids=[B]), put())
    v.has([v.birth, B, A], [A]).whole()
    v = Reading("generation-1-with-a-change-first", 6, "Generation 1 begins with its MAC").commit(descent(True, ids=[B]), put())
    v.has([B, v.birth, *v.changes], v.changes).whole()
    Reading("generation-1-without-the-flag", 2, "A file of before").commit(put()).whole()
    Reading("generation-1-with-the-flag", 2, "As every writer of today makes it", read_only=1).commit(put()).whole()


def purged_rules():
    def refused(name, body):
        v = Reading("purged-" + name, 5, "1 to 65,536 entries of 16 bytes").commit(put()).frames(other(vf.PURGED, body))
        v.damage(SECOND)

    one, two = made_up(2, "entry a"), made_up(2, "entry b")
    a, b = b"".join(one), b"".join(two)
    for n in (0, 1, 15, 17, 31):
        refused("of-%d-bytes" % n, bytes(n))
    for count in (65536, 65537):
        v = Reading("purged-of-%d-entries" % count, 5, "1 to 65,536 entries of 16 bytes").commit(put())
        record = zeros_inside(v.chain, other(vf.PURGED, bytes(16 * count)), SECOND, 0)
        if count > 65536:
            v.frames(record).damage(SECOND)
        else:
            v.commit(record).has_purged(count).whole()
    for extra, commit in ((0, True), (1, True), (1, False)):
        name = "purged-entries-in-all%s%s" % ("-and-%d" % extra if extra else "", "" if commit else "-without-a-commit")
        v = Reading(name, 6, "At most 1,048,576 entries in all PURGED records of a file").commit(put())
        count = 0
        # Of a length that fills its bucket, so that no padding makes the vector long.
        for entries in [61437] * 17 + [1048576 - 61437 * 17]:
            record = zeros_inside(v.chain, other(vf.PURGED, bytes(16 * entries)), v.end, 0)
            v.commit(record)
            count += len({record.body[at:at + 16] for at in range(0, len(record.body), 16)})
        if not extra:
            v.has_purged(count).whole()
        elif commit:
            at = v.end
            v.commit(purged(bytes(16))).damage(at)
        else:
            at = v.end
            v.frames(purged(bytes(16)), commit=False).damage(at)
    Reading("purged-of-one-entry", 5, "An entry").commit(put()).commit(purged(a)).has_purged(1).whole()
    Reading("purged-records-in-one-transaction", 6, "The union of all entries, each once").commit(
        put(), purged(a, b), purged(b, a, bytes(16)), purged(bytes(16))).has_purged(3).whole()
    v = Reading("purged-records-in-two-transactions", 6, "The union of all entries, each once").commit(purged(a))
    v.commit(put("B"), purged(a, b)).has_purged(2).whole()
    v = Reading("purged-in-a-tail", 6, "Only what is committed takes effect").commit(put(), purged(a))
    v.frames(put("B"), purged(b), commit=False).has_purged(1).tail()
    v = Reading("purged-breach-without-a-commit", 5, "A breach is damage, committed or not").commit(put())
    v.frames(put("B"), purged(b"x" * 8), commit=False).damage(SECOND + 176)
    two, three = put(value=b"two", time=START + 1), put(value=b"three", time=START + 1)
    Reading("purged-version-before-the-list", 5, "A listed version is in no history").commit(put(), two).commit(purged(entry(two))).has_purged(1).whole()
    Reading("purged-version-behind-the-list", 5, "A listed version is in no history").commit(purged(entry(two))).commit(put(), two).has_purged(1).whole()
    Reading("purged-versions-beside-the-list", 5, "A listed version is in no history").commit(two, purged(entry(two)), put(), three).has_purged(1).whole()
    Reading("purged-versions-of-one-entry", 5, "An entry stands for every value of one time").commit(
        put(), two).commit(three, put("B", b"two", START + 1), gone("A", START + 1)).commit(purged(entry(two))).has_purged(1).whole()
    Reading("purged-tombstone", 5, "A deletion that is listed deletes nothing").commit(
        put(), gone("A", START + 1)).commit(purged(entry(gone("A", START + 1)))).has_purged(1).whole()
    Reading("purged-secret", 5, "A name all of whose versions are listed does not exist").commit(
        put(), two, put("B")).commit(purged(entry(put()), entry(two))).has_purged(2).whole()
    Reading("purged-version-twice", 5, "Of equal triples none is in the history").commit(two, put()).commit(two, purged(entry(two))).has_purged(1).whole()
    Reading("purged-version-and-a-tail", 6, "A list that is not committed lists nothing").commit(
        put(), two).frames(purged(entry(two)), commit=False).has_purged(0).tail()
    Reading("head-of-before", 5, "A head is skipped and proves nothing").commit(put()).commit(head(), put("B")).whole()


def define():
    for part in (headers, sizes, order, seqs, transactions, searches, descent_rules, descents, purged_rules):
        part()
