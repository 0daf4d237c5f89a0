#!/usr/bin/python3
"""vaultdump.py FILE --passphrase-file F [--json]: print everything that a vault file holds, as JSON.

Exit code 0, or 1 with the name of the verdict on standard error.  One final newline of F is not part of the
passphrase.  With --recovery-key-file instead, F holds the text of a recovery key.  --json prints on one line.
"""

import argparse
import base64
import json
import sys

import vaultfile

SCOPES = {vaultfile.TEAM: "team", vaultfile.PROJECT: "project", vaultfile.CLUSTER: "cluster"}
KINDS = {vaultfile.VALUE: "value", vaultfile.TOMBSTONE: "tombstone", vaultfile.HEAD: "head",
         vaultfile.METADATA: "metadata", vaultfile.DESCENT: "descent", vaultfile.PURGED: "purged"}


def read_line(path):
    """The bytes of a file without one final newline."""
    with open(path, "rb") as file:
        data = file.read()
    return data[:-1] if data.endswith(b"\n") else data


def b64(data):
    return base64.b64encode(data).decode()


def describe(vault):
    header = {}
    for field, content in vault.header._asdict().items():
        if not field.startswith("reserved"):
            header[field] = content.hex() if isinstance(content, bytes) else content
    for number, name in enumerate(("passphrase_slot", "recovery_slot")):
        raw = vaultfile.slot_bytes(vault.raw_header, number)
        slot = vaultfile.Slot(*vaultfile.SLOT.unpack(raw))._asdict() if any(raw) else None
        header[name] = slot and {f: slot[f] for f in ("kind", "derivation", "passes", "memory", "lanes")}
    secrets, metadata = ([
        {"scope": SCOPES[scope], "id": id, "name": name, "versions": [
            {"time": v.time, "kind": KINDS[v.kind], "seq": v.seq, "value": b64(v.value)} for v in versions]}
        for (scope, id, name), versions in sorted(histories.items())] for histories in (vault.histories(), vault.metadata_histories()))
    others = [{"kind": KINDS.get(r.kind, r.kind), "time": r.time, "seq": r.seq, "body": b64(r.value)}
              for r in vault.records if not r.scope]
    state = vault.state()
    descent = {"heads": [id.hex() for id in state.heads], "ids": len(state.ids), "keys": [key.hex() for key in state.keys],
               "dropped": state.dropped, "legacy": state.legacy}
    return {"verdict": vault.verdict, "tail": vault.tail, "end": vault.end, "seq": vault.seq, "tag": vault.tag.hex(),
            "copy_differs": vault.copy_differs, "gap_not_zero": vault.gap_not_zero,
            "header": header, "secrets": secrets, "metadata": metadata, "others": others, "descent": descent, "purged": len(state.purged)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--passphrase-file")
    way.add_argument("--recovery-key-file")
    parser.add_argument("--json", action="store_true", help="on one line")
    options = parser.parse_args()
    try:
        if options.passphrase_file:
            secret = read_line(options.passphrase_file)
        else:
            secret = read_line(options.recovery_key_file).decode("ascii", "replace")
        vault = vaultfile.open(options.file, secret)
    except vaultfile.VaultError as error:
        print(error.verdict, file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    json.dump(describe(vault), sys.stdout, indent=None if options.json else 2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
