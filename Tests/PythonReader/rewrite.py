"""Compaction, purge and new keys: what a rewrite writes, as section 9 says.  Nothing is sealed here, so nothing is random."""

from collections import namedtuple

from descent import KEYS_MOST, PURGED_IN_ALL, PURGED_MOST, Descent, limited
from primitives import (
    DESCENT, DROPPED_MOST, HEAD, IGNORABLE, LOG_START, PURGED, SAFE_TO_COPY, SEQ_MOST, WITH_DESCENT, unique)
from reader import entry, frame_length, histories, is_version, unaddressed
from verdicts import Exhausted, ReadOnly

ALL, NONE = "all", "none"  # or the time since which a version must have been replaced to be kept

# What the new file holds: the fields of its header but for the file salt, its DESCENT, the purged entries, and the records
# behind these two in their order.
Rewrite = namedtuple("Rewrite", "header descent purged records")


def check_writable(header):
    """Section 8: who does not know a read-only flag does not write the file."""
    if header.read_only & ~WITH_DESCENT:
        raise ReadOnly()


def is_unknown_to_copy(record):
    """Is the record of a kind to come that is carried over without being understood?"""
    is_to_copy = record.kind & (IGNORABLE | SAFE_TO_COPY) == IGNORABLE | SAFE_TO_COPY
    return is_to_copy and record.kind not in (HEAD, PURGED) and not is_version(record)


def survivors(records, vault_id, purged, retention):
    """The records that a rewrite carries over, in the order of the file."""
    kept = set()
    for versions in histories(records, vault_id, purged):
        for i, version in enumerate(versions):
            if i == 0 or retention == ALL or retention != NONE and versions[i - 1].time >= retention:
                kept.add(version.seq)
    return [r for r in records if (r.seq in kept if is_version(r) else is_unknown_to_copy(r))]


def make(header, records, descent, purged, retention, seq, tag, now):
    """The rewrite of a file with this header, whose last frame has this seq and tag."""
    check_writable(header)
    new = survivors(records, header.vault_id, purged, retention)
    purged, first = purged[-PURGED_IN_ALL:], [unaddressed(DESCENT, descent.encode(), now)]
    for at in range(0, len(purged), PURGED_MOST):
        first.append(unaddressed(PURGED, b"".join(purged[at:at + PURGED_MOST]), now))
    written = first + [r._replace(seq=None) for r in new]
    if header.generation == SEQ_MOST or seq + len(written) > SEQ_MOST:
        raise Exhausted("a generation or seq would pass 2^64 - 1")
    header = header._replace(
        generation=header.generation + 1, base_seq=seq, lineage=tag, read_only=header.read_only | WITH_DESCENT,
        base_end=LOG_START + sum(map(frame_length, written)), file_salt=None)
    return Rewrite(header, descent, purged, written)


def carried(state, is_change, new_keys=()):
    """The DESCENT of a rewrite that loses nothing of the state; `new_keys` are ids of keys that are of before from now on."""
    heads = [] if is_change else state.heads
    ids, left_out = limited([id for id in state.ids if id not in heads], state.heads)
    return Descent(is_change, heads, unique([*state.keys, *new_keys])[-KEYS_MOST:], ids,
                   min(state.dropped + left_out, DROPPED_MOST))


def compaction(vault, retention, now):
    state = vault.state()
    return make(vault.header, vault.records, carried(state, False), state.purged, retention, vault.seq, vault.tag, now)


def purge(vault, versions, now):
    """Removes the versions, and what their entries stand for besides."""
    state = vault.state()
    purged = unique([*state.purged, *[entry(vault.header.vault_id, v) for v in versions]])
    return make(vault.header, vault.records, carried(state, True), purged, ALL, vault.seq, vault.tag, now)


def new_keys(vault, now, more_keys=()):
    """All of the vault under another master key; `more_keys` are ids of keys that the new one follows besides."""
    state = vault.state()
    descent = carried(state, True, [vault.key_id, *more_keys])
    return make(vault.header, vault.records, descent, state.purged, ALL, vault.seq, vault.tag, now)
