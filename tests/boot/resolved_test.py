# SPDX-License-Identifier: Apache-2.0
"""eks-resolved with the real systemd-resolved."""

import shutil
from pathlib import Path

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

    def configured(self, instance="", prepare=lambda node: None):
        """A node with systemd-resolved as its package installs it: enabled, and /etc/resolv.conf is its stub."""
        node = self.node([package.root for package in packages_listed(support.IMAGE.cache, "--list-resolved")])
        node.link("etc/systemd/system/sysinit.target.wants/systemd-resolved.service",
                  "/lib/systemd/system/systemd-resolved.service")

        with open(node.root / "etc/passwd", "a") as users:
            users.write("systemd-resolve:x:102:102::/:/usr/sbin/nologin\n")
        (node.root / "etc/resolv.conf").unlink(missing_ok=True)
        node.link("etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf")
        node.user_data(node_config(support.IMAGE.ca) + instance)
        prepare(node)
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

    def test_the_api_server_s_address_is_asked_of_the_configured_servers(self):
        """Only they know that it is private, so that kubelet reaches it without the proxy."""
        host, private = "api.corp.example", "/run/eks/private-api-server"

        def prepare(node):
            shutil.copy(Path(__file__).with_name("fake-dns"), node.root / "usr/local/lib/fake-dns")
            node.write("/etc/systemd/system/fake-dns.service",
                       "[Unit]\nBefore=network.target\n[Service]\nType=exec\n"
                       # resolved asks nobody while it has no link besides loopback.
                       "ExecStartPre=ip link add vpc0 type veth peer name vpc1\nExecStartPre=ip address add 10.9.9.1/24 dev vpc0\n"
                       "ExecStartPre=ip link set vpc0 up\nExecStartPre=ip link set vpc1 up\n"
                       "ExecStart=/usr/bin/python3 /usr/local/lib/fake-dns /srv/names\n")
            node.link("/etc/systemd/system/multi-user.target.wants/fake-dns.service", "../fake-dns.service")
            node.write("/srv/names", f"10.1.1.1 {host}\n")
            node.write("/etc/eks/node.toml", '[proxy]\nhttps = "http://127.0.0.1:3128"\n')
            node.user_data(node_config(support.IMAGE.ca).replace("https://example.com", f"https://{host}")
                           + "  instance:\n    network:\n      nameservers: [127.0.0.1]\n")

        node = self.configured(prepare=prepare)
        self.assertEqual(node.file(private).read_text(), host + "\n")

        # Other servers, by `eksnode apply`: it is looked up again with them.
        node.user_data(node_config(support.IMAGE.ca).replace("https://example.com", f"https://{host}")
                       + "  instance:\n    network:\n      nameservers: [127.0.0.1]\n      domains: [corp.example]\n")
        node.file("/srv/names").write_text(f"8.8.4.4 {host}\n")
        self.assertIn("ran eks-environment.service\n", node.output("eksnode", "apply", "--fetch"))
        self.assertFalse(node.file(private).exists())

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
