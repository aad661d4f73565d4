// SPDX-License-Identifier: Apache-2.0
//
// Containers of the checker itself. Its operator new serves the program under
// test, so the checker's own memory comes from malloc.
#ifndef SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_
#define SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

template <class T>
struct own_allocator {
  using value_type = T;
  own_allocator() = default;
  template <class U>
  own_allocator(const own_allocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    void* const p = std::malloc(n * sizeof(T));  // NOLINT(bugprone-sizeof-*)
    if (p == nullptr) throw std::bad_alloc();
    return static_cast<T*>(p);
  }
  void deallocate(T* p, std::size_t) noexcept { std::free(p); }
  bool operator==(const own_allocator&) const noexcept { return true; }
};

template <class T>
using vec = std::vector<T, own_allocator<T>>;
template <class T>
using deque = std::deque<T, own_allocator<T>>;
template <class K, class V, class Hash = std::hash<K>>
using hash_map = std::unordered_map<K, V, Hash, std::equal_to<K>,
                                    own_allocator<std::pair<const K, V>>>;
template <class K, class V>
using ordered_map =
    std::map<K, V, std::less<K>, own_allocator<std::pair<const K, V>>>;
// A vector of what can be copied as bytes, which knows its size without a
// division. Grows, and keeps its memory.
template <class T>
class pile {
 public:
  static_assert(std::is_trivially_copyable_v<T>);
  pile() = default;
  pile(pile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  pile(const pile&) = delete;
  pile& operator=(const pile&) = delete;
  ~pile() { std::free(data_); }

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  const T& front() const noexcept { return data_[0]; }
  T& back() noexcept { return data_[size_ - 1]; }
  const T& back() const noexcept { return data_[size_ - 1]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  void clear() noexcept { size_ = 0; }
  void pop_back() noexcept { --size_; }
  bool is_full() const noexcept { return size_ == capacity_; }
  // Where the next item will be, unless the pile is full.
  T& spare() noexcept { return data_[size_]; }
  // The spare item is one of the pile now.
  void extend() noexcept { ++size_; }
  void push_back(T item) {
    if (is_full()) [[unlikely]]
      reserve(2 * size_ + 4);
    data_[size_++] = item;
  }
  void insert(std::uint32_t at, T item) {
    push_back(item);
    for (std::uint32_t i = size_ - 1; i > at; --i) data_[i] = data_[i - 1];
    data_[at] = item;
  }
  void erase(std::uint32_t at) noexcept {
    for (--size_; at < size_; ++at) data_[at] = data_[at + 1];
  }
  // New items are left as they are.
  void resize(std::uint32_t size) {
    if (size > capacity_) [[unlikely]]
      reserve(2 * size);
    size_ = size;
  }
  [[gnu::noinline]] void reserve(std::uint32_t n) {
    void* const p = std::realloc(static_cast<void*>(data_), n * sizeof(T));
    if (p == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(p);
    capacity_ = n;
  }

 private:
  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

using text =
    std::basic_string<char, std::char_traits<char>, own_allocator<char>>;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_
