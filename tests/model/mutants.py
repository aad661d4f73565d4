#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tries the model tests on mutants of the library.

A mutant is the library with one memory order weaker by one step, or with one
wake that does nothing (src/model/mutation.h). Each is run with the model tests
that come across its place, quickest first, until one fails: then it is killed.
One with which all of them pass has survived: the tests do not look at what the
order is for, or it is not needed, or the model cannot show what it is for. One
with which two tests take longer than the time limit, and none of the others
fails (in a few seconds, if it is not known to take more), is unknown.

Survivors, unknown ones, and orders and wakes that no test comes across must be
those that tests/model/survivors.txt explains, and it must explain no others.

Usage: tests/model/mutants.py --build DIR [--tests A,B] [--limit S] [REGEX]
  --build DIR  where the model preset was built
  --tests A,B  only these programs (lock_model, ...)
  --limit S    seconds for each test with a mutant (default: 30, and no less
               than ten times what it takes without)
  REGEX        only mutants whose name matches

Exit status: 1 if something is not as survivors.txt says or is unknown.
"""

import argparse
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SURVIVORS = ROOT / "tests" / "model" / "survivors.txt"
# These test the checker itself.
NOT_OF_PRIMITIVES = ("atomic_model", "body_model", "confirm_random_model",
                     "counts_model", "input_model", "litmus_model",
                     "oracle_model", "outside_model", "places_model",
                     "random_programs_model", "rounds_model", "search_model",
                     "std_names_model", "timeline_model")
VERDICT = re.compile(
    r"^(assertion_failed|data_race|deadlock|livelock|use_after_free|"
    r"double_free|leak|uninitialized_read|misuse|bound_reached): ", re.M)
ORDER = re.compile(r"\bmemory_order_(acquire|release|acq_rel|seq_cst)\b")
# (One that is told its place is its caller's.)
WAKE = re.compile(
    r"\b(unpark|wake_for|sys::futex_(requeue|unlock_pi|cmp_requeue_pi))"
    r"\((?!const|std::)(?!.*\bwhere\))")
COMMENT = re.compile(r"//.*")

# With one mutant: for each test at first, in seconds; and how many that take too
# long before it is given up.
AT_FIRST = 3.0
MOST_TOO_LONG = 2

Mutant = collections.namedtuple("Mutant", "file line what")


def code_of(mutant):
    """The mutant's line of code: what survivors.txt knows it by.

    The second of lines that are the same has " #2" behind it, and so on.
    """
    lines = [COMMENT.sub("", s).strip()
             for s in (ROOT / mutant.file).read_text().splitlines()]
    code = lines[mutant.line - 1]
    nth = lines[:mutant.line].count(code)
    return code if nth == 1 else "%s #%d" % (code, nth)


def name_of(mutant):
    return "%s:%d %s" % (mutant.file, mutant.line, mutant.what)


def parse(name):
    place, what = name.split(" ", 1)
    file, line = place.rsplit(":", 1)
    return Mutant(file, int(line), what)


class Test:
    """One test of one program."""

    def __init__(self, program, name):
        self.program = program
        self.name = name
        self.seconds = 0.0
        self.mutants = []

    def run(self, limit, **environment):
        """What the test says: None if it passes, 'time' if it takes too long."""
        command = [self.program, "--gtest_filter=" + self.name]
        try:
            done = subprocess.run(
                command, timeout=limit, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=dict(os.environ, **environment),
                errors="replace", text=True, check=False)
        except subprocess.TimeoutExpired:
            return "time"
        if done.returncode == 0:
            return None
        if done.returncode < 0:
            return "ended by " + signal.Signals(-done.returncode).name
        found = VERDICT.search(done.stdout)
        return found.group(1) if found else "failed"

    def look_for_mutants(self, limit):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "mutants"
            begun = time.monotonic()
            said = self.run(limit, SYNCXX_MODEL_MUTANTS=str(out))
            self.seconds = time.monotonic() - begun
            if said is not None:
                sys.exit("mutants: without a mutant %s: %s" % (self.name, said))
            if out.exists():
                self.mutants = [parse(s) for s in out.read_text().splitlines()]

    def __str__(self):
        return "%s.%s" % (self.program.name.removesuffix("_model"), self.name)


def tests_of(program):
    listed = subprocess.run([program, "--gtest_list_tests"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    suite = ""
    for line in listed.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name
        else:
            yield Test(program, suite + name)


def not_reached(mutants):
    """Places of orders and wakes that no test has come across."""
    reached = collections.defaultdict(set)
    for mutant in mutants:
        reached[mutant.file].add(mutant.line)
    for folder in ("include/sync", "src"):
        for path in sorted((ROOT / folder).rglob("*")):
            file = str(path.relative_to(ROOT))
            if path.suffix not in (".h", ".cc") or "/model/" in file:
                continue
            # Not built for the model.
            if file.startswith("src/deadlock/") or file in (
                    "src/futex/syscall.cc", "src/spin_wait.cc"):
                continue
            for i, line in enumerate(path.read_text().splitlines(), 1):
                code = COMMENT.sub("", line)
                order, wake = ORDER.search(code), WAKE.search(code)
                if code.strip().startswith("using ") or not (order or wake):
                    continue
                # A call may have begun some lines above its order.
                if not reached[file].intersection(range(i - 3, i + 1)):
                    yield Mutant(file, i, "not reached")


def explained():
    """The entries of survivors.txt: (file, code, what) and the reason."""
    entries = {}
    for paragraph in re.split(r"\n\s*\n", SURVIVORS.read_text()):
        lines = [s for s in paragraph.splitlines() if not s.startswith("#")]
        if not lines:
            continue
        if len(lines) < 3:
            sys.exit("mutants: %s: file and code, mutant, reason: %s" %
                     (SURVIVORS.name, lines[0]))
        file, code = lines[0].split(": ", 1)
        entries[file, code.strip(), lines[1].strip()] = " ".join(lines[2:])
    return entries


def try_mutant(mutant, tests, limit):
    """(fate, by which test, what it said)"""
    name = name_of(mutant)
    left = sorted(tests, key=lambda t: t.seconds)
    # A mutant that keeps one test from ending may be killed by the next.
    for most in (min(AT_FIRST, limit), limit):
        too_long = []
        for test in left:
            said = test.run(max(most, 10 * test.seconds),
                            SYNCXX_MODEL_MUTANT=name)
            if said == "time":
                too_long.append(test)
                if most == limit and len(too_long) == MOST_TOO_LONG:
                    break
            elif said is not None:
                return "killed", test, said
        left = too_long
    if left:
        return "unknown", left[0], "takes too long"
    return "survived", None, "%d tests pass" % len(tests)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--tests", default="")
    parser.add_argument("--limit", type=float, default=30.0)
    parser.add_argument("filter", nargs="?", default="")
    given = parser.parse_args()

    folder = given.build / "tests" / "model"
    wanted = [s for s in given.tests.split(",") if s]
    programs = [folder / s for s in wanted] or sorted(
        p for p in folder.glob("*_model")
        if p.is_file() and p.name not in NOT_OF_PRIMITIVES)
    tests = [t for p in programs for t in tests_of(p)]
    if not tests:
        sys.exit("mutants: no model tests in %s" % folder)
    by_mutant = collections.defaultdict(list)
    for test in tests:
        test.look_for_mutants(max(600, given.limit))
        for mutant in test.mutants:
            by_mutant[mutant].append(test)

    entries = explained()
    whole = not wanted and not given.filter
    count = collections.Counter()
    wrong = []
    met = set()
    for mutant in sorted(by_mutant):
        if not re.search(given.filter, name_of(mutant)):
            continue
        fate, test, said = try_mutant(mutant, by_mutant[mutant], given.limit)
        entry = (mutant.file, code_of(mutant), mutant.what)
        met.add(entry)
        note = ""
        if fate != "killed" and entry in entries:
            note = " (explained)"
        elif fate != "killed":
            wrong.append("%s: %s" % (fate, name_of(mutant)))
        elif entry in entries:
            wrong.append("explained as a survivor, but killed: " +
                         name_of(mutant))
        count[fate] += 1
        print("%-8s  %-75s  %s%s%s" % (fate, name_of(mutant), said,
                                       ", " + str(test) if test else "", note),
              flush=True)

    if whole:
        for place in not_reached(by_mutant):
            entry = (place.file, code_of(place), place.what)
            met.add(entry)
            count["not reached"] += 1
            note = " (explained)" if entry in entries else ""
            if not note:
                wrong.append("not reached: %s:%d" % (place.file, place.line))
            print("%-8s  %s:%d  %s%s" % ("no test", place.file, place.line,
                                         entry[1], note))
        for entry in entries.keys() - met:
            wrong.append("explained, but there is no such mutant: %s: %s, %s" %
                         entry)
    print("%d mutants: %s" % (
        sum(count.values()) - count["not reached"],
        ", ".join("%d %s" % (n, fate) for fate, n in count.most_common())))
    for line in wrong:
        print("mutants: " + line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
