// SPDX-License-Identifier: Apache-2.0
//
// Memory for the checker: straight from the kernel, since it serves locks
// inside of allocators. What is full says so; nothing throws.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_STORAGE_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_STORAGE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Pages, zeroed; null: there are none. errno is kept.
void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* pages, std::size_t bytes) noexcept;

// A T that is there before every constructor and after every destructor.
template <class T>
union never_destroyed {
  constexpr never_destroyed() noexcept : value() {}
  template <class... Args>
  constexpr explicit never_destroyed(Args... args) noexcept : value(args...) {}
  ~never_destroyed() {}
  T* operator->() noexcept { return &value; }
  T value;
};

// A row of T by number, from 0. Grows by segments, each as large as all before,
// so that nothing ever moves. T is trivially copyable, and all zero at first.
template <class T>
class segments {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr segments() noexcept = default;
  segments(const segments&) = delete;
  segments& operator=(const segments&) = delete;
  ~segments() {
    for (unsigned s = 0; s < kSegments; ++s) {
      if (rows_[s] != nullptr) unmap_pages(rows_[s], bytes(s));
    }
  }

  T& operator[](std::uint32_t i) noexcept {
    const unsigned s = segment_of(i);
    return rows_[s][i - first_of(s)];
  }
  const T& operator[](std::uint32_t i) const noexcept {
    return const_cast<segments&>(*this)[i];
  }
  std::uint32_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& back() noexcept { return (*this)[size_ - 1]; }

  // False: there is no memory.
  bool push(const T& value) noexcept {
    const unsigned s = segment_of(size_);
    if (s >= kSegments) return false;
    if (rows_[s] == nullptr) {
      rows_[s] = static_cast<T*>(map_pages(bytes(s)));
      if (rows_[s] == nullptr) return false;
    }
    rows_[s][size_ - first_of(s)] = value;
    ++size_;
    return true;
  }
  T pop() noexcept {
    T value = back();
    --size_;
    return value;
  }
  void clear() noexcept { size_ = 0; }  // keeps the memory

 private:
  static constexpr unsigned kFirstLog2 =
      std::bit_width(std::size_t{4095} / sizeof(T));  // about a page
  static constexpr unsigned kSegments = 31 - kFirstLog2;

  static unsigned segment_of(std::uint32_t i) noexcept {
    return static_cast<unsigned>(
        std::bit_width(static_cast<std::uint32_t>(i >> kFirstLog2)));
  }
  static std::uint32_t first_of(unsigned s) noexcept {
    return s == 0 ? 0 : std::uint32_t{1} << (kFirstLog2 + s - 1);
  }
  static std::size_t bytes(unsigned s) noexcept {
    return sizeof(T) << (s == 0 ? kFirstLog2 : kFirstLog2 + s - 1);
  }

  T* rows_[kSegments] = {};
  std::uint32_t size_ = 0;
};

// The same with places that are given back; 0 is never given out.
template <class T>
class numbered_pool {
 public:
  constexpr numbered_pool() noexcept = default;
  // 0: there is no memory.
  std::uint32_t add(const T& value) noexcept {
    if (!free_.empty()) {
      const std::uint32_t i = free_.pop();
      all_[i] = value;
      return i;
    }
    if (all_.empty() && !all_.push(T{})) return 0;
    return all_.push(value) ? all_.size() - 1 : 0;
  }
  // (A place that cannot be noted is lost.)
  void remove(std::uint32_t i) noexcept { static_cast<void>(free_.push(i)); }
  T& operator[](std::uint32_t i) noexcept { return all_[i]; }
  const T& operator[](std::uint32_t i) const noexcept { return all_[i]; }
  // Numbers given out so far are less than this.
  std::uint32_t end() const noexcept { return all_.size(); }
  std::uint32_t in_use() const noexcept {
    return all_.empty() ? 0 : all_.size() - 1 - free_.size();
  }

 private:
  segments<T> all_;
  segments<std::uint32_t> free_;
};

// From a 64-bit key, not 0, to a number that is not 0. Linear probing.
class key_table {
 public:
  constexpr key_table() noexcept = default;
  key_table(const key_table&) = delete;
  key_table& operator=(const key_table&) = delete;
  ~key_table() {
    if (slots_ != nullptr) unmap_pages(slots_, sizeof(slot) << log2_);
  }

  // 0: it is not there.
  std::uint32_t find(std::uint64_t key) const noexcept {
    if (slots_ == nullptr) return 0;
    for (std::size_t i = home(key);; i = next(i)) {
      if (slots_[i].value == 0) return 0;
      if (slots_[i].key == key) return slots_[i].value;
    }
  }
  // Of a key that is not there. False: there is no memory.
  bool add(std::uint64_t key, std::uint32_t value) noexcept {
    if (slots_ == nullptr || size_ + size_ / 2 >= capacity()) {
      if (!grow() && (slots_ == nullptr || size_ + 1 >= capacity()))
        return false;
    }
    put(key, value);
    ++size_;
    return true;
  }
  void remove(std::uint64_t key) noexcept {
    if (slots_ == nullptr) return;
    std::size_t i = home(key);
    while (slots_[i].key != key || slots_[i].value == 0) {
      if (slots_[i].value == 0) return;
      i = next(i);
    }
    --size_;
    // Those behind move up, unless that were before their home.
    for (std::size_t hole = i, j = next(i);; j = next(j)) {
      if (slots_[j].value == 0) {
        slots_[hole].value = 0;
        return;
      }
      const std::size_t h = home(slots_[j].key);
      if (((j - h) & (capacity() - 1)) >= ((j - hole) & (capacity() - 1))) {
        slots_[hole] = slots_[j];
        hole = j;
      }
    }
  }
  std::size_t size() const noexcept { return size_; }
  void clear() noexcept {
    for (std::size_t i = 0; slots_ != nullptr && i < capacity(); ++i)
      slots_[i].value = 0;
    size_ = 0;
  }

 private:
  struct slot {
    std::uint64_t key;
    std::uint32_t value;  // 0: empty
  };

  std::size_t capacity() const noexcept { return std::size_t{1} << log2_; }
  std::size_t home(std::uint64_t key) const noexcept {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >>
                                    (64 - log2_));
  }
  std::size_t next(std::size_t i) const noexcept {
    return (i + 1) & (capacity() - 1);
  }
  void put(std::uint64_t key, std::uint32_t value) noexcept {
    std::size_t i = home(key);
    while (slots_[i].value != 0) i = next(i);
    slots_[i] = {key, value};
  }
  bool grow() noexcept {
    const unsigned larger = slots_ == nullptr ? 8 : log2_ + 1;
    void* const pages = map_pages(sizeof(slot) << larger);
    if (pages == nullptr) return false;
    slot* const old = std::exchange(slots_, static_cast<slot*>(pages));
    const std::size_t old_capacity = old == nullptr ? 0 : capacity();
    const unsigned old_log2 = std::exchange(log2_, larger);
    for (std::size_t i = 0; i < old_capacity; ++i) {
      if (old[i].value != 0) put(old[i].key, old[i].value);
    }
    if (old != nullptr) unmap_pages(old, sizeof(slot) << old_log2);
    return true;
  }

  slot* slots_ = nullptr;
  unsigned log2_ = 0;
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_STORAGE_H_
