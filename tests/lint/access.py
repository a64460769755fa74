#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the steps may open: a step that does the work of others may read what they read."""

import re

from lint import at, line_of, main

# Who plans or resolves what others do; plan_steps() of helpers/verbs/plan/plan.cpp, and the layers that eks-config reads.
PLANS_FOR = {
    "kubelet-edits": ["ca", "config", "containerd-config", "credential-provider", "environment", "kubeconfig", "kubelet-args",
                      "kubelet-config", "registry-mirrors", "resolved", "shutdown", "sysctl", "trust"],
    "user-scripts": ["ca", "containerd-config", "credential-provider", "environment", "kubeconfig", "kubelet-args", "kubelet-config",
                     "registry-mirrors", "resolved", "shutdown", "sysctl", "trust"],
    "docker-runtimes": ["config", "containerd-config"],
}
NOT_PLANNED = ["/run/cloud-init", "/var/lib/cloud/data"]  # read by eks-config for a message, while it waits for scripts
OF_PROGRAMS = ["/etc/ld.so.cache", "/lib", "/lib64", "/proc", "/sys", "/usr"]  # with runs_programs, see confine.cpp


def paths(text, member):
    """(path, line) of each string in the list that `.member = {` begins."""
    if m := re.search(rf"\.{member} = {{([^}}]*)}}", text):
        yield from ((s[1], line_of(text, m.start(1) + s.start())) for s in re.finditer(r'"([^"]+)"', m[1]))


def check_reads(tree):
    """A path that a step names is covered by the Access of each program that plans for it."""
    sources = {name: tree.text(f"helpers/steps/{name}/main.cpp") for name in {*PLANS_FOR, *sum(PLANS_FOR.values(), [])}}
    for planner, steps in PLANS_FOR.items():
        text = sources[planner]
        allowed = [path for member in ("reads", "writes", "devices") for path, _ in paths(text, member)]
        if ".runs_programs = true" in text:
            allowed += OF_PROGRAMS
        for step in steps:
            for path, line in [*paths(sources[step], "reads"), *paths(sources[step], "devices")]:
                if path not in NOT_PLANNED and not any(path == a or path.startswith(a + "/") for a in allowed):
                    yield at(f"helpers/steps/{step}/main.cpp", line,
                             f"reads {path}, which eks-{planner} plans without: add it there")


if __name__ == "__main__":
    main()
