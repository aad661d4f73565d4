// SPDX-License-Identifier: Apache-2.0
//
// robust_mutex: the cases for locks; and owners, and those that wait, that are
// killed.
#include <sync/interprocess/mutex.h>
#include <sync/robust_mutex.h>

#include "support/killed_cases.h"
#include "support/lock_cases.h"

namespace {

using namespace syncxx::stress;

// Nobody takes it over from one that has been killed: the case below can fail.
class frail_mutex : public syncxx::interprocess::mutex {
 public:
  bool owner_died() const noexcept { return false; }
  void make_consistent() noexcept {}
};

const lock_suite<syncxx::robust_mutex> suite;
const add_case killed{
    {.name = "killed",
     .what = "processes that share it are killed",
     .body = [](run& r) { killed_case<syncxx::robust_mutex>(r).go(); }}};
const add_case frail{{.name = "killed_frail",
                      .what = "must fail: with a mutex that is not robust",
                      .body = [](run& r) { killed_case<frail_mutex>(r).go(); },
                      .must_fail = failure::stuck,
                      .watchdog = 1.5}};

}  // namespace
