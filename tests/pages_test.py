#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Runs examples of the manual as a reader would.

usage: pages_test.py SOURCE EKSNODE-PLAN EKSNODE-VALIDATE"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, PLAN, VALIDATE = (Path(argument).resolve() for argument in sys.argv[1:])


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
        programs = f"plan) program={PLAN} ;; validate) program={VALIDATE} ;;"
        self.program("eksnode", f'case $1 in {programs} esac; shift; exec "$program" --root {root} "$@"')

    def program(self, name, script):
        path = self.directory / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_block(self, block):
        environment = {"PATH": f"{self.directory}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(["sh", "-eu", "-c", commands(block)], cwd=self.directory, env=environment, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_the_commands_for_symptoms_exist(self):
        """The table of eks-node(7): each command is one of the machine, a verb of eksnode, or asks for a unit of the boot."""
        text = page("eks-node.7")
        table = text[text.index("[- *Symptom*"):]
        rows = re.findall(r"(?m)^\|  (.*)\n:  (.*)\n:  (.*)$", table[:table.index("\n\n")])
        self.assertGreater(len(rows), 10)

        verbs = {path.name for path in (SOURCE / "helpers/verbs").iterdir() if path.is_dir()}
        others = {"cat", "journalctl", "ls", "systemctl", "tail"}
        units = {path.name.split(".")[0] for path in (SOURCE / "units").iterdir()} | {"kubelet", "containerd", "cloud-final"}
        keys = (SOURCE / "helpers/data/keys.toml").read_text()

        for symptom, _, commands_ in rows:
            for command in re.split(r"\*, \*|; ", commands_.strip("*")):
                with self.subTest(symptom=symptom, command=command):
                    program, *words = command.split()
                    if program == "eksnode":
                        self.assertIn(words[0], verbs)
                        if words[0] == "explain" and words[1] != "KEY":
                            known = words[1].split(".config.")[0] + (".config" if ".config." in words[1] else "")
                            self.assertIn(f'["{known}"]', keys)
                    else:
                        self.assertIn(program, others)

                    for unit in re.findall(r"-u ([\w-]+)|status ([\w-]+)", command):
                        self.assertIn("".join(unit), units)
            for blocker in re.findall(r'"(?:Blocked by|Waiting for) ([\w-]+)\.service"', symptom):
                self.assertIn(blocker, units)

    def test_two_versions_of_kubelet_are_compared(self):
        [block] = [block for block in blocks("eks-upgrade.7") if "diff -r old new" in block]
        golden = SOURCE / "tests/golden"
        shutil.copy(golden / "field-karpenter/root/run/eks/user-data", self.directory / "user-data.txt")
        shutil.copy(golden / "common/root/run/eks/imds.json", self.directory)
        done = self.run_block(block)
        self.assertEqual((done.returncode, done.stderr), (1, ""), "diff ends with 1 if there is a difference")

        reported = re.search(r"(?s)Here, kubelet's configuration loses (.*?), and gains\s+(.*?)\. If", page("eks-upgrade.7"))
        for sign, names in ("<", reported[1]), (">", reported[2]):
            found = set(re.findall(rf'(?m)^{sign} +"(\w+)": (?!\{{)', done.stdout)) - {"kubelet"}
            self.assertEqual({name.split(".")[-1] for name in re.split(r", | and |,\s+", " ".join(names.split()))}, found)

    def test_user_data_is_checked_in_ci(self):
        [block] = [block for block in blocks("eks-stability.7") if "case $status" in block]
        user_data = (SOURCE / "tests/golden/field-karpenter/root/run/eks/user-data").read_text()
        for text, reported in (user_data, "valid"), (user_data.replace("maxPods: 29", "maxPods: many"), "wrong"), (None, "unknown"):
            with self.subTest(reported):
                file = self.directory / "user-data.txt"
                if text is None:
                    file.unlink()
                else:
                    file.write_text(text)

                done = self.run_block(block)
                self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, reported), done.stderr)


class ChainTest(unittest.TestCase):
    """The picture of the boot in eks-node(7), against the page that eksnode plan --chain prints."""

    # The first runs on a Docker host, the second after a failure.
    NOT_IN_A_BOOT = {"eks-docker-runtimes", "eks-retry"}

    def test_each_step_comes_after_those_it_waits_for(self):
        chain = {}
        for entry in (SOURCE / "tests/golden/chain.txt").read_text().split("\n\n"):
            after = re.search(r"(?m)^  after +(.*(?:\n {10,}.*)*)", entry)
            chain[entry.split(":")[0]] = after[1].split() if after else []

        drawn = re.findall(r"(?m)^ *(eks-[a-z-]+)@?(?= )", blocks("eks-node.7")[0])
        order = {name: number for number, name in enumerate(drawn)}
        self.assertEqual(set(chain) - self.NOT_IN_A_BOOT, set(order) - {"eks-node-generator"})

        for name in set(chain) - self.NOT_IN_A_BOOT:
            for earlier in chain[name]:
                self.assertLess(order[earlier], order[name], f"{name} comes after {earlier}")


class StabilityTest(unittest.TestCase):
    """eks-stability(7) and the pages that have the interfaces."""

    def test_each_file_of_a_boot_is_on_one_list(self):
        found = re.search(r"(?s)\n## This boot\n(.*?)\n## ", page("eks-node.7"))[1]
        files = {re.sub(r"/enabled/.*", "/enabled/STEP", path).rstrip("/") for path in re.findall(r"_(/run/eks/[\w./-]+?)_", found)}
        stable, unstable = page("eks-stability.7").split("\n## Not stable\n")
        stable, unstable = ({path.rstrip("/") for path in re.findall(r"_(/run/eks/[\w./-]+?)_", text)} for text in (stable, unstable))
        self.assertEqual(stable & unstable, set())
        self.assertEqual(stable | unstable, files)

    def test_the_exit_statuses_are_those_of_the_programs(self):
        header = (SOURCE / "helpers/lib/base/messages.hpp").read_text()
        known = {"0", *re.findall(r"= (\d+)", re.search(r"enum class Errc \{(.*?)\}", header)[1])}
        table = re.search(r"(?s)\[\[ \*Status\*(.*?)\n\n", page("eks-stability.7"))[1]
        self.assertEqual(set(re.findall(r"(?m)^\|  (\d+)$", table)), known)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
