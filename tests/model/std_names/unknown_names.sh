#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the model checker does not know must not compile behind
# <sync/model/std.h>, with a message that names it: the real thing would be
# explored wrongly.
#   unknown_names.sh COMPILER INCLUDE_DIRECTORY
set -eu

compiler=$1
include=$2

compiles() { # BODY
  printf '#include <sync/model/std.h>\nvoid f(int i) {\n(void)i;\n%s\n}\n' "$1" |
    LC_ALL=C "$compiler" -std=c++20 -fsyntax-only -DSYNCXX_MODEL=1 \
      "-I$include" -x c++ - 2> "$log"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

compiles 'std::mutex m; std::atomic<int> a(i);' || {
  cat "$log" >&2
  echo 'FAILED: what it knows does not compile' >&2
  exit 1
}

failed=0
while IFS='|' read -r name body; do
  if compiles "$body"; then
    echo "FAILED: this compiles: $body" >&2
    failed=1
  elif ! grep -q "error.*$name" "$log"; then
    cat "$log" >&2
    echo "FAILED: no error names $name: $body" >&2
    failed=1
  fi
done << 'END'
shared_mutex|std::shared_mutex m;
shared_timed_mutex|std::shared_timed_mutex m;
atomic_ref|std::atomic_ref<int> r(i);
atomic_ref|std::atomic_ref r(i);
promise|std::promise<int> p;
future|std::future<int> result;
shared_future|std::shared_future<int> result;
packaged_task|std::packaged_task<int()> t;
async|(void)std::async([] {});
execution|(void)std::execution::par;
atomic|std::atomic<std::shared_ptr<int>> p;
END
exit $failed
