// SPDX-License-Identifier: Apache-2.0
//
// The thread dump: who holds what, who waits for what and since when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/detail/config.h>

#if SYNCXX_HOOKED

#include <cstdint>
#include <string>
#include <vector>

#include "src/deadlock/process.h"
#include "src/deadlock/report/finding_text.h"
#include "src/deadlock/report/names.h"
#include "src/deadlock/report/thread_dump.h"
#include "tests/support/findings.h"
#include "tests/support/misuse_child.h"

namespace syncxx_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

detail::place place_of_held() { return place_here(); }
detail::place place_of_wanted() { return place_here(); }

struct row {
  std::uint64_t serial = 0;
  int tid = 0;
  std::vector<deed> held;
  std::vector<deed> waiting;  // one, or none
  std::int64_t waiting_ns = 0;
  bool bounded = false;
};

const deed& held_by(const void* of, std::uint32_t i) {
  return static_cast<const row*>(of)->held[i];
}

void dump(const std::vector<row>& rows) {
  detail::print_thread_dump(
      {.threads = static_cast<std::uint32_t>(rows.size()),
       .thread =
           [](const void* all, std::uint32_t i) {
             const row& r = (*static_cast<const std::vector<row>*>(all))[i];
             return detail::thread_activity{
                 .serial = r.serial,
                 .tid = r.tid,
                 .holds = static_cast<std::uint32_t>(r.held.size()),
                 .held = held_by,
                 .row = &r,
                 .waiting = r.waiting.empty() ? nullptr : r.waiting.data(),
                 .waiting_ns = r.waiting_ns,
                 .bounded = r.bounded};
           },
       .context = &rows});
}

TEST(DeadlockDumpTest, WaitersHoldersAndIdleThreads) {
  const outcome o = in_child([] {
    detail::set_name(object_at(1), "accounts");
    const detail::place held = place_of_held();
    const detail::place wanted = place_of_wanted();
    dump({{1,
           detail::process::thread_id(),
           {deed_of(0, 0, held), deed_of(0, 7, held, object_kind::spinlock)},
           {deed_of(0, 1, wanted)},
           1'230'000'000},
          {2,
           kFirstTid,
           {deed_of(1, 1, held, object_kind::shared_mutex_shared)},
           {deed_of(1, 5, wanted, object_kind::semaphore)},
           45'600'000,
           true},
          {3, kFirstTid + 1, {deed_of(2, 1, held)}, {}, 0},
          {4, kFirstTid + 2, {}, {}, 0}});
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_THAT(o.said, StartsWith("syncxx: thread dump of "));
  EXPECT_THAT(o.said, HasSubstr(": 4 threads\n"));
  EXPECT_THAT(
      o.said,
      HasSubstr("\": waits for mutex 0x2000 \"accounts\" since 1.2 s (held by "
                "thread 2147418112 (has ended), thread 2147418113 (has "
                "ended))\n           at "));
  EXPECT_THAT(o.said, HasSubstr("    holds  mutex 0x1000\n           at "));
  EXPECT_THAT(o.said, HasSubstr("    holds  spinlock 0x8000\n           at "));
  EXPECT_THAT(o.said,
              HasSubstr("  thread 2147418112 (has ended): waits for semaphore "
                        "0x6000 since 45.6 ms, but not for ever\n"));
  EXPECT_THAT(o.said, HasSubstr("holds  shared_mutex 0x2000 \"accounts\" "
                                "(shared)\n"));
  EXPECT_THAT(o.said, HasSubstr("  thread 2147418113 (has ended): waits for "
                                "nothing\n    holds  mutex 0x2000"));
  EXPECT_THAT(o.said, HasSubstr("  thread 2147418114 (has ended): holds "
                                "nothing, waits for nothing\n"));
  if (!has_lines()) return;
  EXPECT_THAT(o.said, HasSubstr("place_of_wanted"));
  EXPECT_THAT(o.said, HasSubstr("place_of_held"));
}

TEST(DeadlockDumpTest, ManyThreadsAndManyHolders) {
  const outcome o = in_child([] {
    std::vector<row> rows;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      rows.push_back({i + 1,
                      kFirstTid + static_cast<int>(i),
                      {deed_of(i, i < 20 ? 0 : i, place_of_held())},
                      {},
                      0});
    }
    rows[1999].waiting.push_back(deed_of(1999, 0, place_of_wanted()));
    dump(rows);
  });
  EXPECT_TRUE(o.exited(outcome::kDone));
  EXPECT_THAT(o.said.substr(0, 300), HasSubstr(": 2000 threads\n"));
  EXPECT_THAT(o.said, HasSubstr(" and 12 more)\n"));
}

TEST(DeadlockDumpTest, Durations) {
  const auto written = [](std::int64_t ns) {
    char storage[64];
    detail::text out(storage);
    detail::print_duration(ns, out);
    return std::string(out.view());
  };
  EXPECT_EQ(written(0), "0 ns");
  EXPECT_EQ(written(999), "999 ns");
  EXPECT_EQ(written(1500), "1.5 us");
  EXPECT_EQ(written(2'000'000), "2 ms");
  EXPECT_EQ(written(61'999'999'999), "61.9 s");
}

}  // namespace
}  // namespace syncxx_test

#else

TEST(DeadlockDumpTest, PlainLibrary) {
  GTEST_SKIP() << "the plain library reports nothing";
}

#endif  // SYNCXX_HOOKED
