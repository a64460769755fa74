# SPDX-License-Identifier: Apache-2.0
"""A real kubelet that joins a real API server: what the cluster sees of a node. Skipped unless all three programs are given."""

import json
import unittest

import support
from cluster import Cluster, ClusterNode
from node import TESTS
from support import BootTest

PROFILE = TESTS / "profiles/reference.json"


class RealNode(BootTest):
    """Starts a cluster for the class, and a node of it when asked."""

    @classmethod
    def setUpClass(cls):
        if not support.APISERVER:
            raise unittest.SkipTest("needs --kubelet, --apiserver and --etcd")
        cls.cluster = Cluster(support.APISERVER, support.ETCD, PROFILE, support.SCRATCH)
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)

    @classmethod
    def cluster_node(cls) -> ClusterNode:
        return ClusterNode(support.IMAGE, support.SCRATCH, cls.cluster)

    @classmethod
    def ready(cls, node) -> dict:
        """The node's object, once the API server was told that it is Ready."""
        def look():
            found = cls.cluster.node()
            conditions = found["status"].get("conditions", []) if found else []
            return found if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) else None

        try:
            return node.wait_for(look, "a Ready node", timeout=90)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{node.call('journalctl', '--unit=kubelet', '--no-pager', '--lines=30').stdout}"
                               f"\n{json.dumps(cls.cluster.node(), indent=1)}") from None


class ReferenceNode(RealNode):
    """One boot of the reference machine, looked at from the cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.n = cls.cluster_node()
        cls.n.__enter__()
        cls.addClassCleanup(cls.n.__exit__)

        # The flag as Karpenter writes it, quotes included.
        cls.n.user_data(cls.n.node_config(extra="""\
  kubelet:
    config:
      maxPods: 41
      registerWithTaints:
        - {key: dedicated, value: web, effect: NoSchedule}
    flags:
      - '--node-labels="team=blue,example.com/tier=web"'
"""))
        cls.n.boot()
        cls.object = cls.ready(cls.n)

    def test_reaches_the_node_target(self):
        self.assertActive(self.n, "eks-node.target", "eks-configured.target", "kubelet.service", "containerd.service")
        self.assertEqual(self.n.output("systemctl", "--failed", "--no-legend"), "")
        self.assertEqual(self.starts(self.n, "kubelet.service"), 1)
        self.assertEqual(self.starts(self.n, "containerd.service"), 1)

    def test_the_node_has_the_name_that_the_authorizer_knows(self):
        self.assertEqual(self.object["metadata"]["name"], "ip-172-16-34-43.us-west-2.compute.internal")
        users = {event["user"]["username"] for event in self.cluster.requests()}
        self.assertEqual(users, {"system:node:ip-172-16-34-43.us-west-2.compute.internal"})

    def test_the_api_server_refused_nothing(self):
        refused = [(event["verb"], event["requestURI"], event["responseStatus"])
                   for event in self.cluster.requests() if event["responseStatus"]["code"] in (400, 401, 403, 422)]
        self.assertEqual(refused, [])

    def test_labels(self):
        labels = self.object["metadata"]["labels"]
        given = {key: labels.get(key) for key in ("team", "example.com/tier", "kubernetes.io/hostname", "kubernetes.io/os")}
        self.assertEqual(given, {"team": "blue", "example.com/tier": "web", "kubernetes.io/os": "linux",
                                 "kubernetes.io/hostname": "ip-172-16-34-43.us-west-2.compute.internal"})

    def test_taints(self):
        taints = [(taint["key"], taint.get("value"), taint["effect"]) for taint in self.object["spec"]["taints"]
                  if not taint["key"].startswith("node.kubernetes.io/")]
        # The second goes away when the cloud controller has seen the node.
        self.assertEqual(sorted(taints), [("dedicated", "web", "NoSchedule"),
                                          ("node.cloudprovider.kubernetes.io/uninitialized", "true", "NoSchedule")])

    def test_the_provider_s_id(self):
        self.assertEqual(self.object["spec"]["providerID"], "aws:///us-west-2f/i-1234567890abcdef0")

    def test_capacity_and_what_is_left_of_it(self):
        status = self.object["status"]
        capacity, allocatable = status["capacity"], status["allocatable"]
        self.assertEqual((capacity["pods"], allocatable["pods"]), ("41", "41"))

        config = self.n.kubelet()["config"]

        def kib(text):
            units = {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}
            return int(text[:-2]) * units[text[-2:]]

        reserved = kib(config["kubeReserved"]["memory"]) + kib(config["evictionHard"]["memory.available"])
        self.assertEqual(kib(capacity["memory"]) - kib(allocatable["memory"]), reserved)

        milli = int(capacity["cpu"]) * 1000 - int(config["kubeReserved"]["cpu"].removesuffix("m"))
        self.assertEqual(allocatable["cpu"], f"{milli}m")

    def test_addresses(self):
        addresses = {address["type"]: address["address"] for address in self.object["status"]["addresses"]}
        self.assertEqual(addresses["InternalIP"], "172.16.34.43")
        self.assertEqual(addresses["Hostname"], "ip-172-16-34-43.us-west-2.compute.internal")

    def test_kubelet_and_runtime_say_who_they_are(self):
        info = self.object["status"]["nodeInfo"]
        self.assertEqual(info["kubeletVersion"], self.n.kubelet()["version"])
        containerd = self.n.file("/etc/eks/containerd-version.txt").read_text().strip()
        self.assertTrue(info["containerRuntimeVersion"].startswith(f"containerd://{containerd}"), info)

    def test_kubelet_knows_every_field_and_flag(self):
        log = self.n.output("journalctl", "--unit=kubelet", "--no-pager", "--output=cat")
        for words in ("unknown field", "unknown flag", "strict decoding error", "unrecognized feature gate",
                      "It will be removed in a future release"):
            self.assertNotIn(words, log)


class OtherNodes(RealNode):
    """Nodes that earlier versions of this project kept out of the cluster."""

    def test_a_domain_of_the_vpc_s_own(self):
        node = self.enterContext(self.cluster_node())
        self.cluster.forget_node()
        profile = (node.root / "srv/aws/profile.json").read_text()
        node.write("srv/aws/profile.json", profile.replace("43.us-west-2.compute.internal", "43.corp.example"))
        node.boot()
        found = self.ready(node)
        self.assertEqual(found["metadata"]["name"], "ip-172-16-34-43.us-west-2.compute.internal")
        self.assertActive(node, "eks-node.target")

    def test_a_restarted_kubelet_is_ready_again(self):
        node = self.enterContext(self.cluster_node())
        self.cluster.forget_node()
        node.boot()
        first = self.ready(node)
        self.cluster.forget_node()
        node.systemctl("restart", "kubelet")
        second = self.ready(node)
        self.assertNotEqual(first["metadata"]["uid"], second["metadata"]["uid"])
        self.assertActive(node, "eks-node.target")
