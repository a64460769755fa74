#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boot tests: the whole chain on real systemd, in a container, with a fake AWS inside.

usage: boot_test.py --stage DIR [--cache DIR] [unittest arguments]"""

import argparse
import base64
import calendar
import gzip
import hashlib
import hmac
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
from node import Image, Node, node_config, pause_archive  # noqa: E402

STEPS = ["eks-imds", "eks-config", "eks-ca", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config",
         "eks-kubelet-args", "eks-containerd-config"]
RENDERED = ["/etc/kubernetes/kubelet/config.json", "/etc/kubernetes/pki/ca.crt", "/var/lib/kubelet/kubeconfig",
            "/etc/eks/image-credential-provider/config.json", "/etc/eks/kubelet/environment",
            "/etc/containerd/config.toml", "/etc/containerd/base-runtime-spec.json"]
UNIT_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"  # systemd's message id

IMAGE = None
SCRATCH = None


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
    signature = query.pop("X-Amz-Signature")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    request = "\n".join(["GET", "/", "&".join(map("=".join, pairs)), f"host:{url.netloc}\nx-k8s-aws-id:{cluster}\n",
                         "host;x-k8s-aws-id", hashlib.sha256(b"").hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], "/".join(scope),
                      hashlib.sha256(request.encode()).hexdigest()])
    proof = f"AWS4{secret}".encode()
    for part in scope:
        proof = hmac.digest(proof, part.encode(), "sha256")
    assert hmac.new(proof, text.encode(), "sha256").hexdigest() == signature, "the signature does not match"
    signed = time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    return key, calendar.timegm(signed)


class BootTest(unittest.TestCase):
    def node(self) -> Node:
        node = Node(IMAGE, SCRATCH)
        self.enterContext(node)
        return node

    def booted(self, *arguments, **config) -> Node:
        node = self.node()
        if config:
            node.user_data(node_config(IMAGE.ca, **config))
        node.boot(*arguments)
        return node

    def assertActive(self, node, *units):
        for unit in units:
            state = node.show(unit, "ActiveState", "Result")
            self.assertEqual(state["ActiveState"], "active", f"{unit}: {state}\n{node.call('eksnode', 'status').stdout}")

    def assertKubeletDown(self, node):
        self.assertNotEqual(node.show("kubelet.service", "ActiveState")["ActiveState"], "active")
        self.assertNotEqual(node.show("eks-node.target", "ActiveState")["ActiveState"], "active")
        self.assertFalse(node.file("/run/stand-in-kubelet.json").exists(), "kubelet was started")

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


class ColdBoot(BootTest):
    """One boot of the ordinary node, looked at from many sides."""

    @classmethod
    def setUpClass(cls):
        cls.context = Node(IMAGE, SCRATCH)
        cls.n = cls.context.__enter__()
        cls.addClassCleanup(cls.context.__exit__)
        cls.n.boot()

    def test_reaches_the_node_target_with_no_failed_unit(self):
        self.assertActive(self.n, "eks-node.target", "eks-configured.target", "kubelet.service", "containerd.service",
                          "eks-sandbox-image.service", *(f"{s}.service" for s in STEPS))
        self.assertEqual(self.n.output("systemctl", "--failed", "--no-legend"), "")
        self.assertEqual(self.n.output("systemctl", "is-system-running").strip(), "running")

    def test_the_dependency_tree_shows_every_step(self):
        tree = self.n.output("systemctl", "list-dependencies", "--all", "--plain", "eks-node.target")
        for unit in [*STEPS, "eks-sandbox-image"]:
            self.assertIn(f"{unit}.service", tree)

    def test_has_no_ordering_cycle_no_reload_and_no_second_start(self):
        manager = " ".join(r.get("MESSAGE", "") for r in self.n.journal("_PID=1"))
        self.assertNotIn("ordering cycle", manager)
        self.assertNotIn("Reloading", manager)
        for unit in ("containerd.service", "kubelet.service", *(f"{s}.service" for s in STEPS)):
            self.assertEqual(self.starts(self.n, unit), 1, unit)

    def test_independent_steps_overlap_in_time(self):
        spans = {}
        for step in ("eks-ca", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config", "eks-kubelet-args",
                     "eks-containerd-config"):
            show = self.n.show(f"{step}.service", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
            spans[step] = tuple(map(int, show.values()))
        overlapping = {a for a in spans for b in spans
                       if a != b and min(spans[a][1], spans[b][1]) > max(spans[a][0], spans[b][0])}
        self.assertEqual(overlapping, set(spans), f"started and finished, in µs: {spans}")
        # containerd does not wait for kubelet's files.
        self.assertNotIn("eks-kubelet-config", self.n.show("containerd.service", "After")["After"])

    def test_kubelet_got_what_the_reference_input_asks_for(self):
        kubelet = self.n.kubelet()
        config = kubelet["config"]
        self.assertEqual(config["maxPods"], 58)
        self.assertEqual(config["kubeReserved"]["memory"], "893Mi")
        self.assertEqual(config["clusterDNS"], ["10.100.0.10"])
        self.assertEqual(config["providerID"], "aws:///us-west-2f/i-1234567890abcdef0")
        self.assertEqual(kubelet["kubeconfig"]["cluster"]["server"], "https://example.com")
        self.assertEqual(kubelet["flags"]["node-ip"], "172.16.34.43")
        self.assertEqual(kubelet["flags"]["pod-infra-container-image"], "localhost/kubernetes/pause:latest")
        self.assertEqual(kubelet["node"], "ip-172-16-34-43.us-west-2.compute.internal")
        self.assertTrue((self.n.file("/etc/kubernetes/kubelet/kubelet-config.json")).is_symlink())
        self.assertFalse(self.n.file("/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf").exists())

    def test_containerd_runs_on_the_rendered_configuration(self):
        dump = self.n.output("containerd", "config", "dump")
        for wanted in ('sandbox_image = "localhost/kubernetes/pause:latest"', "SystemdCgroup = true",
                       'base_runtime_spec = "/etc/containerd/base-runtime-spec.json"', "discard_unpacked_layers = true",
                       'config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"'):
            self.assertIn(wanted, dump)
        # What containerd's own unit file recommends, whichever the distribution's is.
        wanted = {"Slice": "runtime.slice", "Type": "notify", "Delegate": "yes", "KillMode": "process",
                  "Restart": "always", "LimitNPROC": "infinity", "LimitCORE": "infinity", "LimitNOFILE": "1048576",
                  "TasksMax": "infinity", "OOMScoreAdjust": "-999"}
        self.assertEqual(self.n.show("containerd.service", *wanted), wanted)
        image = self.n.output("ctr", "-n", "k8s.io", "images", "list")
        self.assertIn("localhost/kubernetes/pause:latest", image)
        self.assertIn("io.cri-containerd.pinned=pinned", image)

    def test_metadata_is_fetched_with_one_token_over_few_connections(self):
        requests = [json.loads(line) for line in self.n.file("/run/fake-aws.log").read_text().splitlines()]
        self.assertEqual(sum(r["method"] == "PUT" for r in requests), 1)
        self.assertTrue(all(r["token"] for r in requests if r["method"] == "GET"))
        self.assertLessEqual(len({r["connection"] for r in requests}), 5)
        self.assertGreater(len(requests), 15)

    def test_facts_are_readable_and_secrets_are_not(self):
        self.assertEqual(self.n.file("/run/eks/imds.json").stat().st_mode & 0o777, 0o644)
        for path in ("/run/eks/user-data", "/run/eks/node.json"):
            self.assertEqual(self.n.file(path).stat().st_mode & 0o777, 0o600, path)
        text = self.n.output("journalctl", "--boot", "--output=export", "--no-pager", "--all")
        self.assertNotIn(IMAGE.ca[:60], text, "the user data's content is in the journal")
        self.assertNotIn("metadata-token", text)

    def test_every_step_is_confined(self):
        for step in STEPS:
            debug = [r["MESSAGE"] for r in self.n.journal("--unit", step) if "Landlock" in r.get("MESSAGE", "")]
            self.assertEqual(debug, [])

    def test_status_shows_the_chain(self):
        result = self.n.call("eksnode", "status")
        self.assertEqual(result.returncode, 0)
        for unit in [*STEPS, "kubelet", "containerd", "eks-sandbox-image"]:
            self.assertRegex(result.stdout, rf"● {unit}\.service +\d+ ms  (done|running)")

    def test_systemctl_status_alone_says_what_a_step_did(self):
        text = self.n.output("systemctl", "status", "eks-kubelet-config")
        self.assertRegex(text, r"Status: \"wrote /etc/kubernetes/kubelet/config.json")
        self.assertIn("man:eks-kubelet-config.service(8)", text)

    def test_plan_on_the_node_names_the_files_that_are_there(self):
        rows = [line.split("\t") for line in self.n.output("eksnode", "plan").splitlines()[1:]]
        planned = {row[0]: row for row in rows}
        for path in RENDERED:
            digest = self.n.output("sha256sum", path).split()[0]
            self.assertEqual(planned[path][3], digest, path)
            self.assertEqual(planned[path][1], "0644")


class Generator(BootTest):
    def test_a_machine_that_is_no_node_starts_nothing(self):
        for arguments in (("eks.node=0",), ("quiet",)):  # the second: a container is none by itself
            node = self.booted(*arguments)
            self.assertEqual(node.show("eks-node.target", "ActiveState")["ActiveState"], "inactive")
            for step in STEPS:
                self.assertEqual(self.starts(node, f"{step}.service"), 0)
            # containerd alone is usable there, and brings no chain along.
            node.output("systemctl", "start", "containerd")
            self.assertEqual(node.show("eks-imds.service", "ActiveState")["ActiveState"], "inactive")

    def test_the_debug_option_makes_every_step_say_its_decisions(self):
        node = self.booted("eks.node=1", "eks.debug")
        self.assertActive(node, "eks-node.target")
        self.assertTrue([r for r in node.journal("--unit", "eks-ca") if r["PRIORITY"] == "7"])

    def test_a_file_decides_when_the_command_line_is_silent(self):
        node = self.node()
        node.write("/etc/eks/node.enabled", "")
        node.boot("quiet")
        self.assertActive(node, "eks-node.target")


class Rerun(BootTest):
    def stamps(self, node):
        return {path: os.stat(node.file(path)).st_mtime_ns for path in RENDERED}

    def test_a_reboot_changes_no_file(self):
        node = self.booted()
        before, contents = self.stamps(node), {p: node.file(p).read_bytes() for p in RENDERED}
        node.reboot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(self.stamps(node), before)
        self.assertEqual({p: node.file(p).read_bytes() for p in RENDERED}, contents)
        for step in STEPS[2:]:
            record = [r for r in node.journal("--unit", step) if "EKS_RESULT" in r][-1]
            self.assertEqual(record["EKS_RESULT"], "unchanged", step)

    def test_restarting_a_step_restarts_what_requires_it_and_nothing_else(self):
        node = self.booted()
        pids = lambda: {u: node.show(u, "MainPID")["MainPID"] for u in ("containerd.service", "kubelet.service")}
        first = pids()
        # A changed instance shows that the step renders again.
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        node.systemctl("restart", "eks-kubelet-config")
        second = pids()
        self.assertEqual(second["containerd.service"], first["containerd.service"])
        self.assertNotEqual(second["kubelet.service"], first["kubelet.service"])
        self.assertEqual(self.starts(node, "eks-kubelet-config.service"), 2)
        self.assertEqual(self.starts(node, "eks-ca.service"), 1)

        node.systemctl("restart", "eks-containerd-config")
        third = pids()
        self.assertNotEqual(third["containerd.service"], second["containerd.service"])
        self.assertNotEqual(third["kubelet.service"], second["kubelet.service"])
        self.assertEqual(self.starts(node, "eks-kubelet-config.service"), 2)
        self.assertActive(node, "eks-node.target", "kubelet.service")

        profile["meta-data"]["local-ipv4"] = "172.16.34.99"
        node.file("/srv/aws/profile.json").write_text(json.dumps(profile))
        node.systemctl("restart", "fake-aws")
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: node.kubelet()["flags"]["node-ip"] == "172.16.34.99", "kubelet on the new address")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_an_edited_file_survives_and_is_kept_beside_when_ours_changes(self):
        node = self.booted()
        path = "/etc/kubernetes/kubelet/config.json"
        edited = node.file(path).read_text().replace('"maxPods": 58', '"maxPods": 40')
        node.file(path).write_text(edited)
        node.systemctl("restart", "eks-kubelet-config")
        self.assertEqual(node.file(path).read_text(), edited)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 40)
        self.assertTrue([r for r in node.journal("--unit", "eks-kubelet-config") if r.get("EKS_PATH") == path])

        node.reboot()
        self.assertEqual(node.file(path).read_text(), edited)

        node.file("/srv/aws/user-data").write_text(node_config(IMAGE.ca).replace("10.100.0.0/16", "10.200.0.0/16"))
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: node.kubelet()["config"]["clusterDNS"] == ["10.200.0.10"], "kubelet on the new range")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)
        self.assertEqual(node.file(path + ".user-edited").read_text(), edited)
        warning = [r for r in node.journal("--unit", "eks-kubelet-config") if r["PRIORITY"] == "4"]
        self.assertIn(path + ".user-edited", warning[0]["MESSAGE"])

    def test_settings_that_go_away_take_their_file_along(self):
        node = self.booted(extra="  kubelet:\n    config:\n      podsPerCore: 20\n")
        drop_in = "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf"
        self.assertEqual(json.loads(node.file(drop_in).read_text())["podsPerCore"], 20)
        self.assertEqual(node.kubelet()["config"]["podsPerCore"], 20)
        node.file("/srv/aws/user-data").write_text(node_config(IMAGE.ca))
        node.systemctl("restart", "eks-imds")
        node.wait_for(lambda: "podsPerCore" not in node.kubelet()["config"], "kubelet without the setting")
        self.assertFalse(node.file(drop_in).exists())


class Arguments(BootTest):
    def test_every_argument_reaches_kubelet_as_it_is(self):
        """Blanks, quotes, backslashes, dollar and percent signs, through the environment file and the unit."""
        values = ["--node-labels=a=b", "--root-dir=/var/lib/kubelet", "--v=2"]
        odd = r"""--cert-dir=/var/lib/x y/"q"/it's/100%n/$HOME/${HOME}/back\slash\\two/#;/=end"""
        flags = "".join(f"    - {json.dumps(value)}\n" for value in [values[0], odd, *values[1:]])
        node = self.booted(extra=f"  kubelet:\n    flags:\n{flags}")
        self.assertActive(node, "eks-node.target")
        given = self.command_line(node)
        self.assertEqual(given[-4:], [values[0], odd, *values[1:]])
        ours = given[1:-4]
        self.assertEqual(ours, sorted(ours))
        self.assertIn("--node-ip=172.16.34.43", ours)

    def command_line(self, node):
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        words = node.file(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        return words[next(i for i, word in enumerate(words) if word.endswith("/kubelet")):]

    def test_drop_ins_of_al2_and_of_nodeadm_go_on_working(self):
        for flags, text, last in (
                ([], "Environment='KUBELET_EXTRA_ARGS=--node-labels=from=drop-in --v=4'", ["--node-labels=from=drop-in", "--v=4"]),
                (["--v=3"], "Environment=KUBELET_EXTRA_ARGS=--v=4", ["--v=3"]),
                (["--v=3"], "ExecStart=\nExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS --v=4", ["--v=3", "--v=4"])):
            with self.subTest(text):
                node = self.node()
                node.user_data(node_config(IMAGE.ca, extra=f"  kubelet: {{flags: {json.dumps(flags)}}}\n"))
                node.write("/etc/systemd/system/kubelet.service.d/30-kubelet-extra-args.conf", f"[Service]\n{text}\n")
                node.boot()
                self.assertActive(node, "eks-node.target")
                given = self.command_line(node)
                self.assertEqual(given[-len(last):], last)
                self.assertTrue(given[-len(last) - 1].startswith("--runtime-cgroups="), given)

    def test_an_al2_call_brings_its_extra_arguments(self):
        node = self.node()
        node.user_data(f"#!/bin/bash\n/etc/eks/bootstrap.sh my-cluster --apiserver-endpoint https://example.com "
                       f"--b64-cluster-ca {IMAGE.ca} --dns-cluster-ip 10.100.0.10 "
                       "--kubelet-extra-args '--node-labels=a=b,c=d --v=3'\n")
        node.boot()
        self.assertActive(node, "kubelet.service")
        self.assertEqual(self.command_line(node)[-2:], ["--node-labels=a=b,c=d", "--v=3"])

    def test_labels_and_taints_come_from_facts_and_the_machine(self):
        node = self.node()
        profile = json.loads((node.root / "srv/aws/profile.json").read_text())
        profile["meta-data"]["tags/instance/team"] = "blue"
        (node.root / "srv/aws/profile.json").write_text(json.dumps(profile))
        node.write("/etc/eks/node.toml", "[node]\nhardwareLabels = true\ngpuLabels = true\n"
                   "taints = ['team=${tag.team}:NoSchedule']\nlabels = {team = '${tag.team}', "
                   "zone = '${imds.availabilityZoneId:-none}'}\n")
        node.boot()
        self.assertActive(node, "eks-node.target")
        kubelet = node.kubelet()
        labels = dict(pair.split("=", 1) for word in self.command_line(node) if word.startswith("--node-labels=")
                      for pair in word.removeprefix("--node-labels=").split(","))
        self.assertEqual(labels["team"], "blue")
        feature = "feature.node.kubernetes.io/"
        self.assertEqual(labels[f"{feature}kernel-version.full"].split("-")[0], os.uname().release.split("-")[0])
        self.assertEqual(labels[f"{feature}system-os_release.ID"], "debian")
        self.assertTrue([key for key in labels if key.startswith(f"{feature}cpu-cpuid.")])
        self.assertEqual(kubelet["config"]["registerWithTaints"],
                         [{"key": "team", "value": "blue", "effect": "NoSchedule"}])
        # A label that the facts make wrong keeps kubelet down.
        profile["meta-data"]["tags/instance/team"] = "not a label"
        node.file("/srv/aws/profile.json").write_text(json.dumps(profile))
        node.systemctl("restart", "fake-aws")
        node.systemctl("restart", "eks-imds")
        record = [r for r in node.journal("--unit", "eks-config") if r.get("EKS_RESULT") == "failed"][-1]
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("config-invalid", "78"))
        self.assertIn("/etc/eks/node.toml, line 5", record["MESSAGE"])


class Outpost(BootTest):
    HOST = "abc.gr7.us-west-2.eks.amazonaws.com"
    UNIT = "[Service]\nType=exec\nExecStart=/usr/bin/python3 /usr/local/lib/fake-dns /srv/names\n"

    def outpost(self):
        node = self.node()
        shutil.copy(Path(__file__).with_name("fake-dns"), node.root / "usr/local/lib/fake-dns")
        node.write("/etc/systemd/system/fake-dns.service", self.UNIT + "[Unit]\nBefore=network.target\n")
        node.link("/etc/systemd/system/multi-user.target.wants/fake-dns.service", "../fake-dns.service")
        (node.root / "etc/resolv.conf").unlink(missing_ok=True)
        node.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        node.write("/etc/hosts", "127.0.0.1 localhost # ours\n")
        node.write("/srv/names", f"10.1.1.2 {self.HOST}\n10.1.1.1 {self.HOST}\n")
        node.user_data(node_config(IMAGE.ca, cluster="    enableOutpost: true\n    id: local-id\n").replace(
            "https://example.com", f"https://{self.HOST}:6443"))
        return node

    def test_the_api_server_stays_known_without_dns(self):
        node = self.outpost()
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        hosts = node.file("/etc/hosts").read_text()
        lines = hosts.splitlines()
        self.assertEqual(lines[0], "127.0.0.1 localhost # ours")
        self.assertEqual(lines[2:4], [f"10.1.1.1\t{self.HOST}", f"10.1.1.2\t{self.HOST}"])
        self.assertEqual(len(lines), 5)
        kubelet = node.kubelet()
        self.assertEqual(kubelet["flags"]["bootstrap-kubeconfig"], "/var/lib/kubelet/bootstrap-kubeconfig")
        self.assertFalse(node.file("/var/lib/kubelet/kubeconfig").exists())
        self.assertIn('"local-id"', node.file("/var/lib/kubelet/bootstrap-kubeconfig").read_text())

        before = os.stat(node.file("/etc/hosts")).st_mtime_ns
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        node.systemctl("reload", "eks-hosts")
        self.assertEqual((node.file("/etc/hosts").read_text(), os.stat(node.file("/etc/hosts")).st_mtime_ns), (hosts, before))
        node.file("/srv/names").write_text(f"10.1.1.9 {self.HOST}\n")
        node.systemctl("reload", "eks-hosts")
        renewed = "\n".join([*lines[:2], f"10.1.1.9\t{self.HOST}", lines[4], ""])
        self.assertEqual(node.file("/etc/hosts").read_text(), renewed)
        self.assertEqual(node.show("kubelet.service", "MainPID")["MainPID"], pid)

        # Cut off: no server answers from the next boot on.
        node.file("/etc/systemd/system/multi-user.target.wants/fake-dns.service").unlink()
        node.reboot()
        self.assertActive(node, "eks-node.target", "eks-hosts.service")
        self.assertEqual(node.file("/etc/hosts").read_text(), renewed)
        warnings = [r["MESSAGE"] for r in node.journal("--unit", "eks-hosts") if r["PRIORITY"] == "4"]
        self.assertEqual(len(warnings), 1)
        self.assertTrue(warnings[0].endswith(", proceeding"))

    def test_a_host_that_nobody_knows_keeps_kubelet_down(self):
        node = self.outpost()
        node.write("/srv/names", "")
        node.boot()
        record = self.failure(node, "eks-hosts.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("host-unresolved", "69"))
        self.assertIn("there is no such name", record["MESSAGE"])
        self.assertKubeletDown(node)
        self.assertEqual(node.file("/etc/hosts").read_text(), "127.0.0.1 localhost # ours\n")

    def test_other_clusters_do_without(self):
        node = self.booted()
        self.assertEqual(node.show("eks-hosts.service", "ConditionResult")["ConditionResult"], "no")
        self.assertActive(node, "eks-node.target")


class Overrides(BootTest):
    def edit(self, node, unit, text):
        """`systemctl edit`, which insists on a terminal, with an editor that writes the given text."""
        node.file("/root/text").write_text(text)
        node.file("/root/editor").write_text('#!/bin/sh\ncat /root/text > "$1"\n')
        node.file("/root/editor").chmod(0o755)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["nsenter", f"--target={node.leader()}", "--all", "--root", "--wd=/", "/usr/bin/env",
             "SYSTEMD_EDITOR=/root/editor", "systemctl", "edit", unit], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        output = b""
        while process.poll() is None:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    output += os.read(ours, 4096)
                except OSError:  # the last writer has closed the terminal
                    break
        process.wait(20)
        os.close(ours)
        self.assertEqual(process.returncode, 0, output)

    def test_a_drop_in_by_systemctl_edit_takes_effect(self):
        node = self.booted()
        self.edit(node, "eks-ca.service", "[Service]\nEnvironment=EKS_LOG_LEVEL=debug\n")
        node.systemctl("restart", "eks-ca")
        self.assertTrue([r for r in node.journal("--unit", "eks-ca") if r["PRIORITY"] == "7"])

        script = 'cp /etc/eks/own-kubeconfig /var/lib/kubelet/kubeconfig'
        own = node.file("/var/lib/kubelet/kubeconfig").read_text().replace("https://example.com", "https://own.example")
        node.file("/etc/eks/own-kubeconfig").write_text(own)
        self.edit(node, "eks-kubeconfig.service", f"[Service]\nExecStart=\nExecStart=/bin/sh -c '{script}'\n")
        node.systemctl("restart", "eks-kubeconfig")
        node.wait_for(lambda: node.kubelet()["kubeconfig"]["cluster"]["server"] == "https://own.example", "kubelet")

        node.reboot()  # and the chain is whole with a program of the admin's in it
        self.assertActive(node, "eks-node.target", "eks-configured.target")
        self.assertEqual(node.kubelet()["kubeconfig"]["cluster"]["server"], "https://own.example")

    def test_a_masked_optional_step_is_left_out(self):
        node = self.node()
        node.link("/etc/systemd/system/eks-sandbox-image.service", "/dev/null")
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")
        self.assertEqual(node.show("eks-sandbox-image.service", "ActiveState")["ActiveState"], "inactive")
        self.assertNotIn("pause", node.output("ctr", "-n", "k8s.io", "images", "list"))

    def test_a_masked_required_step_keeps_kubelet_down_with_a_clear_state(self):
        for masked in ("eks-kubelet-config", "eks-ca", "eks-config"):
            with self.subTest(masked):
                node = self.node()
                node.link(f"/etc/systemd/system/{masked}.service", "/dev/null")
                node.boot()
                self.assertKubeletDown(node)
                text = node.call("systemctl", "status", "eks-configured.target").stdout
                self.assertIn(f"AssertPathExists=/run/eks/done/{masked} was not met", text)
                status = node.call("eksnode", "status")
                self.assertEqual(status.returncode, 1)
                self.assertRegex(status.stdout, rf"{masked}\.service +masked")
                if masked != "eks-config":
                    rest = [s for s in STEPS if s != masked]
                    self.assertActive(node, *(f"{s}.service" for s in rest))

    def test_a_step_that_is_not_needed_is_skipped_by_its_condition(self):
        node = self.node()
        node.user_data(node_config(IMAGE.ca, "  containerd:\n    config: |\n      [plugins.\"io.containerd.grpc.v1.cri\"]\n"
                                             "      sandbox_image = \"registry.k8s.io/pause:3.10\"\n"))
        archive = node.root / "etc/eks/pause.tar"
        archive.rename(archive.with_suffix(".away"))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")
        show = node.show("eks-sandbox-image.service", "ConditionResult", "ActiveState")
        self.assertEqual(show, {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertIn('sandbox_image = "registry.k8s.io/pause:3.10"', node.output("containerd", "config", "dump"))
        self.assertRegex(node.call("eksnode", "status").stdout, r"eks-sandbox-image\.service +skipped")
        # An archive might hold the image. This one does not, and nothing is pulled that containerd can pull.
        archive.with_suffix(".away").rename(archive)
        node.reboot()
        self.assertActive(node, "eks-node.target", "eks-sandbox-image.service")
        self.assertIn("containerd pulls that when it is needed",
                      node.show("eks-sandbox-image.service", "StatusText")["StatusText"])

    def test_arguments_reach_kubelet_as_they_were_written(self):
        flags = ["--node-labels=team=a,zone=b", r'--root-dir=/var/lib/a b\c"d' + "'e$HOME%n", "--v=4 --vmodule=a=1"]
        node = self.booted(extra="  kubelet:\n    flags: " + json.dumps(flags) + "\n")
        self.assertActive(node, "kubelet.service")
        pid = node.show("kubelet.service", "MainPID")["MainPID"]
        arguments = node.output("cat", f"/proc/{pid}/cmdline").split("\0")[:-1]
        self.assertEqual(arguments[-4:], [flags[0], flags[1], "--v=4", "--vmodule=a=1"])

    def test_an_admin_layer_and_user_data_are_merged(self):
        node = self.node()
        node.write("/etc/eks/node.toml", '[kubelet]\nflags = ["--v=3"]\n[kubelet.config]\npodsPerCore = 7\n'
                                         'maxPods = 30\n[featureGates]\nInstanceIdNodeName = true\n')
        node.user_data(node_config(IMAGE.ca, extra="  kubelet:\n    flags: [--v=5]\n    config: {maxPods: 31}\n"))
        node.boot()
        kubelet = node.kubelet()
        self.assertEqual((kubelet["config"]["podsPerCore"], kubelet["config"]["maxPods"]), (7, 31))
        self.assertEqual(kubelet["flags"]["v"], 5)
        self.assertEqual(kubelet["node"], "i-1234567890abcdef0")


class Layers(BootTest):
    def mime(self, *parts):
        boundary = "==BOUNDARY=="
        text = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n\n'
        for content_type, body in parts:
            text += f"--{boundary}\nContent-Type: {content_type}\n\n{body}\n"
        return text + f"--{boundary}--\n"

    def test_every_layer_is_merged_in_its_order(self):
        node = self.node()
        setting = "[kubelet.config]\npodsPerCore = {}\n"
        for number, path in enumerate(("/usr/lib/eks/node.d/10-vendor.toml", "/etc/eks/node.toml",
                                       "/etc/eks/node.d/20-admin.toml"), 1):
            node.write(path, setting.format(number))
        node.write("/usr/lib/eks/node.d/30-masked.toml", setting.format(30))
        node.write("/etc/eks/node.d/30-masked.toml", "")
        node.write("/etc/eks/nodeadm.d/drop-in.yaml", "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n"
                                                      "  kubelet: {config: {registryPullQPS: 7}}\n")
        node.user_data(base64.b64encode(gzip.compress(self.mime(
            ("text/x-shellscript", "#!/bin/sh\ntrue"),
            ("application/node.eks.aws", node_config(IMAGE.ca)),
            ("application/vnd.eksnode+toml", "[kubelet.config]\neventRecordQPS = 9\n")).encode())).decode())
        node.boot("eks.node=1", "eks.kubelet.config.registryBurst=11")
        config = node.kubelet()["config"]
        self.assertEqual((config["podsPerCore"], config["registryPullQPS"], config["eventRecordQPS"],
                          config["registryBurst"]), (3, 7, 9, 11))
        text = node.output("eksnode", "explain", "kubelet.config.podsPerCore")
        self.assertEqual(text, "kubelet.config.podsPerCore = 3\n  from /etc/eks/node.d/20-admin.toml, line 2, column 1\n"
                               "  instead of 2 from /etc/eks/node.toml, line 2, column 1\n"
                               "  instead of 1 from /usr/lib/eks/node.d/10-vendor.toml, line 2, column 1\n")
        self.assertIn("maxPods = 58", node.output("eksnode", "explain", "kubelet.config.maxPods"))
        for form, wanted in (("toml", "podsPerCore = 3"), ("json", '"podsPerCore": 3'), ("nodeconfig", "podsPerCore: 3")):
            self.assertIn(wanted, node.output("eksnode", "config", "--format", form))

    def test_replace_mode_leaves_kubelet_the_user_s_configuration_only(self):
        node = self.node()
        config = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "maxPods": 12,
                  "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock", "clusterDNS": ["10.0.0.10"]}
        node.write("/etc/eks/kubelet.json", json.dumps(config))
        node.write("/etc/eks/node.toml", '[kubelet]\nconfigMode = "replace"\nconfigFile = "/etc/eks/kubelet.json"\n')
        node.boot()
        self.assertActive(node, "kubelet.service")
        self.assertEqual(node.kubelet()["config"], config)
        warning = [r["MESSAGE"] for r in node.journal("--unit", "eks-kubelet-config") if r["PRIORITY"] == "4"]
        self.assertIn("without address, authentication", warning[0])

    def test_an_al2_bootstrap_call_becomes_a_node(self):
        node = self.node()
        node.user_data("#!/bin/bash\nset -ex\nB64_CA=" + IMAGE.ca + "\n/etc/eks/bootstrap.sh my-cluster \\\n"
                       "  --b64-cluster-ca $B64_CA --apiserver-endpoint https://example.com \\\n"
                       "  --dns-cluster-ip 172.20.0.10 --kubelet-extra-args '--node-labels=team=a --v=4'\n")
        node.boot()
        self.assertActive(node, "kubelet.service")
        kubelet = node.kubelet()
        self.assertEqual(kubelet["config"]["clusterDNS"], ["172.20.0.10"])
        self.assertEqual(kubelet["labels"], {"team": "a"})


class Profiles(BootTest):
    """In a container most of /proc/sys is read-only, but not what belongs to its network namespace."""

    TOML = ('profile = "/etc/eks/web.toml"\n[sysctl]\nnet.ipv4.ip_local_port_range = "1100 65000"\n')
    PROFILE = ('description = "web"\n[kubelet.config]\npodPidsLimit = 2048\n[sysctl]\nnet.core.somaxconn = 1234\n'
               'net.ipv4.tcp_fin_timeout = 31\nnet.ipv4.conf.eth9.rp_filter = 2\nkernel.pid_max = 4194303\n')

    def node_with_profile(self):
        node = self.node()
        node.write("/etc/eks/node.toml", self.TOML)
        node.write("/etc/eks/web.toml", self.PROFILE)
        node.write("/etc/sysctl.d/50-admin.conf", "net.ipv4.tcp_fin_timeout = 44\n")
        node.boot()
        return node

    def test_kernel_parameters_and_settings_of_kubelet_are_in_force(self):
        node = self.node_with_profile()
        self.assertActive(node, "eks-node.target", "kubelet.service", "eks-sysctl.service")
        self.assertEqual(node.kubelet()["config"]["podPidsLimit"], 2048)
        self.assertEqual(node.output("cat", "/proc/sys/net/core/somaxconn").strip(), "1234")
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/ip_local_port_range").split(), ["1100", "65000"])
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/tcp_fin_timeout").strip(), "44")
        said = [r["MESSAGE"] for r in node.journal("--unit", "eks-sysctl")]
        for text in ("net/ipv4/conf/eth9/rp_filter: this kernel has no such parameter", "kernel/pid_max: read-only here",
                     "net/ipv4/tcp_fin_timeout stays as /etc/sysctl.d/50-admin.conf, line 1",
                     "net/core/somaxconn = 1234 (was "):
            self.assertTrue([s for s in said if text in s], f"{text}: {said}")
        self.assertEqual(node.output("eksnode", "explain", "sysctl.net.core.somaxconn"),
                         "sysctl.net.core.somaxconn = 1234\n  from /etc/eks/web.toml, line 5, column 10\n")
        self.assertIn("low-latency: services", node.output("eksnode", "explain", "profile"))

        node.systemctl("restart", "eks-sysctl")
        record = [r for r in node.journal("--unit", "eks-sysctl") if "EKS_RESULT" in r][-1]
        self.assertEqual(record["EKS_RESULT"], "unchanged")
        self.assertEqual(self.starts(node, "kubelet.service"), 1, "nothing requires the step")

    def test_a_refused_value_fails_the_step_and_not_the_node(self):
        node = self.node()
        node.write("/etc/eks/node.toml", "[sysctl]\nnet.core.somaxconn = -5\nnet.ipv4.tcp_fin_timeout = 33\n")
        node.boot()
        record = self.failure(node, "eks-sysctl.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("sysctl-refused", "78"))
        self.assertIn('/etc/eks/node.toml, line 2, column 10: sysctl.net.core.somaxconn = "-5"', record["MESSAGE"])
        self.assertEqual(node.output("cat", "/proc/sys/net/ipv4/tcp_fin_timeout").strip(), "33")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_without_parameters_or_masked_the_step_is_left_out(self):
        node = self.node()
        node.write("/etc/eks/profiles/default.toml", "")
        node.boot()
        self.assertEqual(node.show("eks-sysctl.service", "ConditionResult", "ActiveState"),
                         {"ConditionResult": "no", "ActiveState": "inactive"})
        self.assertActive(node, "eks-node.target", "kubelet.service")
        node = self.node()
        node.link("/etc/systemd/system/eks-sysctl.service", "/dev/null")
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")

    def test_the_daemons_have_no_limit_of_tasks(self):
        node = self.booted()
        for unit in ("runtime.slice", "containerd.service"):
            self.assertEqual(node.show(unit, "TasksMax")["TasksMax"], "infinity", unit)


CLOUD_FINAL = """\
[Unit]
Description=Stand-in for cloud-init's last stage
DefaultDependencies=no
{order}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /srv/user-script
TimeoutStartSec=60s
"""


class UserScripts(BootTest):
    ORDERS = {"after multi-user.target": "After=multi-user.target",
              "before multi-user.target": "After=network.target\nBefore=multi-user.target"}

    def node_with_script(self, order, script):
        node = self.node()
        node.user_data(Layers.mime(self, ("text/x-shellscript", "#!/bin/sh\n" + script),
                                   ("application/node.eks.aws", node_config(IMAGE.ca))))
        node.write("/srv/user-script", script)
        node.write("/etc/systemd/system/cloud-final.service", CLOUD_FINAL.format(order=order))
        node.write("/etc/systemd/system/cloud-init.target", "[Unit]\nDescription=Stand-in for cloud-init.target\n"
                                                            "DefaultDependencies=no\n")
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-init.target", "../cloud-init.target")
        node.link("/etc/systemd/system/cloud-init.target.wants/cloud-final.service", "../cloud-final.service")
        node.boot()
        manager = " ".join(r.get("MESSAGE", "") for r in node.journal("_PID=1"))
        self.assertNotIn("ordering cycle", manager)
        return node

    def test_without_scripts_nothing_waits(self):
        node = self.booted()
        self.assertEqual(node.show("eks-user-scripts.service", "ConditionResult")["ConditionResult"], "no")

    def test_kubelet_starts_after_the_scripts_with_what_they_changed(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d\n"
                  "printf '[kubelet.config]\\nmaxPods = 21\\n' > /etc/eks/node.d/50-script.toml\n"
                  "sed -i s,https://example.com,https://edited.example, /var/lib/kubelet/kubeconfig\n")
        for name, order in self.ORDERS.items():
            with self.subTest(name):
                node = self.node_with_script(order, script)
                self.assertActive(node, "eks-node.target", "kubelet.service", "eks-user-scripts.service", "cloud-final.service")
                kubelet = node.kubelet()
                self.assertEqual(kubelet["config"]["maxPods"], 21)
                self.assertEqual(kubelet["kubeconfig"]["cluster"]["server"], "https://edited.example")
                ended = int(node.show("cloud-final.service", "ActiveEnterTimestampMonotonic").popitem()[1])
                began = int(node.show("kubelet.service", "InactiveExitTimestampMonotonic").popitem()[1])
                self.assertLess(ended, began)
                self.assertEqual(self.starts(node, "kubelet.service"), 1)
                self.assertEqual(self.starts(node, "containerd.service"), 1)
                # Only what the change concerns ran again.
                self.assertIn("eks-kubelet-config", node.show("eks-user-scripts.service", "StatusText")["StatusText"])
                self.assertNotIn("eks-ca", node.show("eks-user-scripts.service", "StatusText")["StatusText"])

    def test_a_script_that_changes_containerd_s_configuration_restarts_it(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d; printf '[containerd]\\nconfig = \"oom_score = -500\"\\n'"
                  " > /etc/eks/node.d/50-script.toml\n")
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        self.assertActive(node, "eks-node.target", "kubelet.service", "containerd.service")
        self.assertIn("oom_score = -500", node.output("containerd", "config", "dump"))
        self.assertEqual(self.starts(node, "containerd.service"), 2)
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_a_script_that_breaks_a_layer_fails_the_step_and_not_the_node(self):
        script = "sleep 1; mkdir -p /etc/eks/node.d; echo '[clutser]' > /etc/eks/node.d/50-script.toml\n"
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        record = self.failure(node, "eks-user-scripts.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("user-scripts-refused", "78"))
        refusal = [r["MESSAGE"] for r in node.journal("--unit", "eks-config") if r.get("EKS_RESULT") == "failed"]
        self.assertIn("/etc/eks/node.d/50-script.toml, line 1", refusal[0])
        self.assertActive(node, "kubelet.service")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)

    def test_a_script_may_call_us_without_a_deadlock(self):
        for name, order in self.ORDERS.items():
            for call in ("systemctl restart kubelet", "systemctl start kubelet.service", "eksnode config --format json"):
                with self.subTest(f"{call}, {name}"):
                    node = self.node_with_script(order, f"sleep 0.5; {call} > /srv/out 2>&1; echo $? >> /srv/out\n")
                    self.assertActive(node, "eks-node.target", "kubelet.service", "cloud-final.service")
                    self.assertEqual(node.file("/srv/out").read_text().split()[-1], "0", node.file("/srv/out").read_text())

    def test_scripts_that_do_not_end_are_given_up(self):
        node = self.node()
        node.write("/etc/systemd/system/eks-user-scripts.service.d/limit.conf",
                   "[Service]\nEnvironment=EKS_USER_SCRIPTS_TIMEOUT=1\n")
        node.user_data("#cloud-config\nruncmd: [sleep 20]\n")
        node.write("/etc/eks/node.yaml", "")
        node.write("/etc/eks/node.d/50-node.yaml", node_config(IMAGE.ca))
        node.write("/srv/user-script", "sleep 20\n")
        node.write("/etc/systemd/system/cloud-final.service", CLOUD_FINAL.format(order="After=network.target"))
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and node.file("/run/stand-in-kubelet.json").exists(), "kubelet", 20)
        record = self.failure(node, "eks-user-scripts.service")
        self.assertEqual(record["EKS_FAILURE"], "user-scripts-timeout")
        self.assertActive(node, "kubelet.service")


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


class Images(ImageTest):
    def test_without_an_archive_the_image_comes_from_ecr(self):
        node = self.ecr_node()
        self.assertActive(node, "eks-node.target", self.UNIT, "kubelet.service")
        self.assertIn(f'sandbox_image = "{self.PAUSE}"', node.output("containerd", "config", "dump"))
        self.assertEqual(self.images(node)[self.PAUSE], "yes")
        self.assertIn("pulled and pinned", node.show(self.UNIT, "StatusText")["StatusText"])
        journal = json.dumps(node.journal())
        for secret in ("pa55phrase", base64.b64encode(b"AWS:pa55phrase").decode(), "wJalrXUtnFEMI"):
            self.assertNotIn(secret, journal)

        # There and pinned: nothing is asked of anybody.
        before = node.file("/run/fake-aws.log").read_text()
        node.systemctl("stop", "registry.service")
        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.PAUSE} present and pinned")
        self.assertEqual(node.file("/run/fake-aws.log").read_text(), before)

        # It vanishes: the next run brings it back.
        node.systemctl("start", "registry.service")
        node.output("ctr", "-n", "k8s.io", "images", "remove", self.PAUSE)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(self.images(node)[self.PAUSE], "yes")

    def test_an_archive_brings_a_vanished_image_back_without_a_network(self):
        node = self.booted()
        name = "localhost/kubernetes/pause:latest"
        self.assertEqual(self.images(node)[name], "yes")
        node.output("ctr", "-n", "k8s.io", "images", "remove", name)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(self.images(node)[name], "yes")

    def test_an_archive_comes_before_the_registry_of_its_image(self):
        node = self.node()
        (node.root / "etc/eks/pause.tar").write_bytes(pause_archive(self.PAUSE))
        node.write("etc/eks/containerd.d/pause.toml",
                   f'[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "{self.PAUSE}"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.PAUSE} imported and pinned")
        self.assertEqual(self.images(node)[self.PAUSE], "yes")
        self.assertEqual(node.kubelet()["flags"]["pod-infra-container-image"], self.PAUSE)

    def test_wrong_credentials_end_it_early(self):
        node = self.ecr_node(password="wrong")
        record = self.failure(node, self.UNIT)
        self.assertEqual(record["EKS_FAILURE"], "image-refused")
        self.assertIn("instance's role", record["EKS_REMEDY"])
        self.assertActive(node, "kubelet.service")  # it only wants the image

    def test_an_image_that_does_not_exist_ends_it_at_once(self):
        node = self.ecr_node("eks/other:1")
        self.assertEqual(self.failure(node, self.UNIT)["EKS_FAILURE"], "image-absent")

    def test_a_registry_that_is_down_ends_it_at_the_deadline(self):
        node = self.ecr_node(registry=False, timeout=4)
        record = self.failure(node, self.UNIT)
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("image-pull", "69"))
        self.assertIn("could not be pulled in 4 s", record["MESSAGE"])
        self.assertActive(node, "kubelet.service")

    def test_images_are_pulled_pinned_and_cached_by_hand(self):
        node = self.node()
        node.registry("127.0.0.1:5000", "team/app:1", login="user:pa55phrase")
        node.write("login", "user:pa55phrase")
        node.write("open", "user:pa55phrase")
        (node.root / "login").chmod(0o600)
        node.boot()
        name = "localhost:5000/team/app:1"
        refused = node.call("eksnode", "images", "pull", name)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("The registry wants a login", refused.stderr)
        self.assertEqual(node.call("eksnode", "images", "pull", "--login=/open", name).returncode, 78)
        self.assertEqual(node.call("eksnode", "images", "pin", name).returncode, 1)
        self.assertEqual(node.output("eksnode", "images", "pull", "--login=/login", name), name + "\n")
        self.assertEqual(self.images(node)[name], "no")
        node.output("eksnode", "images", "pin", name)
        self.assertEqual(self.images(node)[name], "yes")

    def test_an_image_comes_through_a_mirror(self):
        node = self.node()
        node.registry("127.0.0.1:5000", "team/app:1")
        node.write("etc/eks/token", "X-Token: top-secret\n")
        file = "/etc/containerd/certs.d/registry.example/hosts.toml"
        node.write("etc/eks/node.toml", '[registry.mirrors."registry.example"]\nendpoints = ["http://127.0.0.1:5000"]\n'
                   'insecure = true\nheadersFile = "/etc/eks/token"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-registry-mirrors.service", "kubelet.service")
        self.assertEqual(node.output("stat", "-c%a", file), "600\n")
        name = "registry.example/team/app:1"
        self.assertEqual(node.output("eksnode", "images", "pull", "--pin", name), name + "\n")
        self.assertEqual(self.images(node)[name], "yes")
        self.assertNotIn("top-secret", json.dumps(node.journal()))

        # It goes away, and with it the directory that would keep the registry from the mirrors of _default.
        (node.file("/etc/eks/node.toml")).write_text("")
        containerd = node.show("containerd.service", "MainPID")
        node.systemctl("reload", "eks-config")
        node.systemctl("restart", "eks-registry-mirrors")
        self.assertFalse(node.file(file).parent.exists())
        self.assertEqual(node.show("containerd.service", "MainPID"), containerd)

    def test_a_mirror_sees_our_certificate_and_header_and_we_its(self):
        node = self.node()
        node.registry("127.0.0.1:443", "team/app:1", host="mirror.example", login="user:pa55phrase", mutual=True)
        node.write("etc/eks/token", "Authorization: Basic " + base64.b64encode(b"user:pa55phrase").decode())
        settings = ('[registry.mirrors."registry.example"]\nendpoints = ["https://Mirror.example/"]\n'
                    'ca = "/etc/registry/authority.crt"\nclientCertificate = "/etc/registry/client.crt"\n'
                    'clientKey = "/etc/registry/client.key"\nheadersFile = "/etc/eks/token"\n')
        node.write("etc/eks/node.toml", settings)
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-registry-mirrors.service")
        name = "registry.example/team/app:1"
        self.assertEqual(node.output("eksnode", "images", "pull", name), name + "\n")
        stranger = node.call("python3", "-c", "import ssl, urllib.request\nurllib.request.urlopen('https://mirror.example'"
                             ", context=ssl.create_default_context(cafile='/etc/registry/authority.crt'))")
        self.assertRegex(stranger.stderr, "certificate.required|bad.certificate")

        # Where the mirror stands for the registry too, that one is asked in the same way: a mirror that only takes
        # pushes is not asked for images at all.
        node.file("/etc/eks/node.toml").write_text(
            settings + 'capabilities = ["push"]\nserver = "https://mirror.example"\n')
        node.systemctl("reload", "eks-config")
        node.systemctl("restart", "eks-registry-mirrors")
        self.assertEqual(node.output("eksnode", "images", "pull", name), name + "\n")
        node.file("/etc/eks/token").write_text("Authorization: Basic d3Jvbmc6d3Jvbmc=\n")
        node.systemctl("restart", "eks-registry-mirrors")
        refused = node.call("eksnode", "images", "pull", name)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("refused to give", refused.stderr)

    def test_without_mirrors_their_step_is_skipped(self):
        node = self.booted()
        self.assertEqual(node.show("eks-registry-mirrors.service", "ConditionResult")["ConditionResult"], "no")

    def test_images_are_cached_under_the_names_of_every_region(self):
        node = self.ecr_node(*self.CACHED)
        node.file("/srv/aws/faults.json").write_text(json.dumps(
            [{"path": "/addons/supported-versions", "body": json.dumps(self.ADDONS)}, *json.loads(
                node.file("/srv/aws/faults.json").read_text())]))
        command = ["env", "AWS_ENDPOINT_URL=http://169.254.169.254", "eksnode", "images", "cache"]
        listed = node.output(*command, "--kubernetes-version=1.34", "--dry-run")
        self.assertEqual(list(self.images(node)).count(self.PAUSE), 1)
        cached = node.output(*command, "--kubernetes-version=1.34")
        self.assertEqual(cached, listed.replace("cni-init:v1.21.1-eksbuild.3", "cni-init:v1.21.1-eksbuild.2"))
        self.assertEqual(node.output(*command, "--kubernetes-version=1.34"), cached)  # replaces nothing by nothing
        self.assertEqual([line for line in cached.splitlines() if "\t" not in line],
                         [f"{self.HOST}/{path}" for path in self.CACHED])
        images = self.images(node)
        names = {line.split("\t")[0] for line in cached.splitlines()}
        for path in self.CACHED:
            self.assertIn(f"602401143452.dkr.ecr-fips.us-east-1.amazonaws.com/{path}", names)
            self.assertIn(f"590381155156.dkr.ecr.eu-south-1.amazonaws.com/{path}", names)
        self.assertIn(f"{self.HOST}/amazon-k8s-cni:v1.20.4", names)
        self.assertEqual({images.get(name) for name in names}, {"yes"})

        none = node.call(*command, "--kubernetes-version=1.99")
        self.assertEqual(none.returncode, 1, none)
        self.assertIn("no version of the add-on 'kube-proxy' for Kubernetes 1.99", none.stderr)


class Soci(ImageTest):
    """A stand-in for soci-snapshotter, with real containerd as its client."""

    NAME = "localhost/kubernetes/pause:latest"
    PROGRAM = "usr/bin/soci-snapshotter-grpc"
    SERVICE = "soci-snapshotter.service"
    SNAPSHOTS = ("ctr", "-n", "k8s.io", "snapshots", "--snapshotter", "soci")

    def unpacked(self, node) -> int:
        """How many layers the snapshotter has."""
        return node.output(*self.SNAPSHOTS, "list").count("Committed")

    def test_images_are_unpacked_by_it(self):
        node = self.node()
        node.soci()
        node.boot()
        self.assertActive(node, "eks-node.target", self.SERVICE, "containerd.service", self.UNIT, "kubelet.service")
        containerd = node.output("containerd", "config", "dump")
        self.assertIn('snapshotter = "soci"', containerd)
        self.assertEqual(node.kubelet()["config"]["imageServiceEndpoint"],
                         "unix:///run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock")
        self.assertIn("imported and pinned", node.show(self.UNIT, "StatusText")["StatusText"])
        self.assertEqual(self.unpacked(node), 1)
        started = [int(node.show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
                   for unit in (self.SERVICE, "containerd.service", "kubelet.service")]
        self.assertEqual(started, sorted(started))
        self.assertEqual(self.starts(node, "containerd.service"), 1)

        # There and unpacked: nothing is done. Without its layer, it is unpacked anew.
        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.NAME} present and pinned")
        layer = re.search(r"^sha256:\w+", node.output(*self.SNAPSHOTS, "list"), re.MULTILINE)[0]
        node.output(*self.SNAPSHOTS, "remove", layer)
        self.assertEqual(self.unpacked(node), 0)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.NAME} imported and pinned")
        self.assertEqual(self.unpacked(node), 1)

    def test_it_comes_and_goes_with_the_configuration(self):
        node = self.booted()
        self.assertEqual(node.show(self.SERVICE, "ActiveState")["ActiveState"], "inactive")
        node.soci()
        node.reboot()
        self.assertActive(node, "eks-node.target", self.SERVICE)
        self.assertEqual(self.unpacked(node), 1)  # what overlayfs had unpacked before
        node.write("etc/eks/node.toml", '[containerd]\nsnapshotter = "overlayfs"\n')
        node.reboot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        state = node.show(self.SERVICE, "ActiveState", "ConditionResult", "LoadState")
        self.assertEqual(state, {"ActiveState": "inactive", "ConditionResult": "no", "LoadState": "loaded"})
        self.assertFalse(node.file("/etc/soci-snapshotter-grpc/config.toml").exists())
        self.assertNotIn("imageServiceEndpoint", node.kubelet()["config"])

    def test_a_machine_without_it_says_so_and_goes_on(self):
        node = self.booted(extra="  featureGates: {FastImagePull: true}\n")
        self.assertActive(node, "eks-node.target", self.UNIT)
        notices = [r["MESSAGE"] for r in node.journal("--unit", "eks-config", "--priority=notice")]
        self.assertTrue(any("FastImagePull" in n and f"'/{self.PROGRAM}' is not installed" in n for n in notices), notices)

    def test_when_it_crashes_it_is_started_again_and_its_clients_with_it(self):
        node = self.node()
        node.soci()
        node.boot()
        units = (self.SERVICE, "containerd.service", "kubelet.service")
        before = [node.show(unit, "MainPID")["MainPID"] for unit in units]
        node.output("systemctl", "kill", "--signal=SIGKILL", self.SERVICE)
        node.wait_for(lambda: all(node.show(unit, "ActiveState")["ActiveState"] == "active"
                                  and node.show(unit, "MainPID")["MainPID"] != pid
                                  for unit, pid in zip(units, before)), "all of them to run again")
        self.assertEqual(self.unpacked(node), 1)
        self.assertActive(node, "eks-node.target", self.UNIT)

    def test_an_image_of_ecr_is_pulled_through_it(self):
        node = self.ecr_node(prepare=Node.soci)
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertIn("pulled and pinned", node.show(self.UNIT, "StatusText")["StatusText"])
        self.assertIn("runtime.v1.ImageService/PullImage", node.file("/run/soci-calls").read_text().split())
        self.assertEqual(self.unpacked(node), 1)


class Volume(BootTest):
    """A disk of containerd's own."""

    UNIT = "eks-containerd-volume.service"
    MOUNT = "var-lib-containerd.mount"

    def configure(self, node, **settings):
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        node.write("etc/eks/node.toml", f"[containerd.volume]\n{lines}")

    def mounted(self, node, directory="/var/lib/containerd") -> list:
        return node.output("findmnt", "--noheadings", "--output=SOURCE,FSTYPE,OPTIONS", directory).split()

    def test_a_blank_disk_is_formatted_and_mounted_before_containerd(self):
        for filesystem in "xfs", "ext4":
            with self.subTest(filesystem):
                node = self.node()
                disk = node.disk()
                self.configure(node, device=disk, filesystem=filesystem)
                node.boot()
                self.assertActive(node, "eks-node.target", self.UNIT, self.MOUNT, "eks-sandbox-image.service")
                source, kind, options = self.mounted(node)
                self.assertEqual((source, kind), (disk, filesystem))
                self.assertIn("noatime", options.split(","))
                self.assertIn("formatted", node.show(self.UNIT, "StatusText")["StatusText"])
                mounted, started = (int(node.show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
                                    for unit in (self.MOUNT, "containerd.service"))
                self.assertLess(mounted, started)
                self.assertIn("containerd.service", node.show(self.MOUNT, "Before")["Before"].split())
                self.assertEqual(node.kubelet()["config"]["evictionHard"]["imagefs.available"], "15%")
                node.power_off()

    def test_a_reboot_finds_what_is_on_it(self):
        node = self.node()
        disk = node.disk()
        self.configure(node, device=disk)
        node.boot()
        node.file("/var/lib/containerd/mark").write_text("kept")
        self.configure(node, label="containerd")
        node.reboot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertEqual(node.file("/var/lib/containerd/mark").read_text(), "kept")
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"mounted {disk} at /var/lib/containerd")
        node.output("systemctl", "restart", self.UNIT)
        self.assertIn("is mounted at", node.show(self.UNIT, "StatusText")["StatusText"])

    def test_a_disk_that_holds_something_is_not_touched(self):
        for filesystem, what in ("ext2", "it holds ext2"), ("", "data of an unknown kind"):
            with self.subTest(what):
                node = self.node()
                disk = node.disk(filesystem=filesystem)
                if not filesystem:
                    with open(disk, "r+b") as file:
                        file.seek(4096)
                        file.write(b"somebody's")
                before = hashlib.sha256(Path(disk).read_bytes()).digest()
                self.configure(node, device=disk)
                node.boot()
                record = self.failure(node, self.UNIT)
                self.assertEqual(record["EKS_FAILURE"], "volume-occupied")
                self.assertIn(what, record["MESSAGE"])
                self.assertIn("/etc/eks/node.toml, line 2", record["MESSAGE"])
                self.assertKubeletDown(node)
                self.assertEqual(node.show("containerd.service", "ActiveState")["ActiveState"], "inactive")
                node.power_off()
                self.assertEqual(hashlib.sha256(Path(disk).read_bytes()).digest(), before)

    def test_a_disk_that_is_not_there_keeps_containerd_down_until_it_is(self):
        node = self.node()
        node.disk()
        self.configure(node, device="vol-0123456789abcdef0")
        node.write(f"etc/systemd/system/{self.UNIT}.d/test.conf", "[Service]\nEnvironment=EKS_VOLUME_TIMEOUT=1\n")
        node.boot()
        self.assertEqual(self.failure(node, self.UNIT)["EKS_FAILURE"], "volume-missing")
        self.assertKubeletDown(node)
        self.configure(node, device=node.disks[0])
        node.systemctl("restart", "eks-config.service")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", self.UNIT, self.MOUNT)

    def test_soci_snapshotter_has_its_data_there_too(self):
        node = self.node()
        disk = node.disk()
        node.soci(f'[containerd]\nsnapshotter = "soci"\nvolume.device = "{disk}"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT, "soci-snapshotter.service", "eks-sandbox-image.service")
        self.assertEqual(self.mounted(node, "/var/lib/soci-snapshotter-grpc")[0], f"{disk}[/soci-snapshotter-grpc]")
        self.assertTrue(node.file("/var/lib/containerd/soci-snapshotter-grpc/index.json").exists())

    def test_soci_snapshotter_s_data_follow_when_it_is_chosen_later(self):
        node = self.node()
        disk = node.disk()
        settings = f'[containerd]\nsnapshotter = "%s"\nvolume.device = "{disk}"\n'
        node.soci(settings % "overlayfs")
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        node.soci(settings % "soci")
        node.systemctl("restart", "eks-config.service")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", self.UNIT, "soci-snapshotter.service", "eks-sandbox-image.service")
        self.assertEqual(self.mounted(node, "/var/lib/soci-snapshotter-grpc")[0], f"{disk}[/soci-snapshotter-grpc]")

    def test_without_a_volume_the_step_is_skipped(self):
        node = self.booted()
        self.assertEqual(node.show(self.UNIT, "ConditionResult")["ConditionResult"], "no")


class Failures(BootTest):
    OTHERS = ["eks-imds", "eks-config", "eks-kubeconfig", "eks-credential-provider", "eks-kubelet-config",
              "eks-kubelet-args", "eks-containerd-config"]

    def check_console(self, node, *texts):
        node.wait_for(lambda: all(t in node.console.read_text(errors="replace") for t in texts),
                      f"the console to show {texts}", timeout=5)

    def test_a_bad_certificate_authority(self):
        for value, wrong in (("%%%", "not base64"),
                             (base64.b64encode(b"certificateAuthority").decode(), "no PEM certificate")):
            with self.subTest(wrong):
                node = self.node()
                node.user_data(node_config(json.dumps(value)))
                node.boot()
                record = self.failure(node, "eks-ca.service")
                self.assertEqual(record["EKS_EXIT_STATUS"], "78")
                self.assertEqual(record["EKS_FAILURE"], "ca-invalid")
                for text in ("user data, line 7", "certificateAuthority", wrong, value[:20]):
                    self.assertIn(text, record["MESSAGE"])
                self.check_console(node, "eks-ca failed", wrong)
                self.assertKubeletDown(node)
                self.assertFalse(node.file("/etc/kubernetes/pki/ca.crt").exists())
                self.assertActive(node, *(f"{s}.service" for s in self.OTHERS))
                for path in RENDERED:
                    if not path.endswith("ca.crt"):
                        self.assertTrue(node.file(path).exists(), path)
                status = node.call("eksnode", "status")
                self.assertEqual(status.returncode, 1)
                self.assertRegex(status.stdout, r"× eks-ca\.service +FAILED \(exit status 78\)")
                self.assertIn(wrong, status.stdout)

    def test_no_user_data_at_all(self):
        node = self.node()
        node.user_data(None)
        node.boot()
        record = self.failure(node, "eks-config.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("78", "config-missing"))
        self.assertIn("/etc/eks/node.toml (absent)", record["MESSAGE"])
        self.assertIn("user data", record["MESSAGE"])
        self.check_console(node, "eks-config failed")
        self.assertKubeletDown(node)
        self.assertFalse(node.file("/run/eks/node.json").exists())
        self.assertFalse(node.file("/etc/kubernetes").exists())

    def test_each_missing_or_malformed_value_is_named(self):
        good = node_config(IMAGE.ca)
        cases = [("name: my-cluster", "", "cluster.name"),
                 ("apiServerEndpoint: https://example.com", "", "cluster.apiServerEndpoint"),
                 (f"certificateAuthority: {IMAGE.ca}", "", "cluster.certificateAuthority"),
                 ("cidr: 10.100.0.0/16", "", "cluster.cidr"),
                 ("https://example.com", "http://example.com", "http://example.com"),
                 ("https://example.com", "example.com", "not an https URL"),
                 ("10.100.0.0/16", "10.100.0.0", "not an address range")]
        node = self.node()
        node.user_data(good.replace(cases[0][0], cases[0][1]))
        node.boot()
        for old, new, named in cases:
            with self.subTest(named):
                node.file("/srv/aws/user-data").write_text(good.replace(old, new))
                node.systemctl("restart", "eks-imds")
                node.systemctl("restart", "eks-config")
                state = node.show("eks-config.service", "ActiveState", "ExecMainStatus", "StatusText")
                self.assertEqual((state["ActiveState"], state["ExecMainStatus"]), ("failed", "78"))
                self.assertIn(named, state["StatusText"])
                self.assertIn("user data", state["StatusText"])
                self.assertKubeletDown(node)

    def test_a_silent_metadata_service_fails_at_the_deadline(self):
        node = self.node()
        node.write("/srv/aws/faults.json", json.dumps([{"path": "*", "hang": True}]))
        node.write("/etc/systemd/system/eks-imds.service.d/deadline.conf", "[Service]\nEnvironment=EKS_IMDS_TIMEOUT=2\n")
        node.boot()
        record = self.failure(node, "eks-imds.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("69", "imds-unreachable"))
        self.assertIn("PUT http://169.254.169.254/latest/api/token", record["MESSAGE"])
        self.assertIn("2 s", record["MESSAGE"])
        self.check_console(node, "eks-imds failed")
        self.assertKubeletDown(node)
        # It comes back by itself being asked: what failed is started again with what needs it.
        node.file("/srv/aws/faults.json").unlink()
        node.systemctl("restart", "fake-aws")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", "eks-configured.target", "kubelet.service")

    def test_an_error_page_is_not_taken_for_a_fact(self):
        node = self.node()
        node.write("/srv/aws/faults.json",
                   json.dumps([{"path": "/latest/meta-data/local-ipv4", "body": "<html>\n<body>oops</body></html>"}]))
        node.boot()
        record = self.failure(node, "eks-imds.service")
        self.assertEqual(record["EKS_FAILURE"], "imds-answer")
        self.assertIn("local-ipv4", record["MESSAGE"])
        self.assertKubeletDown(node)

    def test_a_slow_start_of_the_metadata_service_is_waited_for(self):
        node = self.node()
        node.write("/srv/aws/faults.json", json.dumps([
            {"path": "/latest/api/token", "close": True, "times": 2},
            {"path": "/latest/user-data", "status": 503, "times": 2},
            {"path": "/latest/meta-data/mac", "garbage": 200, "times": 1},
            {"path": "*/document", "truncate": 10, "times": 1}]))
        node.boot()
        self.assertActive(node, "eks-node.target", "kubelet.service")

    def test_kubelet_proves_who_the_node_is(self):
        node = self.node()
        node.write("/etc/systemd/system/kubelet.service.d/50-exec.conf", "[Service]\nEnvironment=STAND_IN_EXEC=1\n")
        node.boot()
        self.assertActive(node, "kubelet.service", "eks-node.target")
        credential = node.kubelet()["credential"]
        role = json.loads((node.root / "srv/aws/profile.json").read_text())["meta-data"]["iam/security-credentials/eks-node"]
        secrets = {role["AccessKeyId"]: (role["SecretAccessKey"], role["Token"])}
        key, signed = caller(credential["token"], "my-cluster", secrets)
        self.assertEqual(key, role["AccessKeyId"])
        self.assertLess(abs(time.time() - signed), 60)
        expires = calendar.timegm(time.strptime(credential["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertEqual(expires - signed, 14 * 60)
        # No secret is anywhere in the journal.
        journal = node.output("journalctl", "--boot", "--no-pager", "--output=verbose", "--all")
        self.assertNotIn(role["SecretAccessKey"], journal)
        self.assertNotIn(credential["token"], journal)

    def test_a_node_without_a_role_says_so_in_kubelet_s_log(self):
        node = self.node()
        node.write("/etc/systemd/system/kubelet.service.d/50-exec.conf", "[Service]\nEnvironment=STAND_IN_EXEC=1\n")
        node.write("/srv/aws/faults.json", json.dumps([{"path": "*/iam/security-credentials/", "status": 404}]))
        node.boot(wait=False)
        said = node.wait_for(lambda: node.leader() and "eksnode token: the instance has no IAM role" in
                             node.call("journalctl", "--unit=kubelet", "--no-pager").stdout, "the message", timeout=60)
        self.assertTrue(said)

    def test_missing_parts_of_the_image_are_named(self):
        node = self.node()
        (node.root / "etc/eks/pause.tar").unlink()
        node.write("etc/eks/containerd.d/10-pause.toml",
                   '[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "localhost/kubernetes/pause:latest"\n')
        (node.root / "etc/eks/image-credential-provider/ecr-credential-provider").unlink()
        node.boot()
        self.assertEqual(self.failure(node, "eks-credential-provider.service")["EKS_FAILURE"], "credential-provider-missing")
        self.assertEqual(self.failure(node, "eks-sandbox-image.service")["EKS_FAILURE"], "sandbox-image-missing")
        self.assertKubeletDown(node)

    def test_containerd_keeps_its_configuration_when_the_user_s_is_broken(self):
        node = self.booted()
        before = node.file("/etc/containerd/config.toml").read_text()
        broken = "  containerd:\n    config: |\n      [grpc\n"
        node.file("/srv/aws/user-data").write_text(node_config(IMAGE.ca, extra=broken))
        node.systemctl("restart", "eks-imds")
        record = self.failure(node, "eks-containerd-config.service")
        self.assertEqual((record["EKS_EXIT_STATUS"], record["EKS_FAILURE"]), ("78", "config-syntax"))
        self.assertRegex(record["MESSAGE"], r"user data, line \d+.*line 1, column \d+")
        self.assertEqual(node.file("/etc/containerd/config.toml").read_text(), before)

    def test_every_failure_has_a_catalog_entry_with_a_remedy(self):
        node = self.node()
        node.user_data(None)
        node.boot()
        node.output("journalctl", "--update-catalog")
        text = node.output("journalctl", "--boot", "--catalog", "--unit", "eks-config", "--no-pager")
        self.assertRegex(text, r"Subject: .*\n.*Defined-By: eksnode")


def main():
    global IMAGE, SCRATCH
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("--stage", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("build"))
    options, rest = parser.parse_known_args()
    if os.geteuid() != 0:
        sys.exit("boot tests need root: they mount and start containers")
    SCRATCH = Path(tempfile.mkdtemp(prefix="eks-boot-"))
    try:
        started = time.monotonic()
        IMAGE = Image(options.stage, options.cache, SCRATCH)
        print(f"node image ready in {time.monotonic() - started:.1f} s", file=sys.stderr)
        program = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    sys.exit(not program.result.wasSuccessful())


if __name__ == "__main__":
    main()
