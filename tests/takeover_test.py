#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""eksnode takeover in a root that is laid out like the EKS image of Amazon Linux 2023, with eksnode installed over it.

usage: takeover_test.py EKSNODE-TAKEOVER"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = Path(sys.argv[1])

# Files of the image, and whether eksnode has one of that name in /usr/lib.
UNITS = "etc/systemd/system"
REPLACED = {
    "etc/modules-load.d/containerd.conf": "",
    "etc/sysctl.d/67-eks-reserved-ports.conf": "net.ipv4.ip_local_reserved_ports = 2703,9808\n",
    "etc/sysctl.d/99-amazon.conf": "vm.overcommit_memory=1\n",
    "etc/sysctl.d/99-kubernetes-cri.conf": "net.ipv4.ip_forward = 1\n",
    "etc/systemd/network/99-default.link.d/99-no-policy.conf": "[Link]\nMACAddressPolicy=none\n",
    "etc/systemd/networkd.conf.d/80-release.conf": "[Network]\nManageForeignRoutes=no\n",
    "etc/udev/rules.d/90-eks.rules": 'ACTION=="add", RUN+="/bin/systemctl enable --now --no-block udev-net-manager@$name"\n',
    f"{UNITS}/amazon-ssm-agent.service.d/00-oom-score.conf": "[Service]\nOOMScoreAdjust=-999\n",
    f"{UNITS}/kubelet.service": "[Service]\nExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS\n",
    f"{UNITS}/runtime.slice": "[Unit]\nBefore=slices.target\n",
    f"{UNITS}/soci-snapshotter.service": "[Service]\nExecStart=/usr/bin/soci-snapshotter-grpc --address fd://\n",
    f"{UNITS}/soci-snapshotter.socket": "[Socket]\nSocketMode=0660\n",
}
# Ours are elsewhere, because only nodes have them.
OF_NODES = {"etc/sysctl.d/99-amazon.conf": "usr/lib/eks/sysctl.d/99-amazon.conf",
            f"{UNITS}/kubelet.service": "usr/lib/eks/units/kubelet.service"}
KEPT = {
    "etc/eks/nodeadm.d/50-mine.yaml": "kind: NodeConfig\n",
    "etc/sysctl.conf": "vm.max_map_count=524288\n",
    f"{UNITS}/cni-cache-reset.service": "[Service]\n",
    f"{UNITS}/containerd.service.d/00-runtime-slice.conf": "[Service]\nSlice=runtime.slice\n",
    f"{UNITS}/ebs-initialize-bin@.service": "[Service]\n",
    f"{UNITS}/eks-ca.service.d/50-mine.conf": "[Service]\n",
    f"{UNITS}/kubelet.service.d/50-mine.conf": "[Service]\nRestartSec=9\n",
    f"{UNITS}/nodeadm-boot-hook.service": "[Service]\n",
    f"{UNITS}/nodeadm-config.service": "[Service]\n",
    f"{UNITS}/nodeadm-run.service": "[Service]\n",
    f"{UNITS}/udev-net-manager@.service": "[Service]\n",
}
WANTS = f"{UNITS}/multi-user.target.wants"
DISABLED = {
    f"{WANTS}/ebs-initialize-bin@containerd.service": "/etc/systemd/system/ebs-initialize-bin@.service",
    f"{WANTS}/ebs-initialize-bin@kubelet.service": "/etc/systemd/system/ebs-initialize-bin@.service",
    f"{WANTS}/kubelet.service": "/etc/systemd/system/kubelet.service",
    f"{WANTS}/nodeadm-boot-hook.service": "/etc/systemd/system/nodeadm-boot-hook.service",
    f"{WANTS}/nodeadm-config.service": "/etc/systemd/system/nodeadm-config.service",
    f"{WANTS}/nodeadm-run.service": "/etc/systemd/system/nodeadm-run.service",
    f"{WANTS}/udev-net-manager@ens5.service": "/etc/systemd/system/udev-net-manager@.service",
    f"{UNITS}/sockets.target.wants/soci-snapshotter.socket": "/etc/systemd/system/soci-snapshotter.socket",
}
STILL_ENABLED = {
    f"{WANTS}/cni-cache-reset.service": "/etc/systemd/system/cni-cache-reset.service",
    f"{WANTS}/ebs-initialize-bin@mine.service": "/etc/systemd/system/ebs-initialize-bin@.service",
}


def installed(path):
    """Where eksnode has the file of this name."""
    return OF_NODES.get(path, "usr/lib/" + path.removeprefix("etc/"))


def state(root):
    """Of every file: what is in it, or where it points to, and its mode."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(root))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(root))] = (path.read_text(), path.stat().st_mode)

    return found


class TakeoverTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)

        for path, text in {**REPLACED, **KEPT}.items():
            self.write(path, text)
        for path in REPLACED:
            self.write(installed(path), "ours\n")

        for path, target in {**DISABLED, **STILL_ENABLED}.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).symlink_to(target)

        (self.root / f"{UNITS}/kubelet.service").chmod(0o640)
        self.before = state(self.root)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run_it(self, *options, status=0):
        done = subprocess.run([PROGRAM, "--root", self.root, *options], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def moved(self, *paths):
        """The state before, but these files are where they are set aside."""
        return {f"etc/eks/set-aside/{path}" if path in paths else path: what for path, what in self.before.items()}

    def test_it_sets_aside_what_would_win_and_brings_it_back(self):
        reported = self.run_it()
        self.assertEqual(state(self.root), self.moved(*REPLACED, *DISABLED))

        lines = reported.splitlines()
        self.assertIn(f"set aside /{WANTS}/nodeadm-run.service: disables nodeadm-run.service", lines)
        self.assertIn(f"set aside /{UNITS}/kubelet.service: has precedence over '/usr/lib/eks/units/kubelet.service'", lines)
        self.assertEqual(len(lines), len(REPLACED) + len(DISABLED) + 1)
        self.assertIn("next boot", lines[-1])
        self.assertEqual(self.run_it(), "nothing to set aside\n")
        self.assertEqual(state(self.root), self.moved(*REPLACED, *DISABLED))

        reported = self.run_it("--undo")
        self.assertIn(f"brought back /{UNITS}/kubelet.service\n", reported)
        self.assertEqual(state(self.root), self.before)
        self.assertFalse((self.root / "etc/eks/set-aside").exists())
        self.assertEqual(self.run_it("--undo"), "nothing to bring back\n")

    def test_a_dry_run_changes_nothing(self):
        reported = self.run_it("--dry-run")
        self.assertEqual(reported.count("would set aside "), len(REPLACED) + len(DISABLED))
        self.assertEqual(state(self.root), self.before)

        self.run_it()
        after = state(self.root)
        self.assertEqual(self.run_it("--undo", "--dry-run").count("would bring back "), len(REPLACED) + len(DISABLED))
        self.assertEqual(state(self.root), after)

    def test_a_file_without_one_of_ours_stays(self):
        """As without the package eksnode-host."""
        rules = "etc/udev/rules.d/90-eks.rules"
        (self.root / installed(rules)).unlink()
        del self.before[installed(rules)]
        self.assertIn(f"'/{rules}' stays: there is no '/{installed(rules)}'", self.run_it())
        self.assertEqual(state(self.root), self.moved(*(set(REPLACED) - {rules}), *DISABLED))

    def test_a_masked_unit_stays_masked(self):
        unit = self.root / f"{UNITS}/kubelet.service"
        unit.unlink()
        unit.symlink_to("/dev/null")
        self.assertIn(f"'/{UNITS}/kubelet.service' stays: it is not a regular file", self.run_it())
        self.assertEqual(os.readlink(unit), "/dev/null")

    def test_undo_does_not_overwrite_a_new_file(self):
        self.run_it()
        self.write(f"{UNITS}/kubelet.service", "the admin's\n")
        reported = self.run_it("--undo")
        self.assertIn(f"'/etc/eks/set-aside/{UNITS}/kubelet.service' stays, because '/{UNITS}/kubelet.service' is there", reported)
        self.assertEqual((self.root / f"{UNITS}/kubelet.service").read_text(), "the admin's\n")
        self.assertEqual((self.root / f"etc/eks/set-aside/{UNITS}/kubelet.service").read_text(),
                         REPLACED[f"{UNITS}/kubelet.service"])

    def test_another_machine_has_nothing_to_set_aside(self):
        with tempfile.TemporaryDirectory() as empty:
            self.root = Path(empty)
            self.assertEqual(self.run_it(), "nothing to set aside\n")
            self.assertEqual(self.run_it("--undo"), "nothing to bring back\n")
            self.assertEqual(os.listdir(empty), [])

    def test_wrong_arguments_and_a_file_that_cannot_be_moved(self):
        self.run_it("everything", status=2)
        self.run_it("--force", status=2)
        self.write("etc/eks/set-aside/etc/systemd", "in the way\n")
        self.run_it(status=1)
        self.assertTrue((self.root / f"{UNITS}/kubelet.service").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
