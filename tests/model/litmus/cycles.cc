// SPDX-License-Identifier: Apache-2.0
//
// The classic families in which each thread has two accesses: store buffering,
// message passing, load buffering, S, R, 2+2W, their rings of three, ISA2,
// W+RWC and Z6.0 to Z6.5. Each is a ring of threads: the last access of one and
// the first of the next are of one object, and in the outcome in question all
// of these pairs are ordered forwards, which makes a cycle. Every other outcome
// is sequentially consistent, and so always there.
#include <string>
#include <vector>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

constexpr std::size_t kObjects = 3;

// Each outcome is one execution. Its registers: what is read, in the order of
// the text, then what is left in each object that is written twice.
struct family {
  const char* name;
  const char* program;  // "Wx1": x is made 1, "Ry": y is read
  const char* outcomes;
  const char* cycle;
};

constexpr family kFamilies[] = {
    {"SB", "Wx1 Ry | Wy1 Rx", "00 01 10 11", "00"},
    {"MP", "Wx1 Wy1 | Ry Rx", "00 01 10 11", "10"},
    {"LB", "Rx Wy1 | Ry Wx1", "00 01 10 11", "11"},
    {"S", "Wx2 Wy1 | Ry Wx1", "01 02 11 12", "12"},
    {"R", "Wx1 Wy1 | Wy2 Rx", "01 02 11 12", "02"},
    {"TwoPlusTwoWrites", "Wx1 Wy2 | Wy1 Wx2", "11 12 21 22", "11"},
    {"SB3", "Wx1 Ry | Wy1 Rz | Wz1 Rx", "000 001 010 011 100 101 110 111",
     "000"},
    {"LB3", "Rx Wy1 | Ry Wz1 | Rz Wx1", "000 001 010 011 100 101 110 111",
     "111"},
    {"ThreeTimesTwoWrites", "Wx1 Wy2 | Wy1 Wz2 | Wz1 Wx2",
     "111 112 121 122 211 212 221 222", "111"},
    {"ISA2", "Wx1 Wy1 | Ry Wz1 | Rz Rx", "000 001 010 011 100 101 110 111",
     "110"},
    {"W_RWC", "Wx1 Wy1 | Ry Rz | Wz1 Rx", "000 001 010 011 100 101 110 111",
     "100"},
    {"Z6_0", "Wx1 Wy1 | Ry Wz1 | Wz2 Rx", "001 002 011 012 101 102 111 112",
     "102"},
    {"Z6_1", "Wx2 Wy1 | Wy2 Wz1 | Rz Wx1", "011 012 021 022 111 112 121 122",
     "122"},
    {"Z6_2", "Wx2 Wy1 | Ry Wz1 | Rz Wx1", "001 002 011 012 101 102 111 112",
     "112"},
    {"Z6_3", "Wx1 Wy1 | Wy2 Wz1 | Rz Rx", "001 002 011 012 101 102 111 112",
     "102"},
    {"Z6_4", "Wx1 Wy1 | Wy2 Rz | Wz1 Rx", "001 002 011 012 101 102 111 112",
     "002"},
    {"Z6_5", "Wx1 Wy1 | Wy2 Wz1 | Wz2 Rx", "011 012 021 022 111 112 121 122",
     "022"},
};

struct step {
  bool writes = false;
  std::size_t object = 0;
  int value = 0;
  std::size_t target = 0;  // a read's register
};

// A family's text, taken apart; its accesses thread by thread.
struct ring {
  std::vector<step> steps;
  std::vector<std::size_t> left;  // objects written twice
  std::size_t reads = 0;

  explicit ring(const family& f) {
    std::istringstream in(f.program);
    std::array<int, kObjects> writes{};
    for (std::string word; in >> word;) {
      if (word == "|") continue;
      step s;
      s.writes = word[0] == 'W';
      s.object = static_cast<std::size_t>(word[1] - 'x');
      if (s.writes) {
        s.value = word[2] - '0';
        ++writes[s.object];
      } else {
        s.target = reads++;
      }
      steps.push_back(s);
    }
    for (std::size_t x = 0; x < kObjects; ++x)
      if (writes[x] == 2) left.push_back(x);
  }
  std::size_t threads() const { return steps.size() / 2; }
  // From thread t to the next: reads-from, or from a write or a read to a write
  // later in co.
  bool reads_from(std::size_t t) const {
    return steps[2 * t + 1].writes && !steps[(2 * t + 2) % steps.size()].writes;
  }
};

// The orders of the accesses, and of the fence between each thread's two.
struct orders {
  std::array<order, 6> access{rlx, rlx, rlx, rlx, rlx, rlx};
  std::array<order, 3> fence{rlx, rlx, rlx};
};

// Whether the cycle is against the axioms. A segment is a part of the ring from
// a co or fr edge to the next one: threads joined by rf.
class judgement {
 public:
  judgement(const ring& r, const orders& o) : r_(r), o_(o) {}

  bool forbidden() const {
    std::vector<std::size_t> ends;  // of segments
    for (std::size_t t = 0; t < r_.threads(); ++t)
      if (!r_.reads_from(t)) ends.push_back(t);
    // po and rf alone: RC11's no-thin-air axiom.
    if (ends.empty()) return true;
    for (const std::size_t end : ends) {
      const std::size_t begin = begin_of(end);
      // One segment: its hb and the one edge back are against coherence. Or
      // that edge joins two seq_cst fences in psc.
      if (ends.size() == 1)
        return synchronizes(begin, end) || between_fences(begin, end);
      // Else each must be a way in psc: hb from one seq_cst event to another.
      if (!synchronizes(begin, end) || !seq_cst(begin, end)) return false;
    }
    return true;
  }

 private:
  std::size_t after(std::size_t t) const { return (t + 1) % r_.threads(); }
  std::size_t begin_of(std::size_t end) const {
    for (std::size_t t = end;;) {
      const std::size_t before = (t + r_.threads() - 1) % r_.threads();
      if (!r_.reads_from(before) || before == end) return t;
      t = before;
    }
  }
  // The rf edge from thread t to the next: a release before or at the write, an
  // acquire at or after the read.
  bool synchronizes(std::size_t t) const {
    const std::size_t next = after(t);
    return (releases(o_.fence[t]) || releases(o_.access[2 * t + 1])) &&
           (acquires(o_.fence[next]) || acquires(o_.access[2 * next]));
  }
  bool synchronizes(std::size_t begin, std::size_t end) const {
    for (std::size_t t = begin; t != end; t = after(t))
      if (!synchronizes(t)) return false;
    return true;
  }
  // A seq_cst fence on the way, or seq_cst accesses at both ends.
  bool seq_cst(std::size_t begin, std::size_t end) const {
    for (std::size_t t = begin;; t = after(t)) {
      if (o_.fence[t] == sc) return true;
      if (t == end) break;
    }
    return all_sc(o_.access[2 * begin], o_.access[2 * end + 1]);
  }
  // hb;eco;hb from each seq_cst fence to the next takes one rf that does not
  // synchronize; before the first and behind the last there must be none.
  bool between_fences(std::size_t begin, std::size_t end) const {
    bool fenced = false;
    int plain_rf = 0;
    for (std::size_t t = begin;; t = after(t)) {
      if (o_.fence[t] == sc) {
        if (plain_rf > (fenced ? 1 : 0)) return false;
        fenced = true;
        plain_rf = 0;
      }
      if (t == end) return fenced && plain_rf == 0;
      if (!synchronizes(t)) ++plain_rf;
    }
  }

  const ring& r_;
  const orders& o_;
};

// Where the fences stand.
enum class place { between, outside };

void run_thread(const ring& r, const orders& o, place fences, std::size_t t,
                std::array<atomic<int>, kObjects>& objects, registers& seen) {
  const auto access = [&](std::size_t i) {
    const step& s = r.steps[i];
    if (s.writes)
      objects[s.object].store(s.value, o.access[i]);
    else
      seen[s.target] = objects[s.object].load(o.access[i]);
  };
  if (fences == place::outside) fence(o.fence[t]);
  access(2 * t);
  if (fences == place::between) fence(o.fence[t]);
  access(2 * t + 1);
  if (fences == place::outside) fence(o.fence[t]);
}

void expect_of(const family& f, const ring& r, const orders& o,
               bool cycle_forbidden, place fences = place::between) {
  std::string text;
  for (std::size_t i = 0; i < r.steps.size(); ++i) {
    text += std::string(name(o.access[i])) + ' ';
    if (i % 2 == 1) text += std::string("fence ") + name(o.fence[i / 2]) + ' ';
  }
  SCOPED_TRACE(text);
  const auto program = [&](registers& seen) {
    std::array<atomic<int>, kObjects> objects{};
    {
      std::array<model::thread, 3> each;
      for (std::size_t t = 0; t < r.threads(); ++t)
        each[t] = model::thread(
            [&, t] { run_thread(r, o, fences, t, objects, seen); });
    }
    for (std::size_t i = 0; i < r.left.size(); ++i)
      seen[r.reads + i] = objects[r.left[i]].load(rlx);
  };
  const outcomes any = f.outcomes;
  const std::uint64_t executions = std::uint64_t{1} << r.threads();
  if (cycle_forbidden)
    expect(program, any - f.cycle, executions - 1);
  else
    expect(program, any, executions);
}

class CycleTest : public testing::TestWithParam<family> {
 protected:
  const family& f() const { return GetParam(); }

  // All combinations from `list` for the accesses, from position i on.
  template <class F>
  void for_accesses(const ring& r, orders& o, const F& run, std::size_t i = 0) {
    if (HasFailure()) return;
    if (i == r.steps.size()) return run();
    for (const order each : r.steps[i].writes ? kStores : kLoads) {
      o.access[i] = each;
      for_accesses(r, o, run, i + 1);
    }
  }
  template <class List, class F>
  void for_fences(const ring& r, orders& o, const List& list, const F& run,
                  std::size_t t = 0) {
    if (HasFailure()) return;
    if (t == r.threads()) return run();
    for (const order each : list) {
      o.fence[t] = each;
      for_fences(r, o, list, run, t + 1);
    }
  }
};

// Every order of every access and, for two threads, of the fence between each
// thread's two; for three with and without seq_cst fences.
TEST_P(CycleTest, AccessesAndFences) {
  const ring r(f());
  orders o;
  const auto run = [&] {
    for_accesses(r, o,
                 [&] { expect_of(f(), r, o, judgement(r, o).forbidden()); });
  };
  if (r.threads() == 2)
    for_fences(r, o, kFences, run);
  else
    for_fences(r, o, kWeakOrSc, run);
}

// Fences of every order in place of orders.
TEST_P(CycleTest, FencesBetweenRelaxedAccesses) {
  const ring r(f());
  orders o;
  for_fences(r, o, kFences,
             [&] { expect_of(f(), r, o, judgement(r, o).forbidden()); });
}

// The same fences before and after the two accesses, where they do nothing. No
// way in psc leads to a fence at the beginning of a thread, or from one at its
// end; and neither synchronizes with an access of another thread.
TEST_P(CycleTest, FencesOutside) {
  const ring r(f());
  orders o;
  const std::string name = f().name;
  for_fences(r, o, kFences, [&] {
    expect_of(f(), r, o, name.starts_with("LB"), place::outside);
  });
}

INSTANTIATE_TEST_SUITE_P(Families, CycleTest, testing::ValuesIn(kFamilies),
                         [](const auto& instance) {
                           return std::string(instance.param.name);
                         });

// The rule itself, where it is known from the literature.
TEST(CycleJudgementTest, KnownCases) {
  const auto forbidden = [](const char* name, order store, order load,
                            order fence) {
    for (const family& f : kFamilies) {
      if (std::string_view(f.name) != name) continue;
      const ring r(f);
      orders o;
      for (std::size_t i = 0; i < r.steps.size(); ++i)
        o.access[i] = r.steps[i].writes ? store : load;
      for (std::size_t t = 0; t < r.threads(); ++t) o.fence[t] = fence;
      return judgement(r, o).forbidden();
    }
    ADD_FAILURE() << name;
    return false;
  };
  for (const char* const name : {"MP", "S", "ISA2", "Z6_2"}) {
    EXPECT_FALSE(forbidden(name, rlx, rlx, rlx)) << name;
    EXPECT_TRUE(forbidden(name, rel, acq, rlx)) << name;
    EXPECT_TRUE(forbidden(name, rlx, rlx, acq_rel)) << name;
  }
  for (const char* const name :
       {"SB", "R", "TwoPlusTwoWrites", "SB3", "ThreeTimesTwoWrites", "W_RWC",
        "Z6_0", "Z6_1", "Z6_3", "Z6_4", "Z6_5"}) {
    EXPECT_FALSE(forbidden(name, rel, acq, acq_rel)) << name;
    EXPECT_TRUE(forbidden(name, sc, sc, rlx)) << name;
    EXPECT_TRUE(forbidden(name, rlx, rlx, sc)) << name;
  }
}

}  // namespace
}  // namespace syncxx_test::litmus
