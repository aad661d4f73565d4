// SPDX-License-Identifier: Apache-2.0
//
// The wait-for graph of a lock_snapshot, made and searched in the plainest way:
// the reference that lock_manager's own search is compared with. It has tables
// and rules of its own.
#ifndef SYNCXX_TESTS_SUPPORT_WAIT_FOR_GRAPH_H_
#define SYNCXX_TESTS_SUPPORT_WAIT_FOR_GRAPH_H_

#include <sync/lock_manager.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace syncxx_test {

// Rows and columns: IS IX S SIX U X.
inline bool reference_compatible(syncxx::lock_mode a, syncxx::lock_mode b) {
  static constexpr std::string_view kRows[] = {"yyyyy-", "yy----", "y-y-y-",
                                               "y-----", "y-y---", "------"};
  return kRows[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)] == 'y';
}

class wait_for_graph {
 public:
  explicit wait_for_graph(const syncxx::lock_snapshot& locks) {
    for (const auto& key : locks.keys) {
      std::vector<std::uint64_t> ahead;  // of the newcomers
      for (const auto& h : key.holders) {
        if (h.wanted == h.mode) continue;
        for (const auto& other : key.holders) {
          if (other.transaction != h.transaction &&
              !reference_compatible(other.mode, h.wanted)) {
            edges_[h.transaction].insert(other.transaction);
          }
        }
        ahead.push_back(h.transaction);
      }
      for (const auto& w : key.waiters) {
        for (const auto& h : key.holders) {
          if (!reference_compatible(h.mode, w.wanted))
            edges_[w.transaction].insert(h.transaction);
        }
        edges_[w.transaction].insert(ahead.begin(), ahead.end());
        ahead.push_back(w.transaction);
      }
    }
  }

  bool has_edge(std::uint64_t from, std::uint64_t to) const {
    const auto it = edges_.find(from);
    return it != edges_.end() && it->second.contains(to);
  }
  // Whether a way leads from it back to it.
  bool is_on_cycle(std::uint64_t who) const {
    std::set<std::uint64_t> reached;
    std::vector<std::uint64_t> open{who};
    while (!open.empty()) {
      const std::uint64_t at = open.back();
      open.pop_back();
      const auto it = edges_.find(at);
      if (it == edges_.end()) continue;
      for (const std::uint64_t to : it->second) {
        if (to == who) return true;
        if (reached.insert(to).second) open.push_back(to);
      }
    }
    return false;
  }
  bool has_cycle() const {
    for (const auto& [who, to] : edges_)
      if (is_on_cycle(who)) return true;
    return false;
  }

 private:
  std::map<std::uint64_t, std::set<std::uint64_t>> edges_;
};

// Whether the members of a cycle that was reported wait for each other.
inline bool is_cycle(const wait_for_graph& graph,
                     const std::vector<syncxx::deadlock_member>& cycle) {
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    if (!graph.has_edge(cycle[i].transaction,
                        cycle[(i + 1) % cycle.size()].transaction)) {
      return false;
    }
  }
  return cycle.size() >= 2;
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAIT_FOR_GRAPH_H_
