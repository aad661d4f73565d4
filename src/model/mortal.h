// SPDX-License-Identifier: Apache-2.0
//
// For model tests of robust mutexes: a thread that may be killed.
#ifndef SYNCXX_SRC_MODEL_MORTAL_H_
#define SYNCXX_SRC_MODEL_MORTAL_H_

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// From now on the calling thread, not the first one, may die before each of its
// atomic and futex operations: as an explored choice, once in an execution. No
// destructor runs; the kernel does with its robust list what it does. What the
// thread has allocated is leaked.
void be_mortal();

// The choice: pi.cc.
class checker;
void choose_death(checker& c);

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MORTAL_H_
