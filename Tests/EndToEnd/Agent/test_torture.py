"""A few seconds of the campaign in which many processes work on one vault while some of them are killed."""

import concurrent.futures
import json
import os
import sys
import time
import unittest

from agentclient import ROOT, Sandbox

sys.path.insert(0, os.path.join(ROOT, "Tests", "Campaigns"))

import torture  # noqa: E402


class TortureTests(unittest.TestCase):
    def test_nobody_loses_or_misreads_a_value_while_others_are_killed(self):
        torture.QUIET, torture.DEADLY = 2, 3
        seed = int(time.time())
        run = torture.Torture(5, seed)
        run.go()
        self.assertEqual(run.failures, [], "seed %d" % seed)
        for what in ["acknowledged writes", "reads", "compactions", "copies"]:
            self.assertGreater(run.counts[what], 0, what)


class OneStateTests(unittest.TestCase):
    NAMES, SECONDS, PAUSE = 1000, 3, 0.02

    def test_what_reads_several_values_reads_them_from_one_state(self):
        box = Sandbox()
        self.addCleanup(box.close)
        box.unlock()
        template = box.root + "/template"
        with open(template, "w") as file:
            file.write("".join("{{ secret:N%d }} " % number for number in range(0, self.NAMES, 10)))
        write = lambda round: box.must("import", "team", "--format", "json", "-", input=json.dumps(
            {"N%d" % number: str(round) for number in range(self.NAMES)}).encode())
        write(0)
        readers = {
            "export": (["export", "--format", "json"], lambda output: json.loads(output).values()),
            "run": (["run", "--", "/bin/sh", "-c", "env | grep ^N"],
                    lambda output: [line.split("=")[1] for line in output.split()]),
            "inject": (["inject", "-i", template], str.split),
        }
        end, counts, mixed = time.monotonic() + self.SECONDS, dict.fromkeys(readers, 0), []

        def read(name):
            words, values = readers[name]
            while time.monotonic() < end:
                found = set(values(box.must(*words).decode()))
                counts[name] += 1
                if len(found) != 1:
                    mixed.append((name, sorted(found)))

        with concurrent.futures.ThreadPoolExecutor() as pool:
            reading = [pool.submit(read, name) for name in readers]
            round = 0
            while time.monotonic() < end:
                round += 1
                write(round)
                time.sleep(self.PAUSE)
            for future in reading:
                future.result()
        self.assertEqual(mixed, [])
        self.assertGreater(min(counts.values()), 0)
        self.assertGreater(round, 1)


if __name__ == "__main__":
    unittest.main()
