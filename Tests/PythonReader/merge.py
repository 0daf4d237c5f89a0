"""A merge of the copy X into the file F: what is taken, what is left out, and the DESCENT that results: section 9."""

from collections import namedtuple

import rewrite
from descent import HEADS_MOST, PURGED_IN_ALL, PURGED_MOST, Descent, State, limited
from primitives import DESCENT, DROPPED_MOST, PURGED, SEQ_MOST, TRANSACTION_MOST, WITH_DESCENT
from reader import address, entry, frame_length, histories, unaddressed
from verdicts import Exhausted

SAME, OLDER, NEWER, DIVERGED, UNRELATED = "same", "older", "newer", "diverged", "unrelated"
NOTHING, REFUSED, COPIED, WRITTEN = "nothing", "refused", "copied", "written"
NUMBERS_LEFT = 1 << 63  # a file whose generation or seq has come so far is not taken whole
KEYS_TAKEN_MOST = 512  # so many key ids may be known for a merge to add to them
DAY = 86400000
OWN = b"(itself)"  # stands for the id of the change that a rewrite under X's keys is, which is not known before it is sealed

# outcome, relation      as above
# partial                whether a record of X was left out, and so its ids too
# taken                  the records of X that F takes, in the order of X
# future, purged_out     how many versions were left out, because of their time and because F lists them as purged
# unknown                how many records of X were left out that are of a kind to come
# descent, purged        the DESCENT of the last transaction; the entries of its PURGED
# rewritten              the rewrite of F under X's keys that comes before, or None
# transactions           the records of each transaction
Merged = namedtuple("Merged", "outcome relation partial taken future purged_out unknown descent purged rewritten transactions")


def relation(f, x):
    """How the keys of X stand to those of F."""
    here, there = f.state().keys, x.state().keys
    if f.header.vault_id != x.header.vault_id:
        return UNRELATED
    if f.key_id == x.key_id:
        return SAME
    if x.key_id in here:
        return OLDER
    if f.key_id in there:
        return NEWER
    return DIVERGED if set(here) & set(there) else UNRELATED


def merge(f, x, now, all_versions=False, allow_future=False, take_keys=False):
    related, here, there, rewritten = relation(f, x), f.state(), x.state(), None
    records, latest = f.records, None if allow_future else now + DAY
    rewrite.check_writable(f.header)

    def without_a_record(outcome):
        return Merged(outcome, related, False, [], 0, 0, 0, None, [], None, [])

    if related in (SAME, OLDER, DIVERGED) and set(there.heads) <= set(here.ids) and not all_versions:
        return without_a_record(NOTHING)
    if related == NEWER:
        if not take_keys:
            return without_a_record(REFUSED)
        has_all = set(here.heads) <= set(there.ids) and set(here.purged) <= set(there.purged)
        is_sound = max(x.header.generation, x.seq) < NUMBERS_LEFT and not x.header.read_only & ~WITH_DESCENT
        if has_all and is_sound and not all_versions and not _taken(records, here, f, x, there, related, latest)[0]:
            return without_a_record(COPIED)._replace(rewritten=rewrite.compaction(x, rewrite.ALL, now))
        rewritten = rewrite.new_keys(f, now, there.keys)
        records = rewritten.records
        here = State([*rewritten.descent.ids, OWN], [OWN], rewritten.descent.keys, rewritten.descent.dropped, False, rewritten.purged)
    is_same = related in (SAME, NEWER)

    partial, taken, future, purged_out, unknown, purged = _taken(records, here, f, x, there, related, latest)
    descent = _descent(here, there, is_same, partial or related == UNRELATED)

    news = bool(taken or purged or descent.ids or descent.keys)
    if not news and (descent.change or set(descent.heads) == set(here.heads)):
        outcome = NOTHING if rewritten is None else WRITTEN
        return Merged(outcome, related, partial, [], future, purged_out, unknown, None, [], rewritten, [])
    transactions = _transactions(taken, descent, purged, here.heads, now)
    if f.seq + len(records if rewritten else []) + sum(map(len, transactions)) > SEQ_MOST:
        raise Exhausted("a seq would pass 2^64 - 1")
    return Merged(WRITTEN, related, partial, taken, future, purged_out, unknown, descent, purged, rewritten, transactions)


def _taken(records, here, f, x, there, related, latest):
    """What rules 3 and 4 take and leave out: partial, versions, future, purged_out, unknown, entries."""
    vault_id = f.header.vault_id
    taken, future, purged_out = _versions(histories(records, vault_id), histories(x.records, x.header.vault_id), vault_id, here.purged, latest)
    unknown = _unknown(records, x.records)
    lacking = _without(there.purged, here.purged) if related != UNRELATED else []
    listed = sum(len(r.value) // 16 for r in records if r.kind == PURGED)
    room = max(min(PURGED_MOST - len(here.purged), PURGED_IN_ALL - listed), 0)
    purged = lacking[:room] if related in (SAME, NEWER) else []
    return future > 0 or unknown > 0 or len(purged) < len(lacking), taken, future, purged_out, unknown, purged


def _versions(here, there, vault_id, purged, latest):
    """The versions of X to take; how many are left out as too late, and how many as purged."""
    known = {(address(v), v.time, v.kind, v.value) for versions in here for v in versions}
    missing = [v for versions in there for v in versions
               if (address(v), v.time, v.kind, v.value) not in known]
    purged = set(purged)
    listed = [v for v in missing if entry(vault_id, v) in purged]
    wanted = [v for v in missing if entry(vault_id, v) not in purged]
    taken = [v for v in wanted if latest is None or v.time <= latest]
    return sorted(taken, key=lambda v: v.seq), len(wanted) - len(taken), len(listed)


def _unknown(here, there):
    """How many records of X to be copied unseen F does not have; it takes none of them."""
    kinds = [{(r.kind, r.time, r.value) for r in records if rewrite.is_unknown_to_copy(r)} for records in (here, there)]
    return len(kinds[1] - kinds[0])


def _descent(here, there, is_same, is_values_alone):
    if is_values_alone:
        return Descent(True, [], [], [], 0)
    ids, left_out = limited(_without(there.ids, here.ids), there.heads)
    dropped = min(there.dropped + left_out, DROPPED_MOST)
    if not is_same:
        room = max(KEYS_TAKEN_MOST - len(here.keys), 0)
        return Descent(True, [], _without(there.keys, here.keys)[:room], ids, dropped)
    # What of both frontiers does not lie beneath the other side.
    heads = [h for h in here.heads if h in there.heads or h not in set(there.ids)]
    heads += [h for h in there.heads if h not in set(here.ids)]
    if len(heads) > HEADS_MOST:
        return Descent(True, [], [], ids, dropped)
    return Descent(False, heads, [], ids, dropped)


def _without(items, others):
    others = set(others)
    return [item for item in items if item not in others]


def _transactions(taken, descent, purged, heads, now):
    """All but the last begin with a DESCENT that changes nothing; the last with the one that counts."""
    plain = Descent(False, heads, [], [], 0)
    last = [unaddressed(DESCENT, descent.encode(), now)]
    if purged:
        last.append(unaddressed(PURGED, b"".join(purged), now))
    transactions, rest = [], list(taken)
    while sum(map(frame_length, last + rest)) > TRANSACTION_MOST:
        part = [unaddressed(DESCENT, plain.encode(), now)]
        size = frame_length(part[0])
        while rest and size + frame_length(rest[0]) <= TRANSACTION_MOST:
            size += frame_length(rest[0])
            part.append(rest.pop(0))
        transactions.append(part)
    transactions.append(last + rest)
    return [[r._replace(seq=None) for r in records] for records in transactions]
