// SPDX-License-Identifier: Apache-2.0
//
// The misuse checker where little works: inside of malloc, before main() and
// after the static destructors. malloc here is the program's own, behind a
// syncxx::mutex: a checker that allocates would wait for itself.
#include <gtest/gtest.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/misuse_child.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_safety_off.h"
#if SYNCXX_HOOKED
#include "src/deadlock/report/finding.h"
#include "src/deadlock/report/names.h"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#if !defined(OWN_MALLOC)
#if defined(__GLIBC__)
#define OWN_MALLOC 1
#else
#define OWN_MALLOC 0
#endif
#endif

namespace syncxx_test {
namespace {

using syncxx::misuse_action;

// Is there before the constructors, and after the destructors.
template <class T>
union forever {
  constexpr forever() : object() {}
  ~forever() {}
  T object;
};

constinit forever<syncxx::mutex> g_heap_lock;
std::atomic<long> g_allocations{0};

enum class at_next_allocation { nothing, lock_again, unlock_twice };
std::atomic<at_next_allocation> g_next{at_next_allocation::nothing};

std::atomic<int> g_work{0};

[[maybe_unused, gnu::noinline]] void allocating() {
  syncxx::mutex& lock = g_heap_lock.object;
  CONFLICT(lock.lock());
  ++g_work;
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (g_next.load(std::memory_order_relaxed) != at_next_allocation::nothing) {
    switch (g_next.exchange(at_next_allocation::nothing)) {
      case at_next_allocation::lock_again:
        MISUSE(lock.lock());
        break;
      case at_next_allocation::unlock_twice:
        lock.unlock();
        MISUSE(lock.unlock());
        lock.lock();
        break;
      case at_next_allocation::nothing:
        break;
    }
  }
  ++g_work;
  lock.unlock();
}

}  // namespace
}  // namespace syncxx_test

#if OWN_MALLOC

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t n, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) noexcept {
  syncxx_test::allocating();
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  syncxx_test::allocating();
  return __libc_calloc(n, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  syncxx_test::allocating();
  return __libc_realloc(memory, size);
}
void free(void* memory) noexcept {
  syncxx_test::allocating();
  __libc_free(memory);
}

}  // extern "C"

#endif

namespace syncxx_test {
namespace {

class MisuseMalloc : public testing::Test {
 protected:
  void SetUp() override {
    if (!kHooked) GTEST_SKIP() << "the plain library has no misuse checker";
    if (OWN_MALLOC == 0) GTEST_SKIP() << "malloc is the sanitizer's or libc's";
  }
  // The misuse in the first allocation of a child.
  static outcome allocate(misuse_action action, at_next_allocation next) {
    return in_child([=] {
      syncxx::set_misuse_action(action);
      g_next.store(next);
      void* volatile memory = std::malloc(10);
      std::free(memory);
    });
  }
};

TEST_F(MisuseMalloc, LocksOfTheHeap) {
  const long before = g_allocations.load();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < iterations(5000); ++i) {
        const std::vector<int> some(static_cast<std::size_t>(i % 100 + 1));
        syncxx::mutex own;
        const std::lock_guard<syncxx::mutex> guard(own);
        const auto semaphore = std::make_unique<syncxx::binary_semaphore>(0);
        semaphore->release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(g_allocations.load(), before + 4 * iterations(5000));
}

TEST_F(MisuseMalloc, ReportFromInsideThenAbort) {
  const outcome o =
      allocate(misuse_action::abort, at_next_allocation::lock_again);
  EXPECT_TRUE(o.aborted()) << o;
  expect_place(o.said, "here", "misuse_malloc_test.cc", marked().misuse);
  expect_place(o.said, "held by", "misuse_malloc_test.cc", marked().conflict);
}

TEST_F(MisuseMalloc, ReportFromInsideThenGoOn) {
  const outcome o =
      allocate(misuse_action::report, at_next_allocation::unlock_twice);
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_NE(o.said.find("unlock of a mutex that nobody holds"),
            std::string::npos)
      << o;
  expect_place(o.said, "here", "misuse_malloc_test.cc", marked().misuse);
}

#if SYNCXX_HOOKED
// JSON, suppressions that are looked for in all calls, names.
TEST_F(MisuseMalloc, ReportFromInsideInAllForms) {
  const temporary_directory files;
  const std::string file = files / "json";
  const outcome o = in_child([&] {
    using namespace syncxx::detail;
    syncxx::set_misuse_action(misuse_action::report);
    set_report_file(report_file::json, file.c_str());
    set_report_file(report_file::graph, (files / "graph").c_str());
    if (!suppressions::add("*", "*no_such_function*")) _exit(1);
    set_name(&g_heap_lock.object, "the heap's");
    g_next.store(at_next_allocation::unlock_twice);
    void* volatile memory = std::malloc(10);
    std::free(memory);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_NE(o.said.find("\"the heap's\""), std::string::npos) << o;
  EXPECT_NE(contents_of(file).find("\"the heap's\""), std::string::npos) << o;
}
#endif

// --- Before main() and after the destructors ---------------------------------

constinit forever<syncxx::mutex> g_early;
constinit forever<syncxx::mutex> g_late;
constinit bool g_misuse_late = false;

// 101: before the library's own constructor, after its destructors.
[[gnu::constructor(101)]] void before_constructors() { g_early.object.lock(); }
[[gnu::destructor(101)]] void after_destructors() {
  g_late.object.lock();
  ++g_work;
  if (g_misuse_late) MISUSE(g_late.object.lock());
  g_late.object.unlock();
}

TEST_F(MisuseMalloc, LockedBeforeTheLibraryBegan) {
  const outcome o = in_child([] {
    syncxx::set_misuse_action(misuse_action::throw_exception);
    std::thread([] {
      EXPECT_THROW(g_early.object.unlock(), std::system_error);
    }).join();
    g_early.object.unlock();
    g_early.object.lock();
    g_early.object.unlock();
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_NE(o.said.find("before_constructors"), std::string::npos) << o;
}

TEST_F(MisuseMalloc, MisuseAfterTheDestructors) {
  const outcome o = in_child([] {
    syncxx::set_misuse_action(misuse_action::abort);
    g_misuse_late = true;
    std::exit(0);
  });
  EXPECT_TRUE(o.aborted()) << o;
  EXPECT_NE(o.said.find("lock() of a mutex that this thread already holds"),
            std::string::npos)
      << o;
  expect_place(o.said, "here", "misuse_malloc_test.cc", marked().misuse);
}

}  // namespace
}  // namespace syncxx_test
