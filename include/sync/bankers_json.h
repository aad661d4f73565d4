// SPDX-License-Identifier: Apache-2.0
//
// States of the Banker's algorithm (<sync/bankers_allocator.h>) as JSON
// (RFC 8259), and from it. By JSON for Modern C++ (Debian: nlohmann-json3-dev),
// which only who includes this header needs: <sync/sync.h> does not.
//
//   {"total": [10,5,7],
//    "customers": [{"name": "P0", "max": [7,5,3], "holding": [0,1,0]}]}
//
// Priorities, and requests that wait, are not kept.
#ifndef SYNCXX_BANKERS_JSON_H_
#define SYNCXX_BANKERS_JSON_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <sync/detail/bankers_core.h>
#include <sync/detail/bankers_state.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

// Each error says where: line and column of what is no JSON, the path of what
// is JSON and no state.
class bankers_json_reader {
  using json = nlohmann::json;

 public:
  static bankers_state read(std::string_view text) {
    const json whole = parse(text);
    expect_object(whole, "the state");
    bankers_state state;
    state.total = amounts_of(member(whole, "total", "the state"), "total");
    if (state.total.empty()) fail("total is empty: at least one resource");
    const json& customers = member(whole, "customers", "the state");
    expect_array(customers, "customers");
    for (const json& customer : customers)
      state.customers.push_back(customer_of(customer, state));
    state.validate();
    return state;
  }

 private:
  [[noreturn]] static void fail(const std::string& what) {
    throw std::invalid_argument("syncxx: " + what);
  }

  static json parse(std::string_view text) {
    std::vector<std::set<std::string>> names;  // of each object around
    try {
      return json::parse(
          text, [&](int, json::parse_event_t event, const json& parsed) {
            if (event == json::parse_event_t::object_start)
              names.emplace_back();
            else if (event == json::parse_event_t::object_end)
              names.pop_back();
            else if (event == json::parse_event_t::key &&
                     !names.back().insert(parsed.get<std::string>()).second)
              fail("a second " + parsed.dump() + " in one object");
            return true;
          });
    } catch (const json::parse_error& error) {
      const std::string_view what = error.what();
      constexpr std::string_view kBefore = "parse error at ";
      const std::size_t at = what.find(kBefore);
      fail(std::string(at == what.npos ? what
                                       : what.substr(at + kBefore.size())));
    }
  }

  static std::string found(const json& value) {
    constexpr std::size_t kMost = 40;
    const std::string text =
        value.dump(-1, ' ', false, json::error_handler_t::replace);
    return text.size() <= kMost ? text : std::string(value.type_name());
  }
  static void expect_object(const json& value, const std::string& where) {
    if (!value.is_object())
      fail(where + " is to be an object {…}, found " + found(value));
  }
  static void expect_array(const json& value, const std::string& where) {
    if (!value.is_array())
      fail(where + " is to be an array […], found " + found(value));
  }
  static const json& member(const json& of, const char* name,
                            const std::string& where) {
    const auto it = of.find(name);
    if (it == of.end()) fail(where + " has no \"" + name + "\"");
    return *it;
  }

  static std::uint64_t amount_of(const json& value, const std::string& where) {
    if (value.is_number_unsigned()) {
      const auto units = value.get<std::uint64_t>();
      if (units <= kMostUnits) return units;
    }
    if (value.is_number() && value.get<double>() < 0)
      fail(where + " is negative: " + found(value));
    if (value.is_number() &&
        value.get<double>() >= static_cast<double>(kMostUnits))
      fail(where + " is too great: at most 2^62 - 1");
    fail(where + " is to be a whole number, found " + found(value));
  }
  static bankers_state::amounts amounts_of(const json& value,
                                           const std::string& where) {
    expect_array(value, where);
    bankers_state::amounts all;
    for (const json& one : value)
      all.push_back(
          amount_of(one, where + "[" + std::to_string(all.size()) + "]"));
    return all;
  }

  static bankers_state::customer customer_of(const json& value,
                                             const bankers_state& so_far) {
    const std::size_t index = so_far.customers.size();
    std::string where =
        std::string("customers[").append(std::to_string(index)).append("]");
    expect_object(value, where);
    bankers_state::customer c;
    if (const auto name = value.find("name"); name != value.end()) {
      if (!name->is_string())
        fail(where + ".name is to be a string, found " + found(*name));
      c.name = name->get<std::string>();
    }
    if (c.name.empty()) c.name = default_name(index);
    c.max = amounts_of(member(value, "max", where), where + ".max");
    c.holding = amounts_of(member(value, "holding", where), where + ".holding");
    where += " ('" + c.name + "')";
    for (const auto& [row, name] :
         {std::pair(&c.max, ".max"), std::pair(&c.holding, ".holding")}) {
      if (row->size() != so_far.total.size())
        fail(where + name + " has " + std::to_string(row->size()) +
             " amounts, total has " + std::to_string(so_far.total.size()));
    }
    for (std::size_t k = 0; k < c.max.size(); ++k) {
      if (c.holding[k] > c.max[k])
        fail(where + " holds " + std::to_string(c.holding[k]) +
             " of resource " + std::to_string(k) + ": its max is " +
             std::to_string(c.max[k]));
    }
    return c;
  }
};

}  // namespace detail

// On one line. Names are to be UTF-8: other bytes are replaced.
inline std::string to_json(const bankers_state& state) {
  nlohmann::ordered_json customers = nlohmann::ordered_json::array();
  for (const bankers_state::customer& c : state.customers) {
    customers.push_back(
        {{"name", c.name}, {"max", c.max}, {"holding", c.holding}});
  }
  const nlohmann::ordered_json whole = {{"total", state.total},
                                        {"customers", std::move(customers)}};
  return whole.dump(-1, ' ', false,
                    nlohmann::ordered_json::error_handler_t::replace);
}

// Throws std::invalid_argument, which says where, if it is no such text;
// std::length_error if the customers hold 2^62 or more of a resource. Members
// with other names are passed over; a customer without a name is "P" and its
// index.
inline bankers_state bankers_state_from_json(std::string_view text) {
  return detail::bankers_json_reader::read(text);
}

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BANKERS_JSON_H_
