"""The worked examples of vault-format.md: section 14 is what Tests/Vectors/examples.py makes, and the reader reads what sections 12
and 14 show."""

import functools
import os
import re
import sys
import unittest

import checkpoint
import primitives
import reader
import rewrite

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VECTORS = os.path.join(HERE, "Vectors")


def section(number):
    with open(os.path.join(os.path.dirname(HERE), "vault-format.md"), encoding="utf-8") as file:
        return re.search(r"^## %d\. .*?(?=^## |\Z)" % number, file.read(), re.M | re.S)[0]


def dumped(text):
    """The bytes of a dump: offset, sixteen bytes, and perhaps a note; a star stands for zeros."""
    data = b""
    for line in text.splitlines():
        if found := re.match(r"([0-9a-f]{8})  ((?:[0-9a-f]{4} ?){8})", line):
            data = data.ljust(int(found[1], 16), b"\0") + bytes.fromhex(found[2])
    return data


class Examples(unittest.TestCase):
    def setUp(self):
        sys.path.insert(0, VECTORS)
        self.addCleanup(sys.path.remove, VECTORS)
        import examples
        self.program, self.made = examples, examples.Examples()
        saved = primitives.stretch
        primitives.stretch = functools.lru_cache(maxsize=None)(saved)
        self.addCleanup(setattr, primitives, "stretch", saved)

    def test_section_14_is_what_the_program_makes(self):
        self.assertEqual(section(14), self.program.section())

    def test_section_12_shows_a_vault_that_opens(self):
        dump, plain = section(12).split("The plaintext of the first frame")
        data = dumped(dump)
        data = data[:4096] + data[:512] + data[4608:]
        vault = reader.parse(data, self.program.PASSPHRASE)
        self.assertEqual((len(data), vault.verdict), (5312, "whole"))
        self.assertEqual(vault.current(), {(1, "", "DATABASE_URL"): b"postgres://localhost/app", (2, "web", "API_KEY"): b"k-123"})
        self.assertEqual(reader.read_frame(data, 4608, vault.key)[3], dumped(plain).ljust(128, b"\0"))
        self.assertIn(vault.master.hex(), section(12))

    def test_the_files_open_by_both_keys(self):
        text = reader.recovery_text(self.made.recovery)
        self.assertIn("text             %s\n" % text, section(14))
        for name in ("empty", "first", "here", "there", "compacted", "merged", "described"):
            data = getattr(self.made, name)
            for secret in (self.program.PASSPHRASE, text):
                self.assertEqual(reader.parse(data, secret).verdict, "whole")
        vault = reader.parse(self.made.merged, text)
        self.assertEqual([v.value for v in vault.histories()[1, "", "TOKEN"]], [b"two", b"one"])
        self.assertEqual(vault.current(), {(1, "", "TOKEN"): b"two", (1, "", "COLOR"): b"red"})
        self.assertEqual(vault.header.lineage, reader.parse(self.made.here, text).tag)

    def test_section_14_shows_these_bytes(self):
        header, compaction, merge, proof = (section(14).split("### " + title)[1].split("\n### ")[0] for title in (
            "A header with two slots", "A compaction", "A merge", "A proof of descent"))
        self.assertEqual(dumped(header), self.made.empty[:512])
        frames = compaction.split("The plaintext of the DESCENT")[0]
        self.assertEqual(dumped(frames)[4608:], self.made.compacted[4608:])
        seen = checkpoint.decode(dumped(proof.split("```")[1]))
        merged = reader.parse(self.made.merged, self.program.PASSPHRASE)
        self.assertEqual(checkpoint.verdict(merged, seen), "pass")
        self.assertEqual(checkpoint.taken(merged, 0, seen).recent, seen.recent)
        self.assertEqual(len(merge.split("```")), 7)

    def test_section_14_shows_a_vault_with_metadata(self):
        header, shown = (section(14).split("### " + title)[1].split("\n### ")[0] for title in ("A header with two slots", "Metadata"))
        frames, *plaintexts = shown.split("```")[1:6:2]
        raw = dumped(header)
        data = raw + bytes(3584) + raw + dumped(frames)[4608:]
        self.assertEqual(data, self.made.described)
        vault = reader.parse(data, self.program.PASSPHRASE)
        self.assertEqual((vault.current(), vault.metadata()), ({(1, "", "TOKEN"): b"one"}, {}))
        for at, plain in zip((4784, 4960), plaintexts):
            self.assertEqual(reader.read_frame(data, at, vault.key)[3], dumped(plain).ljust(128, b"\0"))
        newest, first = vault.metadata_histories()[1, "", "TOKEN"]
        self.assertEqual((newest.value, first.value), (b"", b'{"tags":["ci"]}'))
        self.assertIn("entry    %s\n" % reader.entry(vault.header.vault_id, first).hex(), shown)
        kept = rewrite.compaction(vault, rewrite.NONE, 0).records[1:]
        self.assertEqual([(r.kind, r.value) for r in kept], [(vault.records[0].kind, b"one"), (newest.kind, b"")])


if __name__ == "__main__":
    unittest.main()
