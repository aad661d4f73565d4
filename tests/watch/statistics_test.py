#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`syncxx watch --stat`: what is counted of a program in C.

Usage: statistics_test.py TOOL LIBRARY PROGRAMS_FOLDER
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

TOOL, LIBRARY, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])
ENVIRONMENT = {**os.environ, "SYNCXX_PRELOAD": LIBRARY}
PROGRAM = f"{PROGRAMS}/statistics"


def watch(*arguments, **environment):
    return subprocess.run(
        [TOOL, "watch", *arguments], env={**ENVIRONMENT, **environment},
        timeout=60, capture_output=True, text=True, check=False)


def statistics(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        done = watch("--stat", "--json", f"{folder}/json", "--", PROGRAM, *arguments)
        with open(f"{folder}/json", encoding="utf-8") as file:
            return done, json.load(file)["statistics"]


def counts(one, kind):
    """(taken, shared, contended, waits, holds) of each class of a kind."""
    return sorted((c["acquisitions"], c["shared"], c["contended"],
                   c["wait"]["count"], c["hold"]["count"])
                  for c in one["classes"] if c["lock"] == kind)


class Statistics(unittest.TestCase):
    def test_counts(self):
        done, found = statistics()
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(len(found), 1)
        one = found[0]
        self.assertEqual((one["version"], one["kind"], one["missed"]),
                         (1, "lock_statistics", 0))
        self.assertTrue(one["program"].endswith("/statistics"))
        self.assertEqual(counts(one, "pthread_mutex"),
                         [(1, 0, 0, 1, 1), (15, 0, 0, 0, 15),
                          (300, 0, 0, 0, 300)])
        # Taken first to read, by the place of that.
        self.assertEqual(counts(one, "pthread_rwlock"), [(9, 6, 0, 0, 9)])
        self.assertEqual(counts(one, "pthread_spinlock"), [(3, 0, 0, 0, 3)])
        self.assertEqual(counts(one, "posix_semaphore"), [(3, 0, 0, 0, 0)])
        heap = [c for c in one["classes"] if c["acquisitions"] == 15]
        self.assertEqual(heap[0]["locks"], 15)

    def test_waits(self):
        done, (one,) = statistics()
        first = one["classes"][0]  # was waited for longest
        self.assertEqual(first["wait"]["count"], 1)
        self.assertGreater(first["wait"]["total_ns"], 10_000_000)
        self.assertEqual(first["wait"]["max_ns"], first["wait"]["total_ns"])
        self.assertEqual(sum(first["wait"]["buckets"]), 1)
        (site,) = first["sites"]
        self.assertEqual(site["waits"], 1)
        self.assertEqual(site["total_ns"], first["wait"]["total_ns"])
        self.assertRegex(site["place"], r"statistics(\.c:\d+|\+0x[0-9a-f]+)$")
        self.assertIn("waited", done.stderr)
        self.assertIn("in 1 wait at ", done.stderr)

    def test_the_child_of_a_fork_counts_for_itself(self):
        _, found = statistics("fork")
        self.assertEqual(len(found), 2)
        child, parent = sorted(
            found, key=lambda one: sum(c["acquisitions"] for c in one["classes"]))
        self.assertEqual(counts(child, "pthread_mutex"), [(100, 0, 0, 0, 100)])
        self.assertEqual(counts(parent, "pthread_mutex")[-1][0], 300)
        self.assertNotEqual(child["pid"], parent["pid"])

    def test_table_comes_last_and_rows_can_be_chosen(self):
        done = watch("--stat", "--", PROGRAM, SYNCXX_LOCKSTAT_ROWS="2",
                     SYNCXX_LOCKSTAT_HOLDS="0")
        lines = done.stderr.splitlines()
        self.assertRegex(lines[0], r"^syncxx: locks of process \d+, .*"
                                   r"\d+ acquisitions, 0 of them after a wait; "
                                   r"no holds are timed$")
        rows = [line for line in lines if re.search(r" (pthread|posix)_\w+  ", line)]
        self.assertEqual(len(rows), 2, done.stderr)
        self.assertRegex(lines[-1], r"and \d+ more, with shorter waits")

    def test_bad_numbers_are_told(self):
        done = watch("--stat", "--", PROGRAM, SYNCXX_LOCKSTAT_ROWS="many",
                     SYNCXX_LOCKSTAT_HOLDS="-1")
        self.assertIn('SYNCXX_LOCKSTAT_ROWS="many" is not known', done.stderr)
        self.assertIn('SYNCXX_LOCKSTAT_HOLDS="-1" is not known', done.stderr)
        self.assertEqual(done.returncode, 7)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
