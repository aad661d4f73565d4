// SPDX-License-Identifier: Apache-2.0
//
// An execution graph: events in program order (po), which write each read reads
// from (rf), and for each location the order of its writes (co).
//
// Model: RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer: "Repairing Sequential
// Consistency in C/C++11", PLDI 2017) with the release sequences of C++20,
// which consist of read-modify-writes only. The graph keeps for each event what
// happens before it (hb) and what it depends on (porf, the transitive closure
// of po and rf) as vector clocks: entry t counts the events of thread t, in po.
#ifndef SYNCXX_SRC_MODEL_GRAPH_H_
#define SYNCXX_SRC_MODEL_GRAPH_H_

#include <cstdint>
#include <span>

#include <sync/model/access.h>

#include "event.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

class graph {
 public:
  // What is known of the await that is a thread's next event, if anything.
  struct await_note {
    std::uint32_t index = 0;  // of the event; 0: nothing known
    std::uint32_t memo = kNone;
    event_id since = 0;  // writes before this one have all been tried
    // If it can go on, nothing is learnt (checker::note_revisits): since the
    // graph had that many events (kAlways: the graph was made so). 0: it is not
    // so.
    std::uint32_t stuck = 0;
  };
  // The accesses to a location.
  struct place_list {
    pile<event_id> co;
    pile<event_id> reads;
    bool used = false;  // last_ holds for it
  };

  explicit graph(std::uint32_t stride) : stride_(stride) {}

  void clear() noexcept;
  // Until it is cleared, or complete() makes up for it, does without porf, past
  // and reads(); events are added by add_lean(), each behind those that it
  // depends on.
  void be_lean() noexcept { lean_ = true; }
  void complete() noexcept;
  // The events of `from` for which keep[id] is true, renumbered; they must
  // contain what they depend on.
  void assign(const graph& from, const vec<bool>& keep,
              vec<event_id>& renumber);

  std::uint32_t stride() const noexcept { return stride_; }
  std::uint32_t size() const noexcept { return events_.size(); }
  event& at(event_id id) noexcept { return events_[id]; }
  const event& at(event_id id) const noexcept { return events_[id]; }
  std::uint32_t threads() const noexcept { return thread_count_; }
  const pile<event_id>& of_thread(thread_number t) const noexcept {
    return threads_[t].po;
  }
  // A new thread without events: the number wanted, or the lowest free one.
  // Freed with its create event, whose `location` is the number.
  thread_number add_thread(thread_number wanted = kNone);
  // Where no thread has ever been removed: behind all others.
  thread_number add_next_thread() {
    add_part().in_use = true;
    return thread_count_ - 1;
  }

  // Where the next event will be: to be filled in and added, before any other.
  event& draft() {
    if (events_.is_full()) [[unlikely]]
      grow();
    return events_.spare();
  }
  // The same, of that kind and thread and with nothing else. What only reads
  // and writes have is left as it is.
  event& draft(kind what, thread_number t) {
    event& e = draft();
    static_cast<event_head&>(e) = {};
    e.what = what;
    e.thread = static_cast<std::uint16_t>(t);
    e.access = access_kind::other;
    e.data = {};
    e.where.line = 0;
    return e;
  }
  // Appends an event of e.thread; fills in index, previous and the like. A
  // write gets `place` in co, behind that many others. Reads must have rf.
  event_id add(const event& e, std::uint32_t place = 0);
  // The same with the draft, in a lean graph, of that kind and thread; `l`: the
  // location of a read or write (lean_graph.h).
  event_id add_lean(event& draft, kind what, thread_number t,
                    place_list* l = nullptr, std::uint32_t place = 0);
  // Removes the last event; notes what is known of the await that it was.
  void pop() noexcept;
  // Keeps the events up to `last`.
  void cut(event_id last) noexcept {
    while (size() > last + 1) pop();
  }

  // Takes another alternative of a choice, the last event.
  void choose(event_id choice, std::uint64_t alternative) noexcept;
  // Makes the last event of its thread read from elsewhere.
  void read_from(event_id read, event_id write, const value& data) noexcept;
  // Moves a write to another place in co.
  void move_in_co(event_id write, std::uint32_t place) noexcept;

  const std::uint32_t* hb(event_id id) const noexcept { return clock(id, 0); }
  // Equal for events that depend on equal events, in whatever graph.
  std::uint64_t past(thread_number t) const noexcept {
    return of_thread(t).empty() ? t : events_[of_thread(t).back()].past;
  }
  const std::uint32_t* porf(event_id id) const noexcept { return clock(id, 1); }
  // What a reader of a write acquires.
  const std::uint32_t* view(event_id id) const noexcept { return clock(id, 2); }
  // hb of the thread's last event; all zero if it has none.
  const std::uint32_t* now(thread_number t) const noexcept {
    return of_thread(t).empty() ? kZero : hb(of_thread(t).back());
  }
  event_id last_of(thread_number t) const noexcept {
    return of_thread(t).empty() ? kNone : of_thread(t).back();
  }
  event_id before(event_id id) const noexcept {  // in po
    const event& e = events_[id];
    return e.index == 1 ? kNone : of_thread(e.thread)[e.index - 2];
  }
  bool porf_before(event_id a, const std::uint32_t* clock) const noexcept {
    return clock[events_[a].thread] >= events_[a].index;
  }

  const await_note& awaits(thread_number t) const noexcept {
    return threads_[t].note;
  }
  void note_await(thread_number t, const await_note& note) {
    threads_[t].note = note;
  }

  // --- Locations ---------------------------------------------------------
  std::span<const event_id> co(location_id l) const noexcept {
    if (l >= location_count_) return {};
    return {locations_[l].co.begin(), locations_[l].co.end()};
  }
  std::span<const event_id> reads(location_id l) const noexcept {
    if (l >= location_count_) return {};
    return {locations_[l].reads.begin(), locations_[l].reads.end()};
  }
  // The same for one that is about to be used; as long as no other is.
  place_list& location(location_id l) {
    if (!is_used(l)) [[unlikely]]
      use(l);
    return locations_[l];
  }
  std::uint32_t place_of(event_id write) const noexcept {
    return write == kInitial ? 0 : events_[write].co;
  }
  event_id at_place(location_id l, std::uint32_t place) const noexcept {
    return place == 0 ? kInitial : locations_[l].co[place - 1];
  }
  // The earliest place in co that coherence lets an access read from (and
  // behind which it lets one write) whose past is `hb`.
  std::uint32_t earliest(location_id l, const std::uint32_t* hb) const noexcept;
  // The write half of the update that reads from this place, or kNone.
  event_id updater(location_id l, std::uint32_t place) const noexcept;
  event_id last_access(location_id l, thread_number t) const noexcept {
    return is_used(l) ? last_[std::size_t{l} * stride_ + t] : kNone;
  }
  // The same of all threads, by number; or nothing.
  std::span<const event_id> last_accesses(location_id l) const noexcept {
    if (!is_used(l)) return {};
    return {&last_[std::size_t{l} * stride_], threads()};
  }
  // Whether a thread that joins a queue with this event has looked at its word
  // too early: what happened before it joins has changed the word since.
  bool overslept(event_id joins) const noexcept;
  std::uint32_t locations() const noexcept { return location_count_; }

  // Whether some sleep has ended for no reason.
  bool disturbed() const noexcept {
    for (thread_number t = 0; t < thread_count_; ++t)
      if (const event_id last = last_of(t);
          last != kNone && events_[last].disturbed)
        return true;
    return false;
  }

  // Whether there may be anything for sc_consistent() to object to.
  bool may_be_inconsistent() const noexcept { return uses_sc_; }

  // RC11's axiom SC. All other axioms hold by construction.
  bool sc_consistent() const;
  // The same, if it was so before the last event came, on which no other
  // depends.
  bool remains_sc_consistent() const;

  // Names the graph: equal for equal graphs, however they came about.
  std::uint64_t hash() const;

  // What was found out of awaits when the graph had more than `size` events.
  void forget_awaits(std::uint32_t size) noexcept;

 private:
  // Keeps its memory when the thread is gone.
  struct thread_part {
    pile<event_id> po;
    await_note note;
    bool in_use = false;
  };
  static constexpr std::uint32_t kZero[1024] = {};
  bool is_used(location_id l) const noexcept {
    return l < location_count_ && locations_[l].used;
  }
  event_id& last(location_id l, thread_number t) noexcept {
    return last_[std::size_t{l} * stride_ + t];
  }
  std::uint32_t* clock(event_id id, unsigned which) noexcept {
    return &clocks_[(std::size_t{id} * 3 + which) * stride_];
  }
  const std::uint32_t* clock(event_id id, unsigned which) const noexcept {
    return &clocks_[(std::size_t{id} * 3 + which) * stride_];
  }
  void grow();
  void fill_clocks(event_id id) noexcept;
  // kStride: that of the clocks, or 0.
  template <std::uint32_t kStride, bool kLean>
  void fill_clocks_of(event& e, event_id id, event_id po, kind what,
                      thread_number t, std::uint32_t index) noexcept;
  void fill_many(event_id id, event_id po) noexcept;
  void fill_many_lean(event_id id, event_id po) noexcept;
  void insert_in_co(pile<event_id>& co, event_id write, std::uint32_t place);
  void acquire_reads(std::uint32_t* into, event& fence) const noexcept;
  void acquire_fences(std::uint32_t* into, const event& fence) const noexcept;
  event_id last_release(const event& from, access_kind of) const noexcept;
  thread_part& add_part() {
    if (thread_count_ == threads_.size()) [[unlikely]]
      threads_.emplace_back();
    thread_part& part = threads_[thread_count_++];
    part.po.clear();
    part.note = {};
    part.in_use = false;
    return part;
  }
  void drop_unused_parts() noexcept;
  void use(location_id l);
  std::uint32_t stride_;
  bool lean_ = false;
  bool uses_sc_ = false;  // some event is seq_cst, or may become so
  pile<event> events_;
  pile<std::uint32_t> clocks_;  // of as many events as events_ has place for
  vec<thread_part> threads_;
  std::uint32_t thread_count_ = 0;
  vec<place_list> locations_;
  std::uint32_t location_count_ = 0;
  vec<location_id> used_;
  vec<event_id> last_;  // access, by location and thread
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_GRAPH_H_
