// SPDX-License-Identifier: Apache-2.0
#include "fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <typeinfo>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define SYNCXX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SYNCXX_ASAN 1
#endif
#endif
#ifdef SYNCXX_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if SYNCXX_TSAN
#include <csetjmp>
#endif

#ifdef SYNCXX_ASAN
// Asked by each instrumented function: whether its locals are to live in a fake
// stack, so that their use after its return is found.
extern "C" int __asan_option_detect_stack_use_after_return;
#endif

// void syncxx_model_switch(void** save, void* load): pushes what the ABI says a
// call preserves, stores the stack pointer, and pops the other stack's.
extern "C" void syncxx_model_switch(void** save, void* load) noexcept;
extern "C" void syncxx_model_enter() noexcept;

#if defined(__x86_64__)
__asm__(R"(
  .text
  .p2align 4
  .globl syncxx_model_switch
  .hidden syncxx_model_switch
  .type syncxx_model_switch, @function
syncxx_model_switch:
  .cfi_startproc
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
  .size syncxx_model_switch, .-syncxx_model_switch

  .p2align 4
  .globl syncxx_model_enter
  .hidden syncxx_model_enter
  .type syncxx_model_enter, @function
syncxx_model_enter:
  .cfi_startproc
  .cfi_undefined rip
  movq %r13, %rdi
  call *%r12
  ud2
  .cfi_endproc
  .size syncxx_model_enter, .-syncxx_model_enter
)");
#else
__asm__(R"(
  .text
  .p2align 4
  .globl syncxx_model_switch
  .hidden syncxx_model_switch
  .type syncxx_model_switch, %function
syncxx_model_switch:
  .cfi_startproc
  sub sp, sp, #176
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #176
  ret
  .cfi_endproc
  .size syncxx_model_switch, .-syncxx_model_switch

  .p2align 4
  .globl syncxx_model_enter
  .hidden syncxx_model_enter
  .type syncxx_model_enter, %function
syncxx_model_enter:
  .cfi_startproc
  .cfi_undefined x30
  mov x0, x20
  blr x19
  brk #1
  .cfi_endproc
  .size syncxx_model_enter, .-syncxx_model_enter
)");
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// The layout that the C++ ABI gives __cxa_eh_globals.
struct exception_state {
  void* caught;
  unsigned uncaught;
};

// And __cxa_refcounted_exception: the thrown object follows it.
struct exception_header {
  const std::type_info* type;
  void (*destroy)(void*);
  void (*unexpected)();
  void (*terminate)();
  exception_header* next;
  int handlers;
  int handler_switch;
  const unsigned char* action_record;
  const unsigned char* language_data;
  std::uintptr_t catch_temp;
  void* adjusted;
  alignas(16) std::uint64_t unwind_class;
  void (*unwind_cleanup)();
  std::uint64_t unwind_private[2];
};
static_assert(sizeof(exception_header) == 112);
constexpr std::uint64_t kPrimary = 0x474e5543432b2b00;  // "GNUCC++\0"

int references(const exception_header* e) noexcept {
  int count = 0;
  std::memcpy(&count, reinterpret_cast<const std::byte*>(e) - 16, sizeof count);
  return count;
}

// Not a thread_local: those of the program belong to the modelled threads.
exception_state* g_exceptions = nullptr;

}  // namespace

os_thread::os_thread() noexcept {
  g_exceptions = reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
#ifdef SYNCXX_ASAN
  // The state of a modelled thread is what its own stack holds (state(), in
  // check.cc), and locals must have the same addresses in every run.
  fake_stacks_ = std::exchange(__asan_option_detect_stack_use_after_return, 0);
#endif
}

os_thread::~os_thread() {
#ifdef SYNCXX_ASAN
  __asan_option_detect_stack_use_after_return = fake_stacks_;
#endif
}

void switch_context(context& from, context& to,
                    [[maybe_unused]] bool from_ends) noexcept {
  exception_state* const state = g_exceptions;
  from.caught_exceptions = state->caught;
  from.uncaught_exceptions = state->uncaught;
  state->caught = to.caught_exceptions;
  state->uncaught = to.uncaught_exceptions;
#ifdef SYNCXX_ASAN
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &fake_stack,
                                 to.stack_bottom, to.stack_size);
#endif
  syncxx_model_switch(&from.stack_pointer, to.stack_pointer);
#ifdef SYNCXX_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

// ThreadSanitizer is not told of the fibers: to it they are the one OS thread
// that they run on. (Its own fibers would order everything as well, at the
// price of one made and destroyed for each thread of each run.) It counts calls
// and returns, so those that are left without return must be made up for: a
// long jump does.
void run_fibers(context& host, context& first) noexcept {
#if SYNCXX_TSAN
  std::jmp_buf here;
  if (setjmp(here) != 0) return;
  switch_context(host, first);
  std::longjmp(here, 1);
#else
  switch_context(host, first);
#endif
}

void context_started([[maybe_unused]] context& self,
                     [[maybe_unused]] context& from) noexcept {
#ifdef SYNCXX_ASAN
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  if (from.stack_bottom == nullptr) {  // the OS thread's own stack
    from.stack_bottom = bottom;
    from.stack_size = size;
  }
#endif
}

void drop_exceptions(context& c) noexcept {
  while (c.caught_exceptions != nullptr) {
    auto* const e = static_cast<exception_header*>(c.caught_exceptions);
    c.caught_exceptions = e->next;
    // Something else may hold it (std::exception_ptr), or be of another
    // language, or refer to one (std::rethrow_exception).
    if (e->unwind_class == kPrimary && references(e) == 1)
      abi::__cxa_free_exception(e + 1);
  }
  c.uncaught_exceptions = 0;
}

void forget_frames([[maybe_unused]] const void* stack,
                   [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef SYNCXX_ASAN
  __asan_unpoison_memory_region(stack, bytes);
#endif
}

fiber_stack::fiber_stack(std::byte* memory, std::size_t bytes)
    : guard_(memory),
      bottom_(memory + ::sysconf(_SC_PAGESIZE)),
      top_(memory + bytes) {
  if (::mprotect(guard_, static_cast<std::size_t>(bottom_ - guard_),
                 PROT_NONE) != 0) {
    throw std::bad_alloc();
  }
}

fiber_stack::~fiber_stack() {
  forget_frames(bottom_, static_cast<std::size_t>(top_ - bottom_));
  ::mprotect(guard_, static_cast<std::size_t>(bottom_ - guard_),
             PROT_READ | PROT_WRITE);
}

bool fiber_stack::guards(const void* address) const noexcept {
  const auto* const at = static_cast<const std::byte*>(address);
  return at >= guard_ && at < bottom_;
}

void fiber_stack::start(context& c, void (*entry)(void*),
                        void* argument) noexcept {
  forget_frames(bottom_, static_cast<std::size_t>(top_ - bottom_));
  const auto as_word = [](auto* p) {
    return reinterpret_cast<std::uintptr_t>(p);
  };
#if defined(__x86_64__)
  constexpr std::size_t kWords = 9;  // aligned to 16 after the `ret`
  auto* const frame = reinterpret_cast<std::uintptr_t*>(top_) - kWords;
  frame[0] = frame[1] = frame[4] = frame[5] = frame[7] = frame[8] = 0;
  frame[2] = as_word(argument);  // r13
  frame[3] = as_word(entry);     // r12
  frame[6] = as_word(&syncxx_model_enter);
#else
  constexpr std::size_t kWords = 22;
  auto* const frame = reinterpret_cast<std::uintptr_t*>(top_) - kWords;
  std::memset(frame, 0, kWords * sizeof *frame);
  frame[0] = as_word(entry);                 // x19
  frame[1] = as_word(argument);              // x20
  frame[11] = as_word(&syncxx_model_enter);  // x30
#endif
  c = context{};
  c.stack_pointer = frame;
  c.stack_bottom = bottom_;
  c.stack_size = static_cast<std::size_t>(top_ - bottom_);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
