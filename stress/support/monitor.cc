// SPDX-License-Identifier: Apache-2.0
//
// The monitor's side of a run: time, watchdog, progress lines, reports. It
// only ever polls and sleeps, so nothing that the workers do can block it.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string>

#include "crash.h"
#include "harness.h"
#include "inject.h"
#include "thread_look.h"

namespace syncxx::stress {
namespace {

constexpr std::uint64_t kTick = 10000000;  // ns

const char* name_of(activity a) {
  switch (a) {
    case activity::starting:
      return "starting";
    case activity::working:
      return "working";
    case activity::operating:
      return "operating";
    case activity::resting:
      return "resting";
    case activity::done:
      return "done";
  }
  return "?";
}

void describe(const worker& w) {
  std::fprintf(stderr, "  #%-3u %-12s tid %d  %s", w.index(), w.role().c_str(),
               w.tid(), name_of(w.doing()));
  if (w.what()[0] != '\0') std::fprintf(stderr, " '%s'", w.what());
  if (w.object() != nullptr) {
    std::uint32_t word = 0;
    const bool there =
        peek(reinterpret_cast<std::uint64_t>(w.object()), &word, sizeof word);
    std::fprintf(stderr, " on %p (%s %08x)", w.object(),
                 there ? "starts with" : "unmapped", word);
  }
  if (w.doing() == activity::operating)
    std::fprintf(stderr, " for %s",
                 format_duration(now_ns() - w.since()).c_str());
  std::fprintf(stderr, ", %" PRIu64 " steps; %s\n", w.steps(),
               w.doing() == activity::done
                   ? "gone"
                   : look_at(w.tid()).describe().c_str());
}

}  // namespace

// Time is counted in the monitor's own ticks: while the whole process is
// stopped, or the machine is, no patience runs out.
struct run::pace {
  std::uint64_t steps = 0;
  std::uint64_t idle_ticks = 0;
};

// True if somebody is stuck; the last pace is for all workers together.
bool run::watch(std::vector<pace>& paces) {
  const auto patience = static_cast<std::uint64_t>(watchdog_seconds_ * 1e9 /
                                                   static_cast<double>(kTick));
  const auto seconds = [](std::uint64_t ticks) {
    return static_cast<double>(ticks * kTick) / 1e9;
  };
  bool moved = false;
  bool all_idle = true;
  for (std::size_t i = 0; i != workers_.size(); ++i) {
    const worker& w = *workers_[i];
    pace& p = paces[i];
    const std::uint64_t steps = w.steps();
    const bool got_on = steps != p.steps;
    p.steps = steps;
    moved = moved || got_on;
    const activity doing = w.doing();
    all_idle = all_idle && doing == activity::done;
    if (got_on || doing == activity::done || doing == activity::resting) {
      p.idle_ticks = 0;
    } else if (++p.idle_ticks >= patience) {
      fail(failure::stuck,
           "thread #%u (%s) has been %s '%s' without progress for %.1f s",
           w.index(), w.role().c_str(), name_of(doing), w.what(),
           seconds(p.idle_ticks));
      return true;
    }
  }
  pace& together = paces.back();
  together.idle_ticks = moved || all_idle ? 0 : together.idle_ticks + 1;
  if (together.idle_ticks < patience) return false;
  fail(failure::stuck, "no thread has got on for %.1f s",
       seconds(together.idle_ticks));
  return true;
}

void run::monitor_until_done() {
  std::vector<pace> paces(workers_.size() + 1);
  const std::uint64_t calm_from = length_ns_ - length_ns_ / 10;
  bool calm = false;
  for (;;) {
    sleep_ns(kTick);
    if (failed() || watch(paces)) give_up();
    const std::uint64_t elapsed = now_ns() - started_ns_;
    outcome_.elapsed_ns.store(elapsed, std::memory_order_relaxed);
    outcome_.operations.store(steps(), std::memory_order_relaxed);
    show_progress(elapsed, false);
    if (!calm && (elapsed >= calm_from || !running())) {
      for (const auto& i : injectors_) i->end();
      calm = true;
    }
    if (elapsed >= length_ns_)
      time_is_up_.store(true, std::memory_order_release);
    if (all_done()) break;
  }
  show_progress(now_ns() - started_ns_, true);
}

void run::show_progress(std::uint64_t elapsed_ns, bool at_end) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  static std::uint64_t shown_second = 0;
  if (!terminal) return;
  if (at_end) {
    std::fprintf(stderr, "\r\033[K");
    shown_second = 0;
    return;
  }
  const std::uint64_t second = elapsed_ns / 1000000000;
  if (second == shown_second) return;
  shown_second = second;
  const std::uint64_t now = steps();
  std::fprintf(stderr, "\r\033[K  %s: %" PRIu64 " s of %.0f, %s steps, %s/s",
               info_.name.c_str(), second,
               static_cast<double>(length_ns_) / 1e9, format_count(now).c_str(),
               format_count(now - shown_steps_).c_str());
  std::fflush(stderr);
  shown_steps_ = now;
}

// The workers may be anywhere, even in an endless wait: say what is known and
// leave without them.
void run::give_up() {
  while (outcome_.kind.load() == failure::none) sleep_ns(100000);
  std::fprintf(stderr, "\nFAIL %s: %s: %s\n", info_.name.c_str(),
               stress::name_of(outcome_.kind.load()), outcome_.message);
  if (outcome_.kind.load() == failure::stuck) {
    for (const auto& w : workers_) describe(*w);
    constexpr std::size_t kStacks = 8;
    std::size_t printed = 0;
    for (const auto& w : workers_) {
      if (w->doing() == activity::done || w->doing() == activity::resting)
        continue;
      if (++printed > kStacks) break;
      std::fprintf(stderr, "stack of #%u (%s):\n", w->index(),
                   w->role().c_str());
      print_stack_of(w->handle());
    }
  }
  std::fflush(nullptr);
  _exit(1);
}

void run::report() {
  for (std::size_t i = 0; i != latency_names_.size(); ++i) {
    histogram all;
    for (const auto& w : workers_) all.merge(w->latencies_[i]);
    if (all.count() == 0) continue;
    std::printf("    %-24s %s\n", latency_names_[i].c_str(),
                all.summary().c_str());
    if (options_.verbose) std::printf("%s", all.rows("      ").c_str());
  }
  std::string line;
  for (std::size_t i = 0; i != tally_names_.size(); ++i) {
    const std::uint64_t n = total({static_cast<std::uint32_t>(i)});
    if (n != 0) line += ", " + tally_names_[i] + " " + format_count(n);
  }
  for (std::size_t i = 0; i != peak_names_.size(); ++i) {
    std::uint64_t top = 0;
    for (const auto& w : workers_) top = std::max(top, w->peaks_[i]);
    line += ", " + peak_names_[i].first + " " +
            (peak_names_[i].second ? format_duration(top) : format_count(top));
  }
  for (const auto& i : injectors_) line += ", " + i->tell();
  if (!line.empty()) std::printf("    %s\n", line.c_str() + 2);
  outcome_.operations.store(steps(), std::memory_order_relaxed);
}

}  // namespace syncxx::stress
