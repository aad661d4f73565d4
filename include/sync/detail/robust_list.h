// SPDX-License-Identifier: Apache-2.0
//
// What robust mutexes have besides their word: the node in the thread's list of
// them, which the kernel walks when the thread dies, and what is known of the
// data.
//
// Reference: linux/Documentation/locking/robust-futex-ABI.rst. Word, state and
// node together have the layout of glibc's pthread_mutex_t, so that one list
// serves both.
#ifndef SYNCXX_DETAIL_ROBUST_LIST_H_
#define SYNCXX_DETAIL_ROBUST_LIST_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/thread_id.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// How a wait for a robust mutex ends.
enum class robust_outcome : std::uint8_t {
  owned,
  gave_up,
  relocked,  // the caller owned it already
  deadlock,  // who owns it waits, through PI mutexes, for the caller
  corrupt,   // the word names no thread that there is, or is none of a mutex
};

// The owner's. Behind the word, at byte 4.
class robust_state {
 public:
  bool is_inconsistent() const noexcept { return state_ == kInconsistent; }
  bool is_lost() const noexcept { return state_ == kLost; }
  void make_consistent() noexcept { state_ = kConsistent; }
  // The lock comes from an owner that has died.
  void inherit() noexcept {
    if (state_ != kLost) state_ = kInconsistent;
  }
  // The lock is about to be given back.
  void leave() noexcept {
    if (state_ == kInconsistent) [[unlikely]]
      state_ = kLost;
  }

 private:
  static constexpr std::uint32_t kConsistent = 0;
  static constexpr std::uint32_t kInconsistent = 1;
  static constexpr std::uint32_t kLost = 2;

  std::uint32_t state_ = kConsistent;
};

// While it lives, `entry` is the thread's `pending`. Its end does not touch the
// mutex, which may be gone by then.
class robust_change {
 public:
  robust_change(robust_head* list, void* entry) noexcept : list_(list) {
    list->pending = entry;
    kernel_order();
  }
  robust_change(const robust_change&) = delete;
  robust_change& operator=(const robust_change&) = delete;
  ~robust_change() {
    kernel_order();
    list_->pending = nullptr;
  }

 private:
  robust_head* const list_;
};

// At byte 8. `Inherits`: the word is a PI futex; bit 0 of what leads to the
// node tells the kernel.
//
// The list is circular; each link is the address of a `next`, and the `prev`
// that belongs to it is the word before. The kernel follows `next` only, from
// the head: a node is complete before the head names it. (Neighbours are locks
// of the same thread, or of glibc.) Nobody reads the head's `prev`: it is not
// written.
template <bool Inherits>
class robust_node {
 public:
  // As the list and `pending` name it.
  void* entry() noexcept {
    return reinterpret_cast<unsigned char*>(&next_) + (Inherits ? 1 : 0);
  }
  void enqueue(robust_head* list) noexcept {
    void* const next = list->list;
    next_ = next;
    prev_ = list;
    if (next != list) link(next)[-1] = &next_;
    kernel_order();
    list->list = entry();
  }
  void dequeue(robust_head* list) noexcept {
    void* const next = next_;
    if (list->list == entry()) [[likely]]
      list->list = next;
    else
      link(prev_)[0] = next;
    if (next != list) link(next)[-1] = prev_;
  }

 private:
  static void** link(void* entry) noexcept {
    return reinterpret_cast<void**>(reinterpret_cast<std::uintptr_t>(entry) &
                                    ~std::uintptr_t{1});
  }

  [[maybe_unused]] std::uint64_t unused_[2] = {};
  void* prev_ = nullptr;
  void* next_ = nullptr;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_ROBUST_LIST_H_
