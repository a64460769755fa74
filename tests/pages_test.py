#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Runs examples of the manual as a reader would.

usage: pages_test.py SOURCE EKSNODE-PLAN"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, PLAN = map(Path, sys.argv[1:])


def page(name):
    return (SOURCE / f"man/{name}.scd").read_text()


def blocks(name):
    """The literal blocks of a page, as a reader sees them."""
    return [block.replace("\\\\", "\\") for block in re.findall(r"(?ms)^```\n(.*?)^```$", page(name))]


def commands(block):
    """What is typed at the prompts of a block, as a script."""
    return "".join(line.removeprefix("$ ") + "\n" for line in block.splitlines())


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        (self.directory / "bin").mkdir()
        root = self.directory / "root"
        shutil.copytree(SOURCE / "helpers/data/share", root / "usr/share/eks")
        self.program("eksnode", f'verb=$1; shift; exec {PLAN.parent}/eksnode-"$verb" --root {root} "$@"')

    def program(self, name, script):
        path = self.directory / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_block(self, block):
        environment = {"PATH": f"{self.directory}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(["sh", "-eu", "-c", commands(block)], cwd=self.directory, env=environment, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_two_versions_of_kubelet_are_compared(self):
        [block] = [block for block in blocks("eks-upgrade.7") if "diff -r old new" in block]
        golden = SOURCE / "tests/golden"
        shutil.copy(golden / "field-karpenter/root/run/eks/user-data", self.directory / "user-data.txt")
        shutil.copy(golden / "common/root/run/eks/imds.json", self.directory)
        done = self.run_block(block)
        self.assertEqual((done.returncode, done.stderr), (1, ""), "diff ends with 1 if there is a difference")
        said = re.search(r"(?s)Here, kubelet's configuration loses (.*?), and gains\s+(.*?)\. If", page("eks-upgrade.7"))
        for sign, names in ("<", said[1]), (">", said[2]):
            found = set(re.findall(rf'(?m)^{sign} +"(\w+)": (?!\{{)', done.stdout)) - {"kubelet"}
            self.assertEqual({name.split(".")[-1] for name in re.split(r", | and |,\s+", " ".join(names.split()))}, found)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
