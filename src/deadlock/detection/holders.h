// SPDX-License-Identifier: Apache-2.0
//
// Where to look for those who hold a lock, or wait for it: one look at all
// threads, kept by lock, for a search that would else look at all of them at
// each step.
//
// It says where to look, and no more: what it names has to be read again, and
// who has come since is not in it (that thread looks for itself).
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_HOLDERS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_HOLDERS_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "storage.h"
#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class holders {
 public:
  // Of the threads that wait now. False: there is no memory.
  bool look() noexcept {
    by_lock_.clear();
    by_serial_.clear();
    entries_.clear();
    if (!entries_.push({})) return false;  // 0: none
    return !threads::any_of([&](thread_record& r) {
      thread_record::waiting w{};
      if (!r.look(w) || w.bounded) return false;
      if (!add(by_serial_, r.serial(), r) ||
          !add(by_lock_, key_of(w.object), r))
        return true;
      return r.find_held([&](const held_lock& h) {
        return !add(by_lock_, key_of(h.object()), r);
      }) != nullptr;
    });
  }

  // f(record) for each that holds `lock` or waits for it, some of them more
  // than once; stops when f returns true.
  template <class F>
  bool any_of(const void* lock, F f) noexcept {
    for (std::uint32_t i = by_lock_.find(key_of(lock)); i != 0;
         i = entries_[i].next) {
      if (f(*entries_[i].record)) return true;
    }
    return false;
  }
  // Null: it does not wait.
  thread_record* find(std::uint64_t serial) noexcept {
    const std::uint32_t i = by_serial_.find(serial);
    return i != 0 ? entries_[i].record : nullptr;
  }

 private:
  struct entry {
    thread_record* record;
    std::uint32_t next;  // of the same key
  };

  static std::uint64_t key_of(const void* lock) noexcept {
    return reinterpret_cast<std::uintptr_t>(lock);
  }
  bool add(key_table& to, std::uint64_t key, thread_record& r) noexcept {
    if (key == 0) return true;
    const std::uint32_t first = to.find(key);
    const std::uint32_t i = entries_.size();
    // Behind the first: that one the table knows.
    if (!entries_.push({&r, first != 0 ? entries_[first].next : 0}))
      return false;
    if (first == 0) return to.add(key, i);
    entries_[first].next = i;
    return true;
  }

  key_table by_lock_, by_serial_;
  segments<entry> entries_;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_HOLDERS_H_
