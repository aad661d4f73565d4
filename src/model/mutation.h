// SPDX-License-Identifier: Apache-2.0
//
// Mutants: the library with one memory order weaker by one step, or without one
// of its wakes. A test that passes with a mutant does not look at what that
// order or wake is for.
//
// By environment, for tests/model/mutants.py:
//   SYNCXX_MODEL_MUTANTS=file  appends the name of each mutant that could be,
//   in
//                              the order in which the tests come across them
//   SYNCXX_MODEL_MUTANT=name   is that one
// A name tells where, which operation, which of its orders, from what to what:
//   include/sync/detail/raw_mutex.h:37 compare_exchange success acquire relaxed
//   src/mutex.cc:127 wake drop
// Only operations in the library's own headers and sources have mutants.
#ifndef SYNCXX_SRC_MODEL_MUTATION_H_
#define SYNCXX_SRC_MODEL_MUTATION_H_

#include <sync/model/access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Whether the environment asks for any of this.
extern const bool g_mutating;

// Lists the mutants of an operation, or makes it one.
void mutate(access& a) noexcept;
memory_order mutated_fence(memory_order order, const source& where,
                           access_kind what) noexcept;
// Whether this wake is to be left out.
bool drops_wake(const source& where) noexcept;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MUTATION_H_
