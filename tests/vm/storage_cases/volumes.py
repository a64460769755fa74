# SPDX-License-Identifier: Apache-2.0
"""EBS volumes beside the disks."""

from pathlib import Path

from storage_cases.node import (
    BASE, DISKS, RECORD, VOLUME, VOLUME_UNIT, check, check_kept, close, contains, disks, keep, ours, reboot, reset, run, start, wipe,
    write_config, write_zeros, writes)


def case_volume():
    """A blank EBS volume beside the instance store is left alone, whatever is asked for."""
    contains(run("udevadm", "info", "--query=property", disks()[VOLUME]), "ID_MODEL=Amazon Elastic Block Store")
    for settings in {}, {"force": True}, {"strategy": "Mount"}, {"strategy": "Mount", "encrypt": True}:
        reset(**settings)
        before = writes()
        log = start()
        assert VOLUME not in log, log

        after = writes()
        check(f"writes to the volume, {settings}", after[VOLUME], before[VOLUME])
        assert after["AWS1"] != before["AWS1"], "nothing was written to AWS1"
        assert VOLUME not in RECORD.read_text()


def case_containerd_volume():
    """containerd's data on an EBS volume, beside an array, and on a disk of the instance store."""
    reset()
    write_zeros(disks()[VOLUME])

    write_config("""
[instance.localStorage]
strategy = "RAID0"
[containerd.volume]
device = "vol-0123456789abcdef0"
filesystem = "ext4"
""")

    for done in "formatted", "mounted":
        contains(start(unit=VOLUME_UNIT), done)
        start()

        where = ours()
        check("containerd's data", where["/var/lib/containerd"], disks()[VOLUME])
        check("kubelet's data", where["/var/lib/kubelet"], where[f"{BASE}/0"])
        assert where[f"{BASE}/0"].startswith("/dev/md"), where

        reboot()

    close()
    wipe()
    write_config('[containerd.volume]\ndevice = "instance-store"\n')
    start(unit=VOLUME_UNIT)
    check("containerd's data", ours(), {"/var/lib/containerd": DISKS["AWS1"]})

    keep()
    close()
    start(unit=VOLUME_UNIT)
    check_kept()

    close()
    run("mkfs.xfs", "-q", "-L", "containerd", DISKS["AWS3"])
    start(unit=VOLUME_UNIT)
    check("the disk that was used before", ours(), {"/var/lib/containerd": DISKS["AWS1"]})

    close()
    Path("/var/lib/eks/containerd-volume").unlink()
    before = writes()
    contains(start("volume-occupied", VOLUME_UNIT), "both have the label 'containerd'")
    check("writes", writes(), before)
