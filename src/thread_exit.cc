// SPDX-License-Identifier: Apache-2.0
//
// notify_all_at_thread_exit.
#include "thread_exit.h"

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include <sync/condition_variable.h>

namespace syncxx::inline SYNCXX_ABI {
namespace {

struct farewell {
  condition_variable* condition;
  std::unique_lock<mutex> lock;

  static void say(void* self) noexcept {
    const std::unique_ptr<farewell> me(static_cast<farewell*>(self));
    me->condition->notify_all();
    me->lock.unlock();
  }
};

}  // namespace

void notify_all_at_thread_exit(condition_variable& c,
                               std::unique_lock<mutex> lock) {
  if (!lock.owns_lock()) [[unlikely]]
    detail::misused(&c, condition_variable::kKind,
                    "notify_all_at_thread_exit with a lock that does not own "
                    "its mutex",
                    EPERM);
  // (If this throws the caller's lock is given back, and nothing is to come.)
  auto last_words = std::make_unique<farewell>(farewell{&c, {}});
  detail::at_thread_exit(farewell::say, last_words.get());
  last_words->lock = std::move(lock);
  static_cast<void>(last_words.release());
}

}  // namespace syncxx::inline SYNCXX_ABI
