"""Vectors of sections 6 and 9: transactions, rewrites and merges."""

from forge import CLUSTER, LOG_START, PROJECT, START, Vector, gone, head, other, put, size

LINEAGE = bytes(range(200, 216))
OLD = [put("A", b"one"), put("B", b"two", scope=PROJECT, id="web"), put("C", b"v" * 100)]


def rewrite(name, section, comment, *transactions, end=None, **fields):
    """A file of generation 2 whose first transactions were written by a compaction; `end` is base_end if it is not theirs."""
    if end is None:
        end = LOG_START + sum(size(*t) for t in transactions)
    fields = {"generation": 2, "base_seq": 7, "lineage": LINEAGE, **fields}
    v = Vector(name, section, comment, base_end=end, **fields)
    for t in transactions:
        v.commit(*t)
    return v


def transactions():
    Vector("empty", 6, "No frame at all").whole()
    Vector("one-frame", 6, "The shortest transaction").commit(put()).whole()
    Vector("forty-frames-in-one-transaction", 6, "COMMIT on the last").commit(*[put("N%d" % i, b"x" * 11 * i) for i in range(40)]).whole()
    v = Vector("forty-transactions-of-one-frame", 6, "COMMIT on each")
    for i in range(40):
        v.commit(put("N%d" % (i % 7), b"x" * i, time=START + i))
    v.whole()
    Vector("transaction-that-sets-and-deletes", 6, "Records take effect in the order of the file").commit(
        put(time=START), gone(time=START + 1), put(value=b"two", time=START + 2), gone("B", time=START)).whole()


def rewrites():
    rewrite("rewrite-in-one-transaction", 6, "It ends exactly at base_end", OLD).whole()
    rewrite("rewrite-in-three-transactions", 6, "The last of them ends exactly at base_end", OLD[:1], OLD[1:2], OLD[2:]).whole()
    rewrite("rewrite-and-a-transaction-behind-it", 6, "A transaction begins at base_end", OLD).commit(gone("A", START + 1)).whole()
    rewrite("rewrite-of-nothing-and-a-transaction", 6, "base_end may be LOG_START", end=LOG_START).commit(*OLD).whole()
    rewrite("base-end-inside-the-content", 6, "Transactions end there and behind it: base_end is one of the ends", OLD[:1], OLD[1:],
            end=LOG_START + 176).whole()
    at = LOG_START + size(*OLD)
    rewrite("transaction-across-base-end", 7, "base_end is the end of a frame, but of no transaction", OLD, end=LOG_START + 176).damage(at)
    v = rewrite("transaction-across-base-end-and-more-behind", 7, "base_end is the end of a frame, but of no transaction", OLD,
                end=LOG_START + 352)
    v.commit(put("D")).damage(at + 176)
    rewrite("base-end-within-a-frame", 7, "base_end is the end of no frame", OLD, end=LOG_START + 176 - 16).damage(at)
    rewrite("base-end-within-the-second-transaction", 7, "base_end is the end of no frame", OLD[:1], OLD[1:],
            end=LOG_START + 176 + 32).damage(at)
    rewrite("transaction-across-base-end-before-a-tail", 7, "Replay stops where the tail begins", OLD,
            end=LOG_START + 176).raw(bytes(40)).damage(at)
    rewrite("transaction-across-base-end-before-kind-42", 5, "An unknown kind on the way decides first", OLD,
            end=LOG_START + 176).frames(other(0x42)).says("unsupported")
    end = LOG_START + size(*OLD) + 176
    rewrite("commit-missing-at-base-end", 7, "What a rewrite wrote is never unfinished", OLD, end=end).frames(
        put("D"), commit=False).damage(end)
    rewrite("last-frame-of-a-rewrite-wrong", 7, "What a rewrite wrote is never unfinished", OLD, end=end).frames(put("D", crc=1)).damage(at)
    rewrite("first-frame-of-a-rewrite-wrong", 7, "What a rewrite wrote is never unfinished", end=LOG_START + 176).frames(
        put("D", crc=1)).damage(LOG_START)
    rewrite("zeros-up-to-base-end", 7, "What a rewrite wrote is never unfinished", OLD, end=end).raw(bytes(176)).damage(at)
    rewrite("zeros-instead-of-a-rewrite", 7, "What a rewrite wrote is never unfinished", end=LOG_START + 352).raw(bytes(352)).damage(LOG_START)
    v = rewrite("tail-behind-a-rewrite", 7, "Behind base_end a transaction may be unfinished", OLD)
    v.frames(put("D"), put("E"), commit=False).tail()
    rewrite("damage-behind-a-rewrite", 7, "A later transaction follows", OLD).frames(put("D", crc=1)).frames(put("E")).damage(at)
    v = rewrite("rewrite-cut-behind-base-end", 7, "Every prefix from base_end on is a vault", OLD).frames(put("D"))
    v.cut(at + 1).tail()
    v = rewrite("rewrite-cut-at-base-end", 7, "Every prefix from base_end on is a vault", OLD).frames(put("D"))
    v.cut(at).whole()
    v = rewrite("frames-of-the-generation-before", 3, "The frame key covers the generation", end=LOG_START)
    old = Vector("generation-before", 3, "A vault before its compaction").commit(*OLD)
    old.whole()
    v.raw(old.data[LOG_START:]).tail()


def generations():
    v = rewrite("compacted-generation-2", 9, "Tombstones and what is safe to copy are carried over",
                [put("A", b"four", START + 9), gone("B", START + 3), other(0xC5), head()], base_seq=16)
    v.commit(put("A", b"five", START + 10)).commit(gone("A", START + 11), put("D", time=START + 11)).whole()
    v = rewrite("compacted-generation-5", 9, "Four rewrites later: seq goes on", [put("N%d" % i, b"%d" % i, START + i) for i in range(9)],
                [put("N%d" % i, b"older", START - i) for i in range(9)], generation=5, base_seq=10 ** 6, compatible=12)
    v.commit(gone("N3", START + 50)).frames(put("N4"), commit=False).tail()
    rewrite("rewrite-of-an-empty-vault", 9, "lineage is the first half of the old header's MAC, base_seq 0", end=LOG_START,
            base_seq=0, generation=3).whole()
    rewrite("rewrite-of-tombstones-alone", 9, "Deleted secrets stay deleted", [gone("A"), gone("B", scope=CLUSTER, id="k")]).whole()


def merges():
    v = Vector("merged-copies", 9, "The union of two histories, and a head of the other copy as the last record")
    v.commit(put(value=b"left", time=START + 5)).commit(put("B", b"left", time=START + 7))
    v.commit(put(value=b"right", time=START + 5), put("B", b"right", time=START + 6), gone("C", time=START + 6), head(time=START + 20)).whole()
    v = Vector("merged-twice", 9, "Merging is idempotent: what was there already counts once")
    records = [put(value=b"right", time=START + 5), gone("C", time=START + 6)]
    v.commit(put()).commit(*records, head()).commit(*records, head(time=START + 1)).whole()
    one, two = put(value=b"1", time=START), put(value=b"2", time=START)
    same = "Two copies that were merged crosswise hold the same history, so that their digests are equal"
    Vector("merged-crosswise-left", 9, same).commit(one).commit(two, head(bytes(16))).whole()
    Vector("merged-crosswise-right", 9, same).commit(two).commit(one, head(b"\1" * 16)).whole()


def define():
    for part in (transactions, rewrites, generations, merges):
        part()
