# SPDX-License-Identifier: Apache-2.0
"""What fails, fails with a code and a remedy."""

import base64
import calendar
import json
import re
import time

import support
from node import node_config
from support import BootTest, caller, RENDERED


class Failures(BootTest):
    OTHERS = ["eks-imds", "eks-config", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config",
              "eks-kubelet-args", "eks-containerd-config"]

    def check_console(self, node, *texts):
        node.wait_for(lambda: all(t in node.console.read_text(errors="replace") for t in texts),
                      f"the console to show {texts}", timeout=5)

    def test_a_bad_certificate_authority(self):
        for value, wrong in (("%%%", "not base64"),
                             (base64.b64encode(b"certificateAuthority").decode(), "no PEM certificate")):
            with self.subTest(wrong):
                node = self.node()
                node.user_data(node_config(json.dumps(value)))
                node.boot()
                record = self.failure(node, "eks-ca.service")
                self.assertEqual(record["EKS_EXIT_STATUS"], "78")
                self.assertEqual(record["EKS_FAILURE"], "ca-invalid")

                for text in ("user data, line 7", "certificateAuthority", wrong, value[:20]):
                    self.assertIn(text, record["MESSAGE"])
                self.check_console(node, "eks-ca failed", wrong)
                self.assertKubeletDown(node)
                self.assertFalse(node.file("/etc/kubernetes/pki/ca.crt").exists())
                self.assertActive(node, *(f"{s}.service" for s in self.OTHERS))

                for path in RENDERED:
                    if not path.endswith("ca.crt"):
                        self.assertTrue(node.file(path).exists(), path)

                status = node.call("eksnode", "status")
                self.assertEqual(status.returncode, 1)
                self.assertRegex(status.stdout, r"× eks-ca\.service +FAILED \(exit status 78\)")
                self.assertIn(wrong, status.stdout)

    def test_no_user_data_at_all(self):
        node = self.node()
        node.user_data(None)
        node.boot()
        record = self.failure(node, "eks-config.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("78", "config-missing"))
        self.assertIn("/etc/eks/node.toml (absent)", record["MESSAGE"])
        self.assertIn("user data", record["MESSAGE"])

        self.check_console(node, "eks-config failed")

        # Whole lines, once each, of our steps only.
        node.write("etc/systemd/system/other.service",
                   "[Service]\nType=oneshot\nExecStart=/bin/systemd-cat --priority=err echo of another service\n")
        node.output("systemctl", "daemon-reload")
        node.output("systemctl", "start", "other")
        node.output("journalctl", "--sync")
        self.assertEqual(len(node.journal("PRIORITY=3", "MESSAGE=of another service")), 1)

        console = node.console.read_text(errors="replace").splitlines()
        self.assertEqual([line for line in console if "of another service" in line], [])

        reported = [line for line in console if re.match(r"eks-config\[\d+\]: eks-config failed: ", line)]
        self.assertEqual([line.split(": ", 1)[1] for line in reported], [record["MESSAGE"]])

        # Beside it, systemd's own two lines at most: that the unit has failed, and where to look.
        of_step = [line for line in console if "eks-config" in line]
        self.assertLessEqual(len(of_step), 3, of_step)
        self.assertKubeletDown(node)
        self.assertFalse(node.file("/run/eks/node.json").exists())
        self.assertFalse(node.file("/etc/kubernetes/kubelet/config.json").exists())

    def test_each_missing_or_malformed_value_is_named(self):
        good = node_config(support.IMAGE.ca)
        cases = [("name: my-cluster", "", "cluster.name"), ("https://example.com", "ftp://x", "cluster.apiServerEndpoint"),
                 ("10.100.0.0/16", "10.100.0.0", "not an address range")]
        node = self.node()
        node.user_data(good.replace(cases[0][0], cases[0][1]))
        node.boot()

        for old, new, named in cases:
            with self.subTest(named):
                node.file("/srv/aws/user-data").write_text(good.replace(old, new))
                node.systemctl("restart", "eks-imds")
                node.systemctl("restart", "eks-config")
                state = node.show("eks-config.service", "ActiveState", "ExecMainStatus", "StatusText")
                self.assertEqual((state["ActiveState"], state["ExecMainStatus"]), ("failed", "78"))
                self.assertIn(named, state["StatusText"])
                self.assertIn("user data", state["StatusText"])
                self.assertKubeletDown(node)

    def test_a_silent_metadata_service_fails_at_the_deadline(self):
        node = self.node()
        node.write("/srv/aws/faults.json", json.dumps([{"path": "*", "hang": True}]))
        node.write("/etc/systemd/system/eks-imds.service.d/deadline.conf", "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=2\n")
        node.boot()
        record = self.failure(node, "eks-imds.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("69", "imds-unreachable"))
        self.assertIn("PUT http://169.254.169.254/latest/api/token", record["MESSAGE"])
        self.assertIn("2 s", record["MESSAGE"])

        self.check_console(node, "eks-imds failed")
        self.assertKubeletDown(node)

        # It comes back by itself being asked: what failed is started again with what needs it.
        node.file("/srv/aws/faults.json").unlink()
        node.systemctl("restart", "fake-aws")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_an_error_page_is_not_taken_for_a_fact(self):
        node = self.node()
        node.write("/srv/aws/faults.json",
                   json.dumps([{"path": "/latest/meta-data/local-ipv4", "body": "<html>\n<body>oops</body></html>"}]))
        node.boot()
        record = self.failure(node, "eks-imds.service")
        self.assertEqual(record["EKS_FAILURE"], "imds-answer")
        self.assertIn("local-ipv4", record["MESSAGE"])
        self.assertKubeletDown(node)

    def test_a_slow_start_of_the_metadata_service_is_waited_for(self):
        node = self.node()
        node.write("/srv/aws/faults.json", json.dumps([
            {"path": "/latest/api/token", "close": True, "times": 2},
            {"path": "/latest/user-data", "status": 503, "times": 2},
            {"path": "/latest/meta-data/mac", "garbage": 200, "times": 1},
            {"path": "*/document", "truncate": 10, "times": 1}]))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")

    def test_kubelet_proves_who_the_node_is(self):
        node = self.node()
        node.write("/etc/systemd/system/kubelet.service.d/50-exec.conf", "[Service]\nEnvironment=STAND_IN_EXEC=1\n")
        node.boot()
        self.assertActive(node, "kubelet.service", "eks-node.target")

        credential = node.kubelet()["credential"]
        role = json.loads((node.root / "srv/aws/profile.json").read_text())["meta-data"]["iam/security-credentials/eks-node"]
        secrets = {role["AccessKeyId"]: (role["SecretAccessKey"], role["Token"])}
        key, signed = caller(credential["token"], "my-cluster", secrets)
        self.assertEqual(key, role["AccessKeyId"])
        self.assertLess(abs(time.time() - signed), 60)

        expires = calendar.timegm(time.strptime(credential["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertEqual(expires - signed, 14 * 60)

        # No secret is anywhere in the journal.
        journal = node.output("journalctl", "--boot", "--no-pager", "--output=verbose", "--all")
        self.assertNotIn(role["SecretAccessKey"], journal)
        self.assertNotIn(credential["token"], journal)

    def test_a_node_without_a_role_says_so_in_kubelet_s_log(self):
        node = self.node()
        node.write("/etc/systemd/system/kubelet.service.d/50-exec.conf", "[Service]\nEnvironment=STAND_IN_EXEC=1\n")
        node.write("/srv/aws/faults.json", json.dumps([{"path": "*/iam/security-credentials/", "status": 404}]))
        node.boot(wait=False)
        reported = node.wait_for(lambda: node.leader() and "eksnode token: the instance has no IAM role" in
                             node.call("journalctl", "--unit=kubelet", "--no-pager").stdout, "the message", timeout=60)
        self.assertTrue(reported)

    def test_missing_parts_of_the_image_are_named(self):
        node = self.node()
        (node.root / "etc/eks/pause.tar").unlink()
        node.write("etc/eks/containerd.d/10-pause.toml",
                   '[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "localhost/kubernetes/pause:latest"\n')
        (node.root / "etc/eks/image-credential-provider/ecr-credential-provider").unlink()
        node.boot()
        self.assertEqual(self.failure(node, "eks-credential-provider.service")["EKS_FAILURE"], "credential-provider-missing")
        self.assertEqual(self.failure(node, "eks-sandbox-image.service")["EKS_FAILURE"], "sandbox-image-missing")
        self.assertKubeletDown(node)

    def test_containerd_keeps_its_configuration_when_the_user_s_is_broken(self):
        node = self.booted()
        before = node.file("/etc/containerd/config.toml").read_text()
        broken = "  containerd:\n    config: |\n      [grpc\n"
        node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca, extra=broken))
        node.systemctl("restart", "eks-imds")
        record = self.failure(node, "eks-containerd-config.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("78", "config-syntax"))
        self.assertRegex(record["MESSAGE"], r"user data, line \d+.*line 1, column \d+")
        self.assertEqual(node.file("/etc/containerd/config.toml").read_text(), before)

    def test_what_is_in_the_way_of_a_file_is_named(self):
        node = self.booted()
        config = node.file("/etc/kubernetes/kubelet/config.json")
        node.output("eksnode", "set", "kubelet.config.maxPods=31")  # else an edited file would stay as it is
        node.output("systemctl", "reload", "eks-config")

        def failures():
            return [r["MESSAGE"] for r in node.journal("--unit", "eks-kubelet-config") if r.get("EKS_RESULT") == "failed"]

        def refused(cause):
            before = len(failures())
            node.systemctl("reload", "eks-kubelet-config")
            self.assertEqual(len(failures()), before + 1)
            self.assertIn(cause, failures()[-1])

        for what, content in ("our own", config.read_text()), ("an edited one", "{}"):
            with self.subTest("a bind mount of a file", what=what):
                node.write("/srv/other.json", content)
                node.output("mount", "--bind", "/srv/other.json", "/etc/kubernetes/kubelet/config.json")
                refused("Something is mounted on '/etc/kubernetes/kubelet/config.json'")
                node.output("umount", "/etc/kubernetes/kubelet/config.json")

        with self.subTest("a directory"):
            config.unlink()
            config.mkdir()
            refused("'/etc/kubernetes/kubelet/config.json' is a directory; a file is expected there")
            config.rmdir()

        node.systemctl("reload", "eks-kubelet-config")
        self.assertEqual(json.loads(config.read_text())["kind"], "KubeletConfiguration")

    def test_every_failure_has_a_catalog_entry_with_a_remedy(self):
        node = self.node()
        node.user_data(None)
        node.boot()
        node.output("journalctl", "--update-catalog")
        text = node.output("journalctl", "--boot", "--catalog", "--unit", "eks-config", "--no-pager")
        self.assertRegex(text, r"Subject: .*\n.*Defined-By: eksnode")
