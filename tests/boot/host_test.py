# SPDX-License-Identifier: Apache-2.0
"""What the drop-ins for the host do, with the real daemons that read them."""

import support
from node import packages_listed
from support import BootTest

# networkd serves the address to itself, over a pair of interfaces.
NETWORKS = {
    "eth-test": """\
[Match]
Name=eth-test
[Network]
DHCP=ipv4
""",
    "peer": """\
[Match]
Name=peer
[Network]
Address=10.77.0.9/24
DHCPServer=yes
"""}
FOREIGN = {  # what a CNI plugin adds, and how it is seen
    "route": (("route", "add", "10.79.0.0/16", "dev", "eth-test", "proto", "static"), ("route", "show", "10.79.0.0/16")),
    "route in a table": (("route", "add", "10.80.0.0/16", "dev", "eth-test", "table", "2"),
                         ("route", "show", "table", "2")),
    "rule": (("rule", "add", "from", "10.80.0.5", "lookup", "2", "priority", "1536"), ("rule", "show", "priority", "1536")),
}


class Networkd(BootTest):
    """A CNI plugin's routes and rules beside networkd."""

    def foreign(self, node) -> dict[str, str]:
        return {what: node.call("ip", *show).stdout for what, (_, show) in FOREIGN.items()}

    def has_address(self, node) -> bool:
        return ("proto dhcp" in node.call("ip", "route", "show", "dev", "eth-test").stdout and
                "(configured)" in node.call("networkctl", "status", "eth-test").stdout)

    def test_routes_and_rules_of_others_stay(self):
        node = self.node([package.root for package in packages_listed(support.IMAGE.cache, "--list-bus")])  # for networkctl
        with open(node.root / "etc/passwd", "a") as users:
            users.write("messagebus:x:101:101::/nonexistent:/usr/sbin/nologin\n")
        for name, text in NETWORKS.items():
            node.write(f"etc/systemd/network/10-{name}.network", text)
        node.boot()
        node.output("ip", "link", "add", "eth-test", "type", "veth", "peer", "name", "peer")
        node.systemctl("start", "systemd-networkd")
        node.wait_for(lambda: self.has_address(node), "networkd to configure eth-test")

        for add, _ in FOREIGN.values():
            node.output("ip", *add)
        before = self.foreign(node)
        self.assertTrue(all(before.values()), before)

        for command in "networkctl reload", "networkctl renew eth-test", "systemctl restart systemd-networkd":
            node.output("sh", "-c", command)
            node.wait_for(lambda: self.has_address(node), f"networkd after {command}")
            self.assertEqual(self.foreign(node), before, command)

        # A rule also stays when networkd configures an interface again. Our drop-in keeps it.
        for metric, keep in (78, True), (79, False):
            if not keep:
                node.link("etc/systemd/networkd.conf.d/80-release.conf", "/dev/null")
                node.systemctl("restart", "systemd-networkd")
                node.wait_for(lambda: self.has_address(node), "networkd without our drop-in")

            node.write("etc/systemd/network/10-eth-test.network", NETWORKS["eth-test"] + f"[DHCPv4]\nRouteMetric={metric}\n")
            node.output("networkctl", "reload")
            node.wait_for(lambda: f"metric {metric}" in node.call("ip", "route").stdout, "another metric")
            self.assertEqual(self.foreign(node)["rule"], before["rule"] if keep else "")


class Host(BootTest):
    def test_limits_and_files(self):
        node = self.booted()
        self.assertEqual(node.output("systemctl", "show", "--property=DefaultTasksMax"), "DefaultTasksMax=infinity\n")

        node.output("sh", "-c", "systemd-run --quiet --scope --unit=probe.scope sleep 60 >/dev/null 2>&1 & "
                    "until systemctl is-active --quiet probe.scope; do sleep .05; done")
        self.assertEqual(node.show("probe.scope", "TasksMax")["TasksMax"], "infinity")

        for module in "iptable_nat", "ip6table_nat", "nf_tables":
            self.assertIn(f"modprobe@{module}.service", node.show("sysinit.target", "Wants")["Wants"].split())
