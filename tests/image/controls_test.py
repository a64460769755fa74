# SPDX-License-Identifier: Apache-2.0
"""The controls, which are what variants harden: the lists of the variants, and a root of Debian 12 to which they are applied. The
programs that read its files, and OpenSCAP, say whether they are in force."""

import fcntl
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
VARIANTS = SOURCE / "packer/variants"
ROOT = SOURCE / "build/cache/variants-root"  # made once
PACKAGES = ("systemd", "systemd-sysv", "openssh-server", "openssh-client", "sudo", "apparmor", "kmod", "procps", "cron", "passwd")
CONTENT = "/usr/share/xml/scap/ssg/content/ssg-ubuntu2204-ds.xml"
PROFILE = "xccdf_org.ssgproject.content_profile_cis_level1_server"

# Debian 12's OpenSCAP has no profile of CIS for Debian; that for Ubuntu 22.04 asks for nearly the same. It finds these at fault.
FINDINGS = {
    "cis.list waives the control": """package_aide_installed aide_build_database aide_periodic_cron_checking
        accounts_password_pam_pwhistory_remember accounts_passwords_pam_tally2 accounts_password_pam_dcredit
        accounts_password_pam_lcredit accounts_password_pam_minclass accounts_password_pam_minlen accounts_password_pam_ocredit
        accounts_password_pam_retry accounts_password_pam_ucredit package_rsyslog_installed service_rsyslog_enabled
        rsyslog_remote_loghost package_iptables_installed service_iptables_enabled set_iptables_default_rule
        set_ip6tables_default_rule sysctl_net_ipv6_conf_all_accept_ra sysctl_net_ipv6_conf_default_accept_ra
        sysctl_net_ipv6_conf_all_forwarding sysctl_net_ipv4_conf_all_rp_filter sysctl_net_ipv4_conf_default_rp_filter
        sysctl_net_ipv4_ip_forward grub2_password service_cron_enabled""",
    "it is of level 2 for Debian 12": "kernel_module_udf_disabled",
    "it wants another program that sets the clock": """package_chrony_installed package_ntp_installed
        service_chronyd_or_ntpd_enabled service_ntp_enabled""",
    "it sees only what is mounted now": "partition_for_tmp",
    "it wants mode 0000; CIS allows 0640 and the group shadow": """file_groupowner_backup_etc_gshadow
        file_groupowner_etc_gshadow file_permissions_backup_etc_gshadow file_permissions_backup_etc_shadow
        file_permissions_etc_gshadow file_permissions_etc_shadow""",
    "it wants the older 'use_uid' without a group": "use_pam_wheel_for_su",
    "it wants lines in files of the distribution; CIS allows a file in /etc/profile.d": """accounts_tmout
        accounts_umask_etc_bashrc accounts_umask_etc_csh_cshrc accounts_umask_etc_profile""",
    "it wants one wording": "sudo_custom_logfile sshd_set_keepalive sshd_set_idle_timeout sshd_set_loglevel_info",
    "it knows lists of other algorithms": "sshd_use_approved_ciphers sshd_use_approved_macs",
}


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, check=False, stdin=subprocess.DEVNULL,
                          **({"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 600} | options))


class Control:
    def __init__(self, variant, rest):
        ids, self.text = rest.split(" ", 1)
        self.variant, self.ids, self.items, self.waived = variant, ids.split(","), [], []


def controls(name):
    found = []
    for line in (VARIANTS / f"{name}.list").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "control":
            found.append(Control(name, rest))
        elif found and word and word != "#":
            plain, _, system = word.partition("@")
            (found[-1].waived if plain == "waived" else found[-1].items).append((plain, system, rest))

    return found


class ListTest(unittest.TestCase):
    names = sorted(file.stem for file in VARIANTS.glob("*.list"))

    def test_every_control_is_implemented_or_waived_with_a_reason(self):
        library = (SOURCE / "packer/lib/controls.sh").read_text()
        for control in (control for name in self.names for control in controls(name)):
            with self.subTest(control=control.text):
                self.assertTrue(control.items or control.waived, control.ids)

                for _, _, reason in control.waived:
                    self.assertGreater(len(reason.split()), 5)

                for word, system, rest in control.items:
                    self.assertIn(system, ("", "al2023", "debian"))
                    # each has a check
                    self.assertIn(f"\nholds_{word.replace('-', '_')}() {{", library)
                    if word == "holds":
                        self.assertIn(f"\ncheck_{rest.split()[0]}() {{", library)

                # on each system that it is for
                for system in {entry.split(":")[0].replace("debian12", "debian") for entry in control.ids if ":" in entry}:
                    there = [item for item in control.items if item[1] in ("", system) and
                             not (item[0] == "packages" and not item[2].startswith(system))]
                    self.assertTrue(there or control.waived, f"nothing for {system}")

    def test_settings_of_sshd_are_for_the_systems_of_their_control(self):
        for control in (control for name in self.names for control in controls(name)):
            systems = {entry.split(":")[0].replace("debian12", "debian") for entry in control.ids}
            if len(systems) == 1 and systems <= {"al2023", "debian"}:
                for word, system, rest in control.items:
                    if word == "sshd":
                        with self.subTest(ids=control.ids, item=rest):
                            self.assertEqual({system}, systems)

    def test_all_controls_of_level_1_are_there(self):
        """As many as the benchmarks have, in as many chapters."""
        ids = [entry for control in controls("cis") for entry in control.ids]
        self.assertEqual(len(ids), len(set(ids)))

        by_system = {system: [entry.split(":")[1] for entry in ids if entry.startswith(f"{system}:")] for system in ("al2023", "debian12")}
        self.assertEqual({system: len(found) for system, found in by_system.items()}, {"al2023": 179, "debian12": 249})

        chapters = {system: sorted({entry.split(".")[0] for entry in found}) for system, found in by_system.items()}
        self.assertEqual(chapters, {"al2023": list("123456"), "debian12": list("1234567")})

    def test_files_that_reasons_name_exist(self):
        for control in (control for name in self.names for control in controls(name)):
            for _, _, reason in control.waived:
                for path in re.findall(r"\b(?:dropins|packer|man)/[\w./-]+\w", reason):
                    self.assertTrue((SOURCE / path).exists(), path)
                for page, section in re.findall(r"\b(eks[\w-]*)\((\d)\)", reason):
                    self.assertTrue((SOURCE / f"man/{page}.{section}.scd").exists(), page)

    def test_a_node_keeps_what_it_needs(self):
        """What would break it is in no list: forwarding, modules, units, and packages that a provisioner installs."""
        needed = re.search(r"^packages=\(([^)]*)\)", (SOURCE / "packer/provisioners/install-host-packages").read_text(), re.MULTILINE)[1]
        for name in self.names:
            text = re.sub(r"(?m)^(#|waived|control|summary).*$", "", (VARIANTS / f"{name}.list").read_text())
            for word in ("ip_forward", "forwarding", "bridge-nf", "rp_filter", "max_user_namespaces"):
                self.assertNotIn(word, text, name)

            off = re.findall(r"(?m)^module-off\S* (.*)$", text)
            self.assertFalse({"overlay", "br_netfilter", "ext4", "xfs", "nf_tables", "nvme", "ena"} & set(" ".join(off).split()))

            absent = " ".join(re.findall(r"(?m)^absent-package\S* (.*)$", text)).split()
            self.assertFalse(set(needed.split()) & set(absent))

            masked = " ".join(re.findall(r"(?m)^mask\S* (.*)$", text)).split()
            self.assertFalse([unit for unit in masked if unit.startswith(("eks", "containerd", "kubelet", "systemd-networkd"))])

    def test_no_variant_includes_itself(self):
        def included(name, above=()):
            self.assertNotIn(name, above)
            for line in re.findall(r"(?m)^includes (.*)$", (VARIANTS / f"{name}.list").read_text()):
                for other in line.split():
                    included(other, (*above, name))

        for name in self.names:
            included(name)


def debian_root():
    """A root of Debian 12, as an image has it: with sshd, without users of its own."""
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{ROOT}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ROOT.exists():
            new = Path(f"{ROOT}.new")
            shutil.rmtree(new, ignore_errors=True)
            done = run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", new)
            if done.returncode != 0:
                raise RuntimeError(done.stdout)
            new.rename(ROOT)

    return ROOT


class RootTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="controls-test."))
        cls.addClassCleanup(shutil.rmtree, cls.scratch)

        cls.root = cls.scratch / "root"
        cls.copy(debian_root(), cls.root)

        shutil.copytree(SOURCE / "packer", cls.root / "srv/packer")

        for path, source in {"usr/lib/systemd/timesyncd.conf.d/80-eks.conf": "timesyncd.conf.d/80-eks.conf",
                             "etc/chrony/sources.d/eks.sources": "chrony/eks.sources",
                             "usr/lib/sysctl.d/99-kubernetes-cri.conf": "sysctl.d/99-kubernetes-cri.conf",
                             "usr/lib/modules-load.d/containerd.conf": "modules-load.d/containerd.conf"}.items():
            (cls.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / "dropins" / source, cls.root / path)

        (cls.root / "usr/sbin/update-grub").write_text("#!/bin/sh\n")  # there is no bootloader
        (cls.root / "usr/sbin/update-grub").chmod(0o755)
        (cls.root / "home/admin").mkdir()
        (cls.root / "etc/cron.deny").touch()

        cls.applied = cls.step("apply-variants")

    @staticmethod
    def copy(source, target):
        subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)

    @classmethod
    def inside(cls, *command, root=None):
        return run("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "-D", root or cls.root,
                   "--setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--setenv=ARCH=x86_64", "--setenv=WORKING_DIR=/var/tmp",
                   "--setenv=VARIANTS=cis", *command, stderr=subprocess.PIPE)

    @classmethod
    def step(cls, name, **options):
        return cls.inside("bash", f"/srv/packer/provisioners/{name}", **options)

    def files(self):
        return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in (self.root / "etc").rglob("*")
                if path.name not in (".pwd.lock", "ld.so.cache", "resolv.conf", "localtime", "timezone")}

    def test_1_the_variant_is_in_force(self):
        self.assertEqual(self.applied.returncode, 0, self.applied.stderr)

        done = self.step("check-controls")
        self.assertEqual(done.returncode, 0, done.stderr)

        met, waived = map(int, re.search(r"(\d+) controls are met, (\d+) are waived", done.stdout).groups())
        mine = [control for control in controls("cis") if any(entry.startswith("debian12:") for entry in control.ids)]
        self.assertEqual(met + waived, len(mine))
        self.assertEqual(waived, len([control for control in mine if control.waived]))

    def test_2_the_programs_that_read_it_agree(self):
        self.inside("ssh-keygen", "-A")
        effective = self.inside("sh", "-c", "mkdir -p /run/sshd; sshd -T").stdout.splitlines()

        for line in "permitrootlogin no", "maxauthtries 4", "banner /etc/issue.net", "x11forwarding yes", "disableforwarding no":
            self.assertIn(line, effective)  # the last two are level 2
        self.assertEqual(self.inside("visudo", "-c").returncode, 0)

        for module, off in {"cramfs": True, "usb-storage": True, "overlay": False, "br_netfilter": False}.items():
            text = self.inside("modprobe", "--showconfig").stdout
            self.assertEqual(f"install {module.replace('-', '_')} /bin/false" in text, off, module)

        text = self.inside("systemd-analyze", "cat-config", "sysctl.d").stdout
        values = dict(re.findall(r"(?m)^-?([\w.-]+) *= *(\S+)$", text))  # the last one counts
        self.assertEqual((values["net.ipv4.ip_forward"], values["net.ipv4.conf.all.send_redirects"]), ("1", "0"))
        self.assertEqual(values["net.bridge.bridge-nf-call-iptables"], "1")

        self.assertIn("Storage=persistent", self.inside("systemd-analyze", "cat-config", "systemd/journald.conf").stdout)

        for option in "noexec", "nosuid", "nodev":
            self.assertIn(option, self.inside("findmnt", "--fstab", "--noheadings", "--output", "OPTIONS", "/tmp").stdout)
        self.assertEqual(self.inside("systemctl", "is-enabled", "rpcbind.service").stdout, "masked\n")
        self.assertEqual(self.inside("bash", "-lc", "umask; echo $TMOUT").stdout, "0027\n900\n")

    def test_2_what_delays_the_boot_is_masked(self):
        done = self.step("speed-up-boot")
        self.assertEqual(done.returncode, 0, done.stderr)

        for unit, state in {"apt-daily.timer": "masked", "e2scrub_reap.service": "masked", "man-db.timer": "masked",
                            "dnf-makecache.timer": "", "fstrim.timer": "enabled", "systemd-tmpfiles-clean.timer": "static"}.items():
            self.assertEqual(self.inside("systemctl", "is-enabled", unit).stdout.strip(), state, unit)

        text = self.inside("systemd-analyze", "cat-config", "systemd/system/systemd-networkd-wait-online.service").stdout
        program = re.findall(r"(?m)^ExecStart=(\S+)", text)[-1]
        self.assertIn("--any", self.inside(program, "--help").stdout)

    def test_3_a_second_run_changes_nothing(self):
        before = self.files()
        done = self.step("apply-variants")
        self.assertEqual(done.returncode, 0, done.stderr)
        after = self.files()
        self.assertEqual([str(path) for path in set(before) | set(after) if before.get(path) != after.get(path)], [])

    def test_4_what_is_undone_is_found(self):
        broken = self.scratch / "broken"
        self.copy(self.root, broken)

        for path, text in {"etc/sysctl.d/70-mine.conf": "net.ipv4.conf.all.send_redirects = 1\n", "etc/cron.deny": "",
                           "etc/ssh/sshd_config.d/05-mine.conf": "PermitRootLogin yes\n", "etc/motd": "Debian\n",
                           "var/log/open": "", "home/admin/.rhosts": "+\n"}.items():
            (broken / path).write_text(text)

        (broken / "var/log/open").chmod(0o666)
        (broken / "etc/shadow").chmod(0o644)
        (broken / "etc/systemd/system/rpcbind.socket").unlink()

        for path in "etc/fstab", "etc/modprobe.d/60-eks-variants.conf", "etc/login.defs", "etc/default/useradd":
            file = broken / path
            file.write_text(re.sub(r"(?m)^(tmpfs /dev/shm|install hfs |PASS_MIN_DAYS|INACTIVE).*$", "", file.read_text()))

        with open(broken / "etc/passwd", "a") as file:
            file.write("toor:x:0:0::/root:/bin/bash\n")
        with open(broken / "etc/shadow", "a") as file:
            file.write("toor:$y$j9T$x$x:19000::::::\n")

        (broken / "etc/pam.d/su").write_text("auth sufficient pam_rootok.so\n")
        (broken / "usr/lib/systemd/timesyncd.conf.d/80-eks.conf").unlink()
        (broken / "etc/sudoers.d/60-eks-variants").unlink()

        done = self.step("check-controls", root=broken)
        self.assertNotEqual(done.returncode, 0)

        for control in ("3.3.2 ", "2.4.2.1 ", "5.1.20 ", "1.6.1 ", "6.1.4.1 ", "7.2.10 ", "7.1.8 ", "2.1.12 ", "1.1.2.2.4 ", "1.1.1.3 ",
                        "5.4.1.5 ", "5.4.2.1 ", "5.4.2.3 ", "5.2.7 ", "2.3.3.3 ", "5.2.2 ", "7.1.11 ", "5.3.3.1.2 "):
            self.assertRegex(done.stderr, rf"(?m)^cis: \S*debian12:{re.escape(control)}", done.stderr)

        self.assertIn("controls are not met", done.stderr)

    def scan(self, root):
        """The rules that OpenSCAP finds at fault, and how many pass."""
        (root / "etc/lsb-release").write_text("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n")
        results = self.scratch / "results.xml"
        run("oscap", "xccdf", "eval", "--profile", PROFILE, "--results", results, CONTENT, env={
            "PATH": "/usr/bin:/bin", "OSCAP_PROBE_ROOT": str(root), "OSCAP_PROBE_OS_NAME": "Linux", "OSCAP_PROBE_OS_VERSION": "6.1",
            "OSCAP_PROBE_ARCHITECTURE": "x86_64", "OSCAP_PROBE_PRIMARY_HOST_NAME": "image"})

        space = "{http://checklists.nist.gov/xccdf/1.2}"
        found = {}

        for result in xml.etree.ElementTree.parse(results).iter(f"{space}rule-result"):
            found.setdefault(result.find(f"{space}result").text, set()).add(result.get("idref").split("rule_")[1])

        return found.get("fail", set()) | found.get("unknown", set()) | found.get("error", set()), len(found["pass"])

    def test_5_openscap_finds_nothing_unexplained(self):
        before = self.scratch / "before"
        self.copy(debian_root(), before)
        _, passed = self.scan(before)

        scanned = self.scratch / "scanned"
        self.copy(self.root, scanned)

        # It reads only this file of sshd's, so the file gets what is in force.
        (scanned / "etc/ssh/sshd_config").write_text(self.inside("sh", "-c", "mkdir -p /run/sshd; sshd -T").stdout)
        (scanned / "etc/ssh/sshd_config").chmod(0o600)

        findings, passed_after = self.scan(scanned)
        known = {rule for text in FINDINGS.values() for rule in text.split()}
        self.assertEqual(findings - known, set())
        self.assertGreater(passed_after, passed + 40)

        print(f"OpenSCAP: {passed} rules pass before, {passed_after} with the variant cis, {len(findings)} are explained")
