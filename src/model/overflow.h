// SPDX-License-Identifier: Apache-2.0
#ifndef SYNCXX_SRC_MODEL_OVERFLOW_H_
#define SYNCXX_SRC_MODEL_OVERFLOW_H_

#include <signal.h>

#include <cstddef>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// While it lives, a thread of the test that overflows its stack fails the check
// instead of ending the process: it runs into a page that cannot be touched.
class overflow_watch {
 public:
  overflow_watch() noexcept;
  ~overflow_watch();
  overflow_watch(const overflow_watch&) = delete;
  overflow_watch& operator=(const overflow_watch&) = delete;

 private:
  static constexpr std::size_t kStack = 64 << 10;
  void* memory_;
  stack_t stack_before_{};
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_OVERFLOW_H_
