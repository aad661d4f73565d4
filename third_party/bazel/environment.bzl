# SPDX-License-Identifier: Apache-2.0
"""A repository that tells WORKSPACE what --config=... asked for."""

def _environment_impl(ctx):
    ctx.file("BUILD.bazel", "")
    ctx.file("environment.bzl", "DEPENDENCIES = %s\n" % repr(
        ctx.os.environ.get("SYNCXX_DEPENDENCIES", "fetched"),
    ))

environment = repository_rule(
    implementation = _environment_impl,
    environ = ["SYNCXX_DEPENDENCIES"],
)
