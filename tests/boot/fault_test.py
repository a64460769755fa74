# SPDX-License-Identifier: Apache-2.0
"""Faults that pass, and faults that do not: a reached target without anybody's help, or one coded failure. `eksnode
status` tells the truth at each moment. Daemons that fail are in healing_test.py, kills at each write in tests/fault/."""

import json
import re

import support
from node import node_config
from support import BootTest

# Every instance has these.
NEEDED = ["dynamic/instance-identity/document", "meta-data/mac", "meta-data/local-hostname", "meta-data/local-ipv4",
          "meta-data/network/interfaces/macs/", "meta-data/services/partition", "meta-data/services/domain"]
MAC = "meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/"  # tests/profiles/reference.json
OF_AN_INTERFACE = [MAC + name for name in ("device-number", "local-ipv4s", "subnet-ipv4-cidr-block", "vpc-ipv4-cidr-blocks")]
CONFIG = "/etc/kubernetes/kubelet/config.json"


class Fault(BootTest):
    def with_faults(self, *faults, drop_in=""):
        node = self.node()
        if drop_in:
            node.write("/etc/eks/node.d/50-image.toml", drop_in)
            # What eks-config passes over must not stop eks-imds either.
            node.link("/etc/eks/node.d/60-masked.toml", "/dev/null")
            node.write("/etc/eks/node.d/off.toml/10-cluster.toml", "[cluster]\n")
            node.write("/usr/share/eks/shared.toml", "[kubelet.config]\npodsPerCore = 20\n")
            node.link("/etc/eks/node.d/70-shared.toml", "/usr/share/eks/shared.toml")

        node.write("/etc/systemd/system/eks-imds.service.d/notice.conf", "[Service]\nEnvironment=EKS_WAIT_NOTICE=8\n")
        node.write("/srv/aws/faults.json", json.dumps(faults))
        node.boot(wait=False)
        node.wait_for(node.leader, "the container")

        return node

    def reported(self, node, unit, name) -> str:
        """A property of a unit, "" as long as the manager does not answer."""
        return node.call("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip() if node.leader() else ""

    def status(self, node) -> str:
        return node.call("eksnode", "status").stdout

    def wait_for_the_node(self, node, timeout=120):
        node.wait_for_unit("eks-node.target", timeout=timeout)
        node.wait_until_booted()
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")
        result = node.call("eksnode", "status")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_metadata_that_is_silent_for_long(self):
        node = self.with_faults({"path": "*", "hang": True})
        node.wait_for(lambda: "Waiting for the instance metadata" in self.reported(node, "eks-imds.service", "StatusText"),
                      "eks-imds to say what it waits for")
        result = node.call("eksnode", "status")
        self.assertEqual(result.returncode, 75, result.stdout)
        self.assertRegex(result.stdout, r"eks-imds\.service +working\n.*Waiting for the instance metadata")

        node.wait_for(lambda: re.search(r"\(attempt \d\d\)", self.reported(node, "eks-imds.service", "StatusText")),
                      "ten attempts", timeout=120)
        node.file("/srv/aws/faults.json").write_text("[]")
        self.wait_for_the_node(node)
        self.assertEqual(self.starts(node, "eks-imds.service"), 1)

    def test_facts_that_come_late(self):
        for path in [*NEEDED, "user-data"], OF_AN_INTERFACE:
            with self.subTest(path):
                # The image has configuration of its own, but not of a cluster: the user data is waited for.
                node = self.with_faults(*({"path": f"/latest/{item}", "status": 404} for item in path),
                                        drop_in="[kubelet.config]\nclusterDomain = 'cluster.local'\n")
                node.wait_for(lambda: "not there yet" in self.reported(node, "eks-imds.service", "StatusText"),
                              "eks-imds to say what it waits for")
                node.wait_for(lambda: [r for r in node.journal("--unit", "eks-imds") if "still waiting" in r["MESSAGE"]],
                              "eks-imds to have waited for $EKS_WAIT_NOTICE seconds")
                node.file("/srv/aws/faults.json").write_text("[]")
                self.wait_for_the_node(node)

    def test_bursts_of_503(self):
        node = self.with_faults({"path": "/latest/api/token", "status": 503, "times": 3},
                                {"path": "/latest/user-data", "status": 503, "times": 4},
                                {"path": "/latest/meta-data/*", "status": 503, "times": 10})
        self.wait_for_the_node(node)

    def broken_filesystem(self, options):
        """Another filesystem where kubelet's configuration belongs."""
        node = self.node()
        node.write("/etc/systemd/system/etc-kubernetes-kubelet.mount",
                   "[Unit]\nDefaultDependencies=no\nBefore=local-fs.target\n"
                   f"[Mount]\nWhat=tmpfs\nWhere=/etc/kubernetes/kubelet\nType=tmpfs\nOptions={options}\n")
        node.link("/etc/systemd/system/local-fs.target.requires/etc-kubernetes-kubelet.mount",
                  "../etc-kubernetes-kubelet.mount")
        node.boot()
        record = self.failure(node, "eks-kubelet-config.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("file-io", "1"))
        self.assertIn(CONFIG.rsplit("/", 1)[0], record["MESSAGE"])

        for file in node.file(CONFIG).parent.iterdir():  # whole, or not there
            self.assertIn(file.name, ("config.json", "kubelet-config.json"))
            if not file.is_symlink():
                json.loads(file.read_text())

        self.assertKubeletDown(node)

        result = node.call("eksnode", "status")
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stdout, r"× eks-kubelet-config\.service +FAILED \(exit status 1\)")

        return node, record

    def mended(self, node):
        node.output("mount", "-o", "remount,rw,size=1M", "/etc/kubernetes/kubelet")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")
        has = node.kubelet()["config"]
        self.assertEqual(has | json.loads(node.file(CONFIG).read_text()), has)  # a real one has more, in a file of its own

    def test_a_full_filesystem(self):
        node, record = self.broken_filesystem("size=4k,nr_inodes=3")  # the root, the link for scripts and one file, which is too large
        self.assertIn("No space left", record["MESSAGE"])
        node.output("mount", "-o", "remount,nr_inodes=100", "/etc/kubernetes/kubelet")
        self.mended(node)

    def test_a_read_only_filesystem(self):
        node, record = self.broken_filesystem("ro")
        self.assertIn("Read-only", record["MESSAGE"])
        self.mended(node)

    def test_a_kill_in_the_middle_of_the_chain_and_a_second_boot(self):
        """What tests/fault/ does to each step at each write, once with systemd: a step dies, and the machine starts again."""
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca, extra="  kubelet:\n    config:\n      podsPerCore: 20\n"))
        drop_in = "/etc/systemd/system/eks-kubelet-config.service.d/killed.conf"
        node.write(drop_in, "[Service]\nExecStart=\nExecStart=/bin/sh -c 'kill -9 $$$$'\n")
        node.boot(wait=False)
        node.wait_for(lambda: self.reported(node, "eks-kubelet-config.service", "Result") == "signal", "the step to be killed")
        self.assertKubeletDown(node)
        self.assertRegex(self.status(node), r"× eks-kubelet-config\.service +FAILED \(.*(?:signal|SIGKILL|killed)")

        (node.root / drop_in.lstrip("/")).unlink()
        node.reboot()
        self.assertActive(node, "eks-node.target", "kubelet.service")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 20)
