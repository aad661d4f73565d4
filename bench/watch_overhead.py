#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `syncxx watch` adds to a lock and unlock of an uncontended mutex.

Compiles watch_overhead.c, runs it plainly and under watch in turn, and prints
the median of each and of the differences.

Usage: bench/watch_overhead.py --tool FILE [--cc COMPILER] [--runs N] [--json FILE]
"""

import argparse
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = {}
    for line in done.stdout.splitlines():
        depth, order, ns = line.split()
        result[int(depth), order] = float(ns)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", required=True, help="the tool `syncxx`")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", help="also write the numbers to this file")
    arguments = parser.parse_args()

    source = pathlib.Path(__file__).with_name("watch_overhead.c")
    plain = collections.defaultdict(list)
    watched = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/watch_overhead"
        subprocess.run([arguments.cc, "-O2", "-pthread", "-o", program,
                        str(source)], check=True)
        for _ in range(arguments.runs):
            for key, ns in run([program]).items():
                plain[key].append(ns)
            for key, ns in run([arguments.tool, "watch", "--",
                                program]).items():
                watched[key].append(ns)

    rows = []
    print(f"{'depth':>5} {'order':<20} {'plain':>8} {'watched':>8} {'added':>8}"
          "   ns a pair, medians")
    for key in plain:
        added = [w - p for p, w in zip(plain[key], watched[key])]
        row = {"depth": key[0], "order": key[1],
               "plain_ns": statistics.median(plain[key]),
               "watched_ns": statistics.median(watched[key]),
               "added_ns": statistics.median(added)}
        rows.append(row)
        print(f"{row['depth']:>5} {row['order']:<20} {row['plain_ns']:>8.1f} "
              f"{row['watched_ns']:>8.1f} {row['added_ns']:>8.1f}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(
            json.dumps({"runs": arguments.runs, "rows": rows}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
