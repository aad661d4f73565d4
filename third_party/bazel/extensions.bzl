# SPDX-License-Identifier: Apache-2.0
"""For MODULE.bazel: what is in no registry."""

load(":relacy.bzl", "relacy_repository")

def _relacy(_):
    relacy_repository()

relacy = module_extension(implementation = _relacy)
