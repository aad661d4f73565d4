// SPDX-License-Identifier: Apache-2.0
//
// What the program says to the checker, and asks it.
#include <sync/deadlock.h>

#if SYNCXX_HOOKED

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include <sync/detail/raw_mutex.h>

#include "checker.h"
#include "checks.h"
#include "detection/order.h"
#include "detection/places.h"
#include "detection/storage.h"
#include "detection/threads.h"
#include "process.h"
#include "report/finding.h"
#include "report/names.h"
#include "report/thread_dump.h"
#include "statistics/statistics.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

void name_lock(const void* lock, std::string_view name) noexcept {
  const entrance checker;
  char copy[kNameSize] = {};
  name = name.substr(0, sizeof copy - 1);
  std::memcpy(copy, name.data(), name.size());
  set_name(lock, copy);
  statistics::rename(lock);
}

void name_lock_class(const void* lock, std::string_view name) noexcept {
  const entrance checker;
  order::set_class(lock, name);
  statistics::rename(lock);
}

void declare_order(const void* first, const void* second) noexcept {
  const entrance checker;
  order::declare(first, second, SYNCXX_CALL_SITE());
}

void declare_class_order(std::string_view first,
                         std::string_view second) noexcept {
  const entrance checker;
  order::declare(first, second, SYNCXX_CALL_SITE());
}

void suppress(std::string_view kind, std::string_view pattern) {
  const std::string kind_name(kind);
  bool known = false;
  {
    const entrance checker;
    known = suppressions::add(kind_name.c_str(), std::string(pattern).c_str());
  }
  if (!known)
    throw std::invalid_argument("syncxx: suppress_findings: \"" + kind_name +
                                "\" is no kind of finding");
}

namespace {

constinit raw_mutex g_listener_lock;
constinit finding_listener g_listener = nullptr;
constinit void* g_listener_context = nullptr;

void hear(const finding& found, const char* text, void*) {
  g_listener_lock.lock();
  const finding_listener listener = g_listener;
  void* const context = g_listener_context;
  g_listener_lock.unlock();
  if (listener != nullptr)
    listener({name_of(found.kind), found.what, text}, context);
}

}  // namespace

void listen(finding_listener listener, void* context) noexcept {
  g_listener_lock.lock();
  g_listener = listener;
  g_listener_context = context;
  g_listener_lock.unlock();
  set_callback(listener != nullptr ? hear : nullptr, nullptr);
}

void report_threads() noexcept { checker::dump(); }

void report_impossible(bool all) noexcept {
  const entrance checker;
  order::report_all(all);
}

void limit_holds(std::chrono::nanoseconds limit) noexcept {
  checks::set_long_hold_limit(limit.count());
}

// --- The dump ----------------------------------------------------------------

namespace {

// The threads as they are now, one by one: each may go on meanwhile.
class snapshot {
 public:
  snapshot() noexcept {
    const std::int64_t now = process::now_ns();
    threads::any_of([&](thread_record& r) {
      row one{this, r.serial(), r.tid(), held_.size(), 0, false, 0, false, {}};
      r.find_held([&](const held_lock& h) {
        if (held_.push({h.object(), h.kind(),
                        // [TR19] acquire; pairs with [TR16], [TR18].
                        h.where.load(memory_order_acquire)}))
          ++one.holds;
        return false;
      });
      thread_record::waiting w{};
      if (r.look(w)) {
        one.waits = true;
        one.wanted = {w.object, w.kind, w.where};
        one.waiting_ns = now - w.since_ns;
        one.bounded = w.bounded;
      }
      static_cast<void>(rows_.push(one));
      return false;
    });
    wanted_ = static_cast<deed*>(map_pages((rows_.size() + 1) * sizeof(deed)));
    for (std::uint32_t i = 0; wanted_ != nullptr && i < rows_.size(); ++i)
      std::construct_at(wanted_ + i, to_deed(rows_[i], rows_[i].wanted));
  }
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  ~snapshot() {
    if (wanted_ != nullptr)
      unmap_pages(wanted_, (rows_.size() + 1) * sizeof(deed));
  }

  std::uint32_t threads() const noexcept { return rows_.size(); }

  static thread_activity activity(const void* self, std::uint32_t i) noexcept {
    const snapshot& s = *static_cast<const snapshot*>(self);
    const row& r = s.rows_[i];
    thread_activity a{.serial = r.serial, .tid = r.tid, .holds = r.holds};
    a.held = held;
    a.row = &r;
    if (r.waits && s.wanted_ != nullptr) {
      a.waiting = s.wanted_ + i;
      a.waiting_ns = r.waiting_ns;
      a.bounded = r.bounded;
    }
    return a;
  }

 private:
  struct item {
    const void* object;
    object_kind kind;
    std::uint32_t where;
  };
  struct row {
    const snapshot* of;
    std::uint64_t serial;
    int tid;
    std::uint32_t first, holds;
    bool waits;
    std::int64_t waiting_ns;
    bool bounded;
    item wanted;
  };

  static deed to_deed(const row& r, const item& i) noexcept {
    return {r.serial, r.tid, {i.object, i.kind}, places::get(i.where)};
  }
  // In the order in which they were taken; find_held() goes backwards.
  static const deed& held(const void* of, std::uint32_t i) noexcept {
    const row& r = *static_cast<const row*>(of);
    const snapshot& s = *r.of;
    s.one_ = to_deed(r, s.held_[r.first + r.holds - 1 - i]);
    return s.one_;
  }

  segments<row> rows_;
  segments<item> held_;
  deed* wanted_ = nullptr;  // by row
  mutable deed one_;
};

}  // namespace

void checker::dump() noexcept { dump_to(-1); }

// In a signal handler the thread may have been in the checker.
void checker::dump_to(int fd) noexcept {
  const entrance checker;
  if (!checker) return;
  checks::lost_notifies();
  const snapshot now;
  print_thread_dump(
      {.threads = now.threads(), .thread = snapshot::activity, .context = &now},
      fd);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
