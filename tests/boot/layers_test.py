# SPDX-License-Identifier: Apache-2.0
"""Layers of configuration, and profiles."""

import base64
import gzip
import json
import re

import support
from node import node_config
from support import BootTest


class ValidateNode(BootTest):
    def test_the_layers_and_what_the_daemons_read_are_checked(self):
        node = self.booted()
        done = node.call("eksnode", "validate")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("the files of kubelet and containerd", done.stdout)

        # By hand, past the configuration; and a layer that the node has not read yet.
        config = node.file("/etc/kubernetes/kubelet/config.json")
        config.write_text(config.read_text().replace('"maxPods"', '"healthzPort": 70000,\n    "maxPodz": 5,\n    "maxPods"', 1))
        containerd = node.file("/etc/containerd/config.toml")
        containerd.write_text(re.sub("sandbox_image = .*", "sandbox_image = 5", containerd.read_text()))
        node.write("/etc/eks/node.d/60-site.toml", "[kubelet.config]\ncgroupDriver = 'systemdd'\n")

        done = node.call("eksnode", "validate")
        self.assertEqual(done.returncode, 78, done.stderr)
        for text in (r"error: /etc/eks/node\.d/60-site\.toml, line 2, column 1: kubelet\.config\.cgroupDriver = \"systemdd\": must be one of",
                     r"error: /etc/kubernetes/kubelet/config\.json, line \d+, column \d+: kubelet\.config\.healthzPort = \"70000\": must be",
                     r"warning: /etc/kubernetes/kubelet/config\.json, line \d+, .*kubelet\.config\.maxPodz: kubelet has no such field; did you mean 'maxPods'\?",
                     r"error: /etc/containerd/config\.toml, line \d+, column \d+: .*sandbox_image = 5: must be a string"):
            with self.subTest(text):
                self.assertRegex(done.stderr, text)

        report = json.loads(node.call("eksnode", "validate", "--json").stdout)
        self.assertFalse(report["valid"])
        self.assertIn(("error", "/etc/eks/node.d/60-site.toml", 2), [(f["severity"], f.get("file"), f.get("line")) for f in report["findings"]])


class Layers(BootTest):
    def test_every_layer_is_merged_in_its_order(self):
        node = self.node()
        setting = "[kubelet.config]\npodsPerCore = {}\n"

        for number, path in enumerate(("/usr/lib/eks/node.d/10-vendor.toml", "/etc/eks/node.toml",
                                       "/etc/eks/node.d/20-admin.toml"), 1):
            node.write(path, setting.format(number))

        node.write("/usr/lib/eks/node.d/30-masked.toml", setting.format(30))
        node.write("/etc/eks/node.d/30-masked.toml", "")
        node.write("/etc/eks/nodeadm.d/drop-in.yaml", "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n"
                                                      "  kubelet: {config: {registryPullQPS: 7}}\n")
        node.user_data(base64.b64encode(gzip.compress(self.mime(
            ("text/x-shellscript", "#!/bin/sh\ntrue"),
            ("application/node.eks.aws", node_config(support.IMAGE.ca)),
            ("application/vnd.eksnode+toml", "[kubelet.config]\neventRecordQPS = 9\n")).encode())).decode())
        node.write("/etc/eks/node.d/40-directory.toml/README", "")
        node.link("/etc/eks/node.d/50-link.toml", "gone.toml")
        node.link("/etc/eks/containerd.d/60-link.toml", "gone.toml")
        node.boot("eks.node=1", "eks.kubelet.config.registryBurst=11", "eks.cluster.name=other")

        with self.subTest("what is no file and who names another cluster is said"):
            reported = [r["MESSAGE"] for r in node.journal("--priority", "warning")]
            for text in ("'/etc/eks/node.d/40-directory.toml' is a directory, not a file, ignoring",
                         "'/etc/eks/node.d/50-link.toml' is a link to 'gone.toml', which does not exist, ignoring",
                         "'/etc/eks/containerd.d/60-link.toml' is a link to 'gone.toml', which does not exist, ignoring"):
                self.assertIn(text, reported)

            self.assertTrue(any('cluster.name = "my-cluster": kernel command line names the cluster "other", which counts' in text
                                for text in reported), reported)

        config = node.kubelet()["config"]
        self.assertEqual((config["podsPerCore"], config["registryPullQPS"], config["eventRecordQPS"],
                          config["registryBurst"]), (3, 7, 9, 11))

        text = node.output("eksnode", "explain", "kubelet.config.podsPerCore")
        self.assertEqual(text, "kubelet.config.podsPerCore = 3\n  from /etc/eks/node.d/20-admin.toml, line 2, column 1\n"
                               "  instead of 2 from /etc/eks/node.toml, line 2, column 1\n"
                               "  instead of 1 from /usr/lib/eks/node.d/10-vendor.toml, line 2, column 1\n")
        self.assertIn("maxPods = 58", node.output("eksnode", "explain", "kubelet.config.maxPods"))

        for form, wanted in (("toml", "podsPerCore = 3"), ("json", '"podsPerCore": 3'), ("nodeconfig", "podsPerCore: 3")):
            self.assertIn(wanted, node.output("eksnode", "config", "--format", form))

    def test_replace_mode_leaves_kubelet_the_user_s_configuration_only(self):
        node = self.node()
        config = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "maxPods": 12,
                  "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock", "clusterDNS": ["10.0.0.10"]}
        node.write("/etc/eks/kubelet.json", json.dumps(config))
        node.write("/etc/eks/node.toml", '[kubelet]\nconfigMode = "replace"\nconfigFile = "/etc/eks/kubelet.json"\n')
        node.boot()
        self.assertActive(node, "kubelet.service")

        warning = [r["MESSAGE"] for r in node.journal("--unit", "eks-kubelet-config") if r["PRIORITY"] == "4"]
        self.assertIn("without address, authentication", warning[0])

        self.stand_in_only("a real kubelet may need a setting of its own to run here")
        self.assertEqual(node.kubelet()["config"], config)


class Profiles(BootTest):
    """In a container most of /proc/sys is read-only, but not what belongs to its network namespace."""

    TOML = ('profile = "/etc/eks/web.toml"\n[sysctl]\nnet.ipv4.ip_local_port_range = "1100 65000"\n')
    PROFILE = ('description = "web"\n[kubelet.config]\npodPidsLimit = 2048\n[sysctl]\nnet.core.somaxconn = 1234\n'
               'net.ipv4.tcp_fin_timeout = 31\nnet.ipv4.conf.eth9.rp_filter = 2\nkernel.pid_max = 4194303\n')

    def node_with_profile(self):
        node = self.node()
        node.write("/etc/eks/node.toml", self.TOML)
        node.write("/etc/eks/web.toml", self.PROFILE)
        node.write("/etc/sysctl.d/50-admin.conf", "net.ipv4.tcp_fin_timeout = 44\n")
        node.boot()
        return node

    def test_kernel_parameters_and_settings_of_kubelet_are_in_force(self):
        node = self.node_with_profile()
        self.assertActive(node, "eks-node.target", "kubelet.service", "eks-sysctl.service")
        self.assertEqual(node.kubelet()["config"]["podPidsLimit"], 2048)
        self.assertEqual(node.output("cat", "/proc/sys/net/core/somaxconn").strip(), "1234")
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/ip_local_port_range").split(), ["1100", "65000"])
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/tcp_fin_timeout").strip(), "44")

        reported = [r["MESSAGE"] for r in node.journal("--unit", "eks-sysctl")]
        for text in ("net/ipv4/conf/eth9/rp_filter: this kernel has no such parameter", "kernel/pid_max: read-only here",
                     "net/ipv4/tcp_fin_timeout keeps the value of /etc/sysctl.d/50-admin.conf, line 1",
                     "net/core/somaxconn = 1234 (was "):
            self.assertTrue([s for s in reported if text in s], f"{text}: {reported}")

        self.assertEqual(node.output("eksnode", "explain", "sysctl.net.core.somaxconn"),
                         "sysctl.net.core.somaxconn = 1234\n  from /etc/eks/web.toml, line 5, column 10\n")
        self.assertIn("low-latency: services", node.output("eksnode", "explain", "profile"))

        node.systemctl("restart", "eks-sysctl")
        record = [r for r in node.journal("--unit", "eks-sysctl") if "EKS_RESULT" in r][-1]
        self.assertEqual(record["EKS_RESULT"], "unchanged")
        self.assertEqual(self.starts(node, "kubelet.service"), 1, "nothing requires the step")

    def test_a_refused_value_fails_the_step_and_not_the_node(self):
        node = self.node()
        node.write("/etc/eks/node.toml", "[sysctl]\nnet.core.somaxconn = -5\nnet.ipv4.tcp_fin_timeout = 33\n")
        node.boot()
        record = self.failure(node, "eks-sysctl.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("sysctl-refused", "78"))
        self.assertIn('/etc/eks/node.toml, line 2, column 10: sysctl.net.core.somaxconn = "-5"', record["MESSAGE"])
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/tcp_fin_timeout").strip(), "33")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_without_parameters_or_masked_the_step_is_left_out(self):
        node = self.node()
        node.write("/etc/eks/profiles/default.toml", "")
        node.boot()
        self.assertEqual(node.show("eks-sysctl.service", "ConditionResult", "ActiveState"),
                         {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertActive(node, "eks-node.target", "kubelet.service")

        node = self.node()
        node.link("/etc/systemd/system/eks-sysctl.service", "/dev/null")
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")

    def test_the_daemons_have_no_limit_of_tasks(self):
        node = self.booted()
        for unit in ("runtime.slice", "containerd.service"):
            self.assertEqual(node.show(unit, "TasksMax")["TasksMax"], "infinity", unit)
