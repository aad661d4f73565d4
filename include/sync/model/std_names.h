// SPDX-License-Identifier: Apache-2.0
//
// The namespace that std stands for after <sync/model/std.h>: names declared
// here hide those of the real one, which a using-directive adds.
#ifndef SYNCXX_MODEL_STD_NAMES_H_
#define SYNCXX_MODEL_STD_NAMES_H_

#include <sync/model/std_headers.h>
//
#include <sync/atomic.h>
#include <sync/barrier.h>
#include <sync/condition_variable.h>
#include <sync/latch.h>
#include <sync/model/check.h>
#include <sync/model/std_atomic.h>
#include <sync/model/std_thread.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/sync.h>

// For what must be declared in the real std.
namespace syncxx_real_std = ::std;

namespace syncxx_model_std {

using namespace ::std;

using ::syncxx::condition_variable;
using ::syncxx::condition_variable_any;
using ::syncxx::mutex;
using ::syncxx::recursive_mutex;
using ::syncxx::recursive_timed_mutex;
using ::syncxx::timed_mutex;

using ::syncxx::binary_semaphore;
using ::syncxx::counting_semaphore;
using ::syncxx::latch;

using ::syncxx::barrier;
using ::syncxx::call_once;
using ::syncxx::notify_all_at_thread_exit;
using ::syncxx::once_flag;

using ::syncxx::nostopstate;
using ::syncxx::nostopstate_t;
using ::syncxx::stop_callback;
using ::syncxx::stop_source;
using ::syncxx::stop_token;

using ::std::swap;
using ::syncxx::model::std_thread::jthread;
using ::syncxx::model::std_thread::swap;
using ::syncxx::model::std_thread::thread;
namespace this_thread = ::syncxx::model::std_thread::this_thread;

// The clocks' types are the standard's, and so are their time points.
namespace chrono {
using namespace ::std::chrono;
struct steady_clock : ::std::chrono::steady_clock {
  static time_point now() noexcept {
    return time_point(::std::chrono::duration_cast<duration>(
        ::std::chrono::nanoseconds(::syncxx::model::engine::clock_ns(0))));
  }
};
struct system_clock : ::std::chrono::system_clock {
  static time_point now() noexcept {
    return time_point(::std::chrono::duration_cast<duration>(
        ::std::chrono::nanoseconds(::syncxx::model::engine::clock_ns(1))));
  }
};
using high_resolution_clock = system_clock;
}  // namespace chrono

// --- What the checker does not know ------------------------------------------

// The real ones would block the one thread of the system that all modelled
// threads run on, and would order what the checker does not see ordered.
#if __has_cpp_attribute(gnu::unavailable)
#define SYNCXX_NOT_MODELLED_(name) \
  [[gnu::unavailable("std::" name " is not known to the model checker")]]
#else
#define SYNCXX_NOT_MODELLED_(name)
#endif

class SYNCXX_NOT_MODELLED_("shared_mutex") shared_mutex;
class SYNCXX_NOT_MODELLED_("shared_timed_mutex") shared_timed_mutex;
template <class T>
class SYNCXX_NOT_MODELLED_("atomic_ref") atomic_ref;
template <class T>
class SYNCXX_NOT_MODELLED_("promise") promise;
template <class T>
class SYNCXX_NOT_MODELLED_("future") future;
template <class T>
class SYNCXX_NOT_MODELLED_("shared_future") shared_future;
template <class T>
class SYNCXX_NOT_MODELLED_("packaged_task") packaged_task;
struct SYNCXX_NOT_MODELLED_("execution") execution;
template <class... T>
void async(T&&...) = delete;

#undef SYNCXX_NOT_MODELLED_

}  // namespace syncxx_model_std

#endif  // SYNCXX_MODEL_STD_NAMES_H_
