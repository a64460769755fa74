#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Tests of eksnode's commands as people run them; where one asks the metadata service, that of tests/fake-aws.

usage: commands_test.py SOURCE EKSNODE-VALIDATE EKSNODE-MAX-PODS EKSNODE-SET EKSNODE-UNSET EKSNODE EKSNODE-VERSIONS
       EKSNODE-VALIDATE-IMAGE"""

import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

SOURCE, BUILT_VALIDATE, MAX_PODS, SET, UNSET, EKSNODE, VERSIONS, VALIDATE_IMAGE = Path(sys.argv[1]), *sys.argv[2:]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
USER_DATA = (SOURCE / "tests/golden/max-pods-expression-bad/root/run/eks/user-data").read_text()


def run(*command, **variables):
    return subprocess.run(command, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=60, check=False)


def setUpModule():
    """A copy of an installation that is not in /usr."""
    global COPY, VALIDATE
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    COPY = Path(directory.name, "libexec/eksnode")
    COPY.mkdir(parents=True)

    for name in "max-pods", "plan", "validate":
        shutil.copy(Path(BUILT_VALIDATE).with_name(f"eksnode-{name}").resolve(), COPY / f"eksnode-{name}")

    here = Path(BUILT_VALIDATE).parent
    for library in here.rglob("libeksnode-*.so"):  # as programs in the build directory find them
        (COPY / library.relative_to(here)).parent.mkdir(exist_ok=True)
        shutil.copy(library, COPY / library.relative_to(here))

    shutil.copytree(SOURCE / "helpers/data/share", Path(directory.name, "share/eks"))
    VALIDATE = COPY / "eksnode-validate"


class ValidateTest(unittest.TestCase):
    """kubelet.maxPodsExpression: a node goes on without a wrong one, --strict refuses it."""

    def validate(self, expression, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            lines = USER_DATA.splitlines(keepends=True)
            line = next(n for n, text in enumerate(lines) if "maxPodsExpression:" in text)
            lines[line] = f"    maxPodsExpression: '{expression}'\n"
            file.write("".join(lines))
            file.flush()
            place = f"{file.name}, line {line + 1}, column 5: kubelet.maxPodsExpression = \"{expression}\": "
            return run(VALIDATE, *options, file.name), place

    def test_a_right_expression(self):
        for expression in ("default_enis * (ips_per_eni - 1) + 2", "max_pods < 50 ? 50 : max_pods"):
            for options in (), ("--strict",):
                with self.subTest(expression, options=options):
                    done, _ = self.validate(expression, *options)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_wrong_expression(self):
        for expression, why in {
            "default_enis *": "column 15: .*where a value belongs",
            "one + 1": "column 1: 'one' is not a name",
            "max_pods > 1": "the result is a bool, not a number",
        }.items():
            with self.subTest(expression):
                done, place = self.validate(expression)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, f"^warning: .*{why}.*, ignoring\n$")
                self.assertIn(place, done.stderr)

                done, place = self.validate(expression, "--strict")
                self.assertEqual((done.returncode, done.stdout), (78, ""))
                self.assertRegex(done.stderr, f"^error: .*{why}.*\nhint: See eks-kubelet-config.service\\(8\\)")
                self.assertIn(place, done.stderr)


class ValidateHintsTest(unittest.TestCase):
    def test_a_hint_stands_below_its_errors(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[cluster]\nnaem = 'a'\nidd = 'b'\ncidr = 'banana'\n")
            file.flush()
            done = run(VALIDATE, file.name)

        self.assertEqual(done.returncode, 78)

        kinds = [line.split(": ")[0] for line in done.stderr.splitlines()]

        # There is one hint for both unknown keys. What is missing stands at a key of the same table.
        self.assertEqual(kinds, ["error", "error", "hint", "error", "hint", "error", "hint"], done.stderr)


class ValidateFormatTest(unittest.TestCase):
    def validate(self, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[kubelet.config]\ncgroupDriver = 'x'\nmaxPodz = 5\n")
            file.flush()
            return run(VALIDATE, *options, file.name), file.name

    def test_findings_for_programs(self):
        done, name = self.validate("--json")
        self.assertEqual((done.returncode, done.stderr), (78, ""))
        report = json.loads(done.stdout)
        self.assertFalse(report["valid"])

        places = {(f["severity"], f.get("file"), f.get("line"), f["message"].split(" = ")[0]) for f in report["findings"]}
        self.assertLessEqual({("error", name, 2, "kubelet.config.cgroupDriver"), ("warning", name, 3, "kubelet.config.maxPodz")}, places)

        done, name = self.validate("--format", "github")
        self.assertEqual((done.returncode, done.stderr), (78, ""))
        self.assertIn(f"::error file={name},line=2,col=1::kubelet.config.cgroupDriver = ", done.stdout)
        self.assertIn(f"::warning file={name},line=3,col=1::kubelet.config.maxPodz = ", done.stdout)

    def test_a_version_decides(self):
        for version, known in ("1.29", False), ("1.30", True):
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write("[kubelet.config]\npodLogsDir = '/var/log/pods'\n")
                file.flush()
                done = run(VALIDATE, "--kubelet-version", version, file.name)
                self.assertEqual("kubelet has this field from 1.30 on, ignoring" not in done.stderr, known, done.stderr)

    def test_wrong_options(self):
        for options in ("--format", "xml"), ("--kubelet-version", "new"):
            done, _ = self.validate(*options)
            self.assertEqual(done.returncode, 2, done.stderr)

        done = run(VALIDATE, "--root", "/nonexistent")
        self.assertEqual(done.returncode, 2)
        self.assertIn("this machine is not a node whose steps have run", done.stderr)


class ScriptsTest(unittest.TestCase):
    """Scripts run on the node; what a call of bootstrap.sh there sets is shown by the code of that command."""

    def test_validate_says_where_a_script_runs_and_how_to_see_its_result(self):
        parts = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-shellscript\n\n" \
                "#!/bin/sh\n/etc/eks/bootstrap.sh $NAME\n--x\nContent-Type: application/node.eks.aws\n\n" \
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {kubelet: {config: {maxPods: %s}}}\n--x--\n"
        for pods, status in ("20", 0), ("many", 78):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(parts % pods)
                file.flush()
                for options in (), ("--strict",):
                    done = run(VALIDATE, *options, file.name)
                    self.assertEqual(done.returncode, status, done.stderr)
            if status == 0:
                self.assertIn("MIME part 1: text/x-shellscript, which cloud-init runs on the node", done.stdout)
                self.assertIn("MIME part 2: application/node.eks.aws, NodeConfig", done.stdout)
                self.assertIn(": no cluster is configured; the node fails unless a script calls", done.stdout)
                self.assertIn("`eksnode migrate -- ARGUMENTS...`", done.stdout)

    def test_validate_leaves_a_broken_document_without_configuration_to_cloud_init(self):
        name = "user-data:" + str(SOURCE / "tests/golden/mime-no-empty-line-before-script/root/run/eks/user-data")
        done = run(VALIDATE, name)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "^warning: .*, line 6, column 1: .* left to cloud-init, proceeding\n$")
        self.assertIn("no cluster is configured; the node fails unless a script calls", done.stdout)

        done = run(VALIDATE, "--strict", name)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, "^error: .*, line 6, column 1: .* left to cloud-init\n")

    def migrate(self, *arguments, **variables):
        return run(str(Path(BUILT_VALIDATE).with_name("eksnode-migrate")), *arguments, **variables)

    def test_migrate_prints_what_validate_accepts(self):
        call = ["--", "my-cluster", "--kubelet-extra-args", '--node-labels="a=b,c=d" --v=3', "--service-ipv4-cidr", "10.100.0.0/16"]

        # AWS_PROFILE is of the machine where the command runs, not of the node.
        done = self.migrate(*call, USE_MAX_PODS="false", AWS_PROFILE="mine")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(tomllib.loads(done.stdout), {
            "cluster": {"name": "my-cluster", "cidr": "10.100.0.0/16"},
            "kubelet": {"flags": ["--node-labels=a=b,c=d", "--v=3"], "maxPodsExpression": "110"}})

        ca = next(line.split()[-1] for line in USER_DATA.splitlines() if "certificateAuthority:" in line)
        for form, suffix in ("toml", ".toml"), ("nodeconfig", ".yaml"):
            done = self.migrate("--format", form, *call, "--apiserver-endpoint", "https://example.com", "--b64-cluster-ca", ca)
            with tempfile.NamedTemporaryFile("w", suffix=suffix) as file:
                file.write(done.stdout)
                file.flush()
                checked = run(VALIDATE, "--strict", file.name)
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_migrate_refuses_what_bootstrap_sh_refuses(self):
        for arguments, status, why in (("c", "--ip-family", "ipv5"), 78, "must be ipv4 or ipv6"), ((), 2, "no arguments"), \
                (("--help",), 2, "--help is not a call"):
            done = self.migrate("--", *arguments)
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertIn(why, done.stderr)


class SetTest(unittest.TestCase):
    """On the tree of an image, which has no cluster yet."""

    FILE = "etc/eks/node.d/zz-eksnode-set.toml"

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        (self.root / "proc/1").mkdir(parents=True)
        (self.root / "proc/cmdline").write_text("")

    def set(self, *settings, program=SET):
        return run(program, "--root", self.root, *settings)

    def test_a_key_is_written_and_removed(self):
        done = self.set("kubelet.config.maxPods=20", "node.labels.example.com/team=a-b", "kubelet.flags=--v=3")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("it takes effect when this machine boots as a node", done.stdout)

        file = self.root / self.FILE
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

        lines = file.read_text().splitlines()
        self.assertTrue(lines[0].startswith("# "))
        self.assertIn("maxPods = 20", lines)
        self.assertIn("flags = [ '--v=3' ]", lines)
        self.assertIn("'example.com/team' = 'a-b'", lines)
        self.assertIn("already has these values", self.set("kubelet.config.maxPods=20").stdout)

        self.set("kubelet", "node.labels", program=UNSET)
        done = self.set("kubelet.config.maxPods", "kubelet.flags", "node.labels", program=UNSET)
        self.assertEqual((done.returncode, file.exists()), (0, False), done.stderr)

    def test_what_is_wrong_is_not_written(self):
        for setting, reported in {"kubelet.confg=1": "did you mean 'kubelet.config'?",
                              "kubelet.config.maxPods=-1": "maxPods", "cluster.cidr=banana": "not an address range",
                              "node.taints=a": "node.taints"}.items():
            with self.subTest(setting):
                done = self.set(setting)
                self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
                self.assertIn(reported, done.stderr)
                self.assertFalse((self.root / self.FILE).exists())

    def test_warnings_of_the_change_are_printed_and_no_earlier_ones(self):
        (self.root / "usr/share").mkdir(parents=True)
        (self.root / "usr/share/eks").symlink_to(SOURCE / "helpers/data/share")
        first = self.set("kubelet.config.podsPerCoer=9")
        self.assertRegex(first.stderr, "^warning: .*podsPerCoer = \"9\": kubelet has no such field; did you mean 'podsPerCore'")
        self.assertEqual((first.returncode, first.stderr.count("warning: ")), (0, 1), first.stderr)

        # Its line moves, for the file is sorted.
        done = self.set("kubelet.config.maxPods=300", "kubelet.config.memorySwap.swapBehaviour=NoSwap")
        self.assertEqual((done.returncode, done.stderr.count("warning: ")), (0, 2), done.stderr)
        self.assertIn("did you mean 'swapBehavior'?", done.stderr)
        self.assertIn("EKS recommends at most 250 pods", done.stderr)

        done = self.set("kubelet.config.maxPods", program=UNSET)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_later_layer_is_named(self):
        (self.root / "run/eks").mkdir(parents=True)
        (self.root / "run/eks/user-data").write_text(USER_DATA.replace("maxPodsExpression:", "maxPodsLimit: none #"))
        overridden = r"(?m)^warning: user data, line \d+, column \d+: cluster\.name is \"[a-z-]+\" there"

        for options, status in ((), 78), (("--force",), 0):
            done = self.set(*options, "cluster.name=other")
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertRegex(done.stderr, overridden)
            self.assertEqual((self.root / self.FILE).exists(), status == 0)


class EksnodeTest(unittest.TestCase):
    """The front door."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        top = Path(directory.name)
        verbs = top / "libexec/eksnode"
        verbs.mkdir(parents=True)
        (top / "bin").mkdir()
        self.eksnode = shutil.copy(EKSNODE, top / "bin")

        for verb in "status", "validate", "own":
            (verbs / f"eksnode-{verb}").symlink_to("/bin/true")

    def test_help_says_what_each_verb_does(self):
        done = run(self.eksnode, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^  own\n  status +show the bootstrap .*\n  validate +check configuration")

    def test_a_verb_that_is_not_there_gets_the_nearest(self):
        done = run(self.eksnode, "statsu")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertTrue(done.stderr.startswith("eksnode: there is no verb 'statsu'; did you mean 'status'?\n"))
        self.assertNotIn("did you mean", run(self.eksnode, "xyzzyplugh").stderr)
        self.assertEqual(run(self.eksnode, "status").returncode, 0)


class BuiltImageTest(unittest.TestCase):
    """versions and validate-image: a root with a manifest of the image build."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.put("usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.34.1\n", 0o755)
        self.put("etc/machine-id", "")

    def put(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def manifest(self, **wanted):
        self.put("etc/eks/image.json", json.dumps({"wanted": wanted, "built": {}, "enabled": [], "leftovers": [], "kernel": "",
                                                   "leastFreeMiB": 0, "files": []}))

    def call(self, *arguments):
        return run(*arguments, "--root", str(self.root))

    def test_versions(self):
        done = self.call(VERSIONS, "--json")
        self.assertEqual(done.returncode, 0)
        self.assertIn("image.json': nothing to compare with", done.stderr)
        self.assertEqual(json.loads(done.stdout)["components"][0]["state"], "unmanaged")

        self.manifest(kubernetes="1.34")
        done = self.call(VERSIONS, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

        tree = json.loads(done.stdout)
        self.assertEqual((tree["manifest"], tree["components"][0]["state"]), (True, "ok"))

        self.manifest(kubernetes="1.33", nerdctl="2.*")
        done = self.call(VERSIONS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("differs  kubernetes  1.34.1; wanted: 1.33\n         Install a version that is 1.33, or", done.stdout)
        self.assertIn("missing  nerdctl     not installed; wanted: 2.*\n", done.stdout)

        done = self.call(VERSIONS, "--installed", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["kubernetes"]), (0, "1.34.1"))
        self.assertEqual(self.call(VERSIONS, "more").returncode, 2)

        self.put("etc/eks/image.json", "{}")
        self.assertEqual(self.call(VERSIONS, "--json").returncode, 78)

    def test_validate_image(self):
        done = self.call(VALIDATE_IMAGE, "--json")
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertIn("Use a machine whose image packer/ has built", done.stderr)

        self.manifest(kubernetes="1.34.1")
        done = self.call(VALIDATE_IMAGE, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

        tree = json.loads(done.stdout)
        self.assertEqual({check["state"] for check in tree["checks"]}, {"ok"})
        self.assertEqual(tree["sizes"][-1]["component"], "all")

        self.put("etc/machine-id", "0123\n")
        done = self.call(VALIDATE_IMAGE, "--sizes")
        self.assertEqual(done.returncode, 1)
        self.assertIn("\n         Run `truncate --size=0 /etc/machine-id`\n", done.stdout)

        done = self.call(VALIDATE_IMAGE, "--running")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn(" MiB  all", done.stdout)
        self.assertIn(" MiB  all", self.call(VALIDATE_IMAGE, "--running", "--sizes").stdout)
        self.assertEqual(self.call(VALIDATE_IMAGE, "more").returncode, 2)

        self.put("usr/share/eks/packer/provisioners/check-controls", "printf 'broken\\tcis: 1 x\\twhy\\nmet\\tcis: 2 y\\t\\n'\n")
        self.assertEqual(self.call(VALIDATE_IMAGE, "--controls").returncode, 2)
        done = self.call(VALIDATE_IMAGE, "--running", "--controls", "--changes")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^problem  control cis: 1 x +why; wanted: in force")
        self.assertRegex(done.stdout, r"(?m)^ok +controls +1 are in force, 0 are waived$")
        self.assertRegex(done.stdout, r"(?m)^warning +changed by nobody known +.*check-controls")


class ValidateLayer(unittest.TestCase):
    def validate(self, toml, *options):
        user_data = SOURCE / "tests/golden/max-pods-expression/root/run/eks/user-data"
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(toml)
            file.flush()
            done = run(VALIDATE, *options, f"user-data:{user_data}", file.name)
            return done.returncode, done.stderr.replace(file.name, "node.toml")


class ValidateTrustTest(ValidateLayer):
    """trust.certificates: texts and the files that are there."""

    def certificate(self, days, *more):
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "config")
            config.write_text("[req]\ndistinguished_name = d\n[d]\n")
            subprocess.run(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-config", config, "-subj", "/CN=corp", "-days", str(days), "-keyout", f"{folder}/key",
                            "-out", f"{folder}/crt", *more], check=True, capture_output=True)
            return Path(folder, "crt").read_text(), Path(folder, "key").read_text()

    def trust(self, *items, options=()):
        listed = ", ".join(f"'''\n{item}'''" if "\n" in item else f"'{item}'" for item in items)
        return self.validate(f"[trust]\ncertificates = [{listed}]\n", *options)

    def test_texts(self):
        authority, key = self.certificate(30, "-addext", "basicConstraints=critical,CA:TRUE")
        self.assertEqual(self.trust(authority), (0, ""))

        leaf, _ = self.certificate(30, "-addext", "basicConstraints=critical,CA:FALSE")
        doubt = "node.toml, line 2, column 17: trust.certificates[0]: the certificate 'CN = corp': " \
                "not a CA certificate; replace it or remove it"
        self.assertEqual(self.trust(leaf), (0, f"warning: {doubt}, proceeding\n"))

        status, text = self.trust(leaf, options=["--strict"])
        self.assertEqual(status, 78)
        self.assertIn(f"error: {doubt}\n", text)

        for item, wrong in (key, "holds a private key"), (authority[:200] + "\n", "holds a damaged PEM certificate, number 1"), \
                ("corp/ca.pem", "is neither a certificate in PEM"):
            with self.subTest(wrong):
                status, text = self.trust(item)
                self.assertEqual(status, 78, text)
                self.assertRegex(text, rf"^error: node.toml, line 2, column 17: trust.certificates\[0\]: {wrong}.*\nhint: ")
                self.assertNotIn(key.splitlines()[1], text)

    def test_files(self):
        with tempfile.TemporaryDirectory() as root:
            shutil.copytree(SOURCE / "helpers/data/share", Path(root, "usr/share/eks"))
            file = Path(root, "etc/eks/corp.pem")
            options = [f"--root={root}"]
            status, text = self.trust("/etc/eks/corp.pem", "site.ca", options=options)
            self.assertEqual(status, 0, text)

            later = "; it is not checked here, and on a node this is an error\n"
            self.assertEqual(text, "warning: node.toml, line 2, column 17: trust.certificates[0] ('/etc/eks/corp.pem'): is not there"
                             f"{later}warning: node.toml, line 2, column 38: trust.certificates[1] ('site.ca'): there is no systemd "
                             f"credential of this name{later}")

            file.parent.mkdir(parents=True)
            file.write_text("no certificate\n")
            status, text = self.trust("/etc/eks/corp.pem", options=options)
            self.assertEqual(status, 78, text)
            self.assertIn("trust.certificates[0] ('/etc/eks/corp.pem'): holds no PEM certificate", text)

            file.write_text(self.certificate(30, "-addext", "basicConstraints=critical,CA:TRUE")[0])
            self.assertEqual(self.trust("/etc/eks/corp.pem", options=options), (0, ""))


class ValidateContainerdTest(ValidateLayer):
    """containerd.config and containerd.runtimes, as far as any node would refuse them."""

    def test_unknown_settings(self):
        toml = "[containerd]\nconfig = \"\"\"\n[plugins.'com.example.x']\na = 1\n\"\"\"\n"
        unknown = r".*node\.toml.*: plugins\.\"com\.example\.x\": not a containerd setting that eksnode knows"
        status, text = self.validate(toml)
        self.assertEqual(status, 0, text)
        self.assertRegex(text, f"^warning: {unknown}, proceeding\n$")

        status, text = self.validate(toml, "--strict")
        self.assertEqual(status, 78, text)
        self.assertRegex(text, f"^error: {unknown}\nhint: Correct or remove it, or check without --strict\n$")

    def test_wrong_types(self):
        status, text = self.validate("[containerd]\nconfig = \"\"\"\nplugins = 5\n\"\"\"\n")
        self.assertEqual(status, 78, text)
        self.assertRegex(text, r"^error: containerd\.config \(.*node\.toml.*\), line 1, column 1: plugins = 5: must be")

    def test_descriptors(self):
        for toml, wrong in {
            "[containerd.runtimes.Foo]\nbinary = '/x'\n": "line 1, column 22: containerd.runtimes.Foo.name = ",
            "[containerd.runtimes.foo]\nbinary = 'x'\n": "line 2, column 1: containerd.runtimes.foo.binary = ",
            "[containerd.runtimes.a]\nkind = 'shim'\n": "line 1, column 22: containerd.runtimes.a.runtime_type: is missing",
        }.items():
            with self.subTest(toml):
                status, text = self.validate(toml)
                self.assertEqual(status, 78, text)
                self.assertIn(f"error: node.toml, {wrong}", text)


class ValidateAllTest(unittest.TestCase):
    """Every stage reports, as at boot."""

    CONTAINERD = "plugins.\"io.containerd.grpc.v1.cri\""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def validate(self, text, *options, name="node.yaml", more=(), program=None):
        file = self.top / name
        file.write_text(text)
        done = run(program or VALIDATE, *options, file, *more)
        return done.returncode, done.stderr.replace(f"{self.top}/", ""), done.stdout.replace(f"{self.top}/", "")

    def node(self, spec="", *, ca=None):
        lines = USER_DATA.splitlines()
        ca = ca or next(line.split()[-1] for line in lines if "certificateAuthority:" in line)
        return "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: a\n" \
               f"    apiServerEndpoint: https://example.com\n    certificateAuthority: {ca}\n    cidr: 10.100.0.0/16\n{spec}"

    def test_one_error_does_not_hide_another(self):
        broken = self.top / "broken.toml"
        broken.write_text("[kubelet\n")
        status, text, _ = self.validate(self.node(
            "  kubelet:\n    flags: ['--register-with-taints=a']\n  containerd:\n    config: |\n      [a\n", ca="'%'"), more=[broken])
        self.assertEqual(status, 78)

        errors = [line for line in text.splitlines() if line.startswith("error:")]
        for error, reported in zip(errors, ("line 7,.*certificateAuthority", "line 10,.*taint", "containerd.config.*line 1", "broken.toml"),
                               strict=True):
            self.assertRegex(error, reported)

    def test_what_the_boot_refuses_is_refused(self):
        both = f"  containerd:\n    config: |\n      [{self.CONTAINERD}.registry]\n      config_path = '/x'\n" \
               f"      [{self.CONTAINERD}.registry.mirrors.\"docker.io\"]\n      endpoint = ['https://a.example']\n"
        status, text, _ = self.validate(self.node(both))
        self.assertEqual(status, 78, text)
        self.assertRegex(text, "^error: .*registry.mirrors: containerd does not load CRI")

    def test_a_program_that_a_script_may_install_is_a_warning(self):
        own = f"  containerd:\n    config: |\n      [{self.CONTAINERD}.containerd]\n      default_runtime_name = 'own'\n" \
              f"      [{self.CONTAINERD}.containerd.runtimes.own]\n      runtime_type = '/opt/none/own'\n"
        status, text, _ = self.validate(self.node(own))
        self.assertEqual(status, 0, text)
        self.assertRegex(text, "^warning: .*its program is missing: no /opt/none/own; .*proceeding\n$")

    def plan(self, file, facts):
        done = run(COPY / "eksnode-plan", "--config", f"user-data:{self.top / file}", "--imds", facts, "--kubelet-version", "1.34.0",
                   "--containerd-version", "2.1.0")
        return done.returncode, done.stderr

    def facts(self, name, tree):
        (self.top / name).write_text(json.dumps(tree))
        return self.top / name

    FACTS = {"instanceId": "i-1", "instanceType": "m5.large", "region": "us-west-2", "availabilityZone": "us-west-2a",
             "localHostname": "ip-10-0-0-1.us-west-2.compute.internal", "localIpv4": "10.0.0.1"}

    def test_a_default_runtime_that_a_script_may_install(self):
        named = f"  containerd:\n    config: |\n      [{self.CONTAINERD}.containerd]\n      default_runtime_name = '%s'\n"
        reported = "line 2, column 1: default_runtime_name = \"kata-qemu\": what this runtime requires is not here yet: no "

        for options in (), ("--strict",):
            status, text, _ = self.validate(self.node(named % "kata-qemu"), *options)
            self.assertEqual(status, 0, text)
            self.assertRegex(text, f"^warning: .*{reported}.*, proceeding\n$")

        status, text = self.plan("node.yaml", self.facts("imds.json", self.FACTS))
        self.assertEqual(status, 0, text)
        self.assertIn(reported, text)

        for name in "krun-shim", "none":  # one that is never rendered, and one that is not described
            status, text, _ = self.validate(self.node(named % name))
            self.assertEqual(status, 78, text)
            self.assertEqual(self.plan("node.yaml", self.top / "imds.json")[0], 78)

    def test_without_the_files_of_eksnode(self):
        (self.top / "empty").mkdir()
        reported = r"the files of eks-containerd-config are not checked: '.*/usr/share/eks' is not there"

        for options in (["--root", self.top / "empty"],):
            status, text, _ = self.validate(self.node(), *options)
            self.assertEqual(status, 0, text)
            self.assertRegex(text, f"(?m)^warning: {reported}")
            status, text, _ = self.validate(self.node(), "--strict", *options)
            self.assertEqual(status, 78, text)
            self.assertRegex(text, f"(?m)^error: {reported}\nhint: Install eksnode")

    def test_facts_that_are_missing(self):
        whole = self.facts("imds.json", self.FACTS)
        self.assertEqual(self.validate(self.node(), "--imds", whole)[:2], (0, ""))

        thin = self.facts("thin.json", {})
        status, text, _ = self.validate(self.node(), "--imds", thin)
        self.assertEqual(status, 78, text)
        self.assertRegex(text, "(?m)^error: the instance metadata has no 'region'$")
        self.assertIn("hint: Add it to 'thin.json', which --imds names\n", text)

        status, text = self.plan("node.yaml", thin)
        self.assertEqual(status, 1, text)
        self.assertIn(f"Add it to '{thin}', which --imds names\n", text)

    def test_every_document_of_user_data_is_read(self):
        part = "--x\nContent-Type: {}\n\n{}\n"
        text = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" + "".join([
            part.format("application/node.eks.aws", self.node().replace("10.100.0.0/16", "banana")),
            part.format("application/node.eks.aws", "spec: [\n"),
            part.format("application/vnd.eksnode+toml", "[a\n")]) + "--x--\n"
        status, text, _ = self.validate(text, name="ud")
        self.assertEqual(status, 78)

        errors = [line for line in text.splitlines() if line.startswith("error:")]
        for error, reported in zip(errors, ("part 1, line .*cluster.cidr", "part 2, line ", "part 3, line "), strict=True):
            self.assertRegex(error, f"^error: ud, MIME {reported}")

    def test_warnings_are_sorted(self):
        _, text, _ = self.validate(self.node("  featureGates: {b: true}\n  x: 1\n").replace("name: a", "nam: 1\n    name: a"))
        lines = [int(n) for n in re.findall(r"(?m)^warning: node.yaml, line (\d+)", text)]
        self.assertEqual(lines, [5, 10, 11], text)

    def test_a_value_without_a_version_of_kubelet(self):
        shutil.copytree(SOURCE / "helpers/data/share", self.top / "usr/share/eks")
        for key, status, message in (
                ("podLogsDir: /var/log", 0, "valid: "),  # kubelet 1.29 ignores it
                ("runOnce: true", 0, 'kubelet.config.runOnce = "true": kubelet 1.36 and later: kubelet no longer runs once, proceeding'),
                ("memorySwap: {swapBehavior: NoSwp}", 78, 'error: node.yaml, line 9, column 35: kubelet.config.memorySwap.swapBehavior')):
            with self.subTest(key):
                done = self.validate(self.node(f"  kubelet: {{config: {{{key}}}}}\n"), "--root", self.top)
                self.assertEqual(done[0], status, done[1])
                self.assertIn(message, done[1] + done[2])

    def test_an_unknown_gate(self):
        """The table lacks some gates that were gone before 1.32."""
        for gate, version, status in (("InTreePluginGCEUnregister", "1.26", 0), ("InTreePluginGCEUnregister", "1.34", 78),
                                      ("NoSuchThing", "", 0), ("NoSuchThing", "1.32", 78), ("NodeSwapp", "", 78)):
            with self.subTest(gate, version=version):
                options = ("--kubelet-version", f"{version}.1") if version else ()
                status_found, text, _ = self.validate(self.node(f"  kubelet: {{config: {{featureGates: {{{gate}: true}}}}}}\n"), *options)
                self.assertEqual(status_found, status, text)
                self.assertIn("kubelet has no such feature gate", text)

    def test_a_kubelet_newer_than_the_table(self):
        status, text, _ = self.validate(self.node(), "--kubelet-version", "1.40.0")
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("1.40"), 1, text)

    def test_a_removed_gate(self):
        gate = self.node("  kubelet: {config: {featureGates: {AnyVolumeDataSource: true}}}\n")
        reported = "node.yaml, line 9, column 37: kubelet.config.featureGates.AnyVolumeDataSource = true: kubelet "
        self.assertIn(f"warning: {reported}1.37 and later does not start with it", self.validate(gate)[1])
        self.assertEqual(self.validate(gate, "--strict")[0], 78)

        version = self.top / "etc/eks/kubelet-version.txt"
        version.parent.mkdir(parents=True)
        shutil.copytree(SOURCE / "helpers/data/share", self.top / "usr/share/eks")

        for text, status, error in ("1.36.0", 0, ""), ("1.37.0", 78, f"error: {reported}1.37.0 does not start with it: the gate was removed"):
            version.write_text(text)
            done = self.validate(gate, "--root", self.top)
            self.assertEqual(done[0], status, done[1])
            self.assertIn(error, done[1])

    def test_the_work_grows_with_the_errors(self):
        """Four times as many take four times as long, and not sixteen times."""
        sanitized = b"__asan_init" in Path(BUILT_VALIDATE).resolve().read_bytes()  # many times slower
        count = 6_000 if sanitized else 60_000

        def labels(flag, n):
            return self.node(f"  kubelet:\n    flags:\n    - --{flag}=" + ",".join(f"a{i}!" for i in range(n)) + "\n")

        def keys(n):
            return "".join(f"k{i}=1\n" for i in range(n))

        def processor_time(text, name, n):
            (self.top / name).write_text(text)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = run(VALIDATE, "--strict", self.top / name)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.assertEqual(done.returncode, 78, done.stderr[-500:])
            self.assertGreaterEqual(done.stderr.count("error:"), n)

            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        for name, text in {
                "labels.yaml": lambda n: labels("node-labels", n),
                "taints.yaml": lambda n: labels("register-with-taints", n),
                "containerd.toml": lambda n: f"[containerd]\nconfig = \"\"\"\n[{self.CONTAINERD}]\n{keys(n)}\"\"\"\n",
                "keys.toml": keys,
                "fields.toml": lambda n: f"[kubelet.config]\n{keys(n)}",
                "gates.toml": lambda n: "[kubelet.config.featureGates]\n" + "".join(f"G{i}=true\n" for i in range(n)),
                "flags.toml": lambda n: "[kubelet]\nflags=[" + ",".join(f'"--x{i}=1"' for i in range(n)) + "]\n",
                "spec.yaml": lambda n: self.node("".join(f"  k{i}: 1\n" for i in range(n))),
                "flow.yaml": lambda n: "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {cluster: {name: a}, "
                                       + ", ".join(f"k{i}: 1" for i in range(n)) + "}\n"}.items():
            with self.subTest(name):
                few = min(processor_time(text(count // 4), name, count // 4) for _ in range(2))
                many = min(processor_time(text(count), name, count) for _ in range(2))
                self.assertLess(many / few, 8, f"{few:.2f} s and {many:.2f} s")

    def test_a_node_config_without_spec(self):
        status, text, _ = self.validate("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\ncluster: {name: a}\n")
        self.assertEqual(status, 78)
        self.assertIn("warning: node.yaml, line 3, column 1: cluster is at the top level and ignored; put it under 'spec:'\n", text)
        self.assertIn("cluster is at the top level\nhint: Put it under 'spec:'\n", text)
        _, text, _ = self.validate("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {kubelet: {config: {maxPods: 9}}}\n")
        self.assertIn("no cluster is configured in: node.yaml", text)

    def test_scripts_without_a_cluster(self):
        config = "#cloud-config\npackages: [vim]\n"
        status, text, _ = self.validate(config, name="cc")
        self.assertEqual(status, 0)
        self.assertRegex(text, "^warning: cc: .*no cluster is configured; the node fails unless a script calls")
        self.assertEqual(self.validate(config, "--strict", name="cc")[0], 78)

    def test_a_script_that_names_a_command_is_no_doubt(self):
        for call in "/etc/eks/bootstrap.sh c", "nodeadm init":
            with self.subTest(call):
                status, errors, text = self.validate(f"#!/bin/bash\n{call}\n", "--strict", name="script")
                self.assertEqual((status, errors, text.count("the node fails unless a script calls")), (0, "", 1), text)
        status, _, _ = self.validate("#!/bin/bash\nls /etc/eks/nodeadm.d\n", "--strict", name="script")
        self.assertEqual(status, 78)

    def test_user_data_that_is_no_configuration(self):
        status, text, _ = self.validate("hello\n", name="text")
        self.assertEqual(status, 78)
        self.assertIn("text, line 1, column 1: plain text, not a NodeConfig\nhint: Give a NodeConfig", text)

    def test_a_list_that_a_blank_cuts(self):
        _, text, _ = self.validate(self.node("  kubelet: {flags: ['--node-labels=a=b, c=d']}\n"))
        self.assertIn("kubelet.flags[1] = \"c=d\": not a flag\nhint: Write the list without blanks: --node-labels=a=b,c=d\n", text)

    def test_a_secret_in_a_name(self):
        _, text, _ = self.validate(self.node("  instance: {environment: {kubelet: {'TOKEN=s3cret': x}}}\n  'KEY=s3cret': 1\n"))
        self.assertNotIn("s3cret", text)
        self.assertIn("TOKEN=…", text)

    def test_a_copy_works(self):
        table = run(COPY / "eksnode-max-pods", "--table", "m5")
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertIn("m5.large", table.stdout)

    def test_absent_facts(self):
        done = run(str(Path(BUILT_VALIDATE).with_name("eksnode-plan")), "--config", f"user-data:{SOURCE}/tests/golden/common/root/run/eks/"
                   "user-data", "--imds", "/nonexist", "--kubelet-version", "1.34.0", "--containerd-version", "2.1.0")
        self.assertEqual((done.returncode, done.stderr), (
            1, "eksnode plan: /nonexist: no such file (--imds). Give a file in the shape of /run/eks/imds.json\n"))

    def test_migrate_without_dashes(self):
        done = run(str(Path(BUILT_VALIDATE).with_name("eksnode-migrate")), "a", "--kubelet-extra-args", "--v=3")
        self.assertEqual(done.returncode, 2)
        self.assertIn("Put `--` before bootstrap.sh's arguments", done.stderr)


class MaxPodsTest(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (self.root / "usr/share/eks").mkdir(parents=True)
        shutil.copy(SOURCE / "helpers/data/share/instance-types.tsv", self.root / "usr/share/eks")
        server = stack.enter_context(subprocess.Popen(
            [SOURCE / "tests/fake-aws", "--profile", SOURCE / "tests/profiles/m5.large.json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        stack.callback(server.kill)
        self.imds = f"http://127.0.0.1:{int(server.stdout.readline())}"

    def max_pods(self, *options, imds=None):
        return run(MAX_PODS, "--instance-type-from-imds", f"--root={self.root}", *options,
                   EKS_IMDS_ENDPOINT=imds or self.imds)

    def test_the_type_comes_from_the_metadata_service(self):
        done = self.max_pods()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "29\n", ""))
        done = self.max_pods("--cni-custom-networking-enabled")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "20\n", ""))

    def test_facts_on_disk_come_first(self):
        (self.root / "run/eks").mkdir(parents=True)
        (self.root / "run/eks/imds.json").write_text('{"instanceType": "m5.xlarge"}')
        self.assertEqual(self.max_pods(imds="http://127.0.0.1:1").stdout, "58\n")

    def test_no_metadata_service(self):
        done = self.max_pods(imds="http://127.0.0.1:1")  # where nothing listens
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("127.0.0.1:1", done.stderr)


class ImageTest(unittest.TestCase):
    """image plan: the front end of the image build, or a make that tells how it was called."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        self.config = self.directory / "image.toml"
        self.config.write_text('kubernetes_version = "1.34.1"\nkubernetes_build_date = "2025-11-13"\nami_description = "a $(shell id) $HOME"\n')

    def image(self, *words, **variables):
        program = Path(BUILT_VALIDATE).absolute().with_name("eksnode-image")
        return subprocess.run([program, *words], env=ENVIRONMENT | variables, cwd=self.directory, capture_output=True, text=True, timeout=60,
                              check=False)

    def put_make(self, status):
        make = self.directory / "make"
        make.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@"\necho "make says why" >&2\nexit {status}\n')
        make.chmod(0o755)
        (self.directory / "packer").mkdir(exist_ok=True)
        (self.directory / "packer/Makefile").touch()
        return f"{self.directory}:/usr/bin:/bin"

    def test_the_plan_of_the_front_end(self):
        done = self.image("plan", "--packer", str(SOURCE / "packer"), "image.toml", "arch=arm64", "creator=it's $(shell id) $$")
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = tomllib.loads(done.stdout)
        self.assertEqual((plan["arch"], plan["kubernetes_version"], plan["creator"], plan["ami_description"]),
                         ("arm64", "1.34.1", "it's $(shell id) $$", "a $(shell id) $HOME"))
        self.assertRegex(done.stdout, r"(?m)^arch = .* # command line\n(.*\n)*?kubernetes_version = .* # image.toml$")

    def test_what_is_wrong_with_an_image_is_said_by_the_front_end(self):
        for text, words, why in ('arhc = "arm64"\n', (), "line 1"), ("", ("arhc=arm64",), "there is no variable 'arhc'"), \
                (None, (), "cannot read the image configuration"):
            with self.subTest(why):
                if text is None:
                    self.config.unlink()
                else:
                    self.config.write_text(text)

                done = self.image("plan", f"--packer={SOURCE / 'packer'}", "image.toml", *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(why, done.stderr)

    def test_make_is_called_with_words_as_they_are(self):
        path = self.put_make(0)
        done = self.image("plan", "my image$.toml", "a=b c", "ami_name=$(x)=", PATH=path)
        self.assertEqual((done.returncode, done.stdout.splitlines()),
                         (0, ["--file=packer/Makefile", "plan", "config=my image$$.toml", "a=b c", "ami_name=$$(x)="]))

    def test_without_a_checkout_the_copy_of_the_package_is_used(self):
        path = self.put_make(0)
        (self.directory / "usr/share/eks").mkdir(parents=True)
        installed = (self.directory / "packer").rename(self.directory / "usr/share/eks/packer")
        done = self.image("plan", "image.toml", PATH=path, EKS_ROOT=str(self.directory))
        self.assertEqual((done.returncode, done.stdout.splitlines()), (0, [f"--file={installed}/Makefile", "plan", "config=image.toml"]))

        self.put_make(0)
        done = self.image("plan", "image.toml", PATH=path, EKS_ROOT=str(self.directory))
        self.assertEqual(done.stdout.splitlines()[0], "--file=packer/Makefile")

    def test_the_exit_status_is_that_of_make(self):
        done = self.image("plan", "image.toml", PATH=self.put_make(2))
        self.assertEqual((done.returncode, done.stderr), (2, "make says why\n"))

    def test_wrong_calls(self):
        path = self.put_make(0)
        for words, why in {(): "give one command: plan", ("build", "image.toml"): "give one command: plan", ("plan",): "give an image configuration",
                           ("plan", ""): "give an image configuration", ("plan", "image.toml", "clean"): "'clean' is not NAME=VALUE",
                           ("plan", "image.toml", "-n"): "'-n' is not NAME=VALUE", ("plan", "image.toml", "a:=b"): "'a:=b' is not NAME=VALUE",
                           ("plan", "image.toml", "config=x"): "give one image configuration",
                           ("plan", "--config=x", "image.toml"): "unknown option '--config=x'"}.items():
            with self.subTest(words):
                done = self.image(*words, PATH=path)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(why, done.stderr)

    def test_no_image_build_and_no_make(self):
        done = self.image("plan", "image.toml")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/usr/share/eks/packer/Makefile'", done.stderr)
        self.assertIn("Say --packer DIR", done.stderr)

        self.put_make(0)
        done = self.image("plan", "image.toml", PATH="/nowhere")
        self.assertEqual((done.returncode, done.stderr), (1, "eksnode image: there is no program 'make'. Install make\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
