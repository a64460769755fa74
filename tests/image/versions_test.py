# SPDX-License-Identifier: Apache-2.0
"""The front end finds the versions that a range, a pattern or `latest` stands for."""

import re

from fixture import BUILD, FOLDER, KEY_FINGERPRINT, SOURCE, FrontEndTest


class VersionTest(FrontEndTest):
    def put_tags(self, project, *tags):
        """What a Git server announces."""
        lines = ["001e# service=git-upload-pack", f"00000155{'0' * 40} HEAD\0multi_ack"]
        lines += [f"003d{'0' * 40} {ref}" for tag in tags for ref in (f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}")]
        self.bucket.put(f"releases/{project}.git/info/refs", "\n".join([*lines, "0000"]))

    def test_a_minor_version_stands_for_the_newest_build(self):
        arguments, command = self.dry_run("1.34")
        self.assertEqual(arguments["kubernetes_version"], "1.34.10")
        self.assertEqual(arguments["kubernetes_build_date"], "2025-12-02")
        self.assertEqual(arguments["arch"], "x86_64")
        self.assertRegex(arguments["ami_name"], r"^eksnode-al2023-x86_64-1\.34-v\d{8}$")
        self.assertIn("versions/1.34.pkrvars.hcl", command)

        arguments, _ = self.dry_run("k8s", kubernetes_version="1.34.1")
        self.assertEqual(arguments["kubernetes_build_date"], "2025-11-13")

        arguments, _ = self.dry_run("1.34", arch="arm64")
        self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), ("1.34.1", "2025-11-13"))

        arguments, _ = self.dry_run(k8s="1.33")
        self.assertEqual(arguments["kubernetes_version"], "1.33.5")

    def test_debian_has_versions_of_its_own(self):
        arguments, _ = self.dry_run("1.34", os="debian12")
        self.assertEqual((arguments["containerd_version"], arguments["kernel_version"]), ("*", ""))
        self.assertEqual(arguments["enable_ssm_agent"], "false")

        arguments, _ = self.dry_run("1.34", os="debian12", ssm_agent_version="3.3.1")
        self.assertEqual(arguments["enable_ssm_agent"], "true")

        arguments, _ = self.dry_run("1.34", os="debian12", containerd_version="1.6*")
        self.assertEqual(arguments["containerd_version"], "1.6*")

    def test_the_debian_without_a_number_is_that_with_containerd_1_7(self):
        arguments, _ = self.dry_run("1.34", os="debian")
        self.assertEqual((arguments["os"], arguments["containerd_version"], arguments["kernel_version"]), ("debian13", "*", ""))

        packer, warning = {"PACKER_BINARY": self.fake_packer(), **BUILD}, "warning: Debian 12 has containerd 1.6"
        for goal in "validate", "plan":
            for system, wanted, warned in ("debian12", "*", True), ("debian12", "1.6.*", True), ("debian12", "2.*", False), ("debian13", "*", False):
                done = self.make(goal, os=system, containerd_version=wanted, **packer)
                self.succeeds(done)
                self.assertEqual(warning in done.stderr, warned, (goal, system, wanted, done.stderr))

        self.write_variant("mine", f"repository debian12 docker https://example.org https://example.org/key {KEY_FINGERPRINT}")
        self.assertNotIn(warning, self.make("validate", os="debian12", variant="mine", **packer).stderr)

    def test_ranges_of_kubernetes(self):
        for wanted, version, date in (
            ("latest", "1.34.10", "2025-12-02"), ("1.34.*", "1.34.10", "2025-12-02"), (">=1.33,<1.34.10", "1.34.1", "2025-11-13"),
            ("<1.34", "1.33.5", "2025-11-13"), ("1.33", "1.33.5", "2025-11-13"),
        ):
            with self.subTest(wanted):
                arguments, command = self.dry_run("k8s", kubernetes_version=wanted, kubernetes_build_date="latest")
                self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), (version, date))
                self.assertIn(f"versions/{version[:4]}.pkrvars.hcl", command)

        self.assertEqual(self.succeeds(self.make("list-builds", kubernetes_version=">=1.34.2,<1.34.11")).split(), ["2025-10-01", "2025-12-02", "2025-12-20"])

        arguments, _ = self.dry_run("k8s", kubernetes_version=">=1.34.2,<1.34.11", kubernetes_build_date="2025-10-01")
        self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), ("1.34.10", "2025-10-01"))

        self.fails(self.make("-n", "k8s", kubernetes_version=">=1.35"), "has no Kubernetes >=1.35; the newest is 1.34.11", "make list-versions")
        self.fails(self.make("-n", "k8s", kubernetes_version="1.33.*", kubernetes_build_date="2024-01-01"), "no build of Kubernetes 1.33.5 of 2024-01-01")

    def test_a_credential_provider_of_another_version(self):
        build = {**BUILD, "binary_bucket_name": "binaries"}
        for wanted in "1.33.*", "<1.34", "1.33.5":
            arguments, _ = self.dry_run("k8s", credential_provider_version=wanted, **build)
            self.assertEqual((arguments["credential_provider_version"], arguments["credential_provider_build_date"]), ("1.33.5", "2025-11-13"))
            self.assertEqual(arguments["kubernetes_version"], "1.34.1")

        text = self.succeeds(self.make("check-bucket", credential_provider_version="1.33.5", **build))
        self.assertIn("s3://binaries/1.33.5/2025-11-13/bin/linux/amd64/\n  there    ecr-credential-provider\n", text)
        self.assertIn(f"s3://binaries/{FOLDER}/\n  there    kubelet\n  there    kubelet.sha256\n", text)
        self.fails(self.make("-n", "k8s", credential_provider_version="1.20.*", **build), "has no Kubernetes 1.20")

    def test_ranges_of_releases(self):
        self.put_tags("containernetworking/plugins", "v1.5.0", "v1.6.2", "v1.10.0", "v1.11.0-rc1", "spec-v1.20.0")
        self.put_tags("kubernetes-sigs/cri-tools", "v1.33.0", "v1.34.0", "v1.34.2", "v1.35.0")
        self.put_tags("containerd/nerdctl", "v1.7.7", "v2.1.2")
        self.put_tags("awslabs/soci-snapshotter", "v0.9.0", "v0.11.1")
        github = {"GITHUB": f"{self.bucket.url}/releases"}

        def resolve(**variables):
            return self.dry_run("k8s", environment=github, **BUILD, **variables)[0]

        for wanted, version in {"latest": "v1.10.0", "v1.*": "v1.10.0", ">=1.5,<1.10": "v1.6.2", "v1.6.2": "v1.6.2"}.items():
            self.assertEqual(resolve(cni_plugin_version=wanted)["cni_plugin_version"], version, wanted)
        self.assertEqual(resolve(crictl_version="1.34.*")["crictl_version"], "v1.34.2")

        versions = {"nerdctl_version": "<2", "soci_snapshotter_version": "latest"}
        arguments = resolve(os="debian12", **versions)
        self.assertEqual((arguments["nerdctl_version"], arguments["soci_snapshotter_version"]), ("1.7.7", "0.11.1"))

        arguments = resolve(**versions)  # Amazon Linux has packages
        self.assertEqual((arguments["nerdctl_version"], arguments["soci_snapshotter_version"]), ("<2", "latest"))

        for version in "v1.2.0", "v1.4.1":
            self.bucket.put(f"{FOLDER}/cni-plugins-linux-amd64-{version}.tgz", "")
        bucket = {"pull_cni_from_github": "false"}
        self.assertEqual(resolve(cni_plugin_version="<1.4", **bucket)["cni_plugin_version"], "v1.2.0")
        self.fails(self.make("-n", "k8s", cni_plugin_version=">=1.5", **bucket, **BUILD), "s3://amazon-eks/1.34.1", "the newest is 1.4.1")
        self.fails(self.make("-n", "k8s", cni_plugin_version=">=2", environment=github, **BUILD), "no release of containernetworking/plugins that is >=2")

        nowhere = {"GITHUB": f"{self.bucket.url}/nowhere"}
        self.fails(self.make("-n", "k8s", crictl_version="latest", environment=nowhere, **BUILD), "crictl_version=latest cannot be resolved",
                   "crictl_version=VERSION")

        # the plan names what it found
        config = self.write_config('kubernetes_version = ">=1.33,<1.34.10"\ncni_plugin_version = "1.*"\ncontainerd_version = ">=2.0,<2.3"\n')
        plan = self.plan(config=config, environment=github)
        self.assertEqual((plan["kubernetes_version"], plan["cni_plugin_version"], plan["containerd_version"]), ("1.34.1", "v1.10.0", ">=2.0,<2.3"))

    def test_ranges_of_tags(self):
        image = f"127.0.0.1:{self.bucket.server_address[1]}/kubernetes/pause"

        def resolve(tag):
            arguments, _ = self.dry_run("k8s", pause_container_image=f"{image}:{tag}", **BUILD)
            return arguments["pause_container_image"].removeprefix(f"{image}:")

        self.assertEqual(resolve("latest"), "latest")  # the registry says nothing, and may have a tag of this name
        self.fails(self.make("-n", "k8s", pause_container_image=f"{image}:3.*", **BUILD), f"lists no tags of {image}",
                   f"pause_container_image={image}:TAG")

        self.bucket.tags = ["3.5", "3.9", "3.10", "v1.31-eks", "sha256-3.99.sig"]
        pinned = f"3.9@sha256:{64 * '1'}"
        for tag, found in {"3.*": "3.10", ">=3.6,<3.10": "3.9", "latest": "3.10", "3.9": "3.9", pinned: pinned}.items():
            self.assertEqual(resolve(tag), found, tag)

        self.bucket.tags.append("latest")
        self.assertEqual(resolve("latest"), "latest")
        self.fails(self.make("-n", "k8s", pause_container_image=f"{image}:>=4", **BUILD), f"no tag of {image} is >=4")

    def test_ranges_without_a_list(self):
        for variables, *expected in (
            ({"efa_version": "1.*"}, "efa_version=1.* cannot be resolved", "efa_version=latest"),
            ({"ssm_agent_version": ">=3", "ssm_agent_sha256": "0" * 64}, "is the checksum of one version"),
            ({"ssm_agent_version": "latest", "os": "debian12"}, "Debian has no package of it", "ssm_agent_sha256=DIGITS"),
        ):
            for goal in "k8s", "plan":
                self.fails(self.make(goal, **BUILD, **variables), *expected)
        self.succeeds(self.make("plan", efa_version="latest", ssm_agent_version=">=3", **BUILD))

    def test_a_containerd_that_is_too_old_is_refused(self):
        self.bucket.put_build("1.35.2", "2026-02-01", "amd64")
        self.bucket.put_build("1.36.0", "2026-08-01", "amd64")

        self.assertEqual(self.plan(os="debian12")["kubernetes_version"], "1.35.2")  # the newest for its containerd
        self.assertEqual(self.plan()["kubernetes_version"], "1.36.0")

        build = {"kubernetes_version": "1.36.0", "kubernetes_build_date": "2026-08-01", "PACKER_BINARY": self.fake_packer()}
        for system, wanted, old in (
            ("debian12", "*", True), ("debian12", ">=1.6", True), ("debian12", "2.*", False), ("debian13", "*", True),
            ("debian13", "2.*", False), ("al2023", "2.*", False), ("al2023", "1*", True),
            ("al2023", "1", True), ("al2023", "1.7.*", True), ("al2023", ">=1.7,<2.0", True), ("al2023", "<=1.7", True),
            ("al2023", ">=1.7,<2.1", False), ("al2023", "latest", False),
        ):
            with self.subTest(os=system, containerd=wanted):
                for goal in "validate", "plan":
                    done = self.make(goal, os=system, containerd_version=wanted, **build)
                    self.assertEqual("Kubernetes 1.36 does not support containerd 1.x" in done.stderr, old, done.stderr)
                    self.assertEqual(done.returncode == 0, not old or goal == "plan")

        self.fails(self.make("validate", containerd_version="1.7.*", **build), "say k8s=1.35 or containerd_version=2.*")
        self.fails(self.make("validate", os="debian12", **build), "say k8s=1.35, or add a repository with containerd 2")

        # the remedies work
        for system, words in ("al2023", {"containerd_version": "1.7.*"}), ("debian12", {}):
            self.succeeds(self.make("validate", os=system, k8s="1.35", PACKER_BINARY=build["PACKER_BINARY"], **words))

        self.write_variant("mine", f"repository debian12 docker https://example.org https://example.org/key {KEY_FINGERPRINT}")
        self.write_variant("more", "includes mine")
        for wanted, good in ("*", True), ("1.7.*", False):
            done = self.make("validate", os="debian12", variant="more", containerd_version=wanted, **build)
            self.assertEqual(done.returncode == 0, good, done.stderr)

    def test_every_minor_version_has_its_kernel(self):
        """As the table of the manual page says, for the goal and for the version."""
        page = (SOURCE / "man/eks-image-variables.7.scd").read_text()
        rows = re.findall(r"(?m)^\|  (1\.\d+)(?: to (1\.\d+)| and newer)?\n:  (6\.\d+)$", page)
        expected = {f"1.{minor}": line for first, last, line in rows for minor in range(int(first[2:]), int((last or "1.38")[2:]) + 1)}
        self.assertEqual(list(expected), [f"1.{minor}" for minor in range(23, 39)])

        for minor, line in expected.items():
            self.bucket.put_build(f"{minor}.2", "2025-11-13", "amd64")
            plan = self.plan(kubernetes_version=f"{minor}.1", kubernetes_build_date="2025-11-13")
            self.assertEqual(plan["kernel_version"], line, minor)
            text = self.succeeds(self.make("-n", minor))
            self.assertIn(f"kubernetes_version={minor}.", text)
            self.assertEqual(f"versions/{minor}.pkrvars.hcl" in text, int(minor[2:]) <= 36)

    def test_all_builds_every_version(self):
        for minor in range(23, 37):
            self.bucket.put_build(f"1.{minor}.20", "2026-08-01", "amd64")
        text = self.succeeds(self.make("-n", "all"))
        self.assertEqual(re.findall(r"'kubernetes_version=1\.(\d+)\.20'", text), [str(minor) for minor in range(23, 37)])
        self.assertEqual(len(set(re.findall(r"'ami_name=(.*?)'", text))), 14)

        text = self.succeeds(self.make("-n", "all", k8s=">=1.33,<1.36"))
        self.assertEqual(re.findall(r"'kubernetes_version=1\.(\d+)\.20'", text), ["33", "34", "35"])

        self.fails(self.make("all", k8s=">=2"), "no version here that is >=2", "1.35 1.36")
        self.fails(self.make("all", kubernetes_version="1.34.1"), "all builds several versions", "say: make k8s")

        # nothing is built if one cannot be
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        packer = {"PACKER_BINARY": self.fake_packer(), "os": "debian12"}
        self.fails(self.make("all", k8s=">=1.34", **packer), "Kubernetes 1.36 does not support containerd 1.x")
        self.assertFalse((self.directory / "calls").exists())

        self.succeeds(self.make("all", k8s=">=1.34,<1.36", **packer))
        self.assertEqual((self.directory / "calls").read_text().split().count("build"), 2)
