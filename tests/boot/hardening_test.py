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
