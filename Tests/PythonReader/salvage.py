"""What can be saved of a file of which any part may be damaged: section 9."""

from collections import namedtuple

import reader
import rewrite
from descent import Descent
from primitives import (
    COMMIT, COPY_AT, DESCENT, HEADER_LENGTH, IGNORABLE, LOG_START, SEALED, TOMBSTONE, VALUE, unique)
from verdicts import Unsupported, VaultError

# Bytes in which nothing was found, and how many records stood there; None where nothing tells, at the end.
Lost = namedtuple("Lost", "offset count records")
# The rewrite that is written; what is lost, in the order of the file; where a last transaction begins whose COMMIT is not there.
# unknown is how many records were found that are of a kind to come and not ignorable: they are left out.
Salvaged = namedtuple("Salvaged", "rewrite lost uncertain_from unknown")


def salvage(data, secret, now):
    """The rewrite of all that is found in `data`; raises what the first header says if neither header can be used."""
    header, raw, master = _header(data, secret)
    key = reader.frame_key(master, raw)
    found, lost, at, seq, tag = [], [], LOG_START, header.base_seq, raw[480:496]
    transaction, is_whole = None, True
    end = LOG_START
    while at < len(data):
        frame = _take(data, at, key, seq)
        if frame is None:
            at += 16
            continue
        record, tx_start, commits, after, tag = frame
        if at > end:
            lost.append(Lost(end, at - end, record.seq - seq - 1))
        is_whole = commits or tx_start == transaction and is_whole
        found.append(record)
        transaction, seq, at, end = tx_start, record.seq, after, after
    if end < len(data):
        lost.append(Lost(end, len(data) - end, None))
    if len(data) < header.base_end:
        lost.append(Lost(len(data), header.base_end - len(data), None))
    state = _state(data, header, raw, master)
    if state:
        descent, purged = rewrite.carried(state, False), state.purged
    else:
        keys = [key for r in found if r.kind == DESCENT for key in Descent.decode(r.value).keys]
        descent = Descent(True, [], unique(keys)[-rewrite.KEYS_MOST:], [], 0)
        purged = reader.purged(found)
    made = rewrite.make(header, found, descent, purged, rewrite.ALL, seq, tag, now)
    unknown = sum(r.kind not in (VALUE, TOMBSTONE) and not r.kind & IGNORABLE for r in found)
    return Salvaged(made, lost, None if is_whole else transaction, unknown)


def _header(data, secret):
    """The first header or its copy, whichever the key opens."""
    failure = None
    for raw in (data[:HEADER_LENGTH], data[COPY_AT:LOG_START]):
        try:
            return reader.decode_header(raw), raw, reader.unlock(raw, secret)
        except VaultError as error:
            failure = failure or error
    raise failure


def _take(data, at, key, seq):
    """The frame at `at`, if it is to be taken: (record, tx_start, whether it commits, where it ends, tag)."""
    _, end, tag, plain = reader.read_frame(data, at, key)
    if plain is None:
        return None
    kind, flags, _, _, seq_here, _, tx_start, time = SEALED.unpack_from(plain)
    try:
        record, commits = reader.decode_plaintext(plain, at)
    except ValueError:
        return None
    except Unsupported:
        record, commits = reader.unaddressed(kind, b"", time)._replace(seq=seq_here), bool(flags & COMMIT)
    if record.seq <= seq or tx_start > at:
        return None
    return record, tx_start, commits, end, tag


def _state(data, header, raw, master):
    """The state by replay under this header, if that finds the file whole, so that nothing is lost; else None."""
    vault = reader.Vault.__new__(reader.Vault)
    vault.master, vault.header = master, header
    try:
        vault.replay(data, raw)
    except VaultError:
        return None
    return vault.state() if vault.whole else None
