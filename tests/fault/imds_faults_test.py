#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults of the metadata service and of the way to it: eks-imds either writes what it writes without the fault, or ends before
its deadline with a failure that has a code. tests/boot/fault_test.py boots nodes with some of them.

usage: imds_faults_test.py PROGRAMS-DIR SOURCE-DIR"""

import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROGRAMS, SOURCE = (Path(argument).resolve() for argument in sys.argv[1:3])
TOKEN, MAC, DATA = "/latest/api/token", "/latest/meta-data/mac", "/latest/user-data"
SECRET = "QXJZ7VKWQXJZ7VKW"


class Line:
    """Between client and server: the first connections get their answers with a fault, the others as they are."""

    def __init__(self, port, fault, connections):
        self.port, self.fault, self.left = port, fault, connections
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.left -= 1
            threading.Thread(target=self.carry, args=(client, self.fault if self.left >= 0 else None), daemon=True).start()

    def carry(self, client, fault):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self.pump, args=(client, server.sendall), daemon=True).start()
            self.pump(server, lambda data: fault(client, data) if fault else client.sendall(data))

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink(data)
        except OSError:
            pass


def drip(client, data):
    for byte in data:
        client.send(bytes([byte]))
        time.sleep(0.1)


def reset(client, data):
    client.sendall(data[:len(data) // 2])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    raise OSError


def cut(client, data):
    client.sendall(data[:-1])
    client.shutdown(socket.SHUT_RDWR)
    raise OSError


class Faults(unittest.TestCase):
    def fetch(self, faults=(), on_line=None, connections=0, timeout=40, variables=()):
        """eks-imds: its exit status, its messages, what it wrote, and the seconds it took."""
        with tempfile.TemporaryDirectory(prefix="eks-imds-") as scratch:
            root, file, user_data = Path(scratch, "root"), Path(scratch, "faults.json"), Path(scratch, "user-data")
            root.mkdir()
            file.write_text(json.dumps(list(faults)))
            user_data.write_text(f"[cluster]\nname = 'a'\n[instance.environment.default]\nTOKEN = '{SECRET}'\n")

            with subprocess.Popen([SOURCE / "tests/fake-aws", "--profile", SOURCE / "tests/profiles/reference.json",
                                   "--user-data", user_data, "--faults", file], stdout=subprocess.PIPE, text=True) as server:
                port = int(server.stdout.readline())
                line = Line(port, on_line, connections)
                began = time.monotonic()
                try:
                    result = subprocess.run([PROGRAMS / "eks-imds"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                            timeout=90, env={"PATH": "/usr/bin:/bin", "EKS_ROOT": str(root),
                                                             "EKS_IMDS_TIMEOUT": str(timeout), **dict(variables),
                                                             "EKS_IMDS_ENDPOINT": f"http://127.0.0.1:{line.listener.getsockname()[1]}"})
                finally:
                    server.terminate()
                    line.listener.close()

            took = time.monotonic() - began
            self.assertNotIn(SECRET, result.stderr)
            files = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
            return result.returncode, result.stderr, files, took

    def test_what_passes_is_waited_out(self):
        whole = self.fetch()
        self.assertEqual(whole[0], 0, whole[1])
        self.assertEqual(set(whole[2]), {"run/eks/imds.json", "run/eks/user-data"})
        cases = {
            "the token has run out": {"faults": [{"path": MAC, "status": 401, "times": 1}]},
            "429": {"faults": [{"path": "*", "status": 429, "times": 12}]},
            "429 for the token": {"faults": [{"path": TOKEN, "status": 429, "times": 5}]},
            "5xx": {"faults": [{"path": "/latest/meta-data/*", "status": status, "times": 4} for status in (500, 502, 503, 504)]},
            "404, then data": {"faults": [{"path": path, "status": 404, "times": 3} for path in (DATA, MAC)]},
            "it hangs up": {"faults": [{"path": "*", "close": True, "times": 5}]},
            "no HTTP": {"faults": [{"path": "*", "garbage": 300, "times": 3}]},
            "cut short by the service": {"faults": [{"path": DATA, "truncate": 9, "times": 2}]},
            "drop by drop": {"on_line": drip, "connections": 3},
            "resets": {"on_line": reset, "connections": 8},
            "cut short on the way": {"on_line": cut, "connections": 8},
        }
        with ThreadPoolExecutor(len(cases)) as pool:
            results = dict(zip(cases, pool.map(lambda case: self.fetch(**case), cases.values())))
        for name, (status, reported, files, _) in results.items():
            with self.subTest(name):
                self.assertEqual(status, 0, reported)
                self.assertEqual(files, whole[2])

    def test_what_does_not_pass_is_one_failure_before_the_deadline(self):
        page = "<html>\n<body>sign in</body></html>"
        cases = {
            "a page as token": ({"faults": [{"path": TOKEN, "body": page}]}, "invalid session token"),
            "a page as fact": ({"faults": [{"path": MAC, "body": page}]}, "'meta-data/mac'"),
            "a page as document": ({"faults": [{"path": "*/document", "body": page}]}, "not a JSON object"),
            "each token has run out": ({"faults": [{"path": MAC, "status": 401}]}, "status 401"),
            "an endless answer": ({"faults": [{"path": DATA, "body": "x" * 70000}], "timeout": 3}, "too long"),
            "always 429": ({"faults": [{"path": "*", "status": 429}], "timeout": 3}, "status 429"),
            "always 503": ({"faults": [{"path": TOKEN, "status": 503}], "timeout": 3}, "status 503"),
            "always silent": ({"faults": [{"path": "*", "hang": True}], "timeout": 3}, "no usable answer in 3 s"),
            "always drop by drop": ({"on_line": drip, "connections": 99, "timeout": 3}, "no usable answer in 3 s"),
            "always reset": ({"on_line": reset, "connections": 999, "timeout": 3}, "no usable answer in 3 s"),
            "no fact": ({"faults": [{"path": MAC, "status": 404}], "timeout": 3}, "still has no 'meta-data/mac'"),
            "off": ({"faults": [{"path": TOKEN, "status": 403}]}, "no cluster is configured"),
            "not to be asked": ({"variables": {"AWS_EC2_METADATA_DISABLED": "true"}.items()}, "AWS_EC2_METADATA_DISABLED"),
        }
        with ThreadPoolExecutor(len(cases)) as pool:
            results = dict(zip(cases, pool.map(lambda case: self.fetch(**case[0]), cases.values())))
        for name, (status, reported, files, took) in results.items():
            with self.subTest(name):
                self.assertEqual(status, 69, reported)
                self.assertEqual(reported.count("eks-imds failed: "), 1, reported)
                self.assertIn(cases[name][1], reported)
                self.assertEqual(files, {})
                self.assertLess(took, 40)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
