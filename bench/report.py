# SPDX-License-Identifier: Apache-2.0
"""Tables and targets from the combined JSON of bench/run.py."""

import re
import statistics

MUTEXES = ("syncxx::mutex", "std::mutex", "pthread_mutex(adaptive)",
           "absl::Mutex", "nsync_mu", "tbb::mutex")
QUEUES = ("syncxx::ticket_lock", "syncxx::mcs_lock", "syncxx::queue_lock",
          "tbb::queuing_mutex", "ck_spinlock_ticket", "ck_spinlock_mcs",
          "ck_spinlock_clh")
SEMAPHORES = ("syncxx::counting_semaphore", "sem_t", "std::counting_semaphore")


def quartiles(values):
    """Median and quartiles, linear between ranks."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return median, q1, q3


def ratios(rounds, base):
    """One ratio per round; both were measured side by side in it."""
    return [a / b for a, b in zip(rounds, base) if b > 0]


def scenarios(data):
    """scenario -> competitor -> result, in the order they were measured."""
    found = {}
    for name, runs in data["programs"].items():
        if name == "contention":
            continue
        for run in runs:
            for r in run["results"]:
                found.setdefault(r["scenario"], {})[r["competitor"]] = r
    return found


def contests(data, pinned=False):
    """(cs, think, threads) -> lock -> result."""
    found = {}
    for run in data["programs"].get("contention", []):
        for r in run["results"]:
            if not r["skipped"] and r.get("pinned", False) == pinned:
                key = (r["cs_ns"], r["think_ns"], r["threads"])
                found.setdefault(key, {})[r["lock"]] = r
    return found


# Several threads, or processes, share the work.
TOGETHER = re.compile(
    r"ping_pong|broadcast|barrier_|contended|readers_|reads_|"
    r"value_load_\d|value_99_percent_loads_|once_race_|bankers_threads_|"
    r"^(event_set|latch_open)_\d")


def time_rounds(result):
    """Processor time where one thread does all, else time on the clock."""
    together = TOGETHER.search(result["scenario"])
    return result["real_ns_rounds" if together else "cpu_ns_rounds"]


def show_ns(ns):
    for limit, scale, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"),
                               (1e12, 1e6, "ms")):
        if ns < limit:
            return f"{ns / scale:.{1 if ns / scale < 100 else 0}f} {unit}"
    return f"{ns:.3g} ns"


def show_number(x):
    return f"{x:.0f}" if x >= 1000 else f"{x:.3g}"


class Target:
    """Something that must be reached: value against limit."""

    def __init__(self, what, limit, above=False, binding=True):
        self.what, self.limit, self.above = what, limit, above
        self.binding = binding  # or told for comparison only
        self.value = self.low = self.high = None
        self.note = ""

    def by_rounds(self, rounds, base, note=""):
        if rounds and base:
            values = ratios(rounds, base)
            self.value, self.low, self.high = quartiles(values)
        self.note = note
        return self

    def by_value(self, value, note=""):
        self.value, self.note = value, note
        return self

    def passed(self):
        if self.value is None:
            return None
        if self.above:
            return self.value >= self.limit
        return self.value <= self.limit

    def as_json(self):
        return {"what": self.what, "limit": self.limit,
                "relation": ">=" if self.above else "<=",
                "value": self.value, "q1": self.low, "q3": self.high,
                "passed": self.passed(), "binding": self.binding,
                "note": self.note}


def pair_targets(found):
    out = []
    for scenario, ours, limits in (
            ("mutex_pair", "syncxx::mutex",
             (("bare cmpxchg + xchg", 1.10), ("std::mutex", 0.8))),
            ("semaphore_pair", "syncxx::counting_semaphore", (("sem_t", 0.7),)),
            ("spinlock_pair", "syncxx::spinlock",
             (("bare xchg + store", 1.05),))):
        table = found.get(scenario, {})
        for peer, limit in limits:
            if ours in table and peer in table:
                a, b = (time_rounds(table[n]) for n in (ours, peer))
                out.append(Target(f"{ours} pair / {peer}", limit).by_rounds(
                    a, b, f"{show_ns(statistics.median(a))} against "
                    f"{show_ns(statistics.median(b))}"))
    return out


def best_peer(table, candidates):
    peers = [n for n in candidates if n in table
             and table[n]["library"] != "syncxx"]
    return max(peers, key=lambda n: table[n]["mops"]["median"], default=None)


def contention_targets(found):
    out = []
    ours = "syncxx::mutex"
    for threads in (2, 8, 64):
        table = found.get((20, 0, threads), {})
        if ours not in table:
            continue
        mutex = best_peer(table, MUTEXES)
        anything = best_peer(table, list(table))
        rows = [("best mutex", mutex)]
        if anything != mutex:
            rows.append(("best lock of any kind", anything))
        for words, peer in rows:
            if peer is None:
                continue
            a, b = (table[n]["mops_rounds"] for n in (ours, peer))
            out.append(Target(
                f"{threads} threads: throughput / {words} ({peer})", 1.0,
                above=True).by_rounds(
                    a, b, f"{statistics.median(a):.1f} against "
                    f"{statistics.median(b):.1f} Mops/s; p99.9 wait there "
                    f"{show_ns(table[peer]['wait_ns']['p999'])}"))
    table = found.get((20, 0, 8), {})
    if ours in table:
        mine = table[ours]
        out.append(Target("8 threads: p99.9 wait in ms, all acquisitions",
                          10.0).by_value(mine["wait_ns"]["p999"] / 1e6))
        out.append(Target(
            "8 threads: p99.9 wait in ms, where others were served meanwhile",
            10.0, binding=False).by_value(mine["passed_wait_ns"]["p999"] / 1e6))
        peers = [(n, table[n]["passed_over"]["max"]) for n in table
                 if table[n]["library"] != "syncxx"]
        if peers:
            name, most = max(peers, key=lambda p: p[1])
            out.append(Target(
                "8 threads: most overtakes of a waiter (limit: worst peer's)",
                most, binding=False).by_value(
                    mine["passed_over"]["max"], f"{most} is {name}'s"))
    return out


def wakeup_targets(found):
    out = []
    ours, raw = "syncxx::condition_variable", "raw futex"
    moved = "raw futex, moved"
    for suffix, words in (("", "notify with the lock held"),
                          ("_unlocked", "notify after unlocking")):
        for place in ("_same_cpu", "_two_cpus"):
            table = found.get("condvar_ping_pong" + suffix + place, {})
            if ours not in table or raw not in table:
                continue
            a, b = (time_rounds(table[n]) for n in (ours, raw))
            out.append(Target(
                f"condvar ping-pong / raw futex,{place.replace('_', ' ')}, "
                f"{words}", 1.15).by_rounds(
                    a, b, f"{show_ns(statistics.median(a))} against "
                    f"{show_ns(statistics.median(b))}"))
            if moved in table and not suffix:
                out.append(Target(
                    f"... the floor of that: moved, then woken,"
                    f"{place.replace('_', ' ')}", 1.15,
                    binding=False).by_rounds(time_rounds(table[moved]), b))
    for suffix, words in (("", "with the lock held"),
                          ("_unlocked", "after unlocking")):
        for waiters in (64, 8):
            table = found.get(f"broadcast{suffix}_{waiters}", {})
            if ours not in table or (waiters == 8 and out and any(
                    "broadcast to 64" in t.what for t in out)):
                continue
            mine = table[ours]
            out.append(Target(
                f"broadcast to {waiters} {words}: context switches",
                waiters + 8).by_value(
                    statistics.median(mine["switches"]),
                    f"{statistics.median(mine['preemptions']):.0f} of them "
                    "preemptions"))
            std = table["std::condition_variable"]
            out.append(Target(
                f"broadcast to {waiters} {words}: time / "
                "std::condition_variable", 1.0).by_rounds(
                    time_rounds(mine), time_rounds(std),
                    f"{show_ns(statistics.median(time_rounds(mine)))} against "
                    f"{show_ns(statistics.median(time_rounds(std)))}"))
    return out


# Scenario, ours, the peer, the limit: the most of the peer's time.
PROMISED = (
    ("shared_pair", "syncxx::shared_mutex", "std::shared_mutex", 0.75),
    ("shared_pair", "syncxx::biased_shared_mutex", "std::shared_mutex", 0.4),
    ("reads_99_percent_2", "syncxx::biased_shared_mutex", "std::shared_mutex",
     0.5),
    ("mutex_pair", "syncxx::byte_mutex", "syncxx::mutex", 1.1),
    ("pi_mutex_pair", "syncxx::pi_mutex", "pthread_mutex(inherit)", 0.75),
    ("robust_mutex_pair", "syncxx::robust_mutex", "pthread_mutex(robust)",
     0.8),
    *((f"barrier_round_{threads}", "syncxx::barrier", peer, 0.8)
      for threads in (2, 4, 8, 16, 32, 64)
      for peer in ("std::barrier", "pthread_barrier")),
    *((f"bankers_{states}x8", "syncxx::bankers_allocator", "textbook", limit)
      for states, limit in (("random_10000", 0.25), ("chain_10000", 0.005),
                            ("easy_100", 1.2))),
    *((f"semaphore_ping_pong_{place}", "syncxx::counting_semaphore",
       "std::counting_semaphore", 1.0) for place in ("same_cpu", "two_cpus")),
)

# Told, not judged: scenario, ours, the peer.
OTHERS = (
    *((f"mixed_{reads}_percent_reads_{threads}_threads",
       "syncxx::shared_mutex", "std::shared_mutex")
      for threads in (2, 4, 8, 64) for reads in (50, 90, 99, 100)),
    ("value_load", "syncxx::seqlock", "floor: atomic words"),
    *((f"value_99_percent_loads_{threads}", "syncxx::seqlock", "ck_sequence")
      for threads in (2, 8, 64)),
    ("once_when_done", "syncxx::call_once", "std::call_once"),
    *((f"once_race_{threads}", "syncxx::call_once", "std::call_once")
      for threads in (2, 8, 64)),
    ("guarded_pair", "syncxx::guarded", "std::mutex by hand"),
    ("pi_condvar_ping_pong_same_cpu", "syncxx::pi_condition_variable",
     "pthread_cond(inherit)"),
    ("interprocess_pair", "syncxx::interprocess", "pthread(PROCESS_SHARED)"),
    ("interprocess_ping_pong", "syncxx::interprocess",
     "pthread(PROCESS_SHARED)"),
    ("any_ping_pong_of_8", "syncxx::wait_any", "std::condition_variable"),
    *((f"bankers_threads_{threads}", "syncxx::bankers_allocator",
       "textbook under std::mutex") for threads in (1, 2, 4, 8, 16)),
)


def other_targets(found, pinned):
    out = []
    for scenario, ours, peer, *limit in PROMISED + OTHERS:
        table = found.get(scenario, {})
        if ours in table and peer in table:
            a, b = (time_rounds(table[n]) for n in (ours, peer))
            out.append(Target(
                f"{scenario}: {ours} / {peer}", *(limit or [1.0]),
                binding=bool(limit)).by_rounds(
                    a, b, f"{show_ns(statistics.median(a))} against "
                    f"{show_ns(statistics.median(b))}"))
    # How much more two threads that only read get done than one.
    ours = "syncxx::biased_shared_mutex"
    one, two = (found.get(f"readers_{n}", {}).get(ours) for n in (1, 2))
    if one and two:
        a, b = (r["real_ns_rounds"] for r in (one, two))
        out.append(Target(f"{ours}: readers, 2 threads / 1", 1.9,
                          above=True).by_rounds(
                              [2 * t for t in a], b,
                              f"{show_ns(statistics.median(a))} against "
                              f"{show_ns(statistics.median(b))} a reader's "
                              "pair"))
    ours, peer = "syncxx::queue_lock", "syncxx::mcs_lock"
    table = pinned.get((20, 0, 8), {})
    if ours in table and peer in table:
        out.append(Target(
            f"8 pinned threads: throughput of {ours} / {peer}", 1.0,
            above=True).by_rounds(
                table[ours]["mops_rounds"], table[peer]["mops_rounds"]))
    ours, peer = "syncxx::pi_mutex", "pthread_mutex(inherit)"
    for (cs, think, threads), table in pinned.items():
        if ours in table and peer in table:
            a, b = (table[n]["mops_rounds"] for n in (ours, peer))
            out.append(Target(
                f"{threads} pinned threads, {cs} ns inside, {think} ns "
                f"outside: throughput of {ours} / {peer}", 2.5, above=True,
                binding=(cs, think, threads) == (20, 0, 2)).by_rounds(
                    a, b, f"{statistics.median(a):.2f} against "
                    f"{statistics.median(b):.2f} Mops/s"))
    return out


def targets(data):
    found = scenarios(data)
    return (pair_targets(found) + contention_targets(contests(data)) +
            wakeup_targets(found) +
            other_targets(found, contests(data, pinned=True)))


def table_lines(header, rows):
    """Left-aligned first column, right-aligned others."""
    widths = [max(len(str(r[i])) for r in [header, *rows])
              for i in range(len(header))]
    out = []
    for r in [header, *rows]:
        out.append("  ".join([str(r[0]).ljust(widths[0])] +
                             [str(c).rjust(w)
                              for c, w in zip(r[1:], widths[1:])]).rstrip())
    out.insert(1, "  ".join("-" * w for w in widths))
    return out


def print_scenarios(data):
    for scenario, table in scenarios(data).items():
        base = next(iter(table))
        rows = []
        counted = any("switches" in r for r in table.values())
        for name, r in table.items():
            rounds = time_rounds(r)
            if not rounds:
                continue
            median, q1, q3 = quartiles(rounds)
            ratio = quartiles(ratios(rounds, time_rounds(table[base])))[0]
            row = [name, show_ns(median), f"{show_ns(q1)} - {show_ns(q3)}",
                   f"{ratio:.2f}"]
            if counted:
                row.append(f"{statistics.median(r['switches']):.0f}")
            rows.append(row)
        print()
        header = [scenario, "median", "quartiles", f"/ {base}"]
        print("\n".join(table_lines(
            header + (["switches"] if counted else []), rows)))


def print_contests(data, pinned=False):
    for (cs, think, threads), table in contests(data, pinned).items():
        rows = []
        base = next(iter(table))
        for name, r in table.items():
            ratio = ratios(r["mops_rounds"], table[base]["mops_rounds"])
            median, q1, q3 = quartiles(r["mops_rounds"])
            row = [name, f"{median:.2f}", f"{q1:.2f} - {q3:.2f}",
                   f"{quartiles(ratio)[0]:.2f}", f"{r['jain']['median']:.2f}",
                   show_ns(r["cpu_ns_per_op"]["median"])]
            if "wait_ns" in r:
                row += [show_ns(r["wait_ns"]["p999"]),
                        show_ns(r["passed_wait_ns"]["p999"]),
                        show_ns(r["wait_ns"]["max"]),
                        str(r["passed_over"]["max"])]
            else:
                row += ["", "", "", ""]
            rows.append(row)
        print()
        print(f"{threads} {'pinned ' if pinned else ''}threads, "
              f"{cs} ns inside, {think} ns outside "
              "(second p99.9: where others were served meanwhile)")
        print("\n".join(table_lines(
            ["lock", "Mops/s", "quartiles", f"/ {base}", "Jain", "cpu/op",
             "p99.9 wait", "p99.9 passed", "longest", "overtakes"], rows)))


def print_targets(data):
    rows = []
    for t in data["targets"]:
        value = "-" if t["value"] is None else show_number(t["value"])
        if t["q1"] is not None:
            value += f" ({t['q1']:.3g} - {t['q3']:.3g})"
        verdict = {True: "pass", False: "MISS", None: "not run"}[t["passed"]]
        if not t["binding"]:
            verdict = "info"
        rows.append([t["what"], verdict, value,
                     f"{t['relation']} {show_number(t['limit'])}", t["note"]])
    print()
    print("\n".join(table_lines(
        ["must reach", "", "measured", "limit", ""], rows)))


def print_all(data):
    print_scenarios(data)
    print_contests(data)
    print_contests(data, pinned=True)
    print_targets(data)
    machine = data["machine"]
    print()
    print(f"{machine['cpu']}, {machine['cpus']} CPUs, Linux "
          f"{machine['kernel']}, {machine.get('distribution', '')}, "
          f"{machine['compiler']}, {machine['date']}")
    libraries = dict(data["libraries"])
    print("libraries: " + ", ".join(f"{k} {v}" for k, v in libraries.items()))
    if data.get("packages"):
        print("packages:  " + ", ".join(
            f"{k} {v}" for k, v in data["packages"].items()))
    if machine.get("load_average", 0) > 0.5 and data["mode"] != "smoke":
        print(f"The load average was {machine['load_average']:.2f} at the "
              "start: another program ran, or a build just before; trust "
              "figures of a quiet machine only.")
