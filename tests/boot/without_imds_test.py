# SPDX-License-Identifier: Apache-2.0
"""Nodes whose metadata service is off: with a complete configuration they join, without one they fail once and say the ways
out. The service is off if it refuses a token, if its address refuses connections, or if the configuration says so."""

import json
import time

import support
from node import node_config
from support import BootTest

OFF = json.dumps([{"path": "/latest/api/token", "status": 403}])
SECRET = "QXJZ7VKWQXJZ7VKW"
FACTS = """\
[facts]
instanceId = "i-1234567890abcdef0"
instanceType = "m4.xlarge"
availabilityZone = "us-west-2f"
localHostname = "ip-172-16-34-43.us-west-2.compute.internal"
"""
# The interface of the node, with a default route.
NETWORK = """\
[Unit]
DefaultDependencies=no
Before=network.target eks-imds.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link add ens5 address 0e:49:61:0f:c3:11 type veth peer name peer
ExecStart=ip address add 172.16.34.43/20 dev ens5
ExecStart=ip link set ens5 up
ExecStart=ip link set peer up
ExecStart=ip route add default via 172.16.32.1
"""
# The address is there, and nothing listens at the port: connections are refused.
NOBODY = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 /usr/local/lib/fake-aws --listen 169.254.169.254:81 --address-on lo " \
         "--profile /srv/aws/profile.json --log /run/fake-aws.log\n"


class WithoutImds(BootTest):
    def machine(self, facts=FACTS):
        node = self.node()
        node.write("/etc/systemd/system/network-of-the-node.service", NETWORK)
        node.link("/etc/systemd/system/sysinit.target.wants/network-of-the-node.service", "../network-of-the-node.service")
        node.write("/etc/eks/node.toml", facts)
        return node

    def config(self):
        return node_config(support.IMAGE.ca, extra=f"  instance:\n    environment:\n      default:\n        TOKEN: {SECRET}\n")

    def assertJoined(self, node, source):
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")
        self.assertEqual(node.output("systemctl", "--failed", "--no-legend"), "")

        facts = json.loads(node.file("/run/eks/imds.json").read_text())
        self.assertEqual({name: facts[name] for name in ("region", "localIpv4", "mac", "instanceId")},
                         {"region": "us-west-2", "localIpv4": "172.16.34.43", "mac": "0e:49:61:0f:c3:11",
                          "instanceId": "i-1234567890abcdef0"})
        flags = node.kubelet()["flags"]
        self.assertEqual(flags["node-ip"], "172.16.34.43")
        self.assertEqual(flags["hostname-override"], "ip-172-16-34-43.us-west-2.compute.internal")

        shown = node.output("eksnode", "explain", "facts")
        self.assertIn('availabilityZone = "us-west-2f"\n  from /etc/eks/node.toml, line 4', shown)
        self.assertIn('localIpv4 = "172.16.34.43"\n  from the interface ens5', shown)
        self.assertIn(f"user data\n  from {source}", shown)

        for record in node.journal():
            self.assertNotIn(SECRET, str(record.get("MESSAGE")))
        self.assertEqual(node.file("/run/eks/user-data").stat().st_mode & 0o777, 0o600)

    def assertRefused(self, node, *texts):
        record = self.failure(node, "eks-imds.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("imds-off", "69"))
        for text in (*texts, "no cluster is configured", "eks.nodeconfig", "/etc/eks/user-data"):
            self.assertIn(text, record["MESSAGE"])
        self.assertKubeletDown(node)
        self.assertFalse(node.file("/run/eks/imds.json").exists())

    def test_a_service_that_refuses_a_token(self):
        node = self.machine()
        node.write("/srv/aws/faults.json", OFF)
        node.write("/etc/credstore/eks.nodeconfig", self.config())
        began = time.monotonic()
        node.boot()
        self.assertLess(time.monotonic() - began, 60)
        self.assertJoined(node, "the credential '/etc/credstore/eks.nodeconfig'")
        asked = [json.loads(line) for line in node.file("/run/fake-aws.log").read_text().splitlines()]
        self.assertEqual([request["path"] for request in asked if request["path"] == "/latest/user-data"], [])

        # Fetched again, the service is on: its answers replace all of this.
        node.file("/srv/aws/faults.json").write_text("[]")
        node.systemctl("reload", "eks-imds")
        facts = json.loads(node.file("/run/eks/imds.json").read_text())
        self.assertNotIn("sources", facts)

        # And they stay when it goes off while the node runs.
        node.file("/srv/aws/faults.json").write_text(OFF)
        result = node.call("systemctl", "reload", "eks-imds")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(json.loads(node.file("/run/eks/imds.json").read_text()), facts)
        self.assertActive(node, "kubelet.service", "eks-node.target")

    def test_an_address_that_refuses_connections(self):
        node = self.machine()
        node.write("/etc/systemd/system/fake-aws.service.d/nobody.conf", NOBODY)
        node.write("/etc/eks/user-data", self.config())
        node.boot()
        self.assertJoined(node, "'/etc/eks/user-data'")

    def test_a_configuration_that_says_so(self):
        node = self.machine(FACTS + 'metadataService = "off"\n')
        node.write("/var/lib/cloud/instances/i-1234567890abcdef0/user-data.txt", self.config())
        node.link("/var/lib/cloud/instance", "instances/i-1234567890abcdef0")
        node.boot()
        self.assertJoined(node, "cloud-init's copy")
        log = node.file("/run/fake-aws.log")
        self.assertEqual(log.read_text() if log.exists() else "", "")

    def test_without_a_configuration_it_fails_once(self):
        for name, fault, unit, why, remedy in (
                ("403", OFF, "", "status 403", "--http-endpoint enabled"),
                ("refused", "[]", NOBODY, "Connection refused", "a firewall rule rejects it")):
            with self.subTest(name):
                node = self.machine()
                node.write("/srv/aws/faults.json", fault)
                if unit:
                    node.write("/etc/systemd/system/fake-aws.service.d/nobody.conf", unit)
                node.write("/etc/systemd/system/eks-retry.timer.d/late.conf", "[Timer]\nOnActiveSec=\nOnActiveSec=1h\n")
                began = time.monotonic()
                node.boot()
                self.assertLess(time.monotonic() - began, 60)
                self.assertRefused(node, why, remedy)

    def test_a_service_that_must_not_be_asked(self):
        node = self.machine()
        node.write("/etc/systemd/system/eks-imds.service.d/off.conf", "[Service]\nEnvironment=AWS_EC2_METADATA_DISABLED=true\n")
        node.boot()
        self.assertRefused(node, "AWS_EC2_METADATA_DISABLED")

    def test_a_late_service_is_not_off(self):
        """With a complete configuration, so that a service taken for off would let the node start without its user data."""
        node = self.machine()
        node.write("/etc/eks/node.d/50-cluster.yaml", self.config())
        node.user_data(node_config(support.IMAGE.ca, extra="  kubelet:\n    config:\n      podsPerCore: 19\n"))
        node.write("/srv/aws/faults.json", json.dumps([{"path": "/latest/api/token", "status": 503, "times": 4},
                                                       {"path": "/latest/api/token", "hang": True, "times": 6},
                                                       {"path": "/latest/api/token", "close": True, "times": 8}]))
        node.boot(wait=False)
        node.wait_for_unit("eks-node.target", timeout=120)
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 19)
        self.assertNotIn("sources", json.loads(node.file("/run/eks/imds.json").read_text()))
