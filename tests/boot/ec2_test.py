# SPDX-License-Identifier: Apache-2.0
"""Nodes that ask EC2 for what their metadata does not tell. The fake EC2 verifies every signature."""

import json

import support
from node import node_config
from support import BootTest

STEP = "eks-ec2.service"
NAME = "ip-172-16-34-43.us-west-2.compute.internal"
OWN_NAME = "worker7.corp.example"  # from DHCP options; EC2 gives no such name
NEW_TYPE = {"m99.large": {"maxENIs": 5, "ipv4PerENI": 12, "vcpus": 2, "hypervisor": "nitro"}}


class Ec2(BootTest):
    def machine(self, metadata, environment="", **queries):
        """A node with other metadata than usual, and what EC2 answers."""
        node = self.node()
        profile = node.root / "srv/aws/profile.json"
        content = json.loads(profile.read_text())
        for path, value in metadata.items():
            content["meta-data"][path] = value
        if "instance-type" in metadata:
            content["document"]["instanceType"] = metadata["instance-type"]
        profile.write_text(json.dumps(content))

        self.instance = content["meta-data"]["instance-id"]
        queries.setdefault("instances", {self.instance: {"privateDnsName": NAME}})
        node.write("/srv/aws/queries.json", json.dumps(queries))
        node.write(f"/etc/systemd/system/{STEP}.d/endpoint.conf",
                   f"[Service]\nEnvironment=AWS_ENDPOINT_URL_EC2=http://169.254.169.254 {environment}\n")
        return node

    def calls(self, node):
        """The status of each call of EC2, in order."""
        lines = map(json.loads, node.file("/run/fake-aws.log").read_text().splitlines())
        return [line["status"] for line in lines if line["path"] == "/" and line["method"] == "POST"]

    def warnings(self, node):
        return [r["MESSAGE"] for r in node.journal("--unit", STEP) if r["PRIORITY"] == "4"]

    def name(self, node):
        return node.kubelet()["flags"]["hostname-override"]

    def test_a_host_name_of_others_is_not_the_node_s(self):
        node = self.machine({"local-hostname": OWN_NAME}, instances={"i-1234567890abcdef0": {"privateDnsName": NAME, "unknown": 1}})
        node.boot()
        self.assertActive(node, "eks-node.target", STEP)
        self.assertEqual(self.name(node), NAME)
        self.assertEqual(self.calls(node), [400, 200])
        self.assertEqual(self.warnings(node), [])

        answer = node.file("/run/eks/ec2.json")
        self.assertEqual(answer.stat().st_mode & 0o777, 0o644)
        self.assertEqual(json.loads(answer.read_text())["privateDnsName"], NAME)
        self.assertEqual(node.output("eksnode", "apply", "--dry-run"), "nothing to do: the node has this configuration\n")
        self.assertRegex(node.output("eksnode", "status"), r"eks-ec2\.service .* done")

        # The next boot has the answer.
        node.reboot()
        self.assertActive(node, "eks-node.target", STEP)
        self.assertEqual(self.name(node), NAME)
        self.assertEqual(self.calls(node), [])

    def test_a_new_instance_type_has_the_pods_that_ec2_says(self):
        node = self.machine({"instance-type": "m99.large"}, types=NEW_TYPE)
        node.boot()
        self.assertActive(node, "eks-node.target", STEP)
        config = json.loads(node.file("/etc/kubernetes/kubelet/config.json").read_text())
        self.assertEqual(config["maxPods"], 5 * (12 - 1) + 2)
        self.assertEqual(self.calls(node), [200])

    def test_a_node_starts_without_what_it_can_do_without(self):
        node = self.machine({"local-hostname": OWN_NAME, "instance-type": "m99.large"},
                            denied=["DescribeInstances", "DescribeInstanceTypes"])
        node.boot()
        self.assertActive(node, "eks-node.target", STEP)
        self.assertEqual(self.name(node), OWN_NAME)
        config = json.loads(node.file("/etc/kubernetes/kubelet/config.json").read_text())
        self.assertEqual(config["maxPods"], 110)

        first, second = self.warnings(node)
        self.assertIn(OWN_NAME, first)
        self.assertIn("ec2:DescribeInstances", first)
        self.assertIn("m99.large", second)

    def test_a_complete_configuration_asks_nobody(self):
        node = self.machine({})
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show(STEP, "ConditionResult", "ActiveState"), {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertEqual(self.calls(node), [])

    def test_nobody_answers(self):
        node = self.machine({"local-hostname": OWN_NAME}, "EKS_EC2_TIMEOUT=2 AWS_ENDPOINT_URL_EC2=http://127.0.0.1:9")
        node.user_data(node_config(support.IMAGE.ca))
        node.boot()
        self.assertActive(node, "eks-node.target", STEP)
        self.assertEqual(self.name(node), OWN_NAME)
        self.assertEqual(len(self.warnings(node)), 1)
