# SPDX-License-Identifier: Apache-2.0
"""What the cases share: the disks, the state of the node, the step and what it logs."""

import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
import time
from pathlib import Path

SERIALS = [f"AWS{n}" for n in range(1, 5)]
VOLUME = "vol0123456789abcdef0"  # of EBS, and blank
UNIT = "eks-instance-store.service"
VOLUME_UNIT = "eks-containerd-volume.service"
BASE = "/mnt/k8s-disks"
MARK = Path("/var/lib/eks/instance-store.making")
RECORD = Path("/run/eks/instance-store")
BAKED = Path("/var/lib/containerd/baked")
BOUND = ["/var/lib/kubelet", "/var/lib/containerd", "/var/lib/soci-snapshotter-grpc", "/var/log/pods"]
CATALOG = Path("/run/catalog-is-new")
CONFIG = Path("/etc/eks/node.d/50-storage.toml")
KEPT = Path("/var/lib/containerd/kept")
# These start a failed step again, and with it the one under test.
RETRIED = ("eks-retry.service", "eks-retry.timer", "eks-sandbox-image.service")
# While it is loaded, the units of the mounts that it requires are loaded too. After a boot they are not.
KEEPER = "soci-snapshotter.service"
BLKZEROOUT = 0x127f


def run(*command, status=0, text=None):
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200,
                          stdin=None if text else subprocess.DEVNULL)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def check(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r} instead of {wanted!r}")


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"'{part}' is not in:\n{text}")


def keep():
    """Write a file that must survive."""
    KEPT.write_text("kept")


def check_kept():
    check("the file that must survive", KEPT.read_text(), "kept")


def wait_for(what, is_so, limit=120):
    end = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < end, f"not so after {limit} s: {what}\n{run('systemctl', '--failed', '--no-legend')}"
        time.sleep(0.2)


def is_active(unit):
    return run("systemctl", "show", "--value", "--property=ActiveState", unit).strip() == "active"


def disks():
    found = {}
    for device in Path("/sys/class/block").glob("nvme*n?"):
        found[(device / "device/serial").read_text().strip()] = f"/dev/{device.name}"
    return {serial: found[serial] for serial in (*SERIALS, VOLUME) if serial in found}


DISKS = {serial: path for serial, path in disks().items() if serial != VOLUME}


def mounts():
    return {fields[1]: fields[0] for fields in (line.split() for line in Path("/proc/mounts").read_text().splitlines())}


def ours():
    return {where: device for where, device in mounts().items() if where.startswith(BASE + "/") or where in BOUND}


def unit_of(path):
    """The mount unit of a path, without systemd-escape: on an emulated processor a program takes a tenth of a second."""
    return "-".join(re.sub(r"[^\w:.]", lambda match: f"\\x{ord(match[0]):02x}", part) for part in path.strip("/").split("/")) + ".mount"


def level():
    return {Path(f"/sys/class/block/{array.name}/md/level").read_text().strip()
            for array in Path("/sys/class/block").glob("md*") if (array / "md").exists()}


def writes():
    """How often and how much the kernel has written to, discarded on or flushed each disk."""
    counters = {}
    for serial, device in disks().items():
        fields = Path("/sys/class/block", Path(device).name, "stat").read_text().split()
        counters[serial] = [fields[n] for n in (4, 6, 11, 13)]
    return counters


def stop_arrays():
    """Stop all arrays, also those that udev assembles now."""
    run("udevadm", "settle", "--timeout=60")
    if arrays := [f"/dev/{array.name}" for array in Path("/sys/class/block").glob("md*") if (array / "md").exists()]:
        run("mdadm", "--stop", *arrays, status=None)


def close():
    """Bring the node to the state after a boot: nothing is mounted, opened or assembled."""
    if not Path("/run/systemd/system", RETRIED[0]).is_symlink():  # masked
        run("systemctl", "mask", "--runtime", "--quiet", KEEPER, *RETRIED)
        run("systemctl", "stop", KEEPER, *RETRIED)

    run("systemctl", "stop", UNIT, VOLUME_UNIT, "kubelet.service", "containerd.service", status=None)
    if mounted := sorted(ours(), key=lambda path: path.startswith(BASE)):
        run("systemctl", "stop", *map(unit_of, mounted), status=None)

    run("systemctl", "reset-failed", status=None)

    left = [*ours(), *(where for where in mounts() if where.startswith("/srv/"))]  # /srv: of a case that failed
    if left:
        run("umount", *sorted(left, reverse=True))

    for name in Path("/dev/mapper").glob("eks-*"):
        run("dmsetup", "remove", "--retry", str(name))

    RECORD.unlink(missing_ok=True)
    check("units that are still loaded", [unit.name for unit in Path("/run/systemd/transient").glob("*.mount")], [])
    stop_arrays()


def write_zeros(path):
    with open(path, "r+b") as disk:
        fcntl.ioctl(disk, BLKZEROOUT, struct.pack("QQ", 0, disk.seek(0, os.SEEK_END)))


def wipe(*serials):
    for serial in serials or SERIALS:
        write_zeros(DISKS[serial])
    run("udevadm", "settle", "--timeout=60")


def reset(**settings):
    """Begin with blank disks and this configuration."""
    close()
    shutil.rmtree(BAKED, ignore_errors=True)
    wipe()
    MARK.unlink(missing_ok=True)
    configure(**settings)


def configure(strategy="RAID0", **settings):
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"strategy": strategy, **settings}.items()]
    write_config("[instance.localStorage]\n" + "\n".join(lines) + "\n")


def write_config(text):
    if not CONFIG.exists() or CONFIG.read_text() != text:
        CONFIG.parent.mkdir(parents=True, exist_ok=True)
        CONFIG.write_text(text)
        run("systemctl", "restart", "eks-config.service")


def start(failure=None, unit=UNIT):
    """Start the step. It must succeed, or fail with `failure`. What it logged."""
    step = unit.removesuffix(".service")
    since = f"@{time.time():.6f}"
    output = run("systemctl", "start", unit, status=None)

    lines = run("journalctl", "--boot", "--quiet", "--output=json", f"--since={since}", f"--identifier={step}").splitlines()
    records = [json.loads(line) for line in lines]
    log = "\n".join(str(record["MESSAGE"]) for record in records)

    if not records or bool(output) != bool(failure):
        raise AssertionError(f"{unit} has {'not ' if failure else ''}started: {output}\n{log}\n{run('cat', '/proc/mdstat')}\n{run('lsblk', '--fs')}")

    if failure:
        check(f"the failures of:\n{log}\n", [record["EKS_FAILURE"] for record in records if "EKS_FAILURE" in record], [failure])

        if not CATALOG.exists():
            run("journalctl", "--update-catalog")
            CATALOG.touch()

        explained = run("journalctl", "--boot", "--catalog", "--quiet", f"--since={since}", f"EKS_FAILURE={failure}")
        contains(explained, " Subject: ", f"{unit}(8)")

    return log


def reboot():
    close()
    run("udevadm", "trigger", "--action=add", "--settle", "--subsystem-match=block")


def lose_a_disk():
    """As after a stop and start of the instance, a disk is blank, and udev assembles a part of the array."""
    close()
    wipe("AWS2")
    run("udevadm", "trigger", "--action=add", "--settle", "--subsystem-match=block")
    run("mdadm", "--incremental", DISKS["AWS1"], status=None)


def remove(serial):
    """Take a disk out of the machine."""
    name = Path(DISKS[serial]).name
    device = next(path for path in Path("/sys/class/block", name).resolve().parents if (path / "remove").exists())
    (device / "remove").write_text("1")


def bring_back(serial):
    """Put a disk back into the machine. Its path may be another one."""
    Path("/sys/bus/pci/rescan").write_text("1")
    wait_for(f"{serial} is back", lambda: serial in disks())
    run("udevadm", "settle", "--timeout=60")
    DISKS[serial] = disks()[serial]
    return DISKS[serial]


def call_store(pattern, others):
    """From here on udev says that the disks of these serial numbers are the instance store, and the others are not."""
    rules = Path("/run/udev/rules.d/62-storage.rules")
    rules.parent.mkdir(parents=True, exist_ok=True)
    rules.write_text(f'ENV{{ID_SERIAL_SHORT}}=="{others}", ENV{{ID_MODEL}}="another"\n'
                     f'ENV{{ID_SERIAL_SHORT}}=="{pattern}", ENV{{ID_MODEL}}="Amazon EC2 NVMe Instance Storage"\n')

    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--settle", "--subsystem-match=block")


class Broken:
    """A context in which a program only fails."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        run("mount", "--bind", "/usr/bin/false", self.place)

    def __exit__(self, *_):
        run("umount", self.place)


class StaleUnit:
    """A mount unit whose array is gone, as setup-local-disks leaves it."""

    def __init__(self, where):
        self.where, self.file = where, Path("/etc/systemd/system", unit_of(where))

    def __enter__(self):
        self.file.write_text(f"[Mount]\nWhat=UUID=01234567-89ab-cdef-0123-456789abcdef\nWhere={self.where}\n")
        run("systemctl", "daemon-reload")
        return self

    def __exit__(self, *_):
        self.file.unlink()
        run("systemctl", "daemon-reload")
