# SPDX-License-Identifier: Apache-2.0
"""Plots from the combined JSON of bench/run.py: SVG and PNG."""

import sys

import report

try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
except ImportError:
    pyplot = None

OURS = "#c03030"
PEERS = ("#30507a", "#7a9cc6", "#5f8f5f", "#a08040", "#806090", "#509090",
         "#909090", "#b07070")


def available():
    return pyplot is not None


def colours(names):
    peers = [n for n in names if not n.startswith("syncxx")]
    return {n: OURS if n.startswith("syncxx")
            else PEERS[peers.index(n) % len(PEERS)] for n in names}


def save(figure, out, name):
    figure.tight_layout()
    paths = [out / f"{name}.svg", out / f"{name}.png"]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=110)
    pyplot.close(figure)
    return paths


def caption(data):
    m = data["machine"]
    return f"{m['cpu']}, {m['cpus']} CPUs, {m['date'][:10]}"


def draw_throughput(data, out):
    """Mops/s over threads, one panel per kind of critical section."""
    found = report.contests(data)
    kinds = sorted({key[:2] for key in found})
    if not kinds:
        return []
    figure, axes = pyplot.subplots(1, len(kinds), squeeze=False,
                                   figsize=(6.2 * len(kinds), 4.2))
    for (cs, think), axis in zip(kinds, axes[0]):
        threads = sorted(k[2] for k in found if k[:2] == (cs, think) and
                         any(n in found[k] for n in report.MUTEXES))
        locks = [n for n in report.MUTEXES
                 if any(n in found[(cs, think, t)] for t in threads)]
        for name, colour in colours(locks).items():
            points = [(t, found[(cs, think, t)][name]["mops"])
                      for t in threads if name in found[(cs, think, t)]]
            xs = [t for t, _ in points]
            axis.plot(xs, [m["median"] for _, m in points], marker="o",
                      color=colour, label=name,
                      linewidth=2.4 if colour == OURS else 1.2)
            axis.fill_between(xs, [m["q1"] for _, m in points],
                              [m["q3"] for _, m in points], color=colour,
                              alpha=0.15, linewidth=0)
        axis.set_xscale("log", base=2)
        axis.set_xticks(threads, [str(t) for t in threads])
        axis.set_ylim(bottom=0)
        axis.set_xlabel("threads")
        axis.set_ylabel("million acquisitions per second")
        axis.set_title(f"{cs} ns inside, {think} ns outside", fontsize=10)
        axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8, loc="lower left")
    figure.suptitle("Contended mutexes: " + caption(data), fontsize=9)
    return save(figure, out, "throughput")


def draw_waits(data, out):
    """How many acquisitions waited longer than x, at 8 threads."""
    table = report.contests(data).get((20, 0, 8), {})
    locks = [n for n in report.MUTEXES if "wait_ns" in table.get(n, {})]
    if not locks:
        return []
    figure, axis = pyplot.subplots(figsize=(6.6, 4.4))
    for name, colour in colours(locks).items():
        buckets = table[name]["wait_ns"]["histogram"]
        left = total = sum(count for _, count in buckets)
        xs, ys = [], []
        for edge, count in buckets:
            xs.append(max(edge, 1.0))
            ys.append(left / total)
            left -= count
        axis.step(xs, ys, where="post", color=colour, label=name,
                  linewidth=2.2 if colour == OURS else 1.1)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.axhline(1e-3, color="#888888", linewidth=0.8, linestyle=":")
    axis.set_xlabel("wait, ns")
    axis.set_ylabel("share of acquisitions that waited longer")
    axis.set_title("Waits, 8 threads, 20 ns inside: " + caption(data),
                   fontsize=9)
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    return save(figure, out, "waits")


def draw_bars(data, out, name, title, panels, counter=None):
    """Horizontal bars, one panel per scenario; whiskers are quartiles."""
    found = report.scenarios(data)
    panels = [(s, words) for s, words in panels if s in found]
    if not panels:
        return []
    columns = 2 if len(panels) > 1 else 1
    lines = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(lines, columns, squeeze=False,
                                   figsize=(6.4 * columns, 3.0 * lines))
    for axis in list(axes.flat)[len(panels):]:
        axis.set_visible(False)
    for (scenario, words), axis in zip(panels, axes.flat):
        rows = [(n, report.quartiles(report.time_rounds(r)), r)
                for n, r in found[scenario].items()
                if report.time_rounds(r)]
        middles = [m for _, (m, _, _), _ in rows]
        ends = [q3 for _, (_, _, q3), _ in rows]
        scale, unit = (1e3, "µs") if min(middles) > 1e3 else (1, "ns")
        # A peer that is far off would flatten all others.
        limit = min(max(ends), 4 * sorted(middles)[len(middles) // 2])
        for at, (label, (middle, q1, q3), r) in enumerate(rows):
            colour = (OURS if label.startswith("syncxx") else
                      "#bbbbbb" if label.startswith(("bare", "raw", "floor"))
                      else PEERS[1])
            axis.barh(at, min(middle, limit) / scale, color=colour,
                      xerr=None if middle > limit else
                      [[(middle - q1) / scale], [(q3 - middle) / scale]],
                      error_kw={"linewidth": 0.8})
            text = f" {middle / scale:.3g}"
            if middle > limit:
                text += " →"
            if counter and counter in r:
                text += f" ({report.statistics.median(r[counter]):.0f} sw.)"
            axis.text(min(max(middle, q3), limit) / scale, at, text,
                      va="center", fontsize=7)
        axis.set_yticks(range(len(rows)), [label for label, _, _ in rows],
                        fontsize=7)
        axis.invert_yaxis()
        axis.set_xlim(0, limit * 1.2 / scale)
        axis.set_title(f"{words}, {unit}", fontsize=9)
    figure.suptitle(f"{title}: {caption(data)}", fontsize=9)
    return save(figure, out, name)


def draw_lines(data, out, name, title, panels):
    """One panel per (words, y label, log scale, {x: {name: rounds}})."""
    panels = [p for p in panels if any(p[3].values())]
    if not panels:
        return []
    figure, axes = pyplot.subplots(1, len(panels), squeeze=False,
                                   figsize=(6.2 * len(panels), 4.4))
    for (words, label, logarithmic, tables), axis in zip(panels, axes[0]):
        tables = {x: table for x, table in tables.items() if table}
        names = list(dict.fromkeys(n for t in tables.values() for n in t))
        shades = colours(names)
        # Several of ours in one panel.
        styles = dict(zip((n for n in names if shades[n] == OURS),
                          ("-", "--", ":", "-.")))
        for n in names:
            at = [i for i, x in enumerate(tables) if n in tables[x]]
            spread = [report.quartiles(tables[list(tables)[i]][n]) for i in at]
            axis.plot(at, [m for m, _, _ in spread], marker="o", markersize=4,
                      color=shades[n], label=n,
                      linestyle=styles.get(n, "-"),
                      linewidth=2.2 if n in styles else 1.1)
            axis.fill_between(at, [q1 for _, q1, _ in spread],
                              [q3 for _, _, q3 in spread], color=shades[n],
                              alpha=0.12, linewidth=0)
        axis.set_xticks(range(len(tables)), [str(x) for x in tables])
        if logarithmic:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        axis.set_ylabel(label)
        axis.set_title(words, fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.suptitle(f"{title}: {caption(data)}", fontsize=9)
    return save(figure, out, name)


def draw_queue_locks(data, out):
    """Locks that serve in order, over threads."""
    found = report.contests(data)
    tables = {t: {n: r["mops_rounds"] for n, r in found[(20, 0, t)].items()
                  if n in report.QUEUES}
              for t in sorted(k[2] for k in found if k[:2] == (20, 0))}
    return draw_lines(data, out, "queue_locks", "Locks in order of arrival", (
        ("20 ns inside, by threads", "million acquisitions per second", True,
         tables),))


def draw_shared(data, out):
    """Readers and writers, over the share of readers."""
    found = report.scenarios(data)
    panels = []
    for threads in (2, 8, 64):
        tables = {}
        for reads in (50, 90, 99, 100):
            table = found.get(
                f"mixed_{reads}_percent_reads_{threads}_threads", {})
            tables[f"{reads} %"] = {
                n: [1e3 / ns for ns in report.time_rounds(r)]
                for n, r in table.items() if report.time_rounds(r)}
        panels.append((f"{threads} threads, by the share of reads",
                       "million operations per second", True, tables))
    return draw_lines(data, out, "shared_locks", "Readers and writers", panels)


def draw_barriers(data, out):
    found = report.scenarios(data)
    tables = {t: {n: [ns / 1e3 for ns in report.time_rounds(r)] for n, r in
                  found.get(f"barrier_round_{t}", {}).items()
                  if report.time_rounds(r)}
              for t in (2, 3, 4, 8, 16, 32, 64)}
    return draw_lines(data, out, "barriers", "Barriers", (
        ("one round, by threads", "µs", True, tables),))


def draw_all(data, out):
    """Draws what the data allow; the paths of the files."""
    if not available():
        print("No plots: matplotlib is missing (Debian: python3-matplotlib, "
              "run with /usr/bin/python3).", file=sys.stderr)
        return []
    return (
        draw_throughput(data, out) + draw_waits(data, out) +
        draw_bars(data, out, "uncontended", "Uncontended pairs", (
            ("mutex_pair", "mutex lock + unlock"),
            ("spinlock_pair", "spinlock lock + unlock"),
            ("semaphore_pair", "semaphore acquire + release"),
            ("shared_pair", "shared lock, to read"),
            ("exclusive_pair", "shared lock, to write"),
            ("pi_mutex_pair", "lock that inherits priority"),
            ("robust_mutex_pair", "lock that survives its owner"),
            ("event_wait_when_set", "event wait when set"),
            ("once_when_done", "call_once when done"))) +
        draw_queue_locks(data, out) + draw_shared(data, out) +
        draw_bars(data, out, "readers", "Readers beside each other", (
            ("readers_1", "read lock + unlock, 1 thread"),
            ("readers_2", "... 2 threads, each"),
            ("reads_99_percent_2", "99 % reads, 2 threads, each"),
            ("reads_999_permille_2", "99.9 % reads, 2 threads, each"),
            ("value_load", "copy of 24 bytes, 1 thread"),
            ("value_load_2", "... 2 threads, each"),
            ("value_99_percent_loads_2", "... one access in 100 a store"),
            ("value_99_percent_loads_8", "... 8 threads"))) +
        draw_barriers(data, out) +
        draw_bars(data, out, "between", "Processes, and many at once", (
            ("interprocess_pair", "between processes: lock + unlock"),
            ("interprocess_contended", "... both at it"),
            ("interprocess_ping_pong", "... there and back"),
            ("any_ready_of_8", "any of 8 semaphores, one ready"),
            ("any_ping_pong_of_8", "... there and back"),
            ("any_ping_pong_of_64", "any of 64, there and back"))) +
        draw_bars(data, out, "wakeups", "Wake-ups", (
            ("condvar_ping_pong_same_cpu", "condvar there and back, one CPU"),
            ("condvar_ping_pong_two_cpus", "condvar there and back, two CPUs"),
            ("pi_condvar_ping_pong_same_cpu",
             "... that inherits priority, one CPU"),
            ("pi_condvar_ping_pong_two_cpus", "... two CPUs"),
            ("broadcast_64", "broadcast to 64, lock held"),
            ("broadcast_unlocked_64", "broadcast to 64, after unlock")),
            counter="switches"))
