"""Runs the vectors of Tests/Vectors/v2 and v3 with the Python reader: what it finds, in the words of vault-format.md, section 13."""

import json
import struct

import checkpoint
import descent
import merge
import primitives
import reader
import rewrite
import salvage
import verdicts
from primitives import DESCENT, PURGED, blake

# Members of the head that are given, not found.
GIVEN = ("section", "comment", "passphrase", "recovery", "zeros", "files", "checkpoint", "now", "options", "keep", "rewrite", "purge")


def with_zeros(data, runs):
    """The data with runs of zeros put back, each at its offset in the result."""
    parts, taken, length = [], 0, 0
    for offset, count in runs:
        more = offset - length
        parts += [data[taken:taken + more], bytes(count)]
        taken, length = taken + more, offset + count
    return b"".join(parts) + data[taken:]


def unpack(content):
    """The head of a vector, and its files."""
    head, body = content.split(b"\n\n", 1)
    head = json.loads(head)
    if "files" not in head:
        return head, [with_zeros(body, head.get("zeros", []))]
    files = []
    for file in head["files"]:
        files.append(with_zeros(body[:file["length"]], file["zeros"]))
        body = body[file["length"]:]
    return head, files


def expected(head):
    return {key: value for key, value in head.items() if key not in GIVEN}


def outcome(directory, head, files):
    """What the reader makes of a vector, as a dictionary to be held against `expected`."""
    try:
        return {"reader": read, "rollback": rollback, "merge": merged, "compaction": rewritten, "purge": purged,
                "salvage": salvaged}[directory](head, files)
    except verdicts.Damage as damage:
        return {"expect": "damage", "offset": damage.offset}
    except verdicts.VaultError as error:
        return {"expect": error.verdict}


def opened(head, files):
    if "files" not in head:
        return [reader.parse(files[0], head["recovery"] if "recovery" in head else head["passphrase"].encode())]
    return [reader.parse(data, file["passphrase"].encode()) for data, file in zip(files, head["files"])]


# ---- what is said -------------------------------------------------------------------------------------------------


def sorted_hex(ids):
    return sorted(id.hex() for id in ids)


def digest_of(ids):
    return blake(32, b"".join(ids)).hex()


def counts(records, vault_id):
    histories = reader.histories(records, vault_id)
    return {"secrets": sum(v[0].kind == reader.VALUE for v in histories), "versions": sum(map(len, histories)),
            "digest": reader.digest(records, vault_id)}


def described(record):
    """A DESCENT record."""
    return {"change": record.change, "heads": sorted_hex(record.heads), "ids": len(record.ids), "ids_digest": digest_of(record.ids),
            "keys": [key.hex() for key in record.keys], "dropped": record.dropped}


def order(records):
    return blake(32, b"".join(struct.pack("<BQI", r.kind, r.time, len(body)) + body
                              for r in records for body in [reader.encode_body(r)])).hex()


def listed(entries):
    return {"purged": len(entries), "purged_digest": digest_of(entries)}


# ---- the directories --------------------------------------------------------------------------------------------------


def read(head, files):
    vault, = opened(head, files)
    check = ["gap"] * vault.gap_not_zero + ["copy"] * vault.copy_differs
    state = vault.state()
    said = {"expect": vault.verdict, "end": vault.end, "seq": vault.seq, "skipped": vault.skipped(), **counts(vault.records, vault.header.vault_id),
            "secrets": current(vault), "digest": vault.digest(),
            "descent": {"heads": sorted_hex(state.heads), "ids": len(state.ids), "ids_digest": digest_of(state.ids),
                        "keys": [key.hex() for key in state.keys], "dropped": state.dropped, "legacy": state.legacy},
            "purged": len(state.purged)}
    if check:
        said["check"] = check
    return said if vault.whole else {**said, "tail": len(files[0]) - vault.tail}


def current(vault):
    """How many secrets exist; each must have its newest value."""
    found, histories = vault.current(), vault.histories()
    return len(found) if all(histories[a][0].value == v for a, v in found.items()) else None


def rollback(head, files):
    vault, = opened(head, files)
    seen = checkpoint.decode(bytes.fromhex(head["checkpoint"]))
    said = {"expect": "no checkpoint" if seen is None else checkpoint.verdict(vault, seen)}
    if "next" in head:
        said["next"] = checkpoint.encode(checkpoint.taken(vault, head["now"], seen)).hex()
    return said


def merged(head, files):
    f, x = opened(head, files)
    options = {option.strip("-").replace("-", "_"): True for option in head["options"]}
    m = merge.merge(f, x, head["now"], **options)
    said = {"expect": m.outcome, "relation": m.relation}
    if m.outcome == merge.COPIED:
        return {**told(m.rewritten), **said}
    if m.outcome == merge.REFUSED:
        return said
    before = f.records if m.rewritten is None else m.rewritten.records
    written = [record for records in m.transactions for record in records]
    said.update(partial=m.partial, taken=len(m.taken), future=m.future, purged_out=m.purged_out, unknown=m.unknown,
                **counts(before + written, f.header.vault_id))
    if m.outcome == merge.NOTHING:
        return said
    said.update(transactions=len(m.transactions), order=order([r for r in written if r.kind not in (DESCENT, PURGED)]),
                descent=None, **listed([]))
    if any(sum(48 + primitives.bucket(48 + len(reader.encode_body(r))) for r in records) > 64 << 20 for records in m.transactions):
        said["transactions"] = "too long"
    if m.transactions:
        first, *rest = m.transactions[-1]
        made = descent.Descent.decode(first.value)
        heads = [h for h in made.heads if h != merge.OWN]
        said["descent"] = {**described(made._replace(heads=heads))}
        if rest and rest[0].kind == PURGED:
            said.update(listed(descent.purged_entries(rest[0].value)))
    for first, *_ in m.transactions[:-1]:  # these must say what was said before
        if first.kind != DESCENT or descent.Descent.decode(first.value) != descent.Descent(False, f.state().heads, [], [], 0):
            said["descent"] = "of another transaction"
    if m.rewritten:
        said["rewritten"] = described(m.rewritten.descent)
    return said


def told(made):
    """What a rewrite writes."""
    first, *rest = made.records
    header, entries = made.header, []
    while rest and rest[0].kind == PURGED:
        entries += descent.purged_entries(rest.pop(0).value)
    return {"expect": "written", "generation": header.generation, "base_seq": header.base_seq, "base_end": header.base_end,
            "lineage": header.lineage.hex(), "read_only": header.read_only, "compatible": header.compatible, **counts(rest, header.vault_id),
            "records": len(rest), "order": order(rest), "descent": described(descent.Descent.decode(first.value)), **listed(entries)}


def rewritten(head, files):
    vault, = opened(head, files)
    if head["rewrite"] == "new keys":
        return told(rewrite.new_keys(vault, head["now"]))
    return told(rewrite.compaction(vault, head["keep"], head["now"]))


def purged(head, files):
    vault, = opened(head, files)
    wanted = [(bytes.fromhex(address), time, kind) for address, time, kind in head["purge"]]
    histories = reader.histories(vault.records, vault.header.vault_id)
    versions = {(reader.address(v), v.time, v.kind): v for vs in histories for v in vs}
    return told(rewrite.purge(vault, [versions[w] for w in wanted], head["now"]))


def salvaged(head, files):
    file = head["files"][0]
    s = salvage.salvage(files[0], file["passphrase"].encode(), head["now"])
    return {**told(s.rewrite), "lost": [list(lost) for lost in s.lost], "uncertain": s.uncertain_from,
            "unknown": s.unknown}
