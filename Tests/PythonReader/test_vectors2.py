"""The vectors in Tests/Vectors/v2: reading, rollback, merges, rewrites: vault-format.md, section 13."""

import functools
import hashlib
import os
import sys
import unittest

import primitives
import vectors2

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Vectors")
DIRECTORY = os.path.join(HERE, "v2")
FROZEN = "02bd886b2d8d37513753b86d3670064e2f2a6848fdccc1e398868896c7d70ddf"


def paths():
    return sorted(os.path.relpath(os.path.join(directory, name), DIRECTORY) for directory, _, names in os.walk(DIRECTORY) for name in names)


def read(path):
    with open(os.path.join(DIRECTORY, path), "rb") as file:
        return file.read()


class Vectors(unittest.TestCase):
    def setUp(self):
        saved = primitives.stretch
        primitives.stretch = functools.lru_cache(maxsize=None)(saved)  # many files, few slots
        self.addCleanup(setattr, primitives, "stretch", saved)

    def test_every_vector_is_what_it_says(self):
        failed = 0
        for path in paths():
            head, files = vectors2.unpack(read(path))
            with self.subTest(path):
                failed += 1
                self.assertEqual(vectors2.outcome(path.split("/")[0], head, files), vectors2.expected(head))
                failed -= 1
        print("\nvectors of v2 in Python: %d passed, %d failed" % (len(paths()) - failed, failed))

    def test_those_that_are_too_large_to_keep_are_what_they_say(self):
        sys.path.insert(0, HERE)
        self.addCleanup(sys.path.remove, HERE)
        import make2
        for path, content in make2.too_large().items():
            head, files = vectors2.unpack(content)
            self.assertEqual(vectors2.outcome(path.split("/")[0], head, files), vectors2.expected(head), path)

    def test_they_are_frozen(self):
        """No file changes, and none goes; one that is added changes this sum."""
        total = hashlib.blake2b(digest_size=32)
        for path in paths():
            total.update(path.encode() + b"\0" + hashlib.blake2b(read(path), digest_size=32).digest())
        self.assertEqual(total.hexdigest(), FROZEN)

    def test_the_program_that_made_them_makes_them_still(self):
        sys.path.insert(0, HERE)
        self.addCleanup(sys.path.remove, HERE)
        import make2
        made = make2.vectors()
        self.assertEqual(sorted(made), paths())
        for path, content in made.items():
            self.assertTrue(content == read(path), path)


if __name__ == "__main__":
    unittest.main()
