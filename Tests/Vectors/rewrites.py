"""Vectors of v2/compaction, v2/purge and v2/salvage: what is written of a file: section 9."""

import struct

import vaultfile as vf
from copies import (
    NOW, OTHER_MASTERS, File, Vectors, cut, descent, descent_body, entry, id, key_id, made_up, new_file, order, patch, purged, record,
    rewritten, zeros_inside)
from forge import CLUSTER, LOG_START, MASTER, PROJECT, RECOVERY_SLOT, SLOT, START, VAULT_ID, gone, head, make_header, other, patched, put, size

A, B, C, D, E = made_up(5, "rewrite")
K1, K2 = made_up(2, "rewrite key")
LAST = 2 ** 64 - 1
LINEAGE = bytes(range(200, 216))


def says(directory, name, comment, file, said, section=9, **given):
    Vectors.add(directory, name, section, comment, [file], said, now=NOW, **given)


def compaction(name, comment, file, kept, made, entries=(), keep="all", **more):
    says("compaction", name, comment, file, new_file(file, kept, made, entries), rewrite="compaction", keep=keep, **more)


def small(label="small", **fields):
    """Three versions of A, one of B, and the ids of the changes."""
    file = File(label, read_only=1, **fields)
    records = [put("A", b"1", START), put("A", b"2", START + 10), put("B", b"b", START + 5), put("A", b"3", START + 20)]
    ids = [file.birth, file.commit(*records[:2]), file.commit(*records[2:])]
    return file, records, ids


def kept():
    file, (a1, a2, b, a3), ids = small()
    made = record(heads=ids[2:], ids=ids[:2])
    compaction("all-versions", "The records keep their order", file, [a1, a2, b, a3], made)
    compaction("no-older-versions", "The newest of each address", file, [b, a3], made, keep="none")
    for since, more in [(START + 20, [a2]), (START + 21, []), (START + 10, [a1, a2]), (START + 11, [a2])]:
        compaction("versions-replaced-since-%d" % (since - START), "The next newer version has that time or a later one", file,
                   [r for r in (a1, a2, b, a3) if r in more or r in (b, a3)], made, keep=since)
    file = File("tombstones", read_only=1)
    records = [put("A", b"1", START), gone("A", START + 1), gone("B", START), put("C", b"x", START, PROJECT, "p"), put("C", b"y", START, CLUSTER, "p")]
    one = file.commit(*records)
    compaction("tombstones", "Tombstones are carried over; scope and id belong to the address", file, records[1:],
               record(heads=[one], ids=[file.birth]), keep="none")
    file = File("doubles", read_only=1)
    first = [put("A", b"x", START), put("A", b"y", START), put("A", b"x", START)._replace(), gone("A", START)]
    one = file.commit(*first)
    two = file.commit(put("A", b"y", START), put("B", b"", START))
    compaction("equal-triples", "Of equal triples the first is carried over", file, [first[0], first[1], first[3], file.took[-1]],
               record(heads=[two], ids=[file.birth, one]))
    compaction("equal-times", "The largest is the newest: the tombstone", file, [first[3], file.took[-1]],
               record(heads=[two], ids=[file.birth, one]), keep="none")
    file = File("other kinds", read_only=1)
    records = [put("A"), other(0xC5, b"carried", START + 3), other(0x85, b"left out"), head(), other(0xFF, b""), other(0xC5, b"carried", START + 3)]
    one = file.commit(*records)
    compaction("other-kinds", "Ignorable and safe to copy: carried over, twice if it is there twice; a head is not", file,
               [records[0], records[1], records[4], records[5]], record(heads=[one], ids=[file.birth]), keep="none")
    file = File("nothing", read_only=1)
    compaction("of-an-empty-vault", "lineage is the header's MAC; the DESCENT alone", file, [], record(heads=[file.birth]))
    tail = File("with a tail", read_only=1)
    one = tail.commit(put("A"))
    tail.data += tail.chain.fork().transaction([put("B")], commit=False)
    compaction("with-a-tail", "An unfinished tail is not carried over", tail, [put("A")], record(heads=[one], ids=[tail.birth]))
    file = File("flags", read_only=0, compatible=12)
    one = file.commit(put("A"))
    compaction("of-a-file-without-the-flag", "The flag DESCENT is set, compatible flags are kept", file, [put("A")],
               record(heads=[one], ids=[file.birth]))
    edge = File("edge", read_only=1)
    one = edge.commit(put("A", bytes(76)), put("B", bytes(75)))
    compaction("of-values-at-the-edge-of-a-bucket", "base_end counts whole buckets", edge, [put("A", bytes(76)), put("B", bytes(75))],
               record(heads=[one], ids=[edge.birth]))
    large = File("large", read_only=1)
    value = zeros_inside(large.chain, put("V", bytes((1 << 20) - 53)), large.end, 5)
    one = large.commit(value)
    compaction("of-a-large-value", "base_end counts frames as long as they were", large, [value], record(heads=[one], ids=[large.birth]))


def lineages():
    file = rewritten("r", descent(heads=[C, D], ids=[A, B, C], keys=[K1, K2], dropped=7), [put("A")], generation=5, compatible=4)
    compaction("of-a-rewrite", "All of the state is carried: P, K, I and dropped", file, [put("A")],
               record(heads=[C, D], keys=[K1, K2], ids=[A, B], dropped=7))
    file = rewritten("r", descent(heads=[C], ids=[A]), [put("A")])
    two = file.commit(put("B"))
    compaction("of-a-rewrite-and-a-change", "The former head is an id", file, [put("A"), put("B")], record(heads=[two], ids=[A, C]))
    file = rewritten("legacy", None, [put("A")])
    compaction("of-a-legacy-file", "Its lineage is the frontier", file, [put("A")], record(heads=[id(LINEAGE)]))
    file = rewritten("change", descent(True, ids=[A, B]), [put("A")], [put("B")])
    first = file.took[:2]
    chain = File("change", generation=2, base_seq=7, lineage=LINEAGE, read_only=1, base_end=file.end).chain
    chain.transaction(first)
    own = id(chain.tag)
    compaction("of-a-purge", "The id of a change that a rewrite was", file, [put("A"), put("B")], record(heads=[own], ids=[A, B]))
    full = File("full", read_only=1)
    ids = 128000
    r = zeros_inside(full.chain, other(vf.DESCENT, descent_body(True, n=ids, keys=[K1], dropped=5) + bytes(8 * ids)), full.end, 32)
    one = full.commit(r)
    listed = [r.body[32 + 8 * i:40 + 8 * i] for i in range(ids)]
    compaction("of-128002-ids", "The oldest ids are left out, and counted: 128,001 beside the head", full, [],
               record(heads=[one], keys=[K1], ids=[*listed[1:], full.birth], dropped=6))
    two = full.commit(put("A"))
    compaction("of-128003-ids", "The oldest ids are left out, and counted", full, [put("A")],
               record(heads=[two], keys=[K1], ids=[*listed[2:], full.birth, one], dropped=7))
    fits = File("fits", read_only=1)
    n = 127999
    r = zeros_inside(fits.chain, other(vf.DESCENT, descent_body(True, n=n, dropped=LAST) + bytes(8 * n)), fits.end, 24)
    one = fits.commit(r)
    listed = [r.body[24 + 8 * i:32 + 8 * i] for i in range(n)]
    compaction("of-128001-ids", "128,000 ids beside the head: none is left out", fits, [], record(heads=[one], ids=[*listed, fits.birth], dropped=LAST))
    says("compaction", "new-keys-of-128001-ids", "One of 128,001 ids is left out; dropped stops at 2^64 - 1", fits,
         new_file(fits, [], record(True, keys=[key_id()], ids=[*listed[1:], fits.birth, one], dropped=LAST)), rewrite="new keys", keep="all")
    held = File("held", read_only=1)
    n = 128000
    r = zeros_inside(held.chain, other(vf.DESCENT, descent_body(True, n=n) + bytes(8 * n)), held.end, 24)
    held.commit(r)
    listed = [r.body[24 + 8 * i:32 + 8 * i] for i in range(n)]
    first = id(held.tag)
    held.commit(descent(heads=[listed[1], listed[3]]), put("A"))
    # I: 128,000 ids, the birth, the first change; P: two of the oldest.
    says("compaction", "new-keys-with-an-old-frontier", "Never one of P is left out: the oldest three of the others are not there", held,
         new_file(held, [put("A")], record(True, keys=[key_id()], ids=[listed[1], listed[3], *listed[4:], held.birth, first], dropped=2)),
         rewrite="new keys", keep="all")


def new_keys():
    def says_keys(name, comment, file, kept, made, entries=()):
        says("compaction", name, comment, file, new_file(file, kept, made, entries), rewrite="new keys", keep="all")

    file, records, ids = small()
    says_keys("new-keys", "CHANGE: all ids, no heads, and the key id of before", file, records, record(True, keys=[key_id()], ids=ids))
    file = rewritten("keys again", descent(heads=[C, D], ids=[A, B], keys=[K1], dropped=3), [put("A"), other(0xC5, b"c")])
    says_keys("new-keys-again", "Predecessors in their order", file, [put("A"), other(0xC5, b"c")],
              record(True, keys=[K1, key_id()], ids=[A, B, C, D], dropped=3))
    file = rewritten("keys listed", descent(heads=[C]), [purged(entry(put("A"))), put("A"), put("B")])
    says_keys("new-keys-with-purged-versions", "Listed versions are dropped", file, [put("B")], record(True, keys=[key_id()], ids=[C]),
              [entry(put("A"))])
    keys = made_up(1024, "1024")
    file = rewritten("keys full", descent(heads=[C], keys=keys), [put("A")])
    says_keys("new-keys-of-1025", "At most 1,024 key ids: the oldest is left out", file, [put("A")], record(True, keys=[*keys[1:], key_id()], ids=[C]))
    file = rewritten("keys 1024", descent(heads=[C], keys=keys[:1023]), [put("A")])
    says_keys("new-keys-of-1024", "1,024 key ids", file, [put("A")], record(True, keys=[*keys[:1023], key_id()], ids=[C]))
    file = rewritten("keys once", descent(heads=[C], keys=[key_id(), K1]), [put("A")])
    says_keys("new-keys-that-were-there", "No duplicates: it has its place", file, [put("A")], record(True, keys=[key_id(), K1], ids=[C]))


def listed():
    file = File("listed", read_only=1)
    a1, a2, a3 = put("A", b"1", START), put("A", b"2", START + 1), put("A", b"3", START + 2)
    one = file.commit(a1, a2, a3, put("B"))
    two = file.commit(purged(entry(a3), entry(put("Z"))), purged(entry(put("Y")), entry(a3)))
    made, entries = record(heads=[two], ids=[file.birth, one]), [entry(a3), entry(put("Z")), entry(put("Y"))]
    compaction("with-purged-versions", "Listed versions are in no history; one PURGED with all entries in their order", file, [a1, a2, put("B")], made, entries)
    compaction("with-purged-versions-and-no-older-ones", "The newest of what is left", file, [a2, put("B")], made, entries, keep="none")
    compaction("with-purged-versions-since", "A listed version replaces nothing", file, [a2, put("B")], made, entries, keep=START + 2)
    file = File("many", read_only=1)
    r = zeros_inside(file.chain, other(vf.PURGED, bytes(16 * 65536)), file.end, 0)
    entries = [r.body[16 * i:16 * i + 16] for i in range(65536)]
    one = file.commit(r)
    compaction("with-65536-entries", "They fit into one PURGED", file, [], record(heads=[one], ids=[file.birth]), entries)
    two = file.commit(put("A"), put("B"), purged(entry(put("A"))))
    compaction("with-65537-entries", "The last one stands in a PURGED of its own", file, [put("B")], record(heads=[two], ids=[file.birth, one]),
               [*entries, entry(put("A"))])


def ends():
    def refused(name, comment, file, expect="exhausted", rewrite="compaction"):
        says("compaction", name, comment, file, {"expect": expect}, section=8, rewrite=rewrite, keep="all")

    for generation, name in ((LAST, "generation-2-to-the-64-minus-1"), (LAST - 1, "generation-2-to-the-64-minus-2")):
        file = rewritten("g", descent(heads=[C]), [put("A")], generation=generation)
        if generation == LAST:
            refused(name, "No generation can follow", file)
        else:
            compaction(name, "One more generation", file, [put("A")], record(heads=[C]))
    for base, name in ((LAST - 4, "seq-that-suffices"), (LAST - 3, "seq-that-does-not-suffice")):
        file = rewritten("s", descent(heads=[C]), [put("A")], base_seq=base)
        if base == LAST - 3:
            refused(name, "Two records more would pass 2^64 - 1", file)
        else:
            compaction(name, "The last record has seq 2^64 - 1", file, [put("A")], record(heads=[C]))
    for bit in (1, 31):
        file = File("read only", read_only=1 | 1 << bit)
        file.commit(put("A"))
        refused("read-only-flag-bit-%d" % bit, "Rule 2: an unknown read-only flag", file, "read only")
    refused("new-keys-with-an-unknown-read-only-flag", "Rule 2: an unknown read-only flag", file, "read only", "new keys")
    says("purge", "read-only-flag", "Rule 2: an unknown read-only flag", file, {"expect": "read only"}, section=8, purge=[target(put("A"))])


# ---- purge --------------------------------------------------------------------------------------------------------


def target(r):
    return [r.body[:4 + r.body[1] + r.body[2]].hex(), r.time, r.kind]


def purges():
    def purge(name, comment, file, versions, kept, made, entries):
        says("purge", name, comment, file, new_file(file, kept, made, entries), purge=[target(v) for v in versions])

    file, (a1, a2, b, a3), ids = small("purge")
    made = record(True, ids=ids)
    purge("an-older-version", "All others are kept; CHANGE with all ids", file, [a1], [a2, b, a3], made, [entry(a1)])
    purge("the-newest-version", "The one before it is current again", file, [a3], [a1, a2, b], made, [entry(a3)])
    purge("all-versions", "The address is gone", file, [a3, a2, a1], [b], made, [entry(a3), entry(a2), entry(a1)])
    file = File("purge equal", read_only=1)
    records = [put("A", b"x"), put("A", b"y"), gone("A"), put("A", b"x", START + 1), put("A", b"x", START, PROJECT, "p")]
    one = file.commit(*records)
    purge("versions-of-one-time", "All versions of that address, time and kind go together", file, [records[0]], records[2:],
          record(True, ids=[file.birth, one]), [entry(records[0])])
    purge("a-tombstone", "The kind belongs to the entry", file, [records[2]], [*records[:2], *records[3:]], record(True, ids=[file.birth, one]),
          [entry(records[2])])
    file = rewritten("purge again", descent(heads=[C, D], ids=[A], keys=[K1], dropped=4), [purged(entry(put("Z")), entry(put("B"))), put("A"), put("B"),
                     put("C"), other(0xC5, b"carried")])
    purge("again", "Entries of before stand first, and their versions go too", file, [put("A")], [put("C"), other(0xC5, b"carried")],
          record(True, keys=[K1], ids=[A, C, D], dropped=4), [entry(put("Z")), entry(put("B")), entry(put("A"))])


# ---- salvage ------------------------------------------------------------------------------------------------------


def salvages():
    def salvage(name, comment, file, kept, made, lost=(), uncertain=None, entries=(), last=None, unknown=0):
        """`last` is the file as it was when the last frame that is found was written."""
        said = new_file(last or file, kept, made, entries)
        says("salvage", name, comment, file, {**said, "lost": [list(x) for x in lost], "uncertain": uncertain, "unknown": unknown})

    def four(label="four", **fields):
        file = File(label, read_only=1, **fields)
        ids = [file.birth] + [file.commit(put(n, time=START + i)) for i, n in enumerate("ABCD")]
        return file, ids, [put(n, time=START + i) for i, n in enumerate("ABCD")]

    file, ids, records = four()
    end = file.end
    salvage("of-a-whole-file", "Nothing is lost: as a compaction of all versions", file, records, record(heads=ids[4:], ids=ids[:4]))
    nothing = record(True)
    for number, name in enumerate(("first", "second", "third")):
        file, ids, records = four()
        patch(file, (LOG_START + 176 * number + 40, b"\0\1\2"))
        salvage("%s-frame-damaged" % name, "Rule 3: its bytes are lost, one record; CHANGE without ids", file,
                records[:number] + records[number + 1:], nothing, [(LOG_START + 176 * number, 176, 1)])
    file, ids, records = four()
    before = File("four", read_only=1)
    for r in records[:3]:
        before.commit(r)
    patch(file, (LOG_START + 528 + 40, b"\0\1\2"))
    salvage("last-frame-damaged", "Nobody can tell how many records were at the end", file, records[:3], nothing, [(LOG_START + 528, 176, None)],
            last=before)
    file, ids, records = four()
    patch(file, (LOG_START + 176, bytes(352)))
    salvage("two-frames-zeroed", "Rule 3: two records", file, [records[0], records[3]], nothing, [(LOG_START + 176, 352, 2)])
    file, ids, records = four()
    file.data += b"noise"
    salvage("noise-behind-the-end", "What is behind the last frame is lost", file, records, nothing, [(end, 5, None)])
    file, ids, records = four()
    salvage("cut-within-a-frame", "As after a full disk", cut(file, end - 1), records[:3], nothing, [(LOG_START + 528, 175, None)], last=before)
    salvage("cut-at-the-end-of-a-frame", "Whole, as far as anybody can tell: as a compaction", cut(four()[0], end - 176), records[:3],
            record(heads=ids[3:4], ids=ids[:3]), last=before)
    file, ids, records = four()
    empty = File("four", read_only=1)
    patch(file, (LOG_START, bytes(704)))
    salvage("nothing-found", "The new file is empty; lineage is the header's MAC", file, [], nothing, [(LOG_START, 704, None)], last=empty)

    file, ids, records = four()
    tail = [put("E"), put("F")]
    file.data += file.chain.transaction(tail, commit=False)
    salvage("uncertain-tail", "Rule 4: no COMMIT is found, the records are taken", file, records + tail, nothing, uncertain=end)
    file, ids, records = four()
    three = [put("E"), put("F"), put("G")]
    start = file.end
    file.commit(*three)
    patch(file, (start + 352 + 40, b"\0\1"))
    until = four()[0]
    until.chain.transaction(three[:2], commit=False)
    salvage("uncertain-with-its-commit-damaged", "Rule 4", file, records + three[:2], nothing, [(start + 352, 176, None)], start, last=until)
    file, ids, records = four()
    file.commit(*three)
    patch(file, (start + 40, b"\0\1"))
    salvage("first-frame-of-the-last-transaction-damaged", "Its COMMIT is found: not uncertain", file, records + three[1:], nothing, [(start, 176, 1)])
    file, ids, records = four()
    file.commit(*three)
    after = file.end
    file.commit(put("H"))
    patch(file, (start + 352 + 40, b"\0\1"))
    salvage("commit-of-an-earlier-transaction-damaged", "Only the last transaction can be uncertain", file, records + three[:2] + [put("H")],
            nothing, [(start + 352, 176, 1)])
    del after

    file, ids, records = four()
    file.commit(put("E"), other(0x42, b"critical"), put("F"))
    salvage("unknown-critical-kind", "It is left out and counted, the rest is taken", file, records + [put("E"), put("F")], nothing, unknown=1)
    file, ids, records = four()
    file.commit(put("E"), other(0x42, b"critical"), other(0x7F, b""))
    salvage("unknown-critical-kinds-at-the-end", "Its frame is the last one found, and its COMMIT counts", file, records + [put("E")], nothing, unknown=2)
    file, ids, records = four()
    start2 = file.end
    file.commit(put("E"))
    file.data += file.chain.transaction([put("F"), other(0x42, b"critical")], commit=False)
    salvage("unknown-critical-kind-in-a-tail", "It has no COMMIT: the transaction is uncertain", file, records + [put("E"), put("F")], nothing,
            uncertain=start2 + 176, unknown=1)
    file, ids, records = four()
    file.commit(put("E"), put("F", flags=2), put("G"))
    salvage("breach-of-the-plaintext", "A record that breaks a rule is lost", file, records + [put("E"), put("G")], nothing, [(start + 176, 176, 1)])
    file, ids, records = four()
    file.commit(put("E"), other(vf.VALUE, b"\1\0\1\1Ax"), descent(True), put("G"))
    salvage("breach-of-a-body", "A record that breaks a rule is lost; a DESCENT in the middle too", file, records + [put("E"), put("G")], nothing,
            [(start + 176, 352, 2)])
    file, ids, records = four()
    file.commit(put("E"), other(0x85, b"skipped"), other(0xC5, b"carried"), head())
    kept = [*records, put("E"), other(0xC5, b"carried")]
    salvage("other-kinds", "Nothing is lost: only what is safe to copy is carried", file, kept, record(heads=[id(file.tag)], ids=ids))

    file, ids, records = four()
    r = put("E", seq=-2)
    file.data += file.chain.transaction([r])
    salvage("seq-that-goes-back", "Rule 2: seq is not beyond the last one", file, records, nothing, [(end, 176, None)], last=four()[0])
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", seq=-1)])
    salvage("seq-that-stays", "Rule 2: seq is not beyond the last one", file, records, nothing, [(end, 176, None)], last=four()[0])
    file, ids, records = four()
    until = four()[0]
    until.chain.seq += 5
    until.data += until.chain.transaction([put("E")])
    until.took = []
    file.data = until.data
    salvage("seq-that-skips", "No byte is lost, but replay does not find the file whole", file, records + [put("E")], nothing, [], last=until)
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", tx_start=end + 16)])
    salvage("tx-start-beyond-the-frame", "Rule 2: tx_start is beyond its offset", file, records, nothing, [(end, 176, None)], last=four()[0])
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", tx_start=end + 1)])
    salvage("tx-start-one-beyond-the-frame", "Rule 2: tx_start is beyond its offset", file, records, nothing, [(end, 176, None)], last=four()[0])
    file = File("salvage empty", read_only=1)
    salvage("of-an-empty-vault", "Nothing is lost", file, [], record(heads=[file.birth]))
    file, ids, records = four()
    file.data += file.chain.transaction([put("E")], commit=False)
    salvage("uncertain-tail-of-one-frame", "Rule 4: no COMMIT is found", file, records + [put("E")], nothing, uncertain=end)
    file, ids, records = four()
    file.data += file.chain.frame(put("E"), end, True, bytes(16)) + file.chain.frame(put("F"), end, False, bytes(16))
    salvage("frame-behind-the-commit-of-its-transaction", "Rule 4: the transaction has a COMMIT; but replay does not find the file whole", file,
            records + [put("E"), put("F")], nothing)
    base = rewritten("salvage rewrite", descent(heads=[C], ids=[A]), [put("A"), put("B")])
    salvage("of-a-rewrite-alone", "The file ends at base_end", base, [put("A"), put("B")], record(heads=[C], ids=[A]))
    whole = base.end
    until = rewritten("salvage rewrite", descent(heads=[C], ids=[A]), [put("A"), put("B")])
    until.chain = File("salvage rewrite", generation=2, base_seq=7, lineage=LINEAGE, read_only=1, base_end=whole).chain
    until.chain.transaction([descent(heads=[C], ids=[A]), put("A")], commit=False)
    salvage("one-byte-short-of-base-end", "What is there of the last frame, and one byte", cut(base.fork("short"), whole - 1), [put("A")], nothing,
            [(whole - 176, 175, None), (whole - 1, 1, None)], LOG_START, last=until)
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", tx_start=end - 176)])
    salvage("tx-start-of-another-transaction", "Taken, but replay does not find the file whole; the transaction is whole", file, records + [put("E")], nothing)
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", prev_tag=bytes(16))])
    salvage("prev-tag-of-nothing", "Taken, but replay does not find the file whole", file, records + [put("E")], nothing)
    file, ids, records = four()
    file.data += file.chain.transaction([put("E", crc=1)])
    salvage("crc-wrong", "Rule 2: the CRC", file, records, nothing, [(end, 176, None)], last=four()[0])
    file, ids, records = four()
    file.chain.skip(8)
    file.data += bytes(8) + file.chain.transaction([put("E")])
    salvage("off-the-grid", "The walk looks at multiples of 16", file, records, nothing, [(end, 184, None)], last=four()[0])
    file, ids, records = four()
    file.chain.skip(32)
    file.data += bytes(32) + file.chain.transaction([put("E")])
    salvage("gap-without-a-record", "Bytes are lost, no record", file, records + [put("E")], nothing, [(end, 32, 0)])

    file = rewritten("salvage keys", descent(heads=[C], ids=[A, B], keys=[K1], dropped=9), [purged(entry(put("A")), entry(put("Z"))), put("A"), put("B")])
    one = file.commit(descent(True, ids=[D], keys=[K2, K1]), purged(entry(put("Y"))), put("C"))
    kept, entries = [put("B"), put("C")], [entry(put("A")), entry(put("Z")), entry(put("Y"))]
    salvage("of-a-whole-rewrite", "As a compaction: listed versions are dropped, the state is carried", file, kept,
            record(heads=[one], keys=[K1, K2], ids=[D, A, B, C], dropped=9), entries=entries)
    file.data += b"?"
    salvage("keys-and-entries-of-a-damaged-file", "Rule 5: no ids, but the key ids and the entries found; dropped is 0", file, kept,
            record(True, keys=[K1, K2]), [(file.end, 1, None)], entries=entries)
    patch(file, (LOG_START + 40, b"\0\1"))
    gone_size = size(descent(heads=[C], ids=[A, B], keys=[K1], dropped=9))
    salvage("descent-damaged", "Key ids of the records that are found", file, kept, record(True, keys=[K2, K1]),
            [(LOG_START, gone_size, 1), (file.end, 1, None)], entries=entries)

    file = rewritten("salvage base", descent(heads=[C]), [put("A"), put("B")])
    until = rewritten("salvage base", descent(heads=[C]), [put("A"), put("B")])
    first = LOG_START + size(descent(heads=[C]))
    until.chain = File("salvage base", generation=2, base_seq=7, lineage=LINEAGE, read_only=1, base_end=file.end).chain
    until.chain.transaction([descent(heads=[C]), put("A")], commit=False)
    salvage("shorter-than-base-end", "The rest up to base_end is lost", cut(file, first + 176), [put("A")], nothing,
            [(first + 176, 176, None)], LOG_START, last=until)
    file = rewritten("salvage base", descent(heads=[C]), [put("A"), put("B")])
    end2 = file.end
    salvage("shorter-than-base-end-within-a-frame", "What is there, then what is not", cut(file, first + 176 + 20), [put("A")], nothing,
            [(first + 176, 20, None), (first + 196, end2 - first - 196, None)], LOG_START, last=until)
    short = File("short", read_only=1)
    salvage("of-a-header-alone", "512 bytes: everything behind them is lost", cut(short, 512), [], nothing, [(512, 4096, None)], last=File("short", read_only=1))

    for name, comment, change in [("header-damaged", "Rule 1: the copy opens it", (80, b"\0\1\2\3")), ("magic-gone", "Rule 1: the copy opens it", (0, bytes(8))),
                                  ("header-mac-wrong", "Rule 1: the first header is tampered with, the copy is not", None)]:
        file, ids, records = four()
        if change:
            patch(file, change)
        else:
            patch(file, (0, make_summed(file.header)))
        salvage(name, comment, file, records, record(heads=ids[4:], ids=ids[:4]))
    file, ids, records = four()
    other_header = make_header("another header", read_only=1)
    patch(file, (4096, other_header))
    salvage("copy-of-another-vault", "Rule 1: the first header comes first", file, records, record(heads=ids[4:], ids=ids[:4]))
    for name, comment, patches, expect in [
            ("both-headers-damaged", "Rule 1: what the first header says", [(80, b"\0\1\2\3"), (4096 + 80, b"\0\1\2\3")], "header damaged"),
            ("no-vault-and-a-damaged-copy", "Rule 1: what the first header says", [(0, bytes(8)), (4096 + 80, b"\0\1\2\3")], "not a vault"),
            ("damaged-header-and-no-copy", "Rule 1: what the first header says", [(80, b"\0\1\2\3"), (4096, bytes(512))], "header damaged")]:
        file, ids, records = four()
        says("salvage", name, comment, patch(file, *patches), {"expect": expect})
    file, ids, records = four()
    file.passphrase = "another"
    says("salvage", "wrong-passphrase", "Rule 1: the key opens neither", file, {"expect": "wrong passphrase"})
    file = File("salvage flags", read_only=0, compatible=6)
    one = file.commit(put("A"))
    salvage("of-a-file-without-the-flag", "The flag DESCENT is set", file, [put("A")], record(heads=[one], ids=[file.birth]))


def make_summed(header):
    """The header with another file salt and a right sum, but the MAC of before."""
    header = patched(header, (72, b"\7\7"))
    return patched(header, (448, vf.blake(32, header[:448])))


def define():
    for part in (kept, lineages, new_keys, listed, ends, purges, salvages):
        part()
