"""The same CRC for long data, many bytes at a time.  It is no part of the format: primitives.crc32c says what the CRC is."""

import functools

LANE = 512  # bytes that one lane of the computation takes


def advance(table, data, crc):
    """The state of the CRC after `data`, from the state `crc` before."""
    whole = len(data) // LANE * LANE
    a, b, c, d = _skipper(tuple(table))
    for lane in _lanes(table, data[:whole]):
        crc = a[crc & 255] ^ b[crc >> 8 & 255] ^ c[crc >> 16 & 255] ^ d[crc >> 24] ^ lane
    for byte in data[whole:]:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc


def _lanes(table, data):
    """The states of all lanes, each from the state 0: one step takes a byte of every lane, with byte k of each state in s[k]."""
    count = len(data) // LANE
    tables = [bytes(n >> 8 * k & 255 for n in table) for k in range(4)]
    s = [0, 0, 0, 0]
    for i in range(LANE):
        index = (s[0] ^ int.from_bytes(data[i::LANE], "little")).to_bytes(count, "little")
        looked_up = [int.from_bytes(index.translate(t), "little") for t in tables]
        s = [s[1] ^ looked_up[0], s[2] ^ looked_up[1], s[3] ^ looked_up[2], looked_up[3]]
    columns = [x.to_bytes(count, "little") for x in s]
    return [a | b << 8 | c << 16 | d << 24 for a, b, c, d in zip(*columns)]


@functools.lru_cache(maxsize=4)
def _skipper(table):
    """Tables that lead a state over LANE zeros: the step is linear, so the states of single bits suffice."""
    bits = []
    for bit in range(32):
        crc = 1 << bit
        for _ in range(LANE):
            crc = table[crc & 255] ^ crc >> 8
        bits.append(crc)
    tables = []
    for k in range(4):
        row = [0] * 256
        for n in range(256):
            for bit in range(8):
                if n >> bit & 1:
                    row[n] ^= bits[8 * k + bit]
        tables.append(row)
    return tables
