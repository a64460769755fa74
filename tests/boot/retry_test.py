# SPDX-License-Identifier: Apache-2.0
"""A chain that could not reach something is tried again by a timer; one with a bad configuration is not."""

import json
import re

import support
from support import BootTest

TIMER = "eks-retry.timer"
SILENT = json.dumps([{"path": "*", "hang": True}])


class Retry(BootTest):
    def unreachable(self, *delays):
        """A node whose metadata service is silent, and a timer that elapses after these delays."""
        node = self.node()
        node.write("/srv/aws/faults.json", SILENT)
        node.write("/etc/systemd/system/eks-imds.service.d/deadline.conf", "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=1\n")
        node.write(f"/etc/systemd/system/{TIMER}.d/delays.conf",
                   "[Timer]\nOnActiveSec=\n" + "".join(f"OnActiveSec={delay}\n" for delay in delays))
        return node

    def attempts(self, node) -> int:
        return len([r for r in node.journal("--unit", "eks-imds") if r.get("EKS_RESULT") == "failed"])

    def test_a_metadata_service_that_was_down_for_long(self):
        node = self.unreachable("1s", "4s", "8s", "14s", "20s", "30s", "40s", "50s")
        node.boot()
        self.assertKubeletDown(node)

        node.wait_for(lambda: self.attempts(node) >= 2, "a second attempt")
        self.assertIn(TIMER, node.output("systemctl", "list-timers", "--no-legend", "--no-pager"))

        status = node.wait_for(lambda: re.search(r"Next: +next attempt in \d+ s \(eks-retry\.timer\)$",
                                                 node.call("eksnode", "status").stdout, re.MULTILINE), "the announcement")
        self.assertTrue(status)

        node.file("/srv/aws/faults.json").unlink()
        node.output("systemctl", "restart", "fake-aws")

        # Nobody does anything else.
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertActive(node, "kubelet.service", "containerd.service", "eks-sandbox-image.service")
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")

        node.wait_for_unit(TIMER, "inactive", timeout=60)  # at its next turn it has nothing left to do

    def test_the_attempts_have_an_end(self):
        node = self.unreachable("1s", "4s")
        node.boot()
        ended = node.wait_for(lambda: [r for r in node.journal("--unit", "eks-retry") if "giving up" in r["MESSAGE"]],
                              "the last attempt", timeout=60)
        self.assertEqual(len(ended), 1)
        self.assertIn(self.attempts(node), (2, 3), "two turns of the timer may fall together")

        node.wait_for_unit(TIMER, "inactive")

        # Started by hand, it gets as many attempts again.
        node.file("/srv/aws/faults.json").write_text("[]")
        node.output("systemctl", "restart", "fake-aws")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target")

    def test_a_bad_configuration_waits_for_a_person(self):
        node = self.node()
        node.user_data(None)
        node.boot()
        self.failure(node, "eks-config.service")
        self.assertEqual(node.show(TIMER, "ActiveState")["ActiveState"], "inactive")
        self.assertEqual(self.starts(node, TIMER), 0)

        reported = node.wait_for(lambda: [r["MESSAGE"] for r in node.journal("--unit", "eks-retry") if "EKS_RESULT" in r],
                             "its decision")
        self.assertIn("eks-config.service (exit status 78) is not temporary", reported[0])

    def test_a_step_that_is_killed_is_run_again(self):
        node = self.node()
        node.write("/usr/local/bin/killed-once", "#!/bin/sh\n[ -e /run/killed ] || { touch /run/killed; kill -9 $$; }\n"
                                                 "exec /usr/libexec/eksnode/eks-kubeconfig\n")
        (node.root / "usr/local/bin/killed-once").chmod(0o755)
        node.write("/etc/systemd/system/eks-kubeconfig.service.d/killed.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/local/bin/killed-once\n")
        node.write(f"/etc/systemd/system/{TIMER}.d/delays.conf", "[Timer]\nOnActiveSec=\nOnActiveSec=1s\nOnActiveSec=5s\n")
        node.boot(wait=False)
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertActive(node, "kubelet.service", "eks-kubeconfig.service")
        self.assertTrue(node.file("/run/killed").exists())

    def test_an_attempt_that_is_killed_is_made_again(self):
        """eks-retry itself, before and after it starts its timer, and before it starts the node."""
        node = self.unreachable("4s", "7s", "10s", "13s", "16s", "20s", "30s")
        support.let_be_killed(node, "eks-retry.service")
        node.boot()

        def kills():
            return len([r for r in node.journal("UNIT=eks-retry.service") if "code=killed" in r["MESSAGE"]])

        for point in 1, 2:
            node.systemctl("stop", TIMER)
            node.systemctl("reset-failed")
            before = kills()
            support.kill_at(node, point)
            node.call("systemctl", "start", "eks-imds.service")
            node.wait_for(lambda: kills() > before, "eks-retry to be killed")
            support.kill_at(node, None)
            node.wait_for_unit("eks-retry.service", "inactive")
            node.wait_for_unit(TIMER)

        node.file("/srv/aws/faults.json").unlink()
        node.output("systemctl", "restart", "fake-aws")
        before = kills()
        support.kill_at(node, 1)
        node.wait_for(lambda: kills() > before, "the attempt to be killed")
        support.kill_at(node, None)
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertActive(node, "kubelet.service")

    def test_a_step_that_kubelet_does_without_is_tried_again_too(self):
        node = self.node()
        node.write(f"/etc/systemd/system/{TIMER}.d/delays.conf", "[Timer]\nOnActiveSec=\nOnActiveSec=2s\nOnActiveSec=9s\n")
        node.write("/usr/local/bin/unreachable-once", "#!/bin/sh\n[ -e /run/tried ] || { touch /run/tried; exit 69; }\n"
                                                      "exec /usr/libexec/eksnode/eks-sandbox-image\n")
        (node.root / "usr/local/bin/unreachable-once").chmod(0o755)
        node.write("/etc/systemd/system/eks-sandbox-image.service.d/once.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/local/bin/unreachable-once\n")
        node.boot(wait=False)
        node.wait_for_unit("eks-sandbox-image.service", timeout=60)
        self.assertActive(node, "eks-node.target", "kubelet.service")
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_404_early_in_an_instance_s_life(self):
        node = self.node()
        node.write("/srv/aws/faults.json", json.dumps([
            {"path": path, "status": 404, "times": 4} for path in (
                "*/document", "/latest/meta-data/mac", "/latest/meta-data/local-hostname", "/latest/meta-data/local-ipv4",
                "/latest/user-data", "/latest/meta-data/network/interfaces/macs/")]))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")
        self.assertEqual(self.starts(node, "eks-imds.service"), 1)
        self.assertEqual(node.kubelet()["flags"]["node-ip"], "172.16.34.43")
