// SPDX-License-Identifier: Apache-2.0
//
// The checker: runs the test on fibers, turns each of its operations into an
// event of an execution graph, and explores all graphs.
//
// One run executes the test once. Each thread first replays the events that the
// graph has for it (its log): reads return what the graph says. A thread at the
// end of its log, at the frontier, adds new events. The next thread to do so is
// always the lowest-numbered one that can; during replay the others run where
// somebody depends on them, so that plain memory is written before it is read.
//
// Between runs the graph is cut back, or a part of it copied, to take another
// of the alternatives that were noted when events were added (explore.cc).
#ifndef SYNCXX_SRC_MODEL_ENGINE_H_
#define SYNCXX_SRC_MODEL_ENGINE_H_

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>

#include <sync/model/access.h>
#include <sync/model/check.h>

#include "../futex/syscall.h"
#include "fiber.h"
#include "graph.h"
#include "guide.h"
#include "holders.h"
#include "memory.h"
#include "memory_resource.h"
#include "state.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

class recorder;  // recorder.h

class checker {
 public:
  // `frame`: of the function that check() was called from.
  checker(const std::function<void()>& test, const options& how,
          std::uint32_t stride, const void* frame)
      : test_(test),
        how_(how),
        stride_(stride),
        memory_(*this, frame),
        check_duplicates_(std::getenv("SYNCXX_MODEL_DUPLICATES") != nullptr),
        all_rounds_(std::getenv("SYNCXX_MODEL_ALL_ROUNDS") != nullptr) {}
  checker(const checker&) = delete;
  checker& operator=(const checker&) = delete;

  result explore();
  result explore_randomly();
  result replay();
  // Before fail(): what the present access collides with follows that event.
  void collides_with(const moment& other) noexcept { collision_ = other; }
  // More threads were made than the graphs were laid out for.
  bool needs_more_threads() const noexcept { return too_many_threads_; }

  // --- Called by the test, on its fibers (run.cc, access.cc) ----------------
  // First: the frames of what follows, a part of states, hold nothing old.
  void clean_stack() const noexcept {
    if (!await_sites_.empty()) clear_stack_below();
  }
  static void clear_stack_below() noexcept;
  value perform(const access& a, const void* site) noexcept;
  bool last_exchange_succeeded() const noexcept { return exchanged_; }
  void fence(memory_order o, const source& where, access_kind what) noexcept;
  std::uint32_t spawn(task* body, const source& where);
  void join(thread_number t, const source& where);
  int choose(int n, access_kind what = access_kind::other,
             bool one_only = false);
  void assume(bool holds);
  // futex.cc; results: futex/syscall.h. `again`: as if it had not tried.
  int futex_wait(const void* word, std::uint32_t size, const value& expected,
                 bool timed, std::uint32_t mask, bool again);
  int futex_wake(const void* word, int count, std::uint32_t mask);
  int futex_count(const void* word, int at_most);
  int futex_requeue(const void* from, const value& expected, int wake, int move,
                    const void* to);
  int futex_waitv(std::span<const detail::sys::waitv_entry> entries,
                  bool timed);
  void wait(const void* object, std::size_t size, const value& old);
  void notify(const void* object, std::size_t size, bool all);
  void rest() noexcept { current_->rested = true; }
  // `again`: not the first one of its loop.
  void spin_hint(bool again) noexcept;
  std::int64_t clock_ns(bool base);
  thread_number self() const noexcept { return self_; }
  // Ends the run. `message` is one, or a function that makes it: stacks are
  // left as they are, with what lives on them.
  template <class Message>
  [[noreturn]] void fail(verdict what, const Message& message) noexcept;
  const fiber_stack& stack() const noexcept { return *current_->stack; }
  // The test does not do what it is to repeat.
  template <class Message>
  [[noreturn]] void misfit(const Message& message) noexcept;
  thread_storage& storage() noexcept { return current_->storage; }
  memory& objects() noexcept { return memory_; }
  holders& locks() noexcept { return locks_; }
  const graph& now() const noexcept { return *g_; }
  // hb of the running thread.
  const std::uint32_t* past() const noexcept;
  std::uint32_t position() const noexcept { return current_->done; }
  // Of the running thread's creator, whose first `index` events happen before.
  const moment& born() const noexcept { return current_->born; }
  // Whether all other threads have ended, and that happens before.
  bool is_alone() const noexcept;
  void count_plain_write() noexcept { ++current_->plain_writes; }
  recorder* recording() const noexcept { return recording_; }

 private:
  friend class recorder;
  friend class pi_kernel;
  // run.cc
  outcome run();
  static void main_entry(void*);
  static void thread_entry(void*);
  void thread_body(thread_number t);
  [[noreturn]] void finish() noexcept;
  [[noreturn]] void end_thread() noexcept;
  void choose_to_die();
  void destroy_thread_locals();
  [[noreturn]] void end_run(outcome how) noexcept;
  void dispatch() noexcept;
  thread_number pick() noexcept;
  thread_number half_done() const noexcept;
  void switch_to(thread_number t) noexcept;
  void switch_thread_locals(thread_state& next) noexcept;
  void start_fiber(thread_number t) noexcept;
  // Before a new event: returns when it is the caller's turn.
  void wait_turn() noexcept {
    if (!guide_.goes_on()) give_turn();
  }
  void give_turn() noexcept;
  [[noreturn]] void too_long(std::uint32_t events) noexcept;
  void need(event_id id) noexcept;
  bool replaying() const noexcept {
    return current_->done < g_->of_thread(self_).size();
  }
  event& logged(kind what, location_id l, const access* a);
  [[noreturn]] void nondeterministic(const event& e, const char* now) noexcept;
  void block(obstacle why, std::uint32_t on) noexcept;
  void unblock(thread_number t) noexcept;
  outcome judge();
  thread_state& thread(thread_number t);
  event fresh(kind what) const noexcept;
  event& draft(kind what) { return g_->draft(what, self_); }
  event_id add_event(const event& e, std::uint32_t place = 0);
  event_id step(const event& e);
  void begin_or_end(kind what, event_id rf);
  std::uint32_t spawn_exploring(task* body, const source& where);
  void join_exploring(thread_number t, const source& where);

  // guided.cc
  value perform_guided(const access& a, const void* site) noexcept;
  void wait_guided_turn() noexcept {
    if (!guide_.goes_on()) give_guided_turn();
  }
  void give_guided_turn() noexcept;
  void go_on() noexcept;
  void dispatch_guided() noexcept;
  thread_number pick_guided() noexcept;
  thread_number pick_scripted() noexcept;
  thread_number pick_foremost() noexcept;
  void done_guided(const event& e) noexcept;
  void add_guided(event& e, kind what, graph::place_list* l = nullptr,
                  std::uint32_t place = 0);
  bool try_guided(event& e, graph::place_list& l, std::uint32_t place = 0);
  event_id add_guided(const event& e);
  void start_guided(event_id created);
  [[noreturn]] void finish_guided() noexcept;
  std::uint32_t spawn_guided(task* body, const source& where);
  thread_number scripted_new_thread(const source& where) noexcept;
  void join_guided(thread_number t, const source& where);
  value read_guided(const access& a, location_id l, bool updates,
                    location_id queue = kNone);
  value read_here(const access& a, location_id l, bool updates,
                  location_id queue);
  void look_at(event& e, event_id write) noexcept;
  void add_read_guided(event& e, graph::place_list& at);
  void add_older_read(event& e, graph::place_list& at);
  void modify_guided(location_id l, const value& data);
  void write_here(const access& a, location_id l);
  void add_earlier_write(event& e, graph::place_list& at);
  std::uint32_t guided_place(const event& e, std::uint32_t places) noexcept;
  int choose_guided(std::uint32_t n, access_kind what, bool one_only);
  void follow_script(const event& e) noexcept;
  void watch_progress(const event& e);
  void progress() noexcept;
  void nothing_new(const event& e);

  // access.cc
  value perform_exploring(const access& a, const void* site) noexcept;
  // `queue`: to be joined, if this finds the value expected.
  value read(const access& a, location_id l, bool updates,
             location_id queue = kNone);
  value read_next(const access&, location_id, bool updates, location_id queue);
  [[noreturn]] void not_initialized(const access& a) noexcept;
  void modify(const access& a, location_id l, const value& data);
  void write(const access& a, location_id l);
  value data_of(location_id l, event_id from) const noexcept;
  void settle_kind(event& e, const value& data, bool guessed) const noexcept;
  void wake_awaits(location_id l, event_id write) noexcept;

  // futex.cc
  value open_queue(location_id l, memory_order order = memory_order_acq_rel);
  template <class Change>
  void close_queue(location_id l, const value& before, const Change& change);
  bool enqueue(location_id hidden, const void* word, std::uint32_t size,
               const value& expected, std::uint32_t mask, std::uint32_t ticket,
               memory_order order = memory_order_acq_rel, bool again = false);
  bool dequeue(location_id hidden, std::uint32_t ticket);
  event_id woken_by(location_id hidden, thread_number t,
                    std::uint32_t ticket) const;
  bool sleep_in(std::span<const location_id> queues, std::uint32_t ticket,
                bool timed);
  void wake_sleepers() noexcept;

  // rounds.cc
  bool looked_at(location_id l, const value& seen) const noexcept;
  value confirm(event& e);
  bool falls_asleep(const event& e) const noexcept;
  bool stays_behind(const event& e);
  [[noreturn]] void wake_up_out_of_date() noexcept;
  [[noreturn]] void stay_out_of_date() noexcept;

  // spin.cc
  fingerprint state() const noexcept;
  fingerprint stack_state() const noexcept;
  fingerprint world() const noexcept;
  bool suspicious(const access& a, location_id l);
  value follow(const access& a, location_id l);
  void follow_fence(const event& e);
  bool in_vain(const thread_state& s, thread_number t) const;
  const event& next_in_cycle();
  [[noreturn]] void spin_confirmed();
  [[noreturn]] void give_up_following(
      fingerprint how = kNoFingerprint) noexcept;
  [[noreturn]] void read_failed(event_id read, std::uint32_t cycle);
  void stay_if_vain(const event& e) noexcept;

  // sift.cc
  std::uint32_t note_head(const access& a);
  bool separate(const event& e) const;
  value sift(event_id read, fingerprint head);
  void sift_seen(event_id read, std::uint32_t cycle);
  void forget_sifting();
  value sift_next(const access& a, location_id l);
  [[noreturn]] void end_sifting_elsewhere(fingerprint path);
  [[noreturn]] void end_sifting(fingerprint path);

  // nap.cc
  int nap(const void* word, const value& expected);
  int interrupt(const void* word, const value& expected);
  value follow_idle(const access& a, location_id l);
  void after_nap(const access& a, location_id l);
  [[noreturn]] void nap_matters() noexcept;
  [[noreturn]] void next_stage(nap_memo& memo);

  // explore.cc
  bool add_read(event& e);
  void options_of_read(const event& e);
  bool may_not_guess(const event& e) const;
  void note_revisits(event_id write, event_id conflict);
  bool maximal(event_id e, event_id write, bool& unsure);
  bool next();
  bool next_option(exploration& x);
  bool next_place(exploration& x);
  bool take_revisit(exploration& x, const alternative& a);
  bool still_maximal(const alternative& a);
  bool passes(event_id read, event_id write);
  void push_alternatives(alternative::type what, event_id target,
                         std::uint32_t base);
  exploration& push_exploration();
  void drop_exploration();
  knowledge known(std::uint32_t memo, const value& v) const noexcept;
  std::uint32_t memo_here();
  bool end_of_complete_run();
  bool next_within_bound();
  bool within_bound() const;

  // failure.cc
  void keep_failure();
  outcome follow(const script& s);
  void shorten(const script& s);
  result failed();
  void show_failure();
  // Whether threads that would only spin from here on are shown to wait.
  bool shows_waiting() const noexcept;

  const std::function<void()>& test_;
  const options& how_;
  std::uint32_t stride_;
  bool too_many_threads_ = false;

  deque<std::unique_ptr<exploration>> stack_;
  vec<std::unique_ptr<exploration>> spare_;
  exploration* x_ = nullptr;  // the one that is run
  graph* g_ = nullptr;
  recorder* recording_ = nullptr;  // of a failing run, done again

  thread_table threads_;
  thread_set able_;               // guided: to go on
  std::uint32_t unfinished_ = 0;  // guided: threads
  thread_state* current_ = nullptr;
  thread_number self_ = 0;
  thread_number first_ = kNone;  // to go first: half an update is done
  context host_;
  thread_block block_;
  thread_storage host_storage_;
  outcome outcome_{};
  result result_;
  text failure_;                   // becomes its message
  bool repeatable_ = true;         // the same run fails in the same way
  thread_number culprit_ = kNone;  // who has failed
  moment collision_;
  std::optional<failure> found_;  // the shortest
  guide guide_;
  std::uint32_t last_progress_ = 0;  // guided: events until that
  memory memory_;
  holders locks_;
  vec<await_memo> memos_;
  hash_map<std::uint64_t, std::uint32_t> memo_numbers_;  // by past
  hash_map<std::uint64_t, bool> no_spin_;  // states of loops that end
  hash_map<std::uint64_t, nap_memo> naps_;
  sieve sieve_;
  futex_queues queues_;
  hash_map<std::uint64_t, bool> await_sites_;  // by call()
  bool start_over_ = false;                    // an await site was found
  event_id probed_ = kNone;                    // a probe: the read in question
  bool exchanged_ = false;
  vec<event_id> renumber_;
  vec<bool> keep_;
  hash_map<std::uint64_t, bool> seen_;  // debug: hashes of complete graphs
  bool check_duplicates_ = false;
  bool all_rounds_ = false;     // debug: also those that come to nothing
  std::uint32_t searched_ = 0;  // runs, since the first failure
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#include "engine_inline.h"

#endif  // SYNCXX_SRC_MODEL_ENGINE_H_
