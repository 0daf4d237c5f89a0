"""The same CRC for long data, many bytes at a time.  It is no part of the format: primitives.crc32c says what the CRC is."""

import functools

LANE = 512  # bytes that one lane of the computation takes; a power of two
BLOCK = 1 << 14


def advance(table, data, crc):
    """The state of the CRC after `data`, from the state `crc` before."""
    table, end = tuple(table), len(data)
    while end >= BLOCK and data[end - BLOCK:end] == bytes(BLOCK):
        end -= BLOCK
    body = data[:end].rstrip(b"\0")
    whole, skip = len(body) // LANE * LANE, _over_zeros(table, LANE)
    for lane in _lanes(table, body[:whole]):
        crc = _apply(skip, crc) ^ lane
    for byte in body[whole:]:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    zeros, count = len(data) - len(body), 1
    while zeros:
        if zeros & 1:
            crc = _apply(_over_zeros(table, count), crc)
        zeros, count = zeros >> 1, count << 1
    return crc


def _lanes(table, data):
    """The states of all lanes, each from the state 0: one step takes a byte of every lane, with byte k of each state in s[k]."""
    count = len(data) // LANE
    tables = [bytes(n >> 8 * k & 255 for n in table) for k in range(4)]
    s = [0, 0, 0, 0]
    for i in range(LANE if count else 0):
        index = (s[0] ^ int.from_bytes(data[i::LANE], "little")).to_bytes(count, "little")
        looked_up = [int.from_bytes(index.translate(t), "little") for t in tables]
        s = [s[1] ^ looked_up[0], s[2] ^ looked_up[1], s[3] ^ looked_up[2], looked_up[3]]
    columns = [x.to_bytes(count, "little") for x in s]
    return [a | b << 8 | c << 16 | d << 24 for a, b, c, d in zip(*columns)]


@functools.lru_cache(maxsize=64)
def _over_zeros(table, count):
    """Tables that lead a state over so many zeros, a power of two: that is linear, so the states of single bits suffice."""
    if count == 1:
        bits = [table[(1 << bit) & 255] ^ (1 << bit) >> 8 for bit in range(32)]
    else:
        half = _over_zeros(table, count // 2)
        bits = [_apply(half, _apply(half, 1 << bit)) for bit in range(32)]
    rows = [[0] * 256 for _ in range(4)]
    for k in range(4):
        for n in range(1, 256):
            low = n & -n
            rows[k][n] = rows[k][n ^ low] ^ bits[8 * k + low.bit_length() - 1]
    return rows


def _apply(rows, crc):
    return rows[0][crc & 255] ^ rows[1][crc >> 8 & 255] ^ rows[2][crc >> 16 & 255] ^ rows[3][crc >> 24]
