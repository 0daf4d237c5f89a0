"""Constants and primitives of the vault file: vault-format.md, sections 1, 4 and 5."""

import hashlib
import re
import struct

from argon2.low_level import Type, hash_secret_raw

import quickcrc

MAGIC = b"\x89VLT\r\n\x1a\n"
HEADER_LENGTH, COPY_AT, LOG_START = 512, 4096, 4608
BOX_LEAST, BOX_MOST = 144, 1081360
TRANSACTION_MOST = 64 << 20
SEARCH_MOST = 256 << 20
VALUE_MOST, METADATA_MOST, BODY_MOST = 1048576, 65536, 1048836
TIME_MOST = 253402300799999
DROPPED_MOST = 2 ** 64 - 1
SEQ_MOST = 2 ** 64 - 1
VALUE, TOMBSTONE, DESCENT, HEAD, PURGED, METADATA = 0x01, 0x02, 0x82, 0xC1, 0xC3, 0xC9
IGNORABLE, SAFE_TO_COPY = 0x80, 0x40
TEAM, PROJECT, CLUSTER = 1, 2, 3
COMMIT = 1
WITH_DESCENT = 1  # the read-only flag of section 2
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

HEADER = struct.Struct("<8sHHIIIII16sQQQ32s16s8s")  # bytes 0 to 127
SLOT = struct.Struct("<BBHIII16s24s48s32s8s")
FRAME = struct.Struct("<II16sQ")
SEALED = struct.Struct("<BBHIQ16sQQ")


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = _crc_table()


def crc32c(data, crc=0):
    """CRC32C of data; give the result for what came before as `crc` to go on."""
    crc ^= 0xFFFFFFFF
    if len(data) >= 1 << 14:  # the same, faster
        return quickcrc.advance(CRC_TABLE, bytes(data), crc) ^ 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def blake(size, message, key=b""):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


def stretch(passphrase, salt, passes, memory_kib):
    return hash_secret_raw(passphrase, salt, passes, memory_kib, 1, 64, Type.ID, 19)


def bucket(n):
    """Section 4: the length of a plaintext that has n bytes before its padding."""
    if n <= 128:
        return 128
    if n <= 1024:
        step = 64
    else:
        e = n.bit_length() - 1
        step = 1 << e - e.bit_length()  # e.bit_length() is floor(log2 e) + 1
    return -(-n // step) * step


def unique(items):
    """The items in the order in which they first appear."""
    return list(dict.fromkeys(items))
