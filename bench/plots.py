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
        threads = sorted(k[2] for k in found if k[:2] == (cs, think))
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
                      "#bbbbbb" if label.startswith(("bare", "raw"))
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
            ("event_wait_when_set", "event wait when set"))) +
        draw_bars(data, out, "wakeups", "Wake-ups", (
            ("condvar_ping_pong_same_cpu", "condvar there and back, one CPU"),
            ("condvar_ping_pong_two_cpus", "condvar there and back, two CPUs"),
            ("broadcast_64", "broadcast to 64, lock held"),
            ("broadcast_unlocked_64", "broadcast to 64, after unlock")),
            counter="switches"))
