# SPDX-License-Identifier: Apache-2.0
"""What the provisioners download: checksums, credentials, and files that are damaged."""

import shutil

from bucket import KEY_ID, SECRET, TOKEN, sha256
from fixture import FOLDER, MachineTest


class DownloadTest(MachineTest):
    def test_downloads_without_the_right_checksum_fail(self):
        key, provider = f"{FOLDER}/kubelet", f"{FOLDER}/ecr-credential-provider"
        url = f"{self.bucket.url}/binaries/{key}"
        right = self.bucket.objects[f"{key}.sha256"]

        for sums, expected in {
            None: f"cannot fetch {url}.sha256",
            "": "kubelet.sha256 is empty",
            "<html>": "kubelet.sha256 holds no SHA-256, but '<html>'",
            "0" * 64: f"{url} has the SHA-256 {sha256(self.bucket.objects[key])}, not {'0' * 64}",
        }.items():
            with self.subTest(expected):
                if sums is None:
                    del self.bucket.objects[f"{key}.sha256"]
                else:
                    self.bucket.put(f"{key}.sha256", sums)
                self.fails(self.step("install-kubelet"), expected)
                self.assertFalse((self.root / "usr/bin/kubelet").exists())

        self.bucket.put(f"{key}.sha256", right.decode().split()[0].upper())  # without a name, in capital letters
        self.succeeds(self.step("install-kubelet"))

        del self.bucket.objects[provider]
        (self.root / "etc/eks/image-credential-provider/ecr-credential-provider").unlink()
        self.fails(self.step("install-kubelet"), "cannot fetch", "this machine may read it")

        self.bucket.put(provider, "own")
        del self.bucket.objects[f"{provider}.sha256"]
        self.fails(self.step("install-kubelet", ECR_CREDENTIAL_PROVIDER_SHA256="0" * 64), "ecr-credential-provider has the SHA-256")

        self.succeeds(self.step("install-kubelet", ECR_CREDENTIAL_PROVIDER_SHA256=sha256(b"own")))

        self.put_cni(b"x")
        self.fails(self.step("install-cni-plugins"), "has the SHA-256")
        self.fails(self.step("install-cni-plugins", PULL_CNI_FROM_GITHUB="false"), "has the SHA-256")
        self.assertFalse(list((self.root / "opt/cni/bin").iterdir()))

    def test_a_pinned_checksum_replaces_the_one_beside_a_release(self):
        pinned = self.directory / "checksums.tsv"
        name = "cni-plugins-linux-amd64-v1.6.2.tgz"
        right = self.bucket.objects[f"releases/v1.6.2/{name}.sha256"].decode().split()[0]
        pinned.write_text(f"# comment\n{name}\t{'0' * 64}\ncrictl-v1.34.0-linux-amd64.tar.gz\t{'0' * 64}\n")

        for step in "install-cni-plugins", "install-tools":  # although the checksums beside the files fit
            self.fails(self.step(step, CHECKSUMS=str(pinned)), "has the SHA-256", f"not {'0' * 64}")

        # the table of the tree
        self.fails(self.step("install-tools", CHECKSUMS=""), "crictl-v1.34.0-linux-amd64.tar.gz has the SHA-256")

        pinned.write_text(f"{name}\t{right}\n")
        self.bucket.put(f"releases/v1.6.2/{name}.sha256", f"{'0' * 64}  {name}\n")
        self.succeeds(self.step("install-cni-plugins", CHECKSUMS=str(pinned)))

    def test_a_redirection_to_http_is_not_followed(self):
        # The options of curl tell it, so no server with TLS is needed.
        self.answer("curl", "exit 1")
        self.fails(self.step("install-cni-plugins", CNI_RELEASES="https://127.0.0.1:9/releases", FETCH_RETRIES="0"), "cannot fetch")
        self.assertTrue([call for call in self.calls() if call.startswith("curl ") and "--proto =https --proto-redir =https " in call])

    def test_a_damaged_file_is_replaced(self):
        self.succeeds(self.step("install-kubelet", ENABLE_AUTHENTICATOR="true"))
        self.assertTrue((self.root / "usr/bin/aws-iam-authenticator").exists())

        self.put_file("usr/bin/kubelet", "half")
        self.succeeds(self.step("install-kubelet"))
        self.assertIn("1.34.1", self.read("usr/bin/kubelet"))

    def test_a_download_that_ends_early_is_tried_again(self):
        self.bucket.cut = {f"/binaries/{FOLDER}/kubelet"}
        self.fails(self.step("install-kubelet"), "cannot fetch")

        self.bucket.cut = {f"/binaries/{FOLDER}/kubelet"}
        self.succeeds(self.step("install-kubelet", FETCH_RETRIES="1"))

    def test_a_kubelet_of_another_version_is_refused(self):
        for name in "kubelet", "kubelet.sha256":
            self.bucket.put(f"{FOLDER}/{name}", self.bucket.objects[f"1.33.5/2025-11-13/bin/linux/amd64/{name}"])
        self.fails(self.step("install-kubelet"), "is 'Kubernetes v1.33.5'", "copy the files of 1.34.1")

    def test_a_credential_provider_of_another_version_is_installed_and_recorded(self):
        program = self.root / "etc/eks/image-credential-provider/ecr-credential-provider"
        other = {"CREDENTIAL_PROVIDER_VERSION": "1.33.5", "CREDENTIAL_PROVIDER_BUILD_DATE": "2025-11-13"}
        for version, variables in ("1.34.1", {}), ("1.33.5", other), ("1.33.5", other):
            self.succeeds(self.step("install-kubelet", **variables))
            self.assertIn(version, program.read_text())
            self.assertIn("1.34.1", self.read("usr/bin/kubelet"))
            self.assertEqual(self.read("etc/eks/credential-provider-version.txt"), f"{version} {sha256(program.read_bytes())}\n")

        self.answer("eksnode", "echo '{\"credential-provider\": \"1.33.5\"}'")
        self.succeeds(self.step("write-sbom", CRICTL_VERSION="", **other))
        found, = (package for package in self.bill_of_materials() if package["name"] == "ecr-credential-provider")
        self.assertEqual(found["versionInfo"], "1.33.5")
        self.assertIn("/1.33.5/2025-11-13/bin/", found["downloadLocation"])

        self.fails(self.step("install-kubelet", **other | {"CREDENTIAL_PROVIDER_BUILD_DATE": ""}), "the variable credential_provider_build_date")

    def test_an_image_without_a_credential_provider(self):
        self.succeeds(self.step("install-kubelet"))
        program, record = (self.root / "etc/eks" / name for name in ("image-credential-provider/ecr-credential-provider", "credential-provider-version.txt"))
        self.assertTrue(program.exists() and record.exists())

        for name in "ecr-credential-provider", "ecr-credential-provider.sha256":
            del self.bucket.objects[f"{FOLDER}/{name}"]
        calls = self.build(ENABLE_CREDENTIAL_PROVIDER="false", CRICTL_VERSION="")
        self.assertTrue(calls and not program.exists() and not record.exists())
        self.assertNotIn("credential-provider", self.manifest()["wanted"])
        self.assertEqual(self.version_info()["build"]["enable_credential_provider"], "false")
        self.assertNotIn("ecr-credential-provider", [package["name"] for package in self.bill_of_materials()])

    def test_private_buckets_are_read_with_keys_or_an_instance_profile(self):
        self.bucket.private, self.bucket.token = True, TOKEN
        self.fails(self.step("install-kubelet"), "cannot fetch")

        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        self.succeeds(self.step("install-kubelet", **keys))

        (self.root / "usr/bin/kubelet").unlink()
        self.put_file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
        self.fails(self.step("install-kubelet"), "cannot fetch")  # no instance profile

        self.bucket.role = "builder"
        self.succeeds(self.step("install-kubelet"))

        self.bucket.requests.clear()
        self.succeeds(self.step("install-cni-plugins", **keys))

        for path, _, headers in self.bucket.requests:  # a server that is not S3 does not get the credentials
            self.assertTrue(path.startswith("/releases/"))
            self.assertFalse({"authorization", "x-amz-security-token"} & {name.lower() for name in headers})

    def test_a_bucket_with_a_dot_is_named_in_the_path(self):
        for name, url in {
            "mine": "https://mine.s3.us-west-2.amazonaws.com",
            "my.bucket": "https://s3.us-west-2.amazonaws.com/my.bucket",
        }.items():
            done = self.run_program("bash", "-c", f". {self.packer}/lib/bucket.sh; bucket_root {name} us-west-2")
            self.assertEqual(self.succeeds(done), f"{url}\n")

    def test_crictl_nerdctl_and_soci_are_installed_once(self):
        nerdctl = "containerd/nerdctl/releases/download/v2.1.2"
        self.put_release(nerdctl, "nerdctl-2.1.2-linux-amd64.tar.gz", "SHA256SUMS", "nerdctl", "containerd-rootless.sh")
        self.put_release("awslabs/soci-snapshotter/releases/download/v0.11.1", "soci-snapshotter-0.11.1-linux-amd64.tar.gz",
                         "soci-snapshotter-0.11.1-linux-amd64.tar.gz.sha256sum", "soci", "soci-snapshotter-grpc", "LICENSE")
        versions = {"NERDCTL_VERSION": "2.1.2", "SOCI_SNAPSHOTTER_VERSION": "v0.11.1"}
        programs = lambda: sorted(path.name for path in (self.root / "usr/bin").iterdir())

        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(programs(), ["crictl"])  # Amazon Linux has packages of the others

        self.become("debian12")
        self.succeeds(self.step("install-tools"))  # patterns
        self.assertEqual(programs(), ["crictl"])

        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(programs(), ["crictl", "nerdctl", "soci", "soci-snapshotter-grpc"])

        tree = self.tree()
        self.bucket.requests.clear()
        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(self.tree(), tree)
        self.assertEqual([path for path, *_ in self.bucket.requests if path.endswith(".tar.gz")], [])

        self.succeeds(self.step("install-tools", CRICTL_VERSION=""))

        shutil.rmtree(self.work)

        for name, expected in ("nerdctl-2.1.2-linux-amd64.tar.gz", "has the SHA-256"), ("other", "has no SHA-256 of nerdctl"):
            self.bucket.put(f"releases/{nerdctl}/SHA256SUMS", f"{'0' * 64}  {name}\n")
            self.fails(self.step("install-tools", **versions), expected)
