// SPDX-License-Identifier: Apache-2.0
//
// How the watching begins: with the first call that has something to tell, or
// in this library's constructor, whatever comes first. Other libraries may have
// taken locks, and started threads, in their constructors before.
#include <unistd.h>

#include <cstdlib>

#include "watching.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

namespace preload {
namespace {

thread_local constinit int t_tid __attribute__((tls_model("initial-exec"))) = 0;

void forget_tid() noexcept { t_tid = 0; }

[[gnu::constructor]] void begin() { static_cast<void>(is_watching()); }

}  // namespace

thread_local constinit phase t_phase = phase::not_begun;

bool start() noexcept {
  // Whoever starts threads has been here before: there is one thread.
  enum class state : unsigned char { none, begins, listens };
  static constinit state now = state::none;
  if (now == state::none) {
    if (!find_real()) return false;
    now = state::begins;
    static_cast<void>(::pthread_atfork(nullptr, nullptr, forget_tid));
    checker::begin();
    begin_threads();
    begin_dumps();
    now = state::listens;
  }
  if (now != state::listens || t_phase == phase::has_ended) return false;
  t_phase = phase::tells;
  return true;
}

void end_program() noexcept { std::abort(); }

int own_tid() noexcept {
  if (t_tid == 0) [[unlikely]]
    t_tid = ::gettid();
  return t_tid;
}

void made_anew(const void* object, object_kind kind) noexcept {
  if (!g_known_memory.may_hold_lock(object, 1)) return;
  if (statistics::is_on()) statistics::forget(object, kind);
  checker::made_anew(object, kind);
}

}  // namespace preload
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
