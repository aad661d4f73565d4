// SPDX-License-Identifier: Apache-2.0
//
// What an atomic can hold: every type of up to 16 bytes that can be copied as
// bytes, each with the operations of its kind ([atomics.types.int], .float,
// .pointer).
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

enum small : std::uint8_t { kNone, kOne, kTwo };
enum class wide : std::int64_t { none = 0, one = -1, two = 1ll << 40 };

// N bytes without padding.
template <std::size_t N>
struct bytes {
  std::array<std::uint8_t, N> each{};
  bool operator==(const bytes&) const = default;
};
struct two_words {
  std::uint64_t first, second;
  bool operator==(const two_words&) const = default;
};
struct pointer_and_count {
  const int* pointer;
  std::uint64_t count;
  bool operator==(const pointer_and_count&) const = default;
};
struct three_shorts {
  std::int16_t a, b, c;
  bool operator==(const three_shorts&) const = default;
};
struct three_ints {
  std::int32_t a, b, c;
  bool operator==(const three_ints&) const = default;
};

const int kInts[4] = {0, 1, 2, 3};

// Two values of each type, other than T().
template <class T>
struct sample {
  static constexpr T one = static_cast<T>(-1);
  static constexpr T two = static_cast<T>(2);
};
template <>
struct sample<bool> {
  static constexpr bool one = true;
  static constexpr bool two = true;
};
template <>
struct sample<wide> {
  static constexpr wide one = wide::one;
  static constexpr wide two = wide::two;
};
template <>
struct sample<small> {
  static constexpr small one = kOne;
  static constexpr small two = kTwo;
};
template <std::size_t N>
struct sample<bytes<N>> {
  static constexpr bytes<N> of(std::uint8_t first, std::uint8_t last) {
    bytes<N> b;
    b.each.fill(0x5a);
    b.each.front() = first;
    b.each.back() = last;
    return b;
  }
  static constexpr bytes<N> one = of(1, 2);
  static constexpr bytes<N> two = of(3, 4);
};
template <>
struct sample<two_words> {
  static constexpr two_words one{1, ~0ull};
  static constexpr two_words two{1, 2};
};
template <>
struct sample<pointer_and_count> {
  static constexpr pointer_and_count one{kInts, 1};
  static constexpr pointer_and_count two{kInts, 2};
};
template <>
struct sample<three_shorts> {
  static constexpr three_shorts one{1, 1, 1};
  static constexpr three_shorts two{1, 1, 2};
};
template <>
struct sample<three_ints> {
  static constexpr three_ints one{1, 1, 1};
  static constexpr three_ints two{1, 1, 2};
};
template <>
struct sample<const int*> {
  static constexpr const int* one = kInts + 1;
  static constexpr const int* two = kInts + 2;
};

template <class T>
int number_of(const T& value) {
  if (value == T{}) return 0;
  if (value == sample<T>::one) return 1;
  return value == sample<T>::two ? 2 : 9;
}

template <class T>
class AtomicOf : public testing::Test {};

using all_types =
    testing::Types<bool, char, signed char, unsigned char, char8_t, char16_t,
                   char32_t, wchar_t, short, unsigned short, int, unsigned,
                   long, unsigned long, long long, unsigned long long, float,
                   double, const int*, small, wide, bytes<1>, bytes<2>,
                   bytes<3>, bytes<4>, bytes<7>, bytes<8>, bytes<12>, bytes<15>,
                   bytes<16>, two_words, pointer_and_count, three_shorts,
                   three_ints>;

class names {
 public:
  template <class T>
  static std::string GetName(int i) {
    return "Type" + std::to_string(i) + "Size" + std::to_string(sizeof(T));
  }
};
TYPED_TEST_SUITE(AtomicOf, all_types, names);

// A reader sees all of a value or nothing of it.
TYPED_TEST(AtomicOf, StoreAndLoad) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{}};
        threads([&] { x.store(sample<T>::one, rlx); },
                [&] {
                  r[0] = number_of(x.load(rlx));
                  r[1] = number_of(x.load(rlx));
                });
      },
      "00 01 11", 3);
}

TYPED_TEST(AtomicOf, DefaultIsZero) {
  expect(
      [](registers& r) {
        const atomic<TypeParam> x;
        r[0] = number_of(x.load());
        r[1] = x.is_lock_free() && atomic<TypeParam>::is_always_lock_free;
      },
      "01", 1);
}

TYPED_TEST(AtomicOf, Exchange) {
  using T = TypeParam;
  const int two = number_of(sample<T>::two);  // bool has no third value
  expect(
      [](registers& r) {
        atomic<T> x{T{}};
        threads([&] { r[0] = number_of(x.exchange(sample<T>::one, rlx)); },
                [&] { r[1] = number_of(x.exchange(sample<T>::two, rlx)); });
        r[2] = number_of(x.load(rlx));
      },
      two == 1 ? "011 101" : "012 201", 2);
}

TYPED_TEST(AtomicOf, CompareExchange) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{}};
        const auto side = [&](const T& mine, int& won, int& seen) {
          T expected{};
          won = x.compare_exchange_strong(expected, mine, rlx);
          seen = number_of(expected);
        };
        threads([&] { side(sample<T>::one, r[0], r[2]); },
                [&] { side(sample<T>::one, r[1], r[3]); });
        T expected = sample<T>::one;
        r[4] = x.compare_exchange_strong(expected, T{});
        r[5] = number_of(x.load(rlx));
      },
      "100110 011010", 2);
}

TYPED_TEST(AtomicOf, WeakCompareExchange) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{}};
        T expected{};
        r[0] = x.compare_exchange_weak(expected, sample<T>::one);
        r[1] = number_of(expected);
        r[2] = number_of(x.load());
      },
      "101 000", 2);
}

TYPED_TEST(AtomicOf, Await) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{}};
        threads([&] { x.store(sample<T>::one, rel); },
                [&] {
                  T seen;
                  do {
                    seen = x.load(acq);
                  } while (seen == T{});
                  r[0] = number_of(seen);
                });
      },
      "1", 1);
}

TYPED_TEST(AtomicOf, ConversionAndAssignment) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x(sample<T>::one);
        const T before = x;
        r[0] = number_of(before);
        const T assigned = x = T{};
        r[1] = number_of(assigned);
        const T after = x;
        r[2] = number_of(after);
      },
      "100", 1);
}

// --- Arithmetic --------------------------------------------------------------

template <class T>
class IntegralAtomic : public testing::Test {};
using integral_types =
    testing::Types<char, signed char, unsigned char, char8_t, char16_t,
                   char32_t, wchar_t, short, unsigned short, int, unsigned,
                   long, unsigned long, long long, unsigned long long>;
TYPED_TEST_SUITE(IntegralAtomic, integral_types, names);

// Signed ones wrap around, too ([atomics.types.int]/8): no overflow.
TYPED_TEST(IntegralAtomic, WrapsAround) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        constexpr T low = std::numeric_limits<T>::min();
        constexpr T high = std::numeric_limits<T>::max();
        atomic<T> x{high};
        r[0] = x.fetch_add(1) == high && x.load() == low;
        r[1] = x.fetch_sub(1) == low && x.load() == high;
        r[2] = ++x == low && x++ == low && x.load() == low + 1;
        r[3] = --x == low && x-- == low && x.load() == high;
        r[4] = (x += 2) == static_cast<T>(low + 1);
        r[5] = (x -= 2) == high;
      },
      "111111", 1);
}

TYPED_TEST(IntegralAtomic, Bits) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{12}};
        r[0] = x.fetch_or(3) == 12 && x.load() == 15;
        r[1] = x.fetch_and(10) == 15 && x.load() == 10;
        r[2] = x.fetch_xor(6) == 10 && x.load() == 12;
        r[3] = (x |= 1) == 13;
        r[4] = (x &= 9) == 9;
        r[5] = (x ^= 8) == 1;
      },
      "111111", 1);
}

// Two threads' additions and subtractions, each by its own amount.
TYPED_TEST(IntegralAtomic, AdditionAndSubtraction) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T{5}};
        threads([&] { r[0] = static_cast<int>(x.fetch_add(3, rlx)); },
                [&] { r[1] = static_cast<int>(x.fetch_sub(1, rlx)); });
        r[2] = static_cast<int>(x.load(rlx));
      },
      "587 457", 2);
}

TEST(AtomicTypesTest, UnsignedOverflowAcrossThreads) {
  // 200 twice is 144 modulo 256; the second one reads 200.
  expect(
      [](registers& r) {
        atomic<std::uint8_t> x{0};
        threads([&] { r[0] = x.fetch_add(200, rlx) == 200; },
                [&] { r[1] = x.fetch_add(200, rlx) == 200; });
        r[2] = x.load(rlx) == 144;
      },
      "011 101", 2);
}

template <class T>
class FloatingAtomic : public testing::Test {};
using floating_types = testing::Types<float, double>;
TYPED_TEST_SUITE(FloatingAtomic, floating_types, names);

TYPED_TEST(FloatingAtomic, AddAndSubtract) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{T(0.5)};
        const auto quarters = [](T v) { return static_cast<int>(v * 4); };
        threads([&] { r[0] = quarters(x.fetch_add(T(0.25), rlx)); },
                [&] { r[1] = quarters(x.fetch_sub(T(0.5), rlx)); });
        r[2] = quarters(x.load(rlx));
        r[3] = quarters(x += T(0.75));
        r[4] = quarters(x -= T(0.5));
      },
      // 2 quarters; +1, -2, in either order; then +3, -2
      "23142 02142", 2);
}

// compare_exchange compares representations: 0 is not -0, a NaN is itself.
TYPED_TEST(FloatingAtomic, CompareExchangeComparesBits) {
  using T = TypeParam;
  expect(
      [](registers& r) {
        atomic<T> x{-T(0)};
        T expected = 0;
        r[0] = x.compare_exchange_strong(expected, T(1));
        r[1] = std::signbit(expected);
        atomic<T> y{std::numeric_limits<T>::quiet_NaN()};
        expected = std::numeric_limits<T>::quiet_NaN();
        r[2] = y.compare_exchange_strong(expected, T(1));
      },
      "011", 1);
}

TEST(AtomicTypesTest, Pointers) {
  // By elements, not bytes.
  expect(
      [](registers& r) {
        atomic<const int*> x{kInts};
        threads([&] { r[0] = *x.fetch_add(1, rlx); },
                [&] { r[1] = *x.fetch_add(2, rlx); });
        r[2] = *x.load(rlx);
        r[3] = *(x -= 2);
        r[4] = *++x;
        r[5] = *x--;
        r[6] = *(x += 1);
        r[7] = *x.fetch_sub(1);
      },
      "01312222 20312222", 2);
}

// Neighbours in memory are objects of their own, whatever their sizes.
TEST(AtomicTypesTest, Neighbours) {
  expect(
      [](registers& r) {
        struct {
          atomic<std::uint8_t> a{0}, b{0};
          atomic<std::uint16_t> c{0};
          atomic<bool> d{false};
        } s;
        threads([&] { s.a.store(1, rlx); }, [&] { s.b.store(2, rlx); },
                [&] { s.c.store(3, rlx); }, [&] { s.d.store(true, rlx); });
        r[0] = s.a.load(rlx);
        r[1] = s.b.load(rlx);
        r[2] = s.c.load(rlx);
        r[3] = s.d.load(rlx);
      },
      "1231", 1);
}

// A counter against ABA: the exchange fails, since the count has moved on.
TEST(AtomicTypesTest, PointerAndCount) {
  // r[0]: the first thread's exchange; it read the pair before, between or
  // after the second thread's there-and-back, and its exchange comes in there.
  expect(
      [](registers& r) {
        atomic<pointer_and_count> x{pointer_and_count{kInts, 0}};
        threads(
            [&] {
              pointer_and_count seen = x.load(rlx);
              r[0] = static_cast<int>(seen.count);
              r[1] = x.compare_exchange_strong(seen, {kInts + 3, 9}, rlx);
            },
            [&] {
              x.store({kInts + 1, 1}, rlx);
              x.store({kInts, 2}, rlx);
            });
      },
      "01 00 11 10 21", 6);
}

}  // namespace
}  // namespace syncxx_test::litmus
