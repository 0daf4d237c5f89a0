#!/usr/bin/python3
"""Random vaults for the differential test.

    randomvaults.py make DIRECTORY SEED FIRST COUNT   writes NUMBER.vault, COUNT of them, and prints what the Python reader makes of each
    randomvaults.py read DIRECTORY PASSPHRASE         prints what it makes of each NUMBER.vault there is

A line is the number and, separated by spaces, `whole` or `tail` with C, the last seq, how many records were skipped and the digest; `damage` and its
offset; or another outcome of vault-format.md, section 13. Vault NUMBER of a SEED is always the same.
"""

import functools
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import forge  # noqa: E402
import descent  # noqa: E402
import primitives  # noqa: E402
import vaultfile as vf  # noqa: E402

primitives.stretch = functools.lru_cache(maxsize=64)(primitives.stretch)
vf.os.fsync = vf.os.fdatasync = lambda fd: None  # these files need not outlive the test

ADDRESSES = [(forge.TEAM, "", "A"), (forge.TEAM, "", "B"), (forge.TEAM, "", "LONGER_NAME.x-9"), (forge.PROJECT, "web", "A"),
             (forge.PROJECT, "0", "_"), (forge.CLUSTER, "gpu-1", "A"), (forge.CLUSTER, "web", "A"), (forge.PROJECT, "i" * 128, "n" * 128)]


def outcome(data, secret):
    try:
        vault = vf.parse(data, secret)
    except vf.Damage as damage:
        return "damage %d" % damage.offset
    except vf.VaultError as error:
        return error.verdict
    return "%s %d %d %d %s" % ("whole" if vault.whole else "tail", vault.end, vault.seq, vault.skipped(), vault.digest())


# ---- vaults -------------------------------------------------------------------------------------------------------


def content(draw):
    """A value: mostly short, now and then around the edge of a bucket, seldom long."""
    kind = draw.random()
    if kind < 0.7:
        count = draw.randrange(60)
    elif kind < 0.9:
        count = draw.randrange(2500)
    elif kind < 0.995:
        count = max(0, draw.choice((128, 192, 1024, 1088, 2048, 4096)) - draw.randrange(48, 72))
    else:
        count = draw.randrange(70000)
    return draw.randbytes(count) if draw.random() < 0.8 else b"v" * count


def record(draw, spread):
    """A record that keeps the rules; `spread` is how many milliseconds their times lie apart."""
    kind, time = draw.random(), forge.START + draw.randrange(spread)
    scope, id, name = draw.choice(ADDRESSES)
    if kind < 0.6:
        return forge.put(name, content(draw) if draw.random() < 0.7 else draw.choice((b"", b"a", b"ab", b"b")), time, scope, id)
    if kind < 0.75:
        return forge.about(name, content(draw)[:65536] if draw.random() < 0.7 else draw.choice((b"", b"a", b"ab", b"b")), time, scope, id)
    if kind < 0.88:
        return forge.gone(name, time, scope, id)
    if kind < 0.94:
        return forge.head(draw.randbytes(16), draw.getrandbits(64), draw.getrandbits(64), draw.getrandbits(64), draw.randbytes(16), time)
    kind = draw.randrange(0x80, 0x100)
    if kind >= 0xF0:
        return forge.other(vf.PURGED, draw.randbytes(16 * draw.randrange(1, 9)), time)
    return forge.other(kind if kind not in (vf.HEAD, vf.PURGED, vf.DESCENT, vf.METADATA) else 0xC2, content(draw)[:3000], time)


def descent_record(draw):
    """A DESCENT, to stand first in a transaction."""
    ids = [draw.randbytes(8) for _ in range(draw.randrange(9))]
    heads = draw.sample(ids, draw.randrange(len(ids) + 1))
    body = descent.Descent(not heads, heads, [draw.randbytes(8)][:draw.randrange(2)], ids, draw.choice((0, 0, 5))).encode()
    return forge.other(vf.DESCENT, body)


def spoiled(draw, r):
    """A record, once in a while with something wrong about it or its frame."""
    if draw.random() > 0.03:
        return r
    wrong = draw.choice([
        {"flags": draw.randrange(256)}, {"reserved": 1}, {"length": draw.randrange(200)}, {"seq": draw.choice((-1, 1, 5))},
        {"prev_tag": draw.randbytes(16)}, {"tx_start": draw.randrange(0, 9000)}, {"padding": draw.randrange(256)},
        {"offset": draw.randrange(0, 9000)}, {"nonce16": draw.randbytes(16)}, {"key": draw.randbytes(32)}, {"crc": 1 << draw.randrange(32)},
        {"L": draw.randrange(2000)}, {"flip": draw.randrange(176)}, {"kind": draw.randrange(0x80)}, {"kind": vf.METADATA}, {"time": draw.getrandbits(48)},
        {"body": r.body[:4] + draw.randbytes(4) + r.body[8:]}, {"body": draw.randbytes(4) + r.body[4:]}])
    for field in ("kind", "time", "body"):
        if field in wrong:
            return r._replace(**{field: wrong[field]})
    return r._replace(wrong=wrong)


def forged(draw, label):
    """A vault of any generation, sealed frame by frame; gives what it holds too, if nothing is wrong with it."""
    spread = draw.choice((1, 3, 1000, 10 ** 6))
    transactions = [[spoiled(draw, record(draw, spread)) for _ in range(draw.choice((1, 1, 1, 2, 3, 6)))]
                    for _ in range(draw.choice((0, 1, 2, 3, 5, 8)))]
    for transaction in transactions:
        if draw.random() < 0.15:
            transaction.insert(0, spoiled(draw, descent_record(draw)))
    fields, base = {}, 0
    if draw.random() < 0.4:
        base = draw.randrange(len(transactions) + 1)
        end = vf.LOG_START + sum(forge.size(*t) for t in transactions[:base])
        if draw.random() < 0.05:
            end = max(vf.LOG_START, end + 16 * draw.randrange(-30, 5))
        fields = {"generation": draw.randrange(2, 9), "base_seq": draw.getrandbits(draw.choice((4, 40))), "base_end": end,
                  "lineage": draw.randbytes(16)}
    fields["compatible"] = draw.choice((0, 0, 0, 1 << 31, 6))
    vector = forge.Vector(label, 13, "", **fields)
    del forge.Vector.all[label]
    for t in transactions:
        vector.commit(*t)
    if draw.random() < 0.1:
        vector.data += vector.chain.transaction([record(draw, spread) for _ in range(draw.randrange(1, 4))], commit=False)
    return vector.data


def written(draw, path):
    """A vault that the Python writer wrote: transactions and compactions."""
    now = [forge.START]

    def clock():
        now[0] += draw.choice((0, 1, 1000, -500))
        return now[0]

    header = forge.make_header("random %d" % draw.getrandbits(64))
    with open(path, "wb") as file:
        file.write(header + bytes(3584) + header)
    with open(path, "rb") as file:
        vault = vf.Vault(file.read(), forge.MASTER, path=path, random=draw.randbytes, clock=clock)
    for _ in range(draw.choice((0, 1, 2, 4, 7))):
        if draw.random() < 0.25:
            vault.compact(keep=draw.choice(("none", "none", "all", forge.START + 500)))
            continue
        records = []
        for _ in range(draw.choice((1, 1, 2, 5))):
            r = record(draw, 1000)
            if r.kind in (vf.VALUE, vf.TOMBSTONE, vf.METADATA):
                scope, id, name, value = vf.decode_body(r.kind, r.body, True)
                records.append(vf.Record(r.kind, scope, id, name, value))  # the writer stamps it
            else:
                records.append(vf.other(r.kind, r.body))
        vault.append(records)
    with open(path, "rb") as file:
        return file.read()


# ---- what happens to files ----------------------------------------------------------------------------------------


def frames(data):
    """The frames as far as the lengths lead."""
    found, at = [], vf.LOG_START
    while at + 32 <= len(data):
        end = at + 32 + int.from_bytes(data[at:at + 4], "little")
        if end > len(data):
            break
        found.append((at, end))
        at = end
    return found


def mangled(draw, data):
    """The file after one mishap."""
    kind, there = draw.randrange(12), frames(data)
    at = draw.randrange(vf.LOG_START, len(data)) if len(data) > vf.LOG_START and draw.random() < 0.9 else draw.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data + draw.choice((bytes, draw.randbytes))(draw.choice((1, 16, 100, 176, 512, 5000)))
    if kind == 2:
        return forge.patched(data, (at, bytes((data[at] ^ 1 << draw.randrange(8),))))
    if kind == 3:
        count = draw.choice((8, 512, 4096))
        start = at & -count
        return data[:start] + draw.choice((bytes, draw.randbytes))(min(count, len(data) - start)) + data[start + count:]
    if kind == 4:
        return data[:at] + draw.randbytes(draw.choice((1, 16, 176))) + data[at:]
    if kind == 5:
        return data[:at] + data[at + draw.choice((1, 16, 176)):]
    if kind == 6:
        offset = draw.randrange(448)
        header = forge.with_sum(forge.patched(data[:512], (offset, draw.randbytes(draw.choice((1, 1, 4))))))[:512]
        return header + data[512:]
    if kind == 7 and there:  # the length of a frame, its CRC made right
        start, end = draw.choice(there)
        frame = draw.choice((16, 144, 160, 192, 1024, 1 << 20)).to_bytes(4, "little") + data[start + 4:end]
        return forge.patched(data, (start, forge.patched(frame, (4, vf.crc32c(frame[:4] + frame[8:]).to_bytes(4, "little")))))
    if len(there) < 2:
        return data
    (a, b), (c, d) = sorted(draw.sample(there, 2))
    if kind == 8:
        return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
    if kind == 9:
        return data[:a] + data[b:]
    if kind == 10:
        return data[:c] + data[a:b] + data[c:]
    return forge.patched(data, (c, data[a:b][:d - c]))


def vault(seed, number, path):
    draw = random.Random("%d %d" % (seed, number))
    data = forged(draw, "random %d %d" % (seed, number)) if draw.random() < 0.6 else written(draw, path)
    while draw.random() < 0.45 and data:
        data = mangled(draw, data)
    return data


# ---- commands -----------------------------------------------------------------------------------------------------


def make(directory, seed, first, count):
    for number in range(first, first + count):
        path = os.path.join(directory, "%d.vault" % number)
        data = vault(seed, number, path)
        with open(path, "wb") as file:
            file.write(data)
        print(number, outcome(data, forge.PASSPHRASE.encode()))


def read(directory, passphrase):
    for number in sorted(int(name[:-6]) for name in os.listdir(directory)):
        with open(os.path.join(directory, "%d.vault" % number), "rb") as file:
            print(number, outcome(file.read(), passphrase.encode()))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        read(*sys.argv[2:])
