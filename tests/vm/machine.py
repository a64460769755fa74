# SPDX-License-Identifier: Apache-2.0
"""A node on a real kernel: the node image of the boot tests with a kernel, udev and CNI plugins, in an emulated machine.

The machine has no network card: the fake AWS answers inside, on its loopback. It says "Amazon EC2" in its firmware
tables, from which the generator knows that it is a node. Its first serial port is the console, and an agent on the
second one runs what the tests call."""

import functools
import json
import os
import queue
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS / "boot"))
import node  # noqa: E402
import real  # noqa: E402
from node import debian, run  # noqa: E402

INSIDE = "usr/local/lib/vm"  # where the tests are in the machine
NOT_INSIDE = ("first_reads.py", "machine.py", "program.c", "run", "slow-disk.c", "tsc.c")
TEST_IMAGE = "localhost/vm/program:latest"
MEBIBYTE = 1 << 20
DISK_ID = 0xeb5d15c0  # Linux names the partitions of the root disk by it, whatever number the disk gets
ROOT_SIZE = 3072  # MiB; the file is sparse

AGENT_UNIT = """\
[Unit]
Description=Run Tests for the Second Serial Port

[Service]
ExecStart=/usr/local/lib/vm/agent
# It runs the reboot.
KillMode=process
"""

# What only a real kernel has.
KERNEL_SETTINGS = """\
[hugepages]
2Mi = 8
[limits]
nofile = "4096:8192"
"""
# EC2's disks have serial numbers that begin so, and models of their own, which the emulator's have not.
STORE_RULES = """\
ACTION!="remove", KERNEL=="nvme*n*", ENV{DEVTYPE}=="disk", ENV{ID_SERIAL_SHORT}=="AWS*", ENV{ID_MODEL}="Amazon EC2 NVMe Instance Storage"
ACTION!="remove", KERNEL=="nvme*n*", ENV{DEVTYPE}=="disk", ENV{ID_SERIAL_SHORT}=="vol*", ENV{ID_MODEL}="Amazon Elastic Block Store"
"""
# Of an array that no longer is, as an image may have it.
STALE_MDADM_CONFIG = "MAILADDR root\nARRAY /dev/md/kubernetes metadata=1.2 name=other:kubernetes UUID=01234567:89abcdef:01234567:89abcdef\n"

CNI_CONFIG = {
    "cniVersion": "1.0.0", "name": "vm",
    "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": True,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/24"}]],
                          "routes": [{"dst": "0.0.0.0/0"}]}}]}


def upstream(version: str) -> str:
    """2.1.9 of Debian's 2.1.9+ds1-5."""
    return re.match(r"[\d.]+", version)[0]


@dataclass
class Disk:
    """One more NVMe disk of a machine. Its serial number is what EC2 puts the volume's id into."""
    size: str
    serial: str
    bad_sector: int = 0  # which it cannot write


def vm_packages(cache: Path) -> dict[str, Path]:
    """What such a machine has that a container does not need, by name: the files of each package."""
    names = run(TESTS / "deps", "--list-vm", capture_output=True, text=True).stdout.split()
    return {package.name: package.root for package in debian.packages(cache, "bookworm", *names)}


class MachineImage:
    """The kernel and the root disk of one build. Every machine has a copy of the disk."""

    def __init__(self, stage: Path, cache: Path, scratch: Path, kubelet: Path | None = None):
        """With `kubelet`, that program is in the place of the stand-in."""
        self.kubelet = kubelet
        self.node = node.Image(stage, cache, scratch, **({"kubelet_version": real.version(kubelet)} if kubelet else {}))
        self.cache = cache
        self.root = scratch / "vm-root"
        packages = vm_packages(cache)
        kernel = next(root for name, root in packages.items() if name.startswith("linux-image-"))
        self.kernel = next(kernel.glob("boot/vmlinuz-*"))
        version, layers = self.node.containerd("1.6")

        upper, work = scratch / "vm-upper", scratch / "vm-work"
        for folder in (self.root, upper, work):
            folder.mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={':'.join(map(str, [*packages.values(), *layers]))},upperdir={upper},workdir={work}", self.root)

        try:
            self._fill(version)
            self.disk = scratch / "root-disk"
            self._write_disk()
        finally:
            run("umount", self.root)

    def _fill(self, containerd_version: str):
        root = self.root
        release = self.kernel.name.removeprefix("vmlinuz-")
        run("chroot", root, "depmod", release)

        # What udev's package makes when it is installed.
        run("systemd-sysusers", f"--root={root}", "--inline", *(f"g {group} -" for group in ("input", "kvm", "render", "sgx")),
            stderr=subprocess.DEVNULL)

        if self.kubelet:
            shutil.copy(self.kubelet, root / "usr/bin/kubelet")
        units = root / "etc/systemd/system"

        # No node needs the drivers of an emulated board, and loading them takes seconds.
        (root / "etc/udev/rules.d/80-drivers.rules").symlink_to("/dev/null")
        (units / "e2scrub_reap.service").symlink_to("/dev/null")
        (root / "etc/udev/rules.d/61-instance-store.rules").write_text(STORE_RULES)
        (root / "etc/mdadm").mkdir(exist_ok=True)
        (root / "etc/mdadm/mdadm.conf").write_text(STALE_MDADM_CONFIG)

        inside = root / INSIDE
        inside.mkdir()

        for path in HERE.iterdir():
            if path.is_file() and path.name not in NOT_INSIDE:
                shutil.copy(path, inside / path.name)

        shutil.copytree(HERE / "storage_cases", inside / "storage_cases", ignore=shutil.ignore_patterns("__pycache__"))
        (units / "vm-agent.service").write_text(AGENT_UNIT)
        (units / "multi-user.target.wants/vm-agent.service").symlink_to("../vm-agent.service")

        program = root / "program"
        run("gcc", "-static", "-O1", "-Wall", "-Werror", "-o", program, HERE / "program.c")
        (root / "etc/eks/pause.tar").write_bytes(node.pause_archive(program=program.read_bytes()))
        (inside / "program.tar").write_bytes(node.pause_archive(TEST_IMAGE, program.read_bytes()))
        program.unlink()

        (root / "opt/cni").mkdir()
        shutil.copytree(root / "usr/lib/cni", root / "opt/cni/bin")
        (root / "etc/cni/net.d").mkdir(parents=True)
        (root / "etc/cni/net.d/10-vm.conflist").write_text(json.dumps(CNI_CONFIG))

        (root / "etc/eks/node.d").mkdir(exist_ok=True)
        (root / "etc/eks/node.d/50-vm.toml").write_text(KERNEL_SETTINGS)
        (root / "etc/eks/containerd-version.txt").write_text(upstream(containerd_version) + "\n")

        for name in node.containerd_packages():
            if name != "1.6":
                self._offer_containerd(name)

    def _offer_containerd(self, name: str):
        """Put another containerd where the test `containerd` takes it from."""
        suite, package = node.containerd_packages()[name]
        found = debian.packages(self.cache, suite, package)[0]
        offer = self.root / "opt/containerd" / name

        for path in ("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr",
                     "usr/lib/systemd/system/containerd.service"):
            (offer / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found.root / path, offer / path)

        (offer / "version").write_text(upstream(found.version) + "\n")

    def _write_disk(self):
        # One partition, so that the kernel finds the root by its id without an initrd.
        first, count = 2048, (ROOT_SIZE - 1) * MEBIBYTE // 512
        entry = struct.pack("<B3sB3sII", 0, b"", 0x83, b"", first, count)

        with open(self.disk, "wb") as file:
            file.truncate(ROOT_SIZE * MEBIBYTE)
            file.write(b"".join([bytes(440), struct.pack("<IH", DISK_ID, 0), entry, bytes(48), b"\x55\xaa"]))

        run("mke2fs", "-q", "-t", "ext4", "-m", "0", "-E", f"offset={first * 512},lazy_itable_init=0,nodiscard", "-d", self.root,
            self.disk, f"{count // 2}k", stderr=subprocess.DEVNULL)  # it notes that the file holds a partition table


def accelerator() -> list[str]:
    flags = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    # Some machines have the device without what it stands for.
    if flags and {"vmx", "svm"} & set(flags[1].split()) and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host"]
    # Copying byte by byte, as such processors want it, is what an emulated one does worst.
    return ["-accel", "tcg,thread=multi", "-cpu", "max,-erms"]


@functools.cache
def clock_options() -> str:
    """The frequency of an emulated processor's clock, which its kernel cannot measure on a busy host."""
    if "tcg" not in accelerator()[1] or os.uname().machine != "x86_64":
        return ""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "tsc")
        run("gcc", "-O1", "-Wall", "-Werror", "-o", program, HERE / "tsc.c")
        return f"tsc_early_khz={run(program, capture_output=True, text=True).stdout.strip()}"


class Lost(Exception):
    """The machine ended, or did not answer in time."""


class Machine:
    """One emulated machine. Use as a context manager."""

    MARK = "\x1e"  # begins a line of the agent's own, which nothing else prints

    # What a console shows is an error: no account of units, and of the kernel's lines only those at error level. An
    # emulated processor may stand still for seconds on a busy host; it is not the node's fault what the timers make of it.
    KERNEL_OPTIONS = (f"root=PARTUUID={DISK_ID:08x}-01 rw console=ttyS0 loglevel=4 systemd.show_status=no panic=-1 "
                      "no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1 "
                      "mitigations=off norandmaps "  # what the emulator has translated for one run of a program serves the next
                      "tsc=reliable clocksource=tsc")  # the other clocks are devices, which cost more to read

    def __init__(self, image: MachineImage, folder: Path, disks: list[Disk] = (), clock: timedelta = timedelta(),
                 options: str = "", environment: dict[str, str] | None = None, processors: int = 2):
        """`clock` is by how much the machine's clock is wrong when it starts for the first time; `options` are more words
        of the kernel command line, and `environment` is QEMU's."""
        self.processors = processors
        self.options, self.environment = options, {**os.environ, **(environment or {})}
        self.clock = clock
        self.folder = folder
        self.image = image
        self.disks = [Disk(f"{ROOT_SIZE}M", "vol0root"), *disks]
        self.console = folder / "console"
        self.process = None
        self.killed = False
        self.lock = threading.Lock()
        self.spent = 0.0

    def _file(self, disk: Disk) -> Path:
        return self.folder / f"disk-{disk.serial}"

    def _blank(self, disks: list[Disk]):
        for disk in disks:
            self._file(disk).unlink(missing_ok=True)
            run("truncate", "-s", disk.size, self._file(disk))

    def _start(self):
        command = ["qemu-system-x86_64", *accelerator(), "-smp", f"{self.processors},maxcpus=2", "-m", "3G", "-no-user-config", "-nodefaults", "-nic",
                   "none", "-display", "none", "-no-reboot", "-kernel", self.image.kernel, "-append", f"{self.KERNEL_OPTIONS} {clock_options()} {self.options}",
                   "-rtc", f"base={datetime.now(timezone.utc) + self.clock:%Y-%m-%dT%H:%M:%S}",
                   "-smbios", "type=1,manufacturer=Amazon EC2,product=m5.large",
                   "-smbios", "type=2,manufacturer=Amazon EC2,asset=i-0123456789abcdef0",
                   "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
                   "-serial", "stdio"]

        for disk in self.disks:
            file = f"file={self._file(disk)},format=raw"
            if disk.bad_sector:
                file = (f"format=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={self._file(disk)},"
                        f"file.inject-error.0.event=write_aio,file.inject-error.0.sector={disk.bad_sector}")
            command += ["-drive", f"if=none,id={disk.serial},{file},cache=unsafe",
                        "-device", f"nvme,drive={disk.serial},serial={disk.serial}"]

        with open(self.folder / "qemu", "w") as errors, self.lock:
            if self.killed:
                raise Lost("the machine was killed")
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, env=self.environment)

        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(self.process.stdout, self.lines), daemon=True).start()

    def __enter__(self):
        self._blank(self.disks[1:])
        run("cp", "--reflink=auto", "--sparse=always", self.image.disk, self._file(self.disks[0]))
        self._start()
        return self

    def __exit__(self, *_):
        self.kill()
        self._ended()

    def kill(self):
        """Also of another thread; it does not start again."""
        with self.lock:
            self.killed = True
            if self.process:
                self.process.kill()

    def _ended(self):
        try:
            _, _, usage = os.wait4(self.process.pid, 0)
        except ChildProcessError:  # it had ended before it was to be killed
            return
        self.process.returncode = 0
        self.spent += usage.ru_utime + usage.ru_stime

    @staticmethod
    def _read(output, lines):
        for line in output:
            lines.put(line.decode(errors="replace").rstrip("\r\n"))
        lines.put(None)

    def _until_mark(self, word: str, timeout: float) -> tuple[str, list[str]]:
        """What follows `word` in the agent's next line of that kind, and the lines before it."""
        end, before = time.monotonic() + timeout, []
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Lost("\n".join([*before, f"nothing more was heard of the machine for {timeout:.0f} s"])) from None

            if line is None:
                raise Lost("\n".join([*before, "the machine ended", (self.folder / "qemu").read_text()]))
            if line.startswith(f"{self.MARK}{word} "):
                return line.removeprefix(f"{self.MARK}{word} "), before

            before.append(line)

    def wait_until_up(self, timeout=600):
        self._until_mark("up", timeout)

    def _say(self, line: str):
        try:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
        except OSError:
            raise Lost("the machine ended") from None

    def call(self, *words: str, timeout=300) -> tuple[int, list[str]]:
        """Run a test inside, or any command: its status and the lines that it printed."""
        self._say(f"{timeout} {' '.join(words)}")
        status, lines = self._until_mark("status", timeout + 60)
        return int(status), lines

    def reboot(self, blank=False, timeout=600):
        """Let the system shut down and restart, on a new machine with the same disks: the emulated board does not start
        reliably a second time on a busy host. `blank`: all disks but the root's are new, as after a stop and a start."""
        self._say("60 systemctl reboot")
        end = time.monotonic() + timeout

        while True:
            try:
                if self.lines.get(timeout=max(0, end - time.monotonic())) is None:
                    break
            except queue.Empty:
                raise Lost(f"the system did not shut down within {timeout} s") from None

        self._ended()
        self.clock = timedelta()

        if blank:
            self._blank(self.disks[1:])
        self._start()
        self.wait_until_up()
