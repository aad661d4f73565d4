// SPDX-License-Identifier: Apache-2.0
//
// robust_mutex, robust_pi_mutex: their users are killed at each instruction of
// lock and unlock in turn, single-stepped by ptrace. Whoever comes next must
// get the lock, told of the death if the data may be half changed; nobody may
// hang.
#include <elf.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/shared_object.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

template <class M>
struct page_of {
  M m;
  // Changed under m, in this order: the data agrees where they are the same.
  std::atomic<long> begun{0}, ended{0};
  std::atomic<bool> through{false};  // the victim: no more instructions to try
};

template <class M>
void change(page_of<M>& p) {
  p.begun.fetch_add(1);
  p.ended.fetch_add(1);
}

// What everybody does who owns m: puts the data in order if told to, changes
// it, and unlocks. Says what is wrong.
template <class M>
std::string take_turn(page_of<M>& p) {
  std::string wrong;
  const bool died = p.m.owner_died();
  if (p.begun.load() != p.ended.load() && !died)
    wrong = "the data is half changed, and nobody has said so";
  if (died) {
    p.ended.store(p.begun.load());
    p.m.make_consistent();
  }
  change(p);
  p.m.unlock();
  return wrong;
}

template <class M>
std::string try_a_turn(page_of<M>& p) {
  if (!p.m.try_lock_for(20s)) return "the lock is lost";
  return take_turn(p);
}

// A child that runs `prepare`, stops, and runs `body`, one instruction at a
// time.
class victim {
 public:
  template <class Prepare, class Body>
  victim(Prepare prepare, Body body) {
    pid_ = fork();
    if (pid_ == 0) {
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
      prepare();
      raise(SIGSTOP);
      body();
      _exit(0);
    }
    int status = 0;
    alive_ = waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status) &&
             ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL) == 0;
  }
  victim(const victim&) = delete;
  victim& operator=(const victim&) = delete;
  ~victim() { kill_it(); }

  // The next instruction. False: the child has ended. While it sleeps in a
  // system call, `while_asleep` is called, over and over.
  template <class WhileAsleep>
  bool step(WhileAsleep while_asleep) {
    const bool may_sleep = alive_ && is_system_call();
    if (!alive_ || ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0)
      return alive_ = false;
    for (;;) {
      int status = 0;
      const pid_t got = waitpid(pid_, &status, may_sleep ? WNOHANG : 0);
      if (got != 0) return alive_ = got == pid_ && WIFSTOPPED(status);
      if (sleeps()) while_asleep();
      usleep(20);
    }
  }
  bool step() {
    return step([] {});
  }
  // The address of the next instruction.
  std::uintptr_t place() const {
    user_regs_struct registers;
    iovec all = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, pid_, NT_PRSTATUS, &all) != 0) return 0;
#if defined(__x86_64__)
    return registers.rip;
#else
    return registers.pc;
#endif
  }
  // As kill -9 does; returns when it is gone.
  void kill_it() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    int status = 0;
    while (alive_ && waitpid(pid_, &status, 0) == pid_ &&
           !WIFSIGNALED(status) && !WIFEXITED(status)) {
    }
    pid_ = 0;
  }
  bool was_traced() const { return alive_; }

 private:
  bool is_system_call() const {
    const long code = ptrace(PTRACE_PEEKTEXT, pid_, place(), nullptr);
#if defined(__x86_64__)
    return (code & 0xffff) == 0x050f;  // syscall
#else
    return (code & 0xffff'ffff) == 0xd400'0001;  // svc #0
#endif
  }
  bool sleeps() const {
    char path[64], text[512];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid_);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> f(
        std::fopen(path, "r"), [](std::FILE* file) {
          return file != nullptr ? std::fclose(file) : 0;
        });
    if (!f || std::fgets(text, sizeof text, f.get()) == nullptr) return false;
    const char* const name_end = std::strrchr(text, ')');
    return name_end != nullptr && name_end[1] != '\0' && name_end[2] == 'S';
  }

  pid_t pid_ = 0;
  bool alive_ = false;
};

constexpr int kMostSteps = 100'000;

template <class M>
class RobustKillTest : public testing::Test {
 protected:
  using page = page_of<M>;

  void SetUp() override {
    if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate ptrace";
    if (kSanitized) GTEST_SKIP() << "instructions are the sanitizer's, too";
    if (kHooked) GTEST_SKIP() << "instructions are the hooks', too";
    const victim probe([] {}, [] {});
    if (!probe.was_traced()) GTEST_SKIP() << "no permission for ptrace";
    watch(300);  // a process for each instruction
  }
};

using mutexes = testing::Types<syncxx::robust_mutex, syncxx::robust_pi_mutex>;
TYPED_TEST_SUITE(RobustKillTest, mutexes);

// First uses: a thread's number and list, the dynamic linker's work. Waits in
// vain, from which the thread learns not to spin: a pause is an instruction.
template <class M>
void warm_up() {
  M m;
  m.lock();
  m.unlock();
  if (m.try_lock_for(10us)) m.unlock();
  syncxx::counting_semaphore<> none(0);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(none.try_acquire_for(1us));
}

// Kills a victim after 0, 1, 2, … instructions of `body`, until it gets
// through; `check` looks at what it leaves. Returns how many instructions that
// were.
template <class M, class Prepare, class Body, class Check>
int kill_at_each_instruction(Prepare prepare, Body body, Check check) {
  for (int n = 0; n < kMostSteps; ++n) {
    page_of<M>& p = *prepare();
    p.through = false;
    victim v(warm_up<M>, [&] {
      body(p);
      p.through = true;
    });
    for (int i = 0; i < n && !p.through; ++i) v.step();
    v.kill_it();
    const std::string wrong = check(p);
    EXPECT_EQ(wrong, "") << "killed after " << n << " instructions";
    if (p.through || !wrong.empty()) return n;
  }
  ADD_FAILURE() << "it does not come to an end";
  return 0;
}

TYPED_TEST(RobustKillTest, OwnerAtEachInstruction) {
  const shared_object<typename TestFixture::page> p;
  int deaths = 0;
  const int n = kill_at_each_instruction<TypeParam>(
      [&] { return &*p; },
      [](auto& at) {
        at.m.lock();
        change(at);
        at.m.unlock();
      },
      [&](auto& at) {
        if (at.begun.load() != at.ended.load()) ++deaths;
        return try_a_turn(at);
      });
  EXPECT_GT(n, 20);
  EXPECT_GE(deaths, 1) << "none was killed in the middle of its section";
  this->RecordProperty("instructions", n);
}

TYPED_TEST(RobustKillTest, TryLockAtEachInstruction) {
  const shared_object<typename TestFixture::page> p;
  kill_at_each_instruction<TypeParam>([&] { return &*p; },
                                      [](auto& at) {
                                        if (!at.m.try_lock()) _exit(4);
                                        change(at);
                                        at.m.unlock();
                                      },
                                      try_a_turn<TypeParam>);
}

// The next one after a death, which repairs and is killed too.
TYPED_TEST(RobustKillTest, RepairAtEachInstruction) {
  const shared_object<typename TestFixture::page> p;
  kill_at_each_instruction<TypeParam>(
      [&] {
        std::thread([&] {
          p->m.lock();
          if (p->m.owner_died()) p->m.make_consistent();
          p->ended.store(p->begun.fetch_add(1));
        }).join();
        return &*p;
      },
      [](auto& at) {
        at.m.lock();
        take_turn(at);
      },
      try_a_turn<TypeParam>);
}

// A thread of this process that waits for the lock, and takes its turn.
template <class M>
class other_waiter {
 public:
  explicit other_waiter(page_of<M>& p)
      : thread_([&p] { return try_a_turn(p); }) {
    thread_.await_sleep();
  }
  std::string result() { return thread_.result(); }

 private:
  background<std::string> thread_;
};

// An owner with sleepers behind it, killed at each instruction of its unlock:
// all of them get through. (With none the word still says that there are some.)
TYPED_TEST(RobustKillTest, UnlockWithSleepersAtEachInstruction) {
  for (const std::size_t sleepers : {0u, 1u, 3u}) {
    int n = 0;
    for (bool through = false; !through && n < kMostSteps; ++n) {
      const shared_object<typename TestFixture::page> p;
      victim v(
          [&] {
            warm_up<TypeParam>();
            p->m.lock();
          },
          [&] {
            p->m.unlock();
            p->through = true;
          });
      ASSERT_FALSE(p->m.try_lock_for(100us));
      std::vector<std::unique_ptr<other_waiter<TypeParam>>> waiting;
      while (waiting.size() < sleepers)
        waiting.push_back(std::make_unique<other_waiter<TypeParam>>(*p));
      for (int i = 0; i < n && !p->through; ++i) v.step();
      v.kill_it();
      through = p->through;
      for (auto& one : waiting)
        ASSERT_EQ(one->result(), "") << "killed after " << n << " instructions";
      ASSERT_EQ(try_a_turn(*p), "") << "killed after " << n << " instructions";
    }
    EXPECT_GT(n, 20);
    this->RecordProperty("instructions_" + std::to_string(sleepers), n);
  }
}

// A waiter that runs `n` instructions and is killed. When it first sleeps,
// another one goes to sleep behind it; it is woken, and before it runs on the
// lock is taken by one that comes by, and has no reason to think that somebody
// sleeps. Says what is wrong; `places` gets the address of each instruction.
template <class M>
std::string kill_waiter_after(int n, std::vector<std::uintptr_t>* places) {
  const shared_object<page_of<M>> p;
  p->m.lock();
  bool mine = true;
  std::unique_ptr<other_waiter<M>> other;
  victim v(
      [&p] {
        warm_up<M>();
        static_cast<void>(p->m.try_lock_for(10us));
      },
      [&] {
        p->m.lock();
        take_turn(*p);
        p->through = true;
      });
  for (int i = 0; i < n && !p->through; ++i) {
    if (places != nullptr) places->push_back(v.place());
    v.step([&] {
      if (!other) {
        other = std::make_unique<other_waiter<M>>(*p);
        p->m.unlock();
        mine = p->m.try_lock();
      } else if (mine) {  // it sleeps again, behind the other one
        p->m.unlock();
        mine = false;
      }
    });
  }
  v.kill_it();
  if (mine) p->m.unlock();
  std::string wrong = other ? other->result() : "";
  return wrong + try_a_turn(*p);
}

TYPED_TEST(RobustKillTest, WaiterAtEachInstruction) {
  std::vector<std::uintptr_t> places;
  ASSERT_EQ(kill_waiter_after<TypeParam>(kMostSteps, &places), "");
  ASSERT_LT(places.size(), static_cast<std::size_t>(kMostSteps));
  // Loops that spin are long: each instruction the first two times.
  std::map<std::uintptr_t, int> seen;
  int kills = 0;
  for (std::size_t n = 0; n < places.size(); ++n) {
    if (++seen[places[n]] > 2) continue;
    ASSERT_EQ(kill_waiter_after<TypeParam>(static_cast<int>(n), nullptr), "")
        << "killed after " << n << " instructions";
    ++kills;
  }
  EXPECT_GT(kills, 100);
  this->RecordProperty("kills", kills);
}

}  // namespace
}  // namespace syncxx_test
