// SPDX-License-Identifier: Apache-2.0
//
// What a bankers_allocator is told and what it tells: who holds what and may
// still ask for what, whether that is safe, and why somebody waits. Part of
// <sync/bankers_allocator.h>; a state is also what `syncxx bankers` reads.
#ifndef SYNCXX_DETAIL_BANKERS_STATE_H_
#define SYNCXX_DETAIL_BANKERS_STATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

struct bankers_options {
  // How many requests may be served before that of the customer who has waited
  // longest; then those who hold nothing wait behind it.
  unsigned patience = 64;
};

// Why a request is not granted.
enum class blocked_because : std::uint8_t {
  nothing,          // it would be, or nobody waits
  unavailable,      // there is not as much as it asks for
  would_be_unsafe,  // there is, but not all could finish afterwards
  state_is_unsafe,  // something was lost: nothing is granted until it is safe
  another_is_first  // somebody has waited too long; it holds nothing
};

// The answer to why_blocked().
struct bankers_blocking {
  blocked_because why = blocked_because::nothing;
  // Each of them would unblock it by giving back all that it holds. If no
  // single one would: all of them together. Empty: only a greater total can.
  std::vector<std::string> customers{};
  bool together = false;
  std::string text{};  // the same for people
};

// A state at one moment.
struct bankers_state {
  using amounts = std::vector<std::uint64_t>;
  struct customer {
    std::string name{};
    amounts max{};      // its claim
    amounts holding{};  // of it
    bool operator==(const customer&) const = default;
  };
  // Who can finish, in the order in which the textbook's algorithm finds them
  // (round and round in the order of customers), and who cannot.
  struct verdict {
    bool safe = false;
    std::vector<std::size_t> finish;
    std::vector<std::size_t> stuck;
  };

  amounts total{};
  std::vector<customer> customers{};

  // The functions below throw std::invalid_argument if a row is not as wide as
  // `total`, or somebody holds more than its claim; std::length_error, if an
  // amount, or the sum of what is held, is 2^62 or more.
  verdict examine() const;
  bool is_safe() const { return examine().safe; }
  // The names of all, in an order in which they can finish; empty: unsafe (or
  // nobody there).
  std::vector<std::string> safe_sequence() const;
  // Why `request` of customers[who] would not be granted.
  bankers_blocking why_blocked(std::size_t who, const amounts& request) const;

  // Available, and for each customer Allocation, Max and Need, for people.
  std::string table() const;
  // (As JSON: <sync/bankers_json.h>.)

  void validate() const;
  bool operator==(const bankers_state&) const = default;
};

namespace detail {

using amounts_view = std::span<const std::uint64_t>;

// Of a customer that has been given none: "P" and a number.
inline std::string default_name(std::size_t number) {
  return std::string(1, 'P').append(std::to_string(number));
}
// "(3, 0, 2)"
std::string to_text(amounts_view amounts);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_BANKERS_STATE_H_
