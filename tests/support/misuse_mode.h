// SPDX-License-Identifier: Apache-2.0
//
// For a scope: misuse throws in the hooked build, as far as the plain build
// throws always.
#ifndef SYNCXX_TESTS_SUPPORT_MISUSE_MODE_H_
#define SYNCXX_TESTS_SUPPORT_MISUSE_MODE_H_

#include <gtest/gtest.h>
#include <sync/misuse.h>

#include <system_error>

namespace syncxx_test {

class misuse_mode {
 public:
  explicit misuse_mode(syncxx::misuse_action action)
      : previous_(syncxx::get_misuse_action()) {
    syncxx::set_misuse_action(action);
  }
  misuse_mode(const misuse_mode&) = delete;
  misuse_mode& operator=(const misuse_mode&) = delete;
  ~misuse_mode() { syncxx::set_misuse_action(previous_); }

 private:
  syncxx::misuse_action previous_;
};

// Expects `operation` to throw a std::system_error with this code.
template <class F>
void expect_system_error(std::errc code, F operation) {
  const misuse_mode mode(syncxx::misuse_action::throw_exception);
  try {
    operation();
    ADD_FAILURE() << "nothing was thrown; expected "
                  << std::make_error_code(code).message();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
  }
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_MISUSE_MODE_H_
