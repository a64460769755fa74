#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One fact of the instance metadata after the other is not there for ten seconds (404): eks-imds waits for each, and writes
what it writes when nothing is late. All are tried side by side.

usage: late_facts_test.py PROGRAMS-DIR SOURCE-DIR"""

import json
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROGRAMS, SOURCE = (Path(argument).resolve() for argument in sys.argv[1:3])
LATE = 10  # seconds
# Every instance has these; tests/boot/fault_test.py boots a node without them.
MAC = "meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/"  # tests/profiles/reference.json
FACTS = ["dynamic/instance-identity/document", "meta-data/mac", "meta-data/local-hostname", "meta-data/local-ipv4",
         "meta-data/network/interfaces/macs/", "meta-data/services/partition", "meta-data/services/domain", "user-data",
         *(MAC + name for name in ("device-number", "local-ipv4s", "subnet-ipv4-cidr-block", "vpc-ipv4-cidr-blocks"))]


class LateFacts(unittest.TestCase):
    def ask(self, fact):
        """eks-imds with this fact late, or none: what it wrote. It must not have ended before the fact was there."""
        with tempfile.TemporaryDirectory(prefix="eks-late-") as scratch:
            root, faults, user_data = Path(scratch, "root"), Path(scratch, "faults.json"), Path(scratch, "user-data")
            (root / "etc/eks/node.d").mkdir(parents=True)

            # The image has configuration of its own, but not of a cluster: the user data is waited for.
            (root / "etc/eks/node.d/50-image.toml").write_text("[kubelet.config]\nclusterDomain = 'cluster.local'\n")
            faults.write_text(json.dumps([{"path": f"/latest/{fact}", "status": 404}] if fact else []))
            user_data.write_text("[cluster]\nname = 'a'\n")

            with subprocess.Popen([SOURCE / "tests/fake-aws", "--profile", SOURCE / "tests/profiles/reference.json",
                                   "--user-data", user_data, "--faults", faults], stdout=subprocess.PIPE, text=True) as server:
                port = server.stdout.readline().strip()
                step = subprocess.Popen([PROGRAMS / "eks-imds"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env={"PATH": "/usr/bin:/bin", "EKS_ROOT": str(root),
                                             "EKS_IMDS_ENDPOINT": f"http://127.0.0.1:{port}"})
                try:
                    if fact:
                        time.sleep(LATE)
                        self.assertIsNone(step.poll(), f"it ended without {fact}")
                        faults.write_text("[]")
                    reported = step.communicate(timeout=60)[1]
                finally:
                    step.kill()
                    server.terminate()

            self.assertEqual(step.returncode, 0, reported)

            return json.loads((root / "run/eks/imds.json").read_text()), (root / "run/eks/user-data").read_text()

    def test_each_is_waited_for(self):
        whole = self.ask(None)
        with ThreadPoolExecutor(len(FACTS)) as pool:
            answers = dict(zip(FACTS, pool.map(self.ask, FACTS)))
        for fact, written in answers.items():
            with self.subTest(fact):
                self.assertEqual(written, whole)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
