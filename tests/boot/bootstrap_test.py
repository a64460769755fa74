# SPDX-License-Identifier: Apache-2.0
"""Scripts for Amazon Linux 2 that do more than call bootstrap.sh: they edit files before and after the call, or name a
cluster and nothing else of it. cloud-init runs them, as in cloud_init_test."""

import json
import tomllib

import support
from cloud_init_test import CloudInitTest
from eks_cluster_test import STEP, described
from node import node_config
from support import BootTest

KUBELET_CONFIG = "/etc/kubernetes/kubelet/kubelet-config.json"
EDITS = "/var/lib/eks/commands.d/kubelet-edits.toml"
EDITS_UNIT = "eks-kubelet-edits.service"


class AfterTheCall(CloudInitTest):
    def merging(self, settings):
        """What eksctl's script does: its own settings over those in the file."""
        return f"""
cat > /srv/extra.json <<'END'
{json.dumps(settings)}
END
jq -s '.[0] * .[1]' {KUBELET_CONFIG} /srv/extra.json > /srv/merged.json
mv /srv/merged.json {KUBELET_CONFIG}
"""

    def test_edits_of_kubelet_s_configuration_stay(self):
        settings = {"shutdownGracePeriod": "45s", "evictionHard": {"nodefs.available": "7%"}, "clusterDNS": ["169.254.20.10"]}
        node = self.cloud_node("#!/bin/bash\nset -o errexit -o pipefail -o nounset\n"
                               + self.call("--kubelet-extra-args --node-labels=team=a") + self.merging(settings)
                               + "systemctl daemon-reload\nsystemctl restart kubelet\ntouch /srv/ended\n")
        self.assertCalled(node, starts=2)
        self.assertTrue((node.root / "srv/ended").exists())

        def assertEdited():
            config = node.kubelet()["config"]
            self.assertEqual(config["shutdownGracePeriod"], "45s")
            self.assertEqual(config["evictionHard"]["nodefs.available"], "7%")
            self.assertEqual(config["evictionHard"]["memory.available"], "100Mi")
            self.assertEqual(config["clusterDNS"], ["169.254.20.10"])  # the later one counts
            self.assertEqual(self.labels(node), {"team": "a"})
            self.assertTrue(node.file(KUBELET_CONFIG).is_symlink())

        assertEdited()

        # Nothing else of the file is kept.
        self.assertEqual(tomllib.loads(node.file(EDITS).read_text()), {"kubelet": {"config": settings}})
        self.assertEqual(node.file(EDITS).stat().st_mode & 0o777, 0o600)

        # Nor does a reboot lose it, on which cloud-init does not run the script and no step of this runs.
        node.reboot()
        self.assertCalled(node)

        assertEdited()
        self.assertEqual(node.show(EDITS_UNIT, "ConditionResult"), {"ConditionResult": "no"})

        # What was not edited follows the configuration.
        node.output("eksnode", "set", "kubelet.config.maxPods=31")
        node.output("eksnode", "apply")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 31)

        assertEdited()

    def test_a_script_beside_a_node_config_need_not_call(self):
        node = self.cloud_node(self.mime(
            ("application/node.eks.aws", node_config(support.IMAGE.ca)),
            ("text/x-shellscript", "#!/bin/bash\nset -e\nsleep 1\n" + self.merging({"podsPerCore": 9}) + "touch /srv/ended\n")))
        self.assertCalled(node)
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 9)
        self.assertFalse(node.file(f"{KUBELET_CONFIG}.user-edited").exists())
        self.assertTrue(node.file(KUBELET_CONFIG).is_symlink())


class OnANode(BootTest):
    def edit(self, node, text):
        file = node.file(KUBELET_CONFIG)
        file.unlink()
        file.write_text(text)

    def test_wrong_edits_leave_kubelet_as_it_was(self):
        node = self.booted()
        config = json.loads(node.file(KUBELET_CONFIG).read_text())
        for text, failure in ("{", "config-syntax"), (json.dumps(config | {"maxPods": -1}), "config-invalid"):
            with self.subTest(failure):
                self.edit(node, text)
                node.output("systemctl", "restart", "kubelet")
                self.assertActive(node, "kubelet.service", "eks-node.target")

                record = self.failure(node, EDITS_UNIT)
                self.assertEqual(record["EKS_FAILURE"], failure, record["MESSAGE"])
                self.assertEqual(node.file(KUBELET_CONFIG).read_text(), text)
                self.assertFalse(node.file(EDITS).exists())

                node.output("journalctl", "--rotate", "--vacuum-time=1us")  # the next failure is the only one

        self.edit(node, json.dumps(config | {"podsPerCore": 8}))
        node.output("systemctl", "restart", "kubelet")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 8)
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")


class ByName(CloudInitTest):
    """The call names the cluster; EKS is asked for the rest."""

    def clusters(self, node, **clusters):
        node.write("/srv/aws/clusters.json", json.dumps({name.replace("_", "-"): entry for name, entry in clusters.items()}))
        node.write(f"/etc/systemd/system/{STEP}.d/endpoint.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_EKS=http://169.254.169.254\n")

    def server(self, node):
        return node.file("/var/lib/kubelet/kubeconfig").read_text().split("server: ")[1].split()[0].strip('"')

    def test_the_name_alone_of_a_cluster_that_is_being_created(self):
        node = self.cloud_node(
            "#!/bin/bash\nset -ex\nsed -i 's/^set -o errexit/&/' /etc/eks/bootstrap.sh\n/etc/eks/bootstrap.sh my-cluster\n"
            "touch /srv/ended\n",
            lambda node: self.clusters(node, my_cluster={"cluster": described(), "creating": 2},
                                       other={"cluster": described(endpoint="https://other.example.com")}))
        self.assertCalled(node)
        self.assertTrue((node.root / "srv/ended").exists())
        self.assertEqual(self.server(node), "https://eks.example.com")

        config = json.loads(node.file("/etc/kubernetes/kubelet/config.json").read_text())
        self.assertEqual(config["clusterDNS"], ["10.96.0.10"])

        asked = [json.loads(line)["path"] for line in node.file("/run/fake-aws.log").read_text().splitlines()]
        self.assertEqual(asked.count("/clusters/my-cluster"), 3)

        # sed has put a copy in the place of the link, and this call asks EKS itself.
        self.assertFalse(node.file("/etc/eks/bootstrap.sh").is_symlink())

        result = node.call("/etc/eks/bootstrap.sh", "other")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("'/etc/eks/bootstrap.sh' was edited, which has no effect", result.stderr)
        self.assertIn('cluster.name was "my-cluster", and is "other" now', result.stderr)
        self.assertEqual(self.server(node), "https://other.example.com")


class BeforeTheCall(CloudInitTest):
    """Files of Amazon Linux 2 that scripts edit are there, and keep their effect."""

    def test_files(self):
        def give(node):
            node.write("/srv/containerd.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n'
                       'sandbox_image = "SANDBOX_IMAGE"\nmax_concurrent_downloads = 7\n')

        # bootstrap.sh overwrote all of these.
        edits = {"kubeReserved": {"cpu": "123m", "memory": "456Mi", "ephemeral-storage": "2Gi", "pid": "1500"},
                 "evictionHard": {"memory.available": "150Mi", "nodefs.available": "8%", "nodefs.inodesFree": "4%"}}
        node = self.cloud_node(f"""\
#!/bin/bash
set -ex
test "$(awk '$1 == "m5.large" {{print $2}}' /etc/eks/eni-max-pods.txt)" = 29
sed -i 's/^\\([a-z0-9.-]*\\) .*/\\1 23/' /etc/eks/eni-max-pods.txt
sed -i 's/^discard_unpacked_layers = true/discard_unpacked_layers = false/' /etc/eks/containerd/containerd-config.toml
cat >> /etc/eks/containerd/containerd-config.toml <<'END'
[plugins."io.containerd.grpc.v1.cri".x509_key_pair_streaming]
tls_cert_file = "/etc/containerd/stream.crt"
END
jq '. * {json.dumps(edits)}' {KUBELET_CONFIG} > /srv/edited.json
mv /srv/edited.json {KUBELET_CONFIG}
sed -i 's/\\$KUBELET_EXTRA_ARGS/& --v=3/' /etc/eks/containerd/kubelet-containerd.service
sed -i '/^\\[Service\\]/a Nice=1' /etc/eks/containerd/kubelet-containerd.service
sed -i 's/^TimeoutStartSec=.*/TimeoutStartSec=9min/' /etc/eks/containerd/sandbox-image.service
echo 'exit 1' > /etc/eks/bootstrap-gpu.sh
{self.call("--containerd-config-file /srv/containerd.toml")}
touch /srv/ended
""", give)
        self.assertCalled(node)
        self.assertTrue((node.root / "srv/ended").exists())
        self.assertEqual(node.kubelet()["config"]["maxPods"], 23)

        for key, values in edits.items():
            for name, value in values.items():
                with self.subTest(f"{key}.{name}"):
                    self.assertEqual(node.kubelet()["config"][key][name], value)

        config = tomllib.loads(node.file("/etc/containerd/config.toml").read_text())
        cri = config["plugins"]["io.containerd.grpc.v1.cri"]
        self.assertEqual(cri["sandbox_image"], "localhost/kubernetes/pause:latest")
        self.assertEqual(cri["max_concurrent_downloads"], 7)
        self.assertEqual(cri["x509_key_pair_streaming"], {"tls_cert_file": "/etc/containerd/stream.crt"})
        self.assertIs(cri["containerd"]["discard_unpacked_layers"], False)
        self.assertEqual([flag for flag in node.kubelet()["argv"] if flag.startswith("--v=")][-1:], ["--v=3"])

        reported = (node.root / "var/log/cloud-init-output.log").read_text()
        self.assertIn("'/etc/eks/bootstrap-gpu.sh' is not run, ignoring", reported)
        self.assertIn("kubelet-containerd.service': only flags added to ExecStart= have an effect; changes of Nice= ", reported)
        self.assertIn("'/etc/eks/containerd/sandbox-image.service' was edited, which has no effect", reported)
        self.assertEqual(set(tomllib.loads(node.file("/var/lib/eks/commands.d/bootstrap-edits.toml").read_text())),
                         {"kubelet", "containerd"})


class TwoCommands(BootTest):
    def test_the_later_call_counts(self):
        node = self.booted()
        node.file("/tmp/node.yaml").write_text(node_config(support.IMAGE.ca, "  kubelet:\n    config: {maxPods: 21, podsPerCore: 5}\n"))
        call = ["/etc/eks/bootstrap.sh", "my-cluster", "--dns-cluster-ip"]
        self.assertEqual(node.call(*call, "10.100.0.20").returncode, 0)

        done = node.call("nodeadm", "init", "-c", "file:///tmp/node.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 21)

        node.file("/tmp/node.yaml").write_text(node_config(
            support.IMAGE.ca, "  kubelet:\n    config: {maxPods: 22, clusterDNS: [10.100.0.30]}\n"))
        done = node.call("nodeadm", "init", "-c", "file:///tmp/node.yaml")
        self.assertIn("bootstrap.toml' set another value: kubelet.config.clusterDNS", done.stderr)
        self.assertEqual(node.kubelet()["config"]["clusterDNS"], ["10.100.0.30"])

        result = node.call(*call, "10.100.0.40")
        self.assertIn("nodeadm.toml' set another value: kubelet.config.clusterDNS", result.stderr)

        config = node.kubelet()["config"]
        self.assertEqual((config["clusterDNS"], config["maxPods"]), (["10.100.0.40"], 22))

        node.reboot()
        config = node.kubelet()["config"]
        self.assertEqual((config["clusterDNS"], config["maxPods"]), (["10.100.0.40"], 22))
