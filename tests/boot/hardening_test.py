# SPDX-License-Identifier: Apache-2.0
"""What the suite must not do to others, and what others must not learn from it."""

from support import BootTest


class OtherPeople(BootTest):
    def test_a_foreign_unit_whose_name_begins_with_eks_is_left_alone(self):
        node = self.node()
        node.write("etc/systemd/system/eks-foreign-agent.service",
                   "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
        node.boot("eks.node=1", "eks.debug")
        self.assertActive(node, "eks-node.target")
        foreign = node.show("eks-foreign-agent.service", "CapabilityBoundingSet", "DropInPaths", "Environment",
                            "NoNewPrivileges", "RuntimeDirectory")
        self.assertIn("cap_sys_admin", foreign.pop("CapabilityBoundingSet"))
        self.assertEqual(foreign, {"DropInPaths": "", "Environment": "", "NoNewPrivileges": "no", "RuntimeDirectory": ""})
        ours = node.show("eks-ca.service", "CapabilityBoundingSet", "Environment", "NoNewPrivileges")
        self.assertEqual(ours, {"CapabilityBoundingSet": "", "NoNewPrivileges": "yes",
                                "Environment": "EKS_UNIT=eks-ca.service EKS_LOG_LEVEL=debug"})


class Installation(BootTest):
    def test_an_installation_on_a_running_machine_changes_nothing_before_the_next_boot(self):
        node = self.booted("quiet")  # a container is no node by itself
        node.write("usr/lib/eks/node.enabled", "")  # as the hardware says it of an EC2 instance
        node.output("mkdir", "-p", "/run/eks")
        node.output("touch", "/run/eks/installed")
        node.output("systemctl", "daemon-reload")
        node.output("systemctl", "start", "containerd")
        self.assertEqual(node.show("containerd.service", "ActiveState")["ActiveState"], "active")
        self.assertEqual(self.starts(node, "eks-imds.service"), 0)
        self.assertNotIn("eks-", node.show("containerd.service", "Requires")["Requires"])
        node.reboot()
        self.assertActive(node, "eks-node.target")
        # On a node, what is removed and installed again finds the steps done.
        node.output("touch", "/run/eks/installed")
        node.output("systemctl", "daemon-reload")
        self.assertIn("eks-containerd-config.service", node.show("containerd.service", "Requires")["Requires"])
        self.assertActive(node, "eks-node.target")
