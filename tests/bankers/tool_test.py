#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`syncxx bankers`: output and exit statuses.

Usage: tool_test.py TOOL
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))


def state(total, *customers):
    return {"total": total,
            "customers": [{"name": n, "max": m, "holding": h}
                          for n, m, h in customers]}


SILBERSCHATZ = state([10, 5, 7],
                     ("P0", [7, 5, 3], [0, 1, 0]), ("P1", [3, 2, 2], [2, 0, 0]),
                     ("P2", [9, 0, 2], [3, 0, 2]), ("P3", [2, 2, 2], [2, 1, 1]),
                     ("P4", [4, 3, 3], [0, 0, 2]))
UNSAFE = state([10], ("A", [6], [1]), ("B", [5], [2]), ("C", [4], [2]),
               ("D", [7], [4]))
TABLE = """\
           Allocation  Max         Need
P0          0 1 0       7 5 3       7 4 3
P1          2 0 0       3 2 2       1 2 2
P2          3 0 2       9 0 2       6 0 0
P3          2 1 1       2 2 2       0 1 1
P4          0 0 2       4 3 3       4 3 1
Available   3 3 2
Total      10 5 7
"""


class Bankers(unittest.TestCase):
    maxDiff = None

    def run_tool(self, given, *arguments):
        text = given if isinstance(given, str) else json.dumps(given)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([TOOL, "bankers", file.name, *arguments],
                                  capture_output=True, text=True, timeout=30)
        return done

    def expect(self, status, first, given, *arguments):
        done = self.run_tool(given, *arguments)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        self.assertEqual(done.stdout.split("\n")[0], first)
        return done.stdout

    def expect_error(self, words, given, *arguments):
        done = self.run_tool(given, *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(words, done.stderr)

    def test_safe(self):
        out = self.expect(0, "safe: P1 P3 P4 P0 P2", SILBERSCHATZ)
        self.assertEqual(out, "safe: P1 P3 P4 P0 P2\n\n" + TABLE)

    def test_unsafe(self):
        out = self.expect(1, "unsafe: A B C D cannot finish; nobody can",
                          UNSAFE)
        self.assertIn("Available   1\n", out)
        self.expect(1, "unsafe: b cannot finish, after a",
                    state([2], ("a", [2], [1]), ("b", [3], [0])))

    def test_requests(self):
        out = self.expect(0, "safe: P1 P3 P4 P0 P2", SILBERSCHATZ,
                          "--request", "P1", "1,0,2")
        self.assertIn("\ngranted: P1 gets (1, 0, 2)\n", out)
        self.assertIn("P1          3 0 2       3 2 2       0 2 0\n", out)
        after = json.loads(json.dumps(SILBERSCHATZ))
        after["customers"][1]["holding"] = [3, 0, 2]
        out = self.expect(
            1, "unsafe: customer 'P4' cannot have (3, 3, 0): it asks for 3 of "
            "resource 0, of which 2 are available; what 'P1' or 'P2' or 'P3' "
            "holds, each alone, would unblock it".replace("' or 'P2", "', 'P2"),
            after, "--request", "P4", "3,3,0")
        self.assertIn("P4          0 0 2 ", out)
        done = self.run_tool(after, "--request", "P0", "0,2,0")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(
            "unsafe: customer 'P0' cannot have (0, 2, 0): the state would be "
            "unsafe: "), done.stdout)
        done = self.run_tool(UNSAFE, "--request", "C", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing is granted until it is not", done.stdout)

    def test_explain(self):
        out = self.expect(0, "safe: P1 P3 P4 P0 P2", SILBERSCHATZ, "--explain")
        self.assertIn(
            "available: (3, 3, 2)\n"
            "step 1: P1 needs (1, 2, 2) of (3, 3, 2), finishes and gives back "
            "(2, 0, 0): (5, 3, 2)\n", out)
        self.assertIn("step 5: P2 ", out)
        self.assertTrue(out.endswith(TABLE))
        out = self.expect(1, "unsafe: A B C D cannot finish; nobody can",
                          UNSAFE, "--explain")
        self.assertIn("stuck: C needs (2): 2 of resource 0, of which 1 can "
                      "become available\n", out)

    def test_nobody(self):
        self.expect(0, "safe: ", state([3]))

    def test_bad_input(self):
        self.expect_error("line 1, column 1: ", "")
        self.expect_error("total[0] is negative",
                          '{\n"total":[-1]}')
        self.expect_error("('P1').max has 2 amounts, total has 1",
                          state([1], ("a", [1], [0]), ("P1", [1, 1], [0])))
        self.expect_error("holds 2 of resource 0: its max is 1",
                          state([3], ("a", [1], [2])))
        self.expect_error("the customers hold 4 of resource 0, of which total "
                          "has 3", state([3], ("a", [4], [4])))
        self.expect_error("customers[0] and customers[2] have the same name "
                          "'a'", state([3], ("a", [1], [0]), ("b", [1], [0]),
                                       ("a", [1], [0])))
        self.expect_error(": line 1, column 2: ", "{")

    def test_bad_requests(self):
        for amounts in ("1,2", "1,2,3,4", "", "1,-1,0", "a", "1,,2", "1.5,0,0",
                        "1,0,2]}", "1,0,2],\"y\":[3", "1,0,2,", ",1,0,2",
                        "1, 0,2", "99999999999999999999,0,0"):
            self.expect_error("is to be 3 whole numbers", SILBERSCHATZ,
                              "--request", "P1", amounts)
        self.expect_error("there is no customer 'P9'", SILBERSCHATZ,
                          "--request", "P9", "0,0,0")
        self.expect_error("its claim is 3, of which it holds 2", SILBERSCHATZ,
                          "--request", "P1", "2,0,0")
        self.expect_error("--request needs a customer and amounts",
                          SILBERSCHATZ, "--request", "P1")
        self.expect_error("Usage", SILBERSCHATZ, "--no-such-option")
        self.expect_error("one file", SILBERSCHATZ, "another")
        self.expect_error("one file", SILBERSCHATZ, "--", "another")
        self.expect_error("is to be 3 whole numbers", SILBERSCHATZ,
                          "--request", "P1", "-1,0,0")

    def test_files(self):
        for arguments, words in (([], "needs a file"),
                                 (["/nonexistent"], "No such file"),
                                 (["/"], "directory")):
            done = subprocess.run([TOOL, "bankers", *arguments],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = subprocess.run([TOOL, "bankers", "-", "--explain"],
                              input=json.dumps(SILBERSCHATZ),
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        done = subprocess.run([TOOL, "bankers", "--help"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        self.assertIn("Usage: syncxx bankers FILE", done.stdout)


if __name__ == "__main__":
    unittest.main()
