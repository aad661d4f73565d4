#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Watched programs do what they do otherwise: output and exit status.

Usage: programs_test.py TOOL LIBRARY PROGRAMS_FOLDER
"""

import os
import subprocess
import sys
import tempfile
import unittest

TOOL, LIBRARY, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])

# With the exit status, so that a program that does nothing is noticed.
CASES = {
    ("mutexes",): 0,
    ("others",): 0,
    ("cancelled",): 5,
    ("cancelled_exceptions",): 5,
    ("processes", f"{PROGRAMS}/library.so"): 6,
    ("destructors",): 8,
}
# Misuse on purpose, which the checker may well report; what the program sees
# must be the same all the same.
ENVIRONMENT = {**os.environ, "SYNCXX_PRELOAD": LIBRARY}


def run(command):
    return subprocess.run(command, env=ENVIRONMENT, timeout=60,
                          stdout=subprocess.PIPE, text=True, check=False)


class Programs(unittest.TestCase):
    maxDiff = None

    def test_same(self):
        for (name, *arguments), status in CASES.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                program = [f"{PROGRAMS}/{name}", *arguments]
                plain = run(program)
                self.assertEqual(plain.returncode, status)
                self.assertGreater(len(plain.stdout.splitlines()), 5)
                for options in [], ["--stat"]:
                    watched = run([TOOL, "watch", *options, "--log",
                                   f"{folder}/log", "--"] + program)
                    self.assertEqual(watched.returncode, status)
                    self.assertEqual(watched.stdout, plain.stdout)

    def test_brings_no_library(self):
        """A C program gets no C++ runtime, and no name but glibc's."""
        needed = subprocess.run(["readelf", "-d", LIBRARY], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        self.assertNotIn("libstdc++", needed)
        self.assertNotIn("libgcc_s", needed)
        names = subprocess.run(
            ["nm", "-D", "--defined-only", LIBRARY], check=True, text=True,
            stdout=subprocess.PIPE).stdout
        exported = {line.split()[-1].split("@")[0]
                    for line in names.splitlines()}
        exported -= {"free", "realloc", "munmap", "GLIBC_2.3.2"}
        self.assertIn("pthread_mutex_lock", exported)
        for name in exported:
            self.assertRegex(name, "^(pthread|sem|mtx|cnd|thrd)_")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
