# SPDX-License-Identifier: Apache-2.0
"""A node of an image that the variant cis has hardened, as every image is by default: it must still be a node."""

import subprocess

from node import TESTS
from support import BootTest

# What would fetch packages or change a bootloader
STAND_INS = "apt-get", "update-grub"


class Hardened(BootTest):
    def test_a_node_with_the_variant_cis(self):
        node = self.node()
        for name in STAND_INS:
            node.write(f"srv/bin/{name}", "#!/bin/sh\n")
            (node.root / "srv/bin" / name).chmod(0o755)

        subprocess.run(["cp", "-r", TESTS.parent / "packer", node.root / "srv/packer"], check=True)
        subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "-D", node.root,
                        "--setenv=PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--setenv=ARCH=x86_64", "--setenv=VARIANTS=cis",
                        "--setenv=WORKING_DIR=/var/tmp", "bash", "/srv/packer/provisioners/apply-variants"],
                       check=True, capture_output=True, timeout=120)
        node.boot()
        node.wait_for_unit("eks-node.target")
        self.assertActive(node, "containerd", "kubelet", "eks-sandbox-image")
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/ip_forward"), "1\n")
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/conf/all/send_redirects"), "0\n")
        self.assertEqual(node.show("tmp.mount", "SourcePath"), {"SourcePath": "/etc/fstab"})  # nspawn has mounted its own
