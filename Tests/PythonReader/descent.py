"""What a file says of its own descent: DESCENT and PURGED records (section 5) and what replay makes of them (section 6)."""

import struct
from collections import namedtuple

from primitives import DESCENT, DROPPED_MOST, PURGED, blake, unique

HEADS_MOST, KEYS_MOST, IDS_MOST = 32, 1024, 128000
PURGED_MOST, PURGED_IN_ALL = 65536, 1048576
CHANGE = 1
BODY = struct.Struct("<BBHIIIQ")  # flags, zero, heads, keys, ids, zero, dropped


class Descent(namedtuple("Descent", "change heads keys ids dropped")):
    """A DESCENT record: is it a change; the frontier; key ids of before; ids of changes, oldest first; how many are not there."""

    __slots__ = ()

    def encode(self):
        lists = [*self.heads, *self.keys, *self.ids]
        return BODY.pack(CHANGE if self.change else 0, 0, len(self.heads), len(self.keys), len(self.ids), 0,
                         self.dropped) + b"".join(lists)

    @classmethod
    def decode(cls, body):
        """The record with this body; raises ValueError for a broken rule."""
        if len(body) < BODY.size:
            raise ValueError("length of a DESCENT")
        flags, zero1, heads, keys, ids, zero2, dropped = BODY.unpack_from(body)
        if flags & ~CHANGE or zero1 or zero2:
            raise ValueError("flags or reserved of a DESCENT")
        if heads > HEADS_MOST or keys > KEYS_MOST or ids > IDS_MOST:
            raise ValueError("counts of a DESCENT")
        if (heads == 0) != (flags == CHANGE):
            raise ValueError("a DESCENT has heads unless it is a change")
        if len(body) != BODY.size + 8 * (heads + keys + ids):
            raise ValueError("length of a DESCENT")
        all = [body[at:at + 8] for at in range(BODY.size, len(body), 8)]
        return cls(flags == CHANGE, all[:heads], all[heads:heads + keys], all[heads + keys:], dropped)


def purged_entries(body):
    """The entries of a PURGED record; raises ValueError for a broken rule."""
    if len(body) % 16 or not 16 <= len(body) <= 16 * PURGED_MOST:
        raise ValueError("length of a PURGED")
    return [body[at:at + 16] for at in range(0, len(body), 16)]


def purged_entry(vault_id, address, time, kind):
    """What stands for the versions of one address with this time and kind."""
    return blake(16, address + struct.pack("<QB", time, kind), key=vault_id)


# ---- ids ----------------------------------------------------------------------------------------------------------


def change_id(master, tag):
    """id(x) of section 3."""
    return blake(16, tag, key=blake(32, b"vault-1 changes", key=master))[:8]


def key_id(master):
    return blake(16, b"vault-1 key id", key=master)[:8]


# ---- replay -------------------------------------------------------------------------------------------------------

# ids is I, heads is P, keys is K, in order and without duplicates; purged are the entries in order.
State = namedtuple("State", "ids heads keys dropped legacy purged")


def replay(vault):
    """The state after all transactions that took effect."""
    header = vault.header
    first = vault.transactions[0].records[0].kind if vault.transactions else None
    starts_empty = header.generation > 1 and first == DESCENT
    legacy = header.generation > 1 and not starts_empty
    start = [] if starts_empty else [change_id(vault.master, header.lineage if legacy else vault.mac)]
    ids, heads, keys, dropped, purged = dict.fromkeys(start), start, {}, 0, {}
    for records, end, tag in vault.transactions:
        for record in records:
            if record.kind == PURGED:
                purged.update(dict.fromkeys(purged_entries(record.value)))
        own = change_id(vault.master, tag)
        if records[0].kind != DESCENT:
            if end > header.base_end:
                ids[own] = None
                heads = [own]
            continue
        record = Descent.decode(records[0].value)
        known = dict.fromkeys(record.ids)
        if record.change:  # the ids that are not there yet stand before the others
            ids = {**{id: None for id in known if id not in ids}, **ids}
        else:
            ids.update(known)
        ids.update(dict.fromkeys(record.heads))
        keys.update(dict.fromkeys(record.keys))
        dropped = min(dropped + record.dropped, DROPPED_MOST)
        if record.change:
            ids[own] = None
            heads = [own]
        else:
            heads = unique(record.heads)
    return State(list(ids), heads, list(keys), dropped, legacy, list(purged))


def limited(ids, keep):
    """At most IDS_MOST of the ids: the oldest are left out first, but none that is in `keep`; and how many were."""
    excess, keep = max(len(ids) - IDS_MOST, 0), set(keep)
    left_out = set([id for id in ids if id not in keep][:excess])
    return [id for id in ids if id not in left_out], len(left_out)
