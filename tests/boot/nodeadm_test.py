# SPDX-License-Identifier: Apache-2.0
"""The commands of the EKS images of Amazon Linux, on a node."""

import io
import json
import tarfile

import support
import user_scripts_test
from node import node_config
from support import BootTest, ImageTest, on_each_containerd


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


class Nodeadm(BootTest):
    LAYER = "/var/lib/eks/commands.d/nodeadm.toml"

    def max_pods(self, number):
        return node_config(support.IMAGE.ca, f"  kubelet:\n    config:\n      maxPods: {number}\n")

    def nodeadm(self, node, *arguments, status=0):
        done = node.call("/usr/bin/nodeadm", *arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "^fatal nodeadm Command failed {" if status else "^info nodeadm ")
        return done.stderr

    def started(self, node):
        return [node.show(unit, "ExecMainPID")["ExecMainPID"] for unit in ("containerd.service", "kubelet.service")]

    def written_max_pods(self, node):
        drop_in = node.file("/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf")
        return json.loads(drop_in.read_text()).get("maxPods") if drop_in.exists() else None

    def test_on_a_node_that_runs(self):
        node = self.booted()
        self.nodeadm(node, "config", "check")
        dumped = json.loads(node.output("nodeadm", "config", "dump"))
        self.assertEqual(dumped["spec"]["cluster"]["name"], "my-cluster")

        for name, text in {"a": self.max_pods(20), "b": self.max_pods(21), "c": self.max_pods(22),
                           "bad": self.max_pods(23).replace("10.100.0.0/16", "banana")}.items():
            node.file("/tmp").joinpath(f"{name}.yaml").write_text(text)

        # What it is already changes nothing.
        containerd, kubelet = self.started(node)
        self.assertIn("done!", self.nodeadm(node, "init"))
        self.assertEqual(self.started(node), [containerd, kubelet])

        # A file changes what it names, and the daemon that reads it.
        cache = "/run/eks/nodeadm/config.json"
        self.nodeadm(node, "init", "-c", "imds://user-data", "-c", "file:///tmp/a.yaml", "--config-cache", cache)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 20)
        self.assertEqual(node.output("stat", "-c%a", self.LAYER), "600\n")
        self.assertEqual(self.started(node)[0], containerd)
        self.assertNotEqual(self.started(node)[1], kubelet)

        cached = json.loads(node.file(cache).read_text())
        self.assertEqual(node.file(cache).stat().st_mode & 0o777, 0o600)  # it may hold secrets
        self.assertEqual(cached["spec"]["kubelet"]["config"], {"maxPods": 20})
        self.assertTrue(cached["status"]["instance"]["id"].startswith("i-"))

        # Where the sources differ from the cache, the phase is not skipped.
        self.nodeadm(node, "init", "--skip", "config", "-c", "file:///tmp/c.yaml")
        self.assertEqual(self.written_max_pods(node), 20)

        self.nodeadm(node, "init", "--skip", "config", "-c", "file:///tmp/c.yaml", "--config-cache", cache)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 22)

        containerd = self.started(node)[0]

        # What cannot work is refused before anything is written.
        before, kubelet = node.file(self.LAYER).read_text(), self.started(node)[1]
        self.assertIn("banana", self.nodeadm(node, "init", "-c", "file:///tmp/bad.yaml", status=1))
        self.assertEqual((node.file(self.LAYER).read_text(), self.started(node)[1]), (before, kubelet))

        # TOML has no null: what it would take away stays, and a warning says so.
        node.file("/tmp/null.yaml").write_text(
            node_config(support.IMAGE.ca, "  kubelet:\n    config: {maxPods: 24, evictionHard: null}\n"))
        self.assertIn("warn nodeadm kubelet.config.evictionHard: null is lost in",
                      self.nodeadm(node, "init", "--skip", "run", "-c", "file:///tmp/null.yaml"))
        self.assertEqual(self.written_max_pods(node), 24)

        # The phases one by one.
        self.nodeadm(node, "init", "--skip", "run", "-c", "file:///tmp/b.yaml")
        self.assertEqual((self.written_max_pods(node), self.started(node)), (21, [containerd, kubelet]))

        self.nodeadm(node, "init", "--skip=config", "--daemon", "kubelet")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 21)
        self.assertEqual(self.started(node)[0], containerd)
        self.assertNotEqual(self.started(node)[1], kubelet)

        self.nodeadm(node, "init", "--skip=config", "--daemon=")  # names none
        self.assertEqual(self.started(node)[0], containerd)

        # The last call counts, also after a reboot.
        node.reboot()
        self.assertEqual(node.kubelet()["config"]["maxPods"], 21)

        self.nodeadm(node, "init")
        self.assertEqual(self.written_max_pods(node), None)
        self.assertActive(node, "eks-node.target", "kubelet.service")

    def script_node(self, script, *documents):
        node = self.node()
        node.user_data(self.mime(("text/x-shellscript", "#!/bin/sh\n" + script), *documents))
        node.write("/srv/user-script", script)
        node.write("/srv/node.yaml", self.max_pods(20))
        node.write("/etc/systemd/system/cloud-final.service",
                   user_scripts_test.CLOUD_FINAL.format(order="After=network.target"))
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service", "cloud-final.service")
        self.assertEqual(self.starts(node, "kubelet.service"), 1)
        self.assertIn("done!", node.file("/run/nodeadm.log").read_text())

        # kubelet runs when nodeadm returns, while the script goes on.
        self.assertEqual(node.file("/run/substate").read_text().strip() in ("start", "running"), True)

        return node

    SCRIPT = ("set -e\nsleep 1\nnodeadm init {} 2> /run/nodeadm.log\n"
              "systemctl show -P SubState kubelet.service > /run/substate\n")

    def test_a_script_brings_the_configuration(self):
        node = self.script_node(self.SCRIPT.format("--config-source file:///srv/node.yaml"))
        self.assertEqual(node.kubelet()["config"]["maxPods"], 20)

    def test_a_script_beside_a_node_config(self):
        node = self.script_node(self.SCRIPT.format(""), ("application/node.eks.aws", node_config(support.IMAGE.ca)))
        self.assertNotEqual(node.kubelet()["config"]["maxPods"], 20)

    def test_early_in_the_boot_the_rest_is_left_to_it(self):
        node = self.node()
        node.write("/srv/node.yaml", self.max_pods(20))
        node.write("/var/lib/cloud/data/instance-id", "i-1234567890abcdef0\n")
        node.write("/etc/systemd/system/early.service",
                   "[Unit]\nDefaultDependencies=no\nBefore=basic.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                   "ExecStart=/usr/bin/nodeadm init -c file:///srv/node.yaml\n")
        node.link("/etc/systemd/system/basic.target.wants/early.service", "../early.service")
        node.boot()
        self.assertActive(node, "early.service", "eks-node.target", "kubelet.service")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 20)
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

        reported = "\n".join(record["MESSAGE"] for record in node.journal("--unit", "early.service"))
        self.assertIn("the rest is done later in this boot", reported)
