# SPDX-License-Identifier: Apache-2.0
"""The commands of the EKS images of Amazon Linux, on a node."""

import io
import json
import tarfile

from support import ImageTest, on_each_containerd


@on_each_containerd
class CachePauseContainer(ImageTest):
    """As an image builder calls it, with a containerd that has its defaults."""

    def test_the_image_is_tagged_pinned_and_exported(self):
        node = self.node()
        (node.root / "etc/eks/pause.tar").unlink()  # it would bring the same layer
        (node.root / "etc/systemd/system/eks-sandbox-image.service").symlink_to("/dev/null")
        node.registry("127.0.0.1:5000", "team/pause:1")
        node.write("etc/systemd/system/containerd.service.d/99-builder.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/bin/containerd --config /dev/null\n")
        node.boot()
        source, name = "localhost:5000/team/pause:1", "localhost/builder/pause:2"
        done = node.call("/usr/bin/cache-pause-container", "-i", source, "-t", name, "-e", "/tmp/pause.tar")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(self.images(node)[name], "yes")
        labels = node.output("ctr", "-n", "k8s.io", "images", "list", f"name=={name}").splitlines()[1]
        self.assertIn(f"io.cri-containerd.source={source}", labels)
        with tarfile.open(fileobj=io.BytesIO(node.file("/tmp/pause.tar").read_bytes())) as archive:
            index = json.load(archive.extractfile("index.json"))
        self.assertEqual(index["manifests"][0]["annotations"]["io.containerd.image.name"], name)

        # An image that is not there leaves the archive as it was.
        before = node.file("/tmp/pause.tar").read_bytes()
        done = node.call("/usr/bin/cache-pause-container", "-i", "localhost:5000/team/none:1", "-e", "/tmp/pause.tar")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no image 'localhost:5000/team/none:1'", done.stderr)
        self.assertEqual(node.file("/tmp/pause.tar").read_bytes(), before)
        self.assertFalse(node.file("/tmp/pause.tar.new").exists())
