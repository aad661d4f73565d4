// SPDX-License-Identifier: Apache-2.0
//
// lock_manager: each ring that threads close has one victim, and nobody else is
// aborted; transfers lose nothing, and all get through, under every policy.
#include <sync/lock_manager.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stop_token>
#include <string>

#include "support/harness.h"
#include "support/inject.h"

namespace {

using namespace syncxx::stress;
using syncxx::deadlock_policy;
using syncxx::lock_mode;
using syncxx::transaction_aborted;
using manager = syncxx::lock_manager<unsigned>;

// Rounds: the first 2 to 8 threads take a key each, then the next one's.
void rings(run& r) {
  meeting step(r, r.threads());
  const latency wait = r.time("second lock");
  const tally deadlocks = r.count("deadlocks");
  manager m;
  std::atomic<unsigned> victims{0};
  unsigned n = 2;
  disturb(r, disturbance::jitter);
  r.start("member", r.threads(), [&](worker& w) {
    while (step.next(w, [&] {
      n = 2 + static_cast<unsigned>(r.random().below(r.threads() - 1));
      victims.store(0);
    })) {
      manager::transaction t(m);
      const bool takes_part = w.index() < n;
      if (takes_part) t.lock(w.index(), lock_mode::X);
      if (!step.next(w)) return;
      w.jitter();
      if (takes_part) {
        try {
          operation op(w, wait, &m);
          t.lock((w.index() + 1) % n,
                 w.random.one_in(2) ? lock_mode::X : lock_mode::S);
          op.finish();
          t.commit();
        } catch (const transaction_aborted& e) {
          if (e.cycle().size() != n)
            r.fail(failure::wrong_result, "a cycle of %zu in a ring of %u",
                   e.cycle().size(), n);
          t.rollback();
          victims.fetch_add(1);
          w.count(deadlocks);
        }
      }
      if (!step.next(w)) return;
      if (victims.load() != 1)
        r.fail(failure::wrong_result, "%u victims in a ring of %u",
               victims.load(), n);
    }
  });
  r.go();
  if (m.locked_keys() != 0)
    r.fail(failure::conservation, "%zu keys are locked at the end",
           m.locked_keys());
}

// Transfers in random order and modes, some given up, among audits that see
// the total.
void transfers(run& r, deadlock_policy policy) {
  constexpr unsigned kAccounts = 8;
  constexpr long kTotal = kAccounts * 1'000;
  const latency whole = r.time("transaction, with retries");
  const tally aborted = r.count("aborted");
  const tally given_up = r.count("given up");
  manager m(policy);
  std::array<long, kAccounts> balance;
  balance.fill(kTotal / kAccounts);
  disturb(r, disturbance::all);
  r.start("teller", r.threads(), [&](worker& w) {
    while (w.running()) {
      const auto from = static_cast<unsigned>(w.random.below(kAccounts));
      const auto to = static_cast<unsigned>(
          (from + w.random.between(1, kAccounts - 1)) % kAccounts);
      const bool audits = w.random.one_in(8);
      const bool hurries = w.random.one_in(4);
      unsigned attempts = 0;
      operation op(w, whole, &m);
      m.run([&](manager::transaction& t) {
        ++attempts;
        if (audits) {
          long total = 0;
          for (unsigned a = 0; a < kAccounts; ++a) {
            t.lock((from + a) % kAccounts, lock_mode::S);
            total += balance[(from + a) % kAccounts];
          }
          if (total != kTotal)
            r.fail(failure::conservation, "an audit sees %ld of %ld", total,
                   kTotal);
          return;
        }
        for (const unsigned account : {from, to}) {
          if (w.random.one_in(2)) t.lock(account, lock_mode::U);
          if (hurries) {
            if (!t.try_lock_for(account, lock_mode::X,
                                std::chrono::microseconds(50))) {
              w.count(given_up);
              t.rollback();
              return;
            }
          } else {
            t.lock(account, lock_mode::X);
          }
          t.on_rollback(
              [&b = balance[account], was = balance[account]] { b = was; });
          balance[account] += account == from ? -1 : 1;
          w.jitter();
        }
      });
      w.count(aborted, attempts - 1);
    }
  });
  r.go();
  if (std::accumulate(balance.begin(), balance.end(), 0L) != kTotal ||
      m.locked_keys() != 0) {
    r.fail(failure::conservation,
           "the total or the locks are not what they "
           "were");
  }
}

const add_case ring_case({.name = "rounds_rings",
                          .what = "rings of 2 to 8 threads: one victim each",
                          .body = rings,
                          .threads = 8});

struct transfer_suite {
  transfer_suite() {
    add("detect", deadlock_policy::detect);
    add("wait_die", deadlock_policy::wait_die);
    add("wound_wait", deadlock_policy::wound_wait);
  }
  static void add(const std::string& name, deadlock_policy policy) {
    add_case({.name = "transfers_" + name,
              .what = "transfers and audits under " + name,
              .body = [policy](run& r) { transfers(r, policy); },
              .threads = 6});
  }
};
const transfer_suite transfer_cases;

}  // namespace
