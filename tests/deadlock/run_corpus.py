#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program of the corpus and compares what the checker finds in it.

What is to be found stands in the last paragraph of the comment that the
program's source begins with, a line for each:
  expect: KIND...       the kinds of findings, exactly; or `none`
  expect[FORM]: KIND... the same for one form, syncxx or pthread
  allow: KIND...        may be found besides (another view of the same defect)
  hangs: yes            the program never ends; it is killed
  only: FORM            there is no other form (the text above says why)
  env: NAME=VALUE       for the environment of the program
  needs: TEXT           what the machine must have; for readers

Usage:
  run_corpus.py --form syncxx PROGRAM SOURCE
  run_corpus.py --form pthread --watch SYNCXX_TOOL PROGRAM SOURCE
  run_corpus.py --table FOLDER         print the table of README.md
  run_corpus.py --update-table FOLDER  put it there
  run_corpus.py --check-table FOLDER   compare it, and what the corpus covers
  run_corpus.py --self-test

Exit status: 0 as expected, 1 not so, 2 wrong usage.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

KINDS = (
    "lock_order_inversion", "deadlock", "self_deadlock", "unlock_not_owner",
    "destroyed_while_held", "thread_exit_holding", "wrong_mutex_for_condition",
    "blocking_under_spinlock", "reader_reentry", "long_hold", "lost_notify",
    "misuse")
FORMS = ("syncxx", "pthread")
LIMIT = 30  # seconds, for a program that ends
# For one that does not: the time in which all is to be found. It is used up
# only through the tool, which cannot know when all is.
HANG = {"syncxx": 10, "pthread": 3}
GRACE = 0.3  # after that, for what is not to be found
KILLED_BY_WATCH = 124
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


class Mistake(Exception):
    """Something is not as it should be; the text says what."""


# --- What is expected ---------------------------------------------------------

class Expectation:
    def __init__(self, source, text):
        self.name = pathlib.Path(source).stem
        paragraphs = self.header(text)
        self.shows = " ".join(paragraphs[0].split()) if paragraphs else ""
        if len(paragraphs) < 2 or not self.shows:
            raise Mistake(f"{source}: says not what it shows")
        self.expect, self.allow, self.env = {}, set(), {}
        self.hangs, self.only = False, None
        for line in paragraphs[-1].splitlines():
            match = re.fullmatch(r"(\w+)(?:\[(\w+)\])?: (.+)", line)
            if not match:
                raise Mistake(f"{source}: not understood: {line}")
            self.take(source, line, *match.groups())
        for form in self.forms():
            if form not in self.expect and None not in self.expect:
                raise Mistake(f"{source}: expects nothing as {form}")

    @staticmethod
    def header(text):
        """The paragraphs of the comment at the beginning, but the first."""
        lines = []
        for line in text.splitlines():
            if not line.startswith("//"):
                break
            lines.append(line[2:].strip())
        return "\n".join(lines).split("\n\n")[1:]

    def take(self, source, line, key, form, value):
        bad = Mistake(f"{source}: not understood: {line}")
        if form is not None and (key != "expect" or form not in FORMS):
            raise bad
        if key in ("expect", "allow"):
            kinds = set(value.split())
            if kinds == {"none"} and key == "expect":
                kinds = set()
            elif not kinds <= set(KINDS):
                raise bad
            if key == "expect":
                if form in self.expect:
                    raise Mistake(f"{source}: twice: {line}")
                self.expect[form] = kinds
            else:
                self.allow |= kinds
        elif key == "hangs" and value == "yes":
            self.hangs = True
        elif key == "only" and value in FORMS:
            self.only = value
        elif key == "env" and re.match(r"\w+=", value):
            name, _, content = value.partition("=")
            self.env[name] = content
        elif key != "needs":
            raise bad

    def forms(self):
        return (self.only,) if self.only else FORMS

    def kinds(self, form):
        return self.expect.get(form, self.expect.get(None, set()))

    def is_correct(self):
        return not any(self.kinds(form) for form in self.forms())


def read(source):
    return Expectation(source, pathlib.Path(source).read_text("utf-8"))


# --- Running it ---------------------------------------------------------------

class Run:
    """What a run of a program came to."""

    def __init__(self, status, killed, findings, output):
        self.status, self.killed = status, killed
        self.findings, self.output = findings, output


def environment(expectation, **more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("SYNCXX_") or name == "SYNCXX_PRELOAD"}
    return {**env, **expectation.env, **more}


def parse_lines(text):
    findings = []
    for line in text.splitlines():
        try:
            findings.append(json.loads(line)["kind"])
        except (ValueError, KeyError, TypeError):
            raise Mistake(f"not a finding in JSON: {line}") from None
    return findings


def parse_report(text):
    try:
        report = json.loads(text)
        if report["version"] != 1:
            raise ValueError
        return [finding["kind"] for finding in report["findings"]]
    except (ValueError, KeyError, TypeError):
        raise Mistake(f"not a report in JSON: {text}") from None


def wait_for(process, expected, found, limit, hang):
    """Waits for its end, or until a hanging one has told what it is to tell.

    True: it had to be killed.
    """
    end = time.monotonic() + limit
    all_found = None
    while process.poll() is None:
        now = time.monotonic()
        if now >= end:
            break
        if hang and all_found is None and expected <= set(found()):
            all_found = now
        if all_found is not None and now >= all_found + GRACE:
            break
        time.sleep(0.01)
    else:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def run_syncxx(program, expectation, limit, hang_limit):
    with tempfile.TemporaryDirectory() as folder:
        findings = pathlib.Path(folder, "findings.json")
        output = pathlib.Path(folder, "output")

        def found(complete=False):
            text = findings.read_text("utf-8") if findings.exists() else ""
            # The last line may be on its way while the program runs.
            return parse_lines(text if complete else
                               text[:text.rfind("\n") + 1])

        with output.open("wb") as into:
            process = subprocess.Popen(
                [program], stdin=subprocess.DEVNULL, stdout=into, stderr=into,
                start_new_session=True,
                env=environment(expectation, SYNCXX_DEADLOCK="report",
                                SYNCXX_DEADLOCK_JSON=str(findings)))
            killed = wait_for(process, expectation.kinds("syncxx"), found,
                              hang_limit if expectation.hangs else limit,
                              expectation.hangs)
        return Run(process.returncode, killed, found(complete=not killed),
                   output.read_text("utf-8", "replace"))


def run_pthread(program, expectation, watch, limit, hang_limit):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        output = pathlib.Path(folder, "output")
        seconds = hang_limit if expectation.hangs else limit
        with output.open("wb") as into:
            process = subprocess.Popen(
                [watch, "watch", "--json", str(report), "--timeout",
                 str(seconds), "--", program],
                stdin=subprocess.DEVNULL, stdout=into, stderr=into,
                start_new_session=True, env=environment(expectation))
            # Beyond what the tool gives the program, for its own end.
            if wait_for(process, set(), list, seconds + 15, False):
                raise Mistake("`syncxx watch` did not end\n" +
                              output.read_text("utf-8", "replace"))
        shown = output.read_text("utf-8", "replace")
        if not report.exists():
            raise Mistake(f"`syncxx watch` has written no report; it ended "
                          f"with {process.returncode}\n{shown}")
        return Run(process.returncode, process.returncode == KILLED_BY_WATCH,
                   parse_report(report.read_text("utf-8")), shown)


def differences(expectation, form, run):
    wrong = []
    expected, found = expectation.kinds(form), set(run.findings)
    for kind in sorted(expected - found):
        wrong.append(f"not found: {kind}")
    for kind in sorted(found - expected - expectation.allow):
        wrong.append(f"found, but not expected: {kind}")
    if expectation.hangs and not run.killed:
        wrong.append(f"it ended (status {run.status}), but should hang")
    elif not expectation.hangs and run.killed:
        wrong.append("it did not end")
    elif not expectation.hangs and run.status != 0:
        wrong.append(f"it ended with status {run.status}")
    return wrong


def check(form, watch, program, source, limit=LIMIT, hang_limit=None):
    """Whether all is as expected; prints what is not."""
    output = None
    hang_limit = hang_limit or HANG[form]
    try:
        expectation = read(source)
        if form not in expectation.forms():
            raise Mistake(f"{source}: there is no such form")
        if form == "syncxx":
            run = run_syncxx(program, expectation, limit, hang_limit)
        else:
            run = run_pthread(program, expectation, watch, limit, hang_limit)
        wrong = differences(expectation, form, run)
        output = run.output
    except (Mistake, OSError) as mistake:
        wrong = [str(mistake)]
    if wrong:
        print(f"{pathlib.Path(source).stem} ({form}): not as expected")
        for line in wrong:
            print(f"  {line}")
        if output is not None:
            print(f"--- its output:\n{output}--- end of output")
    return not wrong


# --- The table ----------------------------------------------------------------

def all_of(folder):
    programs = [read(source) for source in sorted(folder.glob("*.cc"))]
    if not programs:
        raise Mistake(f"{folder}: no programs")
    return programs


def expected_text(program):
    by_kinds = {}
    for form in program.forms():
        by_kinds.setdefault(tuple(sorted(program.kinds(form))), []).append(form)
    texts = []
    for kinds, forms in by_kinds.items():
        text = ", ".join(f"`{kind}`" for kind in kinds) or "none"
        texts.append(text if len(by_kinds) == 1 else
                     f"{text} ({', '.join(forms)})")
    return "; ".join(texts) + (", hangs" if program.hangs else "")


def table(programs):
    lines = []
    for title, correct in (("With a defect", False), ("Correct", True)):
        part = [one for one in programs if one.is_correct() == correct]
        lines += [f"### {title} ({len(part)})", "",
                  "| program | form | expected | what it shows |",
                  "| --- | --- | --- | --- |"]
        for one in part:
            lines.append(f"| [`{one.name}`]({one.name}.cc) | "
                         f"{one.only or 'both'} | {expected_text(one)} | "
                         f"{one.shows} |")
        lines.append("")
    return "\n".join(lines)


def split_readme(folder):
    text = (folder / "README.md").read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise Mistake("README.md: it has not one pair of table markers")
    head, rest = text.split(BEGIN)
    inside, tail = rest.split(END)
    return head, inside, tail


def update_table(folder):
    head, _, tail = split_readme(folder)
    (folder / "README.md").write_text(
        f"{head}{BEGIN}\n{table(all_of(folder))}{END}{tail}", "utf-8")


def gaps(programs):
    """What the corpus should cover and does not."""
    missing = []
    if len(programs) < 40:
        missing.append("there are fewer than 40 programs")
    for form in FORMS:
        mine = [one for one in programs if form in one.forms()]
        correct = sum(one.is_correct() for one in mine)
        if not 0.4 <= correct / max(len(mine), 1) <= 0.6:
            missing.append(f"{form}: {correct} of {len(mine)} are correct, "
                           "which is not about half")
        found = set().union(*(one.kinds(form) for one in mine))
        for kind in KINDS:
            # What the primitives themselves refuse is this library's only.
            if kind not in found and (form, kind) != ("pthread", "misuse"):
                missing.append(f"{form}: no program shows {kind}")
    return missing


def check_table(folder):
    programs = all_of(folder)
    wrong = gaps(programs)
    if split_readme(folder)[1].strip("\n") != table(programs).strip("\n"):
        wrong.append("README.md: its table is an old one; "
                     "run_corpus.py --update-table makes it anew")
    for line in wrong:
        print(line)
    return not wrong


# --- Self test ----------------------------------------------------------------

FAKE_WATCH = """#!/bin/sh
# watch --json FILE --timeout SECONDS -- PROGRAM
[ "$1 $2 $4 $6" = "watch --json --timeout --" ] || exit 2
SYNCXX_DEADLOCK_JSON=$3.lines timeout "$5" "$7"
status=$?
printf '{"version":1,"findings":[' > "$3"
[ ! -e "$3.lines" ] || paste -s -d, "$3.lines" >> "$3"
printf ']}' >> "$3"
exit $status
"""
TELL = "echo '{\"kind\":\"%s\"}' >> \"$SYNCXX_DEADLOCK_JSON\"\n"
ONE = TELL % "deadlock"
OTHER = TELL % "lock_order_inversion"

# Name, the expectations, the program (a shell script), whether all is well.
CASES = (
    ("found", "expect: deadlock", ONE, True),
    ("found twice", "expect: deadlock", ONE + ONE, True),
    ("not found", "expect: deadlock", "", False),
    ("found another", "expect: deadlock", OTHER, False),
    ("found one more", "expect: deadlock", ONE + OTHER, False),
    ("found only one", "expect: deadlock lock_order_inversion", ONE, False),
    ("found both", "expect: deadlock lock_order_inversion", ONE + OTHER, True),
    ("allowed", "expect: deadlock\nallow: lock_order_inversion", ONE + OTHER,
     True),
    ("allowed is not expected", "expect: deadlock\nallow: lock_order_inversion",
     OTHER, False),
    ("nothing", "expect: none", "", True),
    ("a false alarm", "expect: none", ONE, False),
    ("ends badly", "expect: none", "exit 3\n", False),
    ("ends by a signal", "expect: none", "kill -SEGV $$\n", False),
    ("never ends", "expect: none", "exec sleep 60\n", False),
    ("hangs", "expect: deadlock\nhangs: yes", ONE + "exec sleep 60\n", True),
    ("hangs silently", "expect: deadlock\nhangs: yes", "exec sleep 60\n",
     False),
    ("hangs and tells too much", "expect: deadlock\nhangs: yes",
     ONE + OTHER + "exec sleep 60\n", False),
    ("does not hang", "expect: deadlock\nhangs: yes", ONE, False),
    ("environment", "expect: none\nenv: SYNCXX_LONG_HOLD_MS=20",
     "[ \"$SYNCXX_LONG_HOLD_MS\" = 20 ]\n", True),
    ("other environment", "expect: none", "[ -z \"$SYNCXX_LONG_HOLD_MS\" ]\n",
     True),
    ("no JSON", "expect: none", "echo '{' >> \"$SYNCXX_DEADLOCK_JSON\"\n",
     False),
    ("JSON without a kind", "expect: none",
     "echo '{}' >> \"$SYNCXX_DEADLOCK_JSON\"\n", False),
    ("unknown kind", "expect: dead_lock", "", False),
    ("unknown key", "expects: none", "", False),
    ("no expectation", "hangs: yes", "", False),
    ("none and more", "expect: none deadlock", ONE, False),
    ("twice", "expect: none\nexpect: deadlock", ONE, False),
)


def self_test():
    failures = []
    os.environ["SYNCXX_LONG_HOLD_MS"] = "7"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        watch = folder / "watch"
        watch.write_text(FAKE_WATCH)
        watch.chmod(0o755)

        def outcome(form, lines, script):
            comment = "".join(f"// {line}\n" for line in lines.split("\n"))
            source, program = folder / "case.cc", folder / "case"
            source.write_text("// SPDX-License-Identifier: X\n//\n// Shows.\n"
                              f"//\n{comment}#include <x>\n")
            program.write_text("#!/bin/sh\n" + script)
            program.chmod(0o755)
            return check(form, str(watch), str(program), str(source), 1, 1)

        for title, lines, script, well in CASES:
            for form in FORMS:
                print(f"--- {title} ({form})", flush=True)
                if outcome(form, lines, script) != well:
                    failures.append(f"{title} ({form})")
        by_form = "expect: none\nexpect[pthread]: deadlock"
        for title, form, lines, script, well in (
                ("by form", "pthread", by_form, ONE, True),
                ("by form", "pthread", by_form, "", False),
                ("by form", "syncxx", by_form, "", True),
                ("by form", "syncxx", by_form, ONE, False),
                ("only", "pthread", "expect: none\nonly: syncxx", "", False),
                ("only", "syncxx", "expect: none\nonly: syncxx", "", True)):
            print(f"--- {title} ({form})", flush=True)
            if outcome(form, lines, script) != well:
                failures.append(f"{title} ({form})")

        print("--- no report from the tool")
        watch.write_text("#!/bin/sh\nexit 0\n")
        if outcome("pthread", "expect: none", ""):
            failures.append("no report from the tool")
        print("--- the table")
        (folder / "README.md").write_text(f"# X\n\n{BEGIN}\n{END}\nEnd.\n")
        update_table(folder)
        text = (folder / "README.md").read_text()
        if "| [`case`](case.cc) | both | none | Shows. |" not in text:
            failures.append("the table has no line for a program")
        if not text.startswith("# X") or not text.endswith(f"{END}\nEnd.\n"):
            failures.append("the table takes what is around it away")
        if len(gaps(all_of(folder))) < 10:
            failures.append("gaps are not seen")
        if check_table(folder):
            failures.append("a corpus of one program is enough")
    for failure in failures:
        print(f"self test: failed: {failure}")
    print(f"self test: {len(failures)} failed")
    return not failures


# --- Command line -------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS)
    parser.add_argument("--watch", metavar="SYNCXX_TOOL")
    for option in ("--table", "--update-table", "--check-table"):
        parser.add_argument(option, type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("program", nargs="?")
    parser.add_argument("source", nargs="?")
    options = parser.parse_args()
    try:
        if options.self_test:
            return 0 if self_test() else 1
        if options.table:
            print(table(all_of(options.table)), end="")
            return 0
        if options.update_table:
            update_table(options.update_table)
            return 0
        if options.check_table:
            return 0 if check_table(options.check_table) else 1
    except (Mistake, OSError) as mistake:
        print(mistake)
        return 1
    if not options.form or not options.source:
        parser.error("a form, a program and its source are needed")
    if options.form == "pthread" and not options.watch:
        parser.error("--form pthread needs --watch")
    return 0 if check(options.form, options.watch, options.program,
                      options.source) else 1


if __name__ == "__main__":
    sys.exit(main())
