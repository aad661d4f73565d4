#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks, and turns what they print into JSON, tables and plots.

Competitors take turns within every program, so that noise hits them alike;
ratios are taken round by round, and the medians of those are what is judged.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import plots
import readme
import report

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["libabsl20220623", "libtbb12", "libnsync1", "libck0",
            "libboost-thread1.74.0", "libbenchmark1debian", "libc6",
            "libstdc++6"]

# What a user meets first, one line per kind of peer.
SHORT_FIELD = ("syncxx::mutex,std::mutex,pthread_mutex(adaptive),absl::Mutex,"
               "nsync_mu,tbb::mutex")
QUEUES = ",".join(report.QUEUES)
INHERIT = "syncxx::pi_mutex,pthread_mutex(inherit)"
PAIRS = "^(mutex_pair|spinlock_pair|semaphore_pair)/"
PINNED = "^(condvar_ping_pong(_unlocked)?|semaphore_ping_pong)_(same|two)_"

MODES = {
    "smoke": {
        "uncontended_bench": [["--rounds=2", "--seconds=0.001"]],
        "ping_pong_bench": [["--rounds=2", "--seconds=0.001",
                             "--benchmark_filter=" + PINNED]],
        "barrier_bench": [["--rounds=1", "--seconds=0.001",
                           "--benchmark_filter=_2/"]],
        "broadcast_bench": [["--rounds=1",
                             "--benchmark_filter=^broadcast_8/"]],
        "shared_bench": [["--rounds=1", "--seconds=0.001",
                          "--benchmark_filter=_pair/|_2_threads/syncxx"]],
        "biased_bench": [["--rounds=1", "--seconds=0.001"]],
        "wait_any_bench": [["--rounds=1", "--seconds=0.001",
                            "--benchmark_filter=_of_8/"]],
        "interprocess_bench": [["--rounds=1", "--seconds=0.001"]],
        "bankers_bench": [["--rounds=1", "--seconds=0.001",
                           "--benchmark_filter=_100x8/|threads_2/"]],
        "contention": [
            ["--threads=2,8,64", "--rounds=2", "--seconds=0.01",
             "--fair-rounds=1", "--locks=" + SHORT_FIELD],
            ["--threads=3,16", "--rounds=2", "--seconds=0.01",
             "--fair-seconds=0", "--locks=" + QUEUES],
            ["--threads=2", "--rounds=2", "--seconds=0.01",
             "--fair-seconds=0", "--pin", "--locks=" + INHERIT],
        ],
    },
    "quick": {
        "uncontended_bench": [["--rounds=5", "--seconds=0.005",
                               "--benchmark_filter=" + PAIRS]],
        "ping_pong_bench": [["--rounds=5", "--seconds=0.005",
                             "--benchmark_filter=" + PINNED]],
        "barrier_bench": [["--rounds=5", "--seconds=0.01",
                           "--benchmark_filter=_[24]/"]],
        "broadcast_bench": [["--rounds=2",
                             "--benchmark_filter=^broadcast(_unlocked)?_64/"]],
        "contention": [["--threads=2,8,64", "--rounds=5", "--seconds=0.07",
                        "--fair-rounds=1", "--fair-seconds=0.2",
                        "--locks=" + SHORT_FIELD]],
    },
    "full": {
        "uncontended_bench": [["--rounds=15", "--seconds=0.01"]],
        "ping_pong_bench": [["--rounds=7", "--seconds=0.02"]],
        "barrier_bench": [["--rounds=15", "--seconds=0.02"]],
        "broadcast_bench": [["--rounds=7"]],
        "shared_bench": [["--rounds=5", "--seconds=0.01"]],
        "biased_bench": [["--rounds=9", "--seconds=0.01"]],
        "wait_any_bench": [["--rounds=7", "--seconds=0.02"]],
        "interprocess_bench": [["--rounds=9", "--seconds=0.02"]],
        "bankers_bench": [["--rounds=3", "--seconds=0.01"],
                          ["--rounds=6", "--seconds=0.02",
                           "--benchmark_filter=x8/"]],
        "contention": [
            ["--threads=1,2,4,8,64", "--rounds=7", "--seconds=0.2",
             "--fair-rounds=3", "--fair-seconds=0.3"],
            # The locks above have run with 2, 4, 8 and 64 threads.
            ["--threads=3,16,32", "--rounds=7", "--seconds=0.2",
             "--fair-seconds=0", "--base=syncxx::queue_lock",
             "--locks=" + QUEUES],
            ["--threads=2", "--cs=20,200", "--rounds=15", "--seconds=0.2",
             "--fair-seconds=0", "--pin", "--base=pthread_mutex(inherit)",
             "--locks=" + INHERIT],
            ["--threads=8", "--rounds=15", "--seconds=0.2", "--fair-seconds=0",
             "--pin", "--base=syncxx::mcs_lock",
             "--locks=syncxx::mcs_lock,syncxx::queue_lock"],
            ["--threads=2,4,8,64", "--rounds=5", "--seconds=0.2", "--cs=2000",
             "--locks=" + SHORT_FIELD + ",syncxx::spinlock,tbb::spin_mutex"],
            ["--threads=2,4,8,64", "--rounds=5", "--seconds=0.2",
             "--think=200",
             "--locks=" + SHORT_FIELD + ",syncxx::spinlock,tbb::spin_mutex"],
        ],
    },
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_program(build, name):
    for folder in (build, build / "bench"):
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise SystemExit(
        f"bench/run.py: there is no {name} in {build} or {build}/bench.\n"
        "Build first: cmake --preset bench && cmake --build --preset bench")


def run_program(build, name, arguments, scratch):
    """One run of one program; its JSON as a dictionary."""
    path = find_program(build, name)
    out = scratch / (name + ".json")
    command = [str(path), *arguments, f"--json={out}"]
    say("$ " + " ".join(command[:-1]))
    # Progress goes to stderr.
    result = subprocess.run(command, stdout=subprocess.DEVNULL)
    if result.returncode != 0:
        raise SystemExit(f"bench/run.py: {name} failed ({result.returncode})")
    return json.loads(out.read_text())


def package_versions():
    """Which builds of the peers these are, where dpkg knows."""
    try:
        result = subprocess.run(
            ["dpkg-query", "-W", "-f=${Package} ${Version}\\n", *PACKAGES],
            capture_output=True, text=True)
    except FileNotFoundError:
        return {}
    return dict(line.split(" ", 1) for line in result.stdout.splitlines()
                if " " in line)


def distribution():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def measure(mode, only, build, scratch):
    """Runs the programs of a mode and puts their results together."""
    data = {"schema": 1, "mode": mode, "programs": {}}
    started = time.monotonic()
    load = os.getloadavg()[0]
    steps = [(name, arguments) for name, runs in MODES[mode].items()
             for arguments in runs if only is None or name in only]
    brief = {"contention": ["--brief"]}
    for number, (name, arguments) in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {name}, after "
            f"{time.monotonic() - started:.0f} s")
        out = run_program(build, name, arguments + brief.get(name, []),
                          scratch)
        data["machine"] = out["machine"]
        data["libraries"] = out["libraries"]
        data["programs"].setdefault(name, []).append(
            {"arguments": arguments, "results": out["results"]})
    data["machine"]["load_average"] = load
    sizes = subprocess.run([str(find_program(build, "sizes"))],
                           capture_output=True, text=True, check=True)
    data["sizes"] = json.loads(sizes.stdout)["sizes"]
    data["machine"]["distribution"] = distribution()
    data["packages"] = package_versions()
    data["seconds"] = round(time.monotonic() - started, 1)
    data["targets"] = [t.as_json() for t in report.targets(data)]
    return data


def check_sane(data, drawn):
    """The smoke test: every number is there and above zero."""
    problems = []
    seen = set()
    for name, runs in data["programs"].items():
        for run in runs:
            if not run["results"]:
                problems.append(f"{name}: no results")
            for r in run["results"]:
                if name == "contention":
                    if r["skipped"]:
                        continue
                    rounds, what = r["mops_rounds"], r["lock"]
                else:
                    rounds, what = r["real_ns_rounds"], r["competitor"]
                if not rounds or min(rounds) <= 0:
                    problems.append(f"{name}: {what}: {rounds}")
        names = [(r["scenario"], r["competitor"]) for run in runs
                 for r in run["results"] if name != "contention"]
        problems += [f"{name}: {n} was measured by another program too"
                     for n in names if n in seen]
        seen.update(names)
    programs = {p.stem for p in (ROOT / "bench").glob("*_bench.cc")}
    for mode in ("smoke", "full"):
        problems += [f"{name} is not run by --{mode}"
                     for name in programs - {"model_bench"} - set(MODES[mode])]
    if not any(s["library"] == "syncxx" for s in data["sizes"]):
        problems.append("sizes: syncxx is missing")
    if not data["targets"]:
        problems.append("nothing was held against a target")
    problems += [f"target not judged: {t['what']}" for t in data["targets"]
                 if t["value"] is None]
    if plots.available():
        for path in drawn:
            if not path.is_file() or path.stat().st_size < 1000:
                problems.append(f"{path}: not drawn")
        if not any(path.suffix == ".svg" for path in drawn):
            problems.append("no SVG was drawn")
    return problems


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", dest="mode", action="store_const",
                      const="quick", help="half a minute: the main figures")
    mode.add_argument("--full", dest="mode", action="store_const",
                      const="full", help="everything, several minutes (default)")
    mode.add_argument("--smoke", dest="mode", action="store_const",
                      const="smoke",
                      help="seconds: do all parts work? No figure means much")
    mode.add_argument("--report", action="store_true",
                      help="measure nothing: tables, plots and README from the "
                      "JSON that is there")
    parser.add_argument("--only", type=lambda names: names.split(","),
                        metavar="PROGRAM,...",
                        help="of the mode's programs these alone")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "bench",
                        help="where the programs are (default build/bench)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results",
                        help="where JSON and plots go (default bench/results)")
    parser.add_argument("--readme", action="store_true",
                        help="rewrite the table in README.md from the JSON")
    return parser.parse_args()


def main():
    options = parse_arguments()
    mode = options.mode or "full"
    for name in options.only or ():
        if name not in MODES[mode]:
            raise SystemExit(f"bench/run.py: --only: {name} is none of "
                             f"{', '.join(MODES[mode])}")
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "bench.json"
    if options.report:
        if not path.is_file():
            raise SystemExit(f"bench/run.py: there is no {path}")
        data = json.loads(path.read_text())
        data["targets"] = [t.as_json() for t in report.targets(data)]
    else:
        scratch = options.out / "raw"
        scratch.mkdir(exist_ok=True)
        data = measure(mode, options.only, options.build, scratch)
        for leftover in scratch.iterdir():
            leftover.unlink()
        scratch.rmdir()
        path.write_text(json.dumps(data, separators=(",", ":")) + "\n")

    report.print_all(data)
    drawn = plots.draw_all(data, options.out)
    if options.readme:
        readme.rewrite(ROOT / "README.md", data, drawn)
    if mode == "smoke" and not options.report:
        problems = check_sane(data, drawn)
        if problems:
            raise SystemExit("smoke test failed:\n  " + "\n  ".join(problems))
    print()
    print("Results:")
    for produced in [path, *drawn]:
        print(f"  {os.path.relpath(produced)}")


if __name__ == "__main__":
    main()
