# SPDX-License-Identifier: Apache-2.0
"""The table in README.md, between its two markers, from the combined JSON."""

import os

import report

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"

# Kind -> the type of each column: ours, std's (or POSIX's), Abseil's.
SIZES = (
    ("mutex", "syncxx::mutex", "std::mutex", "absl::Mutex"),
    ("timed mutex", "syncxx::mutex", "std::timed_mutex", "absl::Mutex"),
    ("recursive mutex", "syncxx::recursive_mutex", "std::recursive_mutex",
     None),
    ("shared mutex", "syncxx::shared_mutex", "std::shared_mutex",
     "absl::Mutex"),
    ("mutex that inherits priority", "syncxx::pi_mutex",
     "pthread_mutex(inherit)", None),
    ("robust mutex", "syncxx::robust_mutex", "pthread_mutex(robust)", None),
    ("condition variable", "syncxx::condition_variable",
     "std::condition_variable", "absl::CondVar"),
    ("semaphore", "syncxx::counting_semaphore", "sem_t", None),
    ("event", "syncxx::event", "std::mutex+condvar", "absl::Notification"),
    ("latch", "syncxx::latch", "std::latch", "absl::BlockingCounter"),
    ("barrier", "syncxx::barrier", "std::barrier", None),
    ("once flag", "syncxx::call_once", "std::call_once", "absl::call_once"),
    ("spinlock", "syncxx::spinlock", "pthread_spinlock", None),
    ("lock in order of arrival", "syncxx::queue_lock", None, None),
)

TIMES = (
    ("mutex lock + unlock", "mutex_pair",
     ("syncxx::mutex", "std::mutex", "absl::Mutex")),
    ("semaphore acquire + release", "semaphore_pair",
     ("syncxx::counting_semaphore", "sem_t", None)),
    ("spinlock lock + unlock", "spinlock_pair",
     ("syncxx::spinlock", "pthread_spinlock", None)),
    ("shared mutex lock_shared + unlock_shared", "shared_pair",
     ("syncxx::shared_mutex", "std::shared_mutex", "absl::Mutex")),
    ("… biased_shared_mutex", "shared_pair",
     ("syncxx::biased_shared_mutex", "std::shared_mutex", "absl::Mutex")),
    ("… two readers at once", "readers_2",
     ("syncxx::biased_shared_mutex", "std::shared_mutex", "absl::Mutex")),
    ("shared mutex, 8 threads, 99 % reads: one operation",
     "mixed_99_percent_reads_8_threads",
     ("syncxx::shared_mutex", "std::shared_mutex", "absl::Mutex")),
    ("pi_mutex lock + unlock", "pi_mutex_pair",
     ("syncxx::pi_mutex", "pthread_mutex(inherit)", None)),
    ("robust_mutex lock + unlock", "robust_mutex_pair",
     ("syncxx::robust_mutex", "pthread_mutex(robust)", None)),
    ("call_once when done", "once_when_done",
     ("syncxx::call_once", "std::call_once", "absl::call_once")),
    ("barrier, one round of 2 threads", "barrier_round_2",
     ("syncxx::barrier", "std::barrier", None)),
    ("condvar between processes, there and back", "interprocess_ping_pong",
     ("syncxx::interprocess", "pthread(PROCESS_SHARED)", None)),
    # Both ways to notify: neither is better at both.
    ("condvar there and back, one CPU, notify after unlocking",
     "condvar_ping_pong_unlocked_same_cpu",
     ("syncxx::condition_variable", "std::condition_variable",
      "absl::CondVar")),
    ("… notify with the lock held",
     "condvar_ping_pong_same_cpu",
     ("syncxx::condition_variable", "std::condition_variable",
      "absl::CondVar")),
    ("broadcast to 64 waiters, after unlocking",
     "broadcast_unlocked_64",
     ("syncxx::condition_variable", "std::condition_variable",
      "absl::CondVar")),
    ("… with the lock held",
     "broadcast_64",
     ("syncxx::condition_variable", "std::condition_variable",
      "absl::CondVar")),
)


def size_rows(data):
    sizes = {s["name"]: s["bytes"] for s in data["sizes"]}
    for kind, *names in SIZES:
        if names[0] in sizes:
            yield [f"size of a {kind}" if kind[0] not in "aeiou"
                   else f"size of an {kind}"] + [
                f"{sizes[n]} B" if n in sizes else "" for n in names]


def time_rows(data):
    found = report.scenarios(data)
    for words, scenario, names in TIMES:
        table = found.get(scenario, {})
        if names[0] not in table:
            continue
        yield [words] + [
            report.show_ns(report.quartiles(report.time_rounds(table[n]))[0])
            if n in table else "" for n in names]


def contention_rows(data):
    names = ("syncxx::mutex", "std::mutex", "absl::Mutex")
    for (cs, think, threads), table in sorted(report.contests(data).items()):
        if (cs, think) != (20, 0) or threads == 1 or names[0] not in table:
            continue
        yield [f"{threads} threads, {cs} ns critical section"] + [
            f"{table[n]['mops']['median']:.1f} M/s" if n in table else ""
            for n in names]
        if threads == 8 and "wait_ns" in table[names[0]]:
            yield [f"… longest wait, {threads} threads"] + [
                report.show_ns(table[n]["wait_ns"]["max"]) if n in table
                else "" for n in names]


def table(data, drawn, root):
    m = data["machine"]
    packages = data.get("packages", {})
    absl = packages.get("libabsl20220623",
                        data["libraries"].get("absl", "not installed"))
    lines = ["| | syncxx | std / POSIX | absl |", "|---|---:|---:|---:|"]
    for row in [*size_rows(data), *time_rows(data), *contention_rows(data)]:
        ours = f"**{row[1]}**" if row[1] else ""
        lines.append(f"| {row[0]} | {ours} | {row[2]} | {row[3]} |")
    lines += ["", f"Measured {m['date'][:10]} on {m['cpu']}, {m['cpus']} CPUs, "
              f"Linux {m['kernel']}, {m['compiler']}, glibc "
              f"{data['libraries'].get('glibc', '?')}; Abseil is the "
              f"distribution's shared build ({absl}). Medians of interleaved "
              "rounds; made by `bench/run.py --full --readme`."]
    for path in drawn:
        if path.name == "throughput.svg" and root in path.resolve().parents:
            relative = os.path.relpath(path.resolve(), root)
            lines += ["", f"![Contended throughput]({relative})"]
    return "\n".join(lines)


def rewrite(path, data, drawn):
    text = path.read_text() if path.is_file() else ""
    if BEGIN not in text or END not in text:
        raise SystemExit(f"bench/run.py: {path} has no lines {BEGIN} and {END}")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    made = table(data, drawn, path.resolve().parent)
    path.write_text(f"{head}{BEGIN}\n{made}\n{END}{tail}")
