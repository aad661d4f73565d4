// SPDX-License-Identifier: Apache-2.0
//
// Writes the pages of some failing programs into the folder given, for
// check_page.py.
#include <cstdio>
#include <functional>
#include <string>

#include "tests/model/page/failures.h"

namespace {

bool write_page(const std::string& folder, const char* name,
                const std::function<void()>& test) {
  syncxx::model::options how;
  how.html = folder + "/" + name + ".html";
  const syncxx::model::result r = syncxx::model::check(test, how);
  std::printf("%s: %s: %s\n", name, syncxx::model::to_string(r.what),
              r.message.c_str());
  return !r;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  namespace t = syncxx_test;
  bool all = true;
  const auto page = [&](const char* name, void (*test)()) {
    all &= write_page(argv[1], name, test);
  };
  page("message_passing", &t::message_passing);
  page("stale_read", &t::stale_read);
  page("two_locks", &t::two_locks_in_two_orders);
  page("use_after_free", &t::use_after_free);
  page("handed_over", &t::handed_over);
  page("waiting_in_vain", &t::waiting_in_vain);
  page("five_threads", &t::five_threads);
  return all ? 0 : 1;
}
