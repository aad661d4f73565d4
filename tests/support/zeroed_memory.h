// SPDX-License-Identifier: Apache-2.0
//
// An object whose constructor never ran: its bytes are zero, as calloc gives
// them. Types whose unset state is zero must work like that.
#ifndef SYNCXX_TESTS_SUPPORT_ZEROED_MEMORY_H_
#define SYNCXX_TESTS_SUPPORT_ZEROED_MEMORY_H_

#include <cstdlib>
#include <memory>

namespace syncxx_test {

struct free_memory {
  void operator()(void* p) const { std::free(p); }
};

template <class T>
using zeroed = std::unique_ptr<T, free_memory>;

template <class T>
zeroed<T> make_zeroed() {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  return zeroed<T>(static_cast<T*>(std::calloc(1, sizeof(T))));
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_ZEROED_MEMORY_H_
