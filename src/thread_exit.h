// SPDX-License-Identifier: Apache-2.0
//
// What is to be done when a thread ends, after the destructors of its
// thread_local objects.
#ifndef SYNCXX_SRC_THREAD_EXIT_H_
#define SYNCXX_SRC_THREAD_EXIT_H_

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Calls of one thread are served in their order. A checker's world has its own.
void at_thread_exit(void (*function)(void*), void* object);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_THREAD_EXIT_H_
