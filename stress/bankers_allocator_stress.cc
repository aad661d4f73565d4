// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator: customers that would deadlock without it all get through;
// the state is safe after each grant, as the textbook's algorithm says of a
// snapshot; nothing is lost or made from nothing; and a banker that grants
// whatever is there is caught.
#include <sync/bankers_allocator.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "support/harness.h"
#include "support/inject.h"
#include "tests/support/bankers_reference.h"

namespace {

using namespace syncxx::stress;
using bank = syncxx::bankers_allocator;
using row = std::vector<std::uint64_t>;

constexpr std::size_t kKinds = 3;
constexpr std::uint64_t kOfEach = 12;

row random_row(worker& w, const row& most) {
  row a;
  for (const std::uint64_t x : most) a.push_back(w.random.between(0, x));
  return a;
}

void check_state(run& r, const bank& b) {
  const syncxx::bankers_state s = b.snapshot();
  if (!syncxx_test::textbook_is_safe(s))
    r.fail(failure::wrong_result, "an unsafe state:\n%s", s.table().c_str());
}

void check_empty(run& r, const bank& b) {
  if (b.available() != b.total() || b.waiting() != 0 || b.customers() != 0)
    r.fail(failure::conservation, "something is held or waits at the end");
}

// A customer joins, takes what it claims piece by piece, and leaves.
void customers(run& r, bank& b, worker& w, latency wait, tally gave_up,
               bool checked) {
  bank::customer c =
      b.join(random_row(w, b.total()), "", static_cast<int>(w.random.below(3)));
  row rest = c.claim();
  std::vector<bank::grant> grants;
  while (std::any_of(rest.begin(), rest.end(), [](auto x) { return x != 0; })) {
    const row piece = random_row(w, rest);
    operation op(w, wait, &b);
    if (w.random.one_in(8)) {
      std::optional<bank::grant> g =
          c.try_acquire_for(piece, std::chrono::microseconds(200));
      if (!g) {
        w.count(gave_up);
        return;
      }
      grants.push_back(std::move(*g));
    } else {
      grants.push_back(c.acquire(piece));
    }
    op.finish();
    for (std::size_t k = 0; k < kKinds; ++k) rest[k] -= piece[k];
    if (checked) check_state(r, b);
    if (w.random.one_in(4)) {  // it needs less than it thought
      row claim = c.holding();
      for (std::size_t k = 0; k < kKinds; ++k) {
        rest[k] -= std::min<std::uint64_t>(rest[k], w.random.below(3));
        claim[k] += rest[k];
      }
      if (!c.change_claim(claim))
        r.fail(failure::wrong_result, "a claim cannot be lowered");
    }
    w.jitter();
  }
  if (w.random.one_in(3)) c.release(c.holding());
}

void pieces(run& r, unsigned patience, bool checked) {
  const latency wait = r.time("request");
  const tally gave_up = r.count("gave up");
  bank b(row(kKinds, kOfEach), {.patience = patience});
  disturb(r, disturbance::all);
  r.start("customer", r.threads(), [&](worker& w) {
    while (w.running()) customers(r, b, w, wait, gave_up, checked);
  });
  r.go();
  check_empty(r, b);
}

// Thousands of customers that hold something, and a few threads for them all.
void thousands(run& r) {
  constexpr std::size_t kCustomers = 3000;
  const latency wait = r.time("request");
  const tally refused = r.count("refused");
  bank b(row(kKinds, kCustomers));
  std::vector<bank::customer> all;
  for (std::size_t i = 0; i < kCustomers; ++i)
    all.push_back(b.join({1 + i % 7, 1 + i % 5, 1 + i % 3}));
  disturb(r, disturbance::jitter);
  r.start("customer", r.threads(), [&](worker& w) {
    for (std::size_t at = w.index(); w.running(); at += r.threads()) {
      bank::customer& c = all[at % (kCustomers / r.threads() * r.threads())];
      const row held = c.holding();
      row need = c.claim();
      for (std::size_t k = 0; k < kKinds; ++k) need[k] -= held[k];
      operation op(w, wait, &b);
      std::optional<bank::grant> g = c.try_acquire(random_row(w, need));
      op.finish();
      if (g)
        g->keep();
      else
        w.count(refused);
      if (w.random.one_in(200)) check_state(r, b);
      if (w.random.one_in(3) || !g) c.release(c.holding());
    }
  });
  r.go();
  for (bank::customer& c : all) {  // each can still get all that it claimed
    row need = c.claim();
    const row held = c.holding();
    for (std::size_t k = 0; k < kKinds; ++k) need[k] -= held[k];
    if (c.try_acquire(need)) c.release(c.holding());
  }
  if (!b.is_safe()) r.fail(failure::wrong_result, "unsafe at the end");
  all.clear();
  check_empty(r, b);
}

// Devices come and go beside requests.
void devices(run& r) {
  const latency wait = r.time("request");
  const tally gave_up = r.count("gave up");
  const tally losses = r.count("losses");
  bank b(row(kKinds, kOfEach));
  disturb(r, disturbance::jitter);
  r.start("customer", r.threads(), [&](worker& w) {
    while (w.running()) {
      if (w.index() == 0) {
        const row lost = random_row(w, row(kKinds, 6));
        b.shrink(lost);
        w.jitter();
        b.grow(lost);
        w.count(losses);
        continue;
      }
      try {
        customers(r, b, w, wait, gave_up, /*checked=*/false);
      } catch (const std::invalid_argument&) {
        // Its claim was beyond what is left just then.
      }
    }
  });
  r.go();
  check_empty(r, b);
}

// One large request among small ones that never end.
void starving(run& r) {
  const latency wait = r.time("large request");
  bank b(row(1, 4));
  disturb(r, disturbance::jitter);
  r.start("customer", r.threads(), [&](worker& w) {
    bank::customer c =
        b.join({w.index() == 0 ? 4U : 1U}, "", static_cast<int>(w.index()));
    while (w.running()) {
      operation op(w, wait, &b);
      const bank::grant g = c.acquire(c.claim());
      op.finish();
      w.jitter();
    }
  });
  r.go();
  check_empty(r, b);
}

// --- A banker that does not look ---------------------------------------------

// Grants whatever is there.
void careless(run& r) {
  const latency wait = r.time("request");
  std::mutex mutex;
  std::condition_variable changed;
  unsigned left = r.threads();
  r.start("customer", r.threads(), [&](worker& w) {
    while (w.running()) {
      operation op(w, wait, &left);
      for (unsigned held = 0; held < 2; ++held) {
        std::unique_lock lock(mutex);
        while (left == 0) changed.wait(lock);
        --left;
        lock.unlock();
        w.jitter();
      }
      op.finish();
      const std::lock_guard lock(mutex);
      left += 2;
      changed.notify_all();
    }
  });
  r.go();
}

const add_case pieces_case(
    {.name = "pieces",
     .what = "claims taken piece by piece; each state checked",
     .body = [](run& r) { pieces(r, 64, true); },
     .threads = 8});
const add_case impatient_case(
    {.name = "pieces_impatient",
     .what = "the same with an elder most of the time",
     .body = [](run& r) { pieces(r, 0, true); },
     .threads = 8});
const add_case unchecked_case({.name = "pieces_fast",
                               .what = "the same, looked at at the end",
                               .body = [](run& r) { pieces(r, 4, false); },
                               .threads = 16});
const add_case thousands_case({.name = "thousands",
                               .what = "3000 customers that hold something",
                               .body = thousands,
                               .threads = 4});
const add_case devices_case({.name = "devices",
                             .what = "devices lost and added meanwhile",
                             .body = devices,
                             .threads = 6});
const add_case starving_case({.name = "starving",
                              .what = "a large request of low priority gets "
                                      "through among small ones",
                              .body = starving,
                              .threads = 8});
const add_case careless_case({.name = "careless",
                              .what = "a banker that does not look ahead",
                              .body = careless,
                              .threads = 4,
                              .must_fail = failure::stuck,
                              .watchdog = 2});

}  // namespace
