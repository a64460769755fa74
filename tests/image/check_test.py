# SPDX-License-Identifier: Apache-2.0
"""What the front end checks before a build starts."""

import os
import signal
import subprocess
import time

from fixture import BUILD, FrontEndTest


class CheckTest(FrontEndTest):
    def test_mistakes_are_explained(self):
        for words, variables, *expected in (
            (["1.34"], {"arhc": "arm64"}, "there is no variable 'arhc'"),
            (["help"], {"MAKE_VERSION": "3.81"}, "this is make 3.81: install GNU make 4.2"),
            (["1.34"], {"docker_version": "20"}, "there is no variable 'docker_version' here", "containerd_version=VERSION"),
            (["1.34"], {"nvidia_driver_major_version": "570"}, "it is nvidia_driver_version now"),
            (["1.34"], {"arch": "sparc"}, "there is no architecture 'sparc'", "arch=x86_64 or arch=arm64"),
            (["1.99"], {}, "has no Kubernetes 1.99", "make list-versions"),
            (["1.33", "1.34"], {}, "one image at a time"),
            (["1.33"], {"kubernetes_version": "1.34.1"}, "is not of 1.33", "make k8s kubernetes_version='1.34.1'"),
            (["1.34"], {"kernel": "6.1", "kernel_version": "6.12"}, "contradict each other"),
            (["1.34"], {"enable_accelerator": "tpu"}, "there is no accelerator 'tpu'"),
            (["k8s"], {"kubernetes_version": "1.34.7"}, "has no Kubernetes 1.34.7, but 1.34.1 1.34.10 1.34.11",
             "try: make k8s kubernetes_version=1.34.10 kubernetes_build_date=2025-12-02\n"),
            (["k8s"], {"kubernetes_version": "1.34.1", "binary_bucket_name": "none"}, "there is no bucket 'none' in us-west-2"),
            (["check-bucket"], BUILD | {"kubernetes_build_date": "2025-01-01"},
             "has no build of Kubernetes 1.34.1 of 2025-01-01, but 2025-09-19 2025-11-13",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13"),
            (["check-bucket"], {"kubernetes_version": "1.34.10", "arch": "arm64", "kubernetes_build_date": "2025-12-02"},
             "has no folder arm64 for arch=arm64, but amd64\n",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13 arch=arm64"),
            (["check-bucket"], {"kubernetes_version": "1.34.11", "kubernetes_build_date": "2025-12-20"},
             "has no folder amd64 for arch=x86_64, but none for Linux", "try: make k8s kubernetes_version=1.34.10 kubernetes_build_date=2025-12-02"),
            (["k8s"], {"kubernetes_version": "1.34.10", "arch": "arm64"}, "has no build of Kubernetes 1.34.10 for Linux and arch=arm64",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13 arch=arm64"),
            (["1.34"], {"k8s": "1.33"}, "k8s=1.33 is not 1.34"),
            (["packages"], {"os": "ubuntu"}, "there is no operating system 'ubuntu'", "os=al2023 or os=debian13"),
            (["1.34"], {"enable_fips": "yes"}, "enable_fips=yes: say true or false"),
            (["1.34"], {"enable_efa": "1"}, "enable_efa=1: say true or false"),
            (["list-builds"], {}, "no kubernetes_version is given", "make list-versions"),
            (["check-bucket"], {}, "has no Kubernetes 1.36; the newest is 1.34.11", "make list-versions"),
        ):
            with self.subTest(words=words, variables=variables):
                self.fails(self.make(*words, **variables), *expected)

    def test_a_plan_that_cannot_work_is_refused(self):
        for variables, *expected in (
            ({"variant": "fips", "kernel": "6.6"}, "does not work with the kernel 6.6", "kernel_version=6.1"),
            ({"variant": "gpu"}, "there is no variant 'gpu'", "make list-variants"),
            ({"variant": "fips", "os": "debian12"}, "is for al2023, not for debian12"),
            ({"variant": "gpu-nvidia-grid", "arch": "arm64"}, "is for x86_64, not for arm64"),
        ):
            self.fails(self.make("plan", **BUILD, **variables), *expected)

        (self.packer / "versions/1.34.pkrvars.hcl").write_text('kernel_version = "6.7"\n')
        self.fails(self.make("plan", variant="fips", **BUILD), "does not work with the kernel 6.7")

        self.succeeds(self.make("plan", variant="fips", kernel_version=">=6.6", **BUILD))  # the builder knows

    def test_a_build_checks_first_and_says_what_it_costs(self):
        packer = {"PACKER_BINARY": self.fake_packer()}
        self.fails(self.make("1.34", **packer), "there are 0 files eksnode-[0-9]*.x86_64.rpm in ", "make packages os=al2023 arch=x86_64")

        self.add_packages(name="eksnode-1-1.aarch64.rpm")
        self.fails(self.make("1.34", **packer), "there are 0 files")

        self.add_packages()
        (compat := self.directory / "build/packages/al2023-x86_64/eksnode-compat-1-1.noarch.rpm").unlink()
        self.fails(self.make("1.34", **packer), "there are 0 files eksnode-compat-[0-9]*.noarch.rpm in ")

        compat.touch()
        self.assertNotIn("build", (self.directory / "calls").read_text())

        text = self.succeeds(self.make("1.34", **packer))
        for line in "1.34.10, build of 2025-12-02", "one m5.xlarge in us-west-2 with a 20 GiB volume", "free tier", "'Permissions'":
            self.assertIn(line, text)

        calls = (self.directory / "calls").read_text().split("\n")
        self.assertIn("build", calls)
        self.assertIn("kubernetes_version=1.34.10", calls)

        (self.directory / "calls").unlink()
        self.write_variant("mine", "includes kontain")

        for variables, *expected in (
            ({"PACKER_BINARY": self.fake_packer("1.7.10")}, "Packer 1.7.10 is too old", "Packer 1.8.0 or newer"),
            ({"PACKER_BINARY": "/proc/nonexistent"}, "cannot run '/proc/nonexistent'"),
            ({"PACKER_BINARY": "/bin/true"}, "'/bin/true' is not HashiCorp's Packer"),
            ({"builder": "lambda"}, "there is no builder 'lambda'", "builder=qemu"),
            ({"variant": "gpu"}, "there is no variant 'gpu'", "make list-variants"),
            ({"variant": "fips", "os": "debian12"}, "the variant 'fips' is for al2023, not for debian12"),
            ({"variant": "gpu-nvidia-grid", "arch": "arm64", "kubernetes_version": "1.34.1"}, "is for x86_64, not for arm64"),
            ({"variant": "gpu-nvidia-all", "arch": "arm64", "kubernetes_version": "1.34.1", "nvidia_grid_runfile": "x.run",
              "nvidia_grid_sha256": "0" * 64}, "the GRID driver for x86_64 only"),
            ({"os": "debian12", "ssm_agent_version": "3.3.1"}, "without ssm_agent_sha256", "Debian has no package"),
            ({"ssm_agent_sha256": "0" * 64}, "ssm_agent_sha256 is given without ssm_agent_version"),
            ({"variant": "fips", "kernel": "6.6"}, "the variant 'fips' does not work with the kernel 6.6, but with 6.1 6.12 6.18",
             "try: make k8s kubernetes_version=1.34.10 variants=fips kernel_version=6.1"),
            ({"variant": "stig", "kernel": "5.10.200"}, "the variant 'fips' does not work with the kernel 5.10.200"),
            ({"variant": "gpu-nvidia-grid"}, "needs a driver", "nvidia_grid_sha256=DIGITS"),
            ({"variant": "gpu-nvidia,gpu-nvidia-proprietary"}, "cannot be combined"),
            ({"variant": "kontain"}, "need a release of Kontain", "kontain_sha256=DIGITS"),
            ({"variant": "mine"}, "need a release of Kontain"),
            ({"variant": "kontain,fips", "kontain_version": "v1", "kontain_sha256": "0" * 64}, "'kontain' and 'fips' cannot be combined"),
            ({"variant": "stig", "os": "debian12"}, "the variant 'fips' is for al2023, not for debian12"),
            ({"arch": "arm64", "kubernetes_version": "1.34.10", "kubernetes_build_date": "2025-12-02"}, "has no folder arm64 for arch=arm64"),
            ({"os": "debian12", "enable_ssm_agent": "true"}, "Debian has no package of the SSM agent"),
            ({"os": "debian12", "aws_region": "cn-north-1"}, "base images of debian12 in cn-north-1", "source_ami_owners=ACCOUNT"),
            ({"aws_region": "us-iso-east-1"}, "base images of al2023 in us-iso-east-1"),
            ({"instance_type": "m7gd.large"}, "m7gd.large is of the architecture arm64, not of x86_64", "arch=arm64"),
            ({"instance_type": "a1.large"}, "is of the architecture arm64"),
            ({"instance_type": "p6e-gb200.36xlarge"}, "is of the architecture arm64"),
            ({"kernel": "6.99"}, "with the kernel line 6.99", "kernel=6.18, or source_ami_id="),
            ({"kernel": "5.4.1"}, "there is no kernel 5.4 for al2023: Amazon Linux 2 had it", "kernel_version=6.1"),
            ({"kernel": "4.14", "source_ami_id": "ami-0123"}, "there is no kernel 4.14 for al2023"),
            ({"kernel": "5.4", "os": "debian12"}, "there is no kernel 5.4 for debian12"),
            ({"source_ami_filter_name": "amzn2-ami-minimal-hvm-*"}, "are of Amazon Linux 2", "al2023-ami-minimal-2023.*-kernel-6.12-*"),
            ({"source_ami_filter_name": "amazon-eks-arm64-node-1.30-*"}, "are of Amazon Linux 2"),
            ({"builder": "null"}, "builder=null needs a machine", "ssh_host=ADDRESS and ssh_private_key_file=FILE"),
            ({"builder": "null", "ssh_host": "192.0.2.1"}, "builder=null needs a machine"),
            ({"builder": "qemu", "arch": "arm64", "kubernetes_version": "1.34.1"}, "builder=qemu makes images of x86_64 only"),
            ({"builder": "qemu", "qemu_image": "x"}, "builder=qemu needs a disk image", "qemu_image_checksum=sha256:DIGITS"),
            ({"instance_type": "large"}, "instance_type=large: The instance_type must be an instance type such as m5.xlarge"),
            ({"containerd_volume_size": "9", "builder": "null", "ssh_host": "a", "ssh_private_key_file": "b"}, "only EC2 makes a second volume"),
            ({"containerd_volume_size": "9", "cache_container_images": "true"}, "hides the images of cache_container_images=true"),
            ({"containerd_volume_size": "9", "containerd_volume_type": "io2"}, "say containerd_volume_iops=NUMBER"),
            ({"containerd_volume_size": "9", "containerd_volume_type": "gp2", "containerd_volume_iops": "500"}, "gp2 has the operations"),
            ({"containerd_volume_size": "9", "containerd_volume_type": "io1", "containerd_volume_iops": "500", "containerd_volume_throughput": "200"},
             "only a volume of the type gp3"),
            ({"launch_block_device_mappings_volume_size": "3"}, "must be at least 4 GiB"),
            ({"variant": "cuda,gpu-nvidia", "launch_block_device_mappings_volume_size": "15"}, "which needs 16 GiB"),
            ({"launch_block_device_mappings_volume_size": "4", "cache_container_images": "true"}, "which needs 5 GiB"),
            ({"launch_block_device_mappings_volume_size": "7", "os": "debian12"}, "which needs 8 GiB"),
            ({"encrypted": "true", "ami_users": "111122223333"}, "encrypted with the account's default key", "say kms_key_id=KEY"),
            ({"encrypted": "true", "ami_users": "111122223333", "kms_key_id": "alias/mine", "ami_regions": "us-west-2,eu-west-1"},
             "the default keys of their regions", "one image in each region"),
            ({"ssh_interface": "session_manager"}, "the build stops the SSM agent"),
        ):
            with self.subTest(variables):
                if variables.get("arch") == "arm64" and "variant" not in variables:
                    self.add_packages("al2023-arm64", "eksnode-1-1.aarch64.rpm")
                self.fails(self.make("1.34", **packer | variables), *expected)

        self.assertNotIn("build\n", (self.directory / "calls").read_text())

        self.succeeds(self.make("1.34", **packer, kernel="6.6", source_ami_id="ami-0123"))
        self.succeeds(self.make("1.34", **packer, encrypted="true", ami_users="111122223333", kms_key_id="alias/mine", ami_regions="us-west-2"))

        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        self.succeeds(self.make("1.34", **packer, os="debian12", source_ami_id="ami-0123", launch_block_device_mappings_volume_size="4"))

        for kind in "g4dn.xlarge", "gr6.4xlarge", "m5.large", "x2iedn.xlarge", "u-6tb1.56xlarge", "p4d.24xlarge":
            self.succeeds(self.make("1.34", **packer, instance_type=kind))

    def test_versions_that_eksnode_cannot_run_are_refused(self):
        packer = {"PACKER_BINARY": self.fake_packer()}
        old = {"kubernetes_version": "1.22.17", "kubernetes_build_date": "2025-11-13"}
        for goal in "k8s", "check", "validate":
            self.fails(self.make(goal, **old, **packer), "eksnode runs kubelet 1.23 and newer", "CRI v1alpha2", "say k8s=1.23 or newer")
        self.succeeds(self.make("validate", k8s="1.23", **packer))  # the remedy works

        calls = (self.directory / "calls").read_text().splitlines()
        self.assertNotIn("build", calls)

        done = self.make("plan", **old)
        self.succeeds(done)
        self.assertIn("warning: a build will be refused: eksnode runs kubelet 1.23", done.stderr)

    def test_an_interrupt_is_left_to_packer(self):
        """It removes the machine that it has started; nothing may kill it before that is done."""
        self.add_packages()
        packer = self.fake_packer(more=f"""[ "$1" = build ] || exit 0
            trap 'sleep 1; echo removed >{self.directory}/machine; exit 1' INT
            echo started >{self.directory}/machine
            while :; do sleep 0.1; done""")
        environment = self.environment | {"AWS_ENDPOINT_URL_S3": self.bucket.url}
        running = subprocess.Popen(["make", "1.34", f"PACKER_BINARY={packer}"], env=environment, cwd=self.packer, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        machine, limit = self.directory / "machine", time.monotonic() + 60
        while not machine.exists() or not machine.read_text():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)

        os.killpg(running.pid, signal.SIGINT)
        text, _ = running.communicate(timeout=60)
        self.assertEqual(machine.read_text(), "removed\n")
        self.assertNotEqual(running.returncode, 0)
        self.assertNotIn(b"Traceback", text)

    def test_what_needs_no_network_is_fast(self):
        """The processor's time, which a busy machine does not change. Packer's own is not counted."""
        packer = {"PACKER_BINARY": self.fake_packer()}
        for goal, variables in ("help", {}), ("plan", BUILD), ("validate", packer):
            before = os.times()
            self.succeeds(self.make(goal, **variables))
            after = os.times()
            self.assertLess(after.children_user + after.children_system - before.children_user - before.children_system, 1, goal)

    def test_old_packers_build_outside_ec2(self):
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        text = self.succeeds(self.make("1.34", builder="null", os="debian12", ssh_host="192.0.2.1", ssh_private_key_file="key",
                                       PACKER_BINARY=self.fake_packer("1.6.6")))
        self.assertIn("192.0.2.1, which is changed in place", text)
        self.assertIn("-only=image.null.node", (self.directory / "calls").read_text())

    def test_validate_uses_the_real_packer(self):
        self.succeeds(self.make("validate", **BUILD))
        self.assertEqual(self.bucket.requests, [])
        self.assertFalse((self.directory / "build").exists())  # validating changes nothing

        for variables, expected in (
            ({"volume_type": "io1"}, "The volume_type must be"), ({"variant": "nonsense"}, "there is no variant 'nonsense'"),
            ({"instance_type": "m6g.large"}, "is of the architecture arm64"), ({"builder": "null"}, "needs a machine"),
            ({"os": "debian12", "aws_region": "cn-north-1"}, "source_ami_owners=ACCOUNT"), ({"kernel": "6.99"}, "no minimal image"),
            ({"package_directory": "/proc/nonexistent"}, "/proc/nonexistent"),
        ):
            with self.subTest(variables):
                done = self.make("validate", **variables, **BUILD)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(expected, done.stdout + done.stderr)

    def test_validate_needs_no_bucket(self):
        nowhere = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "GITHUB": "http://127.0.0.1:9", "FETCH_RETRIES": "0"}
        for variables, assumed in (
            ({}, "1.36.0"), ({"k8s": "1.33"}, "1.33.0"), ({"kubernetes_version": ">=1.32.4,<1.34"}, "1.32.4"),
            ({"kubernetes_version": "latest", "cni_plugin_version": "1.*", "crictl_version": "latest"}, "1.36.0"),
        ):
            with self.subTest(variables):
                done = self.make("validate", environment=nowhere, **variables)
                self.succeeds(done)
                self.assertIn(f"is not looked up; it is checked as {assumed}\n", done.stderr)

        self.fails(self.make("validate", environment=nowhere, kubernetes_version="1.34.1-corp.1"), "suffixes are not supported")
        self.fails(self.make("check", environment=nowhere), "cannot read the bucket")

    def test_a_check_starts_nothing(self):
        packer = {"PACKER_BINARY": self.fake_packer()}
        self.fails(self.make("check", k8s="1.34", **packer), "there are 0 files", "make packages")

        self.add_packages()
        self.assertIn("1.34.10, build of 2025-12-02", self.succeeds(self.make("check", k8s="1.34", **packer)))

        calls = (self.directory / "calls").read_text().splitlines()
        self.assertIn("validate", calls)
        self.assertNotIn("build", calls)

        del self.bucket.objects["1.34.10/2025-12-02/bin/linux/amd64/kubelet.sha256"]
        self.fails(self.make("check", k8s="1.34", **packer), "lacks kubelet.sha256")

    def test_a_variant_whose_script_is_missing_is_refused(self):
        self.write_variant("corp", "run install-corp")
        self.fails(self.make("validate", variant="corp", **BUILD), "runs provisioners/variants/install-corp, which does not exist")
        (self.packer / "provisioners/variants/install-corp").write_text("#!/bin/bash\n")
        self.succeeds(self.make("validate", variant="corp", **BUILD))
