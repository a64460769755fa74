#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where things are: nothing is installed, and nothing lies in the repository, that is not meant to be there."""

import os
import re
import stat

from lint import LIBEXEC_DIRECTORY, NODE_UNIT_DIRECTORY, UNIT_DIRECTORY, Skip, at, main

TOP_LEVEL = {
    "meson.build", "meson_options.txt", "README.md", "LICENSE", ".ci", ".github", "generators", "units", "helpers", "dropins", "packer",
    "man", "tests", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore"}

# What we install, with /lib and /usr/lib as one. Vendor files only: /etc, /run and /var are the admin's and the boot's.
# The exception are commands that scripts call by the paths of older images.
COMPAT = r"usr/bin/(?:cache-pause-container|imds|nodeadm|vercmp)|etc/eks/(?:log-collector-script/)?[a-z-]+\.sh"
PROGRAMS = "|".join((
    rf"{LIBEXEC_DIRECTORY}/(?:eks(?:node)?-[a-z-]+|compat-commands)", "usr/bin/eksnode", COMPAT,
    r"usr/share/eks/packer/(?:image|provisioners/[a-z/-]+)", "usr/lib/systemd/system-generators/eks-[a-z-]+-generator"))
FILES = "|".join((
    rf"{UNIT_DIRECTORY}/(?:eks-[a-z-]+@?\.(?:service|target|socket|slice|path|timer)|nvidia-(?:cdi|module)\.service|runtime\.slice|soci-snapshotter\.(?:service|socket))",
    rf"{UNIT_DIRECTORY}/[\w.@-]+\.d/\d\d-[a-z-]+\.conf",
    rf"{UNIT_DIRECTORY}/eks-(?:configured|node)\.target\.wants/eks-[a-z-]+\.(?:service|target)",
    # kubelet's package has a unit of this name
    rf"{NODE_UNIT_DIRECTORY}/(?:kubelet\.service|[\w.@-]+\.d/\d\d-[a-z-]+\.conf|node/[a-z-]+\.conf)",
    r"usr/lib/systemd/(?:journald|logind|networkd|resolved|system|timesyncd)\.conf\.d/\d\d-[a-z-]+\.conf",
    r"usr/lib/systemd/network/(?:99-default\.link|80-ec2\.network)\.d/\d\d-[a-z-]+\.conf",
    r"usr/lib/systemd/network/\d\d-eks-[a-z-]+\.network",
    r"usr/lib/udev/rules\.d/\d\d-[a-z-]+\.rules",
    r"etc/udev/rules\.d/99-vpc-policy-routes\.rules",  # masks that of another package
    r"usr/lib/(?:sysctl|tmpfiles)\.d/\d\d-[a-z-]+\.conf",
    r"usr/lib/modules-load\.d/containerd\.conf",
    r"etc/chrony/sources\.d/eks\.sources",  # chrony and logrotate read nothing of the vendor's
    r"etc/logrotate\.d/kube-proxy",
    r"usr/lib/systemd/catalog/eks-node\.catalog",
    rf"{LIBEXEC_DIRECTORY}/libeksnode-[a-z]+-[\d.]+\.so",
    r"usr/share/eks/(?:[a-z.-]+/)?[\w.-]+",
    r"usr/share/eks/packer/(?:lib|template|variants|versions)/[\w.-]+",
    r"usr/lib/eks/(?:[a-z.-]+/)?[\w.-]+",
    r"usr/share/man/man[18]/(?:cache-pause-container|imds|nodeadm|vercmp|[a-z-]+\.sh)\.[18]",
    r"usr/share/man/man1/eksnode(?:-[a-z-]+)?\.1",
    r"usr/share/man/man[578]/(?:eks-[\w.@-]+|kubelet\.service|nvidia-(?:cdi|module)\.service|runtime\.slice|soci-snapshotter\.\w+)\.[578]",
))


def check_installed(tree):
    if tree.options.get("prefix", "/usr") != "/usr":
        raise Skip("this build has another prefix")
    for path in sorted(tree.stage.rglob("*")):
        relative = str(path.relative_to(tree.stage))
        if path.is_dir() or relative in ("bin", "lib", "sbin"):
            continue

        mode = 0o755 if re.fullmatch(PROGRAMS, relative) or relative.endswith(".so") else 0o644
        if not re.fullmatch(f"{PROGRAMS}|{FILES}", relative):
            yield at("meson.build", 1,
                     f"/{relative} is installed where nothing of ours belongs, mend its install_dir")
        elif not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) != mode:
            yield at("meson.build", 1,
                     f"/{relative} has mode {stat.S_IMODE(path.stat().st_mode):o}, install it with {mode:o}")
        elif path.lstat().st_uid != os.geteuid() or path.lstat().st_gid not in (os.getegid(), tree.stage.stat().st_gid):
            yield at("meson.build", 1,
                     f"/{relative} belongs to {path.lstat().st_uid}:{path.lstat().st_gid}, and not to the user who installs it")


def check_top_level(tree):
    for path in tree.all_files:
        if path.parts[0] not in TOP_LEVEL:
            yield at(path, 1, f"'{path.parts[0]}' is not one of the top level's names, move it into one of the folders")
        elif path.parts[0] == ".ci" and str(path) != ".ci/run":
            yield at(path, 1, "CI has one entry, .ci/run: move it to tests/ and call it from there")
        elif path.parts[0] == ".github" and path.name not in ("CONTRIBUTING.md", "SECURITY.md"):
            yield at(path, 1, ".github holds CONTRIBUTING.md and SECURITY.md only")


if __name__ == "__main__":
    main()
