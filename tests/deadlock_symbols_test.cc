// SPDX-License-Identifier: Apache-2.0
//
// What the symbolizer knows of code in shared objects: loaded later, unloaded
// and loaded elsewhere, stripped. They are compiled here, if there is a
// compiler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/detail/config.h>

#if SYNCXX_HOOKED

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "src/deadlock/report/debug_info.h"
#include "src/deadlock/report/symbolizer.h"
#include "tests/support/findings.h"
#include "tests/support/misuse_child.h"
#include "tests/support/temporary_directory.h"

namespace syncxx_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSource = R"(
namespace plugin {
struct part {
  [[gnu::always_inline]] static void inlined(void (*f)(void*), void* argument) {
    f(argument);
    asm volatile("");
  }
};
[[gnu::noinline]] void in_between(void (*f)(void*), void* argument) {
  part::inlined(f, argument);
  asm volatile("");
}
}  // namespace plugin
extern "C" void call_back(void (*f)(void*), void* argument) {
  plugin::in_between(f, argument);
  asm volatile("");
}
)";

class DeadlockSymbols : public testing::Test {
 protected:
  void SetUp() override {
    if (!detail::debug_info::is_built_in())
      GTEST_SKIP() << "the library was built without libbacktrace";
    if (under_qemu()) GTEST_SKIP() << "the compiler is not for this machine";
    if (!is_on_path("c++")) GTEST_SKIP() << "no c++ here";
    std::ofstream(files_ / "plugin.cc") << kSource;
  }
  // True if it is there.
  bool compile(const std::string& library, const std::string& flags) {
    const std::string command = "c++ -O1 -fPIC -shared " + flags + " -o '" +
                                (files_ / library) + "' '" +
                                (files_ / "plugin.cc") + "'";
    return std::system(command.c_str()) == 0;
  }
  // The stack of a call back from the library, as it is printed.
  std::string stack_through(const std::string& library) {
    void* const loaded = dlopen((files_ / library).c_str(), RTLD_NOW);
    if (loaded == nullptr) return dlerror();
    using call_back = void(void (*)(void*), void*);
    auto* const f = reinterpret_cast<call_back*>(dlsym(loaded, "call_back"));
    detail::place at;
    f([](void* into) { *static_cast<detail::place*>(into) = place_here(); },
      &at);
    const std::string said = print(at);
    dlclose(loaded);
    return said;
  }
  static std::string print(const detail::place& at) {
    char storage[16384];
    detail::text out(storage);
    const auto symbols = std::make_unique<detail::symbolizer>();
    symbols->add(at);
    symbols->resolve();
    symbols->print(at, "", out);
    symbols->print_help("", out);
    return std::string(out.view());
  }
  temporary_directory files_;
};

TEST_F(DeadlockSymbols, LibraryThatIsLoadedLater) {
  print(place_here());  // what was loaded then is known
  ASSERT_TRUE(compile("plugin.so", "-g"));
  EXPECT_THAT(stack_through("plugin.so"),
              HasSubstr("plugin.cc:5 in plugin::part::inlined(void (*)(void*), "
                        "void*)\n"));
  const std::string said = stack_through("plugin.so");
  EXPECT_THAT(said, HasSubstr("plugin.cc:10 in plugin::in_between("));
  EXPECT_THAT(said, HasSubstr("plugin.cc:15 in call_back\n"));
}

// One takes the other's place in memory; what was read of the first is no more
// valid.
TEST_F(DeadlockSymbols, LibraryInThePlaceOfAnother) {
  ASSERT_TRUE(compile("first.so", "-g"));
  std::ofstream(files_ / "plugin.cc") << "\n\n\n" << kSource;
  ASSERT_TRUE(compile("second.so", "-g"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(stack_through("first.so"), HasSubstr("plugin.cc:15 in "));
    EXPECT_THAT(stack_through("second.so"), HasSubstr("plugin.cc:18 in "));
  }
}

TEST_F(DeadlockSymbols, StrippedLibraryIsModuleAndOffset) {
  ASSERT_TRUE(compile("stripped.so", "-g -s"));
  const std::string said = stack_through("stripped.so");
  EXPECT_THAT(said, HasSubstr("/stripped.so+0x"));
  EXPECT_THAT(said, Not(HasSubstr("plugin.cc")));
}

// Debug information beside the library, found by .gnu_debuglink.
TEST_F(DeadlockSymbols, DebugInformationInAFileOfItsOwn) {
  if (!is_on_path("objcopy")) GTEST_SKIP() << "no objcopy here";
  ASSERT_TRUE(compile("plugin.so", "-g"));
  const std::string split =
      "cd '" + (files_ / "") +
      "' && objcopy --only-keep-debug plugin.so plugin.debug && "
      "objcopy --strip-all --add-gnu-debuglink=plugin.debug plugin.so";
  ASSERT_EQ(std::system(split.c_str()), 0);
  EXPECT_THAT(stack_through("plugin.so"), HasSubstr("plugin.cc:15 in "));
}

TEST_F(DeadlockSymbols, LibraryWithoutDebugInformationHasFunctions) {
  ASSERT_TRUE(compile("bare.so", "-g0"));
  const std::string said = stack_through("bare.so");
  EXPECT_THAT(said, HasSubstr("bare.so+0x"));
  EXPECT_THAT(said, HasSubstr(" in plugin::in_between("));
}

// Reading maps files and memory; all of it is given back when other files are
// loaded.
TEST_F(DeadlockSymbols, MemoryIsGivenBack) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer maps memory of its own";
  ASSERT_TRUE(compile("plugin.so", "-g"));
  const auto maps = [] {
    std::ifstream in("/proc/self/maps");
    long bytes = 0;
    for (std::string line; std::getline(in, line);) {
      unsigned long begin = 0;
      unsigned long end = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2)
        bytes += static_cast<long>(end - begin);
    }
    return bytes;
  };
  stack_through("plugin.so");
  const long before = maps();
  for (int i = 0; i < 20; ++i) stack_through("plugin.so");
  EXPECT_LT(maps() - before, 4 << 20);
}

TEST_F(DeadlockSymbols, NamesThatAreNotMangledOrTooLong) {
  char storage[8192];
  const auto name_of = [&](const std::string& mangled) {
    detail::text out(storage);
    detail::debug_info::demangle(mangled, out);
    return std::string(out.view());
  };
  EXPECT_EQ(name_of("main"), "main");
  EXPECT_EQ(name_of("_Z1fi"), "f(int)");
  EXPECT_EQ(name_of("_Znonsense"), "_Znonsense");
  EXPECT_EQ(name_of(""), "");
  const std::string long_name = "_Z1f" + std::string(2000, 'i');
  EXPECT_EQ(name_of(long_name), long_name);
}

}  // namespace
}  // namespace syncxx_test

#else

TEST(DeadlockSymbols, PlainLibrary) {
  GTEST_SKIP() << "the plain library reports nothing";
}

#endif  // SYNCXX_HOOKED
