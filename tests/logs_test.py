#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""eksnode logs on volumes of made-up machines: what is in the bundle, and that nothing else is.

usage: logs_test.py SOURCE DIRECTORY-OF-PROGRAMS"""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

SOURCE, PROGRAMS = Path(sys.argv[1]), Path(sys.argv[2])
LOGS = PROGRAMS / "eksnode-logs"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
MARK = "QXJZ7VKW"
INSTANCE = "i-0123456789abcdef0"
MEBIBYTE = 1 << 20

# Where secrets are, and what must stay beside them.
PLANTED = {
    "etc/eks/node.toml": (f'[proxy]\nhttps = "http://user:{MARK}@proxy.example:3128"\n[instance.environment.default]\n'
                          f'SITE = "{MARK}"\n[kubelet.config]\nmaxPods = 17\n', "maxPods = 17"),
    "etc/eks/node.d/50-site.yaml": (f"apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  containerd:\n    config: |\n      [plugins.registry.configs.a.auth]\n"
                                    f'      password = "{MARK}"\n  cluster:\n    name: a-cluster\n', "name: a-cluster"),
    "etc/eks/containerd.d/50-site.toml": (f'[x."registry.example".auth]\nusername = "{MARK}"\nauth = "{MARK}"\n[y]\na = "kept"\n',
                                          'a = "kept"'),
    "var/lib/kubelet/kubeconfig": (f"users:\n- name: kubelet\n  user:\n    token: {MARK}\n    client-key-data: {MARK}\n"
                                   "clusters:\n- cluster:\n    server: https://api.example\n", "server: https://api.example"),
    "etc/containerd/config.toml": (f'version = 2\n[headers]\nX-Token = ["{MARK}"]\n[debug]\nlevel = "info"\n', 'level = "info"'),
    "etc/containerd/certs.d/docker.io/hosts.toml": (f'[host."https://a/".header]\nAuthorization = "Basic {MARK}"\n'
                                                    '[host."https://b/"]\ncapabilities = ["pull"]\n', 'capabilities = ["pull"]'),
    "etc/eks/kubelet/environment": (f'KUBELET_ARGS="--node-ip=10.0.0.1 --manifest-url-header=Authorization:{MARK} --v=2"\n',
                                    "--node-ip=10.0.0.1"),
    "var/log/cloud-init-output.log": (f"+ docker login --username AWS --password {MARK}\n+ export API_KEY={MARK}\nlogged in\n"
                                      f"-----BEGIN RSA PRIVATE KEY-----\n{MARK * 8}\n{MARK}=\n-----END RSA PRIVATE KEY-----\n", "logged in"),
    "var/log/messages": (f"Nov 24 a: GET https://user:{MARK}@host/x?sig={MARK} 200\n", "Nov 24 a: GET https://"),
    "var/log/pods/kube-system_aws-node-a_1/aws-node/0.log": (f'2026 stderr F {{"level":"info","token":"{MARK}","eni":"eni-1"}}\n',
                                                              '"eni":"eni-1"'),
    "etc/systemd/network/10-a.network": (f"[WireGuard]\nPrivateKey={MARK}\n[Match]\nName=ens5\n", "Name=ens5"),
}
USER_DATA = f"#!/bin/sh\necho {MARK}\n".encode()


def run(*arguments, program=LOGS, **options):
    return subprocess.run([program, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, timeout=60, check=False, **options)


class RootTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.root = self.directory / "a [volume]"  # characters of a pattern
        self.root.mkdir()
        self.write("run/eks/imds.json", f'{{"instanceId": "{INSTANCE}"}}')

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)

        if isinstance(text, bytes):
            file.write_bytes(text)
        else:
            file.write_text(text)

        return file

    def bundle(self, *arguments):
        """The files of a bundle that goes to a pipe, by name, and the standard error."""
        done = run("-o", "-", "--root", self.root, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

        with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:gz") as archive:
            members = archive.getmembers()
            self.assertEqual(len({m.name for m in members}), len(members))
            for member in members:
                self.assertEqual((member.mode, member.isfile()), (0o600, True), member.name)
            files = {m.name.removeprefix("./"): archive.extractfile(m).read().decode() for m in members}

        # tar agrees
        listed = subprocess.run(["tar", "-tzf", "-"], input=done.stdout, capture_output=True, check=True).stdout
        self.assertEqual(len(listed.splitlines()), len(files))

        return files, done.stderr.decode()


class Contents(RootTest):
    def test_no_planted_secret_is_in_it_and_what_is_beside_them_is(self):
        for path, (text, _) in PLANTED.items():
            self.write(path, text)
        self.write("run/eks/user-data", USER_DATA)

        files, _ = self.bundle()
        for name, text in files.items():
            self.assertNotIn(MARK, text, name)
        for path, (_, kept) in PLANTED.items():
            self.assertTrue(any(kept in text for text in files.values()), f"{path}: '{kept}' is lost")
        self.assertIn(f"{len(USER_DATA)} bytes, SHA-256 {hashlib.sha256(USER_DATA).hexdigest()}", files["eksnode/user-data.txt"])
        self.assertIn("maxPods = 17", files["eksnode/config.toml"])
        self.assertIn("kubelet.config.maxPods: /etc/eks/node.toml, line 6", files["eksnode/origins.txt"])

    def test_the_index_links_every_file(self):
        self.write("var/log/messages", "a\n")
        self.write("var/log/pods/kube-system_aws-node-<b>/a/0.log", "a\n")
        files, _ = self.bundle()
        page = files.pop("index.html")
        links = re.findall(r'href="([^"]+)"', page)
        self.assertEqual(len(links), len(files))
        self.assertIn("var_log/kube-system_aws-node-%3Cb%3E/a/0.log", links)
        self.assertNotIn("<b>", page)
        self.assertIn(INSTANCE, page)
        self.assertIn("No diagnosis: this is a volume of another machine", page)
        self.assertFalse([name for name in files if "diagnosis" in name])

    def test_long_names(self):
        directory = "/".join(["a" * 90] * 4)
        names = [f"{'b' * 60}.log", f"{'c' * 90}.log", f"{directory}/{'d' * 200}.log", "ä.log"]
        for name in names:
            self.write(f"var/log/pods/kube-system_coredns/{name}", f"{name[0]}\n")
        files, _ = self.bundle()

        for name in names:
            self.assertEqual(files[f"var_log/kube-system_coredns/{name}"], f"{name[0]}\n")

    def test_of_a_long_file_the_end_is_taken(self):
        self.write("var/log/messages", "".join(f"line {i} {'x' * 100}\n" for i in range(100_000)))
        text = self.bundle()[0]["var_log/messages"]
        self.assertLessEqual(len(text), 4 * MEBIBYTE)
        self.assertGreater(len(text), 3 * MEBIBYTE)
        self.assertTrue(text.startswith("line "))
        self.assertTrue(text.endswith(f"line 99999 {'x' * 100}\n"))

    def test_one_source_with_many_files_is_limited(self):
        for i in range(40):
            self.write(f"var/log/pods/kube-system_coredns/{i}.log", "y" * MEBIBYTE)
        files, _ = self.bundle("--timeout", "60s")
        self.assertLessEqual(sum(map(len, files.values())), 27 * MEBIBYTE)
        self.assertIn("only the first 24 MiB", files["errors.txt"])

    def test_no_link_leads_out(self):
        outside = self.directory / "outside"
        outside.write_text("outside\n")
        self.write("etc/shadow", "shadow\n")
        self.write("var/log/pods/kube-system_coredns/a/real.log", "kept\n")

        for name, target in {"0.log": outside, "1.log": "/etc/shadow", "2.log": "../../../../../etc/shadow", "3.log": "3.log",
                             "4.log": "a/real.log"}.items():
            os.symlink(target, self.root / "var/log/pods/kube-system_coredns" / name)

        os.mkfifo(self.root / "var/log/pods/kube-system_coredns/pipe")
        os.symlink(outside, self.root / "var/log/messages")

        files, _ = self.bundle()
        for text in files.values():
            self.assertNotRegex(text, "^(shadow|outside)")
        self.assertEqual(files["var_log/kube-system_coredns/4.log"], "kept\n")
        self.assertIn("which is not a log", files["errors.txt"])

    def test_binary_files_are_named_and_left_out(self):
        self.write("var/log/pods/kube-system_coredns/0.log.gz", gzip.compress(b"a" * 100) + b"\0")
        files, reported = self.bundle()
        self.assertNotIn("var_log/kube-system_coredns/0.log.gz", files)
        self.assertIn("0.log.gz' is not text, left out", files["errors.txt"])
        self.assertIn("incomplete, see errors.txt", reported)

    def test_a_journal_that_is_garbage(self):
        self.write("var/log/journal/0123456789abcdef0123456789abcdef/system.journal", os.urandom(MEBIBYTE))
        self.write("var/log/messages", "kept\n")
        files, reported = self.bundle()
        self.assertEqual(files["var_log/messages"], "kept\n")
        self.assertIn("no journal can be read: only files and programs' output\n", reported)

    @unittest.skipUnless(Path("/usr/lib/systemd/systemd-journal-remote").exists(), "no systemd-journal-remote to make a journal with")
    def test_a_journal_of_the_volume(self):
        records = ""
        for i in range(60_000):
            unit = "kubelet.service" if i % 2 else "other.service"
            records += (f"__REALTIME_TIMESTAMP={1_700_000_000_000_000 + i}\n_SYSTEMD_UNIT={unit}\n_TRANSPORT=stdout\n"
                        f"SYSLOG_IDENTIFIER=a\nMESSAGE=record {i} password={MARK} {'z' * 200}\n\n")

        path = self.root / "var/log/journal/0123456789abcdef0123456789abcdef/system.journal"
        path.parent.mkdir(parents=True)
        subprocess.run(["/usr/lib/systemd/systemd-journal-remote", f"--output={path}", "-"], input=records.encode(), check=True,
                       capture_output=True)
        files, _ = self.bundle("--since", "9999d")
        text = files["kubelet/kubelet.log"]
        self.assertNotIn(MARK, text)
        self.assertLess(len(text), 4 * MEBIBYTE)
        self.assertRegex(text.splitlines()[-1], "^2023-11-14T22:13:20.059999Z a: record 59999 password=… z+$")
        self.assertNotIn("record 59998 ", text)
        self.assertIn("record 59998 ", files["var_log/journal.log"])
        self.assertNotIn("kubelet/kubelet.log", self.bundle()[0])  # they are older than ten days

    def test_sources_can_be_left_out(self):
        self.write("var/log/messages", "a\n")
        self.write("etc/cni/net.d/10-a.conflist", "{}\n")
        files, _ = self.bundle("--without", "var_log/")
        self.assertNotIn("var_log/messages", files)
        self.assertIn("cni/10-a.conflist", files)


class Output(RootTest):
    def test_a_file_is_only_its_owner_s(self):
        path = self.directory / "a.tar.gz"
        path.write_text("old")
        path.chmod(0o644)
        done = run("--output", path, "--root", self.root)
        self.assertEqual((done.returncode, done.stdout.decode()), (0, f"{path}\n"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertTrue(tarfile.is_tarfile(path))
        self.assertEqual([p.name for p in self.directory.iterdir() if p.name.startswith(".#")], [])

    def test_a_full_disk(self):
        done = run("--output", "/dev/full", "--root", self.root)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write '/dev/full': No space left on device", done.stderr)
        self.assertIn(b"--output -", done.stderr)

    def test_a_directory_that_is_not_there(self):
        done = run("--output", self.directory / "nothing/a.tar.gz", "--root", self.root)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot create", done.stderr)

    def test_misuse(self):
        for arguments in (("--root", "/nonexistent"), ("--since", "yesterday"), ("--timeout", "x"), ("extra",), ("--unknown",)):
            done = run("-o", "/dev/null", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)


class ThisMachine(unittest.TestCase):
    """Whatever it is: no systemd, no root, no journal."""

    def test_what_can_be_had_is_collected(self):
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = run("--output", "-", "--timeout", "2s", "--without", "eksnode/diagnosis", "--without", "containerd/", "--without", "docker/", "--without", "ipamd/", **nobody)
        self.assertEqual(done.returncode, 0, done.stderr)

        with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:gz") as archive:
            names = {m.name for m in archive.getmembers()}
        self.assertLessEqual({"./index.html", "./errors.txt", "./kernel/uname.txt", "./system/os-release.txt"}, names)
        self.assertIn(b"not root: only what every user may read\n", done.stderr)

        if not Path("/run/systemd/system").exists():
            self.assertIn(b"systemd does not run here", done.stderr)
            self.assertNotIn("./system/systemd-analyze.svg", names)


    @unittest.skipUnless(os.geteuid() == 0, "only root can make a namespace without a network")
    def test_the_diagnosis_is_in_it_and_on_the_first_page(self):
        done = run("--net", LOGS, "--output", "-", "--timeout", "5s", "--without", "containerd/", "--without", "var_log/", "--without",
                   "system/", program="/usr/bin/unshare")
        self.assertEqual(done.returncode, 0, done.stderr)
        with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:gz") as archive:
            files = {m.name.removeprefix("./"): archive.extractfile(m).read().decode() for m in archive}

        names = {check["name"] for check in json.loads(files["eksnode/diagnosis.json"])["checks"]}
        self.assertLessEqual({"imds", "kubelet", "disks"}, names)
        self.assertRegex(files["eksnode/diagnosis.txt"], r"^× \d+ problems?: ")
        self.assertIn("<h2>Diagnosis</h2>", files["index.html"])
        self.assertIn(files["eksnode/diagnosis.txt"].splitlines()[0], files["index.html"])
        self.assertNotIn("diagnosis", files.get("errors.txt", ""))


class Page(unittest.TestCase):
    def test_the_page_lists_the_sources(self):
        done = run("--list")
        page = (SOURCE / "man/eksnode-logs.1.scd").read_text()
        table = [tuple(cell.strip().replace("\\", "") for cell in re.split(r"\n: ", row))
                 for row in re.findall(r"^\| (.*\n: .*\n: .*)$", page, re.MULTILINE)]
        listed = [tuple(line.split("\t")) for line in done.stdout.decode().splitlines()]
        self.assertGreater(len(listed), 80)
        self.assertEqual(table, listed)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
