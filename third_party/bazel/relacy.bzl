# SPDX-License-Identifier: Apache-2.0
"""Relacy, a second opinion on the locks: tests/relacy.

The pin below is read by CMake (cmake/syncxx_relacy.cmake) and ./dev as well.
"""

load("@bazel_tools//tools/build_defs/repo:git.bzl", "new_git_repository")

RELACY_REPOSITORY = "https://github.com/dvyukov/relacy.git"
RELACY_COMMIT = "9f2543898aee45b6b49c9f93206a8e04ace886dc"

_BUILD = """
cc_library(
    name = "relacy",
    hdrs = glob(["relacy/**/*.hpp"]),
    includes = ["."],
    visibility = ["//visibility:public"],
)
"""

def relacy_repository():
    """Fetched only where something of //tests/relacy is asked for by name."""
    new_git_repository(
        name = "relacy",
        build_file_content = _BUILD,
        commit = RELACY_COMMIT,
        remote = RELACY_REPOSITORY,
    )
