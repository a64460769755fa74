# SPDX-License-Identifier: Apache-2.0
"""What eks-readahead saves at the first boot of an instance, whose volume answers each read late; for tests/bench.

The machine is emulated in software, so that its processors are many times slower than those of an instance. Its disk is made
slower by the same factor, which is measured: the whole boot is that of an instance in slow motion."""

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from machine import HERE, INSIDE, Machine, MachineImage, accelerator, run

READS = 32  # that the disk takes at a time

# What nodes of these tests have in the place of kubelet and of AWS: programs in Python.
STAND_INS_LIST = "/etc/eks/readahead.d/05-stand-ins.list"
STAND_INS = """\
/usr/bin/python3.11
/usr/lib/python3.11/
/usr/lib/python3/dist-packages/yaml/
"""

# EKS's own images read two programs when the system is up as far as basic.target, each with one dd.
DD = """\
[Unit]
Description=Read /usr/bin/%i
[Service]
Type=oneshot
ExecStart=/usr/bin/dd if=/usr/bin/%i of=/dev/null bs=1M
"""

# Before it runs, so that it reads what the packages list and nothing else.
OWN_LISTS = f"""\
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=eks-readahead.service
[Service]
Type=oneshot
ExecStart=/usr/bin/rm {STAND_INS_LIST}
"""

OFF = "eks.readahead=no"
# Seconds of processor time for a fixed amount of work.
WORK = "import time; sum(i * i for i in range(2000000)); print(time.process_time())"

VARIANTS = {
    "with eks-readahead": "",
    "its own lists only": "systemd.wants=vm-own-lists.service",
    "without": OFF,
    "with dd": f"{OFF} systemd.wants=vm-dd@kubelet.service systemd.wants=vm-dd@containerd.service",
}


class FirstReadsImage(MachineImage):
    def _fill(self, containerd_version):
        super()._fill(containerd_version)
        (self.root / "etc/systemd/system/vm-dd@.service").write_text(DD)
        (self.root / "etc/systemd/system/vm-own-lists.service").write_text(OWN_LISTS)
        stand_ins = self.root / STAND_INS_LIST[1:]
        stand_ins.parent.mkdir(parents=True)
        stand_ins.write_text(STAND_INS)
        work = self.root / INSIDE / "work"
        work.write_text(f"#!/usr/bin/python3\n{WORK}\n")
        work.chmod(0o755)


def first_boot(image: MachineImage, scratch: Path, options: str, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds from the start of userspace to eks-node.target, and what eks-readahead says."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder, Machine(image, Path(folder), options=options,
                                                                    environment=environment) as machine:
        machine.wait_until_up(1200)
        status, lines = machine.call("reached", timeout=1200)
        if status != 0:
            raise RuntimeError("\n".join(lines))
        reported = machine.call("systemctl show --value --property=StatusText eks-readahead.service")[1]
    return int(lines[-1].split()[1]) / 1000, "".join(reported).strip()


def slow_motion(image: MachineImage, scratch: Path) -> float:
    """How many times slower a processor of the emulated machine is than one of this machine."""
    here = float(run("/usr/bin/python3", "-c", WORK, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory(dir=scratch) as folder, Machine(image, Path(folder)) as machine:
        machine.wait_until_up(1200)
        machine.call("reached", timeout=1200)
        status, lines = machine.call("work", timeout=1200)
        if status != 0:
            raise RuntimeError("\n".join(lines))

    return max(1.0, float(lines[-1]) / here)


def measure(stage: Path, cache: Path, read_ms: int, runs: int, as_json: bool) -> float:
    """The share of the time without eks-readahead that a first boot takes with it, also if it reads its own lists only."""
    scratch = Path(tempfile.mkdtemp(prefix="eks-first-reads-"))
    try:
        slow = scratch / "slow-disk.so"
        run("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", slow, HERE / "slow-disk.c")
        image = FirstReadsImage(stage, cache, scratch)
        factor = slow_motion(image, scratch)
        print(f"an emulated processor is {factor:.0f} times slower than one here", file=sys.stderr, flush=True)
        environment = {"LD_PRELOAD": str(slow), "DISK_READ_MS": f"{read_ms * factor:.0f}", "DISK_READS": str(READS)}
        times: dict[str, list[float]] = {name: [] for name in VARIANTS}

        for number in range(runs):
            for name, options in VARIANTS.items():
                seconds, reported = first_boot(image, scratch, options, environment)
                times[name].append(seconds)
                print(f"run {number + 1}: {name}: {seconds:.1f} s" + (f" ({reported})" if reported else ""), file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

    medians = {name: statistics.median(values) for name, values in times.items()}
    share = max(medians["with eks-readahead"], medians["its own lists only"]) / medians["without"]

    if as_json:
        print(json.dumps({"read_ms": read_ms, "reads": READS, "slow_motion": factor, "first_boot_s": medians}, indent=2))
        return share

    print(f"First boot to eks-node.target, {read_ms} ms a read, {READS} reads at a time, all {factor:.0f} times slower "
          f"({accelerator()[1].split(',')[0]}):")

    for name, seconds in medians.items():
        print(f"  {name:20} {seconds:7.1f} s  {seconds / medians['without']:5.2f} of the time without")

    return share
