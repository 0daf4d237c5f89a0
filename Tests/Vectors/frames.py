"""Vectors of sections 4 and 6: frames, where they may stand, and the fixed part of their plaintext."""

import vaultfile as vf
from forge import LOG_START, START, TIME_MOST, Vector, address, draw, gone, other, put, size

SECOND = LOG_START + 176
DOUBTFUL = bytes(range(16))


def twice(name, section, comment, **wrong):
    """A frame that is not in place: behind a commit it is a tail, and with another transaction behind it, it is damage."""
    Vector(name + "-at-the-end", section, comment + "; nothing follows").commit(put()).frames(put(value=b"two", **wrong)).tail()
    v = Vector(name + "-before-another", section, comment + "; a later transaction follows").commit(put())
    v.frames(put(value=b"two", **wrong)).frames(put("B")).damage(SECOND)


def lengths():
    for length, comment in [(0, "L is 0"), (128, "L is below 144"), (143, "L is below 144"), (145, "L is no multiple of 16"),
                            (128 + 32, "L is 16 more than it is, so that the frame leads past its end"), (1081360, "L is the largest and leads past the end of the file"),
                            (1081376, "L is above 1,081,360"), (2 ** 31, "L is above 1,081,360"),
                            (2 ** 32 - 16, "L is the largest multiple of 16")]:
        twice("frame-length-%d" % length, 6, "Rule 1 or 2: " + comment, L=length)
    twice("frame-box-of-128-bytes", 6, "Rule 1: L is below 144, though the CRC is right and the box opens", plain=112)
    Vector("frame-box-of-151-bytes", 6, "Rule 1: L is no multiple of 16, though the CRC is right and the box opens").commit(put()).frames(
        put(value=b"two", plain=135)).tail()
    v = Vector("frame-cut-by-one-byte", 6, "Rule 1: the frame does not lie within the file").commit(put()).frames(put(value=b"two"))
    v.cut(len(v.data) - 1).tail()
    v = Vector("frame-length-32-less-before-another", 6, "Rule 2: L is a right length, but not of this frame").commit(put())
    v.frames(put(value=b"v" * 100, L=176)).frames(put("B")).damage(SECOND)


def out_of_place():
    twice("frame-crc-wrong", 6, "Rule 2: the CRC", crc=1)
    twice("frame-crc-high-bit", 6, "Rule 2: the CRC", crc=1 << 31)
    twice("frame-crc-inverted", 6, "Rule 2: the CRC without its final exclusive-or", crc=0xFFFFFFFF)
    twice("frame-nonce-offset-of-another-frame", 6, "Rule 3: sealed for offset 4608", offset=LOG_START)
    twice("frame-nonce-offset-16-less", 6, "Rule 3: sealed for an offset 16 before", offset=SECOND - 16)
    twice("frame-nonce-offset-high-bit", 6, "Rule 3: all 64 bits of the offset count", offset=SECOND + 2 ** 63)
    twice("frame-random-half-changed", 6, "Rule 3: other random bytes in the nonce, the CRC made right: the box does not open",
          late_nonce16=DOUBTFUL)
    twice("frame-tag-bit-flipped", 6, "Rule 3: a bit of the tag, the CRC made right: the box does not open", flip=32)
    twice("frame-ciphertext-bit-flipped", 6, "Rule 3: a bit of the last byte, the CRC made right: the box does not open", flip=175)
    twice("frame-key-of-another-vault", 6, "Rule 3: sealed under another key", key=draw("another key")(32))
    twice("frame-seq-one-less", 6, "Rule 4: seq of the frame before", seq=-1)
    twice("frame-seq-one-more", 6, "Rule 4: seq left one out", seq=1)
    twice("frame-seq-high-bit", 6, "Rule 4: all 64 bits of seq count", seq=2 ** 63)
    twice("frame-prev-tag-zero", 6, "Rule 4: prev_tag", prev_tag=bytes(16))
    twice("frame-tx-start-of-the-transaction-before", 6, "Rule 4: tx_start lies too early", tx_start=LOG_START)
    twice("frame-tx-start-zero", 6, "Rule 4: tx_start is 0", tx_start=0)
    twice("frame-tx-start-behind-itself", 7, "Rule 4: tx_start lies behind the frame; at B itself it proves nothing", tx_start=SECOND + 176)
    Vector("first-frame-seq-0", 6, "Rule 4: the first frame has base_seq + 1").frames(put(seq=-1)).tail()
    Vector("first-frame-prev-tag-zero", 6, "Rule 4: the first frame names the header's MAC").frames(put(prev_tag=bytes(16))).tail()
    v = Vector("first-frame-prev-tag-second-half-of-mac", 6, "Rule 4: the first frame names the first half of the header's MAC")
    v.frames(put(prev_tag=v.header[496:512])).tail()
    v = Vector("first-frame-crc-wrong-before-another", 6, "Rule 2, at LOG_START: a later transaction follows")
    v.frames(put(crc=2)).frames(put("B")).damage(LOG_START)
    v = Vector("third-frame-of-a-transaction-out-of-place", 7, "A frame that begins anew within a transaction that has not ended: tx_start "
               "is B, not beyond it").commit(put())
    v.frames(put("B"), put("C"), commit=False)
    v.frames(put("D"), put("E")).tail()
    v = Vector("seq-of-a-later-generation", 6, "The first frame of generation 2 has base_seq + 1", generation=2, base_seq=40)
    v.commit(put(), put("B")).whole()
    v = Vector("seq-from-1-in-a-later-generation", 6, "Rule 4: seq goes on from base_seq", generation=2, base_seq=40)
    v.frames(put(seq=-40)).tail()


def nonces():
    Vector("transactions-with-the-same-random-half", 4, "A reader does not compare the random halves").commit(
        put(), nonce16=DOUBTFUL).commit(put("B"), nonce16=DOUBTFUL).whole()
    Vector("frames-of-one-transaction-with-different-random-halves", 4, "A reader does not compare the random halves").commit(
        put(), put("B", nonce16=DOUBTFUL), put("C")).whole()
    Vector("random-half-zero", 4, "No value of the random half is special").commit(put(), nonce16=bytes(16)).whole()


def breach(name, comment, record, section=4, says=None):
    """A frame in place that breaks one rule."""
    v = Vector(name, section, comment).commit(put()).frames(record)
    v.says(says) if says else v.damage(SECOND)


def plaintexts():
    for flags in (0x02, 0x03, 0x81, 0x80, 0xFE):
        breach("flags-%02x" % flags, "Flags but COMMIT are zero", put(value=b"two", flags=flags))
    for reserved in (1, 0x8000):
        breach("plaintext-reserved-%04x" % reserved, "Bytes 2 and 3 are zero", put(value=b"two", reserved=reserved))
    breach("padding-last-byte-not-zero", "The padding is zero", put(value=b"two", padding=1))
    breach("padding-behind-the-body-not-zero", "The padding is zero: the body is one byte longer than its length says",
           put(value=b"two", length=7))
    breach("padding-of-a-larger-bucket-not-zero", "The padding is zero", put(value=b"v" * 200, padding=128))
    breach("bucket-one-too-large", "L is 16 more than the bucket of the body", put(value=b"two", plain=192))
    breach("bucket-of-144-bytes", "L is 16 more than the bucket of the body", put(value=b"two", plain=144))
    breach("bucket-one-too-large-at-1024", "L is 16 more than the bucket of the body", put(value=b"v" * 971, plain=1088))
    breach("bucket-not-rounded", "L is 16 more than the bucket of the body", put(value=b"v" * (1040 - 53), plain=1040))
    breach("bucket-too-small", "L is 16 more than the bucket of the body", put(value=b"v" * 75, length=81))
    breach("body-length-beyond-the-box", "L is 16 more than the bucket of the body", put(value=b"two", length=500))
    breach("body-length-all-ones", "The length of the body", put(value=b"two", length=2 ** 32 - 1))
    breach("body-length-most-of-an-unknown-kind-plus-1", "The length of the body", other(0x81, length=1048837))
    for length in (0, 3, 4):
        breach("body-of-a-value-%d-bytes" % length, "A value's body has an address", put(length=length))
    breach("body-of-a-tombstone-4-bytes", "A tombstone's body has an address", gone(length=4))
    Vector("time-0", 1, "The earliest time").commit(put(time=0)).whole()
    Vector("time-most", 1, "The last millisecond of the year 9999").commit(put(time=TIME_MOST)).whole()
    breach("time-most-plus-1", "The year 10000", put(value=b"two", time=TIME_MOST + 1), section=1)
    breach("time-all-ones", "The latest time that 64 bits have", put(value=b"two", time=2 ** 64 - 1), section=1)
    breach("time-of-an-ignorable-kind-too-late", "The rules of the plaintext hold for every kind", other(0x81, time=TIME_MOST + 1), section=1)
    for name, record in [("flags", put(flags=2)), ("padding", put(value=b"two", padding=1)), ("address", put(length=3))]:
        v = Vector("breach-of-%s-without-a-commit" % name, 5, "A breach is damage, committed or not").commit(put())
        v.frames(put("B"), record._replace(wrong={**record.wrong, "flags": record.wrong.get("flags", 0)}), commit=False)
        v.damage(SECOND + 176)
    v = Vector("breach-out-of-place", 5, "The rules are asked of frames in place alone").commit(put())
    v.frames(put(flags=2, seq=1)).tail()
    v = Vector("breach-behind-a-frame-out-of-place", 5, "The rules are asked of frames in place alone").commit(put())
    v.frames(put(crc=1), put(flags=3), put("B")).tail()


def commits():
    v = Vector("commit-missing", 6, "The last frame of the file has no COMMIT").commit(put()).frames(put(value=b"two"), commit=False).tail()
    v = Vector("commit-missing-on-the-only-frame", 6, "Nothing takes effect").frames(put(), commit=False).tail()
    v = Vector("commit-missing-before-another", 6, "Without COMMIT the next frame would have to name the same tx_start").commit(put())
    v.frames(put(value=b"two"), commit=False).frames(put("B")).tail()
    v = Vector("commit-in-the-middle", 6, "A COMMIT ends its transaction: the next frame must name another tx_start")
    v.took.append(put())
    v.frames(put(flags=1), put("B"))
    v.end, v.seq = SECOND, 1
    v.tail()


def sizes():
    edges = Vector("value-sizes-at-the-edges-of-buckets", 4, "n on each side of an edge: 128, every 64 to 1,024, then where e and s change")
    n = [128, *range(192, 1025, 64), 1088, 1984, 2048, 2176, 3968, 4096, 4352, 8192, 8704]
    overhead = 48 + len(address("E0000"))
    edges.commit(*[put("E%04d" % (m + more), bytes((m % 251,)) * (m + more - overhead), START) for m in n for more in (0, 1)]).whole()
    Vector("value-sizes-at-the-edges-of-later-buckets", 4, "n on each side of 16,384 and of 65,536, where s grows to 5").commit(
        *[put("E%05d" % m, b"x" * (m - overhead - 1)) for m in (16384, 16385, 65536, 65537)]).whole()
    Vector("value-of-0-bytes", 5, "A value may be empty; it is not a tombstone").commit(put(value=b"")).whole()
    Vector("value-of-1-mib", 5, "The largest value, with the longest name and id: the largest frame").commit(
        put("N" * 128, draw("1 MiB")(64) * (1 << 14), scope=vf.CLUSTER, id="i" * 128)).whole()
    Vector("value-with-every-byte", 5, "Any bytes").commit(put(value=bytes(range(256)))).whole()
    for n in (40, 41):
        Vector("value-of-%d-bytes-with-name-of-24-and-id-of-12" % n, 4, "The first bucket holds 40 bytes with these").commit(
            put("N" * 24, b"v" * n, scope=vf.PROJECT, id="i" * 12)).whole()
    assert size(put("N" * 24, b"v" * 40, scope=vf.PROJECT, id="i" * 12)) == 176


def define():
    for part in (lengths, out_of_place, nonces, plaintexts, commits, sizes):
        part()
