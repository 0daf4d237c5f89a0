"""A few seconds of the campaign in which many processes work on one vault while some of them are killed."""

import os
import sys
import time
import unittest

from agentclient import ROOT

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


if __name__ == "__main__":
    unittest.main()
