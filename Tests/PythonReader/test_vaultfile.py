"""Tests of the second implementation: /usr/bin/python3 -m unittest discover -s Tests/PythonReader"""

import base64
import functools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

import primitives
import reader
import vaultdump
import vaultfile as vf
import vaultmake
from vaultfile import CLUSTER, LOG_START, PROJECT, TEAM, tombstone, value

primitives.stretch = functools.lru_cache(maxsize=None)(primitives.stretch)  # many openings, few passphrases
WORD = b"correct horse"
HERE = os.path.dirname(os.path.abspath(__file__))


def sum_and_nothing_else(data):
    """The file with its header's sum made right, as anybody can."""
    return data[:448] + vf.blake(32, data[:448]) + data[480:]


def with_header(data, offset, content):
    return sum_and_nothing_else(data[:offset] + content + data[offset + len(content):])


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory, self.path = directory.name, os.path.join(directory.name, "a.vault")
        self.random, self.clock = vaultmake.seeded(1)

    def make(self, *transactions, **more):
        self.recovery = vf.create(self.path, WORD, 8192, 1, random=self.random, **more)
        vault = vf.open(self.path, WORD, random=self.random, clock=self.clock)
        for t in transactions:
            vault.append(t)
        return vault

    def bytes(self):
        with open(self.path, "rb") as file:
            return file.read()

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def small(self):
        """Three transactions, and (length, current values) after each commit."""
        vault, states = self.make(recovery=True), []
        states.append((LOG_START, {}))
        for t in ([value(TEAM, "", "A", b"one")],
                  [value(PROJECT, "shop", "A", b"two"), tombstone(TEAM, "", "A"), value(CLUSTER, "k8", "_b.c-d", b"x" * 90)],
                  [value(TEAM, "", "A", b""), value(TEAM, "", "Z", b"\0\n")]):
            vault.append(t)
            states.append((vault.end, vault.current()))
        return vault, states


class Primitives(unittest.TestCase):
    def test_crc32c(self):
        self.assertEqual(vf.crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(vf.crc32c(b"6789", vf.crc32c(b"12345")), 0xE3069283)
        self.assertEqual(vf.crc32c(bytes(32)), 0x8A9136AA)

    def test_buckets(self):
        for n, expected in ((48, 128), (128, 128), (129, 192), (192, 192), (193, 256), (1024, 1024), (1025, 1088),
                            (2047, 2048), (2049, 2176), (4096, 4096), (65536, 65536), (65537, 67584), (1048884, 1081344)):
            self.assertEqual(vf.bucket(n), expected, n)
        last = 0
        for n in range(48, 70000, 7):
            b = vf.bucket(n)
            self.assertTrue(b >= n and b % 16 == 0 and b >= last and vf.bucket(b) == b)
            last = b

    def test_recovery_text(self):
        for key in (bytes(20), b"\xff" * 20, bytes(range(20))):
            text = vf.recovery_text(key)
            self.assertEqual([len(g) for g in text.split("-")], [6] * 6)
            self.assertEqual(vf.recovery_key(text), key)
            self.assertEqual(vf.recovery_key(" " + text.lower().replace("-", " - ")), key)
            self.assertEqual(vf.recovery_key(text.replace("0", "o").replace("1", "l")), key)
            self.assertEqual(vf.recovery_key(text.replace("0", "O").replace("1", "i")), key)
            for i, c in enumerate(text):
                if c != "-":
                    other = vf.BASE32[(vf.BASE32.index(c) + 1) % 32]
                    with self.assertRaises(vf.Mistyped):
                        vf.recovery_key(text[:i] + other + text[i + 1:])
            for wrong in ("", text[:-1], text + "0", text.replace("-", "_"), "U" + text[1:]):
                with self.assertRaises(vf.Mistyped):
                    vf.recovery_key(wrong)


class RoundTrips(Case):
    def test_values(self):
        vault, states = self.small()
        again = vf.open(self.path, WORD)
        self.assertEqual(again.verdict, "whole")
        self.assertEqual(again.current(), {
            (PROJECT, "shop", "A"): b"two", (CLUSTER, "k8", "_b.c-d"): b"x" * 90, (TEAM, "", "A"): b"",
            (TEAM, "", "Z"): b"\0\n"})
        self.assertEqual([v.value for v in again.histories()[TEAM, "", "A"]], [b"", b"", b"one"])
        self.assertEqual([v.kind for v in again.histories()[TEAM, "", "A"]], [1, 2, 1])
        self.assertEqual(vf.open(self.path, self.recovery).current(), again.current())
        self.assertFalse(again.copy_differs or again.gap_not_zero)

    def test_limits(self):
        longest = value(CLUSTER, "i" * 128, "N" * 128, b"v" * vf.VALUE_MOST)
        vault = self.make([longest, value(TEAM, "", "N", b""), tombstone(TEAM, "", "N", time=vf.TIME_MOST)])
        self.assertEqual(vault.end - LOG_START, 1081392 + 2 * 176)
        self.assertEqual(vf.open(self.path, WORD).current(), {(CLUSTER, "i" * 128, "N" * 128): b"v" * vf.VALUE_MOST})
        before = self.bytes()
        for bad in (value(TEAM, "", "N", b"", time=vf.TIME_MOST + 1), value(TEAM, "x", "N", b""), value(PROJECT, "", "N", b""),
                    value(TEAM, "", "", b""), value(TEAM, "", "9", b""), value(TEAM, "", "N\n", b""), value(4, "x", "N", b""),
                    value(TEAM, "", "N" * 129, b""), value(PROJECT, "-", "N", b""), vf.other(0x80, bytes(1048837)),
                    value(TEAM, "", "N", bytes(vf.VALUE_MOST + 1)), vf.other(vf.HEAD, bytes(55)), value(TEAM, "", "N", b"")):
            with self.assertRaises(ValueError):  # the last: the year 9999
                vault.append([bad])
        self.assertEqual(self.bytes(), before)

    def test_forty_byte_value_fits_the_first_bucket(self):
        vault = self.make([value(PROJECT, "i" * 12, "N" * 24, b"v" * 40)])
        self.assertEqual(vault.end - LOG_START, 176)
        vault.append([value(PROJECT, "i" * 12, "N" * 24, b"v" * 41)])
        self.assertEqual(vault.end - LOG_START, 176 + 240)

    def test_clock_that_goes_back(self):
        vault = self.make([value(TEAM, "", "A", b"old", time=10 ** 14)], [value(TEAM, "", "A", b"new")])
        self.assertEqual([v.time for v in vault.histories()[TEAM, "", "A"]], [10 ** 14 + 1, 10 ** 14])
        self.assertEqual(vault.current(), {(TEAM, "", "A"): b"new"})

    def test_order_of_equal_times_and_equal_triples(self):
        a = functools.partial(value, TEAM, "", "A", time=5)
        vault = self.make([a(value=b"ab"), a(value=b"b"), a(value=b"a"), a(value=b"b")], [a(value=b"ab")])
        self.assertEqual([(v.value, v.seq) for v in vault.histories()[TEAM, "", "A"]], [(b"b", 2), (b"ab", 1), (b"a", 3)])
        vault.append([tombstone(TEAM, "", "A", time=5)])
        self.assertEqual(vault.current(), {})

    def test_deterministic(self):
        files = []
        for _ in range(2):
            self.random, self.clock = vaultmake.seeded(7)
            self.path += "x"
            self.make([value(TEAM, "", "A", b"1")], recovery=True).compact()
            files.append((self.bytes(), self.recovery))
        self.assertEqual(files[0], files[1])

    def test_create_never_replaces(self):
        self.make()
        with self.assertRaises(FileExistsError):
            self.make()
        self.assertEqual(os.listdir(self.directory), ["a.vault"])


class Headers(Case):
    def verdict(self, data, secret=WORD):
        with self.assertRaises(vf.VaultError) as caught:
            vf.parse(data, secret)
        return type(caught.exception)

    def test_verdicts_in_order(self):
        self.make([value(TEAM, "", "A", b"1")], recovery=True)
        data = self.bytes()
        self.assertEqual(self.verdict(b""), vf.NotAVault)
        self.assertEqual(self.verdict(data[:7] + b"\1"), vf.NotAVault)
        self.assertEqual(self.verdict(data[:9] + b"\1"), vf.IncompleteCopy)
        self.assertEqual(self.verdict(b"x" * 511), vf.NotAVault)
        self.assertEqual(self.verdict(b"x" * 5000), vf.NotAVault)
        for n in (1, 8, 9, 10, 11, 511, 512, 4095, 4607):
            self.assertEqual(self.verdict(data[:n]), vf.IncompleteCopy, n)
        self.assertEqual(self.verdict(with_header(data, 8, b"\2")), vf.Unsupported)
        self.assertEqual(self.verdict(data[:16] + b"\1" + data[17:]), vf.Unsupported)
        self.assertEqual(self.verdict(data[:300] + b"\0\0\0\0" + data[304:]), vf.HeaderDamaged)
        for offset in (10, 12, 28, 120, 128, 129, 130, 264, 272, 273, 274, 276, 280, 284, 408, 416, 447, 56, 104, 64):
            self.assertEqual(self.verdict(with_header(data, offset, b"\7")), vf.HeaderDamaged, offset)
        self.assertEqual(self.verdict(with_header(data, 48, bytes(8))), vf.HeaderDamaged)
        later = with_header(data, 48, struct.pack("<QQQ", 2, 0, len(data) + 16))
        self.assertEqual(self.verdict(later), vf.IncompleteCopy)
        self.assertEqual(self.verdict(data, b"wrong"), vf.WrongPassphrase)
        self.assertEqual(self.verdict(data, vf.recovery_text(bytes(20))), vf.WrongPassphrase)
        self.assertEqual(self.verdict(data, "0" * 36), vf.Mistyped)
        for offset in (144, 160, 184, 232, 32):  # salt, nonce, box, commitment; vault id
            self.assertEqual(self.verdict(with_header(data, offset, b"\0\0\0\0")), vf.WrongPassphrase)
        for offset in (72, 288, 20, 24, 48, 480):  # file salt, the other slot, flags, generation, the MAC
            self.assertEqual(self.verdict(with_header(data, offset, b"\1\2\3\4")), vf.HeaderTampered)

    def test_box_that_does_not_open(self):
        self.make()
        data = bytearray(self.bytes())
        data[184] ^= 1
        slot = vf.Slot(*vf.SLOT.unpack(data[128:272]))
        data[232:264] = vf.commitment(vf.slot_secret(slot, WORD), bytes(data[32:48]), bytes(data[128:272]))
        self.assertEqual(self.verdict(sum_and_nothing_else(bytes(data))), vf.HeaderTampered)

    def test_hostile_parameters(self):
        self.make()
        data = self.bytes()
        for t, m, lanes in ((0, 8192, 1), (33, 8192, 1), (1, 8191, 1), (1, 4194305, 1), (1, 8192, 0), (1, 8192, 2),
                            (5, 4194304, 1), (32, 524289, 1), (2 ** 32 - 1, 2 ** 32 - 1, 1), (0, 0, 0)):
            with self.subTest(t=t, m=m, lanes=lanes):
                expected = vf.HeaderDamaged if (t, m) == (1, 8192) else vf.KdfRefused
                self.assertEqual(self.verdict(with_header(data, 132, struct.pack("<III", t, m, lanes))), expected)
                self.assertEqual(self.verdict(data[:132] + struct.pack("<I", 99) + data[136:]), vf.HeaderDamaged)
        with self.assertRaises(vf.KdfRefused):
            vf.create(self.path + "2", WORD, 8191, 1)

    def test_no_recovery_slot(self):
        self.make()
        self.assertEqual(self.verdict(self.bytes(), vf.recovery_text(bytes(20))), vf.NoRecoveryKey)
        self.assertEqual(self.verdict(self.bytes(), "not even one"), vf.NoRecoveryKey)

    def test_parameters_of_a_slot_that_is_no_passphrase_slot(self):
        self.make()
        self.assertEqual(self.verdict(with_header(self.bytes(), 128, b"\2\0\0\0" + bytes(12))), vf.HeaderDamaged)

    def test_flags_that_authentic_files_may_have(self):
        vault = self.make()
        slots, raw = vault.raw_header[128:416], vault.header
        for field, flags in (("read_only", 4), ("compatible", 8)):
            header = raw._replace(**{field: flags})
            self.write(vf.build(header, slots, vault.master, [], self.random))
            vault = vf.open(self.path, WORD)
            self.assertEqual(vault.verdict, "whole")
            if field == "read_only":
                for change in (vault.compact, lambda: vault.append([value(TEAM, "", "A", b"")])):
                    with self.assertRaises(vf.ReadOnly):
                        change()
            else:
                vault.compact()
                self.assertEqual(vf.open(self.path, WORD).header.compatible, 8)


class Prefixes(Case):
    def check(self, data, states):
        for n in range(len(data) + 1):
            part, best = data[:n], max((s for s in states if s[0] <= n), default=None, key=lambda s: s[0])
            if best is None:
                with self.assertRaises(vf.IncompleteCopy if n else vf.NotAVault):
                    vf.parse(part, WORD)
            else:
                vault = vf.parse(part, WORD)
                self.assertEqual((vault.end, vault.current()), best)
                self.assertEqual(vault.tail, None if n == best[0] else best[0])

    def test_every_prefix(self):
        _, states = self.small()
        self.check(self.bytes(), states)

    def test_every_prefix_of_a_compacted_file(self):
        vault, _ = self.small()
        vault.compact(keep="all")
        states = [(vault.end, vault.current())]
        self.assertEqual(vault.header.base_end, vault.end)
        vault.append([tombstone(TEAM, "", "A")])
        states.append((vault.end, vault.current()))
        self.check(self.bytes(), states)


class Tails(Case):
    def test_bit_flips(self):
        """Never a wrong value, and never whole (but where the page says that only `check` looks)."""
        vault, states = self.small()
        whole, draw = self.bytes(), random.Random(1)
        samples = [(i, draw.randrange(8)) for i in [*range(512), *range(512, LOG_START, 37), *range(LOG_START, len(whole))]]
        last = states[-2][0]
        for at, bit in samples:
            data = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1:]
            if vf.HEADER_LENGTH <= at < LOG_START:
                found = vf.parse(data, WORD)
                self.assertTrue(found.copy_differs if at >= vf.COPY_AT else found.gap_not_zero)
                self.assertEqual(found.current(), vault.current())
            elif at >= last:  # the last transaction: as if it had not been finished
                found = vf.parse(data, WORD)
                self.assertEqual((found.whole, found.tail, found.current()), (False, *states[-2]))
            else:
                with self.assertRaises(vf.VaultError) as caught:
                    vf.parse(data, WORD)
                if at >= LOG_START:
                    self.assertIsInstance(caught.exception, vf.Damage)
                    self.assertTrue(0 <= at - caught.exception.offset < 240)

    def test_tail_is_saved_and_cut(self):
        vault, states = self.small()
        data = self.bytes()
        self.write(data[:-1])
        vault = vf.open(self.path, WORD, random=self.random, clock=self.clock)
        self.assertEqual((vault.verdict, vault.tail, vault.current()), ("unfinished tail", *states[-2]))
        vault.append([value(TEAM, "", "NEW", b"n")])
        self.assertEqual(vf.open(self.path, WORD).current(), {**states[-2][1], (TEAM, "", "NEW"): b"n"})
        saved = [n for n in os.listdir(self.directory) if n.startswith("a.vault.unfinished-%d-" % states[-2][0])]
        with open(os.path.join(self.directory, *saved), "rb") as file:
            self.assertEqual(file.read(), data[states[-2][0]:-1])

    def test_garbage_after_the_first_header(self):
        self.make()
        for tail in (b"x", bytes(16), bytes(100000), os.urandom(5000)):
            vault = vf.parse(self.bytes() + tail, WORD)
            self.assertEqual((vault.tail, vault.current()), (LOG_START, {}))

    def test_more_than_a_transaction_is_damage(self):
        self.make()
        data = self.bytes()
        self.assertEqual(vf.parse(data + bytes(64 << 20), WORD).tail, LOG_START)
        with self.assertRaises(vf.Damage):
            vf.parse(data + bytes((64 << 20) + 1), WORD)

    def test_later_transaction_is_damage_and_a_moved_frame_is_not(self):
        vault, states = self.small()
        data = self.bytes()
        first, second = states[1][0], states[2][0]
        with self.assertRaises(vf.Damage) as caught:
            vf.parse(data[:first] + bytes(second - first) + data[second:], WORD)
        self.assertEqual(caught.exception.offset, first)
        found = vf.parse(data[:first] + data[second:], WORD)  # cut out: nothing is at its own offset
        self.assertEqual((found.tail, found.current()), states[1])
        found = vf.parse(data + data[LOG_START:first], WORD)  # replayed
        self.assertEqual((found.tail, found.current()), states[3])

    def test_search_is_bounded(self):
        vault = self.make()
        saved, reader.SEARCH_MOST = reader.SEARCH_MOST, 1000
        self.addCleanup(setattr, reader, "SEARCH_MOST", saved)
        fake = b"".join(struct.pack("<II16sQ", 144, 0, b"", LOG_START + 16 + 176 * i) + bytes(144) for i in range(7))
        with self.assertRaises(vf.Damage):
            vf.parse(self.bytes() + bytes(16) + fake, WORD)
        self.assertEqual(vf.parse(self.bytes() + bytes(16) + fake[:176 * 5], WORD).tail, LOG_START)

    def test_branches_do_not_mix(self):
        vault = self.make([value(TEAM, "", "A", b"1")])
        old, fork = self.bytes(), vault.end
        vault.append([value(TEAM, "", "A", b"2")])
        vault.append([value(TEAM, "", "A", b"3")])
        left = self.bytes()
        self.write(old)
        vault = vf.open(self.path, WORD)
        vault.append([value(TEAM, "", "A", b"x")])
        right = self.bytes()
        # One written over the other: the frame of the other branch is authentic and at its own offset, yet out of the
        # chain.  It is at B itself, so that by section 7 it proves nothing; a second one would.
        self.assertEqual(len(right), fork + 176)
        mixed = vf.parse(right + left[len(right):], WORD)
        self.assertEqual((mixed.tail, mixed.current()), (len(right), {(TEAM, "", "A"): b"x"}))
        self.write(left)
        vf.open(self.path, WORD).append([value(TEAM, "", "A", b"4")])
        with self.assertRaises(vf.Damage):
            vf.parse(right + self.bytes()[len(right):], WORD)


class Forged(Case):
    """Files by somebody who has the key and does not keep the rules."""

    def damaged(self, data, offset):
        with self.assertRaises(vf.Damage) as caught:
            vf.parse(data, WORD)
        self.assertEqual(caught.exception.offset, offset)

    def plain(self, vault, kind=1, flags=1, reserved=0, body=b"\1\0\1\0Ab", seq=1, time=1, tx=LOG_START, padding=b"", size=None,
              length=None):
        text = vf.SEALED.pack(kind, flags, reserved, len(body) if length is None else length, seq, vault.tag, tx, time) + body + padding
        text += bytes((size or vf.bucket(48 + len(body))) - len(text))
        nonce = self.random(16) + struct.pack("<Q", LOG_START)
        box = vf.crypto_secretbox(text, nonce, vault.key)
        length = struct.pack("<I", len(box))
        return self.bytes() + length + struct.pack("<I", vf.crc32c(length + nonce + box)) + nonce + box

    def test_rules_of_plaintext_and_body(self):
        vault = self.make()
        self.assertEqual(vf.parse(self.plain(vault), WORD).current(), {(TEAM, "", "A"): b"b"})
        for breach in (dict(flags=3), dict(flags=2), dict(reserved=1), dict(time=vf.TIME_MOST + 1), dict(padding=b"\1"),
                       dict(size=192), dict(body=b"\1\0\1\1Ab"), dict(body=b"\0\0\1\0Ab"), dict(body=b"\4\1\1\0xA"),
                       dict(body=b"\2\0\1\0Ab"), dict(body=b"\1\1\1\0xA"), dict(body=b"\1\0\0\0"), dict(body=b"\1\0\2\0A"),
                       dict(body=b""), dict(kind=2), dict(body=b"\1\0\1\0.b"), dict(kind=0xC1), dict(length=81),
                       dict(length=2 ** 32 - 1), dict(kind=2, length=5)):
            with self.subTest(**breach):
                self.damaged(self.plain(vault, **breach), LOG_START)
        for elsewhere in (dict(seq=2), dict(tx=LOG_START + 16), dict(seq=0)):
            self.assertEqual(vf.parse(self.plain(vault, **elsewhere), WORD).tail, LOG_START)

    def test_box_longer_than_any_is_not_in_place(self):
        vault = self.make()
        self.assertEqual(vf.parse(self.plain(vault, size=vf.BOX_MOST), WORD).tail, LOG_START)
        self.damaged(self.plain(vault, size=vf.BOX_MOST - 16), LOG_START)  # in place, but not the bucket of its body

    def test_unknown_kinds(self):
        vault = self.make()
        for kind in (0x80, 0xC0, 0xFF, 0x81):
            self.assertEqual(vf.parse(self.plain(vault, kind=kind, body=b"?" * 70), WORD).verdict, "whole")
        for kind in (0, 3, 0x40, 0x7F, 0x41):
            with self.assertRaises(vf.Unsupported):
                vf.parse(self.plain(vault, kind=kind), WORD)
            self.damaged(self.plain(vault, kind=kind, flags=2), LOG_START)
            self.damaged(self.plain(vault, kind=kind, body=bytes(vf.BODY_MOST + 1)), LOG_START)
        vault.append([value(TEAM, "", "A", b"1"), vf.other(0x80, b"left out"), vf.other(0xC7, b"carried", time=77)])
        vault.append([vf.head(bytes(16), 1, 2, 4608, bytes(16))])
        vault.compact()
        found = vf.open(self.path, WORD)
        self.assertEqual([(r.kind, r.value[:7]) for r in found.records[1:]], [(1, b"1"), (0xC7, b"carried")])
        self.assertEqual((found.records[0].kind, found.records[2].time), (0x82, 77))

    def test_transaction_that_is_too_long(self):
        vault = self.make()
        three = [value(TEAM, "", "A", b"")] * 3
        vault.append(three)
        for module in (vf, reader):
            self.addCleanup(setattr, module, "TRANSACTION_MOST", module.TRANSACTION_MOST)
            module.TRANSACTION_MOST = 400
        self.damaged(self.bytes(), LOG_START + 352)
        with self.assertRaises(ValueError):
            vf.seal([[r._replace(time=1) for r in three]], vault.key, LOG_START, 0, vault.tag, self.random)

    def test_commit_across_base_end(self):
        vault = self.make()
        header = vault.header._replace(generation=2, base_end=LOG_START + 176)
        slots, two = vault.raw_header[128:416], [value(TEAM, "", "A", b"", 1), value(TEAM, "", "B", b"", 1)]
        data = vf.build(header, slots, vault.master, [two], self.random)
        self.damaged(data, len(data))
        data = vf.build(header, slots, vault.master, [two[:1], two[1:]], self.random)
        self.assertEqual(vf.parse(data, WORD).verdict, "whole")


class Compaction(Case):
    def test_generations(self):
        vault, _ = self.small()
        current = vault.current()
        seq, tag, identity, old = vault.seq, vault.tag, vault.header.vault_id, self.bytes()
        vault.compact()
        again = vf.open(self.path, WORD)
        h = again.header
        self.assertEqual((h.generation, h.base_seq, h.lineage, h.vault_id, h.base_end), (2, seq, tag, identity, again.end))
        self.assertEqual(again.current(), current)
        self.assertTrue(all(len(v) == 1 for v in again.histories().values()))
        self.assertEqual(vf.open(self.path, self.recovery).current(), current)
        self.assertEqual(again.raw_header[128:416], old[128:416])
        self.assertNotIn(old[LOG_START + 32:LOG_START + 176], self.bytes())
        vault.append([value(TEAM, "", "LATER", b"l")])
        vault.compact()
        self.assertEqual(vf.open(self.path, WORD).current(), {**current, (TEAM, "", "LATER"): b"l"})
        self.assertEqual(os.listdir(self.directory), ["a.vault"])

    def test_versions_that_are_kept(self):
        vault = self.make([value(TEAM, "", "A", b"%d" % i, time=1000 * i) for i in range(6)])
        vault.clock = lambda: 6000
        vault.compact(keep=4000)  # version i was replaced at 1000 (i + 1)
        self.assertEqual([v.value for v in vault.histories()[TEAM, "", "A"]], [b"5", b"4", b"3"])
        vault.compact()
        self.assertEqual([v.value for v in vault.histories()[TEAM, "", "A"]], [b"5"])

    def test_tombstones_stay(self):
        vault = self.make([value(TEAM, "", "A", b"1")], [tombstone(TEAM, "", "A")])
        vault.compact()
        self.assertEqual([v.kind for v in vault.histories()[TEAM, "", "A"]], [vf.TOMBSTONE])

    def test_empty(self):
        vault = self.make()
        tag = vault.tag
        vault.compact()
        self.assertEqual((vault.header.generation, vault.header.base_end, vault.header.lineage), (2, vault.end, tag))
        self.assertEqual([r.kind for r in vault.records], [0x82])
        self.assertEqual(vf.parse(self.bytes() + b"?", WORD).tail, vault.end)

    def test_commits_in_between_and_damage_in_the_content(self):
        vault = self.make([value(TEAM, "", "A%d" % i, b"%d" % i) for i in range(10)])
        saved, vf.COMPACT_COMMIT = vf.COMPACT_COMMIT, 600
        self.addCleanup(setattr, vf, "COMPACT_COMMIT", saved)
        vault.compact()
        data = self.bytes()
        self.assertEqual(vf.parse(data, WORD).current(), vault.current())
        for at in range(LOG_START, len(data), 61):  # in the last transaction too: nothing here can be unfinished
            with self.assertRaises(vf.Damage):
                vf.parse(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:], WORD)
        with self.assertRaises(vf.IncompleteCopy):
            vf.parse(data[:-1], WORD)


class Commands(Case):
    def run_tool(self, tool, *arguments, **more):
        return subprocess.run([sys.executable, os.path.join(HERE, tool), *arguments], capture_output=True, text=True, **more)

    def test_make_and_dump(self):
        words, spec = os.path.join(self.directory, "words"), os.path.join(self.directory, "spec.json")
        with open(words, "wb") as file:
            file.write(WORD + b"\n")
        text = base64.b64encode(b"hello\xff").decode()
        with open(spec, "w") as file:
            json.dump([[{"kind": "value", "scope": "team", "name": "A", "value": text, "time": 5},
                        {"kind": "unknown", "number": 0xC5, "value": text}],
                       [{"kind": "tombstone", "scope": "cluster", "id": "k", "name": "B"}],
                       {"compact": {"keep": "all"}},
                       [{"kind": "value", "scope": "team", "name": "A", "value": "", "time": 6}]], file)
        files = []
        for out in (self.path, self.path + "2"):
            done = self.run_tool("vaultmake.py", out, "--passphrase-file", words, "--json", spec, "--seed", "3",
                                 "--memory-kib", "8192", "--passes", "1", "--recovery")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            with open(out, "rb") as file:
                files.append(file.read())
        self.assertEqual(files[0], files[1])
        done = self.run_tool("vaultdump.py", self.path, "--passphrase-file", words, "--json")
        found = json.loads(done.stdout)
        self.assertEqual(found["verdict"], "whole")
        self.assertEqual(found["header"]["generation"], 2)
        self.assertEqual(found["secrets"][0], {"scope": "team", "id": "", "name": "A", "versions": [
            {"time": 6, "kind": "value", "seq": 8, "value": ""}, {"time": 5, "kind": "value", "seq": 5, "value": text}]})
        self.assertEqual(found["secrets"][1]["versions"][0]["kind"], "tombstone")
        self.assertEqual([other["kind"] for other in found["others"]], ["descent", 0xC5])
        self.write(files[0][:-1])
        self.assertEqual(json.loads(self.run_tool("vaultdump.py", self.path, "--passphrase-file", words).stdout)["tail"],
                         found["header"]["base_end"])
        self.write(files[0][:4700])
        done = self.run_tool("vaultdump.py", self.path, "--passphrase-file", words)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", "incomplete copy\n"))
        done = self.run_tool("vaultdump.py", self.path + "2", "--passphrase-file", spec)
        self.assertEqual((done.returncode, done.stderr), (1, "wrong passphrase\n"))


if __name__ == "__main__":
    unittest.main()
