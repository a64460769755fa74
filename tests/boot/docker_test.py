# SPDX-License-Identifier: Apache-2.0
"""A host of Docker, which is not a node: a real dockerd reads the runtimes of the machine in daemon.json."""

import json

import support
from node import packages_listed
from support import BootTest

DAEMON = "/etc/docker/daemon.json"
SHIM = "/opt/spin/containerd-shim-spin-v2"
STEP = "eks-docker-runtimes.service"
# What a container cannot have, and entries of an admin's own.
OWN = {"log-level": "warn", "iptables": False, "ip6tables": False, "bridge": "none", "storage-driver": "vfs",
       "runtimes": {"own": {"path": "/usr/local/bin/own"}}}
ASK = """\
import http.client, socket, sys
connection = http.client.HTTPConnection("docker")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/docker.sock")
connection.request("GET", sys.argv[1])
print(connection.getresponse().read().decode())
"""


class Docker(BootTest):
    def host(self, settings):
        package = packages_listed(support.IMAGE.cache, "--list-docker")[0]
        node = self.node([package.root])
        with open(node.root / "etc/group", "a") as group:
            group.write("docker:x:998:\n")  # as the package makes it when it is installed
        for link in "multi-user.target.wants/docker.service", "sockets.target.wants/docker.socket":
            node.link(f"etc/systemd/system/{link}", f"/usr/lib/systemd/system/{link.rpartition('/')[2]}")
        node.write("etc/eks/docker.enabled", "")
        node.write("etc/eks/node.disabled", "")
        node.write("etc/eks/node.toml", settings)
        node.write(DAEMON, json.dumps(OWN))
        self.program(node, "usr/bin/crun")

        # A runtime with a shim of its own, as an admin describes it.
        self.program(node, SHIM)
        node.write("etc/eks/runtimes.d/spin.toml", 'about = "Spin"\nkind = "shim"\nruntime_type = "io.containerd.spin.v2"\n'
                   f'runtime_path = "{SHIM}"\n[options]\nConfigPath = "/etc/spin.toml"\n')

        return node

    def program(self, node, path):
        node.write(path, "#!/bin/sh\nexit 1\n")
        (node.root / path.lstrip("/")).chmod(0o755)

    def info(self, node) -> dict:
        return json.loads(node.output("python3", "-c", ASK, "/info"))

    def test_a_real_daemon_takes_what_the_step_writes(self):
        node = self.host('[docker]\ndefaultRuntime = "crun"\n')
        node.boot("quiet")
        self.assertActive(node, "docker.service", STEP)

        written = json.loads(node.file(DAEMON).read_text())
        ours = {"crun": {"path": "/usr/bin/crun"}, "spin": {"runtimeType": SHIM, "options": {"ConfigPath": "/etc/spin.toml"}}}
        self.assertEqual(written, OWN | {"default-runtime": "crun", "runtimes": OWN["runtimes"] | ours})
        self.assertEqual(list(written)[:len(OWN)], list(OWN))

        status = node.file(DAEMON).stat()
        self.assertEqual((status.st_mode & 0o7777, status.st_uid, status.st_gid), (0o644, 0, 0))
        self.assertEqual(json.loads(node.output("eksnode", "runtimes", "--docker")),
                         {"default-runtime": "crun", "runtimes": ours})

        listed = dict(line.split()[:2] for line in node.output("eksnode", "runtimes").splitlines())
        self.assertEqual((listed["crun"], listed["spin"], listed["runsc"]), ("available", "available", "-"))

        info = self.info(node)
        self.assertEqual((info["DefaultRuntime"], info["Driver"]), ("crun", "vfs"))

        for name, entry in written["runtimes"].items():
            self.assertEqual(info["Runtimes"][name].get("path"), entry.get("path"))  # it shows no shims and options

        # A running daemon takes over what has come and gone.
        pid = node.show("docker.service", "MainPID")
        self.program(node, "usr/bin/youki")
        node.file(SHIM).unlink()
        node.systemctl("reload", STEP)
        node.systemctl("reload", "docker")
        node.wait_for(lambda: "youki" in self.info(node)["Runtimes"], "the daemon to read its file again")
        runtimes = self.info(node)["Runtimes"]
        self.assertLessEqual({"crun", "own", "youki"}, set(runtimes))
        self.assertNotIn("spin", runtimes)
        self.assertEqual(node.show("docker.service", "MainPID"), pid)

        # Without the default, whose containers were to be isolated, Docker does not start, and its file stays.
        before = node.file(DAEMON).read_bytes()
        node.file("/usr/bin/crun").unlink()
        node.systemctl("restart", STEP)
        record = self.failure(node, STEP)
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("runtime-invalid", "78"))
        self.assertEqual(node.show("docker.service", "ActiveState"), {"ActiveState": "inactive"})
        self.assertEqual(node.file(DAEMON).read_bytes(), before)

        self.program(node, "usr/bin/crun")
        node.systemctl("start", "docker")
        self.assertEqual(self.info(node)["DefaultRuntime"], "crun")
