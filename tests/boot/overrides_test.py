# SPDX-License-Identifier: Apache-2.0
"""Drop-ins, masks and edits of an admin."""

import os
import pty
import re
import select
import subprocess

import support
from node import TESTS, node_config
from support import BootTest, STEPS


class Overrides(BootTest):
    def edit(self, node, unit, text):
        """`systemctl edit`, which insists on a terminal, with an editor that writes the given text."""
        node.file("/root/text").write_text(text)
        node.file("/root/editor").write_text('#!/bin/sh\ncat /root/text > "$1"\n')
        node.file("/root/editor").chmod(0o755)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["nsenter", f"--target={node.leader()}", "--all", "--root", "--wd=/", "/usr/bin/env",
             "SYSTEMD_EDITOR=/root/editor", "systemctl", "edit", unit], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        output = b""

        while process.poll() is None:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    output += os.read(ours, 4096)
                except OSError:  # the last writer has closed the terminal
                    break

        process.wait(20)
        os.close(ours)
        self.assertEqual(process.returncode, 0, output)

    def test_a_drop_in_by_systemctl_edit_takes_effect(self):
        node = self.booted()
        self.edit(node, "eks-ca.service", "[Service]\nEnvironment=EKS_LOG_LEVEL=debug\n")
        node.systemctl("restart", "eks-ca")
        self.assertTrue([r for r in node.journal("--unit", "eks-ca") if r["PRIORITY"] == "7"])

        # The example of eks-node(7), line by line, with another step's program.
        page = (TESTS.parent / "man/eks-node.7.scd").read_text()
        example = re.search(r"(?m)^\[Service\]\nExecStart=\n(?:Exec\w+=.*\n)+", page)[0]
        node.file("/usr/local/sbin/write-kubeconfig").write_text("#!/bin/sh\ncp /etc/eks/own-kubeconfig /var/lib/kubelet/kubeconfig\n")
        node.file("/usr/local/sbin/write-kubeconfig").chmod(0o755)
        own = node.file("/var/lib/kubelet/kubeconfig").read_text().replace("https://example.com", "https://own.example")
        node.file("/etc/eks/own-kubeconfig").write_text(own)
        self.edit(node, "eks-kubeconfig.service", example)
        node.systemctl("restart", "eks-kubeconfig")
        node.wait_for(lambda: node.kubelet()["kubeconfig"]["cluster"]["server"] == "https://own.example", "kubelet")

        # What `eksnode apply` runs is the admin's program, too.
        node.file("/etc/eks/own-kubeconfig").write_text(own + "# again\n")
        node.output("systemctl", "reload", "eks-kubeconfig")
        self.assertTrue(node.file("/var/lib/kubelet/kubeconfig").read_text().endswith("# again\n"))

        # The unit that the generator links takes drop-ins, and a file of the admin's replaces it.
        self.edit(node, "kubelet.service", "[Service]\nRestartSec=7\n")
        self.assertEqual(node.show("kubelet.service", "RestartUSec"), {"RestartUSec": "7s"})

        node.write("/etc/systemd/system/kubelet.service",
                   node.file("/usr/lib/eks/units/kubelet.service").read_text() + "RestartPreventExitStatus=77\n")

        node.reboot()  # and the chain is whole with a program of the admin's in it
        self.assertActive(node, "eks-node.target", "eks-configured.target")
        self.assertEqual(node.kubelet()["kubeconfig"]["cluster"]["server"], "https://own.example")
        self.assertEqual(node.show("kubelet.service", "FragmentPath", "RestartUSec", "RestartPreventExitStatus"),
                         {"FragmentPath": "/etc/systemd/system/kubelet.service", "RestartUSec": "7s", "RestartPreventExitStatus": "77"})

    def test_a_masked_optional_step_is_left_out(self):
        node = self.node()
        node.link("/etc/systemd/system/eks-sandbox-image.service", "/dev/null")
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")
        self.assertEqual(node.show("eks-sandbox-image.service", "ActiveState")["ActiveState"], "inactive")
        self.assertNotIn("pause", node.output("ctr", "-n", "k8s.io", "images", "list"))

    def test_a_masked_required_step_keeps_kubelet_down_with_a_clear_state(self):
        for masked in ("eks-kubelet-config", "eks-ca", "eks-config"):
            with self.subTest(masked):
                node = self.node()
                node.link(f"/etc/systemd/system/{masked}.service", "/dev/null")
                node.boot()
                self.assertKubeletDown(node)

                text = node.call("systemctl", "status", "eks-configured.target").stdout
                self.assertIn(f"AssertPathExists=/run/eks/done/{masked} was not met", text)

                status = node.call("eksnode", "status")
                self.assertEqual(status.returncode, 1)
                self.assertRegex(status.stdout, rf"{masked}\.service +masked")

                if masked != "eks-config":
                    rest = [s for s in STEPS if s != masked]
                    self.assertActive(node, *(f"{s}.service" for s in rest))

    def test_a_step_that_is_not_needed_is_skipped_by_its_condition(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca, "  containerd:\n    config: |\n      [plugins.\"io.containerd.grpc.v1.cri\"]\n"
                                             "      sandbox_image = \"registry.k8s.io/pause:3.10\"\n"))
        archive = node.root / "etc/eks/pause.tar"
        archive.rename(archive.with_suffix(".away"))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")

        show = node.show("eks-sandbox-image.service", "ConditionResult", "ActiveState")
        self.assertEqual(show, {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertIn('sandbox_image = "registry.k8s.io/pause:3.10"', node.output("containerd", "config", "dump"))
        self.assertRegex(node.call("eksnode", "status").stdout, r"(?s)not needed: .*eks-sandbox-image")

        # An archive might hold the image. This one does not, and nothing is pulled that containerd can pull.
        archive.with_suffix(".away").rename(archive)
        node.reboot()
        self.assertActive(node, "eks-node.target", "eks-sandbox-image.service")
        self.assertIn("containerd pulls that when it is needed",
                      node.show("eks-sandbox-image.service", "StatusText")["StatusText"])

    def test_an_admin_layer_and_user_data_are_merged(self):
        node = self.node()
        node.write("/etc/eks/node.toml", '[kubelet]\nflags = ["--v=3"]\n[kubelet.config]\npodsPerCore = 7\n'
                                         'maxPods = 30\n[featureGates]\nInstanceIdNodeName = true\n')
        node.user_data(node_config(support.IMAGE.ca, extra="  kubelet:\n    flags: [--v=5]\n    config: {maxPods: 31}\n"))
        node.boot()
        kubelet = node.kubelet()
        self.assertEqual((kubelet["config"]["podsPerCore"], kubelet["config"]["maxPods"]), (7, 31))
        self.assertEqual(kubelet["flags"]["v"], 5)
        self.assertEqual(kubelet["node"], "i-1234567890abcdef0")
