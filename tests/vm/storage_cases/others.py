# SPDX-License-Identifier: Apache-2.0
"""Disks that belong to somebody else or appear late."""

import os
import struct

from storage_cases.node import (
    BASE, DISKS, UNIT, bring_back, call_store, check, configure, contains, ours, remove, reset, run, start, stop_arrays, wipe, writes)


def make_partition_table(disk):
    entry = struct.pack("<B3sB3sII", 0, b"", 0x83, b"", 2048, 100000)
    with open(disk, "r+b") as file:
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        os.fsync(file.fileno())


def make_member(disk, name, raid, metadata="1.2"):
    run("mdadm", "--create", "/dev/md77", "--run", "--force", f"--level={raid}", "--raid-devices=1", f"--metadata={metadata}", f"--name={name}", disk)
    stop_arrays()


def make_former_member(disk):
    """mdadm does not write the first 4 KiB, so the superblock survives a partition table."""
    make_member(disk, "kubernetes", "0")
    make_partition_table(disk)


def case_foreign():
    """A disk with something unknown on it stops the step before it writes. force= wipes the disk."""
    makers = {"filesystem": lambda disk: run("mkfs.ext4", "-q", "-L", "data", disk),
              "partition table": make_partition_table,
              "md member": lambda disk: make_member(disk, "backup", "1"),
              "md member of our name": lambda disk: make_member(disk, "kubernetes", "1"),
              "md member of another version": lambda disk: make_member(disk, "kubernetes", "0", "1.0"),
              "former member": make_former_member,
              "unknown": lambda disk: run("dd", "if=/dev/urandom", f"of={disk}", "bs=4k", "count=4", "conv=fsync")}

    for strategy in "RAID0", "Mount":
        reset(strategy=strategy)
        for kind, make in makers.items():
            run("systemctl", "reset-failed")  # systemd starts no unit so often
            wipe("AWS2")
            make(DISKS["AWS2"])
            stop_arrays()

            before = writes()
            contains(start("disk-foreign"), "AWS2", "no disk was written")
            check(f"writes to the disks, {kind}, {strategy}", writes(), before)
            check("mounts", ours(), {})

    configure(strategy="RAID0", force=True)
    contains(start(), "wipe AWS2", "create-array")


def case_in_use():
    """A disk or a mount point that is in use stops the step, also with force=."""
    reset()
    run("mkfs.xfs", "-q", DISKS["AWS3"])
    run("mount", "--mkdir", DISKS["AWS3"], "/srv/data")

    configure(force=True)
    contains(start("disk-in-use"), "AWS3", "is mounted at '/srv/data'")
    run("umount", "/srv/data")

    run("dmsetup", "create", "somebody", "--table", f"0 2048 linear {DISKS['AWS3']} 0")
    contains(start("disk-in-use"), "AWS3", "is a part of '/dev/dm-")
    run("dmsetup", "remove", "--retry", "somebody")
    start()

    reset()
    run("mount", "--mkdir", "-t", "tmpfs", "busy", f"{BASE}/0")
    contains(start("mount-point-busy"), f"'busy' is mounted at '{BASE}/0' already", "mountPath")
    run("umount", f"{BASE}/0")


def case_hot_added():
    """A disk that appears after the step has run is left alone, also by the next run."""
    reset()
    remove("AWS4")
    contains(start(), "create-array AWS1, AWS2, AWS3:")
    new = bring_back("AWS4")
    check("what is on it", run("blkid", "--probe", new, status=None), "")

    for _ in range(2):
        run("systemctl", "restart", UNIT)
        check("what is on it", run("blkid", "--probe", new, status=None), "")
        check("mounts", len(ours()), 5)

    contains(run("eksnode", "status", status=None), f"later-disk {new} AWS4")

    # The same with Mount, where each disk is used by itself.
    reset(strategy="Mount")
    call_store("AWS[123]", "AWS4")
    start()
    call_store("AWS*", "BAD*")

    for _ in range(2):
        run("systemctl", "restart", UNIT)
        check("what is on it", run("blkid", "--probe", new, status=None), "")
        check("mounts", len(ours()), 3)

    # All of them appear late.
    for strategy in "RAID0", "Mount":
        reset(strategy=strategy)
        call_store("NONE", "AWS*")
        contains(start(), "this machine has no instance store")

        call_store("AWS*", "BAD*")
        before = writes()

        for _ in range(2):
            run("systemctl", "restart", UNIT)
        check(f"mounts, {strategy}", ours(), {})
        check(f"writes, {strategy}", writes(), before)
