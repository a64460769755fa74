#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""The commands of the EKS images of Amazon Linux 2 and 2023: options, output and exit statuses.

usage: compat_test.py SOURCE DIRECTORY-OF-PROGRAMS"""

import base64
import contextlib
import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, PROGRAMS = Path(sys.argv[1]), Path(sys.argv[2])
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def run(name, *arguments, text=True, **variables):
    return subprocess.run([PROGRAMS / name, *arguments], env=ENVIRONMENT | variables, capture_output=True, text=text,
                          timeout=60, check=False)


@contextlib.contextmanager
def fake_aws(*options):
    """The address of a metadata service."""
    command = [SOURCE / "tests/fake-aws", "--profile", SOURCE / "tests/profiles/m5.large.json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield f"127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


class RootTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        (self.root / "usr/share/eks").mkdir(parents=True)
        for table in "instance-types.tsv", "ecr-registries.tsv":
            shutil.copy(SOURCE / "helpers/data/share" / table, self.root / "usr/share/eks")

    def run_in_root(self, name, *arguments, **variables):
        return run(name, *arguments, EKS_ROOT=str(self.root), **variables)


class GetEcrUriTest(RootTest):
    def uri(self, *arguments):
        done = self.run_in_root("get-ecr-uri.sh", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_an_account_keeps_its_region(self):
        self.assertEqual(self.uri("mars-west-1", "amazonaws.com.mars", "999999999999"),
                         "999999999999.dkr.ecr.mars-west-1.amazonaws.com.mars\n")

    def test_regions(self):
        for (region, domain), host in {
            ("us-west-2", "amazonaws.com"): "602401143452.dkr.ecr.us-west-2.amazonaws.com",
            ("ap-east-1", "amazonaws.com"): "800184023465.dkr.ecr.ap-east-1.amazonaws.com",
            ("eu-south-100", "amazonaws.com"): "602401143452.dkr.ecr.us-west-2.amazonaws.com",
            ("us-gov-east-100", "amazonaws.com"): "013241004608.dkr.ecr.us-gov-west-1.amazonaws.com",
            ("cn-north-100", "amazonaws.com.cn"): "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn",
            ("us-iso-west-100", "c2s.ic.gov"): "725322719131.dkr.ecr.us-iso-east-1.c2s.ic.gov",
            ("us-isob-west-100", "sc2s.sgov.gov"): "187977181151.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
        }.items():
            with self.subTest(region):
                self.assertEqual(self.uri(region, domain), host + "\n")
                self.assertEqual(self.uri(region, domain, ""), host + "\n")

    def test_too_few_arguments(self):
        done = self.run_in_root("get-ecr-uri.sh", "us-west-2")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("usage: get-ecr-uri.sh", done.stderr)


class MaxPodsCalculatorTest(RootTest):
    def pods(self, *arguments, **variables):
        done = self.run_in_root("max-pods-calculator.sh", *arguments, **variables)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return int(done.stdout)

    def test_numbers(self):
        for line, pods in {
            "--instance-type m4.xlarge --cni-version 1.7.5": 58,
            "--instance-type m5.8xlarge --cni-version 1.11.2": 234,
            "--instance-type m5.8xlarge --cni-version 1.11.2 --cni-prefix-delegation-enabled": 250,
            "--instance-type m5.8xlarge --cni-version 1.8.0 --cni-prefix-delegation-enabled": 234,
            "--instance-type c6in.32xlarge --cni-version 1.18.0 --show-max-allowed": 394,
            "--instance-type m5.large --cni-version 1.18.0 --cni-custom-networking-enabled": 20,
            "--instance-type m5.large --cni-version 1.18.0 --cni-max-eni 2": 20,
        }.items():
            with self.subTest(line):
                self.assertEqual(self.pods(*line.split()), pods)

    def test_variables_stand_for_options(self):
        variables = {"INSTANCE_TYPE": "m5.8xlarge", "CNI_VERSION": "1.11.2", "CNI_PREFIX_DELEGATION_ENABLED": "true"}
        self.assertEqual(self.pods(**variables), 250)
        self.assertEqual(self.pods(**variables | {"CNI_PREFIX_DELEGATION_ENABLED": "false"}), 234)
        self.assertEqual(self.pods("--instance-type", "m5.large", **variables, SHOW_MAX_ALLOWED="true"), 434)

    def test_mistakes_end_with_1(self):
        for line, reported in {
            "--instance-type m5.large": "--cni-version is needed",
            "--cni-version 1.18.0": "one of --instance-type and --instance-type-from-imds is needed",
            "--instance-type m5.huge --cni-version 1.18.0": "m5.huge",
            "--cni-version 1.18.0 --instance-type": "needs a value",
        }.items():
            with self.subTest(line):
                done = self.run_in_root("max-pods-calculator.sh", *line.split())
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(reported, done.stderr)
        self.assertEqual(self.run_in_root("max-pods-calculator.sh", "--help").returncode, 1)

    def test_what_it_does_not_know_is_named_and_ignored(self):
        done = self.run_in_root("max-pods-calculator.sh", "--instance-type", "m5.large", "--cni-version", "1.18.0", "--fast")
        self.assertEqual((done.returncode, done.stdout), (0, "29\n"))
        self.assertIn("unknown option '--fast'", done.stderr)


class VercmpTest(unittest.TestCase):
    def test_operators(self):
        for line, result in {
            "1.10.0 gt 1.9.0": True, "1.10.0 lt 1.9.0": False, "v1.24.0 gteq 1.24.0": True, "1.24.0 eq v1.24.0": True,
            "1.24.0 gt 1.24.0": False, "1.24.0 lteq 1.24.0": True, "1.24.0-alpha eq 1.24.0": False,
        }.items():
            with self.subTest(line):
                done = run("vercmp", *line.split())
                self.assertEqual((done.returncode, done.stdout), (0, "true\n") if result else (1, "false\n"))
                done = run("vercmp", *line.split(), VERCMP_QUIET="true")
                self.assertEqual((done.returncode, done.stdout), (0 if result else 1, ""))

    def test_misuse(self):
        for words in ((), ("1",), ("1", "ge", "2"), ("1", "lt", "2", "3")):
            done = run("vercmp", *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("usage: vercmp", done.stderr)

    def test_the_order_is_that_of_sort(self):
        chosen = random.Random(1)
        for _ in range(150):
            words = ["".join(chosen.choice("0123.9~-+arcz.0") for _ in range(chosen.randint(1, 7))) for _ in range(2)]
            left, right = (word if not word.startswith((".", "-")) else "1" + word for word in words)
            first = subprocess.run(["sort", "-V"], input=f"{left}\n{right}\n", text=True, check=True,
                                   stdout=subprocess.PIPE, env=ENVIRONMENT | {"LC_ALL": "C"}).stdout.splitlines()[0]
            with self.subTest(left=left, right=right):
                self.assertEqual(run("vercmp", left, "lteq", right).returncode, 0 if first == left else 1)


class ImdsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.faults = Path(directory.name, "faults.json")
        self.log = Path(directory.name, "log")
        self.faults.write_text("[]")
        self.endpoint = self.enterContext(fake_aws("--faults", self.faults, "--log", self.log))

    def imds(self, *arguments, **variables):
        return run("imds", *arguments, **{"IMDS_ENDPOINT": self.endpoint, "IMDS_RETRY_DELAY_SECONDS": "0"} | variables)

    def test_a_path_with_and_without_its_slash(self):
        for path in "latest/meta-data/instance-type", "/latest/meta-data/instance-type":
            done = self.imds(path)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "m5.large\n", ""))

    def test_a_token_is_used_again(self):
        token = self.imds("token").stdout.strip()
        self.assertNotEqual(token, "")

        self.log.write_text("")
        self.assertEqual(self.imds("latest/meta-data/instance-type", IMDS_TOKEN=token).stdout, "m5.large\n")
        self.assertNotIn("/latest/api/token", self.log.read_text())

        refused = self.imds("latest/meta-data/instance-type", IMDS_TOKEN="no")
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("status 401", refused.stderr)

    def test_what_is_not_there(self):
        done = self.imds("latest/meta-data/nothing")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("404 - Not Found", done.stderr)  # the body

    def test_retries_are_counted(self):
        self.faults.write_text(json.dumps([{"path": "/latest/meta-data/mac", "status": 503}]))
        self.assertEqual(self.imds("latest/meta-data/mac", IMDS_RETRIES="2").returncode, 1)
        self.assertEqual(self.log.read_text().count("/latest/meta-data/mac"), 3)
        self.faults.write_text(json.dumps([{"path": "/latest/meta-data/mac", "status": 503, "times": 2}]))
        self.assertEqual(self.imds("latest/meta-data/mac", IMDS_RETRIES="2").returncode, 0)

    def test_nobody_listens(self):
        done = self.imds("latest/meta-data/mac", IMDS_ENDPOINT="127.0.0.1:1", IMDS_RETRIES="1", IMDS_DEBUG="true")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("trying again", done.stderr)

    def test_misuse(self):
        for words in ((), ("a", "b"), ("a b",)):
            done = self.imds(*words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("usage: imds", done.stderr)
        self.assertEqual(self.imds("token", IMDS_RETRIES="many").returncode, 1)


# As eksctl, Karpenter and people write it, with what nodeadm keeps as it is: quotes in flags, numbers, "<".
NODE_CONFIG = """\
---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
metadata:
  name: example
spec:
  cluster:
    name: my-cluster
    apiServerEndpoint: https://example.com
    certificateAuthority: {ca}
    cidr: 10.100.0.0/16
    unknown: dropped
  containerd:
    config: |
      [a.b]
      x = 1
  featureGates:
    InstanceIdNodeName: true
  kubelet:
    config:
      maxPods: 30
      shutdownGracePeriod: 30s
      allowedUnsafeSysctls: ["<net>", "a&b"]
    flags:
      - --node-labels="a=b,c=d" --v=4
"""
SECOND = """\
{"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {
  "cluster": {"name": "other", "cidr": ""}, "containerd": {"config": "[a.b]\\ny = 2\\n"},
  "featureGates": {"InstanceIdNodeName": false},
  "kubelet": {"config": {"maxPods": 20}, "flags": ["--max-pods=9"]}, "instance": {"network": {"domains": ["x.example"]}}}}
"""


class NodeadmTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "30", "-subj", "/CN=kubernetes", "-keyout", self.directory / "key", "-out",
                        self.directory / "crt"], check=True, stderr=subprocess.DEVNULL, timeout=60)
        self.ca = base64.b64encode((self.directory / "crt").read_bytes()).decode()
        self.good = self.file("good.yaml", NODE_CONFIG.format(ca=self.ca))

    def file(self, name, text):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return f"file://{path}"

    def nodeadm(self, *arguments, **variables):
        return run("nodeadm", *arguments, **variables)

    def check(self, *sources):
        return self.nodeadm("config", "check", *[word for uri in sources for word in ("-c", uri)])

    def dump(self, *sources):
        done = self.nodeadm("config", "dump", *[f"--config-source={uri}" for uri in sources])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, done, error):
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertTrue(last.startswith("fatal nodeadm Command failed {"), done.stderr)
        self.assertIn(error, json.loads(last[last.index("{"):])["error"])

    def test_dump_of_the_smallest(self):
        text = ("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {cluster: {name: my-cluster, apiServerEndpoint: "
                "'https://example.com', certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=, cidr: 10.100.0.0/16}}\n")
        self.assertEqual(self.dump(self.file("any-name", text)),
                         '{"kind":"NodeConfig","apiVersion":"node.eks.aws/v1alpha1","metadata":{},"spec":{"cluster":{"name":'
                         '"my-cluster","apiServerEndpoint":"https://example.com","certificateAuthority":'
                         '"Y2VydGlmaWNhdGVBdXRob3JpdHk=","cidr":"10.100.0.0/16"},"containerd":{},"instance":{"localStorage":{},'
                         '"network":{}},"kubelet":{}}}\n')

    def test_dump_keeps_what_was_written(self):
        text = self.dump(self.good)
        self.assertIn(r'"allowedUnsafeSysctls":["\u003cnet\u003e","a\u0026b"]', text)

        spec = json.loads(text)["spec"]
        self.assertEqual(list(spec), ["cluster", "containerd", "instance", "kubelet", "featureGates"])
        self.assertEqual(spec["kubelet"]["flags"], ['--node-labels="a=b,c=d" --v=4'])
        self.assertEqual(spec["containerd"]["config"], "[a.b]\nx = 1\n")
        self.assertNotIn("unknown", spec["cluster"])

    def test_dump_merges_in_the_order_given(self):
        second = self.file("second.json", SECOND)
        spec = json.loads(self.dump(self.good, second))["spec"]
        self.assertEqual(spec["cluster"]["name"], "other")
        self.assertEqual(spec["cluster"]["cidr"], "10.100.0.0/16")  # an empty text clears nothing
        self.assertEqual(spec["kubelet"]["flags"], ['--node-labels="a=b,c=d" --v=4', "--max-pods=9"])
        self.assertEqual((spec["kubelet"]["config"]["maxPods"], spec["featureGates"]),
                         (20, {"InstanceIdNodeName": False}))
        self.assertRegex(spec["containerd"]["config"], r"(?s)\[a\.b\].*x = 1\ny = 2\n")
        self.assertEqual(spec["instance"], {"localStorage": {}, "network": {"domains": ["x.example"]}})
        self.assertEqual(json.loads(self.dump(second, self.good))["spec"]["cluster"]["name"], "my-cluster")

    def test_dump_into_a_file_is_read_again(self):
        target = self.directory / "new" / "dump.json"
        done = self.nodeadm("config", "dump", "-c", self.good, "-o", str(target))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(self.dump(f"file://{target}"), target.read_text())

    def test_a_directory(self):
        self.file("d/20-b.json", SECOND)
        self.file("d/10-a.YAML", NODE_CONFIG.format(ca=self.ca))
        self.file("d/30-c.yaml.bak", "nonsense")
        (self.directory / "d/sub.yaml").mkdir()
        self.assertEqual(json.loads(self.dump(f"file://{self.directory}/d/"))["spec"]["cluster"]["name"], "other")

        (self.directory / "empty").mkdir()
        done = self.check(f"file://{self.directory}/empty", self.good)
        self.assertEqual(done.returncode, 0)
        self.assertIn("warn nodeadm no config in directory", done.stderr)

        self.refused(self.check(f"file://{self.directory}/empty"), "no config in chain")

    def test_check_accepts(self):
        done = self.check(self.good)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1], "info nodeadm Configuration is valid")

        multipart = ('MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n--//\nContent-Type: '
                     'text/x-shellscript\n\n#!/bin/sh\n\n--//\nContent-Type: application/node.eks.aws\n\n'
                     + NODE_CONFIG.format(ca=self.ca) + "\n--//--\n")
        self.assertEqual(self.check(self.file("user data", multipart).replace(" ", "%20")).returncode, 0)

    def test_check_refuses(self):
        good = NODE_CONFIG.format(ca=self.ca)
        without = lambda key: "".join(line for line in good.splitlines(True) if not line.startswith(f"    {key}:"))
        for name, (text, error) in {
            "name": (without("name"), "Name is missing in cluster configuration"),
            "endpoint": (without("apiServerEndpoint"), "Apiserver endpoint is missing in cluster configuration"),
            "ca": (without("certificateAuthority"), "Certificate authority is missing in cluster configuration"),
            "cidr": (without("cidr"), "CIDR is missing in cluster configuration"),
            "id": (good.replace("    unknown: dropped", "    enableOutpost: true"),
                   "cluster ID must be provided for outposts"),
            "range": (good.replace("10.100.0.0/16", "banana"), "not an address range"),
            "kind": (good.replace("NodeConfig", "Pod"), "config provider at index 0 failed: "),
            "syntax": ("spec: [\n", "config provider at index 0 failed: "),
            "script": ("#!/bin/sh\n", "no NodeConfig in it"),
        }.items():
            with self.subTest(name):
                self.refused(self.check(self.file(name, text)), error)

        self.refused(self.check(f"file://{self.directory}/nothing"), "No such file")
        self.refused(self.check(self.good, "https://example.com"),
                     'failed to build provider from config source "https://example.com": unsupported scheme: https')
        self.refused(self.check("/etc/hosts"), "unsupported scheme: ")

    def test_command_lines(self):
        for words in ((), ("config",), ("start",), ("init", "--fast"), ("config", "check", "-o", "x"), ("init", "-c"),
                      ("config", "check", "dump"), ("--config-source=x", "init")):
            with self.subTest(words):
                done = self.nodeadm(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn("usage: nodeadm", done.stderr)

        for words in (("-h",), ("--help",), ("config", "check", "--help"), ("init", "-help")):
            done = self.nodeadm(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("usage: nodeadm", done.stdout)

        self.assertTrue(self.nodeadm("--version").stdout.startswith("Version: "))

        done = self.nodeadm("-d", "config", "check", "-config-source", self.good)  # one dash does as well
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_user_data_comes_from_the_metadata_service(self):
        packed = gzip.compress(NODE_CONFIG.format(ca=self.ca).encode())
        for data, status, reported in (
                (packed, 0, "Configuration is valid"),
                (base64.b64encode(NODE_CONFIG.format(ca=self.ca).encode()), 0, "Configuration is valid"),
                (b"#!/bin/sh\n", 1, "no NodeConfig in user data, skipping"),
                (packed[:-9], 1, "config provider at index 0 failed: user data: gzip data: cut short after "),
                (packed[:20] + b"\n" + packed[21:], 1, "config provider at index 0 failed: user data: gzip data: corrupt near "),
                (b"kind: [\n", 1, "no config in chain"),
                (None, 1, "config provider at index 0 failed: the instance has no user data")):
            with self.subTest(reported):
                options = []
                if data is not None:
                    (self.directory / "user-data").write_bytes(data)
                    options = ["--user-data", self.directory / "user-data"]

                endpoint = self.enterContext(fake_aws(*options))
                done = self.nodeadm("config", "check", EKS_IMDS_ENDPOINT=f"http://{endpoint}")
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(reported, done.stderr)

    def test_a_cache_stands_in_for_sources_that_hold_nothing(self):
        (self.directory / "empty").mkdir()
        spec = json.loads(self.dump(self.good))["spec"]
        self.file("cache.json", json.dumps({"metadata": {}, "spec": spec, "status": {"kubeletVersion": "v1.34.1"}}))
        done = self.nodeadm("config", "dump", "-c", f"file://{self.directory}/empty", "--config-cache",
                            str(self.directory / "cache.json"))
        self.assertEqual((done.returncode, json.loads(done.stdout)["spec"]), (0, spec), done.stderr)
        self.assertIn("using the cached one", done.stderr)


class CachePauseContainerTest(unittest.TestCase):
    def test_misuse(self):
        for words in ((), ("-i",), ("-x", "y"), ("-i", "a/b:1", "c")):
            with self.subTest(words):
                done = run("cache-pause-container", *words)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn("usage: cache-pause-container", done.stderr)


class LogCollectorTest(unittest.TestCase):
    def test_the_script_s_options_are_those_of_eksnode_logs(self):
        """A stand-in for that program prints its arguments."""
        introspection = [f"--without=ipamd/{name}" for name in ("enis", "pods", "networkutils", "ipamd", "eni-configs")]
        with tempfile.TemporaryDirectory() as folder:
            for file in PROGRAMS / "compat-commands", *PROGRAMS.rglob("libeksnode-*.so"):
                shutil.copy(file, folder)
            Path(folder, "eks-log-collector.sh").symlink_to("compat-commands")
            logs = Path(folder, "eksnode-logs")
            logs.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
            logs.chmod(0o755)

            for given, wanted in (((), [""]), (("--ignore_introspection=true",), introspection),
                                  (("--ignore_metrics", "--eks_hybrid=yes"), ["--without=ipamd/metrics", "--no-instance-id"]),
                                  (("--ignore_introspection=false", "--ignore_metrics=false", "--eks_hybrid=false"), [""])):
                with self.subTest(given):
                    done = subprocess.run([Path(folder, "eks-log-collector.sh"), *given], env=ENVIRONMENT | {
                        "LD_LIBRARY_PATH": folder}, capture_output=True, text=True, timeout=60, check=False)
                    self.assertEqual((done.returncode, done.stdout.splitlines(), done.stderr), (7, wanted, ""))

    def test_options(self):
        self.assertEqual(run("eks-log-collector.sh", "--help").returncode, 0)
        for word in "-h", "uname":
            done = run("eks-log-collector.sh", word)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("Parameter not found", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
