// SPDX-License-Identifier: Apache-2.0
//
// Clang's thread-safety attributes (-Wthread-safety); nothing elsewhere.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#ifndef SYNCXX_DETAIL_ANNOTATIONS_H_
#define SYNCXX_DETAIL_ANNOTATIONS_H_

#if defined(__clang__)
#define SYNCXX_THREAD_ATTRIBUTE_(x) __attribute__((x))
#else
#define SYNCXX_THREAD_ATTRIBUTE_(x)
#endif

// On a type: it is a lock; on a guard: it holds one for its lifetime.
#define SYNCXX_CAPABILITY(name) SYNCXX_THREAD_ATTRIBUTE_(capability(name))
#define SYNCXX_SCOPED_CAPABILITY SYNCXX_THREAD_ATTRIBUTE_(scoped_lockable)

// On data: which lock must be held to touch it (the value; what it points to).
#define SYNCXX_GUARDED_BY(m) SYNCXX_THREAD_ATTRIBUTE_(guarded_by(m))
#define SYNCXX_PT_GUARDED_BY(m) SYNCXX_THREAD_ATTRIBUTE_(pt_guarded_by(m))

// On functions: what must be held, what is taken, what is given back.
#define SYNCXX_REQUIRES(...) \
  SYNCXX_THREAD_ATTRIBUTE_(requires_capability(__VA_ARGS__))
#define SYNCXX_REQUIRES_SHARED(...) \
  SYNCXX_THREAD_ATTRIBUTE_(requires_shared_capability(__VA_ARGS__))
#define SYNCXX_ACQUIRE(...) \
  SYNCXX_THREAD_ATTRIBUTE_(acquire_capability(__VA_ARGS__))
#define SYNCXX_ACQUIRE_SHARED(...) \
  SYNCXX_THREAD_ATTRIBUTE_(acquire_shared_capability(__VA_ARGS__))
#define SYNCXX_TRY_ACQUIRE(...) \
  SYNCXX_THREAD_ATTRIBUTE_(try_acquire_capability(__VA_ARGS__))
#define SYNCXX_TRY_ACQUIRE_SHARED(...) \
  SYNCXX_THREAD_ATTRIBUTE_(try_acquire_shared_capability(__VA_ARGS__))
#define SYNCXX_RELEASE(...) \
  SYNCXX_THREAD_ATTRIBUTE_(release_capability(__VA_ARGS__))
#define SYNCXX_RELEASE_SHARED(...) \
  SYNCXX_THREAD_ATTRIBUTE_(release_shared_capability(__VA_ARGS__))
#define SYNCXX_RELEASE_GENERIC(...) \
  SYNCXX_THREAD_ATTRIBUTE_(release_generic_capability(__VA_ARGS__))
#define SYNCXX_EXCLUDES(...) \
  SYNCXX_THREAD_ATTRIBUTE_(locks_excluded(__VA_ARGS__))
#define SYNCXX_RETURN_CAPABILITY(x) SYNCXX_THREAD_ATTRIBUTE_(lock_returned(x))

// On functions that the analysis cannot follow; say why beside each use.
#define SYNCXX_NO_THREAD_SAFETY_ANALYSIS \
  SYNCXX_THREAD_ATTRIBUTE_(no_thread_safety_analysis)

#endif  // SYNCXX_DETAIL_ANNOTATIONS_H_
