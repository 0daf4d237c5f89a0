"""The contracts of five real projects (Tests/Fixtures/projects): what a program would get before and after a person filled the gaps."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
PROJECTS = os.path.join(ROOT, "Tests", "Fixtures", "projects")
PASSPHRASE = "seven quiet otters read maps"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


class Projects(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = self.directory.name
        os.mkdir(os.path.join(self.root, "run"), 0o700)
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": self.root, "LANG": "C.UTF-8", "VAULT_PASSPHRASE": PASSPHRASE,
            "XDG_RUNTIME_DIR": os.path.join(self.root, "run")}
        self.vault("init", "-q", "--kdf-memory", "64", "--kdf-time", "3")

    def tearDown(self):
        self.vault("lock", "--all")
        self.directory.cleanup()

    def vault(self, *words, input=b""):
        result = subprocess.run([VAULT, *words], env=self.environment, cwd=self.root, input=input,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def enter(self, name):
        shutil.copy(os.path.join(PROJECTS, name + ".toml"), os.path.join(self.root, ".vault.toml"))
        os.chmod(os.path.join(self.root, ".vault.toml"), 0o644)
        self.assertEqual(self.vault("trust", "-q")[0], 0)

    def plan(self):
        """The exit code, and for each variable its source and state."""
        code, output, _ = self.vault("run", "--dry-run")
        rows = [line.split("\t") for line in output.splitlines()]
        return code, {variable: (source, state) for variable, _, source, state in rows}

    def at_terminal(self, words, dialogue):
        """Answers each prompt at a terminal; returns the exit code and what the terminal showed."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.root)
            os.execve(VAULT, ["vault", *words], self.environment)
        seen = b""
        rest = list(dialogue)
        end = time.monotonic() + 60
        while True:
            if rest and re.search(rest[0][0].encode() + rb"$", seen):
                # Input that arrives before the prompt has turned the echo off is discarded.
                time.sleep(0.05)
                os.write(terminal, rest.pop(0)[1].encode())
                seen += b"\n"
            ready, _, _ = select.select([terminal], [], [], 0.1)
            self.assertLess(time.monotonic(), end, seen)
            if not ready:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        self.assertEqual(rest, [], seen)
        return os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n")

    def fill(self, dialogue):
        code, shown = self.at_terminal(["set", "--missing"], dialogue)
        self.assertEqual(code, 0, shown)
        return shown

    def passed(self, *names):
        """The values of variables as a program gets them."""
        script = "import json, os, sys; print(json.dumps([os.environ[n] for n in sys.argv[1:]]))"
        code, output, errors = self.vault("run", "--", "/usr/bin/python3", "-c", script, *names)
        self.assertEqual(code, 0, errors)
        return json.loads(output)

    @staticmethod
    def twice(value):
        return [("Value: ", value + "\n"), ("Repeat: ", value + "\n")]

    def test_nextjs_shop(self):
        self.enter("nextjs-shop")
        code, plan = self.plan()
        self.assertEqual(code, 12)
        self.assertEqual(plan, {
            "DATABASE_URL": ("", "missing"), "NEXTAUTH_SECRET": ("", "missing"),
            "NEXTAUTH_URL": ("default", "ok"), "NEXT_PUBLIC_POSTHOG_HOST": ("default", "ok"),
            "PORT": ("default", "ok"), "STRIPE_SECRET_KEY": ("", "missing"),
            "STRIPE_WEBHOOK_SECRET": ("", "not passed: not set")})
        shown = self.fill(
            self.twice("postgres://shop:p#ss@db/shop") + self.twice("postgres://shop:p%23ss@db/shop")
            + self.twice("sk_test_1"))
        self.assertIn("DATABASE_URL (url): Postgres, as Prisma takes it\n", shown)
        self.assertIn("vault: not a URL: what should be the port", shown)
        self.assertIn("STRIPE_SECRET_KEY (string): From the dashboard of Stripe, in test mode\n", shown)
        self.assertIn("Set 'NEXTAUTH_SECRET' in project shop-frontend (generated)\n", shown)
        self.assertIn("Set 'DATABASE_URL' in project shop-frontend\n", shown)
        self.assertNotIn("p%23ss", shown)
        code, plan = self.plan()
        self.assertEqual((code, plan["DATABASE_URL"]), (0, ("project shop-frontend", "ok")))
        url, secret, port = self.passed("DATABASE_URL", "NEXTAUTH_SECRET", "PORT")
        self.assertEqual((url, port), ("postgres://shop:p%23ss@db/shop", "3000"))
        self.assertRegex(secret, r"^[A-Za-z0-9_-]{48}$")
        # All of it is one change.
        self.assertEqual(self.vault("undo", "--all")[0], 0)
        self.assertEqual(self.plan()[1]["NEXTAUTH_SECRET"], ("", "missing"))

    def test_django(self):
        self.enter("django")
        code, plan = self.plan()
        self.assertEqual(code, 12)
        missing = [name for name, (_, state) in plan.items() if state == "missing"]
        self.assertEqual(missing, ["DJANGO_SECRET_KEY", "DJANGO_SUPERUSER_PASSWORD", "EMAIL_HOST_PASSWORD"])
        self.vault("set", "team", "EMAIL_PORT", input=b"smtp")
        self.assertEqual(self.plan()[1]["EMAIL_PORT"], ("team", "malformed: not a port: not a number from 1 to 65535"))
        shown = self.fill(
            self.twice("root") + self.twice("mail") + self.twice("0") + self.twice("2525"))
        self.assertIn("EMAIL_PORT (port): not a port: not a number from 1 to 65535\n", shown)
        self.assertEqual(self.plan()[0], 0)
        key, logging, port, password = self.passed(
            "DJANGO_SECRET_KEY", "DJANGO_LOGGING", "EMAIL_PORT", "DJANGO_SUPERUSER_PASSWORD")
        self.assertRegex(key, r"^[!-~]{50}$")
        self.assertEqual((logging, port, password), ('{"version": 1, "root": {"level": "INFO"}}', "2525", "root"))
        code, output, _ = self.vault("export", "--schema")
        self.assertEqual(code, 0)
        self.assertIn("# dictConfig\n# json, optional\nDJANGO_LOGGING='{\"version\": 1,", output)
        self.assertNotIn(key, output)

    def test_rails(self):
        self.enter("rails")
        self.vault("set", "cluster", "--id", "staging", "REDIS_URL", input=b"redis://staging:6379/0")
        code, plan = self.plan()
        self.assertEqual((code, plan["REDIS_URL"]), (12, ("cluster staging", "ok")))
        # Where nobody can be asked, nothing is set; where nobody must be, everything is.
        code, _, errors = self.vault("set", "--missing", "--no-input")
        self.assertEqual(code, 4)
        self.assertIn("forbids asking for RAILS_MASTER_KEY; nothing was set", errors)
        self.assertEqual(self.plan()[1], plan)
        self.vault("set", "RAILS_MASTER_KEY", input=b"0123456789abcdef0123456789abcdef")
        code, _, errors = self.vault("set", "--missing")
        self.assertEqual(code, 0)
        self.assertEqual(errors.count("(generated)"), 3)
        self.assertEqual(self.plan()[0], 0)
        values = self.passed(
            "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY", "ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT", "SECRET_KEY_BASE",
            "RAILS_MAX_THREADS")
        self.assertRegex(" ".join(values), r"^(\w{32}) (?!\1)\w{32} [0-9a-f]{128} 5$")
        self.assertRegex(self.vault("set", "--missing")[2], r"(?m)^No secret is missing in project crm, cluster staging, team$")

    def test_go_service(self):
        self.enter("go-service")
        with open(os.path.join(self.root, "cert.pem"), "w") as file:
            file.write(PEM)
        code, plan = self.plan()
        self.assertEqual((code, plan["TLS_CERT_FILE"], plan["GOOGLE_APPLICATION_CREDENTIALS"]),
                         (12, ("", "missing"), ("", "not passed: not set")))
        shown = self.fill(
            [("File: ", "nowhere.pem\n"), ("File: ", ".vault.toml\n"), ("File: ", "~/cert.pem\n"), ("File: ", "cert.pem\n")]
            + self.twice("c2VjcmV0") + [("Value: ", "\n"), ("Repeat: ", "\n")]
            + [("Value: ", "postgres://a@b/c\n"), ("Repeat: ", "postgres://a@b/d\n")] + self.twice("postgres://a@b/c"))
        for line in ["cannot read nowhere.pem", "not PEM: it has no BEGIN line", "the value is empty", "the two values differ"]:
            self.assertRegex(shown, rf"vault: {line}.*; try again\n")
        code, plan = self.plan()
        self.assertEqual((code, plan["TLS_KEY_FILE"]), (0, ("project ledger (file)", "ok")))
        code, output, _ = self.vault("run", "--", "sh", "-c", 'cat "$TLS_CERT_FILE" "$TLS_KEY_FILE"; echo $METRICS_PORT')
        self.assertEqual((code, output), (0, PEM + PEM + "9090\n"))
        code, output, errors = self.vault("export", "--format", "json")
        self.assertEqual(sorted(json.loads(output)), ["DB_DSN", "JWT_KEY", "METRICS_PORT"])
        self.assertIn("vault: left out: 'tls-cert', 'tls-key', which programs get as files\n", errors)

    def test_terraform_aws(self):
        self.enter("terraform-aws")
        self.vault("set", "team", "AWS_ACCESS_KEY_ID", input=b"AKIAX")
        self.vault("set", "team", "TF_VAR_zones", input=b"undeclared")
        code, plan = self.plan()
        self.assertEqual((code, plan["AWS_SECRET_ACCESS_KEY"], plan["TF_VAR_db_password"], plan["AWS_ACCESS_KEY_ID"]),
                         (12, ("", "missing"), ("", "missing"), ("team", "ok")))
        # A person who changes their mind changes nothing.
        code, shown = self.at_terminal(["set", "--missing"], [("Value: ", "wJalr\n"), ("Repeat: ", "\x03")])
        self.assertEqual(code, 3, shown)
        self.assertIn("cancelled; nothing was set", shown)
        self.assertEqual(self.plan()[1], plan)
        self.fill(self.twice("wJalr"))
        code, _, errors = self.vault("run", "--", "true")
        self.assertEqual(code, 0)
        self.assertIn("warning: 'TF_VAR_zones' is not passed on: 'zones' sets that variable", errors)
        zones, password, region = self.passed("TF_VAR_zones", "TF_VAR_db_password", "AWS_REGION")
        self.assertEqual((zones, region), ('["a", "b"]', "eu-central-1"))
        self.assertRegex(password, r"^\w{40}$")

    def test_a_value_of_several_lines_is_asked_for_again(self):
        self.enter("terraform-aws")
        self.vault("set", "AWS_ACCESS_KEY_ID", input=b"AKIAX")
        shown = self.fill([("Value: ", "two\nlines\n")] + self.twice("one"))
        self.assertIn("vault: the pasted value has several lines; try again\n", shown)
        self.assertEqual(self.passed("AWS_SECRET_ACCESS_KEY"), ["one"])

    def test_what_somebody_else_set_meanwhile_is_not_replaced(self):
        self.enter("terraform-aws")
        self.vault("set", "AWS_ACCESS_KEY_ID", input=b"AKIAX")
        environment = dict(self.environment)

        class Meanwhile(str):
            """An answer that is typed once another process has set the same secret."""

            def encode(answer):
                subprocess.run([VAULT, "set", "-q", "db-password"], env=environment, cwd=self.root, input=b"theirs", check=True)
                return str.encode(answer)

        code, shown = self.at_terminal(["set", "--missing"], [("Value: ", Meanwhile("mine\n")), ("Repeat: ", "mine\n")])
        self.assertEqual(code, 1, shown)
        self.assertIn("a secret was changed in the meantime; nothing was written", shown)
        self.assertEqual(self.vault("get", "db-password")[1], "theirs")
        self.assertEqual(self.vault("get", "AWS_SECRET_ACCESS_KEY")[0], 9)


if __name__ == "__main__":
    unittest.main()
