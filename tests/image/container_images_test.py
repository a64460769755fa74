# SPDX-License-Identifier: Apache-2.0
"""The pause image and the other container images that an image has."""

from fixture import MachineTest


class ContainerImageTest(MachineTest):
    def pulls(self):
        """How often a pause image was pulled."""
        return len([call for call in self.calls() if call.startswith("cache-pause-container")])

    def test_the_pause_image_is_optional_but_must_be_fetched(self):
        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE=""))
        self.assertEqual(self.calls(), [])

        (self.commands / "cache-pause-container").unlink()
        self.fails(self.step("cache-pause-image"), "the package eksnode-compat is not installed")

        self.answer("cache-pause-container", "exit 1")
        self.fails(self.step("cache-pause-image"), "cannot fetch the pause image public.ecr.aws")

    def test_another_pause_image_replaces_the_first(self):
        (self.root / "etc/eks").mkdir()
        self.succeeds(self.step("cache-pause-image"))
        self.succeeds(self.step("cache-pause-image"))
        self.assertEqual(self.pulls(), 1)

        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE="registry.example/pause:4"))
        self.assertEqual(self.read("etc/eks/pause-image.txt"), "registry.example/pause:4\n")
        self.assertEqual(self.pulls(), 1)

    def test_images_of_the_base_image_stay(self):
        blob = "var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/01"
        (self.root / "etc/eks").mkdir()
        self.succeeds(self.step("cache-pause-image"))
        self.assertFalse((self.root / "var/lib/containerd").exists())

        self.put_file(blob)
        self.answer("ctr", f"""[ "$4" != list ] || {{ echo mine; cat "{self.directory}/pulled" || true; }} 2>/dev/null""")
        self.answer("cache-pause-container", f'printf archive >"$4"; printf "%s\\n" "$2" localhost/pause >"{self.directory}/pulled"')

        self.calls()
        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE="registry.example/pause:4"))
        self.assertTrue((self.root / blob).exists())
        self.assert_in_order(self.calls(), "ctr --namespace k8s.io images remove --sync localhost/pause registry.example/pause:4",
                             "systemctl stop containerd.service")

    def test_container_images_are_cached_on_request(self):
        self.succeeds(self.step("cache-images"))
        self.assertEqual(self.calls(), [])

        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="neuron,fips"))
        self.assertEqual(self.calls(), ["systemctl start containerd.service",
                                        "eksnode images cache --kubernetes-version 1.34.1 --region us-west-2 --fips",
                                        "ctr --namespace k8s.io images list", "systemctl stop containerd.service"])

        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="stig"))  # includes fips
        self.assertTrue(self.calls()[1].endswith(" --fips"))

        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="efa"))
        self.assertFalse(self.calls()[1].endswith(" --fips"))

        self.answer("eksnode", "exit 1")
        self.calls()
        self.fails(self.step("cache-images", CACHE_CONTAINER_IMAGES="true"), "cannot cache the images of Kubernetes 1.34.1")
