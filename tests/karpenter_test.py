#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Tests of the examples in eks-karpenter(7): their fields and types, and the user data that a node gets from them.

usage: karpenter_test.py SOURCE EKSNODE-VALIDATE EKSNODE-PLAN"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from email import message_from_string
from pathlib import Path

sys.path += ["/usr/lib/python3/dist-packages"]  # -S leaves it out; a developer's own Python has other versions
try:
    import yaml
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SOURCE, VALIDATE, PLAN = Path(sys.argv[1]), *sys.argv[2:]
PAGE = (SOURCE / "man/eks-karpenter.7.scd").read_text()
BLOCKS = [block.replace("\\\\", "\\") for block in re.findall(r"(?ms)^```\n(.*?)^```$", PAGE)]
MANIFESTS = [document for block in BLOCKS if "\nkind: NodePool\n" in block or "\nkind: EC2NodeClass\n" in block
             for document in yaml.safe_load_all(block)]
CLASSES = {manifest["metadata"]["name"]: manifest for manifest in MANIFESTS if manifest["kind"] == "EC2NodeClass"}
[USER_DATA] = [block for block in BLOCKS if "# Karpenter Generated NodeConfig" in block]
MOST_BYTES = 16384

API_VERSIONS = {"EC2NodeClass": "karpenter.k8s.aws/v1", "NodePool": "karpenter.sh/v1"}
TYPES = {"text": str, "boolean": bool, "count": int, "list": list, "map": dict, "texts": dict, "quantities": dict, "open": dict}


def fields(kind):
    """{field: (type, whether it is required, values)} of the spec of a kind."""
    rows = [line.split("\t") for line in (SOURCE / "tests/karpenter-fields.tsv").read_text().splitlines()[2:]]
    return {field: (kinds.split(",")[0], "required" in kinds, values.split()) for row, field, kinds, values in rows if row == kind}


def real(text):
    """The CA certificate is shortened in the page."""
    golden = (SOURCE / "tests/golden/field-karpenter/root/run/eks/user-data").read_text()
    return text.replace("LS0tLS1CRUdJTi...", re.search(r"certificateAuthority: (\S+)", golden)[1])


def parts(document):
    """[(type, body)] of a MIME document."""
    return [(part["Content-Type"], part.get_payload()) for part in message_from_string(document).get_payload()]


def assembled(user_data, node_config):
    """What Karpenter makes of the user data of an EC2NodeClass with the AMI family AL2023 (bootstrap/mime/mime.go)."""
    entries = [*(parts(user_data) if user_data else []), ("application/node.eks.aws", node_config)]
    bodies = [f"--//\nContent-Type: {kind}\n\n{body}" for kind, body in entries]
    return 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n' + "\n".join(bodies) + "\n--//--\n"


def run(*command):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


class KarpenterTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def check(self, known, place, value):
        """A value of a manifest against the table, and what is below it."""
        self.assertIn(place, known, "there is no such field, or tests/karpenter-fields.tsv lacks it")

        kind, _, values = known[place]
        self.assertIs(type(value), TYPES[kind], place)

        if values:
            self.assertIn(value, values, place)

        if kind == "texts":
            self.assertEqual({type(text) for text in value.values()}, {str}, place)
        elif kind == "list":
            self.assertGreater(len(value), 0, place)
            for item in value:
                self.check(known, f"{place}[]", item)
        elif kind == "map":
            self.check_map(known, f"{place}.", value)

    def check_map(self, known, prefix, value):
        for name, below in value.items():
            self.check(known, prefix + name, below)
        required = {field.removeprefix(prefix) for field, (_, is_required, _) in known.items() if is_required and field.startswith(prefix)}
        self.assertLessEqual({name for name in required if not re.search(r"[.\[]", name)}, set(value), prefix)

    def test_the_manifests_have_fields_of_karpenter(self):
        self.assertEqual({manifest["kind"] for manifest in MANIFESTS}, set(API_VERSIONS))

        for manifest in MANIFESTS:
            with self.subTest(manifest["metadata"]["name"]):
                self.assertEqual(set(manifest), {"apiVersion", "kind", "metadata", "spec"})
                self.assertEqual(manifest["apiVersion"], API_VERSIONS[manifest["kind"]])
                self.check_map(fields(manifest["kind"]), "", manifest["spec"])

        for node_class in CLASSES.values():
            self.assertEqual(len({"role", "instanceProfile"} & set(node_class["spec"])), 1)
            self.assertIn("amiFamily", node_class["spec"])

    def test_each_pool_has_its_class(self):
        pools = [manifest for manifest in MANIFESTS if manifest["kind"] == "NodePool"]
        self.assertGreater(len(pools), 1)

        for pool in pools:
            reference = pool["spec"]["template"]["spec"]["nodeClassRef"]
            self.assertEqual((reference["group"], reference["kind"]), ("karpenter.k8s.aws", "EC2NodeClass"))
            self.assertIn(reference["name"], CLASSES)
            for budget in pool["spec"].get("disruption", {}).get("budgets", []):
                self.assertEqual("schedule" in budget, "duration" in budget)

    def test_images_have_the_tags_that_select_them(self):
        template = (SOURCE / "packer/template/amazon-ebs.pkr.hcl").read_text()
        tags = set(re.findall(r"(?m)^    (\w+) +=", re.search(r"(?ms)^  tags = .*?^  \}\)$", template)[0]))
        own = set(re.findall(r"ami_tags=(\w+)=", PAGE))
        self.assertEqual(own, {"channel"})

        for name, node_class in CLASSES.items():
            for term in node_class["spec"]["amiSelectorTerms"]:
                self.assertLessEqual(set(term["tags"]), tags | own, name)

        table = re.search(r"(?s)\[\[ \*Tag\*(.*?)\n\n", PAGE)[1].replace("\\", "")
        self.assertLessEqual(set(re.findall(r"(?m)^\|  (\w+)$", table)), tags)

    def validate(self, user_data):
        self.assertLessEqual(len(user_data.encode()), MOST_BYTES)

        file = self.directory / "user-data.txt"
        file.write_text(user_data)
        done = run(VALIDATE, "--strict", "--root", self.root(), f"user-data:{file}")
        reported = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
        self.assertEqual((done.returncode, reported), (0, []))

        return done.stdout

    def root(self):
        root = self.directory / "root"
        if not root.exists():
            shutil.copytree(SOURCE / "helpers/data/share", root / "usr/share/eks")
        return root

    def test_the_user_data_is_what_karpenter_makes_of_the_class(self):
        kind, node_config = parts(USER_DATA)[-1]
        self.assertEqual(kind, "application/node.eks.aws")

        spec = CLASSES["eksnode"]["spec"]
        self.assertEqual(USER_DATA, assembled(spec["userData"], node_config))

        kubelet = yaml.safe_load(node_config)["spec"]["kubelet"]
        self.assertEqual(kubelet["config"], kubelet["config"] | spec["kubelet"])

        [pool] = [manifest["spec"]["template"]["spec"] for manifest in MANIFESTS if manifest["metadata"]["name"] == "general"]
        for taint in pool["startupTaints"]:
            self.assertIn(taint, kubelet["config"]["registerWithTaints"])

    def test_the_user_data_is_valid(self):
        self.assertIn("application/vnd.eksnode+toml", self.validate(real(USER_DATA)))

        _, node_config = parts(USER_DATA)[-1]
        for name, node_class in CLASSES.items():
            with self.subTest(name):
                spec = node_class["spec"]
                if spec["amiFamily"] == "Custom":
                    self.validate(spec["userData"])
                    own = yaml.safe_load(parts(spec["userData"])[0][1])["spec"]["kubelet"]["config"]
                    self.assertEqual(own, own | spec["kubelet"])
                    self.assertIn({"key": "karpenter.sh/unregistered", "effect": "NoExecute"}, own["registerWithTaints"])
                else:
                    self.validate(real(assembled(spec.get("userData"), node_config)))

    def reserved(self, user_data):
        """kubeReserved.memory as eksnode computes it."""
        facts = json.loads((SOURCE / "tests/golden/common/root/run/eks/imds.json").read_text()) | {"instanceType": "m5.large"}
        (self.directory / "imds.json").write_text(json.dumps(facts))
        (self.directory / "user-data").write_text(real(user_data))
        done = run(PLAN, "--root", self.root(), "--config", f"user-data:{self.directory / 'user-data'}", "--imds",
                   self.directory / "imds.json", "--kubelet-version", "1.34.1", "--containerd-version", "2.1.4",
                   "--output", self.directory / "output")
        self.assertEqual(done.returncode, 0, done.stderr)

        return json.loads((self.directory / "output/etc/kubernetes/kubelet/config.json").read_text())["kubeReserved"]["memory"]

    def test_the_figures_of_reservations(self):
        _, pods, estimate, limit, reserved = re.search(
            r"an? (m5\.large) has (\d+)\s+addresses for pods, so Karpenter expects (\d+) MiB\. With maxPods (\d+),\s+eksnode reserves (\d+)",
            PAGE).groups()
        unset = re.sub(r"(?m)^      (maxPods: .*|kubeReserved:|  memory: .*)\n", "", USER_DATA)
        self.assertEqual(self.reserved(unset), f"{estimate}Mi")
        self.assertEqual(11 * int(pods) + 255, int(estimate))
        self.assertIn(f"maxPods: {limit}\n", USER_DATA)
        self.assertEqual(self.reserved(USER_DATA), f"{reserved}Mi")
        self.assertIn(f"memory: {reserved}Mi\n", USER_DATA)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
