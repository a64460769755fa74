# SPDX-License-Identifier: Apache-2.0
"""Daemons that fail, die or hang: the node comes back by itself."""

import json
import re

import support
from node import node_config
from support import BootTest, fail_first_starts, on_each_containerd

CONTAINERD = "/usr/bin/containerd"
KUBELET = "/usr/bin/kubelet $KUBELET_ARGS $KUBELET_EXTRA_ARGS"
DAEMONS = ("containerd.service", "kubelet.service")
NODE = ("eks-node.target", "eks-sandbox-image.service", *DAEMONS)


class Failing(BootTest):
    def pids(self, node) -> list:
        return [node.show(unit, "MainPID")["MainPID"] for unit in DAEMONS]

    def wait_until_up(self, node, timeout=90):
        for unit in NODE:
            node.wait_for_unit(unit, timeout=timeout)
        node.wait_for(lambda: "No jobs" in node.call("systemctl", "list-jobs").stdout, "the queue of jobs to be empty")
        self.assertActive(node, *NODE)

    def failing(self, **starts):
        """A node of which containerd and kubelet fail so many of their first starts."""
        node = self.node()
        for name, command in (("containerd", CONTAINERD), ("kubelet", KUBELET)):
            fail_first_starts(node, f"{name}.service", command, starts.get(name, 0))
        node.boot(wait=False)
        self.wait_until_up(node)

        for name, count in starts.items():
            done = len(node.file(f"/run/starts-of-{name}.service").read_text().splitlines())
            self.assertGreater(done, count, f"{name} was not started often enough")

        image = node.output("ctr", "-n", "k8s.io", "images", "list")
        self.assertIn("localhost/kubernetes/pause:latest", image)

        return node


@on_each_containerd
class Containerd(Failing):
    def test_a_containerd_that_fails_its_first_start(self):
        node = self.failing(containerd=1)
        self.assertGreaterEqual(int(node.show("containerd.service", "NRestarts")["NRestarts"]), 1)

    def test_a_containerd_that_fails_its_first_two_starts(self):
        self.failing(containerd=2)

    def test_a_containerd_that_fails_its_first_five_starts(self):
        self.failing(containerd=5)

    def test_killed_restarted_and_stopped_daemons(self):
        """One node, for it is whole again after each."""
        node = self.failing()

        with self.subTest("kubelet is killed"):
            before = self.pids(node)
            node.output("systemctl", "kill", "--signal=SIGKILL", "kubelet.service")
            node.wait_for_unit("eks-node.target", "inactive")  # never up without kubelet
            self.wait_until_up(node)
            after = self.pids(node)
            self.assertEqual(after[0], before[0])
            self.assertNotEqual(after[1], before[1])
            self.assertEqual(node.show("kubelet.service", "NRestarts")["NRestarts"], "1")

        with self.subTest("containerd is killed"):
            before = self.pids(node)
            node.output("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", "containerd.service")
            node.wait_for(lambda: all(a != b != "0" for a, b in zip(before, self.pids(node))), "both to run again")
            self.wait_until_up(node)

        with self.subTest("containerd is restarted"):
            before = self.pids(node)
            node.systemctl("restart", "containerd")
            self.wait_until_up(node)
            self.assertFalse(set(before) & set(self.pids(node)))

        with self.subTest("containerd is stopped, and started"):
            node.systemctl("stop", "containerd")
            for unit in ("kubelet.service", "eks-node.target"):
                self.assertEqual(node.show(unit, "ActiveState")["ActiveState"], "inactive", unit)
            node.systemctl("start", "containerd")
            self.wait_until_up(node)

        with self.subTest("kubelet is restarted"):
            before = self.pids(node)
            node.output("systemctl", "kill", "--signal=SIGKILL", "kubelet.service")
            node.wait_for(lambda: node.show("kubelet.service", "NRestarts")["NRestarts"] == "1", "the count of restarts")
            self.wait_until_up(node)  # else both restarts are one job
            node.systemctl("restart", "kubelet")
            self.wait_until_up(node)
            self.assertEqual(self.pids(node)[0], before[0])
            self.assertEqual(node.show("kubelet.service", "NRestarts")["NRestarts"], "0")  # as kubelet.service(8) says

        with self.subTest("kubelet is stopped, and stays so"):
            node.systemctl("stop", "kubelet")
            for unit in ("kubelet.service", "eks-node.target"):
                self.assertEqual(node.show(unit, "ActiveState")["ActiveState"], "inactive", unit)
            node.systemctl("reload", "eks-kubelet-config")
            node.systemctl("daemon-reload")

            for unit in ("kubelet.service", "eks-node.target"):
                self.assertEqual(node.show(unit, "ActiveState")["ActiveState"], "inactive", unit)
            self.assertActive(node, "containerd.service")

            node.systemctl("start", "eks-node.target")
            self.wait_until_up(node)


class Healing(Failing):
    def test_a_containerd_that_fails_once_with_the_delay_of_its_own_unit(self):
        node = self.node()
        fail_first_starts(node, "containerd.service", CONTAINERD, 1, delay="5s")
        node.boot(wait=False)
        self.wait_until_up(node)

    def test_a_kubelet_that_fails_its_first_start(self):
        node = self.failing(kubelet=1)
        self.assertEqual(self.starts(node, "containerd.service"), 1)

    def test_a_kubelet_that_fails_its_first_two_starts(self):
        self.failing(kubelet=2)

    def test_a_kubelet_that_fails_its_first_five_starts(self):
        self.failing(kubelet=5)

    def test_both_fail_their_first_starts(self):
        self.failing(containerd=2, kubelet=2)

    def test_a_kubelet_that_hangs(self):
        node = self.node()
        node.write("/etc/systemd/system/kubelet.service.d/90-hurry.conf", "[Service]\nRestartSec=200ms\n")
        node.boot()
        self.assertEqual(node.show("kubelet.service", "WatchdogUSec")["WatchdogUSec"], "30s")

        node.file("/etc/systemd/system/kubelet.service.d/90-hurry.conf").write_text(
            "[Service]\nRestartSec=200ms\nWatchdogSec=3s\n")
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        before = self.pids(node)
        node.output("systemctl", "kill", "--kill-whom=main", "--signal=SIGSTOP", "kubelet.service")
        node.wait_for(lambda: self.pids(node)[1] not in ("0", before[1]), "another kubelet", 60)
        self.wait_until_up(node)
        self.assertEqual(self.pids(node)[0], before[0])
        self.assertTrue([r for r in node.journal("_PID=1", "UNIT=kubelet.service") if "Watchdog timeout" in r["MESSAGE"]])

        # One that works is left alone, for longer than the watchdog waits.
        alive, restarts = self.pids(node), node.show("kubelet.service", "NRestarts")
        node.output("sleep", "5")
        self.assertEqual((self.pids(node), node.show("kubelet.service", "NRestarts")), (alive, restarts))

    def test_a_kubelet_before_1_32_is_not_watched(self):
        self.stand_in_only("a real kubelet has the version that it has")
        node = self.node()
        node.write("/etc/eks/kubelet-version.txt", "1.31.4")
        node.write("/etc/stand-in-kubelet-version", "v1.31.4")
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show("kubelet.service", "WatchdogUSec")["WatchdogUSec"], "0")

    def test_the_target_is_not_up_while_kubelet_is_not_ready(self):
        node = self.node()
        fail_first_starts(node, "kubelet.service", KUBELET, 1000)
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and node.file("/run/starts-of-kubelet.service").exists() and
                      len(node.file("/run/starts-of-kubelet.service").read_text().splitlines()) > 3, "four starts", 60)
        self.assertEqual(node.show("eks-node.target", "ActiveState")["ActiveState"], "inactive")
        self.assertEqual(self.starts(node, "eks-node.target"), 0)

        status = node.wait_for(lambda: re.search(
            r"^.* × kubelet\.service +FAILED \(exit status 1\), restarts itself; has done so \d+ times\n"
            r".* Last error: start refused by a test$", node.call("eksnode", "status").stdout, re.MULTILINE), "its state")
        self.assertTrue(status)
        self.assertEqual(node.call("eksnode", "status").returncode, 75)

        # The test's condition is removed, and nothing else is done.
        node.file("/etc/systemd/system/kubelet.service.d/90-fail-first.conf").unlink()
        node.output("systemctl", "daemon-reload")
        self.wait_until_up(node)
        status = node.output("eksnode", "status")
        self.assertRegex(status, r"kubelet\.service +\d+ ms  running, restarted itself \d+ times")
        self.assertNotIn("Last error", status)


class Checkpoints(BootTest):
    STATES = ("/var/lib/kubelet/cpu_manager_state", "/var/lib/kubelet/memory_manager_state")

    def assertTheyAreGone(self, node):
        for path in self.STATES:  # a real kubelet makes others at once
            file = node.file(path)
            self.assertNotIn("of another instance", file.read_text() if file.exists() else "", path)

    def test_those_of_another_instance_are_removed_before_kubelet_starts(self):
        node = self.node()
        for path in self.STATES:
            node.write(path, "of another instance")
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertTheyAreGone(node)

        for path in self.STATES:
            if not node.file(path).exists():  # the stand-in makes none
                node.file(path).write_text("{}")

        self.assertEqual(node.file("/var/lib/eks/kubelet-checkpoints").read_text(), "i-1234567890abcdef0 m4.xlarge\n")

        # Those of this instance stay.
        node.systemctl("restart", "eks-kubelet-config")
        node.reboot()

        for path in self.STATES:
            self.assertTrue(node.file(path).exists(), path)

        # Stopped, and started as another type: the same instance with other CPUs.
        node.write("/var/lib/eks/kubelet-checkpoints", "i-1234567890abcdef0 m5.4xlarge\n")
        node.systemctl("reload", "eks-kubelet-config")

        for path in self.STATES:
            self.assertFalse(node.file(path).exists(), path)

        # An image is made from the node, and another instance started with it.
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        text = json.dumps(profile).replace("i-1234567890abcdef0", "i-0000000000000000f")
        node.file("/srv/aws/profile.json").write_text(text)

        for path in self.STATES:
            node.file(path).write_text("of another instance")
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertTheyAreGone(node)


class FailClosed(BootTest):
    """Daemons heal; what a step did not write is not made good by a start without it."""

    def assertDown(self, node, *units):
        for unit in units:
            state = node.show(unit, "ActiveState", "SubState")
            self.assertEqual(state["ActiveState"], "inactive", f"{unit}: {state}")

    def test_a_masked_step_of_containerd_keeps_it_down_however_it_is_started(self):
        node = self.node()
        node.link("/etc/systemd/system/eks-containerd-config.service", "/dev/null")
        node.link("/etc/systemd/system/multi-user.target.wants/containerd.service", "/lib/systemd/system/containerd.service")
        node.boot()
        self.assertKubeletDown(node)
        self.assertDown(node, *DAEMONS)
        self.assertEqual(self.starts(node, "kubelet.service"), 0)

        text = node.call("systemctl", "status", "containerd.service").stdout
        self.assertIn("AssertPathExists=/run/eks/done/eks-containerd-config was not met", text)

        for unit in ("containerd", "kubelet", "eks-node.target"):
            self.assertNotEqual(node.systemctl("start", unit).returncode, 0)
            self.assertDown(node, *DAEMONS, "eks-node.target")

    def test_a_failed_step_of_containerd_keeps_both_down(self):
        node = self.booted(extra="  containerd:\n    config: |\n      [grpc\n")
        self.failure(node, "eks-containerd-config.service")
        self.assertKubeletDown(node)
        self.assertDown(node, *DAEMONS)

        # Also after a start of either, which tries the step again.
        node.systemctl("start", "containerd")
        self.assertDown(node, *DAEMONS, "eks-node.target")

    def test_a_masked_step_that_is_needed_keeps_down_what_requires_it(self):
        node = self.node()
        node.write("/etc/eks/node.toml", '[containerd.volume]\ndevice = "/dev/nothing"\n')
        node.link("/etc/systemd/system/eks-containerd-volume.service", "/dev/null")
        node.link("/etc/systemd/system/multi-user.target.wants/containerd.service", "/lib/systemd/system/containerd.service")
        node.boot()
        self.assertDown(node, *DAEMONS, "eks-node.target", "eks-configured.target")

        for unit in ("containerd.service", "eks-configured.target"):
            self.assertIn("none of the trigger assertions were met", node.call("systemctl", "status", unit).stdout)

    def test_a_masked_eks_hosts_keeps_kubelet_down_where_it_is_needed(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca, cluster="    enableOutpost: true\n    id: local-id\n").replace(
            "https://example.com", "https://127.0.0.1"))
        node.link("/etc/systemd/system/eks-hosts.service", "/dev/null")
        node.boot()
        self.assertKubeletDown(node)
        self.assertIn("none of the trigger assertions were met", node.call("systemctl", "status", "kubelet.service").stdout)
