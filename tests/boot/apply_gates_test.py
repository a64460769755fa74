# SPDX-License-Identifier: Apache-2.0
"""eksnode apply where a change opens and closes gates, where a step is masked, and where nothing may be touched."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import support
from node import Node, node_config
from support import BootTest

DAEMONS = ["kubelet.service", "containerd.service"]
TOML = "/etc/eks/node.toml"
NOTHING = "nothing to do: the node has this configuration\n"


class GatesTest(BootTest):
    def configure(self, node, text):
        node.file(TOML).write_text(text)

    def apply(self, node, *options, status=0):
        done = node.call("eksnode", "apply", *options, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def applied(self, node, text) -> str:
        """The output of an apply of that configuration, after which there is nothing left to do."""
        self.configure(node, text)
        shown = self.apply(node).stdout
        self.assertEqual(self.apply(node).stdout, NOTHING, shown)
        self.assertActive(node, "eks-node.target", *DAEMONS)
        return shown

    def gates(self, node) -> set:
        return {path.name for path in node.file("/run/eks/enabled").iterdir()}

    def state(self, node, unit) -> str:
        return node.show(unit, "ActiveState")["ActiveState"]

    def pids(self, node) -> dict:
        return {unit: node.show(unit, "MainPID")["MainPID"] for unit in DAEMONS}


class OpenedAndClosed(GatesTest):
    def test_soci_snapshotter_and_the_sandbox_image(self):
        self.stand_in_only("kubelet would ask the stand-in of soci-snapshotter for more than it has")
        soci, image = "soci-snapshotter.service", "eks-sandbox-image.service"
        snapshots = ("ctr", "-n", "k8s.io", "snapshots", "--snapshotter", "soci", "list")
        overlayfs = '[containerd]\nsnapshotter = "overlayfs"\n'
        node = self.node()
        node.soci(overlayfs)
        node.boot()
        self.assertEqual(self.state(node, soci), "inactive")

        shown = self.applied(node, '[containerd]\nsnapshotter = "soci"\n')
        self.assertIn("the gate soci-snapshotter opens\n", shown)
        self.assertLess(shown.index(f"started {soci}"), shown.index("restarted containerd.service"))
        self.assertActive(node, soci, image)
        self.assertIn("soci-snapshotter", self.gates(node))
        self.assertRegex(node.output("containerd", "config", "dump"), """snapshotter = ["']soci["']""")
        self.assertIn("soci-snapshotter-grpc.sock", node.kubelet()["config"]["imageServiceEndpoint"])
        self.assertEqual(node.output(*snapshots).count("Committed"), 1)  # what overlayfs had unpacked before
        self.assertEqual([self.starts(node, unit) for unit in (soci, *DAEMONS)], [1, 2, 2])

        shown = self.applied(node, overlayfs)
        self.assertIn("the gate soci-snapshotter closes\n", shown)

        # containerd does not lose it before it has another one.
        self.assertLess(shown.index("restarted containerd.service"), shown.index(f"stopped {soci}"))
        self.assertEqual(self.state(node, soci), "inactive")
        self.assertNotIn("soci-snapshotter", self.gates(node))
        self.assertFalse(node.file("/etc/soci-snapshotter-grpc/config.toml").exists())
        self.assertNotIn("imageServiceEndpoint", node.kubelet()["config"])
        self.assertEqual([self.starts(node, unit) for unit in (soci, *DAEMONS)], [1, 3, 3])

        # An image that containerd pulls by itself, and no archive: nothing is left to import or to pull.
        archive = node.file("/etc/eks/pause.tar")
        archive.rename(archive.with_suffix(".away"))
        pulled = overlayfs + "config = '''\n[plugins.\"io.containerd.grpc.v1.cri\"]\n" \
                             "sandbox_image = \"registry.k8s.io/pause:3.10\"\n'''\n"
        shown = self.applied(node, pulled)

        # Only once containerd's configuration on disk names that image too.
        self.assertTrue(shown.endswith(f"stopped {image}, which is no longer needed\n"), shown)
        self.assertEqual(self.state(node, image), "inactive")
        self.assertNotIn("sandbox-image", self.gates(node))

        # The archive alone opens it again: no file changes, and no daemon restarts.
        pids, runs = self.pids(node), self.starts(node, image)
        node.file("/etc/eks/pause.away").rename(archive)
        shown = self.applied(node, pulled)
        self.assertIn("the gate sandbox-image opens\n", shown)
        self.assertIn(f"ran {image}", shown)
        self.assertActive(node, image)
        self.assertEqual((self.pids(node), self.starts(node, image)), (pids, runs + 1))

        # A step that has failed and is not needed any more is no failure of the node.
        node.file(f"/run/systemd/system/{image}.d").mkdir(parents=True)
        node.file(f"/run/systemd/system/{image}.d/broken.conf").write_text("[Service]\nExecStart=\nExecStart=/bin/false\n")
        node.output("systemctl", "daemon-reload")
        node.call("systemctl", "restart", image)
        self.assertEqual(self.state(node, image), "failed")

        archive.rename(archive.with_suffix(".away"))
        self.assertIn(f"stopped {image}, which is no longer needed\n", self.applied(node, pulled))
        self.assertEqual(self.state(node, image), "inactive")
        self.assertNotIn("FAILED", node.call("eksnode", "status").stdout)


class LocalCluster(GatesTest):
    """One boot beside a name server, as on an Outpost."""

    HOST = "abc.gr7.us-west-2.eks.amazonaws.com"
    NAMED = "127.0.0.1 localhost # ours\n"
    JOINED = '[cluster]\nenableOutpost = true\nid = "local-id"\n'

    def booted_beside_dns(self):
        node = self.node()
        shutil.copy(Path(__file__).with_name("fake-dns"), node.root / "usr/local/lib/fake-dns")
        node.write("/etc/systemd/system/fake-dns.service", "[Unit]\nBefore=network.target\n[Service]\nType=exec\n"
                   "ExecStart=/usr/bin/python3 /usr/local/lib/fake-dns /srv/names\n")
        node.link("/etc/systemd/system/multi-user.target.wants/fake-dns.service", "../fake-dns.service")
        (node.root / "etc/resolv.conf").unlink(missing_ok=True)
        node.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        node.write("/etc/hosts", self.NAMED)
        node.write("/srv/names", f"10.1.1.1 {self.HOST}\n")
        node.user_data(node_config(support.IMAGE.ca).replace("https://example.com", f"https://{self.HOST}"))
        node.boot()

        return node

    def test_the_block_of_hosts_comes_and_goes(self):
        self.stand_in_only("kubelet waits for its certificate, as it should")
        node = self.booted_beside_dns()
        containerd = self.pids(node)["containerd.service"]
        self.assertNotIn("hosts", self.gates(node))

        shown = self.applied(node, self.JOINED)
        self.assertIn("the gate hosts opens\n", shown)

        # Before kubelet looks for the name.
        self.assertLess(shown.index("ran eks-hosts.service"), shown.index("restarted kubelet.service"))
        self.assertActive(node, "eks-hosts.service")
        self.assertIn(f"\n10.1.1.1\t{self.HOST}\n", node.file("/etc/hosts").read_text())
        self.assertIn("bootstrap-kubeconfig", node.kubelet()["flags"])

        # Another name while it is one, and the block follows.
        node.file("/srv/names").write_text(f"10.1.1.1 {self.HOST}\n10.1.1.7 other.example.com\n")
        user_data = node.file("/run/eks/user-data")
        was = user_data.read_text()
        user_data.write_text(was.replace(self.HOST, "other.example.com"))
        shown = self.applied(node, self.JOINED)
        self.assertIn("ran eks-hosts.service", shown)

        hosts = node.file("/etc/hosts").read_text()
        self.assertIn("\n10.1.1.7\tother.example.com\n", hosts)
        self.assertNotIn(self.HOST, hosts)

        user_data.write_text(was)

        shown = self.applied(node, "")
        self.assertIn("stopped eks-hosts.service", shown)
        self.assertEqual(node.file("/etc/hosts").read_text(), self.NAMED)
        self.assertNotIn("hosts", self.gates(node))
        self.assertEqual(self.state(node, "eks-hosts.service"), "inactive")
        self.assertNotIn("bootstrap-kubeconfig", node.kubelet()["flags"])
        self.assertEqual(self.pids(node)["containerd.service"], containerd)

        # No name server knows the host: kubelet stays as it is, and the next call looks again before it restarts.
        kubelet = self.pids(node)["kubelet.service"]
        node.file("/srv/names").write_text("")
        self.configure(node, self.JOINED)
        failed = self.apply(node, status=1).stderr
        self.assertIn("eks-hosts.service failed", failed)
        self.assertIn("Not done: restart kubelet.service.", failed)
        self.assertEqual(self.pids(node)["kubelet.service"], kubelet)

        node.file("/srv/names").write_text(f"10.1.1.3 {self.HOST}\n")
        shown = self.applied(node, self.JOINED)
        self.assertLess(shown.index("ran eks-hosts.service"), shown.index("restarted kubelet.service"))
        self.assertIn(f"\n10.1.1.3\t{self.HOST}\n", node.file("/etc/hosts").read_text())


class Untouched(GatesTest):
    """What may not change, file by file, and what an admin masked. The tests share a boot."""

    SETTINGS = '[containerd]\nsnapshotter = "overlayfs"\n'

    FOLDERS = ["etc", "run/eks", "run/sysctl.d", "run/systemd", "usr/lib/eks", "usr/share/eks", "var/lib/eks", "var/lib/kubelet"]
    # The service manager's and the journal's own, and what eks-join writes beside kubelet.
    RESTLESS = ("run/systemd/journal", "run/systemd/units", "run/systemd/propagate", "run/systemd/sessions",
                "run/eks/status.json")

    def tree(self, node) -> dict:
        found = {}
        for folder in self.FOLDERS:
            top = node.file(folder)
            for place, folders, files in os.walk(top):
                for path in (Path(place, name) for name in [*folders, *files]):
                    name = f"{folder}/{path.relative_to(top)}"
                    if name.startswith(self.RESTLESS):
                        continue

                    entry = path.lstat()
                    content = os.readlink(path) if path.is_symlink() else \
                        hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                    found[name] = (entry.st_mode, entry.st_ino, entry.st_mtime_ns, content)

        return found

    def units(self, node) -> str:
        """Each unit with the time of its last change."""
        return node.output("systemctl", "show", "eks-*", *DAEMONS, "--property=Id,ActiveState,SubState,NRestarts,"
                           "StateChangeTimestampMonotonic,ExecMainStartTimestampMonotonic,InvocationID")

    def assertUntouched(self, node, status) -> str:
        tree, units = self.tree(node), self.units(node)
        reported = self.apply(node, status=status).stderr
        after = self.tree(node)
        self.assertEqual({path for path in tree | after if tree.get(path) != after.get(path)}, set())
        self.assertEqual(self.units(node), units)
        return reported

    @contextlib.contextmanager
    def masked(self, node, unit):
        node.output("systemctl", "mask", "--runtime", unit)
        yield
        node.output("systemctl", "unmask", "--runtime", unit)

    @classmethod
    def setUpClass(cls):
        cls.n = Node(support.IMAGE, support.SCRATCH, cls.CONTAINERD)
        cls.n.__enter__()
        cls.addClassCleanup(cls.n.__exit__)
        cls.n.soci(cls.SETTINGS)
        cls.n.boot()

    def setUp(self):
        self.configure(self.n, self.SETTINGS)
        self.apply(self.n)  # also makes its lock
        # eks-join is activating until its program runs.
        self.n.wait_for(lambda: "=activating" not in self.units(self.n), "units that have started")

    def tearDown(self):
        self.assertActive(self.n, "eks-node.target", *DAEMONS)

    def test_a_mistake(self):
        for text in ("[kubelet.config]\nmaxPods = -1\n[sysctl]\nnet.ipv4.tcp_fin_timeout = 44\n",
                     '[containerd]\nconfig = "plugins = 5"\n[kubelet.config]\npodsPerCore = 7\n',
                     "[cluster]\nenableOutpost = true\nname = 5\n"):
            with self.subTest(text):
                self.configure(self.n, text)
                reported = self.assertUntouched(self.n, 78)
                self.assertTrue(reported.endswith("eksnode apply: nothing was changed\n"), reported)

    def test_a_reload_of_eks_config_meets_a_mistake(self):
        """Not so a restart: systemd stops what requires the step first."""
        before, pids = self.gates(self.n), self.pids(self.n)
        self.configure(self.n, "[kubelet.config]\nmaxPods = -1\n[sysctl]\nnet.ipv4.tcp_fin_timeout = 44\n")
        self.assertNotEqual(self.n.call("systemctl", "reload", "eks-config").returncode, 0)
        self.assertEqual((self.gates(self.n), self.pids(self.n)), (before, pids))
        self.assertActive(self.n, "eks-config.service")

    def test_a_masked_step_that_no_daemon_requires_is_left_out(self):
        node, setting = self.n, self.SETTINGS + "[sysctl]\nnet.ipv4.tcp_fin_timeout = 44\n"
        pids = self.pids(node)
        self.configure(node, setting)

        with self.masked(node, "eks-sysctl.service"):
            shown = self.apply(node).stdout
            self.assertIn("eks-sysctl.service is masked: its files stay as they are\n", shown)
            self.assertNotIn("ran eks-sysctl", shown)
            self.assertFalse(node.file("/run/sysctl.d/99-zz-eks.conf").exists())

        self.assertIn("ran eks-sysctl.service", self.applied(node, setting))
        self.assertActive(node, "eks-sysctl.service")
        self.assertEqual(self.pids(node), pids)

        with self.masked(node, "eks-sandbox-image.service"):
            shown = self.applied(node, self.SETTINGS + "config = 'oom_score = -500'\n")
        self.assertIn("eks-sandbox-image.service does not run, and was not started\n", shown)

    def test_a_masked_unit_that_a_daemon_requires_is_refused_before_anything_changes(self):
        node = self.n
        kubelet, settings = "[kubelet.config]\npodsPerCore = 7\n", self.SETTINGS
        for unit, text, why in (
            ("eks-hosts.service", settings + kubelet, "kubelet.service requires it: it would not start again"),
            ("eks-ca.service", settings + kubelet, "kubelet.service requires it"),
            ("eks-imds.service", settings + kubelet, "kubelet.service requires it"),  # of a step that it requires
            ("eks-containerd-volume.service", settings + "config = 'oom_score = -400'\n", "containerd.service requires it"),
            ("eks-config.service", settings + "[sysctl]\nnet.ipv4.tcp_fin_timeout = 45\n", "resolves the configuration"),
            ("soci-snapshotter.service", settings.replace("overlayfs", "soci"), "the new configuration needs it"),
        ):
            with self.subTest(unit), self.masked(node, unit):
                self.configure(node, text)
                reported = self.assertUntouched(node, 1)
                self.assertIn(f"eksnode apply: {unit} is masked, and {why}", reported)
                self.assertIn(f"Run `systemctl unmask {unit}`", reported)

        self.assertIn("restarted kubelet.service", self.applied(node, settings + kubelet))
