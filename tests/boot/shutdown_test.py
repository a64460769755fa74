# SPDX-License-Identifier: Apache-2.0
"""A machine that goes down, with real logind; and one that comes up again as another than before."""

import json

import support
from node import packages_listed
from support import BootTest

UNIT = "eks-shutdown.service"
DROP_IN = "/run/systemd/logind.conf.d/99-zz-eks.conf"
OF_KUBELET = "/etc/systemd/logind.conf.d/99-kubelet.conf"
PODS = "/run/stand-in-pods"
# A container: it says when it is told to end, and ends, or does not.
CONTAINER = """\
#!/bin/sh
echo $$ > "/run/container-$1"
trap 'echo "$1 was told to end" | systemd-cat -t container; [ "$1" = hung ] || exit' TERM
while :; do sleep .1; done
"""


class Shutdown(BootTest):
    def prepared(self, settings="", **files):
        node = self.node([package.root for package in packages_listed(support.IMAGE.cache, "--list-bus")])
        with open(node.root / "etc/passwd", "a") as users:
            users.write("messagebus:x:101:101::/nonexistent:/usr/sbin/nologin\n")
        node.write("etc/eks/node.toml", settings)
        node.write("etc/systemd/system/kubelet.service.d/pods.conf", f"[Service]\nEnvironment=STAND_IN_PODS={PODS}\n")
        return node

    def allowed(self, node) -> str:
        """The time in microseconds."""
        return node.output("busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
                           "org.freedesktop.login1.Manager", "InhibitDelayMaxUSec").removeprefix("t ").strip()

    def await_inhibitor(self, node):
        """kubelet's is in the list, and kubelet did not have to make more time."""
        node.wait_for(lambda: any(line.split()[:1] == ["kubelet"] and "shutdown" in line and "delay" in line
                                  for line in node.output("systemd-inhibit", "--list", "--no-pager").splitlines()), "kubelet")
        self.assertFalse(node.file(OF_KUBELET).exists(), "kubelet wrote its own")

    def test_by_default_nothing_runs_and_kubelet_has_its_time(self):
        self.stand_in_only("a real kubelet takes its inhibitor too, but has no cluster here")
        node = self.prepared()
        node.boot()
        self.assertActive(node, "eks-node.target", "systemd-logind.service")
        self.assertEqual(node.show(UNIT, "ActiveState", "ConditionResult"), {"ActiveState": "inactive", "ConditionResult": "no"})
        self.assertEqual(node.kubelet()["config"]["shutdownGracePeriod"], "2m30s")

        self.await_inhibitor(node)
        self.assertEqual(self.allowed(node), "150000000")

        # It is our file that keeps kubelet from writing one.
        node.link("etc/systemd/logind.conf.d/50-eks.conf", "/dev/null")
        node.reboot()
        node.wait_for(lambda: node.file(OF_KUBELET).exists(), "kubelet's own file")

    def test_another_time(self):
        self.stand_in_only("a real kubelet takes its inhibitor too, but has no cluster here")
        node = self.prepared('[kubelet.config]\nshutdownGracePeriod = "5m"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertEqual(node.file(DROP_IN).read_text().splitlines()[1:], ["[Login]", "InhibitDelayMaxSec=300s"])
        self.assertEqual(self.allowed(node), "300000000")

        self.await_inhibitor(node)

        # Again: logind is left alone.
        node.systemctl("restart", UNIT)
        self.assertEqual(node.show(UNIT, "StatusText")["StatusText"], "systemd-logind has read it, 1 file unchanged")

        # Changed on a node that runs, before kubelet asks for the new time.
        node.output("eksnode", "set", "kubelet.config.shutdownGracePeriod=10m")
        self.assertIn(f"run {UNIT}", node.output("eksnode", "apply", "--dry-run"))

        node.output("eksnode", "apply")
        self.assertEqual(self.allowed(node), "600000000")

        self.await_inhibitor(node)

        # Removed.
        node.output("eksnode", "unset", "kubelet.config.shutdownGracePeriod")
        node.write("etc/eks/node.toml", "")
        node.output("eksnode", "apply")
        self.assertFalse(node.file(DROP_IN).exists())

        node.wait_for(lambda: self.allowed(node) == "150000000", "logind to take the default")

        # A file of the admin's that comes later: the failure has a code, and the node runs on.
        node.write("etc/systemd/logind.conf.d/99-zzz.conf", "[Login]\nInhibitDelayMaxSec=7s\n")
        node.output("eksnode", "set", "kubelet.config.shutdownGracePeriod=20s")
        self.assertNotEqual(node.call("eksnode", "apply").returncode, 0)

        failure = self.failure(node, UNIT)
        self.assertEqual(failure["EKS_FAILURE"], "daemon-refused")
        self.assertIn("may override it", failure["EKS_CAUSE"])
        self.assertActive(node, "kubelet.service")

    def container(self, node, name):
        node.output("sh", "-c", "systemd-run --quiet --scope --slice=kubepods.slice --property=DefaultDependencies=no "  # as runc does it
                    f"--unit=cri-containerd-{name}.scope /usr/local/lib/container {name} >/dev/null 2>&1 &")
        scope = f"cri-containerd-{name}.scope"
        node.wait_for_unit(scope)
        self.assertEqual(node.show(scope, "TimeoutStopUSec"), {"TimeoutStopUSec": "10s"})
        return node.file(f"/run/container-{name}").read_text().strip()

    def test_pods_then_kubelet_then_containerd_then_volumes(self):
        self.stand_in_only("the stand-in has pods without a cluster")
        node = self.prepared()
        disk = node.disk()
        node.write("etc/eks/node.toml", '[kubelet.config]\nshutdownGracePeriod = "3s"\nshutdownGracePeriodCriticalPods = "1s"\n'
                   f'[containerd.volume]\ndevice = "{disk}"\n')
        node.write("usr/local/lib/container", CONTAINER)
        (node.root / "usr/local/lib/container").chmod(0o755)
        node.boot()
        self.assertActive(node, "eks-node.target", "var-lib-containerd.mount")

        self.await_inhibitor(node)
        self.assertEqual(self.allowed(node), "3000000")

        # As kubelet makes it. systemd 252 gives it a conflict with shutdown.target all the same, by which what is in it stops.
        node.output("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                    "StartTransientUnit", "ssa(sv)a(sa(sv))", "kubepods.slice", "replace", "1", "DefaultDependencies", "b", "false", "0")
        pids = [self.container(node, name) for name in ("well", "hung")]
        node.file(PODS).write_text("".join(f"{pid}\n" for pid in pids))
        node.reboot()
        self.assertActive(node, "eks-node.target")

        reported = [(r.get("UNIT") or r.get("_SYSTEMD_UNIT", ""), r["MESSAGE"]) for r in map(json.loads, node.output(
            "journalctl", "--boot=-1", "--output=json", "--no-pager").splitlines()) if isinstance(r.get("MESSAGE"), str)]

        def place(unit, text):
            found = [i for i, (of, message) in enumerate(reported) if unit in of and text in message]
            self.assertTrue(found, f"{unit} did not say: {text}\n" + "\n".join(map(str, reported[-80:])))
            return found[-1] if "told" not in text else found[0]

        order = [place("", "Shutdown manager detected new shutdown event"), place("", "well was told to end"),
                 place("", "Shutdown manager completed"), place("kubelet.service", "Stopping "),
                 place("cri-containerd-hung.scope", "Killing process"), place("containerd.service", "Stopping "),
                 place("containerd.service", "Stopped "), place("var-lib-containerd.mount", "Unmounting ")]
        self.assertEqual(order, sorted(order))


class Again(BootTest):
    """What is of this boot or of this address is made anew; see eks-node(7)."""

    # A kernel argument, or the memory of a GPU, may want a reboot before the node joins.
    ONCE = """\
[Unit]
DefaultDependencies=no
After=eks-configured.target
Before=kubelet.service
ConditionPathExists=!/var/lib/rebooted
[Service]
Type=oneshot
ExecStart=/usr/bin/touch /var/lib/rebooted
ExecStart=/usr/bin/systemctl --no-block reboot
ExecStart=/usr/bin/sleep infinity
TimeoutStartSec=infinity
"""

    def test_a_reboot_before_kubelet_has_started(self):
        node = self.node()
        node.write("etc/systemd/system/once.service", self.ONCE)
        node.link("etc/systemd/system/kubelet.service.wants/once.service", "../once.service")
        node.boot(wait=False)
        self.assertEqual(node.process.wait(60), 133)  # nspawn's way to say that the container wants to be started again

        node.ended()
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertTrue(node.kubelet_runs())
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_stopped_and_started_with_another_address_and_type(self):
        node = self.booted()
        before = node.kubelet()
        self.assertEqual(before["flags"]["node-ip"], "172.16.34.43")

        profile = (node.root / "srv/aws/profile.json").read_text()
        for old, new in (("172.16.34.43", "172.16.34.99"), ("172-16-34-43", "172-16-34-99"), ("m4.xlarge", "m5.large")):
            profile = profile.replace(old, new)
        node.write("srv/aws/profile.json", profile)
        node.reboot()
        self.assertActive(node, "eks-node.target")

        after = node.kubelet()
        self.assertEqual(after["flags"]["node-ip"], "172.16.34.99")
        self.assertEqual(after["node"], "ip-172-16-34-99.us-west-2.compute.internal")
        self.assertEqual((before["config"]["maxPods"], after["config"]["maxPods"]), (58, 29))
        self.assertEqual(node.call("grep", "-rlE", "172.16.34.43|172-16-34-43", "/etc/eks", "/etc/kubernetes", "/var/lib/kubelet",
                                   "/var/lib/eks", "/run/eks").stdout, "")
        self.assertEqual(list(node.root.glob("etc/**/*.user-edited")), [])

    def test_an_instance_of_a_warm_pool_joins_when_it_is_in_service(self):
        node = self.node()
        node.write("etc/systemd/system/kubelet.service.d/warm.conf", "[Service]\nExecCondition=/bin/sh -c "
                   "'! imds latest/meta-data/autoscaling/target-lifecycle-state | grep Warmed'\n")
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())

        for state in "Warmed:Stopped", "InService":
            profile["meta-data"]["autoscaling/target-lifecycle-state"] = state
            node.write("srv/aws/profile.json", json.dumps(profile))

            if node.process:
                node.reboot()
            else:
                node.boot()
                self.assertActive(node, "eks-configured.target", "containerd.service")
                self.assertEqual(node.show("kubelet.service", "Result"), {"Result": "exec-condition"})
                self.assertKubeletDown(node)

        self.assertActive(node, "eks-node.target")
        self.assertTrue(node.kubelet_runs())
