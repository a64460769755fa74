# SPDX-License-Identifier: Apache-2.0
"""A node in a systemd container: Debian's systemd as PID 1, its containerd, the staged install, a fake AWS and a
stand-in kubelet inside. Used by the boot tests, the demo and the bench.

Everything runs in a network namespace of the container's own: what answers on 169.254.169.254 there is the fake."""

import base64
import ctypes
import fcntl
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from cgroup import ControlGroup

TESTS = Path(__file__).resolve().parent.parent
KUBELET_SCHEMA = TESTS.parent / "helpers/data/share/kubelet/schema.json"  # for the stand-in, which has it beside itself
sys.path.insert(0, str(TESTS))
import debian  # noqa: E402
import real  # noqa: E402

LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
NUMBERS = itertools.count()
PAUSE_IMAGE = "localhost/kubernetes/pause:latest"


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], check=True, stdin=subprocess.DEVNULL, **options)


def base_image(cache: Path) -> Path:
    """Debian with the packages that tests/deps lists for the node; made once, kept in `cache` by content."""
    packages = run(TESTS / "deps", "--list-node", capture_output=True, text=True).stdout.split()
    wanted = ",".join(p for p in packages if not p.endswith("-"))
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    root = cache / f"node-base-{key}"
    cache.mkdir(parents=True, exist_ok=True)

    with open(cache / "node-base.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may share the cache
        if (root / "complete").exists():
            return root

        shutil.rmtree(root, ignore_errors=True)
        with open(cache / "mmdebstrap.log", "w") as log:
            run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={wanted}", "bookworm", root, debian.mirror(),
                stdout=log, stderr=subprocess.STDOUT, timeout=600)

        (root / "complete").touch()

    return root


def containerd_packages() -> dict[str, tuple[str, str]]:
    """Suite and package of every containerd that a node may have, by the name that the tests use: "1.6" and so on."""
    lines = run(TESTS / "deps", "--list-containerd", capture_output=True, text=True).stdout.splitlines()
    return {name: (suite, package) for name, suite, package in map(str.split, lines)}


def packages_listed(cache: Path, *what: str) -> list[debian.Package]:
    """Packages that tests/deps lists for some tests, of which the node image has nothing: by its option --list-..."""
    wanted = run(TESTS / "deps", *what, capture_output=True, text=True).stdout.splitlines()
    suites = {}
    for suite, name in map(str.split, wanted):
        suites.setdefault(suite, []).append(name)
    return [package for suite, names in suites.items() for package in debian.packages(cache, suite, *names)]


def pause_archive(name: str = PAUSE_IMAGE, program=b"none") -> bytes:
    """An OCI image layout with one layer, by default under the name that containerd's configuration gives."""
    blobs = {}

    def add(data: bytes):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        info = tarfile.TarInfo("pause")
        info.size, info.mode = len(program), 0o755
        archive.addfile(info, io.BytesIO(program))

    layer_blob = add(layer.getvalue())
    config = add(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/pause"]},
                             "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]}}).encode())
    manifest = add(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer_blob}]}).encode())
    index = {"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
        "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"}}]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    files |= {f"blobs/sha256/{digest}": data for digest, data in blobs.items()}

    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

    return result.getvalue()


FAKE_AWS_UNIT = """\
[Unit]
Description=Fake EC2 Instance Metadata Service
# It plays the network as well: what waits for a configured link waits for this.
Wants=network.target
Before=network.target

[Service]
Type=notify
ExecStart=/usr/bin/python3 /usr/local/lib/fake-aws --listen 169.254.169.254:80 --address-on lo \\
        --profile /srv/aws/profile.json --user-data /srv/aws/user-data --faults /srv/aws/faults.json \\
        --clusters /srv/aws/clusters.json --queries /srv/aws/queries.json \\
        --log /run/fake-aws.log
"""


REGISTRY_UNIT = """\
[Unit]
Description=A Registry to Pull From
# nothing waits for the network in here: loopback is up with fake-aws
After=fake-aws.service
Before=containerd.service

[Service]
Type=notify
Environment=REGISTRY_LOGIN={login}
ExecStart=/usr/bin/python3 -I /usr/local/lib/registry {arguments}
"""


def certificate_authority() -> str:
    """A CA certificate in base64, as DescribeCluster shows it. Generated, so that nothing here expires."""
    with tempfile.TemporaryDirectory() as folder:
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "30", "-subj", "/CN=kubernetes", "-keyout", f"{folder}/key", "-out", f"{folder}/crt",
            stderr=subprocess.DEVNULL)
        text = Path(folder, "crt").read_bytes()
    return base64.b64encode(text).decode()


def node_config(ca: str, extra: str = "", cluster: str = "") -> str:
    return f"""\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    apiServerEndpoint: https://example.com
    certificateAuthority: {ca}
    cidr: 10.100.0.0/16
{cluster}{extra}"""


class Image:
    """The node image of one build: base, staged install, and the stand-ins. Shared read-only by many nodes."""

    def __init__(self, stage: Path | None, cache: Path, scratch: Path, kubelet_version="1.34.1", kubelet: Path | None = None,
                 containerd: Path | None = None):
        """With `kubelet` that program is in the image, not the stand-in; with `containerd` the programs of that folder.
        Without a stage, nothing of eksnode's is in it."""
        self.base = base_image(cache)
        self.real_kubelet, self.programs = kubelet, None

        if kubelet:
            kubelet_version = real.version(kubelet)

        if containerd:
            self.programs = real.version(containerd / "containerd"), scratch / "containerd-programs"
            shutil.copytree(containerd, self.programs[1] / "usr/bin", symlinks=True)

        self.cache = cache
        self.ca = certificate_authority()
        self.layer = scratch / "image"
        work, upper = scratch / "image-work", scratch / "image-upper"
        for folder in (self.layer, work, upper):
            folder.mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={self.base},upperdir={upper},workdir={work}", self.layer)

        try:
            self._fill(stage, kubelet_version)
            if kubelet:
                real.install_kubelet(self.layer, kubelet)
        finally:
            run("umount", self.layer)

        self.upper = upper

    def containerd(self, name: str) -> tuple[str, list[Path]]:
        """The version of that containerd, and the layers of a node that has it."""
        if self.programs:
            version, layer = self.programs
            return version, [self.upper, layer, self.base]

        suite, package = containerd_packages()[name]
        if suite == "bookworm":
            version = run("dpkg-query", f"--admindir={self.base}/var/lib/dpkg", "--show", "--showformat=${Version}", package,
                          capture_output=True, text=True).stdout
            return version, [self.upper, self.base]

        found = debian.packages(self.cache, suite, package)[0]
        return found.version, [self.upper, found.root, self.base]

    @staticmethod
    def _install(stage: Path, root: Path):
        # Not cp: the staged /lib is a directory, the image's is a link to /usr/lib.
        pack = subprocess.Popen(["tar", "-C", stage, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-C", root, "-x", "--keep-directory-symlink", "--no-same-owner"], stdin=pack.stdout,
                       check=True)
        if pack.wait() != 0:
            raise RuntimeError("packing the staged install failed")

    def _fill(self, stage: Path | None, kubelet_version: str):
        root = self.layer
        if stage:
            self._install(stage, root)
        (root / "usr/local/lib").mkdir(parents=True, exist_ok=True)

        for name in ("fake-aws", "aws_signature.py"):
            shutil.copy(TESTS / name, root / "usr/local/lib" / name)
        shutil.copy(TESTS / "boot/registry", root / "usr/local/lib/registry")
        (root / "usr/local/lib/image.tar").write_bytes(pause_archive())

        shutil.copy(TESTS / "boot/kubelet", root / "usr/bin/kubelet")
        shutil.copy(KUBELET_SCHEMA, root / "usr/bin/kubelet-schema.json")
        aws = root / "srv/aws"
        aws.mkdir(parents=True)
        shutil.copy(TESTS / "profiles/reference.json", aws / "profile.json")
        (aws / "user-data").write_text(node_config(self.ca))
        eks = root / "etc/eks"
        (eks / "image-credential-provider").mkdir(parents=True)
        provider = eks / "image-credential-provider/ecr-credential-provider"
        provider.write_text("#!/bin/sh\nexit 1\n")
        provider.chmod(0o755)
        (eks / "pause.tar").write_bytes(pause_archive())
        (eks / "kubelet-version.txt").write_text(kubelet_version)
        (root / "etc/stand-in-kubelet-version").write_text(f"v{kubelet_version}")
        units = root / "etc/systemd/system"
        (units / "fake-aws.service").write_text(FAKE_AWS_UNIT)
        wants = units / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "fake-aws.service").symlink_to("../fake-aws.service")

        # As on an EKS image: nothing but eks-node.target starts containerd.
        (wants / "containerd.service").unlink(missing_ok=True)
        (wants / "docker-registry.service").unlink(missing_ok=True)

        # Debian's package brings a configuration; an EKS image has none before the first boot.
        (root / "etc/containerd/config.toml").unlink(missing_ok=True)

        # No terminals are there, and a container of a test needs no timers.
        for unit in ("getty.target", "timers.target", "console-getty.service"):
            link = units / unit
            link.unlink(missing_ok=True)
            link.symlink_to("/dev/null")

        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (root / "etc/hostname").write_text("node\n")


class Node:
    """One container. Use as a context manager; files may be changed below .root before boot()."""

    def __init__(self, image: Image, scratch: Path, containerd="1.6", packages: list[Path] = ()):
        """With `packages`, it has the files of these folders too."""
        self.image = image
        self.containerd = containerd
        self.packages = packages
        self.dir = Path(tempfile.mkdtemp(prefix="node-", dir=scratch))
        self.root = self.dir / "root"
        self.console = self.dir / "console"
        self.process = None
        self.group = None
        self.disks = []
        self.places = {}  # of the disks inside
        self.environment = {}  # settings of nspawn
        self.landlock = True  # whether nspawn lets it in

    def __enter__(self):
        for name in ("root", "upper", "work", "containerd"):
            (self.dir / name).mkdir()
        version, layers = self.image.containerd(self.containerd)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={':'.join(map(str, [*self.packages, *layers]))},upperdir={self.dir}/upper,workdir={self.dir}/work", self.root)
        self.write("etc/eks/containerd-version.txt", re.match(r"[\d.]+", version)[0] + "\n")
        return self

    def __exit__(self, *_):
        self.power_off()
        run("umount", self.root)
        for path in self.disks:
            run("losetup", "--detach", path)
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, path: str, text: str):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def link(self, path: str, target: str):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def user_data(self, text: str | None):
        file = self.root / "srv/aws/user-data"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)

    def registry(self, listen: str, *images: str, host: str = "", login: str = "", mutual: bool = False):
        """A registry in the node, started before containerd. With `host` it serves that name by TLS, and the node's
        containerd trusts it; but with `mutual` nothing is set up for it, and it wants a certificate of its CA:
        authority.crt, client.crt and client.key in /etc/registry."""
        arguments = " ".join([f"--listen {listen}", *(f"--image {image}" for image in images)])
        if host:
            folder = self.root / "etc/registry"
            folder.mkdir()

            for name, issuer in ("authority", None), ("server", "authority"), ("client", "authority"):
                by = ["-CA", folder / f"{issuer}.crt", "-CAkey", folder / f"{issuer}.key"] if issuer else []
                run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{host}", *by,
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", stderr=subprocess.DEVNULL)

            self.write("etc/hosts", f"127.0.0.1 localhost {host}\n")
            arguments += " --certificate /etc/registry/server.crt --key /etc/registry/server.key"

            if mutual:
                arguments += " --client-ca /etc/registry/authority.crt"
            else:
                self.write(f"etc/containerd/certs.d/{host}/ca.crt", (folder / "authority.crt").read_text())

        self.write("etc/systemd/system/registry.service", REGISTRY_UNIT.format(arguments=arguments, login=login))
        self.link("etc/systemd/system/multi-user.target.wants/registry.service", "../registry.service")

    def soci(self, settings='[containerd]\nsnapshotter = "soci"\n'):
        """The stand-in for soci-snapshotter, and that it is wanted, on a machine of any size."""
        shutil.copy(TESTS / "boot/soci-snapshotter-grpc", self.root / "usr/bin/soci-snapshotter-grpc")
        self.write("etc/eks/node.toml", settings)

    def disk(self, size="300M", filesystem="", place="") -> str:
        """A disk of the node: a loop device, which the container is given, under its own path or at `place`. Its path."""
        image = self.dir / f"disk{len(self.disks)}"
        run("truncate", "-s", size, image)

        if filesystem:
            run(f"mkfs.{filesystem}", "-q", image)
        path = run("losetup", "--find", "--show", image, capture_output=True, text=True).stdout.strip()
        self.disks.append(path)
        self.places[path] = place or path

        return path

    def boot(self, *arguments, wait=True):
        """Start the container; by default wait until every start job has ended."""
        self.arguments = arguments
        with open(self.console, "ab") as console:
            self.process = self.start(console, *arguments)
        if wait:
            self.wait_until_booted()

    def start(self, console, *arguments):
        # Several nodes run side by side: each has a machine name and a control group of its own. On a host with systemd
        # nspawn asks that for a scope; elsewhere we make the group.
        number = f"{os.getpid()}-{next(NUMBERS)}"
        if not Path("/run/systemd/system").is_dir():
            self.group = ControlGroup(f"{self.dir.parent.name}-{number}")
            self.group.create()

        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # the node goes down with the process that started it
            if self.group:
                self.group.enter()

        return subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--register=no", *(["--keep-unit"] if self.group else []),
             "--private-network", "--console=read-only", "--kill-signal=SIGRTMIN+4", "--link-journal=no",
             f"--directory={self.root}", f"--machine=node-{number}", "--hostname=node",
             *([f"--system-call-filter={LANDLOCK}"] if self.landlock else []), *self.binds(), "--", *(arguments or ("eks.node=1",)), "systemd.show_status=no"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=prepare,
            env=os.environ | self.environment)

    def ended(self):
        """The container has ended: its control group goes too."""
        if self.group:
            self.group.remove()
            self.group = None

    def binds(self):
        # containerd's overlayfs needs another filesystem than the container's root; a test's disk is one.
        return [f"--bind={path}:{self.places[path]}" for path in self.disks] or [f"--bind={self.dir}/containerd:/var/lib/containerd"]

    def leader(self) -> int | None:
        """The container's PID 1 as the host numbers it."""
        try:
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                        return int(child)
        except OSError:
            pass
        return None

    def call(self, *argv, timeout=60):
        """Run a command inside; the result has returncode, stdout and stderr."""
        leader = self.leader()
        if leader is None:
            raise RuntimeError("the container is not running; its console:\n" + self.console.read_text(errors="replace"))
        return subprocess.run(["nsenter", f"--target={leader}", "--all", "--root", "--wd=/", *[str(a) for a in argv]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              env={"PATH": "/usr/sbin:/usr/bin", "SYSTEMD_PAGER": "", "LANG": "C.UTF-8"})

    def output(self, *argv, timeout=60) -> str:
        result = self.call(*argv, timeout=timeout)
        if result.returncode != 0:
            raise RuntimeError(f"{argv}: status {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout

    def wait_until_booted(self, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the container ended:\n" + self.console.read_text(errors="replace"))

            if self.leader():
                try:
                    state = self.call("systemctl", "is-system-running", timeout=10).stdout.strip()
                except (subprocess.TimeoutExpired, RuntimeError):
                    state = ""
                if state in ("running", "degraded"):
                    return

            time.sleep(0.05)

        raise RuntimeError("not booted in time:\n" + self.output("systemctl", "list-jobs"))

    def systemctl(self, *arguments):
        """`systemctl VERB UNIT`, and wait for the jobs that come along with it (systemctl itself waits for its own)."""
        result = self.call("systemctl", *arguments)
        self.wait_for(lambda: "No jobs" in self.call("systemctl", "list-jobs").stdout, "the queue of jobs to be empty")
        return result

    def wait_for(self, condition, what: str, timeout=30):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if result := condition():
                return result
            time.sleep(0.1)
        raise RuntimeError(f"timed out waiting for: {what}")

    def wait_for_unit(self, unit: str, state="active", timeout=30):
        self.wait_for(lambda: self.leader() and
                      self.call("systemctl", "show", unit, "--property=ActiveState").stdout.strip() == f"ActiveState={state}",
                      f"{unit} to be {state}", timeout)

    def reboot(self):
        self.call("systemctl", "reboot")
        status = self.process.wait(30)
        if status != 133:  # nspawn's way to say that the container wants to be started again
            raise RuntimeError(f"the container ended with status {status} instead of rebooting")
        self.ended()
        self.boot(*self.arguments)

    def power_off(self):
        if self.process is None:
            return

        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)  # nspawn passes it on as an orderly power-off
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                leader = self.leader()
                if leader:
                    os.kill(leader, signal.SIGKILL)
                self.process.wait(15)

        self.ended()

    def show(self, unit: str, *properties) -> dict:
        text = self.output("systemctl", "show", unit, *(f"--property={p}" for p in properties))
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def journal(self, *arguments) -> list:
        self.call("journalctl", "--sync")  # what an ended process wrote to a pipe can still be unread
        text = self.output("journalctl", "--boot", "--output=json", "--no-pager", *arguments)
        return [json.loads(line) for line in text.splitlines()]

    def file(self, path: str) -> Path:
        """A file of the running container (its /run is not in .root)."""
        return Path(f"/proc/{self.leader()}/root") / path.lstrip("/")

    def kubelet_runs(self) -> bool:
        """Whether kubelet has accepted everything it was given."""
        if self.leader() is None:
            return False
        if self.image.real_kubelet:
            return self.call("systemctl", "is-active", "kubelet").returncode == 0
        return self.file("/run/stand-in-kubelet.json").exists()

    def kubelet(self) -> dict:
        """What the stand-in reports once it has accepted everything it was given, and the same of a real one."""
        if self.image.real_kubelet:
            return real.report(self)
        return json.loads(self.file("/run/stand-in-kubelet.json").read_text())
