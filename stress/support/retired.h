// SPDX-License-Identifier: Apache-2.0
//
// Objects that are unmapped the moment they are destroyed. Their addresses
// come from a range of their own and are not given out again for a long
// while, so whoever touches one late faults, and the crash handler can tell
// that fault from any other.
#ifndef SYNCXX_STRESS_SUPPORT_RETIRED_H_
#define SYNCXX_STRESS_SUPPORT_RETIRED_H_

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "random.h"

namespace syncxx::stress {

// True for an address in the range. Async-signal-safe.
bool is_retired(const void* address) noexcept;

// One whole page, zero-filled, and its end. `lane` (the worker's index) keeps
// threads out of each other's way.
void* map_page(unsigned lane);
void unmap_page(void* page) noexcept;
std::size_t page_size() noexcept;

// A T on a page of its own, at a random place in it.
template <class T>
class on_own_page {
 public:
  template <class... Args>
  static on_own_page make(unsigned lane, rng& random, Args&&... args) {
    on_own_page made;
    made.page_ = map_page(lane);
    const std::size_t places = (page_size() - sizeof(T)) / alignof(T) + 1;
    std::size_t place = 0;  // the start, the very end, or anywhere
    switch (random.below(3)) {
      case 0:
        break;
      case 1:
        place = places - 1;
        break;
      default:
        place = random.below(places);
    }
    made.object_ = ::new (static_cast<char*>(made.page_) + place * alignof(T))
        T(std::forward<Args>(args)...);
    return made;
  }

  on_own_page() = default;

  T* get() const noexcept { return object_; }

  // Destroys the object and unmaps its page at once.
  void destroy() noexcept {
    object_->~T();
    unmap_page(page_);
  }

  // Destroys the object but keeps the page, filled with a pattern; a later
  // write to it shows in intact().
  void poison() noexcept {
    object_->~T();
    std::memset(static_cast<void*>(object_), kPattern, sizeof(T));
  }
  bool intact() const noexcept {
    const auto* bytes = reinterpret_cast<const unsigned char*>(object_);
    for (std::size_t i = 0; i != sizeof(T); ++i)
      if (bytes[i] != kPattern) return false;
    return true;
  }
  void unmap() noexcept { unmap_page(page_); }

 private:
  static constexpr unsigned char kPattern = 0xa5;

  void* page_ = nullptr;
  T* object_ = nullptr;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_RETIRED_H_
