// SPDX-License-Identifier: Apache-2.0
//
// Who gets how much of a contended lock. All competitors take part in one
// process, in turn, round after round, so that noise and clock speed hit them
// alike; ratios are taken within a round. JSON goes to stdout (or --json=FILE),
// a table to stderr.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "bench/adapters/all.h"
#include "bench/harness/contest.h"
#include "bench/harness/flags.h"
#include "bench/harness/json.h"
#include "bench/harness/machine.h"
#include "bench/harness/stats.h"

namespace syncxx_bench {
namespace {

constexpr const char* kUsage =
    R"(usage: contention [--locks=a,b,...] [--threads=2,8,64] [--cs=NS,...]
                  [--think=NS,...] [--seconds=S] [--rounds=N] [--base=NAME]
                  [--fair-seconds=S] [--fair-rounds=N] [--pin] [--all] [--table]
                  [--json=FILE] [--brief] [--list]
  --locks         competitors: names or parts of names (default: all)
  --threads       thread counts (default 1,2,4,8,64)
  --cs            nanoseconds of work in the critical section (default 20)
  --think         mean nanoseconds of work outside it (default 0)
  --seconds       length of one run (default 0.2)
  --rounds        rounds of throughput runs (default 5)
  --base          ratios are to this lock (default std::mutex)
  --fair-seconds  length of one fairness run (default as --seconds, 0: none)
  --fair-rounds   rounds of fairness runs (default 2)
  --pin           keep each thread on one CPU, in turn
  --all           run FIFO spinlocks with many more threads than processors
                  too: each hand-over then waits for the scheduler
  --table         print the table only, no JSON
  --brief         print a line of progress instead of each table
)";

struct competitor {
  std::string_view name;
  std::string_view library;
  std::size_t size;
  waiting kind;
  contest_result (*throughput)(const contest_setup&);
  fairness_result (*fairness)(const contest_setup&);
};

std::vector<competitor> all_competitors() {
  std::vector<competitor> all;
  const auto enter = [&all]<mutex_like M>() {
    all.push_back({M::kName, M::kLibrary, M::kSize, M::kWaiting,
                   measure_throughput<M>, measure_fairness<M>});
  };
  parking_mutexes::for_each(enter);
  pi_mutexes::for_each(enter);
  robust_mutexes::for_each(enter);
  robust_pi_mutexes::for_each(enter);
  spinlocks::for_each(enter);
  contended_semaphores::for_each([&enter]<semaphore_like S>() {
    enter.template operator()<semaphore_as_mutex<S>>();
  });
  return all;
}

std::vector<competitor> chosen(const std::vector<std::string>& patterns) {
  std::vector<competitor> out;
  const std::vector<competitor> all = all_competitors();
  for (const std::string& pattern : patterns) {
    std::size_t hits = 0;
    for (const bool exactly : {true, false}) {
      if (hits != 0) break;
      for (const competitor& c : all) {
        if (exactly ? c.name != pattern : !name_matches(c.name, pattern)) {
          continue;
        }
        ++hits;
        bool known = false;
        for (const competitor& o : out) known = known || o.name == c.name;
        if (!known) out.push_back(c);
      }
    }
    if (hits == 0) {
      throw std::invalid_argument("no lock is called like: " + pattern);
    }
  }
  return out;
}

// Everything that one competitor did in one configuration.
struct record {
  const competitor* who = nullptr;
  bool skipped = false;
  std::vector<double> mops;
  std::vector<double> jain;
  std::vector<double> switches_per_op;
  std::vector<double> cpu_ns_per_op;
  std::vector<std::vector<std::uint64_t>> per_thread;
  fairness_result fair;
};

struct configuration {
  int threads;
  int hold_ns;
  int think_ns;
};

struct options {
  int rounds;
  double seconds;
  int fair_rounds;
  double fair_seconds;
  bool pin;
  bool all;
  std::string base;
};

void add_round(record& r, const contest_result& run) {
  const auto ops = static_cast<double>(run.acquisitions);
  r.mops.push_back(ops / static_cast<double>(run.elapsed_ns) * 1e3);
  r.jain.push_back(jain_index(run.per_thread));
  r.switches_per_op.push_back(static_cast<double>(run.used.switches()) /
                              std::max(ops, 1.0));
  r.cpu_ns_per_op.push_back(static_cast<double>(run.used.cpu_ns) /
                            std::max(ops, 1.0));
  r.per_thread.push_back(run.per_thread);
}

// Goes round the competitors, starting one further on each round.
template <class F>
void round_robin(std::vector<record>& records, int rounds, F f) {
  const std::size_t n = records.size();
  for (std::size_t round = 0; round < static_cast<std::size_t>(rounds);
       ++round) {
    for (std::size_t i = 0; i < n; ++i) {
      record& r = records[(round + i) % n];
      if (!r.skipped) f(r);
    }
  }
}

std::vector<record> run(const std::vector<competitor>& field,
                        const configuration& config, const options& opt) {
  std::vector<record> records;
  for (const competitor& c : field) {
    record r;
    r.who = &c;
    r.skipped = !opt.all && c.kind == waiting::kSpinsFifo &&
                config.threads > 4 * cpu_count();
    records.push_back(std::move(r));
  }
  contest_setup setup;
  setup.threads = config.threads;
  setup.hold_steps = work_steps(config.hold_ns);
  setup.think_steps = work_steps(config.think_ns);
  setup.pinned = opt.pin;
  setup.window_ns = static_cast<std::int64_t>(opt.seconds * 1e9);
  round_robin(records, opt.rounds,
              [&](record& r) { add_round(r, r.who->throughput(setup)); });
  setup.window_ns = static_cast<std::int64_t>(opt.fair_seconds * 1e9);
  if (setup.window_ns == 0) return records;
  round_robin(records, opt.fair_rounds, [&](record& r) {
    const fairness_result f = r.who->fairness(setup);
    r.fair.wait_ticks.merge(f.wait_ticks);
    r.fair.passed_wait_ticks.merge(f.passed_wait_ticks);
    r.fair.passed_over.merge(f.passed_over);
  });
  return records;
}

const record* find_base(const std::vector<record>& records,
                        const std::string& base) {
  for (const record& r : records) {
    if (r.who->name == base && !r.skipped) return &r;
  }
  for (const record& r : records) {
    if (!r.skipped) return &r;
  }
  return nullptr;
}

std::string duration(double ns) {
  char text[32];
  if (ns < 1e3) {
    std::snprintf(text, sizeof text, "%.0f ns", ns);
  } else if (ns < 1e6) {
    std::snprintf(text, sizeof text, "%.1f us", ns / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.2f ms", ns / 1e6);
  }
  return text;
}

void print_table(const std::vector<record>& records,
                 const configuration& config, const options& opt) {
  const record* base = find_base(records, opt.base);
  if (base == nullptr) return;
  std::fprintf(stderr,
               "\n%d %sthread%s, %d ns inside, %d ns outside  "
               "(x: to %s; waits: all acquisitions | those passed over)\n"
               "%-25s %8s %15s %6s %6s %8s %9s %9s %9s %9s %9s %9s %9s\n",
               config.threads, opt.pin ? "pinned " : "",
               config.threads == 1 ? "" : "s", config.hold_ns, config.think_ns,
               std::string(base->who->name).c_str(), "lock", "Mops/s",
               "[q1 - q3]", "x", "Jain", "cpu/op", "sw/kop", "p99.9", "max",
               "|p50", "|p99.9", "pass99.9", "pass max");
  for (const record& r : records) {
    const std::string name(r.who->name);
    if (r.skipped) {
      std::fprintf(stderr, "%-25s  skipped: FIFO spinlock (--all runs it)\n",
                   name.c_str());
      continue;
    }
    const spread s = spread_of(r.mops);
    const auto wait = [](const histogram& h, double q) {
      return duration(ticks_to_ns(h.quantile(q)));
    };
    const fairness_result& f = r.fair;
    std::fprintf(
        stderr,
        "%-25s %8.3f [%6.2f-%6.2f] %6.2f %6.3f %8s %9.3f %9s %9s %9s %9s "
        "%9llu %9llu\n",
        name.c_str(), s.median, s.q1, s.q3,
        quantile(ratios(r.mops, base->mops), 0.5), quantile(r.jain, 0.5),
        duration(quantile(r.cpu_ns_per_op, 0.5)).c_str(),
        1e3 * quantile(r.switches_per_op, 0.5),
        wait(f.wait_ticks, 0.999).c_str(), wait(f.wait_ticks, 1).c_str(),
        wait(f.passed_wait_ticks, 0.5).c_str(),
        wait(f.passed_wait_ticks, 0.999).c_str(),
        static_cast<unsigned long long>(f.passed_over.quantile(0.999)),
        static_cast<unsigned long long>(f.passed_over.max()));
  }
}

void write_waits(json_writer& out, const histogram& h) {
  out.begin_object();
  out.field("count", h.count());
  for (const auto& [name, q] :
       {std::pair{"p50", 0.5}, std::pair{"p90", 0.9}, std::pair{"p99", 0.99},
        std::pair{"p999", 0.999}, std::pair{"p9999", 0.9999}}) {
    out.field(name, ticks_to_ns(h.quantile(q)));
  }
  out.field("max", ticks_to_ns(h.max()));
  out.key("histogram");
  out.begin_array();
  h.for_each([&](std::uint64_t edge, std::uint64_t count) {
    out.begin_array();
    out.value(ticks_to_ns(edge));
    out.value(count);
    out.end_array();
  });
  out.end_array();
  out.end_object();
}

void write_spread(json_writer& out, const char* name,
                  const std::vector<double>& v) {
  const spread s = spread_of(v);
  out.key(name);
  out.begin_object();
  out.field("median", s.median);
  out.field("q1", s.q1);
  out.field("q3", s.q3);
  out.end_object();
}

void write_results(json_writer& out, const std::vector<record>& records,
                   const configuration& config, const options& opt) {
  const record* base = find_base(records, opt.base);
  if (base == nullptr) return;
  for (const record& r : records) {
    out.begin_object();
    out.field("lock", r.who->name);
    out.field("library", r.who->library);
    out.field("size", r.who->size);
    out.field("threads", config.threads);
    out.field("cs_ns", config.hold_ns);
    out.field("think_ns", config.think_ns);
    out.field("pinned", opt.pin);
    out.field("skipped", r.skipped);
    if (!r.skipped) {
      write_spread(out, "mops", r.mops);
      out.field("mops_rounds", r.mops);
      out.field("base", base->who->name);
      write_spread(out, "ratio_to_base", ratios(r.mops, base->mops));
      write_spread(out, "jain", r.jain);
      write_spread(out, "switches_per_op", r.switches_per_op);
      write_spread(out, "cpu_ns_per_op", r.cpu_ns_per_op);
      out.field("per_thread", r.per_thread);
      if (r.fair.wait_ticks.count() != 0) {
        out.key("wait_ns");
        write_waits(out, r.fair.wait_ticks);
        out.key("passed_wait_ns");
        write_waits(out, r.fair.passed_wait_ticks);
        out.key("passed_over");
        out.begin_object();
        out.field("count", r.fair.passed_over.count());
        out.field("p50", r.fair.passed_over.quantile(0.5));
        out.field("p999", r.fair.passed_over.quantile(0.999));
        out.field("max", r.fair.passed_over.max());
        out.end_object();
      }
    }
    out.end_object();
  }
}

int contention(int argc, char** argv) {
  const flags args(argc, argv,
                   {"locks", "threads", "cs", "think", "seconds", "rounds",
                    "base", "fair-seconds", "fair-rounds", "pin", "all",
                    "table", "json", "brief", "list", "help"});
  if (args.has("help")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (args.has("list")) {
    for (const competitor& c : all_competitors()) {
      std::printf("%-26s %-8s %3zu bytes\n", std::string(c.name).c_str(),
                  std::string(c.library).c_str(), c.size);
    }
    return 0;
  }
  options opt{};
  opt.rounds = args.integer("rounds", 5);
  opt.seconds = args.number("seconds", 0.2);
  opt.fair_rounds = args.integer("fair-rounds", 2);
  opt.fair_seconds = args.number("fair-seconds", opt.seconds);
  opt.pin = args.has("pin");
  opt.all = args.has("all");
  opt.base = args.text("base", "std::mutex");
  const std::vector<competitor> field = chosen(args.list("locks", "all"));

  std::FILE* file = stdout;
  if (args.has("json")) {
    file = std::fopen(args.text("json", "").c_str(), "w");
    if (file == nullptr) {
      std::perror("contention: --json");
      return 1;
    }
  } else if (args.has("table")) {
    file = std::fopen("/dev/null", "w");
    if (file == nullptr) return 1;
  }
  json_writer out(file);
  out.begin_object();
  out.field("program", "contention");
  out.field("schema", 1);
  out.key("machine");
  write_machine(out);
  out.key("libraries");
  write_libraries(out);
  out.field("rounds", opt.rounds);
  out.field("seconds", opt.seconds);
  out.key("results");
  out.begin_array();
  for (const int hold : args.integers("cs", "20")) {
    for (const int think : args.integers("think", "0")) {
      for (const int threads : args.integers("threads", "1,2,4,8,64")) {
        if (threads < 1) throw std::invalid_argument("--threads: at least 1");
        const configuration config{threads, hold, think};
        if (args.has("brief")) {
          std::fprintf(stderr, "contention: %d threads, %d ns, %d ns\n",
                       threads, hold, think);
        }
        const std::vector<record> records = run(field, config, opt);
        if (!args.has("brief")) print_table(records, config, opt);
        write_results(out, records, config, opt);
      }
    }
  }
  out.end_array();
  out.end_object();
  return std::fclose(file) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace syncxx_bench

int main(int argc, char** argv) {
  try {
    return syncxx_bench::contention(argc, argv);
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "contention: %s\n", e.what());
    std::fputs(syncxx_bench::kUsage, stderr);
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "contention: %s\n", e.what());
    return 1;
  }
}
