"""What a machine remembers of the file that it saw last, and what that says of a file: section 10."""

import struct
from collections import namedtuple

from descent import change_id
from primitives import LOG_START, blake

MAGIC, OLD_MAGIC = b"VLTSEEN2", b"VLTMARK1"
LENGTH, OLD_LENGTH, SUMMED, OLD_SUMMED = 1024, 96, 992, 64
FIXED = struct.Struct("<8s16s8sQ16sQ16sQHHHH")  # bytes 0 to 95
OLD = struct.Struct("<8s16sQQQ16s")
HEADS_MOST, RECENT_MOST = 32, 64
HEADS_AT, RECENT_AT = 96, 352
LEGACY = 1

Checkpoint = namedtuple("Checkpoint", "vault_id key_id generation mac end tag time heads recent legacy")
Mark = namedtuple("Mark", "vault_id generation seq end tag")


def encode(c):
    data = FIXED.pack(MAGIC, c.vault_id, c.key_id, c.generation, c.mac, c.end, c.tag, c.time, len(c.heads), len(c.recent),
                      LEGACY if c.legacy else 0, 0)
    data += b"".join(c.heads).ljust(RECENT_AT - HEADS_AT, b"\0") + b"".join(c.recent)
    data = data.ljust(SUMMED, b"\0")
    return data + blake(32, data)


def decode(data):
    """A Checkpoint, or a Mark of before; None if it is neither, as after a crash that tore it."""
    if len(data) == LENGTH and data[:8] == MAGIC and blake(32, data[:SUMMED]) == data[SUMMED:]:
        _, vault_id, key, generation, mac, end, tag, time, h, r, flags, _ = FIXED.unpack_from(data)
        if not 1 <= h <= HEADS_MOST or r > RECENT_MOST:
            return None
        return Checkpoint(vault_id, key, generation, mac, end, tag, time, _ids(data, HEADS_AT, h), _ids(data, RECENT_AT, r),
                          bool(flags & LEGACY))
    if len(data) == OLD_LENGTH and data[:8] == OLD_MAGIC and blake(32, data[:OLD_SUMMED]) == data[OLD_SUMMED:]:
        return Mark(*OLD.unpack_from(data)[1:])
    return None


def _ids(data, at, count):
    return [data[at + 8 * i:at + 8 * i + 8] for i in range(count)]


def taken(vault, time, before=None):
    """The checkpoint of a file that passed; `before` is the one that it replaces."""
    state = vault.state()
    past = [*before.heads, *before.recent] if isinstance(before, Checkpoint) else state.ids[::-1]
    recent = [id for id in dict.fromkeys(past) if id not in state.heads][:RECENT_MOST]
    return Checkpoint(vault.header.vault_id, vault.key_id, vault.header.generation, vault.mac, vault.end, vault.tag, time,
                      state.heads, recent, state.legacy)


def verdict(vault, c):
    """The first rule that applies: "pass", or why the file is refused."""
    header, state, is_mark = vault.header, vault.state(), isinstance(c, Mark)
    # 1
    if c.vault_id != header.vault_id:
        return "another vault"
    # 2
    if is_mark:
        same_file = c.generation == header.generation
        if same_file and c.end == LOG_START and c.tag == vault.mac:
            return "pass"
    else:
        same_file = c.mac == vault.mac
        if same_file and c.end == LOG_START:
            return "pass"
    if same_file and any((t.end, t.tag) == (c.end, c.tag) for t in vault.transactions):
        return "pass"
    # 3
    heads = [change_id(vault.master, c.tag)] if is_mark else c.heads
    if set(heads) <= set(state.ids):
        return "pass"
    # 4
    if is_mark and state.legacy and header.generation == c.generation + 1:
        if header.base_seq > c.seq or (header.base_seq == c.seq and header.lineage == c.tag):
            return "pass"
    # 5
    if not is_mark and c.key_id != vault.key_id and c.key_id not in state.keys:
        return "keys"
    if is_mark:
        if c.generation == header.generation and vault.end < c.end or header.generation < c.generation:
            return "older"
    elif set(state.heads) <= {*c.recent, *c.heads}:
        return "older"
    if header.generation > c.generation and (state.legacy or state.dropped > 0):
        return "unprovable"
    return "diverged"
