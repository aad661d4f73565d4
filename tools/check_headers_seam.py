#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that only the seam names atomics, syscalls, clocks and threads.

Every primitive is written against the seam's headers in include/sync/detail/
(and src/futex/ for the kernel), so that one source also serves the checkers;
src/deadlock/ watches primitives from outside and is no primitive itself.
This tool fails on a header or source outside the seam that names std::atomic, a fence, a syscall,
std::this_thread or a clock's now(); it prints file, line and what to use.

Usage: tools/check_headers_seam.py [--self-test]
"""

import pathlib
import re
import sys
import tempfile

SEAM_HEADERS = ("annotations", "atomic", "cache_line", "clock", "config",
                "deadline", "futex", "hooks", "spin_wait", "thread", "thread_id")
SEAM = ("src/futex/", "src/deadlock/", "src/model/", "include/sync/model/",
        "include/sync/relacy/",
        *(f"include/sync/detail/{name}.h" for name in SEAM_HEADERS),
        *(f"src/{name}.cc" for name in SEAM_HEADERS))

# A header whose purpose is to give one of these names to the user, or to ask a
# clock that only the user knows.
EXEMPT = {
    "include/sync/atomic.h": {"atomics"},
    "include/sync/thread.h": {"threads"},
    "include/sync/detail/cv_waits.h": {"clocks"},
}

RULES = [
    ("atomics",
     r"\bstd\s*::\s*(atomic\w*|memory_order\w*)|#\s*include\s*<atomic>"
     r"|\b__atomic_\w+|\b__sync_\w+",
     "detail::atomic, detail::memory_order_* of <sync/detail/atomic.h>"),
    ("threads",
     r"\bstd\s*::\s*(this_thread|thread|jthread)\b|\bpthread_\w+"
     r"|\bsched_yield\b|\b(nano|u)sleep\s*\(|(?<!\w)::sleep\s*\(",
     "<sync/detail/thread.h>"),
    ("clocks",
     r"\b(steady_clock|system_clock|high_resolution_clock|Clock)\s*::\s*now\b"
     r"|\bclock_gettime\b",
     "<sync/detail/clock.h> and <sync/detail/deadline.h>"),
    ("syscalls",
     r"\bsyscall\s*\(|\bSYS_\w+|\b__NR_\w+|#\s*include\s*<linux/"
     r"|#\s*include\s*<sys/syscall\.h>",
     "<sync/detail/futex.h> or src/futex/"),
    ("pauses", r"\b__builtin_ia32_pause\b|\b_mm_pause\b",
     "detail::pause() of <sync/detail/thread.h>"),
]

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def blank(match):
    """Comments and strings become blanks; an #include's path is kept."""
    return re.sub(r"[^\n]", " ", match.group(0))


def findings(root):
    root = pathlib.Path(root)
    found = []
    for folder in ("include/sync", "src"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix not in (".h", ".cc") or name.startswith(SEAM):
                continue
            text = COMMENT_OR_STRING.sub(blank, path.read_text())
            for number, line in enumerate(text.splitlines(), 1):
                for rule, pattern, instead in RULES:
                    if rule in EXEMPT.get(name, ()):
                        continue
                    match = re.search(pattern, line)
                    if match:
                        found.append(f"{name}:{number}: `{match.group(0)}` "
                                     f"is for the seam: use {instead}")
    return found


def self_test():
    """Each rule must catch its own, and only outside the seam and comments."""
    guilty = {
        "atomics": "std::atomic<int> a;",
        "threads": "void f() { std::this_thread::yield(); }",
        "clocks": "auto t = std::chrono::steady_clock::now();",
        "syscalls": "long f() { return syscall(SYS_futex); }",
        "pauses": "void f() { __builtin_ia32_pause(); }",
    }
    for rule, line in guilty.items():
        with tempfile.TemporaryDirectory() as root:
            for name in ("include/sync/a.h", "src/b.cc",
                         "include/sync/detail/raw.h",
                         "include/sync/detail/clock.h", "src/spin_wait.cc",
                         "src/futex/d.cc"):
                path = pathlib.Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"// {line}\n/* {line}\n*/\n{line}\n")
            got = [entry.split(": ")[0] for entry in findings(root)]
            want = ["include/sync/a.h:4", "include/sync/detail/raw.h:4",
                    "src/b.cc:4"]
            if got != want:
                print(f"self-test: rule {rule}: found {got}, wanted {want}")
                return 1
    print("check_headers_seam: self-test passed")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) > 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = findings(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(found + [f"check_headers_seam: {len(found)} found"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
