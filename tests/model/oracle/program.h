// SPDX-License-Identifier: Apache-2.0
//
// A small concurrent program: straight-line threads over a few atomic<int>,
// with forward jumps and blocking loads. The oracle lists what such a program
// may do; a model checker that runs the same program must agree.
//
// All locations and registers start at 0. The initial writes happen before
// every thread. Registers belong to one thread.
#ifndef SYNCXX_TESTS_MODEL_ORACLE_PROGRAM_H_
#define SYNCXX_TESTS_MODEL_ORACLE_PROGRAM_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace syncxx_test::oracle {

enum class op_kind {
  load,        // reg[target] = x
  store,       // x = operand
  exchange,    // reg[target] = x, x = operand
  fetch_add,   // reg[target] = x, x += operand
  cas_strong,  // reg[target] = x, and if that was `expected`: x = operand
  cas_weak_no_spurious,  // the same: a weak one that never fails for nothing
  fence,
  await_eq,    // reg[target] = x, which waits until x == operand
  await_ne,    // reg[target] = x, which waits until x != operand
  await_cas,   // a cas_strong that is tried until it succeeds
  skip_if_eq,  // if reg[source] == value, leave out the next `expected` ops
};

// The operand of an op is `value`, plus reg[source] if value_from_register.
struct op {
  op_kind kind = op_kind::load;
  int location = 0;
  std::memory_order order = std::memory_order_seq_cst;
  std::memory_order failure = std::memory_order_seq_cst;  // of a failed cas
  int value = 0;
  int expected = 0;
  int target_register = 0;
  bool value_from_register = false;
  int source_register = 0;
};

using thread = std::vector<op>;

struct program {
  int locations = 1;
  std::vector<thread> threads;
};

constexpr bool is_cas(op_kind kind) {
  return kind == op_kind::cas_strong || kind == op_kind::cas_weak_no_spurious;
}

constexpr bool is_await(op_kind kind) {
  return kind == op_kind::await_eq || kind == op_kind::await_ne ||
         kind == op_kind::await_cas;
}

// Whether the op reads memory and then writes it, or (a cas) may do so.
constexpr bool is_rmw(op_kind kind) {
  return kind == op_kind::exchange || kind == op_kind::fetch_add ||
         kind == op_kind::await_cas || is_cas(kind);
}

constexpr bool is_read(op_kind kind) {
  return kind == op_kind::load || is_await(kind) || is_rmw(kind);
}

constexpr bool uses_source(const op& o) {
  return o.kind == op_kind::skip_if_eq ||
         (o.value_from_register && o.kind != op_kind::load &&
          o.kind != op_kind::fence);
}

inline int operand(const op& o, const std::vector<int>& registers) {
  return o.value_from_register
             ? registers[static_cast<std::size_t>(o.source_register)] + o.value
             : o.value;
}

// What a read-modify-write leaves behind after it has read `old`.
struct rmw_effect {
  bool writes;
  int value;
};

inline rmw_effect effect_of(const op& o, const std::vector<int>& registers,
                            int old) {
  if (o.kind == op_kind::fetch_add) return {true, old + operand(o, registers)};
  return {!is_cas(o.kind) || old == o.expected, operand(o, registers)};
}

inline bool await_satisfied(const op& o, const std::vector<int>& registers,
                            int read) {
  if (o.kind == op_kind::await_cas) return read == o.expected;
  return (read == operand(o, registers)) == (o.kind == op_kind::await_eq);
}

inline std::size_t register_count(const thread& t) {
  int count = 0;
  for (const op& o : t) {
    if (is_read(o.kind)) count = std::max(count, o.target_register + 1);
    if (uses_source(o)) count = std::max(count, o.source_register + 1);
  }
  return static_cast<std::size_t>(count);
}

// Short ways to write an op.

inline op load(int location, std::memory_order order, int target) {
  return {.kind = op_kind::load,
          .location = location,
          .order = order,
          .target_register = target};
}

inline op store(int location, int value, std::memory_order order) {
  return {.kind = op_kind::store,
          .location = location,
          .order = order,
          .value = value};
}

// Stores reg[source] + value.
inline op store_register(int location, int source, int value,
                         std::memory_order order) {
  op o = store(location, value, order);
  o.value_from_register = true;
  o.source_register = source;
  return o;
}

inline op exchange(int location, int value, std::memory_order order,
                   int target) {
  return {.kind = op_kind::exchange,
          .location = location,
          .order = order,
          .value = value,
          .target_register = target};
}

inline op fetch_add(int location, int value, std::memory_order order,
                    int target) {
  op o = exchange(location, value, order, target);
  o.kind = op_kind::fetch_add;
  return o;
}

inline op cas(int location, int expected, int value, std::memory_order order,
              std::memory_order failure, int target) {
  op o = exchange(location, value, order, target);
  o.kind = op_kind::cas_strong;
  o.failure = failure;
  o.expected = expected;
  return o;
}

inline op fence(std::memory_order order) {
  return {.kind = op_kind::fence, .order = order};
}

inline op await_eq(int location, int value, std::memory_order order,
                   int target) {
  op o = load(location, order, target);
  o.kind = op_kind::await_eq;
  o.value = value;
  return o;
}

inline op await_ne(int location, int value, std::memory_order order,
                   int target) {
  op o = await_eq(location, value, order, target);
  o.kind = op_kind::await_ne;
  return o;
}

// Waits until the location holds reg[source].
inline op await_register(int location, int source, std::memory_order order,
                         int target) {
  op o = await_eq(location, 0, order, target);
  o.value_from_register = true;
  o.source_register = source;
  return o;
}

inline op skip_if_eq(int source, int value, int count) {
  return {.kind = op_kind::skip_if_eq,
          .value = value,
          .expected = count,
          .source_register = source};
}

// Text in the manner of C++, for messages.

inline const char* to_string(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

// `index` is the op's place in its thread, for the targets of jumps.
inline std::string to_string(const op& o, std::size_t index) {
  const std::string x = "x" + std::to_string(o.location);
  const std::string target = "r" + std::to_string(o.target_register);
  const std::string source = "r" + std::to_string(o.source_register);
  const std::string order = to_string(o.order);
  std::string value = std::to_string(o.value);
  if (uses_source(o) && o.kind != op_kind::skip_if_eq) {
    value = source + (o.value == 0 ? "" : " + " + value);
  }
  switch (o.kind) {
    case op_kind::load:
      return target + " = " + x + ".load(" + order + ");";
    case op_kind::store:
      return x + ".store(" + value + ", " + order + ");";
    case op_kind::exchange:
      return target + " = " + x + ".exchange(" + value + ", " + order + ");";
    case op_kind::fetch_add:
      return target + " = " + x + ".fetch_add(" + value + ", " + order + ");";
    case op_kind::cas_strong:
    case op_kind::cas_weak_no_spurious:
      return target + " = " + std::to_string(o.expected) + "; " + x +
             (o.kind == op_kind::cas_strong ? ".compare_exchange_strong("
                                            : ".compare_exchange_weak(") +
             target + ", " + value + ", " + order + ", " +
             to_string(o.failure) + ");";
    case op_kind::fence:
      return "atomic_thread_fence(" + order + ");";
    case op_kind::await_eq:
    case op_kind::await_ne:
      return "while ((" + target + " = " + x + ".load(" + order + ")) " +
             (o.kind == op_kind::await_eq ? "!= " : "== ") + value + ") {}";
    case op_kind::await_cas:
      return "do { " + target + " = " + std::to_string(o.expected) +
             "; } while (!" + x + ".compare_exchange_strong(" + target + ", " +
             value + ", " + order + ", " + to_string(o.failure) + "));";
    case op_kind::skip_if_eq:
      return "if (" + source + " == " + value + ") goto L" +
             std::to_string(index + 1 + static_cast<std::size_t>(o.expected)) +
             ";";
  }
  return "?";
}

inline std::string to_string(const program& p) {
  std::string text = "atomic<int>";
  for (int x = 0; x < p.locations; ++x) {
    text += (x == 0 ? " x" : ", x") + std::to_string(x) + "{0}";
  }
  text += ";\n";
  for (std::size_t t = 0; t < p.threads.size(); ++t) {
    const thread& ops = p.threads[t];
    std::set<std::size_t> labels;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (ops[i].kind != op_kind::skip_if_eq) continue;
      labels.insert(i + 1 + static_cast<std::size_t>(ops[i].expected));
    }
    text += "thread " + std::to_string(t) + ":\n";
    for (std::size_t i = 0; i <= ops.size(); ++i) {
      if (labels.contains(i)) text += " L" + std::to_string(i) + ":\n";
      if (i < ops.size()) text += "  " + to_string(ops[i], i) + "\n";
    }
  }
  return text;
}

}  // namespace syncxx_test::oracle

#endif  // SYNCXX_TESTS_MODEL_ORACLE_PROGRAM_H_
