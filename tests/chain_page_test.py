#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of `eksnode plan --chain`, with the units and the programs of the build. UPDATE_GOLDEN=1 writes the page again."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, PLAN = map(Path, sys.argv[1:])


def run(*command):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


class ChainTest(unittest.TestCase):
    """eksnode plan --chain: the boot on one page, which is the first that a newcomer reads."""

    def test_the_page(self):
        with tempfile.TemporaryDirectory() as root:
            units = Path(root, "usr/lib/systemd/system")
            units.mkdir(parents=True)

            for folder in SOURCE / "units", PLAN.resolve().parents[1] / "units":
                for unit in folder.glob("eks-*.service"):
                    shutil.copy(unit, units)

            done = run(PLAN, "--chain", "--root", root)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

        page = SOURCE / "tests/golden/chain.txt"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            page.write_text(done.stdout)
        self.assertEqual(done.stdout, page.read_text(), "UPDATE_GOLDEN=1 writes it again")

    def test_without_units(self):
        with tempfile.TemporaryDirectory() as root:
            done = run(PLAN, "--chain", "--root", root)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there are no units of eksnode", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
