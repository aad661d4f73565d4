// SPDX-License-Identifier: Apache-2.0
//
// Switches clang's thread-safety analysis off for the rest of a test: tests
// lock in one function and unlock in another, and GoogleTest's macros hide
// what try_lock returned from the analysis. lock_guards_test keeps it on.
#ifndef SYNCXX_TESTS_SUPPORT_THREAD_SAFETY_OFF_H_
#define SYNCXX_TESTS_SUPPORT_THREAD_SAFETY_OFF_H_

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety"
#endif

#endif  // SYNCXX_TESTS_SUPPORT_THREAD_SAFETY_OFF_H_
