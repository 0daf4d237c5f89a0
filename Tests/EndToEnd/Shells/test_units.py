"""The units for systemd in docs/backup.md, as systemd reads them."""

import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))


class Units(unittest.TestCase):
    def test_systemd_takes_the_units_of_the_backup(self):
        with open(os.path.join(ROOT, "docs", "backup.md")) as page:
            service, timer = re.findall(r"(?s)```ini\n(.*?)```", page.read())
        with tempfile.TemporaryDirectory() as directory:
            paths = [os.path.join(directory, "vault-backup." + kind) for kind in ["service", "timer"]]
            for path, text in zip(paths, [service, timer]):
                with open(path, "w") as file:
                    # systemd looks whether the program is there.
                    file.write(text.replace("/usr/local/bin/vault", os.path.abspath(VAULT)))
            result = subprocess.run(["systemd-analyze", "verify", "--user", *paths], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, env={**os.environ, "XDG_RUNTIME_DIR": directory})
            self.assertEqual((result.returncode, result.stdout.decode()), (0, ""))

    def test_the_command_of_the_unit_fails_with_4_while_the_vault_is_locked(self):
        with tempfile.TemporaryDirectory() as home:
            environment = {"HOME": home, "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": home}
            subprocess.run([VAULT, "init", "-q", "--kdf-memory", "64", "--kdf-time", "3"], check=True,
                           env={**environment, "VAULT_PASSPHRASE": "x"})
            os.makedirs(os.path.join(home, ".config", "vault"))
            os.mkdir(os.path.join(home, "backups"))
            with open(os.path.join(home, ".config", "vault", "config.toml"), "w") as file:
                file.write('backup_directory = "~/backups"\n')
            result = subprocess.run([VAULT, "backup", "--no-input"], env=environment, stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertEqual(os.listdir(os.path.join(home, "backups")), [])


if __name__ == "__main__":
    unittest.main()
