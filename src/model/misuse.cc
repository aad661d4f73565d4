// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the primitives, as the model has them: misuse is a verdict.
#include <sync/misuse.h>

#include <atomic>
#include <string>
#include <system_error>

#include <sync/detail/hooks.h>

#include "holders.h"
#include "recorder.h"
#include "report.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace {

constinit std::atomic<misuse_action> g_action{misuse_action::abort};

bool is_verdict() noexcept {
  const misuse_action action = g_action.load(std::memory_order_relaxed);
  return action == misuse_action::abort || action == misuse_action::report;
}

}  // namespace

void set_misuse_action(misuse_action action) noexcept {
  g_action.store(action, std::memory_order_relaxed);
}
misuse_action get_misuse_action() noexcept {
  return g_action.load(std::memory_order_relaxed);
}

namespace detail {
namespace {

using model::verdict;
using model::engine::action;
using model::engine::checker;
using model::engine::checker_here;
using model::engine::holders;
using model::engine::number;
using model::engine::recorded;
using model::engine::text;

// Null: a kind without an owner.
const char* name_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::mutex:
      return "mutex";
    case object_kind::recursive_mutex:
      return "recursive_mutex";
    case object_kind::spinlock:
      return "spinlock";
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
      return "shared_mutex";
    case object_kind::byte_mutex:
      return "byte_mutex";
    case object_kind::ticket_lock:
      return "ticket_lock";
    case object_kind::mcs_lock:
      return "mcs_lock";
    case object_kind::queue_lock:
      return "queue_lock";
    case object_kind::biased_shared_mutex:
      return "biased_shared_mutex";
    case object_kind::pi_mutex:
      return "pi_mutex";
    case object_kind::robust_mutex:
      return "robust_mutex";
    case object_kind::robust_pi_mutex:
      return "robust_pi_mutex";
    default:
      return nullptr;
  }
}

constexpr bool is_shared(object_kind kind) noexcept {
  return kind == object_kind::shared_mutex_shared;
}

// Whether a thread that holds a lock in the way `held` would wait for itself by
// asking for it in the way `asked`. (Not certain: a reader that reads again.)
constexpr bool conflict(object_kind asked, object_kind held) noexcept {
  if (asked == object_kind::shared_mutex_upgrade) return !is_shared(held);
  return !is_shared(asked) || held == object_kind::shared_mutex;
}

// The checker, if it is to look.
checker* listener(object_kind kind) noexcept {
  return name_of(kind) != nullptr && is_verdict() ? checker_here() : nullptr;
}

[[noreturn]] void fail(checker& c, const void* object, text what,
                       const holders::holder* holder) {
  const recorded as(action::misuse, object);
  if (as) [[unlikely]]
    what += as->place_of(c.self());
  if (holder != nullptr) {
    what += "; thread " + number(holder->thread) + " has locked it";
    if (!holder->place.empty()) what += holder->place;
  }
  c.fail(verdict::misuse, [&] { return std::move(what); });
}

}  // namespace

void hook_attempt(const void* object, object_kind kind) {
  checker* const c = listener(kind);
  if (c == nullptr) return;
  const holders::holder* const mine =
      c->locks().find_if([&](const holders::holder& h) {
        return h.lock == object && h.thread == c->self() &&
               conflict(kind, h.kind);
      });
  if (mine == nullptr) return;
  fail(*c, object,
       text("lock() of a ") + name_of(kind) + " that this thread already holds",
       mine);
}

void hook_acquired(const void* object, object_kind kind) noexcept {
  checker* const c = listener(kind);
  if (c == nullptr) return;
  holders::holder h{object, c->self(), kind};
  if (c->recording() != nullptr) [[unlikely]]
    h.place = model::engine::recorder::place_here();
  // (Only if it lives where another one has died.)
  if (!is_shared(kind) && kind != object_kind::shared_mutex_upgrade)
    c->locks().gave(object);
  c->locks().took(h);
}

void hook_releasing(const void* object, object_kind kind) {
  checker* const c = listener(kind);
  if (c == nullptr) return;
  const auto held_by = [&](auto whom) {
    return c->locks().find_if([&](const holders::holder& h) {
      return h.lock == object && h.kind == kind && whom(h.thread);
    });
  };
  if (const auto* const mine =
          held_by([&](auto thread) { return thread == c->self(); })) {
    c->locks().gave(mine);
    return;
  }
  const auto* const other = held_by([](auto) { return true; });
  fail(*c, object,
       text("unlock of a ") + name_of(kind) +
           (other == nullptr ? " that nobody holds"
                             : " by a thread that does not hold it"),
       other);
}

void hook_reset(const void* object, object_kind kind) noexcept {
  if (checker* const c = listener(kind)) c->locks().gave(object);
}

void hook_destroyed(const void* object, object_kind kind) noexcept {
  checker* const c = listener(kind);
  if (c == nullptr) return;
  const holders::holder* const holder = c->locks().of(object);
  if (holder == nullptr) return;
  fail(*c, object, text("destruction of a ") + name_of(kind) + " that is held",
       holder);
}

void misused(const void* object, object_kind, const char* what,
             int errno_code) {
  checker* const c = is_verdict() ? checker_here() : nullptr;
  if (c != nullptr) fail(*c, object, what, c->locks().of(object));
  throw std::system_error(errno_code, std::generic_category(),
                          std::string("syncxx: ") + what);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
