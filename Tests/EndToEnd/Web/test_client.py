"""The original's own client, gradient 2.0.6 as it is, against the page's interface: its commands, its SDK, its errors."""

import os
import re
import subprocess
import unittest

from webserver import KEY, ROOT, Web

GRADIENT = os.path.join(ROOT, ".build", "gradient", "bin")
SCOPES = [("team", []), ("project", ["--id=prj1"]), ("cluster", ["--id=cl1"])]


@unittest.skipUnless(os.path.exists(os.path.join(ROOT, ".build", "gradient", "complete")),
                     "gradient 2.0.6 is not there: it needs the package index of Python, see Scripts/install-gradient")
class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = Web()

    @classmethod
    def tearDownClass(cls):
        cls.web.close()

    def run_program(self, program, *words, key=KEY, port=None):
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": self.web.sandbox.root, "LANG": "C.UTF-8", "PAPERSPACE_CLI_DEV": "true",
            "PAPERSPACE_API_KEY": key, "PAPERSPACE_CONFIG_HOST": f"http://127.0.0.1:{port or self.web.port}"}
        result = subprocess.run([os.path.join(GRADIENT, program), *words], env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # While it waits, it draws a spinner even into a pipe.
        output = re.sub(r"[\u2800-\u28ff] Waiting for data\.\.\.", "", result.stdout).replace("\r", "")
        return output.strip("\n"), result.stderr.strip("\n"), result.returncode

    def secrets(self, *words, **more):
        return self.run_program("gradient", "secrets", *words, **more)

    def test_its_nine_commands_print_what_they_always_did(self):
        table = "\n".join(["+-----------------------+", "| Name                  |", "+-----------------------+",
                           "| aws_access_key_id     |", "| aws_secret_access_key |", "+-----------------------+"])
        for scope, where in SCOPES:
            with self.subTest(scope):
                self.assertEqual(self.secrets("list", scope, *where), ("No data found", "", 0))
                for name in ["aws_secret_access_key", "aws_access_key_id"]:
                    self.assertEqual(self.secrets("set", scope, *where, f"--name={name}", f"--value={scope} ü\n✓"),
                                     (f"Set {scope} secret '{name}'", "", 0))
                self.assertEqual(self.secrets("list", scope, *where), (table, "", 0))
                place = [scope] + [word for words in where for word in words.split("=")]
                self.assertEqual(self.web.vault("get", *place, "aws_access_key_id").decode(), f"{scope} ü\n✓")
                for name in ["aws_secret_access_key", "aws_access_key_id"]:
                    self.assertEqual(self.secrets("delete", scope, *where, f"--name={name}"),
                                     (f"Deleted {scope} secret '{name}'", "", 0))
                self.assertEqual(self.secrets("list", scope, *where), ("No data found", "", 0))

    def test_errors_print_as_the_originals_did(self):
        failed = "Failed to fetch data: "
        self.assertEqual(self.secrets("delete", "project", "--id=prj1", "--name=NOPE"),
                         ("", failed + "no secret 'NOPE' in project prj1", 0))
        output, said, code = self.secrets("list", "team", key="wrong")
        self.assertEqual((output, code), ("", 0))
        self.assertTrue(said.startswith(failed + "no valid key"), said)
        for name in ["my/name", "../x", "1a", "a b"]:
            output, said, code = self.secrets("set", "team", f"--name={name}", "--value=v")
            self.assertEqual((output, code), ("", 0))
            self.assertTrue(said.startswith("Failed to fetch data"), said)
        self.assertIn("'my/name'", self.secrets("set", "team", "--name=my/name", "--value=v")[1])
        self.assertIn("projectId", self.secrets("list", "project", "--id=a b&c")[1])
        self.assertIn("'E'", self.secrets("set", "team", "--name=E", "--value=")[1])
        self.assertEqual(self.secrets("list", "team"), ("No data found", "", 0))
        # What is no server's answer: the client's own words.
        self.assertIn("Can't connect to Paperspace API", self.secrets("list", "team", port=1)[1])

    def test_its_sdk(self):
        code = f"""
from gradient import SecretsClient, SdkClient
from gradient.api_sdk.sdk_exceptions import ResourceFetchingError
client = SecretsClient({KEY!r})
for entity, id in [("team", None), ("project", "prj1"), ("cluster", "cl1")]:
    client.set(entity, id, "SDK_NAME", "v " + entity)
    print(client.list(entity, id))
    client.delete(entity, id, "SDK_NAME")
    print(SdkClient({KEY!r}).secrets.list(entity, id))
try:
    client.delete("cluster", "cl1", "SDK_NAME")
except ResourceFetchingError as error:
    print(error)
"""
        output, said, status = self.run_program("python", "-c", code)
        self.assertEqual((output.split("\n"), said, status), (
            ["[Secret(name='SDK_NAME')]", "[]"] * 3 + ["Failed to fetch data: no secret 'SDK_NAME' in cluster cl1"], "", 0))


if __name__ == "__main__":
    unittest.main()
