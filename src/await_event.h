// SPDX-License-Identifier: Apache-2.0
//
// A wait for an event until a deadline of the library's own kind.
#ifndef SYNCXX_SRC_AWAIT_EVENT_H_
#define SYNCXX_SRC_AWAIT_EVENT_H_

#include <chrono>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/thread.h>
#include <sync/event.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Sleeps until the event is set (true), the time has passed, or a stop was
// requested.
inline bool await_event(auto_reset_event& event, deadline until,
                        const stop_token* stop) {
  using std::chrono::nanoseconds;
  if (until.is_never() && stop == nullptr) {
    event.wait();
    return true;
  }
  const stop_token none;
  const stop_token& token = stop == nullptr ? none : *stop;
  if (until.clock() == clock_id::realtime) {
    return event.wait_until(
        std::chrono::sys_time<nanoseconds>(nanoseconds(until.ns())), token);
  }
  return event.wait_until(
      std::chrono::time_point<std::chrono::steady_clock, nanoseconds>(
          nanoseconds(until.ns())),
      token);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_AWAIT_EVENT_H_
