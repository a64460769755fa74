# SPDX-License-Identifier: Apache-2.0
"""What an image says of itself: its manifest, its bill of materials and its versions."""

from bucket import sha256
from fixture import MachineTest, write_program


class ManifestTest(MachineTest):
    def listed(self, **variables):
        """The packages of a new bill of materials: name, version, URL, checksum."""
        self.succeeds(self.step("write-sbom", **variables))
        return {(one["name"], one.get("versionInfo"), one["externalRefs"][0]["referenceLocator"],
                 one.get("checksums", [{}])[0].get("checksumValue")) for one in self.bill_of_materials()}

    def test_the_manifest_lists_what_variants_add_and_where_links_lead(self):
        self.variables |= self.put_efa_installer() | {
            "VARIANTS": "gpu-nvidia,efa,cuda", "ENABLE_SSM_AGENT": "false", "PAUSE_CONTAINER_IMAGE": "", "CNI_PLUGIN_VERSION": ""}
        self.build()
        (self.root / 'etc/eks/a "b" \\ c').symlink_to("../x")
        (self.root / "etc/eks/release").chmod(0o4600)

        self.succeeds(self.step("write-manifest", LEAST_FREE_MIB="5"))
        manifest = self.manifest()
        wanted = manifest["wanted"]
        self.assertEqual((wanted["nvidia-driver"], wanted["efa"], wanted["cuda"]), ("580.*", "1.2.3", "12.9"))
        self.assertFalse({"ssm-agent", "pause", "cni-plugins", "neuron"} & set(wanted))
        self.assertEqual(manifest["enabled"], ["logrotate.timer", "nvidia-fabricmanager.service", "nvidia-persistenced.service"])
        self.assertEqual(manifest["leastFreeMiB"], 5)

        files = {file["path"]: file for file in manifest["files"]}
        self.assertEqual(files['/etc/eks/a "b" \\ c']["target"], "../x")
        self.assertEqual(files["/etc/eks/release"]["mode"], "4600")

    def test_the_bill_of_materials_has_packages_programs_and_images(self):
        self.answer("eksnode", """echo '{"containerd": "2.1.4", "credential-provider": "1.34.0", "cuda": "unknown"}'""")
        first, second = f"sha256:{64 * '1'}", f"sha256:{64 * '2'}"
        self.answer("ctr", "printf '%s type %s 1.0 MiB linux/amd64 -\\n' "
                    f"a.example/eks/kube-proxy:v1 {first} b.example/eks/kube-proxy:v1 {first} {second} {second}")
        authenticator = write_program(self.root / "usr/bin/aws-iam-authenticator", """echo '{"Version":"v0.7.8","Commit":"0123"}'""")

        for path in ("usr/bin/nerdctl", "usr/bin/soci", "usr/bin/crictl", "etc/eks/pause.tar", "usr/bin/kubelet",
                     "etc/eks/image-credential-provider/ecr-credential-provider"):
            self.put_file(path, "x")

        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true"))
        more = {"NVIDIA_GRID_RUNFILE": "grid-19/NVIDIA-Linux-x86_64-580.95.05-grid-aws.run", "NVIDIA_GRID_RUNFILE_BUCKET_NAME": "grid",
                "NVIDIA_GRID_SHA256": 64 * "a", "KONTAIN_VERSION": "v0.9.9", "KONTAIN_SHA256": 64 * "b"}
        found, mine = self.listed(VARIANTS="ecs-kontain,gpu-nvidia-grid", NERDCTL_VERSION="2.1.2", **more), sha256(b"x")
        self.assertLessEqual({
            ("ecr-credential-provider", "1.34.0", "pkg:generic/ecr-credential-provider@1.34.0", mine),
            ("aws-iam-authenticator", "0.7.8", "pkg:generic/aws-iam-authenticator@0.7.8", sha256(authenticator.read_bytes())),
            ("crictl", "v1.34.0", "pkg:github/kubernetes-sigs/cri-tools@v1.34.0", mine),
            ("public.ecr.aws/eks-distro/kubernetes/pause", "3.10",
             "pkg:oci/pause?repository_url=public.ecr.aws/eks-distro/kubernetes/pause&tag=3.10", mine),
            ("dkms-x", "1-1", "pkg:rpm/dkms-x@1-1?arch=noarch", None),
            ("nvidia-grid-driver", "580.95.05", "pkg:generic/nvidia-grid-driver@580.95.05", 64 * "a"),
            ("kontain", "v0.9.9", "pkg:github/kontainapp/km@v0.9.9", 64 * "b"),
        }, found)
        self.assertFalse({"nerdctl", "gpg-pubkey"} & {name for name, *_ in found})

        kube_proxy = [one for one in found if one[0].endswith("kube-proxy")]
        self.assertEqual(kube_proxy, [("a.example/eks/kube-proxy", "v1",
                                       f"pkg:oci/kube-proxy@sha256%3A{64 * '1'}?repository_url=a.example/eks/kube-proxy&tag=v1", 64 * "1")])

        self.become("debian12")
        self.answer("eksnode", """echo '{"credential-provider": "unknown"}'""")
        found = self.listed(NERDCTL_VERSION="2.1.2", SOCI_SNAPSHOTTER_VERSION="*", PAUSE_CONTAINER_IMAGE="host:5000/pause")
        self.assertLessEqual({
            ("nerdctl", "v2.1.2", "pkg:github/containerd/nerdctl@v2.1.2", mine),
            ("ecr-credential-provider", None, "pkg:generic/ecr-credential-provider", mine),
            ("host:5000/pause", None, "pkg:oci/pause?repository_url=host:5000/pause", mine),
            ("g++", "1:2~3", "pkg:deb/debian/g%2B%2B@1:2~3?arch=amd64", None),
            ("eksnode-host", "2", "pkg:generic/eksnode-host@2?arch=amd64", None),
        }, found)
        self.assertFalse({"old", "soci-snapshotter", "kontain"} & {name for name, *_ in found})

        found = self.listed(PAUSE_CONTAINER_IMAGE=f"a.example/pause:3.10@sha256:{64 * '2'}")
        self.assertIn(("a.example/pause", "3.10", f"pkg:oci/pause@sha256%3A{64 * '2'}?repository_url=a.example/pause&tag=3.10", mine), found)

        self.put_file("etc/eks/release")
        self.succeeds(self.step("write-version-info"))
        info = self.version_info()
        self.assertNotIn("old", info["packages"])
        self.assertEqual(info["images"], ["eks-distro/kubernetes/pause:3.10", "eks/kube-proxy:v1"])
        self.assertNotIn("awscli", info["binaries"])

        self.answer("aws", "echo aws-cli/2.31.4 Python/3.13.7 Linux/6.12")
        self.succeeds(self.step("write-version-info"))
        self.assertEqual(self.version_info()["binaries"]["awscli"], "2.31.4")

    def test_a_bad_image_is_refused(self):
        self.answer("eksnode", "echo problem; exit 1")
        done = self.step("validate-image")
        self.fails(done, "this is not a good image")
        self.assertIn("problem", done.stdout)
        self.fails(self.step("write-manifest"), "eksnode cannot find out the versions")

        if self.remove_command("unpigz"):
            self.fails(self.step("validate-image"), "there is no program unpigz")
