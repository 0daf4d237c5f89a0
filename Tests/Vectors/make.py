#!/usr/bin/python3
"""make.py DIRECTORY: makes all vectors, in a directory that is not there yet.

The vectors in Tests/Vectors/v1 are frozen: what they say of a file stays true, whatever happens to this program. A vector is added by making
all in another directory and copying the new one.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import forge  # noqa: E402
import frames  # noqa: E402
import headers  # noqa: E402
import histories  # noqa: E402
import records  # noqa: E402
import tails  # noqa: E402


def vectors():
    """The bytes of each vector's file, by its name."""
    forge.Vector.all.clear()
    for part in (headers, frames, records, histories, tails):
        part.define()
    return {name: vector.bytes() for name, vector in forge.Vector.all.items()}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.mkdir(sys.argv[1])
    made = vectors()
    for name, data in made.items():
        with open(os.path.join(sys.argv[1], name + ".vector"), "xb") as file:
            file.write(data)
    print("%d vectors" % len(made))


if __name__ == "__main__":
    main()
