// SPDX-License-Identifier: Apache-2.0
//
// "Smart and polite": H. Hinnant, "Dining Philosophers Rebooted", 2013. Wait
// for one lock with none of the others held, try the others, and on failure
// give all back and wait next time for the one that was taken: it is the one
// that somebody works under. Here random pauses that grow come in between, in
// place of a yield, so that threads that take each other's locks in turn do not
// go on doing so.
//
// No deadlock: a thread sleeps for a lock while it holds no other of the set,
// so no thread that holds one of them through lock_all sleeps in lock_all.
#include <sync/lock_all.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

using locks_view = std::span<const lockable_ref>;

const void* identity(const lockable_ref& lock) {
  return lock.ops().identity(lock.object());
}

[[noreturn]] void throw_same(std::size_t first, std::size_t second) {
  throw std::system_error(
      EDEADLK, std::generic_category(),
      "syncxx: lock_all: locks " + std::to_string(first) + " and " +
          std::to_string(second) +
          " (counted from 0) are the same one; name each lock once");
}

// Of many: sorted copies.
void expect_different_many(locks_view locks) {
  std::vector<std::pair<const void*, std::size_t>> all;
  for (std::size_t i = 0; i < locks.size(); ++i)
    if (const void* it = identity(locks[i])) all.emplace_back(it, i);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.first == b.first ? a.second < b.second
                              : std::less<>()(a.first, b.first);
  });
  for (std::size_t i = 1; i < all.size(); ++i)
    if (all[i - 1].first == all[i].first)
      throw_same(all[i - 1].second, all[i].second);
}

void expect_different(locks_view locks) {
  constexpr std::size_t kFew = 32;
  if (locks.size() > kFew) return expect_different_many(locks);
  const void* seen[kFew];
  for (std::size_t i = 0; i < locks.size(); ++i) {
    seen[i] = identity(locks[i]);
    if (seen[i] == nullptr) continue;
    for (std::size_t k = 0; k < i; ++k)
      if (seen[k] == seen[i]) throw_same(k, i);
  }
}

// The locks from `first` on, in a circle, of which some are held: gives them
// back unless they are kept.
class held_locks {
 public:
  held_locks(locks_view locks, std::size_t first) noexcept
      : locks_(locks), first_(first) {}
  held_locks(const held_locks&) = delete;
  held_locks& operator=(const held_locks&) = delete;
  ~held_locks() {
    while (count_ != 0) {
      --count_;
      const lockable_ref& last = next();
      last.ops().unlock(last.object());
    }
  }

  // One more is held.
  void took() noexcept { ++count_; }
  // Tries the rest. -1, or the index of the one that was taken.
  int try_rest() {
    for (; count_ != locks_.size(); took()) {
      const lockable_ref& it = next();
      if (!it.ops().try_lock(it.object())) return static_cast<int>(index());
    }
    return -1;
  }
  void keep() noexcept { count_ = 0; }

 private:
  std::size_t index() const noexcept {
    return (first_ + count_) % locks_.size();
  }
  const lockable_ref& next() const noexcept { return locks_[index()]; }

  const locks_view locks_;
  const std::size_t first_;
  std::size_t count_ = 0;
};

bool wait_for(const lockable_ref& lock, deadline until,
              const stop_token* stop) {
  if (!until.is_never() || stop != nullptr)
    return lock.ops().lock_until(lock.object(), until, stop);
  lock.ops().lock(lock.object());
  return true;
}

}  // namespace

bool lock_all(locks_view locks, deadline until, const stop_token* stop) {
  // One that is never stopped need not be waited for with pauses.
  if (stop != nullptr && !stop->stop_possible()) stop = nullptr;
  expect_different(locks);
  for (const lockable_ref& each : locks) each.ops().check_order(each.object());
  if (locks.empty()) return true;
  back_off pause(kLongestPause);
  for (std::size_t first = 0;;) {
    {
      held_locks held(locks, first);
      if (!wait_for(locks[first], until, stop)) return false;
      held.took();
      const int taken = held.try_rest();
      if (taken < 0) {
        held.keep();
        return true;
      }
      first = static_cast<std::size_t>(taken);
    }
    if (!pause_before(pause, until, stop)) return false;
  }
}

int try_lock_all(locks_view locks) {
  expect_different(locks);
  if (locks.empty()) return -1;
  held_locks held(locks, 0);
  const int taken = held.try_rest();
  if (taken < 0) held.keep();
  return taken;
}

void unlock_all(locks_view locks) noexcept {
  held_locks held(locks, 0);
  for (std::size_t i = 0; i < locks.size(); ++i) held.took();
}

void throw_null_lock(std::size_t index) {
  throw std::invalid_argument("syncxx: lock_all: element " +
                              std::to_string(index) +
                              " of the range is a null pointer");
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
