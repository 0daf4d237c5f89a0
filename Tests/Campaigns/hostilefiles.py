"""Vault files whose author has the key and wants them to take long: each has right seals, and what it holds is as bad as can be.

The ordinary file that they are held against is one of short secrets.
"""

import ctypes
import itertools
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "Tests", "Vectors"))

import forge  # noqa: E402
from forge import START, Chain, gone, make_header, put  # noqa: E402

vf = forge.vf

# Checksums by the product's own C, since those of the Python reader are slow; and frames that overlap each other at every sixteenth byte,
# made from the last to the first, since each one's sum stands before all that the sum is of.
C = r"""
#include <stdint.h>
#include <string.h>
uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count);
void overlap(uint8_t *bytes, uint64_t count, uint64_t start, uint32_t length, int are_right) {
    for (uint64_t at = 0; at + 48 <= count; at += 16) {
        uint64_t offset = start + at;
        uint32_t box = at + 32 + length <= count ? length : (uint32_t)(count - at - 32) / 16 * 16;
        memcpy(bytes + at, &box, 4);
        memcpy(bytes + at + 24, &offset, 8);
    }
    if (!are_right) return;
    for (uint64_t at = count / 16 * 16; at >= 16;) {
        at -= 16;
        uint32_t box;
        memcpy(&box, bytes + at, 4);
        if (box < 144 || at + 32 + box > count) continue;
        uint32_t sum = platform_crc32c(platform_crc32c(0, bytes + at, 4), bytes + at + 8, 24 + box);
        memcpy(bytes + at + 4, &sum, 4);
    }
}
"""


def _library():
    with tempfile.TemporaryDirectory() as directory:
        source, library = directory + "/hostile.c", directory + "/hostile.so"
        with open(source, "w", encoding="ascii") as file:
            file.write(C)
        platform = ROOT + "/Sources/CPlatform"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-I", platform + "/include", "-o", library, source, platform + "/crc32c.c"], check=True)
        return ctypes.CDLL(library)


_c = _library()
_c.platform_crc32c.restype = ctypes.c_uint32
_c.platform_crc32c.argtypes = [ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]
_c.overlap.argtypes = [ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_int]
vf.crc32c = lambda data, crc=0: _c.platform_crc32c(crc, data, len(data))


def sealed(label, records, size):
    """A vault of `size` bytes or a little less with these records, in transactions of a thousand."""
    header = make_header(label)
    chain = Chain(header, forge.draw(label))
    parts = [header + bytes(vf.COPY_AT - 512) + header]
    records = iter(records)
    while True:
        some, end = [], chain.at
        for record in itertools.islice(records, 1000):
            end += 48 + vf.bucket(48 + len(record.body))
            if end > size:
                break
            some.append(record)
        if some:
            parts.append(chain.transaction(some))
        if len(some) < 1000:
            return b"".join(parts)


def ordinary(label="ordinary", changed=0):
    """Names with a value each, the first `changed` of a hundred set again elsewhere."""
    for number in itertools.count():
        is_changed = number % 100 < changed
        yield put("NAME_%d" % number, b"the value of %d%s" % (number, b", changed" if is_changed else b""), START + number + is_changed)


def one_time(seed, length=24, prefix=0):
    """One name, one time, values in no order, with so many bytes in common at the front."""
    draw = random.Random(seed)
    while True:
        yield put("A", bytes(prefix) + draw.randbytes(length), START)


def repeated(values, **more):
    for number in itertools.count():
        yield put("A", b"value %d" % (number % values), START, **more)


def descending(skew):
    for number in itertools.count():
        yield put("A", b"value %d" % number, START + 10 ** 7 - 2 * number + skew)


def random_times(seed):
    draw = random.Random(seed)
    while True:
        yield put("A", b"value", START + draw.randrange(10 ** 7))


def few_times(names, seed):
    """Many names, each with many versions of few times, deleted at the same ones."""
    draw = random.Random(seed)
    for number in itertools.count():
        name, time = "NAME_%d" % (number % names), START + draw.randrange(3)
        yield gone(name, time) if draw.randrange(8) == 0 else put(name, draw.randbytes(16), time)


def _mixed(word):
    product = (word ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
    return (product >> 64 ^ product) & 2 ** 64 - 1


def collisions(pairs=15):
    """Names that had the same hash while the hash depended on nothing but the name: 2^pairs of them, as Joux found.

    After each two words the state is the same for two choices of them.
    """
    draw = random.Random(1)
    characters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
    both = {a ^ b: (a, b) for a in characters for b in characters}

    def word():
        return bytes(draw.choices(characters, k=8))

    # The first word holds the scope, both lengths and five characters of the id.
    id_count, name_count = 125, 16 * pairs - 120
    front = bytes((forge.PROJECT, id_count, name_count)) + b"AAAAA"
    state, choices = _mixed(id_count + name_count + 3 ^ int.from_bytes(front, "little")), []
    while len(choices) < pairs:
        seen = {}
        while True:
            first = word()
            after = _mixed(state ^ int.from_bytes(first, "little"))
            found = None
            for before, other in seen.items():
                difference = (after ^ other).to_bytes(8, "little")
                if before != first and all(byte in both for byte in difference):
                    found = before, difference
                    break
            if found:
                break
            seen[first] = after
        before, difference = found
        words = [bytes(both[byte][side] for byte in difference) for side in (0, 1)]
        choices.append((before + words[0], first + words[1]))
        state = _mixed(seen[before] ^ int.from_bytes(words[0], "little"))
    for parts in itertools.product(*choices):
        text = front[3:] + b"".join(parts)
        id, name = text[:id_count], text[id_count:]
        if not name[:1].isdigit() and id[:1] != b"_":
            yield put(name.decode(), b"", START, scope=forge.PROJECT, id=id.decode())


def behind(number, size, length, are_right):
    """A sealed file of which all but the front looks like the beginning of a frame of `length` bytes at every sixteenth byte."""
    front = sealed("behind %d" % number, ordinary(changed=number), size // 16)
    bytes_ = ctypes.create_string_buffer(random.Random(number).randbytes(size - len(front)), size - len(front))
    _c.overlap(bytes_, len(bytes_), len(front), length // 16 * 16, are_right)
    return front + bytes_.raw


def files(size):
    """(name, maker) of each hostile file. The maker takes a number: two of them are copies that went apart."""

    def of(records):
        return lambda number: sealed("hostile %d" % number, records(number), size)

    yield "one time", of(one_time)
    yield "one time, long values that begin alike", of(lambda number: one_time(number, 8, 60_000))
    yield "one time, the longest values", of(lambda number: one_time(number, 8, 2 ** 20 - 8))
    yield "one time, few values", of(lambda number: repeated(7 + number))
    yield "one time, one value", of(lambda number: repeated(1))
    yield "times that descend", of(descending)
    yield "random times", of(random_times)
    yield "few times of many names", of(lambda number: few_times(100, number))
    yield "names whose hashes were the same", of(lambda number: collisions())
    yield "the beginnings of the longest frames", lambda number: behind(number, size, vf.BOX_MOST, False)
    yield "the beginnings of short frames", lambda number: behind(number, size, 144, False)
    yield "long frames that overlap, with right sums", lambda number: behind(number, size, 65_536, True)
    yield "short frames that overlap, with right sums", lambda number: behind(number, size, 144, True)
