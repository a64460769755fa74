#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""The image build as a whole: Packer, with the null builder, makes an image of a bare Debian in a container, over ssh, from a
bucket, a registry and a repository of packages on loopback; the image then boots as two instances. Needs root.

usage: tests/image/boot_test.py BUILD-DIR CACHE [SUITE]"""

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "image"), str(TESTS), str(TESTS / "boot")]
import debian  # noqa: E402
import support  # noqa: E402
from bucket import Answer, Bucket, sha256  # noqa: E402
from fixture import PACKER  # noqa: E402
from node import FAKE_AWS_UNIT, LIBC, PAUSE_IMAGE, Node, base_image, certificate_authority, node_config, pause_archive, run  # noqa: E402

BUILD, CACHE = (Path(word).resolve() for word in (sys.argv[1:3] if len(sys.argv) > 2 else ("build/gcc", "build/cache")))
SUITE = sys.argv[3] if len(sys.argv) > 3 else "bookworm"
SYSTEM, CONTAINERD = {"bookworm": ("debian12", ">=1.6,<2"), "trixie": ("debian13", ">=1.7,<2")}[SUITE]
VERSION, DATE = "1.34.1", "2025-11-13"
FOLDER = f"{VERSION}/{DATE}/bin/linux/amd64"
CNI = "cni-plugins-linux-amd64-v1.1.1.tgz"
REGISTRY = "127.0.0.1:5000"
PAUSE, OTHER_PAUSE = "localhost:5000/team/pause:1", f"{REGISTRY}/team/pause:1"
# containerd unpacks on another filesystem than the container's root, which this is. It is in no image.
UNPACKED = "run/unpacked"
REPOSITORY = "srv/repository"
# Still at work when settle-machine looks, after it has written that file
CLOUD_INIT = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until [ -e /run/eks/installed ]; do sleep 0.1; done; sleep 5'
TimeoutStartSec=300
"""
# What kubelet needs, and what systemd starts before everything else. Nothing else may delay a node.
NEEDED = re.compile(r"(eks-.*|containerd|kubelet|fake-aws)\.(service|target|socket)|(sysinit|basic|local-fs|local-fs-pre|network|network-pre|sockets|swap)\.target"
                    r"|systemd-(journald.*|tmpfiles-setup.*|sysusers|sysctl|modules-load|remount-fs|update-utmp|machine-id-commit|journal-flush|udev.*|random-seed"
                    r"|journal-catalog-update|update-done|resolved|networkd|hostnamed)\.(service|socket)|.*\.(slice|mount)")


def listed(option):
    return run(TESTS / "deps", option, capture_output=True, text=True).stdout.split()


def bare_machine() -> Path:
    """Debian with sshd and what the stand-ins need, and beside it, in `repository`, every package that the provisioners install.
    Made once, kept in the cache by content."""
    included, installed = listed("--list-image-base"), listed("--list-image-packages")
    key = hashlib.sha256(" ".join([SUITE, *included, "+", *installed]).encode()).hexdigest()[:12]
    folder = CACHE / f"image-base-{key}"

    with open(CACHE / "image-base.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder

        shutil.rmtree(folder, ignore_errors=True)
        root, repository = folder / "root", folder / "repository"
        repository.mkdir(parents=True)
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(included)}", SUITE, root, debian.mirror(), timeout=900)

        for words in ["update"], ["--yes", "--no-install-recommends", "--download-only", "install", *installed]:
            run("chroot", root, "apt-get", "--quiet", *words, stdout=subprocess.DEVNULL, timeout=600)
        for archive in (root / "var/cache/apt/archives").glob("*.deb"):
            archive.rename(repository / archive.name)
        with open(repository / "Packages", "w") as index:
            run("dpkg-scanpackages", "--multiversion", ".", cwd=repository, stdout=index, stderr=subprocess.DEVNULL)

        shutil.rmtree(root / "var/lib/apt/lists")
        (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
        (folder / "complete").touch()

    return folder


def in_network(pid, make):
    """The result of `make`, called in the network namespace of a process. Sockets stay in it."""
    result = []

    def body():
        with open(f"/proc/{pid}/ns/net") as network:
            if LIBC.setns(network.fileno(), 0x40000000) != 0:
                raise OSError("setns")
        result.append(make())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()

    return result[0]


class Machine(Node):
    """A container of layers of directories; changes go to .dir/upper."""

    unpacked = "var/lib/containerd"

    def __init__(self, scratch, *layers):
        super().__init__(self, scratch)
        self.layers, self.real_kubelet = layers, None

    def __enter__(self):
        for name in ("root", "upper", "work", "containerd"):
            (self.dir / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={':'.join(map(str, self.layers))},upperdir={self.dir}/upper,"
            f"workdir={self.dir}/work", self.root)
        return self

    def binds(self):
        repository = self.layers[-1].parent / "repository"
        return [f"--bind={self.dir}/containerd:/{self.unpacked}", f"--bind-ro={repository}:/{REPOSITORY}"]


class WatchedBucket(Bucket):
    """Calls `when_asked` for a key before it is answered."""

    when_asked = (None, None)

    def handle_error(self, *_):
        pass  # a connection that was cut


class WatchedAnswer(Answer):
    def do_GET(self):
        key, act = self.server.when_asked
        if key and self.path.endswith(key):
            self.server.when_asked = (None, None)
            act()
        super().do_GET()


class ImageBootTest(support.BootTest):
    def setUp(self):
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="image-boot-")))
        self.packer = self.scratch / "packer"
        shutil.copytree(PACKER, self.packer, ignore=shutil.ignore_patterns(".template"))
        self.packages, self.output = self.scratch / "packages", self.scratch / "output"
        self.output.mkdir()
        self.key = self.scratch / "key"
        run("ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-C", "builder-key-of-the-test", "-f", self.key)
        run(PACKER / "packages/build", "deb", "--from", BUILD, "--output", self.packages, stdout=subprocess.DEVNULL,
            env=os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "none"})

    def start_builder(self, base):
        self.base = base
        builder = self.enterContext(Machine(self.scratch, base))
        builder.write("etc/stand-in-kubelet-version", f"v{VERSION}")

        builder.write("usr/bin/kubelet-schema.json", (PACKER.parent / "helpers/data/share/kubelet/schema.json").read_text())
        builder.write("etc/ssh/sshd_config.d/test.conf", "PubkeyAcceptedAlgorithms +ssh-rsa\nHostKeyAlgorithms +ssh-rsa\n")
        self.authorize(builder)
        self.boot_builder(builder, "eks.node=0")
        builder.file("/run/systemd/system/cloud-final.service").write_text(CLOUD_INIT)

        return builder

    def boot_builder(self, builder, argument):
        # Only containerd sees it there: a build removes the directory.
        builder.unpacked = UNPACKED
        builder.boot(argument)
        drop_in = builder.file("/run/systemd/system/containerd.service.d/test.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(f"[Service]\nBindPaths=/{UNPACKED}:/var/lib/containerd\n")

    def start_registry(self, builder):
        """A registry in the network of the builder, in the root of the boot tests, which has its program."""
        place = self.enterContext(Machine(self.scratch, base_image(CACHE)))
        shutil.copy(TESTS / "boot/registry", place.root / "usr/local/lib/registry")
        (place.root / "usr/local/lib/image.tar").write_bytes(pause_archive())

        ready = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        ready.bind(str(place.root / "run/ready"))
        ready.settimeout(60)

        with open(self.scratch / "registry.log", "wb") as log:
            registry = subprocess.Popen(
                ["nsenter", f"--target={builder.leader()}", "--net", "unshare", "--pid", "--fork", "--kill-child", f"--root={place.root}",
                 "--mount-proc", "python3", "-I", "/usr/local/lib/registry", f"--listen={REGISTRY}", f"--image={PAUSE.partition('/')[2]}"],
                env={"PATH": "/usr/sbin:/usr/bin", "NOTIFY_SOCKET": "/run/ready"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        self.addCleanup(self.stop, registry)
        self.assertEqual(ready.recv(16), b"READY=1", log.name)

        return registry

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()

    def authorize(self, builder, home="root"):
        builder.write(f"{home}/.ssh/authorized_keys", self.key.with_suffix(".pub").read_text())
        (builder.root / home / ".ssh/authorized_keys").chmod(0o600)

    def make_administrator(self, builder):
        """A user as cloud-init makes it, who becomes root by sudo."""
        builder.output("useradd", "--create-home", "--shell", "/bin/bash", "admin")
        builder.write("etc/sudoers.d/90-cloud-init-users", "admin ALL=(ALL) NOPASSWD:ALL\n")
        home = "home/admin"
        self.authorize(builder, home)
        builder.output("chown", "--recursive", "admin:", f"/{home}")

    def start_bucket(self, builder):
        bucket = in_network(builder.leader(), WatchedBucket)
        bucket.RequestHandlerClass = WatchedAnswer
        self.addCleanup(bucket.server_close)
        self.addCleanup(bucket.shutdown)
        bucket.put_build(VERSION, DATE, "amd64")

        buffer = io.BytesIO()
        plugins = debian.packages(CACHE, "bookworm", "containernetworking-plugins")[0].root / "usr/lib/cni"

        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for name in "bridge", "host-local", "loopback", "portmap":
                archive.add(plugins / name, name)

        for name, data in {CNI: buffer.getvalue(), "kubelet": (TESTS / "boot/kubelet").read_bytes()}.items():
            bucket.put(f"{FOLDER}/{name}", data)
            bucket.put(f"{FOLDER}/{name}.sha256", f"{sha256(data)}  {name}\n")

        return bucket

    def build(self, builder, bucket, **more):
        """Packer, from the network of the builder."""
        variables = {
            "builder": "null", "os": SYSTEM, "ssh_host": "127.0.0.1", "ssh_private_key_file": self.key, "ami_name": "test",
            "output_directory": self.output, "binary_bucket_name": "binaries", "binary_endpoint": bucket.url, "enable_ssm_agent": "false",
            "enable_cis": "false", "crictl_version": "", "containerd_version": CONTAINERD, "runc_version": "latest",
            "cni_plugin_version": "v1.1.1", "pull_cni_from_github": "false",
            "pause_container_image": PAUSE, "package_directory": self.packages, "kubernetes_version": VERSION, "kubernetes_build_date": DATE} | more

        began = time.monotonic()
        done = subprocess.run(
            ["nsenter", f"--target={builder.leader()}", "--net", "make", "-C", self.packer, "k8s",
             *(f"{name}={value}" for name, value in variables.items())],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.scratch), "CHECKPOINT_DISABLE": "1",
                 "PACKER_NO_COLOR": "1", "FETCH_RETRIES": "0", "TMPDIR": str(self.scratch)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)

        self.seconds = time.monotonic() - began

        return done

    def end_of(self, done):
        return "\n".join(done.stdout.splitlines()[-60:])

    def assertFails(self, done, *expected):
        self.assertNotEqual(done.returncode, 0, self.end_of(done))
        for text in expected:
            self.assertTrue(text in done.stdout, f"no '{text}' in\n{self.end_of(done)}")
        self.assertEqual(list(self.output.iterdir()), [])
        self.assertEqual([path.name for path in self.scratch.glob("packer-*")], [], "files of Packer are left")

    def test_an_image_is_built_and_boots_as_two_instances(self):
        base = bare_machine() / "root"
        builder = self.start_builder(base)
        bucket = self.start_bucket(builder)
        registry = self.start_registry(builder)
        machine_id = builder.file("/etc/machine-id").read_text().strip()
        self.fail_in_three_ways(builder, bucket)

        builder.file("/run/eks/installed").unlink()  # of the builds that failed
        builder.output("systemctl", "start", "--no-block", "cloud-final.service")
        done = self.build(builder, bucket)
        self.assertEqual(done.returncode, 0, self.end_of(done))
        self.assertIn("settle-machine: waiting for cloud-final.service", done.stdout)
        self.assertIn("nothing to set aside", done.stdout)  # this base image is not AWS's

        print(f"a build takes {self.seconds:.0f} s", flush=True)
        print("".join(re.findall(r"(?m) +\d+ MiB  .*\n", done.stdout)), end="", flush=True)
        self.assertPauseImage(builder)

        # once more, as a user, hardened as an image is without enable_cis=false, and without the registry
        bucket.requests.clear()
        self.stop(registry)
        self.make_administrator(builder)
        builder.output("ssh-keygen", "-A")
        done = self.build(builder, bucket, ssh_username="admin", enable_cis="true")
        self.assertEqual(done.returncode, 0, self.end_of(done))
        self.assertRegex(done.stdout, r"check-controls: \d+ controls are met")
        self.assertIn("Defaults logfile=/var/log/sudo.log", builder.file("/etc/sudoers.d/60-eks-variants").read_text())

        print(f"once more, without downloads: {self.seconds:.0f} s", flush=True)
        self.assertEqual([path for path, *_ in bucket.requests if path.endswith("kubelet")], [])

        builder.power_off()
        self.assertNoTrace(builder, machine_id)

        ca = certificate_authority()
        ids = [self.boot_instance(builder, ca, number) for number in (1, 2)]
        self.assertEqual(len({machine_id, *ids}), 3, "machine ids are shared")

        self.build_on_the_image(builder)

    def build_on_the_image(self, image):
        """Build once more. The builder is an instance of the image, so it is a node, without a NodeConfig."""
        builder = self.enterContext(Machine(self.scratch, image.dir / "upper", self.base))
        self.put_fake_aws(builder, 3)
        builder.write("usr/lib/eks/node.enabled", "")  # as the hardware says it of an EC2 instance
        self.boot_builder(builder, "quiet")
        home = "home/admin"
        self.authorize(builder, home)
        builder.output("chown", "--recursive", "admin:", f"/{home}")

        self.assertNotEqual(builder.call("systemctl", "start", "containerd.service").returncode, 0)

        machine_id = builder.file("/etc/machine-id").read_text().strip()

        bucket = self.start_bucket(builder)
        self.start_registry(builder)
        done = self.build(builder, bucket, ssh_username="admin", enable_cis="true", pause_container_image=OTHER_PAUSE)
        self.assertEqual(done.returncode, 0, self.end_of(done))
        self.assertEqual((builder.root / "etc/eks/pause-image.txt").read_text(), f"{OTHER_PAUSE}\n")
        self.assertEqual(builder.call("systemctl", "list-units", "--no-legend", "--state=active", "eks-*", "kubelet.service").stdout, "")

        builder.power_off()
        self.assertNoTrace(builder, machine_id)

    def fail_in_three_ways(self, builder, bucket):
        key = f"{FOLDER}/kubelet"
        kubelet, checksum = bucket.objects.pop(key), bucket.objects[f"{key}.sha256"]
        self.assertFails(self.build(builder, bucket), "lacks kubelet", "'Own binaries'")
        self.assertEqual(self.left_on(builder), [])

        bucket.objects[key] = kubelet

        def cut():
            builder.output("systemctl", "kill", "--kill-who=all", "--signal=KILL", "ssh.service")
            builder.call("systemctl", "stop", "ssh.service")

        bucket.when_asked = ("/kubelet", cut)
        self.assertFails(self.build(builder, bucket), "disconnected")

        builder.output("systemctl", "reset-failed", "ssh.service")
        builder.output("systemctl", "start", "ssh.service")

        # Without a connection Packer could not remove this. A later build does.
        self.assertLessEqual(set(self.left_on(builder)), {"worker"})
        self.assertEqual(list((builder.root / "var/tmp").rglob("varfile*")), [])

        bucket.put(f"{key}.sha256", "0" * 64)
        (builder.root / "usr/bin/kubelet").unlink(missing_ok=True)
        self.assertFails(self.build(builder, bucket), "kubelet has the SHA-256", "the file is damaged or was replaced")
        self.assertEqual(self.left_on(builder), [])

        bucket.put(f"{key}.sha256", checksum)

    def assertPauseImage(self, builder):
        """It is in the archive, under the name that nodes use, and in the manifest; containerd has nothing more of it."""
        with open(builder.root / "etc/eks/pause.tar", "rb") as pulled:
            (name, config), (_, pushed) = map(self.image_in, (pulled, io.BytesIO(pause_archive())))
        self.assertEqual((name, config), (PAUSE_IMAGE, pushed))

        manifest = json.loads((builder.root / "etc/eks/image.json").read_text())
        self.assertEqual(manifest["wanted"]["pause"], PAUSE)
        self.assertIn("/etc/eks/pause.tar", [file["path"] for file in manifest["files"]])
        self.assertFalse((builder.root / "var/lib/containerd").exists())
        self.assertEqual(builder.call("systemctl", "is-active", "containerd").stdout, "inactive\n")

    @staticmethod
    def image_in(file):
        """The name of the image in an archive, and the digest of its configuration; that of a layer depends on the compression."""
        with tarfile.open(fileobj=file) as archive:
            one, = json.load(archive.extractfile("index.json"))["manifests"]
            manifest = json.load(archive.extractfile(f"blobs/{one['digest'].replace(':', '/')}"))
        return one["annotations"]["io.containerd.image.name"], manifest["config"]["digest"]

    @staticmethod
    def left_on(builder):
        """What Packer has put there."""
        return [name for name in os.listdir(builder.root / "var/tmp") if not name.startswith("systemd-private-")]

    def assertNoTrace(self, builder, machine_id):
        root = builder.root
        for pattern in (self.packer / "lib/leftovers").read_text().splitlines():
            if not pattern.startswith("#"):
                found = [path for path in root.glob(pattern) if not (path.name == "resolv.conf" and path.is_symlink())]
                self.assertEqual(found, [])

        logs = [path for path in (root / "var/log").rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size]
        self.assertEqual(logs, [])
        self.assertEqual((root / "etc/machine-id").read_text(), "")

        for text in machine_id, "builder-key-of-the-test":
            found = subprocess.run(["grep", "-rlF", "--", text, builder.dir / "upper"], capture_output=True, text=True, check=False).stdout
            self.assertEqual(found, "", f"'{text}' is in the image")

        for place in "tmp", "var/tmp":
            self.assertEqual([name for name in os.listdir(root / place) if not name.startswith("systemd-private-")], [])

    def put_fake_aws(self, node, number):
        profile = (TESTS / "profiles/reference.json").read_text().replace("i-1234567890abcdef0", f"i-{number}234567890abcdef0")
        node.write("srv/aws/profile.json", profile)

        for name in ("fake-aws", "aws_signature.py"):
            node.write(f"usr/local/lib/{name}", (TESTS / name).read_text())
        node.write("etc/systemd/system/fake-aws.service", FAKE_AWS_UNIT)
        node.link("etc/systemd/system/multi-user.target.wants/fake-aws.service", "../fake-aws.service")
        run("ssh-keygen", "-A", "-f", node.root, stdout=subprocess.DEVNULL)  # as cloud-init does

    def check_drift(self, node):
        """Controls that are in force, or not any more, and files that have changed since the first boot, in less than 2 s."""
        def checks(*options):
            return {one["name"]: one for one in json.loads(node.call("eksnode", "validate-image", "--running", "--json", *options).stdout)["checks"]}

        found = checks("--controls", "--changes")
        self.assertRegex(found["controls"]["found"], r"^[12]\d\d are in force, \d+ are waived$")
        self.assertEqual([name for name, one in found.items() if one["state"] == "problem"], [])
        self.assertIn("/etc/kubernetes/kubelet/config.json", found["changed by eksnode"]["found"])

        node.file("/etc/motd").write_text("Debian\n")
        node.file("/etc/sysctl.d/99-mine.conf").write_text("kernel.dmesg_restrict = 0\n")
        node.output("chmod", "0644", "/etc/shadow")
        began = time.monotonic()
        self.assertIn("/etc/sysctl.d/99-mine.conf", checks("--changes")["changed by nobody known"]["found"])
        self.assertLess(time.monotonic() - began, 2)
        broken = [one["found"] for name, one in checks("--controls").items() if name.startswith("control cis: ") and one["state"] == "problem"]
        self.assertEqual(len([why for why in broken if why.startswith("mode 0640 root:shadow /etc/shadow")]), 1, broken)
        node.output("chmod", "0640", "/etc/shadow")
        for path in "/etc/motd", "/etc/sysctl.d/99-mine.conf":
            node.file(path).unlink()

    def boot_instance(self, builder, ca, number):
        node = self.enterContext(Machine(self.scratch, builder.dir / "upper", self.base))
        self.put_fake_aws(node, number)
        node.write("srv/aws/user-data", node_config(ca))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service", "containerd.service")
        self.assertCalm(node)

        for unit in "containerd.service", "kubelet.service":
            self.assertEqual(self.starts(node, unit), 1, f"{unit} was restarted")

        shown = node.output("systemctl", "show", "*.service", "--property=Id,NRestarts").split("\n\n")
        services = [dict(line.split("=", 1) for line in one.splitlines()) for one in shown]
        restarts = {one["Id"]: one["NRestarts"] for one in services if "NRestarts" in one}
        self.assertIn("kubelet.service", restarts)
        self.assertEqual([name for name, number in restarts.items() if number != "0"], [])
        self.assertEqual(node.call("systemctl", "list-units", "--no-legend", "--failed", "eks-*").stdout, "")

        ciphers = re.search(r"(?m)^ciphers (.*)$", node.output("sh", "-c", "mkdir -p /run/sshd && sshd -T"))[1]
        self.assertEqual(ciphers, "aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com")
        self.assertIn(f"i-{number}234567890abcdef0", node.kubelet()["config"]["providerID"])

        self.assertActive(node, "logrotate.timer")
        node.file("/var/log/kube-proxy.log").write_text("a line\n")
        node.output("logrotate", "--force", "/etc/logrotate.conf")
        self.assertEqual(node.output("zcat", "/var/log/kube-proxy.log.1.gz"), "a line\n")
        self.assertEqual(node.file("/var/log/kube-proxy.log").read_text(), "")

        checked = node.call("eksnode", "validate-image", "--running")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

        self.check_drift(node)

        versions = json.loads(node.output("eksnode", "versions", "--json"))
        states = {one["name"]: one["state"] for one in versions["components"]}
        self.assertEqual({states[name] for name in ("kubernetes", "containerd", "runc", "eksnode", "pause")}, {"ok"})

        chain = node.output("systemd-analyze", "--no-pager", "critical-chain", "eks-node.target")
        units = re.findall(r"(?m)^[\s└─├│]*(\S+\.[a-z]+)(?: @.*| \+.*)?$", chain)
        self.assertIn("kubelet.service", units, chain)
        self.assertEqual([unit for unit in units if not NEEDED.fullmatch(unit)], [], chain)

        print(chain if number == 1 else "", end="", flush=True)

        began = int(node.output("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"))
        ready = int(node.show("eks-node.target", "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
        print(f"instance {number}: {(ready - began) / 1000:.0f} ms from PID 1 to eks-node.target", flush=True)

        identity = node.file("/etc/machine-id").read_text().strip()
        node.power_off()

        return identity


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("this test needs root: it mounts and starts containers")
    unittest.main(argv=sys.argv[:1])
