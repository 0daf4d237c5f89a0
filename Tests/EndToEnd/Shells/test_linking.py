"""How the two programs are linked, as readelf tells."""

import os
import re
import subprocess
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
VAULT = os.environ.get("VAULT_BINARY", os.path.join(ROOT, ".build", "release", "vault"))
PAGE = os.path.join(os.path.dirname(os.path.realpath(VAULT)), "vault-web")


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                          stdout=subprocess.PIPE, check=True, text=True).stdout


class Linking(unittest.TestCase):
    def test_no_memory_of_either_program_can_be_written_and_executed(self):
        for path in [VAULT, PAGE]:
            segments = readelf("--program-headers", path)
            flags = dict(re.findall(r"^ +(GNU_STACK|GNU_RELRO) .*?(?:0x\w+ +){5}([RWE ]{3})", segments, re.M))
            self.assertEqual(flags["GNU_STACK"].strip(), "RW", path)
            self.assertIn("GNU_RELRO", flags, path)
            self.assertNotRegex(segments, r"(?m)^ +LOAD .* RWE ", path)

    def test_vault_loads_nothing(self):
        self.assertNotRegex(readelf("--program-headers", VAULT), r"INTERP|DYNAMIC")

    def test_vault_web_loads_from_the_systems_directories_alone_and_binds_all_before_it_starts(self):
        dynamic = readelf("--dynamic", PAGE)
        self.assertNotRegex(dynamic, "RPATH|RUNPATH")
        self.assertRegex(dynamic, r"\(FLAGS_1\) +Flags: NOW.* PIE|\(FLAGS_1\) +Flags:.*PIE.* NOW")
        self.assertRegex(readelf("--file-header", PAGE), r"Type: +DYN")


if __name__ == "__main__":
    unittest.main()
