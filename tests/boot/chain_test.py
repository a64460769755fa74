# SPDX-License-Identifier: Apache-2.0
"""The chain on an ordinary node: order, programs, skips, re-runs, and which machine is a node."""

import json
import os
from fnmatch import fnmatchcase

import support
from executed import Executed
from node import Node, node_config
from support import BootTest, RENDERED, STEPS

STALE = "f9f2ba61e9f84082854d17f344f04f84"  # daemon-stale

# What a boot executes: the unit, its program, and why it has to.
PROGRAMS = [
    ("*", "/usr/lib/*/ld-linux-*.so.*", "the dynamic loader, which the kernel runs for every program that is linked dynamically"),
    ("init.scope", "/usr/lib/systemd/systemd", "PID 1"),
    ("init.scope", "/usr/lib/systemd/system-generators/systemd-*-generator", "systemd's own, at every boot"),
    ("init.scope", "/usr/lib/systemd/system-generators/eks-node-generator", "decides whether the machine is a node"),
    ("systemd-*.service", "/usr/lib/systemd/systemd-*", "systemd's own services"),
    ("systemd-*.service", "/usr/bin/systemd-*", "systemd's own: users and temporary files"),
    ("systemd-journal-flush.service", "/usr/bin/journalctl", "systemd's own: moves the journal from /run to the disk"),
    ("*.mount", "/usr/bin/mount", "by which systemd mounts file systems such as /dev/hugepages"),
    ("fake-aws.service", "/usr/bin/python3.*", "the metadata service of the test"),
    *((f"{step}.service", f"/usr/libexec/eksnode/{step}", "a step is one program") for step in STEPS),
    ("eks-join.service", "/usr/libexec/eksnode/eks-join", "watches how the node joins, beside kubelet"),
    ("containerd.service", "/usr/bin/containerd", "the daemon"),
    ("eks-sandbox-image.service", "/usr/libexec/eksnode/eks-sandbox-image", "imports the sandbox image that the machine image has"),
    ("eks-sandbox-image.service", "/usr/bin/ctr", "containerd's client, by which it is imported"),
    ("kubelet.service", "/usr/sbin/xtables-*-multi", "iptables: pods' packets are forwarded"),
    ("kubelet.service", "/usr/bin/kubelet", "the daemon"),
    ("kubelet.service", "/usr/bin/python3.*", "the stand-in for kubelet is a script"),
]


class ColdBoot(BootTest):
    """One boot of the ordinary node, looked at from many sides."""

    @classmethod
    def setUpClass(cls):
        cls.context = Node(support.IMAGE, support.SCRATCH)
        cls.n = cls.context.__enter__()
        cls.addClassCleanup(cls.context.__exit__)
        with Executed(cls.n.root) as cls.executed:
            cls.n.boot()

    def test_reaches_the_node_target_with_no_failed_unit(self):
        self.assertActive(self.n, "eks-node.target", "eks-configured.target", "kubelet.service", "containerd.service",
                          "eks-sandbox-image.service", *(f"{s}.service" for s in STEPS))
        self.assertEqual(self.n.output("systemctl", "--failed", "--no-legend"), "")
        self.assertEqual(self.n.output("systemctl", "is-system-running").strip(), "running")

    def test_the_dependency_tree_shows_every_step(self):
        tree = self.n.output("systemctl", "list-dependencies", "--all", "--plain", "eks-node.target")
        for unit in [*STEPS, "eks-sandbox-image"]:
            self.assertIn(f"{unit}.service", tree)

    def test_has_no_ordering_cycle_no_reload_and_no_second_start(self):
        manager = " ".join(r.get("MESSAGE", "") for r in self.n.journal("_PID=1"))
        self.assertNotIn("ordering cycle", manager)
        self.assertNotIn("Reloading", manager)
        for unit in ("containerd.service", "kubelet.service", *(f"{s}.service" for s in STEPS)):
            self.assertEqual(self.starts(self.n, unit), 1, unit)

    def test_independent_steps_overlap_in_time(self):
        spans = {}
        for step in ("eks-ca", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config", "eks-kubelet-args",
                     "eks-containerd-config"):
            show = self.n.show(f"{step}.service", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
            spans[step] = tuple(map(int, show.values()))

        overlapping = {a for a in spans for b in spans
                       if a != b and min(spans[a][1], spans[b][1]) > max(spans[a][0], spans[b][0])}
        self.assertEqual(overlapping, set(spans), f"started and finished, in µs: {spans}")

        # containerd does not wait for kubelet's files.
        self.assertNotIn("eks-kubelet-config", self.n.show("containerd.service", "After")["After"])

    def test_the_steps_run_in_order(self):
        self.assertInOrder(self.n, left_out=["eks-hosts.service"])

    def test_every_program_that_is_executed_has_a_reason(self):
        self.stand_in_only("it executes programs of its own")
        executed = dict.fromkeys(self.executed.programs)
        for unit, program in executed:
            self.assertTrue(any(fnmatchcase(unit, units) and fnmatchcase(program, programs) for units, programs, _ in PROGRAMS),
                            f"{unit} executed {program}, which PROGRAMS gives no reason for")

        for units, programs, reason in PROGRAMS:
            self.assertTrue(any(fnmatchcase(unit, units) and fnmatchcase(program, programs) for unit, program in executed),
                            f"nothing executed {programs} in {units} ({reason}), remove it from PROGRAMS")

    def test_kubelet_got_what_the_reference_input_asks_for(self):
        kubelet = self.n.kubelet()
        config = kubelet["config"]
        self.assertEqual(config["maxPods"], 58)
        self.assertEqual(config["kubeReserved"]["memory"], "893Mi")
        self.assertEqual(config["kubeReserved"]["pid"], "1000")
        self.assertEqual(config["clusterDNS"], ["10.100.0.10"])
        self.assertEqual(config["providerID"], "aws:///us-west-2f/i-1234567890abcdef0")
        self.assertEqual(kubelet["kubeconfig"]["cluster"]["server"], "https://example.com")
        self.assertEqual(kubelet["flags"]["node-ip"], "172.16.34.43")
        self.assertEqual(kubelet["node"], "ip-172-16-34-43.us-west-2.compute.internal")
        self.assertTrue((self.n.file("/etc/kubernetes/kubelet/kubelet-config.json")).is_symlink())

        self.stand_in_only("1.35 has no --pod-infra-container-image, and may need a setting of its own to run here")
        self.assertEqual(kubelet["flags"]["pod-infra-container-image"], "localhost/kubernetes/pause:latest")
        self.assertFalse(self.n.file("/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf").exists())

    def test_containerd_runs_on_the_rendered_configuration(self):
        dump = self.n.output("containerd", "config", "dump")
        for wanted in ('sandbox_image = "localhost/kubernetes/pause:latest"', "SystemdCgroup = true",
                       'base_runtime_spec = "/etc/containerd/base-runtime-spec.json"', "discard_unpacked_layers = true",
                       'config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"'):
            self.assertIn(wanted, dump)

        # What containerd's own unit file recommends, whichever the distribution's is.
        wanted = {"Slice": "runtime.slice", "Type": "notify", "Delegate": "yes", "KillMode": "process",
                  "Restart": "always", "LimitNPROC": "infinity", "LimitCORE": "infinity", "LimitNOFILE": "1048576",
                  "TasksMax": "infinity", "OOMScoreAdjust": "-999"}
        self.assertEqual(self.n.show("containerd.service", *wanted), wanted)

        image = self.n.output("ctr", "-n", "k8s.io", "images", "list")
        self.assertIn("localhost/kubernetes/pause:latest", image)
        self.assertIn("io.cri-containerd.pinned=pinned", image)

    def test_metadata_is_fetched_with_one_token_over_few_connections(self):
        self.stand_in_only("kubelet's token needs metadata as well")
        requests = [json.loads(line) for line in self.n.file("/run/fake-aws.log").read_text().splitlines()]
        self.assertEqual(sum(r["method"] == "PUT" for r in requests), 1)
        self.assertTrue(all(r["token"] for r in requests if r["method"] == "GET"))
        self.assertLessEqual(len({r["connection"] for r in requests}), 5)
        self.assertGreater(len(requests), 15)

    def test_facts_are_readable_and_secrets_are_not(self):
        self.assertEqual(self.n.file("/run/eks/imds.json").stat().st_mode & 0o777, 0o644)
        for path in ("/run/eks/user-data", "/run/eks/node.json"):
            self.assertEqual(self.n.file(path).stat().st_mode & 0o777, 0o600, path)
        text = self.n.output("journalctl", "--boot", "--output=export", "--no-pager", "--all")
        self.assertNotIn(support.IMAGE.ca[:60], text, "the user data's content is in the journal")
        self.assertNotIn("metadata-token", text)

    def test_every_step_is_confined(self):
        for step in STEPS:
            debug = [r["MESSAGE"] for r in self.n.journal("--unit", step) if "without it" in r.get("MESSAGE", "")]
            self.assertEqual(debug, [])

    def test_the_runtimes_of_the_node_are_listed(self):
        listed = self.n.output("eksnode", "runtimes").splitlines()
        self.assertTrue(any(line.split()[:2] == ["runc", "default"] for line in listed), listed)
        self.assertTrue(any(line.split()[:2] == ["runsc", "-"] for line in listed), listed)
        classes = self.n.output("eksnode", "runtimes", "--runtimeclass")
        self.assertIn("kind: RuntimeClass", classes)
        self.assertIn('handler: "runc"', classes)

    def test_status_shows_the_chain(self):
        result = self.n.call("eksnode", "status")
        self.assertEqual(result.returncode, 0)
        for unit in [*STEPS, "kubelet", "containerd", "eks-sandbox-image"]:
            self.assertRegex(result.stdout, rf"● {unit}\.service +\d+ ms  (done|running)")

    def test_systemctl_status_alone_says_what_a_step_did(self):
        text = self.n.output("systemctl", "status", "eks-kubelet-config")
        self.assertRegex(text, r"Status: \"wrote /etc/kubernetes/kubelet/config.json")
        self.assertIn("man:eks-kubelet-config.service(8)", text)

    def test_plan_on_the_node_names_the_files_that_are_there(self):
        rows = [line.split("\t") for line in self.n.output("eksnode", "plan").splitlines()[1:]]
        planned = {row[0]: row for row in rows}
        for path in RENDERED:
            digest = self.n.output("sha256sum", path).split()[0]
            self.assertEqual(planned[path][3], digest, path)
            self.assertEqual(planned[path][1], "0644")


class NoOtherPrograms(BootTest):
    """A node whose PATH has what PROGRAMS lists and nothing else: no shell, no jq, no curl."""

    CONTAINERD = "2"
    KEPT = {"/usr/bin/systemctl": "by which the test looks at the node"}

    @staticmethod
    def target(root, path: str) -> str:
        """Where a link of the node leads to."""
        while (root / path.lstrip("/")).is_symlink():
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(root / path.lstrip("/"))))
        return path

    def remove_other_programs(self, node) -> list:
        wanted = [programs for _, programs, _ in PROGRAMS] + list(self.KEPT)
        removed = []

        for folder in "/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin":
            # a link is judged by its target, so all are resolved before any is removed
            targets = {path: self.target(node.root, f"{folder}/{path.name}") for path in (node.root / folder[1:]).iterdir()}
            for path, target in targets.items():
                program = path.is_symlink() or (path.is_file() and os.access(path, os.X_OK))
                if program and not any(fnmatchcase(target, pattern) for pattern in wanted):
                    path.unlink()
                    removed.append(f"{folder}/{path.name}")

        return removed

    def test_a_node_needs_no_other_programs(self):
        self.stand_in_only("it executes programs of its own")
        node = self.node()
        removed = self.remove_other_programs(node)
        self.assertLessEqual({"/usr/bin/sh", "/usr/bin/cat", "/usr/bin/eksnode", "/usr/sbin/sysctl"}, set(removed))

        node.boot()
        self.assertNotEqual(node.call("sh", "-c", ":").returncode, 0)
        self.assertActive(node, "eks-node.target", "eks-configured.target", "containerd.service", "kubelet.service",
                          "eks-sandbox-image.service", *(f"{step}.service" for step in STEPS))
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)
        self.assertCalm(node)


class Generator(BootTest):
    def test_a_machine_that_is_no_node_starts_nothing(self):
        for arguments in (("eks.node=0",), ("quiet",)):  # the second: a container is none by itself
            node = self.booted(*arguments)
            self.assertEqual(node.show("eks-node.target", "ActiveState")["ActiveState"], "inactive")

            for step in STEPS:
                self.assertEqual(self.starts(node, f"{step}.service"), 0)

            # containerd alone is usable there as its package has it, and brings no chain along.
            node.output("systemctl", "start", "containerd")
            self.assertEqual(node.show("containerd.service", "DropInPaths", "Slice", "LimitNOFILE"),
                             {"DropInPaths": "", "Slice": "system.slice", "LimitNOFILE": "infinity"})
            self.assertEqual(node.show("kubelet.service", "LoadState"), {"LoadState": "not-found"})
            self.assertEqual(node.show("eks-imds.service", "ActiveState")["ActiveState"], "inactive")

            if arguments == ("eks.node=0",):
                self.commands_say_why(node)
        self.becomes_a_node(node)

    def commands_say_why(self, node):
        """The commands that start a node, on a machine that is none: without the facts of the instance, and with them."""
        why = "because this machine is not a node: eks.node=0 is on the kernel command line; remove it and reboot"
        node.write("/etc/node-config.yaml", node_config(support.IMAGE.ca))

        bootstrap = "/etc/eks/bootstrap.sh", "--apiserver-endpoint", "https://a.example", "--b64-cluster-ca", support.IMAGE.ca, "my-cluster"
        nodeadm = "nodeadm", "init", "--config-source", "file:///etc/node-config.yaml"
        for command in bootstrap, nodeadm, ("eksnode", "apply"):
            result = node.call(*command)
            self.assertEqual((result.returncode, result.stderr.count(why)), (1, 1), result.stderr)

        node.output("systemctl", "start", "eks-imds")
        for command in bootstrap, nodeadm:
            result = node.call(*command)
            self.assertEqual((result.returncode, result.stderr.count(why)), (1, 1), result.stderr)
            self.assertNotIn("kubelet.service not found", result.stderr)

        # Its files are written, as on a machine that has not been started yet.
        result = node.call("eksnode", "apply")
        self.assertEqual((result.returncode, result.stderr.count(why)), (0, 1), result.stderr)
        self.assertNotIn("start eks-node.target", result.stdout)

        # In an early stage the boot is to go on.
        node.write("/etc/systemd/system/cloud-init.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/sleep infinity\n")
        node.output("systemctl", "daemon-reload")
        node.output("systemctl", "start", "--no-block", "cloud-init")

        for command in bootstrap, nodeadm:
            result = node.call(*command)
            self.assertEqual((result.returncode, result.stderr.count(why)), (0, 1), result.stderr)

    def becomes_a_node(self, node):
        """While containerd and the kubelet of another package run, with the settings of their packages."""
        self.assertIn("kubelet.service not found", node.call("systemctl", "start", "eks-node.target").stderr)

        node.write("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/sleep infinity\n")
        node.systemctl("daemon-reload")
        node.output("systemctl", "start", "kubelet")
        daemons = "containerd.service", "kubelet.service"
        before = self.main_processes(node, *daemons)
        node.write("/etc/eks/node.enabled", "")
        node.systemctl("daemon-reload")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", "eks-sandbox-image.service", *daemons)

        for unit, process in self.main_processes(node, *daemons).items():
            self.assertNotEqual(process, before[unit], unit)

        # The other kubelet does not tell when it has started, so that systemd only says that it has.
        self.assertEqual({unit: self.starts(node, unit) for unit in daemons}, {"containerd.service": 2, "kubelet.service": 1})
        self.assertEqual(node.show("containerd.service", "Slice"), {"Slice": "runtime.slice"})
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)
        self.assertNotIn("older configuration", node.output("eksnode", "status"))
        self.assertEqual(node.journal(f"MESSAGE_ID={STALE}"), [])

        # Now with a container, as its shim keeps it.
        container = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/a-pod"
        node.output("mkdir", "-p", container)

        steps = {"containerd.service": ("eks-containerd-config", "/etc/containerd/config.toml"),
                 "kubelet.service": ("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json")}
        for unit, (_, path) in steps.items():
            node.output("touch", path)
            self.assertIn(f"{unit} was started before '{path}' was written: run `systemctl restart {unit}`",
                          node.output("eksnode", "status"))
            self.assertRegex(node.call("eksnode", "host", "check").stdout, rf"warning +configuration of {unit}")

        before = self.main_processes(node, *daemons)
        for step, _ in steps.values():
            self.start_again(node, step)
        after = self.main_processes(node, *daemons)
        self.assertEqual(after["containerd.service"], before["containerd.service"])
        self.assertNotEqual(after["kubelet.service"], before["kubelet.service"])
        self.assertEqual([(record["EKS_STEP"], record["EKS_DAEMON"]) for record in node.journal(f"MESSAGE_ID={STALE}")],
                         [("eks-containerd-config", "containerd.service")])

        node.output("rmdir", container)
        self.start_again(node, "eks-containerd-config")
        self.assertNotEqual(self.main_processes(node, *daemons)["containerd.service"], before["containerd.service"])
        self.assertActive(node, "eks-node.target", *daemons)
        self.assertNotIn("older configuration", node.output("eksnode", "status"))

    def test_the_debug_option_makes_every_step_say_its_decisions(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca, "  kubelet:\n    config: {maxPods: 21}\n"))
        node.write("/etc/eks/node.d/50-site.toml", "[kubelet.config]\nmaxPods = 20\n")
        node.boot("eks.node=1", "eks.debug")
        self.assertActive(node, "eks-node.target")

        def decisions(step):
            return "\n".join(r["MESSAGE"] for r in node.journal("--unit", step) if r["PRIORITY"] == "7")

        for step, *texts in (
                ("eks-imds", r"instance i-\w+ of type \S+ in \S+: \d+ interfaces, .*, \d+ bytes of user data"),
                ("eks-config", r"kubelet\.config\.maxPods is from user data, line \d+, column \d+, which overrides "
                               r"/etc/eks/node\.d/50-site\.toml, line 2, column 1", "containerd is 1.6.*, from /etc/eks/containerd-version.txt",
                 "the step 'swap' is skipped, it would run if swap is set", "the step 'sandbox-image' runs: "),
                ("eks-ca", "the CA certificate is from user data, line "),
                ("eks-kubeconfig", "kubelet gets its token for the cluster 'my-cluster' from '/usr/bin/eksnode': kubeconfig.auth is 'eksnode'"),
                ("eks-credential-provider", "the provider is '.*'; 0 more from drop-ins"),
                ("eks-kubelet-config", r"kubelet runs 21 pods: kubelet\.config\.maxPods; eksnode writes maxPods \d+: ",
                 "kubeReserved: eks policy: 11 MiB x 21 pods"),
                ("eks-kubelet-args", "--node-ip is ", "the node is named after its private DNS name"),
                ("eks-containerd-config", "the configuration has version 2: containerd is 1.6"),
                ("eks-sandbox-image", "image 'localhost.*', snapshotter ''")):
            for text in texts:
                with self.subTest(step, text=text):
                    self.assertRegex(decisions(step), text)

        # Values may be secret, so places are named without them.
        self.assertNotIn(support.IMAGE.ca[:40], decisions("eks-config"))

    def test_a_file_decides_when_the_command_line_is_silent(self):
        node = self.node()
        node.write("/etc/eks/node.enabled", "")
        node.boot("quiet")
        self.assertActive(node, "eks-node.target")


class Rerun(BootTest):
    def stamps(self, node):
        return {path: os.stat(node.file(path)).st_mtime_ns for path in RENDERED}

    def test_a_reboot_changes_no_file(self):
        node = self.booted()
        before, contents = self.stamps(node), {p: node.file(p).read_bytes() for p in RENDERED}
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(self.stamps(node), before)
        self.assertEqual({p: node.file(p).read_bytes() for p in RENDERED}, contents)

        for step in STEPS[2:]:
            record = [r for r in node.journal("--unit", step) if "EKS_RESULT" in r][-1]
            self.assertEqual(record["EKS_RESULT"], "unchanged", step)

    def test_restarting_a_step_restarts_what_requires_it_and_nothing_else(self):
        node = self.booted()
        pids = lambda: {u: node.show(u, "MainPID")["MainPID"] for u in ("containerd.service", "kubelet.service")}
        first = pids()

        # A changed instance shows that the step renders again.
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        node.systemctl("restart", "eks-kubelet-config")
        second = pids()
        self.assertEqual(second["containerd.service"], first["containerd.service"])
        self.assertNotEqual(second["kubelet.service"], first["kubelet.service"])
        self.assertEqual(self.starts(node, "eks-kubelet-config.service"), 2)
        self.assertEqual(self.starts(node, "eks-ca.service"), 1)

        node.systemctl("restart", "eks-containerd-config")
        third = pids()
        self.assertNotEqual(third["containerd.service"], second["containerd.service"])
        self.assertNotEqual(third["kubelet.service"], second["kubelet.service"])
        self.assertEqual(self.starts(node, "eks-kubelet-config.service"), 2)
        self.assertActive(node, "eks-node.target", "kubelet.service")

        profile["meta-data"]["local-ipv4"] = "172.16.34.99"
        node.file("/srv/aws/profile.json").write_text(json.dumps(profile))
        node.systemctl("restart", "fake-aws")
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: node.kubelet()["flags"]["node-ip"] == "172.16.34.99", "kubelet on the new address")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_an_edited_file_survives_and_is_kept_beside_when_ours_changes(self):
        node = self.booted()
        path = "/etc/kubernetes/kubelet/config.json"
        edited = node.file(path).read_text().replace('"maxPods": 58', '"maxPods": 40')
        node.file(path).write_text(edited)
        node.systemctl("restart", "eks-kubelet-config")
        self.assertEqual(node.file(path).read_text(), edited)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 40)
        self.assertTrue([r for r in node.journal("--unit", "eks-kubelet-config") if r.get("EKS_PATH") == path])

        node.reboot()
        self.assertEqual(node.file(path).read_text(), edited)

        node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca).replace("10.100.0.0/16", "10.200.0.0/16"))
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: node.kubelet()["config"]["clusterDNS"] == ["10.200.0.10"], "kubelet on the new range")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)
        self.assertEqual(node.file(path + ".user-edited").read_text(), edited)

        warning = [r for r in node.journal("--unit", "eks-kubelet-config") if r["PRIORITY"] == "4"]
        self.assertIn(path + ".user-edited", warning[0]["MESSAGE"])

    def test_settings_that_go_away_take_their_file_along(self):
        node = self.booted(extra="  kubelet:\n    config:\n      podsPerCore: 20\n")
        drop_in = "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf"
        self.assertEqual(json.loads(node.file(drop_in).read_text())["podsPerCore"], 20)
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 20)

        node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca))
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: "podsPerCore" not in node.kubelet()["config"], "kubelet without the setting")
        self.stand_in_only("a real kubelet may need a setting of its own to run here")
        self.assertFalse(node.file(drop_in).exists())
