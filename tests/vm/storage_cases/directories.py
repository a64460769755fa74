# SPDX-License-Identifier: Apache-2.0
"""The directories that move to the disks, and the units of their mounts."""

import os
from pathlib import Path

from storage_cases.node import BAKED, BASE, DISKS, StaleUnit, check, close, contains, ours, reset, run, start, writes


def case_baked():
    """A directory with content is copied with all attributes, again after an interrupted copy."""
    reset()
    BAKED.mkdir(parents=True)
    (BAKED / "layer").write_text("x" * 100000)
    os.mknod(BAKED / "whiteout", 0o600 | 0o020000, os.makedev(0, 0))
    os.setxattr(BAKED / "layer", "trusted.overlay.opaque", b"y")
    os.chown(BAKED / "layer", 1000, 1000)

    start()

    for _ in range(2):
        copy = Path(f"{BASE}/0/containerd/baked")
        check("owner", (copy / "layer").stat().st_uid, 1000)
        check("attribute", os.getxattr(copy / "layer", "trusted.overlay.opaque"), b"y")
        check("whiteout", (copy / "whiteout").stat().st_rdev, 0)
        check("bound", (BAKED / "layer").read_text(), "x" * 100000)

        close()
        run("mdadm", "--assemble", "--config=none", "/dev/md127", *DISKS.values())
        run("mount", "--mkdir", "/dev/md127", "/srv/array")
        run("mv", "/srv/array/containerd", "/srv/array/containerd.partial")
        Path("/srv/array/containerd.partial/baked/layer").write_text("half")
        run("umount", "/srv/array")
        start()


def case_confined():
    """A program that the step runs can write to the disks and below the mount points, and nowhere else."""
    reset()
    escaped = [Path(folder, "escaped") for folder in ("/etc", "/usr", "/root", BASE)]

    program = Path("/run/mkfs")
    program.write_text(f'#!/bin/sh\nfor f in {" ".join(map(str, escaped))}; do echo x > $f; done\nexec /usr/local/mkfs.xfs "$@"\n')
    program.chmod(0o755)

    run("cp", "/usr/sbin/mkfs.xfs", "/usr/local/mkfs.xfs")
    run("mount", "--bind", str(program), "/usr/sbin/mkfs.xfs")

    start()
    run("umount", "/usr/sbin/mkfs.xfs")
    check("written", [path for path in escaped if path.exists()], [Path(BASE, "escaped")])


def case_units():
    """Nothing is written while a stale mount unit has the place of a mount."""
    for strategy, where in ("RAID0", "/var/lib/containerd"), ("Mount", f"{BASE}/3"):
        reset(strategy=strategy)
        before = writes()

        with StaleUnit(where) as unit:
            contains(start("mount-point-busy"), str(unit.file), "systemctl daemon-reload")
            check("writes", writes(), before)

        start()
        check("mounts", len(ours()), 5 if strategy == "RAID0" else 4)
