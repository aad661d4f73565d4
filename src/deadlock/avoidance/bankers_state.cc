// SPDX-License-Identifier: Apache-2.0
//
// bankers_state: a verdict in the textbook's order, reasons, and a table.
#include <sync/detail/bankers_state.h>

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sync/detail/bankers_core.h>

#include "bankers_waiter.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

std::string to_text(amounts_view amounts) {
  std::string out = "(";
  for (const std::uint64_t a : amounts) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(a);
  }
  return out + ")";
}

namespace {

using amounts = bankers_state::amounts;

std::string name_of(const bankers_state& state, std::size_t index) {
  const std::string& name = state.customers[index].name;
  return name.empty() ? default_name(index) : name;
}

// Total less what is held; below zero after a loss.
std::vector<amount> available(const bankers_state& state) {
  std::vector<amount> left(state.total.begin(), state.total.end());
  for (const bankers_state::customer& c : state.customers) {
    for (std::size_t k = 0; k < left.size(); ++k)
      left[k] -= static_cast<amount>(c.holding[k]);
  }
  return left;
}

bool is_zero(const amounts& a) {
  return std::all_of(a.begin(), a.end(), [](auto x) { return x == 0; });
}

bankers_core core_of(const bankers_state& state) {
  bankers_core core(state.total);
  for (const bankers_state::customer& c : state.customers)
    core.put(core.join(c.max), c.holding);
  core.check();
  return core;
}

// In a core that core_of() has made.
bankers_core::slot slot_of(std::size_t index) {
  return static_cast<bankers_core::slot>(index + 1);
}

std::string list(const std::vector<std::string>& names, const char* last) {
  constexpr std::size_t kMost = 8;
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == kMost)
      return out + " and " + std::to_string(names.size() - i) + " more";
    if (i != 0) out += i + 1 == names.size() ? last : ", ";
    out += "'" + names[i] + "'";
  }
  return out;
}

// Who, by giving back all, would make way for a request.
void find_who_unblocks(const bankers_state& state, std::size_t who,
                       const amounts& request,
                       const std::vector<std::size_t>& candidates,
                       bankers_blocking& found) {
  bankers_core core = core_of(state);
  for (const std::size_t other : candidates) {
    const amounts& held = state.customers[other].holding;
    core.give(slot_of(other), held);
    if (core.could_take(slot_of(who), request))
      found.customers.push_back(name_of(state, other));
    core.put(slot_of(other), held);
    core.check();
  }
  if (!found.customers.empty()) return;
  for (const std::size_t other : candidates)
    core.give(slot_of(other), state.customers[other].holding);
  if (!core.could_take(slot_of(who), request)) return;
  found.together = true;
  for (const std::size_t other : candidates)
    found.customers.push_back(name_of(state, other));
}

}  // namespace
}  // namespace detail

using namespace detail;

void bankers_state::validate() const {
  if (total.empty()) refuse("a state without resources");
  amounts held(total.size());
  for (std::size_t k = 0; k < total.size(); ++k) {
    if (total[k] > kMostUnits)
      throw std::length_error("syncxx: a state with " +
                              of_resource(total[k], k) +
                              ": it can have at most 2^62 - 1");
  }
  for (std::size_t i = 0; i < customers.size(); ++i) {
    const customer& c = customers[i];
    const std::string whose = "customer '" + name_of(*this, i) + "'";
    if (c.max.size() != total.size() || c.holding.size() != total.size())
      refuse(whose + " has max " + to_text(c.max) + " and holding " +
             to_text(c.holding) + ": there are " +
             std::to_string(total.size()) + " resources");
    for (std::size_t k = 0; k < total.size(); ++k) {
      if (c.max[k] > kMostUnits)
        throw std::length_error("syncxx: " + whose + " with a claim to " +
                                of_resource(c.max[k], k) +
                                ": it can be at most 2^62 - 1");
      if (c.holding[k] > c.max[k])
        refuse(whose + " holds " + of_resource(c.holding[k], k) +
               ": its claim is " + std::to_string(c.max[k]));
      if (c.holding[k] > kMostUnits - held[k])
        throw std::length_error(
            "syncxx: the customers up to '" + name_of(*this, i) +
            "' hold 2^62 or more of resource " + std::to_string(k));
      held[k] += c.holding[k];
    }
  }
}

// The textbook's rounds, without looking at who cannot finish yet: for each
// resource, customers in the order of their need of it, and for each customer,
// of how many resources it needs more than there is.
bankers_state::verdict bankers_state::examine() const {
  validate();
  const std::size_t n = customers.size();
  const std::size_t m = total.size();
  std::vector<amount> work = available(*this);
  const auto need = [&](std::size_t i, std::size_t k) {
    return static_cast<amount>(customers[i].max[k] - customers[i].holding[k]);
  };
  std::vector<std::vector<std::size_t>> by_need(m);
  std::vector<std::size_t> covered(m);  // of by_need
  std::vector<std::size_t> short_of(n, m);
  std::set<std::size_t> ready;
  const auto cover = [&](std::size_t k) {
    for (; covered[k] < n && need(by_need[k][covered[k]], k) <= work[k];
         ++covered[k]) {
      if (--short_of[by_need[k][covered[k]]] == 0)
        ready.insert(by_need[k][covered[k]]);
    }
  };
  for (std::size_t k = 0; k < m; ++k) {
    for (std::size_t i = 0; i < n; ++i) by_need[k].push_back(i);
    std::sort(by_need[k].begin(), by_need[k].end(),
              [&](auto a, auto b) { return need(a, k) < need(b, k); });
    cover(k);
  }
  verdict v;
  for (std::size_t turn = 0; !ready.empty();) {
    auto next = ready.lower_bound(turn);
    if (next == ready.end()) next = ready.begin();  // another round
    const std::size_t i = *next;
    ready.erase(next);
    v.finish.push_back(i);
    for (std::size_t k = 0; k < m; ++k) {
      work[k] += static_cast<amount>(customers[i].holding[k]);
      cover(k);
    }
    turn = i + 1;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (short_of[i] != 0) v.stuck.push_back(i);
  }
  v.safe = v.stuck.empty();
  return v;
}

std::vector<std::string> bankers_state::safe_sequence() const {
  const verdict v = examine();
  std::vector<std::string> names;
  for (std::size_t i = 0; v.safe && i < v.finish.size(); ++i)
    names.push_back(name_of(*this, v.finish[i]));
  return names;
}

bankers_blocking bankers_state::why_blocked(std::size_t who,
                                            const amounts& request) const {
  validate();
  if (who >= customers.size() || request.size() != total.size())
    refuse("why_blocked of customer " + std::to_string(who) + " for " +
           to_text(request) + ": there are " +
           std::to_string(customers.size()) + " customers and " +
           std::to_string(total.size()) + " resources");
  const std::string name = name_of(*this, who);
  const std::vector<amount> free = available(*this);
  bankers_blocking found;
  std::vector<std::size_t> candidates;
  const auto consider = [&](std::size_t i) {
    if (i != who && !is_zero(customers[i].holding)) candidates.push_back(i);
  };
  for (std::size_t k = 0; k < total.size(); ++k) {
    const std::uint64_t need =
        customers[who].max[k] - customers[who].holding[k];
    if (request[k] > need)
      refuse("request of customer '" + name + "' for " +
             of_resource(request[k], k) + ": its claim is " +
             std::to_string(customers[who].max[k]) + ", of which it holds " +
             std::to_string(customers[who].holding[k]));
  }
  if (is_zero(request)) return {.text = "nothing is in its way"};
  const verdict now = examine();
  std::string reason;
  for (std::size_t k = 0; k < total.size(); ++k) {
    if (as_count(free[k]) >= request[k]) continue;
    found.why = blocked_because::unavailable;
    reason += (reason.empty() ? "it asks for " : ", and for ") +
              of_resource(request[k], k) + ", of which " +
              std::to_string(as_count(free[k])) + " are available";
  }
  if (!now.safe) {
    found.why = blocked_because::state_is_unsafe;
    reason = "the state is unsafe, and nothing is granted until it is not";
  } else if (found.why == blocked_because::nothing) {
    bankers_state then = *this;
    for (std::size_t k = 0; k < total.size(); ++k)
      then.customers[who].holding[k] += request[k];
    const verdict v = then.examine();
    if (v.safe) return {.text = "nothing is in its way"};
    found.why = blocked_because::would_be_unsafe;
    std::vector<std::string> stuck;
    for (const std::size_t i : v.stuck) stuck.push_back(name_of(*this, i));
    reason = "the state would be unsafe: " + list(stuck, " and ") +
             " might wait for ever";
  }
  // A release may help by making others finish: each that holds something.
  for (std::size_t i = 0; i < customers.size(); ++i) consider(i);
  find_who_unblocks(*this, who, request, candidates, found);
  found.text =
      "customer '" + name + "' cannot have " + to_text(request) + ": " + reason;
  if (found.customers.empty())
    found.text += "; more than there is would be needed";
  else if (found.together)
    found.text += "; what " + list(found.customers, " and ") +
                  " hold together would unblock it";
  else
    found.text +=
        "; what " + list(found.customers, " or ") +
        (found.customers.size() == 1 ? " holds" : " holds, each alone,") +
        " would unblock it";
  return found;
}

// --- The table ---------------------------------------------------------------

std::string bankers_state::table() const {
  validate();
  const std::vector<amount> free = detail::available(*this);
  // Four groups of columns; a number is as wide as the widest of its resource.
  std::vector<std::size_t> width(total.size());
  for (std::size_t k = 0; k < total.size(); ++k) {
    width[k] = std::max(std::to_string(total[k]).size(),
                        std::to_string(free[k]).size());
    for (const customer& c : customers)
      width[k] = std::max(width[k], std::to_string(c.max[k]).size());
  }
  const auto cells = [&](auto&& value) {
    std::string out;
    for (std::size_t k = 0; k < total.size(); ++k) {
      const std::string number = std::to_string(value(k));
      out += std::string(k == 0 ? 0 : 1, ' ') +
             std::string(width[k] - number.size(), ' ') + number;
    }
    return out;
  };
  std::size_t group = 10;  // "Allocation"
  group = std::max(group, cells([](std::size_t) { return 0; }).size());
  std::size_t names = 9;  // "Available"
  for (std::size_t i = 0; i < customers.size(); ++i)
    names = std::max(names, name_of(*this, i).size());
  const auto pad = [](std::string text, std::size_t to) {
    text.append(to - std::min(to, text.size()), ' ');
    return text;
  };
  const auto line = [&](const std::string& name, std::string a, std::string b,
                        const std::string& c) {
    std::string out = pad(name, names) + "  " + pad(std::move(a), group) +
                      "  " + pad(std::move(b), group) + "  " + c;
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::string out = line("", "Allocation", "Max", "Need");
  for (std::size_t i = 0; i < customers.size(); ++i) {
    const customer& c = customers[i];
    out += line(name_of(*this, i), cells([&](auto k) { return c.holding[k]; }),
                cells([&](auto k) { return c.max[k]; }),
                cells([&](auto k) { return c.max[k] - c.holding[k]; }));
  }
  out += line("Available", cells([&](auto k) { return free[k]; }), "", "");
  out += line("Total", cells([&](auto k) { return total[k]; }), "", "");
  return out;
}

}  // namespace syncxx::inline SYNCXX_ABI
