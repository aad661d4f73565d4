// SPDX-License-Identifier: Apache-2.0
//
// The one way in which a finding is told: suppressed or known, or written in
// all forms. One is composed at a time, in memory of its own: the program may
// be out of memory, inside of its malloc, or after its static destructors.
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

#include <sync/detail/raw_mutex.h>

#include "../process.h"
#include "debug_info.h"
#include "finding.h"
#include "finding_graph.h"
#include "finding_json.h"
#include "finding_text.h"
#include "large_stack.h"
#include "names.h"
#include "outputs.h"
#include "report_lock.h"
#include "suppressions.h"
#include "symbolizer.h"
#include "text.h"
#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constinit raw_mutex g_report_lock;

// The findings that have been reported, by what was in them.
class memory_of_reports {
 public:
  struct entry {
    std::uint64_t print = 0;
    std::int64_t number = 0;  // of the report; 0: suppressed
    bool is_used = false;
  };

  // Null: it is new.
  const entry* find(std::uint64_t print) const noexcept {
    for (const entry& e : entries_)
      if (e.is_used && e.print == print) return &e;
    return nullptr;
  }
  // Forgets the oldest.
  void add(std::uint64_t print, std::int64_t number) noexcept {
    entries_[next_++ % kRemembered] = {print, number, true};
  }
  void forget_all() noexcept {
    for (entry& e : entries_) e = {};
  }
  std::int64_t next_number() noexcept { return ++latest_; }

 private:
  static constexpr std::size_t kRemembered = 256;
  entry entries_[kRemembered] = {};
  std::size_t next_ = 0;
  std::int64_t latest_ = 0;
};
constinit memory_of_reports g_memory;

void mix(std::uint64_t& print, std::uint64_t word) noexcept {
  print = (print ^ word) * 0x100000001b3u;
  print ^= print >> 29;
}

void mix(std::uint64_t& print, const deed* who) noexcept {
  mix(print, who != nullptr ? who->at.depth : 99u);
  if (who == nullptr) return;
  for (const std::uintptr_t code : std::span(who->at.code, who->at.depth))
    mix(print, code);
}

// The same for a circle that begins with another link.
std::uint64_t fingerprint(const finding& found) noexcept {
  std::uint64_t print = reinterpret_cast<std::uintptr_t>(found.what);
  mix(print, static_cast<std::uint64_t>(found.kind));
  for (const deed* who : {found.here, found.other, found.before})
    mix(print, who);
  std::uint64_t circle = found.links;
  for (std::uint32_t i = 0; i < found.links; ++i) {
    const deadlock_link& link = found.link(found.circle, i);
    std::uint64_t one = 1;
    mix(one, &link.held);
    mix(one, &link.wanted);
    circle += one;
  }
  mix(print, circle);
  return print;
}

// Never destroyed: the edges of all circles so far, for the graph.
union edges_so_far {
  constexpr edges_so_far() noexcept {}
  ~edges_so_far() {}
  char nothing = 0;  // before the first
  text it;
};
constinit edges_so_far g_edges;
constinit bool g_has_edges = false;

void draw_graph(const finding& found, std::int64_t number,
                symbolizer& symbols) noexcept {
  static constinit char first[1024] = {};
  if (!g_has_edges) {
    std::construct_at(&g_edges.it, std::span(first), text::growth::pages);
    g_has_edges = true;
  }
  compose_edges(found, number, symbols, g_edges.it);
  char storage[1024];
  text graph(storage, text::growth::pages);
  compose_graph(g_edges.it.view(), graph);
  outputs::replace_graph(graph.view());
}

void write_json(const finding& found, std::int64_t number,
                symbolizer& symbols) noexcept {
  static constinit char storage[16 * 1024] = {};
  text line(storage, text::growth::pages);
  compose_json(found, number, symbols, line);
  // There was no memory for all of it: better none than half.
  if (line.view().substr(line.size() - 1) != "\n") return;
  outputs::append_json(line.view());
}

struct listener {
  finding_callback callback = nullptr;
  void* context = nullptr;
};
constinit listener g_listener;

thread_local constinit bool t_in_callback
    __attribute__((tls_model("initial-exec"))) = false;

// A copy of the text for the callback, which comes after the lock: the program
// may do there what it likes, also find something.
class listener_call {
 public:
  listener_call() noexcept : words_({}, text::growth::pages) {}

  void prepare(std::string_view words) noexcept {
    if (g_listener.callback == nullptr || t_in_callback) return;
    to_ = g_listener;
    words_ << words << std::string_view("\0", 1);
    if (words_.size() != words.size() + 1) words_.cut(0);  // no memory
  }
  void carry_out(const finding& found) noexcept {
    if (to_.callback == nullptr) return;
    t_in_callback = true;
    to_.callback(found, words_.size() == 0 ? found.what : words_.view().data(),
                 to_.context);
    t_in_callback = false;
  }

 private:
  listener to_;
  text words_;
};

enum class told : std::uint8_t { suppressed, yes };

told tell(const finding& found, listener_call& callback) noexcept {
  outputs::begin();
  static constinit char storage[32 * 1024] = {};
  text out(storage, text::growth::pages);
  const std::uint64_t print = fingerprint(found);
  if (const auto* const like = g_memory.find(print)) {
    if (like->number == 0) return told::suppressed;
    compose_again(found, like->number, out);
    outputs::say(out.view());
    return told::yes;
  }
  symbolizer symbols;
  for_each_deed(found, [&](const deed& d) { symbols.add(d.at); });
  symbols.resolve();
  if (suppressions::concern(found.kind) &&
      suppressions::match(found, symbols)) {
    g_memory.add(print, 0);
    return told::suppressed;
  }
  const std::int64_t number = g_memory.next_number();
  g_memory.add(print, number);
  compose(found, number, symbols, out);
  outputs::say(out.view());
  if (outputs::want_json()) write_json(found, number, symbols);
  if (outputs::want_graph() && found.links > 0)
    draw_graph(found, number, symbols);
  callback.prepare(out.view());
  return told::yes;
}

}  // namespace

report_lock::report_lock() noexcept : error_(errno) { g_report_lock.lock(); }

report_lock::~report_lock() {
  g_report_lock.unlock();
  errno = error_;
}

bool report(const finding& found) noexcept {
  listener_call callback;
  told what = told::suppressed;
  {
    const process::cancellation_pause uncancelled;
    const report_lock only_me;
    const auto telling = [&] { what = tell(found, callback); };
    on_large_stack(function_ref<void()>(telling));
  }
  callback.carry_out(found);
  return what == told::yes;
}

void set_callback(finding_callback callback, void* context) noexcept {
  const report_lock only_me;
  g_listener = {callback, context};
}

void begin_reports() noexcept {
  const report_lock only_me;
  const auto beginning = [] { outputs::begin(); };
  on_large_stack(function_ref<void()>(beginning));
}

// What is suppressed from now on is no more told, not even in one line.
bool suppressions::add(const char* kind, const char* pattern) noexcept {
  const report_lock only_me;
  g_memory.forget_all();
  return kind != nullptr && pattern != nullptr && add_locked(kind, pattern);
}

void suppressions::add_file(const char* path) noexcept {
  const report_lock only_me;
  g_memory.forget_all();
  const auto reading = [&] { outputs::read_suppressions(path); };
  on_large_stack(function_ref<void()>(reading));
}

void set_report_file(report_file which, const char* path) noexcept {
  const report_lock only_me;
  const auto setting = [&] { outputs::set_file(which, path); };
  on_large_stack(function_ref<void()>(setting));
}

void reset_report_lock() noexcept {
  // A thread that the child does not have was making a report: what it was
  // changing is left as it is, and not used again.
  if (!g_report_lock.try_lock()) {
    debug_info::abandon();
    g_has_edges = false;
  }
  std::construct_at(&g_report_lock);
  reset_names_after_fork();
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
