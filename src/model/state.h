// SPDX-License-Identifier: Apache-2.0
//
// What the checker (engine.h) keeps: of each thread while it runs, of what is
// left to be explored, and of what has been found out about waiting loops.
#ifndef SYNCXX_SRC_MODEL_STATE_H_
#define SYNCXX_SRC_MODEL_STATE_H_

#include <array>
#include <cstdint>
#include <optional>

#include <sync/detail/thread_id.h>
#include <sync/model/check.h>

#include "fiber.h"
#include "graph.h"
#include "guide.h"
#include "memory.h"
#include "memory_resource.h"
#include "thread_storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Why a thread cannot go on.
enum class obstacle : std::uint8_t {
  none,
  join,         // of thread `on`
  await,        // every value it may read makes its loop go round
  sleep,        // on a futex
  rounds,       // of a loop that waits and writes, of which there were enough
  vain,         // for good, at an update that leads back
  out_of_date,  // for good: what it would confirm has changed (rounds.cc)
  assume,       // for good: the execution is dropped
};

enum class stage : std::uint8_t { absent, finished, unstarted, ready };

// What the caller's registers and stack were at an operation, condensed.
using fingerprint = std::uint64_t;
inline constexpr fingerprint kNoFingerprint = 0;
inline void mix(fingerprint& h, std::uint64_t word) noexcept {
  h = (h ^ word) * 0xff51afd7ed558ccdu;
  h ^= h >> 32;
}
// In place of one: the thread ends, or fails.
inline constexpr fingerprint kEnds = 1, kFails = 2;

// Before a read.
struct head {
  fingerprint state = kNoFingerprint;   // of its thread
  fingerprint before = kNoFingerprint;  // of what it may look at
  fingerprint behind = kNoFingerprint;  // the same, behind the read
};

// A thread's list of robust mutexes (pi.cc); as glibc has it, `prev` is before
// the head.
struct robust_links {
  void* prev = nullptr;
  detail::robust_head head{nullptr, 0, nullptr};
};

// What begins anew with each run.
struct thread_run {
  stage at = stage::absent;
  obstacle blocked = obstacle::none;
  // In a loop that may be waiting: values are fed again, without events, until
  // the loop's state repeats (spin.cc).
  bool following = false;
  bool sifting = false;  // following to see what a value does (sift.cc)
  bool hinted = false;   // a spin hint, in this loop or since an event
  bool stuck = false;    // its last read was a stuck await's
  bool rested = false;   // since it looked at a clock
  bool mortal = false;   // may die before each operation
  bool died = false;
  std::uint32_t done = 0;        // events of this run
  thread_number needs = kNone;   // to have done `needs_index` events
  thread_number joiner = kNone;  // waits for its end
  moment born;                   // behind its create
  std::uint32_t rounds = 0;
  std::uint32_t round_began = 0;  // index, of a loop that waits and writes
  std::uint32_t writing_rounds = 0;
  task* body = nullptr;
  std::uint64_t plain_writes = 0;
  robust_links robust;
};

struct thread_state : thread_run {
  context fiber;
  std::optional<fiber_stack> stack;
  std::uint32_t on = kNone;  // what `blocked` says
  std::uint32_t needs_index = 0;
  const void* site = nullptr;  // where its present operation was called
  event_id created = kNone;    // its create
  thread_storage storage;
  event pending{};  // the read that `await` waits for
  // While following:
  bool idle = false;            // after a sleep that ended for no reason
  bool looked = false;          // at a clock, in this loop
  bool timed = false;           // it sleeps with a time, which may run out
  bool sifted = false;          // what is sifted has been read
  std::uint32_t cycle = 0;      // index of the loop's first event
  std::uint32_t in_cycle = 0;   // events of this round so far
  fingerprint state = 0;        // at the head of the loop, the last time
  const void* frame = nullptr;  // of its caller, the last time it was asked for
  fingerprint suspected = 0;    // the first time
  vec<head> heads;              // by index: before reads
  // While idle: the sleep, and how often it has been come back to.
  std::uint64_t nap = 0;  // its key in naps_
  const void* word = nullptr;
  value expected{};
  std::uint32_t returns = 0;
  bool returned = false;  // from it, just now
  bool probing = false;   // another value has been read
  fingerprint path = 0;
};

// The threads so far; a thread_state stays where it is.
class thread_table {
 public:
  std::size_t size() const noexcept { return size_; }
  thread_state& operator[](std::size_t t) noexcept { return states_[t]; }
  const thread_state& operator[](std::size_t t) const noexcept {
    return states_[t];
  }
  void add() { ++size_; }
  thread_state* begin() noexcept { return states_.data(); }
  thread_state* end() noexcept { return states_.data() + size_; }
  const thread_state* begin() const noexcept { return states_.data(); }
  const thread_state* end() const noexcept { return states_.data() + size_; }

 private:
  vec<thread_state> states_ = vec<thread_state>(memory::kThreads);
  std::size_t size_ = 0;
};

// Some threads, in no order that matters but always the same.
class thread_set {
 public:
  void clear() noexcept { size_ = 0; }
  std::uint32_t size() const noexcept { return size_; }
  thread_number operator[](std::uint32_t i) const noexcept {
    return members_[i];
  }
  bool contains(thread_number t) const noexcept {
    return places_[t] < size_ && members_[places_[t]] == t;
  }
  void add(thread_number t) noexcept {
    places_[t] = static_cast<std::uint8_t>(size_);
    members_[size_++] = static_cast<std::uint8_t>(t);
  }
  void remove(thread_number t) noexcept {
    const std::uint8_t last = members_[--size_];
    members_[places_[t]] = last;
    places_[last] = places_[t];
  }

 private:
  static_assert(memory::kThreads == 256);
  std::uint32_t size_ = 0;
  std::array<std::uint8_t, memory::kThreads> members_{}, places_{};
};

enum class knowledge : std::uint8_t { unknown, failing, passing };

// What the values read by an await do, as far as tried.
struct await_memo {
  bool timed = false;                 // its loop looks at a clock
  bool hinted = false;                // or has a spin hint
  fingerprint head = kNoFingerprint;  // the state of its thread
  std::uint32_t cycle = 0;            // index of the first event of the loop
  vec<value> failing;
  vec<std::uint32_t> cycles;  // of each of those: index of the loop's head
  vec<value> passing;
  vec<value> seen;     // passing, or not known to fail when read
  vec<value> retried;  // to fail spuriously with them leads back
};

// Whether `e` is what a thread does again.
bool same_operation(const event& e, const access& a, location_id l,
                    const void* site) noexcept;

// Whether rounds are the same as those behind them (sift.cc).
struct sieve {
  hash_map<std::uint64_t, bool> tried;     // they are: state and two values
  hash_map<std::uint64_t, bool> separate;  // not: state and value
  hash_map<std::uint64_t, std::uint32_t> found;  // so many, by call()
  event_id read = kNone;                         // which is tried
  value round{};                                 // a value that leads back
  std::uint32_t cycle = 0;                       // to that index
  bool met = false;                              // in this run
  std::uint64_t past = 0;                        // of it, having been moved
  bool moved = false;  // it has read another value, from `rf`
  event_id rf = kNone;
  bool second = false;   // its own value is read behind that one
  fingerprint path = 0;  // where it led when read at once
};

// What is known of a sleep that ends for no reason (nap.cc).
struct nap_memo {
  enum class stage : std::uint8_t {
    loop,
    refusal,
    first,
    second,
    matters,
    useless
  };
  stage at = stage::loop;
  fingerprint after = 0;  // the state behind the first return
  fingerprint path = 0;   // where another value leads then
  vec<value> others;      // to be tried
};

// An alternative that is still to be explored.
struct alternative {
  enum class type : std::uint8_t { read, place, choice, revisit };
  type what{};
  bool passed = false;      // read: an earlier option let the thread go on
  bool conflict = false;    // read: the present option is another update's
  bool failed = false;      // read: the present option did not
  bool unsure = false;      // revisit: whether awaits were maximal
  bool failing = false;     // revisit: of an await, by what it waits away
  event_id target = kNone;  // the event; revisit: the write
  event_id read = kNone;    // revisit: the read
  // In `options`: what belongs to it, and what of that is left.
  std::uint32_t base = 0, first = 0, last = 0;
};

// What a read may read from.
struct option {
  event_id from = kNone;  // place: in co; choice: the number
  bool guessed = false;
};

// Who sleeps on a futex, or has been moved from it to another.
struct futex_waiter {
  thread_number thread = 0;
  std::uint32_t ticket = 0;  // tells a thread's sleeps apart
  std::uint32_t mask = 0;
  location_id moved_to = kNone;
  bool operator==(const futex_waiter&) const noexcept = default;
};
using futex_queue = vec<futex_waiter>;

// The queues there have been: what the location of a futex holds is a number.
class futex_queues {
 public:
  futex_queues() { queues_.emplace_back(); }  // 0: nobody
  const futex_queue& operator[](const value& v) const noexcept {
    return queues_[v.lo];
  }
  value number(const futex_queue& q);  // futex.cc

 private:
  deque<futex_queue> queues_;
  hash_map<std::uint64_t, std::size_t> numbers_;
};

// One graph with what is left to be done from it.
struct exploration {
  explicit exploration(std::uint32_t stride) : g(stride) {}
  graph g;
  vec<alternative> work;
  alternative origin{};     // the revisit that made it
  bool take_again = false;  // that, since its read cannot go on
  vec<option> options;
};

enum class outcome : std::uint8_t {
  complete,
  blocked,
  dropped,  // not an execution of the program
  again,    // to be run again, the graph having been changed
  failed,
};

inline constexpr std::uint32_t kNoPast[memory::kThreads] = {};

// An execution that has failed.
struct failure {
  verdict what{};
  text message;
  script how;
  bool repeatable = true;
  std::uint64_t executions = 0, blocked = 0;  // before it
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_STATE_H_
