// SPDX-License-Identifier: Apache-2.0
//
// What the Banker's check is compared with: all orders, one after the other,
// and the algorithm of the textbooks (Silberschatz, Galvin, Gagne).
#ifndef SYNCXX_TESTS_SUPPORT_BANKERS_REFERENCE_H_
#define SYNCXX_TESTS_SUPPORT_BANKERS_REFERENCE_H_

#include <sync/bankers_allocator.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace syncxx_test {

using bankers_amounts = std::vector<std::int64_t>;

inline bankers_amounts available_in(const syncxx::bankers_state& s) {
  bankers_amounts left(s.total.begin(), s.total.end());
  for (const auto& c : s.customers) {
    for (std::size_t k = 0; k < left.size(); ++k)
      left[k] -= static_cast<std::int64_t>(c.holding[k]);
  }
  return left;
}

inline bool can_finish_with(const syncxx::bankers_state& s, std::size_t i,
                            const bankers_amounts& work) {
  for (std::size_t k = 0; k < work.size(); ++k) {
    if (static_cast<std::int64_t>(s.customers[i].max[k] -
                                  s.customers[i].holding[k]) > work[k])
      return false;
  }
  return true;
}

inline void finish_in(const syncxx::bankers_state& s, std::size_t i,
                      bankers_amounts& work, int sign = 1) {
  for (std::size_t k = 0; k < work.size(); ++k)
    work[k] += sign * static_cast<std::int64_t>(s.customers[i].holding[k]);
}

// Whether there is an order: tries them all.
class every_order {
 public:
  explicit every_order(const syncxx::bankers_state& s)
      : s_(s), work_(available_in(s)), done_(s.customers.size()) {}
  bool is_safe() { return rest(s_.customers.size()); }

 private:
  bool rest(std::size_t left) {
    if (left == 0) return true;
    for (std::size_t i = 0; i < done_.size(); ++i) {
      if (done_[i] || !can_finish_with(s_, i, work_)) continue;
      done_[i] = true;
      finish_in(s_, i, work_);
      const bool found = rest(left - 1);
      finish_in(s_, i, work_, -1);
      done_[i] = false;
      if (found) return true;
    }
    return false;
  }

  const syncxx::bankers_state& s_;
  bankers_amounts work_;
  std::vector<bool> done_;
};

// The textbooks' algorithm: rounds over all customers.
inline bool textbook_is_safe(const syncxx::bankers_state& s) {
  bankers_amounts work = available_in(s);
  std::vector<bool> done(s.customers.size());
  std::size_t left = done.size();
  for (bool again = true; again && left != 0;) {
    again = false;
    for (std::size_t i = 0; i < done.size(); ++i) {
      if (done[i] || !can_finish_with(s, i, work)) continue;
      finish_in(s, i, work);
      done[i] = true;
      again = true;
      --left;
    }
  }
  return left == 0;
}

// Whether this is an order in which all can finish.
inline bool is_safe_order(const syncxx::bankers_state& s,
                          const std::vector<std::size_t>& order) {
  bankers_amounts work = available_in(s);
  std::vector<bool> done(s.customers.size());
  for (const std::size_t i : order) {
    if (i >= done.size() || done[i] || !can_finish_with(s, i, work))
      return false;
    done[i] = true;
    finish_in(s, i, work);
  }
  return order.size() == done.size();
}

// Silberschatz, Galvin, Gagne: Operating System Concepts, 7.5.3.3.
inline syncxx::bankers_state silberschatz() {
  return {.total = {10, 5, 7},
          .customers = {{"P0", {7, 5, 3}, {0, 1, 0}},
                        {"P1", {3, 2, 2}, {2, 0, 0}},
                        {"P2", {9, 0, 2}, {3, 0, 2}},
                        {"P3", {2, 2, 2}, {2, 1, 1}},
                        {"P4", {4, 3, 3}, {0, 0, 2}}}};
}

// Tanenbaum: Modern Operating Systems, figure 6-11 (c is unsafe).
inline syncxx::bankers_state tanenbaum_single(char which) {
  const bool a = which == 'a';
  const bool c = which == 'c';
  return {.total = {10},
          .customers = {{"A", {6}, {a ? 0U : 1U}},
                        {"B",
                         {5},
                         {a   ? 0U
                          : c ? 2U
                              : 1U}},
                        {"C", {4}, {a ? 0U : 2U}},
                        {"D", {7}, {a ? 0U : 4U}}}};
}

// Tanenbaum, figure 6-12: tape drives, plotters, printers, CD-ROM drives.
inline syncxx::bankers_state tanenbaum_multiple() {
  return {.total = {6, 3, 4, 2},
          .customers = {{"A", {4, 1, 1, 1}, {3, 0, 1, 1}},
                        {"B", {0, 2, 1, 2}, {0, 1, 0, 0}},
                        {"C", {4, 2, 1, 0}, {1, 1, 1, 0}},
                        {"D", {1, 1, 1, 1}, {1, 1, 0, 1}},
                        {"E", {2, 1, 1, 0}, {0, 0, 0, 0}}}};
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_BANKERS_REFERENCE_H_
