# SPDX-License-Identifier: Apache-2.0
"""Where the libraries that tests and benchmarks need come from.

syncxx itself needs none of them. By default they are pinned archives, fetched.
With --config=debian they are Debian's packages googletest, libbenchmark-dev and
libabsl-dev, and what Bazel 4 itself would fetch is Debian's too or stands
beside this file: nothing is fetched.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load(":relacy.bzl", "relacy_repository")

_GOOGLETEST = """
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "gtest",
    srcs = glob(
        ["googletest/src/*", "googlemock/src/*"],
        exclude = [
            "googletest/src/gtest-all.cc",
            "googletest/src/gtest_main.cc",
            "googlemock/src/gmock-all.cc",
            "googlemock/src/gmock_main.cc",
        ],
    ),
    hdrs = glob(["googletest/include/**/*.h", "googlemock/include/**/*.h"]),
    copts = ["-w"],
    includes = [
        "googlemock",
        "googlemock/include",
        "googletest",
        "googletest/include",
    ],
    linkopts = ["-pthread"],
)

cc_library(
    name = "gtest_main",
    srcs = ["googlemock/src/gmock_main.cc"],
    deps = [":gtest"],
)
"""

_BENCHMARK = """
package(default_visibility = ["//visibility:public"])

cc_library(name = "benchmark", linkopts = ["-lbenchmark", "-pthread"])

cc_library(
    name = "benchmark_main",
    linkopts = ["-lbenchmark_main"],
    deps = [":benchmark"],
)
"""

_ABSEIL = """
cc_library(
    name = "{name}",
    linkopts = [{linkopts}],
    visibility = ["//visibility:public"],
)
"""

# Packages of Abseil that the project uses; each has one target of its name.
_ABSEIL_PACKAGES = ["base", "synchronization", "time"]

def _need(ctx, path, package):
    if not ctx.path(path).exists:
        fail("%s is not there: install Debian's package %s." % (path, package))

def _debian_googletest(ctx):
    for part in ["googletest", "googlemock"]:
        path = "/usr/src/googletest/" + part
        _need(ctx, path, "googletest")
        ctx.symlink(path, part)
    ctx.file("BUILD.bazel", _GOOGLETEST)

def _debian_benchmark(ctx):
    _need(ctx, "/usr/include/benchmark/benchmark.h", "libbenchmark-dev")
    ctx.file("BUILD.bazel", _BENCHMARK)

def _debian_abseil(ctx):
    _need(ctx, "/usr/include/absl/base/config.h", "libabsl-dev")
    ctx.file("BUILD.bazel", "")
    for name in _ABSEIL_PACKAGES:
        got = ctx.execute(["pkg-config", "--libs", "absl_" + name])
        if got.return_code != 0:
            fail("pkg-config --libs absl_%s: %s" % (name, got.stderr))
        linkopts = ", ".join([repr(word) for word in got.stdout.strip().split(" ") if word])
        ctx.file(
            "absl/%s/BUILD.bazel" % name,
            _ABSEIL.format(name = name, linkopts = linkopts),
        )

def _rule(function):
    return repository_rule(implementation = function, local = True)

_googletest = _rule(_debian_googletest)
_benchmark = _rule(_debian_benchmark)
_abseil = _rule(_debian_abseil)

def _debian():
    # What Bazel's own workspace asks for.
    for name, path in {
        "platforms": "/usr/share/bazel/tools/platforms",
        "remote_coverage_tools": "third_party/bazel/remote_coverage_tools",
        "rules_cc": "third_party/bazel/rules_cc",
        "rules_java": "/usr/share/bazel/rules/java",
        "rules_proto": "/usr/share/bazel/rules/proto",
    }.items():
        native.local_repository(name = name, path = path)

    _googletest(name = "com_google_googletest")
    _benchmark(name = "com_github_google_benchmark")
    _abseil(name = "com_google_absl")

def _fetched():
    http_archive(
        name = "com_google_googletest",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        url = "https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz",
    )
    http_archive(
        name = "com_github_google_benchmark",
        sha256 = "6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce",
        strip_prefix = "benchmark-1.8.3",
        url = "https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz",
    )
    http_archive(
        name = "com_google_absl",
        sha256 = "59d2976af9d6ecf001a81a35749a6e551a335b949d34918cfade07737b9d93c5",
        strip_prefix = "abseil-cpp-20230802.0",
        url = "https://github.com/abseil/abseil-cpp/archive/refs/tags/20230802.0.tar.gz",
    )

def syncxx_dependencies(source):
    """What //tests and //bench need; users of //:syncxx do not call this.

    Args:
      source: "debian" or anything else, from @syncxx_environment.
    """
    relacy_repository()
    if source == "debian":
        _debian()
    else:
        _fetched()
