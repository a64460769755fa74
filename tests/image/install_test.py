# SPDX-License-Identifier: Apache-2.0
"""The packages that the provisioners install, and the versions that they find."""

import re
import shutil

from bucket import sha256
from fixture import SOURCE, MachineTest


class InstallTest(MachineTest):
    def test_versions_ranges_and_patterns_find_the_newest_package(self):
        self.become("debian12")
        for wanted, version in {">=1.6.21,<1.7": "1.6.24~ds1-1", "<=1.6.20": "1.6.20~ds1-1", "latest": "1.6.24~ds1-1",
                                "1.6.20*": "1.6.20~ds1-1", "=1.6.20": "1.6.20~ds1-1", ">1.6.20": "1.6.24~ds1-1"}.items():
            with self.subTest(wanted):
                self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted))
                self.assertTrue([call for call in self.calls() if call.endswith(f" install containerd={version}")])

        for wanted in ">=1.7", "<1.6.20", ">1.6.24", "1.6.2", ">=1.6.21,<1.6.24", "~>1":
            self.fails(self.step("install-containerd", CONTAINERD_VERSION=wanted), f"no package containerd has the version {wanted}")

        self.become("al2023")
        self.answer("dnf", """case "$*" in *repoquery*) printf '2.%s.0-1.amzn2023\\n' 0 1 9 10 ;; esac""")
        self.calls()

        for wanted, name in {"latest": "containerd-2.10.0-1.amzn2023", ">=2.1,<2.10": "containerd-2.9.0-1.amzn2023", "<99": "containerd-2.10.0-1.amzn2023",
                             "2.1.*": "containerd-2.1.0-1.amzn2023", "2.1.4": "containerd-2.1.4"}.items():
            self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install {name}", self.calls())

        self.fails(self.step("install-containerd", CONTAINERD_VERSION=">=3"), "no package containerd has the version >=3")

    def test_packages_of_another_architecture_are_not_installed(self):
        for system, names in (
            ("al2023", ("eksnode-1-1.x86_64.rpm", "eksnode-1-1.aarch64.rpm", "eksnode-host-1-1.noarch.rpm")),
            ("debian12", ("eksnode_1-1_amd64.deb", "eksnode_1-1_arm64.deb", "eksnode-host_1-1_all.deb")),
        ):
            self.become(system)
            for file in (self.work / "packages").iterdir():
                file.unlink()
            for name in names:
                (self.work / "packages" / name).touch()

            for arch, other in ("x86_64", 1), ("arm64", 0):
                self.calls()
                self.succeeds(self.step("install-eksnode", ARCH=arch))
                call, = (call for call in self.calls() if " install " in call)
                self.assertEqual({word.rpartition("/")[2] for word in call.split() if word.startswith("/")}, {*names} - {names[other]})

    def test_logs_are_rotated_and_compressed(self):
        """With the real logrotate, and the rule that the packages have."""
        include = f"include {self.root}/etc/logrotate.d\n"
        rule = (SOURCE / "dropins/logrotate.d/kube-proxy").read_text().replace("/var/log", f"{self.root}/var/log")
        for name, commented in ("Debian's", "#compress\n"), ("another's", ""):
            with self.subTest(name):
                self.put_file("etc/logrotate.conf", f"# comment\nweekly\nrotate 4\ncreate\n{commented}{include}")
                for _ in range(2):
                    self.succeeds(self.step("install-host-packages"))
                    self.assertEqual(self.read("etc/logrotate.conf"), f"# comment\nweekly\nrotate 4\ncreate\ncompress\n{include}")

        self.assertIn("systemctl enable logrotate.timer", self.calls())
        self.put_file("etc/logrotate.d/kube-proxy", rule)
        self.put_file("etc/logrotate.d/other", f"{self.root}/var/log/other.log {{\n daily\n}}\n")
        for name in "kube-proxy", "other":
            self.put_file(f"var/log/{name}.log", "a line\n")
        self.root.chmod(0o755)
        self.succeeds(self.run_program("/usr/sbin/logrotate", "--force", "--state", self.directory / "state", self.root / "etc/logrotate.conf"))
        self.assertEqual(sorted(path.name for path in (self.root / "var/log").iterdir()),
                         ["kube-proxy.log", "kube-proxy.log.1.gz", "other.log", "other.log.1.gz"])
        self.assertEqual(self.read("var/log/kube-proxy.log"), "")

        # the control is met by what logrotate does
        self.write_variant("mine", "control 1 rotated", "holds rotated /etc/logrotate.d/kube-proxy /var/log/kube-proxy.log")
        self.put_file("etc/logrotate.d/kube-proxy", (SOURCE / "dropins/logrotate.d/kube-proxy").read_text())
        self.succeeds(self.step("check-controls", VARIANTS="mine"))
        for broken in "/var/log/other.log {\n}\n", "/var/log/kube-proxy.log {\n rotate 0\n}\n", "":
            self.put_file("etc/logrotate.d/kube-proxy", broken)
            self.fails(self.step("check-controls", VARIANTS="mine"), "rotated /etc/logrotate.d/kube-proxy /var/log/kube-proxy.log is not in force")

    def test_the_ssm_agent_is_a_package_or_a_download(self):
        self.succeeds(self.step("install-ssm-agent", ENABLE_SSM_AGENT="false"))
        self.assertEqual(self.calls(), [])

        for wanted, package in {"latest": "3.3.2299.0", "3.3.9*": "3.3.987.0", ">=3.3,<3.3.1000": "3.3.987.0"}.items():
            self.succeeds(self.step("install-ssm-agent", SSM_AGENT_VERSION=wanted))
            self.assert_in_order(self.calls(), f"dnf --assumeyes --quiet install amazon-ssm-agent-{package}-1.amzn2023",
                                 "dnf --quiet versionlock add amazon-ssm-agent")

        self.fails(self.step("install-ssm-agent", SSM_AGENT_VERSION=">=4"), "no package amazon-ssm-agent has the version >=4")

        self.calls()
        version = {"SSM_AGENT_VERSION": "3.3.1", "SSM_BUCKET": f"{self.bucket.url}/binaries/ssm"}
        self.bucket.put("ssm/3.3.1/linux_amd64/amazon-ssm-agent.rpm", "rpm")
        self.fails(self.step("install-ssm-agent", SSM_AGENT_SHA256="0" * 64, **version), "has the SHA-256")
        self.assertEqual(self.calls(), [])

        self.succeeds(self.step("install-ssm-agent", SSM_AGENT_SHA256=sha256(b"rpm"), **version))
        self.assertEqual(self.calls(), [f"dnf --assumeyes --quiet install {self.work}/amazon-ssm-agent.rpm", "systemctl enable amazon-ssm-agent.service"])

        # AWS's bucket in the region of the builder, which need not be that of kubelet's bucket
        self.fails(self.step("install-ssm-agent", SSM_AGENT_SHA256="0" * 64, SSM_AGENT_VERSION="3.3.1", AWS_REGION="eu-west-1"),
                   "/amazon-ssm-eu-west-1/3.3.1/linux_amd64/amazon-ssm-agent.rpm")

        self.become("debian12")
        self.fails(self.step("install-ssm-agent", ENABLE_SSM_AGENT="true"), "Debian has no package", "ssm_agent_version=VERSION")

    def test_versions_with_the_real_dnf(self):
        """The dnf of Debian, which installs packages as that of AL2023 does, in a root with a repository of empty packages."""
        repository, root = self.directory / "repository", self.directory / "dnf-root"
        for version in "6.12.9", "6.12.40", "6.1.130":
            name = "kernel" if version == "6.1.130" else "kernel6.12"
            self.put_rpms(repository, [name, *(f"{name}-{part}" for part in ("devel", "headers", "modules-extra"))], version, "63.amzn2023")

        for version in "1.7.27", "2.1.4", "2.1.10":
            self.put_rpms(repository, ["containerd", "containerd-stress", "runc", "python3-dnf-plugin-versionlock", "aws-neuronx-dkms", "aws-neuronx-tools",
                                       "kernel2.1", "kernel2.1-devel", "kernel2.1-headers", "kernel2.1-modules-extra"], version)

        # The plugin would keep its list in this machine's /etc.
        locked, plugins = self.directory / "locked", self.directory / "plugins"
        locked.touch()
        plugins.mkdir()
        (plugins / "versionlock.conf").write_text(f"[main]\nenabled=1\nlocklist={locked}\n")
        self.answer_with_dnf(root, repository, f"--setopt=pluginconfpath={plugins}")

        for wanted, version in ("1.*", "1.7.27"), (">=2.0,<2.1.9", "2.1.4"), ("2.*", "2.1.10"):
            with self.subTest(wanted):
                self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted, RUNC_VERSION="latest"))
                self.assertEqual(sorted(self.installed(root)), [f"containerd-{version}", "runc-2.1.10"])
                self.assertRegex(locked.read_text(), rf"(?m)^containerd-0:{version}-1\.amzn2023\.")

        self.assertEqual(locked.read_text().count("\ncontainerd-0:"), 1)

        for wanted in "3.*", ">=2.2":
            self.fails(self.step("install-containerd", CONTAINERD_VERSION=wanted), f"no package containerd has the version {wanted}")

        self.write_variant("mine", "version al2023 NEURON_DRIVER_VERSION aws-neuronx-dkms",
                           "packages al2023 aws-neuronx-dkms-@NEURON_DRIVER_VERSION@ aws-neuronx-tools")
        self.answer("rpm", f'exec {shutil.which("rpm")} --root={root} "$@"')

        for wanted, version in ("<2", "1.7.27"), (">=2.0,<2.1.9", "2.1.4"), ("2.1.*", "2.1.10"):
            self.succeeds(self.apply("mine", NEURON_DRIVER_VERSION=wanted))
            self.assertIn(f"aws-neuronx-dkms-{version}", self.installed(root))
            if wanted != "<2":  # of another line
                self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
                self.assertIn(f"kernel2.1-{version}", self.installed(root))
                self.assertIn(f"grubby --set-default /boot/vmlinuz-{version}-1.amzn2023.noarch", self.calls())

        self.fails(self.step("install-kernel", KERNEL_VERSION=">=99"), "there is no kernel >=99")

        self.succeeds(self.step("upgrade-packages"))
        self.assertIn("python3-dnf-plugin-versionlock-2.1.10", self.installed(root))

        self.fails(self.step("install-kernel", KERNEL_VERSION="6.12.4"), "there is no kernel 6.12.4 for this machine")

        for wanted, name, version in ("6.12", "kernel6.12", "6.12.40"), ("6.12.9", "kernel6.12", "6.12.9"), ("6.1", "kernel", "6.1.130"):
            self.calls()
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"{name}-{version}", self.installed(root))
            self.assertIn(f"grubby --set-default /boot/vmlinuz-{version}-63.amzn2023.noarch", self.calls())
            self.assertRegex(locked.read_text(), rf"(?m)^{re.escape(name)}-0:{version}-63\.amzn2023\.")

        self.succeeds(self.apply("efa", KERNEL="6.12.40-63.amzn2023.noarch", **self.put_efa_installer()))
        self.assertLessEqual({f"kernel6.12-{part}-6.12.40" for part in ("devel", "headers", "modules-extra")}, set(self.installed(root)))

        self.succeeds(self.step("install-kubelet"))
        self.succeeds(self.step("write-sbom", CRICTL_VERSION=""))
        self.assertIn("containerd", [package["name"] for package in self.bill_of_materials()])

        self.put_file("etc/eks/release")
        self.succeeds(self.step("write-version-info"))
        self.assertEqual(self.version_info()["packages"]["containerd"], "2.1.10-1.amzn2023")

        self.succeeds(self.step("clean-up"))
