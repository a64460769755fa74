#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""eks-imds in networks in which the metadata address is closed: it says why it cannot connect, with the remedy for that, and
uses the address of the other family if that is open. Each network is a namespace of its own.

usage: imds_network_test.py PROGRAMS-DIR SOURCE-DIR"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAMS, SOURCE = (Path(argument).resolve() for argument in sys.argv[1:3])
NAMESPACE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net"]
LOOPBACK = "ip link set lo up; "


def fetch(network, root, timeout=2, **environment):
    """eks-imds after these commands of the shell."""
    variables = {"PATH": os.environ["PATH"], "EKS_ROOT": str(root), "EKS_IMDS_TIMEOUT": str(timeout), **environment}
    return subprocess.run([*NAMESPACE, "sh", "-c", network + 'exec "$0"', PROGRAMS / "eks-imds"], env=variables,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class Network(unittest.TestCase):
    def setUp(self):
        if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
            self.skipTest("no network namespaces here")
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="eks-imds-")))

    def test_each_way_to_be_closed_is_named(self):
        for network, why, remedy in (
                ("", "Network is unreachable", "cannot be reached: the interface"),
                (LOOPBACK, "Network is unreachable", "cannot be reached: the interface"),
                (LOOPBACK + "ip route add unreachable 169.254.169.254; ", "No route to host", "cannot be reached: the interface"),
                (LOOPBACK + "ip route add prohibit 169.254.169.254; ", "Permission denied (a route or firewall rule",
                 "a route of the type prohibit"),
                (LOOPBACK + "ip route add blackhole 169.254.169.254; ", "Invalid argument (a route of the type blackhole)",
                 "a route of the type blackhole to the address"),
                (LOOPBACK + "ip address add 169.254.169.254 dev lo; ip address add fd00:ec2::254 dev lo nodad; ",
                 "Connection refused", "never refuses a connection")):
            with self.subTest(network):
                result = fetch(network, self.root)
                self.assertEqual(result.returncode, 69, result.stderr)
                self.assertIn(f"cannot connect: {why}", result.stderr)
                self.assertIn(remedy, result.stderr)

    def test_refused_connections_do_not_need_the_deadline(self):
        # later than the test waits for it
        result = fetch(LOOPBACK + "ip address add 169.254.169.254 dev lo; ", self.root, timeout=120)
        self.assertEqual(result.returncode, 69, result.stderr)
        self.assertIn("the instance metadata service is off", result.stderr)

    def test_an_instance_with_only_ipv6(self):
        user_data = self.root / "user-data"
        user_data.write_text("[cluster]\nname = 'a'\n")
        server = f"ip address add fd00:ec2::254/128 dev lo nodad; '{SOURCE}/tests/fake-aws' --listen '[fd00:ec2::254]:80' --port-file '{self.root}/port' " \
                 f"--profile '{SOURCE}/tests/profiles/reference.json' --user-data '{user_data}' >/dev/null & " \
                 f"until [ -s '{self.root}/port' ] || ! kill -0 $!; do sleep 0.01; done; "
        for network in "", "ip route add prohibit 169.254.169.254; ", "ip address add 169.254.169.254 dev lo; ":
            with self.subTest(network):
                # The server is ended by its number; the step replaces the shell in a child.
                result = subprocess.run([*NAMESPACE, "sh", "-c", LOOPBACK + network + server + '"$0"; status=$?; kill $!; exit $status',
                                         PROGRAMS / "eks-imds"], env={"PATH": os.environ["PATH"], "EKS_ROOT": str(self.root)},
                                        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(json.loads((self.root / "run/eks/imds.json").read_text())["instanceId"], "i-1234567890abcdef0")
                (self.root / "port").unlink()
                (self.root / "run/eks/imds.json").unlink()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
