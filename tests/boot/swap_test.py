# SPDX-License-Identifier: Apache-2.0
"""Swap that cannot be had: a container has none of its own. What a kernel does with swap is tested in the vm tier."""

from support import BootTest

UNIT = "eks-swap.service"


class Swap(BootTest):
    def test_a_node_starts_without_the_swap_that_it_should_have(self):
        node = self.node()
        node.write("etc/eks/node.toml", 'swap = "instance-store"\n')
        node.boot()
        self.assertActive(node, "eks-node.target")

        failure = self.failure(node, UNIT)
        self.assertEqual(failure["EKS_FAILURE"], "swap-failed")
        self.assertIn("swap = 'instance-store': instance.localStorage.strategy is not set", failure["MESSAGE"])
        self.assertIn("instance.localStorage.strategy", failure["EKS_REMEDY"])
        self.assertIn("\nswap: instance-store, not on\n", node.call("eksnode", "status").stdout)

        config = node.kubelet()["config"]
        self.assertEqual((config["failSwapOn"], config["memorySwap"]), (False, {"swapBehavior": "LimitedSwap"}))

        # No longer configured: the step has nothing to do, and the next boot skips it.
        node.write("etc/eks/node.toml", "")
        self.assertIn(f"run {UNIT}", node.output("eksnode", "apply", "--dry-run"))

        node.output("eksnode", "apply")
        self.assertEqual(node.show(UNIT, "ActiveState", "StatusText"),
                         {"ActiveState": "active", "StatusText": "no swap is configured"})
        self.assertNotIn("\nswap:", node.call("eksnode", "status").stdout)
        self.assertNotIn("memorySwap", node.kubelet()["config"])

        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show(UNIT, "ActiveState", "ConditionResult"), {"ActiveState": "inactive", "ConditionResult": "no"})
