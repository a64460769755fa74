# SPDX-License-Identifier: Apache-2.0
"""Local clusters on Outposts."""

import os
import shutil
from pathlib import Path

import support
from node import TESTS, node_config, run
from support import BootTest


class Outpost(BootTest):
    HOST = "abc.gr7.us-west-2.eks.amazonaws.com"
    UNIT = "[Service]\nType=exec\nExecStart=/usr/bin/python3 /usr/local/lib/fake-dns /srv/names\n"

    def outpost(self):
        node = self.node()
        shutil.copy(Path(__file__).with_name("fake-dns"), node.root / "usr/local/lib/fake-dns")
        node.write("/etc/systemd/system/fake-dns.service", self.UNIT + "[Unit]\nBefore=network.target\n")
        node.link("/etc/systemd/system/multi-user.target.wants/fake-dns.service", "../fake-dns.service")
        (node.root / "etc/resolv.conf").unlink(missing_ok=True)
        node.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        node.write("/etc/hosts", "127.0.0.1 localhost # ours\n")
        node.write("/srv/names", f"10.1.1.2 {self.HOST}\n10.1.1.1 {self.HOST}\n")
        node.user_data(node_config(support.IMAGE.ca, cluster="    enableOutpost: true\n    id: local-id\n").replace(
            "https://example.com", f"https://{self.HOST}:6443"))

        return node

    def test_the_api_server_stays_known_without_dns(self):
        self.stand_in_only("kubelet waits for its certificate, as it should")
        node = self.outpost()
        support.let_be_killed(node, "eks-hosts.service")
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        self.assertInOrder(node)

        hosts = node.file("/etc/hosts").read_text()
        lines = hosts.splitlines()
        self.assertEqual(lines[0], "127.0.0.1 localhost # ours")
        self.assertEqual(lines[2:4], [f"10.1.1.1\t{self.HOST}", f"10.1.1.2\t{self.HOST}"])
        self.assertEqual(len(lines), 5)

        kubelet = node.kubelet()
        self.assertEqual(kubelet["flags"]["bootstrap-kubeconfig"], "/var/lib/kubelet/bootstrap-kubeconfig")
        self.assertFalse(node.file("/var/lib/kubelet/kubeconfig").exists())
        self.assertIn('"local-id"', node.file("/var/lib/kubelet/bootstrap-kubeconfig").read_text())

        before = os.stat(node.file("/etc/hosts")).st_mtime_ns
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        node.systemctl("reload", "eks-hosts")
        self.assertEqual((node.file("/etc/hosts").read_text(), os.stat(node.file("/etc/hosts")).st_mtime_ns), (hosts, before))

        node.file("/srv/names").write_text(f"10.1.1.9 {self.HOST}\n")
        node.systemctl("reload", "eks-hosts")
        renewed = "\n".join([*lines[:2], f"10.1.1.9\t{self.HOST}", lines[4], ""])
        self.assertEqual(node.file("/etc/hosts").read_text(), renewed)
        self.assertEqual(node.show("kubelet.service", "MainPID")["MainPID"], pid)

        # Killed before or after it changes anything, it leaves the file as it was or as it is to be.
        kills = 0
        for point in range(1, 20):
            before, address = node.file("/etc/hosts").read_text(), f"10.1.2.{point}"
            wanted = "\n".join([*lines[:2], f"{address}\t{self.HOST}", lines[4], ""])
            node.file("/srv/names").write_text(f"{address} {self.HOST}\n")
            support.kill_at(node, point)
            node.systemctl("reload", "eks-hosts")
            support.kill_at(node, None)

            if node.show("eks-hosts", "ReloadResult")["ReloadResult"] != "signal":
                break

            kills += 1
            self.assertIn(node.file("/etc/hosts").read_text(), (before, wanted))
            self.assertEqual(node.systemctl("reload", "eks-hosts").returncode, 0)
            self.assertEqual(node.file("/etc/hosts").read_text(), wanted)
            self.assertEqual([path.name for path in node.file("/etc").glob(".#*")], [])

        self.assertGreaterEqual(kills, 4)  # before and after the write and the rename

        node.file("/srv/names").write_text(f"10.1.1.9 {self.HOST}\n")
        node.systemctl("reload", "eks-hosts")
        self.assertEqual(node.file("/etc/hosts").read_text(), renewed)
        self.assertEqual(node.show("kubelet.service", "MainPID")["MainPID"], pid)

        # Cut off: no server answers from the next boot on.
        node.file("/etc/systemd/system/multi-user.target.wants/fake-dns.service").unlink()
        node.reboot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        self.assertEqual(node.file("/etc/hosts").read_text(), renewed)

        warnings = [r["MESSAGE"] for r in node.journal("--unit", "eks-hosts") if r["PRIORITY"] == "4"]
        self.assertEqual(len(warnings), 1)
        self.assertTrue(warnings[0].endswith(", proceeding"))

    def test_a_node_that_leaves_its_local_cluster(self):
        self.stand_in_only("kubelet waits for its certificate, as it should")
        node = self.outpost()
        run("g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", node.root / "usr/local/lib/escapes.so", TESTS / "boot/escapes.cpp")
        node.write("/etc/systemd/system/eks-hosts.service.d/escape.conf", "[Service]\nEnvironmentFile=-/run/escape\n")
        node.boot()
        self.assertIn(self.HOST, node.file("/etc/hosts").read_text())

        # The process that parses what DNS sends cannot do what the step may.
        node.file("/run/escape").write_text("LD_PRELOAD=/usr/local/lib/escapes.so\nESCAPE_WRITE=/etc/escaped\n")
        node.output("systemctl", "reload", "eks-hosts")
        node.output("journalctl", "--sync")
        reported = [r["MESSAGE"] for r in node.journal("--unit", "eks-hosts") if r["MESSAGE"].startswith("escape ")]
        self.assertEqual(reported, ["escape child refused", "escape step allowed"])

        node.file("/run/escape").unlink()
        node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca))
        node.reboot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        self.assertEqual(node.file("/etc/hosts").read_text(), "127.0.0.1 localhost # ours\n")

        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show("eks-hosts.service", "ConditionResult")["ConditionResult"], "no")

    def test_a_host_that_nobody_knows_keeps_kubelet_down(self):
        node = self.outpost()
        node.write("/srv/names", "")
        node.boot()
        record = self.failure(node, "eks-hosts.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("host-unresolved", "69"))
        self.assertIn("there is no such name", record["MESSAGE"])
        self.assertKubeletDown(node)
        self.assertEqual(node.file("/etc/hosts").read_text(), "127.0.0.1 localhost # ours\n")

    def test_other_clusters_do_without(self):
        node = self.booted()
        self.assertEqual(node.show("eks-hosts.service", "ConditionResult")["ConditionResult"], "no")
        self.assertActive(node, "eks-node.target")
