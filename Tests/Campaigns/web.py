#!/usr/bin/env python3
"""Malformed requests, by the thousand, on the web page's interface: it must go on answering, change nothing that was not asked
for with a key, and not grow. Prints what it did in numbers."""

import argparse
import collections
import json
import os
import random
import socket
import struct
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "Tests/EndToEnd/Web"))
from webserver import KEY, Web  # noqa: E402

TARGETS = [b"/", b"/teams/secrets", b"/teams/secrets/KEEP", b"/projects/secrets/A?projectId=web", b"/clusters/secrets?clusterId=x",
           b"/page/contexts", b"/page/value", b"/page/metadata", b"/page/session", b"/page/effective?projectId=a&clusterId=b", b"/page.js",
           b"/metadata.js", b"*"]
METHODS = [b"GET", b"PUT", b"DELETE", b"POST", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get", b"", b"\xff\xfe"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"", b"HTTP/1.1\x00", b"FOO"]
BODIES = [b"", b'{"value":"x"}', b'{"value":', b"{" * 500, b"\x00" * 300, b'{"scope":"team","name":"KEEP"}', b'{"value":"\\ud800"}',
          b"\xff" * 64, b'{"value":"' + b"x" * 5000 + b'"}']


class Fuzz:
    def __init__(self, seed, web):
        self.random = random.Random(seed)
        self.web = web

    def token(self, count=12):
        return bytes(self.random.choice(b"abAB019%/?&=+.-_~\x00\x01\t \r\n\x7f\x80\xff\"'<>;:,{}[]") for _ in
                     range(self.random.randrange(count)))

    def request(self):
        pick = self.random.choice
        target = pick(TARGETS)
        if self.random.random() < 0.5:
            place = self.random.randrange(len(target) + 1)
            target = target[:place] + self.token() + target[place:]
        if self.random.random() < 0.02:
            target += b"A" * self.random.choice([5000, 40000, 200000])
        fields = []
        if self.random.random() < 0.9:
            fields.append(b"Host: " + pick([b"127.0.0.1:%d" % self.web.port] * 8 + [b"evil", b"", self.token()]))
        # Never the right key with a method that changes something: then a change would be right.
        if self.random.random() < 0.8:
            fields.append(b"X-API-Key: " + pick([b"", b"wrong", self.token(), b"0" * 48, b"k" * 4000]))
        body = pick(BODIES)
        fields.append(pick([b"Content-Length: %d" % len(body)] * 6 + [
            b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 5\r\nContent-Length: 7",
            b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Content-Length: x", b"Transfer-Encoding: " + self.token()]))
        for _ in range(self.random.randrange(4)):
            fields.append(pick([self.token(20), b"Origin: " + self.token(), b"Cookie: " + self.token(50), b"Sec-Fetch-Site: x",
                                b"A" * 300 + b": b", b" folded", b": empty", b"Connection: " + pick([b"close", b"keep-alive", b"x"])]))
        self.random.shuffle(fields)
        message = b" ".join([pick(METHODS), target, pick(VERSIONS)]) + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body
        if self.random.random() < 0.2:
            place = self.random.randrange(len(message))
            message = message[:place] + self.token(30) + message[place + self.random.randrange(20):]
        if self.random.random() < 0.1:
            message = message[:self.random.randrange(len(message) + 1)]
        return message

    def read_only(self):
        """The right key, with a method that reads, and all else broken."""
        message = self.request()
        first, _, rest = message.partition(b" ")
        return b"GET " + rest.replace(b"X-API-Key: wrong", b"X-API-Key: " + KEY.encode())

    def description(self):
        """The page's key, and a change to the metadata of a secret, whole or broken."""
        pick = self.random.choice
        fields = {"scope": "team", "name": "KEEP", "revision": secrets(self.web)[0]["revision"]}
        right = {"description": ["x" * 4096, "\u202e\x1b", ""], "username": ["me", ""], "hosts": ["a.example,*.b", ""], "tags": ["a b c"],
                 "expires": ["never", "90d", "2027-01-31"], "rotate_every": ["1s", "90d"], "fields": ["a=b&c=d%20e&c.1=", ""], "value": ["x"]}
        for name in self.random.sample([*right], 2):
            fields[name] = pick(pick([right[name], right[name], ["\0", "x" * 4097, "-", self.token(30).decode("latin-1")]]))
        body = json.dumps(fields).encode()
        if self.random.random() < 0.3:
            place = self.random.randrange(len(body))
            body = body[:place] + self.token(8) + body[place + self.random.randrange(4):]
        return (b"POST /page/metadata HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n"
                % (self.web.port, self.web.page_key.encode(), len(body))) + body


def secrets(web):
    status, rows = web.json("GET", "/page/secrets?scope=team", key=web.page_key)
    assert status == 200, rows
    return rows


def resident(process):
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else struct.unpack("<I", os.urandom(4))[0]
    web = Web("--idle", "7d")
    answers = collections.Counter()
    try:
        web.vault("set", "team", "KEEP", input=b"kept")
        web.open_page()
        fuzz = Fuzz(seed, web)
        began = time.monotonic()
        early = None
        revision, described = secrets(web)[0]["revision"], 0
        for number in range(arguments.requests):
            message = fuzz.description() if number % 10 == 1 else fuzz.read_only() if number % 5 == 0 else fuzz.request()
            with socket.create_connection(("127.0.0.1", web.port), timeout=30) as one:
                # No connection lingers in the kernel's tables afterwards.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                try:
                    one.sendall(message)
                    if number % 7:
                        # Half a request is not answered; nobody waits for the server to lose its patience.
                        one.settimeout(0.05)
                        answer = one.recv(65536)
                        answers[answer[9:12].decode("latin-1") or "closed"] += 1
                    else:
                        answers["left at once"] += 1
                except TimeoutError:
                    answers["no answer yet"] += 1
                except ConnectionError:
                    answers["closed"] += 1
            if number % 10 == 1:
                row = secrets(web)[0]
                described += row["revision"] != revision
                revision = row["revision"]
                assert (row["name"], row["versions"]) == ("KEEP", 1), f"seed {seed}, request {number}: {row}"
                assert len((row["description"] or "").encode()) <= 4096 and " " not in "".join(row["hosts"] + row["tags"])
            if number == arguments.requests // 10:
                early = resident(web.process)
            if number % 5000 == 0 and web.request("GET", "/teams/secrets")[2] != b'[{"name":"KEEP"}]':
                raise SystemExit(f"seed {seed}, request {number}: it answers no more, or says something else")
        elapsed = time.monotonic() - began
        late = resident(web.process)
        assert web.process.poll() is None, f"seed {seed}: it ended"
        assert web.vault("list", "--all") == b"team\t\tKEEP\n" and web.vault("get", "team", "KEEP") == b"kept", f"seed {seed}"
        assert described > arguments.requests // 200, f"seed {seed}: only {described} changes to metadata"
        assert late < early + 4096, f"seed {seed}: from {early} to {late} KiB"
        # Connections that were left behind are noticed and closed.
        end = time.monotonic() + 40
        while descriptors(web.process) > 20 and time.monotonic() < end:
            time.sleep(0.5)
        assert descriptors(web.process) <= 20, f"seed {seed}: {descriptors(web.process)} descriptors"
        print(f"{arguments.requests} requests in {elapsed:.0f} s (seed {seed}): " +
              ", ".join(f"{count} × {status}" for status, count in sorted(answers.items())) +
              f"; {early} KiB after a tenth, {late} KiB at the end, {descriptors(web.process)} descriptors; "
              f"metadata changed {described} times, else nothing")
    finally:
        web.close()


main()
