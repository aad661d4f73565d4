// SPDX-License-Identifier: Apache-2.0
//
// How a wait for any of several objects (<sync/wait_any.h>) gets at each of
// them.
//
// A class can be waited for with others if it has a private member
//   auto& any_protocol();        // const, if its waits are
// and makes wait_any_access its friend. What that returns has a constant kScope
// (the scope of its word) and these members, none of which throws:
//   void any_begin(wait_any_slot&)         the wait begins
//   bool any_take(wait_any_slot&)          takes it if it is there
//   bool any_park(wait_any_slot&)          publishes in the word that a thread
//                                          is about to sleep, and fills in word
//                                          and asleep. False: look again
//   void any_leave(wait_any_slot&, bool taken)
//                                          the wait is over: gives back what
//                                          the thread answers for, above all a
//                                          wake that it may have consumed
// docs/design/wait_any.md says more.
#ifndef SYNCXX_DETAIL_WAIT_ANY_ACCESS_H_
#define SYNCXX_DETAIL_WAIT_ANY_ACCESS_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// One of the objects, while the wait goes on.
struct wait_any_slot {
  const futex_word* word = nullptr;  // to sleep on
  std::uint32_t asleep = 0;          // its value while the thread sleeps
  std::uint32_t seen = 0;            // its value when the wait began (events)
  bool parked = false;               // any_park() has said yes at least once
  bool slept = false;                // a wake of it may have been consumed
};

struct wait_any_ops {
  object_kind kind;
  futex_scope scope;
  bool is_lock;  // is owned once it is taken
  void (*begin)(const void* object, wait_any_slot& slot) noexcept;
  bool (*take)(const void* object, wait_any_slot& slot) noexcept;
  bool (*park)(const void* object, wait_any_slot& slot) noexcept;
  void (*leave)(const void* object, wait_any_slot& slot, bool taken) noexcept;
};

struct wait_any_access {
  template <class W>
  static auto protocol(W& object) noexcept -> decltype(object.any_protocol()) {
    return object.any_protocol();
  }
  template <class W>
  static constexpr object_kind kind() noexcept {
    return W::kKind;
  }

  template <class W>
  static constexpr futex_scope scope() noexcept {
    return std::remove_cvref_t<decltype(protocol(std::declval<W&>()))>::kScope;
  }

  template <class W>
  static void begin(const void* object, wait_any_slot& slot) noexcept {
    protocol(of<W>(object)).any_begin(slot);
  }
  template <class W>
  static bool take(const void* object, wait_any_slot& slot) noexcept {
    return protocol(of<W>(object)).any_take(slot);
  }
  template <class W>
  static bool park(const void* object, wait_any_slot& slot) noexcept {
    return protocol(of<W>(object)).any_park(slot);
  }
  template <class W>
  static void leave(const void* object, wait_any_slot& slot,
                    bool taken) noexcept {
    protocol(of<W>(object)).any_leave(slot, taken);
  }

 private:
  template <class W>
  static W& of(const void* object) noexcept {
    return *static_cast<W*>(const_cast<void*>(object));
  }
};

template <class W>
concept has_any_protocol = requires(W& object) {
  wait_any_access::protocol(object);
};

template <has_any_protocol W>
inline constexpr wait_any_ops kWaitAnyOps = {
    .kind = wait_any_access::kind<W>(),
    .scope = wait_any_access::scope<W>(),
    .is_lock = requires(W& object){object.unlock();
}
, .begin = wait_any_access::begin<W>, .take = wait_any_access::take<W>,
  .park = wait_any_access::park<W>, .leave = wait_any_access::leave<W>,
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_WAIT_ANY_ACCESS_H_
