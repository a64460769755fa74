# SPDX-License-Identifier: Apache-2.0
"""Network interfaces of EC2, with real udev and networkd: those of the host, and those of a CNI plugin.

Each is one end of a veth pair, which a rule of udev gives the driver of EC2; on the other end networkd serves its address."""

import json

import support
from escape import EscapeTest
from node import node_config, packages_listed

PRIMARY, SECOND, THIRD = (f"0e:49:61:0f:c3:{last}" for last in (11, 12, 13))
DRIVER = 'SUBSYSTEM=="net", KERNEL=="ens*", ENV{ID_NET_DRIVER}="ena"\n'
# As amazon-ec2-net-utils has them; networkd sees that the driver is another one.
OF_DISTRIBUTION = "[Match]\nName=ens*\n[Network]\nDHCP=ipv4\n"
POLICY_ROUTES = 'SUBSYSTEM=="net", ACTION=="add", ENV{ID_NET_DRIVER}=="vif|ena|ixgbevf", RUN+="/usr/bin/touch /run/policy-routes"\n'
# As netplan makes it from the configuration of Debian's images.
OF_NETPLAN = "[Match]\nName=en*\n[Network]\nDHCP=ipv4\n[DHCP]\nRouteMetric=100\n"
WIRES = """\
[Unit]
DefaultDependencies=no
Before=systemd-udevd.service systemd-udev-trigger.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/sh /etc/wires
"""
# systemd in a container starts before there is an udev, and then never listens to it.
LISTEN = """\
[Unit]
DefaultDependencies=no
After=systemd-udevd.service
Before=systemd-udev-trigger.service sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/systemctl daemon-reexec
"""
RECORDS = "/var/lib/eks/interfaces/"
WRONG = "[instance.network]\nnoSuchKey = 1\n"


def wire(name, mac):
    peer = name.replace("ens", "peer")
    return f"ip link add {name} address {mac} type veth peer name {peer}\n"


class Interfaces(EscapeTest):
    def prepared(self, wires: dict[str, str], files: dict[str, str], late=False):
        """With `late` the metadata service answers questions about other interfaces, too, but has them in no list."""
        packages = [*packages_listed(support.IMAGE.cache, "--list-bus"), *packages_listed(support.IMAGE.cache, "--list-udev")]
        node = self.node([package.root for package in packages])
        node.environment["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "yes"  # udev wants to write to /sys
        with open(node.root / "etc/passwd", "a") as users:
            users.write("messagebus:x:101:101::/nonexistent:/usr/sbin/nologin\n")
        node.write("etc/wires", "".join(wire(*pair) for pair in wires.items()))

        for name, text in ("wires", WIRES), ("listen", LISTEN):
            node.write(f"etc/systemd/system/{name}.service", text)
            node.link(f"etc/systemd/system/sysinit.target.wants/{name}.service", f"../{name}.service")

        node.link("etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
                  "/lib/systemd/system/systemd-networkd.service")
        node.write("etc/udev/rules.d/85-driver.rules", DRIVER)

        for number in 5, 6, 7:
            node.write(f"etc/systemd/network/01-peer{number}.network",
                       f"[Match]\nName=peer{number}\n[Network]\nAddress=10.77.{number}.1/24\nDHCPServer=yes\n")

        for path, text in files.items():
            node.write(path, text)
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())

        for device, mac in enumerate((SECOND, THIRD), 1):
            if mac not in wires.values() and not late:
                continue
            profile["meta-data"] |= {f"network/interfaces/macs/{mac}/device-number": str(device),
                                     f"network/interfaces/macs/{mac}/vpc-ipv4-cidr-blocks": ["10.77.0.0/16"],
                                     f"network/interfaces/macs/{mac}/subnet-ipv4-cidr-block": f"10.77.{5 + device}.0/24",
                                     f"network/interfaces/macs/{mac}/local-ipv4s": [f"10.77.{5 + device}.99"]}

        self.prepare_escapes(node, "eks-interface@")
        node.write("srv/aws/profile.json", json.dumps(profile))

        if late:
            listed = "".join(f"{mac}/\n" for mac in wires.values())
            node.write("srv/aws/faults.json", json.dumps(
                [{"path": "/latest/meta-data/network/interfaces/macs/", "body": listed}]))

        return node

    def booted_with(self, wires, files):
        node = self.prepared(wires, files)
        node.boot()
        self.assertActive(node, "eks-node.target", "systemd-networkd.service", "systemd-udevd.service")
        return node

    def ip(self, node, *arguments):
        return node.call("ip", *arguments).stdout

    def manager(self, node, interface) -> tuple[str, str]:
        """The .network file, and whether it has been configured by it."""
        status = json.loads(node.output("networkctl", "status", "--json=short", interface))
        return status.get("NetworkFile", ""), status["AdministrativeState"]

    def await_configured(self, node, interface, file):
        node.wait_for(lambda: self.manager(node, interface) == (file, "configured"),
                      f"networkd to configure {interface} by {file}")

    def attach(self, node, name, mac):
        node.output("sh", "-c", wire(name, mac))
        self.await_step(node, name)

    def await_step(self, node, name):
        node.wait_for_unit(f"eks-interface@{name}.service")

    def assertHostHasSecond(self, node):
        """Metric, table and rule, as nodeadm computes them."""
        self.await_configured(node, "ens6", "/run/systemd/network/05-eks-ens6.network")
        self.assertIn("metric 513", self.ip(node, "route", "show", "default", "dev", "ens6"))
        self.assertIn("default via 10.77.6.1", self.ip(node, "route", "show", "table", "10001"))
        self.assertIn("32765:\tfrom 10.77.6.99 lookup 10001", self.ip(node, "rule"))

    def assertSkippedWith(self, node, failed):
        """The chain has failed, and with it the instance of ens6 was not run."""
        self.failure(node, failed)
        self.assertKubeletDown(node)
        self.assertEqual(node.show("eks-interface@ens6.service", "ActiveState", "ConditionResult"),
                         {"ActiveState": "inactive", "ConditionResult": "no"})
        self.assertEqual(self.ip(node, "route", "show", "table", "10001"), "")

    def assertPrimaryStands(self, node, file, metric):
        self.await_configured(node, "ens5", file)
        self.assertIn(f"metric {metric}", self.ip(node, "route", "show", "default", "dev", "ens5"))

    def cni(self, node, interface):
        """What a CNI plugin does with an interface and for a pod."""
        for command in (f"link set {interface} up", f"addr add 10.77.7.200/32 dev {interface}",
                        f"route add 10.77.7.1 dev {interface} table 7 scope link",
                        f"route add default via 10.77.7.1 dev {interface} table 7",
                        "link add eni0123456789a type veth peer name pod", "link set eni0123456789a up", "link set pod up",
                        "route add 10.77.7.201 dev eni0123456789a scope link",
                        "rule add to 10.77.7.201 lookup main priority 512",
                        "rule add from 10.77.7.201 lookup 7 priority 1536",
                        "link add pod-id-link0 type veth peer name agent", "addr add 169.254.170.23/32 dev pod-id-link0",
                        "link set pod-id-link0 up"):
            node.output("ip", *command.split())

        # Of kube-proxy. A kernel for tests may have no dummy devices.
        if node.call("ip", "link", "add", "kube-ipvs0", "type", "dummy").returncode:
            node.output("ip", "link", "add", "kube-ipvs0", "type", "bridge")
        node.output("ip", "addr", "add", "10.96.0.1/32", "dev", "kube-ipvs0")

    def of_cni(self, node, interface) -> str:
        text = "".join(self.ip(node, *command.split()) for command in (
            f"-4 addr show {interface}", "-4 addr show eni0123456789a", "-4 addr show pod-id-link0", "-4 addr show kube-ipvs0", "route show table 7",
            f"route show dev {interface}", "route show dev eni0123456789a", "rule show priority 512", "rule show priority 1536"))
        self.assertNotIn("proto dhcp", text)
        return text

    def test_the_host_s_and_the_cni_plugin_s(self):
        node = self.booted_with({"ens5": PRIMARY, "ens6": SECOND}, {
            "usr/lib/systemd/network/99-kube.network": "[Match]\nName=kube*\n[Network]\nDHCP=ipv4\n",
            "usr/lib/systemd/network/80-ec2.network": OF_DISTRIBUTION,
            "usr/lib/udev/rules.d/99-vpc-policy-routes.rules": POLICY_ROUTES})
        self.await_step(node, "ens5")
        self.await_step(node, "ens6")
        self.assertHostHasSecond(node)
        self.assertPrimaryStands(node, "/usr/lib/systemd/network/80-ec2.network", 512)
        self.assertEqual(node.file(RECORDS + SECOND).read_text(), "EKS_INTERFACE=host\n")
        self.assertFalse(node.file(RECORDS + PRIMARY).exists())

        # Again: nothing changes.
        node.systemctl("reload", "eks-interface@ens6.service")
        last = [r for r in node.journal("--unit", "eks-interface@ens6.service") if "EKS_RESULT" in r][-1]
        self.assertEqual(last["EKS_RESULT"], "unchanged")

        with self.subTest("taken over, it cannot get out"):
            self.arm(node)
            self.own_directory(node, "/run/systemd/network")
            node.systemctl("reload", "eks-interface@ens6.service")
            self.assertConfined(node, "eks-interface")
            node.file("/run/escape").unlink()

        self.attach(node, "ens7", THIRD)
        self.assertEqual(node.file(RECORDS + THIRD).read_text(), "EKS_INTERFACE=cni\n")
        self.assertEqual(self.manager(node, "ens7"), ("", "unmanaged"))

        self.cni(node, "ens7")
        before = self.of_cni(node, "ens7")

        for command in ("networkctl reload", "networkctl renew ens5", "systemctl restart systemd-networkd",
                        "udevadm trigger --action=add --subsystem-match=net", "networkctl reload"):
            node.output("sh", "-c", command)
            node.output("udevadm", "settle")
            self.assertPrimaryStands(node, "/usr/lib/systemd/network/80-ec2.network", 512)
            self.assertHostHasSecond(node)
            self.assertEqual(self.of_cni(node, "ens7"), before, command)

            for name in "ens7", "eni0123456789a", "pod-id-link0", "kube-ipvs0":
                self.assertEqual(self.manager(node, name)[1], "unmanaged", f"{name} after {command}")

        # When the machine boots again, all are there from the beginning. The configuration is wrong at first.
        node.write("etc/wires", "".join(wire(*pair) for pair in (("ens5", PRIMARY), ("ens7", THIRD), ("ens6", SECOND))))
        node.write("etc/eks/node.toml", WRONG)
        node.reboot()
        self.assertSkippedWith(node, "eks-config.service")

        node.write("etc/eks/node.toml", "")
        node.output("systemctl", "start", "eks-node.target")
        self.assertActive(node, "eks-node.target")
        self.assertHostHasSecond(node)
        self.assertPrimaryStands(node, "/usr/lib/systemd/network/80-ec2.network", 512)
        self.assertEqual(self.manager(node, "ens7"), ("", "unmanaged"))
        self.assertEqual(self.ip(node, "-4", "addr", "show", "ens7"), "")

        # One of the host that goes, and comes back.
        node.output("ip", "link", "del", "ens6")
        node.wait_for_unit("eks-interface@ens6.service", "inactive")
        self.attach(node, "ens6", SECOND)
        self.assertHostHasSecond(node)

        # What is gone is forgotten when the next one is attached; the distribution's own rule has not run.
        node.output("ip", "link", "del", "ens7")
        self.attach(node, "ens8", "0e:49:61:0f:c3:14")
        self.assertFalse(node.file(RECORDS + THIRD).exists())
        self.assertFalse(node.file("/run/policy-routes").exists())

        node.file("/etc/udev/rules.d/99-vpc-policy-routes.rules").unlink()
        node.output("udevadm", "control", "--reload")
        self.attach(node, "ens9", "0e:49:61:0f:c3:15")
        self.assertTrue(node.file("/run/policy-routes").exists(), "only the mask keeps the rule away")

    def test_with_one_interface_nothing_runs(self):
        node = self.booted_with({"ens5": PRIMARY}, {"etc/systemd/network/10-netplan-all-en.network": OF_NETPLAN})
        skipped = {"ActiveState": "inactive", "ConditionResult": "no"}
        self.assertEqual(node.show("eks-interface@ens5.service", "ActiveState", "ConditionResult"), skipped)
        self.assertPrimaryStands(node, "/etc/systemd/network/10-netplan-all-en.network", 100)

        self.attach(node, "ens7", THIRD)
        self.cni(node, "ens7")
        before = self.of_cni(node, "ens7")
        node.output("networkctl", "reload")
        node.systemctl("restart", "systemd-networkd")
        self.assertPrimaryStands(node, "/etc/systemd/network/10-netplan-all-en.network", 100)
        self.assertEqual(self.of_cni(node, "ens7"), before)

        for name in "ens7", "eni0123456789a":
            self.assertEqual(self.manager(node, name), ("", "unmanaged"), name)

        # Without our files networkd would take them, and the pod's, because its name begins with en.
        for file, name in ("06-eks-cni.network", "ens7"), ("06-eks-pods.network", "eni0123456789a"):
            node.link(f"etc/systemd/network/{file}", "/dev/null")
            node.output("networkctl", "reload")
            node.wait_for(lambda: self.manager(node, name)[0].endswith("10-netplan-all-en.network"), f"networkd to take {name}")
            (node.root / "etc/systemd/network" / file).unlink()

        # Results of the CNI plugin are of one boot, and addresses that it gave away are not ours to free.
        for path in "results/cni-loopback-1", "networks/pods/10.77.7.201":
            node.write(f"var/lib/cni/{path}", "{}")
        node.systemctl("restart", "containerd")
        self.assertTrue(node.file("/var/lib/cni/results/cni-loopback-1").exists())

        node.write("etc/wires", wire("ens5", PRIMARY) + wire("ens7", THIRD))
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertFalse(node.file("/var/lib/cni/results").exists())
        self.assertTrue(node.file("/var/lib/cni/networks/pods/10.77.7.201").exists())

        for name in "ens5", "ens7":
            self.assertEqual(node.show(f"eks-interface@{name}.service", "ActiveState", "ConditionResult"), skipped)
        self.assertEqual(self.manager(node, "ens7"), ("", "unmanaged"))

    def test_an_admin_s_file_stands(self):
        storage = "[Match]\nName=ens6\n[Network]\nDHCP=ipv4\n[DHCP]\nUseRoutes=no\n"
        node = self.prepared({"ens5": PRIMARY, "ens6": SECOND}, {
            "usr/lib/systemd/network/80-ec2.network": OF_DISTRIBUTION, "etc/systemd/network/10-storage.network": storage,
            "etc/systemd/system/eks-imds.service.d/deadline.conf": "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=1\n",
            "etc/systemd/system/eks-retry.timer.d/delays.conf": "[Timer]\nOnActiveSec=\nOnActiveSec=6s\nOnActiveSec=20s\n"})

        # The metadata service is silent when the machine boots, and the chain is tried again.
        node.write("srv/aws/faults.json", json.dumps([{"path": "*", "hang": True}]))
        node.boot()
        self.assertSkippedWith(node, "eks-imds.service")

        node.write("srv/aws/faults.json", "[]")
        node.output("systemctl", "restart", "fake-aws")
        node.wait_for_unit("eks-node.target", timeout=60)
        self.await_step(node, "ens6")
        self.await_configured(node, "ens6", "/etc/systemd/network/10-storage.network")
        reported = [r["MESSAGE"] for r in node.journal("--unit", "eks-interface@ens6.service")]
        self.assertIn("'ens6' is configured by '/etc/systemd/network/10-storage.network'", reported)
        self.assertEqual(self.ip(node, "route", "show", "table", "10001"), "")


    def test_an_attached_interface_that_the_configuration_names(self):
        node = self.prepared({"ens5": PRIMARY}, {
            "usr/lib/systemd/network/80-ec2.network": OF_DISTRIBUTION,
            "etc/eks/node.toml": '[instance.network]\nmanagedInterfaces = ["ens6"]\n',
            "etc/systemd/system/eks-interface@.service.d/timeout.conf": "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=3\n"}, late=True)
        node.boot()
        self.assertActive(node, "eks-node.target")

        self.attach(node, "ens7", THIRD)
        self.assertEqual(self.manager(node, "ens7"), ("", "unmanaged"))

        self.attach(node, "ens6", SECOND)
        self.assertHostHasSecond(node)

        # Both are there when the machine boots again, and in the list of the metadata service. Now the other is named too.
        node.write("srv/aws/faults.json", "[]")
        node.write("etc/wires", wire("ens5", PRIMARY) + wire("ens6", SECOND) + wire("ens7", THIRD))
        node.write("etc/eks/node.toml", f'[instance.network]\nmanagedInterfaces = ["{THIRD}"]\n')
        self.assertIn("instance.network.managedInterfaces changes: that takes effect when the machine boots again",
                      node.output("eksnode", "apply", "--dry-run"))

        right = node.file("/etc/eks/node.toml").read_text()
        node.write("etc/eks/node.toml", WRONG)
        node.reboot()
        self.assertSkippedWith(node, "eks-config.service")

        node.write("etc/eks/node.toml", right)
        node.output("eksnode", "apply")
        self.assertActive(node, "eks-node.target")
        self.assertHostHasSecond(node)

        self.await_configured(node, "ens7", "/run/systemd/network/05-eks-ens7.network")
        self.assertIn("metric 514", self.ip(node, "route", "show", "default", "dev", "ens7"))

        # nodeadm starts the chain, and what was skipped with it.
        node.write("etc/eks/node.toml", WRONG)
        node.reboot()
        self.assertSkippedWith(node, "eks-config.service")

        node.write("etc/eks/node.toml", right)
        node.output("nodeadm", "init")
        self.assertActive(node, "eks-node.target")
        self.assertHostHasSecond(node)

        # A metadata service that does not know the interface: the failure has a code, and networkd is left as it is.
        node.write("etc/eks/node.toml", '[instance.network]\nmanagedInterfaces = ["ens*"]\n')
        node.output("eksnode", "apply")
        node.output("sh", "-c", wire("ens8", "0e:49:61:0f:c3:99"))
        node.wait_for_unit("eks-interface@ens8.service", "failed", 60)
        self.assertEqual(self.failure(node, "eks-interface@ens8.service")["EKS_FAILURE"], "imds-answer")
        self.assertEqual(self.manager(node, "ens8"), ("", "unmanaged"))

        # The admin sees it, and it is tried again like a step of the chain.
        self.assertRegex(node.call("eksnode", "status").stdout, r"eks-interface@ens8\.service .*FAILED")

        node.wait_for_unit("eks-retry.timer", "active", 30)
