# SPDX-License-Identifier: Apache-2.0
"""soci-snapshotter."""

import re

from node import Node
from support import ImageTest, fail_first_starts, on_each_containerd

DAEMON_ENDED = "63b0d9ed2ac84d3b8212e56e773ead02"


class SociTest(ImageTest):
    """A stand-in for soci-snapshotter, with real containerd as its client."""

    NAME = "localhost/kubernetes/pause:latest"
    PROGRAM = "usr/bin/soci-snapshotter-grpc"
    SERVICE = "soci-snapshotter.service"
    SNAPSHOTS = ("ctr", "-n", "k8s.io", "snapshots", "--snapshotter", "soci")

    def unpacked(self, node) -> int:
        """How many layers the snapshotter has."""
        return node.output(*self.SNAPSHOTS, "list").count("Committed")


@on_each_containerd
class Unpacking(SociTest):
    def test_images_are_unpacked_by_it(self):
        node = self.node()
        node.soci()
        node.boot()
        self.assertActive(node, "eks-node.target", self.SERVICE, "containerd.service", self.UNIT, "kubelet.service")

        containerd = node.output("containerd", "config", "dump")
        self.assertRegex(containerd, """snapshotter = ["']soci["']""")
        self.assertEqual(node.kubelet()["config"]["imageServiceEndpoint"],
                         "unix:///run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock")
        self.assertIn("imported and pinned", node.show(self.UNIT, "StatusText")["StatusText"])
        self.assertEqual(self.unpacked(node), 1)

        started = [int(node.show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
                   for unit in (self.SERVICE, "containerd.service", "kubelet.service")]
        self.assertEqual(started, sorted(started))
        self.assertEqual(self.starts(node, "containerd.service"), 1)
        self.assertRegex(node.output("eksnode", "status"), r"● soci-snapshotter\.service +\d+ ms  running")

        # If the image exists and is unpacked, nothing is done. Without its layer, it is unpacked again.
        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.NAME} present and pinned")

        listed = node.wait_for(lambda: node.call(*self.SNAPSHOTS, "list").stdout, "containerd to reach it")
        layer = re.search(r"^sha256:\w+", listed, re.MULTILINE)[0]
        node.output(*self.SNAPSHOTS, "remove", layer)
        self.assertEqual(self.unpacked(node), 0)

        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.NAME} imported and pinned")
        self.assertEqual(self.unpacked(node), 1)

    def test_an_image_of_ecr_is_pulled_through_it(self):
        node = self.ecr_node(prepare=Node.soci)
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertIn("pulled and pinned", node.show(self.UNIT, "StatusText")["StatusText"])
        self.assertIn("runtime.v1.ImageService/PullImage", node.file("/run/soci-calls").read_text().split())
        self.assertEqual(self.unpacked(node), 1)
        self.assertCalm(node)


class Soci(SociTest):
    def test_it_comes_and_goes_with_the_configuration(self):
        node = self.booted()
        self.assertEqual(node.show(self.SERVICE, "ActiveState")["ActiveState"], "inactive")

        node.soci()
        node.reboot()
        self.assertActive(node, "eks-node.target", self.SERVICE)
        self.assertEqual(self.unpacked(node), 1)  # what overlayfs had unpacked before

        node.write("etc/eks/node.toml", '[containerd]\nsnapshotter = "overlayfs"\n')
        node.reboot()
        self.assertActive(node, "eks-node.target", self.UNIT)

        state = node.show(self.SERVICE, "ActiveState", "ConditionResult", "LoadState")
        self.assertEqual(state, {"ActiveState": "inactive", "ConditionResult": "no", "LoadState": "loaded"})
        self.assertFalse(node.file("/etc/soci-snapshotter-grpc/config.toml").exists())
        self.assertNotIn("imageServiceEndpoint", node.kubelet()["config"])

    def test_a_machine_without_it_says_so_and_goes_on(self):
        node = self.booted(extra="  featureGates: {FastImagePull: true}\n")
        self.assertActive(node, "eks-node.target", self.UNIT)
        notices = [r["MESSAGE"] for r in node.journal("--unit", "eks-config", "--priority=notice")]
        self.assertTrue(any("FastImagePull" in n and f"'/{self.PROGRAM}' is not installed" in n for n in notices), notices)

    def test_when_it_crashes_it_is_started_again_and_its_clients_run_on(self):
        node = self.node()
        node.soci()
        node.boot()
        clients = ("containerd.service", "kubelet.service")
        before = {unit: node.show(unit, "MainPID") for unit in (self.SERVICE, *clients)}
        node.output("systemctl", "kill", "--signal=SIGKILL", self.SERVICE)
        node.wait_for(lambda: node.show(self.SERVICE, "SubState")["SubState"] == "running"
                      and node.show(self.SERVICE, "MainPID") != before[self.SERVICE], "it to run again")

        for unit in clients:
            self.assertEqual(node.show(unit, "MainPID"), before[unit])

        # And they work with the new one.
        listed = node.wait_for(lambda: node.call(*self.SNAPSHOTS, "list").stdout, "containerd to reach it")
        layer = re.search(r"^sha256:\w+", listed, re.MULTILINE)[0]
        node.output(*self.SNAPSHOTS, "remove", layer)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(self.unpacked(node), 1)
        self.assertActive(node, "eks-node.target", self.UNIT, *clients)

        # It runs since before its configuration was written: restarted, but not while there are containers.
        container = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/a-pod"
        node.output("touch", "/etc/soci-snapshotter-grpc/config.toml")
        node.output("mkdir", "-p", container)
        before = self.main_processes(node, self.SERVICE)
        self.start_again(node, "eks-containerd-config")
        self.assertEqual(self.main_processes(node, self.SERVICE), before)

        reported = node.journal("--unit", "eks-containerd-config", "--priority=warning")
        self.assertEqual([record.get("EKS_DAEMON") for record in reported], [self.SERVICE])
        self.assertIn(f"run `systemctl restart {self.SERVICE}`", node.output("eksnode", "status"))

        node.output("rmdir", container)
        self.start_again(node, "eks-containerd-config")
        self.assertNotEqual(self.main_processes(node, self.SERVICE), before)
        self.assertActive(node, "eks-node.target", self.SERVICE, *clients)

    def test_failed_first_starts_of_it_are_made_good(self):
        node = self.node()
        node.soci()
        fail_first_starts(node, self.SERVICE, "/usr/bin/soci-snapshotter-grpc --address fd://", 2)
        node.boot(wait=False)
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertActive(node, self.SERVICE, "containerd.service", "kubelet.service")

        node.wait_for(lambda: self.unpacked(node) == 1, "the image to be unpacked")

        # The console is told what has ended it.
        reported = {r["MESSAGE"] for r in node.journal(f"MESSAGE_ID={DAEMON_ENDED}")}
        self.assertEqual(reported, {f"{self.SERVICE} ended: start refused by a test"})
