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
  const std::uint64_t most =
      how_.max_executions != 0 ? how_.max_executions : kExecutions;
  push_exploration();
  for (std::uint64_t i = 0; i < most; ++i) {
    g_->clear();
    guide_.begin_random(how_.seed * 0x2545f4914f6cdd1du + i);
    const outcome how = run();
    guide_.end_run();
    if (too_many_threads_) return result_;
    if (how == outcome::failed) return failed();
    if (how == outcome::complete) {
      ++result_.executions;
      if (!end_of_complete_run()) return failed();
    } else {
      ++result_.blocked;
    }
  }
  return result_;
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
  guide_.begin_script(s);
  const outcome how = run();
  if (too_many_threads_) return result_;
  if (how == outcome::failed) return failed();
  if (how == outcome::complete) {
    ++result_.executions;
    if (!end_of_complete_run()) return failed();
  } else {
    ++result_.blocked;
  }
  return result_;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
