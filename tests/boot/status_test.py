# SPDX-License-Identifier: Apache-2.0
"""Broken machines: `eksnode status` says in its first five lines what is wrong, what to change, and what happens next."""

import base64
import json
import re

import support
from node import node_config
from support import BootTest, ImageTest

FIRST = 5  # lines
NEVER = "will not try again"
REFUSED_BY_ECR = {"__type": "com.amazon.coral#AccessDeniedException", "Message": "User: arn:aws:sts::1:x is not authorized"}
NOT_REGISTERED = ('E1124 21:30:05.123456    1234 kubelet_node_status.go:107] "Unable to register node with API server" '
                  'err="Post \\"https://wrong.example/api/v1/nodes\\": dial tcp: lookup wrong.example: no such host" node="node"')
UNAUTHORIZED = ('E1124 21:30:05.123456    1234 kubelet_node_status.go:107] "Unable to register node with API server" '
                'err="Unauthorized" node="node"')


class Verdicts(BootTest):
    def verdict(self, node, *texts, status: int):
        """Each of the patterns is in the first lines; the command's exit status."""
        result = node.call("eksnode", "status")
        first = "\n".join(result.stdout.splitlines()[:FIRST])

        for text in texts:
            self.assertRegex(first, text, result.stdout)
        self.assertEqual(result.returncode, status, result.stdout)

        # The next attempt, or that there is none; never both.
        self.assertFalse("next attempt" in first and NEVER in first, first)

        return result.stdout

    def start(self, node):
        node.call("systemctl", "start", "eks-node.target")
        node.wait_for(lambda: "No jobs" in node.call("systemctl", "list-jobs").stdout, "the queue of jobs to be empty")

    def fetched(self, node, user_data):
        """New user data, as after a stop and start of the instance."""
        node.file("/srv/aws/user-data").write_text(user_data)
        node.call("systemctl", "reset-failed")
        node.call("systemctl", "restart", "eks-imds")
        self.start(node)


class OneMachine(Verdicts):
    """One machine that is broken in one way after the other, and becomes a node in the end."""

    def test_each_cause_is_named(self):
        node = self.node()
        node.write("/etc/eks/node.disabled", "")
        node.boot("quiet")  # nothing on the command line decides
        good = node_config(support.IMAGE.ca)

        with self.subTest("a file of an image's build keeps it from being a node"):
            self.verdict(node, r"^○ This machine is not a node: /etc/eks/node\.disabled exists; remove it", status=1)
            node.file("/etc/eks/node.disabled").unlink()
            node.write("/etc/eks/node.enabled", "")
            node.output("systemctl", "daemon-reload")
            self.verdict(node, r"^○ The node was not started", r"run `systemctl start eks-node\.target`", status=1)

        with self.subTest("a step is masked"):
            node.output("systemctl", "mask", "eks-credential-provider")
            self.start(node)
            self.verdict(node, r"^× Blocked by eks-credential-provider\.service \(masked\)",
                         f"{NEVER}; run `systemctl unmask eks-credential-provider.service`", status=1)
            node.output("systemctl", "unmask", "eks-credential-provider")

        with self.subTest("a drop-in names a program that is not there"):
            drop_in = "/etc/systemd/system/eks-ca.service.d/50-site.conf"
            node.write(drop_in, "[Service]\nExecStart=\nExecStart=/opt/site/eks-ca\n")
            node.output("systemctl", "daemon-reload")
            self.start(node)
            self.verdict(node, r"^× Blocked by eks-ca\.service \(exit status 203\)", r"Failed.*/opt/site/eks-ca: No such file",
                         f"Change: +the drop-in {drop_in}", f"{NEVER};.*`systemctl daemon-reload`", status=1)
            node.file(drop_in).unlink()
            node.output("systemctl", "daemon-reload")
            node.call("systemctl", "reset-failed")

        with self.subTest("a directory belongs to somebody else"):
            node.output("install", "-d", "-o", "1000", "-m", "0500", "/etc/kubernetes/pki")
            node.output("chown", "1000", "/etc/kubernetes/pki")
            node.output("chmod", "0500", "/etc/kubernetes/pki")
            self.start(node)
            self.verdict(node, r"^× Blocked by eks-ca\.service \(exit status 1\)",
                         r"'/etc/kubernetes/pki' belongs to user 1000 and has mode 0500\. Run `chown root '/etc/kubernetes/pki'`",
                         NEVER, status=1)
            node.output("chown", "root:root", "/etc/kubernetes/pki")
            node.output("chmod", "0755", "/etc/kubernetes/pki")

        with self.subTest("a file system is full"):
            node.output("mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", "/etc/kubernetes/pki")
            self.start(node)
            self.verdict(node, r"^× Blocked by eks-ca\.service", r"The file system at '/etc/kubernetes/pki' (is full|has no inode left)",
                         NEVER, status=1)
            node.output("umount", "/etc/kubernetes/pki")

        with self.subTest("a value of the user data is wrong"):
            self.fetched(node, self.mime(("text/x-shellscript", "#!/bin/sh\ntrue\n"),
                                         ("application/node.eks.aws", good.replace("10.100.0.0/16", "10.100.0.0"))))
            self.verdict(node, r"^× Blocked by eks-config\.service \(exit status 78\)", r"user data, MIME part 2, line 8",
                         r"cluster\.cidr", r"user data is /run/eks/user-data here", r"first one of the MIME part", r"`eksnode explain cluster\.cidr`",
                         NEVER, status=1)

        with self.subTest("the metadata service is silent"):
            node.write("/etc/systemd/system/eks-imds.service.d/limit.conf", "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=2\n")
            node.output("systemctl", "daemon-reload")
            node.file("/srv/aws/faults.json").write_text(json.dumps([{"path": "*", "hang": True}]))
            self.fetched(node, good)
            self.verdict(node, r"^× Blocked by eks-imds\.service \(exit status 69\)", r"the instance metadata service",
                         r"Next: +next attempt in \d+ s \(eks-retry\.timer\)", status=75)
            node.write("/etc/systemd/system/eks-imds.service.d/limit.conf",
                       "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=30\nEnvironment=EKS_WAIT_NOTICE=1\n")
            node.output("systemctl", "daemon-reload")
            node.output("systemctl", "start", "--no-block", "eks-node.target")
            waits = node.wait_for(lambda: [r for r in node.journal("--unit", "eks-imds") if "still waiting" in r["MESSAGE"]],
                                  "the notice")
            self.assertRegex(waits[0]["MESSAGE"], r"Waiting for the instance metadata service.*; since [\d:]+, until [\d:]+ UTC, then")

            console = node.console.read_text(errors="replace")
            self.assertEqual(len(re.findall(r"eks-imds\[\d+\]: still waiting: ", console)), 1)

            self.verdict(node, r"^◌ Waiting for eks-imds\.service, for \d+ s so far", r"since [\d:]+, until [\d:]+ UTC, then",
                         r"Before: .*the instance metadata service gave no usable answer in 2 s", status=75)
            node.file("/srv/aws/faults.json").write_text("[]")
            node.output("systemctl", "restart", "fake-aws")
            node.wait_for_unit("eks-node.target", timeout=60)

        self.verdict(node, r"^● The node is up", status=0)

    def test_what_keeps_a_unit_from_being_started(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/failing.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
        node.write("/etc/systemd/system/slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n")
        kubelet = "/etc/systemd/system/kubelet.service.d/50-site.conf"
        step = "/etc/systemd/system/eks-ca.service.d/50-site.conf"
        node.write("/etc/eks/node.disabled", "")
        node.boot("quiet")
        node.file("/etc/eks/node.disabled").unlink()
        node.write("/etc/eks/node.enabled", "")

        with self.subTest("a drop-in makes an ordering cycle"):
            node.write(step, "[Unit]\nAfter=kubelet.service\n")
            node.output("systemctl", "daemon-reload")
            self.start(node)
            self.verdict(node, r"in an ordering cycle", r"Cause: eks-ca\.service is ordered after kubelet\.service, which is after ",
                         f"Change: {step}", NEVER, status=1)

        with self.subTest("systemd refuses a drop-in"):
            node.write(step, "[Service]\nExecStart=\n")
            node.output("systemctl", "daemon-reload")
            self.start(node)
            self.verdict(node, r"^× Blocked by eks-ca\.service \(systemd refuses its file\)", r"Cause: .*has no ExecStart=.* Refusing",
                         f"Change: {step}", f"{NEVER};.*`systemctl daemon-reload`", status=1)
            node.file(step).unlink()

        with self.subTest("a condition of a drop-in is not met"):
            node.write(kubelet, "[Unit]\nConditionPathExists=/opt/site/ready\n")
            node.output("systemctl", "daemon-reload")
            self.start(node)
            self.verdict(node, r"^× Blocked by kubelet\.service \(not started\)",
                         r"Cause: ConditionPathExists=/opt/site/ready is not met", f"Change: {kubelet}",
                         f"{NEVER}; see that it is met and run .*; or correct the file, run `systemctl daemon-reload`", status=1)

        for name, lines, texts, status in (
                ("a drop-in requires what fails", "[Unit]\nRequires=failing.service\nAfter=failing.service\n",
                 [r"^× Blocked by kubelet\.service \(not started\)", r"Cause: Requires=failing\.service of kubelet\.service, which has failed",
                  f"Change: {kubelet}", NEVER, r"See: +journalctl -b -x -u failing\.service"], 1),
                ("a drop-in requires what is not there", "[Unit]\nBindsTo=absent.service\n",
                 [r"^× Blocked by kubelet\.service \(not started\)", r"Cause: BindsTo=absent\.service of kubelet\.service, which is not installed",
                  f"Change: {kubelet}", NEVER], 1),
                ("a drop-in orders it after what takes long", "[Unit]\nWants=slow.service\nAfter=slow.service\n",
                 [r"^◌ Waiting for slow\.service, which kubelet\.service is ordered after"], 75),
                ("a command before it fails", "[Service]\nExecStartPre=/bin/false --now\n",
                 [r"^× Blocked by kubelet\.service \(a command before it failed\)",
                  r"Cause: ExecStartPre=/bin/false --now ended with exit status 1"], 75),
                ("its time limit is too short", "[Service]\nExecStart=\nExecStart=/bin/sleep 60\nTimeoutStartSec=1\n",
                 [r"^× Blocked by kubelet\.service", r"Cause: it exceeded TimeoutStartSec=1s and was stopped",
                  f"Change: the drop-in {kubelet}, which sets TimeoutStartSec=1", "`systemctl daemon-reload`"], 75),
                ("its program crashes", "[Service]\nExecStart=\nExecStart=/bin/bash -c 'kill -SEGV $$$$'\n",
                 [r"^× Blocked by kubelet\.service", r"Cause: it was killed by SIGSEGV", f"Change: the program /(usr/)?bin/bash, which crashed.*; the drop-in {kubelet}, which sets ExecStart="],
                 75),
                ("its program is not there", "[Service]\nExecStart=\nExecStart=/opt/kubelet\n",
                 [r"^× Blocked by kubelet\.service \(exit status 203\)", r"Cause: .*/opt/kubelet: No such file",
                  f"Change: the drop-in {kubelet}", "`systemctl daemon-reload`"], 75),
                ("it runs as another user", "[Service]\nUser=nobody\n",
                 [r"^× Blocked by kubelet\.service", r"Cause: ExecStartPre=.*; its last message: .*[Pp]ermission denied",
                  f"Change: the drop-in {kubelet}, which sets User="], 75),
                ("it refuses a flag of a drop-in", "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --no-such-flag=1\n",
                 [r"^× Blocked by kubelet\.service", r"Cause: .*no-such-flag", f"Change: the drop-in {kubelet}"], 75)):
            with self.subTest(name):
                node.call("systemctl", "stop", "eks-node.target", "kubelet.service", "slow.service")
                node.write(kubelet, lines)
                node.output("systemctl", "daemon-reload")
                node.call("systemctl", "reset-failed")
                node.call("systemctl", "start", "--no-block", "eks-node.target")
                node.wait_for(lambda texts=texts: re.search(texts[0], node.call("eksnode", "status").stdout), texts[0])
                self.verdict(node, *texts, status=status)

    def test_what_a_daemon_refuses(self):
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca, extra="  containerd:\n    config: |\n"
                                                           "      [plugins.\"io.containerd.gc.v1.scheduler\"]\n"
                                                           "      pause_threshold = \"much\"\n"))
        node.boot(wait=False)
        node.wait_for(node.leader, "the container")

        with self.subTest("containerd refuses the user's TOML"):
            node.wait_for(lambda: "pause_threshold" in node.call("eksnode", "status").stdout, "containerd's refusal")
            self.verdict(node, r"^× Blocked by containerd\.service", r"Cause: .*Can't convert much\(string\) to float",
                         r"Change: .*`pause_threshold = \"much\"` in line 2 of containerd\.config \(user data, line 10,", status=75)

        with self.subTest("containerd refuses a drop-in of the admin"):
            node.file("/srv/aws/user-data").write_text(node_config(support.IMAGE.ca))
            node.write("/etc/eks/containerd.d/50-site.toml", "[plugins.\"io.containerd.gc.v1.scheduler\"]\nmutation_threshold = \"root\"\n")
            node.output("systemctl", "restart", "eks-imds")
            node.output("systemctl", "restart", "--no-block", "containerd", "eks-node.target")
            node.wait_for(lambda: "50-site.toml" in node.call("eksnode", "status").stdout, "containerd's refusal")
            self.verdict(node, r"^× Blocked by containerd\.service", r"Cause: .*Can't convert root\(string\) to int",
                         r"Change: .*`mutation_threshold = \"root\"` in line 2 of /etc/eks/containerd\.d/50-site\.toml", status=75)
            node.file("/etc/eks/containerd.d/50-site.toml").unlink()

        with self.subTest("kubelet refuses a gate"):
            node.file("/srv/aws/user-data").write_text(node_config(
                support.IMAGE.ca, extra="  kubelet:\n    config:\n      featureGates:\n        NoSuchGate: true\n"))
            node.output("systemctl", "restart", "eks-imds")
            node.output("systemctl", "restart", "--no-block", "containerd", "eks-node.target")
            node.wait_for(lambda: node.call("eksnode", "status").stdout.startswith("× Blocked by kubelet"), "kubelet's refusal")
            self.verdict(node, r"^× Blocked by kubelet\.service", r"Cause: .*unrecognized feature gate: NoSuchGate",
                         r"Change: .*kubelet\.config\.featureGates\.NoSuchGate \(user data, line \d+", status=75)
            reported = node.wait_for(lambda: re.findall(r".*unrecognized feature gate.*", node.console.read_text(errors="replace")),
                                 "the console to show it")
            pid = node.show("kubelet.service", "NRestarts")["NRestarts"]
            node.wait_for(lambda: int(node.show("kubelet.service", "NRestarts")["NRestarts"]) > int(pid) + 1, "two more restarts")
            reported = re.findall(r".*unrecognized feature gate.*", node.console.read_text(errors="replace"))
            self.assertEqual(len(reported), 1, reported)
            self.assertIn("NoSuchGate", reported[0])

    def test_a_kubelet_that_cannot_register(self):
        node = self.node()
        settings = "[Service]\nEnvironment='STAND_IN_SAYS={}'\n"
        node.write("/etc/systemd/system/kubelet.service.d/50-says.conf", settings.format(NOT_REGISTERED.replace("\\", "\\\\")))
        node.user_data(None)
        node.write("/etc/eks/node.d/40-cluster.yaml", node_config(support.IMAGE.ca))
        node.write("/etc/eks/node.d/50-site.toml", "[cluster]\napiServerEndpoint = 'https://wrong.example'\n")
        node.boot()

        with self.subTest("the endpoint of another layer is wrong"):
            self.assertActive(node, "eks-node.target")
            node.wait_for(lambda: "could not register" in node.call("eksnode", "status").stdout, "kubelet's words")
            self.verdict(node, r"^! kubelet runs, but could not register the node", r"Cause: .*lookup wrong\.example: no such host",
                         r"cluster\.apiServerEndpoint \(/etc/eks/node\.d/50-site\.toml, line 2,",
                         r"kubelet tries again by itself", status=75)

        with self.subTest("the role has no access"):
            node.file("/etc/systemd/system/kubelet.service.d/50-says.conf").write_text(settings.format(UNAUTHORIZED))
            node.output("systemctl", "daemon-reload")
            node.systemctl("restart", "kubelet")
            node.wait_for(lambda: "Unauthorized" in node.call("eksnode", "status").stdout, "kubelet's words")
            self.verdict(node, r"^! kubelet runs, but could not register the node", r"Unauthorized", r"access entry", status=75)

        with self.subTest("it registers"):
            node.file("/etc/systemd/system/kubelet.service.d/50-says.conf").write_text(settings.format(
                'I1124 21:30:05.123456    1234 kubelet_node_status.go:78] "Successfully registered node" node="node"'))
            node.output("systemctl", "daemon-reload")
            node.systemctl("restart", "kubelet")
            node.wait_for(lambda: node.call("eksnode", "status").returncode == 0, "the good news")
            self.verdict(node, "(?m)^● The node is up: kubelet has registered it$", status=0)

        words = [r'I1124 21:30:05.1 1 kubelet_node_status.go:729] "Recording event message for node" node="node" event="NodeHasSufficientPID"',
                 r'I1124 21:30:06.1 1 setters.go:602] "Node became not ready" node="node" condition={"type":"Ready","status":"False",'
                 r'"message":"Network plugin returns error: cni plugin not initialized"}']
        with self.subTest("the node is not Ready"):
            def say(*lines):
                text = "\\n".join(line.replace("\\", "\\\\") for line in lines)
                node.file("/etc/systemd/system/kubelet.service.d/50-says.conf").write_text(settings.format(text))
                node.output("systemctl", "daemon-reload")
                node.systemctl("restart", "kubelet")

            say(*words)
            node.wait_for(lambda: "not Ready" in node.call("eksnode", "status").stdout, "kubelet's words")
            self.verdict(node, "(?m)^! kubelet has registered the node, which is not Ready$", "Cause: +.*cni plugin not initialized",
                         "Change: +the CNI plugin", status=75)

        with self.subTest("it is Ready"):
            say(*words, words[0].replace("NodeHasSufficientPID", "NodeReady"))
            node.wait_for(lambda: node.call("eksnode", "status").returncode == 0, "the good news")
            text = self.verdict(node, "(?m)^● The node is up: kubelet has registered it, and it is Ready$", status=0)
            self.assertRegex(text, r"kubelet\.service .*running, the node is Ready")

    def test_a_script_that_hangs(self):
        node = self.node()
        node.user_data(self.mime(("text/x-shellscript", "#!/bin/sh\nsleep 600\n"),
                                 ("application/node.eks.aws", node_config(support.IMAGE.ca))))
        script = "/var/lib/cloud/instance/scripts/part-001"
        node.write(script, "#!/bin/sh\nsleep 601\n")
        (node.root / script.lstrip("/")).chmod(0o755)
        node.write("/etc/systemd/system/cloud-final.service",
                   "[Unit]\nDescription=Stand-in for cloud-init's last stage\nDefaultDependencies=no\nAfter=network.target\n"
                   f"[Service]\nType=oneshot\nExecStart={script}\nTimeoutStartSec=60s\n")
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        node.write("/etc/systemd/system/eks-user-scripts.service.d/notice.conf", "[Service]\nEnvironment=EKS_WAIT_NOTICE=1\n")
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and "runs 'sleep'" in node.call("eksnode", "status").stdout, "the script", timeout=30)
        text = self.verdict(node, r"^◌ Waiting for ", rf"cloud-final\.service: {script}, which runs 'sleep'",
                            r"since [\d:]+, until [\d:]+ UTC, then kubelet starts without", status=75)
        self.assertNotIn("601", text)

        notices = node.wait_for(lambda: re.findall(r"eks-user-scripts\[\d+\]: still waiting: .*", node.console.read_text(errors="replace")),
                                "the notice on the console")
        self.assertRegex(notices[0], r"since [\d:]+, until [\d:]+ UTC, then kubelet starts without")


class Registry(Verdicts):
    def test_ecr_refuses_the_role(self):
        """It is asked again by itself, as EKS is: the policy may be attached later."""
        node = self.node()
        (node.root / "etc/eks/pause.tar").unlink()
        node.registry("127.0.0.1:443", "eks/pause:3.10", host=ImageTest.HOST, login="AWS:pa55phrase")
        node.write("srv/aws/faults.json", json.dumps([{"path": "/", "method": "POST", "status": 400,
                                                       "body": json.dumps(REFUSED_BY_ECR)}]))
        node.write("etc/systemd/system/eks-sandbox-image.service.d/test.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_ECR=http://169.254.169.254\n")
        node.boot()
        record = self.failure(node, "eks-sandbox-image.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("registry-denied", "69"))

        self.verdict(node, r"^! The node is up, but without eks-sandbox-image\.service \(exit status 69\)",
                     r"may not call ecr:GetAuthorizationToken", r"Attach the policy AmazonEC2ContainerRegistryPullOnly",
                     r"next attempt in \d+ s", status=75)

        # The policy is attached.
        login = {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pa55phrase").decode(), "expiresAt": 1.7e9}]}
        node.file("/srv/aws/faults.json").write_text(json.dumps([{"path": "/", "method": "POST", "body": json.dumps(login)}]))
        node.wait_for_unit("eks-sandbox-image.service", timeout=90)
        self.verdict(node, r"^● The node is up", status=0)


class Warnings(Verdicts):
    def test_what_a_step_warns_of_is_listed_and_counted(self):
        node = self.node()
        node.write("/etc/kubernetes/pki/ca.crt", "")
        (node.root / "etc/kubernetes/pki/ca.crt").chmod(0o666)
        node.boot()
        text = self.verdict(node, r"^● The node is up: kubelet is running; a step warned, see '!' below", status=0)
        self.assertRegex(text, r"! eks-ca\.service .*done\n(?:.*Warning: .*\n)*.*Warning: .*/etc/kubernetes/pki/ca\.crt.*permissions are repaired")
        self.assertRegex(node.show("eks-ca.service", "StatusText")["StatusText"],
                         r"; \d warnings?, see `journalctl -b -p warning -t eks-ca`")


class AnotherRoot(Verdicts):
    def test_the_journal_of_a_volume_tells_of_the_last_boot(self):
        node = self.node()
        node.write("/var/log/journal/.keep", "")
        node.user_data(node_config(support.IMAGE.ca).replace("10.100.0.0/16", "10.100.0.0"))
        node.boot()
        node.output("journalctl", "--flush", "--sync")
        node.output("cp", "-a", "/var/log/journal", "/srv/journal")
        node.output("mkdir", "-p", "/srv/volume/var/log")
        node.output("mv", "/srv/journal", "/srv/volume/var/log/journal")

        result = node.call("eksnode", "status", "--root", "/srv/volume")
        first = result.stdout.splitlines()[:3]
        self.assertRegex(first[0], r"^× eks-config failed in the last boot, at \d{4}-\d\d-\d\d [\d:]+ UTC$", result.stdout)
        self.assertRegex(first[1], r"^  Cause: user data, line \d+, column \d+: cluster\.cidr")
        self.assertRegex(first[2], "^  Change: ")
        self.assertRegex(result.stdout, r"(?m)^● eks-imds +")
        self.assertEqual(result.returncode, 1)

        missing = node.call("eksnode", "status", "--root", "/srv/nothing")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("no journal below '/srv/nothing' has records of eksnode", missing.stderr)
