// SPDX-License-Identifier: Apache-2.0
//
// The Banker's safety check: exactly what all orders say, on states that random
// changes lead to; and on states that are hard for it.
#include <gtest/gtest.h>
#include <sync/bankers_allocator.h>
#include <sync/detail/bankers_core.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/support/bankers_reference.h"

namespace syncxx_test {
namespace {

using syncxx::bankers_state;
using syncxx::detail::bankers_core;
using amounts = std::vector<std::uint64_t>;

// Built without optimization, or to be watched, it is slower.
#if SYNCXX_TSAN || defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
constexpr int kStates = 200'000;
#else
constexpr int kStates = 2'000'000;
#endif

// A core, and the same state for the reference.
struct twin {
  explicit twin(amounts total) : core(total) { state.total = std::move(total); }

  std::size_t join(amounts claim) {
    slots.push_back(core.join(claim));
    const amounts nothing(claim.size());
    state.customers.push_back({"", std::move(claim), nothing});
    return slots.size() - 1;
  }
  void leave(std::size_t i) {
    core.leave(slots[i]);
    slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(i));
    state.customers.erase(state.customers.begin() +
                          static_cast<std::ptrdiff_t>(i));
  }
  bool available(const amounts& request) const {
    const bankers_amounts left = available_in(state);
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (static_cast<std::int64_t>(request[k]) > left[k]) return false;
    }
    return true;
  }
  static void add(amounts& to, const amounts& what) {
    for (std::size_t k = 0; k < to.size(); ++k) to[k] += what[k];
  }
  static void subtract(amounts& from, const amounts& what) {
    for (std::size_t k = 0; k < from.size(); ++k) from[k] -= what[k];
  }

  bankers_core core;
  std::vector<bankers_core::slot> slots;
  bankers_state state;
};

// Random changes. `IsSafe` judges a state; ends after `states` judgements.
template <class IsSafe>
class random_walk {
 public:
  random_walk(std::uint32_t seed, std::size_t resources, std::size_t customers,
              std::uint64_t most, IsSafe is_safe)
      : random_(seed),
        most_(most),
        customers_(customers),
        is_safe_(is_safe),
        both_(up_to(amounts(resources, most), 1)) {}

  void run(int states) {
    bool was_safe = true;
    for (int n = 0; n < states && !testing::Test::HasFailure();) {
      step(n, was_safe);
      was_safe = both_.core.is_safe();
    }
  }

  int granted = 0;
  int refused = 0;  // as unsafe, though available
  int unsafe = 0;   // states after a loss

 private:
  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  amounts up_to(const amounts& most, std::uint64_t least = 0) {
    amounts a;
    for (const std::uint64_t x : most)
      a.push_back(std::max(std::min(least, x), below(x + 1)));
    return a;
  }
  amounts need(std::size_t i) const {
    amounts a = both_.state.customers[i].max;
    twin::subtract(a, both_.state.customers[i].holding);
    return a;
  }

  void step(int& n, bool was_safe) {
    bankers_state& s = both_.state;
    const std::uint64_t what = below(16);
    if (s.customers.size() < customers_ && (what < 4 || s.customers.empty())) {
      both_.join(up_to(s.total));
    } else {
      const std::size_t i = below(s.customers.size());
      const bankers_core::slot slot = both_.slots[i];
      bankers_state::customer& c = s.customers[i];
      if (what < 9) {
        const amounts request = up_to(need(i));
        const bool there = both_.available(request);
        bankers_state then = s;
        twin::add(then.customers[i].holding, request);
        const bool nothing = request == amounts(request.size());
        const bool right = nothing || (was_safe && there && is_safe_(then));
        ++n;
        ASSERT_EQ(both_.core.could_take(slot, request) || nothing, right);
        ASSERT_EQ(both_.core.take(slot, request), right);
        if (right) twin::add(c.holding, request);
        ++(right ? granted : refused);
      } else if (what < 12) {
        const amounts part = below(2) == 0 ? c.holding : up_to(c.holding);
        both_.core.give(slot, part);
        twin::subtract(c.holding, part);
      } else if (what < 14) {
        bankers_state then = s;
        bool fits = true;
        bool raised = false;
        for (std::size_t k = 0; k < s.total.size(); ++k) {
          const std::uint64_t most = std::max(s.total[k], c.holding[k]);
          const std::uint64_t now =
              c.holding[k] + below(most - c.holding[k] + 1);
          fits = fits && now <= s.total[k];
          raised = raised || now > c.max[k];
          then.customers[i].max[k] = now;
        }
        const bool right = !raised || (was_safe && fits && is_safe_(then));
        ++n;
        ASSERT_EQ(both_.core.set_claim(slot, then.customers[i].max), right);
        if (right) s = then;
      } else if (what == 14) {
        s.total = up_to(amounts(s.total.size(), most_), 1);
        both_.core.set_total(s.total);
      } else {
        both_.leave(i);
      }
    }
    // After a loss it must find out when all is well again.
    ++n;
    ASSERT_EQ(both_.core.is_safe(), is_safe_(s));
    unsafe += both_.core.is_safe() ? 0 : 1;
  }

  std::mt19937 random_;
  std::uint64_t most_;
  std::size_t customers_;
  IsSafe is_safe_;
  twin both_;
};

TEST(BankersCoreTest, AgreesWithEveryOrderOnRandomSmallStates) {
  const auto judge = [](const bankers_state& s) {
    return every_order(s).is_safe();
  };
  int granted = 0;
  int refused = 0;
  int unsafe = 0;
  constexpr int kWalks = 400;
  for (std::uint32_t seed = 0; seed < kWalks && !HasFailure(); ++seed) {
    random_walk walk(seed, 1 + seed % 5, 2 + seed / 5 % 5, 2 + seed % 7, judge);
    walk.run(kStates / kWalks);
    granted += walk.granted;
    refused += walk.refused;
    unsafe += walk.unsafe;
    ASSERT_FALSE(HasFailure()) << "walk " << seed;
  }
  // All that can happen has.
  EXPECT_GT(granted, kStates / 100);
  EXPECT_GT(refused, kStates / 100);
  EXPECT_GT(unsafe, kStates / 100);
}

TEST(BankersCoreTest, AgreesWithTheTextbookOnLargerStates) {
  const auto judge = [](const bankers_state& s) { return textbook_is_safe(s); };
  std::uint32_t seed = 0;
  for (const std::size_t m : {1U, 2U, 3U, 4U, 7U, 8U, 13U, 64U}) {
    random_walk walk(++seed, m, 60, 40, judge);
    walk.run(kStates / 400);
    ASSERT_FALSE(HasFailure()) << m << " resources";
  }
}

// Customer i can finish only after all before it in `order` have.
class chain : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t kLength = 200;
  chain() : both_({kLength, kLength}) {
    for (std::size_t i = 0; i < kLength; ++i) both_.join({kLength, 1});
    // Lent out while the claims are small.
    for (std::size_t i = 0; i < kLength; ++i) {
      const std::size_t at = GetParam() ? kLength - 1 - i : i;
      both_.state.customers[at].max = {at + 1, 1};
      EXPECT_TRUE(both_.core.set_claim(both_.slots[at], {{at + 1, 1}}));
    }
    for (std::size_t i = 0; i < kLength; ++i) {
      const std::size_t at = GetParam() ? kLength - 1 - i : i;
      if (at == 0) continue;
      EXPECT_TRUE(both_.core.take(both_.slots[at], {{1, 0}}));
      both_.state.customers[at].holding = {1, 0};
    }
  }
  twin both_;
};

TEST_P(chain, TheLastLinkIsServedAndTheOneTooMuchIsNot) {
  ASSERT_TRUE(textbook_is_safe(both_.state));
  // One unit is left, which the first one needs for all to go on.
  for (const std::size_t i : {kLength - 1, kLength / 2, std::size_t{2}}) {
    EXPECT_FALSE(both_.core.take(both_.slots[i], {{1, 0}})) << i;
    EXPECT_TRUE(both_.core.take(both_.slots[i], {{0, 1}})) << i;
    both_.core.give(both_.slots[i], {{0, 1}});
  }
  EXPECT_TRUE(both_.core.take(both_.slots[0], {{1, 1}}));
}

INSTANTIATE_TEST_SUITE_P(BothWays, chain, testing::Bool());

}  // namespace
}  // namespace syncxx_test
