"""Vectors of v3: METADATA in reading, merges, compactions, purges and salvage: sections 5 and 9."""

import vaultfile as vf
from copies import (
    DAY, NOW, OTHER_MASTERS, File, descent, entry, id, key_id, made_up, new_file, patch, purged, record, rewritten, zeros_inside)
from forge import (
    CLUSTER, EMPTY_SLOT, LOG_START, PROJECT, START, TEAM, TIME_MOST, Rec, Vector, about, address, gone, other, passphrase_slot, put)
from merges import branches, copied, nothing, written
from reading import SECOND, Reading
from rewrites import compaction, says, target

A, B, C, D = made_up(4, "metadata")
K1, = made_up(1, "metadata key")
OLDER, NEWER = OTHER_MASTERS["older"], OTHER_MASTERS["newer"]
MOST = 65536
TAGS = b'{"tags":["a"]}'


# ---- reading ------------------------------------------------------------------------------------------------------


def whole(name, section, comment, *transactions, entries=0):
    v = Reading(name, section, comment).has_purged(entries)
    for records in transactions:
        v.commit(*records)
    v.whole()


def accepted():
    whole("metadata-of-a-secret", 5, "With the value in one transaction, at the same time", [put(), about("A", TAGS)])
    whole("metadata-of-a-secret-later", 5, "A transaction of its own, which carries COMMIT", [put()], [about("A", TAGS, START + 9)])
    whole("metadata-in-every-scope", 5, "The address is that of the secret", [
        r for scope, name in ((TEAM, ""), (PROJECT, "web"), (CLUSTER, "web")) for r in (put("A", b"1", START, scope, name),
                                                                                         about("A", b"m" + name.encode(), START, scope, name))])
    whole("metadata-of-what-never-existed", 5, "They create no secret", [about("A", TAGS)])
    whole("metadata-before-the-first-value", 5, "They stand before it in the file and in time", [about("A", TAGS)], [put("A", b"one", START + 5)])
    whole("metadata-of-a-deleted-secret", 9, "They stay as they are", [put(), about("A", TAGS)], [gone("A", START + 1)])
    whole("metadata-set-after-the-deletion", 9, "They do not bring the secret back", [put()], [gone("A", START + 1)], [about("A", TAGS, START + 9)])
    whole("metadata-of-a-secret-that-was-brought-back", 9, "Still there", [put(), about("A", TAGS)], [gone("A", START + 1)],
          [put("A", b"two", START + 2)])
    whole("metadata-of-the-time-of-a-tombstone", 9, "Each history has its own current version", [gone(), about("A", TAGS)])
    whole("metadata-empty", 5, "An empty record is a version, which stands for none", [put(), about("A", b"")])
    whole("metadata-removed", 5, "By an empty record", [put(), about("A", TAGS)], [about("A", b"", START + 1)])
    whole("metadata-removed-and-set-again", 5, "The newest counts", [put(), about("A", TAGS)], [about("A", b"", START + 1)],
          [about("A", b"{}", START + 2)])
    for name, metadata in (("not-json", b"tags: a"), ("not-utf-8", b"\xff\xfe"), ("nul", bytes(7)), ("half-an-object", b'{"tags":['),
                           ("a-list", b"[1]"), ("a-member-twice", b'{"tags":[],"tags":[]}')):
        whole("metadata-that-are-" + name, 5, "To the format they are any bytes", [put(), about("A", metadata)])
    whole("metadata-of-1-byte", 5, "The shortest body with metadata: 6 bytes", [about("A", b"m")])
    whole("metadata-at-the-edge-of-a-bucket", 4, "The bucket of a body of 80 and of 81 bytes", [about("A", b"m" * 75), about("B", b"m" * 76)])
    whole("metadata-of-times-of-all-ages", 9, "From the first millisecond to the last", [
        about("A", b"last", TIME_MOST), about("A", b"first", 0), put("A", b"between", START)])
    for count in (MOST - 1, MOST):
        v = Reading("metadata-of-%d-bytes" % count, 5, "Metadata have at most 65,536 bytes")
        v.commit(zeros_inside(v.chain, about("A", bytes(count)), LOG_START, 5)).whole()
    v = Reading("metadata-of-65536-bytes-at-the-longest-address", 5, "A body of 65,796 bytes")
    v.commit(zeros_inside(v.chain, about("N" * 128, bytes(MOST), START, CLUSTER, "i" * 128), LOG_START, 260)).whole()
    v = Reading("metadata-in-an-unfinished-tail", 7, "Without COMMIT they do not take effect").commit(put())
    v.frames(about("A", TAGS), commit=False).tail()
    v = Reading("metadata-first-in-a-rewrite", 6, "A first record that is no DESCENT: the file is LEGACY", generation=2, base_seq=7,
                lineage=bytes(range(200, 216)), base_end=SECOND)
    v.has([id(bytes(range(200, 216)))], [id(bytes(range(200, 216)))], legacy=True).commit(about("A", TAGS)).whole()


def order():
    whole("metadata-by-time", 9, "Ordered by time, not by their place in the file", [
        about("A", b"3", 30), about("A", b"1", 10), about("A", b"2", 20)], [about("A", b"0", 5)])
    whole("metadata-of-one-time", 9, "By their bytes; empty ones are the smallest", [
        about("A", m, 9) for m in (b"b", b"a", b"", b"ab", b"a\0", b"\xff", b"\x7f", b"a\0\0")])
    whole("metadata-equal-triples", 9, "Equal triples count once", [about("A", b"m"), about("A", b"m"), about("B", b"")],
          [about("A", b"m"), about("B", b"")])
    whole("metadata-equal-at-different-times", 9, "Different times are different versions", [
        about("A", b"m", 1), about("A", b"m", 2), about("A", b"m", 1)])
    whole("metadata-and-value-of-the-same-bytes", 9, "Two histories: neither counts for the other", [
        put("A", b"x", 9), about("A", b"x", 9), put("A", b"y", 9), about("A", b"w", 9)])
    whole("metadata-newer-than-the-value", 9, "They neither change nor hide it", [put("A", b"x", 5), about("A", b"m", 9), put("A", b"w", 4)])
    whole("metadata-of-ids-and-names-that-join-alike", 5, "Where the id ends is told by its length", [
        about("bc", b"1", scope=PROJECT, id="a"), about("c", b"2", scope=PROJECT, id="ab")])
    whole("metadata-of-names-that-differ-in-case", 5, "Bytes are compared", [about("name", b"1"), about("NAME", b"2")])
    whole("metadata-many", 9, "Versions of many names, in no order", [
        r for i in range(60) for r in (about("N%d" % (i * 7 % 20), b"%d" % (i % 6), i * 37 % 50), put("N%d" % (i % 25), b"v", i))])


def listed():
    m, v = about("A", TAGS), put("A", b"one")
    whole("metadata-purged", 9, "Their entry has the kind 0xC9: the value of the same time stays", [v, m], [purged(entry(m))], entries=1)
    whole("metadata-purged-before-they-are-there", 5, "No matter which stands first", [purged(entry(m))], [v, m], entries=1)
    whole("metadata-whose-value-is-purged", 9, "The entry of the value is not theirs", [v, m], [purged(entry(v))], entries=1)
    whole("metadata-purged-of-one-time", 5, "One entry stands for all metadata of a time", [
        m, about("A", b""), about("A", b"m"), about("A", b"m", START + 1)], [purged(entry(m))], entries=1)
    whole("metadata-purged-of-another-address", 5, "The address belongs to the entry", [
        m, about("A", TAGS, START, PROJECT, "A"), about("B", TAGS)], [purged(entry(about("A", b"", START, PROJECT, "A")))], entries=1)
    twisted = Rec(m.kind, bytes((0x81,)) + m.body[1:], m.time, {})
    whole("metadata-entry-of-another-scope-byte", 5, "The entry has the address as in the record, without the bit of a digest",
          [v, m], [purged(entry(twisted))], entries=1)


def breach(name, comment, wrong, section=5, says=None):
    """A frame in place that breaks one rule."""
    v = Vector("metadata-" + name, section, comment).commit(put()).frames(wrong)
    v.says(says) if says else v.damage(SECOND)


def refused():
    v = Vector("metadata-of-65537-bytes", 5, "Metadata have at most 65,536 bytes")
    v.frames(zeros_inside(v.chain, about("A", bytes(MOST + 1)), LOG_START, 5)).damage(LOG_START)
    v = Vector("metadata-of-65537-bytes-uncommitted", 5, "A rule holds for every frame in place, committed or not")
    v.frames(zeros_inside(v.chain, about("A", bytes(MOST + 1)), LOG_START, 5), commit=False).damage(LOG_START)
    body = lambda *head: Rec(vf.METADATA, bytes(head) + b"xAmm", START, {})  # noqa: E731
    for scope in (0, 4, 0x80, 0x81, 0x82, 0x83, 0xC9, 255):
        breach("scope-%d" % scope, "Scopes are 1, 2 and 3, in METADATA too", body(scope, 1, 1, 0))
        breach("scope-%d-without-an-id" % scope, "Scopes are 1, 2 and 3, in METADATA too", body(scope, 0, 1, 0))
    for reserved in (1, 0x80, 0xC9):
        breach("reserved-%d" % reserved, "Byte 3 is zero", body(1, 0, 1, reserved))
    breach("of-the-team-with-an-id", "The team has no id", about("A", TAGS, id="x"))
    for scope, name in ((PROJECT, "project"), (CLUSTER, "cluster")):
        breach("of-a-%s-without-an-id" % name, "An id has 1 to 128 bytes", about("A", TAGS, scope=scope))
        breach("of-a-%s-with-an-id-of-129" % name, "An id has 1 to 128 bytes", about("A", TAGS, scope=scope, id="i" * 129))
    breach("without-a-name", "A name has 1 to 128 bytes", about("", TAGS))
    breach("of-a-name-of-129", "A name has 1 to 128 bytes", about("N" * 129, TAGS))
    breach("of-a-name-that-begins-with-a-digit", "Characters of a name", about("9A", TAGS))
    breach("of-a-name-with-a-slash", "Characters of a name", about("A/B", TAGS))
    breach("of-an-id-that-begins-with-a-dot", "Characters of an id", about("A", TAGS, scope=PROJECT, id=".x"))
    breach("name-beyond-the-body", "The name ends within the body", Rec(vf.METADATA, bytes((1, 0, 6, 0)) + b"ABCDE", START, {}))
    breach("id-beyond-the-body", "The id ends within the body", Rec(vf.METADATA, bytes((2, 9, 1, 0)) + b"idA", START, {}))
    for count in (0, 3, 4):
        breach("body-of-%d-bytes" % count, "The shortest body has 5 bytes", Rec(vf.METADATA, address("A")[:count], START, {}))
    for flags in (2, 4, 0x80):
        breach("flags-%02x" % flags, "Flags but COMMIT are zero", about("A", TAGS, flags=flags), section=4)
    breach("plaintext-reserved", "Bytes 2 and 3 are zero", about("A", TAGS, reserved=2), section=4)
    breach("padding", "The padding is zero", about("A", TAGS, padding=1), section=4)
    breach("larger-bucket", "L is 16 more than the bucket of the body", about("A", TAGS, plain=192), section=4)
    breach("beyond-the-year-9999", "The time is at most 253,402,300,799,999", about("A", TAGS, TIME_MOST + 1), section=4)
    v = Vector("metadata-before-a-descent", 5, "A DESCENT is the first record of its transaction").commit(put())
    v.frames(about("A", TAGS), descent(True)).damage(SECOND + 176)
    v = Vector("metadata-breach-before-kind-42", 5, "The first frame that breaks a rule or is unknown decides").commit(put())
    v.frames(about("", TAGS), other(0x42)).damage(SECOND)
    v = Vector("metadata-behind-kind-42", 5, "The first frame that breaks a rule or is unknown decides").commit(put())
    v.frames(other(0x42), about("", TAGS)).says("unsupported")
    v = Reading("metadata-breach-out-of-place", 5, "Only a frame in place decides").commit(put())
    v.frames(about("", TAGS, seq=1)).tail()
    breach("kind-without-ignorable", "0x49 has bit 7 clear: unknown and critical", about("A", TAGS)._replace(kind=0x49), says="unsupported")
    for kind in (0x89, 0xC8, 0xCA, 0xCD):
        whole("metadata-like-kind-%02x" % kind, 5, "Another kind is unknown: its body is any bytes", [
            put(), about("A", TAGS)._replace(kind=kind), other(kind, bytes(MOST // 1024))])


# ---- merges -------------------------------------------------------------------------------------------------------


def merging():
    left, right = put("A", b"one", START + 5), about("A", TAGS, START + 6)

    f, x, start = branches("m1")
    one, two = f.commit(left), x.commit(right)
    written("metadata-are-taken", "Rule 3: here the value was set, there the metadata; both take effect", f, x, "same", [right],
            record(heads=[one, two], ids=[two]))
    written("metadata-stay", "Rule 3: the other way round", x, f, "same", [left], record(heads=[two, one], ids=[one]))
    f, x, start = branches("m2")
    ones = [about("A", m, START + 9) for m in (b"a", b"b", b"")]
    more = [about("A", b"c", START + 9), about("A", b"a", START + 8), put("A", b"a", START + 9), gone("A", START + 9), about("A", b"a", START + 9, PROJECT, "p")]
    one, two = f.commit(*ones), x.commit(more[0], ones[1], more[1], *more[2:], ones[0], ones[2], more[0]._replace())
    written("metadata-of-one-time-in-both", "The same if time, kind, address and bytes are", f, x, "same", more, record(heads=[one, two], ids=[two]))
    f, x, start = branches("m3")
    x.commit(about("A", b"future", NOW + DAY + 1), about("A", b"late", NOW + DAY), put("B", b"v", NOW + DAY + 1), right)
    written("metadata-of-a-fast-clock", "Rule 3b: left out, and the merge is partial", f, x, "same", [about("A", b"late", NOW + DAY), right],
            record(True), partial=True, future=2)
    f, x, start = branches("m4")
    ahead = about("A", b"future", NOW + DAY + 1)
    one, two = f.commit(left), x.commit(ahead)
    written("metadata-of-a-fast-clock-allowed", "The option --allow-future", f, x, "same", [ahead], record(heads=[one, two], ids=[two]),
            options=["--allow-future"])
    f, x, start = branches("m5")
    one, two = f.commit(purged(entry(right))), x.commit(right, about("A", b"other", START + 6), put("A", b"v", START + 6), about("A", TAGS, START + 7))
    written("metadata-purged-stay-away", "Rule 3a: all metadata of that time, not the value", f, x, "same", [put("A", b"v", START + 6), about("A", TAGS, START + 7)],
            record(heads=[one, two], ids=[two]), purged_out=2)
    f, x, start = branches("m6")
    one, two = f.commit(left, right), x.commit(purged(entry(right), entry(about("A", b"", START))))
    written("metadata-entries-are-taken", "Rule 4: their versions are in no history of F then", f, x, "same", [], record(heads=[one, two], ids=[two]),
            [entry(right), entry(about("A", b"", START))])
    f, x, start = branches("m7")
    one, two = f.commit(left), x.commit(other(0xC5, b"unknown"), right, other(0xC9 ^ 0x02, b"unknown"), about("B", b""))
    written("metadata-are-no-unknown-kind", "Rule 3c counts the others", f, x, "same", [right, about("B", b"")], record(True), partial=True, unknown=2)
    f = rewritten("m8 f", descent(heads=[A], ids=[B]), [left])
    x = rewritten("m8 x", descent(heads=[B]), [right, left])
    nothing("metadata-dropped-stay-away", "Rule 1: compactions of F dropped them", f, x, "same")
    written("metadata-dropped-with-all-versions", "The option skips rule 1", f, x, "same", [right], record(heads=[A]), options=["--all-versions"])
    f = rewritten("m9 f", descent(True, keys=[key_id(OLDER)]), [left])
    x = rewritten("m9 x", descent(heads=[B]), [right], master=OLDER)
    written("metadata-of-older-keys", "A copy under older keys", f, x, "older", [right], record(True, ids=[B]))
    x = rewritten("m10 x", descent(heads=[B]), [put("R"), purged(entry(right))], master=OLDER)
    written("metadata-purged-by-older-keys", "Rule 4: the entry is not taken, so the merge is partial", f, x, "older", [put("R")], record(True), partial=True)
    f, vault_id = File("m11 f", read_only=1), bytes(range(30, 46))
    x = File("m11 x", slots=(passphrase_slot("m11", vault_id=vault_id), EMPTY_SLOT), vault_id=vault_id, read_only=1)
    f.commit(left)
    x.commit(purged(entry(right), entry(about("A", b""), vault_id)), right, about("A", b""), put("A", b"other"))
    written("metadata-of-another-vault", "Unrelated: what X lists is hashed with the vault id of X", f, x, "unrelated", [right, put("A", b"other")], record(True))
    f = File("m12 f", read_only=1)
    one = f.commit(left, right)
    x = rewritten("m12 x", descent(True, keys=[key_id()], ids=[f.birth, one]), [left, right, about("A", b"new", START + 9)], master=NEWER)
    copied("metadata-of-newer-keys", "Rule 2a: a compaction of X with all versions", f, x, kept=[left, right, about("A", b"new", START + 9)], entries=[],
           options=("--take-keys",))
    f = File("m13 f", read_only=1)
    one = f.commit(left, right)
    x = rewritten("m13 x", descent(True, keys=[key_id()], ids=[f.birth]), [about("A", b"new", START + 9)], master=NEWER)
    two = id(x.tag, NEWER)
    written("metadata-under-newer-keys", "Rule 2b: F is rewritten with its metadata first", f, x, "newer", [about("A", b"new", START + 9)],
            record(heads=[two], ids=[two]), options=["--take-keys"], rewrite=record(True, keys=[key_id()], ids=[f.birth, one]), kept=[left, right])


# ---- rewrites -----------------------------------------------------------------------------------------------------


def sample(label):
    """Values and metadata of A, metadata of a secret that was deleted and of one that never existed."""
    file = File(label, read_only=1)
    first = [put("A", b"1", START), about("A", b"m1", START), about("D", b"d1", START), put("D", b"v", START), about("N", b"n", START)]
    rest = [about("A", b"m2", START + 10), put("A", b"2", START + 20), gone("D", START + 20), about("A", b"", START + 30), about("D", b"d2", START + 10)]
    return file, first + rest, [file.birth, file.commit(*first), file.commit(*rest)]


def compactions():
    file, records, ids = sample("compact all")
    made = record(heads=ids[2:], ids=ids[:2])
    a1, m1, d1, dv, n, m2, a2, dead, m3, d2 = records
    compaction("metadata-all-versions", "The records keep their order", file, records, made)
    compaction("metadata-no-older-versions", "The newest of each history: empty ones, of deleted secrets, and without a secret", file,
               [n, a2, dead, m3, d2], made, keep="none")
    for since, more in ((10, [a1, m1, d1, dv, m2]), (11, [a1, dv, m2]), (21, [m2]), (31, [])):
        compaction("metadata-replaced-since-%d" % since, "The next newer version of the same history has that time or a later one", file,
                   [r for r in records if r in more or r in (n, a2, dead, m3, d2)], made, keep=START + since)
    file = File("compact equal", read_only=1)
    one = file.commit(about("A", b"m"), put("A", b"m"), about("A", b"l"), about("A", b"m"), put("A", b"m"), other(0xC5, b"\1\0\1\0Am"))
    compaction("metadata-equal-triples", "Of equal triples the first is carried over, one of each history", file,
               [about("A", b"m"), put("A", b"m"), about("A", b"l"), other(0xC5, b"\1\0\1\0Am")], record(heads=[one], ids=[file.birth]))
    compaction("metadata-of-equal-times", "The largest is the newest", file, [about("A", b"m"), put("A", b"m"), other(0xC5, b"\1\0\1\0Am")],
               record(heads=[one], ids=[file.birth]), keep="none")
    file = File("compact listed", read_only=1)
    gone_for_good = about("A", b"m2", START + 1)
    one = file.commit(about("A", b"m1"), gone_for_good, put("A", b"v", START + 1), about("A", b"m3", START + 2))
    two = file.commit(purged(entry(gone_for_good), entry(about("Z"))))
    entries = [entry(gone_for_good), entry(about("Z"))]
    compaction("metadata-purged", "Listed metadata are in no history, and their entries stay", file,
               [about("A", b"m1"), put("A", b"v", START + 1), about("A", b"m3", START + 2)], record(heads=[two], ids=[file.birth, one]), entries)
    compaction("metadata-purged-since", "A listed version replaces nothing", file, [about("A", b"m1"), put("A", b"v", START + 1), about("A", b"m3", START + 2)],
               record(heads=[two], ids=[file.birth, one]), entries, keep=START + 2)
    large = File("compact large", read_only=1)
    m = zeros_inside(large.chain, about("V", bytes(MOST)), large.end, 5)
    one = large.commit(m)
    compaction("metadata-of-65536-bytes", "base_end counts frames as long as they were", large, [m], record(heads=[one], ids=[large.birth]), keep="none")
    file, records, ids = sample("new keys")
    says("compaction", "metadata-under-new-keys", "All metadata are kept", file, new_file(file, records, record(True, keys=[key_id()], ids=ids)),
         rewrite="new keys", keep="all")


def purges():
    def purge(name, comment, file, versions, kept, made, before=()):
        entries = [*before, *[entry(v) for v in versions]]
        says("purge", name, comment, file, new_file(file, kept, made, entries), purge=[target(v) for v in versions])

    file, records, ids = sample("purge")
    a1, m1, d1, dv, n, m2, a2, dead, m3, d2 = records
    made = record(True, ids=ids)
    purge("metadata-beside-a-purged-value", "One version of the value: the metadata of the same time stay", file, [a1],
          [r for r in records if r != a1], made)
    purge("metadata-with-all-versions", "All versions of both histories", file, [a2, a1, m3, m2, m1], [d1, dv, n, dead, d2], made)
    purge("metadata-of-a-deleted-secret", "All versions of both histories, the tombstone too", file, [dead, dv, d2, d1],
          [r for r in records if r.body[4:5] != b"D"], made)
    purge("metadata-alone", "Those of a secret that never existed", file, [n], [r for r in records if r != n], made)
    file = rewritten("purge again", descent(heads=[C, D], ids=[A], keys=[K1]), [
        purged(entry(about("Z")), entry(about("B"))), about("A", TAGS), put("A"), about("B"), put("B")])
    purge("metadata-again", "Entries of before stand first, and their versions go too", file, [put("A"), about("A", TAGS)], [put("B")],
          record(True, keys=[K1], ids=[A, C, D]), [entry(about("Z")), entry(about("B"))])


def salvages():
    def salvage(name, comment, file, kept, made, lost=(), uncertain=None, entries=(), last=None):
        said = new_file(last or file, kept, made, entries)
        says("salvage", name, comment, file, {**said, "lost": [list(x) for x in lost], "uncertain": uncertain, "unknown": 0})

    def three(label="salvage"):
        file = File(label, read_only=1)
        records = [put("A"), about("A", TAGS), about("A", b"", START + 1)]
        return file, records, [file.birth, *[file.commit(r) for r in records]]

    file, records, ids = three()
    end = file.end
    salvage("metadata-of-a-whole-file", "Nothing is lost: as a compaction of all versions", file, records, record(heads=ids[3:], ids=ids[:3]))
    file, records, ids = three()
    patch(file, (SECOND + 40, b"\0\1\2"))
    salvage("metadata-damaged", "Rule 3: one record is lost", file, [records[0], records[2]], record(True), [(SECOND, 176, 1)])
    file, records, ids = three()
    file.data += file.chain.transaction([put("B"), about("B", b"b")], commit=False)
    salvage("metadata-uncertain", "Rule 4: no COMMIT is found", file, records + [put("B"), about("B", b"b")], record(True), uncertain=end)
    file, records, ids = three()
    file.commit(put("E"), Rec(vf.METADATA, bytes((0x81, 0, 1, 0)) + b"Am", START, {}), about("", TAGS), about("E", b"e"))
    salvage("metadata-that-break-a-rule", "Rule 2: records that break a rule are lost", file, records + [put("E"), about("E", b"e")], record(True),
            [(end + 176, 352, 2)])
    file, records, ids = three()
    file.commit(put("E"), purged(entry(records[1])))
    file.data += b"?"
    salvage("metadata-purged", "Listed metadata are dropped from a damaged file too", file, [records[0], records[2], put("E")], record(True),
            [(file.end, 1, None)], entries=[entry(records[1])])


def define():
    for part in (accepted, order, listed, refused, merging, compactions, purges, salvages):
        part()
