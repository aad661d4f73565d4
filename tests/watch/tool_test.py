#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The options and exit statuses of `syncxx watch` and `syncxx dump`.

What the checker finds is made up here: the program writes it to the file that
the checker would write to.

Usage: tool_test.py TOOL LIBRARY PROGRAMS_FOLDER
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOL, LIBRARY, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])
ENVIRONMENT = {**os.environ, "SYNCXX_PRELOAD": LIBRARY}


def deed(kind, address, name=None):
    return {"object": {"kind": kind, "address": address, "name": name},
            "stack": []}


FINDING = {
    "version": 1, "kind": "deadlock", "what": "\u00e4 \"quoted\" text", "pid": 7,
    "links": [
        {"thread": {"serial": 1, "tid": 5, "name": "a"},
         "held": deed("mutex", "0x1"), "wanted": deed("mutex", "0x2", "two")},
        {"thread": {"serial": 2, "tid": 6, "name": "b"},
         "held": deed("mutex", "0x2", "two"), "wanted": deed("mutex", "0x1")}]}
WRITE_FINDING = 'printf "%s\\n" "$FINDING" >> "$SYNCXX_DEADLOCK_JSON"; '


class Tool(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.json = f"{self.folder}/found.json"

    def run_tool(self, *arguments, **options):
        environment = {**ENVIRONMENT, "TMPDIR": self.folder,
                       "FINDING": json.dumps(FINDING),
                       **options.pop("environment", {})}
        return subprocess.run(
            [TOOL, *arguments], env=environment, timeout=30, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            **options)

    def watch(self, *arguments, **options):
        done = self.run_tool("watch", *arguments, **options)
        # Nothing is left behind.
        self.assertEqual([n for n in os.listdir(self.folder)
                          if n.startswith("syncxx-")], [])
        return done

    def findings(self):
        with open(self.json, encoding="utf-8") as file:
            whole = json.load(file)
        self.assertEqual(whole["version"], 1)
        return whole["findings"]

    def start(self, *arguments, **options):
        process = subprocess.Popen(
            [TOOL, *arguments], env={**ENVIRONMENT, "TMPDIR": self.folder},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    # --- watch -----------------------------------------------------------------

    def test_input_output_and_arguments(self):
        done = self.watch("--json", self.json, "--", "sh", "-c",
                          'cat; echo "$1" >&2', "x", "--json", input="hello\n")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("hello\n", "--json\n", 0))
        self.assertEqual(self.findings(), [])

    def test_without_dashes(self):
        self.assertEqual(self.watch("sh", "-c", "exit 3", "--quiet").returncode, 3)

    def test_findings(self):
        done = self.watch("--json", self.json, "--dot", f"{self.folder}/dot", "--",
                          "sh", "-c",
                          WRITE_FINDING + f"(sh -c '{WRITE_FINDING}'); exit 3")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(self.findings(), [FINDING, FINDING])
        self.assertIn("syncxx: 2 findings in sh: 2 deadlock", done.stderr)
        with open(f"{self.folder}/dot", encoding="utf-8") as file:
            dot = file.read()
        self.assertIn("digraph", dot)
        self.assertIn('"mutex 0x1 in process 7" -> "mutex two in process 7"'
                      ' [label="thread 1 a"];', dot)
        self.assertEqual(dot.count("->"), 2)
        self.assertEqual(dot.count("{"), dot.count("}"))

    def test_exit_code(self):
        for code, command, expected in ((9, WRITE_FINDING + "exit 3", 9),
                                        (9, "exit 3", 3),
                                        (9, WRITE_FINDING + "kill -9 $$", 9)):
            done = self.watch("--exit-code", str(code), "--json", self.json, "--",
                              "sh", "-c", command)
            self.assertEqual(done.returncode, expected, command)

    def test_unfinished_line(self):
        done = self.watch("--json", self.json, "--", "sh", "-c", WRITE_FINDING +
                          'printf "{\\"kind\\"" >> "$SYNCXX_DEADLOCK_JSON"')
        self.assertEqual(self.findings(), [FINDING])
        self.assertIn("1 more could not be read", done.stderr)

    def test_quiet(self):
        done = self.watch("--quiet", "--json", self.json, "--", "sh", "-c",
                          WRITE_FINDING + "echo $SYNCXX_DEADLOCK_LOG")
        self.assertEqual((done.stdout, done.stderr), ("/dev/null\n", ""))
        self.assertEqual(len(self.findings()), 1)

    def test_environment(self):
        with open(f"{self.folder}/rules", "w", encoding="ascii") as file:
            file.write("deadlock:main\n")
        done = self.watch(
            "--log", "log", "--suppress", "rules", "--long-hold", "20", "--stat",
            "--", "sh", "-c", "cd /; env | grep -E '^(SYNCXX|LD)_' | sort",
            cwd=self.folder, environment={"LD_PRELOAD": "libc.so.6"})
        seen = dict(line.split("=", 1) for line in done.stdout.splitlines())
        for name, value in (
                ("SYNCXX_DEADLOCK", "report"),
                ("SYNCXX_DEADLOCK_LOG", f"{self.folder}/log"),
                ("SYNCXX_DEADLOCK_SUPPRESSIONS", f"{self.folder}/rules"),
                ("SYNCXX_LONG_HOLD_MS", "20"), ("SYNCXX_LOCKSTAT", "1"),
                ("LD_PRELOAD", f"{LIBRARY}:libc.so.6")):
            self.assertEqual(seen.get(name), value, name)

    def test_statistics(self):
        """What processes leave in the files comes after the findings."""
        line = '{"version":1,"kind":"lock_statistics","pid":7}'
        command = (WRITE_FINDING + 'echo a table >> "$SYNCXX_LOCKSTAT_LOG"; '
                   f"echo '{line}' >> \"$SYNCXX_LOCKSTAT_JSON\"; exit 3")
        done = self.watch("--stat", "--json", self.json, "--", "sh", "-c", command)
        self.assertEqual(done.returncode, 3)
        self.assertTrue(done.stderr.endswith("1 deadlock\na table\n"), done.stderr)
        self.assertEqual(self.findings(), [FINDING])
        with open(self.json, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["statistics"], [json.loads(line)])
        log = f"{self.folder}/log"
        done = self.watch("--stat", "--log", log, "--", "sh", "-c",
                          'echo a table >> "$SYNCXX_LOCKSTAT_LOG"')
        self.assertEqual(done.stderr, "")
        with open(log, encoding="utf-8") as file:
            self.assertEqual(file.read(), "a table\n")
        done = self.watch("--stat", "--quiet", "--json", self.json, "--", "sh", "-c",
                          'echo a table >> "$SYNCXX_LOCKSTAT_LOG"')
        self.assertEqual(done.stderr, "")
        with open(self.json, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["statistics"], [])

    def test_no_statistics(self):
        done = self.watch("--json", self.json, "--", "sh", "-c",
                          "env | grep LOCKSTAT")
        self.assertEqual(done.stdout, "")
        with open(self.json, encoding="utf-8") as file:
            self.assertNotIn("statistics", json.load(file))

    def test_library_with_spaces(self):
        os.mkdir(f"{self.folder}/a b:c")
        library = f"{self.folder}/a b:c/libsyncxx_preload.so"
        shutil.copy(LIBRARY, library)
        trace = f"{self.folder}/trace"
        done = self.watch("--", f"{PROGRAMS}/events", "lock",
                          environment={"SYNCXX_PRELOAD": library,
                                       "SYNCXX_TRACE": trace})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(trace, encoding="ascii") as file:
            self.assertIn("acquired mutex", file.read())

    def test_ends_by_the_same_signal(self):
        for name in ("SEGV", "TERM", "KILL"):
            done = self.watch("--json", self.json, "--", "sh", "-c",
                              f"{WRITE_FINDING} kill -{name} $$")
            self.assertEqual(done.returncode, -getattr(signal, "SIG" + name))
            self.assertEqual(len(self.findings()), 1)

    def test_passes_signals_on(self):
        process = self.start(
            "watch", "--json", self.json, "--", "sh", "-c",
            "trap 'echo hup; exit 4' HUP; echo ready; while :; do sleep 0.05; done")
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.stdout.readline(), "hup\n")
        self.assertEqual(process.wait(10), 4)
        self.assertEqual(self.findings(), [])

    def test_stop_and_continue(self):
        """As a shell does it: the job is one process group."""
        process = self.start("watch", "--", "sh", "-c", "echo 1; sleep 0.3; echo 2",
                             preexec_fn=os.setpgrp)
        self.assertEqual(process.stdout.readline(), "1\n")
        os.killpg(process.pid, signal.SIGTSTP)
        os.waitpid(process.pid, os.WUNTRACED)
        os.killpg(process.pid, signal.SIGCONT)
        self.assertEqual(process.stdout.readline(), "2\n")
        self.assertEqual(process.wait(10), 0)

    def test_timeout(self):
        begin = time.monotonic()
        done = self.watch("--timeout", "0.5", "--json", self.json, "--",
                          f"{PROGRAMS}/hangs", "fork")
        self.assertEqual(done.returncode, 124)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(self.findings(), [])
        pids = re.findall(r"(\d+) hangs", done.stdout)
        self.assertEqual(len(pids), 2)
        for pid in pids:
            self.assertIn(f"syncxx: process {pid}, hangs:\na thread dump\n",
                          done.stderr)
            self.assertFalse(is_running(pid), "it was left behind")

    def test_timeout_of_what_does_not_listen(self):
        done = self.watch("--timeout", "0.3", "--json", self.json, "--",
                          f"{PROGRAMS}/hangs", "signal")
        self.assertEqual(done.returncode, 124)
        self.assertIn("blocks signal", done.stderr)
        self.assertEqual(self.findings(), [])

    def test_timeout_in_time(self):
        done = self.watch("--timeout", "20", "--", "sh", "-c", "exit 2")
        self.assertEqual((done.returncode, done.stderr), (2, ""))

    def test_timeout_into_log(self):
        done = self.watch("--timeout", "0.3", "--log", f"{self.folder}/log", "--",
                          f"{PROGRAMS}/hangs")
        self.assertNotIn("a thread dump", done.stderr)
        with open(f"{self.folder}/log", encoding="ascii") as file:
            self.assertIn("a thread dump", file.read())

    def test_what_cannot_be_watched(self):
        done = self.watch("--", f"{PROGRAMS}/static")
        self.assertEqual((done.returncode, done.stdout), (126, ""))
        self.assertIn("statically linked", done.stderr)
        script = f"{self.folder}/script"
        with open(script, "w", encoding="ascii") as file:
            file.write(f"#!{PROGRAMS}/static -x\n")
        os.chmod(script, 0o755)
        self.assertEqual(self.watch("--", script).returncode, 126)

    def test_what_cannot_be_run(self):
        self.assertEqual(self.watch("--", "no-such-program").returncode, 127)
        self.assertEqual(self.watch("--", "./no-such-program").returncode, 127)
        plain = f"{self.folder}/plain"
        with open(plain, "w", encoding="ascii") as file:
            file.write("text\n")
        self.assertEqual(self.watch("--", plain).returncode, 126)

    def test_wrong_usage(self):
        for arguments in ([], ["--no-such-option", "--", "true"],
                          ["--exit-code", "0", "--", "true"],
                          ["--exit-code", "300", "--", "true"],
                          ["--timeout", "soon", "--", "true"],
                          ["--timeout", "-1", "--", "true"],
                          ["--long-hold", "1x", "--", "true"],
                          ["--json", "/no/such/folder/file", "--", "true"],
                          ["--suppress", "/no/such/file", "--", "true"]):
            done = self.watch(*arguments)
            self.assertEqual(done.returncode, 125, arguments)
            self.assertNotEqual(done.stderr, "", arguments)
        done = self.watch("--", "true",
                          environment={"SYNCXX_PRELOAD": "/no/such/library"})
        self.assertEqual(done.returncode, 125)

    def test_help(self):
        for arguments in (["--help"], ["watch", "--help"], ["dump", "--help"]):
            done = self.run_tool(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage: syncxx", done.stdout)
        self.assertRegex(self.run_tool("--version").stdout,
                         r"^syncxx \d+\.\d+\.\d+\n$")
        self.assertEqual(self.run_tool("no-such-verb").returncode, 2)
        self.assertEqual(self.run_tool().returncode, 2)

    # --- dump ------------------------------------------------------------------

    def test_dump(self):
        process = self.start("watch", "--", f"{PROGRAMS}/hangs")
        pid = process.stdout.readline().split()[0]
        for _ in range(3):
            done = self.run_tool("dump", pid)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, "a thread dump\n", ""))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), -signal.SIGTERM)
        self.assertEqual(process.stderr.read(), "")

    def test_dump_of_one_that_changes_its_environment(self):
        process = self.start(
            "watch", "--", "/usr/bin/env", "-i", f"{PROGRAMS}/hangs")
        pid = process.stdout.readline().split()[0]
        done = self.run_tool("dump", pid)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not watched", done.stderr)
        process.terminate()
        process.wait(10)

    def test_dump_that_is_not_to_be_had(self):
        process = self.start("watch", "--", f"{PROGRAMS}/hangs", "signal")
        pid = process.stdout.readline().split()[0]
        time.sleep(0.1)
        self.assertIn("blocks signal", self.run_tool("dump", pid).stderr)
        os.kill(int(pid), signal.SIGSTOP)
        time.sleep(0.1)
        self.assertIn("is stopped", self.run_tool("dump", pid).stderr)
        os.kill(int(pid), signal.SIGKILL)
        self.assertEqual(process.wait(10), -signal.SIGKILL)
        done = self.run_tool("dump", str(os.getpid()))
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not watched", done.stderr)
        self.assertIn("there is no process", self.run_tool("dump", "99999999").stderr)
        for wrong in ([], ["x"], ["-1"], ["1", "2"], ["12x"], ["0"]):
            self.assertEqual(self.run_tool("dump", *wrong).returncode, 2, wrong)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
