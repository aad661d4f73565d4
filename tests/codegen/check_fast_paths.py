#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the locked instructions on the fast paths of the primitives.

Compiles fast_paths.cc, disassembles it with objdump, and follows the control
flow of each function from its entry to each `ret` without entering a call or
leaving the function for its cold part. Each compare-exchange on it succeeds: a
retry is not the fast path. A tail call of a function of the library's own (not
a cold one) is followed. On x86-64 an instruction locks the bus if it has the
`lock` prefix or is an `xchg` with memory; fences count as well. The most that
any such path has must be what is promised.

It also compares mutex and spinlock with hand-written ones: the instructions on
their fast paths must be the same, but for addresses.

usage: check_fast_paths.py --cxx g++-12 --include DIR [--flags "-O2"] [-v]
exit: 0 as promised, 1 not, 77 cannot be checked here.
"""
import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

SKIP = 77
SAMPLES = Path(__file__).with_name("fast_paths.cc")
SOURCES = Path(__file__).parents[2] / "src"

# Function -> locked instructions on its fast path.
PROMISES = {
    "mutex_lock": 1,
    "mutex_unlock": 1,
    "mutex_try_lock": 1,
    "recursive_mutex_lock": 1,
    "recursive_mutex_unlock": 1,
    "shared_mutex_lock": 1,
    "shared_mutex_try_lock": 1,
    "shared_mutex_unlock": 1,
    "shared_mutex_lock_shared": 1,
    "shared_mutex_try_lock_shared": 1,
    "shared_mutex_unlock_shared": 1,
    "shared_mutex_lock_upgrade": 1,
    "shared_mutex_unlock_upgrade": 1,
    "shared_mutex_unlock_upgrade_and_lock": 1,
    "byte_mutex_lock": 1,
    "byte_mutex_unlock": 1,
    "byte_mutex_try_lock": 1,
    "pi_mutex_lock": 1,
    "pi_mutex_unlock": 1,
    "pi_mutex_try_lock": 1,
    "pi_condition_variable_notify_one": 0,
    "robust_mutex_lock": 1,
    "robust_mutex_unlock": 1,
    "robust_pi_mutex_lock": 1,
    "robust_pi_mutex_unlock": 1,
    "interprocess_shared_mutex_lock": 1,
    "interprocess_shared_mutex_unlock": 1,
    "interprocess_shared_mutex_lock_shared": 1,
    "interprocess_shared_mutex_unlock_shared": 1,
    "interprocess_pi_mutex_lock": 1,
    "interprocess_pi_mutex_unlock": 1,
    "spinlock_lock": 1,
    "spinlock_unlock": 0,
    "spinlock_try_lock": 1,
    "ticket_lock_lock": 1,
    "ticket_lock_unlock": 0,
    "ticket_lock_try_lock": 1,
    "mcs_lock_lock": 1,
    "mcs_lock_unlock": 1,
    "mcs_lock_try_lock": 1,
    "queue_lock_lock": 1,
    "queue_lock_unlock": 1,
    "queue_lock_try_lock": 1,
    "semaphore_acquire": 1,
    "semaphore_try_acquire": 1,
    "semaphore_release": 1,
    "binary_semaphore_acquire": 1,
    "binary_semaphore_release": 1,
    "event_wait": 0,
    "event_try_wait": 0,
    "event_is_set": 0,
    "event_set": 1,
    "auto_reset_event_wait": 1,
    "auto_reset_event_set": 1,
    "event_count_notify_one": 1,  # a fence
    "event_count_notify_all": 1,
    "latch_wait": 0,
    "latch_try_wait": 0,
    "latch_count_down": 1,
    "barrier_arrive": 2,  # the last of a phase; the others 1
    "barrier_try_wait": 0,
    "once_call": 0,
    "once_is_done": 0,
    "condition_variable_notify_one": 0,
    "condition_variable_notify_all": 0,
    "condition_variable_any_notify_one": 0,
    "condition_variable_any_notify_all": 0,
    "asymmetric_fence_light": 0,
    "biased_shared_mutex_lock_shared": 0,
    "biased_shared_mutex_try_lock_shared": 0,
    "biased_shared_mutex_unlock_shared": 0,
    "seqlock_try_load": 0,
    "seqlock_store": 2,
    # Not promises: they show that the counting can tell.
    "control_two_locked": 2,
    "control_one_of_two_ways": 1,
}

# Ours and the hand-written one: the same instructions.
TWINS = [
    ("mutex_lock", "bare_mutex_lock"),
    ("mutex_unlock", "bare_mutex_unlock"),
    ("mutex_try_lock", "bare_mutex_try_lock"),
    ("spinlock_lock", "bare_spinlock_lock"),
    ("spinlock_unlock", "bare_spinlock_unlock"),
]


@dataclass(eq=False)  # each is itself
class Instruction:
    address: int
    text: str  # opcode and operands
    symbol: str = ""  # in another section or object, where it refers to one

    @property
    def opcode(self):
        words = self.text.split()
        return words[1] if words[0] in ("lock", "bnd", "notrack") else words[0]

    @property
    def locks(self):
        if self.text.startswith("lock"):
            return True
        if self.opcode in ("mfence", "sfence", "lfence"):
            return True
        return self.opcode.startswith("xchg") and "(" in self.text

    @property
    def target(self):
        """Where a jump inside the function goes; None if it leaves it."""
        if self.symbol:
            return None
        match = re.search(r"\b([0-9a-f]+) <", self.text)
        return int(match.group(1), 16) if match else None


    @property
    def compares_and_exchanges(self):
        return self.text.startswith("lock") and "cmpxchg" in self.text

    @property
    def keeps_flags(self):
        return self.opcode.startswith(("mov", "lea", "nop"))


@dataclass
class Function:
    name: str
    code: list = field(default_factory=list)

    def index_of(self, address):
        for i, ins in enumerate(self.code):
            if ins.address == address:
                return i
        return None

    def ways_on(self, i):
        """The instructions that may follow the i-th; None: leaves for good."""
        ins = self.code[i]
        if ins.opcode.startswith(("call", "ud2", "hlt", "int3")):
            return []
        if ins.opcode == "jmp":
            return [self.index_of(ins.target)]
        if not ins.opcode.startswith("j"):
            return [i + 1]
        ways = [i + 1, self.index_of(ins.target)]
        k = i - 1
        while k >= 0 and self.code[k].keeps_flags:
            k -= 1
        if k >= 0 and self.code[k].compares_and_exchanges:
            # Success is "equal".
            if ins.opcode in ("jne", "jnz"):
                return ways[:1]
            if ins.opcode in ("je", "jz"):
                return ways[1:]
        return ways


def fast_paths(functions, name):
    """All ways from the entry to a `ret` that repeat no instruction."""
    paths = []
    stack = [(functions[name], 0, ())]
    while stack:
        function, i, path = stack.pop()
        if i is None or i >= len(function.code):
            continue
        ins = function.code[i]
        if ins in path:
            continue  # a retry
        path += (ins,)
        if ins.opcode.startswith("ret"):
            paths.append(path)
        elif ins.opcode == "jmp" and ins.symbol in functions:
            stack.append((functions[ins.symbol], 0, path))
        else:
            stack += [(function, k, path) for k in function.ways_on(i)]
    return paths


def disassemble(objdump, obj):
    text = subprocess.run(
        [objdump, "-dr", "--no-show-raw-insn", "-w", str(obj)],
        check=True, capture_output=True, text=True).stdout
    functions = {}
    current = None
    section = ""
    for line in text.splitlines():
        if line.startswith("Disassembly of section "):
            section = line.split()[-1]
        head = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if head:
            current = Function(head.group(1))
            if "unlikely" not in section:  # cold functions are never fast
                functions[current.name] = current
            continue
        ins = re.match(r"^\s*([0-9a-f]+):\s+(.*)$", line)
        if not ins or current is None:
            continue
        words, _, relocation = ins.group(2).partition("\t")
        words = re.sub(r"\s+", " ", words.split("#")[0]).strip()
        symbol = re.search(r"R_X86_64_\w+\s+([^\s+-]+)", relocation)
        if words:
            current.code.append(
                Instruction(int(ins.group(1), 16), words,
                            symbol.group(1) if symbol else ""))
    return functions


def shape(path):
    """A path's instructions without what depends on where they lie."""
    result = []
    for ins in path:
        if ins.opcode.startswith("j"):
            result.append(ins.opcode)
        elif not ins.opcode.startswith(("nop", "endbr", "cs", "data16")):
            result.append(ins.text)
    return result


def check_promises(functions, verbose):
    bad = 0
    for name, promised in PROMISES.items():
        if name not in functions:
            print(f"FAIL {name}: not in the object file")
            bad += 1
            continue
        paths = fast_paths(functions, name)
        if not paths:
            print(f"FAIL {name}: every way through it makes a call")
            bad += 1
            continue
        most = max(sum(ins.locks for ins in path) for path in paths)
        ok = most == promised
        bad += not ok
        if not ok or verbose:
            print(f"{'ok  ' if ok else 'FAIL'} {name}: {most} locked "
                  f"instructions on its fast path, promised {promised}")
        if not ok:
            for ins in functions[name].code:
                print(f"      {ins.address:4x}: {ins.text}")
    return bad


def check_twins(functions, verbose):
    bad = 0
    for ours, theirs in TWINS:
        shapes = [sorted(shape(p) for p in fast_paths(functions, f))
                  for f in (ours, theirs)]
        ok = shapes[0] == shapes[1] and shapes[0]
        bad += not ok
        if not ok or verbose:
            print(f"{'ok  ' if ok else 'FAIL'} {ours} is {theirs}, "
                  f"instruction by instruction")
        if not ok:
            for name, paths in zip((ours, theirs), shapes):
                for path in paths:
                    print(f"      {name}: " + "; ".join(path))
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--include", required=True)
    parser.add_argument("--flags", default="-O2")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()

    if platform.machine() not in ("x86_64", "amd64"):
        print(f"SKIPPED: knows x86-64 only, this is {platform.machine()}")
        return SKIP
    for tool in (args.cxx, args.objdump):
        if shutil.which(tool) is None:
            print(f"SKIPPED: {tool} is not installed")
            return SKIP

    functions = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in [*SOURCES.glob("*.cc"), SAMPLES]:
            obj = Path(folder) / f"{source.stem}.o"
            subprocess.run(
                [args.cxx, "-std=c++20", *args.flags.split(), "-pthread",
                 "-I", args.include, "-c", str(source), "-o", str(obj)],
                check=True)
            functions |= disassemble(args.objdump, obj)

    bad = check_promises(functions, args.verbose)
    bad += check_twins(functions, args.verbose)
    total = len(PROMISES) + len(TWINS)
    print(f"{args.cxx} {args.flags}: {total - bad} of {total} as promised")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
