# SPDX-License-Identifier: Apache-2.0
"""Each containerd that Debian has, on what we render for it. Its images and soci-snapshotter: images_test, soci_test."""

import importlib.util
import re
import tomllib

import support
from node import PAUSE_IMAGE, TESTS, Node, node_config
from support import BootTest, on_each_containerd

spec = importlib.util.spec_from_file_location("golden_containerd", TESTS / "golden/containerd_config.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

TWO = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
max_container_log_line_size = 4096
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
"""
THREE = """\
version = 3
[plugins.'io.containerd.cri.v1.images']
max_concurrent_downloads = 7
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "localhost/kubernetes/pause"
"""
FOUR = """\
version = 4
[plugins.'io.containerd.server.v1.debug']
address = "/run/containerd/debug.sock"
"""
USER = "  containerd:\n    config: |\n      [plugins.'io.containerd.cri.v1.runtime']\n      ignore_image_defined_volumes = true\n"
MIRROR = '[registry.mirrors."registry.example"]\nendpoints = ["http://127.0.0.1:5000"]\ninsecure = true\n'


@on_each_containerd
class Daemon(BootTest):
    """One node with settings of all schemas, a registry, and the pause image in an archive, under a shortened name."""

    UNIT = "eks-sandbox-image.service"

    @classmethod
    def setUpClass(cls):
        context = Node(support.IMAGE, support.SCRATCH, cls.CONTAINERD)
        cls.n = context.__enter__()
        cls.addClassCleanup(context.__exit__)
        cls.n.registry("127.0.0.1:5000", "team/app:1")
        cls.n.write("etc/eks/containerd.d/10-two.toml", TWO)
        cls.n.write("etc/eks/containerd.d/20-three.toml", THREE)
        cls.n.write("etc/eks/containerd.d/30-four.toml", FOUR)
        cls.n.write("etc/eks/node.toml", MIRROR)
        cls.n.user_data(node_config(support.IMAGE.ca, extra=USER))
        cls.n.boot()
        cls.first = cls.n.show(cls.UNIT, "StatusText")["StatusText"]

    def status(self) -> str:
        return self.n.show(self.UNIT, "StatusText")["StatusText"]

    def config(self) -> dict:
        return tomllib.loads(self.n.output("containerd", "config", "dump"))["plugins"]

    def pinned(self, name) -> str:
        rows = [line.split("\t") for line in self.n.output("eksnode", "images", "list").splitlines()[1:]]
        return {name: pinned for name, _, pinned in rows}[name]

    def tearDown(self):
        self.assertCalm(self.n)

    def test_the_first_boot_imports_the_image_and_pins_it(self):
        self.assertActive(self.n, "eks-node.target", "containerd.service", "kubelet.service", self.UNIT)
        self.assertEqual(self.first, f"{PAUSE_IMAGE} imported and pinned")
        self.assertEqual(self.pinned(PAUSE_IMAGE), "yes")
        version = self.n.file("/etc/eks/containerd-version.txt").read_text().strip()
        self.assertTrue(version.startswith(f"{self.CONTAINERD}."), version)
        self.assertIn(f" {version}", self.n.output("containerd", "--version"))

    def test_a_boot_with_the_image_present_leaves_it_alone(self):
        self.n.reboot()
        self.assertActive(self.n, "eks-node.target", "kubelet.service")
        self.assertEqual(self.status(), f"{PAUSE_IMAGE} present and pinned")

    def test_a_restarted_daemon_has_its_images_and_its_kubelet(self):
        before = self.n.show("containerd.service", "MainPID")
        self.n.systemctl("restart", "containerd.service")
        self.assertNotEqual(self.n.show("containerd.service", "MainPID"), before)

        self.n.wait_for_unit("eks-node.target")
        self.assertActive(self.n, "containerd.service", "kubelet.service")

        self.n.systemctl("restart", self.UNIT)
        self.assertEqual(self.status(), f"{PAUSE_IMAGE} present and pinned")

    def test_settings_of_all_schemas_count(self):
        plugins = self.config()
        old = plugins["io.containerd.grpc.v1.cri"]
        runtime = plugins.get("io.containerd.cri.v1.runtime", old)
        images = plugins.get("io.containerd.cri.v1.images", old)
        self.assertEqual(runtime["max_container_log_line_size"], 4096)
        self.assertEqual(images["max_concurrent_downloads"], 7)
        self.assertIs(runtime["ignore_image_defined_volumes"], True)
        self.assertIs(images.get("containerd", images)["discard_unpacked_layers"], True)

        if self.CONTAINERD == "2":
            self.assertEqual((runtime["cni"]["bin_dir"], runtime["cni"]["bin_dirs"]), ("", ["/usr/lib/cni"]))
        else:
            self.assertEqual(runtime["cni"]["bin_dir"], "/usr/lib/cni")

        self.assertTrue(self.n.file("/run/containerd/debug.sock").is_socket())

    def test_it_has_every_setting_of_the_golden_cases(self):
        if self.CONTAINERD == "1.6":
            self.skipTest("the golden suite asks the machine's own")
        version = self.n.file("/etc/eks/containerd-version.txt").read_text().split(".")
        too_new = golden.SINCE_23 if (int(version[0]), int(version[1])) < (2, 3) else ()
        texts = set()

        for case, content, tree in golden.cases(3 if self.CONTAINERD == "2" else 2):
            if content in texts:
                continue

            texts.add(content)
            with self.subTest(case):
                self.n.file("/tmp/config.toml").write_text(content)
                text = self.n.output("containerd", "--config", "/tmp/config.toml", "config", "dump")
                seen = dict(golden.settings(tomllib.loads(text)))
                wanted = {name: value for name, value in golden.settings(tree)
                          if not golden.fits(name, {*golden.UNKNOWN.get(case, ()), *too_new})}
                self.assertEqual({name: seen.get(name) for name in wanted}, wanted)

    def test_a_pin_that_was_taken_away_comes_back(self):
        # containerd 1.7 does not pin again what its CRI plugin has taken over, so that it is us who ask for it.
        self.n.output("ctr", "-n", "k8s.io", "images", "label", PAUSE_IMAGE, "io.cri-containerd.pinned=")
        self.n.systemctl("restart", self.UNIT)
        self.assertEqual(self.status(), f"{PAUSE_IMAGE} present and pinned")
        self.assertEqual(self.pinned(PAUSE_IMAGE), "yes")

    def test_images_are_pulled_from_a_registry_and_a_mirror_and_pinned(self):
        for name in "localhost:5000/team/app:1", "registry.example/team/app:1":
            self.assertEqual(self.n.output("eksnode", "images", "pull", name), name + "\n")
            self.assertEqual(self.pinned(name), "no")

            self.n.output("eksnode", "images", "pin", name)
            self.assertEqual(self.pinned(name), "yes")

            target = re.search(rf"^{re.escape(name)}\s+(\S+)\s+(sha256:\S+)", self.n.output(
                "ctr", "-n", "k8s.io", "images", "list"), re.MULTILINE)
            self.assertIsNotNone(target, "the image lost its target")
