"""The vectors in Tests/Vectors: what vault-format.md says of each file, section 13."""

import functools
import hashlib
import json
import os
import sys
import tempfile
import unittest

import primitives
import vaultfile as vf
import vectors2

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Vectors")
DIRECTORY = os.path.join(HERE, "v1")
FROZEN = "1bd30a4ae228e7f736febeb2fefd417c4aa0a57c067978fa6c42d553a97152cc"


def names():
    return sorted(os.listdir(DIRECTORY))


def read(name):
    with open(os.path.join(DIRECTORY, name), "rb") as file:
        return file.read()


def unpack(content):
    """What a vector says, and the vault's file."""
    head, data = content.split(b"\n\n", 1)
    head = json.loads(head)
    return head, vectors2.with_zeros(data, head.get("zeros", []))


def secret(head):
    return head["recovery"] if "recovery" in head else head["passphrase"].encode()


def describe(vault, length):
    """What a vector says of a vault that opens."""
    histories, check = vault.histories(), []
    if vault.gap_not_zero:
        check.append("gap")
    if vault.copy_differs:
        check.append("copy")
    said = {"expect": vault.verdict, "end": vault.end, "seq": vault.seq, "secrets": len(vault.current()), "digest": vault.digest(),
            "versions": sum(map(len, histories.values())), "skipped": vault.skipped(), "check": check}
    return said if vault.whole else {**said, "tail": length - vault.end}


def outcome(data, secret):
    try:
        return describe(vf.parse(data, secret), len(data))
    except vf.Damage as damage:
        return {"expect": "damage", "offset": damage.offset}
    except vf.VaultError as error:
        return {"expect": error.verdict}


class Vectors(unittest.TestCase):
    def setUp(self):
        saved = primitives.stretch
        primitives.stretch = functools.lru_cache(maxsize=None)(saved)  # many files, few slots
        self.addCleanup(setattr, primitives, "stretch", saved)

    def test_every_vector_is_what_it_says(self):
        failed = 0
        for name in names():
            head, data = unpack(read(name))
            expected = {key: value for key, value in head.items() if key not in ("section", "comment", "passphrase", "recovery", "zeros")}
            if "digest" in expected:
                expected["check"] = [finding.split()[0] for finding in head.get("check", [])]
            with self.subTest(name):
                failed += 1
                self.assertEqual(outcome(data, secret(head)), expected)
                failed -= 1
        print("\nvectors in Python: %d passed, %d failed" % (len(names()) - failed, failed))

    def test_the_next_writer_saves_a_tail_and_keeps_the_rest(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "v")
            for name in names():
                head, data = unpack(read(name))
                if head["expect"] != "unfinished tail":
                    continue
                with self.subTest(name):
                    with open(path, "wb") as file:
                        file.write(data)
                    vault = vf.open(path, secret(head))
                    before, records = vault.current(), len(vault.records)
                    vault.append([vf.value(vf.TEAM, "", "NEXT", b"next")])
                    again = vf.open(path, secret(head))
                    self.assertTrue(again.whole)
                    self.assertEqual(again.current(), {**before, (vf.TEAM, "", "NEXT"): b"next"})
                    self.assertEqual(len(again.records), records + 1)
                    saved, = [n for n in os.listdir(directory) if n != "v"]
                    self.assertTrue(saved.startswith("v.unfinished-%d-" % head["end"]))
                    with open(os.path.join(directory, saved), "rb") as file:
                        self.assertEqual(file.read(), data[head["end"]:])
                    os.unlink(os.path.join(directory, saved))

    def test_they_are_frozen(self):
        """No file changes, and none goes; one that is added changes this sum and the one in VectorTests.swift."""
        total = hashlib.blake2b(digest_size=32)
        for name in names():
            total.update(name.encode() + b"\0" + hashlib.blake2b(read(name), digest_size=32).digest())
        self.assertEqual(total.hexdigest(), FROZEN)

    def test_the_program_that_made_them_makes_them_still(self):
        sys.path.insert(0, HERE)
        self.addCleanup(sys.path.remove, HERE)
        import make
        made = {name + ".vector": content for name, content in make.vectors().items()}
        self.assertEqual(sorted(made), names())
        for name, content in made.items():
            self.assertTrue(content == read(name), name)


if __name__ == "__main__":
    unittest.main()
