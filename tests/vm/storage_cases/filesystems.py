# SPDX-License-Identifier: Apache-2.0
"""File systems on single disks, encryption, and mkfs."""

import os
from pathlib import Path

from storage_cases.node import (
    BASE, DISKS, UNIT, Broken, call_store, check, close, configure, contains, ours, reboot, reset, run, start, wipe)


def case_mount():
    """Each disk has a file system of its own. One that is blank is formatted, and the others keep their data."""
    reset(strategy="Mount", filesystem="ext4", mkfsOptions=["-m", "0"])
    start()
    check("mounts", ours(), {f"{BASE}/{n}": DISKS[f"AWS{n}"] for n in range(1, 5)})
    check("filesystem", run("findmnt", "-no", "FSTYPE", f"{BASE}/1").strip(), "ext4")
    Path(f"{BASE}/2/kept").write_text("kept")

    close()
    wipe("AWS1")
    log = start()
    contains(log, "format AWS1")
    assert "format AWS2" not in log, log

    check("kept", Path(f"{BASE}/2/kept").read_text(), "kept")

    reset(strategy="Mount", mountPath="/mnt/two words")
    start()

    run("systemctl", "stop", UNIT)
    contains(start(), "the instance store is mounted")
    contains(run("eksnode", "status", status=None), "mount /mnt/two words/4 /dev/nvme")
    run("umount", *(f"/mnt/two words/{n}" for n in range(1, 5)))


def can_be_read(text):
    """Whether a text is on a disk, near the beginning, where a small file system puts its first file."""
    run("sync")
    for device in DISKS.values():
        with open(device, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if text in file.read(64 << 20):
                return True

    return False


def case_encrypted():
    """What is written cannot be read on the disks, and is gone after a boot."""
    for strategy, devices in ("RAID0", 1), ("Mount", 4):
        reset(strategy=strategy, encrypt=True)
        start()
        opened = sorted(Path("/dev/mapper").glob("eks-instance-store-*"))
        check("ciphers", len(opened), devices)
        where = f"{BASE}/{0 if strategy == 'RAID0' else 1}"
        Path(f"{where}/secret").write_text("a secret " * 1000)
        check(f"whether it can be read on the disks, {strategy}", can_be_read(b"a secret a secret"), False)

        reboot()
        start()
        assert not Path(f"{where}/secret").exists()

    # What is encrypted is known, also after encrypt= is removed in the same boot.
    configure(strategy="Mount")
    run("systemctl", "restart", UNIT)
    reboot()
    start()

    reset()
    start()
    Path(f"{BASE}/0/secret").write_text("a secret " * 1000)
    check("whether it can be read without encrypt", can_be_read(b"a secret a secret"), True)


def case_not_encrypted():
    """A failure before the first write leaves the data for a boot without encrypt=."""
    for strategy, directory in ("RAID0", "/var/lib/containerd"), ("Mount", f"{BASE}/1"):
        reset(strategy=strategy)
        start()
        kept = Path(directory, "kept")
        kept.write_text("kept")

        for program, failure in ("/usr/sbin/cryptsetup", "cipher-failed"), ("/usr/sbin/mkfs.xfs", "mkfs-failed"):
            close()
            configure(strategy=strategy, encrypt=True)

            with Broken(program):
                contains(start(failure), "disk AWS1", program, "ended with status 1")
            check("mounts", ours(), {})

            close()
            configure(strategy=strategy)
            start()
            check(f"after {failure} with {strategy}", kept.read_text(), "kept")


def case_failing():
    """mkfs fails, because of an option or because the disk has errors."""
    reset(mkfsOptions=["-d", "size=1"])
    contains(start("mkfs-failed"), "disk AWS1, AWS2, AWS3, AWS4: ", "mkfs.xfs", "ended with status")

    configure()
    contains(start(), "-f /dev/md")

    reset(strategy="Mount")

    # The other disks are formatted.
    call_store("BAD*|AWS[12]", "AWS[34]")
    with Broken("/usr/sbin/mkfs.xfs"):
        contains(start("mkfs-failed"), "disk AWS1: ", "it fails for AWS2, BAD1, too")

    contains(start("mkfs-failed"), "disk BAD1: ", "mkfs.xfs", "ended with status")
    check("mounts", ours(), {})
    check("what is on AWS2", run("blkid", "--probe", "--match-tag=LABEL", "--output=value", DISKS["AWS2"]).strip(), "eks-disk")
    contains(start("mkfs-failed"), "disk BAD1: ", " -f ")

    call_store("AWS*", "BAD*")
    start()
