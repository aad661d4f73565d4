// SPDX-License-Identifier: Apache-2.0
//
// Containers of the checker itself. Its operator new serves the program under
// test, so the checker's own memory comes from malloc.
#ifndef SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_
#define SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <string>
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
template <class K, class V, class Hash = std::hash<K>>
using hash_map = std::unordered_map<K, V, Hash, std::equal_to<K>,
                                    own_allocator<std::pair<const K, V>>>;
template <class K, class V>
using ordered_map =
    std::map<K, V, std::less<K>, own_allocator<std::pair<const K, V>>>;
using text =
    std::basic_string<char, std::char_traits<char>, own_allocator<char>>;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MEMORY_RESOURCE_H_
