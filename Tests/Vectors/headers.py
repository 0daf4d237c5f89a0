"""Vectors of sections 2 and 3: the header, its slots, and the keys."""

import struct

import vaultfile as vf
from forge import (EMPTY_SLOT, LOG_START, PASSPHRASE, RECOVERY, RECOVERY_SLOT, SLOT, START, VAULT_ID, Vector, draw, make_header,
                   passphrase_slot, patched, put, recovery_slot, size, with_sum)

DAMAGED, REFUSED, UNSUPPORTED = "header damaged", "refused", "unsupported"
NO_VAULT, INCOMPLETE = "not a vault", "incomplete copy"
WRONG, TAMPERED = "wrong passphrase", "tampered with"
U32, U64 = struct.Struct("<I").pack, struct.Struct("<Q").pack
TOP32, TOP64 = 2 ** 32 - 1, 2 ** 64 - 1


def sample(name, section, comment, **more):
    """A vault with one secret."""
    return Vector(name, section, comment, **more).commit(put())


def breach(name, comment, *patches, says=DAMAGED, section=2, **more):
    """A header that breaks one rule; its sum and MAC are right, so nothing else can be what is wrong."""
    sample(name, section, comment, header=make_header(name, *patches, **more)).says(says)


def repaired(name, comment, *patches, says, section=2, **more):
    """A good header that somebody without the key changed, who then made the sum right."""
    v = sample(name, section, comment, **more)
    v.patch((0, with_sum(patched(v.header, *patches)))).says(says)


def no_vaults():
    for name, comment, data in [
        ("empty-file", "Step 1: an empty file", b""),
        ("text", "Step 1: some text", b"DATABASE_URL=postgres://localhost/app\n" * 200),
        ("short-text", "Step 1: fewer than eight bytes that are not the magic's", b"vlt"),
        ("zeros", "Step 1: zeros", bytes(5000)),
    ]:
        v = Vector("not-a-vault-" + name, 2, comment)
        v.data = data
        v.says(NO_VAULT)
    for name, comment, change in [
        ("magic-first-byte-wrong", "Step 1: the first byte differs", lambda d: b"\x88" + d[1:]),
        ("magic-last-byte-wrong", "Step 1: the eighth byte differs", lambda d: d[:7] + b"\x0b" + d[8:]),
        ("crlf-became-lf", "Step 1: a conversion of newlines turned 0D 0A into 0A", lambda d: d.replace(b"\r\n", b"\n")),
        ("lf-became-crlf", "Step 1: a conversion of newlines turned 0A into 0D 0A", lambda d: d.replace(b"\n", b"\r\n")),
        ("high-bit-lost", "Step 1: seven-bit mail cleared the high bits", lambda d: bytes(b & 127 for b in d)),
        ("as-utf8", "Step 1: every byte over 7F was encoded as UTF-8", lambda d: d.decode("latin-1").encode()),
        ("shifted", "Step 1: one byte stands before the header", lambda d: b"\0" + d),
        ("short-magic-wrong", "Step 1: a file of three bytes, of which the third differs", lambda d: d[:2] + b"M"),
    ]:
        v = sample("not-a-vault-" + name, 2, comment)
        v.data = change(v.data)
        v.says(NO_VAULT)


def incomplete_copies():
    for n in (1, 7, 8, 9, 511):
        sample("incomplete-copy-of-%d-bytes" % n, 2, "Step 2: fewer than 512 bytes of a vault").cut(n).says(INCOMPLETE)
    for n in (512, 4095, 4607):
        sample("incomplete-copy-of-%d-bytes" % n, 2, "Step 6: shorter than base_end, which is 4608").cut(n).says(INCOMPLETE)
    sample("incomplete-copy-of-another-format", 2, "Step 2 comes before step 3: ten bytes, the last two name format 2").cut(8).raw(
        b"\2\0").says(INCOMPLETE)
    sample("incomplete-copy-with-a-wrong-passphrase", 2, "Step 6 comes before step 7", passphrase="another").cut(4607).says(INCOMPLETE)
    sample("incomplete-copy-asked-for-a-recovery-key-that-is-not-there", 2, "Step 6 comes before step 7", recovery=RECOVERY).cut(
        4607).says(INCOMPLETE)
    sample("format-2-in-an-incomplete-copy", 2, "Step 3 comes before step 6", header=make_header("cut", (8, b"\2"))).cut(600).says(
        UNSUPPORTED)
    sample("header-sum-wrong-in-an-incomplete-copy", 2, "Step 4 comes before step 6").patch((40, b"\0\1\2")).cut(600).says(DAMAGED)
    sample("header-reserved-byte-set-in-an-incomplete-copy", 2, "Step 5 comes before step 6", header=make_header("cut", (10, b"\1"))).cut(
        600).says(DAMAGED)
    rewritten = [put("A", b"one"), put("B", b"two")]
    end = LOG_START + size(*rewritten)
    for name, n in [("one-byte-short", end - 1), ("after-its-first-frame", LOG_START + 176), ("at-the-first-frame", LOG_START),
                    ("of-its-header", 512)]:
        Vector("incomplete-copy-of-a-rewrite-" + name, 2, "Step 6: shorter than base_end", generation=2, base_seq=7,
               base_end=end).commit(*rewritten).cut(n).says(INCOMPLETE)
    Vector("incomplete-copy-base-end-beyond-any-file", 2, "Step 6: base_end is the largest multiple of 16", generation=2,
           base_end=2 ** 64 - 16).says(INCOMPLETE)


def formats_and_flags():
    for number in (0, 2, 256, 257, 65535):
        breach("format-%d" % number, "Step 3: a format that is not 1", (8, struct.pack("<H", number)), says=UNSUPPORTED)
    for bit in (0, 31):
        breach("incompatible-flag-bit-%d" % bit, "Step 3: an unknown incompatible flag", (16, U32(1 << bit)), says=UNSUPPORTED)
    breach("incompatible-flags-all", "Step 3: every incompatible flag", (16, U32(TOP32)), says=UNSUPPORTED)
    sample("format-2-with-a-wrong-sum", 2, "Step 3 comes before step 4").patch((8, b"\2"), (448, b"\0\1\2\3")).says(UNSUPPORTED)
    sample("incompatible-flag-with-a-wrong-sum", 2, "Step 3 comes before step 4").patch((16, b"\4")).says(UNSUPPORTED)
    for bit in (0, 31):
        sample("read-only-flag-bit-%d" % bit, 2, "An unknown read-only flag: read, never write", read_only=1 << bit).whole()
        sample("compatible-flag-bit-%d" % bit, 2, "An unknown compatible flag is ignored", compatible=1 << bit).whole()


def fields():
    for offset in (10, 11, 28, 31, 120, 127, 416, 431, 447):
        breach("header-reserved-byte-%d-set" % offset, "Step 5: byte %d must be zero" % offset, (offset, b"\1"))
    for length in (0, 511, 513, 4608, 512 << 16):
        breach("header-length-%d" % length, "Step 5: the header length is 512", (12, U32(length)))
    breach("generation-0", "Step 5: the generation is never 0", generation=0)
    breach("generation-1-with-base-seq", "Step 5: base_seq is 0 in generation 1", base_seq=1)
    breach("generation-1-with-base-end-behind-a-frame", "Step 5: base_end is LOG_START in generation 1", base_end=LOG_START + 176)
    breach("generation-1-with-lineage-first-byte", "Step 5: lineage is zero in generation 1", (104, b"\1"))
    breach("generation-1-with-lineage-last-byte", "Step 5: lineage is zero in generation 1", (119, b"\1"))
    for end, comment in [(0, "below LOG_START"), (4592, "below LOG_START"), (4616, "no multiple of 16"),
                         (4609, "no multiple of 16"), (2 ** 64 - 1, "no multiple of 16")]:
        breach("base-end-%d" % end, "Step 5: base_end is " + comment, generation=2, base_end=end)
    sample("generation-2-of-nothing", 2, "base_seq and lineage may be zero and base_end LOG_START in a later generation",
           generation=2).whole()
    sample("generation-largest", 2, "No generation is too large to be read", generation=TOP64, base_seq=2 ** 63).whole()
    sample("file-salt-zero", 2, "No value of the file salt is special", file_salt=bytes(32)).whole()
    sample("lineage-all-ones", 2, "No value of lineage is special in a later generation", generation=2, lineage=b"\xff" * 16).whole()


def sums():
    v = sample("header-sum-first-byte-wrong", 2, "Step 4: the sum")
    v.patch((448, bytes((v.header[448] ^ 1,)))).says(DAMAGED)
    v = sample("header-sum-last-byte-wrong", 2, "Step 4: the sum")
    v.patch((479, bytes((v.header[479] ^ 128,)))).says(DAMAGED)
    for name, offset in [("vault-id", 32), ("generation", 48), ("base-seq", 63), ("base-end", 66), ("file-salt", 103), ("lineage", 104),
                         ("compatible-flags", 24), ("read-only-flags", 20), ("slot-0-salt", 144), ("slot-0-passes", 132),
                         ("slot-0-commitment", 232), ("slot-1-box", 330), ("reserved-byte-440", 440)]:
        v = sample("bit-flipped-in-" + name, 2, "Step 4: one bit of the header, which its sum covers", slots=(SLOT, RECOVERY_SLOT))
        v.patch((offset, bytes((v.header[offset] ^ 16,)))).says(DAMAGED)
    sample("header-damaged-with-a-wrong-passphrase", 2, "Step 4 comes before step 7", passphrase="another").patch((40, b"\0\1")).says(
        DAMAGED)
    for name, at in [("first", 480), ("last", 511)]:
        v = sample("header-mac-%s-byte-wrong" % name, 2, "Step 8: the MAC, which the sum does not cover")
        v.patch((at, bytes((v.header[at] ^ 1,)))).says(TAMPERED)
    sample("header-mac-zero", 2, "Step 8: the MAC").patch((480, bytes(32))).says(TAMPERED)
    header = make_header("mac", master=draw("another master key")(32))
    sample("header-mac-under-another-master-key", 2, "Step 8: the MAC is right, but not under the master key in the slot",
           header=header).says(TAMPERED)


def repaired_sums():
    later = dict(generation=2, base_seq=5, lineage=b"\7" * 16)
    for name, offset, content, fields in [
        ("read-only-flag", 20, b"\1", {}), ("compatible-flag", 24, b"\1", {}), ("generation", 48, b"\2", {}),
        ("generation-back", 48, b"\3", dict(generation=4)), ("base-seq", 56, b"\6", later), ("lineage", 104, b"\6", later),
        ("lineage-removed", 104, bytes(16), later), ("file-salt", 72, b"\0\1\2", {}), ("file-salt-end", 103, b"\0\1"[:1], {}),
    ]:
        repaired("header-tampered-" + name, "Step 8: changed, and the sum made right", (offset, content), says=TAMPERED, **fields)
    records = [put("A"), put("B")]
    v = Vector("header-tampered-base-end", 7, "Step 8: base_end taken back to let a cut pass for a tail", generation=2,
               base_end=LOG_START + size(*records)).commit(*records)
    v.patch((0, with_sum(patched(v.header, (64, U64(LOG_START)))))).cut(LOG_START + 176).says(TAMPERED)
    repaired("header-tampered-recovery-slot-removed", "Step 8: slot 1 emptied", (272, EMPTY_SLOT), says=TAMPERED,
             slots=(SLOT, RECOVERY_SLOT))
    repaired("header-tampered-recovery-slot-added", "Step 8: slot 1 filled with one of another generation", (272, RECOVERY_SLOT),
             says=TAMPERED)
    repaired("header-tampered-recovery-box", "Step 8: the box of the slot that is not in use", (330, b"\1\2"), says=TAMPERED,
             slots=(SLOT, RECOVERY_SLOT))
    for name, offset, comment in [
        ("vault-id", 32, "the vault id, which the commitment covers"), ("salt", 144, "the salt"), ("nonce", 160, "the nonce"),
        ("box", 184, "the box: the commitment is compared before it is opened"), ("commitment", 232, "the commitment"),
        ("passes", 132, "t = 2"),
    ]:
        repaired("slot-0-tampered-" + name, "Step 7: " + comment, (offset, b"\2"), says=WRONG)
    repaired("slot-0-tampered-memory", "Step 7: m = 8193", (136, U32(8193)), says=WRONG)
    other = passphrase_slot("of another vault", vault_id=bytes(range(16)))
    sample("slot-0-of-another-vault", 3, "Step 7: the commitment covers the vault id", slots=(other, EMPTY_SLOT)).says(WRONG)


def boxes():
    """Slots that only somebody with the passphrase can make."""
    def recommitted(slot, *patches):
        slot = patched(slot, *patches)
        x = vf.slot_secret(vf.Slot(*vf.SLOT.unpack(slot)), PASSPHRASE.encode())
        return patched(slot, (104, vf.commitment(x, VAULT_ID, slot)))

    sample("slot-0-box-does-not-open", 3, "Step 8: the commitment is right, the box is not",
           slots=(recommitted(SLOT, (56, b"\1\2\3\4")), EMPTY_SLOT)).says(TAMPERED)
    sample("slot-0-box-zero", 3, "Step 8: the commitment is right, the box is zero",
           slots=(recommitted(SLOT, (56, bytes(48))), EMPTY_SLOT)).says(TAMPERED)
    sample("slot-0-nonce-changed-and-committed", 3, "Step 8: the box was made with another nonce",
           slots=(recommitted(SLOT, (32, bytes(24))), EMPTY_SLOT)).says(TAMPERED)
    forged = passphrase_slot("forged", master=draw("another master key")(32))
    sample("slot-0-wraps-another-master-key", 3, "Step 8: the box opens to a key under which the MAC is wrong",
           slots=(forged, EMPTY_SLOT)).says(TAMPERED)


def slot_fields():
    for kind in (0, 2, 3, 255):
        breach("slot-0-kind-%d" % kind, "Step 5: slot 0 must be a passphrase slot", (128, bytes((kind,))))
    breach("slot-0-empty", "Step 5: slot 0 must be a passphrase slot", slots=(EMPTY_SLOT, RECOVERY_SLOT))
    breach("slot-0-recovery", "Step 5: slot 0 must be a passphrase slot", slots=(RECOVERY_SLOT, RECOVERY_SLOT))
    for derivation in (0, 1, 3):
        breach("slot-0-derivation-%d" % derivation, "Step 5: a passphrase slot has derivation 2", (129, bytes((derivation,))))
    for offset in (130, 131, 264, 271):
        breach("slot-0-reserved-byte-%d-set" % offset, "Step 5: byte %d must be zero" % offset, (offset, b"\1"))
    for lanes in (0, 2, TOP32):
        breach("slot-0-lanes-%d" % lanes, "Step 5: one lane; it is not among the parameters that are refused", (140, U32(lanes)))
    for t, m, comment in [
        (0, 8192, "t is at least 1"), (33, 8192, "t is at most 32"), (TOP32, 8192, "t is at most 32"), (1, 8191, "m is at least 8192"),
        (1, 0, "m is at least 8192"), (1, 4194305, "m is at most 4194304"), (1, TOP32, "m is at most 4194304"),
        (5, 4194304, "t × m is at most 16777216"), (32, 524289, "t × m is at most 16777216"),
        (17, 1048576, "t × m is at most 16777216"), (6, 2796203, "t × m is 16777218"), (TOP32, TOP32, "neither t nor m"),
    ]:
        breach("kdf-refused-t-%d-m-%d" % (t, m), "Step 5: " + comment, (132, U32(t) + U32(m)), says=REFUSED)
    breach("kdf-refused-before-lanes", "Step 5: t is refused before another rule is looked at", (132, U32(0)), (140, U32(2)),
           says=REFUSED)
    breach("kdf-refused-before-reserved", "Step 5: m is refused before another rule is looked at", (136, U32(1)), (10, b"\1"),
           says=REFUSED)
    breach("kdf-not-refused-in-a-slot-that-is-no-passphrase-slot", "Step 5: only those of a passphrase slot are refused",
           (128, b"\2"), (132, U32(99)))
    sample("kdf-out-of-bounds-with-a-wrong-sum", 2, "Step 4 comes before step 5").patch((132, U32(99))).says(DAMAGED)
    sample("kdf-refused-in-an-incomplete-copy", 2, "Step 5 comes before step 6",
           header=make_header("kdf-incomplete", (132, U32(0)))).cut(600).says(REFUSED)
    sample("kdf-refused-with-a-recovery-key", 2, "Step 5 comes before step 7", recovery=RECOVERY,
           header=make_header("kdf-recovery", (132, U32(0)), slots=(SLOT, RECOVERY_SLOT))).says(REFUSED)
    for t, m in [(4, 4194304), (16, 1048576), (32, 524288)]:
        sample("kdf-work-at-the-limit-t-%d" % t, 2, "t × m may be 16777216: step 6 comes before anything is derived",
               header=make_header("limit %d" % t, (132, U32(t) + U32(m)))).cut(600).says(INCOMPLETE)
    for t, m in [(32, 8192), (2, 8193), (1, 65536)]:
        sample("kdf-t-%d-m-%d" % (t, m), 2, "Any t and m within the bounds", slots=(passphrase_slot("t", t=t, m=m), EMPTY_SLOT)).whole()


def recovery_slots():
    both = dict(slots=(SLOT, RECOVERY_SLOT))
    kinds = [(1, "a second passphrase slot"), (3, "an unknown kind"), (255, "an unknown kind")]
    for kind, comment in kinds:
        breach("slot-1-kind-%d" % kind, "Step 5: slot 1 is a recovery slot or empty; here " + comment, (272, bytes((kind,))), **both)
    breach("slot-1-passphrase", "Step 5: slot 1 is a recovery slot or empty", slots=(SLOT, SLOT))
    for name, offset in [("derivation", 1), ("reserved", 3), ("passes", 4), ("memory", 8), ("lanes", 12), ("salt", 31), ("nonce", 32),
                         ("box", 103), ("commitment", 104), ("reserved-end", 143)]:
        breach("slot-1-empty-but-for-" + name, "Step 5: an empty slot is zero", (272 + offset, b"\1"))
    for name, offset, content in [("derivation", 1, b"\2"), ("reserved", 2, b"\1"), ("passes", 4, b"\1"), ("memory", 8, U32(8192)),
                                  ("lanes", 12, b"\1"), ("reserved-end", 136, b"\1")]:
        breach("slot-1-recovery-with-" + name, "Step 5: this field of a recovery slot is 0", (272 + offset, content), **both)
    sample("recovery-slot-and-passphrase", 3, "The passphrase opens a vault that has a recovery key too", **both).whole()
    for name, comment, text in [
        ("as-printed", "Six groups of six", RECOVERY),
        ("lower-case", "Case is ignored", RECOVERY.lower()),
        ("without-hyphens", "Hyphens are ignored", RECOVERY.replace("-", "")),
        ("with-spaces", "Spaces are ignored", " " + RECOVERY.replace("-", "  ") + " "),
    ]:
        sample("recovery-key-" + name, 3, comment, recovery=text, **both).whole()
    lookalike = bytes(19) + b"\x21"  # begins with zeros and has a one: O, o, I, i, L and l stand for them
    text = vf.recovery_text(lookalike)
    slots = (SLOT, recovery_slot("lookalike", lookalike))
    assert "0" in text and "1" in text
    for letters in ("OI", "ol", "oi", "OL"):
        typed = text.replace("0", letters[0]).replace("1", letters[1])
        sample("recovery-key-with-%s-for-0-and-%s-for-1" % tuple("%s-%s" % ("capital" if c.isupper() else "small", c) for c in letters), 3,
               "O is read as 0, I and L as 1", recovery=typed, slots=slots).whole()
    sample("recovery-key-of-another-vault", 3, "Step 7: the check is right, the commitment is not", recovery=vf.recovery_text(bytes(20)),
           **both).says(WRONG)
    sample("recovery-key-where-there-is-none", 2, "Step 7: slot 1 is empty", recovery=RECOVERY).says("no recovery key")
    for name, comment, text in [
        ("one-character-changed", "The check does not fit", ("0" if RECOVERY[0] != "0" else "2") + RECOVERY[1:]),
        ("check-changed", "The check does not fit", RECOVERY[:-1] + ("0" if RECOVERY[-1] != "0" else "2")),
        ("two-characters-swapped", "The check does not fit", RECOVERY[1] + RECOVERY[0] + RECOVERY[2:]),
        ("too-short", "35 characters", RECOVERY[:-1]),
        ("too-long", "37 characters", RECOVERY + "0"),
        ("letter-u", "U is none of the 32", "U" + RECOVERY[1:]),
        ("empty", "No characters at all", ""),
    ]:
        sample("recovery-key-mistyped-" + name, 3, comment, recovery=text, **both).says("mistyped recovery key")
    for name, offset in [("salt", 16), ("nonce", 32), ("box", 60), ("commitment", 104)]:
        repaired("slot-1-tampered-" + name, "Step 7: changed, and the sum made right", (272 + offset, b"\2\1"), says=WRONG,
                 recovery=RECOVERY, **both)
    repaired("recovery-key-and-slot-0-tampered", "Step 8: the box of the slot that is not in use", (184, b"\2\1"), says=TAMPERED,
             recovery=RECOVERY, **both)


def passphrases():
    sample("passphrase-wrong", 2, "Step 7: the commitment", passphrase="another").says(WRONG)
    sample("passphrase-one-character-more", 2, "Step 7: the commitment", passphrase=PASSPHRASE + " ").says(WRONG)
    Vector("passphrase-wrong-for-an-empty-vault", 2, "Step 7: an empty vault tells a wrong passphrase too", passphrase="another").says(WRONG)
    sample("passphrase-wrong-before-damage", 2, "Step 7 comes before any frame", passphrase="another").patch((4700, b"\0\1\2")).says(WRONG)
    decomposed = PASSPHRASE.replace("ä", "a\u0308")
    sample("passphrase-normalised-otherwise", 3, "Nothing is normalised: here the ä is decomposed", passphrase=decomposed).says(WRONG)
    for name, text, comment in [("of-one-byte", "x", "1 byte"), ("of-1024-bytes", "0123456789abcdef" * 64, "1,024 bytes"),
                                ("with-a-newline", "two\nlines\n", "Its bytes as they were given, the final newline too"),
                                ("with-a-nul", "before\0after", "Any bytes")]:
        sample("passphrase-" + name, 3, comment, passphrase=text, slots=(passphrase_slot(name, text), EMPTY_SLOT)).whole()


def fronts():
    for name, at, content, finding in [
        ("gap-first-byte-not-zero", 512, b"\1", ["gap 512"]), ("gap-last-byte-not-zero", 4095, b"\x80", ["gap 4095"]),
        ("header-copy-first-byte-differs", 4096, b"\x88", ["copy 4096"]), ("header-copy-zero", 4096, bytes(512), ["copy 4096"]),
        ("gap-and-header-copy-not-as-written", 4000, b"\1" * 608, ["gap 4000", "copy 4096"]),
    ]:
        sample(name, 2, "Opened by the first header; `check` reports it").patch((at, content)).finds(*finding).whole()
    v = sample("header-copy-last-byte-differs", 2, "Opened by the first header; `check` reports it")
    v.patch((4607, bytes((v.header[511] ^ 1,)))).finds("copy 4607").whole()
    v = sample("header-damaged-but-copy-good", 2, "A reader opens by the first header or not at all")
    v.patch((80, b"\0\1\2\3")).says(DAMAGED)
    sample("header-of-one-vault-before-frames-of-another", 3, "The frame key covers the whole header").commit(put(time=START + 1))
    v = Vector.all["header-of-one-vault-before-frames-of-another"]
    other = make_header("another file")
    v.patch((0, other), (4096, other))
    v.took, v.end, v.seq = [], LOG_START, 0
    v.tail()


def define():
    for part in (no_vaults, incomplete_copies, formats_and_flags, fields, sums, repaired_sums, boxes, slot_fields, recovery_slots,
                 passphrases, fronts):
        part()
