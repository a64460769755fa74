# SPDX-License-Identifier: Apache-2.0
"""eks-resolved with the real systemd-resolved."""

import support
from node import node_config, packages_listed
from support import BootTest

UNIT = "eks-resolved.service"
DROP_IN = "/run/systemd/resolved.conf.d/40-eks.conf"
SERVERS = "/run/systemd/resolve/resolv.conf"


class Resolved(BootTest):
    def starts(self, node) -> int:
        return len([r for r in node.journal("_PID=1", "UNIT=systemd-resolved.service")
                    if r["MESSAGE"].startswith("Started ")])

    def configured(self, instance=""):
        """A node with systemd-resolved as its package installs it: enabled, and /etc/resolv.conf is its stub."""
        node = self.node([package.root for package in packages_listed(support.IMAGE.cache, "--list-resolved")])
        node.link("etc/systemd/system/sysinit.target.wants/systemd-resolved.service",
                  "/lib/systemd/system/systemd-resolved.service")
        with open(node.root / "etc/passwd", "a") as users:
            users.write("systemd-resolve:x:102:102::/:/usr/sbin/nologin\n")
        (node.root / "etc/resolv.conf").unlink(missing_ok=True)
        node.link("etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf")
        node.user_data(node_config(support.IMAGE.ca) + instance)
        node.boot()
        self.assertActive(node, "eks-node.target", "systemd-resolved.service")
        return node

    def test_name_servers_and_domains_of_the_configuration(self):
        node = self.configured("  instance:\n    network:\n      nameservers: [10.7.7.7, fd00::7]\n"
                               "      domains: [corp.example.com]\n")
        self.assertActive(node, UNIT)
        self.assertEqual(node.file(DROP_IN).read_text(), "[Resolve]\nDNS=10.7.7.7 fd00::7\nDomains=corp.example.com\n")
        resolv = node.wait_for(lambda: "10.7.7.7" in (t := node.file(SERVERS).read_text()) and t, "the name servers")
        self.assertIn("nameserver fd00::7\n", resolv)
        self.assertIn("search corp.example.com\n", resolv)
        self.assertEqual(node.kubelet()["config"]["resolvConf"], SERVERS)
        # Again: nothing changes, and systemd-resolved is left alone.
        before = self.starts(node)
        node.systemctl("restart", UNIT)
        self.assertEqual(self.starts(node), before)
        # Removed, and kubelet runs on.
        node.write("/etc/eks/node.d/50-none.toml", "")
        node.user_data(node_config(support.IMAGE.ca))
        kubelet = node.show("kubelet.service", "MainPID")
        node.output("eksnode", "apply", "--fetch")
        self.assertFalse(node.file(DROP_IN).exists())
        node.wait_for(lambda: "10.7.7.7" not in node.file(SERVERS).read_text(), "the name servers to go")
        self.assertEqual(node.show("kubelet.service", "MainPID"), kubelet)

    def test_without_the_keys_it_is_skipped_and_pods_do_not_get_the_stub(self):
        node = self.configured()
        self.assertEqual(node.show(UNIT, "ActiveState", "ConditionResult"),
                         {"ActiveState": "inactive", "ConditionResult": "no"})
        self.assertEqual(self.starts(node), 1)
        self.assertEqual(node.kubelet()["config"]["resolvConf"], SERVERS)

    def test_a_machine_without_it(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca) + "  instance:\n    network:\n      nameservers: [10.7.7.7]\n")
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertIn("instance.network has no effect: systemd-resolved.service is not installed; install it, or remove "
                      "nameservers and domains, proceeding",
                      [r["MESSAGE"] for r in node.journal("--unit", UNIT)])
        self.assertNotIn("resolvConf", node.kubelet()["config"])
