// SPDX-License-Identifier: Apache-2.0
//
// What decides in a run that explores nothing: which thread goes next, which
// write a read reads from, where in co a write goes, and all else that is open.
// Either a random number generator or a script, made of an earlier execution.
//
// Scheduling: half of the runs are random walks, half follow PCT (Burckhardt,
// Kothari, Musuvathi, Nagarakatte: "A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs", ASPLOS 2010): the thread of highest priority
// runs, and at a few random steps the running thread's priority drops below all
// others. Weak memory: in some runs a read takes an older write now and then,
// and a write goes before others in co.
#ifndef SYNCXX_SRC_MODEL_GUIDE_H_
#define SYNCXX_SRC_MODEL_GUIDE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "graph.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// One event of an execution, as far as it was open. Those that follow in the
// same thread without a decision are counted with it.
struct decision {
  enum class type : std::uint8_t {
    plain,  // `n` events in which nothing is decided, or the first option taken
    read,   // the write `n` places before the last in co
    refuse,  // the same by a weak compare-exchange that fails spuriously
    write,   // `n` places before the last in co
    choice,  // `n`
    create,  // of thread `n`
    last,    // the thread with which it ends
  };
  type what{};
  thread_number thread = 0;
  std::uint32_t n = 0;
};

class script {
 public:
  // Of a graph; `last`: the thread that has failed, or kNone.
  static script of(const graph& g, thread_number last);
  // False: not a script.
  bool parse(std::string_view from);
  std::string to_string() const;
  std::size_t length() const noexcept;
  const vec<decision>& decisions() const noexcept { return decisions_; }

 private:
  void add(decision d);
  vec<decision> decisions_;
};

// A guided execution longer than this is taken for one that never ends.
inline constexpr std::uint32_t kMostGuidedEvents = 1u << 20;

class guide {
 public:
  enum class mode : std::uint8_t { off, random, script };

  bool on() const noexcept { return mode_ != mode::off; }
  bool scripted() const noexcept { return mode_ == mode::script; }
  void off() noexcept { mode_ = mode::off; }
  void begin_random(std::uint64_t seed) noexcept;
  void begin_script(const script& s) noexcept;
  void end_run(std::uint32_t events) noexcept {
    longest_ = std::max(longest_, events);
  }

  // The thread whose turn it is by the script; kNone: anybody's.
  thread_number scripted_thread() const noexcept {
    return position_ == script_->decisions().size()
               ? kNone
               : script_->decisions()[position_].thread;
  }
  // True: it may be its turn.
  bool new_thread(thread_number t, thread_number creator) noexcept {
    if (mode_ != mode::random) return true;
    if (walk_) return false;
    priority(t) = static_cast<std::int64_t>(next() >> 2) + 1;
    return priority(t) > priority(creator);
  }
  // `t` waits for others.
  void yield(thread_number t) noexcept { priority(t) = --lowest_; }
  // Random: whether the next event is made without asking whose turn it is.
  bool goes_on() noexcept {
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  // It may be another's turn.
  void reconsider() noexcept { left_ = 0; }
  // PCT: `t` has done the last of `events`, and another is to be made.
  void at_step(thread_number t, std::uint32_t events) noexcept {
    while (events >= change_) {
      yield(t);
      next_change();
    }
    const std::uint32_t until = std::min(change_, kMostGuidedEvents);
    left_ = until > events ? until - events - 1 : 0;
  }
  // Script: an event has been done.
  void step() noexcept;
  // Script: whether what is decided now can be decided for such an event.
  bool fits(const event& e) const noexcept;
  bool walks() const noexcept { return walk_; }
  // Another thread goes on, for one step, and at each further one as likely as
  // not.
  std::uint32_t walk_to(std::uint32_t one_of) noexcept {
    const std::uint64_t dice = next();
    stay(dice);
    return static_cast<std::uint32_t>((dice >> 32) * one_of >> 32);
  }
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((next() >> 32) * n >> 32);
  }
  std::int64_t priority_of(thread_number t) noexcept { return priority(t); }

  // Whether a read is to take an older write than the last, a write a place
  // before others: then they say how many places before, at most `most`.
  bool reads_older() noexcept {
    return mode_ == mode::script || (stale_ != 0 && one_in(stale_));
  }
  bool writes_earlier() noexcept {
    return mode_ == mode::script || (stale_ != 0 && one_in(2 * stale_));
  }
  std::uint32_t read(std::uint32_t most) noexcept;
  std::uint32_t write(std::uint32_t most) noexcept;
  bool refuses() noexcept;
  std::uint32_t choice(std::uint32_t n, access_kind what) noexcept;
  // Whether a thread that may die does not: else most would do so at once.
  bool spares() noexcept { return mode_ == mode::random && !one_in(8); }
  // The number of a thread created now; kNone: the next free one.
  thread_number created() noexcept {
    return mode_ == mode::script && position_ != script_->decisions().size() &&
                   script_->decisions()[position_].what ==
                       decision::type::create
               ? script_->decisions()[position_].n
               : kNone;
  }
  // Script: only the thread with which it ends is left.
  bool at_end() const noexcept {
    return mode_ == mode::random || position_ == script_->decisions().size() ||
           script_->decisions()[position_].what == decision::type::last;
  }

 private:
  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;  // splitmix64
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }
  void stay(std::uint64_t dice) noexcept {
    left_ = static_cast<std::uint32_t>(std::countr_zero(dice | (1u << 30)));
  }
  void next_change() noexcept {
    change_ = changes_left_ == 0 ? kNone : changes_[--changes_left_];
  }
  std::int64_t& priority(thread_number t) noexcept { return priorities_[t]; }
  std::uint32_t scripted_n(decision::type what) noexcept;

  mode mode_ = mode::off;
  std::uint64_t state_ = 0;
  bool walk_ = false;
  std::uint32_t left_ = 0;      // events until somebody else may have a turn
  std::uint32_t stale_ = 0;     // one read in so many is stale; 0: none
  std::uint32_t longest_ = 16;  // run so far, in events
  std::int64_t lowest_ = 0;
  vec<std::int64_t> priorities_ = vec<std::int64_t>(256);  // memory::kThreads
  // PCT: before which events priorities change, the next ones last.
  std::array<std::uint32_t, 3> changes_{};
  std::uint32_t changes_left_ = 0;
  std::uint32_t change_ = kNone;  // the next one
  const script* script_ = nullptr;
  std::size_t position_ = 0;
  std::uint32_t in_position_ = 0;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_GUIDE_H_
