"""`vault web` in a sandbox of its own, and the shortest way to speak to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.append(os.path.join(ROOT, "Tests/EndToEnd/Agent"))
from agentclient import VAULT, Sandbox, until  # noqa: E402

KEY = "lab-key-0123456789"


class Web:
    """An unlocked vault with its page."""

    def __init__(self, *words):
        self.sandbox = Sandbox()
        self.sandbox.unlock()
        self.key_file = os.path.join(self.sandbox.root, "key")
        with open(os.open(self.key_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(KEY + "\n")
        self.start(*words)

    def start(self, *words):
        self.process = subprocess.Popen(
            [VAULT, "web", "--api-key-file", self.key_file, *words], env=self.sandbox.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#([0-9a-f]{48})", self.address)
        if not found:
            raise AssertionError(f"no address: {self.address!r} {self.process.stderr.read()}")
        self.port, self.token = int(found[1]), found[2]
        self.page_key = None

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()

    def close(self):
        self.stop()
        self.sandbox.close()

    def vault(self, *words, **more):
        return self.sandbox.must(*words, **more)

    def request(self, method, target, body=None, key=KEY, headers=(), host=None):
        """Status, fields and body of the answer; `headers` are pairs, so that one can stand twice."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            if host is not False:
                connection.putheader("Host", f"127.0.0.1:{self.port}" if host is None else host)
            if key is not None:
                connection.putheader("X-API-Key", key)
            for name, value in headers:
                connection.putheader(name, value)
            data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders()
            if data:
                connection.send(data)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, target, body=None, **more):
        status, _, text = self.request(method, target, body, **more)
        return status, json.loads(text) if text else None

    def error(self, *words, **more):
        status, answer = self.json(*words, **more)
        return status, answer["error"]["message"]

    def open_page(self):
        """Exchanges the one-time token, as the page does."""
        status, answer = self.json("POST", "/page/session", key=self.token)
        if status != 200:
            raise AssertionError(answer)
        self.page_key = answer["key"]
        return self.page_key
