"""Vectors of v2/rollback: a file, a checkpoint of before, and what it says of the file: section 10."""

import vaultfile as vf
from copies import NOW, OTHER_MASTERS, File, Vectors, checkpoint, cut, descent, id, key_id, made_up, rewritten
from forge import START, put

A, B, C, D, E = made_up(5, "rollback")
K1, K2, K3 = made_up(3, "rollback key")
LINEAGE = bytes(range(200, 216))
TAG = bytes(range(100, 116))


def says(name, comment, file, mark, expect, section=10):
    Vectors.add("rollback", name, section, comment, [file], {"expect": expect}, checkpoint=mark.hex())


def raised(name, comment, file, mark, heads, recent=(), legacy=False):
    """A checkpoint that passes, and the one that replaces it."""
    new = file.checkpoint(heads, recent, NOW, legacy)
    Vectors.add("rollback", name, 10, comment, [file], {"expect": "pass", "next": new.hex()}, now=NOW, checkpoint=mark.hex())


def three(label="three"):
    """Three changes, and the copies and ids after each."""
    file = File(label, read_only=1)
    states, ids = [file.fork("0")], [file.birth]
    for n, name in enumerate("ABC"):
        ids.append(file.commit(put(name, time=START + n)))
        states.append(file.fork(str(n + 1)))
    return states, ids


def same_file():
    states, ids = three()
    now = states[3]
    for n in range(4):
        says("same-file-at-commit-%d" % n, "Rule 2: a transaction ends where the checkpoint says, with its tag", now,
             states[n].checkpoint([ids[n]]), "pass")
        says("same-file-cut-at-commit-%d" % n, "The file has lost its end" if n < 3 else "Rule 2: the file is what was seen", states[n],
             now.checkpoint([ids[3]], recent=ids[2::-1]), "pass" if n == 3 else "older")
    says("same-file-and-unknown-heads", "Rule 2 asks for no head", now, states[2].checkpoint([A]), "pass")
    says("same-file-at-log-start-and-unknown-heads", "Rule 2: LOG_START is always there", now, states[0].checkpoint([A]), "pass")
    says("same-file-another-tag", "Rule 2 asks for the tag, rule 3 fails", now, states[2].checkpoint([A], tag=TAG), "diverged")
    says("same-file-another-end", "Rule 2 asks for the end, rule 3 fails", now, states[2].checkpoint([A], end=now.end - 16), "diverged")
    says("same-file-tag-of-another-transaction", "Rule 2: end and tag of one transaction", now,
         states[2].checkpoint([A], end=states[3].end), "diverged")
    says("same-file-within-a-transaction", "Rule 2 asks for the end of a transaction, not of a frame", *within(), "diverged")
    says("another-header-mac", "Rule 2 asks for the header's MAC", now, states[2].checkpoint([A], mac=TAG), "diverged")
    says("another-header-mac-at-log-start", "Rule 2 asks for the header's MAC", now, states[0].checkpoint([A], mac=TAG), "diverged")
    says("same-file-of-another-generation", "Rule 2 does not ask for the generation", now, states[2].checkpoint([A], generation=7), "pass")
    says("same-file-under-another-key-id", "Rule 2 comes before the keys", now, states[2].checkpoint([A], key=K1), "pass")
    tail = states[3].fork("tail")
    tail.data += tail.chain.transaction([put("D")], commit=False)
    says("same-file-with-a-tail", "An unfinished tail does not count", tail, states[3].checkpoint([ids[3]]), "pass")
    done = states[3].fork("tail")
    done.commit(put("D"))
    says("same-file-whose-last-commit-became-a-tail", "What is not committed is not there",
         cut(done.fork("cut"), len(done.data) - 1), done.checkpoint([id(done.tag)], recent=[ids[3]]), "older")
    says("another-vault", "Rule 1", now, states[3].checkpoint([ids[3]], vault_id=bytes(range(16))), "another vault")
    says("another-vault-with-a-mark", "Rule 1", now, states[3].mark(vault_id=bytes(range(16))), "another vault")


def within():
    file = File("within", read_only=1)
    file.commit(put("A"))
    at = file.chain.fork()
    first = at.frame(put("B"), at.at, False, bytes(16))
    mark = file.checkpoint([A], end=at.at, tag=first[32:48])
    start = file.chain.at
    file.data += file.chain.frame(put("B"), start, False, bytes(16)) + file.chain.frame(put("C"), start, True, bytes(16))
    return file, mark


def heads():
    states, ids = three()
    seen = states[3].checkpoint
    old = dict(mac=TAG, end=9999)

    def later(label, *first, **more):
        return rewritten(label, descent(*first, **more), [put("A"), put("B")])

    says("heads-of-a-compaction", "Rule 3: the head is the frontier", later("r1", heads=[C], ids=[A, B]), seen([C], **old), "pass")
    says("heads-before-a-compaction", "Rule 3: the head is among the ids", later("r1", heads=[C], ids=[A, B]), seen([A], **old), "pass")
    says("two-heads", "Rule 3: every head is there", later("r2", heads=[C, D], ids=[A, B]), seen([C, D], **old), "pass")
    says("one-of-two-heads-missing", "Rule 3 asks for every head", later("r1", heads=[C], ids=[A, B]), seen([C, D], **old), "older")
    says("one-of-two-heads-missing-and-others-there", "Rule 3 asks for every head", later("r2", heads=[C, E], ids=[A, B]),
         seen([C, D], **old), "diverged")
    says("head-of-a-change-in-this-generation", "Rule 3: ids of transactions", states[3], seen([ids[1]], **old), "pass")
    says("head-that-is-the-birth", "Rule 3: the state without a frame", states[3], seen([ids[0]], **old), "pass")
    says("compaction-undone", "The file is of an older generation and lacks nothing", states[3],
         seen([ids[3]], generation=2, **old), "pass")
    says("head-that-is-only-a-head", "Rule 3: heads of a DESCENT are ids", later("r3", heads=[C]), seen([C], **old), "pass")
    purge = rewritten("purge", descent(True, ids=[A, B]), [put("A")])
    says("head-before-a-purge", "Rule 3: a purge keeps the ids", purge, seen([B], **old), "pass")
    says("head-that-is-the-purge", "Rule 3: a purge is a change", purge, seen([id(purge.tag)], **old), "pass")
    thirty_two = made_up(32, "32 heads")
    says("32-heads", "The most heads", rewritten("32", descent(heads=thirty_two)), seen(thirty_two, **old), "pass")
    says("32-heads-of-which-the-last-is-missing", "The most heads", rewritten("31", descent(heads=thirty_two[:31])),
         seen(thirty_two, **old), "older")


def reasons():
    states, ids = three()
    old = dict(mac=TAG, end=9999, vault_id=states[0].header[32:48])

    def seen(heads, recent=(), key=key_id(), generation=2, **more):
        return checkpoint(heads, recent, START, False, key=key, generation=generation, tag=TAG, **{**old, **more})

    file = rewritten("reasons", descent(heads=[C], ids=[A, B], keys=[K1]), generation=3)
    says("keys-that-are-not-known", "Rule 5a", file, seen([D], key=K2), "keys")
    says("keys-that-are-not-known-and-an-older-frontier", "Rule 5a comes before 5b", file, seen([D], [C], key=K2), "keys")
    says("keys-of-a-predecessor", "Rule 5a: the key id is in K", file, seen([D], key=K1), "diverged")
    says("keys-that-are-not-known-but-heads-that-are", "Rule 3 comes before 5a", file, seen([C], key=K2), "pass")
    says("older-by-recent", "Rule 5b: the frontier is a recent id", file, seen([D], [C]), "older")
    says("older-by-recent-of-64", "Rule 5b: the last of 64 recent ids", file, seen([D], made_up(63, "recent") + [C]), "older")
    says("older-by-recent-and-heads", "Rule 5b: the frontier is among heads and recent ids", rewritten(
        "two", descent(heads=[C, E], ids=[A])), seen([D, E], [C]), "older")
    says("older-in-part", "Rule 5b asks for the whole frontier", rewritten("two", descent(heads=[C, E], ids=[A])), seen([D], [C]), "diverged")
    says("recent-is-no-frontier", "Rule 5b: that older ids are recent ids does not matter", file, seen([D], [A, B]), "diverged")
    says("older-of-a-newer-generation", "Rule 5b does not ask for the generation", file, seen([D], [C], generation=9), "older")
    def cut_back(**more):
        return {"mac": states[2].mac, "end": states[3].end, "generation": 1, **more}

    says("not-older-by-its-end", "Rule 5b: where no recent id is known, a shorter file proves nothing", states[2], seen([D], **cut_back()), "diverged")
    says("not-older-by-its-end-with-recent-ids", "Rule 5b: recent ids decide, and not the end", states[2], seen([D], [E], **cut_back()), "diverged")
    lost = rewritten("lost", descent(heads=[C], ids=[A], dropped=1), generation=3)
    says("unprovable", "Rule 5c: ids were dropped", lost, seen([D]), "unprovable")
    says("unprovable-of-the-same-generation", "Rule 5c asks for a newer generation", lost, seen([D], generation=3), "diverged")
    says("unprovable-of-an-older-generation", "Rule 5c asks for a newer generation", lost, seen([D], generation=4), "diverged")
    says("unprovable-and-older", "Rule 5b comes before 5c", lost, seen([D], [C]), "older")
    says("unprovable-and-keys", "Rule 5a comes before 5c", lost, seen([D], key=K2), "keys")
    legacy = rewritten("legacy", None, [put("A")], generation=3)
    says("unprovable-by-an-older-program", "Rule 5c: the file is LEGACY", legacy, seen([D]), "unprovable")
    says("unprovable-by-an-older-program-of-the-same-generation", "Rule 5c asks for a newer generation", legacy, seen([D], generation=3), "diverged")
    says("legacy-with-its-lineage-as-head", "Rule 3: the lineage", legacy, seen([id(LINEAGE)]), "pass")
    says("rule-4-is-for-marks", "Rule 4 does not hold for a checkpoint", legacy, checkpoint(
        [D], [], START, True, key=key_id(), generation=2, tag=LINEAGE, **old), "unprovable")
    newer = rewritten("newer key", descent(True, ids=[A, B, C], keys=[key_id()]), [put("A")], master=OTHER_MASTERS["newer"], generation=3)
    says("new-keys", "Rule 3: the ids are carried to the new keys", newer, seen([C]), "pass")
    says("new-keys-and-a-missing-head", "Rule 5: the key id of before is in K", newer, seen([D]), "diverged")
    says("keys-of-before-put-back", "Rule 5a: a file under the keys of before", states[3], seen(
        [id(newer.tag, OTHER_MASTERS["newer"])], [ids[3]], key=key_id(OTHER_MASTERS["newer"])), "keys")
    third = rewritten("third key", descent(True, ids=[A, B, C], keys=[key_id()]), [put("A")], master=OTHER_MASTERS["third"], generation=3)
    says("keys-changed-on-another-branch", "Rule 5a: both follow the same key, neither the other", third, seen(
        [id(newer.tag, OTHER_MASTERS["newer"])], [C], key=key_id(OTHER_MASTERS["newer"])), "keys")


def torn():
    states, ids = three()
    good = states[3].checkpoint([ids[3]], recent=[ids[2]], legacy=True)
    says("flags-legacy", "The flag LEGACY of a checkpoint changes no verdict", states[3], good, "pass")

    def summed(data, count=992):
        return data[:count] + vf.blake(32, data[:count])

    for name, comment, data in [
        ("empty", "A length of its own", b""), ("short", "One byte is missing", good[:-1]), ("long", "One byte too many", good + b"\0"),
        ("another-magic", "Another magic", summed(b"VLTSEEN3" + good[8:])), ("wrong-sum", "The sum", good[:992] + bytes(32)),
        ("a-bit", "A bit of the first byte of the recent ids", good[:352] + bytes((good[352] ^ 1,)) + good[353:]),
        ("of-0-heads", "At least one head", states[3].checkpoint([], [ids[2]])), ("of-33-heads", "At most 32 heads", states[3].checkpoint([ids[3]], h=33)),
        ("of-65-recent-heads", "At most 64 recent ids", states[3].checkpoint([ids[3]], r=65)),
        ("mark-wrong-sum", "The sum of a mark", states[3].mark()[:-1] + b"\0"),
        ("mark-long", "A mark has 96 bytes", states[3].mark() + b"\0"),
        ("mark-another-magic", "The magic of a mark", summed(b"VLTMARK2" + states[3].mark()[8:], 64)),
    ]:
        says("torn-" + name, comment, states[3], data, "no checkpoint")
    full = states[3].checkpoint(made_up(31, "full") + [ids[3]], made_up(64, "recent"))
    says("checkpoint-that-is-full", "32 heads and 64 recent ids", states[3], full, "pass")
    says("checkpoint-with-bytes-that-should-be-zero", "They are not checked", states[3], summed(good[:900] + b"\1" + good[901:]), "pass")


def marks():
    states, ids = three()
    now, other = states[3], dict(tag=TAG)
    for n in range(4):
        says("mark-at-commit-%d" % n, "Rule 2 of a mark", now, states[n].mark(), "pass")
        says("mark-of-a-file-cut-at-commit-%d" % n, "Rule 5b of a mark: C is below the mark", states[n], now.mark(), "pass" if n == 3 else "older")
    says("mark-at-log-start-of-another-header", "Rule 2 of a mark: at LOG_START the tag is the header's MAC", now, states[0].mark(**other), "diverged")
    says("mark-with-another-tag", "Rule 2 of a mark asks for the tag", now, states[2].mark(**other), "diverged")
    says("mark-with-another-end", "Rule 3 of a mark: its tag is that of a change", now, states[2].mark(end=states[1].end), "pass")
    says("mark-of-an-older-generation-whose-tag-is-known", "Rule 3 of a mark", rewritten(
        "m1", descent(heads=[id(TAG)], ids=[A])), states[3].mark(**other), "pass")
    says("mark-of-an-older-generation-whose-tag-is-an-id", "Rule 3 of a mark", rewritten(
        "m2", descent(heads=[A], ids=[id(TAG)])), states[3].mark(**other), "pass")
    with_descent = rewritten("m3", descent(heads=[A], ids=[B]), base_seq=3, lineage=TAG)
    says("mark-and-a-lineage-but-descent", "Rule 4 asks for LEGACY", with_descent, states[3].mark(seq=3, **other), "diverged")

    def legacy(base_seq=3, lineage=LINEAGE, generation=2, **more):
        return rewritten("legacy %d %d" % (base_seq, generation), None, [put("A"), put("B")], base_seq=base_seq, lineage=lineage,
                         generation=generation, **more)

    says("mark-that-the-lineage-names", "Rule 3 before rule 4: the lineage is the start of I", legacy(lineage=TAG), states[3].mark(**other), "pass")
    says("mark-below-base-seq", "Rule 4: base_seq is above the mark's seq", legacy(4), states[3].mark(**other), "pass")
    says("mark-at-base-seq-with-another-tag", "Rule 4: the lineage is not the mark's tag", legacy(3), states[3].mark(**other), "unprovable")
    says("mark-above-base-seq", "Rule 4: base_seq is below the mark's seq", legacy(2), states[3].mark(**other), "unprovable")
    says("mark-two-generations-before", "Rule 4 asks for the next generation", legacy(9, generation=3), states[3].mark(**other), "unprovable")
    says("mark-of-the-same-generation-of-a-legacy-file", "Rule 4 asks for the next generation", legacy(9), states[3].mark(
        generation=2, end=4700, **other), "diverged")
    says("mark-of-a-newer-generation", "Rule 5b of a mark", now, states[3].mark(generation=2, **other), "older")
    says("mark-of-the-same-generation-above-c", "Rule 5b of a mark", now, states[3].mark(end=now.end + 16, **other), "older")
    says("mark-of-the-same-generation-at-c", "Rule 5b of a mark: C is not below the mark", now, states[3].mark(**other), "diverged")
    says("mark-of-an-older-generation-above-c", "Rule 5b of a mark: only in the same generation", with_descent, states[3].mark(
        end=2 ** 40, **other), "diverged")
    says("mark-one-byte-above-c", "Rule 5b of a mark: C is below the mark by one byte", now, states[3].mark(end=now.end + 1, **other), "older")
    two = rewritten("two transactions", None, [put("A")], [put("B")])
    first = rewritten("two transactions", None, [put("A")], base_end=two.end)
    says("mark-within-a-rewrite", "Rule 2 of a mark: a transaction of a rewrite ends there, though its id is not in I", two, first.mark(), "pass")
    says("mark-within-a-rewrite-of-another-generation", "Rule 2 of a mark asks for the generation", two, first.mark(generation=3), "older")
    says("mark-at-log-start-of-a-rewrite", "Rule 2 of a mark: the tag is the header's MAC, whose id is not in I", two,
         two.mark(end=4608, tag=two.mac), "pass")
    says("mark-at-another-end-with-the-header-mac", "Rule 2 of a mark: the MAC stands for LOG_START alone", two,
         two.mark(end=4624, tag=two.mac), "diverged")
    says("mark-at-log-start-with-another-tag", "Rule 2 of a mark: at LOG_START the tag is the header's MAC", two,
         two.mark(end=4608, tag=TAG), "diverged")
    says("mark-at-log-start-of-another-generation", "Rule 2 of a mark asks for the generation", two,
         two.mark(end=4608, tag=two.mac, generation=3), "older")
    lost = rewritten("m4", descent(heads=[A], ids=[B], dropped=9), generation=4)
    says("mark-unprovable", "Rule 5c of a mark: ids were dropped", lost, states[3].mark(**other), "unprovable")
    says("mark-unprovable-of-the-same-generation", "Rule 5c asks for a newer generation", lost, states[3].mark(generation=4, end=4608, **other),
         "diverged")
    newer = rewritten("m5", descent(True, ids=[A], keys=[key_id()]), master=OTHER_MASTERS["newer"])
    says("mark-under-other-keys", "A mark has no key id; its tag gives another id under another key", newer, states[3].mark(), "diverged")


def raises():
    states, ids = three()
    now = states[3]
    raised("next-of-an-older-state", "The former head is a recent one", now, states[1].checkpoint([ids[1]], [ids[0]]), ids[3:], [ids[1], ids[0]])
    raised("next-of-the-same-state", "A head is no recent id", now, now.checkpoint(ids[3:], [ids[2], ids[1]]), ids[3:], [ids[2], ids[1]])
    raised("next-with-a-head-among-the-recent", "A head is no recent id", now, now.checkpoint(ids[2:3], [ids[3], ids[1]]), ids[3:], [ids[2], ids[1]])
    recent = made_up(64, "next")
    raised("next-with-64-recent-heads", "The oldest is left out", now, states[2].checkpoint([ids[2]], recent), ids[3:], [ids[2], *recent[:63]])
    raised("next-of-a-mark", "A mark has no recent ids: those of I, newest first", now, states[1].mark(), ids[3:], ids[2::-1])
    legacy = rewritten("next legacy", None, [put("A")])
    raised("next-of-a-legacy-file", "The flag LEGACY", legacy, legacy.checkpoint([id(LINEAGE)]), [id(LINEAGE)], legacy=True)
    two = rewritten("next two", descent(heads=[A, B], ids=[C]))
    raised("next-of-two-heads", "All of P; doubles among the recent ids are one", two, two.checkpoint([C], [C, D, D]), [A, B], [C, D])


def define():
    for part in (raises, same_file, heads, reasons, torn, marks):
        part()
