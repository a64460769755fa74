# SPDX-License-Identifier: Apache-2.0
"""The step is killed at each program that it runs, and started again."""

import os
import shutil
from pathlib import Path

from storage_cases.node import (
    BAKED, BASE, BOUND, KEPT, UNIT, check, close, keep, lose_a_disk, ours, reboot, reset, run, start, unit_of, wait_for)

IN, AFTER, BOTH, NEVER = ("in",), ("after",), ("in", "after"), ()
# By name: settings, what happens to an array with data before, and the calls of the step, each with the moments to kill it.
KILLED = {
    "RAID0": ({}, None, [("mdadm", BOTH), ("mkfs.xfs", BOTH), ("mount", AFTER), ("cp", BOTH), ("mount", AFTER)]),
}
KILLED_OTHERWISE = {
    "Mount": ({"strategy": "Mount"}, None, [("mkfs.xfs", BOTH), ("mkfs.xfs", NEVER), ("mkfs.xfs", NEVER), ("mkfs.xfs", AFTER), ("mount", AFTER)]),
    "ext4": ({"filesystem": "ext4"}, None, [("mdadm", NEVER), ("mkfs.ext4", IN)]),
    "encrypt": ({"encrypt": True}, None, [("mdadm", NEVER), ("cryptsetup", BOTH), ("mkfs.xfs", IN)]),
}
KILLED_AGAIN = {
    "a lost disk": ({}, lose_a_disk, [("mdadm", AFTER), ("wipefs", IN), ("wipefs", NEVER), ("wipefs", AFTER)]),
    "a reboot": ({}, close, [("mdadm", BOTH)]),
}
KILLED_RAID10 = {
    "a lost disk of RAID10": ({"strategy": "RAID10"}, lose_a_disk, [("mdadm", NEVER), ("mdadm", AFTER), ("mdadm", BOTH)]),
}
KEEPS = ("a reboot", "a lost disk of RAID10")

# It stands for a program. It counts the calls, and kills the step and with it what the step runs.
KILLER = """#!/bin/sh
name=${0##*/}
case $name in
mount) case "$*" in *k8s-disks*) ;; *) exec /usr/local/real/mount "$@" ;; esac ;;
*) [ "$(cat /proc/$PPID/comm)" = eks-instance-st ] || exec /usr/local/real/"$name" "$@" ;; # udev runs mdadm, too
esac
number=1 # mounts run side by side
until mkdir "/run/called/$number" 2>/dev/null; do number=$((number + 1)); done
echo "$name" > "/run/called/$number/name"
step=$PPID
[ "$name" != mount ] || step=$(systemctl show --value --property=MainPID eks-instance-store.service)
kill_step() { kill -9 "$step"; }
[ "$number" = "$(cat /run/kill-at)" ] || exec /usr/local/real/"$name" "$@"
case $(cat /run/kill-moment) in
in) /usr/local/real/"$name" "$@" & sleep 0.1; kill_step; wait ;;
after) /usr/local/real/"$name" "$@"; kill_step ;;
esac
"""


def kill_at(number, moment):
    """Start the step, and kill it at the call of that number. The programs that were called."""
    places = ["/usr/sbin/cryptsetup", "/usr/sbin/mdadm", "/usr/sbin/mkfs.ext4", "/usr/sbin/mkfs.xfs", "/usr/sbin/wipefs",
              "/usr/bin/cp", "/usr/bin/mount"]

    real = Path("/usr/local/real")
    if not real.exists():
        real.mkdir()
        run("cp", "--archive", "--dereference", *places, str(real))

    killer, called = Path("/usr/local/killer"), Path("/run/called")
    shutil.rmtree(called, ignore_errors=True)
    called.mkdir()
    killer.write_text(KILLER)
    killer.chmod(0o755)

    Path("/run/kill-at").write_text(str(number))
    Path("/run/kill-moment").write_text(moment)

    for place in places:
        run(str(real / "mount"), "--bind", str(killer), place)

    try:
        run("systemctl", "start", UNIT, status=None)
        result = run("systemctl", "show", "--value", "--property=Result", UNIT).strip()

        # The killed step may have left a job for a mount.
        units = [unit_of(where) for where in [f"{BASE}/0", *BOUND]]
        wait_for(f"no job for {units}", lambda: not run("systemctl", "show", "--value", "--property=Job", *units).strip())
    finally:
        run("umount", *places)

    if result != "signal":
        log = run("journalctl", "--boot", "--lines=10", "--output=cat", f"--unit={UNIT}")
        raise AssertionError(f"the step was not killed {moment} call {number}, its result is {result}:\n{log}")

    return [Path(called, str(n + 1), "name").read_text().strip() for n in range(len(list(called.iterdir())))]


def kill_in(sequences):
    """Kill the step at each call and moment of a table, and start it again."""
    total = 0
    for name, (settings, prepare, programs) in sequences.items():
        for number, (program, moments) in enumerate(programs, 1):
            for moment in moments:
                reset(**settings)
                BAKED.mkdir(parents=True)
                (BAKED / "layer").write_text("x" * 100000)

                if prepare:
                    start()
                    keep()
                    os.sync()
                    prepare()

                called = kill_at(number, moment)

                # mdadm may have ended before it was killed. A bind mount and the next copy run side by side.
                sure = min(number, 4)
                check(f"the calls of '{name}'", called[:sure], [program for program, _ in programs[:sure]])

                run("systemctl", "reset-failed", UNIT, status=None)
                run("eksnode", "storage", "plan")
                start()

                what = f"'{name}', killed {moment} call {number}, {program}"
                check(f"mounts, {what}", len(ours()), 4 if settings.get("strategy") == "Mount" else 5)
                check(what, (BAKED / "layer").read_text(), "x" * 100000)
                check(f"kept, {what}", KEPT.exists(), name in KEEPS)

                for where in ours():
                    Path(where, "written").write_text("x")
                total += 1

    print(f"killed {total} times")


def case_killed():
    """SIGKILL in and after each program that the step runs, and after each mount."""
    kill_in(KILLED)


def case_killed_otherwise():
    """The same with other settings."""
    kill_in(KILLED_OTHERWISE)


def case_killed_again():
    """The same on disks that were used before."""
    kill_in(KILLED_AGAIN)

    # The record of what is encrypted survives a boot that is killed before the last disk.
    reset(strategy="Mount", encrypt=True)
    start()
    reboot()
    check("the calls with encrypt", set(kill_at(1, "after")), {"cryptsetup"})

    run("systemctl", "reset-failed", UNIT, status=None)
    start()
    check("mounts with encrypt", len(ours()), 4)


def case_killed_raid10():
    """The same while a blank disk takes the place of a lost one."""
    kill_in(KILLED_RAID10)
