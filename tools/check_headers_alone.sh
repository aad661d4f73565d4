#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks that headers are self-sufficient: each compiles as the only thing (and
# the first, and twice over) in a file, in the plain, the hooked and the model
# build; those in sync/model/ in the last alone.
#
# Usage: tools/check_headers_alone.sh [COMPILER [HEADER...]]
#   COMPILER  default: $CXX, else c++
#   HEADER    as in #include <...>, e.g. sync/mutex.h; default: all of them
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
compiler=${1:-${CXX:-c++}}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
  # Header names hold no blanks.
  # shellcheck disable=SC2046
  set -- $(cd "$root/include" && find sync -name '*.h' | sort)
fi

warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror'
case $("$compiler" --version) in
  *clang*) warnings="$warnings -Wthread-safety" ;;
esac

# The one header that needs another library.
has_json=yes
echo '#include <nlohmann/json.hpp>' |
  "$compiler" -std=c++20 -fsyntax-only -x c++ - 2> /dev/null || has_json=no

failed=0
for header in "$@"; do
  if [ "$header-$has_json" = sync/bankers_json.h-no ]; then
    echo "not checked, without nlohmann-json3-dev: <$header>" >&2
    continue
  fi
  for build in SYNCXX_HOOKS=0 SYNCXX_HOOKS=1 SYNCXX_MODEL=1; do
    case $header-$build in
      sync/model/*-SYNCXX_HOOKS=*) continue ;;
    esac
    # shellcheck disable=SC2086
    if ! printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
        "$compiler" -std=c++20 -fsyntax-only -pthread $warnings \
            "-D$build" "-I$root/include" -x c++ -; then
      echo "not self-sufficient ($build): <$header>" >&2
      failed=1
    fi
  done
done
exit $failed
