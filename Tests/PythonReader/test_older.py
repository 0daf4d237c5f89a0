"""Programs that are older than metadata: METADATA is to them an unknown kind, ignorable and safe to copy: vault-format.md, sections 5 and 9.

The older program is this reader without that kind.
"""

import functools
import unittest
from unittest import mock

import descent
import merge
import primitives
import reader
import rewrite
import salvage
import test_fixtures
import test_vectors2
import vaultfile as vf
import vectors2
from primitives import METADATA, blake

NOW = 1767225600000
PASSPHRASE, MASTER = b"older", bytes(range(32))


def older():
    """While this lasts, the kind is not known."""
    return mock.patch.object(reader, "HISTORIES", reader.HISTORIES[:1])


def random(label):
    count = [0]

    def draw(size):
        count[0] += 1
        return blake(64, b"older %d %s" % (count[0], label.encode()))[:size]

    return draw


def triples(histories):
    return {where: [(v.time, v.kind, v.value) for v in versions] for where, versions in histories.items()}


def contents(vault):
    return triples(vault.histories()), triples(vault.metadata_histories())


class Older(unittest.TestCase):
    def setUp(self):
        saved = primitives.stretch
        primitives.stretch = functools.lru_cache(maxsize=None)(saved)
        self.addCleanup(setattr, primitives, "stretch", saved)
        draw = random("vault")
        vault_id = draw(16)
        self.slots = vf.make_slot(1, PASSPHRASE, vault_id, MASTER, draw, 1, 8192) + bytes(144)
        header = vf.Header(vf.MAGIC, 1, 0, 512, 0, vf.WITH_DESCENT, 0, 0, vault_id, 1, 0, vf.LOG_START, draw(32), bytes(16), bytes(8))
        empty = vf.front(header, self.slots, MASTER)
        first = [vf.value(vf.TEAM, "", "A", b"one", NOW), vf.metadata(vf.TEAM, "", "A", b"first", NOW),
                 vf.metadata(vf.PROJECT, "web", "NEVER", b"never", NOW), vf.value(vf.TEAM, "", "D", b"d", NOW)]
        second = [vf.metadata(vf.TEAM, "", "A", b"second", NOW + 1), vf.value(vf.TEAM, "", "A", b"two", NOW + 2),
                  vf.tombstone(vf.TEAM, "", "D", NOW + 2), vf.metadata(vf.TEAM, "", "D", b"", NOW + 3)]
        self.data = self.append(self.append(empty, first), second)

    def vault(self, data):
        return reader.Vault(data, MASTER)

    def append(self, data, records):
        vault = self.vault(data)
        return data + vf.seal([records], vault.key, vault.end, vault.seq, vault.tag, random("%d" % len(data)))

    def rewritten(self, made):
        return vf.rewritten(made, self.slots, MASTER, random("rewrite"))

    def test_it_reads_the_values_of_such_a_file_and_nothing_else(self):
        new = self.vault(self.data)
        with older():
            old = self.vault(self.data)
            self.assertEqual(contents(old), (contents(new)[0], {}))
            self.assertEqual(old.current(), {(1, "", "A"): b"two"})
            self.assertEqual((old.verdict, old.end, old.seq, old.skipped()), (new.verdict, new.end, new.seq, 4))
            self.assertEqual(old.state(), new.state())
        self.assertEqual(new.skipped(), 0)

    def test_it_opens_every_fixture_and_every_vector_that_opens_with_the_same_values(self):
        files = [(test_fixtures.read(name + ".vault"), ("fixture päss " + name).encode()) for name in ("metadata", "metadata-proven")]
        for path in test_vectors2.paths("v3"):
            head, [data] = vectors2.unpack(test_vectors2.read("v3", path)) if path.startswith("reader/") else ({}, [b""])
            if head.get("expect") in ("whole", "unfinished tail"):
                files.append((data, head["passphrase"].encode()))
        self.assertGreater(len(files), 40)
        for data, passphrase in files:
            new = reader.parse(data, passphrase)
            with older():
                old = reader.parse(data, passphrase)
                self.assertEqual((contents(old), old.verdict, old.state()), ((contents(new)[0], {}), new.verdict, new.state()))

    def test_a_newer_program_finds_all_metadata_after_its_compaction(self):
        before = contents(self.vault(self.data))
        for keep in (rewrite.ALL, rewrite.NONE, NOW + 10):
            with older():
                made = rewrite.compaction(self.vault(self.data), keep, NOW)
                data = self.rewritten(made)
                self.assertTrue(self.vault(data).whole)
                self.assertEqual(self.vault(data).current(), {(1, "", "A"): b"two"})
            values, metadata = contents(self.vault(data))
            self.assertEqual(metadata, before[1], keep)  # an older program drops none, whatever it keeps
            self.assertEqual({where: versions[0] for where, versions in values.items()}, {w: v[0] for w, v in before[0].items()})
            self.assertEqual([r.value for r in self.vault(data).records if r.kind == METADATA],
                             [r.value for r in self.vault(self.data).records if r.kind == METADATA])  # in the order of the file

    def test_a_newer_program_finds_all_metadata_after_its_purge_new_keys_and_salvage(self):
        before = contents(self.vault(self.data))[1]
        with older():
            vault = self.vault(self.data)
            versions = vault.histories()[1, "", "A"]
            made = [rewrite.purge(vault, versions, NOW), salvage.salvage(self.data, PASSPHRASE, NOW).rewrite,
                    salvage.salvage(self.data + b"?", PASSPHRASE, NOW).rewrite, rewrite.new_keys(vault, NOW)]
            files = [self.rewritten(m) for m in made]
        for data in files:
            self.assertEqual(contents(self.vault(data))[1], before)
        self.assertNotIn((1, "", "A"), contents(self.vault(files[0]))[0])

    def test_what_it_writes_stands_beside_the_metadata(self):
        with older():
            data = self.append(self.data, [vf.tombstone(vf.TEAM, "", "A", NOW + 9)])
            data = self.append(data, [vf.value(vf.TEAM, "", "NEW", b"new", NOW + 9)])
        before, after = self.vault(self.data), self.vault(data)
        self.assertEqual(after.current(), {(1, "", "NEW"): b"new"})
        self.assertEqual(after.metadata_histories(), before.metadata_histories())

    def test_metadata_that_were_purged_stay_purged_after_its_compaction(self):
        vault = self.vault(self.data)
        versions = vault.histories()[1, "", "A"] + vault.metadata_histories()[1, "", "A"]
        made = rewrite.purge(vault, versions, NOW)
        purged = self.rewritten(made)
        with older():
            data = self.rewritten(rewrite.compaction(self.vault(purged), rewrite.NONE, NOW))
            again = self.append(data, [vf.value(vf.TEAM, "", "A", b"again", NOW + 99)])
        for file in (purged, data, again):
            self.assertNotIn((1, "", "A"), self.vault(file).metadata_histories())
            self.assertEqual(len(self.vault(file).state().purged), 4)
        # It takes the entries, but not the metadata, of a copy; its own copy of them is hidden then.
        with older():
            merged = merge.merge(self.vault(self.data), self.vault(purged), NOW)
            after = self.append(self.data, merged.transactions[0])
        self.assertNotIn((1, "", "A"), self.vault(after).metadata_histories())
        self.assertIn((2, "web", "NEVER"), self.vault(after).metadata_histories())

    def test_its_merge_is_partial_and_a_newer_program_takes_the_rest(self):
        there = self.append(self.data, [vf.value(vf.TEAM, "", "A", b"there", NOW + 20), vf.metadata(vf.TEAM, "", "A", b"there", NOW + 20)])
        here = self.append(self.data, [vf.metadata(vf.TEAM, "", "A", b"here", NOW + 21)])
        with older():
            made = merge.merge(self.vault(here), self.vault(there), NOW)
            self.assertEqual((made.outcome, made.partial, len(made.taken), made.unknown), (merge.WRITTEN, True, 1, 1))
            self.assertEqual([r.kind for r in made.transactions[0]], [descent.DESCENT, 1])
            after = self.append(here, made.transactions[0])
        self.assertEqual(self.vault(after).current()[1, "", "A"], b"there")
        self.assertFalse(set(self.vault(there).state().heads) <= set(self.vault(after).state().ids))
        made = merge.merge(self.vault(after), self.vault(there), NOW)
        self.assertEqual((made.outcome, made.partial, [r.value for r in made.taken]), (merge.WRITTEN, False, [b"there"]))
        final = self.append(after, made.transactions[0])
        self.assertEqual([v.value for v in self.vault(final).metadata_histories()[1, "", "A"]], [b"here", b"there", b"second", b"first"])
        self.assertTrue(set(self.vault(there).state().heads) <= set(self.vault(final).state().ids))
        self.assertEqual(merge.merge(self.vault(final), self.vault(there), NOW).outcome, merge.NOTHING)

    def test_its_merge_of_metadata_alone_writes_nothing_and_is_partial(self):
        there = self.append(self.data, [vf.metadata(vf.TEAM, "", "A", b"there", NOW + 20)])
        with older():
            made = merge.merge(self.vault(self.data), self.vault(there), NOW)
        self.assertEqual((made.outcome, made.partial, made.unknown), (merge.NOTHING, True, 1))
        self.assertEqual(merge.merge(self.vault(self.data), self.vault(there), NOW).outcome, merge.WRITTEN)


if __name__ == "__main__":
    unittest.main()
