# SPDX-License-Identifier: Apache-2.0
"""What reaches kubelet's command line."""

import json
import os

import support
from node import node_config
from support import BootTest


class Arguments(BootTest):
    def test_every_argument_reaches_kubelet_as_it_is(self):
        """Blanks, quotes, backslashes, dollar and percent signs, through the environment file and the unit."""
        values = ["--node-labels=a=b", "--root-dir=/var/lib/kubelet", "--v=2"]
        odd = r"""--cert-dir=/var/lib/x y/"q"/it's/100%n/$HOME/${HOME}/back\slash\\two/#;/=end"""
        node = self.node()
        node.write("/etc/eks/node.toml", f"[kubelet]\nflags = {json.dumps([values[0], odd, *values[1:]])}\n")
        node.boot()
        self.assertActive(node, "eks-node.target")

        given = self.command_line(node)
        self.assertEqual(given[-4:], [values[0], odd, *values[1:]])

        ours = given[1:-4]
        self.assertEqual(ours, sorted(ours, key=lambda word: word.split("=")[0]))
        self.assertIn("--node-ip=172.16.34.43", ours)

    def command_line(self, node):
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        words = node.file(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        return words[next(i for i, word in enumerate(words) if word.endswith("/kubelet")):]

    def test_drop_ins_of_al2_and_of_nodeadm_go_on_working(self):
        for flags, text, last in (
                ([], "Environment='KUBELET_EXTRA_ARGS=--node-labels=from=drop-in --v=4'", ["--node-labels=from=drop-in", "--v=4"]),
                (["--v=3"], "Environment=KUBELET_EXTRA_ARGS=--v=4", ["--v=3"]),
                (["--v=3"], "ExecStart=\nExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS --v=4", ["--v=3", "--v=4"])):
            with self.subTest(text):
                node = self.node()
                node.user_data(node_config(support.IMAGE.ca, extra=f"  kubelet: {{flags: {json.dumps(flags)}}}\n"))
                node.write("/etc/systemd/system/kubelet.service.d/30-kubelet-extra-args.conf", f"[Service]\n{text}\n")
                node.boot()
                self.assertActive(node, "eks-node.target")

                given = self.command_line(node)
                self.assertEqual(given[-len(last):], last)
                self.assertTrue(given[-len(last) - 1].startswith("--runtime-cgroups="), given)

    def test_labels_and_taints_come_from_facts_and_the_machine(self):
        node = self.node()
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        profile["meta-data"]["tags/instance/team"] = "blue"
        (node.root / "srv/aws/profile.json").write_text(json.dumps(profile))
        node.write("/etc/eks/node.toml", "[node]\nhardwareLabels = true\ngpuLabels = true\n"
                   "taints = ['team=${tag.team}:NoSchedule']\nlabels = {team = '${tag.team}', "
                   "zone = '${imds.availabilityZoneId:-none}'}\n")
        node.boot()
        self.assertActive(node, "eks-node.target")

        kubelet = node.kubelet()
        labels = dict(pair.split("=", 1) for word in self.command_line(node) if word.startswith("--node-labels=")
                      for pair in word.removeprefix("--node-labels=").split(","))
        self.assertEqual(labels["team"], "blue")

        feature = "feature.node.kubernetes.io/"
        self.assertEqual(labels[f"{feature}kernel-version.full"].split("-")[0], os.uname().release.split("-")[0])
        self.assertEqual(labels[f"{feature}system-os_release.ID"], "debian")
        self.assertTrue([key for key in labels if key.startswith(f"{feature}cpu-cpuid.")])
        self.assertEqual(kubelet["config"]["registerWithTaints"],
                         [{"key": "team", "value": "blue", "effect": "NoSchedule"}])

        # A label that the facts make wrong keeps kubelet down.
        profile["meta-data"]["tags/instance/team"] = "not a label"
        node.file("/srv/aws/profile.json").write_text(json.dumps(profile))
        node.systemctl("restart", "fake-aws")
        node.systemctl("restart", "eks-imds")
        record = [r for r in node.journal("--unit", "eks-config") if r.get("EKS_RESULT") == "failed"][-1]
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("config-invalid", "78"))
        self.assertIn("/etc/eks/node.toml, line 5", record["MESSAGE"])
