# SPDX-License-Identifier: Apache-2.0
"""What the boot tests share. Each subject is a file, NAME_test.py, found and run by `run`."""

import base64
import calendar
import json
import re
import sys
import time
import unittest
from urllib.parse import parse_qsl, quote, urlsplit

from node import Node, TESTS, containerd_packages, node_config, run
from aws_signature import signature  # node.py knows where

STEPS = ["eks-imds", "eks-config", "eks-ca", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config",
         "eks-kubelet-args", "eks-containerd-config"]
RENDERED = ["/etc/kubernetes/kubelet/config.json", "/etc/kubernetes/pki/ca.crt", "/var/lib/kubelet/kubeconfig",
            "/etc/eks/image-credential-provider/config.json", "/etc/eks/kubelet/environment",
            "/etc/containerd/config.toml", "/etc/containerd/base-runtime-spec.json"]
# The order in which a machine becomes a node: the number of the step, its unit, and the steps that must have ended before
# it starts. Steps 3 to 8 may run beside each other, but for the daemons.
ORDER = [
    ("1, instance data", "eks-imds.service", []),
    ("2, configuration and version of kubelet", "eks-config.service", ["eks-imds.service"]),
    ("3, CA of the cluster", "eks-ca.service", ["eks-config.service"]),
    ("4, kubeconfig", "eks-kubeconfig.service", ["eks-config.service"]),
    ("5, addresses of an Outpost's API server", "eks-hosts.service", ["eks-config.service"]),
    ("6, kubelet's configuration with the number of pods", "eks-kubelet-config.service", ["eks-config.service"]),
    ("7, containerd's configuration", "eks-containerd-config.service", ["eks-config.service"]),
    ("7, containerd", "containerd.service", ["eks-containerd-config.service"]),
    ("8, kubelet's arguments", "eks-kubelet-args.service", ["eks-config.service"]),
    ("8, kubelet", "kubelet.service", ["eks-imds.service", "eks-config.service", "eks-ca.service", "eks-kubeconfig.service",
                                       "eks-hosts.service", "eks-kubelet-config.service", "eks-containerd-config.service",
                                       "containerd.service", "eks-kubelet-args.service"]),
]

UNIT_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"  # systemd's message id

IMAGE = None  # the node image, set by `run` before any test starts
SCRATCH = None
BUILD = None  # the build directory of the staged install
APISERVER = None  # and of what the tests of a real cluster need; see real.py
ETCD = None


def caller(token, cluster, secrets) -> tuple[str, int]:
    """What the cluster's authenticator and STS make of a token: the access key behind it, and its time.

    The signature is computed once more, from the secret of that key.
    """
    version, _, data = token.partition(".")
    assert version == "k8s-aws-v1", version

    url = urlsplit(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)).decode())
    query = dict(parse_qsl(url.query, strict_parsing=True))
    key, *scope = query["X-Amz-Credential"].split("/")
    assert (url.scheme, url.path, query["Action"], query["X-Amz-SignedHeaders"]) == \
        ("https", "/", "GetCallerIdentity", "host;x-k8s-aws-id"), url

    secret, session = secrets[key]
    assert query["X-Amz-Security-Token"] == session

    given = query.pop("X-Amz-Signature")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    assert given == signature(secret, query["X-Amz-Date"], "/".join(scope), "GET", "/", "&".join(map("=".join, pairs)),
                              {"host": url.netloc, "x-k8s-aws-id": cluster}), "the signature does not match"

    signed = time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    return key, calendar.timegm(signed)


# Fails as often as a file says, then becomes the program. /run is of one boot, so the count is too.
FAIL_FIRST = """\
#!/bin/sh
echo start >> "/run/starts-of-$1"
[ "$(wc -l < "/run/starts-of-$1")" -gt "$2" ] || { echo "start refused by a test" >&2; exit 1; }
shift 2
exec "$@"
"""


def fail_first_starts(node: Node, unit: str, command: str, count: int, delay: str = "200ms"):
    """Let a daemon exit with status 1 the first times it is started, and be started again after `delay`."""
    node.write("/usr/local/bin/fail-first", FAIL_FIRST)
    (node.root / "usr/local/bin/fail-first").chmod(0o755)
    node.write(f"/etc/systemd/system/{unit}.d/90-fail-first.conf",
               f"[Service]\nExecStart=\nExecStart=/usr/local/bin/fail-first {unit} {count} {command}\nRestartSec={delay}\n")


def step_figures(node: Node, step: str) -> dict:
    show = node.show(f"{step}.service", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    record = [r for r in node.journal("--unit", step) if "EKS_PEAK_KIB" in r][-1]
    return {"wall_ms": (int(show["ActiveEnterTimestampMonotonic"]) - int(show["InactiveExitTimestampMonotonic"])) / 1000,
            "cpu_ms": int(record["EKS_CPU_USEC"]) / 1000,
            "max_rss_kib": int(record["EKS_PEAK_KIB"])}


KILLER = "/usr/local/lib/kill-at-write.so"
KILL_AT = "/run/kill-at"


def let_be_killed(node: Node, unit: str):
    """Before the boot: preload what `kill_at` needs into a unit's program. Nothing else starts the unit again, unless a test
    sets further attempts of its own."""
    source = TESTS / "fault/kill_at_write.cpp"
    (node.root / KILLER.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    run("g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", node.root / KILLER.lstrip("/"), source)
    node.write(f"/etc/systemd/system/{unit}.d/kill-at.conf", f"[Service]\nEnvironmentFile=-{KILL_AT}\n")
    node.write("/etc/systemd/system/eks-retry.timer.d/00-late.conf", "[Timer]\nOnActiveSec=\nOnActiveSec=1h\n")


def kill_at(node: Node, point: int | None, program="", parent=False):
    """Let it be killed there from now on, see tests/fault/kill_at_write.cpp; or no longer."""
    if point is None:
        node.file(KILL_AT).unlink(missing_ok=True)
        return
    settings = {"LD_PRELOAD": KILLER, "KILL_AT": point, "KILL_IN": program, "KILL_PARENT": parent}
    node.file(KILL_AT).write_text("".join(f"{name}={value}\n" for name, value in settings.items() if value))


def on_each_containerd(kind):
    """Decorates a class of tests, which are run with each containerd: adds NameOn17 and so on beside it."""
    kind.CONTAINERD, *others = containerd_packages()
    for version in others:
        name = f"{kind.__name__}On{version.replace('.', '')}"
        setattr(sys.modules[kind.__module__], name,
                type(name, (kind,), {"CONTAINERD": version, "__module__": kind.__module__}))
    return kind


class BootTest(unittest.TestCase):
    CONTAINERD = "1.6"  # which containerd its nodes have, by the names of `tests/deps --list-containerd`

    def node(self, packages=()) -> Node:
        node = Node(IMAGE, SCRATCH, self.CONTAINERD, packages)
        self.enterContext(node)
        return node

    def booted(self, *arguments, **config) -> Node:
        node = self.node()
        if config:
            node.user_data(node_config(IMAGE.ca, **config))
        node.boot(*arguments)
        return node

    def mime(self, *parts):
        boundary = "==BOUNDARY=="
        text = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n\n'
        for content_type, body in parts:
            text += f"--{boundary}\nContent-Type: {content_type}\n\n{body}\n"
        return text + f"--{boundary}--\n"

    def stand_in_only(self, why):
        """Skip the rest of a test: a real kubelet, or what it needs of an image, makes it another one."""
        if IMAGE.real_kubelet:
            self.skipTest(why)

    def assertActive(self, node, *units):
        for unit in units:
            state = node.show(unit, "ActiveState", "Result")
            self.assertEqual(state["ActiveState"], "active", f"{unit}: {state}\n{node.call('eksnode', 'status').stdout}")

    def assertInOrder(self, node, left_out=()):
        """This boot followed ORDER, by the manager's record of when each unit started and was up; `left_out` did not start."""
        spans, never = {}, []
        for _, unit, _ in ORDER:
            show = node.show(unit, "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic", "NRestarts")
            self.assertEqual(show.get("NRestarts", "0"), "0", unit)

            began, up = int(show["InactiveExitTimestampMonotonic"]), int(show["ActiveEnterTimestampMonotonic"])
            if began:
                self.assertGreater(up, began, unit)
                spans[unit] = began, up
            else:
                never.append(unit)

        self.assertEqual(never, list(left_out))

        for step, unit, before in ORDER:
            for other in before:
                if unit in spans and other in spans:
                    self.assertLessEqual(spans[other][1], spans[unit][0],
                                         f"step {step}: {unit} started before {other} was through; in µs: {spans}")

    def assertCalm(self, node):
        """containerd and kubelet run since they were started, and containerd complains of nothing that we wrote."""
        for unit in "containerd.service", "kubelet.service":
            self.assertEqual(node.show(unit, "NRestarts"), {"NRestarts": "0"}, unit)
        reported = [r["MESSAGE"] for r in node.journal("--unit", "containerd.service")]
        bad = re.compile(r"level=warn.*(deprecat|[Ff]alling back|[Ii]gnoring unknown|migrated from)|^panic|^goroutine ")
        self.assertEqual([text for text in reported if bad.search(text)], [])

    def main_processes(self, node, *units) -> dict:
        return {unit: node.show(unit, "MainPID")["MainPID"] for unit in units}

    def start_again(self, node, step):
        """A step as in its first start, while what requires it runs on."""
        node.output("systemctl", "stop", step, "--job-mode=ignore-dependencies")
        node.systemctl("start", step)

    def assertKubeletDown(self, node):
        self.assertNotEqual(node.show("kubelet.service", "ActiveState")["ActiveState"], "active")
        self.assertNotEqual(node.show("eks-node.target", "ActiveState")["ActiveState"], "active")
        self.assertFalse(node.kubelet_runs(), "kubelet was started")

    def failure(self, node, unit) -> dict:
        """The one error record of a failed step."""
        state = node.show(unit, "ActiveState", "Result", "ExecMainStatus")
        self.assertEqual((state["ActiveState"], state["Result"]), ("failed", "exit-code"))
        records = [r for r in node.journal("--unit", unit) if r.get("EKS_RESULT") == "failed"]
        self.assertEqual(len(records), 1, f"{unit} must say its failure once: {records}")
        self.assertEqual(records[0]["EKS_EXIT_STATUS"], state["ExecMainStatus"])
        return records[0]

    def starts(self, node, unit) -> int:
        return len(node.journal(f"MESSAGE_ID={UNIT_STARTING}", f"UNIT={unit}"))


class ImageTest(BootTest):
    """A real registry under the name of the region's, a login from a fake ECR, and real containerd."""

    HOST = "602401143452.dkr.ecr.us-west-2.amazonaws.com"
    PAUSE = f"{HOST}/eks/pause:3.10"
    UNIT = "eks-sandbox-image.service"

    # As EKS answers, for both add-ons at once: each is found by its name.
    ADDONS = {"addons": [{"addonName": name, "type": "networking", "addonVersions": [
        {"addonVersion": version, "architecture": ["amd64", "arm64"],
         "compatibilities": [{"clusterVersion": "1.34", "platformVersions": ["*"], "defaultVersion": default}]}
        for version, default in versions]}
        for name, versions in {"kube-proxy": [("v1.34.1-eksbuild.2", False), ("v1.34.0-eksbuild.4", True)],
                               "vpc-cni": [("v1.21.1-eksbuild.3", False), ("v1.20.4-eksbuild.1", True)]}.items()]}
    CACHED = ["eks/pause:3.10", "eks/kube-proxy:v1.34.0-eksbuild.4", "eks/kube-proxy:v1.34.1-eksbuild.2",
              "eks/kube-proxy:v1.34.0-minimal-eksbuild.4", "eks/kube-proxy:v1.34.1-minimal-eksbuild.2",
              "amazon-k8s-cni:v1.20.4-eksbuild.1", "amazon-k8s-cni-init:v1.20.4-eksbuild.1",
              "amazon-k8s-cni:v1.21.1-eksbuild.3", "amazon-k8s-cni-init:v1.21.1-eksbuild.2"]  # its build 3 is not there

    def ecr_node(self, *images, password="pa55phrase", timeout=None, registry=True,
                 prepare=lambda node: None) -> Node:
        node = self.node()
        prepare(node)
        (node.root / "etc/eks/pause.tar").unlink()

        if registry:
            node.registry("127.0.0.1:443", *(images or ["eks/pause:3.10"]), host=self.HOST, login="AWS:pa55phrase")
        else:
            node.write("etc/hosts", f"127.0.0.1 localhost {self.HOST}\n")

        login = base64.b64encode(f"AWS:{password}".encode()).decode()
        answer = {"authorizationData": [{"authorizationToken": login, "expiresAt": 1.7e9}]}
        node.write("srv/aws/faults.json", json.dumps([{"path": "/", "method": "POST", "body": json.dumps(answer)}]))
        node.write(f"etc/systemd/system/{self.UNIT}.d/test.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_ECR=http://169.254.169.254\n"
                   + (f"Environment=EKS_IMAGE_PULL_TIMEOUT={timeout}\n" if timeout else ""))
        node.boot()

        return node

    def images(self, node) -> dict:
        rows = [line.split("\t") for line in node.output("eksnode", "images", "list").splitlines()[1:]]
        return {name: pinned for name, _, pinned in rows}
