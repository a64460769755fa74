# SPDX-License-Identifier: Apache-2.0
"""eksnode apply, set and unset: a changed configuration on a node that runs."""

import support
from node import node_config
from support import BootTest, RENDERED

DAEMONS = ["kubelet.service", "containerd.service"]
TOML = "/etc/eks/node.toml"
SET = "/etc/eks/node.d/zz-eksnode-set.toml"
HOSTS = "/etc/containerd/certs.d/docker.io/hosts.toml"


class ApplyTest(BootTest):
    OWN = "  kubelet:\n    config: {podPidsLimit: 1000}\n"  # so that kubelet has a drop-in from the start

    def pids(self, node) -> dict:
        return {unit: node.show(unit, "MainPID")["MainPID"] for unit in DAEMONS}

    def files(self, node) -> dict:
        """What apply may write: content and time of every file."""
        found = {}
        for path in [*RENDERED, "/run/eks/node.json", "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf"]:
            file = node.file(path)
            found[path] = (file.read_bytes(), file.stat().st_mtime_ns)
        return found | {"gates": sorted(p.name for p in node.file("/run/eks/enabled").iterdir())}

    def configure(self, node, text, path=TOML):
        file = node.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def apply(self, node, *options, status=0):
        done = node.call("eksnode", "apply", *options, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def assertSameDaemons(self, node, before, *units):
        now = self.pids(node)
        for unit in DAEMONS:
            (self.assertEqual if unit in units else self.assertNotEqual)(now[unit], before[unit], unit)


class Apply(ApplyTest):
    def test_what_only_kubelet_reads_restarts_kubelet_alone(self):
        node = self.booted(extra=self.OWN)
        pids, files = self.pids(node), self.files(node)
        self.configure(node, "[kubelet.config]\npodsPerCore = 7\n")

        shown = self.apply(node, "--dry-run").stdout
        self.assertIn("/40-nodeadm.conf changes (eks-kubelet-config; kubelet.service reads it)", shown)
        self.assertRegex(shown, r'(?m)^  \+.*"podsPerCore": 7')
        self.assertRegex(shown, r"to do, in this order:\n  run eks-config\.service\n  run eks-kubelet-config\.service\n"
                                r"  restart kubelet\.service\n$")
        self.assertSameDaemons(node, pids, *DAEMONS)
        self.assertEqual(self.files(node), files, "--dry-run changed something")

        done = self.apply(node).stdout
        self.assertTrue(done.startswith(shown), done)
        self.assertIn("restarted kubelet.service", done)
        self.assertSameDaemons(node, pids, "containerd.service")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 7)
        self.assertActive(node, "eks-node.target", *DAEMONS)

        pids, files = self.pids(node), self.files(node)
        self.assertEqual(self.apply(node).stdout, "nothing to do: the node has this configuration\n")
        self.assertSameDaemons(node, pids, *DAEMONS)
        self.assertEqual(self.files(node), files)

        self.configure(node, '[kubelet.config]\npodsPerCore = 7\n[node.labels]\nteam = "b"\n')
        self.assertIn("node-labels=team=b", self.apply(node).stdout)
        self.assertSameDaemons(node, pids, "containerd.service")
        self.assertEqual(node.kubelet()["flags"]["node-labels"], {"team": "b"})

    def test_what_containerd_reads_restarts_it_with_kubelet(self):
        node = self.booted(extra=self.OWN)
        pids, files = self.pids(node), self.files(node)
        self.configure(node, '[containerd]\nconfig = "oom_score = -500"\n')
        shown = self.apply(node).stdout
        self.assertIn("/etc/containerd/config.toml changes (eks-containerd-config; containerd.service reads it)", shown)

        # It holds a text of the user's, which may be secret: only root may read it.
        self.assertIn("not shown, because it may be secret: others than root cannot read it", shown)
        self.assertNotIn("oom_score", shown)
        self.assertSameDaemons(node, pids)
        self.assertEqual((self.starts(node, "containerd.service"), self.starts(node, "kubelet.service")), (2, 2))
        self.assertIn("oom_score = -500", node.output("containerd", "config", "dump"))
        self.assertActive(node, "eks-node.target", "eks-sandbox-image.service", *DAEMONS)

        changed = {path for path, was in self.files(node).items() if was != files[path]}
        self.assertEqual(changed, {"/run/eks/node.json", "/etc/containerd/config.toml"})

    def test_a_mistake_is_said_as_by_validate_and_nothing_is_touched(self):
        node = self.booted(extra=self.OWN)
        pids, files = self.pids(node), self.files(node)

        for text, reported in {
            "[kubelet.confg]\nmaxPods = 5\n": f"error: {TOML}, line 1, column 10: kubelet.confg: unknown key; "
                                             "did you mean 'kubelet.config'?\nhint: See eks-node.toml(5) for every key",
            "[kubelet\n": f"{TOML}, line 1, column",
            "[containerd]\nconfig = \"plugins = 5\"\n": "plugins = 5: must be",
            "[kubelet.config]\nmaxPods = -1\n": "kubelet.config.maxPods",
        }.items():
            with self.subTest(text):
                self.configure(node, text)
                for options in ("--dry-run",), ():
                    done = self.apply(node, *options, status=78)
                    self.assertIn(reported, done.stderr)
                self.assertSameDaemons(node, pids, *DAEMONS)
                self.assertEqual(self.files(node), files)

        # That of a layer above the admin's, which wins.
        self.configure(node, "")
        node.file("/run/eks/user-data").write_text(node_config(support.IMAGE.ca).replace("https://example.com", "x y"))
        self.assertIn("cluster.apiServerEndpoint", self.apply(node, status=78).stderr)
        self.assertSameDaemons(node, pids, *DAEMONS)
        self.assertActive(node, "eks-node.target", "eks-config.service")

    def test_gates_open_and_close_without_a_restart_and_secrets_are_not_shown(self):
        node = self.booted()
        pids = self.pids(node)
        secret = "hush-8a1f"
        self.configure(node, f"Authorization: Basic {secret}\n", "/etc/eks/headers")
        node.file("/etc/eks/headers").chmod(0o600)
        self.configure(node, '[registry.mirrors."docker.io"]\nendpoints = ["https://m.example"]\n'
                             'headersFile = "/etc/eks/headers"\n[sysctl]\nnet.ipv4.tcp_fin_timeout = 44\n')
        done = self.apply(node)
        self.assertIn("the gate registry-mirrors opens\nthe gate sysctl opens\n", done.stdout)
        self.assertRegex(done.stdout, rf"{HOSTS} is new \(eks-registry-mirrors\)\n  not shown, because it may be secret: others than root cannot read it")
        self.assertIn("/run/eks/node.json changes (eks-config)\n  not shown, because it may be secret: others than root cannot read it", done.stdout)
        self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertIn(secret, node.file(HOSTS).read_text())
        self.assertActive(node, "eks-registry-mirrors.service", "eks-sysctl.service")
        self.assertEqual(node.output("sysctl", "-n", "net.ipv4.tcp_fin_timeout"), "44\n")
        self.assertSameDaemons(node, pids, *DAEMONS)

        self.configure(node, "")
        done = self.apply(node)
        self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertFalse(node.file(HOSTS).exists())
        self.assertFalse(node.file("/run/sysctl.d/99-zz-eks.conf").exists())
        self.assertEqual(self.apply(node).stdout, "nothing to do: the node has this configuration\n")

        for unit in "eks-registry-mirrors.service", "eks-sysctl.service":
            self.assertEqual(node.show(unit, "ActiveState")["ActiveState"], "inactive", unit)
        self.assertSameDaemons(node, pids, *DAEMONS)

        # With a value that kubelet is to keep to itself the file is only root's.
        self.configure(node, '[kubelet.config]\nstaticPodURL = "https://p.example"\n')
        self.assertIn("p.example", self.apply(node).stdout)

        self.configure(node, '[kubelet.config]\nstaticPodURL = "https://p.example"\n'
                             f'staticPodURLHeader = {{Authorization = ["{secret}"]}}\n')
        done = self.apply(node)
        self.assertIn("not shown, because it may be secret: others than root cannot read it", done.stdout)
        self.assertNotIn(secret, done.stdout + done.stderr)

        file = node.file("/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf")
        self.assertIn(secret, file.read_text())
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

        # A real kubelet writes the headers of that key to its own log.
        self.assertNotIn(secret, "".join(r.get("MESSAGE", "") for r in node.journal()
                                         if r.get("_SYSTEMD_UNIT") != "kubelet.service"))

    def test_a_failure_in_the_middle_leaves_the_daemons_and_is_made_up_for(self):
        node = self.booted(extra=self.OWN)
        pids = self.pids(node)
        drop_in = "/run/systemd/system/eks-sysctl.service.d/fails.conf"
        self.configure(node, "[Service]\nExecStart=\nExecStart=/bin/false\n", drop_in)
        node.output("systemctl", "daemon-reload")
        self.configure(node, "[kubelet.config]\npodsPerCore = 7\n[sysctl]\nnet.ipv4.tcp_fin_timeout = 44\n")
        done = self.apply(node, status=1)
        self.assertIn("eks-sysctl.service failed", done.stderr)
        self.assertIn("Done before that: run eks-config.service; run eks-kubelet-config.service. "
                      "Not done: restart kubelet.service.", done.stderr)
        self.assertSameDaemons(node, pids, *DAEMONS)

        node.file(drop_in).unlink()
        node.output("systemctl", "daemon-reload")
        self.configure(node, "[kubelet.config]\npodsPerCore = 7\n")
        self.assertIn("restarted kubelet.service", self.apply(node).stdout)  # though its files did not change again
        self.assertSameDaemons(node, pids, "containerd.service")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 7)
        self.assertFalse(node.file("/run/eks/apply-pending").exists())

    def test_a_bootstrap_that_failed_goes_on_once_the_mistake_is_mended(self):
        node = self.node()
        node.write(TOML, "[kubelet]\nmaxPod = 5\n")
        node.boot()
        self.failure(node, "eks-config.service")
        self.assertKubeletDown(node)

        self.apply(node, status=78)
        self.configure(node, "")
        self.assertIn("started eks-node.target", self.apply(node).stdout)
        self.assertActive(node, "eks-node.target", *DAEMONS)

        # What was stopped by hand stays so.
        node.systemctl("stop", "kubelet.service")
        self.configure(node, "[kubelet.config]\npodsPerCore = 7\n")
        self.assertIn("was stopped by hand", self.apply(node).stdout)
        self.assertNotEqual(node.show("kubelet.service", "ActiveState")["ActiveState"], "active")

        node.systemctl("start", "eks-node.target")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 7)

    def test_user_data_that_changed_is_taken_over_when_it_is_fetched(self):
        node = self.booted()
        pids = self.pids(node)
        node.file("/srv/aws/user-data").write_text(
            node_config(support.IMAGE.ca, extra="  kubelet:\n    config: {podsPerCore: 9}\n"))
        self.assertIn("nothing to do", self.apply(node).stdout)
        self.assertIn("restarted kubelet.service", self.apply(node, "--fetch").stdout)
        self.assertSameDaemons(node, pids, "containerd.service")
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 9)
        self.assertIn("not for --dry-run", self.apply(node, "--fetch", "--dry-run", status=2).stderr)

    def test_a_volume_is_not_put_below_a_containerd_that_runs(self):
        node = self.booted(extra=self.OWN)
        pids, files = self.pids(node), self.files(node)
        self.configure(node, '[containerd.volume]\ndevice = "/dev/sdf"\n')
        self.assertIn("containerd.volume: a disk cannot be mounted while containerd runs", self.apply(node, status=1).stderr)
        self.assertSameDaemons(node, pids, *DAEMONS)
        self.assertEqual(self.files(node), files)

    def test_an_edit_of_what_kubelet_trusts_is_a_warning_and_in_the_status(self):
        node = self.booted()
        self.assertNotIn("edited by hand", node.output("eksnode", "status"))

        ca = "/etc/kubernetes/pki/ca.crt"
        text = node.file(ca).read_text()
        self.configure(node, text + "\n", ca)
        self.assertIn(f"! {ca}: it says which API server kubelet trusts", node.output("eksnode", "status"))

        node.systemctl("reload", "eks-ca")
        records = node.journal("MESSAGE_ID=aa8418fb0e644b3e8c8937abeddd9c00")
        self.assertEqual([(r["PRIORITY"], r["EKS_PATH"]) for r in records], [("4", ca)])

        shown = self.apply(node).stdout
        self.assertIn(f"{ca} was edited by hand and stays as it is (eks-ca)", shown)
        self.assertEqual(node.file(ca).read_text(), text + "\n")


class Set(ApplyTest):
    def set(self, node, *arguments, verb="set", status=0):
        done = node.call("eksnode", verb, *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_keys_are_set_and_taken_out_again(self):
        node = self.booted(extra="  kubelet:\n    config: {podsPerCore: 9}\n")
        done = self.set(node, "kubelet.config.maxPods=20", "node.labels.example.com/team=a")
        self.assertEqual(done.stdout.splitlines()[0], f"wrote {SET}")
        self.assertIn("eksnode apply", done.stdout)
        self.assertEqual(node.file(SET).stat().st_mode & 0o777, 0o600)
        self.assertEqual(node.output("eksnode", "explain", "kubelet.config.maxPods").splitlines()[0],
                         "kubelet.config.maxPods = 20")

        self.apply(node)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 20)
        self.assertEqual(node.kubelet()["flags"]["node-labels"], {"example.com/team": "a"})

        before = node.file(SET).read_bytes()
        for wrong, reported in {"kubelet.confg.maxPods=5": "did you mean 'kubelet.config'?",
                            "kubelet.config=5": "kubelet.config = 5: must be a map",
                            "kubelet.reservations.policy=gek": "must be one of",
                            "node.taints=[\"a=b\"]": "node.taints"}.items():
            with self.subTest(wrong):
                self.assertIn(reported, self.set(node, wrong, status=78).stderr)
                self.assertEqual(node.file(SET).read_bytes(), before)

        overridden = "warning: user data, line 10, .*: kubelet.config.podsPerCore is 9 there, which overrides"
        self.assertRegex(self.set(node, "kubelet.config.podsPerCore=3", status=78).stderr, overridden)
        self.assertEqual(node.file(SET).read_bytes(), before)
        self.assertRegex(self.set(node, "--force", "kubelet.config.podsPerCore=3").stderr, overridden)
        self.assertNotEqual(node.file(SET).read_bytes(), before)
        self.assertIn("is not set in", self.set(node, "cni.maxENIs", verb="unset").stdout)

        self.set(node, "kubelet.config", "node.labels.example.com/team", verb="unset")
        self.assertFalse(node.file(SET).exists())

        self.apply(node)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)

    def test_only_root_may(self):
        node = self.booted()
        for verb, argument in ("set", "kubelet.config.maxPods=20"), ("unset", "kubelet.config"), ("apply", "--dry-run"):
            done = node.call("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "eksnode", verb, argument)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("only root can", done.stderr)
        self.assertFalse(node.file(SET).exists())
