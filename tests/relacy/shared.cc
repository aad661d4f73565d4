// SPDX-License-Identifier: Apache-2.0
//
// shared_mutex and seqlock under Relacy.
#include <chrono>
#include <cstdint>

#include <sync/atomic.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>

#include "tests/relacy/suite.h"

namespace relacy_test {
namespace {

// --- shared_mutex ------------------------------------------------------------

struct pair_of_cells {
  syncxx::shared_mutex lock;
  syncxx::cell<int> a{0};
  syncxx::cell<int> b{0};

  void write() {
    a = a + 1;
    b = b + 1;
  }
  void read() { require(a == b, "no writer beside a reader"); }
};

// The first threads write, the others read; two turns each.
template <unsigned Writers>
struct exclusion : suite<exclusion<Writers>, pair_of_cells, 3> {
  void thread(unsigned index) {
    pair_of_cells& o = this->shared();
    for (int i = 0; i < 2; ++i) {
      if (index < Writers) {
        o.lock.lock();
        o.write();
        o.lock.unlock();
      } else {
        o.lock.lock_shared();
        o.read();
        o.lock.unlock_shared();
      }
    }
  }
  void finish() {
    require(this->shared().a == 2 * Writers, "every turn counts");
  }
};

// One upgrades, one downgrades, one reads: nobody writes in between.
struct changes : suite<changes, pair_of_cells, 3> {
  void thread(unsigned index) {
    pair_of_cells& o = shared();
    if (index == 0) {
      o.lock.lock_upgrade();
      const int seen = o.a;
      o.lock.unlock_upgrade_and_lock();
      require(o.a == seen, "nobody has written in between");
      o.write();
      o.lock.unlock();
    } else if (index == 1) {
      o.lock.lock();
      o.write();
      const int written = o.a;
      o.lock.unlock_and_lock_shared();
      require(o.a == written, "nobody has written in between");
      o.lock.unlock_shared();
    } else {
      o.lock.lock_shared();
      o.read();
      o.lock.unlock_shared();
    }
  }
  void finish() { require(shared().a == 2, "both have written"); }
};

// A reader and a writer with little time.
struct in_time : suite<in_time, pair_of_cells, 3> {
  void thread(unsigned index) {
    pair_of_cells& o = shared();
    const std::chrono::seconds time(1);
    if (index == 0) {
      o.lock.lock();
      o.write();
      o.lock.unlock();
    } else if (index == 1) {
      if (!o.lock.try_lock_for(time)) return;
      o.write();
      o.lock.unlock();
    } else {
      if (!o.lock.try_lock_shared_for(time)) return;
      o.read();
      o.lock.unlock_shared();
    }
  }
  void finish() {
    require(shared().lock.try_lock(), "it is free again");
    shared().lock.unlock();
  }
};

// --- seqlock -----------------------------------------------------------------

struct halves {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint32_t c = 0;
};
struct published {
  syncxx::seqlock<halves> value;
  syncxx::cell<int> inside{0};
  syncxx::cell<int> before{0};
};

// A writer stores, one updates, one reads.
struct copies : suite<copies, published, 3> {
  void thread(unsigned index) {
    published& o = shared();
    if (index == 0) {
      o.before = 1;
      o.value.store({16, 16, 16});
    } else if (index == 1) {
      o.value.update([&](halves& h) {
        o.inside = o.inside + 1;
        ++h.a;
        ++h.b;
        ++h.c;
      });
    } else {
      for (int i = 0; i < 2; ++i) {
        const halves h = o.value.load();
        require(h.a == h.b && h.b == h.c, "whole");
        if (h.a >= 16) require(o.before == 1, "what was done before is seen");
      }
    }
  }
  void finish() {
    const halves h = shared().value.load();
    require(h.a == 16 || h.a == 17, "both have written");
  }
};

// Writers exclude each other.
struct updates : suite<updates, published, 3> {
  void thread(unsigned) {
    published& o = shared();
    for (int i = 0; i < 2; ++i)
      o.value.update([&](halves& h) {
        o.inside = o.inside + 1;
        ++h.a;
      });
  }
  void finish() {
    require(shared().value.load().a == 6 && shared().inside == 6,
            "every turn counts");
  }
};

void all() {
  passes<exclusion<1>>("shared_mutex, two readers");
  finds<exclusion<1>>("shared_mutex without release", kNoRelease);
  finds<exclusion<1>>("shared_mutex without acquire", kNoAcquire);
  finds<exclusion<1>>("shared_mutex without wakes", kNoWakes);
  passes<exclusion<2>>("shared_mutex, two writers");
  finds<exclusion<2>>("shared_mutex, two writers, without release", kNoRelease);
  passes<changes>("shared_mutex, upgrade and downgrade");
  finds<changes>("shared_mutex, upgrade and downgrade, without release",
                 kNoRelease);
  finds<changes>("shared_mutex, upgrade and downgrade, without wakes",
                 kNoWakes);
  passes<in_time>("shared_mutex, in time");

  passes<copies>("seqlock");
  finds<copies>("seqlock without release", kNoRelease);
  finds<copies>("seqlock without acquire", kNoAcquire);
  passes<updates>("seqlock, updates");
  finds<updates>("seqlock, updates, without release", kNoRelease);
  finds<updates>("seqlock, updates, without wakes", kNoWakes);
}

}  // namespace
}  // namespace relacy_test

int main() {
  relacy_test::all();
  return relacy_test::failures() == 0 ? 0 : 1;
}
