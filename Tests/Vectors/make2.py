#!/usr/bin/python3
"""make2.py [--metadata | --too-large] DIRECTORY: makes the vectors of v2, in a directory that is not there yet; or those with metadata, v3;
or those that are too large to keep.

Those in Tests/Vectors/v2 and v3 are frozen: what they say of a file stays true, whatever happens to this program.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import forge  # noqa: E402
import copies  # noqa: E402
import merges  # noqa: E402
import metadata  # noqa: E402
import reading  # noqa: E402
import rewrites  # noqa: E402
import rollbacks  # noqa: E402


def vectors(parts=(reading, rollbacks, merges, rewrites)):
    """The bytes of each vector's file, by its path below the directory."""
    forge.Vector.all.clear()
    copies.Vectors.all.clear()
    for part in parts:
        part.define()
    made = {"reader/%s.vector" % name: vector.bytes() for name, vector in forge.Vector.all.items()}
    made.update({"%s/%s.vector" % key: content for key, content in copies.Vectors.all.items()})
    return made


def with_metadata():
    return vectors((metadata,))


def too_large():
    copies.Vectors.all.clear()
    merges.too_large()
    return {"%s/%s.vector" % key: content for key, content in copies.Vectors.all.items()}


def main():
    words = sys.argv[1:]
    make = {"--metadata": with_metadata, "--too-large": too_large}.get(words[0] if words else "", vectors)
    if len(words) != (1 if make is vectors else 2):
        sys.exit(__doc__)
    made = make()
    for path, data in made.items():
        path = os.path.join(words[-1], path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)
    print("%d vectors" % len(made))


if __name__ == "__main__":
    main()
