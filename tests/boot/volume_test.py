# SPDX-License-Identifier: Apache-2.0
"""containerd's volume."""

import hashlib
import json
from pathlib import Path

import support
from node import TESTS
from support import BootTest

MARK = "/var/lib/eks/containerd-volume.formatting"
INSTANCE = json.loads((TESTS / "profiles/reference.json").read_text())["dynamic"]["instance-identity/document"]["instanceId"]


class Volume(BootTest):
    """A disk of containerd's own."""

    UNIT = "eks-containerd-volume.service"
    MOUNT = "var-lib-containerd.mount"

    def configure(self, node, **settings):
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        node.write("etc/eks/node.toml", f"[containerd.volume]\n{lines}")

    def mounted(self, node, directory="/var/lib/containerd") -> list:
        return node.output("findmnt", "--noheadings", "--output=SOURCE,FSTYPE,OPTIONS", directory).split()

    def test_a_blank_disk_is_formatted_and_mounted_before_containerd(self):
        for filesystem in "xfs", "ext4":
            with self.subTest(filesystem):
                node = self.node()
                disk = node.disk()
                self.configure(node, device=disk, filesystem=filesystem)
                node.boot()
                self.assertActive(node, "eks-node.target", self.UNIT, self.MOUNT, "eks-sandbox-image.service")

                source, kind, options = self.mounted(node)
                self.assertEqual((source, kind), (disk, filesystem))
                self.assertIn("noatime", options.split(","))
                self.assertIn("formatted", node.show(self.UNIT, "StatusText")["StatusText"])

                mounted, started = (int(node.show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
                                    for unit in (self.MOUNT, "containerd.service"))
                self.assertLess(mounted, started)
                self.assertIn("containerd.service", node.show(self.MOUNT, "Before")["Before"].split())
                self.assertEqual(node.kubelet()["config"]["evictionHard"]["imagefs.available"], "15%")

                node.power_off()

    def test_a_reboot_finds_what_is_on_it(self):
        node = self.node()
        disk = node.disk()
        self.configure(node, device=disk)
        node.boot()
        node.file("/var/lib/containerd/mark").write_text("kept")
        self.configure(node, label="containerd")
        node.reboot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertEqual(node.file("/var/lib/containerd/mark").read_text(), "kept")
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"mounted {disk} at /var/lib/containerd")

        node.output("systemctl", "restart", self.UNIT)
        self.assertIn("is mounted at", node.show(self.UNIT, "StatusText")["StatusText"])

    def test_a_disk_that_holds_something_is_not_touched(self):
        for filesystem, what in ("ext2", "it holds ext2"), ("", "data of an unknown kind"):
            with self.subTest(what):
                node = self.node()
                disk = node.disk(filesystem=filesystem)

                if not filesystem:
                    with open(disk, "r+b") as file:
                        file.seek(4096)
                        file.write(b"somebody's")

                # That a formatting did not end is known of this disk, but of nothing that holds a filesystem; and of
                # another instance's disk, which is not this one.
                node.write(MARK, f"{INSTANCE if filesystem else 'i-1111'} {disk}\n")
                before = hashlib.sha256(Path(disk).read_bytes()).digest()
                self.configure(node, device=disk)
                node.boot()
                record = self.failure(node, self.UNIT)
                self.assertEqual(record["EKS_FAILURE"], "volume-occupied")
                self.assertIn(what, record["MESSAGE"])
                self.assertIn("/etc/eks/node.toml, line 2", record["MESSAGE"])
                self.assertKubeletDown(node)
                self.assertEqual(node.show("containerd.service", "ActiveState")["ActiveState"], "inactive")

                node.power_off()
                self.assertEqual(hashlib.sha256(Path(disk).read_bytes()).digest(), before)

    def test_a_disk_that_is_not_there_keeps_containerd_down_until_it_is(self):
        node = self.node()
        node.disk()
        soci = '[containerd]\nsnapshotter = "soci"\nvolume.device = "%s"\n'
        node.soci(soci % "vol-0123456789abcdef0")
        node.write(f"etc/systemd/system/{self.UNIT}.d/test.conf", "[Service]\nEnvironment=EKS_VOLUME_TIMEOUT=1\n")
        node.boot()
        self.assertEqual(self.failure(node, self.UNIT)["EKS_FAILURE"], "volume-missing")
        self.assertKubeletDown(node)

        # It would write to the root filesystem.
        self.assertFalse(node.file("/var/lib/soci-snapshotter-grpc/index.json").exists())
        self.assertEqual(node.show("soci-snapshotter.service", "ActiveState")["ActiveState"], "inactive")

        node.soci(soci % node.disks[0])
        node.systemctl("restart", "eks-config.service")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", self.UNIT, self.MOUNT, "soci-snapshotter.service")

    def test_a_mount_that_failed_once_is_tried_again(self):
        node = self.node()
        disk = node.disk()
        self.configure(node, device=disk, filesystem="ext4")
        self.replace_mount(node, "exit 32")
        node.boot()
        self.assertEqual(self.failure(node, self.UNIT)["EKS_FAILURE"], "volume-failed")
        self.assertKubeletDown(node)

        node.output("mv", "/usr/bin/mount.away", "/usr/bin/mount")
        node.output("systemctl", "start", self.UNIT)
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", self.UNIT, self.MOUNT)

    def test_a_kill_while_it_formats_or_mounts(self):
        """The step or mkfs with the step is killed, everywhere; run again, it ends with a filesystem that is whole."""
        node = self.node()
        disk = node.disk()
        self.configure(node, device=disk)
        support.let_be_killed(node, self.UNIT)
        node.boot("quiet")  # no node, so that nothing but this step uses the disk

        kills, step = {}, "eks-containerd-volume"
        for filesystem, program in ("xfs", step), ("xfs", "mkfs.xfs"), ("ext4", "mkfs.ext4"):
            self.configure(node, device=disk, filesystem=filesystem)
            node.output("systemctl", "restart", "eks-config.service")
            point = 1

            while True:
                support.kill_at(node, point, program, parent=program != step)
                node.call("systemctl", "start", self.UNIT)
                support.kill_at(node, None)

                if node.show(self.UNIT, "Result")["Result"] == "success":
                    break

                self.assertEqual(node.show(self.UNIT, "Result")["Result"], "signal", (program, point, node.show(self.UNIT, "StatusText")))

                kills[program] = kills.get(program, 0) + 1
                with self.subTest(program=program, point=point):
                    self.assertEqual(node.call("systemctl", "start", self.UNIT).returncode, 0,
                                     node.show(self.UNIT, "StatusText"))
                    self.assertEqual(self.mounted(node)[:2], [disk, filesystem])
                    self.assertFalse(node.file(MARK).exists())

                self.start_over(node, disk)
                point = point + 1 if program == step else point * 2  # mkfs writes hundreds of times

            self.start_over(node, disk)

        # Of the step: before and after the note, its rename, mkfs, the end of the note, and the mount.
        self.assertGreaterEqual(kills[step], 10)
        self.assertGreaterEqual(min(kills.values()), 5)

    def test_a_kill_while_systemd_mounts(self):
        node = self.node()
        disk = node.disk(filesystem="ext4")
        self.configure(node, device=disk)
        self.replace_mount(node, "for i in $(seq 200); do [ -e /run/go ] && break; sleep 0.1; done")
        node.boot("quiet")
        node.output("systemctl", "start", "eks-config.service")
        node.output("systemctl", "start", "--no-block", self.UNIT)
        node.wait_for_unit(self.MOUNT, "activating")
        node.output("systemctl", "kill", "--signal=KILL", self.UNIT)
        node.wait_for_unit(self.UNIT, "failed")
        node.output("systemctl", "start", "--no-block", self.UNIT)
        node.wait_for_unit(self.UNIT, "activating")
        self.assertEqual(node.show(self.MOUNT, "ActiveState")["ActiveState"], "activating")

        node.file("/run/go").touch()
        node.wait_for_unit(self.UNIT)
        self.assertEqual(self.mounted(node)[0], disk)

    def replace_mount(self, node, what):
        """Have mount(8) run these commands first for containerd's directory."""
        mount = node.root / "usr/bin/mount"
        mount.rename(mount.with_name("mount.away"))
        node.write("usr/bin/mount", f"#!/bin/sh\ncase \"$*\" in *var/lib/containerd*) {what} ;; esac\n"
                                    "exec /usr/bin/mount.away \"$@\"\n")
        mount.chmod(0o755)

    def start_over(self, node, disk):
        node.output("systemctl", "stop", self.UNIT, self.MOUNT)
        node.output("blkdiscard", disk)
        node.file(MARK).unlink(missing_ok=True)

    def test_soci_snapshotter_has_its_data_there_too(self):
        node = self.node()
        disk = node.disk()
        node.soci(f'[containerd]\nsnapshotter = "soci"\nvolume.device = "{disk}"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT, "soci-snapshotter.service", "eks-sandbox-image.service")
        self.assertEqual(self.mounted(node, "/var/lib/soci-snapshotter-grpc")[0], f"{disk}[/soci-snapshotter-grpc]")
        self.assertTrue(node.file("/var/lib/containerd/soci-snapshotter-grpc/index.json").exists())

    def test_soci_snapshotter_s_data_follow_when_it_is_chosen_later(self):
        node = self.node()
        disk = node.disk()
        settings = f'[containerd]\nsnapshotter = "%s"\nvolume.device = "{disk}"\n'
        node.soci(settings % "overlayfs")
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT)

        node.soci(settings % "soci")
        node.systemctl("restart", "eks-config.service")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", self.UNIT, "soci-snapshotter.service", "eks-sandbox-image.service")
        self.assertEqual(self.mounted(node, "/var/lib/soci-snapshotter-grpc")[0], f"{disk}[/soci-snapshotter-grpc]")

    def test_without_a_volume_the_step_is_skipped(self):
        node = self.booted()
        self.assertEqual(node.show(self.UNIT, "ConditionResult")["ConditionResult"], "no")
