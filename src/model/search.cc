// SPDX-License-Identifier: Apache-2.0
//
// Searches that run executions instead of exploring them: random mode, and the
// one execution of a replay string.
#include <cstdlib>

#include "engine.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

result checker::explore_randomly() {
  constexpr std::uint64_t kExecutions = 10000;
  // After a failure, to find a shorter one.
  constexpr std::uint32_t kSearchOn = 200;
  const std::uint64_t most =
      how_.max_executions != 0 ? how_.max_executions : kExecutions;
  push_exploration();
  for (std::uint64_t i = 0; i < most; ++i) {
    g_->clear();
    g_->be_lean();
    guide_.begin_random(how_.seed * 0x2545f4914f6cdd1du + i);
    outcome how = run();
    guide_.end_run(g_->size());
    if (too_many_threads_) return result_;
    if (how == outcome::complete) {
      ++result_.executions;
      if (!end_of_complete_run()) how = outcome::failed;
    } else if (how == outcome::blocked) {
      ++result_.blocked;
    }
    if (how == outcome::failed) keep_failure();
    if (found_ && ++searched_ > kSearchOn) break;
  }
  return found_ ? failed() : result_;
}

result checker::replay() {
  script s;
  if (!s.parse(how_.replay)) {
    result_.what = verdict::misuse;
    result_.message =
        "options::replay is not a replay string: \"" + how_.replay + "\"";
    return result_;
  }
  push_exploration();
  outcome how = follow(s);
  if (too_many_threads_) return result_;
  if (how == outcome::complete) {
    ++result_.executions;
    if (!end_of_complete_run()) how = outcome::failed;
  } else if (how == outcome::blocked) {
    ++result_.blocked;
  }
  if (how != outcome::failed) return result_;
  keep_failure();
  found_->how = s;
  return failed();
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
