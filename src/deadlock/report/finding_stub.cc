// SPDX-License-Identifier: Apache-2.0
#include "finding.h"
#if SYNCXX_HOOKED
#include <memory>
#include <sync/detail/raw_mutex.h>
#include "../process.h"
#include "../kinds.h"
#include "text.h"
namespace syncxx::inline SYNCXX_ABI { namespace detail {
const char* name_of(object_kind) noexcept;
const char* name_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::mutex:
      return "mutex";
    case object_kind::recursive_mutex:
      return "recursive_mutex";
    case object_kind::spinlock:
      return "spinlock";
    case object_kind::ticket_lock:
      return "ticket_lock";
    case object_kind::mcs_lock:
      return "mcs_lock";
    case object_kind::queue_lock:
      return "queue_lock";
    case object_kind::semaphore:
      return "semaphore";
    case object_kind::event:
      return "event";
    case object_kind::auto_reset_event:
      return "auto_reset_event";
    case object_kind::latch:
      return "latch";
    case object_kind::condition_variable:
      return "condition_variable";
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
      return "shared_mutex";
    case object_kind::byte_mutex:
      return "byte_mutex";
    case object_kind::event_count:
      return "event_count";
    case object_kind::barrier:
      return "barrier";
    case object_kind::once_flag:
      return "once_flag";
    case object_kind::biased_shared_mutex:
      return "biased_shared_mutex";
    case object_kind::pi_mutex:
      return "pi_mutex";
    case object_kind::robust_mutex:
      return "robust_mutex";
    case object_kind::robust_pi_mutex:
      return "robust_pi_mutex";
    default: break;
  }
  return "object";
}

bool report(const finding& f) noexcept {
  static constinit raw_mutex lock; static char mem[65536];
  lock.lock();
  text t(mem);
  static const char* names[]={"lock_order_inversion","deadlock","self_deadlock","unlock_not_owner","destroyed_while_held","thread_exit_holding","wrong_mutex_for_condition","blocking_under_spinlock","reader_reentry","long_hold","lost_notify","misuse"};
  t << "syncxx: " << names[(int)f.kind] << ": " << f.what << "\n";
  for (std::uint32_t i=0;i<f.links && i<50;i++){ const auto& l=f.link(f.circle,i); t << "  thread " << (std::int64_t)l.held.thread << " holds " << name_of(l.held.object.kind) << " "; t.hex(l.held.object.address) << " at "; t.hex(l.held.at.depth?l.held.at.code[0]:0) << " wants " << name_of(l.wanted.object.kind) << " "; t.hex(l.wanted.object.address) << " at "; t.hex(l.wanted.at.depth?l.wanted.at.code[0]:0) << "\n"; }
  process::print(t.view());
  lock.unlock();
  return true;
}
void reset_report_lock() noexcept {}
}}
#endif
