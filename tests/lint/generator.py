#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The generator, run as the manager runs it: the same result for the same input, and nothing but the reason if this is not a node."""

import os
import re

from lint import at, main, run, tool

PROGRAM = "usr/lib/systemd/system-generators/eks-node-generator"
SOURCE = "generators/eks-node-generator/plan.cpp"

# File under EKS_ROOT: content.
NITRO = {"sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "proc/cmdline": "root=/dev/nvme0n1p1 ro\n"}
XEN = {"sys/hypervisor/uuid": "ec2e1916-9099-7caf-fd21-012345abcdef\n", "proc/cmdline": "root=/dev/xvda1\n"}
ELSEWHERE = {"sys/class/dmi/id/sys_vendor": "QEMU\n", "proc/cmdline": "root=/dev/vda1\n"}

NODES = {
    "on Nitro": (NITRO, {}),
    "on Xen": (XEN, {}),
    "with eks.debug": (NITRO | {"proc/cmdline": "ro eks.debug\n"}, {}),
    "enabled by the admin": (ELSEWHERE | {"etc/eks/node.enabled": ""}, {}),
    "with a GPU": (NITRO | {"sys/bus/pci/devices/0000:00:1e.0/vendor": "0x10de\n",
                            "sys/bus/pci/devices/0000:00:1e.0/class": "0x030200\n"}, {}),
    "serving Docker": (ELSEWHERE | {"etc/eks/docker.enabled": ""}, {}),
    "enabled by the image, in a container": (
        {"usr/lib/eks/node.enabled": "", "proc/1/cmdline": "/sbin/init\0"}, {"SYSTEMD_VIRTUALIZATION": "container:runc"}),
}
OTHERS = {
    "off EC2": (ELSEWHERE, {}),
    "on a machine without DMI or a command line": ({}, {}),
    "in a container on EC2": (NITRO | {"proc/1/cmdline": "/sbin/init\0"}, {"SYSTEMD_VIRTUALIZATION": "container:docker"}),
    "in the initrd": (NITRO, {"SYSTEMD_IN_INITRD": "1"}),
    "with eks.node=0": (NITRO | {"proc/cmdline": "ro eks.node=0\n"}, {}),
    "disabled by the admin": (NITRO | {"etc/eks/node.disabled": ""}, {}),
}


def generate(tree, files, environment):
    """Run it for one machine; its output, and what it wrote as {(directory, path): content}."""
    base = tree.temporary()
    root = base / "root"
    root.mkdir()

    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)

    directories = [base / name for name in ("normal", "early", "late")]
    for directory in directories:
        directory.mkdir()
    done = run(tree.stage / PROGRAM, *directories, env={"EKS_ROOT": str(root), "SYSTEMD_SCOPE": "system", **environment})
    written = {}

    for path in sorted(base.rglob("*")):
        name = str(path.relative_to(base))
        if path.is_symlink():
            written[name] = f"-> {os.readlink(path)}"
        elif path.is_file() and not (path.is_relative_to(root) and name.removeprefix("root/") in files):
            written[name] = f"{path.stat().st_mode:o} {path.read_text()}"

    return done, written


def check_repeatable(tree):
    """It runs on every daemon-reload: the same input gives the same links and bytes."""
    for where, (files, environment) in NODES.items():
        (first, before), (_, after) = generate(tree, files, environment), generate(tree, files, environment)
        if first.returncode != 0:
            yield at(SOURCE, 1, f"fails {where}: {first.stdout.strip()}, mend it")
        elif not before:
            yield at(SOURCE, 1, f"writes nothing {where}, link the node's targets in")

        if before != after:
            yield at(SOURCE, 1,
                     f"two runs differ {where}, take clock, address and order of directories out of the output")


def check_elsewhere(tree):
    for where, (files, environment) in OTHERS.items():
        done, written = generate(tree, files, environment)
        if done.returncode != 0:
            yield at(SOURCE, 1, f"fails {where}: {done.stdout.strip()}, exit 0 where there is nothing to do")
        if others := written.keys() - {"normal/eks-node.decision"}:
            yield at(SOURCE, 1, f"writes {', '.join(sorted(others))} {where}, write at most the reason there")


def check_output(tree):
    """It writes to the first of its directories only, so that /etc wins, and links to files that we install, or masks."""
    for where, (files, environment) in NODES.items():
        for path, content in generate(tree, files, environment)[1].items():
            if not path.startswith("normal/"):
                yield at(SOURCE, 1, f"writes {path} {where}, write below the first argument only")
            if content.startswith("-> ") and content != "-> /dev/null" and not (tree.stage / content[3:].lstrip("/")).exists():
                yield at(SOURCE, 1, f"links to {content[3:]} {where}, which is not installed, mend the link")


def check_libraries(tree):
    """No library of ours, and none for network, crypto, YAML or D-Bus: they cost milliseconds before anything runs, and a generator may not use them."""
    needed = run(tool("readelf"), "-d", tree.stage / PROGRAM).stdout
    for library in re.findall(r"\(NEEDED\).*\[(lib(?:curl|eksnode|event|nghttp2|ssl|crypto|systemd|yaml)[^]]*)\]", needed):
        yield at("generators/meson.build", 1, f"the generator needs {library}, let it link base alone")


if __name__ == "__main__":
    main()
