# SPDX-License-Identifier: Apache-2.0
"""What a step that was taken over through its input would try, tried in the step's own process (escapes.cpp)."""

from node import TESTS, run
from support import BootTest

ESCAPES = {"chmod", "fchmod", "setflags", "chown", "utime", "setxattr", "truncate", "setuid-file", "map-written", "memfd",
           "execveat", "signal", "prlimit", "containerd", "docker"}
PROBE = "/usr/local/lib/escapes.so"
FILE = "/usr/local/lib/victim"
READABLE = "/run/eks/imds.json"  # of every step here


class EscapeTest(BootTest):
    def prepare_escapes(self, node, *units):
        """Before the boot: the probe, its victims, and an environment for each unit, which is empty at first."""
        run("g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", node.root / PROBE.lstrip("/"), TESTS / "boot/escapes.cpp")
        node.write(FILE, "content")

        for daemon in "victim", "fake-docker":
            node.write(f"etc/systemd/system/{daemon}.service", "[Service]\nExecStart=/bin/sleep infinity\n")
        node.write("etc/systemd/system/fake-docker.socket", "[Socket]\nListenStream=/run/docker.sock\n")

        for unit in units:
            node.write(f"etc/systemd/system/{unit}.service.d/escape.conf", "[Service]\nEnvironmentFile=-/run/escape\n")

    def arm(self, node):
        """From now on, a unit of prepare_escapes() that is run tries to escape."""
        node.output("systemctl", "start", "victim.service", "fake-docker.socket")
        node.file("/run/escape").write_text(
            f"LD_PRELOAD={PROBE}\nESCAPE_FILE={FILE}\nESCAPE_OWN=/run/escaped\nESCAPE_READABLE={READABLE}\n"
            f"ESCAPE_PID={node.show('victim.service', 'MainPID')['MainPID']}\n")

    def own_directory(self, node, directory, readable=READABLE):
        """Where the step may make files, and a file that it may read."""
        with open(node.file("/run/escape"), "a") as environment:
            environment.write(f"ESCAPE_OWN={directory}/escaped\nESCAPE_READABLE={readable}\n")

    def results(self, node, *match) -> dict:
        reported = [r["MESSAGE"].split() for r in node.journal(*match) if r["MESSAGE"].startswith("escape ")]
        return {name: result for _, name, result in reported}

    def assertConfined(self, node, step, allowed=frozenset()):
        # journald does not know the unit of a process that has ended before it looks (systemd issue 2913).
        self.assertEqual(self.results(node, "--identifier", step),
                         {name: "allowed" if name in allowed else "refused" for name in ESCAPES}, step)
