// SPDX-License-Identifier: Apache-2.0
//
// The public functions, and the door through which the test comes in.
#include <sync/model/check.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "mortal.h"
#include "mutation.h"
#include "overflow.h"
#include "recorder.h"
#include "report.h"
#include "running.h"

// Of the other libraries: see src/one_library.cc.
extern "C" [[gnu::weak]] const char syncxx_is_no_model_library;

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// What the stub below saves of the caller before anything can change it. (Not
// of an unnamed namespace: what no C++ writes there, clang takes for zero.)
struct saved_registers {
  std::uint64_t preserved[12];
  const void* frame;  // the caller's stack
};
[[gnu::visibility("hidden")]] extern saved_registers g_saved __asm__(
    "syncxx_model_saved");
saved_registers g_saved;

#if defined(__x86_64__)
__asm__(R"(
  .text
  .p2align 4
  .globl syncxx_model_access
  .type syncxx_model_access, @function
syncxx_model_access:
  .cfi_startproc
  leaq syncxx_model_saved(%rip), %rax
  movq %rbx, (%rax)
  movq %rbp, 8(%rax)
  movq %r12, 16(%rax)
  movq %r13, 24(%rax)
  movq %r14, 32(%rax)
  movq %r15, 40(%rax)
  leaq 8(%rsp), %rcx
  movq %rcx, 96(%rax)
  jmp syncxx_model_perform
  .cfi_endproc
  .size syncxx_model_access, .-syncxx_model_access
)");
#else
__asm__(R"(
  .text
  .p2align 4
  .globl syncxx_model_access
  .type syncxx_model_access, %function
syncxx_model_access:
  .cfi_startproc
  adrp x9, syncxx_model_saved
  add x9, x9, :lo12:syncxx_model_saved
  stp x19, x20, [x9]
  stp x21, x22, [x9, #16]
  stp x23, x24, [x9, #32]
  stp x25, x26, [x9, #48]
  stp x27, x28, [x9, #64]
  stp x29, x30, [x9, #80]
  mov x10, sp
  str x10, [x9, #96]
  b syncxx_model_perform
  .cfi_endproc
  .size syncxx_model_access, .-syncxx_model_access
)");
#endif

[[noreturn]] void outside(const char* what) noexcept {
  const char* const why =
      g_forked ? "in a child of fork(): the test has gone on in its parent"
      : g_checker != nullptr
          ? "in a thread that the checker does not know: while a check runs, "
            "only the test may use atomics and primitives, and it starts its "
            "threads with syncxx::thread or model::thread"
          : "outside of check(): in a program built with the model library, "
            "atomics and primitives work only inside of a test that "
            "syncxx::model::check runs";
  std::fprintf(stderr, "syncxx model checker: %s %s\n", what, why);
  std::abort();
}

namespace {

[[noreturn]] void two_libraries() noexcept {
  std::fputs(
      "syncxx model checker: the program also uses another library of syncxx "
      "(libsyncxx or libsyncxx_hooks); link syncxx::model alone\n",
      stderr);
  std::abort();
}

}  // namespace

bool running() noexcept { return checker_here() != nullptr; }

checker& running_checker(const char* what) noexcept {
  checker* const here = checker_here();
  if (here == nullptr) outside(what);
  return *here;
}

// A clock that stands still, but for jumps far past every deadline. A thread
// makes one at most by looking; each time-out makes one. `base`: what a
// deadline is counted from; a jump before that shows nothing.
std::int64_t checker::clock_ns(bool base) {
  constexpr std::int64_t kJump = std::int64_t{1} << 50;  // 13 days
  const auto last = [this]() -> const event* {
    return current_->done == 0
               ? nullptr
               : &g_->at(g_->of_thread(self_)[current_->done - 1]);
  };
  if (current_->following) current_->looked = true;
  if (current_->following && current_->idle && last() != nullptr)
    return last()->time * kJump;
  if (current_->rested) {
    current_->rested = false;
    choose(1, access_kind::rest);
    return last()->time * kJump;
  }
  // Between two looks with nothing but reads in between no time passes that the
  // first could not have seen as well.
  for (std::uint32_t i = current_->done; !base && i > 0; --i) {
    const event& e = g_->at(g_->of_thread(self_)[i - 1]);
    if (e.access == access_kind::rest) return last()->time * kJump;
    if (e.access == access_kind::clock) {
      // (Unless that could not: the first of all, or the base of a deadline.)
      if (e.location == 1 && e.time == 0) break;
      return last()->time * kJump;
    }
    if (e.what != kind::read && e.what != kind::fence) break;
  }
  // Whether time has passed before the first look nobody can tell.
  const bool may_jump =
      !base && last() != nullptr && last()->clocked && last()->time == 0;
  choose(may_jump ? 2 : 1, access_kind::clock);
  return last()->time * kJump;
}

std::int64_t clock_ns(int clock, bool base) noexcept {
  static const std::int64_t start[] = {
      std::chrono::steady_clock::now().time_since_epoch().count(),
      std::chrono::system_clock::now().time_since_epoch().count()};
  checker& c = running_checker("a clock");
  recorded as(action::clock);
  const std::int64_t passed = c.clock_ns(base);
  return start[clock] + as.result(passed);
}

void rest() noexcept { running_checker("a sleep").rest(); }

void wait(const void* object, std::size_t size, const value& old,
          const source& where) noexcept {
  checker& c = running_checker("waiting for an atomic");
  const recorded as(action::wait, object, size, where);
  if (as) [[unlikely]]
    as->expected(old);
  c.wait(object, size, old);
}
void notify(const void* object, std::size_t size, bool all,
            const source& where) noexcept {
  checker& c = running_checker("notifying an atomic");
  const recorded as(action::wake, object, size, where);
  c.notify(object, size, all);
}

value perform_saved(access* what) noexcept __asm__("syncxx_model_perform");
value perform_saved(access* what) noexcept {
  if (checker_here() == nullptr) [[unlikely]]
    outside("an atomic operation");
  if (g_mutating) [[unlikely]]
    mutate(*what);
  if (g_checker->recording() != nullptr) [[unlikely]]
    return g_checker->recording()->perform(*what, __builtin_return_address(0));
  g_checker->clean_stack();
  return g_checker->perform(*what, __builtin_return_address(0));
}

// (Before an operation: others may have their turns meanwhile.)
void checker::choose_to_die() {
  const saved_registers mine = g_saved;
  choose_death(*this);
  g_saved = mine;
}

// Condenses the caller's registers and stack.
SYNCXX_READS_ALL fingerprint checker::state() const noexcept {
  current_->frame = g_saved.frame;
  fingerprint h = stack_state();
  for (const std::uint64_t word : g_saved.preserved) mix(h, word);
  return h;
}

// Its stack alone, as far as there was one when state() was last called.
SYNCXX_READS_ALL fingerprint checker::stack_state() const noexcept {
  fingerprint h = 0x9e3779b97f4a7c15u;
  const auto* const top =
      reinterpret_cast<const std::uint64_t*>(current_->stack->base());
  for (const auto* word = static_cast<const std::uint64_t*>(current_->frame);
       word < top; ++word)
    mix(h, *word);
  return h;
}

// Below the caller's frame, as far as the checker's own go.
[[gnu::noinline]] SYNCXX_READS_ALL void checker::clear_stack_below() noexcept {
  constexpr std::size_t kWords = 512;
  std::uint64_t words[kWords];
  std::memset(words, 0, sizeof words);
  asm volatile("" : : "r"(words) : "memory");  // they are looked at
}

// All that the others' stacks and the heap hold.
fingerprint checker::world() const noexcept {
  fingerprint h = current_->plain_writes;
  const auto add = [&h](const void* from, const void* to) SYNCXX_READS_ALL {
    for (auto* word = static_cast<const std::uint64_t*>(from);
         word < static_cast<const std::uint64_t*>(to); ++word)
      mix(h, *word);
  };
  for (const thread_state& t : threads_)
    if (&t != current_ && t.at == stage::ready)
      add(t.fiber.stack_pointer, t.stack->base());
  memory_.for_each_heap(add);
  return h;
}

void forget_registers() noexcept { g_saved = {}; }

bool last_exchange_succeeded() noexcept {
  return g_checker->last_exchange_succeeded();
}

void fence(memory_order order, const source& where, access_kind what) noexcept {
  if (checker_here() == nullptr) outside("a fence");
  if (g_mutating) [[unlikely]]
    order = mutated_fence(order, where, what);
  const recorded as(action::fence, nullptr, 0, where);
  if (as) [[unlikely]]
    as->fence(order, what);
  g_checker->clean_stack();
  g_checker->fence(order, as.where(where), what);
}

void construct(const void* object, std::size_t size) noexcept {
  if (checker_here() == nullptr) return;
  if (g_checker->recording() == nullptr) [[likely]]
    return g_checker->objects().construct(object, size, false, true);
  recorded as(action::make, object, size);
  g_checker->objects().construct(object, size, false, as.result(true));
}
void destroy(const void* object) noexcept {
  if (checker_here() == nullptr) return;
  if (g_checker->recording() == nullptr) [[likely]]
    return g_checker->objects().destroy(object);
  const recorded as(action::destroy, object);
  g_checker->objects().destroy(object);
}
void cell_construct(const void* cell, std::size_t size,
                    bool initialized) noexcept {
  if (checker_here() == nullptr) return;
  recorded as(action::make, cell, size);
  g_checker->objects().construct(cell, 1, true, as.result(initialized));
}
void cell_read(const void* cell, std::size_t size,
               const source& where) noexcept {
  if (checker_here() == nullptr) return;
  const recorded as(action::cell_read, cell, size, where);
  g_checker->objects().cell_read(cell, as.where(where));
}
void cell_write(const void* cell, std::size_t size,
                const source& where) noexcept {
  if (checker_here() == nullptr) return;
  const recorded as(action::cell_write, cell, size, where);
  g_checker->objects().cell_write(cell, as.where(where));
}

void spin_hint(bool again) noexcept {
  if (checker_here() != nullptr) g_checker->spin_hint(again);
}
std::uintptr_t self_number() noexcept {
  return checker_here() == nullptr ? 1 : std::uintptr_t{1} + g_checker->self();
}

std::uint32_t spawn(task* body, const source& where) {
  if (checker_here() == nullptr) outside("starting a model::thread");
  g_checker->clean_stack();
  if (g_checker->recording() == nullptr) [[likely]]
    return g_checker->spawn(body, where);
  const recorded as(action::create, nullptr, 0, where);
  const std::uint32_t made = g_checker->spawn(body, as.where(where));
  if (as) [[unlikely]]
    as->peer(made);
  return made;
}
void join(std::uint32_t thread, const source& where) {
  if (checker_here() == nullptr) outside("joining a model::thread");
  g_checker->clean_stack();
  if (thread != 0 && g_checker->recording() == nullptr) [[likely]]
    return g_checker->join(thread, where);
  const recorded as(action::join, nullptr, 0, where);
  if (thread == 0)
    g_checker->fail(verdict::misuse, [&] {
      return "join() of a thread that has none: it was joined or "
             "detached or moved from, at " +
             place(as.where(where));
    });
  if (as) [[unlikely]]
    as->peer(thread);
  g_checker->join(thread, as.where(where));
}

}  // namespace model::engine

namespace model {

const char* to_string(verdict what) noexcept {
  switch (what) {
    case verdict::ok:
      return "ok";
    case verdict::assertion_failed:
      return "assertion_failed";
    case verdict::data_race:
      return "data_race";
    case verdict::deadlock:
      return "deadlock";
    case verdict::livelock:
      return "livelock";
    case verdict::use_after_free:
      return "use_after_free";
    case verdict::double_free:
      return "double_free";
    case verdict::leak:
      return "leak";
    case verdict::uninitialized_read:
      return "uninitialized_read";
    case verdict::misuse:
      return "misuse";
    case verdict::bound_reached:
      return "bound_reached";
  }
  return "?";
}

namespace {

// In a function of its own: what is local here points to the test's blocks, and
// must not lie beyond `frame`. (A frame's address is its lower end on aarch64.)
[[gnu::noinline]] result check_from(const void* frame,
                                    const std::function<void()>& test,
                                    const options& how) {
  for (std::uint32_t stride = 4;; stride *= 2) {
    engine::checker c(test, how, stride, frame);
    result r = !how.replay.empty()                   ? c.replay()
               : how.search == options::mode::random ? c.explore_randomly()
                                                     : c.explore();
    if (!c.needs_more_threads()) return r;
    if (stride >= engine::memory::kThreads) {
      result many;
      many.what = verdict::misuse;
      many.message = "the test has more than 256 threads";
      return many;
    }
  }
}

}  // namespace

result check(const std::function<void()>& test, const options& how) {
  const char* const volatile other = &syncxx_is_no_model_library;
  if (other != nullptr) engine::two_libraries();
  // Not a thread_local: those belong to the modelled threads.
  static std::atomic<std::thread::id> inside{};
  const auto self = std::this_thread::get_id();
  if (inside.load(std::memory_order_relaxed) == self) {
    result r;
    r.what = verdict::misuse;
    r.message = "check() was called from inside of a test";
    return r;
  }
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  inside.store(self, std::memory_order_relaxed);
  struct mark {
    ~mark() { inside.store({}, std::memory_order_relaxed); }
  } const marked;
  const engine::os_thread attached;
  engine::attach_heap();
  static_cast<void>(engine::memory::saw_stranger());  // in an earlier one
  const engine::overflow_watch watch;
  if (how.preemption_bound < -1) {
    result r;
    r.what = verdict::misuse;
    r.message = "options::preemption_bound is " +
                std::to_string(how.preemption_bound) +
                "; it must be 0 or more, or -1 for none";
    return r;
  }
  return check_from(__builtin_frame_address(0), test, how);
}

void require(bool holds, const char* what, const engine::source& where) {
  if (holds) [[likely]]
    return;
  if (engine::checker_here() == nullptr) engine::outside("require()");
  const engine::recorded as(engine::action::require, nullptr, 0, where);
  engine::g_checker->fail(verdict::assertion_failed, [&] {
    return engine::text(what) + (*what != '\0' ? ", " : "") + "at " +
           engine::place(as.where(where));
  });
}

void assume(bool holds, const engine::source& where) {
  if (engine::checker_here() == nullptr) engine::outside("assume()");
  if (holds) return;
  const engine::recorded as(engine::action::assume, nullptr, 0, where);
  engine::g_checker->assume(false);
}

int choose(int n, const engine::source& where) {
  if (engine::checker_here() == nullptr) engine::outside("choose()");
  engine::recorded as(engine::action::choice, nullptr, 0, where);
  if (n <= 0)
    engine::g_checker->fail(verdict::misuse, [&] {
      return "choose(" + engine::text(std::to_string(n)) + ") at " +
             engine::place(as.where(where)) +
             ": there is nothing to choose from; n must be 1 or more";
    });
  engine::g_checker->clean_stack();
  return as.result(engine::g_checker->choose(n));
}

}  // namespace model
}  // namespace syncxx::inline SYNCXX_ABI
