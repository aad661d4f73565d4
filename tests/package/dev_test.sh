#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks ./dev on made-up machines: a PATH that holds a few real tools and fake
# ones for dpkg-query, apt-get, sudo, id, cmake and ctest. The fakes log how
# they were called; nothing is installed or built.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bin=$scratch/bin
log=$scratch/log
checks=0

fail() {
  echo "FAILED: $*" >&2
  echo "--- what ./dev printed (exit $status):" >&2
  cat "$scratch/out" >&2
  echo "--- what it called:" >&2
  cat "$log" >&2
  exit 1
}

fake() { # NAME BODY
  printf '#!/bin/sh\necho "%s $*" >> "%s"\n%s\n' "$1" "$log" "$2" > "$bin/$1"
  chmod +x "$bin/$1"
}

# A machine with a shell and little more. `id -u` says $1.
machine() {
  rm -rf "$bin"
  mkdir -p "$bin"
  for tool in sh dirname basename sed grep tr od env cat head nproc find; do
    ln -s "$(command -v $tool)" "$bin/$tool"
  done
  : > "$scratch/installed"
  fake id "echo $1"
  # shellcheck disable=SC2016
  fake dpkg-query 'for package; do :; done
    if grep -qx "$package" "'"$scratch"'/installed"; then echo installed
    else exit 1; fi'
}

# An apt-get that "installs": dpkg-query knows the packages from then on.
with_apt() {
  # shellcheck disable=SC2016
  fake apt-get 'case $2 in install)
      shift 4
      for package; do echo "$package" >> "'"$scratch"'/installed"; done
    esac'
}

# What the verbs run once all packages are there.
with_build_tools() { # CMAKE_VERSION
  fake cmake "echo 'cmake version $1'"
  fake ctest 'echo tested'
  fake setarch 'exit 1'
}

dev() {
  : > "$log"
  status=0
  env -i PATH="$bin" HOME="$scratch" "$@" > "$scratch/out" 2>&1 < /dev/null ||
    status=$?
}

exits() {
  checks=$((checks + 1))
  [ "$status" -eq "$1" ] || fail "wanted exit status $1"
}

prints() {
  checks=$((checks + 1))
  grep -q -e "$1" "$scratch/out" || fail "did not print: $1"
}

calls() {
  checks=$((checks + 1))
  grep -q -e "$1" "$log" || fail "did not call: $1"
}

never_calls() {
  checks=$((checks + 1))
  ! grep -q -e "$1" "$log" || fail "called: $1"
}

# 1. No apt-get: an error that names the packages and what they are for.
machine 0
dev "$root/dev" test
exits 3
prints 'no apt-get'
prints 'cmake  *configures the build'
prints 'apt-get install cmake ninja-build g++ ccache'

# 2. Not root, and no sudo.
machine 1000
with_apt
dev "$root/dev" demo
exits 3
prints 'no sudo'
prints 'apt-get install cmake'
never_calls '^apt-get'

# 3. Not root, with sudo: asks no password where nobody is there to type it.
machine 1000
with_apt
# shellcheck disable=SC2016
fake sudo '[ "$1" = -n ] || exit 9; shift; exec "$@"'
with_build_tools 3.25.1
dev CI=true "$root/dev" test
exits 0
calls '^sudo -n apt-get -q update'
calls '^apt-get -q install -y --no-install-recommends .*ninja-build'

# 4. sudo that refuses.
machine 1000
with_apt
fake sudo 'exit 1'
dev "$root/dev" test
exits 3
prints 'could not install: cmake'

# 5. Root: says what and why, updates the lists once, installs, builds, tests.
machine 0
with_apt
with_build_tools 3.30.0
rm "$bin/cmake" # the package brings it
# shellcheck disable=SC2016
fake apt-get 'case $2 in install)
    shift 4
    for package; do echo "$package" >> "'"$scratch"'/installed"; done
    printf "#!/bin/sh\necho \"cmake \$*\" >> \"'"$log"'\"\necho \"cmake version 3.25.1\"\n" \
      > "'"$bin"'/cmake"
    "'"$(command -v chmod)"'" +x "'"$bin"'/cmake"
  esac'
dev "$root/dev" test -R mutex
exits 0
prints 'installing them: apt-get install cmake'
calls '^apt-get -q update'
calls '^cmake --preset dev'
calls '^cmake --build --preset dev'
calls '^ctest --preset dev --parallel [0-9]* -R mutex'
checks=$((checks + 1))
[ "$(grep -c '^apt-get -q update' "$log")" -eq 1 ] ||
  fail 'updated the lists more than once'

# 6. All there: apt-get is left alone.
dev "$root/dev" test
exits 0
never_calls '^apt-get'

# 7. Only reporting.
machine 0
with_apt
dev SYNCXX_NO_INSTALL=1 "$root/dev" test
exits 3
prints 'nothing was installed'
prints 'ninja-build'
never_calls '^apt-get'

# 8. A package archive that fails.
machine 0
fake apt-get 'exit 100'
dev "$root/dev" asan
exits 3
prints 'update failed'
prints 'could not install: cmake'

# 9. A CMake that is too old.
machine 0
with_apt
with_build_tools 3.22.1
dev "$root/dev" test
exits 3
prints 'CMake 3.25'

# 10. What a verb can do without does not stop it.
machine 0
with_apt
with_build_tools 3.25.1
fake apt-get 'case "$*" in *clang*) exit 100 ;; esac'
dev "$root/dev" tsan
exits 0
prints 'clang-19: not to be had'
prints 'clang 19 is not here: left out'
calls '^ctest --preset tsan-gcc'
never_calls '^ctest --preset tsan '

# 11. A build that fails is not tested, and the status says so.
machine 0
with_apt
with_build_tools 3.25.1
# shellcheck disable=SC2016
fake cmake 'case $1 in --version) echo "cmake version 3.25.1" ;;
  --build) exit 1 ;; esac'
dev "$root/dev" test
checks=$((checks + 1))
[ "$status" -ne 0 ] || fail 'a failed build was called a success'
never_calls '^ctest'
dev "$root/dev" tsan
checks=$((checks + 1))
[ "$status" -ne 0 ] || fail 'a failed build was called a success'
never_calls '^ctest'

# 12. Usage.
dev "$root/dev" no-such-verb
exits 2
prints 'no such verb: no-such-verb'
dev "$root/dev" stress soon
exits 2
dev "$root/dev"
exits 0
for verb in demo test bench stress model relacy tsan asan bazel format lint ci help; do
  prints "^  $verb  "
done

# 13. No Relacy, and no network: says so, and is no failure. With one: tests.
machine 0
with_apt
with_build_tools 3.25.1
fake git 'exit 128'
tree=$scratch/tree
mkdir -p "$tree/third_party/bazel"
cp "$root/dev" "$tree/dev"
cp "$root/third_party/bazel/relacy.bzl" "$tree/third_party/bazel/"
dev "$tree/dev" relacy
exits 0
prints 'fetching https://github.com/dvyukov/relacy.git at [0-9a-f]*$'
prints 'skipped: Relacy is not here'
never_calls '^ctest'
dev SYNCXX_RELACY_ROOT="$scratch" "$tree/dev" relacy
exits 2
mkdir -p "$scratch/relacy"
: > "$scratch/relacy/relacy.hpp"
dev SYNCXX_RELACY_ROOT="$scratch" "$tree/dev" relacy
exits 0
calls "^cmake --preset relacy -DSYNCXX_RELACY_ROOT=$scratch"
calls '^ctest --test-dir build/relacy/tests/relacy'

# 14. .ci/run on a made-up ./dev: goes on after a failing step, adds up what the
# runners print, and its last line and exit status tell.
ci=$scratch/ci
mkdir -p "$ci/.ci"
cp "$root/.ci/run" "$ci/.ci/run"
cat > "$ci/dev" << 'EOF'
#!/bin/sh
case $1 in
  test)
    echo '  7/10 Test #7: a.b ........***Skipped   0.01 sec'
    echo '90% tests passed, 1 tests failed out of 10'
    exit 8
    ;;
  asan) echo 'error: does not compile'; exit 1 ;;
  tsan)
    echo '100% tests passed, 0 tests failed out of 5'
    echo '100% tests passed, 0 tests failed out of 6'
    ;;
  lint) printf 'dev: ok: a\ndev: FAILED: b\n'; exit 1 ;;
  bazel)
    echo '//tests:a_test                        PASSED in 2.1s'
    echo '//tests:b_test               (cached) PASSED in 2.1s'
    echo '//tests:c_test                        FAILED in 0.1s'
    exit 3
    ;;
esac
EOF
chmod +x "$ci/dev"
: > "$log"
status=0
bash "$ci/.ci/run" > "$scratch/out" 2>&1 < /dev/null || status=$?
exits 1
# test 8+1, asan 0+1, tsan 11, lint 1+1, bazel 2+1, and demo and stress one each.
checks=$((checks + 1))
[ "$(tail -n 1 "$scratch/out")" = '24 passed, 4 failed' ] ||
  fail 'wrong closing line'
prints 'counted neither way: 1'
printf '#!/bin/sh\n' > "$ci/dev"
status=0
bash "$ci/.ci/run" > "$scratch/out" 2>&1 < /dev/null || status=$?
exits 0
prints '^7 passed, 0 failed$'

echo "dev_test: $checks checks passed"
