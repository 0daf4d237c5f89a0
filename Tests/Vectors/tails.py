"""Vectors of sections 6 and 7: what follows the last commit, prefixes, and frames that were moved about."""

from forge import EMPTY_SLOT, LOG_START, START, Vector, draw, passphrase_slot, put

SECOND = LOG_START + 176
TWO = [put("A", b"two", START + 1), put("B", b"two", START + 1)]


def one(name, comment, section=7):
    """A vault with one commit, which ends at SECOND."""
    return Vector(name, section, comment).commit(put())


def remnants():
    for n in (1, 15, 16, 31, 32, 175, 176, 5000):
        one("tail-of-%d-zeros" % n, "Blocks that were never written").raw(bytes(n)).tail()
    for n in (1, 16, 176, 5000):
        one("tail-of-%d-bytes-of-noise" % n, "Bytes that mean nothing").raw(draw("noise")(n)).tail()
    one("tail-of-ones", "Erased flash").raw(b"\xff" * 400).tail()
    Vector("tail-in-an-empty-vault", 7, "C is LOG_START").raw(b"?").tail()
    v = one("tail-half-a-frame", "The write stopped within a frame").frames(*TWO)
    v.cut(SECOND + 88).tail()
    v = one("tail-one-frame-and-a-half", "The write stopped within the second frame").frames(*TWO)
    v.cut(SECOND + 264).tail()
    for n, word in ((1, "one-frame"), (2, "two-frames"), (3, "three-frames")):
        one("tail-%s-without-commit" % word, "The write stopped at the end of a frame").frames(
            *[put("N%d" % i) for i in range(n)], commit=False).tail()
    v = one("tail-first-sector-lost", "The second frame reached the disk, the first did not: tx_start is B, not beyond it").frames(*TWO)
    v.patch((SECOND, bytes(176))).tail()
    v = one("tail-middle-lost", "The first and the third frame reached the disk").frames(*TWO, put("C"))
    v.patch((SECOND + 176, bytes(176))).tail()
    v = one("tail-l-of-the-first-lost", "The length field alone did not reach the disk").frames(*TWO)
    v.patch((SECOND, bytes(4))).tail()
    v = one("tail-holds-a-vault", "Another vault's whole file follows")
    v.raw(v.data).tail()


def stale():
    v = one("tail-of-two-attempts", "The frames of a failed attempt stand behind those of a shorter one; both have tx_start B")
    twin = v.chain.fork()
    longer = twin.transaction([put("X"), put("Y"), put("Z")])
    v.frames(put("X", b"again"), commit=False).raw(longer[176:]).tail()
    v = one("tail-with-the-commit-of-another-attempt", "The first frame of one attempt and the last of another: prev_tag differs")
    first = v.chain.fork().transaction(TWO)
    second = v.chain.fork().transaction(TWO, nonce16=b"another attempt!")
    v.raw(first[:176] + second[176:]).tail()
    v = one("frame-of-an-earlier-transaction-behind-b", "Its tx_start lies before B: it proves nothing")
    v.chain.skip(64)
    v.data += bytes(64)
    v.frames(put("X", tx_start=LOG_START)).tail()
    v = one("frame-whose-tx-start-lies-between-c-and-b", "Only a tx_start beyond B proves something").frames(
        put("A"), put("B"), commit=False)
    v.chain.skip(64)
    v.data += bytes(64)
    v.frames(put("X", tx_start=SECOND + 176)).tail()
    v = one("frame-of-the-same-transaction-behind-b", "Its tx_start is B: it proves nothing")
    v.chain.skip(64)
    v.data += bytes(64)
    v.frames(put("X", tx_start=SECOND)).tail()


def later(name, comment, gap=64, content=None, **wrong):
    v = one(name, comment)
    v.raw(bytes(gap) if content is None else content)
    return v.frames(put("X", **wrong))


def later_transactions():
    for gap in (16, 176, 4096):
        later("later-transaction-%d-bytes-behind-b" % gap, "tx_start beyond B proves that a later transaction was begun", gap).damage(SECOND)
    later("later-transaction-with-any-seq-and-tag", "Neither seq nor prev_tag is asked of it", seq=99, prev_tag=bytes(16)).damage(SECOND)
    later("later-transaction-with-a-breach", "Nor are the rules of its record", flags=0xFF).damage(SECOND)
    later("later-transaction-with-tx-start-beyond-any-file", "Only that tx_start lies beyond B is asked", tx_start=2 ** 64 - 16).damage(SECOND)
    later("later-transaction-with-tx-start-b-plus-1", "Beyond B by one byte", tx_start=SECOND + 1).damage(SECOND)
    later("later-transaction-off-the-grid", "It does not begin at a multiple of 16", 40).tail()
    later("later-transaction-with-a-wrong-crc", "The search wants a right CRC", crc=1).tail()
    later("later-transaction-under-another-key", "The search wants a box that opens", key=draw("another key")(32)).tail()
    later("later-transaction-with-another-offset", "The search wants its own offset in the nonce", offset=SECOND).tail()
    v = later("later-transaction-cut", "The search wants a whole frame")
    v.cut(len(v.data) - 1).tail()
    v = one("later-transaction-behind-a-wrong-frame-of-another", "A frame of the transaction at B stands between").frames(
        put("A", b"two", crc=1), put("B")).frames(put("C")).damage(SECOND)
    v = one("later-transaction-behind-frames-in-place", "B is the first frame that is not in place, not the end of the last commit").frames(
        put("A"), put("B"), put("C", crc=1), put("D"))
    v.frames(put("E")).damage(SECOND + 352)
    v = one("more-than-64-mib-behind-the-last-commit", "No transaction is that long")
    v.zeros = (64 << 20) + 1
    v.damage(SECOND)


def prefixes():
    def cut(name, comment, length, commits):
        v = Vector("prefix-" + name, 1, comment)
        transactions = [[put("A", b"one")], TWO, [put("C", b"three", START + 2)]]
        for t in transactions[:commits]:
            v.commit(*t)
        for t in transactions[commits:]:
            v.frames(*t)
        v.cut(length)
        v.whole() if length == v.end else v.tail()

    ends = [LOG_START, SECOND, SECOND + 352, SECOND + 528]
    for number, end in enumerate(ends[:3]):
        cut("at-the-end-of-commit-%d" % number, "Every prefix is a vault, an older one", end, number)
        cut("one-byte-behind-commit-%d" % number, "One byte of the next transaction", end + 1, number)
        cut("one-byte-before-commit-%d" % (number + 1), "All but one byte of the next transaction", ends[number + 1] - 1, number)
    cut("between-the-frames-of-a-transaction", "At the end of a frame that does not commit", SECOND + 176, 1)


def moved():
    def three(name, comment, change, section=7):
        v = Vector(name, section, comment).frames(put("A")).frames(put("B")).frames(put("C")).frames(put("D"))
        frames = [v.data[LOG_START + 176 * i:LOG_START + 176 * (i + 1)] for i in range(4)]
        v.data = v.data[:LOG_START] + b"".join(change(frames))
        v.took, v.end, v.seq = [], LOG_START, 0
        return v

    def keep(v, *records):
        v.took, v.end, v.seq = list(records), LOG_START + 176 * len(records), len(records)
        return v

    three("frames-swapped", "The first two changed places; those behind stand where they did",
          lambda f: [f[1], f[0], *f[2:]]).damage(LOG_START)
    v = three("last-frames-swapped", "Neither stands at its own offset", lambda f: [*f[:2], f[3], f[2]])
    keep(v, put("A"), put("B")).tail()
    keep(three("frame-doubled", "Everything behind the copy stands elsewhere", lambda f: [f[0], *f]), put("A")).tail()
    v = three("last-frame-doubled", "The copy stands elsewhere", lambda f: [*f, f[3]])
    keep(v, put("A"), put("B"), put("C"), put("D")).tail()
    keep(three("frame-deleted", "Everything behind it stands elsewhere", lambda f: [f[0], *f[2:]]), put("A")).tail()
    three("first-frame-deleted", "Everything stands elsewhere", lambda f: f[1:]).tail()
    v = three("last-frame-deleted", "An older vault; only a mark could tell", lambda f: f[:3])
    keep(v, put("A"), put("B"), put("C")).whole()
    three("frame-zeroed", "Those behind stand where they did", lambda f: [f[0], bytes(176), *f[2:]]).damage(SECOND)
    three("first-frame-over-the-second", "Those behind stand where they did", lambda f: [f[0], f[0], *f[2:]]).damage(SECOND)


def spliced():
    def fork(name, comment):
        v = one(name, comment, 4)
        return v, v.chain.fork()

    v, right = fork("fork-of-the-same-lengths-mixed", "The second frame of one copy and the third of the other: prev_tag differs")
    theirs = right.transaction([put("A", b"r2", START + 1)]) + right.transaction([put("A", b"r3", START + 2)])
    v.commit(put("A", b"l2", START + 1)).raw(theirs[176:]).tail()
    v, right = fork("fork-of-the-same-lengths-mixed-before-the-end", "The same, and one more frame of the other copy behind it")
    theirs = b"".join(right.transaction([put("A", b"r%d" % i, START + i)]) for i in range(3))
    v.commit(put("A", b"l2", START + 1)).raw(theirs[176:]).damage(SECOND + 176)
    v, right = fork("fork-overwritten-in-the-middle", "One frame of the other copy between two of this one's")
    theirs = b"".join(right.transaction([put("A", b"r%d" % i, START + i)]) for i in range(2))
    v.commit(put("A", b"l2", START + 1)).raw(theirs[176:352])
    left = v.chain.fork()
    left.seq += 1
    v.data += left.transaction([put("A", b"l4", START + 3)])
    v.damage(SECOND + 176)
    vault_id = bytes(range(16))
    other = Vector("vault-with-the-same-master-key", 3, "Another vault id; the same passphrase, master key and file salt", vault_id=vault_id,
                   slots=(passphrase_slot("twin", vault_id=vault_id), EMPTY_SLOT), file_salt=draw("twins")(32)).commit(put("A", b"theirs"))
    other.whole()
    v = Vector("frames-of-a-vault-with-the-same-master-key", 3, "The frame key covers the vault id", file_salt=draw("twins")(32))
    v.raw(other.data[LOG_START:]).tail()
    v = Vector("frame-of-a-vault-with-the-same-master-key-in-the-middle", 3, "The frame key covers the vault id",
               file_salt=draw("twins")(32))
    v.frames(put()).frames(put("B")).patch((LOG_START, other.data[LOG_START:])).damage(LOG_START)
    theirs = Vector("vault-with-another-file-salt", 3, "The same vault id, slots and master key").commit(put("A", b"theirs"))
    theirs.whole()
    Vector("frames-of-a-file-with-another-file-salt", 3, "The frame key covers the file salt").raw(theirs.data[LOG_START:]).tail()


def define():
    for part in (remnants, stale, later_transactions, prefixes, moved, spliced):
        part()
