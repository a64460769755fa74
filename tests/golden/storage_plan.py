#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`eksnode storage plan` on made-up machines, compared with the plans in storage/, one file for each state of the disks.

usage: storage_plan.py EKSNODE-STORAGE        UPDATE_GOLDEN=1 writes what was found over what was expected"""

import difflib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "storage"
STRATEGIES = {"RAID0": 0, "RAID10": 10, "Mount": None}
COUNTS = (0, 1, 2, 3, 4, 8, 24)
ENCRYPTED, FORCED = "encrypt = true\n", "force = true\n"
EBS = {"path": "/dev/nvme0n1", "model": "Amazon Elastic Block Store", "serial": "vol0a", "holds": "a partition table (gpt)"}


def disk(number, **more):
    return {"path": f"/dev/nvme{number}n1", "serial": f"AWS{number:02}"} | more


def blank(count, **more):
    return {"disks": [EBS, *(disk(n, **more) for n in range(1, count + 1))]}


def member(number, level, devices, name="ip-10-0-0-1:kubernetes"):
    return disk(number, holds="linux_raid_member", label=name, arrayId="a", level=level, devices=devices)


def members(count, level):
    return {"disks": [member(n, level, count) for n in range(1, count + 1)]}


def assembled(count, level, path="/dev/md127", **more):
    array = {"path": path, "level": level, "devices": count, "disks": [f"AWS{n:02}" for n in range(1, count + 1)],
             "holds": "xfs"}
    return members(count, level) | {"arrays": [array | more]}


def mounted(count, level):
    machine = assembled(count, level)
    at = {"/mnt/k8s-disks/0": "/dev/md127"}
    at |= {path: "/dev/md127" for path in ("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/soci-snapshotter-grpc", "/var/log/pods")}
    return machine | {"mounts": at}


def changed(machine, number, **more):
    disks = [d | more if d["serial"] == f"AWS{number:02}" else d for d in machine["disks"]]
    return machine | {"disks": disks}


def replaced(machine, number, new):
    return machine | {"disks": [new if d["serial"] == f"AWS{number:02}" else d for d in machine["disks"]]}


def without(machine, number):
    return machine | {"disks": [d for d in machine["disks"] if d["serial"] != f"AWS{number:02}"]}


def cases():
    """(file, name, strategy, more settings, machine)"""
    for strategy, level in STRATEGIES.items():
        for count in COUNTS:
            yield "first-boot", f"{count} disks, {strategy}", strategy, "", blank(count)

        for count in (2, 4):
            if level is None:
                ours = blank(count, holds="xfs", label="eks-disk")
                yield "reboot", f"{count} disks, Mount", strategy, "", ours
                yield "one-wiped", f"{count} disks, Mount", strategy, "", replaced(ours, 1, disk(1))
                yield "one-missing", f"{count} disks, Mount", strategy, "", without(ours, 1)
                continue

            if level == 10 and count == 2:
                continue

            yield "one-missing", f"{count} disks, {strategy}", strategy, "", without(members(count, level), 1)
            yield "one-missing", f"{count} disks, {strategy}, the rest assembled", strategy, "", \
                without(members(count, level), 1) | {"arrays": [
                    {"path": "/dev/md127", "active": level == 10, "level": level, "devices": count, "holds": "xfs" if level else "",
                     "disks": [f"AWS{n:02}" for n in range(2, count + 1)]}]}
            yield "one-missing", f"{count} disks, {strategy}, forced", strategy, FORCED, without(members(count, level), 1)
            yield "reboot", f"{count} disks, {strategy}, not assembled", strategy, "", members(count, level)
            yield "reboot", f"{count} disks, {strategy}, assembled as md127", strategy, "", assembled(count, level)
            yield "reboot", f"{count} disks, {strategy}, half of it assembled", strategy, "", \
                members(count, level) | {"arrays": [{"path": "/dev/md127", "active": False, "level": level, "devices": count,
                                                     "disks": ["AWS01"]}]}
            yield "reboot", f"{count} disks, {strategy}, mounted", strategy, "", mounted(count, level)
            yield "one-wiped", f"{count} disks, {strategy}", strategy, "", replaced(members(count, level), 1, disk(1))
            yield "one-wiped", f"{count} disks, {strategy}, the rest assembled", strategy, "", \
                replaced(members(count, level), 1, disk(1)) | {"arrays": [
                    {"path": "/dev/md127", "active": level == 10, "level": level, "devices": count, "holds": "xfs" if level else "",
                     "disks": [f"AWS{n:02}" for n in range(2, count + 1)]}]}

        foreign = {"filesystem": {"holds": "ext4", "label": "data"}, "partition-table": {"holds": "a partition table (gpt)"},
                   "member": {"holds": "linux_raid_member", "label": "storage:backup", "arrayId": "b", "level": 1, "devices": 2},
                   "mirror-of-our-name": {"holds": "linux_raid_member", "label": "storage:kubernetes", "arrayId": "b", "level": 1, "devices": 2},
                   "other-superblock": {"holds": "linux_raid_member", "label": "storage:kubernetes"},
                   "unknown": {"holds": "data of an unknown kind"}, "mounted": {"holds": "xfs", "mounted": "/srv"},
                   "in-use": {"inUse": "is a part of '/dev/dm-3'"}}
        for kind, what in foreign.items():
            machine = changed(blank(4), 2, **what)
            yield "foreign", f"{kind}, {strategy}", strategy, "", machine
            yield "foreign-forced", f"{kind}, {strategy}", strategy, FORCED, machine

        yield "killed", f"half a filesystem, {strategy}", strategy, "", \
            changed(blank(4), 1, holds="data of an unknown kind", halfMade=True) if level is None else \
            assembled(4, level, holds="data of an unknown kind", halfMade=True)
        yield "encrypted", f"first boot, {strategy}", strategy, ENCRYPTED, blank(4)
        yield "encrypted", f"reboot, {strategy}", strategy, ENCRYPTED, \
            blank(4, holds="data of an unknown kind", halfMade=True) if level is None else \
            assembled(4, level, holds="data of an unknown kind")
        yield "encrypted", f"turned on, {strategy}", strategy, ENCRYPTED, \
            blank(4, holds="xfs", label="eks-disk") if level is None else assembled(4, level)

    # The first disk has gone since its boot, so that the others have other places.
    opened = {"disks": [disk(n, holds="data of an unknown kind", halfMade=True) for n in (2, 3)],
              "ciphers": [{"on": f"/dev/nvme{n}n1", "path": f"/dev/mapper/eks-instance-store-{n}"} for n in (2, 3)]}
    yield "encrypted", "opened before a kill", "Mount", ENCRYPTED, opened
    yield "encrypted", "mkfs was killed", "RAID0", ENCRYPTED, assembled(2, 0, holds="data of an unknown kind", halfMade=True) | {
        "ciphers": [{"on": "/dev/md127", "path": "/dev/mapper/eks-instance-store-0", "holds": "xfs", "unfinished": True}]}
    yield "encrypted", "one is opened under the name of the other", "Mount", ENCRYPTED, \
        opened | {"ciphers": [{"on": "/dev/nvme3n1", "path": "/dev/mapper/eks-instance-store-1"}]}
    yield "encrypted", "a partition table on ours", "RAID0", ENCRYPTED, assembled(4, 0, holds="a partition table (gpt)")
    yield "encrypted", "LVM on ours", "RAID0", ENCRYPTED, assembled(4, 0, holds="LVM2_member")
    yield "other-strategy", "RAID0 to Mount", "Mount", "", assembled(2, 0)
    yield "other-strategy", "Mount to RAID0", "RAID0", "", blank(2, holds="xfs", label="eks-disk")
    yield "other-strategy", "RAID0 to RAID10", "RAID10", "", assembled(4, 0)
    yield "other-strategy", "RAID0 to RAID10, mounted elsewhere", "RAID10", "", assembled(4, 0, inUse="is mounted at '/data'")
    yield "other-strategy", "none", "none", "", blank(2)
    yield "arrays", "of another disk, too", "RAID0", "", \
        members(2, 0) | {"arrays": [{"path": "/dev/md127", "level": 0, "devices": 3, "disks": ["", "AWS01", "AWS02"], "holds": "xfs"}]}
    yield "arrays", "of another disk, too, and forced", "RAID0", FORCED, \
        changed(members(2, 0), 2, holds="linux_raid_member", label="storage:backup") | {"arrays": [
            {"path": "/dev/md7", "level": 1, "devices": 2, "disks": ["", "AWS02"], "holds": "xfs"}]}
    yield "arrays", "LVM on ours", "RAID0", "", assembled(2, 0, holds="LVM2_member")
    yield "arrays", "one more disk", "RAID0", "", assembled(2, 0) | {"disks": [*members(2, 0)["disks"], disk(3)]}
    yield "arrays", "one more disk that is not ours", "RAID0", "", {"disks": [*members(2, 0)["disks"], disk(3, holds="ext4")]}
    yield "arrays", "two entries of one disk", "RAID0", "", {"disks": [disk(1), disk(1, path="/dev/nvme9n1"), disk(2)]}
    baked = {"/var/lib/containerd": {"empty": False}, "/var/lib/kubelet": {"empty": True}}
    volume = {"holds": "xfs", "mounted": "/var/lib/containerd"}

    for strategy in "RAID0", "Mount":
        yield "arrays", f"one disk is containerd's volume, {strategy}", strategy, "\n[containerd.volume]\ndevice = '/dev/nvme1n1'\n", \
            changed(blank(2), 1, **volume)

    yield "other-strategy", "RAID10 of four, RAID0 of the three that are left", "RAID0", "", without(members(4, 10), 1)
    ours = {"holds": "xfs", "label": "eks-disk"}
    running = {"disks": [disk(2, mounted="/mnt/k8s-disks/1", **ours), disk(3, mounted="/mnt/k8s-disks/2", **ours)],
               "mounts": {"/mnt/k8s-disks/1": "/dev/nvme2n1", "/mnt/k8s-disks/2": "/dev/nvme3n1"}}

    for number in 1, 9:
        for later in True, False:
            yield "later", f"Mount, disk {number} {'came after the boot' if later else 'was not made before a kill'}", "Mount", "", \
                running | {"disks": [*running["disks"], disk(number, cameLater=later)]}

    yield "later", "Mount, a disk is gone", "Mount", "", without(running, 2)
    yield "later", "Mount, by somebody below mountPath", "Mount", "", \
        {"disks": [disk(1, holds="xfs", mounted="/mnt/k8s-disks/data"), disk(2)], "mounts": {"/mnt/k8s-disks/data": "/dev/nvme1n1"}}

    for level, strategy in (0, "RAID0"), (10, "RAID10"):
        late = [d | {"cameLater": True} for d in members(4, level)["disks"]]
        yield "later", f"{strategy}, no disk was there at the boot", strategy, "", {"disks": late}
        yield "later", f"{strategy}, no disk was there at the boot, and they are blank", strategy, "", blank(4, cameLater=True)

    running = mounted(4, 10)
    short = running | {"arrays": [a | {"disks": a["disks"][1:]} for a in running["arrays"]]}
    yield "later", "RAID10, a disk came for one that was lost", "RAID10", "", replaced(short, 1, disk(5, cameLater=True))
    yield "later", "RAID10, its own disk came again", "RAID10", "", changed(running, 1, cameLater=True)
    beyond = {"disks": [*without(members(3, 0), 1)["disks"], disk(4)]}
    yield "one-missing", "RAID0 of 3, a disk beyond the array is there", "RAID0", "", beyond
    yield "one-missing", "RAID0 of 3, a disk beyond the array is there, one is late", "RAID0", "", beyond | {"late": True}
    yield "one-missing", "RAID10 of 6, 2 of 7 are late", "RAID10", "", {
        "disks": [*members(6, 10)["disks"][2:], disk(7)], "late": True}
    yield "one-missing", "RAID0 that is mounted", "RAID0", "", mounted(4, 0) | {
        "disks": mounted(4, 0)["disks"][1:], "arrays": [a | {"disks": a["disks"][1:]} for a in mounted(4, 0)["arrays"]]}

    for path, file in ("/var/lib/containerd", "var-lib-containerd.mount"), ("/mnt/k8s-disks/0", "mnt-k8s\\x2ddisks-0.mount"):
        unit = {"directories": {path: {"unit": f"/etc/systemd/system/{file}"}}}
        yield "directories", f"a unit of {path}, blank disks", "RAID0", "", blank(2) | unit
        yield "directories", f"a unit of {path}, which is mounted", "RAID0", "", mounted(2, 0) | unit

    yield "directories", "a unit of a disk's place", "Mount", "", \
        blank(2) | {"directories": {"/mnt/k8s-disks/2": {"unit": "/run/systemd/generator/mnt-k8s\\x2ddisks-2.mount"}}}
    yield "directories", "baked images", "RAID0", "", blank(2) | {"directories": baked}
    yield "directories", "baked images, copied before", "RAID0", "", \
        assembled(2, 0) | {"directories": baked | {"/mnt/k8s-disks/0/containerd": {"empty": False}}}
    yield "directories", "disabledMounts", "RAID0", "disabledMounts = ['Kubelet', 'PodLogs', 'SOCI']\n", blank(2)
    yield "directories", "mountPath", "RAID0", "mountPath = '/data/'\n", blank(2)
    yield "directories", "mountPath is busy", "RAID0", "", blank(2) | {"mounts": {"/mnt/k8s-disks/0": "/dev/sdf"}}
    yield "directories", "a mount of its own", "RAID0", "", blank(2) | {"mounts": {"/var/lib/containerd": "/dev/nvme5n1"}}
    yield "directories", "read-only root", "RAID0", "", blank(2) | {"directories": {"/mnt/k8s-disks/0": {"exists": False, "readOnly": True}}}
    yield "directories", "read-only root, RAID10", "RAID10", "", blank(4) | {"directories": {"/mnt/k8s-disks/0": {"exists": False, "readOnly": True}}}
    yield "directories", "read-only root, Mount", "Mount", "", blank(2) | {"directories": {"/mnt/k8s-disks/2": {"exists": False, "readOnly": True}}}
    yield "directories", "read-only root with the directory", "RAID0", "", \
        blank(2) | {"directories": {"/mnt/k8s-disks/0": {"exists": True, "readOnly": True}}}
    yield "directories", "read-only root without a directory", "RAID0", "", \
        blank(2) | {"directories": {"/var/log/pods": {"exists": False, "readOnly": True}}}
    yield "filesystems", "ext4", "RAID0", "filesystem = 'ext4'\n", blank(2)
    yield "filesystems", "ext4, Mount", "Mount", "filesystem = 'ext4'\nmkfsOptions = ['-m', '0']\n", blank(1)
    yield "filesystems", "ext4 with extended options", "RAID0", "filesystem = 'ext4'\nmkfsOptions = ['-E', 'stride=8', '-Estripe_width=16']\n", blank(1)
    yield "filesystems", "a log unit of its own", "RAID0", "mkfsOptions = ['-d', 'su=64k,sw=2', '-l', 'su=64k']\n", blank(2)
    yield "filesystems", "a stripe unit of its own", "RAID0", "mkfsOptions = ['-d', 'su=64k,sw=2']\n", blank(2)
    yield "filesystems", "options", "RAID0", "mkfsOptions = ['-i', 'size=1024']\n", blank(2)
    yield "filesystems", "a volume of containerd's own", "RAID0", "\n[containerd.volume]\ndevice = 'sdf'\n", blank(2)
    yield "filesystems", "both want the instance store", "RAID0", "\n[containerd.volume]\ndevice = 'instance-store'\n", blank(2)
    yield "wrong", "relative mountPath", "RAID0", "mountPath = 'mnt'\n", blank(2)
    yield "wrong", "mountPath with dots", "RAID0", "mountPath = '/mnt/../etc'\n", blank(2)

    for path in "/var/lib/containerd", "/var/lib/kubelet/disks":
        yield "wrong", f"mountPath {path}", "RAID0", f"mountPath = '{path}'\n", blank(2)
    yield "wrong", "mkfsOptions that make something else", "Mount", "filesystem = 'ext4'\nmkfsOptions = ['-t', 'ext3', '-n', '-J', 'device=/dev/nvme0n1']\n", blank(2)
    yield "wrong", "mkfsOptions of ext4 that leave none", "Mount", "filesystem = 'ext4'\nmkfsOptions = ['-S', '-z', 'undo']\n", blank(2)
    yield "wrong", "mkfsOptions of xfs for a file", "Mount", "mkfsOptions = ['-d', 'file,name=x']\n", blank(2)
    yield "wrong", "mountPath of the kernel", "RAID0", "mountPath = '/proc/x'\n", blank(2)
    yield "wrong", "mkfsOptions that are ours", "Mount", "mkfsOptions = ['-L', 'data', '-f', '-Ldata']\n", blank(2)
    yield "wrong", "unknown strategy", "RAID5", "", blank(2)
    yield "wrong", "no description", "RAID0", "", {"disks": [{"path": 5}]}


def plan(program, folder, strategy, more, machine):
    (folder / "disks.json").write_text(json.dumps(machine))
    (folder / "node.toml").write_text(f"[instance.localStorage]\nstrategy = '{strategy}'\n{more}")
    command = [program, "plan", "--disks", "disks.json", "--config", "node.toml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    as_json = subprocess.run([*command, "--json"], cwd=folder, capture_output=True, text=True, timeout=60)

    if done.returncode:
        return f"{done.stderr.strip()}\nexit status {done.returncode}\n"

    shown = json.loads(as_json.stdout)
    lines = done.stdout.splitlines()

    if shown["actions"] or shown["notes"]:
        assert len(lines) == len(shown["actions"]) + len(shown["notes"]), (lines, shown)
    for line, action in zip(lines, shown["actions"]):
        assert " ".join(action.get("command", [])) in line, (line, action)

    return done.stdout


def main():
    program = str(Path(sys.argv[1]).absolute())
    found = {}

    with tempfile.TemporaryDirectory() as folder:
        for file, name, *case in cases():
            found.setdefault(file, []).append(f"# {name}\n{plan(program, Path(folder), *case)}")

    bad = 0
    for file, texts in found.items():
        path, text = HERE / f"{file}.txt", "\n".join(texts)
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            bad += 1
            before = path.read_text().splitlines(True) if path.exists() else []
            sys.stdout.writelines(difflib.unified_diff(before, text.splitlines(True), f"expected {file}", f"found {file}"))

    for path in HERE.glob("*.txt"):
        if path.stem not in found:
            sys.exit(f"{path} belongs to no case")

    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
