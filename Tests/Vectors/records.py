"""Vectors of sections 5 and 9: kinds of record, addresses, and the order of versions."""

import vaultfile as vf
from forge import CLUSTER, PROJECT, START, TEAM, TIME_MOST, Rec, Vector, address, gone, head, other, put
from frames import SECOND, breach


def kinds():
    for kind in (0x00, 0x03, 0x3F, 0x40, 0x41, 0x7F):
        breach("kind-%02x" % kind, "Bit 7 clear: unsupported, whatever bit 6 says", other(kind), section=5, says="unsupported")
    for kind in (0x80, 0x81, 0xBF, 0xC0, 0xC2, 0xFF):
        Vector("kind-%02x" % kind, 5, "Bit 7 set: skipped, but a frame like any other; it carries COMMIT").commit(put()).commit(
            put("B"), other(kind)).commit(put(value=b"two", time=START + 1)).whole()
    Vector("ignorable-kind-alone", 5, "A transaction of skipped records alone").commit(other(0x85)).whole()
    Vector("ignorable-kind-without-a-body", 5, "The body of an unknown kind may be empty").commit(other(0x85, b""), put()).whole()
    Vector("ignorable-kind-with-a-long-body", 5, "The body of an unknown kind is bytes").commit(other(0xC5, bytes(range(256)) * 20)).whole()
    breach("ignorable-kind-with-a-flag", "The rules of the plaintext hold for every kind", other(0x85, flags=5), section=5)
    breach("ignorable-kind-with-reserved", "The rules of the plaintext hold for every kind", other(0x85, reserved=2), section=5)
    breach("ignorable-kind-with-padding", "The rules of the plaintext hold for every kind", other(0x85, padding=2), section=5)
    breach("ignorable-kind-in-a-larger-bucket", "The rules of the plaintext hold for every kind", other(0x85, plain=192), section=5)
    v = Vector("kind-42-without-a-commit", 5, "Decided as soon as the frame is in place, committed or not").commit(put())
    v.frames(other(0x42), commit=False).says("unsupported")
    v = Vector("kind-42-out-of-place", 5, "Only a frame in place decides").commit(put()).frames(other(0x42, seq=1)).tail()
    v = Vector("kind-42-before-a-breach", 5, "The first frame that breaks a rule or is unknown decides").commit(put())
    v.frames(other(0x42), put(flags=2)).says("unsupported")
    v = Vector("breach-before-kind-42", 5, "The first frame that breaks a rule or is unknown decides").commit(put())
    v.frames(put(flags=2), other(0x42)).damage(SECOND)
    v = Vector("kind-42-before-a-frame-out-of-place", 5, "Decided before what follows is looked at").commit(put())
    v.frames(other(0x42)).frames(put(crc=1)).frames(put("B")).says("unsupported")
    breach("kind-42-with-a-flag", "The rules of the plaintext come before the question whether the kind is known", other(0x42, flags=3),
           section=5)
    breach("kind-42-in-a-larger-bucket", "The rules of the plaintext come before the question whether the kind is known",
           other(0x42, plain=192), section=5)


def heads():
    Vector("head", 5, "What a merge leaves").commit(put()).commit(put("B"), head()).whole()
    Vector("heads-of-three-copies", 5, "A merge with copies that were merged themselves").commit(
        head(bytes(16), 1, 0, 0, bytes(16)), head(generation=2 ** 64 - 1), head(b"\xff" * 16, 7, 2 ** 64 - 1, 2 ** 64 - 1, b"\xff" * 16)).whole()
    for count in (0, 55, 57, 112):
        breach("head-of-%d-bytes" % count, "A head has 56 bytes", other(vf.HEAD, bytes(count)), section=5)
    Vector("head-without-a-commit", 5, "A head of a transaction that was not finished").commit(put()).frames(head(), commit=False).tail()


def addresses():
    def wrong(name, comment, body, kind=vf.VALUE):
        breach("address-" + name, comment, Rec(kind, body, START, {}), section=5)

    for scope in (0, 4, 255):
        wrong("scope-%d" % scope, "Scopes are 1, 2 and 3", bytes((scope, 1, 1, 0)) + b"xAvalue")
        wrong("scope-%d-without-an-id" % scope, "Scopes are 1, 2 and 3", bytes((scope, 0, 1, 0)) + b"Avalue")
    wrong("team-with-an-id", "The team has no id", address("A", TEAM, "x") + b"v")
    for scope, name in ((PROJECT, "project"), (CLUSTER, "cluster")):
        wrong(name + "-without-an-id", "An id has 1 to 128 bytes", address("A", scope) + b"v")
        wrong(name + "-with-an-id-of-129", "An id has 1 to 128 bytes", address("A", scope, "i" * 129) + b"v")
    wrong("without-a-name", "A name has 1 to 128 bytes", address("") + b"v")
    wrong("name-of-129", "A name has 1 to 128 bytes", address("N" * 129) + b"v")
    wrong("name-of-255", "A name has 1 to 128 bytes", address("N" * 255) + b"v")
    wrong("name-beyond-the-body", "The name ends within the body", bytes((1, 0, 6, 0)) + b"ABCDE")
    wrong("id-beyond-the-body", "The id ends within the body", bytes((2, 9, 1, 0)) + b"idA")
    for reserved in (1, 128):
        wrong("reserved-%d" % reserved, "Byte 3 is zero", bytes((1, 0, 1, reserved)) + b"Av")
    wrong("of-a-tombstone-wrong", "A tombstone's address keeps the same rules", address("9"), vf.TOMBSTONE)
    wrong("and-a-rest-in-a-tombstone", "A tombstone has no rest", address("A") + b"v", vf.TOMBSTONE)
    named = {" ": "space", "/": "slash", "\0": "nul", "\x7f": "del", "\x80": "80", "\xe9": "e9", ":": "colon", "@": "at", "[": "bracket",
             "`": "backtick", "{": "brace", "\n": "newline", "=": "equals", "-": "hyphen", ".": "dot", "0": "digit-0", "9": "digit-9",
             "_": "underscore"}
    for character, name in named.items():
        if character != "_":
            wrong("name-begins-with-" + name, "A name begins with a letter or _", address(character + "A") + b"v")
        if character in "-._09":
            continue
        wrong("name-has-" + name, "Characters of a name", address("A" + character) + b"v")
        wrong("id-has-" + name, "Characters of an id", address("A", PROJECT, "a" + character) + b"v")
    for character in "_-.":
        wrong("id-begins-with-" + named[character], "An id begins with a letter or digit", address("A", CLUSTER, character + "a") + b"v")
    Vector("addresses-at-the-limits", 5, "Every character, the shortest and the longest").commit(
        put("_"), put("a"), put("Z"), put("z09_.-AZ"), put("N" * 128), put("A", id="0", scope=PROJECT), put("A", id="9._-", scope=PROJECT),
        put("A", id="Zz", scope=CLUSTER), put("n" * 128, id="i" * 128, scope=PROJECT), gone("_-.", id="x" * 128, scope=CLUSTER)).whole()
    Vector("names-differ-in-case", 5, "Bytes are compared").commit(put("name", b"1"), put("NAME", b"2"), put("Name", b"3")).whole()
    Vector("one-name-in-every-scope", 5, "Scope and id belong to the address").commit(
        put(value=b"team"), put(value=b"p", scope=PROJECT, id="web"), put(value=b"c", scope=CLUSTER, id="web"),
        put(value=b"q", scope=PROJECT, id="web2")).whole()
    Vector("id-and-name-that-join-alike", 5, "Where the id ends is told by its length").commit(
        put("bc", scope=PROJECT, id="a"), put("c", scope=PROJECT, id="ab", value=b"other")).whole()


def order():
    Vector("versions-by-time", 9, "Ordered by time, not by their place in the file").commit(
        put(value=b"3", time=30), put(value=b"1", time=10), put(value=b"2", time=20)).commit(put(value=b"0", time=5)).whole()
    Vector("tombstone-and-value-of-one-time", 9, "By kind: the tombstone is larger, so the secret does not exist").commit(
        gone(time=9), put(value=b"\xff" * 10, time=9)).whole()
    Vector("values-of-one-time", 9, "By value, bytewise, shorter first when one is a prefix of the other").commit(
        *[put(value=x, time=9) for x in (b"b", b"a", b"", b"ab", b"a\0", b"\xff", b"\x7f", b"a\0\0")]).whole()
    Vector("value-of-an-earlier-time-with-a-tombstone-later", 9, "Deleted").commit(gone(time=9), put(time=8)).whole()
    Vector("value-after-a-tombstone", 9, "Set again after it was deleted").commit(put(time=7)).commit(gone(time=8)).commit(
        put(value=b"again", time=9)).whole()
    Vector("tombstone-alone", 9, "Deleted, never set").commit(gone("NEVER")).whole()
    Vector("equal-triples-in-one-transaction", 9, "Equal triples count once").commit(put(), put(), gone("B"), gone("B"), put()).whole()
    Vector("equal-triples-in-two-transactions", 9, "Equal triples count once").commit(put(), put(value=b"two")).commit(
        put(value=b"two"), put()).whole()
    Vector("equal-values-of-different-times", 9, "Different times are different versions").commit(put(time=1), put(time=2), put(time=1)).whole()
    Vector("times-of-all-ages", 9, "From the first millisecond to the last").commit(
        put(value=b"last", time=TIME_MOST), put(value=b"first", time=0), gone(time=1), gone("B", time=TIME_MOST), put("B", time=0)).whole()
    Vector("times-that-need-64-bits", 9, "Compared as 64-bit numbers").commit(
        put(value=b"large", time=2 ** 40), put(value=b"small", time=2 ** 32 - 1), put(value=b"middle", time=2 ** 39 + 1)).whole()
    Vector("many-names", 9, "Three hundred names in one transaction").commit(
        *[put("N%d" % (i * 7919 % 300), b"%d" % i, scope=1 + i % 3, id=("i%d" % (i % 5)) * (i % 3 != 0)) for i in range(300)]).whole()
    Vector("many-versions", 9, "A hundred versions of one name, in no order").commit(
        *[put(value=b"%d" % (i % 10), time=i * 37 % 50) for i in range(100)]).whole()


def define():
    for part in (kinds, heads, addresses, order):
        part()
