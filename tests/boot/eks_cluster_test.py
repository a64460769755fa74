# SPDX-License-Identifier: Apache-2.0
"""A node that is told the cluster's name and asks EKS for the rest. The fake EKS verifies every signature."""

import json
import re

import support
from node import node_config
from support import BootTest
from user_scripts_test import CLOUD_FINAL

STEP = "eks-cluster.service"
NODE_CONFIG = """\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: {name}
"""
DEAD_PROXY = "  instance:\n    environment:\n      default: {http_proxy: 'http://127.0.0.1:9', no_proxy: none.example}\n"
# What needs nothing of the cluster but its name runs beside the question.
BESIDE = ["eks-containerd-config.service", "eks-credential-provider.service", "containerd.service"]


def described(**more):
    """What EKS answers of a cluster."""
    return {"endpoint": "https://eks.example.com", "certificateAuthority": {"data": support.IMAGE.ca}, "version": "1.34",
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.96.0.0/16", "ipFamily": "ipv4"}, **more}


class Cluster(BootTest):
    def named(self, name="my-cluster", extra="", environment="", **entry):
        """A node that knows the cluster's name, and what EKS makes of that."""
        node = self.node()
        node.user_data(NODE_CONFIG.format(name=name) + extra)
        self.eks(node.root / "srv/aws/clusters.json", {"my-cluster": {"cluster": described(), **entry}})
        node.write(f"/etc/systemd/system/{STEP}.d/endpoint.conf",
                   f"[Service]\nEnvironment=AWS_ENDPOINT_URL_EKS=http://169.254.169.254 {environment}\n")
        return node

    def eks(self, path, clusters):
        new = path.with_suffix(".new")
        new.write_text(json.dumps(clusters))
        new.rename(path)

    def calls(self, node):
        """What EKS was asked, in order: path and status."""
        lines = map(json.loads, node.file("/run/fake-aws.log").read_text().splitlines())
        return [(line["path"], line["status"]) for line in lines if line["path"].startswith("/clusters")]

    def assertFailed(self, node, failure, status, *parts):
        """The step failed so, kubelet waits, and the rest was done meanwhile."""
        record = self.failure(node, STEP)
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), (failure, str(status)))

        for part in parts:
            self.assertIn(part, record["MESSAGE"])
        self.assertNotIn("wJalrXUtnFEMI", record["MESSAGE"])
        self.assertKubeletDown(node)
        self.assertActive(node, *BESIDE)
        self.assertFalse(node.file("/run/eks/cluster.json").exists())
        self.assertFalse(node.file("/var/lib/kubelet/kubeconfig").exists())

    def test_the_name_is_enough(self):
        node = self.named(throttled=1, creating=1)
        node.boot()
        self.assertActive(node, "eks-node.target", STEP, "kubelet.service")
        self.assertEqual(self.calls(node), [("/clusters/my-cluster", status) for status in (429, 200, 200)])

        answer = node.file("/run/eks/cluster.json")
        self.assertEqual(answer.stat().st_mode & 0o777, 0o644)
        self.assertEqual(json.loads(answer.read_text()), {
            "cluster": {"name": "my-cluster", "apiServerEndpoint": "https://eks.example.com", "cidr": "10.96.0.0/16",
                        "certificateAuthority": support.IMAGE.ca},
            "region": "us-west-2", "status": "ACTIVE", "version": "1.34"})
        self.assertIn('server: "https://eks.example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())

        config = json.loads(node.file("/etc/kubernetes/kubelet/config.json").read_text())
        self.assertEqual(config["clusterDNS"], ["10.96.0.10"])
        self.assertIn("BEGIN CERTIFICATE", node.file("/etc/kubernetes/pki/ca.crt").read_text())
        self.assertEqual(self.starts(node, "kubelet.service"), 1)
        self.assertRegex(node.output("eksnode", "status"), r"eks-cluster\.service .* done")

        # What a person sees of it without asking EKS again.
        self.assertIn("10.96.0.0/16", node.output("eksnode", "explain", "cluster.cidr"))

        planned = node.output("eksnode", "plan")
        self.assertIn("/var/lib/kubelet/kubeconfig", planned)
        self.assertEqual(node.output("eksnode", "apply", "--dry-run"), "nothing to do: the node has this configuration\n")

        # The answer is of this boot; each boot asks once, and finds the same.
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual([status for _, status in self.calls(node)][-1], 200)

    def test_a_complete_configuration_asks_nobody(self):
        node = self.node()
        self.eks(node.root / "srv/aws/clusters.json", {"my-cluster": {"cluster": described()}})
        node.write(f"/etc/systemd/system/{STEP}.d/endpoint.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_EKS=http://169.254.169.254\n")
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show(STEP, "ConditionResult", "ActiveState"), {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertEqual(self.calls(node), [])
        self.assertFalse(node.file("/run/eks/cluster.json").exists())
        self.assertRegex(node.output("eksnode", "status"), r"(?s)not needed: .*eks-cluster")

    def test_an_ipv6_cluster(self):
        self.stand_in_only("there is no such address here")
        node = self.named()
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        data = profile["meta-data"]
        data[f"network/interfaces/macs/{data['mac']}/ipv6s"] = "2001:db8::9"
        node.write("/srv/aws/profile.json", json.dumps(profile))
        network = {"serviceIpv6Cidr": "fd30:1c53:5f8a::/108", "ipFamily": "ipv6"}
        self.eks(node.root / "srv/aws/clusters.json",
                 {"my-cluster": {"cluster": described(kubernetesNetworkConfig=network)}})
        node.boot()
        self.assertActive(node, "eks-node.target")

        kubelet = node.kubelet()
        self.assertEqual(kubelet["flags"]["node-ip"], "2001:db8::9")
        self.assertEqual(json.loads(node.file("/etc/kubernetes/kubelet/config.json").read_text())["clusterDNS"],
                         ["fd30:1c53:5f8a::a"])

    def test_a_local_cluster_on_an_outpost(self):
        self.stand_in_only("kubelet waits for its certificate, as it should")
        node = self.named()
        local = described(endpoint="https://10.1.1.2", id="1b2c-3",
                          outpostConfig={"outpostArns": ["arn:aws:outposts:us-west-2:1:outpost/op-1"]})
        self.eks(node.root / "srv/aws/clusters.json", {"my-cluster": {"cluster": local}})
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        self.assertIn('"1b2c-3"', node.file("/var/lib/kubelet/bootstrap-kubeconfig").read_text())
        self.assertFalse(node.file("/var/lib/kubelet/kubeconfig").exists())
        self.assertEqual(node.kubelet()["flags"]["bootstrap-kubeconfig"], "/var/lib/kubelet/bootstrap-kubeconfig")

    def test_what_is_configured_stands(self):
        node = self.named(extra="    apiServerEndpoint: https://proxy.example.com\n")
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertIn('server: "https://proxy.example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())

        warnings = [r["MESSAGE"] for r in node.journal("--unit", STEP) if r["PRIORITY"] == "4"]
        self.assertEqual(len(warnings), 1)
        self.assertIn("differs from what EKS says of the cluster, \"https://eks.example.com\", proceeding", warnings[0])

    def test_a_role_that_may_not_ask_until_it_may(self):
        node = self.named(denied=True)
        node.write("/etc/systemd/system/eks-retry.timer.d/delays.conf",
                   "[Timer]\nOnActiveSec=\nOnActiveSec=3s\nOnActiveSec=8s\nOnActiveSec=15s\nOnActiveSec=30s\n")
        node.boot()
        self.assertFailed(node, "cluster-denied", 69, "role 'eks-node'", "may not call eks:DescribeCluster", "my-cluster",
                          "arn:aws:eks:us-west-2:", ":cluster/my-cluster")

        self.eks(node.file("/srv/aws/clusters.json"), {"my-cluster": {"cluster": described()}})

        # Nobody does anything else.
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")
        self.assertEqual(self.starts(node, "containerd.service"), 1)

    def test_an_instance_without_a_role_until_it_gets_one(self):
        node = self.named(environment="EKS_CLUSTER_TIMEOUT=2")
        node.write("/etc/systemd/system/eks-retry.timer.d/delays.conf",
                   "[Timer]\nOnActiveSec=\nOnActiveSec=3s\nOnActiveSec=8s\nOnActiveSec=15s\nOnActiveSec=30s\n")
        node.write("/srv/aws/faults.json", json.dumps([{"path": "*/iam/security-credentials/", "status": 404}]))
        node.boot()
        self.assertFailed(node, "role-missing", 69, "the instance has no IAM role", "Attach an instance profile")

        node.file("/srv/aws/faults.json").unlink()
        node.systemctl("restart", "fake-aws")
        node.wait_for_unit("eks-node.target", timeout=60)
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")

    def test_a_cluster_that_is_not_there(self):
        node = self.named(name="other")
        node.boot()
        self.assertFailed(node, "cluster-not-found", 78, "no cluster 'other' in the region us-west-2")
        self.assertEqual(self.calls(node), [("/clusters/other", 404)])
        self.assertEqual(node.show("eks-retry.timer", "ActiveState")["ActiveState"], "inactive")

        # The catalog has a word on it.
        self.assertIn("Check cluster.name", node.output("journalctl", "--boot", "-x", "-u", STEP))

        # A mended name and one command.
        node.file("/srv/aws/user-data").write_text(NODE_CONFIG.format(name="my-cluster"))
        node.output("systemctl", "reload", "eks-imds")
        node.output("systemctl", "reload", "eks-config")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target")

    def test_a_cluster_that_is_being_created_or_throttled_for_long(self):
        node = self.named(creating=1000, environment="EKS_CLUSTER_TIMEOUT=3")
        node.boot()
        self.assertFailed(node, "cluster-not-ready", 69, "is still CREATING after 3 s")

        self.eks(node.file("/srv/aws/clusters.json"), {"my-cluster": {"cluster": {}, "throttled": 1000}})
        node.systemctl("restart", STEP)
        records = [r for r in node.journal("--unit", STEP) if r.get("EKS_RESULT") == "failed"]
        self.assertEqual([(r["EKS_FAILURE"], r["EKS_EXIT_STATUS"]) for r in records[1:]], [("aws-throttled", "69")])

    def test_a_cluster_that_failed(self):
        node = self.named()
        self.eks(node.root / "srv/aws/clusters.json", {"my-cluster": {"cluster": described(status="FAILED")}})
        node.boot()
        self.assertFailed(node, "cluster-unusable", 1, "is FAILED")

    def test_an_endpoint_that_nobody_answers_at(self):
        node = self.named(environment="AWS_ENDPOINT_URL_EKS=http://169.254.169.254:81 EKS_CLUSTER_TIMEOUT=2")
        node.boot()
        self.assertFailed(node, "aws-no-route", 69, "http://169.254.169.254:81")

    def test_a_cluster_that_the_instance_cannot_join(self):
        node = self.named()
        network = {"serviceIpv6Cidr": "fd30:1c53:5f8a::/108", "ipFamily": "ipv6"}
        self.eks(node.root / "srv/aws/clusters.json",
                 {"my-cluster": {"cluster": described(kubernetesNetworkConfig=network)}})
        node.boot()
        self.assertFailed(node, "config-invalid", 78, 'EKS DescribeCluster: cluster.cidr = "fd30:1c53:5f8a::/108"',
                          "has no IPv6 address")

    def test_a_masked_step_keeps_kubelet_down(self):
        node = self.named()
        node.link(f"/etc/systemd/system/{STEP}", "/dev/null")
        node.boot()
        self.assertKubeletDown(node)

        record = self.failure(node, "eks-kubeconfig.service")
        self.assertEqual(record["EKS_FAILURE"], "facts-missing")
        self.assertIn("'/run/eks/cluster.json' is not there", record["MESSAGE"])

    def test_apply_asks_before_it_touches_anything(self):
        """The endpoint is in the environment of the manager, which each service has."""
        node = self.named()
        (node.root / f"etc/systemd/system/{STEP}.d/endpoint.conf").unlink()
        node.write("/etc/systemd/system.conf.d/endpoint.conf",
                   "[Manager]\nDefaultEnvironment=AWS_ENDPOINT_URL_EKS=http://169.254.169.254\n")
        node.boot()
        self.assertActive(node, "eks-node.target")

        kubelet = node.show("kubelet.service", "MainPID")
        answer = node.file("/run/eks/cluster.json").read_text()
        config = node.file("/run/eks/node.json").read_text()
        node.file("/srv/aws/user-data").write_text(NODE_CONFIG.format(name="other"))
        refused = node.call("eksnode", "apply", "--fetch")
        self.assertEqual(refused.returncode, 78, refused.stderr)
        self.assertIn("there is no cluster 'other' in the region us-west-2", refused.stderr)
        self.assertEqual(node.show("kubelet.service", "MainPID"), kubelet)
        self.assertEqual(node.file("/run/eks/cluster.json").read_text(), answer)
        self.assertEqual(node.file("/run/eks/node.json").read_text(), config)

        self.eks(node.file("/srv/aws/clusters.json"), {"other": {"cluster": described(endpoint="https://other.example.com")}})

        # It asks with the unit's credentials, not with those of the shell.
        self.assertIn("run eks-cluster.service\n", node.output(
            "env", "AWS_ACCESS_KEY_ID=AKIDMINE", "AWS_SECRET_ACCESS_KEY=mine", "eksnode", "apply", "--dry-run"))
        self.assertEqual(node.file("/run/eks/cluster.json").read_text(), answer)

        done = node.output("eksnode", "apply")
        self.assertIn("restarted kubelet.service", done)
        self.assertEqual(json.loads(node.file("/run/eks/cluster.json").read_text())["cluster"]["name"], "other")
        self.assertIn('server: "https://other.example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())
        self.assertActive(node, "eks-node.target")
        self.assertEqual(self.starts(node, "containerd.service"), 1)

        # The gate closes with a complete configuration, and the step with it. A proxy that does not work comes and goes:
        # the next question to EKS is not asked through it.
        node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca) + DEAD_PROXY)
        self.assertIn("stopped eks-cluster.service, which is no longer needed", node.output("eksnode", "apply", "--fetch"))
        self.assertActive(node, "eks-node.target")
        self.assertIn('server: "https://example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())
        self.assertIn("http_proxy=", node.output("systemctl", "show-environment"))

        node.file("/srv/aws/user-data").write_text(NODE_CONFIG.format(name="other"))
        node.output("eksnode", "apply", "--fetch")
        self.assertIn('server: "https://other.example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())

    def test_a_script_that_names_another_cluster(self):
        script = "sleep 1; printf 'cluster.name = \"other\"\\n' > /etc/eks/node.toml\n"
        node = self.named()
        node.user_data(self.mime(("text/x-shellscript", "#!/bin/sh\n" + script)))
        node.write("/etc/eks/node.toml", 'cluster.name = "my-cluster"\n')
        node.write("/srv/user-script", script)
        node.write("/etc/systemd/system/cloud-final.service", CLOUD_FINAL.format(order="After=multi-user.target"))
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        self.eks(node.root / "srv/aws/clusters.json", {
            "my-cluster": {"cluster": described()}, "other": {"cluster": described(endpoint="https://other.example.com")}})
        node.boot()
        self.assertActive(node, "eks-node.target", STEP, "eks-user-scripts.service")
        self.assertEqual([path for path, _ in self.calls(node)], ["/clusters/my-cluster", "/clusters/other"])
        self.assertIn('server: "https://other.example.com"', node.file("/var/lib/kubelet/kubeconfig").read_text())
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_status_says_what_is_awaited(self):
        node = self.named(creating=1000)
        node.boot(wait=False)
        status = node.wait_for(lambda: node.leader() and re.search(
            r"Waiting for the cluster 'my-cluster' to be ACTIVE; it is CREATING; since [\d:]+, until [\d:]+ UTC, "
            r"then the step fails, and eks-retry\.timer tries it again", node.call("eksnode", "status").stdout), "the text")
        self.assertTrue(status)

        self.eks(node.file("/srv/aws/clusters.json"), {"my-cluster": {"cluster": described()}})
        node.wait_for_unit("eks-node.target", timeout=90)
