"""Vectors of v2/merge: a file F, a copy X that is merged into it, and what F takes: section 9."""

import struct

import vaultfile as vf
from copies import (
    DAY, NOW, OTHER_MASTERS, File, Vectors, descent, descent_body, entry, history, id, key_id, keystream, listed, made_up, new_file, order, purged,
    record, rewritten, zeros_inside)
from forge import EMPTY_SLOT, PROJECT, START, gone, head, other, passphrase_slot, put

OLDER, NEWER, THIRD = (OTHER_MASTERS[name] for name in ("older", "newer", "third"))
A, B, C, D, E, G = made_up(6, "merge")
K1, K2, K3 = made_up(3, "merge key")
LEFT, RIGHT, BOTH = put("L", b"left", START + 5), put("R", b"right", START + 6), put("B", b"both", START + 4)


def made_up_entries(count, label):
    return [vf.blake(16, b"entry %d of %s" % (i, label.encode())) for i in range(count)]


def says(name, comment, f, x, expect, relation, options=(), now=NOW, **said):
    Vectors.add("merge", name, 9, comment, [f, x], {"expect": expect, "relation": relation, **said}, now=now, options=list(options))


def written(name, comment, f, x, relation, took, made, entries=(), options=(), now=NOW, partial=False, future=0, purged_out=0, unknown=0,
            rewrite=None, kept=None, transactions=1):
    """F takes these records and writes this DESCENT and these entries; `kept` is what a rewrite of F under X's keys keeps."""
    result = history((f.took if kept is None else kept) + list(took) + [purged(e) for e in entries], f.header[32:48])
    more = {} if rewrite is None else {"rewritten": rewrite}
    says(name, comment, f, x, "written", relation, options, now, partial=partial, taken=len(took), future=future, purged_out=purged_out,
         unknown=unknown, transactions=transactions, order=order(took), descent=made, **listed(entries), **result, **more)


def copied(name, comment, f, x, kept=None, entries=None, options=("--take-keys",)):
    """F becomes what a compaction of X makes, with all versions; the first DESCENT of X is the only one, and a change or not."""
    first = x.took[0].body
    change, h, k = first[0] == 1, *struct.unpack_from("<HI", first, 2)
    lists = [first[at:at + 8] for at in range(24, len(first), 8)]
    heads, keys, ids = lists[:h], lists[h:h + k], lists[h + k:]
    made = record(heads=[id(x.tag, x.master)] if change else heads, keys=keys, ids=ids)
    kept = kept or [r for r in x.took if r.kind in (vf.VALUE, vf.TOMBSTONE)]
    entries = [entry(put("P", b"", START))] if entries is None else entries
    said = new_file(x, kept, made, entries)
    says(name, comment, f, x, "copied", "newer", options, **{key: value for key, value in said.items() if key != "expect"})


def nothing(name, comment, f, x, relation, options=(), partial=False, future=0, purged_out=0, unknown=0, **more):
    says(name, comment, f, x, "nothing", relation, options, partial=partial, taken=0, future=future, purged_out=purged_out,
         unknown=unknown, **history(f.took, f.header[32:48]), **more)


def branches(label="fork", **fields):
    """One change, and two copies of the file."""
    file = File(label, read_only=1, **fields)
    start = file.commit(BOTH)
    return file.fork("F"), file.fork("X"), start


def same():
    f, x, start = branches()
    left, right = f.commit(LEFT), x.commit(RIGHT)
    written("same-two-branches", "Rule 5: both heads stay", f, x, "same", [RIGHT], record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    right = x.commit(RIGHT)
    written("same-fast-forward", "Rule 5: P(F) lies beneath X", f, x, "same", [RIGHT], record(heads=[right], ids=[right]))
    nothing("same-nothing-new", "Rule 1: P(X) is in I(F)", x, f, "same")
    nothing("same-file-twice", "Rule 1", x, x.fork("copy"), "same")
    f, x, start = branches()
    f.commit(LEFT)
    nothing("same-with-an-older-copy", "Rule 1", f, x, "same")
    more = [put("R", b"%d" % i, START + 10 + i) for i in range(4)]
    f, x, start = branches()
    left, ids = f.commit(LEFT), [x.commit(r) for r in more]
    written("same-several-changes", "Rule 5: the ids of X in their order", f, x, "same", more, record(heads=[left, ids[-1]], ids=ids))
    f, x, start = branches()
    left = f.commit(LEFT, RIGHT)
    right = x.commit(RIGHT)
    written("same-versions-that-are-there", "Nothing to take, but a change that F did not contain", f, x, "same", [],
            record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    left = f.commit(put("L", b"x", START + 9))
    taken = [put("L", b"y", START + 9), gone("L", START + 9), put("L", b"", START + 9), put("L", b"x", START + 8)]
    right = x.commit(put("L", b"x", START + 9), *taken, taken[0]._replace())
    written("same-versions-of-one-time", "Versions are the same if time, kind and value are", f, x, "same", taken,
            record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    left = f.commit(put("A", b"v", START, PROJECT, "one"))
    taken = [put("A", b"v", START), put("A", b"v", START, PROJECT, "two")]
    right = x.commit(*taken)
    written("same-versions-of-other-addresses", "Scope and id belong to the address", f, x, "same", taken, record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    left, right = f.commit(LEFT), x.commit(RIGHT)
    for file in (f, x):
        file.data += file.chain.fork().transaction([put("T")], commit=False)
    written("same-with-tails", "Unfinished tails do not count", f, x, "same", [RIGHT], record(heads=[left, right], ids=[right]))


def frontiers():
    def f_and_x(here, there, more_here=(), more_there=()):
        """Two rewrites with these frontiers and ids."""
        return (rewritten("f", descent(heads=here, ids=more_here), [LEFT]), rewritten("x", descent(heads=there, ids=more_there), [RIGHT]))

    written("frontier-of-two", "Both frontiers, none beneath the other", *f_and_x([A, B], [C, D], [G], [G]), "same", [RIGHT],
            record(heads=[A, B, C, D], ids=[C, D]))
    written("frontier-in-part-beneath", "A lies beneath X", *f_and_x([A, B], [C], [G], [G, A]), "same", [RIGHT],
            record(heads=[B, C], ids=[C]))
    written("frontier-in-common", "A is a head on both sides", *f_and_x([A, B], [A, C], [G], [G]), "same", [RIGHT],
            record(heads=[A, B, C], ids=[C]))
    written("frontier-of-x-in-part-beneath", "C lies beneath F", *f_and_x([A], [C, D], [C], []), "same", [RIGHT],
            record(heads=[A, D], ids=[D]))
    nothing("frontier-of-x-beneath", "Rule 1: C and D lie beneath F", *f_and_x([A], [C, D], [C, D], []), "same")
    nothing("frontier-of-x-in-that-of-f", "Rule 1: C is a head of F", *f_and_x([A, C], [C], [], []), "same")
    written("ids-in-the-order-of-x", "I(X) - I(F) in the order of X", *f_and_x([A], [B], [D], [E, D, G, C]), "same", [RIGHT],
            record(heads=[A, B], ids=[E, G, C, B]))
    heads = made_up(33, "frontier")
    written("frontier-of-32", "32 heads", *f_and_x(heads[:16], heads[16:32]), "same", [RIGHT], record(heads=heads[:32], ids=heads[16:32]))
    written("frontier-of-33", "More than 32 heads: CHANGE instead", *f_and_x(heads[:16], heads[16:]), "same", [RIGHT],
            record(True, ids=heads[16:]))
    f = rewritten("f", descent(heads=[A], dropped=3, keys=[K1]), [LEFT])
    x = rewritten("x", descent(heads=[B], ids=[A], dropped=4, keys=[K1, K2]), [RIGHT])
    written("same-dropped-and-keys", "The other's dropped, not the sum; no key ids", f, x, "same", [RIGHT], record(heads=[B], ids=[B], dropped=4))
    f = rewritten("legacy f", None, [LEFT])
    x = rewritten("legacy x", None, [RIGHT], lineage=bytes(16))
    written("same-two-legacy-files", "The lineage is the start of both", f, x, "same", [RIGHT],
            record(heads=[id(bytes(range(200, 216))), id(bytes(16))], ids=[id(bytes(16))]))


def options():
    f, x, start = branches()
    dropped = put("B", b"before", START)
    f = rewritten("compacted", descent(heads=[A], ids=[B]), [BOTH])
    x = rewritten("not compacted", descent(heads=[B]), [dropped, BOTH])
    nothing("dropped-versions-stay-away", "Rule 1", f, x, "same")
    written("all-versions", "The option skips rule 1", f, x, "same", [dropped], record(heads=[A]), options=["--all-versions"])
    nothing("all-versions-nothing-to-take", "Rule 8", f, rewritten("y", descent(heads=[B]), [BOTH]), "same", ["--all-versions"])
    written("all-versions-frontier-alone", "Rule 8: the heads are not P(F), since A lies beneath X", rewritten(
        "fa", descent(heads=[A, B]), [BOTH]), rewritten("xa", descent(heads=[B], ids=[A]), [BOTH]), "same", [], record(heads=[B]),
        options=["--all-versions"])
    nothing("frontier-that-is-all", "Rule 1: P(X) is all of I(F)", rewritten("fb", descent(heads=[A]), [BOTH]), rewritten(
        "xb", descent(heads=[A], ids=[B]), [RIGHT]), "same")
    listed_f = rewritten("listed", descent(heads=[A], ids=[B]), [purged(entry(dropped)), BOTH])
    nothing("all-versions-purged", "Rule 3a: what F lists never comes back", listed_f, x, "same", ["--all-versions"], purged_out=1)
    limit = NOW + DAY
    for name, time, option in [("at-one-day", limit, ()), ("allowed", limit + 10 ** 9, ["--allow-future"])]:
        f, x, start = branches()
        ahead = put("F", b"future", time)
        left, right = f.commit(LEFT), x.commit(RIGHT, ahead)
        written("future-" + name, "Rule 3b: at most one day ahead, or allowed", f, x, "same", [RIGHT, ahead],
                record(heads=[left, right], ids=[right]), options=option)
    f, x, start = branches()
    ahead = put("F", b"future", limit + 1)
    f.commit(LEFT)
    x.commit(RIGHT, ahead, gone("G", limit + 1))
    written("future-left-out", "Rule 3b: more than one day ahead; the merge is partial", f, x, "same", [RIGHT], record(True), partial=True, future=2)
    f, x, start = branches()
    x.commit(ahead)
    nothing("future-alone", "Rule 8: nothing is left to take", f, x, "same", partial=True, future=1)
    f, x, start = branches()
    left, right = f.commit(ahead), x.commit(ahead, RIGHT)
    written("future-that-is-there", "What F holds is not left out", f, x, "same", [RIGHT], record(heads=[left, right], ids=[right]))


def many(file, count):
    """Records with so many entries; of 65,536, they are whatever makes the vector short."""
    if count < 65536:
        return [purged(*made_up_entries(count, file.label))]
    r = zeros_inside(file.chain, other(vf.PURGED, bytes(16 * 65536)), file.end, 0)
    return [r, *[purged(e) for e in made_up_entries(count - 65536, file.label)]]


def too_large():
    """What would be a vector of 16 MiB: F lists one entry again and again."""
    f, x, start = branches("listed again")
    again, theirs = made_up_entries(1, "again"), made_up_entries(2, "theirs")
    for count in [61437] * 17 + [1048575 - 61437 * 17]:
        f.commit(purged(*again * count))
    x.commit(purged(*theirs))
    written("purged-1048575-and-2-entries", "Rule 4: F has at most 1,048,576 entries in all then, repeated ones too", f, x, "same", [],
            record(True), theirs[:1], partial=True)


def purges():
    f, x, start = branches()
    version, other_value = put("P", b"purged", START + 7), put("P", b"another", START + 7)
    left = f.commit(LEFT, purged(entry(version)))
    kept = [gone("P", START + 7), put("P", b"purged", START + 8), put("Q", b"purged", START + 7), put("P", b"purged", START + 7, PROJECT, "p")]
    right = x.commit(version, RIGHT, other_value, *kept)
    written("purged-versions-stay-away", "Rule 3a: all of that address, time and kind; not partial", f, x, "same", [RIGHT, *kept],
            record(heads=[left, right], ids=[right]), purged_out=2)
    f, x, start = branches()
    left = f.commit(LEFT, purged(entry(put("Z", b"", START))))
    right = x.commit(RIGHT, purged(entry(version), entry(put("Z", b"", START))), purged(entry(BOTH), entry(version)))
    written("purged-entries-are-taken", "Rule 4: those that F lacks, in the order of X", f, x, "same", [RIGHT],
            record(heads=[left, right], ids=[right]), [entry(version), entry(BOTH)])
    f, x, start = branches()
    f.commit(LEFT)
    x.commit(put("F", b"", NOW + DAY + 1), purged(entry(version)))
    written("purged-entries-alone", "Rule 4 holds for a partial merge too", f, x, "same", [], record(True), [entry(version)], partial=True, future=1)
    f, x, start = branches()
    f.commit(LEFT, purged(entry(put("F", b"", NOW + DAY + 1))))
    right = x.commit(put("F", b"", NOW + DAY + 1), RIGHT)
    written("purged-and-ahead", "Rule 3a comes before 3b: not partial", f, x, "same", [RIGHT], record(heads=[id(f.tag), right], ids=[right]), purged_out=1)
    f, x, start = branches()
    left = f.commit(LEFT)
    right = x.commit(version, purged(entry(version)))
    written("purged-by-x-but-there", "A listed version of X is in no history of X", f, x, "same", [],
            record(heads=[left, right], ids=[right]), [entry(version)])
    f, x, start = branches()
    left = f.commit(LEFT, version)
    right = x.commit(RIGHT, purged(entry(version)))
    written("purged-by-x-and-there", "Rule 4: what X lists is in no history of F then", f, x, "same", [RIGHT],
            record(heads=[left, right], ids=[right]), [entry(version)])
    f, x, start = branches()
    left = f.commit(LEFT, version, purged(entry(version)))
    right = x.commit(version, RIGHT)
    written("purged-and-there", "Rule 3a: a listed version that F holds is left out, too", f, x, "same", [RIGHT],
            record(heads=[left, right], ids=[right]), purged_out=1)
    vault_id = bytes(range(16))
    x = File("listing", slots=(passphrase_slot("there", vault_id=vault_id), EMPTY_SLOT), vault_id=vault_id, read_only=1)
    x.commit(RIGHT, put("P", b"", START), LEFT, purged(entry(LEFT, vault_id), entry(RIGHT)))
    f, _, start = branches()
    written("another-vault-with-entries", "What X lists is hashed with the vault id of X", f, x, "unrelated", [RIGHT, put("P", b"", START)], record(True))
    for own, count in ((0, 65536), (0, 65537), (1, 65536), (65536, 1), (65537, 1), (65537, 2)):
        f, x, start = branches("many entries")
        heads = [f.commit(*many(f, own))] if own else []
        theirs = many(x, count)
        right = x.commit(*theirs)
        room = max(65536 - own, 0)
        took = [r.body[i:i + 16] for r in theirs for i in range(0, len(r.body), 16)][:room]
        comment = "Rule 4: F has %d entries, and X %d more; F has at most 65,536 then" % (own, count)
        if own + count > 65536 and not took:
            nothing("purged-%d-and-%d-entries" % (own, count), comment, f, x, "same", partial=True)
        else:
            made = record(True) if own + count > 65536 else record(heads=[*heads, right], ids=[right])
            written("purged-%d-and-%d-entries" % (own, count), comment, f, x, "same", [], made, took, partial=own + count > 65536)


def other_kinds():
    f, x, start = branches()
    unknown = [other(0xC5, b"known to both"), other(0xC5, b"new"), other(0xC5, b"known to both", time=START + 1), other(0xC6, b"known to both")]
    f.commit(LEFT, unknown[0])
    x.commit(RIGHT, *unknown, unknown[1]._replace())
    written("unknown-kinds", "Rule 3c: those that F does not hold make the merge partial", f, x, "same", [RIGHT], record(True), partial=True, unknown=3)
    f, x, start = branches()
    left, right = f.commit(LEFT, unknown[0]), x.commit(RIGHT, unknown[0])
    written("unknown-kinds-that-are-there", "Rule 3c: F holds it with the same kind, time and body", f, x, "same", [RIGHT],
            record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    left, right = f.commit(LEFT), x.commit(RIGHT, other(0x85, b"not safe to copy"), head())
    written("kinds-that-do-not-count", "Rule 3c: not safe to copy, or a head of before", f, x, "same", [RIGHT],
            record(heads=[left, right], ids=[right]))
    f, x, start = branches()
    x.commit(other(0xC5, b"new"))
    nothing("unknown-kind-alone", "Rule 8", f, x, "same", partial=True, unknown=1)


def keys():
    f = rewritten("new keys", descent(True, ids=[A], keys=[K1, key_id(OLDER)]), [LEFT])
    x = rewritten("old keys", descent(heads=[B], ids=[C, A], keys=[K1], dropped=6), [RIGHT], master=OLDER)
    written("older", "Rule 5: ids, no heads, CHANGE", f, x, "older", [RIGHT], record(True, ids=[C, B], dropped=6))
    nothing("older-nothing-new", "Rule 1", f, rewritten("o2", descent(heads=[A]), [RIGHT], master=OLDER), "older")
    written("older-all-versions", "The option skips rule 1; without ids", f, rewritten("o2", descent(heads=[A]), [RIGHT], master=OLDER), "older",
            [RIGHT], record(True), options=["--all-versions"])
    nothing("older-all-versions-nothing-to-take", "Rule 8", f, rewritten("o3", descent(heads=[A]), [LEFT], master=OLDER), "older", ["--all-versions"])
    written("older-all-versions-key-ids-alone", "Rule 8: key ids are something to say", f, rewritten(
        "o4", descent(heads=[A], keys=[K2]), [LEFT], master=OLDER), "older", [], record(True, keys=[K2]), options=["--all-versions"])
    written("older-ids-alone", "Nothing to take, but changes that F did not contain", f, rewritten(
        "o5", descent(heads=[D], ids=[A]), [LEFT], master=OLDER), "older", [], record(True, ids=[D]))
    x = rewritten("old keys with entries", descent(heads=[B]), [RIGHT, purged(entry(LEFT))], master=OLDER)
    written("older-with-entries", "Rule 3: a purge that is not taken is not contained", f, x, "older", [RIGHT], record(True), partial=True)
    lists = rewritten("lists too", descent(True, keys=[key_id(OLDER)]), [LEFT, purged(entry(RIGHT))])
    x = rewritten("old keys with known entries", descent(heads=[B]), [LEFT, purged(entry(RIGHT))], master=OLDER)
    written("older-with-known-entries", "Rule 3: F has the entry", lists, x, "older", [], record(True, ids=[B]))
    x = rewritten("old keys ahead", descent(heads=[B], keys=[K3]), [RIGHT, put("F", b"", NOW + DAY + 1)], master=OLDER)
    written("older-partial", "Rule 5: values alone", f, x, "older", [RIGHT], record(True), partial=True, future=1)
    listing = rewritten("lists", descent(True, keys=[key_id(OLDER)]), [LEFT, purged(entry(RIGHT))])
    x = rewritten("old keys purged", descent(heads=[B]), [RIGHT], master=OLDER)
    written("older-purged", "Rule 3a", listing, x, "older", [], record(True, ids=[B]), purged_out=1)

    f = rewritten("d1", descent(True, ids=[A], keys=[K1, K2]), [LEFT])
    x = rewritten("d2", descent(True, ids=[A, B], keys=[K3, K2]), [RIGHT], master=THIRD)
    own = id(x.tag, THIRD)
    written("diverged", "Rule 5: ids and key ids", f, x, "diverged", [RIGHT], record(True, ids=[B, own], keys=[K3]))
    nothing("diverged-nothing-new", "Rule 1", f, rewritten("d3", descent(heads=[A], keys=[K1]), [RIGHT], master=THIRD), "diverged")
    x = rewritten("d4", descent(heads=[A, B], keys=[K3]), [RIGHT], master=THIRD)
    x = rewritten("d9", descent(heads=[A, B], keys=[K2, K3]), [RIGHT, purged(entry(LEFT))], master=THIRD)
    written("diverged-with-entries", "Rule 3: a purge that is not taken is not contained", f, x, "diverged", [RIGHT], record(True), partial=True)
    x = rewritten("d4", descent(heads=[A, B], keys=[K3]), [RIGHT], master=THIRD)
    written("unrelated-keys", "No key in common: values alone", f, x, "unrelated", [RIGHT], record(True))
    x = rewritten("d5", descent(heads=[A], keys=[K3]), [RIGHT], master=THIRD)
    written("unrelated-keys-and-a-known-frontier", "Rule 1 is not for unrelated copies", f, x, "unrelated", [RIGHT], record(True))
    nothing("unrelated-nothing-to-take", "Rule 8", f, rewritten("d6", descent(heads=[B], keys=[K3]), [LEFT], master=THIRD), "unrelated")
    written("unrelated-partial", "Values alone", f, rewritten("d7", descent(heads=[B]), [RIGHT, put("F", b"", NOW + DAY + 1)], master=THIRD),
            "unrelated", [RIGHT], record(True), partial=True, future=1)
    written("unrelated-with-entries", "Rule 4 is for the same keys", f, rewritten("d8", descent(heads=[B]), [RIGHT, purged(entry(LEFT))], master=THIRD),
            "unrelated", [RIGHT], record(True))
    written("older-before-newer", "Each key id in the other's K: older comes first", rewritten(
        "e1", descent(True, ids=[A], keys=[key_id(THIRD)]), [LEFT]), rewritten(
        "e2", descent(heads=[B], keys=[key_id()]), [RIGHT], master=THIRD), "older", [RIGHT], record(True, ids=[B], keys=[key_id()]))
    many = made_up(1025, "many keys")
    x = File("many keys", THIRD, read_only=1)
    ids = [x.birth, x.commit(descent(True, keys=many[:1024]), RIGHT), x.commit(descent(True, keys=[many[1024], key_id(OLDER)]))]
    f = File("few keys", read_only=1)
    f.commit(descent(True, keys=[key_id(OLDER)]), LEFT)
    written("diverged-1025-key-ids", "Rule 5: the first key ids, 512 in all", f, x, "diverged", [RIGHT], record(True, ids=ids, keys=many[:511]))
    for own, count in ((512, 1), (513, 2)):
        x = File("keys %d" % count, THIRD, read_only=1)
        ids = [x.birth, x.commit(descent(True, keys=[key_id(OLDER), *made_up(count, "their keys")]), RIGHT)]
        f = File("keys %d" % own, read_only=1)
        f.commit(descent(True, keys=[key_id(OLDER), *made_up(own - 1, "own keys")]), LEFT)
        written("diverged-%d-and-%d-key-ids" % (own, count), "Rule 5: F has %d key ids, and gets no more" % own, f, x, "diverged", [RIGHT],
                record(True, ids=ids))


def other_vaults():
    f = File("here", read_only=1)
    f.commit(LEFT, purged(entry(put("P", b"", START))))
    vault_id = bytes(range(16))
    x = File("there", slots=(passphrase_slot("there", vault_id=vault_id), EMPTY_SLOT), vault_id=vault_id, read_only=1)
    x.commit(RIGHT, put("P", b"", START), purged(entry(LEFT, vault_id)))
    written("another-vault", "Unrelated, though the master key is the same; entries are made with F's vault id", f, x, "unrelated", [RIGHT],
            record(True), purged_out=1)
    x = File("there", slots=(passphrase_slot("there", vault_id=vault_id), EMPTY_SLOT), vault_id=vault_id, read_only=1)
    x.commit(RIGHT, other(0xC5, b"unknown"))
    written("another-vault-with-an-unknown-kind", "Unrelated and partial", f, x, "unrelated", [RIGHT], record(True), partial=True, unknown=1)


def take_keys():
    f = rewritten("old", descent(heads=[A, B], ids=[C], keys=[K1], dropped=2), [LEFT, purged(entry(put("P", b"", START)))])
    x = rewritten("new", descent(True, ids=[A, D], keys=[K2, key_id()], dropped=5), [RIGHT, put("P", b"", START)], master=NEWER)
    own = id(x.tag, NEWER)
    says("newer-refused", "Rule 2", f, x, "refused", "newer")
    says("newer-refused-though-all-versions", "Rule 2", f, x, "refused", "newer", ["--all-versions"])
    written("newer-taken", "Rule 2b: a rewrite under X's keys, then X is the same; the head of the rewrite is not named", f, x, "newer", [RIGHT],
            record(heads=[own], ids=[D, own], dropped=5), options=["--take-keys"], purged_out=1, kept=[LEFT],
            rewrite=record(True, keys=[K1, key_id(), K2], ids=[C, A, B], dropped=2))
    x = rewritten("new ahead", descent(True, ids=[A, D], keys=[key_id()]), [RIGHT, put("F", b"", NOW + DAY + 1), purged(entry(BOTH))], master=NEWER)
    written("newer-taken-in-part", "Rule 2b, then a partial merge", f, x, "newer", [RIGHT], record(True), [entry(BOTH)], options=["--take-keys"],
            partial=True, future=1, kept=[LEFT], rewrite=record(True, keys=[K1, key_id()], ids=[C, A, B], dropped=2))
    x = rewritten("new all", descent(True, ids=[A, B], keys=[key_id()]), [RIGHT], master=NEWER)
    own = id(x.tag, NEWER)
    written("newer-without-an-entry", "Rule 2b: P(F) is in I(X), but X lacks a purged entry of F", f, x, "newer", [RIGHT],
            record(heads=[own], ids=[own]), options=["--take-keys"], kept=[LEFT], rewrite=record(True, keys=[K1, key_id()], ids=[C, A, B], dropped=2))
    x = rewritten("new all", descent(True, ids=[A, B], keys=[key_id()]), [RIGHT, purged(entry(put("P", b"", START)))], master=NEWER)
    copied("newer-copied", "Rule 2a: P(F) is in I(X), and F's entry in X", f, x)
    more = {"options": ["--take-keys"], "kept": [LEFT], "rewrite": record(True, keys=[K1, key_id()], ids=[C, A, B], dropped=2)}
    all = [RIGHT, purged(entry(put("P", b"", START)))]
    for label, fields in (("generation", {"generation": 1 << 63}), ("seq", {"base_seq": (1 << 63) - 3})):
        x = rewritten("new " + label, descent(True, ids=[A, B], keys=[key_id()]), all, master=NEWER, **fields)
        own = id(x.tag, NEWER)
        written("newer-with-a-%s-of-2-to-the-63" % label, "Rule 2b: its numbers are not taken", f, x, "newer", [RIGHT],
                record(heads=[own], ids=[own]), **more)
    for label, fields in (("generation", {"generation": (1 << 63) - 1}), ("seq", {"base_seq": (1 << 63) - 4})):
        x = rewritten("new " + label, descent(True, ids=[A, B], keys=[key_id()]), all, master=NEWER, **fields)
        copied("newer-with-a-%s-below-2-to-the-63" % label, "Rule 2a", f, x)
    x = rewritten("new all ahead", descent(True, ids=[A, B], keys=[key_id()]), [*all, put("F", b"", NOW + DAY + 1)], master=NEWER)
    written("newer-with-a-version-ahead", "Rule 2b: rule 3b leaves a version out", f, x, "newer", [RIGHT], record(True), partial=True, future=1, **more)
    copied("newer-with-a-version-ahead-taken", "Rule 2a: nothing is left out", f, x, options=["--take-keys", "--allow-future"])
    x = rewritten("new baggage", descent(True, ids=[A, B], keys=[key_id()]), [*all, other(0x85, b"not to copy"), other(vf.HEAD, bytes(56)), put("R", b"right", START + 6)],
                  master=NEWER)
    copied("newer-copied-without-baggage", "Rule 2a: as a compaction leaves it", f, x, kept=[RIGHT])
    x = rewritten("new read only", descent(True, ids=[A, B], keys=[key_id()]), all, master=NEWER, read_only=3)
    own = id(x.tag, NEWER)
    written("newer-with-a-read-only-flag", "Rule 2b: a flag that is not known is not taken", f, x, "newer", [RIGHT], record(heads=[own], ids=[own]), **more)
    x = rewritten("new all unknown", descent(True, ids=[A, B], keys=[key_id()]), [*all, other(0xC5, b"unknown")], master=NEWER)
    written("newer-with-an-unknown-kind", "Rule 2b: rule 3c counts a record", f, x, "newer", [RIGHT], record(True), partial=True, unknown=1, **more)
    x = rewritten("new all", descent(True, ids=[A, B], keys=[key_id()]), all, master=NEWER)
    own = id(x.tag, NEWER)
    written("newer-taken-with-all-versions", "Rule 2b: all versions of both", f, x, "newer", [RIGHT], record(heads=[own], ids=[own]),
            **{**more, "options": ["--take-keys", "--all-versions"]})
    x = rewritten("new other", descent(True, ids=[A, C], keys=[key_id()]), [RIGHT], master=NEWER)
    own = id(x.tag, NEWER)
    written("newer-in-part-beneath", "Rule 2b: one head of F is not in I(X)", f, x, "newer", [RIGHT], record(heads=[own], ids=[own]),
            options=["--take-keys"], kept=[LEFT], rewrite=record(True, keys=[K1, key_id()], ids=[C, A, B], dropped=2))
    f = rewritten("old b", descent(heads=[B]), [LEFT, purged(entry(LEFT)), BOTH])
    x = rewritten("new with purged", descent(True, ids=[A, C], keys=[key_id()]), [RIGHT, LEFT], master=NEWER)
    own = id(x.tag, NEWER)
    written("newer-taken-drops-purged", "Rule 2b: the rewrite drops what F lists", f, x, "newer", [RIGHT], record(heads=[own], ids=[A, C, own]),
            options=["--take-keys"], purged_out=1, kept=[BOTH], rewrite=record(True, keys=[key_id()], ids=[B]))
    x = rewritten("new d", descent(heads=[C], keys=[key_id()]), [RIGHT], master=NEWER)
    copied("newer-copied-where-p-is-all", "Rule 2a: P(F) is all of I(X)", rewritten("old d", descent(heads=[C]), [LEFT]), x, entries=[])
    x = rewritten("new known", descent(heads=[C], keys=[key_id()]), [LEFT], master=NEWER)
    f = rewritten("old c", descent(heads=[B], ids=[C]), [LEFT])
    says("newer-nothing-but-the-keys", "Rule 2b, then rule 8 but for the rewrite: X's head is in I(F), yet its keys are taken", f, x, "written", "newer",
         ["--take-keys"], partial=False, taken=0, future=0, purged_out=0, unknown=0, transactions=0, descent=None, **listed([]), order=order([]),
         **history([LEFT]), rewritten=record(True, keys=[key_id()], ids=[C, B]))


def ends():
    f = File("read only", read_only=3)
    f.commit(BOTH)
    x = f.fork("X")
    x.commit(RIGHT)
    Vectors.add("merge", "read-only-flag", 8, "Rule 2: F has an unknown read-only flag", [f, x], {"expect": "read only"}, now=NOW, options=[])
    last = 2 ** 64 - 1
    for room in (2, 1):
        f = rewritten("seq f", descent(heads=[A]), [BOTH], base_seq=last - 2 - room)
        x = rewritten("seq x", descent(heads=[B]), [RIGHT])
        if room == 2:
            written("seq-that-suffices", "The last record has seq 2^64 - 1", f, x, "same", [RIGHT], record(heads=[A, B], ids=[B]))
        else:
            Vectors.add("merge", "seq-that-does-not-suffice", 8, "Rule 8: seq would pass 2^64 - 1", [f, x], {"expect": "exhausted"}, now=NOW, options=[])
    for room in (5, 4):
        f = rewritten("seq k", descent(heads=[A]), [LEFT], base_seq=last - 2 - room + 1)
        x = rewritten("seq n", descent(True, keys=[key_id()]), [RIGHT], master=NEWER)
        own = id(x.tag, NEWER)
        if room == 5:
            written("newer-seq-that-suffices", "A rewrite of two records, then a transaction of two", f, x, "newer", [RIGHT], record(heads=[own], ids=[own]),
                    options=["--take-keys"], kept=[LEFT], rewrite=record(True, keys=[key_id()], ids=[A]))
        else:
            Vectors.add("merge", "newer-seq-that-does-not-suffice", 8, "Rule 8: seq would pass 2^64 - 1", [f, x], {"expect": "exhausted"}, now=NOW,
                        options=["--take-keys"])
    f = rewritten("seq o", descent(heads=[A]), [LEFT], base_seq=last - 7)
    merged = f.commit(descent(True, keys=[key_id(OLDER)]))
    x = rewritten("seq p", descent(True, keys=[key_id()]), [RIGHT], master=NEWER)
    own = id(x.tag, NEWER)
    written("newer-seq-that-suffices-for-fewer-records", "A rewrite of two records of three, then a transaction of two", f, x, "newer", [RIGHT],
            record(heads=[own], ids=[own]), options=["--take-keys"], kept=[LEFT],
            rewrite=record(True, keys=[key_id(OLDER), key_id()], ids=[A, merged]))


def large():
    """More than 64 MiB to take, and the vector is short all the same: ciphertexts are zeros."""
    f, x, start = branches("large")
    left = f.commit(LEFT)
    records, parts = [], []
    for t in range(2):
        begin = x.chain.at
        for i in range(33):
            r, frame = big(x.chain, begin, i == 32)
            parts.append(frame)
            records.append(r)
        if t == 0:
            first = id(x.chain.tag)
    x.data += b"".join(parts)
    x.took = x.took + records
    second = id(x.chain.tag)
    written("more-than-64-mib", "Rule 7: two transactions; only the last says something", f, x, "same", records,
            record(heads=[left, second], ids=[first, second]), transactions=2)


    for name, plains, count in [("exactly-64-mib", [1032192, 12288, 384, 320], 1), ("64-mib-and-16-bytes", [1032192, 12288, 768], 2)]:
        f, x, start = branches(name)
        left = f.commit(LEFT)
        plains, begin, parts, records = [1 << 20] * 63 + plains, x.chain.at, [], []
        for i, plain in enumerate(plains):
            r, frame = big(x.chain, begin, i == len(plains) - 1, plain)
            parts.append(frame)
            records.append(r)
        x.data += b"".join(parts)
        right = id(x.chain.tag)
        assert 176 + sum(map(len, parts)) == (64 << 20) + 16 * (count - 1)
        written(name, "Rule 7: the DESCENT and %d versions" % len(plains), f, x, "same", records, record(heads=[left, right], ids=[right]),
                transactions=count)
    f, x, start = branches("next does not fit")
    left, ids, parts, records = f.commit(LEFT), [], [], []
    for plains in ([1 << 20] * 63, [1 << 20, 128]):
        begin = x.chain.at
        for i, plain in enumerate(plains):
            r, frame = big(x.chain, begin, i == len(plains) - 1, plain)
            parts.append(frame)
            records.append(r)
        ids.append(id(x.chain.tag))
    x.data += b"".join(parts)
    written("next-does-not-fit", "Rule 7: 63 versions fit, the next does not, a later one would", f, x, "same", records,
            record(heads=[left, ids[1]], ids=ids), transactions=2)
    f, x, start = branches("many ids")
    left = f.commit(LEFT)
    r = zeros_inside(x.chain, other(vf.DESCENT, descent_body(True, n=128000, dropped=5) + bytes(1024000)), x.end, 24)
    first = x.commit(r)
    ids = [r.body[24 + 8 * i:32 + 8 * i] for i in range(128000)]
    begin, parts, records = x.chain.at, [], []
    for i in range(64):
        value, frame = big(x.chain, begin, i == 63, 1 << 20 if i < 63 else 1 << 19)
        parts.append(frame)
        records.append(value)
    x.data += b"".join(parts)
    second = id(x.chain.tag)
    written("many-ids-and-versions", "At most 128,000 ids, the oldest are left out; they do not fit beside the versions, so they stand alone", f, x,
            "same", records, record(heads=[left, second], ids=[*ids[2:], first, second], dropped=7), transactions=2)


def big(chain, start, commit, plain=1 << 20):
    """A value with a ciphertext of zeros, whose plaintext has so many bytes and no padding."""
    nonce16 = bytes(range(16))
    stream = keystream(chain, plain, nonce16, chain.at)
    front = bytes((1, 0, 1, 0)) + b"V"
    r = other(vf.VALUE, front + stream[48 + len(front):], START + chain.seq, nonce16=nonce16)
    return r, chain.frame(r, start, commit, nonce16)


def define():
    for part in (same, frontiers, options, purges, other_kinds, keys, other_vaults, take_keys, ends, large):
        part()
