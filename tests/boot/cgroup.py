# SPDX-License-Identifier: Apache-2.0
"""A control group for one container, on a host whose PID 1 is not systemd.

There nobody gives systemd-nspawn a scope, and every container would find itself in the group of the process that started
it. The systemd of one container then takes the units of another for its own, because both call them the same, and a
`systemctl stop` in one kills processes in the other. So each container starts in a group of its own, in every hierarchy;
its cgroup namespace makes that group the root."""

import os
import signal
import time
from pathlib import Path


def hierarchies():
    """The directory of this process's group in each hierarchy that is mounted, v1 and v2."""
    mounted = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        point = Path(place.split()[4])

        if kind == "cgroup2":
            mounted[""] = point
        elif kind == "cgroup":
            for option in options.split(","):
                mounted[option] = point

    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        point = mounted.get(controllers.split(",")[0])
        if point:
            yield point / path.lstrip("/")


class ControlGroup:
    def __init__(self, name: str):
        self.folders = [parent / name for parent in hierarchies()]

    def create(self):
        for folder in self.folders:
            folder.mkdir()
            # A new group of the v1 hierarchy cpuset takes no process before it has processors and memory.
            for file in "cpuset.cpus", "cpuset.mems":
                if (folder / "tasks").exists() and (folder / file).exists():
                    (folder / file).write_text((folder.parent / file).read_text())

    def enter(self):
        """Move the calling process into the group."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def kill(self):
        for folder in self.folders:
            for file in folder.rglob("cgroup.procs"):
                for pid in file.read_text().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass

    def remove(self, timeout=10):
        """Remove the group and the groups below it, once the processes in it have ended."""
        end = time.monotonic() + timeout
        for folder in self.folders:
            for path, _, _ in os.walk(folder, topdown=False):
                while True:
                    try:
                        os.rmdir(path)
                        break
                    except FileNotFoundError:
                        break
                    except OSError:
                        if time.monotonic() > end:
                            raise
                        time.sleep(0.02)


def remove_all(prefix: str):
    """Kill what runs in the groups whose name begins so, and remove them: for the time after a test was killed."""
    for name in {folder.name for parent in hierarchies() for folder in parent.glob(f"{prefix}*")}:
        group = ControlGroup(name)
        group.kill()
        group.remove()
