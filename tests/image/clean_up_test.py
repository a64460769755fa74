# SPDX-License-Identifier: Apache-2.0
"""The last provisioners: what an image must not carry, and the labels of its files."""

import subprocess
import threading

from fixture import MachineTest


class CleanUpTest(MachineTest):
    def test_leftovers_and_later_traces_are_removed(self):
        gone = """etc/ssh/ssh_host_rsa_key etc/ssh/ssh_host_rsa_key.pub root/.ssh/authorized_keys
            home/ec2-user/.ssh/authorized_keys home/ec2-user/.bash_history root/.bash_history root/.aws/credentials
            var/lib/cloud/instances/i-1/user-data.txt var/lib/cloud/data/x var/lib/cloud/sem/x var/lib/dhclient/x.lease
            var/lib/dnf/history.sqlite var/lib/systemd/random-seed var/lib/eks/commands.d/x.toml var/lib/kubelet/pki/x var/lib/kubelet/pods/x var/log/cloud-init.log
            var/log/cloud-init-output.log var/log/messages var/log/secure var/log/wtmp var/log/journal/abc/system.journal
            var/log/audit/audit.log.1 var/cache/dnf/x etc/hostname etc/resolv.conf home/ec2-user/.python_history
            root/.ssh/id_ed25519 root/.ssh/known_hosts var/log/pods/x etc/netplan/50-cloud-init.yaml
            etc/network/interfaces.d/50-cloud-init etc/ssh/sshd_config.d/50-cloud-init.conf var/lib/chrony/chrony.drift
            var/lib/amazon/ssm/Vault/Store/RegistrationKey var/log/amazon/ssm/amazon-ssm-agent.log
            var/lib/sudo/lectured/admin var/lib/sudo/ts/admin home/admin/.cache/motd.legal-displayed tmp/x tmp/.x var/tmp/x/y""".split()
        kept = """etc/ssh/sshd_config home/ec2-user/.ssh/config etc/eks/release var/lib/kubelet/x etc/netplan/10-mine.yaml
            etc/ssh/sshd_config.d/10-mine.conf tmp/systemd-private-0-x.service/tmp/x var/tmp/mine/worker/lib/x""".split()

        work = {"WORKING_DIR": str(self.root / "var/tmp/mine/worker")}

        for path in gone + kept:
            self.put_file(path, "x")
        self.put_file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.put_file("var/log/audit/audit.log", "x")

        for _ in range(2):
            self.succeeds(self.step("clean-up", **work))
            self.assertEqual([path for path in gone if (self.root / path).exists()], [])
            self.assertEqual([path for path in kept if not (self.root / path).exists()], [])
            self.assertEqual(self.read("etc/machine-id"), "")
            self.assert_in_order(self.calls(), "systemctl stop systemd-random-seed.service", "systemctl stop amazon-ssm-agent.service",
                                 "systemctl stop chrony.service", "journalctl --relinquish-var")
            self.assertEqual(self.read("var/log/audit/audit.log"), "")
            self.assertTrue((self.root / "var/log/journal").is_dir())

        (self.root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        self.succeeds(self.step("clean-up"))
        self.assertTrue((self.root / "etc/resolv.conf").is_symlink())

        # what later steps write
        self.put_file("var/log/sudo.log", "x")
        self.put_file("var/log/audit/audit.log", "x")
        script = f"trap 'echo stopped >>{self.root}/var/log/audit/audit.log; exit' TERM; while :; do sleep 0.1; done"
        auditd = subprocess.Popen(["bash", "-c", script])
        threading.Thread(target=auditd.wait, daemon=True).start()
        self.addCleanup(lambda: auditd.poll() is None and auditd.kill())

        self.answer("systemctl", f'[ "$*" != "show --property=MainPID --value auditd.service" ] || echo {auditd.pid}')
        self.succeeds(self.step("remove-traces", **work))
        self.assertIsNotNone(auditd.poll())

        logs = [path for path in (self.root / "var/log").rglob("*") if path.is_file()]
        self.assertEqual([(path.name, path.read_text()) for path in logs], [("audit.log", "")])
        self.assertFalse((self.root / "var/tmp/mine/worker").exists())
        self.assertTrue((self.root / "etc/eks/release").exists())

    def test_selinux_labels_are_restored_and_checked(self):
        for name in "usr/bin", "usr/libexec", "etc/systemd/system", "etc/eks", "opt/cni/bin":
            (self.root / name).mkdir(parents=True, exist_ok=True)

        self.answer("selinuxenabled", "")
        self.answer("matchpathcon", 'shift; for path; do echo "$path verified."; done')
        self.succeeds(self.step("label-files"))
        self.assert_in_order(self.calls(), "selinuxenabled", f"restorecon -R {self.root}/usr/bin", "matchpathcon -V")

        self.answer("matchpathcon", 'shift; for path; do echo "$path has context a, should be b"; done')
        self.fails(self.step("label-files"), "another label than SELinux's policy says", "should be b")

        self.answer("matchpathcon", "exit 2")
        self.fails(self.step("label-files"), "the labels are not checked")

        if self.remove_command("matchpathcon"):
            self.fails(self.step("label-files"), "matchpathcon", "libselinux-utils")
        if self.remove_command("restorecon"):
            self.succeeds(self.step("label-files"))
