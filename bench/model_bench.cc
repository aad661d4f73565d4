// SPDX-License-Identifier: Apache-2.0
//
// How fast the model checker is: processor time in user mode of whole checks,
// beside what the project wants to reach. No Google Benchmark here: a check
// runs once, for seconds, and says itself how much it has done.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sync/atomic.h>
#include <sync/condition_variable.h>
#include <sync/model/check.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>

#include "bench/harness/flags.h"
#include "bench/harness/json.h"
#include "bench/harness/machine.h"
#include "bench/harness/stats.h"
#include "bench/harness/usage.h"

namespace syncxx_bench {
namespace {

namespace model = syncxx::model;
using syncxx::atomic;
using syncxx::cell;

constexpr auto relaxed = syncxx::memory_order_relaxed;
constexpr auto acquire = syncxx::memory_order_acquire;
constexpr auto release = syncxx::memory_order_release;

constexpr const char* kUsage =
    "usage: model_bench [--filter=TEXT,...] [--rounds=N] [--random=N]\n"
    "                   [--limit=N] [--json=FILE] [--list] [--help]\n"
    "  --filter  only the programs whose names contain one of the texts\n"
    "  --rounds  how often each is measured; the median counts (default 3;\n"
    "            once, if a check takes more than 10 s)\n"
    "  --random  executions of a check in random mode (default 300000)\n"
    "  --limit   executions after which a check of a primitive is cut off\n"
    "            (default 2000000; 0: never)\n";

// --- The programs ------------------------------------------------------------

void fib_bench() {
  atomic<int> x{1}, y{1};
  const auto add_to = [&](atomic<int>& sum) {
    for (int i = 0; i < 5; ++i) {
      const int a = x.load(acquire);
      const int b = y.load(acquire);
      sum.store(a + b, release);
    }
  };
  model::thread a([&] { add_to(x); });
  model::thread b([&] { add_to(y); });
  model::thread c([&] {
    model::require(x.load(acquire) <= 144);
    model::require(y.load(acquire) <= 144);
  });
}

void last_zero() {
  constexpr int kThreads = 15;
  atomic<int> array[kThreads + 1]{};
  std::vector<model::thread> threads;
  threads.emplace_back([&array] {
    int i = kThreads;
    while (array[i].load(acquire) != 0) --i;
  });
  for (int j = 1; j <= kThreads; ++j)
    threads.emplace_back([&array, j] {
      array[j].store(array[j - 1].load(acquire) + 1, release);
    });
}

void readers() {
  atomic<int> x{0};
  std::vector<model::thread> threads;
  threads.emplace_back([&x] { x.store(42, release); });
  for (int i = 0; i < 13; ++i)
    threads.emplace_back([&x] { (void)x.load(acquire); });
}

void store_buffering() {
  atomic<int> x{0}, y{0};
  model::thread a([&] {
    x.store(1, relaxed);
    (void)y.load(relaxed);
  });
  model::thread b([&] {
    y.store(1, relaxed);
    (void)x.load(relaxed);
  });
}

void message_passing() {
  atomic<int> ready{0};
  cell<int> message(0);
  model::thread a([&] {
    message = 1;
    ready.store(1, release);
  });
  model::thread b([&] {
    if (ready.load(acquire) == 1) model::require(message == 1);
  });
}

void peterson() {
  atomic<int> wants[2] = {0, 0}, turn{0};
  cell<int> inside(0);
  const auto side = [&](int me) {
    wants[me].store(1);
    turn.store(1 - me);
    while (wants[1 - me].load() == 1 && turn.load() == 1 - me) {
    }
    inside = inside + 1;
    wants[me].store(0);
  };
  model::thread a(side, 0), b(side, 1);
}

void three_with_a_mutex() {
  syncxx::mutex lock;
  cell<int> inside(0);
  const auto turn = [&] {
    const std::lock_guard own(lock);
    inside = inside + 1;
  };
  model::thread a(turn), b(turn), c(turn);
}

void three_with_a_semaphore() {
  syncxx::counting_semaphore<> tokens(1);
  cell<int> inside(0);
  const auto turn = [&] {
    tokens.acquire();
    inside = inside + 1;
    tokens.release();
  };
  model::thread a(turn), b(turn), c(turn);
}

void two_waiters_and_a_notifier() {
  syncxx::mutex lock;
  syncxx::condition_variable changed;
  cell<int> set(0);
  const auto wait = [&] {
    std::unique_lock own(lock);
    changed.wait(own, [&] { return set == 1; });
  };
  model::thread a(wait), b(wait);
  model::thread notifier([&] {
    {
      const std::lock_guard own(lock);
      set = 1;
    }
    changed.notify_all();
  });
}

// --- What is measured --------------------------------------------------------

enum class figure : std::uint8_t {
  per_second,    // executions, blocked ones as well; at least the target
  seconds,       // of the whole check; less than the target
  milliseconds,  // of one of many checks; less than the target
};

struct program {
  const char* name;
  void (*test)();
  model::options::mode search;
  figure of;
  double target;
  bool limited = false;          // may be cut off
  std::uint64_t executions = 0;  // how many there are, if known
};

constexpr auto exhaustive = model::options::mode::exhaustive;
constexpr auto at_random = model::options::mode::random;

const program kPrograms[] = {
    {"fib_bench", fib_bench, exhaustive, figure::per_second, 200e3, false,
     525630},
    {"lastzero(15)", last_zero, exhaustive, figure::per_second, 20e3, false,
     147456},
    {"readers(13)", readers, exhaustive, figure::per_second, 28e3, false, 8192},
    {"SB, one check", store_buffering, exhaustive, figure::milliseconds, 1,
     false, 4},
    {"random SB", store_buffering, at_random, figure::per_second, 1e6},
    {"random message passing", message_passing, at_random, figure::per_second,
     1e6},
    {"random Peterson", peterson, at_random, figure::per_second, 500e3},
    {"mutex, 3 threads", three_with_a_mutex, exhaustive, figure::seconds, 60,
     true},
    {"semaphore, 3 threads", three_with_a_semaphore, exhaustive,
     figure::seconds, 60, true},
    {"condition_variable, 2 waiters", two_waiters_and_a_notifier, exhaustive,
     figure::seconds, 60, true},
};

struct record {
  const program* what = nullptr;
  std::vector<double> user_seconds;  // of each round
  model::result found;
  bool cut = false;

  std::uint64_t runs() const { return found.executions + found.blocked; }
  double seconds() const { return quantile(user_seconds, 0.5); }
  double value() const {
    switch (what->of) {
      case figure::per_second:
        return static_cast<double>(runs()) / seconds();
      case figure::seconds:
        return seconds();
      case figure::milliseconds:
        return seconds() * 1e3;
    }
    return 0;
  }
  bool reached() const {
    return what->of == figure::per_second ? value() >= what->target
                                          : !cut && value() < what->target;
  }
};

void examine(const record& r) {
  const auto complain = [&](const std::string& why) {
    throw std::runtime_error(std::string(r.what->name) + ": " + why);
  };
  if (!r.found && !r.cut)
    complain(std::string(to_string(r.found.what)) + ": " + r.found.message);
  if (r.what->executions != 0 && r.what->executions != r.found.executions)
    complain(std::to_string(r.found.executions) + " executions instead of " +
             std::to_string(r.what->executions));
}

record measure(const program& p, int rounds, std::uint64_t random,
               std::uint64_t limit) {
  record r;
  r.what = &p;
  model::options how;
  how.search = p.search;
  if (p.search == at_random) how.max_executions = random;
  if (p.limited) how.max_executions = limit;
  const std::function<void()> test = p.test;
  const int times = p.of == figure::milliseconds ? 500 : 1;
  for (int i = 0; i < rounds; ++i) {
    const usage before = usage::of_process();
    for (int n = 0; n < times; ++n) r.found = model::check(test, how);
    const usage spent = usage::of_process() - before;
    // What the kernel does counts where one check is a matter of it.
    const std::int64_t ns = times > 1 ? spent.cpu_ns : spent.user_ns;
    r.user_seconds.push_back(static_cast<double>(ns) / 1e9 / times);
    r.cut = p.limited && r.found.what == model::verdict::bound_reached;
    examine(r);
    if (r.user_seconds.back() * times > 10) break;
  }
  return r;
}

// --- What is said ------------------------------------------------------------

std::string print(double value, figure of) {
  char text[48];
  switch (of) {
    case figure::per_second:
      std::snprintf(text, sizeof text, "%.0f/s", value);
      break;
    case figure::seconds:
      std::snprintf(text, sizeof text, "%.1f s", value);
      break;
    case figure::milliseconds:
      std::snprintf(text, sizeof text, "%.3f ms", value);
      break;
  }
  return text;
}

void print_head() {
  std::printf("%-30s %11s %11s %9s %12s %12s\n", "program", "executions",
              "blocked", "user s", "figure", "target");
}

void print_row(const record& r) {
  const std::string target = (r.what->of == figure::per_second ? ">= " : "< ") +
                             print(r.what->target, r.what->of);
  std::printf("%-30s %11llu %11llu %9.3f %12s %12s  %s\n", r.what->name,
              static_cast<unsigned long long>(r.found.executions),
              static_cast<unsigned long long>(r.found.blocked), r.seconds(),
              print(r.value(), r.what->of).c_str(), target.c_str(),
              r.cut         ? "CUT OFF: see --limit"
              : r.reached() ? "reached"
                            : "missed");
  std::fflush(stdout);
}

void write(json_writer& out, const record& r) {
  constexpr const char* kUnits[] = {"executions/s", "s", "ms"};
  out.begin_object();
  out.field("program", r.what->name);
  out.field("random", r.what->search == at_random);
  out.field("executions", r.found.executions);
  out.field("blocked", r.found.blocked);
  out.field("cut", r.cut);
  out.field("user_seconds_rounds", r.user_seconds);
  out.field("value", r.value());
  out.field("unit", kUnits[static_cast<std::size_t>(r.what->of)]);
  out.field("target", r.what->target);
  out.field("reached", r.reached());
  out.end_object();
}

bool wanted(const program& p, const std::vector<std::string>& filters) {
  for (const std::string& f : filters)
    if (name_matches(p.name, f)) return true;
  return false;
}

int model_bench(int argc, char** argv) {
  const flags args(
      argc, argv,
      {"filter", "rounds", "random", "limit", "json", "list", "help"});
  if (args.has("help")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const std::vector<std::string> filters = args.list("filter", "all");
  if (args.has("list")) {
    for (const program& p : kPrograms) std::puts(p.name);
    return 0;
  }
  const int rounds = args.integer("rounds", 3);
  if (rounds < 1) throw std::invalid_argument("--rounds: at least 1");
  std::vector<record> records;
  print_head();
  for (const program& p : kPrograms) {
    if (!wanted(p, filters)) continue;
    records.push_back(measure(
        p, rounds, static_cast<std::uint64_t>(args.number("random", 300'000)),
        static_cast<std::uint64_t>(args.number("limit", 2'000'000))));
    print_row(records.back());
  }
  if (!args.has("json")) return 0;
  std::FILE* const file = std::fopen(args.text("json", "").c_str(), "w");
  if (file == nullptr) {
    std::perror("model_bench: --json");
    return 1;
  }
  json_writer out(file);
  out.begin_object();
  out.field("program", "model_bench");
  out.field("schema", 1);
  out.key("machine");
  write_machine(out);
  out.key("results");
  out.begin_array();
  for (const record& r : records) write(out, r);
  out.end_array();
  out.end_object();
  return std::fclose(file) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace syncxx_bench

int main(int argc, char** argv) {
  try {
    return syncxx_bench::model_bench(argc, argv);
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "model_bench: %s\n", e.what());
    std::fputs(syncxx_bench::kUsage, stderr);
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "model_bench: %s\n", e.what());
    return 1;
  }
}
