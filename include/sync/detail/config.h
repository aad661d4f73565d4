// SPDX-License-Identifier: Apache-2.0
//
// Which build this is, and the words that differ between compilers.
//
// Every header and source of the library opens its namespace with
//   namespace syncxx::inline SYNCXX_ABI {
// so that objects of different builds (plain, with hooks) cannot be linked
// together by accident: their symbols have different names.
#ifndef SYNCXX_DETAIL_CONFIG_H_
#define SYNCXX_DETAIL_CONFIG_H_

#if !defined(__linux__)
#error "syncxx supports Linux only: it is built on futex(2)."
#endif
#if __cplusplus < 202002L
#error "syncxx needs C++20: compile with -std=c++20 or newer."
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#error "syncxx supports x86-64 and aarch64."
#endif

// SYNCXX_HOOKS is set by the target or .pc file that selects the library with
// hooks compiled in (syncxx::hooks, -lsyncxx_hooks); NDEBUG never decides.
// SYNCXX_MODEL likewise selects the model library (syncxx::model), in which the
// seam's headers lead to the checker; SYNCXX_RELACY the world in which they
// lead to Relacy, for programs that compile the sources of the primitives
// themselves (tests/relacy).
#if defined(SYNCXX_RELACY) && SYNCXX_RELACY
#if defined(SYNCXX_MODEL) && SYNCXX_MODEL
#error "syncxx: SYNCXX_MODEL and SYNCXX_RELACY are two worlds."
#endif
#define SYNCXX_IN_RELACY 1
#define SYNCXX_MODELLED 0
#define SYNCXX_HOOKED 0
#define SYNCXX_ABI abi1_relacy
#elif defined(SYNCXX_MODEL) && SYNCXX_MODEL
#if defined(SYNCXX_HOOKS) && SYNCXX_HOOKS
#error "syncxx: the model library has no hooks; link syncxx::model alone."
#endif
#define SYNCXX_MODELLED 1
#define SYNCXX_HOOKED 0
#define SYNCXX_ABI abi1_model
#elif defined(SYNCXX_HOOKS) && SYNCXX_HOOKS
#define SYNCXX_MODELLED 0
#define SYNCXX_HOOKED 1
#define SYNCXX_ABI abi1_hooks
#else
#define SYNCXX_MODELLED 0
#define SYNCXX_HOOKED 0
#define SYNCXX_ABI abi1
#endif

// Set where the library itself is compiled: each of its objects brings the one
// that is in all of the libraries, so that no two of them link together.
#if defined(SYNCXX_BUILDING_LIBRARY)
namespace syncxx::inline SYNCXX_ABI {
namespace detail {
extern const char one_library;
[[gnu::used]] static const char* const needs_one_library = &one_library;
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
#endif

#ifndef SYNCXX_IN_RELACY
#define SYNCXX_IN_RELACY 0
#endif

// A slow path: out of line, and out of the caller's hot section.
#define SYNCXX_COLD [[gnu::cold, gnu::noinline]]

// A fast path that must be inlined even where the compiler finds it long.
#define SYNCXX_ALWAYS_INLINE [[gnu::always_inline]] inline

#if defined(__SANITIZE_THREAD__)
#define SYNCXX_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SYNCXX_TSAN 1
#endif
#endif
#ifndef SYNCXX_TSAN
#define SYNCXX_TSAN 0
#endif

#endif  // SYNCXX_DETAIL_CONFIG_H_
