#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each step is killed before and after each change that it makes to the file system. After the next boot every file is
what it would have been, nothing is left over, and what a person wrote is kept.

usage: kill_at_write_test.py PROGRAMS-DIR PRELOAD SOURCE-DIR"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

PROGRAMS, PRELOAD, SOURCE = (Path(argument).resolve() for argument in sys.argv[1:4])
CHAIN = ["config", "ca", "kubeconfig", "credential-provider", "kubelet-config", "kubelet-args", "containerd-config",
         "registry-mirrors"]
ENVIRONMENT = {}  # of the steps, besides their root
MOST_POINTS = 200  # no step has so many: a loop that never ends would be a fault here

SETTINGS = """\
[registry.mirrors."docker.io"]
endpoints = ["https://10.0.0.5"]
[kubelet.config]
podsPerCore = 20
"""
SYSCTL = "[sysctl]\nkernel.pid_max = 100000\nvm.max_map_count = 262144\n"
# What the kernel begins with. A write to a file here replaces no more than it is long: none is longer than what is set.
PARAMETERS = {"kernel/pid_max": "32768\n", "vm/max_map_count": "65530\n"}


def copy(source, target):
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def run(step, root, kill_at=None):
    environment = {"PATH": "/usr/bin:/bin", "EKS_ROOT": str(root)} | ENVIRONMENT
    if kill_at:
        environment |= {"LD_PRELOAD": str(PRELOAD), "KILL_AT": str(kill_at)}
    return subprocess.run([PROGRAMS / f"eks-{step}"], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def boot(root, fresh):
    """What a boot does: /run is as eks-imds leaves it, and every step runs."""
    shutil.rmtree(root / "run", ignore_errors=True)
    copy(fresh / "run", root / "run")
    run_all(CHAIN, root)


def run_all(steps, root):
    for step in steps:
        result = run(step, root)
        if result.returncode != 0:
            raise AssertionError(f"eks-{step} after a kill: {result.stderr}")


def tree(root):
    """Path to content and mode, of all that is not a vendor's."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith("usr/"):
            continue

        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = (path.read_bytes(), path.stat().st_mode & 0o7777)

    return found


class Kills(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="eks-kill-")))
        self.fresh = self.scratch / "fresh"
        copy(SOURCE / "helpers/data/share", self.fresh / "usr/share/eks")
        copy(SOURCE / "tests/golden/common/root", self.fresh)
        copy(SOURCE / "tests/golden/reference-1.35/root", self.fresh)
        eks = self.fresh / "etc/eks"
        (eks / "kubelet-version.txt").write_text("1.34.1")
        (eks / "containerd-version.txt").write_text("1.7.27")
        (eks / "node.toml").write_text(SETTINGS)
        provider = eks / "image-credential-provider/ecr-credential-provider"
        provider.parent.mkdir(parents=True, exist_ok=True)
        provider.write_text("#!/bin/sh\n")
        provider.chmod(0o755)

    def kill_everywhere(self, start, expected, steps=CHAIN, again=None):
        """From the tree `start`: kill each step at each point, boot again, and compare with `expected`."""
        again = again or (lambda root: boot(root, self.fresh))
        before = self.scratch / "before"
        copy(start, before)
        kills = 0

        for step in steps:
            states = tree(before)
            for point in range(1, MOST_POINTS):
                root = self.scratch / "root"
                shutil.rmtree(root, ignore_errors=True)
                copy(before, root)

                result = run(step, root, point)
                if result.returncode == 0:
                    break

                self.assertEqual(result.returncode, -signal.SIGKILL, f"eks-{step}: {result.stderr}")

                kills += 1
                with self.subTest(step=step, point=point):
                    for name, state in tree(root).items():
                        if "/.#" not in name and not name.startswith("var/lib/eks/") and ".user-edited" not in name:
                            self.assertIn(state, (states.get(name), expected.get(name)), f"'{name}' is half-written")
                    again(root)
                    self.assertEqual(tree(root), expected)
            else:
                self.fail(f"eks-{step} has no end")

            self.assertEqual(run(step, before).returncode, 0)

        return kills

    def test_the_first_boot(self):
        whole = self.scratch / "whole"
        copy(self.fresh, whole)
        boot(whole, self.fresh)
        kills = self.kill_everywhere(self.fresh, tree(whole))
        self.assertGreater(kills, 5 * len(CHAIN))

    def test_a_boot_that_changes_a_file_which_a_person_edited(self):
        """The configuration changes, and so does kubelet's, which was edited by hand."""
        path = Path("etc/kubernetes/kubelet/config.json")
        old = self.scratch / "old"
        copy(self.fresh, old)
        (old / "etc/eks/kubelet-version.txt").write_text("1.31.0")
        (old / "etc/eks/containerd-version.txt").write_text("1.6.20")
        (old / "etc/eks/node.toml").write_text(SETTINGS.replace("10.0.0.5", "10.0.0.4").replace("20", "10"))
        boot(old, self.fresh)
        edited = (old / path).read_text().replace("{", "{ ", 1)
        (old / path).write_text(edited)

        for name in "kubelet-version.txt", "containerd-version.txt", "node.toml":
            shutil.copyfile(self.fresh / "etc/eks" / name, old / "etc/eks" / name)
        shutil.rmtree(old / "run")
        copy(self.fresh / "run", old / "run")
        whole = self.scratch / "whole"
        copy(old, whole)
        boot(whole, self.fresh)
        expected = tree(whole)
        self.assertEqual(expected[f"{path}.user-edited"][0].decode(), edited)

        self.kill_everywhere(old, expected)

    def test_the_kernel_s_parameters(self):
        """Killed, eks-sysctl is started again in the same boot. The parameters are files of the tree."""
        (self.fresh / "etc/eks/node.toml").write_text(SYSCTL)
        for name, value in PARAMETERS.items():
            file = self.fresh / "proc/sys" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(value)

        run_all(["config"], self.fresh)
        whole = self.scratch / "whole"
        copy(self.fresh, whole)
        run_all(["sysctl"], whole)
        expected = tree(whole)
        self.assertEqual(expected["proc/sys/kernel/pid_max"][0], b"100000\n")
        self.assertIn("run/sysctl.d/99-zz-eks.conf", expected)

        kills = self.kill_everywhere(self.fresh, expected, ["sysctl"], lambda root: run_all(["sysctl"], root))
        self.assertGreaterEqual(kills, 8)  # before and after the write and the rename of the file, and each parameter

    def fake_aws(self, *arguments):
        """Let the steps ask a fake AWS of their own."""
        server = subprocess.Popen([SOURCE / "tests/fake-aws", "--profile", SOURCE / "tests/profiles/reference.json", *arguments],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        self.enterContext(mock.patch.dict(ENVIRONMENT, EKS_IMDS_ENDPOINT=url))

    def test_docker_s_configuration(self):
        """What the admin has in it stays, whenever the step is killed."""
        for file, content in ("etc/docker/daemon.json", '{"log-driver": "journald"}\n'), ("etc/eks/docker-version.txt", "25.0.8\n"), \
                ("usr/bin/crun", ""):
            (self.fresh / file).parent.mkdir(parents=True, exist_ok=True)
            (self.fresh / file).write_text(content)
            (self.fresh / file).chmod(0o755)

        whole = self.scratch / "whole"
        copy(self.fresh, whole)
        run_all(["docker-runtimes"], whole)
        expected = tree(whole)
        docker = json.loads(expected["etc/docker/daemon.json"][0])
        self.assertEqual(docker["log-driver"], "journald")
        self.assertIn("crun", docker["runtimes"])

        kills = self.kill_everywhere(self.fresh, expected, ["docker-runtimes"],
                                     lambda root: run_all(["docker-runtimes"], root))
        self.assertGreaterEqual(kills, 8)  # of the file, and of what is remembered of it

    def test_a_network_interface(self):
        """The file for networkd, and the memory of who has the interface."""
        mac = "0e:49:61:0f:c3:12"
        (self.fresh / "etc/eks/node.toml").write_text('[instance.network]\nmanagedInterfaces = ["ens6"]\n')
        facts = self.fresh / "run/eks/imds.json"
        imds = json.loads(facts.read_text())
        second = {"mac": mac, "deviceNumber": 1, "networkCard": 0, "localIpv4s": ["10.0.1.9"]}
        imds["interfaces"] = [*imds.get("interfaces", []), second]
        facts.write_text(json.dumps(imds))
        address = self.fresh / "sys/class/net/ens6/address"
        address.parent.mkdir(parents=True)
        address.write_text(f"{mac}\n")
        run_all(["config"], self.fresh)
        self.enterContext(mock.patch.dict(ENVIRONMENT, EKS_INTERFACE_NAME="ens6"))
        whole = self.scratch / "whole"
        copy(self.fresh, whole)
        run_all(["interface"], whole)
        expected = tree(whole)
        self.assertIn("run/systemd/network/05-eks-ens6.network", expected)
        self.assertIn(f"var/lib/eks/interfaces/{mac}", expected)

        kills = self.kill_everywhere(self.fresh, expected, ["interface"], lambda root: run_all(["interface"], root))
        self.assertGreaterEqual(kills, 8)  # before and after the write and the rename of each file

    def test_what_the_metadata_service_answers(self):
        """Killed, eks-imds is started again in the same boot: it asks again, and what it writes is for its owner alone."""
        user_data = self.scratch / "user-data"
        self.fake_aws("--user-data", user_data)
        start, whole = self.scratch / "start", self.scratch / "whole"

        for was, content in (None, "the first"), ("the first", "another"):
            with self.subTest(content):
                start.mkdir(exist_ok=True)
                user_data.write_text(content)
                run_all(["imds"], whole)
                expected = tree(whole)
                self.assertEqual(set(expected), {"run/eks/imds.json", "run/eks/user-data"})
                self.assertEqual(expected["run/eks/user-data"], (content.encode(), 0o600))

                kills = self.kill_everywhere(start, expected, ["imds"], lambda root: run_all(["imds"], root))
                self.assertGreaterEqual(kills, 8 if was is None else 4)  # before and after the write and the rename of each file

                copy(whole, start)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
