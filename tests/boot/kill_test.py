# SPDX-License-Identifier: Apache-2.0
"""Steps and commands that ask the service manager are killed before and after each change that they make. Run again, they
end with the files that an undisturbed run leaves. tests/fault has the other steps."""

import json
import re
import stat
import tomllib

import nvidia_mig_test
import nvidia_test
import shutdown_test
import support
from devices_test import program
from eks_cluster_test import NODE_CONFIG, described
from node import node_config
from support import BootTest

LAYERS = "/var/lib/eks/commands.d"
KUBELET_CONFIG = "/etc/kubernetes/kubelet/kubelet-config.json"
DROP_INS = "/run/systemd/system"
GPU = nvidia_test.ROOT
CALL = ["/etc/eks/bootstrap.sh", "my-cluster", "--apiserver-endpoint", "https://eks.example.com", "--use-max-pods", "false"]
SETTINGS = """\
[instance.network]
nameservers = ["10.7.7.7"]
[instance.environment]
kubelet.A = "1"
site-agent.B = "2"
default.C = "3"
"""


def parse_all(files):
    """Fails if one of these files, at any depth, is half-written."""
    if isinstance(files, tuple):
        for part in files:
            parse_all(part)
    elif isinstance(files, dict):
        for name, text in files.items():
            if name.endswith(".json") and text != "config.json":  # the target of a link
                json.loads(text)
            elif name.endswith(".toml"):
                tomllib.loads(text)


class Kills(BootTest):
    def quiet_node(self, *units):
        """A machine that is not a node, on which units are started one by one."""
        node = self.node()
        for unit in units:
            support.let_be_killed(node, unit)
        node.write("/etc/systemd/system/site-agent.service", "[Service]\nExecStart=/bin/sleep infinity\n")
        node.write("/etc/systemd/system/cloud-init-local.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n")
        node.write("/var/lib/cloud/data/instance-id", "i-1234567890abcdef0\n")
        node.write("/etc/eks/node.toml", SETTINGS)
        node.user_data(node_config(support.IMAGE.ca))
        node.boot("quiet")

        return node

    def files(self, node, *places) -> dict:
        """Path to content, or target of a link, below these places."""
        found = {}
        for place in places:
            top = node.file(place)
            for path in [top, *top.rglob("*")]:
                if path.is_symlink():
                    found[str(path.relative_to(node.file("/")))] = str(path.readlink())
                elif path.is_file():
                    found[str(path.relative_to(node.file("/")))] = path.read_text()

        return found

    def kill_everywhere(self, begin, run, state, least, step=1):
        """`begin` makes the state before; `run(point)` says whether it was killed there, and with None runs undisturbed. With
        the step 2 it is killed after each change only: before the next one nothing is different."""
        begin()
        self.assertFalse(run(None))

        expected = state()
        for point in range(step, 100, step):
            begin()
            if not run(point):
                break

            with self.subTest(point=point):
                parse_all(state())
                run(None)
                self.assertEqual(state(), expected)

        self.assertGreater(point, least)

        return expected

    def unit_run(self, node, unit):
        def run(point):
            support.kill_at(node, point)
            node.call("systemctl", "restart", unit)
            support.kill_at(node, None)
            result = node.show(unit, "Result", "StatusText")
            self.assertIn(result["Result"], ("success", "signal"), result)
            return result["Result"] == "signal"
        return run

    def test_eks_resolved_and_eks_environment(self):
        resolved, environment = "eks-resolved.service", "eks-environment.service"
        node = self.quiet_node(resolved, environment)
        node.output("systemctl", "start", "eks-config.service", "site-agent.service")
        given = node.file("/run/eks/node.json").read_text()

        expected = self.kill_everywhere(
            lambda: node.output("rm", "-rf", "/run/systemd/resolved.conf.d"), self.unit_run(node, resolved),
            lambda: self.files(node, "/run/systemd/resolved.conf.d"), 4)
        self.assertEqual(list(expected), ["run/systemd/resolved.conf.d/40-eks.conf"])

        def variables():
            files = self.files(node, "/run/eks/environment", DROP_INS)
            return ({name: text for name, text in files.items() if "environment" in name},
                    [line for line in node.output("systemctl", "show-environment").splitlines() if line.startswith("C=")])

        def forget():
            node.output("rm", "-rf", "/run/eks/environment", f"{DROP_INS}/site-agent.service.d")
            node.output("systemctl", "unset-environment", "C")
            node.output("systemctl", "daemon-reload")

        files, lines = self.kill_everywhere(forget, self.unit_run(node, environment), variables, 8)
        self.assertIn("run/systemd/system/site-agent.service.d/40-eks-environment.conf", files)
        self.assertEqual(lines, ["C=3"])

        def give():
            node.file("/run/eks/node.json").write_text(given)
            self.unit_run(node, environment)(None)
            tree = json.loads(given)
            del tree["spec"]["instance"]["environment"]
            node.file("/run/eks/node.json").write_text(json.dumps(tree))

        self.assertEqual(self.kill_everywhere(give, self.unit_run(node, environment), variables, 6), ({}, []))

    def test_eks_shutdown(self):
        unit = shutdown_test.UNIT
        node = shutdown_test.Shutdown.prepared(self, '[kubelet.config]\nshutdownGracePeriod = "5m"\n')
        support.let_be_killed(node, unit)
        node.user_data(node_config(support.IMAGE.ca))
        node.boot("quiet")
        node.output("systemctl", "start", "eks-config.service", "systemd-logind.service")
        given = node.file("/run/eks/node.json").read_text()
        without = json.loads(given)
        del without["spec"]["kubelet"]["config"]["shutdownGracePeriod"]
        without = json.dumps(without)

        def take(document, end):
            node.file("/run/eks/node.json").write_text(document)
            self.unit_run(node, unit)(None)
            # logind does not answer to SIGHUP.
            node.wait_for(lambda: shutdown_test.Shutdown.allowed(self, node) == end, f"logind to allow {end}", 10)

        def state():
            return self.files(node, "/run/systemd/logind.conf.d")

        for document, end, before, begin in (given, "300000000", without, "150000000"), (without, "150000000", given, "300000000"):
            def killed(point, document=document, end=end):
                node.file("/run/eks/node.json").write_text(document)
                return self.unit_run(node, unit)(point) if point else take(document, end)
            expected = self.kill_everywhere(lambda before=before, begin=begin: take(before, begin), killed, state, 2)
            self.assertEqual(list(expected), [shutdown_test.DROP_IN.lstrip("/")] if document == given else [])

    def test_eks_nvidia_and_eks_nvidia_mig(self):
        unit, divides = nvidia_test.UNIT, nvidia_mig_test.UNIT

        # The module is there when all of it is there: a step that was killed does not stop the start of modprobe.
        driver = nvidia_test.DRIVER.replace("        sleep 1\n", "").replace(f"mkdir -p {GPU}/sys/module/$1\n", "")
        node = nvidia_test.Machine.machine(self, driver + f"mkdir -p {GPU}/sys/module/$1\n")
        program(node, "usr/bin/nvidia-smi", nvidia_mig_test.SMI)
        node.write("etc/eks/node.toml", '[nvidia.mig]\nprofile = "3g.20gb, 1g.5gb:2"\n')
        support.let_be_killed(node, unit)
        support.let_be_killed(node, divides)
        node.boot("quiet")
        node.output("systemctl", "start", "eks-config.service")

        def unload():
            node.output("sh", "-c", f"cd {GPU} && rm -rf sys/module/nvidia* dev/nvidia* run proc/driver/nvidia; echo > proc/devices")

        def loaded():
            nodes = {path.name: (path.stat().st_rdev, stat.filemode(path.stat().st_mode)) for path in node.file(f"{GPU}/dev").iterdir()
                     if path.is_char_device()}
            return self.files(node, f"{GPU}/run"), nodes, sorted(path.name for path in node.file(f"{GPU}/sys/module").iterdir())

        files, nodes, _ = self.kill_everywhere(unload, self.unit_run(node, unit), loaded, 14, step=2)
        self.assertEqual({mode for _, mode in nodes.values()}, {"crw-rw-rw-"})
        self.assertEqual((len(files), len(nodes)), (1, 5))

        def divided():
            return {name: text for name, text in self.files(node, "/dev/gpu").items() if not name.endswith("/log")}

        found = self.kill_everywhere(lambda: node.output("rm", "-rf", "/dev/gpu"), self.unit_run(node, divides), divided, 8, step=2)
        self.assertEqual(found["dev/gpu/instances"].count("MIG"), 3)

    def test_bootstrap_sh_and_nodeadm(self):
        """Early in the boot, when they write their layers and leave the rest to it."""
        node = self.quiet_node("eks-retry.service")  # for what is preloaded
        node.output("systemctl", "start", "--no-block", "cloud-init-local.service")
        node.wait_for_unit("cloud-init-local.service", "activating")
        node.write("/srv/node.yaml", node_config(support.IMAGE.ca))
        edited = json.dumps({"kind": "KubeletConfiguration", "podsPerCore": 8})

        def begin():
            node.output("rm", "-rf", LAYERS, KUBELET_CONFIG)
            node.output("mkdir", "-p", KUBELET_CONFIG.rsplit("/", 1)[0])
            node.file(KUBELET_CONFIG).write_text(edited)

        def layers():
            """A call that was killed may have taken a number: what counts is their order."""
            files = self.files(node, LAYERS, KUBELET_CONFIG)
            order = sorted(int(number) for text in files.values() for number in re.findall(r", call (\d+)\n", text))
            return {name: re.sub(r", call (\d+)\n", lambda found: f", call {order.index(int(found[1]))}\n", text)
                    for name, text in files.items()}

        for command, name in (CALL, "bootstrap.toml"), (["nodeadm", "init", "-c", "file:///srv/node.yaml"], "nodeadm.toml"):
            with self.subTest(command[0]):
                def run(point):
                    kill = [f"LD_PRELOAD={support.KILLER}", f"KILL_AT={point}"] if point else []
                    result = node.call("env", *kill, *command)
                    self.assertIn(result.returncode, (0, 137, -9), result.stderr)
                    return result.returncode != 0

                expected = self.kill_everywhere(begin, run, layers, 4)
                self.assertIn(f"var/lib/eks/commands.d/{name}", expected)

    def test_eks_cluster(self):
        unit, answer = "eks-cluster.service", "/run/eks/cluster.json"
        node = self.node()
        support.let_be_killed(node, unit)
        node.user_data(NODE_CONFIG.format(name="my-cluster"))
        node.write("/srv/aws/clusters.json", json.dumps({"my-cluster": {"cluster": described()}}))
        node.write(f"/etc/systemd/system/{unit}.d/endpoint.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_EKS=http://169.254.169.254\n")
        node.boot("quiet")
        node.output("systemctl", "start", "eks-config.service")
        expected = self.kill_everywhere(lambda: node.file(answer).unlink(missing_ok=True), self.unit_run(node, unit),
                                        lambda: self.files(node, answer), 4)
        self.assertIn("eks.example.com", expected[answer.lstrip("/")])

    def test_eks_kubelet_edits(self):
        unit, layer = "eks-kubelet-edits.service", f"{LAYERS}/kubelet-edits.toml"
        node = self.node()
        support.let_be_killed(node, unit)
        node.user_data(node_config(support.IMAGE.ca))
        node.boot()
        edited = json.dumps(json.loads(node.file(KUBELET_CONFIG).read_text()) | {"podsPerCore": 8})

        def begin():
            node.file(layer).unlink(missing_ok=True)
            for step in "eks-config.service", "eks-kubelet-config.service":
                node.output("systemctl", "reload", step)
            node.file(KUBELET_CONFIG).unlink()
            node.file(KUBELET_CONFIG).write_text(edited)

        expected = self.kill_everywhere(begin, self.unit_run(node, unit),
                                        lambda: self.files(node, layer, "/etc/kubernetes/kubelet"), 6)
        self.assertEqual(expected[KUBELET_CONFIG.lstrip("/")], "config.json")
        self.assertEqual(json.loads(expected["etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf"])["podsPerCore"], 8)
        self.assertIn("podsPerCore = 8", expected[layer.lstrip("/")])
