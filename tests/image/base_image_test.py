# SPDX-License-Identifier: Apache-2.0
"""The provisioners and the base image: what they wait for, what they stop, and what they refuse or set aside."""

import shutil
import tomllib

from fixture import MachineTest


class BaseImageTest(MachineTest):
    def test_a_build_waits_until_the_machine_is_at_rest(self):
        queue = self.directory / "queue"
        queue.write_text("12 cloud-final.service start waiting\n13 apt-daily.service start running\n")

        self.answer("systemctl", f"[ $1 != list-jobs ] || cat {queue}")
        self.fails(self.step("settle-machine", WAIT_SECONDS="0"), "the machine does not come to rest:\n12 cloud-final.service start waiting\n",
                   "'systemctl status cloud-final.service apt-daily.service'", "check user_data_file=")

        self.answer("systemctl", "[ $1 != list-jobs ]")
        self.fails(self.step("settle-machine", WAIT_SECONDS="0"), "systemd does not list its jobs", "'systemctl list-jobs'")

        self.answer("systemctl", f"[ $1 != list-jobs ] || {{ [ -e {queue}.asked ] || {{ touch {queue}.asked; exit 1; }}; }}")
        self.assertIn("waiting for systemd", self.succeeds(self.step("settle-machine")))

        self.answer("systemctl", f"[ $1 != list-jobs ] || {{ cat {queue}; sed -i 1d {queue}; }}")
        self.calls()
        self.assertIn("waiting for cloud-final.service apt-daily.service\n", self.succeeds(self.step("settle-machine")))

        asked = "systemctl list-jobs --no-legend cloud-* apt-daily*"
        self.assertEqual(self.calls(), ["systemctl is-active kubelet.service", "systemctl daemon-reload", asked, asked, asked])

        self.become("debian12")
        self.succeeds(self.step("settle-machine"))
        self.assert_in_order(self.calls(), "systemctl stop apt-daily.timer apt-daily-upgrade.timer", asked)

    def test_the_node_on_a_base_image_of_eksnode_is_stopped(self):
        self.put_file("usr/lib/systemd/system/eks-node.target")
        self.put_file("run/eks/done/eks-imds")

        # A step that is stopped while it works is done afterwards.
        self.answer("systemctl", f"""case $1,$2 in
            cat,eks-retry.timer) exit 1 ;;
            stop,eks-*) mkdir -p {self.root}/run/eks/done; touch {self.root}/run/eks/done/x ;;
            esac""")

        self.succeeds(self.step("settle-machine"))
        self.assert_in_order(self.calls(), "systemctl mask --runtime eks-retry.service eks-retry.timer",
                             "systemctl stop eks-node.target eks-retry.service eks-imds.service", "systemctl daemon-reload", "systemctl list-jobs")
        self.assertEqual([path.name for path in (self.root / "run/eks").iterdir()], ["installed"])

    def test_a_builder_that_joins_a_cluster_is_refused(self):
        for path, text, reason in (
            ("var/lib/kubelet/pki/kubelet-client-current.pem", "x", "/var/lib/kubelet/pki"),
            ("etc/eks/node.enabled", "", "/etc/eks/node.enabled"),
            ("proc/cmdline", "quiet eks.node=1\n", "eks.node"),
            ("proc/cmdline", "eks.node", "eks.node"),
        ):
            self.put_file(path, text)
            self.calls()
            self.fails(self.step("settle-machine"), reason, "build from the base image")
            self.assertEqual(self.calls(), ["systemctl is-active kubelet.service"])
            (self.root / path).unlink()

        self.put_file("proc/cmdline", "quiet eks.node=0\n")
        self.succeeds(self.step("settle-machine"))
        self.answer("systemctl", "echo active")
        self.fails(self.step("settle-machine"), "kubelet runs", "build from the base image")

    def test_files_of_nodeadm_are_removed_from_a_base_image_of_aws(self):
        self.put_file("etc/eks/nodeadm/udev-net-manager/i-1/ens5", "io.systemd.Network")
        self.put_file("etc/eks/nodeadm.d/mine.yaml")
        self.succeeds(self.step("install-eksnode"))
        self.assertEqual([path.name for path in (self.root / "etc/eks").iterdir()], ["nodeadm.d"])

    def test_a_volume_for_containerd_is_named_as_the_template_names_it(self):
        layer = self.root / "usr/lib/eks/node.d/20-containerd-volume.toml"
        self.succeeds(self.step("install-eksnode", CONTAINERD_VOLUME_SIZE="100"))
        device = tomllib.loads(layer.read_text())["containerd"]["volume"]["device"]
        self.assertIn(f'["{device}"]', (self.packer / "template/amazon-ebs.pkr.hcl").read_text())
        self.succeeds(self.step("install-eksnode"))
        self.assertFalse(layer.exists())

    def test_sshd_gets_ciphers_unless_a_variant_sets_them(self):
        self.put_file("etc/ssh/sshd_config", "Ciphers aes128-cbc\n")
        config = self.root / "etc/ssh/sshd_config"
        config.chmod(0o600)

        for _ in range(2):
            self.succeeds(self.step("install-eksnode"))
            self.assertEqual(self.read("etc/ssh/sshd_config.d/50-eks-ciphers.conf"), "Ciphers aes256-ctr\n")
            self.assertEqual(config.read_text(), "Include /etc/ssh/sshd_config.d/*.conf\nCiphers aes128-cbc\n")

        self.assertEqual(config.stat().st_mode & 0o777, 0o600)

        shutil.rmtree(self.root / "etc/ssh/sshd_config.d")
        self.succeeds(self.step("install-eksnode", VARIANTS="stig"))
        self.assertFalse((self.root / "etc/ssh/sshd_config.d").exists())

        (self.root / "usr/share/eks/sshd/50-eks-ciphers.conf").unlink()
        self.fails(self.step("install-eksnode"), "the package eksnode-host is not installed")
