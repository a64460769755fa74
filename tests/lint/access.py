#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the steps may open: a step that does the work of others may read what they read."""

import re

from lint import at, line_of, main

# What eks-docker-runtimes resolves is read by these; who plans a whole node takes its access from them, see steps/steps.hpp.
PLANS_FOR = {"docker-runtimes": ["config", "containerd-config"]}
NOT_PLANNED = ["/run/cloud-init", "/var/lib/cloud/data"]  # read by eks-config for a message, while it waits for scripts
OF_PROGRAMS = ["/etc/ld.so.cache", "/lib", "/lib64", "/proc", "/sys", "/usr"]  # with runs_programs, see confine.cpp


def paths(text, member):
    """(path, line) of each string in the list that `.member = {` begins."""
    if m := re.search(rf"\.{member} = {{([^}}]*)}}", text):
        yield from ((s[1], line_of(text, m.start(1) + s.start())) for s in re.finditer(r'"([^"]+)"', m[1]))


def check_reads(tree):
    """A path that a step names is covered by the Access of each program that plans for it."""
    files = {name: f"helpers/steps/{name}/{name.replace('-', '_')}.cpp" for name in sum(PLANS_FOR.values(), [])}
    sources = {name: tree.text(file) for name, file in files.items()}

    for planner, steps in PLANS_FOR.items():
        text = tree.text(f"helpers/steps/{planner}/main.cpp")
        allowed = [path for member in ("reads", "writes", "devices") for path, _ in paths(text, member)]

        if ".runs_programs = true" in text:
            allowed += OF_PROGRAMS

        for step in steps:
            for path, line in [*paths(sources[step], "reads"), *paths(sources[step], "devices")]:
                if path not in NOT_PLANNED and not any(path == a or path.startswith(a + "/") for a in allowed):
                    yield at(files[step], line,
                             f"reads {path}, which eks-{planner} plans without: add it there")


if __name__ == "__main__":
    main()
