// SPDX-License-Identifier: Apache-2.0
//
// What a thread knows: the steps in the order of locks that it has made before.
// A step leads from a context (order_graph.h), the locks held, to the one with
// the next lock.
//
// A thread's own table, of pairs of steps. The latest two from a context lie at
// its number: contexts that follow each other have numbers that do, mostly, so
// that a nest of locks reads few cache lines, one after the other. The others,
// and those from no lock held, lie where their key says.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_KNOWN_STEPS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_KNOWN_STEPS_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hook_self.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct known_step {
  static constexpr unsigned kWhereBits = 20;
  static constexpr std::uint64_t kNotNone = std::uint64_t{1} << kWhereBits;

  std::uint64_t key_and_where;  // 0: none
  lock_context to;

  // The lowest bits of a key do not count; kNotNone is set in each.
  bool is(std::uint64_t key) const noexcept {
    return (key_and_where ^ key) >> kWhereBits == 0;
  }
  std::uint32_t where() const noexcept {
    return static_cast<std::uint32_t>(key_and_where) &
           ((std::uint32_t{1} << kWhereBits) - 1);
  }
};

class known_steps {
 public:
  // The step from a context (0: no lock held); null: it is not known.
  const known_step* find(std::uint32_t from, std::uint64_t key) const noexcept {
    if (from != 0) {
      if (const known_step* const step = find_in(pairs_[from & mask_], key))
        return step;
    }
    return find_in(pairs_[place_of(key)], key);
  }
  // Remembers it, if there is memory.
  void add(const lock_context& from, std::uint64_t key, std::uint32_t where,
           const lock_context& to) noexcept;
  void drop_all() noexcept;

 private:
  struct alignas(2 * sizeof(known_step)) pair_of_steps {
    known_step steps[2];
  };
  static constexpr unsigned kFirstLog2 = 7;  // of pairs
  static constexpr unsigned kMostLog2 = 15;
  static pair_of_steps g_none[2];

  static const known_step* find_in(const pair_of_steps& pair,
                                   std::uint64_t key) noexcept {
    if (pair.steps[0].is(key)) return &pair.steps[0];
    return pair.steps[1].is(key) ? &pair.steps[1] : nullptr;
  }
  std::uint32_t place_of(std::uint64_t key) const noexcept {
    return static_cast<std::uint32_t>(key >> shift_);
  }
  struct item {
    lock_context from;
    known_step step;
  };
  // What is not in the pair any more.
  item push(std::uint32_t pair, const item& fresh) noexcept;
  void put(item fresh) noexcept;
  bool grow() noexcept;

  pair_of_steps* pairs_ = g_none;
  std::uint32_t mask_ = 1;
  std::uint32_t shift_ = 63;
  lock_context* from_ = nullptr;  // of each step
  std::uint32_t used_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_KNOWN_STEPS_H_
