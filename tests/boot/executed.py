# SPDX-License-Identifier: Apache-2.0
"""Every program that a node executes, with the unit that did: fanotify(7) on the node's root asks before each execution."""

import ctypes
import os
import re
import select
import struct
import threading
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
# of linux/fanotify.h and linux/fcntl.h
FAN_CLOEXEC, FAN_CLASS_CONTENT, FAN_UNLIMITED_QUEUE = 0x1, 0x4, 0x10
FAN_MARK_ADD, FAN_MARK_FILESYSTEM = 0x1, 0x100
FAN_OPEN_EXEC_PERM = 0x40000
FAN_ALLOW = 1
AT_FDCWD = -100
EVENT = struct.Struct("=IBBHQii")
RESPONSE = struct.Struct("=iI")
UNIT = re.compile(r"/([^/]+\.(?:service|scope|mount|swap|socket))(?=/|$)")


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), f"fanotify: {os.strerror(ctypes.get_errno())}")
    return result


def unit_of(pid: int) -> str:
    """The unit that a process belongs to. PID 1 enters its own only once it runs; before, it is in the machine's or in none."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd") and (found := UNIT.findall(path)):
            return found[-1] if not found[-1].startswith("machine-") else "init.scope"
    return "init.scope"


class Executed:
    """While it is entered, .programs collects (unit, program) in order. A script counts with its interpreter, and a program
    with its dynamic loader: the kernel opens each of them for execution. The process waits for us meanwhile, so that its
    unit can be read. What the tests themselves run inside, by nsenter(1), is left out."""

    def __init__(self, root: Path):
        self.root = root
        self.programs = []

    def __enter__(self):
        self.fd = checked(LIBC.fanotify_init(FAN_CLOEXEC | FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE, os.O_RDONLY | os.O_CLOEXEC))
        try:
            checked(LIBC.fanotify_mark(self.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, ctypes.c_uint64(FAN_OPEN_EXEC_PERM),
                                       AT_FDCWD, os.fsencode(self.root)))
        except OSError:
            os.close(self.fd)
            raise

        self.ended, self.end = os.pipe()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

        return self

    def __exit__(self, *_):
        os.close(self.end)
        self.thread.join()
        os.close(self.ended)

    def _read(self):
        try:
            while True:
                ready, _, _ = select.select([self.fd, self.ended], [], [])
                if self.fd not in ready:
                    return

                data = os.read(self.fd, 65536)
                while data:
                    length, _, _, _, _, fd, pid = EVENT.unpack_from(data)
                    data = data[length:]
                    self._note(fd, pid)
        finally:
            os.close(self.fd)  # allows what still waits

    def _note(self, fd, pid):
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() != "nsenter":
                self.programs.append((unit_of(pid), os.readlink(f"/proc/self/fd/{fd}")))
            os.write(self.fd, RESPONSE.pack(fd, FAN_ALLOW))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it was killed meanwhile, and waits no longer
        finally:
            os.close(fd)
