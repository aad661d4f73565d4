// SPDX-License-Identifier: Apache-2.0
//
// What must not compile, one case at a time (-DSYNCXX_REFUSED=n), and the
// message that says why: tests/codegen/CMakeLists.txt names both. Case 0 is
// the same code done right, and compiles.
#include <sync/lock_all.h>
#include <sync/ordered_mutex.h>
#include <sync/robust_mutex.h>

#include <mutex>

syncxx::ordered_mutex<1> low;
syncxx::ordered_mutex<2> high, high_twin;
syncxx::mutex plain;

void in_order() {
  const syncxx::ordered_lock first(low);
  const syncxx::ordered_lock second(high, first);
  const syncxx::all_lock both(plain, low);
}

#if SYNCXX_REFUSED == 1  // the lower level second
void case_1() {
  const syncxx::ordered_lock first(high);
  const syncxx::ordered_lock second(low, first);
}
#elif SYNCXX_REFUSED == 2  // the same level
void case_2() {
  const syncxx::ordered_lock first(high);
  const syncxx::ordered_lock second(high_twin, first);
}
#elif SYNCXX_REFUSED == 3  // one of several guards is too high
void case_3() {
  const syncxx::ordered_lock first(low);
  const syncxx::ordered_lock second(high, first);
  const syncxx::ordered_lock third(high_twin, first, second);
}
#elif SYNCXX_REFUSED == 4
syncxx::ordered_mutex<nullptr> no_level;
#elif SYNCXX_REFUSED == 5
syncxx::ordered_mutex<5'000'000'000> too_high;
#elif SYNCXX_REFUSED == 6  // nobody could unlock the second
void case_6() { syncxx::lock_all(plain, syncxx::mutex()); }
#elif SYNCXX_REFUSED == 7  // would be -1
syncxx::ordered_mutex<0xffff'ffff'ffff'ffff> far_too_high;
#elif SYNCXX_REFUSED == 8
syncxx::ordered_mutex<1, syncxx::robust_mutex> untold;
#elif SYNCXX_REFUSED == 9
syncxx::robust_mutex robust;
void case_9() { syncxx::lock_all(plain, robust); }
#elif SYNCXX_REFUSED == 10
void case_10(std::unique_lock<syncxx::robust_pi_mutex>& guard) {
  syncxx::lock_all(plain, guard);
}
#elif SYNCXX_REFUSED != 0
#error "no such case"
#endif
