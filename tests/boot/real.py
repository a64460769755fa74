# SPDX-License-Identifier: Apache-2.0
"""Real programs in place of the stand-ins: the options that name them, and what a container lacks of what they want."""

import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("kubelet", "apiserver", "etcd")

# nspawn gives a container no kernel log, read-only control groups (v1) and the host's sysctls, read-only. kubelet reads the
# first, writes the second, and wants what dropins/sysctl.d sets on a node of the third.
HOST_UNIT = """\
[Unit]
Description=What kubelet Wants of a Host and a Container Lacks
DefaultDependencies=no
After=systemd-remount-fs.service systemd-sysctl.service
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/lib/kubelet-host
"""

# kubelet from 1.35 on refuses a host with cgroup v1, unless told otherwise.
CGROUP_V1_LAYER = """\
[kubelet.config]
failCgroupV1 = false
"""


def add_arguments(parser):
    parser.add_argument("--kubelet", type=Path, help="run this kubelet in place of the stand-in")
    parser.add_argument("--apiserver", type=Path, help="a kube-apiserver that the kubelet joins; needs --etcd")
    parser.add_argument("--etcd", type=Path, help="the etcd of --apiserver")
    parser.add_argument("--containerd", type=Path, metavar="DIR",
                        help="run containerd, its shim and what else is in DIR in place of Debian's")


def check_arguments(parser, options):
    for name in PROGRAMS:
        path = getattr(options, name)
        if path and not os.access(path, os.X_OK):
            parser.error(f"--{name}: '{path}' is not a program")

    if options.containerd and not os.access(options.containerd / "containerd", os.X_OK):
        parser.error(f"--containerd: there is no program '{options.containerd}/containerd'")
    if bool(options.apiserver) != bool(options.etcd):
        parser.error("--apiserver and --etcd belong together")
    if options.apiserver and not options.kubelet:
        parser.error("--apiserver takes --kubelet: the stand-in speaks to no API server")


def version(program: Path) -> str:
    """What `PROGRAM --version` prints, without the "v": "1.36.2"."""
    text = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", text)
    if not found:
        raise RuntimeError(f"'{program} --version' prints no version: {text}")
    return found[1]


def install_kubelet(root: Path, kubelet: Path):
    """Put a real kubelet into an image, and what it wants of a host."""
    (root / "usr/bin/kubelet").unlink()
    shutil.copy(kubelet, root / "usr/bin/kubelet")
    shutil.copy(HERE / "kubelet-host", root / "usr/local/lib/kubelet-host")
    units = root / "etc/systemd/system"
    (units / "kubelet-host.service").write_text(HOST_UNIT)
    (units / "sysinit.target.wants").mkdir(exist_ok=True)
    (units / "sysinit.target.wants/kubelet-host.service").symlink_to("../kubelet-host.service")

    minor = int(version(kubelet).split(".")[1])
    if minor >= 31 and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        layers = root / "usr/lib/eks/node.d"
        layers.mkdir(parents=True, exist_ok=True)
        (layers / "90-cgroup-v1.toml").write_text(CGROUP_V1_LAYER)


class Report(dict):
    """What the stand-in would report. A test that asks for more is one of the stand-in."""

    def __missing__(self, key):
        raise unittest.SkipTest(f"only the stand-in kubelet reports '{key}'")


def report(node) -> Report:
    """What the kubelet that runs on a node was given, read as the stand-in reads it."""
    pid = node.show("kubelet.service", "MainPID")["MainPID"]
    if pid == "0":
        raise FileNotFoundError("kubelet does not run")

    words = node.file(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    loader = importlib.machinery.SourceFileLoader("stand_in_kubelet", str(HERE / "kubelet"))
    stand_in = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(stand_in)
    number = version(node.root / "usr/bin/kubelet")
    schema = stand_in.Schema(stand_in.minor_of(number))
    root = os.environ.get("STAND_IN_ROOT")
    os.environ["STAND_IN_ROOT"] = str(node.file("/")).rstrip("/")

    try:
        flags = stand_in.parse_flags(words[1:], schema)
        config = stand_in.load_config(flags, schema)
        kubeconfig = stand_in.check_kubeconfig(flags, schema)
    finally:
        os.environ.pop("STAND_IN_ROOT")
        if root is not None:
            os.environ["STAND_IN_ROOT"] = root

    return Report(version=f"v{number}", argv=words, flags=flags, config=config, kubeconfig=kubeconfig,
                  labels=flags.get("node-labels", {}), taints=config.get("registerWithTaints", []),
                  node=flags.get("hostname-override", "").strip().lower() or node.output("hostname").strip().lower())
