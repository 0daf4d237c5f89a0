"""The vectors in Tests/Vectors/v2: reading, rollback, merges, rewrites; and in v3, the same with metadata: vault-format.md, section 13."""

import functools
import hashlib
import os
import sys
import unittest

import primitives
import vectors2

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Vectors")
FROZEN = {"v2": "02bd886b2d8d37513753b86d3670064e2f2a6848fdccc1e398868896c7d70ddf",
          "v3": "bf7afc13609aeb37f46f4e36f640637914ccb3dfd15eed000c4d182cdb0fea72"}


def paths(set):
    top = os.path.join(HERE, set)
    return sorted(os.path.relpath(os.path.join(directory, name), top) for directory, _, names in os.walk(top) for name in names)


def read(set, path):
    with open(os.path.join(HERE, set, path), "rb") as file:
        return file.read()


class Vectors(unittest.TestCase):
    def setUp(self):
        saved = primitives.stretch
        primitives.stretch = functools.lru_cache(maxsize=None)(saved)  # many files, few slots
        self.addCleanup(setattr, primitives, "stretch", saved)

    def test_every_vector_is_what_it_says(self):
        for set in FROZEN:
            failed = 0
            for path in paths(set):
                head, files = vectors2.unpack(read(set, path))
                with self.subTest(path):
                    failed += 1
                    self.assertEqual(vectors2.outcome(path.split("/")[0], head, files), vectors2.expected(head))
                    failed -= 1
            print("\nvectors of %s in Python: %d passed, %d failed" % (set, len(paths(set)) - failed, failed))

    def test_those_that_are_too_large_to_keep_are_what_they_say(self):
        sys.path.insert(0, HERE)
        self.addCleanup(sys.path.remove, HERE)
        import make2
        for path, content in make2.too_large().items():
            head, files = vectors2.unpack(content)
            self.assertEqual(vectors2.outcome(path.split("/")[0], head, files), vectors2.expected(head), path)

    def test_they_are_frozen(self):
        """No file changes, and none goes; one that is added changes the sum of its set, here and in VectorSetTests.swift."""
        for set, frozen in FROZEN.items():
            total = hashlib.blake2b(digest_size=32)
            for path in paths(set):
                total.update(path.encode() + b"\0" + hashlib.blake2b(read(set, path), digest_size=32).digest())
            self.assertEqual(total.hexdigest(), frozen, set)

    def test_the_program_that_made_them_makes_them_still(self):
        sys.path.insert(0, HERE)
        self.addCleanup(sys.path.remove, HERE)
        import make2
        for set, make in (("v2", make2.vectors), ("v3", make2.with_metadata)):
            made = make()
            self.assertEqual(sorted(made), paths(set))
            for path, content in made.items():
                self.assertTrue(content == read(set, path), path)


if __name__ == "__main__":
    unittest.main()
