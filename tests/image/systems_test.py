# SPDX-License-Identifier: Apache-2.0
"""All provisioners, one after another, on a machine of each system."""

import os

from bucket import KUBELET, REGION, sha256
from fixture import BUILD, FOLDER, MachineTest


class SystemTest(MachineTest):
    def test_all_steps_on_al2023(self):
        self.put_file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
        self.put_file("sys/module/ena/version", "2.17.2g\n")
        self.put_file("sys/module/overlay/taint")
        self.put_file("lib/modules/6.12.40-63.amzn2023.x86_64/modules.dep", "")
        self.put_file("opt/amazon/efa_installed_packages", "# EFA installer version: 1.49.0\nlibfabric-aws-2.1.0\n")  # efa_version=latest
        calls = self.build(VARIANTS="neuron")

        self.assert_in_order(
            calls, "dnf --assumeyes --quiet upgrade", "dnf --quiet versionlock delete kernel6.12",
            "dnf --assumeyes --quiet install kernel6.12-6.12[.-]*",
            "dnf --quiet versionlock add kernel6.12", "grubby --set-default /boot/vmlinuz-6.12.40-63.amzn2023.x86_64",
            "grubby --update-kernel=ALL --args=clocksource=tsc tsc=reliable",
            "dnf --assumeyes --quiet install aws-cfn-bootstrap chrony", "dnf --assumeyes --quiet install nerdctl-2.1.4-1.amzn2023",
            "dnf --assumeyes --quiet install soci-snapshotter-0.9.0-1.amzn2023", "dnf --assumeyes --quiet install runc-2.1.4-1.amzn2023",
            "dnf --assumeyes --quiet install containerd-2.1.4-1.amzn2023", "dnf --quiet versionlock add containerd",
            "dnf --assumeyes --quiet install amazon-ssm-agent", "systemctl enable amazon-ssm-agent.service",
            f"dnf --assumeyes --quiet install {self.work}/packages/eksnode-1.rpm", f"eksnode takeover --root {self.root}",
            "systemctl start containerd.service",
            "cache-pause-container -i public.ecr.aws/eks-distro/kubernetes/pause:3.10", "systemctl stop containerd.service",
            "dnf --assumeyes --quiet install kernel6.12-devel-6.12.40-63.amzn2023.x86_64 kernel6.12-headers",
            "dnf --assumeyes --quiet install aws-neuronx-dkms-2.22.0.0 aws-neuronx-tools", "dnf --quiet clean all")
        self.assertFalse([call for call in calls if call.startswith("apt")])

        tree = self.tree()
        for path, mode in {
            "usr/bin/kubelet": "0o100755", "usr/bin/crictl": "0o100755", "etc/eks/image-credential-provider/ecr-credential-provider": "0o100755",
            "opt/cni/bin/loopback": "0o100644", "etc/eks/release": "0o100644", "etc/eks/pause.tar": "0o100644",
            "etc/cloud/cloud.cfg.d/50-eks-image.cfg": "0o100644", "run/eks/installed": "0o100644", "etc/eks/image.json": "0o100644",
        }.items():
            self.assertEqual(tree[path][0], mode, path)

        for path in ("etc/kubernetes/manifests", "etc/kubernetes/kubelet", "var/lib/kubelet", "var/lib/kubernetes",
                     "etc/eks/containerd", "etc/systemd/system/kubelet.service.d", "etc/systemd/system/containerd.service.d"):
            self.assertIn(path, tree)

        self.assertNotIn("usr/bin/aws-iam-authenticator", tree)
        self.assertEqual(tree["etc/systemd/system/mdmonitor.service"][1], "/dev/null")
        self.assertNotIn("etc/systemd/system/apt-daily.timer", tree)
        self.assertIn(b"--any\n", tree["etc/systemd/system/systemd-networkd-wait-online.service.d/50-eks-image.conf"][1])

        self.assertEqual(tree["etc/machine-id"][1], b"")
        self.assertEqual(tree["etc/eks/kubelet-version.txt"][1], b"Kubernetes v1.34.1\n")
        self.assertEqual(tree["etc/eks/containerd-version.txt"][1], b"containerd github.com/containerd/containerd 2.1.4 0123abcd\n")
        self.assertRegex(tree["etc/eks/release"][1].decode(), 'BASE_AMI_ID="ami-0base"\n\nBUILD_KERNEL="6.12.40-63.*"\nARCH="x86_64"\n')
        self.assertIn(b"gpgcheck=1", tree["etc/yum.repos.d/neuron.repo"][1])

        info = self.version_info()
        self.assertEqual(info["binaries"], {"containerd": "2.1.4", "kubelet": "v1.34.1", "runc": "1.3.0"})
        self.assertEqual(info["packages"], {"bash": "5.2.15-1.amzn2023", "zlib": "1.2"})
        self.assertEqual(info["images"], ["eks-distro/kubernetes/pause:3.10"])
        self.assertEqual(info["kernel_modules"], {"ena": "2.17.2g"})
        self.assertEqual(info["build"], BUILD | {
            "arch": "x86_64", "aws_region": "eu-central-1", "nerdctl_version": "*", "soci_snapshotter_version": "0.*",
            "binary_bucket_name": "binaries", "binary_bucket_region": REGION, "cni_plugin_version": "v1.6.2",
            "kernel": "6.12.40-63.amzn2023.x86_64", "os": "al2023", "source_ami_id": "ami-0base", "variants": "neuron",
            "cache_container_images": "false", "containerd_volume_size": "0", "credential_provider_build_date": "", "credential_provider_version": "", "crictl_version": "v1.34.0",
            "cuda_version": "12.9", "ecr_credential_provider_sha256": "", "efa_version": "1.49.0", "enable_authenticator": "false",
            "enable_aws_cli": "false", "enable_credential_provider": "true", "enable_kontain_shim": "false", "enable_ssm_agent": "true", "kontain_sha256": "", "kontain_version": "", "nvidia_grid_runfile": "",
            "nvidia_grid_runfile_bucket_name": "", "nvidia_grid_sha256": "", "pause_container_image": self.variables["PAUSE_CONTAINER_IMAGE"],
            "pull_cni_from_github": "true", "ssm_agent_sha256": "", "ssm_agent_version": ""})

        packages = {package["name"]: package for package in self.bill_of_materials()}
        self.assertEqual(sorted(packages), ["bash", "cni-plugins", "crictl", "dkms-x", "ecr-credential-provider", "kubelet", "libstdc++",
                                            "public.ecr.aws/eks-distro/kubernetes/pause"])
        self.assertEqual(packages["kubelet"]["checksums"][0]["checksumValue"], sha256(KUBELET.format("1.34.1").encode()))
        self.assertTrue(packages["kubelet"]["downloadLocation"].endswith(f"/{FOLDER}/kubelet"))
        self.assertEqual(packages["libstdc++"]["externalRefs"][0]["referenceLocator"], "pkg:rpm/amzn/libstdc%2B%2B@11?arch=x86_64")

        manifest = self.manifest()
        self.assertEqual(manifest["wanted"], {
            "kubernetes": "1.34.1", "containerd": "2.*", "runc": "*", "credential-provider": "1.34.1", "eksnode": "*", "cni-plugins": "v1.6.2",
            "kernel": "6.12", "ssm-agent": "*", "pause": self.variables["PAUSE_CONTAINER_IMAGE"], "crictl": "v1.34.0", "nerdctl": "*",
            "soci-snapshotter": "0.*", "neuron": "2.*"})
        self.assertEqual(manifest["built"], {"containerd": "2.1.4"})
        self.assertEqual(manifest["enabled"], ["logrotate.timer", "amazon-ssm-agent.service", "neuron-package-install.service"])
        self.assertEqual(manifest["kernel"], "6.12.40-63.amzn2023.x86_64")
        self.assertEqual(manifest["leastFreeMiB"], 1024)
        self.assertIn("/etc/ssh/ssh_host_*", manifest["leftovers"])

        files = {file["path"]: file for file in manifest["files"]}
        owner = f"{os.geteuid()}:{os.getegid()}"
        self.assertEqual(files["/usr/bin/kubelet"], {
            "path": "/usr/bin/kubelet", "mode": "0755", "owner": owner, "sha256": sha256(KUBELET.format("1.34.1").encode())})
        self.assertEqual(files["/etc/kubernetes/manifests/"], {"path": "/etc/kubernetes/manifests/", "mode": "0755", "owner": owner})
        self.assertNotIn("sha256", files["/etc/eks/release"])
        self.assertNotIn("/etc/eks/image.json", files)
        self.assertIn("/opt/cni/bin/bridge", files)
        self.assertEqual(files["/etc/systemd/system/mdmonitor.service"]["target"], "/dev/null")

        for path in "systemd/system/systemd-networkd-wait-online.service.d/50-eks-image.conf", "ssh/sshd_config.d/50-eks-ciphers.conf":
            self.assertIn("sha256", files[f"/etc/{path}"])
        self.assertIn("/var/lib/kubelet/", files)
        self.assertIn(f"eksnode validate-image --root {self.root}", calls)

        # once more: the same machine, and nothing large is fetched again
        self.bucket.requests.clear()
        again = self.build(VARIANTS="neuron")
        self.assertEqual(self.tree(), tree)
        self.assertEqual([path for path, *_ in self.bucket.requests if path.endswith(("kubelet", "provider", ".tgz"))], [])
        self.assertNotIn("systemctl start containerd.service", again)

    def test_all_steps_on_debian(self):
        self.become("debian12")
        calls = self.build()
        options = "apt-get --quiet --yes"
        self.assert_in_order(
            calls, f"{options} --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold update",
            "apt-cache pkgnames", options, "apt-mark hold linux-image-6.1.0-28-cloud-amd64", "apt-cache madison runc",
            "apt-mark hold runc", "apt-cache madison containerd", "apt-mark hold containerd", options)

        for text in ("--with-new-pkgs upgrade", " install linux-image-6.1.0-28-cloud-amd64", " install runc=1.6.24~ds1-1",
                     " install containerd=1.6.24~ds1-1", f" install {self.work}/packages/eksnode-1.deb", " clean"):
            self.assertTrue([call for call in calls if call.endswith(text)], text)

        self.assertFalse([call for call in calls if call.startswith(("dnf", "grubby", "rpm"))])

        tree = self.tree()
        self.assertIn(b'BASE_AMI_ID=""', tree["etc/eks/release"][1])  # not in EC2

        self.put_file("usr/bin/nerdctl")
        self.succeeds(self.step("write-manifest"))
        self.assertIn("/usr/bin/nerdctl", [file["path"] for file in self.manifest()["files"]])

        (self.root / "usr/bin/nerdctl").unlink()
        self.build()
        self.assertEqual(self.tree(), tree)

    def test_debian_13_gets_what_every_debian_gets(self):
        self.become("debian12")
        self.build()
        calls = self.build()  # without what is there already
        tree = self.tree()
        self.become("debian13")
        self.assertEqual(self.build(), calls)
        self.assertEqual({path for path, *what in set(tree) ^ set(self.tree())}, set())
        self.assertEqual(self.version_info()["build"]["os"], "debian13")

    def test_other_systems_are_refused(self):
        self.put_file("etc/os-release", "ID=ubuntu\nVERSION_ID=24.04\n")
        self.fails(self.step("upgrade-packages"), "the machine runs 'ubuntu 24.04'", "Amazon Linux 2023, Debian 12 or Debian 13")
        self.assertEqual(self.calls(), [])

    def test_missing_variables_and_packages_are_explained(self):
        self.fails(self.step("install-kubelet", KUBERNETES_VERSION=""), "the variable kubernetes_version of the template")
        self.fails(self.step("install-containerd", CONTAINERD_VERSION="none"), "no package containerd has the version none")

        self.become("debian12")
        self.fails(self.step("install-containerd", RUNC_VERSION="9.*"), "no package runc has the version 9.*")

        (self.work / "packages/eksnode-1.deb").unlink()
        self.fails(self.step("install-eksnode"), "there is no package eksnode*.deb", "make packages")

    def test_a_strict_mask_of_the_base_image_hides_nothing(self):
        """The variant cis leaves such a mask to the next build."""
        mask = os.umask(0o027)
        try:
            for name in self.steps()[:-1]:
                self.succeeds(self.step(name, VARIANTS="neuron", ENABLE_AWS_CLI="true"))
        finally:
            os.umask(mask)

        for path in "etc/kubernetes/manifests", "etc/eks/image-credential-provider", "opt/cni/bin", "var/lib/kubelet", "etc/yum.repos.d":
            self.assertEqual((self.root / path).stat().st_mode & 0o777, 0o755, path)
