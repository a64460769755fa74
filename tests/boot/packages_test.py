# SPDX-License-Identifier: Apache-2.0
"""The packages: installed, upgraded and removed, on a machine that runs and in a root that does not, which then boots."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import support
from node import TESTS, Image, Node, node_config, run
from support import BootTest

NAMES = ["eksnode", "eksnode-host", "eksnode-compat"]
COMMANDS = ["usr/bin/imds", "usr/bin/nodeadm", "usr/bin/vercmp", "etc/eks/bootstrap.sh"]
EDITED = "etc/logrotate.d/kube-proxy"
MINE = "etc/eks/node.d/50-mine.toml"

# Units have these paths in the packages of kubelet and kubeadm that Kubernetes publishes. Theirs restarts for ever; this one runs.
KUBELET_UNIT = "usr/lib/systemd/system/kubelet.service"
KUBEADM_DROP_IN = "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
OF_KUBELET = {
    KUBELET_UNIT: "[Unit]\nDescription=kubelet: The Kubernetes Node Agent\n[Service]\nExecStart=/usr/bin/kubelet\n"
                  "Restart=always\nRestartSec=10\n[Install]\nWantedBy=multi-user.target\n"}
OF_KUBEADM = {
    KUBEADM_DROP_IN: '[Service]\nEnvironment="KUBELET_CONFIG_ARGS=infinity"\n'
                     "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\nExecStart=\nExecStart=/usr/bin/sleep $KUBELET_CONFIG_ARGS\n"}
OURS = "/usr/lib/eks/units/kubelet.service"

# Properties that may differ between two looks at a unit that nobody has touched.
CHANGING = re.compile(r"CPUUsageNSec|IO(Read|Write)(Bytes|Operations)|IP(In|E)gress|Memory(Current|Available|Peak)|TasksCurrent|.*Timestamp.*|InvocationID")


def build(kind: str, output: Path, *options: str, **environment: str) -> dict[str, Path]:
    """The packages of the build that is tested, by name; debs are not compressed, which takes longest."""
    done = run(TESTS.parent / "packer/packages/build", kind, "--from", support.BUILD, "--output", output, *options,
               capture_output=True, text=True, env=os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "none"} | environment)
    return dict(zip(NAMES, map(Path, done.stdout.split()), strict=True))


def files(root: Path) -> set[str]:
    """What is in the folders that packages have files in, and our state."""
    found = set()
    for top in "etc", "usr", "var/lib/eks":
        for folder, folders, names in os.walk(root / top):
            found |= {str(Path(folder, name).relative_to(root)) for name in [*folders, *names]}
    return found


class PackageTest(BootTest):
    def bare_node(self) -> Node:
        """A machine with containerd and kubelet, and nothing of eksnode's."""
        scratch = Path(tempfile.mkdtemp(prefix="bare-", dir=support.SCRATCH))
        image = Image(None, support.IMAGE.cache, scratch)
        node = Node(image, scratch)
        self.enterContext(node)
        node.write("usr/lib/eks/node.enabled", "")  # as the hardware says it of an EC2 instance
        node.user_data(node_config(image.ca))
        return node

    def properties(self, node, unit) -> dict:
        """What systemd knows of a unit, but what changes by itself. Lists of units have no order."""
        return {name: sorted(value.split(" ; start_time=")[0].split()) for name, value in node.show(unit).items()
                if not CHANGING.match(name)}

    def assertOurKubelet(self, node):
        """kubelet's unit is ours, and no drop-in of a package changes it."""
        show = node.show("kubelet.service", "FragmentPath", "DropInPaths", "ExecStart")

        # `systemctl preset`, of kubelet's package, adds a link in /etc to what the generator has linked.
        self.assertEqual(os.readlink(node.file(show["FragmentPath"])), OURS)
        self.assertNotIn(KUBEADM_DROP_IN, show["DropInPaths"])
        self.assertIn("$KUBELET_ARGS", show["ExecStart"])

        # Its package enables it: multi-user.target must not wait for it.
        self.assertNotIn("kubelet.service", node.show("multi-user.target", "After")["After"].split())

    def assertTheirKubelet(self, node):
        """kubelet's unit is that of its packages, and nothing of ours changes it."""
        show = node.show("kubelet.service", "FragmentPath", "DropInPaths", "ExecStart")
        self.assertEqual(show["FragmentPath"].removeprefix("/usr"), f"/{KUBELET_UNIT}".removeprefix("/usr"))
        self.assertEqual(show["DropInPaths"].removeprefix("/usr"), f"/{KUBEADM_DROP_IN}".removeprefix("/usr"))
        self.assertIn("sleep $KUBELET_CONFIG_ARGS", show["ExecStart"])

    def pid(self, node, unit) -> str:
        return node.show(unit, "MainPID")["MainPID"]

    def assertNothingLeft(self, node, before, *expected):
        """Nothing that a package or a step has put there; what systemd and daemons write is not ours."""
        left = files(node.root) - before
        others = {path for path in left if path.startswith(("etc/systemd/system", "etc/machine-id", "etc/mtab", "etc/cni"))}
        self.assertEqual(sorted(left - others), sorted(expected))


class DebianPackages(PackageTest):
    def test_they_are_installed_on_a_running_machine_upgraded_and_removed(self):
        node = self.bare_node()
        folder = node.root / "srv/packages"
        first = build("deb", folder)
        second = self.next_version(first)
        before = files(node.root)

        # H14: an image is built on a machine that could be a node.
        node.boot("quiet")
        theirs = [self.foreign_deb(folder, "kubelet", OF_KUBELET | {"usr/bin/kubelet": (node.root / "usr/bin/kubelet").read_text()}),
                  self.foreign_deb(folder, "kubeadm", OF_KUBEADM)]
        self.dpkg(node, "--install", *theirs)
        node.output("systemctl", "start", "containerd", "kubelet")
        units = "containerd.service", "kubelet.service", "system.slice"
        untouched = {unit: self.properties(node, unit) for unit in units}
        self.assertEqual(untouched["kubelet.service"]["UnitFileState"], ["enabled"])

        containerd = self.pid(node, "containerd.service")

        # It stays as it is, also when they are removed again. What any machine gets is in eksnode-host alone.
        self.dpkg(node, "--install", first["eksnode"], first["eksnode-compat"])
        for unit in units:
            self.assertEqual(self.properties(node, unit), untouched[unit], unit)
        self.assertNotRegex(node.output("/lib/systemd/systemd-sysctl", "--cat-config"), r"(?m)^(kernel\.panic|vm\.overcommit)")

        self.dpkg(node, "--purge", "eksnode-compat", "eksnode")
        for unit in units:
            self.assertEqual(self.properties(node, unit), untouched[unit], unit)
        node.output("systemctl", "stop", "kubelet")

        self.dpkg(node, "--install", *first.values())
        self.assertTrue(node.file("/run/eks/installed").exists())
        self.assertEqual(self.pid(node, "containerd.service"), containerd)
        self.assertEqual(node.output("systemctl", "list-units", "--no-legend", "eks-*", "kubelet.service"), "")

        # kubelet's packages are removed, and installed after ours: this is no node before the next boot.
        self.dpkg(node, "--purge", "kubeadm", "kubelet")
        self.assertEqual(node.show("kubelet.service", "LoadState")["LoadState"], "not-found")
        self.dpkg(node, "--install", *theirs)
        self.assertTheirKubelet(node)

        node.output("systemctl", "restart", "containerd")
        self.assertEqual(node.call("systemctl", "list-unit-files", "--no-legend", "--state=enabled", "eks-*").stdout, "")

        node.write(MINE, '[node.labels]\nteam = "a"\n')
        with open(node.root / EDITED, "a", encoding="utf-8") as file:
            file.write("# mine\n")
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.kubelet()["flags"]["node-labels"]["team"], "a")

        for command in COMMANDS:
            self.assertTrue((node.root / command).is_symlink(), command)

        # kubelet's packages are there before eksnode; then they are removed, and installed after it.
        self.assertOurKubelet(node)

        self.dpkg(node, "--purge", "kubeadm", "kubelet")
        self.assertOurKubelet(node)

        self.dpkg(node, "--install", *theirs)
        self.assertOurKubelet(node)

        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target")

        pids = [self.pid(node, unit) for unit in ("containerd.service", "kubelet.service")]
        self.dpkg(node, "--force-confdef", "--install", *second.values())
        self.assertIn("\n# mine\n", (node.root / EDITED).read_text())
        self.assertNotIn("# new\n", (node.root / EDITED).read_text())
        self.assertFalse(node.file("/run/eks/installed").exists())
        self.assertActive(node, "eks-node.target")
        self.assertEqual([self.pid(node, unit) for unit in ("containerd.service", "kubelet.service")], pids)
        self.assertCalm(node)

        node.write("etc/containerd/config.toml", "# mine\nversion = 2\n")
        self.dpkg(node, "--purge", *NAMES)
        self.assertEqual(self.pid(node, "containerd.service"), pids[0])
        self.assertFalse(Path(f"/proc/{node.leader()}/root/proc/{pids[1]}").exists(), "kubelet still runs")
        self.assertFalse(node.file("/run/eks").exists())

        # The unit of kubelet's package is as if eksnode had never been there.
        self.assertEqual(self.properties(node, "kubelet.service")["ExecStart"], untouched["kubelet.service"]["ExecStart"])
        self.assertTheirKubelet(node)

        self.dpkg(node, "--purge", "kubeadm", "kubelet")
        node.power_off()
        self.assertNothingLeft(node, before, "etc/containerd/config.toml", "etc/eks/node.d", MINE)

    def foreign_deb(self, folder, name, contents) -> Path:
        """A package of others. It enables the unit, and stops it when it is removed, as kubelet's does."""
        root = folder / name
        for path, text in contents.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            (root / path).chmod(0o755 if path.startswith("usr/bin/") else 0o644)

        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: 1.34.1-1.1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a test\n")

        if name == "kubelet":
            for script, text in ("postinst", "systemctl daemon-reload; systemctl preset kubelet.service || :"), (
                    "prerm", "systemctl disable --now kubelet.service || :"), ("postrm", "systemctl daemon-reload"):
                (root / "DEBIAN" / script).write_text(f"#!/bin/sh\nset -e\n{text}\n")
                (root / "DEBIAN" / script).chmod(0o755)

        archive = folder / f"{name}.deb"
        run("dpkg-deb", "-Znone", "--build", root, archive, stdout=subprocess.DEVNULL)
        shutil.rmtree(root)

        return archive

    def dpkg(self, node, *arguments):
        node.output("dpkg", *(f"/{a.relative_to(node.root)}" if isinstance(a, Path) else a for a in arguments))

    def next_version(self, packages):
        """With another conffile, which is what dpkg asks about."""
        result = {}
        for name, archive in packages.items():
            root = archive.with_suffix("")
            run("dpkg-deb", "--raw-extract", archive, root)
            control = root / "DEBIAN/control"
            control.write_text(re.sub(r"(\d~git\S+|\d)-1\b", r"\1-2", control.read_text()))

            if (root / EDITED).exists():
                with open(root / EDITED, "a", encoding="utf-8") as file:
                    file.write("# new\n")

            result[name] = archive.with_name(f"{name}-2.deb")
            run("dpkg-deb", "-Znone", "--build", root, result[name], stdout=subprocess.DEVNULL)
            shutil.rmtree(root)

        return result


# What packages of Amazon Linux 2023 provide: name, and the libraries with the versions of their symbols.
GLIBC = ["2.2.5", "2.3", "2.3.2", "2.3.3", "2.3.4", *(f"2.{minor}" for minor in range(4, 35))]
AMAZON_LINUX = {
    "bash": ["/bin/sh"],
    "c-ares": ["libcares.so.2()(64bit)"],
    "containerd": [],
    "coreutils": [],
    "cryptsetup": [],
    "diffutils": [],
    "findutils": [],
    "glibc": [f"{library}{version}(64bit)" for library in ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")
              for version in ("()", *(f"(GLIBC_{number})" for number in GLIBC))] + ["rtld(GNU_HASH)"],
    "iptables-nft": ["iptables = 1.8.8"],
    "libblkid": [f"libblkid.so.1{version}(64bit)" for version in ("()", *(f"(BLKID_2.{minor})" for minor in range(15, 38)))],
    "libcurl-minimal": ["libcurl = 8.5.0", "libcurl.so.4()(64bit)"],
    "libevent": ["libevent_core-2.1.so.7()(64bit)", "libevent_extra-2.1.so.7()(64bit)"],
    "libgcc": [f"libgcc_s.so.1{version}(64bit)" for version in ("()", *(f"(GCC_{number})" for number in (
        "3.0", "3.3", "3.3.1", "3.4", "3.4.2", "4.0.0", "4.2.0", "4.3.0", "4.7.0", "4.8.0", "7.0.0")))],
    "libnghttp2": ["libnghttp2.so.14()(64bit)"],
    "libstdc++": [f"libstdc++.so.6{version}(64bit)" for version in (
        "()", "(GLIBCXX_3.4)", *(f"(GLIBCXX_3.4.{number})" for number in range(1, 30)),
        "(CXXABI_1.3)", *(f"(CXXABI_1.3.{number})" for number in range(1, 14)))],
    "libyaml": ["libyaml-0.so.2()(64bit)"],
    "mdadm": [],
    "openssl-libs": ["libcrypto.so.3()(64bit)", "libcrypto.so.3(OPENSSL_3.0.0)(64bit)"],
    "systemd": ["systemd = 252.23"],
    "systemd-libs": [f"libsystemd.so.0{version}(64bit)" for version in ("()", *(f"(LIBSYSTEMD_{number})" for number in range(209, 253)))],
    "xfsprogs": [],
    "zlib": ["libz.so.1()(64bit)", "libz.so.1(ZLIB_1.2.0)(64bit)"],
}


def repository(folder: Path, packages: dict[str, Path]) -> Path:
    """A repository of these packages, and of empty ones with the names that Amazon Linux has."""
    folder.mkdir()
    spec = "Name: stubs\nVersion: 1\nRelease: 1\nSummary: stubs\nLicense: none\nBuildArch: noarch\n%description\nstubs\n"

    for name, provides in AMAZON_LINUX.items():
        spec += f"%package -n {name}\nVersion: 252\nSummary: a stub\n" + "".join(f"Provides: {one}\n" for one in provides)
        spec += f"%description -n {name}\nA stub.\n%files -n {name}\n"

    (folder / "stubs.spec").write_text(spec)
    run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/work", "--define", f"_rpmdir {folder}", folder / "stubs.spec",
        stderr=subprocess.DEVNULL)

    for package in packages.values():
        shutil.copy(package, folder)
    run("createrepo_c", "--quiet", folder)

    return folder


@unittest.skipUnless(all(map(shutil.which, ("rpmbuild", "dnf", "createrepo_c"))), "needs rpm, dnf: tests/deps --packages")
class RpmPackages(PackageTest):
    def test_they_are_installed_over_the_image_of_eks_upgraded_and_removed(self):
        node = self.bare_node()
        scratch = node.dir / "rpm"
        scratch.mkdir()
        theirs = self.make_it_like_the_image(node)
        rpm = ["rpm", f"--root={node.root}"]
        kubelet = self.foreign_rpms(scratch)
        run(*rpm, "--install", "--nodeps", *kubelet)
        before = files(node.root)

        # --repofrompath: nothing but these packages is known to dnf.
        stubs = repository(scratch / "repository", build("rpm", scratch / "packages"))
        second = self.next_version(scratch)
        run("dnf", "--quiet", "--assumeyes", f"--installroot={node.root}", "--releasever=2023", "--nogpgcheck", "--repo=stubs",
            f"--repofrompath=stubs,file://{stubs}", "install", *NAMES, stdout=subprocess.DEVNULL)
        self.assertEqual(self.said_by(*rpm, "--verify", *NAMES), "")
        self.assertNotIn("not installed", self.said_by(*rpm, "--query", "containerd", "cryptsetup", "libcurl-minimal", "mdadm", "xfsprogs"))
        self.assertFalse((node.root / "run/eks").exists(), "the root does not run")
        self.assertFalse(files(node.root) & {f"{path}.rpmnew" for path in COMMANDS})

        with self.subTest("the machine is not a node"):
            node.write("etc/eks/node.disabled", "")
            node.boot("quiet")
            self.assertEqual(node.output("systemctl", "list-units", "--no-legend", "eks-*"), "")
            self.assertEqual(node.show("kubelet.service", "FragmentPath")["FragmentPath"], "/etc/systemd/system/kubelet.service")

            for unit in "containerd.service", "kubelet.service", "systemd-journald.service":
                self.assertNotIn("eks", node.show(unit, "DropInPaths")["DropInPaths"], unit)
            node.power_off()
            (node.root / "etc/eks/node.disabled").unlink()

        run("chroot", node.root, "eksnode", "takeover", stdout=subprocess.DEVNULL)
        set_aside = self.files_in(node.root / "etc/eks/set-aside")
        self.assertIn("etc/systemd/system/kubelet.service", set_aside)

        with open(node.root / EDITED, "a", encoding="utf-8") as file:
            file.write("# mine\n")
        edited = (node.root / EDITED).read_text()
        run(*rpm, "--upgrade", *second.values())
        self.assertEqual(self.said_by(*rpm, "--query", "--queryformat=%{RELEASE} ", *NAMES), "2 2 2 ")
        self.assertEqual((node.root / EDITED).read_text(), edited)
        self.assertTrue((node.root / f"{EDITED}.rpmnew").read_text().endswith("# new\n"))
        self.assertEqual(self.files_in(node.root / "etc/eks/set-aside"), set_aside)

        for command in COMMANDS:
            self.assertTrue((node.root / command).is_symlink(), command)
        node.boot("quiet")
        self.assertActive(node, "eks-node.target")
        self.assertOurKubelet(node)

        node.write(MINE, '[node.labels]\nteam = "a"\n')
        node.power_off()

        # Neither package has files of the other, whichever comes first.
        run(*rpm, "--erase", "kubeadm", "kubelet")
        self.assertEqual(self.said_by(*rpm, "--verify", "eksnode"), "")
        self.assertKubeletAfterBoot(node, self.assertOurKubelet)

        run(*rpm, "--install", "--nodeps", *kubelet)
        self.assertKubeletAfterBoot(node, self.assertOurKubelet)
        node.write("etc/eks/node.disabled", "")
        self.assertKubeletAfterBoot(node, self.assertTheirKubelet)
        (node.root / "etc/eks/node.disabled").unlink()
        run(*rpm, "--erase", *NAMES)
        self.assertEqual(self.said_by(*rpm, "--verify", "--nodeps", "kubelet", "kubeadm"), "")

        for path, text in theirs.items():
            self.assertEqual((node.root / path).read_text(), text, path)
        left = [path for path in files(node.root) - before if path.startswith(("etc/dnf", "etc/rpm", "usr/lib/sysimage"))]
        self.assertNothingLeft(node, before, "etc/eks/node.d", MINE, f"{EDITED}.rpmnew", f"{EDITED}.rpmsave", *left)

    def assertKubeletAfterBoot(self, node, check):
        node.boot("quiet")
        check(node)
        node.power_off()

    def foreign_rpms(self, scratch) -> list[Path]:
        """Packages of kubelet's and kubeadm's units; the program is that of the machine."""
        folder = scratch / "foreign"
        folder.mkdir()
        spec = "Name: kubelet\nVersion: 1.34.1\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n%description\na test\n"
        spec += "%package -n kubeadm\nSummary: a test\n%description -n kubeadm\na test\n"
        install, lists = "%install\n", ""

        for option, contents in ("", OF_KUBELET), ("-n kubeadm", OF_KUBEADM):
            for path, text in contents.items():
                (folder / Path(path).name).write_text(text)
                install += f"install -D -m 644 {folder}/{Path(path).name} %{{buildroot}}/{path}\n"
                lists += f"%files {option}\n/{path}\n"

        (folder / "kubelet.spec").write_text(spec + install + lists)
        run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/work", "--define", f"_rpmdir {folder}", folder / "kubelet.spec",
            stderr=subprocess.DEVNULL)

        return sorted(folder.glob("noarch/*.rpm"))

    def files_in(self, folder):
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())

    def next_version(self, scratch):
        """With another file of configuration: before it is packed, a line is added to what was staged."""
        programs = scratch / "programs"
        programs.mkdir()
        (programs / "rpmbuild").write_text(
            '#!/bin/sh\nfor word; do\n        case $word in "work "*) echo "# new" >>"${word#work }/root/'
            f'{EDITED}" ;; esac\ndone\nexec {shutil.which("rpmbuild")} "$@"\n')
        (programs / "rpmbuild").chmod(0o755)
        return build("rpm", scratch / "packages-2", "--release", "2", PATH=f"{programs}:{os.environ['PATH']}")

    def said_by(self, *command):
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False).stdout

    def make_it_like_the_image(self, node):
        theirs = {path: f"#!/bin/sh\n# {path} of the image\nexit 1\n" for path in COMMANDS}
        units = "etc/systemd/system"
        theirs |= {f"{units}/kubelet.service": "[Service]\nExecStart=/bin/false\n",
                   f"{units}/nodeadm-run.service": "[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n",
                   f"{units}/runtime.slice": "[Unit]\nBefore=slices.target\n",
                   "etc/udev/rules.d/90-eks.rules": "# of the image\n"}
        for path, text in theirs.items():
            node.write(path, text)
        node.link(f"{units}/multi-user.target.wants/nodeadm-run.service", "/etc/systemd/system/nodeadm-run.service")

        return theirs
