# SPDX-License-Identifier: Apache-2.0
"""eks-join: what it waits for, what ends it, and that nothing waits for it. The stand-in kubelet logs the lines of a real one."""

import json
import re

import support
from node import TESTS, node_config
from healing_test import KUBELET, fail_first_starts
from support import BootTest

VERBOSE = 'I1124 21:30:05.1 1 kubelet_node_status.go:729] "Recording event message for node" node="node" event="NodeHasSufficientPID"'
KNOWN = 'I1124 21:30:05.0 1 kubelet_node_status.go:118] "Node was previously registered" node="node"'
REGISTERED = 'I1124 21:30:05.1 1 kubelet_node_status.go:78] "Successfully registered node" node="node"'
READY = VERBOSE.replace("NodeHasSufficientPID", "NodeReady")
NOT_READY = ('I1124 21:30:06.1 1 setters.go:602] "Node became not ready" node="node" condition={"type":"Ready","status":"False",'
             '"message":"Network plugin returns error: cni plugin not initialized"}')


NO_NETWORK = ('E1124 21:30:06.1 1 kubelet.go:2373] "Container runtime network not ready" networkReady="NetworkReady=false '
              'reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"')


def unable(error):
    return f'E1124 21:30:05.1 1 kubelet_node_status.go:107] "Unable to register node with API server" err="{error}" node="node"'


PAGE = TESTS.parent / "man/eks-join.service.8.scd"

# By code: what kubelet logs, and what the change names.
CAUSES = {
    "unauthorized": (unable("Unauthorized"), r"arn:aws:iam::\d+:role/eks-node .*system:node:"),
    "node-name": (unable("nodes is forbidden: node b is not allowed to modify node a"), "instance.nodeName"),
    "labels": (unable("is not allowed to modify the following labels: node-role.kubernetes.io/a"), "node.labels"),
    "certificate-authority": (unable("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
                              "cluster.certificateAuthority"),
    "certificate-expired": (unable("x509: certificate has expired or is not yet valid"), "the clock"),
    "dns": (unable("dial tcp: lookup a.eks.example on 10.0.0.2:53: no such host"), "DNS"),
    "unreachable": (unable("dial tcp 10.0.0.1:443: i/o timeout"), "security groups"),
    "credentials": (unable("getting credentials: exec: executable eksnode failed with exit code 1"), "eksnode token"),
    "webhook": (unable("admission webhook a.example denied the request"), "webhook"),
    "quota": (unable("exceeded quota: nodes"), "quota"),
    "certificate-request": ('E1124 21:30:05.1 1 certificate_manager.go:562] kubernetes.io/kube-apiserver-client-kubelet: certificate '
                            'request was not signed: timed out waiting for the condition', "kubectl get csr"),
}


class Join(BootTest):
    def says(self, node, *lines):
        text = "\\n".join(line.replace("\\", "\\\\") for line in lines)
        node.write("/etc/systemd/system/kubelet.service.d/50-says.conf", f"[Service]\nEnvironment='STAND_IN_SAYS={text}'\n")

    def status(self, node):
        return json.loads(node.file("/run/eks/status.json").read_text())

    def test_a_ready_node_starts_what_waits_for_it(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        self.says(node, VERBOSE, REGISTERED, NO_NETWORK, NOT_READY, READY)
        node.write("/etc/systemd/system/when-ready.service", "[Unit]\nAfter=eks-joined.target\n[Service]\nType=oneshot\n"
                                                             "RemainAfterExit=yes\nExecStart=/bin/true\n")
        node.link("/etc/systemd/system/eks-joined.target.wants/when-ready.service", "../when-ready.service")
        node.boot()
        self.assertActive(node, "eks-node.target")
        node.wait_for_unit("when-ready.service")
        self.assertActive(node, "eks-joined.target", "eks-join.service")
        self.assertEqual(self.status(node), {"schema": 1, "state": "ready", "code": "", "cause": "", "change": "", "since": 0})
        self.assertRegex(node.show("eks-join.service", "StatusText")["StatusText"], r"the node is Ready, \d+ s after kubelet started")
        self.assertEqual(node.file("/run/eks/status.json").stat().st_mode & 0o777, 0o644)

        # A restart of kubelet is a new wait. Of a node that has stayed Ready it may say nothing but that it knows it.
        self.says(node, VERBOSE, NO_NETWORK, KNOWN, REGISTERED)
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Service]\nEnvironment=EKS_JOIN_TIMEOUT=16\n")
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        node.wait_for(lambda: self.status(node)["state"] == "registered", "what kubelet says")
        self.assertEqual(self.status(node)["code"], "cni")
        self.assertEqual(node.show("eks-joined.target", "ActiveState")["ActiveState"], "inactive")
        node.wait_for_unit("eks-joined.target")
        self.assertEqual(self.starts(node, "eks-join.service"), 2)

        # Nor does a kubelet that systemd restarts leave the target as it is.
        self.says(node, VERBOSE)
        node.output("systemctl", "daemon-reload")
        node.output("systemctl", "kill", "--signal=KILL", "kubelet")
        node.wait_for(lambda: self.status(node)["state"] == "starting", "the wait to begin again")
        self.assertEqual(node.show("eks-joined.target", "ActiveState")["ActiveState"], "inactive")
        self.assertEqual(self.starts(node, "eks-join.service"), 3)

    def test_what_it_waits_for_is_said(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        self.says(node, unable("Unauthorized"))
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Unit]\nOnFailure=tell.service\n[Service]\n"
                                                                       "Environment=EKS_JOIN_TIMEOUT=600 EKS_WAIT_NOTICE=1\n")
        node.write("/etc/systemd/system/tell.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
        node.boot()

        # Nothing waits for it: the boot is finished, and the node is up.
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.call("systemctl", "is-system-running").stdout.strip(), "running")
        self.assertEqual(node.show("eks-joined.target", "ActiveState")["ActiveState"], "inactive")

        node.wait_for(lambda: self.status(node)["code"] == "unauthorized", "the cause")
        self.assertRegex(node.show("eks-join.service", "StatusText")["StatusText"],
                         r"Waiting for kubelet to register the node: Unauthorized\. Change: the access entry .*; since .*, until .* UTC, then")
        node.wait_for(lambda: re.search(r"eks-join\[\d+\]: still waiting: Waiting for kubelet to register the node: Unauthorized",
                                        node.console.read_text(errors="replace")), "the console to have it")
        self.assertRegex(node.call("eksnode", "status").stdout, r"^! kubelet runs, but could not register the node")

        # Its time is over.
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Unit]\nOnFailure=tell.service\n[Service]\n"
                                                                       "Environment=EKS_JOIN_TIMEOUT=2\n")
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "eks-join")
        node.wait_for_unit("tell.service")
        record = self.failure(node, "eks-join.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("node-not-joined", "1"))
        self.assertIn("Unauthorized", record["EKS_CAUSE"])
        self.assertIn("eksnode diagnose", record["EKS_REMEDY"])
        self.assertActive(node, "eks-node.target", "kubelet.service")

        # The access entry is there now: kubelet goes on by itself.
        self.says(node, VERBOSE, REGISTERED, READY)
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        node.wait_for_unit("eks-joined.target")

    def test_a_kubelet_that_logs_nothing_is_asked(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Service]\nEnvironment=EKS_JOIN_TIMEOUT=24\n")
        self.says(node, unable("Unauthorized"))
        node.boot()
        self.assertActive(node, "eks-node.target")

        def says(answer):
            return re.search(rf"Waiting for kubelet to register the node: Unauthorized.*; kubelet logs nothing, and its healthz {answer}",
                             node.show("eks-join.service", "StatusText")["StatusText"])

        node.wait_for(lambda: says("does not answer"), "that healthz is silent")  # the stand-in has none
        node.write("/srv/healthz", "import http.server\nclass Well(http.server.BaseHTTPRequestHandler):\n    def do_GET(self):\n"
                                   "        self.send_response(200)\n        self.end_headers()\n"
                                   "http.server.HTTPServer(('127.0.0.1', 10248), Well).serve_forever()\n")
        node.output("systemd-run", "/usr/bin/python3", "/srv/healthz")
        node.wait_for(lambda: says("answers that it is healthy"), "that it is well")

    def test_each_cause_is_told_everywhere(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Service]\nEnvironment=EKS_JOIN_TIMEOUT=600 EKS_WAIT_NOTICE=1\n")
        self.says(node, unable("nothing known"))
        node.boot()

        for code, (line, change) in CAUSES.items():
            with self.subTest(code):
                self.says(node, line)
                node.output("systemctl", "daemon-reload")
                node.systemctl("restart", "kubelet")
                node.wait_for(lambda code=code: self.status(node)["code"] == code, "the code")

                self.assertRegex(self.status(node)["change"], change)
                node.wait_for(lambda change=change: re.search(
                    change, node.show("eks-join.service", "StatusText")["StatusText"]), "its status text")

                told = rf"still waiting: Waiting for kubelet to register the node: .*{change}"
                node.wait_for(lambda told=told: re.search(told, node.console.read_text(errors="replace")), "the console to have it")
                self.assertTrue([r for r in node.journal("--unit", "eks-join") if re.search(told, r["MESSAGE"])])

                if code != "certificate-request":  # kubelet has not tried to register the node yet
                    self.assertRegex(node.call("eksnode", "status").stdout,
                                     rf"^! kubelet runs, but could not register the node\n  Cause: .*\n  Change: .*{change}")

    def examples(self, node, *units):
        """The files of the page's examples, but for those that mention other units than these."""
        for number, block in enumerate(re.findall(r"(?ms)^```\n(.*?)^```", PAGE.read_text())):
            command, _, text = block.partition("\n")
            program, *_, name = command.removeprefix("# ").split()
            if not any(unit in block for unit in units):
                continue
            if program == "cat":
                node.write(name, text)
            elif "enable" in command:
                node.link(f"/etc/systemd/system/eks-joined.target.wants/{name}", f"../{re.sub('@.*[.]', '@.', name)}")
            else:
                node.write(f"/etc/systemd/system/{name}.d/{number}.conf", re.sub("EKS_JOIN_TIMEOUT=.*", "", text))

    def calls(self, node, number):
        """What the stand-ins of AWS's programs were called with, once there are so many calls."""
        path = node.file("/run/calls")
        node.wait_for(lambda: path.exists() and len(path.read_text().splitlines()) >= number, f"{number} calls")
        return sorted(path.read_text().splitlines())

    def test_the_examples_of_the_page(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        for program in "/usr/local/bin/aws", "/opt/aws/bin/cfn-signal":
            node.write(program, f'#!/bin/sh\necho "{program} $*" >>/run/calls\n')
            (node.root / program.lstrip("/")).chmod(0o755)
        self.examples(node, "replace-me", "tag-me", "lifecycle@", "signal-stack@")
        self.says(node, VERBOSE, REGISTERED, READY)
        node.boot()

        instance = node.output("imds", "latest/meta-data/instance-id").strip()
        signal = "/opt/aws/bin/cfn-signal --exit-code {} --stack my-stack --resource Nodes --region us-west-2"
        lifecycle = (f"/usr/local/bin/aws autoscaling complete-lifecycle-action --lifecycle-hook-name join "
                     f"--auto-scaling-group-name nodes --lifecycle-action-result {{}} --instance-id {instance}")
        self.assertEqual(self.calls(node, 3), [
            signal.format(0), lifecycle.format("CONTINUE"),
            f"/usr/local/bin/aws ec2 create-tags --tags Key=joined,Value=yes --resources {instance}"])

        node.file("/run/calls").unlink()
        self.says(node, unable("Unauthorized"))
        node.write("/etc/systemd/system/eks-join.service.d/90-soon.conf", "[Service]\nEnvironment=EKS_JOIN_TIMEOUT=2\n")
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        self.assertEqual(self.calls(node, 3), [
            signal.format(1),
            f"/usr/local/bin/aws autoscaling complete-lifecycle-action --lifecycle-hook-name join --auto-scaling-group-name nodes "
            f"--lifecycle-action-result ABANDON --instance-id {instance}",
            f"/usr/local/bin/aws autoscaling set-instance-health --health-status Unhealthy --instance-id {instance}"])

        self.examples(node, "FailureAction")
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        node.wait_for(lambda: node.leader() is None, "the machine to be off")

    def test_the_network_of_a_new_node(self):
        """Its condition begins as false, so kubelet logs no change of it, and only complains."""
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        self.says(node, VERBOSE, NO_NETWORK, REGISTERED, NO_NETWORK)
        node.boot()
        self.assertActive(node, "eks-node.target")
        node.wait_for(lambda: self.status(node)["code"] == "cni", "the cause")

        result = node.call("eksnode", "status")
        self.assertEqual(result.returncode, 75)
        self.assertRegex(result.stdout, r"(?s)^! kubelet has registered the node, which is not Ready\n"
                                        r"  Cause: .*cni plugin not initialized\n  Change: the CNI plugin")

    def test_a_kubelet_that_ends_again_and_again(self):
        """What is to happen when the node does not join happens once, at the end of the time, and not when a start fails."""
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Unit]\nOnFailure=tell.service\n[Service]\n"
                                                                       "Environment=EKS_JOIN_TIMEOUT=6\n")
        node.write("/etc/systemd/system/tell.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo told >>/run/told'\n")
        fail_first_starts(node, "kubelet.service", KUBELET, 2)
        self.says(node, 'E1124 21:30:05.1 1 run.go:74] "command failed" err="misconfiguration: kubelet cgroup driver: cgroupfs"')
        node.write("/etc/systemd/system/kubelet.service.d/60-ends.conf", "[Service]\nRestartSec=1s\nRuntimeMaxSec=1s\n")
        node.boot(wait=False)

        node.wait_for(lambda: node.leader() and node.file("/run/eks/status.json").exists(), "kubelet to have started", 30)
        since = self.status(node)["since"]
        node.wait_for(lambda: self.starts(node, "eks-join.service") > 1, "another start of kubelet")
        self.assertEqual(self.status(node)["since"], since)
        self.assertFalse(node.file("/run/told").exists())

        node.wait_for(lambda: node.file("/run/told").exists(), "it to give up", 30)
        self.assertEqual(self.status(node)["code"], "cgroup-driver")
        failed = [r for r in node.journal("--unit", "eks-join") if r.get("EKS_FAILURE") == "node-not-joined"]
        self.assertEqual([("cgroup driver" in r["EKS_CAUSE"]) for r in failed], [True])
        self.assertEqual(node.file("/run/told").read_text(), "told\n")

        # kubelet works now: a new wait begins.
        node.file("/etc/systemd/system/kubelet.service.d/60-ends.conf").unlink()
        self.says(node, VERBOSE, REGISTERED, READY)
        node.output("systemctl", "daemon-reload")
        node.systemctl("restart", "kubelet")
        node.wait_for_unit("eks-joined.target")

    def test_a_node_without_a_word_waits_in_silence_and_stops_with_kubelet(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/eks-join.service.d/test.conf", "[Service]\nEnvironment=EKS_WAIT_NOTICE=1\n")
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-join.service")
        self.assertEqual(node.show("eks-join.service", "StatusText")["StatusText"], "Waiting for kubelet to register the node")
        node.systemctl("stop", "kubelet")
        node.wait_for_unit("eks-join.service", "inactive")
        self.assertNotIn("eks-join", node.console.read_text(errors="replace"))
