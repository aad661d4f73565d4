#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the interposed functions tell the checker, and in which order.

Runs programs/events.c with the library of tracing_checker.cc.

Usage: events_test.py TOOL LIBRARY PROGRAMS_FOLDER
"""

import collections
import os
import subprocess
import sys
import tempfile
import unittest

TOOL, LIBRARY, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])

# By scenario: for each thread in the order of their first events, its events.
LOCK = ["attempt mutex 0", "acquired mutex 0", "releasing mutex 0"]
EXPECTED = {
    "lock": [LOCK],
    "try_lock": [["acquired mutex 0", "releasing mutex 0"]],
    "recursive": [["attempt recursive_mutex 0", "acquired recursive_mutex 0",
                   "releasing recursive_mutex 0",
                   "misused recursive_mutex 0"]],  # unlocked once too often
    "errorcheck": [["misused mutex 0"] + LOCK],
    "contended": [
        ["attempt mutex 0", "acquired mutex 0", "creates thread 1",
         "releasing mutex 0", "joining thread", "joined ended"],
        ["begins thread 1", "attempt mutex 0", "wait mutex 0",
         "wait_end mutex 0", "acquired mutex 0", "releasing mutex 0",
         "ends thread"]],
    "timed": [[
        "attempt mutex 0", "acquired mutex 0",
        "attempt_bounded mutex 0", "wait_bounded mutex 0", "wait_end mutex 0",
        "releasing mutex 0",
        "attempt_bounded mutex 0", "acquired mutex 0", "releasing mutex 0"]],
    "rwlock": [[
        "attempt rwlock_shared 0", "acquired rwlock_shared 0",
        "acquired rwlock_shared 0",
        "releasing rwlock_shared 0", "releasing rwlock_shared 0",
        "attempt rwlock 0", "acquired rwlock 0", "releasing rwlock 0",
        "destroyed rwlock 0"]],
    "spin": [["attempt spinlock 0", "acquired spinlock 0",
              "releasing spinlock 0", "destroyed spinlock 0"]],
    "condition": [[
        "attempt mutex 0", "acquired mutex 0",
        "condition_wait cond 1", "with mutex 0", "releasing mutex 0",
        "wait_bounded cond 1", "wait_end cond 1", "acquired mutex 0",
        "releasing mutex 0", "notified cond 1", "notified cond 1"]],
    "condition_inner": [[
        "attempt recursive_mutex 0", "acquired recursive_mutex 0",
        "condition_wait cond 1", "with recursive_mutex 0",
        "wait_bounded cond 1", "wait_end cond 1",
        "releasing recursive_mutex 0"]],
    "cancelled": [
        ["creates thread 1", "joining thread", "joined ended"],
        ["begins thread 1", "attempt mutex 0", "acquired mutex 0",
         "condition_wait cond 1", "with mutex 0", "releasing mutex 0",
         "wait cond 1", "wait_end cond 1", "acquired mutex 0",
         "releasing mutex 0", "ends thread"]],
    "semaphore": [[
        "attempt semaphore 0", "acquired semaphore 0", "releasing semaphore 0",
        "acquired semaphore 0", "attempt_bounded semaphore 0",
        "wait_bounded semaphore 0", "wait_end semaphore 0",
        "destroyed semaphore 0"]],
    "thread": [
        ["creates thread 1", "joining thread", "joined ended",
         "creates thread 2", "joined ended"],
        ["begins thread 1", "ends thread"],
        ["begins thread 2", "ends thread"]],
    "c11": [
        ["attempt mutex 0", "acquired mutex 0",
         "condition_wait cond 1", "with mutex 0", "releasing mutex 0",
         "wait_bounded cond 1", "wait_end cond 1", "acquired mutex 0",
         "releasing mutex 0", "notified cond 1", "creates thread 1",
         "joining thread", "joined ended", "destroyed mutex 0",
         "destroyed cond 1"],
        ["begins thread 1", "ends thread"]],
    "memory": [[
        "attempt mutex 0", "acquired mutex 0", "releasing mutex 0",
        "memory released 0",
        "attempt mutex 1", "acquired mutex 1", "releasing mutex 1",
        "memory released 1"]],
    "made_anew": [["attempt mutex 0", "acquired mutex 0", "releasing mutex 0",
                   "made_anew mutex 0", "destroyed mutex 0"]],
    "robust": [
        ["creates thread 1", "joining thread", "joined ended"] +
        ["attempt robust_mutex 0", "acquired robust_mutex 0", "releasing robust_mutex 0",
         "attempt robust_mutex 0"],
        ["begins thread 1", "attempt robust_mutex 0", "acquired robust_mutex 0",
         "ends thread"]],
    "barrier": [["wait barrier 0", "wait_end barrier 0",
                 "destroyed barrier 0"]],
}


class Events(unittest.TestCase):
    maxDiff = None

    def test_events(self):
        for scenario, expected in EXPECTED.items():
            with self.subTest(scenario), tempfile.TemporaryDirectory() as folder:
                trace = f"{folder}/trace"
                subprocess.run(
                    [TOOL, "watch", "--", f"{PROGRAMS}/events", scenario],
                    env={**os.environ, "SYNCXX_PRELOAD": LIBRARY,
                         "SYNCXX_TRACE": trace}, check=True, timeout=20)
                threads = collections.defaultdict(list)
                with open(trace, encoding="ascii") as lines:
                    for line in lines:
                        thread, event = line.rstrip("\n").split(" ", 1)
                        threads[thread].append(event)
                self.assertEqual(list(threads.values()), expected)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
