// SPDX-License-Identifier: Apache-2.0
#include <sync/misuse.h>
#include <sync/semaphore.h>

#include <atomic>
#include <cerrno>
#include <system_error>

#include "support/lock_cases.h"
#include "support/semaphore_cases.h"

namespace {

using syncxx::stress::add_case;
using syncxx::stress::failure;
using syncxx::stress::run;
using syncxx::stress::worker;

const syncxx::stress::semaphore_suite<syncxx::counting_semaphore<>> counting;

const syncxx::stress::lock_suite<
    syncxx::stress::semaphore_lock<syncxx::binary_semaphore>>
    as_lock;

// Releases that would go past max() are refused, change nothing, and race
// those that do not and the acquires.
void overflow(run& r) {
  syncxx::set_misuse_action(syncxx::misuse_action::throw_exception);
  using small = syncxx::counting_semaphore<5>;
  small semaphore(2);
  const auto refused = r.count("refused");
  const auto given = r.count("given");
  const auto taken = r.count("taken");
  const auto release = r.time("release");
  r.start("giver", r.threads() / 2, [&](worker& w) {
    while (w.running()) {
      const auto n = static_cast<std::ptrdiff_t>(w.random.between(1, 6));
      syncxx::stress::operation op(w, release, &semaphore);
      try {
        semaphore.release(n);
        w.count(given, static_cast<std::uint64_t>(n));
        if (n > small::max())
          r.fail(failure::wrong_result, "%d tokens were given to max() = %d",
                 static_cast<int>(n), static_cast<int>(small::max()));
      } catch (const std::system_error& error) {
        w.count(refused);
        if (error.code().value() != EOVERFLOW)
          r.fail(failure::wrong_result, "release threw %s", error.what());
      }
    }
  });
  r.start("taker", r.threads() - r.threads() / 2, [&](worker& w) {
    while (w.running()) {
      if (semaphore.try_acquire()) w.count(taken);
      w.progress();
    }
  });
  r.go();
  const std::uint64_t left = 2 + r.total(given) - r.total(taken);
  if (left > static_cast<std::uint64_t>(small::max()))
    r.fail(failure::conservation, "%llu tokens are left, more than max()",
           static_cast<unsigned long long>(left));
  else
    syncxx::stress::check_tokens(r, semaphore, left);
}

const add_case overflow_case{{.name = "overflow",
                              .what = "releases past max() race others",
                              .body = overflow}};

}  // namespace
