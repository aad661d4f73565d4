// SPDX-License-Identifier: Apache-2.0
//
// condition_variable_any with a lock of this library, and with one of the
// standard library's.
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#include <mutex>

#include "support/condition_variable_cases.h"

namespace {

using syncxx::stress::cv_suite;

const cv_suite<syncxx::condition_variable_any, syncxx::mutex> with_mutex("");

const syncxx::stress::add_case with_std_mutex{
    {.name = "std_mutex",
     .what = "std::mutex; timeouts and stop requests race notifications",
     .body = [](syncxx::stress::run& r) {
       syncxx::stress::bounded_buffer_case<syncxx::condition_variable_any,
                                           std::mutex>(
           r, {.timeouts = true, .stops = true});
     }}};

const syncxx::stress::add_case with_spinlock{
    {.name = "spinlock",
     .what = "spinlock; timeouts and stop requests race notifications",
     .body = [](syncxx::stress::run& r) {
       syncxx::stress::notify_one_case<syncxx::condition_variable_any,
                                       syncxx::spinlock>(
           r, {.timeouts = true, .stops = true}, false);
     }}};

}  // namespace
