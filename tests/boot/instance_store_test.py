# SPDX-License-Identifier: Apache-2.0
"""The instance store of a node in a container: sysfs and udev's database say that loop devices are its disks, and that an
array of them is there. What a kernel does with disks is tested in the vm tier."""

import shutil
import struct
import time
from pathlib import Path

from support import BootTest, step_figures

UNIT = "eks-instance-store.service"
LATE = "5e66ab7356bd4b9b8e8fe6950cf0af80"  # disks-late
ARRAY = "md127"
DISKS = ["nvme1n1", "nvme2n1"]
BASE = "/mnt/k8s-disks"
BOUND = ["/var/lib/kubelet", "/var/lib/containerd", "/var/lib/soci-snapshotter-grpc", "/var/log/pods"]
SYSFS = "srv/sysfs"
# In place of what the kernel says, before the step runs.
SYSFS_UNIT = f"""\
[Unit]
Before={UNIT}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/mount --bind /{SYSFS}/block /sys/class/block
ExecStart=/usr/bin/mount --bind /{SYSFS}/pci /sys/bus/pci/devices
ExecStart=/usr/bin/mkdir -p /run/udev/data
ExecStart=/usr/bin/cp -r /{SYSFS}/udev/. /run/udev
"""
# udev comes to the last disk only when the step has begun.
UDEV_UNIT = f"""\
[Unit]
Requires=sysfs.service
After=sysfs.service
[Service]
ExecStart=/bin/sh -c 'until [ -n "$(systemctl show --value --property=ExecMainStartTimestamp {UNIT})" ]; do sleep .05; done; \
        sleep .3; cp -r /{SYSFS}/last/. /run/udev/data'
"""
# mount(8), which refuses what is bound to one directory.
REFUSES = """\
#!/bin/sh
case "$*" in */var/log/pods*) exit 32 ;; esac
exec /usr/bin/mount.away "$@"
"""


def member(number: int) -> bytes:
    """The superblock of one of two disks of an array, version 1.2; see md_p.h of the kernel."""
    block = bytearray(1024)
    struct.pack_into("<IIII16s32s", block, 0, 0xa92b4efc, 1, 0, 0, b"an array's uuid.", b"node:kubernetes")
    struct.pack_into("<QIIQIIIi", block, 64, 1, 0, 0, 600000, 1024, 2, 0, 0)
    struct.pack_into("<QQQ", block, 128, 2048, 600000, 8)
    struct.pack_into("<I", block, 160, number)
    struct.pack_into("<I", block, 220, 2)
    struct.pack_into("<HH", block, 256, 0, 1)
    total = sum(struct.unpack_from("<65I", block))
    struct.pack_into("<I", block, 216, (total + (total >> 32)) & 0xffffffff)

    return bytes(block)


class InstanceStore(BootTest):
    def with_array(self, controllers=len(DISKS)):
        """A node whose kernel has assembled the array of an earlier boot. It seems to have so many NVMe controllers."""
        node = self.node()
        array = node.disk(filesystem="ext4", place=f"/dev/{ARRAY}")
        numbers = {ARRAY: self.number(array)}

        for index, name in enumerate(DISKS):
            disk = node.disk(place=f"/dev/{name}")
            with open(disk, "r+b") as file:
                file.seek(4096)
                file.write(member(index))

            numbers[name] = self.number(disk)
            node.write(f"{SYSFS}/block/{name}/device/serial", f"AWS{index}\n")
            node.write(f"{SYSFS}/block/{name}/holders/{ARRAY}/dev", "")
            node.write(f"{SYSFS}/block/{ARRAY}/slaves/{name}/dev", "")
            node.write(f"{SYSFS}/{'last' if name == DISKS[-1] else 'udev/data'}/b{numbers[name]}",
                       f"I:1\nE:ID_MODEL=Amazon EC2 NVMe Instance Storage\nE:ID_SERIAL_SHORT=AWS{index}\n")

        for name, number in numbers.items():
            node.write(f"{SYSFS}/block/{name}/dev", f"{number}\n")

        # A path of multipath has no device node, and udev does not announce it.
        node.write(f"{SYSFS}/block/nvme1c1n1/hidden", "1\n")
        node.write(f"{SYSFS}/block/nvme1c1n1/device/serial", "AWS0\n")

        for name, value in {"array_state": "clean", "level": "raid0", "raid_disks": len(DISKS)}.items():
            node.write(f"{SYSFS}/block/{ARRAY}/md/{name}", f"{value}\n")
        for number in range(controllers):
            node.write(f"{SYSFS}/pci/0000:00:{number:02x}.0/class", "0x010802\n")
        node.write(f"{SYSFS}/udev/control", "")
        node.write("etc/systemd/system/sysfs.service", SYSFS_UNIT)
        node.write("etc/systemd/system/late-udev.service", UDEV_UNIT)

        for unit in "sysfs", "late-udev":
            node.link(f"etc/systemd/system/multi-user.target.wants/{unit}.service", f"../{unit}.service")
        node.write("var/lib/containerd/baked", "an image")
        node.write("etc/eks/node.toml", '[instance.localStorage]\nstrategy = "RAID0"\n')

        return node

    @staticmethod
    def number(loop: str) -> str:
        return (Path("/sys/class/block", Path(loop).name, "dev")).read_text().strip()

    def late(self, node) -> list:
        return [record["MESSAGE"] for record in node.journal(f"MESSAGE_ID={LATE}")]

    def test_an_array_is_mounted_without_a_disk_that_does_not_come(self):
        node = self.with_array(controllers=len(DISKS) + 1)
        node.write(f"etc/systemd/system/{UNIT}.d/test.conf", "[Service]\nEnvironment=EKS_INSTANCE_STORE_TIMEOUT=2\n")
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)

        reported, = self.late(node)
        self.assertIn("2 disks of 3 NVMe controllers were there after 2 s", reported)
        self.assertEqual(node.output("findmnt", "--noheadings", "--output=SOURCE,FSTYPE", f"{BASE}/0").split(), [f"/dev/{ARRAY}", "ext4"])

        for directory in BOUND:
            self.assertIn(f"/dev/{ARRAY}[", node.output("findmnt", "--noheadings", "--output=SOURCE", directory))
        self.assertEqual(node.output("cat", "/var/lib/containerd/baked"), "an image")

        # Without that controller all disks are there at once.
        shutil.rmtree(node.root / SYSFS / f"pci/0000:00:{len(DISKS):02x}.0")
        again = node.call("/usr/libexec/eksnode/eks-instance-store")
        self.assertEqual((again.returncode, again.stderr), (0, "<6>eks-instance-store: the instance store is mounted\n"))

        # Of the mounts that were started together, one fails.
        node.systemctl("stop", "kubelet.service", "containerd.service", UNIT)
        self.unmount(node)
        (node.root / "usr/bin/mount").rename(node.root / "usr/bin/mount.away")
        node.write("usr/bin/mount", REFUSES)
        (node.root / "usr/bin/mount").chmod(0o755)
        node.call("systemctl", "start", UNIT)
        failure = self.failure(node, UNIT)
        self.assertEqual(failure["EKS_FAILURE"], "volume-failed")
        self.assertIn("cannot be mounted at '/var/log/pods': mount(8) refuses it", failure["MESSAGE"])

        with self.subTest("it does not end"):
            node.write("usr/bin/mount", REFUSES.replace("exit 32", "exec sleep infinity"))
            node.write(f"etc/systemd/system/{UNIT}.d/test.conf", "[Service]\nEnvironment=EKS_MOUNT_TIMEOUT=1\n")
            node.output("systemctl", "daemon-reload")
            node.call("systemctl", "start", UNIT)
            state = node.show(UNIT, "ExecMainStatus", "StatusText")
            self.assertEqual(state["ExecMainStatus"], "69", "it is tried again")
            self.assertIn("cannot be mounted at '/var/log/pods': it did not end in time", state["StatusText"])

        with self.subTest("it ends at the next attempt"):
            node.write("usr/bin/mount", "#!/bin/sh\nexec /usr/bin/mount.away \"$@\"\n")
            node.call("systemctl", "stop", "var-log-pods.mount")
            node.systemctl("start", UNIT)
            self.assertActive(node, UNIT, "var-log-pods.mount")

    def without_disks(self, ids: dict):
        """A node whose NVMe controllers, with these ids, have no disk when the time is over."""
        node = self.with_array()
        for folder in "udev/data", "last":
            shutil.rmtree(node.root / SYSFS / folder)
            (node.root / SYSFS / folder).mkdir()

        for number in range(len(DISKS)):
            for name, value in ids.items():
                node.write(f"{SYSFS}/pci/0000:00:{number:02x}.0/{name}", f"{value}\n")

        node.write(f"etc/systemd/system/{UNIT}.d/test.conf", "[Service]\nEnvironment=EKS_INSTANCE_STORE_TIMEOUT=2\n")
        return node

    def test_no_disk_comes(self):
        node = self.without_disks({"vendor": "0x1d0f", "device": "0xcd01"})
        node.boot(wait=False)
        node.wait_for_unit(UNIT, "failed")  # it is tried again
        failure = self.failure(node, UNIT)
        self.assertEqual(failure["EKS_FAILURE"], "disks-missing")
        self.assertIn("0 disks of 2 NVMe controllers were there after 2 s, and none of the instance store", failure["MESSAGE"])
        self.assertEqual(node.show(UNIT, "ExecMainStatus")["ExecMainStatus"], "69")
        self.assertNotEqual(node.show("containerd.service", "ActiveState")["ActiveState"], "active")
        self.assertFalse((node.root / "run/eks/instance-store").exists())

    def test_a_volume_does_not_come(self):
        node = self.without_disks({"vendor": "0x1d0f", "device": "0x8061"})
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertIn("0 disks of 2 NVMe controllers", *self.late(node))

    def test_a_controller_without_a_driver_of_disks_is_not_waited_for(self):
        node = self.with_array(controllers=len(DISKS) + 1)
        node.link(f"{SYSFS}/pci/0000:00:{len(DISKS):02x}.0/driver", "../../../bus/pci/drivers/vfio-pci")
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertEqual(self.late(node), [])

    def unmount(self, node):
        for directory in [*reversed(BOUND), f"{BASE}/0"]:
            node.output("systemctl", "stop", node.output("systemd-escape", "--path", "--suffix=mount", directory).strip())

    def figures(self, runs: int) -> list[dict]:
        """For tests/bench: what the step costs that mounts an array of an earlier boot."""
        node = self.with_array()
        try:
            node.boot("eks.node=0")
            node.output("systemctl", "start", "eks-config.service")
            figures = []

            for _ in range(runs):
                # systemd looks at no more than five changes of mounts in a second.
                time.sleep(1.5)
                node.output("systemctl", "start", UNIT)
                figures.append(step_figures(node, UNIT.removesuffix(".service")))

                # The same without mounts, which the manager makes.
                node.output("systemctl", "restart", UNIT)
                figures[-1]["own_ms"] = step_figures(node, UNIT.removesuffix(".service"))["wall_ms"]
                node.output("systemctl", "stop", UNIT)
                self.unmount(node)
                node.output("systemctl", "reset-failed")

                # Units that others refer to stay loaded, which costs calls; after a boot there are none.
                node.output("sh", "-c", "rm -f /run/systemd/transient/*.mount; systemctl daemon-reload")

            return figures
        finally:
            node.__exit__()
