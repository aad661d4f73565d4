// SPDX-License-Identifier: Apache-2.0
//
// The order in which locks are taken, and what in it may end in a deadlock.
//
// A thread that holds a and waits for b makes the edge a -> b. A deadlock is
// possible where edges form a circle such that for each of them there is an
// occasion (who, when, with which locks held) and for all of these
//   - the threads are different ones,
//   - no two hold the same lock in ways that exclude each other (a gate),
//   - none is ordered before another by the creation and the end of threads,
//   - the way in which each waits excludes the way in which the next holds; or
//     both read, and one more thread, that the same holds for, waits to write:
//     the one that waits is behind it.
// (Havelund, "Using Runtime Analysis to Guide Model Checking of Java Programs",
// SPIN 2000; Bensalem and Havelund, "Dynamic Deadlock Analysis of
// Multi-threaded Programs", HVC 2005.)
//
// What is kept is a tree of contexts: a lock, where it was taken, and the
// context in which it was. A thread in a context holds the locks on the way to
// the root. Only from the lock taken last an edge is kept (from those before it
// as well, back to the first that was waited for): all others can be reached
// through it. So a lock taken with a thousand held costs what it costs with
// one. Only within a group of strongly connected locks (lock_groups.h), where
// there may be a circle, and between locks that several threads take, each edge
// gets its occasions, from the contexts.
//
// Not thread-safe. Without memory it knows less, and says nothing wrong.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hook_self.h>

#include "lock_groups.h"
#include "lock_sets.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// On a thread's own clock, which its creations and joins of others advance.
struct moment_of {
  std::uint64_t thread;  // not 0
  std::uint32_t time;
};

// One occasion of an edge, as a part of a circle.
struct order_link {
  lock_id held;
  lock_id wanted;
  hold held_how;
  hold wanted_how;
  moment_of when;
  std::uint32_t held_where;
  std::uint32_t wanted_where;
};

class order_graph {
 public:
  // Whether `a` comes before `b` in every run, by what is known of threads.
  using order_of_moments = bool (*)(void* context, const moment_of& a,
                                    const moment_of& b);
  // A circle that has not been found before; its first link is the new one.
  using when_found = void (*)(void* context,
                              const segments<order_link>& circle);

  constexpr order_graph(order_of_moments ordered, when_found found,
                        void* argument) noexcept
      : ordered_(ordered), found_(found), context_(argument) {}
  order_graph(const order_graph&) = delete;
  order_graph& operator=(const order_graph&) = delete;

  // Circles found from now on need not be possible: one thread, gates.
  void find_all(bool all) noexcept { all_ = all; }

  lock_id add_lock() noexcept;
  // A reader that comes while a writer waits for this lock, waits behind it.
  void put_writers_first(lock_id lock) noexcept {
    groups_.puts_writers_first(lock) = true;
  }
  // Nobody holds it.
  void remove_lock(lock_id lock) noexcept;

  using context_ref = lock_context;
  enum class taken : std::uint8_t {
    waited,  // has waited for it, or will, or might have had to
    tried,   // has got it at once, or would have gone on without
    known,   // was told of earlier, with other locks held that are not any more
  };
  bool is_current(context_ref c) const noexcept {
    return c.number != 0 && contexts_[c.number].version == c.version;
  }
  // A thread in the context `in` takes `lock`: the context it is in then. With
  // taken::known the way in which it was taken then: `waited`.
  context_ref enter(const moment_of& now, context_ref in, lock_id lock,
                    hold how, taken by, std::uint32_t where,
                    bool waited_then = true) noexcept;

  std::uint32_t locks() const noexcept { return groups_.locks(); }
  std::uint32_t edges() const noexcept { return groups_.edges(); }
  std::uint32_t contexts() const noexcept { return contexts_.in_use(); }
  // Searches that were given up, and occasions that there was no room for.
  std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  // Times of a thread in a context; its first and last stand for those between.
  struct use {
    std::uint64_t thread;
    std::uint32_t first, last;
    std::uint32_t next;
  };
  struct context {
    std::uint32_t parent;
    lock_id lock;
    std::uint32_t where;
    std::uint32_t version;
    std::uint32_t first_child, next_sibling, previous_sibling;
    std::uint32_t next_of_lock, previous_of_lock;
    hold how;
    bool waited;
    bool has_edges;  // those that it makes are in groups_
    use first_use;   // thread 0: none; then the latest threads come first
  };
  // Of an edge within a group: who took the two with one set of locks held. Of
  // more than kThreads threads the first is kept, and the latest.
  static constexpr std::uint32_t kThreads = 6;
  struct occasion {
    std::uint32_t next;
    std::uint32_t set;
    hold from_how, to_how;
    std::uint8_t threads;
    std::uint8_t replaced;  // the last, where there are more
    struct {
      std::uint64_t thread;
      std::uint32_t first, last;
      std::uint32_t from_where, to_where;
    } by[kThreads];
  };
  struct chosen {
    std::uint32_t edge, occasion;
    std::uint32_t by;
    bool last_time;
  };
  // Of a search: the links that begin with one lock.
  struct level {
    lock_id at;
    chosen next;  // edge 0: there are no more
  };
  static constexpr std::uint32_t kMostOccasions = 32;   // of an edge
  static constexpr std::uint32_t kMostSteps = 100'000;  // of a search
  static constexpr std::uint32_t kMostContexts = 16u << 20;
  static constexpr std::uint32_t kMostBroughtIn = 1u << 20;  // at one time

  std::uint32_t find_or_add(const context& wanted) noexcept;
  static std::uint64_t key_of(const context& c) noexcept;
  void remove_below(std::uint32_t root) noexcept;
  void remove_leaf(std::uint32_t c) noexcept;
  bool note_use(context& c, const moment_of& now) noexcept;
  template <class F>
  void for_each_use(const context& c, F f) const noexcept;

  void add_edges(std::uint32_t above, lock_id to) noexcept;
  bool may_be_in_circle(lock_id lock) noexcept;
  bool may_be_in_circle(lock_id other, lock_id with) noexcept;
  void bring_in(lock_id lock) noexcept;
  void bring_in_below(std::uint32_t c) noexcept;
  void bring_in(std::uint32_t c, const moment_of* now) noexcept;
  std::uint32_t set_of(std::uint32_t c) noexcept;
  void add_occasion(std::uint32_t from, std::uint32_t to, const moment_of& when,
                    std::uint32_t set, bool search) noexcept;
  void remove_edge(std::uint32_t e) noexcept;
  bool note(std::uint32_t e, const moment_of& now, std::uint32_t set,
            const context& from, const context& to, chosen& as) noexcept;

  void search_circles(const chosen& first) noexcept;
  void search_behind_writers(lock_id lock) noexcept;
  bool closes(const chosen& before, const chosen& next) noexcept;
  bool is_closed() noexcept;
  bool has_writer(lock_id lock) noexcept;
  bool may_wait_there(const moment_of& writer, std::uint32_t set) noexcept;
  chosen first_of(lock_id at) const noexcept;
  chosen after(chosen c) const noexcept;
  bool fits(const chosen& c) noexcept;
  bool fits(const chosen& c, const chosen& other) const noexcept;
  moment_of when(const chosen& c) const noexcept;
  order_link link(const chosen& c) const noexcept;
  void found_circle() noexcept;

  const order_of_moments ordered_;
  const when_found found_;
  void* const context_;

  lock_groups groups_;  // tag of a lock: its first context; of an edge: its
                        // first occasion
  lock_sets sets_;
  numbered_pool<context> contexts_;
  numbered_pool<use> uses_;
  numbered_pool<occasion> occasions_;
  key_table context_by_key_;
  key_table found_before_;
  segments<lock_id> joined_;
  segments<chosen> path_;
  segments<level> levels_;
  segments<order_link> links_;
  std::uint32_t last_version_ = 0;
  bool all_ = false;
  std::uint32_t budget_ = 0;  // of occasions to bring in
  std::uint64_t left_out_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_
