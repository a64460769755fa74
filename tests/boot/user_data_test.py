# SPDX-License-Identifier: Apache-2.0
"""User data of the field: what systemd makes of a NodeConfig's flags, and nodes as Karpenter starts them."""

import base64
import json

import support
from node import TESTS, node_config
from support import BootTest

WORDS = json.loads((TESTS / "unit/systemd/systemd_words.json").read_text())

# Of the program's arguments, as JSON.
SHOW = "#!/usr/bin/python3 -IS\nimport json, sys\nopen(sys.argv[1], 'w').write(json.dumps(sys.argv[2:]))\n"


def mime(*parts: tuple[str, str]) -> str:
    """A MIME document as Karpenter writes it: all in base64."""
    text = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n'
    for kind, body in parts:
        text += f"--//\nContent-Type: {kind}\n\n{body}\n"
    return base64.b64encode(f"{text}--//--\n".encode()).decode()


def karpenter(ca: str, instance="") -> str:
    return f"""\
# Karpenter Generated NodeConfig
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
metadata: {{}}
spec:
  cluster:
    apiServerEndpoint: https://example.com
    certificateAuthority: {ca}
    cidr: 10.100.0.0/16
    name: my-cluster
  containerd: {{}}
  instance:
    localStorage: {{{instance}}}
    network: {{}}
  kubelet:
    config:
      clusterDNS:
      - 10.100.0.10
      maxPods: 29
      registerWithTaints:
      - effect: NoExecute
        key: karpenter.sh/unregistered
    flags:
    - --node-labels="karpenter.k8s.aws/ec2nodeclass=default,karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=general"
"""


class UserData(BootTest):
    def test_words_are_systemd_s_own(self):
        """Each text through EnvironmentFile= and an unbraced variable, as nodeadm gives kubelet its flags."""
        node = self.node()
        node.write("/usr/local/bin/show-arguments", SHOW)
        (node.root / "usr/local/bin/show-arguments").chmod(0o755)
        (node.root / "out").mkdir()

        # Other words come first, as nodeadm's own flags do.
        node.write("/etc/words", "".join(f"W{i}=--first {row['text']}\n" for i, row in enumerate(WORDS)))
        node.write("/etc/systemd/system/words.service", "[Service]\nType=oneshot\nEnvironmentFile=/etc/words\n" + "".join(
            f"ExecStart=/usr/local/bin/show-arguments /out/{i} $W{i}\n" for i in range(len(WORDS))))
        node.boot("eks.node=0")
        node.systemctl("start", "words")

        for i, row in enumerate(WORDS):
            with self.subTest(row["text"]):
                self.assertEqual(json.loads((node.root / f"out/{i}").read_text()), ["--first", *row["words"]])

    def command_line(self, node):
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        words = node.file(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        return words[next(i for i, word in enumerate(words) if word.endswith("/kubelet")):]

    def test_a_karpenter_node_joins_with_its_labels_and_taints(self):
        node = self.node()
        script = "#!/bin/bash\necho hello > /etc/greeting\n"
        node.user_data(mime(('text/x-shellscript; charset="us-ascii"', script),
                            ("application/node.eks.aws", karpenter(support.IMAGE.ca))))
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(self.command_line(node)[-1], "--node-labels=karpenter.k8s.aws/ec2nodeclass=default,"
                         "karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=general")

        config = node.kubelet()["config"]
        self.assertEqual(config["registerWithTaints"], [{"key": "karpenter.sh/unregistered", "effect": "NoExecute"}])
        self.assertEqual(config["maxPods"], 29)
        self.assertEqual([r["MESSAGE"] for r in node.journal("--unit", "eks-config", "--priority", "warning")], [])

    def test_a_karpenter_node_that_wants_raid0_starts_without_local_disks_too(self):
        node = self.node()
        node.user_data(mime(("application/node.eks.aws", karpenter(support.IMAGE.ca, "strategy: RAID0"))))
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-instance-store.service")
        messages = [r["MESSAGE"] for r in node.journal("--unit", "eks-instance-store")]
        self.assertTrue([text for text in messages if "this machine has no instance store" in text], messages)

    def test_flags_of_both_formats_reach_kubelet(self):
        """Quotes of a NodeConfig go, those of TOML stay; what is left open ends with its item."""
        node = self.node()
        node.write("/etc/eks/node.toml", "[kubelet]\nflags = ['--cert-dir=/var/lib/x \"y\"']\n")
        flags = ["--node-labels=\"a=b,c=d\" --v=3", "--register-with-taints='e=f:NoSchedule", "--root-dir=/var/lib/kubelet"]
        node.user_data(node_config(support.IMAGE.ca, extra=f"  kubelet: {{flags: {json.dumps(flags)}}}\n"))
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(self.command_line(node)[-5:], [
            '--cert-dir=/var/lib/x "y"', "--node-labels=a=b,c=d", "--v=3", "--register-with-taints=e=f:NoSchedule",
            "--root-dir=/var/lib/kubelet"])

        warnings = [r["MESSAGE"] for r in node.journal("--unit", "eks-config", "--priority", "warning")]
        self.assertTrue([text for text in warnings if "a quote that is not closed ends with the item" in text
                         and "user data, line 9, column" in text], warnings)

    def test_a_domain_of_dhcp_options_does_not_name_the_node(self):
        node = self.node()
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        profile["meta-data"]["local-hostname"] = "ip-172-16-34-43.corp.example other.example"
        (node.root / "srv/aws/profile.json").write_text(json.dumps(profile))
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertIn("--hostname-override=ip-172-16-34-43.us-west-2.compute.internal", self.command_line(node))

        notices = [r["MESSAGE"] for r in node.journal("--unit", "eks-kubelet-args", "--priority", "notice")]
        self.assertTrue([text for text in notices if "ip-172-16-34-43.corp.example" in text], notices)
