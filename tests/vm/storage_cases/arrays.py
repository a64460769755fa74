# SPDX-License-Identifier: Apache-2.0
"""The array: how it is made, found again and completed."""

import os
import re
from pathlib import Path

from storage_cases.node import (
    BASE, BOUND, DISKS, KEPT, MARK, RETRIED, UNIT, Broken, StaleUnit, bring_back, call_store, check, check_kept, close, contains,
    is_active, keep, level, lose_a_disk, ours, reboot, remove, reset, run, start, wait_for, wipe, writes)

LABEL = "security.selinux"


def case_raid0():
    """An array is made, mounted with the modes and labels of the directories, and found again after a boot."""
    reset()
    absent = Path("/var/lib/soci-snapshotter-grpc")
    if absent.exists():
        absent.rmdir()
    os.setxattr("/var/lib", LABEL, b"system_u:object_r:var_lib_t:s0")
    Path("/var/lib/kubelet").chmod(0o711)
    os.setxattr("/var/lib/kubelet", LABEL, b"system_u:object_r:container_var_lib_t:s0")

    log = start()
    check("the mode of a new directory", Path(f"{BASE}/0/soci-snapshotter-grpc").stat().st_mode & 0o7777, 0o700)
    check("mode", Path("/var/lib/kubelet").stat().st_mode & 0o7777, 0o711)
    check("label", os.getxattr(f"{BASE}/0/kubelet", LABEL), b"system_u:object_r:container_var_lib_t:s0")
    check("the label of a new directory", os.getxattr(f"{BASE}/0/soci-snapshotter-grpc", LABEL), b"system_u:object_r:var_lib_t:s0")

    contains(log, "create-array AWS1, AWS2, AWS3, AWS4")
    check("level", level(), {"raid0"})
    check("mounts", sorted(ours()), sorted([f"{BASE}/0", *BOUND]))
    info = run("xfs_info", f"{BASE}/0")
    check("log stripe unit", re.search(r"log\s+=internal.*\n.*sunit=(\d+)", info)[1], "8")
    keep()

    status = run("eksnode", "status", status=None)
    contains(status, *(f"disk /dev/{Path(path).name} {serial}" for serial, path in DISKS.items()), "RAID0 of AWS1, AWS2, AWS3, AWS4")

    for where in (f"{BASE}/0", *BOUND):
        if not re.search(rf"mount {re.escape(where)} /dev/md\S+, [\d.]+ of [\d.]+ GiB used", status):
            raise AssertionError(f"the mount of {where} and its use are not in:\n{status}")

    listed = run("systemctl", "list-units", "--type=mount", "--no-legend")
    contains(listed, "var-lib-containerd.mount", "/var/lib/containerd on the Instance Store", ", Disks AWS1")
    before = run("systemctl", "show", "--value", "--property=Before", "var-lib-containerd.mount").split()
    assert {"containerd.service", "kubelet.service", "kubepods.slice", "umount.target"} <= set(before), before

    run("systemctl", "stop", UNIT)
    contains(start(), "the instance store is mounted")

    reboot()
    log = start()
    assert "--create" not in log and "mkfs" not in log, log

    check_kept()


def case_names():
    """An array is found under another name of the kernel, in spite of a stale mdadm.conf, and from another host."""
    reset()
    start()
    keep()
    close()

    run("mdadm", "--assemble", "--config=none", "/dev/md/kubernetes_0", *DISKS.values())
    assert "--create" not in start()

    check_kept()
    close()

    run("mdadm", "--assemble", "--config=none", "--update=name", "--name=other-host:kubernetes", "/dev/md127", *DISKS.values())
    run("mdadm", "--stop", "/dev/md127")
    assert "--create" not in start()

    check_kept()


def case_raid10():
    """A disk that is blank joins the array, which keeps its data."""
    reset(strategy="RAID10")
    start()
    check("level", level(), {"raid10"})

    keep()
    os.sync()
    close()

    wipe("AWS3")
    contains(start(), "add-to-array AWS3")
    check_kept()


def case_wiped():
    """An array that has lost one disk, or all, is made again."""
    reset()
    start()
    keep()
    lose_a_disk()
    contains(start(), "stop-array", "create-array")
    assert not KEPT.exists()

    close()
    wipe()
    contains(start(), "create-array")


def case_few():
    """RAID10 needs four disks."""
    reset(strategy="RAID10")
    call_store("AWS[123]", "AWS4")
    contains(start("disks-too-few"), "RAID10 needs 4 disks, and the instance store has 3: AWS1, AWS2, AWS3")
    call_store("AWS*", "BAD*")


def case_array_failed():
    """mdadm fails to make the array, then it succeeds."""
    reset()
    with Broken("/usr/sbin/mdadm"):
        contains(start("array-failed"), "disk AWS1, AWS2, AWS3, AWS4: ", "mdadm --create", "ended with status 1")
    check("mounts", ours(), {})
    contains(start(), "create-array")


def case_by_hand():
    """An array that an administrator makes after a failure is kept, also at the next boot."""
    reset()
    with Broken("/usr/sbin/mdadm"):
        start("array-failed")
    run("mdadm", "--create", "/dev/md/kubernetes", "--run", "--force", "--level=0", "--name=kubernetes", "--raid-devices=4", *DISKS.values())
    run("mkfs.xfs", "-q", "/dev/md/kubernetes")
    run("mount", "--mkdir", "/dev/md/kubernetes", f"{BASE}/0")

    with StaleUnit("/var/log/pods"):
        start("mount-point-busy")
    check("record", MARK.exists(), False)

    log = start()
    assert "mkfs" not in log, log

    keep()

    reboot()
    start()
    check_kept()


def case_broken():
    """A disk fails while its array is mounted."""
    reset()
    start()
    run("systemctl", "stop", UNIT)
    remove("AWS4")
    contains(start("array-failed"), "3 of the 4 disks of '/dev/md", "stop and start the instance")

    # The kernel calls the array broken when it next uses the disk.
    run("dd", f"if={ours()[f'{BASE}/0']}", "of=/dev/null", "bs=1M", "count=4", "iflag=direct", status=None)
    contains(run("eksnode", "status", status=None), "lost, with its data")

    close()
    bring_back("AWS4")

    reset(strategy="RAID10")
    start()
    array = next(device for device in ours().values() if device.startswith("/dev/md"))
    run("mdadm", array, "--fail", DISKS["AWS4"], "--remove", DISKS["AWS4"])
    contains(run("eksnode", "status", status=None), "it lacks 1 of its disks")


def case_missing():
    """A disk of the array is late. Nothing is written until it is there. Then eks-retry starts the node, with its data."""
    reset()
    start()
    keep()
    close()

    remove("AWS4")
    before = writes()
    contains(start("disks-missing"), "3 of the 4 disks of the array are there: AWS1, AWS2, AWS3")
    check("status", run("systemctl", "show", "--value", "--property=ExecMainStatus", UNIT).strip(), "69")

    run("systemctl", "unmask", "--runtime", *RETRIED)

    # The failure starts the timer, as at a boot.
    run("systemctl", "start", "eks-node.target", status=None)
    wait_for("eks-retry.timer runs", lambda: is_active("eks-retry.timer"))
    assert not is_active("containerd.service")

    check("writes", writes(), before)

    bring_back("AWS4")
    wait_for("the node is up", lambda: is_active("eks-node.target") and is_active("kubelet.service"), 200)
    check_kept()
    check("mounts", len(ours()), 5)
