"""The vaults in Tests/Fixtures open forever: /usr/bin/python3 -m unittest discover -s Tests/PythonReader"""

import base64
import json
import os
import unittest

import vaultdump
import vaultfile

DIRECTORY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures", "v1")
NAMES = sorted(name[:-6] for name in os.listdir(DIRECTORY) if name.endswith(".vault"))


def read(name):
    with open(os.path.join(DIRECTORY, name), "rb") as file:
        return file.read()


class Fixtures(unittest.TestCase):
    def each(self):
        for name in NAMES:
            with self.subTest(name):
                yield os.path.join(DIRECTORY, name + ".vault"), json.loads(read(name + ".json"))

    def compare(self, vault, expected):
        found = vaultdump.describe(vault)
        for secret in found["secrets"] + found["metadata"]:
            for version in secret["versions"]:
                del version["seq"]
        for field in ("verdict", "end", "seq", "secrets"):
            self.assertEqual(found[field], expected[field], field)
        self.assertEqual(found["metadata"], expected.get("metadata", []))
        self.assertEqual(len(found["others"]), expected["skipped"])
        for field in ("descent", "purged"):
            if field in expected:
                self.assertEqual(found[field], expected[field], field)
        header, slot = found["header"], found["header"]["passphrase_slot"]
        for field in ("vault_id", "generation", "base_seq", "base_end"):
            self.assertEqual(header[field], expected["header"][field], field)
        self.assertEqual([slot["passes"], slot["memory"]], [expected["header"][f] for f in ("passes", "memory_kib")])
        self.assertEqual(header["recovery_slot"] is not None, "recovery_key" in expected)
        self.assertFalse(found["copy_differs"] or found["gap_not_zero"])

    def test_every_fixture_opens_and_holds_what_it_was_made_of(self):
        for path, expected in self.each():
            before = read(path)
            self.assertEqual(len(before), expected["length"])
            self.compare(vaultfile.open(path, expected["passphrase"].encode()), expected)
            with self.assertRaises(vaultfile.WrongPassphrase):
                vaultfile.open(path, expected["passphrase"].encode() + b"x")
            self.assertEqual(read(path), before)

    def test_recovery_keys_open_too(self):
        keys = 0
        for path, expected in self.each():
            if "recovery_key" in expected:
                keys += 1
                self.compare(vaultfile.open(path, expected["recovery_key"]), expected)
        self.assertEqual(keys, 1)

    def test_there_are_the_fixtures_that_there_were(self):
        self.assertEqual(NAMES, [
            "all-scopes", "compacted", "empty", "equal-times", "every-byte", "large-value", "long-names",
            "many-frames", "metadata", "metadata-proven", "one-secret", "proven", "recovery-key", "unfinished-tail", "unknown-records", "versions"])
        self.assertEqual(sorted(os.listdir(DIRECTORY)), sorted(n + e for n in NAMES for e in (".vault", ".json")))

    def test_bytes_survive(self):
        vault = vaultfile.open(os.path.join(DIRECTORY, "every-byte.vault"), "fixture päss every-byte".encode())
        self.assertEqual(vault.current()[vaultfile.TEAM, "", "BYTES"], bytes(range(256)))
        self.assertEqual(base64.b64encode(vault.current()[vaultfile.TEAM, "", "NUL"]), b"AA==")


if __name__ == "__main__":
    unittest.main()
