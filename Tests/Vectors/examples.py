#!/usr/bin/python3
"""examples.py: prints section 14 of vault-format.md, or with --write puts it there.

Everything is a function of this program: the same bytes each time.
"""

import os
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import forge  # noqa: E402,F401  (finds the Python reader)
import checkpoint  # noqa: E402
import descent  # noqa: E402
import merge  # noqa: E402
import reader  # noqa: E402
import rewrite  # noqa: E402
import vaultfile as vf  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "vault-format.md")
PASSPHRASE = b"correct horse battery staple"
START = 1767225600000  # 2026-01-01T00:00:00Z
HEADING = "## 14. More worked examples\n"


def random(label):
    """A source of bytes that is a function of the label."""
    drawn = [0]

    def draw(count):
        drawn[0] += 1
        return vf.blake(64, b"example %d %s" % (drawn[0], label))[:count]

    return draw


def dump(data, start, end, notes):
    """Rows of 16 bytes; of rows of zeros that follow each other without a note, the first and a star."""
    rows, was_zero, starred = [], False, False
    for at in range(start, end, 16):
        row = data[at:at + 16]
        if not any(row) and was_zero and at not in notes:
            if not starred:
                rows.append("*")
            starred = True
            continue
        was_zero, starred = not any(row), False
        rows.append(("%08x  %s" % (at, row.hex(" ", 2)) + ("  " + notes[at] if at in notes else "")).rstrip())
    return rows


def plaintext(vault, data, at):
    return reader.read_frame(data, at, vault.key)[3]


def frames(vault, data):
    """The offsets of the frames that took effect."""
    at = vf.LOG_START
    while at < vault.end:
        yield at
        at += 32 + int.from_bytes(data[at:at + 4], "little")


class Examples:
    """The files of the examples, which a test opens too."""

    def __init__(self):
        draw = random(b"vault")
        vault_id, self.master, salt = draw(16), draw(32), draw(32)
        slots = vf.make_slot(1, PASSPHRASE, vault_id, self.master, draw, 1, 8192)
        self.recovery = draw(20)
        self.slots = slots + vf.make_slot(2, self.recovery, vault_id, self.master, draw)
        header = vf.Header(vf.MAGIC, 1, 0, 512, 0, vf.WITH_DESCENT, 0, 0, vault_id, 1, 0, vf.LOG_START, salt, bytes(16), bytes(8))
        self.empty = vf.front(header, self.slots, self.master)
        one = self.append(self.empty, [vf.value(vf.TEAM, "", "TOKEN", b"one", START)], b"first")
        self.first = one
        self.here = self.append(one, [vf.value(vf.TEAM, "", "TOKEN", b"two", START + 1)], b"second")
        self.there = self.append(one, [vf.value(vf.TEAM, "", "COLOR", b"red", START + 2)], b"third")
        made = rewrite.compaction(self.vault(self.here), rewrite.NONE, START + 1000)
        self.compacted = vf.rewritten(made, self.slots, self.master, random(b"compaction"))
        self.merge = merge.merge(self.vault(self.compacted), self.vault(self.there), START + 2000)
        self.merged = self.append(self.compacted, self.merge.transactions[0], b"merge")
        both = [vf.value(vf.TEAM, "", "TOKEN", b"one", START), vf.metadata(vf.TEAM, "", "TOKEN", b'{"tags":["ci"]}', START)]
        self.described = self.append(self.append(self.empty, both, b"described"), [vf.metadata(vf.TEAM, "", "TOKEN", b"", START + 1)], b"removed")

    def vault(self, data):
        return reader.Vault(data, self.master)

    def append(self, data, records, label):
        vault = self.vault(data)
        return data + vf.seal([records], vault.key, vault.end, vault.seq, vault.tag, random(label))


def code(rows):
    return ["```", *rows, "```", ""]


def seen_by(e, data, time=START + 500):
    return checkpoint.taken(e.vault(data), time)


def section():
    e = Examples()
    text = reader.recovery_text(e.recovery)
    check = vf.blake(32, b"vault-1 recovery check" + e.recovery)
    out = [HEADING, """\
`Tests/Vectors/examples.py` makes these examples; a test opens them. All files have the passphrase of section 12, t = 1 and m = 8,192 KiB. (They make the first half of a nonce from one plaintext, in a simpler way, which readers do not check.)
""", "### A recovery key", ""]
    out += code([
        "R                %s" % e.recovery.hex(),
        "check            %s  first 20 bits of %s..." % (check.hex()[:5], check.hex()[:16]),
        "digits of R      %s" % text.replace("-", "")[:32],
        "digits of check  %s" % text.replace("-", "")[32:],
        "text             %s" % text])
    raw = e.empty[:512]
    out += ["### A header with two slots", "", "A new vault with that recovery key.", ""]
    x = vf.slot_secret(vf.Slot(*vf.SLOT.unpack(raw[272:416])), e.recovery)
    out += code([
        "X of slot 1      %s" % x[:32].hex(), "                 %s" % x[32:].hex(),
        "master key       %s" % e.master.hex(),
        "header key       %s" % vf.blake(32, b"vault-1 header", key=e.master).hex(),
        "id key           %s" % vf.blake(32, b"vault-1 changes", key=e.master).hex(),
        "key id           %s" % descent.key_id(e.master).hex()])
    out += code(dump(raw, 0, 512, {
        0: "magic; format 1; header length 512", 0x10: "flags: DESCENT", 0x20: "vault id", 0x30: "generation 1; base_seq 0",
        0x40: "base_end 4608; file salt", 0x60: "...; lineage", 0x70: "...; reserved", 0x80: "slot 0: passphrase; t 1; m 8192; 1 lane",
        0x90: "salt", 0xA0: "nonce", 0xB0: "...; box", 0xE0: "...; commitment", 0x100: "...; reserved", 0x110: "slot 1: recovery key",
        0x120: "salt", 0x130: "nonce", 0x140: "...; box", 0x170: "...; commitment", 0x190: "...; reserved", 0x1A0: "reserved",
        0x1C0: "header sum", 0x1E0: "header MAC"}))
    out += [*compaction(e), *merging(e), *proof(e), *metadata(e)]
    return "\n".join(line for piece in out for line in wrapped(piece))


def wrapped(piece):
    """The lines of a piece; prose, which has several sentences, is filled."""
    if "\n" not in piece.strip("\n") and len(piece) < 119 or piece.startswith("|"):
        return [piece]
    return [*textwrap.wrap(piece, 118, break_long_words=False, break_on_hyphens=False), *[""] * piece.endswith("\n")]


def state_rows(e, data, names):
    state = e.vault(data).state()
    named = lambda ids: ", ".join("%s %s" % (id.hex(), names[id]) for id in ids)  # noqa: E731
    return ["I  %s" % named(state.ids), "P  %s" % named(state.heads)]


def names(e):
    """What each id stands for."""
    ids = lambda data: e.vault(data).state().ids  # noqa: E731
    return {ids(e.empty)[0]: "(new)", ids(e.first)[1]: "(one)", ids(e.here)[2]: "(two)", ids(e.there)[2]: "(red)"}


def compaction(e):
    here, new = e.vault(e.here), e.vault(e.compacted)
    at = list(frames(new, e.compacted))
    made = plaintext(new, e.compacted, at[0])
    out = ["### A compaction", "", """\
Two changes set the team's `TOKEN` to `one` and then to `two`. The ids are those of the header's MAC and of the tags of the two frames:
""", *code([
        "header MAC[0:16]  %s  id %s (new)" % (here.mac.hex(), here.state().ids[0].hex()),
        "tag of frame 1    %s  id %s (one)" % (here.transactions[0].tag.hex(), here.state().ids[1].hex()),
        "tag of frame 2    %s  id %s (two)" % (here.tag.hex(), here.state().ids[2].hex())]), """\
A compaction that keeps no older versions writes generation 2 with `base_seq` 2, that lineage (the tag of frame 2) and `base_end` %s. Its %d frames are
one transaction:
""" % (f"{new.header.base_end:,}", len(at))]
    notes = ["DESCENT", "the newest version of TOKEN"]
    rows = []
    for offset, note in zip(at, notes):
        end = offset + 32 + int.from_bytes(e.compacted[offset:offset + 4], "little")
        rows += dump(e.compacted, offset, end, {
            offset: "%s: L; CRC; synthetic half of the nonce" % note, offset + 16: "...; offset %d" % offset, offset + 32: "tag",
            offset + 48: "ciphertext"})
    out += code(rows)
    out += ["The plaintext of the DESCENT, whose transaction is no change: one head, no key id, two ids, none dropped.", "", *code(dump(made, 0, 128, {
        0: "DESCENT; no COMMIT; body of 48 bytes; seq 3", 0x10: "prev_tag: header MAC[0:16]", 0x20: "tx_start 4608; time",
        0x30: "flags; h 1; k 0; n 2; zero", 0x40: "dropped 0; head (two)", 0x50: "ids (new), (one)", 0x60: "padding"}))]
    out += ["Replay finds the same ids and the same frontier as before, because what a compaction wrote adds nothing:", "",
            *code(state_rows(e, e.compacted, names(e)))]
    return out


def merging(e):
    new, x = e.vault(e.merged), e.vault(e.there)
    at = list(frames(new, e.merged))[2:]
    rows = []
    for offset, note in zip(at, ["DESCENT", "COLOR"]):
        end = offset + 32 + int.from_bytes(e.merged[offset:offset + 4], "little")
        rows += dump(e.merged, offset, end, {
            offset: "%s: L; CRC; synthetic half of the nonce" % note, offset + 16: "...; offset %d" % offset, offset + 32: "tag",
            offset + 48: "ciphertext"})
    return ["### A merge", "", """\
Another machine has a copy of the vault as it was after (one), of generation 1. It set the team's `COLOR` to `red`: a change with the id %s (red). Its state:
""" % x.state().heads[0].hex(), *code(state_rows(e, e.there, names(e))), """\
This copy is merged into the compacted file. They have one master key: the relation is *same*. (two) is not in I(X), and (red) is not in I(F), so both are heads. I(X) − I(F) is
(red) alone. The file takes `COLOR`, and the version `one` of `TOKEN`, which its compaction had dropped: the copy has something new, so all its versions
come back. The transaction has %d frames; the first is the DESCENT, with this plaintext:
""" % len(at), *code(dump(plaintext(new, e.merged, at[0]), 0, 128, {
        0: "DESCENT; no COMMIT; body of 48 bytes; seq 5", 0x10: "prev_tag", 0x20: "tx_start %d; time" % at[0],
        0x30: "flags; h 2; k 0; n 1; zero", 0x40: "dropped 0; head (two)", 0x50: "head (red); id (red)", 0x60: "padding"})),
        "After it:", "", *code(state_rows(e, e.merged, names(e)))]


def proof(e):
    seen = seen_by(e, e.here)
    data = checkpoint.encode(seen)
    other = seen_by(e, e.there)
    rows = dump(data, 0, 1024, {
        0: "VLTSEEN2; vault id", 0x10: "...; key id", 0x20: "generation 1; header MAC[0:16]", 0x30: "...; end 4960", 0x40: "last tag",
        0x50: "time; h 1; r %d; flags 0" % len(seen.recent), 0x60: "head (two)", 0x160: "recent ids: (one), (new)", 0x3E0: "BLAKE2b-256 of what stands before"})
    lines = []
    for name, seen_name, file, mark in [
            ("the merged file", "(two)", e.merged, seen), ("the merged file", "(red)", e.merged, other), ("the compacted file", "(two)", e.compacted, seen),
            ("the compacted file", "(red)", e.compacted, other), ("the file after (one)", "(two)", e.first, seen)]:
        lines.append("| %s | %s | %s |" % (seen_name, name, checkpoint.verdict(e.vault(file), mark)))
    later = checkpoint.taken(e.vault(e.merged), START + 3000, seen)
    return ["### A proof of descent", "", """\
A machine opened the vault after (two), before the compaction, and kept this checkpoint:
""", *code(rows), """\
The merged file has another header MAC, so rule 2 of section 10 does not apply. The only head of the checkpoint is in I: by rule 3 the file contains what was seen. So do these
verdicts follow; the second checkpoint is that of the machine that saw (red):
""", "| head of the checkpoint | file | verdict |", "|---|---|---|", *lines, "", """\
The file after (one) is a prefix of what was seen: its frontier is a recent id of the checkpoint, so that by rule 5b it is *older*. The checkpoint that replaces this one once the merged file passed has the heads %s, and the recent ids: %s.
""" % (" and ".join("%s %s" % (h.hex(), names(e)[h]) for h in later.heads), ", ".join("%s %s" % (h.hex(), names(e)[h]) for h in later.recent) or "none")]


def metadata(e):
    vault, data = e.vault(e.described), e.described
    at, rows = list(frames(vault, data)), []
    for offset, note in zip(at, ["value", "METADATA", "METADATA without any"]):
        rows += dump(data, offset, offset + 32 + int.from_bytes(data[offset:offset + 4], "little"), {
            offset: "%s: L; CRC; synthetic half of the nonce" % note, offset + 16: "...; offset %d" % offset, offset + 32: "tag",
            offset + 48: "ciphertext"})
    values, texts = (["%d  %02x  %s" % (v.time, v.kind, v.value.decode() or "(empty)") for v in found[1, "", "TOKEN"]]
                     for found in (vault.histories(), vault.metadata_histories()))
    first = vault.metadata_histories()[1, "", "TOKEN"][-1]
    message = reader.address(first) + first.time.to_bytes(8, "little") + bytes((first.kind,))
    return ["### Metadata", "", """\
In the empty vault with the two slots, one change set the team's `TOKEN` to `one` together with metadata, `{"tags":["ci"]}`, and another removed the metadata. Behind the header's copy the file has 3 frames:
""", *code(rows), "The plaintext of the second frame:", "", *code(dump(plaintext(vault, data, at[1]), 0, 128, {
        0: "METADATA; COMMIT; body of 24 bytes; seq 2", 0x10: "prev_tag: tag of the first frame", 0x20: "tx_start 4608; time",
        0x30: "team; no id; name of 5; name; metadata", 0x40: "...; padding", 0x50: "padding"})), "The plaintext of the third frame:", "", *code(
        dump(plaintext(vault, data, at[2]), 0, 128, {
            0: "METADATA; COMMIT; body of 9 bytes; seq 3", 0x10: "prev_tag: tag of the second frame", 0x20: "tx_start 4960; time",
            0x30: "team; no id; name of 5; name; no metadata", 0x40: "padding"})), """\
The two histories of `TOKEN`, each triple with its time, its kind and its content, the current one first. The value and the first metadata have the same time, which says nothing:
""", *code(["value     " + values[0], "metadata  " + texts[0], "          " + texts[1]]), """\
So the secret exists, its value is `one`, and it has no metadata. A compaction that keeps no older versions keeps the first frame and the third. A purge of all versions of `TOKEN` removes all three; the entry of the second is the hash of its address, its time and its kind:
""", *code(["message  %s" % message.hex(), "entry    %s" % reader.entry(vault.header.vault_id, first).hex()])]


def main():
    if sys.argv[1:] not in ([], ["--write"]):
        sys.exit(__doc__)
    made = section()
    if not sys.argv[1:]:
        return print(made, end="")
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    start = page.index(HEADING)
    end = page.index("\n## ", start) + 1
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page[:start] + made + page[end:])


if __name__ == "__main__":
    main()
