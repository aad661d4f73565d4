// SPDX-License-Identifier: Apache-2.0
//
// Records a run of a failing execution, step by step. There is none while the
// checker explores: the execution that has failed is run once more for it.
#ifndef SYNCXX_SRC_MODEL_RECORDER_H_
#define SYNCXX_SRC_MODEL_RECORDER_H_

#include <cstdint>
#include <optional>

#include "engine.h"
#include "running.h"
#include "trace.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

class recorder {
 public:
  explicit recorder(checker& of) : checker_(of) {}

  // The running thread is about to do something, and has done it. What it never
  // ends is where it stays.
  void begin(action what, const void* address, std::uint32_t size,
             const source& where);
  void end(std::int64_t result);
  value perform(const access& a, const void* site) noexcept;

  // More about what has begun.
  void order(memory_order o) noexcept { pending().order = o; }
  void fence(memory_order o, access_kind what) noexcept {
    pending().order = o;
    pending().access = what;
  }
  void peer(thread_number t) noexcept { pending().peer = t; }
  void target(const void* address) {
    pending().other = object_at(address, false, 4, source());
  }
  void expected(const value& v) noexcept { pending().expected = v; }

  // Where that is, as far as is known.
  source where(const source& given) noexcept {
    return given.line != 0 || pending().after ? given : pending().where;
  }
  text place_of(thread_number t) const;
  static text place_here();

  // Within a futex wait: queued, about to sleep.
  void asleep();

  // After the run.
  trace take(verdict what, const text& message);

 private:
  trace_step& pending();
  void settle();
  std::uint32_t object_at(const void* address, bool cell, std::uint32_t size,
                          const source& where);
  std::uint32_t make_object(const void* address, bool cell, std::uint32_t size,
                            const source& where);
  void read_events(trace_step& s);
  void keep(trace_step s);
  // Whether the running thread has failed, and comes no further.
  bool failed() const noexcept { return checker_.culprit_ != kNone; }
  void end_failing();
  void end_threads();
  void mark_culprits();
  void mark_leaks();
  void tell_leaks();
  bool worth_showing(const trace_step& s) const;
  bool in_block(const trace_object& o, const trace_step& of) const;
  void drop_dull_steps();
  void link_reads();
  void link_clocks();
  void link_clock(trace_step& s, vec<std::uint32_t>& seen,
                  const vec<vec<step_number>>& of_thread);
  void name_objects();
  void name_blocks();
  void name_in_message();
  value latest(location_id l) const;
  text state_of(thread_number t) const;

  checker& checker_;
  trace trace_;
  vec<std::optional<trace_step>> pending_;  // by thread
  vec<trace_step> last_;        // by thread: the last one with a place
  vec<std::uint32_t> step_of_;  // by event
  hash_map<const void*, std::uint32_t> living_;
  step_number unsettled_ = kNone;  // a cell's write: its value comes afterwards
};

// Around what the running thread does.
class recorded {
 public:
  explicit recorded(action what, const void* address = nullptr,
                    std::size_t size = 0, const source& where = source())
      : to_(g_checker->recording()) {
    if (to_ != nullptr) [[unlikely]]
      to_->begin(what, address, static_cast<std::uint32_t>(size), where);
  }
  ~recorded() {
    if (to_ != nullptr) [[unlikely]]
      to_->end(result_);
  }
  recorded(const recorded&) = delete;
  recorded& operator=(const recorded&) = delete;

  source where(const source& given) const noexcept {
    return to_ == nullptr ? given : to_->where(given);
  }
  recorder* operator->() const noexcept { return to_; }
  explicit operator bool() const noexcept { return to_ != nullptr; }
  template <class T>
  T result(T r) noexcept {
    result_ = static_cast<std::int64_t>(r);
    return r;
  }

 private:
  recorder* const to_;
  std::int64_t result_ = 0;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_RECORDER_H_
