#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""Tests of packer/: the template with the Packer that is installed, the front end against an S3 bucket on loopback, and the
provisioners on directories that stand for machines, with stand-ins for what changes a machine.

usage: packer_test.py [TEST...]"""

import concurrent.futures
import grp
import hashlib
import http.server
import io
import json
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import tomllib
import unittest
import urllib.parse
from pathlib import Path

import jsonschema

sys.path.insert(0, str(Path(__file__).parent))
import aws_signature  # noqa: E402

SOURCE = Path(__file__).resolve().parents[1] / "packer"
REGION = "us-west-2"
KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalr/XUtnFEMI+K7MDENG", "session/token+with=signs"
MINORS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
KUBELET = '#!/bin/sh\necho "Kubernetes v{}"\n'
BUILD = {"kubernetes_version": "1.34.1", "kubernetes_build_date": "2025-11-13"}

# Public keys, and the fingerprint of the first.
ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}-----END PGP PUBLIC KEY BLOCK-----\n"
KEY = ARMOUR.format("""mDMEXgvhABYJKwYBBAHaRw8BAQdAixnQlGcYV6mJ3UlETgRHpZ0C3hKUMSy4ILpQ
mFYvmKy0D29uZUBleGFtcGxlLm9yZ4iQBBMWCAA4FiEE80olTlmCPmYz1arcDjiX
uuPVtA8FAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQDjiXuuPV
tA/6HQEA1gpDa9YPRmJdu4oXHyP4H92IYMGMCu61XdhjlIERuCkBAJ7cQkTutai3
tcg1uC5GiFP2c/uS29wOU7lYuYSPsVMB
=gFR8
""")
OTHER_KEY = ARMOUR.format("""mDMEXgvhABYJKwYBBAHaRw8BAQdAAaeCt5j3vQcB3Fox4dZlTA0aqc7XqUT/VMe+
Novt9vi0D3R3b0BleGFtcGxlLm9yZ4iQBBMWCAA4FiEETVTB9ybKnqHu/jkclJq/
WH2qT5IFAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQlJq/WH2q
T5IRcgEAskb/jXiJsmS+fncGmI1U0tQ6OL4wT6grlrDImWwJCH0A/2d70CrzI94H
WTa1B1D5pDOQvs8UCspB0nyehncGGjgB
=0Osj
""")
KEY_FINGERPRINT = "F34A254E59823E6633D5AADC0E3897BAE3D5B40F"

# Every variable of AWS's templates for AL2 and AL2023.
PEER = """additional_yum_repos ami_component_description ami_description ami_name ami_regions ami_users arch
associate_public_ip_address aws_access_key_id aws_region aws_secret_access_key aws_session_token binary_bucket_name
binary_bucket_region cache_container_images cleanup_image cni_plugin_version containerd_version creator custom_endpoint_ec2
docker_version enable_accelerator enable_efa enable_fips encrypted iam_instance_profile install_containerd_from_s3 instance_type
kernel_version kms_key_id kubernetes_build_date kubernetes_version launch_block_device_mappings_volume_size nodeadm_build_image
nvidia_driver_major_version nvidia_driver_version nvidia_grid_runfile_bucket_name nvidia_repository_url pause_container_image
pause_container_version pull_cni_from_github remote_folder runc_version security_group_id sonobuoy_e2e_registry
source_ami_filter_name source_ami_id source_ami_owners ssh_interface ssh_username ssm_agent_version subnet_id
temporary_key_pair_type temporary_security_group_source_cidrs user_data_file volume_type working_dir""".split()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Bucket(http.server.ThreadingHTTPServer):
    """S3 as far as the front end needs it. With `private` it wants a signature, which it computes itself."""

    def __init__(self):
        self.objects, self.private, self.page, self.requests, self.region, self.role, self.tags = {}, False, 1000, [], REGION, "", []
        self.cut = set()  # what ends in the middle, once
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, key, data):
        self.objects[key] = data.encode() if isinstance(data, str) else data

    def put_build(self, version, date, *archs, checksums=True):
        for arch in archs:
            for name in "kubelet", "ecr-credential-provider", "aws-iam-authenticator":
                key, data = f"{version}/{date}/bin/linux/{arch}/{name}", KUBELET.format(version)
                self.put(key, data)
                if checksums:
                    self.put(f"{key}.sha256", f"{sha256(data.encode())}  {name}\n")


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_signed(self, path, query):
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)",
                             self.headers.get("Authorization", ""))
        if not match or match[1] != KEY_ID or match[2].split("/")[1:] != [REGION, "s3", "aws4_request"]:
            return False
        headers = {name: self.headers[name].strip() for name in match[3].split(";")}
        words = sorted(query.split("&")) if query else []
        return (headers.get("x-amz-security-token", "") == self.server.token and match[4] == aws_signature.signature(
            SECRET, headers["x-amz-date"], match[2], self.command, path, "&".join(words), headers))

    def do_PUT(self):
        """The metadata service's token."""
        self.reply(200 if self.path == "/latest/api/token" else 404, b"token-of-imds")

    def do_GET(self):
        path, _, query = self.path.partition("?")
        server = self.server
        signed = self.is_signed(path, query)
        server.requests.append((self.path, signed, dict(self.headers)))
        if path == "/latest/meta-data/ami-id":
            given = self.headers.get("X-aws-ec2-metadata-token")
            return self.reply(200, b"ami-0base") if given == "token-of-imds" else self.reply(401)
        if path == "/latest/meta-data/placement/region":
            return self.reply(200, b"eu-central-1")
        if path.startswith("/latest/meta-data/iam/security-credentials/") and server.role:
            if self.headers.get("X-aws-ec2-metadata-token") != "token-of-imds":
                return self.reply(401)
            text = json.dumps({"Code": "Success", "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": TOKEN}, indent=2)
            return self.reply(200, (text if path.endswith(server.role) else server.role).encode())
        if path.startswith(("/v2/", "/token")):
            return self.registry(path, dict(urllib.parse.parse_qsl(query)))
        if path.startswith("/releases/"):
            data = server.objects.get(path[1:])
            return self.reply(200, data) if data is not None else self.reply(404)
        if server.private and not signed:
            return self.reply(403)
        _, bucket, key = path.split("/", 2)
        if bucket != "binaries" and bucket != "amazon-eks":
            return self.reply(404)
        if server.region != REGION:
            return self.reply(301, x_amz_bucket_region=server.region)
        if path in server.cut:
            server.cut.remove(path)
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.close_connection = True
            return None
        if key:
            data = server.objects.get(urllib.parse.unquote(key))
            return self.reply(200, data) if data is not None else self.reply(404)
        return self.reply(200, self.listing(dict(urllib.parse.parse_qsl(query, keep_blank_values=True))))

    def registry(self, path, query):
        """Lists its tags by two, to whoever has a token."""
        if path == "/token":
            granted = query == {"service": "fake registry", "scope": "repository:kubernetes/pause:pull"}
            return self.reply(200, b'{"expires": 1, "token": "let-me-in"}') if granted else self.reply(400)
        if not self.server.tags or path != "/v2/kubernetes/pause/tags/list":
            return self.reply(404)
        if self.headers.get("Authorization") != "Bearer let-me-in":
            return self.reply(401, www_authenticate=f'Bearer realm="{self.server.url}/token",service="fake registry",scope="x"')
        first = int(query.get("last", "0"))
        more = {"link": f'<{path}?last={first + 2}>; rel="next"'} if first + 2 < len(self.server.tags) else {}
        return self.reply(200, json.dumps({"name": "x", "tags": self.server.tags[first:first + 2]}, indent=1).encode(), **more)

    def listing(self, query):
        """One page. Keys and common prefixes count alike."""
        assert query["list-type"] == "2" and query["delimiter"] == "/"
        prefix, found = query["prefix"], set()
        for key in self.server.objects:
            if key.startswith(prefix):
                rest = key[len(prefix):]
                found.add(prefix + (rest.partition("/")[0] + "/" if "/" in rest else rest))
        names = sorted(found)
        first = int(query.get("continuation-token", "0/+=").removesuffix("/+="))
        last = first + self.server.page
        text = f"<ListBucketResult><Name>b</Name><Prefix>{prefix}</Prefix>"
        if last < len(names):
            text += f"<IsTruncated>true</IsTruncated><NextContinuationToken>{last}/+=</NextContinuationToken>"
        for name in names[first:last]:
            text += (f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" if name.endswith("/") else
                     f"<Contents><Key>{name}</Key><Size>1</Size></Contents>")
        return (text + "</ListBucketResult>").encode()


class PackerTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="packer-test.")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.packer = self.directory / "packer"
        shutil.copytree(SOURCE, self.packer, ignore=shutil.ignore_patterns(".template"))
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.directory),
                            "CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1", "FETCH_RETRIES": "0"}

    def run_program(self, *command, **variables):
        return subprocess.run([str(word) for word in command], env=self.environment | variables, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
                              cwd=self.packer)

    def make(self, *words, environment=None, **variables):
        return self.run_program("make", *words, *(f"{n}={v}" for n, v in variables.items()), **(environment or {}))

    def start_bucket(self):
        bucket = Bucket()
        bucket.token = ""
        self.addCleanup(bucket.server_close)
        self.addCleanup(bucket.shutdown)
        bucket.put_build("1.33.5", "2025-11-13", "amd64", "arm64")
        bucket.put_build("1.34.1", "2025-09-19", "amd64", "arm64")
        bucket.put_build("1.34.1", "2025-11-13", "amd64", "arm64")
        bucket.put_build("1.34.10", "2025-10-01", "amd64")
        bucket.put_build("1.34.10", "2025-12-02", "amd64")
        bucket.put("1.34.10/2025-12-02/bin/windows/amd64/kubelet.exe", "")
        bucket.put("1.34.10/2025-12-20/bin/windows/amd64/kubelet.exe", "")  # newer than all for Linux
        bucket.put("1.34.11/2025-12-20/bin/windows/amd64/kubelet.exe", "")
        bucket.put("1.34.10/manifest.json", "{}")
        bucket.put("containerd/containerd-1.7.rpm", "")
        bucket.put("cloudformation/x.yaml", "")
        return bucket

    def succeeds(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fails(self, done, *expected):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in expected:
            self.assertIn(text, done.stderr)

    def add_packages(self, where="al2023-x86_64", name="eksnode-1-1.x86_64.rpm"):
        """Those of one version, or others without eksnode's own."""
        directory = self.directory / "build/packages" / where
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()
        others = re.sub(r"(?<=_)(amd64|arm64)(?=\.deb)|(?<=\.)(x86_64|aarch64)(?=\.rpm)", lambda found: "all" if found[1] else "noarch", name)
        for package in "eksnode-host", "eksnode-compat":
            (directory / re.sub("^eksnode(?=[-_][0-9])", package, others)).touch()

    def fake_packer(self, version):
        """A Packer that says this version and writes down how it is called."""
        program = self.directory / f"packer-{version}"
        program.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo "Packer v{version}" && exit\n'
                           f'printf "%s\\n" "$@" >>{self.directory}/calls\n')
        program.chmod(0o755)
        return program


class TemplateTest(PackerTest):
    def variables(self):
        text = (self.packer / "template/variables.pkr.hcl").read_text()
        return dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', text, re.MULTILINE | re.DOTALL))

    def values(self, file):
        return re.findall(r"^(\w+) += ", (self.packer / "versions" / file).read_text(), re.MULTILINE)

    def validate(self, builder, **variables):
        return self.packer_command("validate", builder, **variables)

    def packer_command(self, command, builder, minor="1.34", **variables):
        variables = {**BUILD, "ami_name": "test", "package_directory": str(self.directory), **variables}
        return self.run_program(
            "packer", command, f"-only=image.{builder}.node", f"-var-file={self.packer}/versions/default.pkrvars.hcl",
            f"-var-file={self.packer}/versions/{minor}.pkrvars.hcl",
            *(word for name, value in variables.items() for word in ("-var", f"{name}={value}")), self.packer / "template")

    def key(self):
        key = self.directory / "key"
        if not key.exists():
            self.succeeds(self.run_program("openssl", "genrsa", "-traditional", "-out", key, "2048"))
        return key

    def test_a_working_directory_of_somebody_else_is_refused(self):
        text = (self.packer / "template/image.pkr.hcl").read_text()
        block = text[text.index('provisioner "shell"'):text.index('provisioner "file"')]
        commands = [json.loads(line.strip().rstrip(",")) for line in re.search(r"inline = \[\n(.*?)\n    \]", block, re.DOTALL)[1].splitlines()]
        directory = self.directory / "var/worker"

        def run():  # as Packer runs the commands of `inline`
            script = "\n".join(commands).replace("${local.remove}", "rm -rf '${local.working_dir}'")
            return self.run_program("/bin/sh", "-e", "-c", script.replace("${local.working_dir}", str(directory)))

        self.succeeds(run())
        self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
        (directory / "of an interrupted build").touch()
        self.succeeds(run())
        self.assertEqual([file.name for file in directory.iterdir()], ["packages"])
        os.chown(directory, 65534, -1)
        self.fails(run(), f"remove '{directory}'")
        shutil.rmtree(directory)
        directory.symlink_to(self.directory / "etc")
        self.fails(run(), f"remove '{directory}'")
        self.assertFalse((self.directory / "etc/packages").exists())

    def test_the_tag_is_the_path_in_the_bucket(self):
        text = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()
        path = re.search(r' kubernetes += "(.*)"', text)[1]
        self.assertTrue(path.endswith("/bin/linux/${local.bucket_arch}"), path)
        self.assertEqual(re.search(r"bucket_arch += (.*)", text)[1], 'var.arch == "x86_64" ? "amd64" : "arm64"')

    def test_format(self):
        for name in "template", "versions", "newer":
            self.succeeds(self.run_program("packer", "fmt", "-check", "-diff", self.packer / name))

    def test_format_of_scripts(self):
        scripts = [file for name in ("lib", "provisioners") for file in (self.packer / name).rglob("*")
                   if file.is_file() and file.suffix != ".tsv"]
        self.succeeds(self.run_program("shfmt", "-i", "8", "-d", self.packer / "image", *scripts))

    def test_every_version_and_system_is_valid(self):
        files = sorted(file.name for file in (self.packer / "versions").iterdir())
        self.assertEqual(files, [f"{minor}.pkrvars.hcl" for minor in MINORS] + ["default.pkrvars.hcl"])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in pool.map(lambda minor: self.validate("amazon-ebs", minor=minor), MINORS):
                self.succeeds(done)
        self.succeeds(self.validate("amazon-ebs", os="debian12", kernel_version="", arch="arm64"))

    def test_other_builders_are_valid(self):
        self.succeeds(self.validate("null", ssh_host="192.0.2.1", ssh_private_key_file=self.key()))
        self.succeeds(self.validate("qemu", ssh_private_key_file=self.key(), qemu_image="/nonexistent.qcow2",
                                    qemu_image_checksum="sha256:" + "0" * 64, qemu_seed_directory=self.directory))

    def test_options_of_the_builder_are_valid(self):
        self.succeeds(self.validate(
            "amazon-ebs", volume_type="gp2", encrypted="true", kms_key_id="alias/images", ami_regions="us-east-1,eu-west-1",
            ami_users="111122223333,444455556666", ami_tags="team=web,cost-center=a=b,empty=", source_ami_id="ami-0123456789abcdef0", aws_region="us-gov-west-1",
            temporary_security_group_source_cidrs="192.0.2.0/24", associate_public_ip_address="false",
            ssh_interface="private_ip", security_group_id="sg-1", subnet_id="subnet-1"))

    def start_ec2(self, region):
        """EC2 as far as a build comes that finds no base image. The queries that it gets."""
        queries = []

        class Ec2(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                query = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                queries.append(query)
                found = "<imagesSet/>" if query["Action"] == "DescribeImages" else f"<regionInfo><item><regionName>{region}</regionName></item></regionInfo>"
                body = f"<{query['Action']}Response>{found}</{query['Action']}Response>".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ec2)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}", queries

    def test_a_base_image_that_is_named_needs_no_filter(self):
        self.environment |= {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
        image = {"source_ami_id": "ami-0123456789abcdef0"}
        for variables, expected in (
            ({"os": "debian12", "aws_region": "cn-north-1"} | image, {"ImageId.1": "ami-0123456789abcdef0"}),
            ({"aws_region": "us-iso-east-1", "source_ami_owners": "self", "source_ami_filter_name": "mine"} | image,
             {"ImageId.1": "ami-0123456789abcdef0"}),
            ({"aws_region": "cn-north-1", "os": "al2023"}, {"Owner.1": "141808717104"}),
            ({"aws_region": "eu-isoe-west-1", "source_ami_owners": "111122223333,self"}, {"Owner.1": "111122223333", "Owner.2": "self"}),
        ):
            with self.subTest(variables):
                self.succeeds(self.validate("amazon-ebs", **variables))
                url, queries = self.start_ec2(variables["aws_region"])
                done = self.packer_command("build", "amazon-ebs", custom_endpoint_ec2=url, **variables)
                self.assertIn("No AMI was found", done.stdout + done.stderr)
                query = [query for query in queries if query["Action"] == "DescribeImages"][-1]
                self.assertEqual({name: value for name, value in query.items() if name.startswith(("ImageId", "Owner"))}, expected)
                filtered = {query[name] for name in query if name.endswith(".Name")}
                self.assertEqual(filtered, set() if "source_ami_id" in variables else
                                 {"architecture", "name", "root-device-type", "state", "virtualization-type"})
        for variables in {"os": "debian12", "aws_region": "cn-north-1"}, {"aws_region": "us-isob-east-1"}, {"aws_region": "eusc-de-east-1"}:
            done = self.validate("amazon-ebs", **variables)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("must declare an owner", done.stdout + done.stderr)
        self.succeeds(self.validate("null", ssh_host="192.0.2.1", ssh_private_key_file=self.key(), os="debian12", aws_region="cn-north-1"))

    def test_the_tag_has_all_variants(self):
        text = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()
        self.assertEqual(re.search(r"(?m)^    variants += (.*)$", text)[1], "local.variants")

    def test_bad_values_are_refused(self):
        bad = {
            "os": "al2", "arch": "amd64", "kubernetes_version": "1.34", "kubernetes_build_date": "yesterday",
            "binary_bucket_name": "B", "binary_bucket_region": "here", "aws_region": "here", "containerd_version": "",
            "runc_version": "", "cni_plugin_version": "1.6.2", "kernel_version": "six", "ssm_agent_sha256": "12",
            "variants": "a,,b", "ami_name": "x", "source_ami_id": "al2023", "source_ami_owners": "me", "volume_type": "io1",
            "launch_block_device_mappings_volume_size": "1", "ssh_interface": "session_manager",
            "temporary_key_pair_type": "ecdsa", "remote_folder": "tmp", "qemu_image_checksum": "none", "efa_version": "new",
            "nerdctl_version": "a b", "soci_snapshotter_version": "", "nvidia_driver_version": "570.1", "cuda_version": "12",
            "credential_provider_version": "1.34", "credential_provider_build_date": "now",
            "neuron_driver_version": "", "kontain_sha256": "12", "crictl_version": "1.34", "nvidia_grid_sha256": "12",
            "binary_endpoint": "s3", "ssm_agent_version": "new", "pause_container_image": "a b", "nvidia_grid_runfile": "x",
            "nvidia_grid_runfile_bucket_name": "B", "kontain_version": "1", "ami_regions": "here", "ami_users": "me,you", "ami_tags": "a=b,c",
            "instance_type": "large", "iam_instance_profile": "a/b", "subnet_id": "s", "security_group_id": "default",
            "temporary_security_group_source_cidrs": "here", "custom_endpoint_ec2": "ec2", "ssh_username": "1", "ssh_host": "a b",
            "working_dir": "{{user `remote_folder`}}/worker", "ssh_port": "0", "ecr_credential_provider_sha256": "12",
            "kms_key_id": "my key", "ami_description": "a" * 127, "ami_component_description": "ä", "creator": "a" * 257,
            "source_ami_filter_name": "al2023;",
        }
        done = self.validate("amazon-ebs", **bad)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        refused = re.findall(r"^The (\w+) must", done.stdout + done.stderr, re.MULTILINE)
        self.assertEqual(sorted(refused), sorted(bad))
        rules = [name for name, body in self.variables().items() if "validation" in body]
        self.assertEqual(sorted(rules), sorted(bad))
        # secrets, and names of files, which Packer looks for
        self.assertEqual({name for name, body in self.variables().items() if "validation" not in body and "bool" not in body}, {
            "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "output_directory", "package_directory", "qemu_image",
            "qemu_seed_directory", "ssh_private_key_file", "user_data_file"})
        for name, good in ("kms_key_id", "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"), (
                "kms_key_id", "1234abcd-12ab-34cd-56ef-1234567890ab"), ("source_ami_filter_name", "my [golden]-image's *_?"):
            self.succeeds(self.validate("amazon-ebs", encrypted="true", **{name: good}))

    def test_every_variable_has_a_type_a_description_and_a_value(self):
        variables, required = self.variables(), {"ami_name", "package_directory", *BUILD}
        for name, body in variables.items():
            self.assertRegex(body, r"(?m)^  type +=", name)
            self.assertRegex(body, r'(?m)^  description += ".*\."$', name)
        with_default = {name for name, body in variables.items() if re.search(r"(?m)^  default +=", body)}
        defaults = self.values("default.pkrvars.hcl")
        self.assertEqual(len(defaults), len(set(defaults)))
        self.assertEqual(set(defaults) | with_default | required, set(variables))
        self.assertFalse(set(defaults) & with_default)
        for minor in MINORS:
            self.assertLessEqual(set(self.values(f"{minor}.pkrvars.hcl")), set(defaults))
        used = "".join(file.read_text() for file in (self.packer / "template").iterdir() if "variables" not in file.name)
        self.assertEqual([name for name in variables if f"var.{name}" not in used], [])

    def test_every_variable_of_the_peer_is_there_or_explained(self):
        variables = self.variables()
        renamed = {}
        for line in (self.packer / "variables.tsv").read_text().splitlines():
            if not line.startswith("#"):
                name, new, text = line.split("\t")
                renamed[name] = new
                self.assertTrue(text)
                self.assertTrue(new == "-" or new in variables, line)
                self.assertNotIn(name, variables)
        self.assertEqual([name for name in PEER if name not in variables and name not in renamed], [])

    def test_the_steps_are_the_provisioners(self):
        text = (self.packer / "template/image.pkr.hcl").read_text()
        steps = re.findall(r'"([a-z-]+)"', text[text.index("before_restart"):text.index("working_dir")])
        files = {file.name for file in (self.packer / "provisioners").iterdir() if file.is_file()}
        self.assertEqual(set(steps) | {"restart-into-kernel", "remove-traces"}, files)
        self.assertEqual((steps[0], {step: steps.count(step) for step in steps if steps.count(step) > 1}), ("settle-machine", {"settle-machine": 2}))
        self.assertLess(steps.index("clean-up"), steps.index("write-version-info"))
        given = set(re.findall(r'^    "([A-Z0-9_]+)=', text, re.MULTILINE))
        self.assertEqual(sorted(given), re.findall(r'^    "([A-Z0-9_]+)=', text, re.MULTILINE))
        for file in [*(self.packer / "provisioners").rglob("*")]:
            if file.is_file():
                for line in re.findall(r"^need (.*)$", file.read_text(), re.MULTILINE):
                    self.assertLessEqual(set(line.split()), given, file.name)

    def lines_for_al2023(self):
        """File and line: what only Amazon Linux runs, and what calls its programs elsewhere."""
        programs = re.compile(r"(?<![\w'./-])(dnf|rpm|all_packages|grubby|fips-mode-setup|restorecon|selinuxenabled|matchpathcon) (?!--showduplicates)"
                              "|command -v restorecon|sh \"\\$file\"|/nvidia-driver-assistant/|^eksnode takeover |/etc/eks/nodeadm\"$")
        nothing = re.compile(r"(fi|esac|;;|return|END|(local|case|need|say|fail|lock_package|unlock_package) .*|(\w+=\$?[\w-]+|\*\[.*|#.*|))$")
        for file in sorted([*self.packer.glob("provisioners/**/*"), *self.packer.glob("lib/*.sh")]):
            name, inside, goes_on = str(file.relative_to(self.packer)), None, False
            for line in file.read_text().splitlines() if file.is_file() else []:
                indent, word = len(line) - len(line.lstrip()), line.strip()
                if inside is not None and indent <= inside and re.match(r"(else|elif|fi|\})", word):
                    inside = None
                found = not nothing.match(word) and (inside is not None or goes_on or programs.search(word) and "# dnf" not in word)
                if found:
                    yield name, word
                goes_on = found and word.endswith("\\")
                if inside is None and re.search(r'"\$system" = al2023 \].*; then$|^al2023_\w+\(\) \{$', word):
                    inside = indent
        for file in sorted(self.packer.glob("variants/*.list")):
            text = file.read_text()
            anything = re.search(r"(?m)^systems al2023$", text)
            for line in text.splitlines():
                if re.match(r"(packages|stream|repository|kernel-modules-source) al2023\b|\S+@al2023 ", line) or (
                        anything and not re.match(r"#|(summary|systems|architectures|includes|conflicts|control|waived)\b|$", line)):
                    yield f"variants/{file.name}", line
        for unit, systems, _ in self.masked_units():
            if "al2023" in systems:
                yield "masked-units.tsv", unit
        source = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()
        for line in [*re.search(r'"al2023" = \{\n(.*?)\}', source, re.DOTALL)[1].splitlines(), *re.findall(r'.*"al2023-ami.*', source)]:
            if line.strip():
                yield "template/amazon-ebs.pkr.hcl", line.strip()

    def test_the_table_of_al2023_has_every_line(self):
        rows = [line.split("\t") for line in (self.packer / "al2023.tsv").read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(rows, sorted(rows))
        self.assertLessEqual({check.removesuffix(", names of AWS's") for *_, check in rows}, {"real", "stand-in", "not run"})
        found = set(self.lines_for_al2023())
        whole = {file for file, line, _ in rows if line == "*"}
        self.assertEqual({(file, line) for file, line, _ in rows}, {(file, "*" if file in whole else line) for file, line in found})

    def test_the_manual_is_complete(self):
        page = (SOURCE.parent / "man/eks-image.7.scd").read_text()
        entries = {word for line in re.findall(r"(?m)^([*_].*)$", page) for word in re.findall(r"\*([\w-]+)\*", line)}
        goals = set(re.findall(r"(?m)^([a-z][a-z0-9-]+):", (self.packer / "Makefile").read_text()))
        own = set(re.search(r"(?m)^own_variables := (.*)$", (self.packer / "Makefile").read_text())[1].split())
        steps = {file.name for file in (self.packer / "provisioners").iterdir() if file.is_file()}
        variants = {file.stem for file in (self.packer / "variants").iterdir()}
        self.assertEqual((goals | own | steps | variants | set(self.variables())) - entries, set())

    def masked_units(self):
        return [line.split("\t") for line in (self.packer / "masked-units.tsv").read_text().splitlines() if not line.startswith("#")]

    def test_units_that_are_masked_are_needed_by_nothing(self):
        units = self.masked_units()
        self.assertEqual(units, sorted(units))
        ours = "".join(file.read_text() for folder in ("units", "dropins", "generators") for file in (SOURCE.parent / folder).rglob("*")
                       if file.suffix in (".in", ".service", ".target", ".timer", ".socket", ".conf", ".cpp"))
        page = (SOURCE.parent / "man/eks-image.7.scd").read_text().replace("\\_", "_")
        for unit, systems, reason in units:
            self.assertLessEqual(set(systems.split()), {"al2023", "debian12"})
            self.assertNotRegex(ours, rf"(?m)^(?:Wants|Requires|BindsTo|After)=.*\b{re.escape(unit)}", unit)
            self.assertIn(f"|  {unit}\n:  {systems.replace(' ', ', ')}\n:  {reason}\n", page)
        self.assertFalse({"fstrim.timer", "logrotate.timer", "systemd-tmpfiles-clean.timer"} & {unit for unit, *_ in units})

    def test_a_newer_packer_gets_what_this_one_does_not_know(self):
        self.succeeds(self.make("template", environment={"PATH": self.environment["PATH"]}))
        files = lambda: {file.name: file.stat().st_ino for file in (self.packer / ".template").iterdir()}
        self.assertEqual(set(files()), {file.name for file in (self.packer / "template").iterdir()})
        first = files()
        self.succeeds(self.make("template"))
        self.assertEqual(files(), first)  # another build may be reading them
        newer = {"PACKER_BINARY": self.fake_packer("1.11.2")}
        self.succeeds(self.make("template", **newer))
        self.assertEqual({name for name, inode in files().items() if first.get(name) != inode}, {"amazon-ebs.pkr.hcl", "plugins.pkr.hcl"})
        self.succeeds(self.make("template"))
        self.assertEqual(set(files()), set(first))
        (self.directory / "calls").unlink()
        self.succeeds(self.make("template", **newer))
        self.assertEqual((self.directory / "calls").read_text().split(), ["init", str(self.packer / ".template")])
        source = (self.packer / ".template/amazon-ebs.pkr.hcl").read_text()
        self.assertEqual(source.count('source "amazon-ebs"'), 1)
        self.assertRegex(source, r'http_tokens +=\s"required"')
        self.assertRegex(source, r'imds_support = "v2.0"')
        (self.packer / ".template/plugins.pkr.hcl").unlink()
        shutil.rmtree(self.packer / "template")
        (self.packer / ".template").rename(self.packer / "template")
        done = self.validate("amazon-ebs")
        self.assertNotEqual(done.returncode, 0)  # but for one reason only
        self.assertIn("metadata_options", done.stdout + done.stderr)
        self.assertNotIn("Argument or block definition required", done.stdout + done.stderr)


class FrontEndTest(PackerTest):
    def setUp(self):
        super().setUp()
        self.bucket = self.start_bucket()

    def make(self, *words, environment=None, **variables):
        return super().make(*words, environment={"AWS_ENDPOINT_URL_S3": self.bucket.url, **(environment or {})}, **variables)

    def build_arguments(self, text):
        line = next(line for line in text.splitlines() if " build " in line)
        return dict(re.findall(r"-var '(\w+)=([^']*)'", line)), line

    def test_lists(self):
        self.assertEqual(self.succeeds(self.make("list-versions")).split(), ["1.33.5", "1.34.1", "1.34.10", "1.34.11"])
        build = {"kubernetes_version": "1.34.10"}
        self.assertEqual(self.succeeds(self.make("list-builds", **build)).split(), ["2025-10-01", "2025-12-02", "2025-12-20"])
        build["kubernetes_build_date"] = "2025-12-02"
        self.assertEqual(self.succeeds(self.make("list-platforms", **build)).split(), ["linux", "windows"])
        self.assertEqual(self.succeeds(self.make("list-architectures", **build)).split(), ["amd64"])
        self.assertEqual({signed for _, signed, _ in self.bucket.requests}, {False})

    def test_long_lists_come_in_pages(self):
        self.bucket.page = 1
        for credentials in {}, {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}:
            self.bucket.private = bool(credentials)
            with self.subTest(private=self.bucket.private):
                text = self.succeeds(self.make("list-versions", environment=credentials))
                self.assertEqual(text.split(), ["1.33.5", "1.34.1", "1.34.10", "1.34.11"])

    def test_private_buckets(self):
        self.bucket.private = True
        done = self.make("list-versions")
        self.fails(done, "may not be listed with these credentials", "s3:ListBucket")
        self.assertNotIn("newer, which signs", done.stderr)
        program = self.directory / "bin/curl"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "curl 7.81.0 (x)" || exec /usr/bin/curl "$@"\n')
        program.chmod(0o755)
        self.fails(self.make("list-versions", environment={"PATH": f"{program.parent}:{self.environment['PATH']}"}),
                   "install curl 7.88 or newer, which signs listings rightly: this is 7.81.0")
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=keys)))
        self.bucket.token = TOKEN
        self.fails(self.make("list-versions", environment=keys), "may not be listed")
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=keys | {"AWS_SESSION_TOKEN": TOKEN})))
        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = other\n[ci]\naws_access_key_id = {KEY_ID}\n"
                        f"aws_secret_access_key={SECRET}\naws_session_token = {TOKEN}\n")
        profile = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "ci"}
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=profile)))

    def test_the_builder_gets_the_credentials_it_needs(self):
        self.add_packages()
        packer = self.fake_packer("1.11.2")
        packer.write_text(packer.read_text() + f'env | grep ^PKR_VAR | sort >"{self.directory}/given"\n')
        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n")
        profile = {"AWS_SHARED_CREDENTIALS_FILE": str(file)}
        given = lambda: (self.directory / "given").read_text()
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, environment=profile))
        self.assertEqual(given(), "")  # the bucket is public
        self.bucket.private, self.bucket.token = True, TOKEN
        done = self.make("1.34", PACKER_BINARY=packer, environment=profile)
        self.assertNotIn(SECRET, self.succeeds(done) + done.stderr)
        self.assertEqual(given(), f"PKR_VAR_aws_access_key_id={KEY_ID}\nPKR_VAR_aws_secret_access_key={SECRET}\nPKR_VAR_aws_session_token={TOKEN}\n")
        self.assertNotIn(SECRET, (self.directory / "calls").read_text())
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, iam_instance_profile="role", environment=profile))
        self.assertEqual(given(), "")
        self.bucket.private = False
        self.fails(self.make("1.34", PACKER_BINARY=packer, variant="gpu-nvidia-grid", nvidia_grid_runfile="x.run", nvidia_grid_sha256="0" * 64,
                             environment={"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}), "without credentials", "iam_instance_profile=NAME")
        config = self.write_config(f'variants = "gpu-nvidia-grid"\nnvidia_grid_runfile = "x.run"\nnvidia_grid_sha256 = "{"0" * 64}"\n')
        self.fails(self.make("1.34", PACKER_BINARY=packer, config=config, environment={"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}),
                   "without credentials", "iam_instance_profile=NAME")

    def test_images_that_need_credentials(self):
        self.add_packages()
        packer = self.fake_packer("1.11.2")
        packer.write_text(packer.read_text() + f'env | grep ^PKR_VAR_aws_access | sort >"{self.directory}/given"\n')
        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
        private = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pause:3.10"
        for variables, what in ({"cache_container_images": "true"}, "the images of cache_container_images=true"), (
                {"pause_container_image": private}, f"the pause image {private}"):
            with self.subTest(what):
                self.succeeds(self.make("1.34", PACKER_BINARY=packer, environment={"AWS_SHARED_CREDENTIALS_FILE": str(file)}, **variables))
                self.assertEqual((self.directory / "given").read_text(), f"PKR_VAR_aws_access_key_id={KEY_ID}\n")
                self.fails(self.make("1.34", PACKER_BINARY=packer, environment={"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}, **variables),
                           f"{what} cannot be read without credentials", "iam_instance_profile=NAME")
        # of the environment of whoever builds, where it means something else
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, environment={
            "AWS_SHARED_CREDENTIALS_FILE": str(file), "cache_container_images": "true", "pause_container_image": private}))
        self.assertEqual((self.directory / "given").read_text(), "")

    def test_credentials_that_the_bucket_does_not_know(self):
        keys = {"AWS_ACCESS_KEY_ID": "AKIDOTHER", "AWS_SECRET_ACCESS_KEY": "x"}
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=keys)))  # it is public

    def test_a_minor_version_is_the_newest_build(self):
        arguments, line = self.build_arguments(self.succeeds(self.make("-n", "1.34")))
        self.assertEqual(arguments["kubernetes_version"], "1.34.10")
        self.assertEqual(arguments["kubernetes_build_date"], "2025-12-02")
        self.assertEqual(arguments["arch"], "x86_64")
        self.assertRegex(arguments["ami_name"], r"^eksnode-al2023-x86_64-1\.34-v\d{8}$")
        self.assertIn("versions/1.34.pkrvars.hcl", line)
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "k8s", kubernetes_version="1.34.1")))
        self.assertEqual(arguments["kubernetes_build_date"], "2025-11-13")
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "1.34", arch="arm64")))
        self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), ("1.34.1", "2025-11-13"))
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", k8s="1.33")))
        self.assertEqual(arguments["kubernetes_version"], "1.33.5")

    def test_everything_can_be_said(self):
        arguments, line = self.build_arguments(self.succeeds(self.make(
            "-n", "k8s", kubernetes_version="1.14.9", kubernetes_build_date="2020-01-22", arch="aarch64", region="eu-west-1",
            kernel="6.12.40", source_ami_id="ami-1", aws_region="eu-west-1", variant="efa", enable_fips="true",
            enable_accelerator="neuron", ami_description="it's one", binary_bucket_name="mine", PACKER_BINARY="/opt/packer")))
        self.assertEqual(self.bucket.requests, [])
        for name, value in {
            "kubernetes_version": "1.14.9", "kubernetes_build_date": "2020-01-22", "arch": "arm64", "kernel_version": "6.12.40",
            "binary_bucket_region": "eu-west-1", "variants": "efa,fips,neuron", "instance_type": "m6g.xlarge",
            "source_ami_id": "ami-1", "binary_bucket_name": "mine",
        }.items():
            self.assertEqual(arguments[name], value, name)
        self.assertIn(r"-var 'ami_description=it'\''s one'", line)
        self.assertIn(" run '/opt/packer' build ", line)
        self.assertNotIn("/versions/1.14", line)

    def put_tags(self, project, *tags):
        """What a Git server announces."""
        lines = [f"003d{'0' * 40} {ref}" for tag in tags for ref in (f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}")]
        self.bucket.put(f"releases/{project}.git/info/refs", "001e# service=git-upload-pack\n0000" + f"0155{'0' * 40} HEAD\0multi_ack\n"
                        + "\n".join(lines) + "\n0000")

    def test_ranges_of_kubernetes(self):
        for wanted, version, date in (("latest", "1.34.10", "2025-12-02"), ("1.34.*", "1.34.10", "2025-12-02"), (">=1.33,<1.34.10", "1.34.1", "2025-11-13"),
                                      ("<1.34", "1.33.5", "2025-11-13"), ("1.33", "1.33.5", "2025-11-13")):
            with self.subTest(wanted):
                arguments, line = self.build_arguments(self.succeeds(self.make("-n", "k8s", kubernetes_version=wanted, kubernetes_build_date="latest")))
                self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), (version, date))
                self.assertIn(f"versions/{version[:4]}.pkrvars.hcl", line)
        self.assertEqual(self.succeeds(self.make("list-builds", kubernetes_version=">=1.34.2,<1.34.11")).split(), ["2025-10-01", "2025-12-02", "2025-12-20"])
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "k8s", kubernetes_version=">=1.34.2,<1.34.11", kubernetes_build_date="2025-10-01")))
        self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), ("1.34.10", "2025-10-01"))
        self.fails(self.make("-n", "k8s", kubernetes_version=">=1.35"), "has no Kubernetes >=1.35; the newest is 1.34.11", "make list-versions")
        self.fails(self.make("-n", "k8s", kubernetes_version="1.33.*", kubernetes_build_date="2024-01-01"), "no build of Kubernetes 1.33.5 of 2024-01-01")

    def test_a_credential_provider_of_another_version(self):
        build = {**BUILD, "binary_bucket_name": "binaries"}
        for wanted in "1.33.*", "<1.34", "1.33.5":
            arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "k8s", credential_provider_version=wanted, **build)))
            self.assertEqual((arguments["credential_provider_version"], arguments["credential_provider_build_date"]), ("1.33.5", "2025-11-13"))
            self.assertEqual(arguments["kubernetes_version"], "1.34.1")
        text = self.succeeds(self.make("check-bucket", credential_provider_version="1.33.5", **build))
        self.assertIn("s3://binaries/1.33.5/2025-11-13/bin/linux/amd64/\n  there    ecr-credential-provider\n", text)
        self.assertIn("s3://binaries/1.34.1/2025-11-13/bin/linux/amd64/\n  there    kubelet\n  there    kubelet.sha256\n", text)
        self.fails(self.make("-n", "k8s", credential_provider_version="1.20.*", **build), "has no Kubernetes 1.20")

    def test_ranges_of_releases(self):
        self.put_tags("containernetworking/plugins", "v1.5.0", "v1.6.2", "v1.10.0", "v1.11.0-rc1", "spec-v1.20.0")
        self.put_tags("kubernetes-sigs/cri-tools", "v1.33.0", "v1.34.0", "v1.34.2", "v1.35.0")
        self.put_tags("containerd/nerdctl", "v1.7.7", "v2.1.2")
        self.put_tags("awslabs/soci-snapshotter", "v0.9.0", "v0.11.1")
        github = {"GITHUB": f"{self.bucket.url}/releases"}

        def resolve(**variables):
            return self.build_arguments(self.succeeds(self.make("-n", "k8s", environment=github, **BUILD, **variables)))[0]

        for wanted, version in {"latest": "v1.10.0", "v1.*": "v1.10.0", ">=1.5,<1.10": "v1.6.2", "v1.6.2": "v1.6.2"}.items():
            self.assertEqual(resolve(cni_plugin_version=wanted)["cni_plugin_version"], version, wanted)
        self.assertEqual(resolve(crictl_version="1.34.*")["crictl_version"], "v1.34.2")
        versions = {"nerdctl_version": "<2", "soci_snapshotter_version": "latest"}
        arguments = resolve(os="debian12", **versions)
        self.assertEqual((arguments["nerdctl_version"], arguments["soci_snapshotter_version"]), ("1.7.7", "0.11.1"))
        arguments = resolve(**versions)  # Amazon Linux has packages
        self.assertEqual((arguments["nerdctl_version"], arguments["soci_snapshotter_version"]), ("<2", "latest"))
        folder = "1.34.1/2025-11-13/bin/linux/amd64"
        for version in "v1.2.0", "v1.4.1":
            self.bucket.put(f"{folder}/cni-plugins-linux-amd64-{version}.tgz", "")
        bucket = {"pull_cni_from_github": "false"}
        self.assertEqual(resolve(cni_plugin_version="<1.4", **bucket)["cni_plugin_version"], "v1.2.0")
        self.fails(self.make("-n", "k8s", cni_plugin_version=">=1.5", **bucket, **BUILD), "there is no release of the CNI plugins in s3://amazon-eks/1.34.1",
                   "the newest is 1.4.1")
        self.fails(self.make("-n", "k8s", cni_plugin_version=">=2", environment=github, **BUILD), "no release of containernetworking/plugins that is >=2")
        nowhere = {"GITHUB": f"{self.bucket.url}/nowhere"}
        self.fails(self.make("-n", "k8s", crictl_version="latest", environment=nowhere, **BUILD), "crictl_version=latest cannot be resolved",
                   "say crictl_version=VERSION")
        # the plan names what it found
        config = self.write_config('kubernetes_version = ">=1.33,<1.34.10"\ncni_plugin_version = "1.*"\ncontainerd_version = ">=2.0,<2.3"\n')
        plan = tomllib.loads(self.succeeds(self.make("plan", config=config, environment=github)))
        self.assertEqual((plan["kubernetes_version"], plan["cni_plugin_version"], plan["containerd_version"]), ("1.34.1", "v1.10.0", ">=2.0,<2.3"))

    def test_ranges_of_tags(self):
        image = f"127.0.0.1:{self.bucket.server_address[1]}/kubernetes/pause"

        def resolve(tag):
            done = self.make("-n", "k8s", pause_container_image=f"{image}:{tag}", **BUILD)
            return self.build_arguments(self.succeeds(done))[0]["pause_container_image"].removeprefix(f"{image}:")

        self.assertEqual(resolve("latest"), "latest")  # the registry says nothing, and may have a tag of this name
        self.fails(self.make("-n", "k8s", pause_container_image=f"{image}:3.*", **BUILD), f"the registry lists no tags of {image} to anybody",
                   f"say pause_container_image={image}:TAG")
        self.bucket.tags = ["3.5", "3.9", "3.10", "v1.31-eks", "sha256-3.99.sig"]
        for tag, found in {"3.*": "3.10", ">=3.6,<3.10": "3.9", "latest": "3.10", "3.9": "3.9"}.items():
            self.assertEqual(resolve(tag), found, tag)
        self.bucket.tags.append("latest")
        self.assertEqual(resolve("latest"), "latest")
        self.fails(self.make("-n", "k8s", pause_container_image=f"{image}:>=4", **BUILD), f"no tag of {image} is >=4")

    def test_ranges_without_a_list(self):
        for variables, *expected in (
            ({"efa_version": "1.*"}, "efa_version=1.* cannot be resolved", "AWS publishes no list", "say efa_version=latest, or a version"),
            ({"ssm_agent_version": ">=3", "ssm_agent_sha256": "0" * 64}, "is the checksum of one version"),
            ({"ssm_agent_version": "latest", "os": "debian12"}, "Debian has no package of it", "ssm_agent_sha256=DIGITS"),
        ):
            for goal in "k8s", "plan":
                self.fails(self.make(goal, **BUILD, **variables), *expected)
        self.succeeds(self.make("plan", efa_version="latest", ssm_agent_version=">=3", **BUILD))

    def test_the_plan_refuses_what_cannot_work(self):
        for variables, *expected in (
            ({"variant": "fips", "kernel": "6.6"}, "does not work with the kernel 6.6", "kernel_version=6.1"),
            ({"variant": "gpu"}, "there is no variant 'gpu'", "make list-variants"),
            ({"variant": "fips", "os": "debian12"}, "is for al2023, not for debian12"),
            ({"variant": "gpu-nvidia-grid", "arch": "arm64"}, "is for x86_64, not for arm64"),
        ):
            self.fails(self.make("plan", **BUILD, **variables), *expected)
        (self.packer / "versions/1.34.pkrvars.hcl").write_text('kernel_version = "6.7"\n')
        self.fails(self.make("plan", variant="fips", **BUILD), "does not work with the kernel 6.7")
        self.succeeds(self.make("plan", variant="fips", kernel_version=">=6.6", **BUILD))  # the builder knows

    def test_debian_has_versions_of_its_own(self):
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "1.34", os="debian12")))
        self.assertEqual((arguments["containerd_version"], arguments["kernel_version"]), ("*", ""))
        self.assertEqual(arguments["enable_ssm_agent"], "false")
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "1.34", os="debian12", ssm_agent_version="3.3.1")))
        self.assertEqual(arguments["enable_ssm_agent"], "true")
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "1.34", os="debian12", containerd_version="1.6*")))
        self.assertEqual(arguments["containerd_version"], "1.6*")

    def test_containerd_that_is_too_old(self):
        self.bucket.put_build("1.35.2", "2026-02-01", "amd64")
        self.bucket.put_build("1.36.0", "2026-08-01", "amd64")
        self.add_packages()
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        plan = tomllib.loads(self.succeeds(self.make("plan", os="debian12")))
        self.assertEqual(plan["kubernetes_version"], "1.35.2")  # and on Amazon Linux the newest
        self.assertEqual(tomllib.loads(self.succeeds(self.make("plan")))["kubernetes_version"], "1.36.0")
        for k8s, system, wanted, old in (
            ("1.35", "debian12", "*", False), ("1.36", "debian12", "*", True), ("1.36", "debian12", ">=1.6", True), ("1.36", "debian12", "2.*", False),
            ("1.36", "al2023", "2.*", False), ("1.36", "al2023", "1*", True), ("1.36", "al2023", "1", True), ("1.36", "al2023", "1.7.*", True), ("1.36", "al2023", ">=1.7,<2.0", True), ("1.36", "al2023", "<=1.7", True),
            ("1.36", "al2023", ">=1.7,<2.1", False), ("1.36", "al2023", "latest", False), ("1.35", "al2023", "1.7.*", False),
        ):
            with self.subTest(k8s=k8s, os=system, containerd=wanted):
                done = self.make("plan", k8s=k8s, os=system, containerd_version=wanted)
                self.succeeds(done)
                self.assertEqual("Kubernetes 1.36 does not support containerd 1.x" in done.stderr, old, done.stderr)
        text = self.succeeds(self.make("check", k8s="1.36", containerd_version="1.7.*", PACKER_BINARY=self.fake_packer("1.11.2")))
        self.assertIn("warning     Kubernetes 1.36 does not support containerd 1.x, and kubelet 1.38 will not start with it: say k8s=1.35 or containerd_version=2.*\n", text)
        text = self.succeeds(self.make("check", k8s="1.36", os="debian12", PACKER_BINARY=self.fake_packer("1.11.2")))
        self.assertIn("start with it: say k8s=1.35\n", text)
        self.assertEqual(text.count("does not support containerd"), 1)
        known = {"kubernetes_version": "1.36.0", "kubernetes_build_date": "2026-08-01", "PACKER_BINARY": self.fake_packer("1.11.2")}
        self.assertIn("packer: warning: Kubernetes 1.36 does not", self.make("validate", os="debian12", **known).stderr)
        (self.packer / "variants/mine.list").write_text(f"summary mine\nrepository debian12 docker https://example.org https://example.org/key {KEY_FINGERPRINT}\n")
        (self.packer / "variants/more.list").write_text("summary more\nincludes mine\n")
        for wanted, old in ("*", False), ("1.7.*", True):
            done = self.make("validate", os="debian12", variant="more", containerd_version=wanted, **known)
            self.succeeds(done)
            self.assertEqual("does not support containerd" in done.stderr, old, done.stderr)

    def test_the_environment_is_no_variable(self):
        others = {"arch": "sparc", "variant": "x", "kubernetes_version": "0.0.1", "instance_type": "t1.micro", "os": "dos"}
        arguments, _ = self.build_arguments(self.succeeds(self.make("-n", "1.34", environment=others)))
        self.assertEqual((arguments["arch"], arguments["os"], arguments["instance_type"]), ("x86_64", "al2023", "m5.xlarge"))
        self.assertEqual(arguments["kubernetes_version"], "1.34.10")
        self.assertNotIn("variants", arguments)

    def test_a_file_of_variables(self):
        for name, text in {
            "mine.pkrvars.hcl": 'arch = "arm64"\nkubernetes_version = "1.34.1"\nami_description = "arch = x"\n',
            "mine.json": '{\n  "arch": "arm64",\n  "kubernetes_version": "1.34.1"\n}\n',
        }.items():
            with self.subTest(name):
                (self.directory / name).write_text(text)
                arguments, line = self.build_arguments(self.succeeds(
                    self.make("-n", "build", PACKER_VARIABLE_FILE=self.directory / name)))
                self.assertEqual((arguments["arch"], arguments["instance_type"]), ("arm64", "m6g.xlarge"))
                self.assertEqual((arguments["kubernetes_version"], arguments["kubernetes_build_date"]), ("1.34.1", "2025-11-13"))
                self.assertEqual(arguments.get("ami_description", "arch = x"), "arch = x")
        self.fails(self.make("-n", "1.34", PACKER_VARIABLE_FILE="/proc/nonexistent"), "there is no file '/proc/nonexistent'")

    def test_a_file_of_variables_for_other_templates(self):
        file = self.directory / "mine.json"
        file.write_text(json.dumps({
            "enable_fips": "true", "enable_efa": "false", "enable_accelerator": "nvidia", "variant": "cuda", "kernel": "6.1",
            "region": "eu-west-1", "user_data_file": None, "associate_public_ip_address": "", "ami_description": 'a "b" \\ c',
            "kubernetes_version": "1.34.1"}))
        arguments, line = self.build_arguments(self.succeeds(self.make("-n", "build", PACKER_VARIABLE_FILE=file, kernel_version="6.12")))
        self.assertEqual(arguments["variants"], "cuda,fips,gpu-nvidia")
        self.assertEqual((arguments["kernel_version"], arguments["binary_bucket_region"]), ("6.12", "eu-west-1"))
        self.assertIn("""-var 'ami_description=a "b" \\ c'""", line)
        for name in "user_data_file", "associate_public_ip_address", "kernel", "enable_fips":
            self.assertNotIn(f"-var '{name}=", line)
        arguments, _ = self.build_arguments(self.succeeds(self.make(
            "-n", "build", PACKER_VARIABLE_FILE=file, config=self.write_config('kernel_version = "6.18"\nenable_fips = false\n'))))
        self.assertEqual((arguments["kernel_version"], arguments["variants"]), ("6.18", "cuda,gpu-nvidia"))
        file.write_text('{\n"docker_version": "20",\n"nvidia_driver_major_version": "580",\n"arhc": "x",\n"enable_cis": "off",'
                        '\n"aws_secret_access_key": "x",\n"arch": ["x"]}')
        self.bucket.requests.clear()
        self.fails(self.make("-n", "build", PACKER_VARIABLE_FILE=file),
                   f"{file}, line 2: there is no variable 'docker_version' here: containerd is the only runtime",
                   f"{file}, line 3: there is no variable 'nvidia_driver_major_version' here, it is nvidia_driver_version now",
                   f"{file}, line 4: there is no variable 'arhc', did you mean 'arch'?", f"{file}, line 5: 'enable_cis' must be true or false",
                   f"{file}, line 6: there is no variable 'aws_secret_access_key' in a file, export AWS_SECRET_ACCESS_KEY",
                   f"{file}, line 7: this is not NAME = VALUE", "nothing is built from")
        self.assertEqual(self.bucket.requests, [])

    def test_an_empty_public_address_is_the_subnets_default(self):
        self.assertNotIn("associate_public_ip_address", self.succeeds(self.make("-n", "1.34", associate_public_ip_address="")))
        self.assertIn("-var 'associate_public_ip_address=false'", self.succeeds(self.make("-n", "1.34", associate_public_ip_address="false")))

    def test_secrets_are_not_said(self):
        for name in "aws_access_key_id", "aws_secret_access_key", "aws_session_token":
            done = self.make("1.34", **{name: "do-not-print"})
            self.fails(done, f"{name} is not said on the command line", f"export {name.upper()}")
            self.assertNotIn("do-not-print", done.stdout + done.stderr)

    def write_config(self, text):
        file = self.directory / "image.toml"
        file.write_text(text)
        return file

    def test_an_image_configuration(self):
        text = ('# mine\nk8s = "1.34"\narch="arm64"\ncontainerd_version = "2.1.*" # a pattern\nenable_aws_cli = true\n'
                'launch_block_device_mappings_volume_size = 30\nami_description = "it\'s # $HOME, \\u0028one)"\n')
        self.fails(self.make("-n", "build", config=self.write_config(text)), "line 7", "a string without escapes")
        config = self.write_config(text.replace("\\u0028", "(") + 'kubernetes_version = "1.34.1"\nvariants = "efa"\n')
        arguments, line = self.build_arguments(self.succeeds(self.make("-n", "build", config=config, containerd_version="2.2.*")))
        for name, value in {
            "arch": "arm64", "kubernetes_version": "1.34.1", "kubernetes_build_date": "2025-11-13", "variants": "efa",
            "containerd_version": "2.2.*", "enable_aws_cli": "true", "launch_block_device_mappings_volume_size": "30",
        }.items():
            self.assertEqual(arguments[name], value, name)
        self.assertIn(r"-var 'ami_description=it'\''s # $HOME, (one)'", line)

        text = self.succeeds(self.make("plan", config=config, containerd_version="2.2.*"))
        plan = tomllib.loads(text)
        self.assertEqual((plan["arch"], plan["kernel_version"], plan["ssh_port"]), ("arm64", "6.12", 22))
        self.assertTrue(plan["enable_aws_cli"])
        self.assertEqual(plan["ami_description"], "it's # $HOME, (one)")
        for name, place in {"arch": config, "containerd_version": "command line", "kernel_version": "1.34",
                            "instance_type": "front end", "runc_version": "default", "os": "default"}.items():
            self.assertRegex(text, rf"(?m)^{name} = .* # {place}$")
        self.assertNotIn("secret", text)
        # the plan is a configuration: of the same image, whatever is newer in the bucket by then
        self.bucket.put_build("1.34.1", "2026-01-01", "arm64")
        again = tomllib.loads(self.succeeds(self.make("plan", config=self.write_config(text))))
        self.assertEqual(again, plan)

    def test_the_same_image_again(self):
        """From what write-version-info writes; test_al2023 compares this file with it."""
        file = self.directory / "test-version-info.json"
        build = {**BUILD, "os": "al2023", "arch": "arm64", "binary_bucket_name": "mine", "binary_bucket_region": "eu-west-1", "cni_plugin_version": "",
                 "aws_region": "eu-central-1", "nerdctl_version": "*", "soci_snapshotter_version": "0.*",
                 "variants": "neuron,efa,cis", "kernel": "6.12.40-63.114.amzn2023.aarch64", "source_ami_id": "ami-0base"}
        # of another value than by default
        others = {
            "cache_container_images": "true", "credential_provider_build_date": "2025-11-13", "credential_provider_version": "1.33.5", "crictl_version": "v1.33.0",
            "ecr_credential_provider_sha256": "12" * 32, "efa_version": "1.49.0", "enable_authenticator": "true", "enable_aws_cli": "true",
            "enable_ssm_agent": "false", "kontain_sha256": "34" * 32, "kontain_version": "v0.9.9", "nvidia_grid_runfile": "grid-19/580.95.05-grid-aws.run",
            "nvidia_grid_runfile_bucket_name": "drivers", "nvidia_grid_sha256": "56" * 32, "pause_container_image": "registry.example/pause:3.9",
            "pull_cni_from_github": "false", "ssm_agent_sha256": "78" * 32, "ssm_agent_version": "3.3.987.0", "cuda_version": "12.*"}
        build |= others
        packages = {"containerd": "2.1.4-1.amzn2023.0.1", "runc": "1.3.0-1.amzn2023", "nerdctl": "2.1.2-1.amzn2023", "bash": "5",
                    "amazon-ssm-agent": "3.4-1", "cuda-toolkit-12-9": "12.9.1-1", "cuda-toolkit-12-9-config-common": "12.9.79-1",
                    "aws-neuronx-dkms": "2.24-1", "kmod-nvidia-open-dkms": "580.95.05-1.el9"}
        text = lambda: json.dumps({"build": build, "binaries": {"runc": "9"}, "packages": packages}, indent=2)
        file.write_text(text().replace("ami-0base", "ami-0ba5e"))
        config = self.write_config('containerd_version = "2.*"\ncreator = "me"\nkernel = "6.1"\nenable_cis = false\n'
                                   'variants = "fips"\n')
        self.bucket.requests.clear()
        text_of_plan = self.succeeds(self.make("plan", **{"from": file}, config=config, runc_version="1.*"))
        self.assertEqual(self.bucket.requests, [])
        plan = tomllib.loads(text_of_plan)
        for name, value in {
            **BUILD, "os": "al2023", "arch": "arm64", "binary_bucket_name": "mine", "containerd_version": "2.1.4-1.amzn2023.0.1",
            "runc_version": "1.*", "nerdctl_version": "2.1.2-1.amzn2023", "kernel_version": "6.12.40-63.114.amzn2023", "creator": "me",
            "variants": "neuron,efa", "enable_cis": True, "source_ami_id": "ami-0ba5e", "aws_region": "eu-central-1", "neuron_driver_version": "2.24-1",
            "soci_snapshotter_version": "0.*", "nvidia_driver_version": "580.95.05", "cni_plugin_version": "", **others, "cuda_version": "12.9.1",
        }.items():
            if value in ("true", "false"):
                value = value == "true"
            self.assertEqual(plan[name], value, name)
        for name in "kernel_version", *others:
            self.assertRegex(text_of_plan, rf"(?m)^{name} = .* # {file}$")
        self.fails(self.make("plan", **{"from": file}, aws_region="us-east-1"), f"the base image ami-0ba5e of '{file}' is in eu-central-1: say source_ami_id= ")
        plan = tomllib.loads(self.succeeds(self.make("plan", **{"from": file}, aws_region="us-east-1", source_ami_id="")))
        self.assertEqual((plan["aws_region"], plan["source_ami_id"]), ("us-east-1", ""))
        # a plan is a configuration of that region
        config = self.write_config(text_of_plan)
        self.fails(self.make("plan", config=config, aws_region="us-east-1"), f"the base image ami-0ba5e of '{config}' is in eu-central-1: say source_ami_id= ")
        for words in {}, {"aws_region": "us-east-1", "source_ami_id": "ami-0123"}, {"aws_region": "us-east-1", "source_ami_id": ""}:
            self.succeeds(self.make("plan", config=config, **words))
        file.write_text(re.sub(r'(?m)^.*"aws_region".*\n', "", text().replace("ami-0base", "ami-0ba5e")))
        self.fails(self.make("plan", **{"from": file}), "does not say in which region its base image ami-0ba5e is: say aws_region=REGION")
        for words in {"aws_region": "us-east-1"}, {"source_ami_id": ""}:
            self.succeeds(self.make("plan", **{"from": file}, **words))
        nothing = dict.fromkeys(("crictl_version", "credential_provider_version", "nvidia_grid_runfile", "pause_container_image", "ssm_agent_sha256"), "")
        build |= nothing | {"enable_ssm_agent": "true", "ssm_agent_version": "3.*", "arch": "x86_64", "source_ami_id": "ami-0ba5e"}
        file.write_text(text())
        plan = tomllib.loads(self.succeeds(self.make("plan", **{"from": file})))
        for name, value in {**nothing, "enable_ssm_agent": True, "ssm_agent_version": "3.4"}.items():
            self.assertEqual(plan[name], value, name)
        build |= {"os": "debian12", "arch": "x86_64", "variants": "", "kernel": "6.1.0-28-cloud-amd64", "source_ami_id": "",
                  "nerdctl_version": "2.1.2", "soci_snapshotter_version": "0.11.1", "enable_ssm_agent": "false", "ssm_agent_version": ""}
        packages = {"containerd": "1.6.20~ds1-1", "runc": "1.1.5", "eksnode": "1-1"}
        file.write_text(text())
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        done = self.make("plan", **{"from": file})
        plan = tomllib.loads(self.succeeds(done))
        self.assertEqual((plan["kernel_version"], plan["enable_cis"], plan["variants"], plan["aws_region"]), ("", False, "", "us-west-2"))
        self.assertEqual((plan["nerdctl_version"], plan["soci_snapshotter_version"]), ("2.1.2", "0.11.1"))
        self.assertEqual(done.stderr, "")
        packages["eksnode"] = "1-1+deb13"
        file.write_text(text())
        self.assertEqual(self.make("plan", **{"from": file}).stderr, "")
        packages["eksnode"] = "2-1"
        file.write_text(text())
        self.assertIn(f"warning: the packages of eksnode are of the version 1-1, and the image of {file} has 2-1", self.make("plan", **{"from": file}).stderr)
        file.write_text("{}")
        self.fails(self.make("plan", **{"from": file}), "nothing is built from")
        self.fails(self.make("plan", **{"from": "/proc/nonexistent"}), "there is no file '/proc/nonexistent'", "from=NAME-version-info.json")

    def test_a_configuration_has_the_names_of_the_command_line(self):
        config = self.write_config('k8s = "1.34"\nvariant = "efa"\nkernel = "6.1"\nregion = "eu-west-1"\nenable_fips = true\n'
                                   'enable_accelerator = "neuron"\n')
        text = self.succeeds(self.make("plan", config=config))
        plan = tomllib.loads(text)
        self.assertEqual((plan["variants"], plan["kernel_version"], plan["binary_bucket_region"]), ("efa,fips,neuron", "6.1", "eu-west-1"))
        self.assertFalse({"k8s", "variant", "kernel", "region", "enable_fips"} & set(plan))
        self.assertEqual(tomllib.loads(self.succeeds(self.make("plan", config=self.write_config(text)))), plan)
        self.assertEqual(tomllib.loads(self.succeeds(self.make("plan", config=config, kernel_version="6.12")))["kernel_version"], "6.12")

    def test_a_plan_is_a_configuration(self):
        for name, value, expected in (
            ("ami_description", 'a "b"', "which an image configuration cannot hold"), ("enable_cis", "off", "this is true or false"),
            ("launch_block_device_mappings_volume_size", "abc", "this is a number"), ("launch_block_device_mappings_volume_size", "3", "at least 4"),
            ("volume_type", "io1", "The volume_type must be gp3 or gp2"), ("efa_version", "new", "The efa_version must be latest or a version"),
            ("runc_version", "", "The runc_version must be"),
        ):
            with self.subTest(name=name, value=value):
                self.fails(self.make("plan", k8s="1.34", **{name: value}), expected)
        others = {"variants": "x,,y", "creator": "me"}  # mean something else there
        self.assertEqual(tomllib.loads(self.succeeds(self.make("plan", k8s="1.34", environment=others, efa_version="1.2.3")))["variants"], "")

    def test_the_schema_of_image_configurations(self):
        schema = json.loads(self.succeeds(self.make("schema")))
        self.assertFalse(schema["additionalProperties"])
        plan = tomllib.loads(self.succeeds(self.make("plan", **BUILD)))
        types = {str: "string", bool: "boolean", int: "integer"}
        for name, value in plan.items():
            self.assertEqual(schema["properties"][name]["type"], types[type(value)], name)
            self.assertTrue(schema["properties"][name]["description"])
        self.assertIn("nvidia_driver_version", schema["properties"])
        self.assertNotIn("aws_secret_access_key", schema["properties"])

    def test_mistakes_in_an_image_configuration(self):
        config = self.write_config('arhc = "x"\n\ncontainerd_versions = "1"\nbanana = 1\nos = "al2023"\nos = "al2023"\n[image]\n'
                                   'aws_secret_access_key = "x"\nefa_version = [1]\n')
        self.fails(self.make("-n", "build", config=config),
                   f"{config}, line 1: there is no variable 'arhc', did you mean 'arch'?",
                   f"{config}, line 3: there is no variable 'containerd_versions', did you mean 'containerd_version'?",
                   f"{config}, line 4: there is no variable 'banana'; 'make schema' prints them",
                   f"{config}, line 6: 'os' is there twice", f"{config}, line 7: this is not NAME = VALUE",
                   f"{config}, line 8: there is no variable 'aws_secret_access_key'", f"{config}, line 9: this is not")
        self.fails(self.make("-n", "build", config=self.write_config(
            'enable_cis = "off"\nkernel = "6.1"\nkernel_version = "6.1"\nlaunch_block_device_mappings_volume_size = "a"\n'
            'ami_name = 1\ndocker_version = "20"\n')),
                   "line 1: 'enable_cis' must be true or false", "line 3: 'kernel_version' is there twice, it is 'kernel', too",
                   "line 4: 'launch_block_device_mappings_volume_size' must be a number",
                   "line 5: 'ami_name' must be a string in quotation marks", "line 6: there is no variable 'docker_version' here: containerd")
        self.assertEqual(self.bucket.requests, [])
        self.fails(self.make("-n", "build", config="/proc/nonexistent"), "cannot read the image configuration '/proc/nonexistent'")

    def test_mistakes_are_explained(self):
        for words, variables, *expected in (
            (["1.34"], {"arhc": "arm64"}, "there is no variable 'arhc'"),
            (["help"], {"MAKE_VERSION": "3.81"}, "this is make 3.81: install GNU make 4.2 or newer, on Linux"),
            (["1.34"], {"docker_version": "20"}, "there is no variable 'docker_version' here", "containerd_version=VERSION"),
            (["1.34"], {"nvidia_driver_major_version": "570"}, "it is nvidia_driver_version now"),
            (["1.34"], {"arch": "sparc"}, "there is no architecture 'sparc'", "arch=x86_64 or arch=arm64"),
            (["1.99"], {}, "has no Kubernetes 1.99", "make list-versions"),
            (["1.33", "1.34"], {}, "one image at a time"),
            (["1.33"], {"kubernetes_version": "1.34.1"}, "is not of 1.33", "make k8s kubernetes_version='1.34.1'"),
            (["1.34"], {"kernel": "6.1", "kernel_version": "6.12"}, "contradict each other"),
            (["1.34"], {"enable_accelerator": "tpu"}, "there is no accelerator 'tpu'"),
            (["k8s"], {"kubernetes_version": "1.34.7"}, "has no Kubernetes 1.34.7, but 1.34.1 1.34.10 1.34.11",
             "try: make k8s kubernetes_version=1.34.10 kubernetes_build_date=2025-12-02\n"),
            (["k8s"], {"kubernetes_version": "1.34.1", "binary_bucket_name": "none"}, "there is no bucket 'none' in us-west-2"),
            (["check-bucket"], BUILD | {"kubernetes_build_date": "2025-01-01"},
             "has no build of Kubernetes 1.34.1 of 2025-01-01, but 2025-09-19 2025-11-13",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13"),
            (["check-bucket"], {"kubernetes_version": "1.34.10", "arch": "arm64", "kubernetes_build_date": "2025-12-02"},
             "has no folder arm64 for arch=arm64, but amd64\n",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13 arch=arm64"),
            (["check-bucket"], {"kubernetes_version": "1.34.11", "kubernetes_build_date": "2025-12-20"},
             "has no folder amd64 for arch=x86_64, but none for Linux", "try: make k8s kubernetes_version=1.34.10 kubernetes_build_date=2025-12-02"),
            (["k8s"], {"kubernetes_version": "1.34.10", "arch": "arm64"}, "has no build of Kubernetes 1.34.10 for Linux and arch=arm64",
             "try: make k8s kubernetes_version=1.34.1 kubernetes_build_date=2025-11-13 arch=arm64"),
            (["1.34"], {"k8s": "1.33"}, "k8s=1.33 is not 1.34"),
            (["packages"], {"os": "ubuntu"}, "there is no operating system 'ubuntu' here, say os=al2023 or os=debian12"),
            (["1.34"], {"enable_fips": "yes"}, "enable_fips=yes: say true or false"),
            (["1.34"], {"enable_efa": "1"}, "enable_efa=1: say true or false"),
            (["list-builds"], {}, "no kubernetes_version is given", "make list-versions"),
            (["check-bucket"], {}, "has no Kubernetes 1.36; the newest is 1.34.11", "make list-versions"),
        ):
            with self.subTest(words=words, variables=variables):
                self.fails(self.make(*words, **variables), *expected)

    def test_a_bucket_elsewhere(self):
        self.bucket.region = "eu-west-1"
        self.fails(self.make("list-versions"), "is in the region eu-west-1, not in us-west-2", "binary_bucket_region=eu-west-1")
        self.fails(self.make("list-versions", binary_endpoint="http://127.0.0.1:1"), "cannot read the bucket 'amazon-eks'",
                   "http://127.0.0.1:1/amazon-eks")

    def test_files_of_the_newest_build(self):
        for variables, version, date in (({}, "1.34.10", "2025-12-02"), ({"arch": "arm64"}, "1.34.1", "2025-11-13")):
            text = self.succeeds(self.make("check-bucket", k8s="1.34", binary_bucket_name="binaries", **variables))
            self.assertIn(f"s3://binaries/{version}/{date}/bin/linux/", text)
        text = self.succeeds(self.make("check-bucket", kubernetes_version="<1.34", k8s="1.34"))
        self.assertIn("s3://amazon-eks/1.33.5/", text)

    def test_files_of_a_bucket(self):
        build = {**BUILD, "binary_bucket_name": "binaries"}
        text = self.succeeds(self.make("check-bucket", **build))
        self.assertIn("s3://binaries/1.34.1/2025-11-13/bin/linux/amd64/\n  there    kubelet\n", text)
        self.assertIn("  there    aws-iam-authenticator (not needed)\n", text)
        self.assertIn("  absent   cni-plugins-linux-amd64-v1.6.2.tgz (not needed)\n", text)
        self.assertIn("there    aws-iam-authenticator.sha256",
                      self.succeeds(self.make("check-bucket", enable_authenticator="true", **build)))
        del self.bucket.objects["1.34.1/2025-11-13/bin/linux/arm64/ecr-credential-provider.sha256"]
        done = self.make("check-bucket", arch="arm64", **build)
        self.fails(done, "lacks ecr-credential-provider.sha256", "or say ecr_credential_provider_sha256=DIGITS")
        text = self.succeeds(self.make("check-bucket", arch="arm64", ecr_credential_provider_sha256="0" * 64, **build))
        self.assertIn("absent   ecr-credential-provider.sha256 (not needed)", text)
        self.assertIn("missing  ecr-credential-provider.sha256", done.stdout)
        self.fails(self.make("check-bucket", pull_cni_from_github="false", cni_plugin_version="v1.6.2", **build),
                   "lacks cni-plugins-linux-amd64-v1.6.2.tgz cni-plugins-linux-amd64-v1.6.2.tgz.sha256")

    def test_a_build_checks_first_and_says_what_it_costs(self):
        packer = self.fake_packer("1.11.2")
        self.fails(self.make("1.34", PACKER_BINARY=packer), "there are 0 files eksnode-[0-9]*.x86_64.rpm in ",
                   "run: make packages os=al2023 arch=x86_64")
        self.add_packages(name="eksnode-1-1.aarch64.rpm")
        self.fails(self.make("1.34", PACKER_BINARY=packer), "there are 0 files")
        self.add_packages()
        (compat := self.directory / "build/packages/al2023-x86_64/eksnode-compat-1-1.noarch.rpm").unlink()
        self.fails(self.make("1.34", PACKER_BINARY=packer), "there are 0 files eksnode-compat-[0-9]*.noarch.rpm in ")
        compat.touch()
        self.assertNotIn("build", (self.directory / "calls").read_text())
        text = self.succeeds(self.make("1.34", PACKER_BINARY=packer))
        for line in "1.34.10, build of 2025-12-02", "one m5.xlarge in us-west-2 with a 20 GiB volume", "free tier", "'Permissions'":
            self.assertIn(line, text)
        calls = (self.directory / "calls").read_text().split("\n")
        self.assertIn("build", calls)
        self.assertIn("kubernetes_version=1.34.10", calls)

        (self.directory / "calls").unlink()
        (self.packer / "variants/mine.list").write_text("summary mine\nincludes kontain\n")
        for variables, *expected in (
            ({"PACKER_BINARY": self.fake_packer("1.7.10")}, "Packer 1.7.10 is too old", "Packer 1.8.0 or newer"),
            ({"PACKER_BINARY": "/proc/nonexistent"}, "cannot run '/proc/nonexistent'"),
            ({"PACKER_BINARY": "/bin/true"}, "'/bin/true' is not HashiCorp's Packer"),
            ({"builder": "lambda"}, "there is no builder 'lambda'", "builder=qemu"),
            ({"variant": "gpu"}, "there is no variant 'gpu'", "make list-variants"),
            ({"variant": "fips", "os": "debian12"}, "the variant 'fips' is for al2023, not for debian12"),
            ({"variant": "gpu-nvidia-grid", "arch": "arm64", "kubernetes_version": "1.34.1"}, "is for x86_64, not for arm64"),
            ({"variant": "gpu-nvidia-all", "arch": "arm64", "kubernetes_version": "1.34.1", "nvidia_grid_runfile": "x.run",
              "nvidia_grid_sha256": "0" * 64}, "the GRID driver for x86_64 only"),
            ({"os": "debian12", "ssm_agent_version": "3.3.1"}, "without ssm_agent_sha256", "Debian has no package"),
            ({"ssm_agent_sha256": "0" * 64}, "ssm_agent_sha256 is given without ssm_agent_version"),
            ({"variant": "fips", "kernel": "6.6"}, "the variant 'fips' does not work with the kernel 6.6, but with 6.1 6.12 6.18",
             "try: make k8s kubernetes_version=1.34.10 variants=fips kernel_version=6.1"),
            ({"variant": "stig", "kernel": "5.10.200"}, "the variant 'fips' does not work with the kernel 5.10.200"),
            ({"variant": "gpu-nvidia-grid"}, "needs a driver", "nvidia_grid_sha256=DIGITS"),
            ({"variant": "gpu-nvidia,gpu-nvidia-proprietary"}, "cannot be combined"),
            ({"variant": "ecs-kontain"}, "need a release of Kontain", "kontain_sha256=DIGITS"),
            ({"variant": "mine"}, "need a release of Kontain"),
            ({"variant": "kontain,fips", "kontain_version": "v1", "kontain_sha256": "0" * 64}, "'kontain' and 'fips' cannot be combined"),
            ({"variant": "stig", "os": "debian12"}, "the variant 'fips' is for al2023, not for debian12"),
            ({"arch": "arm64", "kubernetes_version": "1.34.10", "kubernetes_build_date": "2025-12-02"}, "has no folder arm64 for arch=arm64"),
            ({"os": "debian12", "enable_ssm_agent": "true"}, "Debian has no package of the SSM agent"),
            ({"os": "debian12", "aws_region": "cn-north-1"}, "base images of debian12 in cn-north-1", "source_ami_owners=ACCOUNT"),
            ({"aws_region": "us-iso-east-1"}, "base images of al2023 in us-iso-east-1"),
            ({"instance_type": "m7gd.large"}, "m7gd.large is of the architecture arm64, not of x86_64", "arch=arm64"),
            ({"instance_type": "a1.large"}, "is of the architecture arm64"),
            ({"instance_type": "p6e-gb200.36xlarge"}, "is of the architecture arm64"),
            ({"kernel": "6.99"}, "with the kernel line 6.99", "kernel=6.18, or source_ami_id="),
            ({"kernel": "5.4.1"}, "with the kernel line 5.4"),
            ({"builder": "null"}, "builder=null needs a machine", "ssh_host=ADDRESS and ssh_private_key_file=FILE"),
            ({"builder": "null", "ssh_host": "192.0.2.1"}, "builder=null needs a machine"),
            ({"builder": "qemu", "arch": "arm64", "kubernetes_version": "1.34.1"}, "builder=qemu makes images of x86_64 only"),
            ({"builder": "qemu", "qemu_image": "x"}, "builder=qemu needs a disk image", "qemu_image_checksum=sha256:DIGITS"),
            ({"instance_type": "large"}, "'large' is not an instance type"),
            ({"launch_block_device_mappings_volume_size": "3"}, "a volume of 3 GiB is too small for this image, which needs 4 GiB",
             "launch_block_device_mappings_volume_size=4"),
            ({"variant": "cuda,gpu-nvidia", "launch_block_device_mappings_volume_size": "15"}, "which needs 16 GiB"),
            ({"launch_block_device_mappings_volume_size": "4", "cache_container_images": "true"}, "which needs 5 GiB"),
            ({"launch_block_device_mappings_volume_size": "7", "os": "debian12"}, "which needs 8 GiB"),
            ({"encrypted": "true", "ami_users": "111122223333"}, "encrypted with the account's default key", "say kms_key_id=KEY"),
            ({"encrypted": "true", "ami_users": "111122223333", "kms_key_id": "alias/mine", "ami_regions": "us-west-2,eu-west-1"},
             "the default keys of their regions", "one image in each region"),
            ({"ssh_interface": "session_manager"}, "the build stops the SSM agent"),
        ):
            with self.subTest(variables):
                if variables.get("arch") == "arm64" and "variant" not in variables:
                    self.add_packages("al2023-arm64", "eksnode-1-1.aarch64.rpm")
                self.fails(self.make("1.34", **({"PACKER_BINARY": packer} | variables)), *expected)
        self.assertNotIn("build\n", (self.directory / "calls").read_text())
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, kernel="5.4", source_ami_id="ami-0123"))
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, encrypted="true", ami_users="111122223333", kms_key_id="alias/mine", ami_regions="us-west-2"))
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        self.succeeds(self.make("1.34", PACKER_BINARY=packer, os="debian12", source_ami_id="ami-0123", launch_block_device_mappings_volume_size="4"))
        for kind in "g4dn.xlarge", "gr6.4xlarge", "m5.large", "x2iedn.xlarge", "u-6tb1.56xlarge", "p4d.24xlarge":
            self.succeeds(self.make("1.34", PACKER_BINARY=packer, instance_type=kind))

    def test_old_packers_build_outside_ec2(self):
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        text = self.succeeds(self.make("1.34", builder="null", os="debian12", ssh_host="192.0.2.1", ssh_private_key_file="key",
                                       PACKER_BINARY=self.fake_packer("1.6.6")))
        self.assertIn("192.0.2.1, which is changed in place", text)
        self.assertIn("-only=image.null.node", (self.directory / "calls").read_text())

    def test_validate_uses_the_real_packer(self):
        self.succeeds(self.make("validate", **BUILD))
        self.assertEqual(self.bucket.requests, [])
        self.assertFalse((self.directory / "build").exists())  # validating changes nothing
        for variables, expected in (
            ({"volume_type": "io1"}, "The volume_type must be"), ({"variant": "nonsense"}, "there is no variant 'nonsense'"),
            ({"instance_type": "m6g.large"}, "is of the architecture arm64"), ({"builder": "null"}, "needs a machine"),
            ({"os": "debian12", "aws_region": "cn-north-1"}, "source_ami_owners=ACCOUNT"), ({"kernel": "6.99"}, "no minimal image"),
            ({"package_directory": "/proc/nonexistent"}, "/proc/nonexistent"),
        ):
            with self.subTest(variables):
                done = self.make("validate", **variables, **BUILD)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(expected, done.stdout + done.stderr)

    def test_validate_needs_no_bucket(self):
        nowhere = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "GITHUB": "http://127.0.0.1:9", "FETCH_RETRIES": "0"}
        for variables, assumed in (
            ({}, "1.36.0"), ({"k8s": "1.33"}, "1.33.0"), ({"kubernetes_version": ">=1.32.4,<1.34"}, "1.32.4"),
            ({"kubernetes_version": "latest", "cni_plugin_version": "1.*", "crictl_version": "latest"}, "1.36.0"),
        ):
            with self.subTest(variables):
                done = self.make("validate", environment=nowhere, **variables)
                self.succeeds(done)
                self.assertIn(f"is not looked up; it is checked as {assumed}\n", done.stderr)
        self.fails(self.make("validate", environment=nowhere, kubernetes_version="1.34.1-corp.1"), "suffixes are not supported")
        self.fails(self.make("check", environment=nowhere), "cannot read the bucket")

    def test_files_are_found_from_where_make_is_called(self):
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "image.toml").write_text('volume_type = "gp2"\n')
        # The recipe of the manual page, of which the output is a configuration
        recipe = re.search(r"(?m)^\t(make .* plan config=image\.toml) from=\S+ >again\.toml", (SOURCE.parent / "man/eks-image.7.scd").read_text())[1]
        command = [*recipe.replace(" packer ", f" {self.packer} ").split(), *(f"{n}={v}" for n, v in BUILD.items())]
        done = subprocess.run(command, cwd=elsewhere, env=self.environment | {"PWD": str(elsewhere), "AWS_ENDPOINT_URL_S3": self.bucket.url},
                              capture_output=True, text=True, check=False)
        self.assertRegex(self.succeeds(done), r'(?m)^volume_type = "gp2" ')
        self.assertNotRegex(done.stdout, r"(?m)^make\b")
        self.assertEqual(tomllib.loads(done.stdout)["volume_type"], "gp2")
        self.fails(self.make("plan", config="none.toml"), "cannot read the image configuration 'none.toml'", "relative to the folder")

    def test_a_variant_whose_script_is_missing(self):
        (self.packer / "variants/corp.list").write_text("summary ours\nrun install-corp\n")
        self.fails(self.make("validate", variant="corp", **BUILD), "runs provisioners/variants/install-corp, which does not exist")
        (self.packer / "provisioners/variants/install-corp").write_text("#!/bin/bash\n")
        self.succeeds(self.make("validate", variant="corp", **BUILD))

    def test_a_check_starts_nothing(self):
        packer = self.fake_packer("1.11.2")
        self.fails(self.make("check", k8s="1.34", PACKER_BINARY=packer), "there are 0 files", "make packages")
        self.add_packages()
        self.assertIn("1.34.10, build of 2025-12-02", self.succeeds(self.make("check", k8s="1.34", PACKER_BINARY=packer)))
        calls = (self.directory / "calls").read_text().splitlines()
        self.assertIn("validate", calls)
        self.assertNotIn("build", calls)
        del self.bucket.objects["1.34.10/2025-12-02/bin/linux/amd64/kubelet.sha256"]
        self.fails(self.make("check", k8s="1.34", PACKER_BINARY=packer), "lacks kubelet.sha256")

    def test_variants_are_listed_and_checked(self):
        text = self.succeeds(self.make("list-variants"))
        for file in (self.packer / "variants").glob("*.list"):
            self.assertRegex(text, rf"(?m)^{file.stem} +\w")
        self.assertEqual({len(re.match(r"\S+ +", line)[0]) for line in text.splitlines()}, {23})
        text = self.succeeds(self.make("list-controls"))
        self.assertIn("cis: al2023:1.1.1.3,debian12:1.1.1.1 cramfs cannot be mounted\n    module-off cramfs\n", text)
        self.assertEqual(self.succeeds(self.make("list-controls", enable_cis="false")), "")
        self.assertIn("\nstig: SRG-OS-", self.succeeds(self.make("list-controls", variant="stig")))
        self.add_packages()
        (self.packer / "variants/mine.list").write_text("summary mine\nconflicts efa\n")
        build = {"PACKER_BINARY": self.fake_packer("1.11.2")}
        self.fails(self.make("1.34", variant="mine,efa", **build), "the variants 'mine' and 'efa' cannot be combined")
        self.fails(self.make("1.34", variant="../x", **build), "'../x' cannot be the name of a variant")
        (self.packer / "variants/mine.list").write_text("summary mine\npakages al2023 x\n")
        self.fails(self.make("1.34", variant="mine", **build), "has a line that means nothing: pakages al2023 x")

    def test_packages(self):
        program = self.packer / "packages/build"
        program.parent.mkdir(exist_ok=True)
        program.write_text('#!/bin/sh\necho "$@"\n')
        program.chmod(0o755)
        self.add_packages("debian12-arm64", "eksnode_1-1_arm64.deb")
        directory = self.directory / "build/packages/debian12-arm64"
        (self.directory / "etc").mkdir()
        self.environment["IMAGE_ROOT"] = str(self.directory)
        clean = "--suite bookworm "
        for identity, deb, rpm in ("debian 12", "", ""), ("debian 13", clean, clean), ("amzn 2023", clean, ""), ("arch", clean, clean):
            (self.directory / "etc/os-release").write_text("ID={}\nVERSION_ID={}\n".format(*identity.split(), ""))
            done = self.make("-s", "packages", os="debian12", arch="aarch64")
            self.assertEqual(self.succeeds(done), f"deb --arch arm64 {deb}--output {directory}\n")
            self.assertEqual(len(list(directory.iterdir())), 3)  # until others are built
            self.assertIn(f"rpm --arch x86_64 {rpm}--output ", self.succeeds(self.make("-s", "packages")))

    def test_help_and_clean(self):
        text = self.succeeds(self.make("help"))
        for goal in re.findall(r"(?m)^([a-z0-9-]+):", (self.packer / "Makefile").read_text()):
            self.assertRegex(text, rf"(?m)^  {goal} +\w")
        own = re.search(r"(?m)^own_variables := (.*)$", (self.packer / "Makefile").read_text())[1].split()
        for name in [*own, "containerd_version", "qemu_image"]:
            self.assertRegex(text, rf"(?m)^  {name} +\w")
        (self.packer / "x-manifest.json").touch()
        self.succeeds(self.make("template"))
        self.succeeds(self.make("clean"))
        self.succeeds(self.make("clean"))
        self.assertFalse((self.packer / ".template").exists() or (self.packer / "x-manifest.json").exists())


# What a machine answers to the commands that would change it or are not those of this machine. Each call is logged first.
ANSWERS = {
    "apt-cache": """case $1 in
        madison) printf ' %s | 1.6.20~ds1-1 | x\\n %s | 1.6.24~ds1-1 | x\\n' "$2" "$2" ;;
        pkgnames) printf 'linux-image-%s\\n' 6.1.0-9-cloud-amd64 6.1.0-28-cloud-amd64 6.1.0-28-amd64 6.12.9-cloud-amd64 ;;
        esac""",
    "apt-get": "",
    "apt-mark": "",
    "cache-pause-container": 'printf archive >"$4"',
    "chown": "",
    "ctr": "",
    "containerd": "echo containerd github.com/containerd/containerd 2.1.4 0123abcd",
    "dnf": """case "$*" in *none*) exit 1 ;;
        *--downloadonly*) for word; do case $word in --downloaddir=*) touch "${word#*=}/${@: -1}-1.noarch.rpm" ;; esac; done ;;
        *repoquery*kernel\\*) printf '%s\\n' 'kernel 6.1.9-1.amzn2023' 'kernel6.12 6.12.9-1.amzn2023' 'kernel6.12 6.12.40-63.amzn2023' \\
                'kernel6.12-devel 6.12.99-1.amzn2023' 'kernel-livepatch-6.1.9 1.0-1' 'kernel6.18 6.18.2-1.amzn2023' ;;
        *repoquery*nvidia*) printf '580.%s\\n' 65.06 105.08 95.05; echo 590.48.01 ;;
        *repoquery*cuda*) printf '%s\\n' 12.8.1 12.9.1 13.0.0 ;;
        *repoquery*neuronx*) printf '2.%s.0.0\\n' 9 21 22 ;;
        *repoquery*ssm*) printf '3.3.%s-1.amzn2023\\n' 987.0 2299.0 ;;
        *repoquery*soci*) echo 0.9.0-1.amzn2023 ;;
        *repoquery*) printf '%s-1.amzn2023\\n' 1.7.27 2.1.4 ;;
        esac""",
    "dpkg-query": """case "$*" in
        *linux-image-\\[a-z\\]*) printf '%s\\n' 'installed linux-image-cloud-amd64' 'config-files linux-image-amd64'; exit ;;
        *pkg:*) printf '%s\\t%s\\t%s\\tpkg:deb/debian/%s@%s?arch=amd64\\t-\\t-\\n' installed bash 5.2 bash 5.2 config-files old 1 old 1 \\
                installed eksnode-host 2 eksnode-host 2 installed g++ 1:2~3 g++ 1:2~3; exit ;;
        esac
        printf 'installed\\tbash\\t5.2.15-2\\ninstalled\\tcontainerd\\t1.6.20\\nconfig-files\\told\\t1\\n'""",
    "eksnode": """case $1 in versions) echo '{"containerd": "2.1.4"}' ;; esac""",
    "fips-mode-setup": "",
    "journalctl": "",
    "grubby": "case $1 in --default-kernel) echo /boot/vmlinuz-6.12.40-63.amzn2023.x86_64 ;; esac",
    "restorecon": "",
    "rpm": """case "$*" in
        *purl*|*pkg:*) printf '%s\\t%s\\tpkg:rpm/amzn/%s@%s?arch=%s\\t-\\t-\\t%s\\n' bash 5.2.15-1 bash 5.2.15-1 x86_64 'Amazon Linux' \\
                libstdc++ 11 libstdc++ 11 x86_64 'Amazon Linux' gpg-pubkey 1-2 gpg-pubkey 1-2 '(none)' '(none)' dkms-x 1-1 dkms-x 1-1 noarch NVIDIA ;;
        *--all*) printf 'bash\\t5.2.15-1.amzn2023\\nzlib\\t1.2\\n' ;;
        *--queryformat*kernel6.12) printf '%s\\n' 6.12.9-1.amzn2023.x86_64 6.12.40-63.amzn2023.x86_64 ;;
        *--checksig*) echo "$2: digests signatures OK" ;;
        *gnupg2-minimal*) exit 1 ;;
        esac""",
    "runc": "echo runc version 1.3.0",
    "selinuxenabled": "exit 1",
    "systemctl": "",
    "uname": "case $1 in -r) echo ${KERNEL:-6.12.40-63.amzn2023.x86_64} ;; *) echo x86_64 ;; esac",
    "unpigz": "",
    "update-grub": "",
}


class MachineTest(PackerTest):
    """A directory that stands for a machine, and a bucket."""

    def setUp(self):
        super().setUp()
        self.bucket = self.start_bucket()
        self.root, self.work, self.commands = (self.directory / name for name in ("root", "work", "commands"))
        (self.root / "etc").mkdir(parents=True)
        (self.work / "packages").mkdir(parents=True)
        self.commands.mkdir()
        for name, answer in ANSWERS.items():
            self.answer(name, answer)
        self.put_file("usr/share/eks/sshd/50-eks-ciphers.conf", "Ciphers aes256-ctr\n")  # of eksnode-host
        self.bucket.put("releases/key.asc", KEY)
        for file in (self.packer / "variants").glob("*.list"):
            file.write_text(re.sub(r"(?m)^(repository (?:\S+ ){3}).*$", rf"\1{self.bucket.url}/releases/key.asc {KEY_FINGERPRINT}", file.read_text()))
        self.put_cni(b"")
        self.put_release("releases/kubernetes-sigs/cri-tools/releases/download/v1.34.0", "crictl-v1.34.0-linux-amd64.tar.gz",
                         "crictl-v1.34.0-linux-amd64.tar.gz.sha256", "crictl", sums="{sum}")
        self.variables = {
            "IMAGE_ROOT": str(self.root), "WORKING_DIR": str(self.work), "IMAGE_NAME": "test", "PATH": f"{self.commands}:{self.environment['PATH']}",
            "AWS_ENDPOINT_URL_S3": self.bucket.url, "BINARY_BUCKET_NAME": "binaries", "BINARY_BUCKET_REGION": REGION,
            "KUBERNETES_VERSION": "1.34.1", "KUBERNETES_BUILD_DATE": "2025-11-13", "ARCH": "x86_64", "KERNEL_VERSION": "6.12",
            "CONTAINERD_VERSION": "2.*", "RUNC_VERSION": "*", "CNI_PLUGIN_VERSION": "v1.6.2", "PULL_CNI_FROM_GITHUB": "true",
            "CNI_RELEASES": f"{self.bucket.url}/releases", "GITHUB": f"{self.bucket.url}/releases", "CRICTL_VERSION": "v1.34.0", "ENABLE_AUTHENTICATOR": "false", "ENABLE_AWS_CLI": "false",
            "ENABLE_SSM_AGENT": "true", "SSM_AGENT_VERSION": "", "SSM_AGENT_SHA256": "", "VARIANTS": "", "EFA_VERSION": "latest",
            "NERDCTL_VERSION": "*", "SOCI_SNAPSHOTTER_VERSION": "0.*", "NEURON_DRIVER_VERSION": "2.*", "CUDA_VERSION": "12.9",
            "NVIDIA_DRIVER_VERSION": "580.*", "CACHE_CONTAINER_IMAGES": "false", "AWS_REGION": REGION,
            "PAUSE_CONTAINER_IMAGE": "public.ecr.aws/eks-distro/kubernetes/pause:3.10", "EKS_IMDS_ENDPOINT": self.bucket.url,
            "CHECKSUMS": os.devnull,  # the releases of these tests are none of those that are pinned
        }
        self.become("al2023")

    def answer(self, name, text):
        program = self.commands / name
        program.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.directory}/calls"\n{text}\n')
        program.chmod(0o755)

    def become(self, system):
        suffix = "rpm" if system == "al2023" else "deb"
        identity = "ID=amzn\nVERSION_ID=2023\n" if system == "al2023" else "ID=debian\nVERSION_ID=12\n"
        (self.root / "etc/os-release").write_text(identity)
        (self.work / f"packages/eksnode-1.{suffix}").touch()
        if system != "al2023":
            self.variables |= {"CONTAINERD_VERSION": "1.6.2*", "KERNEL_VERSION": "6.1", "ENABLE_SSM_AGENT": "false"}

    def put_file(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def put_cni(self, extra):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in "bridge", "loopback":
                archive.addfile(tarfile.TarInfo(f"./{name}"))
        name = "cni-plugins-linux-amd64-v1.6.2.tgz"
        for place in f"releases/v1.6.2/{name}", f"1.34.1/2025-11-13/bin/linux/amd64/{name}":
            self.bucket.put(place, buffer.getvalue() + extra)
            self.bucket.put(f"{place}.sha256", f"{sha256(buffer.getvalue())}  {name}\n")

    def put_release(self, place, archive, listing, *programs, sums="0000  other\n{sum}  {name}\n"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name in programs:
                text = f"#!/bin/sh\necho {name}\n".encode()
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        self.bucket.put(f"{place}/{archive}", buffer.getvalue())
        self.bucket.put(f"{place}/{listing}", sums.format(sum=sha256(buffer.getvalue()), name=archive))

    def step(self, name, **variables):
        return self.run_program("bash", self.packer / "provisioners" / name, **(self.variables | variables))

    def steps(self):
        text = (self.packer / "template/image.pkr.hcl").read_text()
        return re.findall(r'"([a-z-]+)"', text[text.index("before_restart"):text.index("working_dir")])

    def calls(self):
        """What was called since the last time."""
        file = self.directory / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def tree(self):
        """Every file with its mode and content, without the time of the build."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            if path.name == "release":
                content = re.sub(rb"BUILD_TIME=.*", b"", content)
            found[str(path.relative_to(self.root))] = (oct(path.lstat().st_mode), content)
        return found

    def build(self, **variables):
        for name in self.steps():
            self.succeeds(self.step(name, **variables))
        return self.calls()

    def assert_in_order(self, calls, *expected):
        """A call that begins with each of these, in this order."""
        position = 0
        for text in expected:
            found = [n for n, call in enumerate(calls) if n >= position and call.startswith(text)]
            self.assertTrue(found, f"no '{text}' from call {position} on in\n" + "\n".join(calls))
            position = found[0] + 1


class ProvisionerTest(MachineTest):
    def test_al2023(self):
        self.put_file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
        self.put_file("sys/module/ena/version", "2.17.2g\n")
        self.put_file("sys/module/overlay/taint")
        self.put_file("lib/modules/6.12.40-63.amzn2023.x86_64/modules.dep", "")
        self.put_file("opt/amazon/efa_installed_packages", "# EFA installer version: 1.49.0\nlibfabric-aws-2.1.0\n")  # efa_version=latest
        calls = self.build(VARIANTS="neuron")
        self.assert_in_order(
            calls, "dnf --assumeyes --quiet upgrade", "dnf --quiet versionlock delete kernel6.12",
            "dnf --assumeyes --quiet install kernel6.12-6.12[.-]*",
            "dnf --quiet versionlock add kernel6.12", "grubby --set-default /boot/vmlinuz-6.12.40-63.amzn2023.x86_64",
            "grubby --update-kernel=ALL --args=clocksource=tsc tsc=reliable",
            "dnf --assumeyes --quiet install aws-cfn-bootstrap chrony", "dnf --assumeyes --quiet install nerdctl-2.1.4-1.amzn2023",
            "dnf --assumeyes --quiet install soci-snapshotter-0.9.0-1.amzn2023", "dnf --assumeyes --quiet install runc-2.1.4-1.amzn2023",
            "dnf --assumeyes --quiet install containerd-2.1.4-1.amzn2023", "dnf --quiet versionlock add containerd",
            "dnf --assumeyes --quiet install amazon-ssm-agent", "systemctl enable amazon-ssm-agent.service",
            f"dnf --assumeyes --quiet install {self.work}/packages/eksnode-1.rpm", f"eksnode takeover --root {self.root}",
            "systemctl start containerd.service",
            "cache-pause-container -i public.ecr.aws/eks-distro/kubernetes/pause:3.10", "systemctl stop containerd.service",
            "dnf --assumeyes --quiet install kernel6.12-devel-6.12.40-63.amzn2023.x86_64 kernel6.12-headers",
            "dnf --assumeyes --quiet install aws-neuronx-dkms-2.22.0.0 aws-neuronx-tools", "dnf --quiet clean all")
        self.assertFalse([call for call in calls if call.startswith("apt")])
        tree = self.tree()
        for path, mode in {
            "usr/bin/kubelet": "0o100755", "usr/bin/crictl": "0o100755", "etc/eks/image-credential-provider/ecr-credential-provider": "0o100755",
            "opt/cni/bin/loopback": "0o100644", "etc/eks/release": "0o100644", "etc/eks/pause.tar": "0o100644",
            "etc/cloud/cloud.cfg.d/50-eks-image.cfg": "0o100644", "run/eks/installed": "0o100644", "etc/eks/image.json": "0o100644",
        }.items():
            self.assertEqual(tree[path][0], mode, path)
        for path in ("etc/kubernetes/manifests", "etc/kubernetes/kubelet", "var/lib/kubelet", "var/lib/kubernetes",
                     "etc/eks/containerd", "etc/systemd/system/kubelet.service.d", "etc/systemd/system/containerd.service.d"):
            self.assertIn(path, tree)
        self.assertNotIn("usr/bin/aws-iam-authenticator", tree)
        self.assertEqual(tree["etc/systemd/system/mdmonitor.service"][1], "/dev/null")
        self.assertNotIn("etc/systemd/system/apt-daily.timer", tree)
        self.assertIn(b"--any\n", tree["etc/systemd/system/systemd-networkd-wait-online.service.d/50-eks-image.conf"][1])
        self.assertEqual(tree["etc/machine-id"][1], b"")
        self.assertEqual(tree["etc/eks/kubelet-version.txt"][1], b"Kubernetes v1.34.1\n")
        self.assertEqual(tree["etc/eks/containerd-version.txt"][1],
                         b"containerd github.com/containerd/containerd 2.1.4 0123abcd\n")
        self.assertRegex(tree["etc/eks/release"][1].decode(), 'BASE_AMI_ID="ami-0base"\n\nBUILD_KERNEL="6.12.40-63.*"\nARCH="x86_64"\n')
        self.assertIn(b"gpgcheck=1", tree["etc/yum.repos.d/neuron.repo"][1])
        info = json.loads((self.work / "version-info.json").read_text())
        self.assertEqual(info["binaries"], {"containerd": "2.1.4", "kubelet": "v1.34.1", "runc": "1.3.0"})
        self.assertEqual(info["packages"], {"bash": "5.2.15-1.amzn2023", "zlib": "1.2"})
        self.assertEqual((info["images"], info["kernel_modules"]), (["eks-distro/kubernetes/pause:3.10"], {"ena": "2.17.2g"}))
        self.assertEqual(info["build"], BUILD | {
            "arch": "x86_64", "aws_region": "eu-central-1", "nerdctl_version": "*", "soci_snapshotter_version": "0.*",
            "binary_bucket_name": "binaries", "binary_bucket_region": REGION, "cni_plugin_version": "v1.6.2",
            "kernel": "6.12.40-63.amzn2023.x86_64", "os": "al2023", "source_ami_id": "ami-0base", "variants": "neuron",
            "cache_container_images": "false", "credential_provider_build_date": "", "credential_provider_version": "", "crictl_version": "v1.34.0",
            "cuda_version": "12.9", "ecr_credential_provider_sha256": "", "efa_version": "1.49.0", "enable_authenticator": "false",
            "enable_aws_cli": "false", "enable_ssm_agent": "true", "kontain_sha256": "", "kontain_version": "", "nvidia_grid_runfile": "",
            "nvidia_grid_runfile_bucket_name": "", "nvidia_grid_sha256": "", "pause_container_image": self.variables["PAUSE_CONTAINER_IMAGE"],
            "pull_cni_from_github": "true", "ssm_agent_sha256": "", "ssm_agent_version": ""})

        bom = json.loads((self.work / "sbom.spdx.json").read_text())
        self.assertEqual((bom["spdxVersion"], bom["dataLicense"], bom["name"]), ("SPDX-2.3", "CC0-1.0", "test"))
        packages = {package["name"]: package for package in bom["packages"]}
        self.assertEqual(sorted(packages), ["bash", "cni-plugins", "crictl", "dkms-x", "ecr-credential-provider", "kubelet", "libstdc++",
                                            "public.ecr.aws/eks-distro/kubernetes/pause"])
        self.assertEqual(packages["kubelet"]["checksums"][0]["checksumValue"], sha256(KUBELET.format("1.34.1").encode()))
        self.assertTrue(packages["kubelet"]["downloadLocation"].endswith("/1.34.1/2025-11-13/bin/linux/amd64/kubelet"))
        self.assertEqual(packages["libstdc++"]["externalRefs"][0]["referenceLocator"], "pkg:rpm/amzn/libstdc%2B%2B@11?arch=x86_64")
        self.assert_is_spdx(bom)

        manifest = json.loads(tree["etc/eks/image.json"][1])
        self.assertEqual(manifest["wanted"], {
            "kubernetes": "1.34.1", "containerd": "2.*", "runc": "*", "credential-provider": "1.34.1", "eksnode": "*", "cni-plugins": "v1.6.2",
            "kernel": "6.12", "ssm-agent": "*", "pause": self.variables["PAUSE_CONTAINER_IMAGE"], "crictl": "v1.34.0", "nerdctl": "*",
            "soci-snapshotter": "0.*", "neuron": "2.*"})
        self.assertEqual(manifest["built"], {"containerd": "2.1.4"})
        self.assertEqual((manifest["enabled"], manifest["kernel"]), (["amazon-ssm-agent.service", "neuron-package-install.service"], "6.12.40-63.amzn2023.x86_64"))
        self.assertEqual(manifest["leastFreeMiB"], 1024)
        self.assertIn("/etc/ssh/ssh_host_*", manifest["leftovers"])
        files = {file["path"]: file for file in manifest["files"]}
        self.assertEqual(files["/usr/bin/kubelet"], {
            "path": "/usr/bin/kubelet", "mode": "0755", "owner": f"{os.geteuid()}:{os.getegid()}",
            "sha256": sha256(KUBELET.format("1.34.1").encode())})
        self.assertNotIn("sha256", files["/etc/eks/release"])
        self.assertNotIn("/etc/eks/image.json", files)
        self.assertIn("/opt/cni/bin/bridge", files)
        self.assertEqual(files["/etc/systemd/system/mdmonitor.service"]["target"], "/dev/null")
        for path in "systemd/system/systemd-networkd-wait-online.service.d/50-eks-image.conf", "ssh/sshd_config.d/50-eks-ciphers.conf":
            self.assertIn("sha256", files[f"/etc/{path}"])
        self.assertEqual(files["/etc/kubernetes/manifests/"], {"path": "/etc/kubernetes/manifests/", "mode": "0755", "owner": files["/usr/bin/kubelet"]["owner"]})
        self.assertIn("/var/lib/kubelet/", files)
        self.assertIn(f"eksnode validate-image --root {self.root}", calls)

        # once more: the same machine, and nothing large is fetched again
        self.bucket.requests.clear()
        again = self.build(VARIANTS="neuron")
        self.assertEqual(self.tree(), tree)
        self.assertEqual([path for path, *_ in self.bucket.requests if path.endswith(("kubelet", "provider", ".tgz"))], [])
        self.assertNotIn("systemctl start containerd.service", again)

    def test_debian(self):
        self.become("debian12")
        calls = self.build()
        options = "apt-get --quiet --yes"
        self.assert_in_order(
            calls, f"{options} --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold update",
            "apt-cache pkgnames", options, "apt-mark hold linux-image-6.1.0-28-cloud-amd64", "apt-cache madison runc",
            "apt-mark hold runc", "apt-cache madison containerd", "apt-mark hold containerd", options)
        for text in ("--with-new-pkgs upgrade", " install linux-image-6.1.0-28-cloud-amd64", " install runc=1.6.24~ds1-1",
                     " install containerd=1.6.24~ds1-1", f" install {self.work}/packages/eksnode-1.deb", " clean"):
            self.assertTrue([call for call in calls if call.endswith(text)], text)
        self.assertFalse([call for call in calls if call.startswith(("dnf", "grubby", "rpm"))])
        tree = self.tree()
        self.assertIn(b'BASE_AMI_ID=""', tree["etc/eks/release"][1])  # not in EC2
        self.put_file("usr/bin/nerdctl")
        self.succeeds(self.step("write-manifest"))
        self.assertIn("/usr/bin/nerdctl", [file["path"] for file in json.loads((self.root / "etc/eks/image.json").read_text())["files"]])
        (self.root / "usr/bin/nerdctl").unlink()
        self.build()
        self.assertEqual(self.tree(), tree)

    def test_nothing_else_changes_the_machine(self):
        queue = self.directory / "queue"
        queue.write_text("12 cloud-final.service start waiting\n13 apt-daily.service start running\n")
        self.answer("systemctl", f"[ $1 != list-jobs ] || cat {queue}")
        self.fails(self.step("settle-machine", WAIT_SECONDS="0"), "the machine does not come to rest:\n12 cloud-final.service start waiting\n",
                   "'systemctl status cloud-final.service apt-daily.service'", "check user_data_file=")
        self.answer("systemctl", "[ $1 != list-jobs ]")
        self.fails(self.step("settle-machine", WAIT_SECONDS="0"), "systemd does not list its jobs", "'systemctl list-jobs'")
        self.answer("systemctl", f"[ $1 != list-jobs ] || {{ [ -e {queue}.asked ] || {{ touch {queue}.asked; exit 1; }}; }}")
        self.assertIn("waiting for systemd", self.succeeds(self.step("settle-machine")))
        self.answer("systemctl", f"[ $1 != list-jobs ] || {{ cat {queue}; sed -i 1d {queue}; }}")
        self.calls()
        self.assertIn("waiting for cloud-final.service apt-daily.service\n", self.succeeds(self.step("settle-machine")))
        asked = "systemctl list-jobs --no-legend cloud-* apt-daily*"
        self.assertEqual(self.calls(), ["systemctl is-active kubelet.service", "systemctl daemon-reload", asked, asked, asked])
        self.become("debian12")
        self.succeeds(self.step("settle-machine"))
        self.assert_in_order(self.calls(), "systemctl stop apt-daily.timer apt-daily-upgrade.timer", asked)

    def test_an_image_of_eksnode_as_the_base(self):
        self.put_file("usr/lib/systemd/system/eks-node.target")
        self.put_file("run/eks/done/eks-imds")
        # one that is stopped at work starts the next attempt, and has been done then
        self.answer("systemctl", f'case $1,$2 in cat,eks-retry.timer) exit 1 ;; stop,eks-*) mkdir -p {self.root}/run/eks/done; touch {self.root}/run/eks/done/x ;; esac')
        self.succeeds(self.step("settle-machine"))
        self.assert_in_order(self.calls(), "systemctl mask --runtime eks-retry.service eks-retry.timer",
                             "systemctl stop eks-node.target eks-retry.service eks-imds.service", "systemctl daemon-reload", "systemctl list-jobs")
        self.assertEqual([path.name for path in (self.root / "run/eks").iterdir()], ["installed"])

    def test_a_builder_that_joins_a_cluster(self):
        for path, text, reason in (("var/lib/kubelet/pki/kubelet-client-current.pem", "x", "/var/lib/kubelet/pki"), ("etc/eks/node.enabled", "", "/etc/eks/node.enabled"),
                                   ("proc/cmdline", "quiet eks.node=1\n", "eks.node"), ("proc/cmdline", "eks.node", "eks.node")):
            self.put_file(path, text)
            self.calls()
            self.fails(self.step("settle-machine"), reason, "build from the base image")
            self.assertEqual(self.calls(), ["systemctl is-active kubelet.service"])
            (self.root / path).unlink()
        self.put_file("proc/cmdline", "quiet eks.node=0\n")
        self.succeeds(self.step("settle-machine"))
        self.answer("systemctl", "echo active")
        self.fails(self.step("settle-machine"), "kubelet runs", "build from the base image")

    def test_an_image_of_aws_as_the_base(self):
        self.put_file("etc/eks/nodeadm/udev-net-manager/i-1/ens5", "io.systemd.Network")
        self.put_file("etc/eks/nodeadm.d/mine.yaml")
        self.succeeds(self.step("install-eksnode"))
        self.assertEqual([path.name for path in (self.root / "etc/eks").iterdir()], ["nodeadm.d"])

    def test_packages_of_another_architecture(self):
        for system, names in (("al2023", ("eksnode-1-1.x86_64.rpm", "eksnode-1-1.aarch64.rpm", "eksnode-host-1-1.noarch.rpm")),
                              ("debian12", ("eksnode_1-1_amd64.deb", "eksnode_1-1_arm64.deb", "eksnode-host_1-1_all.deb"))):
            self.become(system)
            for file in (self.work / "packages").iterdir():
                file.unlink()
            for name in names:
                (self.work / "packages" / name).touch()
            for arch, other in ("x86_64", 1), ("arm64", 0):
                self.calls()
                self.succeeds(self.step("install-eksnode", ARCH=arch))
                call, = (call for call in self.calls() if " install " in call)
                self.assertEqual({word.rpartition("/")[2] for word in call.split() if word.startswith("/")}, {*names} - {names[other]})

    def test_the_ciphers_of_sshd(self):
        self.put_file("etc/ssh/sshd_config", "Ciphers aes128-cbc\n")
        (self.root / "etc/ssh/sshd_config").chmod(0o600)
        for _ in range(2):
            self.succeeds(self.step("install-eksnode"))
            self.assertEqual((self.root / "etc/ssh/sshd_config.d/50-eks-ciphers.conf").read_text(), "Ciphers aes256-ctr\n")
            self.assertEqual((self.root / "etc/ssh/sshd_config").read_text(), "Include /etc/ssh/sshd_config.d/*.conf\nCiphers aes128-cbc\n")
        self.assertEqual((self.root / "etc/ssh/sshd_config").stat().st_mode & 0o777, 0o600)
        shutil.rmtree(self.root / "etc/ssh/sshd_config.d")
        self.succeeds(self.step("install-eksnode", VARIANTS="stig"))
        self.assertFalse((self.root / "etc/ssh/sshd_config.d").exists())
        (self.root / "usr/share/eks/sshd/50-eks-ciphers.conf").unlink()
        self.fails(self.step("install-eksnode"), "the package eksnode-host is not installed")

    def test_other_systems_are_refused(self):
        (self.root / "etc/os-release").write_text("ID=ubuntu\nVERSION_ID=24.04\n")
        self.fails(self.step("upgrade-packages"), "the machine runs 'ubuntu 24.04'", "Amazon Linux 2023 or Debian 12")
        self.assertEqual(self.calls(), [])

    def test_downloads_without_a_right_checksum_fail(self):
        key = "1.34.1/2025-11-13/bin/linux/amd64/kubelet"
        url = f"{self.bucket.url}/binaries/{key}"
        right = self.bucket.objects[f"{key}.sha256"]
        for sums, expected in {
            None: f"cannot fetch {url}.sha256",
            "": "the checksum file kubelet.sha256 is empty",
            "<html>": "the checksum file kubelet.sha256 holds no SHA-256, but '<html>'",
            "0" * 64: f"{url} has the SHA-256 {sha256(self.bucket.objects[key])}, not {'0' * 64}",
        }.items():
            with self.subTest(expected):
                self.bucket.objects.pop(f"{key}.sha256") if sums is None else self.bucket.put(f"{key}.sha256", sums)
                self.fails(self.step("install-kubelet"), expected)
                self.assertFalse((self.root / "usr/bin/kubelet").exists())
        self.bucket.put(f"{key}.sha256", right.decode().split()[0].upper())  # no name, other letters
        self.succeeds(self.step("install-kubelet"))
        del self.bucket.objects[key.replace("kubelet", "ecr-credential-provider")]
        (self.root / "etc/eks/image-credential-provider/ecr-credential-provider").unlink()
        self.fails(self.step("install-kubelet"), "cannot fetch", "this machine may read it")
        self.bucket.put(key.replace("kubelet", "ecr-credential-provider"), "own")
        del self.bucket.objects[key.replace("kubelet", "ecr-credential-provider") + ".sha256"]
        self.fails(self.step("install-kubelet", ECR_CREDENTIAL_PROVIDER_SHA256="0" * 64), "ecr-credential-provider has the SHA-256")
        self.succeeds(self.step("install-kubelet", ECR_CREDENTIAL_PROVIDER_SHA256=sha256(b"own")))
        self.put_cni(b"x")
        self.fails(self.step("install-cni-plugins"), "has the SHA-256")
        self.fails(self.step("install-cni-plugins", PULL_CNI_FROM_GITHUB="false"), "has the SHA-256")
        self.assertFalse(list((self.root / "opt/cni/bin").iterdir()))

    def test_a_release_with_a_pinned_checksum(self):
        pinned = self.directory / "checksums.tsv"
        name = "cni-plugins-linux-amd64-v1.6.2.tgz"
        right = self.bucket.objects[f"releases/v1.6.2/{name}.sha256"].decode().split()[0]
        pinned.write_text(f"# comment\n{name}\t{'0' * 64}\ncrictl-v1.34.0-linux-amd64.tar.gz\t{'0' * 64}\n")
        for step in "install-cni-plugins", "install-tools":  # although the checksums beside the files fit
            self.fails(self.step(step, CHECKSUMS=str(pinned)), "has the SHA-256", f"not {'0' * 64}")
        self.fails(self.step("install-tools", CHECKSUMS=""), "crictl-v1.34.0-linux-amd64.tar.gz has the SHA-256")  # by the table of the tree
        pinned.write_text(f"{name}\t{right}\n")
        self.bucket.put(f"releases/v1.6.2/{name}.sha256", f"{'0' * 64}  {name}\n")
        self.succeeds(self.step("install-cni-plugins", CHECKSUMS=str(pinned)))

    def test_the_default_releases_are_pinned(self):
        table = dict(line.split("\t") for line in (self.packer / "lib/checksums.tsv").read_text().splitlines() if not line.startswith("#"))
        files = {"cni_plugin_version": "cni-plugins-linux-{1}-{0}.tgz", "crictl_version": "crictl-{0}-linux-{1}.tar.gz"}
        versions = set()
        for file in (self.packer / "versions").glob("*.pkrvars.hcl"):  # those of a Kubernetes version replace the defaults
            versions.update(re.findall(r'(?m)^(cni_plugin_version|crictl_version)\s*= "(.*)"$', file.read_text()))
        self.assertEqual({variable for variable, _ in versions}, set(files))
        for variable, version in versions:
            for arch in "amd64", "arm64":
                self.assertRegex(table.get(files[variable].format(version, arch), ""), "^[0-9a-f]{64}$", f"{variable} {version} {arch}")

    def test_a_redirection_to_http_is_not_followed(self):
        # A server with TLS is not needed to see it: curl is told, and says which protocols it may follow.
        self.answer("curl", 'exit 1')
        self.fails(self.step("install-cni-plugins", CNI_RELEASES="https://127.0.0.1:9/releases", FETCH_RETRIES="0"), "cannot fetch")
        calls = (self.directory / "calls").read_text()
        self.assertIn("curl --proto =https --proto-redir =https ", calls)

    def test_a_damaged_file_is_replaced(self):
        self.succeeds(self.step("install-kubelet", ENABLE_AUTHENTICATOR="true"))
        self.assertTrue((self.root / "usr/bin/aws-iam-authenticator").exists())
        self.put_file("usr/bin/kubelet", "half")
        self.succeeds(self.step("install-kubelet"))
        self.assertIn("1.34.1", (self.root / "usr/bin/kubelet").read_text())

    def test_a_credential_provider_of_another_version(self):
        program, record = (self.root / f"etc/eks/{name}" for name in ("image-credential-provider/ecr-credential-provider", "credential-provider-version.txt"))
        other = {"CREDENTIAL_PROVIDER_VERSION": "1.33.5", "CREDENTIAL_PROVIDER_BUILD_DATE": "2025-11-13"}
        for version, variables in ("1.34.1", {}), ("1.33.5", other), ("1.33.5", other):
            self.succeeds(self.step("install-kubelet", **variables))
            self.assertIn(version, program.read_text())
            self.assertIn("1.34.1", (self.root / "usr/bin/kubelet").read_text())
            self.assertEqual(record.read_text(), f"{version} {sha256(program.read_bytes())}\n")
        self.answer("eksnode", "echo '{\"credential-provider\": \"1.33.5\"}'")
        self.succeeds(self.step("write-sbom", CRICTL_VERSION="", **other))
        found = {one["name"]: one for one in json.loads((self.work / "sbom.spdx.json").read_text())["packages"]}["ecr-credential-provider"]
        self.assertEqual(found["versionInfo"], "1.33.5")
        self.assertIn("/1.33.5/2025-11-13/bin/", found["downloadLocation"])
        self.fails(self.step("install-kubelet", **other | {"CREDENTIAL_PROVIDER_BUILD_DATE": ""}), "the variable credential_provider_build_date")

    def test_kubelet_of_another_version(self):
        for name in "kubelet", "kubelet.sha256":
            self.bucket.put(f"1.34.1/2025-11-13/bin/linux/amd64/{name}",
                            self.bucket.objects[f"1.33.5/2025-11-13/bin/linux/amd64/{name}"])
        self.fails(self.step("install-kubelet"), "is 'Kubernetes v1.33.5'", "copy the files of 1.34.1")

    def test_private_buckets(self):
        self.bucket.private, self.bucket.token = True, TOKEN
        self.fails(self.step("install-kubelet"), "cannot fetch")
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        self.succeeds(self.step("install-kubelet", **keys))
        (self.root / "usr/bin/kubelet").unlink()
        self.put_file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
        self.fails(self.step("install-kubelet"), "cannot fetch")  # no instance profile
        self.bucket.role = "builder"
        self.succeeds(self.step("install-kubelet"))
        self.bucket.requests.clear()
        self.succeeds(self.step("install-cni-plugins", **keys))
        for path, _, headers in self.bucket.requests:  # a server that is not S3 sees nothing of them
            self.assertTrue(path.startswith("/releases/"))
            self.assertFalse({"authorization", "x-amz-security-token"} & {name.lower() for name in headers})

    def test_programs_for_containers(self):
        releases = "releases/{}/releases/download/{}"
        self.put_release(releases.format("containerd/nerdctl", "v2.1.2"), "nerdctl-2.1.2-linux-amd64.tar.gz", "SHA256SUMS", "nerdctl", "containerd-rootless.sh")
        self.put_release(releases.format("awslabs/soci-snapshotter", "v0.11.1"), "soci-snapshotter-0.11.1-linux-amd64.tar.gz",
                         "soci-snapshotter-0.11.1-linux-amd64.tar.gz.sha256sum", "soci", "soci-snapshotter-grpc", "LICENSE")
        versions = {"NERDCTL_VERSION": "2.1.2", "SOCI_SNAPSHOTTER_VERSION": "v0.11.1"}
        programs = lambda: sorted(path.name for path in (self.root / "usr/bin").iterdir())
        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(programs(), ["crictl"])  # Amazon Linux has packages of the others
        self.become("debian12")
        self.succeeds(self.step("install-tools"))  # patterns
        self.assertEqual(programs(), ["crictl"])
        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(programs(), ["crictl", "nerdctl", "soci", "soci-snapshotter-grpc"])
        tree = self.tree()
        self.bucket.requests.clear()
        self.succeeds(self.step("install-tools", **versions))
        self.assertEqual(self.tree(), tree)
        self.assertEqual([path for path, *_ in self.bucket.requests if path.endswith(".tar.gz")], [])
        self.succeeds(self.step("install-tools", CRICTL_VERSION=""))

        shutil.rmtree(self.work)
        listing = releases.format("containerd/nerdctl", "v2.1.2") + "/SHA256SUMS"
        for text, *expected in (f"{'0' * 64}  nerdctl-2.1.2-linux-amd64.tar.gz\n", "has the SHA-256"), (f"{'0' * 64}  other\n", "has no SHA-256 of nerdctl"):
            self.bucket.put(listing, text)
            self.fails(self.step("install-tools", **versions), *expected)

    def test_nvidia_drivers(self):
        self.succeeds(self.step("apply-variants", VARIANTS="gpu-nvidia-proprietary"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet module enable nvidia-driver:580-dkms",
                             "dnf --assumeyes --quiet install dkms nvidia-container-toolkit kmod-nvidia-latest-dkms-580.105.08")
        for arch, name in ("arm64", "sbsa"), ("x86_64", "x86_64"):
            for variants in "gpu-nvidia", "cuda":
                self.succeeds(self.step("apply-variants", VARIANTS=variants, ARCH=arch))
                self.assertIn(f"/compute/cuda/repos/amzn2023/{name}\n", (self.root / "etc/yum.repos.d/cuda-amzn2023.repo").read_text())
        key = "grid-19/NVIDIA-Linux-x86_64-580.95.05-grid-aws.run"
        installer = f'echo grid "$@" >>"{self.directory}/calls"; exit ${{GRID_STATUS:-0}}\n'
        self.bucket.put(key, installer)
        grid = {"VARIANTS": "gpu-nvidia-grid", "NVIDIA_GRID_RUNFILE": key, "NVIDIA_GRID_RUNFILE_BUCKET_NAME": "binaries"}
        self.fails(self.step("apply-variants", **grid), "the variable nvidia_grid_sha256")
        self.fails(self.step("apply-variants", **grid, NVIDIA_GRID_SHA256="0" * 64), "has the SHA-256")
        grid["NVIDIA_GRID_SHA256"] = sha256(installer.encode())
        self.fails(self.step("apply-variants", **grid, GRID_STATUS="1"), "cannot build the GRID driver for the kernel 6.12.40-63")
        self.calls()
        self.succeeds(self.step("apply-variants", **grid))
        self.assertIn(f"grid --silent --dkms --kernel-module-type=open --tmpdir {self.work}", self.calls())
        self.succeeds(self.step("apply-variants", **grid))
        self.assertFalse([call for call in self.calls() if call.startswith("grid")])

    def test_labels_of_the_hardware(self):
        file = self.root / "usr/lib/eks/node.d/20-labels.toml"
        expected = {"nvidia-toolkit": {"gpuLabels": True, "hardwareLabels": True}, "neuron": {"hardwareLabels": True},
                    "efa": {"hardwareLabels": True}}
        for name, labels in expected.items():
            (self.packer / f"variants/mine-{name}.list").write_text("summary labels\n" + "".join(
                line for line in (self.packer / f"variants/{name}.list").read_text().splitlines(True) if line.startswith("line ")))
            file.unlink(missing_ok=True)
            self.succeeds(self.step("apply-variants", VARIANTS=f"mine-{name}"))
            self.assertEqual(tomllib.loads(file.read_text()), {"node": labels})
        for _ in range(2):  # together, and again
            self.succeeds(self.step("apply-variants", VARIANTS="mine-neuron,mine-nvidia-toolkit,mine-efa"))
            self.assertEqual(tomllib.loads(file.read_text()), {"node": expected["nvidia-toolkit"]})
        for name in "gpu-nvidia", "gpu-nvidia-all", "gpu-nvidia-grid", "gpu-nvidia-proprietary":
            self.assertIn("includes nvidia-toolkit\n", (self.packer / f"variants/{name}.list").read_text())

    def test_names_of_buckets(self):
        for name, url in {"mine": "https://mine.s3.us-west-2.amazonaws.com", "my.bucket": "https://s3.us-west-2.amazonaws.com/my.bucket"}.items():
            done = self.run_program("bash", "-c", f". {self.packer}/lib/bucket.sh; bucket_root {name} us-west-2")
            self.assertEqual(self.succeeds(done), f"{url}\n")

    def test_a_connection_that_ends_early(self):
        self.bucket.cut = {"/binaries/1.34.1/2025-11-13/bin/linux/amd64/kubelet"}
        self.fails(self.step("install-kubelet"), "cannot fetch")
        self.bucket.cut = {"/binaries/1.34.1/2025-11-13/bin/linux/amd64/kubelet"}
        self.succeeds(self.step("install-kubelet", FETCH_RETRIES="1"))

    def test_missing_variables(self):
        self.fails(self.step("install-kubelet", KUBERNETES_VERSION=""), "the variable kubernetes_version of the template")
        self.fails(self.step("install-containerd", CONTAINERD_VERSION="none"), "no package containerd has the version none")
        self.become("debian12")
        self.fails(self.step("install-containerd", RUNC_VERSION="9.*"), "no package runc has the version 9.*")
        (self.work / "packages/eksnode-1.deb").unlink()
        self.fails(self.step("install-eksnode"), "there is no package eksnode*.deb", "make packages")

    def test_kernels(self):
        self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
        self.assertEqual([call for call in self.calls() if "install" in call or "--set-default" in call], [])
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.12.9"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install kernel6.12-6.12.9[.-]*",
                             "grubby --set-default /boot/vmlinuz-6.12.9-1.amzn2023.x86_64")
        self.assertFalse((self.root / "etc/default/grub").exists())  # not in EC2
        self.put_file("sys/hypervisor/uuid", "ec2f0000-1234\n")
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="", ARCH="arm64"))
        self.assertFalse((self.root / "etc/default/grub").exists())
        for _ in range(2):
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
            self.assertEqual((self.root / "etc/default/grub").read_text(), 'GRUB_CMDLINE_LINUX="clocksource=tsc tsc=reliable"\n')
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.12.4"), "is not installed")  # only 6.12.40 is
        for wanted in "6.12.*", ">=6.2,<6.18":
            self.calls()
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assert_in_order(self.calls(), "dnf --quiet versionlock delete kernel*", "dnf --assumeyes --quiet install kernel6.12-6.12.40-63.amzn2023[.-]*",
                                 "dnf --quiet versionlock add kernel6.12", "grubby --set-default /boot/vmlinuz-6.12.40-63.amzn2023.x86_64")
        for wanted, package in {"latest": "kernel6.18-6.18.2-1.amzn2023", "<6.12": "kernel-6.1.9-1.amzn2023"}.items():
            self.answer("rpm", f"echo {package.split('-', 1)[1]}.x86_64")
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install {package}[.-]*", self.calls())
        self.fails(self.step("install-kernel", KERNEL_VERSION=">=7"), "there is no kernel >=7 for this machine")
        self.answer("dnf", "exit 1")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.1"), "there is no kernel 6.1 for this machine",
                   "list kernel'")
        self.become("debian12")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.99"), "there is no kernel 6.99")
        self.calls()
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.12"))
        calls = self.calls()
        self.assertIn("apt-mark hold linux-image-6.12.9-cloud-amd64", calls)
        self.assertIn("apt-mark hold linux-image-cloud-amd64", calls)
        self.assertNotIn("apt-mark hold linux-image-amd64", calls)  # which was removed
        for wanted, package in {"latest": "6.12.9", "6.1.*": "6.1.0-28", ">=6.1,<6.12": "6.1.0-28"}.items():
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"apt-mark hold linux-image-{package}-cloud-amd64", self.calls())
        self.fails(self.step("install-kernel", KERNEL_VERSION=">=7"), "there is no kernel >=7")
        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64":
            self.put_file(f"boot/vmlinuz-{name}")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.1.0-9"), "has the kernel 6.1.0-28-cloud-amd64, too", "say kernel_version=6.1.0-28,")
        self.assertIn("the kernel is 6.1.0-28-cloud-amd64", self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.1")))
        self.calls()
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="", KERNEL="6.1.0-9-cloud-amd64"))
        calls = self.calls()
        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64", "cloud-amd64":
            self.assertIn(f"apt-mark hold linux-image-{name}", calls)

    def test_the_manifest_follows_the_variants_and_the_links(self):
        self.build(VARIANTS="gpu-nvidia,efa,cuda", ENABLE_SSM_AGENT="false", PAUSE_CONTAINER_IMAGE="", CNI_PLUGIN_VERSION="",
                   EFA_INSTALLER=f"{self.bucket.url}/releases", EFA_FINGERPRINT=self.sign_installer(), EFA_VERSION="1.2.3")
        (self.root / 'etc/eks/a "b" \\ c').symlink_to("../x")
        (self.root / "etc/eks/release").chmod(0o4600)
        self.succeeds(self.step("write-manifest", VARIANTS="gpu-nvidia,efa,cuda", ENABLE_SSM_AGENT="false", EFA_VERSION="1.2.3",
                                PAUSE_CONTAINER_IMAGE="", CNI_PLUGIN_VERSION="", LEAST_FREE_MIB="5"))
        manifest = json.loads((self.root / "etc/eks/image.json").read_text())
        wanted = manifest["wanted"]
        self.assertEqual((wanted["nvidia-driver"], wanted["efa"], wanted["cuda"]), ("580.*", "1.2.3", "12.9"))
        self.assertFalse({"ssm-agent", "pause", "cni-plugins", "neuron"} & set(wanted))
        self.assertEqual(manifest["enabled"], ["nvidia-fabricmanager.service", "nvidia-persistenced.service"])
        self.assertEqual(manifest["leastFreeMiB"], 5)
        files = {file["path"]: file for file in manifest["files"]}
        self.assertEqual(files['/etc/eks/a "b" \\ c']["target"], "../x")
        self.assertEqual(files["/etc/eks/release"]["mode"], "4600")

    def assert_is_spdx(self, bom):
        jsonschema.validate(bom, json.loads((SOURCE.parent / "tests/spdx-2.3.schema.json").read_text()))
        ids = [package["SPDXID"] for package in bom["packages"]]
        self.assertEqual(ids, [relation["relatedSpdxElement"] for relation in bom["relationships"]])
        self.assertEqual(len(ids), len(set(ids)))

    def bill_of_materials(self, **variables):
        """Its packages: name, version, URL, checksum."""
        self.succeeds(self.step("write-sbom", **variables))
        bom = json.loads((self.work / "sbom.spdx.json").read_text())
        self.assert_is_spdx(bom)
        return {(one["name"], one.get("versionInfo"), one["externalRefs"][0]["referenceLocator"],
                 one.get("checksums", [{}])[0].get("checksumValue")) for one in bom["packages"]}

    def test_the_bill_of_materials(self):
        self.answer("eksnode", """echo '{"containerd": "2.1.4", "credential-provider": "1.34.0", "cuda": "unknown"}'""")
        self.answer("ctr", "printf '%s type %s 1.0 MiB linux/amd64 -\\n' a.example/eks/kube-proxy:v1 sha256:" + 64 * "1" +
                    " b.example/eks/kube-proxy:v1 sha256:" + 64 * "1" + " sha256:" + 64 * "2" + " sha256:" + 64 * "2")
        self.put_file("usr/bin/aws-iam-authenticator", "#!/bin/sh\necho '{\"Version\":\"v0.7.8\",\"Commit\":\"0123\"}'\n")
        (self.root / "usr/bin/aws-iam-authenticator").chmod(0o755)
        for path in ("usr/bin/nerdctl", "usr/bin/soci", "usr/bin/crictl", "etc/eks/pause.tar", "usr/bin/kubelet",
                     "etc/eks/image-credential-provider/ecr-credential-provider"):
            self.put_file(path, "x")
        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true"))
        more = {"NVIDIA_GRID_RUNFILE": "grid-19/NVIDIA-Linux-x86_64-580.95.05-grid-aws.run", "NVIDIA_GRID_RUNFILE_BUCKET_NAME": "grid",
                "NVIDIA_GRID_SHA256": 64 * "a", "KONTAIN_VERSION": "v0.9.9", "KONTAIN_SHA256": 64 * "b"}
        found, mine = self.bill_of_materials(VARIANTS="ecs-kontain,gpu-nvidia-grid", NERDCTL_VERSION="2.1.2", **more), sha256(b"x")
        common = {
            ("ecr-credential-provider", "1.34.0", "pkg:generic/ecr-credential-provider@1.34.0", mine),
            ("aws-iam-authenticator", "0.7.8", "pkg:generic/aws-iam-authenticator@0.7.8", sha256((self.root / "usr/bin/aws-iam-authenticator").read_bytes())),
            ("crictl", "v1.34.0", "pkg:github/kubernetes-sigs/cri-tools@v1.34.0", mine),
            ("public.ecr.aws/eks-distro/kubernetes/pause", "3.10",
             "pkg:oci/pause?repository_url=public.ecr.aws/eks-distro/kubernetes/pause&tag=3.10", mine),
        }
        kube_proxy = [one for one in found if one[0].endswith("kube-proxy")]
        self.assertEqual(kube_proxy, [("a.example/eks/kube-proxy", "v1", f"pkg:oci/kube-proxy@sha256%3A{64 * '1'}?"
                                       "repository_url=a.example/eks/kube-proxy&tag=v1", 64 * "1")])
        self.assertLessEqual(common | {
            ("dkms-x", "1-1", "pkg:rpm/dkms-x@1-1?arch=noarch", None),
            ("nvidia-grid-driver", "580.95.05", "pkg:generic/nvidia-grid-driver@580.95.05", 64 * "a"),
            ("kontain", "v0.9.9", "pkg:github/kontainapp/km@v0.9.9", 64 * "b")}, found)
        self.assertFalse({"nerdctl", "gpg-pubkey"} & {name for name, *_ in found})

        self.become("debian12")
        self.answer("eksnode", """echo '{"credential-provider": "unknown"}'""")
        found = self.bill_of_materials(NERDCTL_VERSION="2.1.2", SOCI_SNAPSHOTTER_VERSION="*", PAUSE_CONTAINER_IMAGE="host:5000/pause")
        self.assertLessEqual({
            ("nerdctl", "v2.1.2", "pkg:github/containerd/nerdctl@v2.1.2", mine), ("ecr-credential-provider", None, "pkg:generic/ecr-credential-provider", mine),
            ("host:5000/pause", None, "pkg:oci/pause?repository_url=host:5000/pause", mine),
            ("g++", "1:2~3", "pkg:deb/debian/g%2B%2B@1:2~3?arch=amd64", None), ("eksnode-host", "2", "pkg:generic/eksnode-host@2?arch=amd64", None)}, found)
        self.assertFalse({"old", "soci-snapshotter", "kontain"} & {name for name, *_ in found})
        self.put_file("etc/eks/release")
        self.succeeds(self.step("write-version-info"))
        info = json.loads((self.work / "version-info.json").read_text())
        self.assertNotIn("old", info["packages"])
        self.assertEqual(info["images"], ["eks-distro/kubernetes/pause:3.10", "eks/kube-proxy:v1"])
        self.assertNotIn("awscli", info["binaries"])
        self.answer("aws", "echo aws-cli/2.31.4 Python/3.13.7 Linux/6.12")
        self.succeeds(self.step("write-version-info"))
        self.assertEqual(json.loads((self.work / "version-info.json").read_text())["binaries"]["awscli"], "2.31.4")

    def test_a_bad_image_is_refused(self):
        self.answer("eksnode", "echo problem; exit 1")
        done = self.step("validate-image")
        self.fails(done, "this is not a good image")
        self.assertIn("problem", done.stdout)
        self.fails(self.step("write-manifest"), "eksnode cannot find out the versions")
        (self.commands / "unpigz").unlink()
        if not shutil.which("unpigz", path=self.environment["PATH"]):
            self.fails(self.step("validate-image"), "there is no program unpigz")

    def test_versions_ranges_and_patterns(self):
        self.become("debian12")
        for wanted, version in {">=1.6.21,<1.7": "1.6.24~ds1-1", "<=1.6.20": "1.6.20~ds1-1", "latest": "1.6.24~ds1-1",
                                "1.6.20*": "1.6.20~ds1-1", "=1.6.20": "1.6.20~ds1-1", ">1.6.20": "1.6.24~ds1-1"}.items():
            with self.subTest(wanted):
                self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted))
                self.assertTrue([call for call in self.calls() if call.endswith(f" install containerd={version}")])
        for wanted in ">=1.7", "<1.6.20", ">1.6.24", "1.6.2", ">=1.6.21,<1.6.24", "~>1":
            self.fails(self.step("install-containerd", CONTAINERD_VERSION=wanted), f"no package containerd has the version {wanted}")
        self.become("al2023")
        self.answer("dnf", """case "$*" in *repoquery*) printf '2.%s.0-1.amzn2023\\n' 0 1 9 10 ;; esac""")
        self.calls()
        for wanted, name in {"latest": "containerd-2.10.0-1.amzn2023", ">=2.1,<2.10": "containerd-2.9.0-1.amzn2023", "<99": "containerd-2.10.0-1.amzn2023",
                             "2.1.*": "containerd-2.1.0-1.amzn2023", "2.1.4": "containerd-2.1.4"}.items():
            self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install {name}", self.calls())
        self.fails(self.step("install-containerd", CONTAINERD_VERSION=">=3"), "no package containerd has the version >=3")

    def test_versions_with_the_real_dnf(self):
        """dnf of Debian, in a root with a repository of empty packages. It is what `dnf` is on AL2023 as far as packages go."""
        repository, root = self.directory / "repository", self.directory / "dnf-root"
        repository.mkdir()
        spec = repository / "stub.spec"
        for version in "6.12.9", "6.12.40", "6.1.130":
            name = "kernel" if version == "6.1.130" else "kernel6.12"
            spec.write_text(f"Name: {name}\nVersion: {version}\nRelease: 63.amzn2023\nSummary: stub\nLicense: none\nBuildArch: noarch\n"
                            "%description\nstub\n%files\n" + "".join(
                                f"%package {part}\nSummary: stub\n%description {part}\nstub\n%files {part}\n"
                                for part in ("devel", "headers", "modules-extra")))
            self.succeeds(self.run_program("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {self.directory}/work-rpm",
                                           "--define", f"_rpmdir {repository}", spec))
        for version in "1.7.27", "2.1.4", "2.1.10":
            spec.write_text(f"Name: containerd\nVersion: {version}\nRelease: 1.amzn2023\nSummary: stub\nLicense: none\nBuildArch: noarch\n"
                            "%description\nstub\n%files\n%package -n containerd-stress\nSummary: stub\n"
                            "%description -n containerd-stress\nstub\n%files -n containerd-stress\n"
                            + "".join(f"%package -n {name}\nSummary: stub\n%description -n {name}\nstub\n%files -n {name}\n"
                                      for name in ("runc", "python3-dnf-plugin-versionlock", "kernel2.1", "kernel2.1-devel", "aws-neuronx-dkms",
                                                   "aws-neuronx-tools", "kernel2.1-headers", "kernel2.1-modules-extra")))
            self.succeeds(self.run_program("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {self.directory}/work-rpm",
                                           "--define", f"_rpmdir {repository}", spec))
        self.succeeds(self.run_program("createrepo_c", "--quiet", repository))
        # the plugin would keep its list in this machine's /etc
        (self.directory / "plugins").mkdir()
        (self.directory / "plugins/versionlock.conf").write_text(f"[main]\nenabled=1\nlocklist={self.directory}/locked\n")
        (self.directory / "locked").touch()
        self.answer("dnf", f"exec {shutil.which('dnf')} --installroot={root} --releasever=2023 --nogpgcheck --repo=stubs "
                    f"--repofrompath=stubs,file://{repository} --setopt=pluginconfpath={self.directory}/plugins "
                    f"--setopt=cachedir={self.directory}/dnf-cache \"$@\"")

        def installed():
            return self.succeeds(self.run_program("rpm", f"--root={root}", "--query", "--all", "--queryformat", "%{NAME}-%{VERSION} ")).split()

        for wanted, version in ("1.*", "1.7.27"), (">=2.0,<2.1.9", "2.1.4"), ("2.*", "2.1.10"):
            with self.subTest(wanted):
                self.succeeds(self.step("install-containerd", CONTAINERD_VERSION=wanted, RUNC_VERSION="latest"))
                self.assertEqual(sorted(installed()), [f"containerd-{version}", "runc-2.1.10"])
                self.assertRegex((self.directory / "locked").read_text(), rf"(?m)^containerd-0:{version}-1\.amzn2023\.")
        self.assertEqual((self.directory / "locked").read_text().count("\ncontainerd-0:"), 1)
        for wanted in "3.*", ">=2.2":
            self.fails(self.step("install-containerd", CONTAINERD_VERSION=wanted), f"no package containerd has the version {wanted}")
        (self.packer / "variants/mine.list").write_text("summary x\nversion al2023 NEURON_DRIVER_VERSION aws-neuronx-dkms\n"
                                                        "packages al2023 aws-neuronx-dkms-@NEURON_DRIVER_VERSION@ aws-neuronx-tools\n")
        self.answer("rpm", f'exec {shutil.which("rpm")} --root={root} "$@"')
        for wanted, version in ("<2", "1.7.27"), (">=2.0,<2.1.9", "2.1.4"), ("2.1.*", "2.1.10"):
            self.succeeds(self.step("apply-variants", VARIANTS="mine", NEURON_DRIVER_VERSION=wanted))
            self.assertIn(f"aws-neuronx-dkms-{version}", installed())
            if wanted != "<2":  # of another line
                self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
                self.assertIn(f"kernel2.1-{version}", installed())
                self.assertIn(f"grubby --set-default /boot/vmlinuz-{version}-1.amzn2023.noarch", self.calls())
        self.fails(self.step("install-kernel", KERNEL_VERSION=">=99"), "there is no kernel >=99")
        self.succeeds(self.step("upgrade-packages"))
        self.assertIn("python3-dnf-plugin-versionlock-2.1.10", installed())
        self.answer("rpm", f'exec {shutil.which("rpm")} --root={root} "$@"')
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.12.4"), "there is no kernel 6.12.4 for this machine")
        for wanted, name, version in ("6.12", "kernel6.12", "6.12.40"), ("6.12.9", "kernel6.12", "6.12.9"), ("6.1", "kernel", "6.1.130"):
            self.calls()
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"{name}-{version}", installed())
            self.assertIn(f"grubby --set-default /boot/vmlinuz-{version}-63.amzn2023.noarch", self.calls())
            self.assertRegex((self.directory / "locked").read_text(), rf"(?m)^{re.escape(name)}-0:{version}-63\.amzn2023\.")
        self.succeeds(self.step("apply-variants", VARIANTS="efa", KERNEL="6.12.40-63.amzn2023.noarch", EFA_INSTALLER=f"{self.bucket.url}/releases",
                                EFA_FINGERPRINT=self.sign_installer(), EFA_VERSION="1.2.3"))
        self.assertLessEqual({f"kernel6.12-{part}-6.12.40" for part in ("devel", "headers", "modules-extra")}, set(installed()))
        self.succeeds(self.step("install-kubelet"))
        self.succeeds(self.step("write-sbom", CRICTL_VERSION=""))
        names = [package["name"] for package in json.loads((self.work / "sbom.spdx.json").read_text())["packages"]]
        self.assertIn("containerd", names)
        self.put_file("etc/eks/release")
        self.succeeds(self.step("write-version-info"))
        self.assertEqual(json.loads((self.work / "version-info.json").read_text())["packages"]["containerd"], "2.1.10-1.amzn2023")
        self.succeeds(self.step("clean-up"))

    def test_another_pause_image_replaces_the_first(self):
        (self.root / "etc/eks").mkdir()
        self.succeeds(self.step("cache-pause-image"))
        self.succeeds(self.step("cache-pause-image"))
        self.assertEqual(len([call for call in self.calls() if call.startswith("cache-pause-container")]), 1)
        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE="registry.example/pause:4"))
        self.assertEqual((self.root / "etc/eks/pause-image.txt").read_text(), "registry.example/pause:4\n")
        self.assertEqual(len([call for call in self.calls() if call.startswith("cache-pause-container")]), 1)

    def test_images_of_the_base_image_stay(self):
        blob = "var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/01"
        (self.root / "etc/eks").mkdir()
        self.succeeds(self.step("cache-pause-image"))
        self.assertFalse((self.root / "var/lib/containerd").exists())
        self.put_file(blob)
        self.answer("ctr", f"""[ "$4" != list ] || {{ echo mine; cat "{self.directory}/pulled" || true; }} 2>/dev/null""")
        self.answer("cache-pause-container", f'printf archive >"$4"; printf "%s\\n" "$2" localhost/pause >"{self.directory}/pulled"')
        self.calls()
        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE="registry.example/pause:4"))
        self.assertTrue((self.root / blob).exists())
        self.assert_in_order(self.calls(), "ctr --namespace k8s.io images remove --sync localhost/pause registry.example/pause:4",
                             "systemctl stop containerd.service")

    def test_a_base_image_with_another_mask(self):
        """As the variant cis leaves it to the next build."""
        mask = os.umask(0o027)
        try:
            for name in self.steps()[:-1]:
                self.succeeds(self.step(name, VARIANTS="neuron", ENABLE_AWS_CLI="true"))
        finally:
            os.umask(mask)
        for path in "etc/kubernetes/manifests", "etc/eks/image-credential-provider", "opt/cni/bin", "var/lib/kubelet", "etc/yum.repos.d":
            self.assertEqual((self.root / path).stat().st_mode & 0o777, 0o755, path)

    def test_a_restart_only_into_another_kernel(self):
        self.succeeds(self.step("restart-into-kernel"))
        self.assertNotIn("systemctl reboot", self.calls())
        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.1"))
        self.assertIn("systemctl reboot", self.calls())
        self.become("debian12")
        self.succeeds(self.step("restart-into-kernel"))  # a machine without a kernel of its own
        self.assertNotIn("systemctl reboot", self.calls())
        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64":
            self.put_file(f"boot/vmlinuz-{name}")
        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.0-28-cloud-amd64"))
        self.assertNotIn("systemctl reboot", self.calls())
        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.0-9-cloud-amd64"))
        self.assertIn("systemctl reboot", self.calls())

    def test_the_ssm_agent(self):
        self.succeeds(self.step("install-ssm-agent", ENABLE_SSM_AGENT="false"))
        self.assertEqual(self.calls(), [])
        version = {"SSM_AGENT_VERSION": "3.3.1", "SSM_BUCKET": f"{self.bucket.url}/binaries/ssm"}
        for wanted, package in {"latest": "3.3.2299.0", "3.3.9*": "3.3.987.0", ">=3.3,<3.3.1000": "3.3.987.0"}.items():
            self.succeeds(self.step("install-ssm-agent", SSM_AGENT_VERSION=wanted))
            self.assert_in_order(self.calls(), f"dnf --assumeyes --quiet install amazon-ssm-agent-{package}-1.amzn2023",
                                 "dnf --quiet versionlock add amazon-ssm-agent")
        self.fails(self.step("install-ssm-agent", SSM_AGENT_VERSION=">=4"), "no package amazon-ssm-agent has the version >=4")
        self.calls()
        self.bucket.put("ssm/3.3.1/linux_amd64/amazon-ssm-agent.rpm", "rpm")
        self.fails(self.step("install-ssm-agent", SSM_AGENT_SHA256="0" * 64, **version), "has the SHA-256")
        self.assertEqual(self.calls(), [])
        self.succeeds(self.step("install-ssm-agent", SSM_AGENT_SHA256=sha256(b"rpm"), **version))
        self.assertEqual(self.calls(), [f"dnf --assumeyes --quiet install {self.work}/amazon-ssm-agent.rpm", "systemctl enable amazon-ssm-agent.service"])
        # AWS's bucket in the builder's region, whatever that of kubelet's is
        self.fails(self.step("install-ssm-agent", SSM_AGENT_SHA256="0" * 64, SSM_AGENT_VERSION="3.3.1", AWS_REGION="eu-west-1"),
                   "/amazon-ssm-eu-west-1/3.3.1/linux_amd64/amazon-ssm-agent.rpm")
        self.become("debian12")
        self.fails(self.step("install-ssm-agent", ENABLE_SSM_AGENT="true"), "Debian has no package", "ssm_agent_version=VERSION")

    def test_without_a_pause_image(self):
        self.succeeds(self.step("cache-pause-image", PAUSE_CONTAINER_IMAGE=""))
        self.assertEqual(self.calls(), [])
        (self.commands / "cache-pause-container").unlink()
        self.fails(self.step("cache-pause-image"), "the package eksnode-compat is not installed")
        self.answer("cache-pause-container", "exit 1")
        self.fails(self.step("cache-pause-image"), "cannot fetch the pause image public.ecr.aws")

    def test_images(self):
        self.succeeds(self.step("cache-images"))
        self.assertEqual(self.calls(), [])
        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="neuron,fips"))
        self.assertEqual(self.calls(), ["systemctl start containerd.service",
                                        "eksnode images cache --kubernetes-version 1.34.1 --region us-west-2 --fips",
                                        "ctr --namespace k8s.io images list", "systemctl stop containerd.service"])
        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="stig"))  # includes fips
        self.assertTrue(self.calls()[1].endswith(" --fips"))
        self.succeeds(self.step("cache-images", CACHE_CONTAINER_IMAGES="true", VARIANTS="efa"))
        self.assertFalse(self.calls()[1].endswith(" --fips"))
        self.answer("eksnode", "exit 1")
        self.calls()
        self.fails(self.step("cache-images", CACHE_CONTAINER_IMAGES="true"), "cannot cache the images of Kubernetes 1.34.1")

    def test_leftovers_are_removed(self):
        gone = """etc/ssh/ssh_host_rsa_key etc/ssh/ssh_host_rsa_key.pub root/.ssh/authorized_keys
            home/ec2-user/.ssh/authorized_keys home/ec2-user/.bash_history root/.bash_history root/.aws/credentials
            var/lib/cloud/instances/i-1/user-data.txt var/lib/cloud/data/x var/lib/cloud/sem/x var/lib/dhclient/x.lease
            var/lib/dnf/history.sqlite var/lib/systemd/random-seed var/lib/eks/commands.d/x.toml var/lib/kubelet/pki/x var/lib/kubelet/pods/x var/log/cloud-init.log
            var/log/cloud-init-output.log var/log/messages var/log/secure var/log/wtmp var/log/journal/abc/system.journal
            var/log/audit/audit.log.1 var/cache/dnf/x etc/hostname etc/resolv.conf home/ec2-user/.python_history
            root/.ssh/id_ed25519 root/.ssh/known_hosts var/log/pods/x etc/netplan/50-cloud-init.yaml
            etc/network/interfaces.d/50-cloud-init etc/ssh/sshd_config.d/50-cloud-init.conf var/lib/chrony/chrony.drift
            var/lib/amazon/ssm/Vault/Store/RegistrationKey var/log/amazon/ssm/amazon-ssm-agent.log
            var/lib/sudo/lectured/admin var/lib/sudo/ts/admin home/admin/.cache/motd.legal-displayed tmp/x tmp/.x var/tmp/x/y""".split()
        kept = """etc/ssh/sshd_config home/ec2-user/.ssh/config etc/eks/release var/lib/kubelet/x etc/netplan/10-mine.yaml
            etc/ssh/sshd_config.d/10-mine.conf tmp/systemd-private-0-x.service/tmp/x var/tmp/mine/worker/lib/x""".split()
        work = {"WORKING_DIR": str(self.root / "var/tmp/mine/worker")}
        for path in gone + kept:
            self.put_file(path, "x")
        self.put_file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.put_file("var/log/audit/audit.log", "x")
        for _ in range(2):
            self.succeeds(self.step("clean-up", **work))
            self.assertEqual([path for path in gone if (self.root / path).exists()], [])
            self.assertEqual([path for path in kept if not (self.root / path).exists()], [])
            self.assertEqual((self.root / "etc/machine-id").read_text(), "")
            self.assert_in_order(self.calls(), "systemctl stop systemd-random-seed.service", "systemctl stop amazon-ssm-agent.service",
                                 "systemctl stop chrony.service", "journalctl --relinquish-var")
            self.assertEqual((self.root / "var/log/audit/audit.log").read_text(), "")
            self.assertTrue((self.root / "var/log/journal").is_dir())
        (self.root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        self.succeeds(self.step("clean-up"))
        self.assertTrue((self.root / "etc/resolv.conf").is_symlink())

        # what later steps write
        self.put_file("var/log/sudo.log", "x")
        self.put_file("var/log/audit/audit.log", "x")
        script = f"trap 'echo stopped >>{self.root}/var/log/audit/audit.log; exit' TERM; while :; do sleep 0.1; done"
        auditd = subprocess.Popen(["bash", "-c", script])
        threading.Thread(target=auditd.wait, daemon=True).start()
        self.addCleanup(lambda: auditd.poll() is None and auditd.kill())
        self.answer("systemctl", f'[ "$*" != "show --property=MainPID --value auditd.service" ] || echo {auditd.pid}')
        self.succeeds(self.step("remove-traces", **work))
        self.assertIsNotNone(auditd.poll())
        self.assertEqual([(path.name, path.read_text()) for path in (self.root / "var/log").rglob("*") if path.is_file()], [("audit.log", "")])
        self.assertFalse((self.root / "var/tmp/mine/worker").exists())
        self.assertTrue((self.root / "etc/eks/release").exists())

    def test_variants(self):
        self.put_file("etc/default/grub", 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 quiet"\n')
        (self.packer / "variants/mine.list").write_text(
            "summary all kinds\nkernel-argument quiet\nkernel-argument psi=1\nmodule ib_umad\nmodule sctp\nenable mine.service\n"
            "stream al2023 mine:1\npackages al2023 one two\npackages debian12 three\nrun mine\nrun mine\n")
        program = self.packer / "provisioners/variants/mine"
        program.write_text(f'#!/bin/bash\ncat >/dev/null\necho script >>"{self.directory}/calls"\n'
                           f'install -D -m 0644 "$(dirname "$0")/mine-files/20-mine.toml" "{self.root}/etc/eks/node.d/20-mine.toml"\n')
        (program.parent / "mine-files").mkdir()
        (program.parent / "mine-files/20-mine.toml").write_text("# of a file next to the script\n")
        for _ in range(2):
            self.succeeds(self.step("apply-variants", VARIANTS="mine"))
            self.assert_in_order(
                self.calls(), "dnf --assumeyes --quiet module reset mine", "dnf --assumeyes --quiet module enable mine:1",
                "dnf --assumeyes --quiet install one two",
                "grubby --update-kernel=ALL --args=quiet psi=1", "script", "script", "systemctl enable mine.service")
            self.assertEqual((self.root / "etc/default/grub").read_text(),
                             'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 quiet psi=1"\n')
            self.assertEqual((self.root / "etc/modules-load.d/eks-variants.conf").read_text(), "ib_umad\nsctp\n")
            self.assertEqual((self.root / "etc/eks/node.d/20-mine.toml").read_text(), "# of a file next to the script\n")
        self.become("debian12")
        self.succeeds(self.step("apply-variants", VARIANTS="mine"))
        calls = self.calls()
        self.assertTrue(calls[0].endswith(" install three"), calls)
        self.assertIn("update-grub ", calls)
        self.assertFalse((self.root / "etc/default/grub.d").exists())  # all are there
        (self.commands / "update-grub").unlink()
        if not shutil.which("update-grub", path=self.environment["PATH"]):
            self.assertIn("there is no bootloader", self.succeeds(self.step("apply-variants", VARIANTS="mine")))
        self.fails(self.step("apply-variants", VARIANTS="fips"), "the variant 'fips' is for al2023, not for debian12")

    def test_kernel_arguments(self):
        (self.packer / "variants/mine.list").write_text("summary arguments\nkernel-argument quiet\nkernel-argument psi=1\n")
        self.put_file("etc/default/grub", "GRUB_CMDLINE_LINUX='quiet dyndbg=\"file x +p\"' # of a base image\nGRUB_TIMEOUT=0\n")
        for _ in range(2):
            self.succeeds(self.step("apply-variants", VARIANTS="mine"))
            self.assertEqual((self.root / "etc/default/grub").read_text(), 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="quiet dyndbg=\\"file x +p\\" psi=1"\n')

        # as Debian's cloud images have them, and one that sets everything anew
        files = {"grub": 'GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\nGRUB_CMDLINE_LINUX="console=tty0 psi=1"\n',
                 "grub.d/10_cloud.cfg": "GRUB_DISABLE_LINUX_UUID=true\n", "grub.d/20_console.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0"\n',
                 "grub.d/50-mine.cfg": 'GRUB_CMDLINE_LINUX="console=ttyS1"\n'}
        self.become("debian12")
        for name, text in files.items():
            self.put_file(f"etc/default/{name}", text)
        self.put_file("sys/hypervisor/uuid", "ec2f0000-1234\n")
        for _ in range(2):
            self.succeeds(self.step("apply-variants", VARIANTS="mine"))
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
            self.assertEqual({name: (self.root / "etc/default" / name).read_text() for name in files}, files)
            read = 'cd "$0" && . ./grub && for file in grub.d/*.cfg; do . "./$file"; done && echo "$GRUB_CMDLINE_LINUX"'  # as grub-mkconfig does
            self.assertEqual(subprocess.run(["sh", "-euc", read, self.root / "etc/default"], capture_output=True, text=True, check=True).stdout,
                             "console=ttyS1 quiet psi=1 clocksource=tsc tsc=reliable\n")
        self.put_file("etc/default/grub.d/no-number.cfg", 'GRUB_CMDLINE_LINUX=""\n')
        self.fails(self.step("apply-variants", VARIANTS="mine"), "kernels do not get the argument quiet", "rename it in the base image")

    def test_versions_of_drivers(self):
        self.succeeds(self.step("apply-variants", VARIANTS="gpu-nvidia,cuda"))
        calls = self.calls()
        self.assertTrue([call for call in calls if " install " in call and " infiniband-diags libibumad nvlsm " in call])
        self.assert_in_order(
            calls, "dnf --assumeyes --quiet module enable nvidia-driver:580-open",
            "dnf --assumeyes --quiet install dkms nvidia-container-toolkit kmod-nvidia-open-dkms-580.105.08 nvidia-driver-cuda-580.105.08",
            "systemctl enable nvidia-fabricmanager.service")
        self.assertEqual((self.root / "etc/modules-load.d/eks-variants.conf").read_text(), "ib_umad\n")
        for wanted, package in {"13.0": "13-0", "12.8.1": "12-8-12.8.1", "12.*": "12-9-12.9.1", ">=12.8,<12.9": "12-8-12.8.1",
                                "latest": "13-0-13.0.0"}.items():
            self.succeeds(self.step("apply-variants", VARIANTS="cuda", CUDA_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install cuda-toolkit-{package}", self.calls())
        for wanted, version, stream in (">=580.66,<580.105", "580.95.05", "580"), ("latest", "590.48.01", "590"), ("580.65.06", "580.65.06", "580"):
            self.succeeds(self.step("apply-variants", VARIANTS="gpu-nvidia", NVIDIA_DRIVER_VERSION=wanted))
            calls = "\n".join(self.calls())
            self.assertIn(f"module enable nvidia-driver:{stream}-open\n", calls)
            for package in "kmod-nvidia-open-dkms", "nvidia-fabricmanager", "nvidia-imex":
                self.assertIn(f" {package}-{version}", calls)
        for wanted, version in {"latest": "2.22.0.0", "<2.20": "2.9.0.0", "2.21.*": "2.21.0.0"}.items():
            self.succeeds(self.step("apply-variants", VARIANTS="neuron", NEURON_DRIVER_VERSION=wanted))
            self.assertTrue([call for call in self.calls() if f" aws-neuronx-dkms-{version} " in call], wanted)
        self.fails(self.step("apply-variants", VARIANTS="neuron", NEURON_DRIVER_VERSION=">=3"), "no package aws-neuronx-dkms has a version that is >=3",
                   "say neuron_driver_version=VERSION")
        self.calls()
        self.fails(self.step("apply-variants", VARIANTS="cuda", CUDA_VERSION=""), "the variable cuda_version of the template has no value")
        self.assertEqual([call for call in self.calls() if "install" in call], [])

    def test_a_repository_of_debian(self):
        self.become("debian12")
        line = f"repository debian12 mine https://repository.example/ {self.bucket.url}/releases/key.asc"
        (self.packer / "variants/mine.list").write_text(f"summary x\n{line} {KEY_FINGERPRINT}\n")
        self.succeeds(self.step("apply-variants", VARIANTS="mine"))
        self.assertEqual((self.root / "etc/apt/sources.list.d/mine.list").read_text(),
                         "deb [signed-by=/etc/apt/keyrings/mine.asc] https://repository.example/ ./\n")
        self.assertEqual((self.root / "etc/apt/keyrings/mine.asc").read_text(), KEY)
        # a package's script may read its standard input
        self.answer("apt-get", "cat >/dev/null")
        (self.packer / "variants/mine.list").write_text(f"summary x\n{line} {KEY_FINGERPRINT}\n{line.replace('mine', 'other')} {KEY_FINGERPRINT}\n")
        self.succeeds(self.step("apply-variants", VARIANTS="mine"))
        self.assertTrue((self.root / "etc/apt/sources.list.d/other.list").exists())
        del self.bucket.objects["releases/key.asc"]
        self.fails(self.step("apply-variants", VARIANTS="mine"), "cannot fetch")
        (self.packer / "variants/mine.list").write_text(f"summary x\n{line}\n")
        self.fails(self.step("apply-variants", VARIANTS="mine"), "the variant 'mine' has a repository without the fingerprint of its key")

    def test_keys_of_repositories(self):
        self.succeeds(self.step("apply-variants", VARIANTS="neuron"))
        self.assertEqual((self.root / "etc/pki/rpm-gpg/RPM-GPG-KEY-neuron").read_text(), KEY)
        self.assertIn("\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-neuron\n", (self.root / "etc/yum.repos.d/neuron.repo").read_text())
        self.calls()
        shutil.rmtree(self.root / "etc/yum.repos.d")
        for text in OTHER_KEY, KEY + OTHER_KEY, "<html>":
            self.bucket.put("releases/key.asc", text)
            self.fails(self.step("apply-variants", VARIANTS="neuron"), "releases/key.asc has the key '", f"not {KEY_FINGERPRINT}")
        self.assertEqual([call for call in self.calls() if call.startswith("dnf")], [])
        self.assertFalse((self.root / "etc/yum.repos.d").exists())

    def test_fips(self):
        self.fails(self.step("apply-variants", VARIANTS="fips"), "the kernel 6.12.40-63.amzn2023.x86_64 has no FIPS mode", "kernel_version=")
        self.assertNotIn("fips-mode-setup --enable", self.calls())
        self.put_file("boot/config-6.12.40-63.amzn2023.x86_64", "CONFIG_CRYPTO=y\nCONFIG_CRYPTO_FIPS=y\n")
        self.succeeds(self.step("apply-variants", VARIANTS="fips"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install crypto-policies", "fips-mode-setup --enable")
        self.put_file("etc/crypto-policies/config", "DEFAULT\n")
        self.fails(self.step("check-controls", VARIANTS="fips"), "holds in_file /etc/crypto-policies/config ^FIPS is not in force")
        self.put_file("etc/crypto-policies/config", "FIPS\n")
        self.succeeds(self.step("check-controls", VARIANTS="fips"))
        self.answer("fips-mode-setup", "exit 1")
        self.fails(self.step("apply-variants", VARIANTS="fips"), "cannot be switched to FIPS mode")

    def test_hardening_of_al2023(self):
        """With the files of such a machine; tests/variants_test.py has a real Debian."""
        for path, text in {"passwd": "root:x:0:0:root:/root:/bin/bash\nhalt:x:7:0:halt:/sbin:/sbin/halt\n", "group": "root:x:0:\n",
                           "shadow": "root:*LOCK*:19000::::::\n", "dnf/dnf.conf": "[main]\ngpgcheck=1\n", "ssh/sshd_config": "X11Forwarding no\n",
                           "selinux/config": "SELINUX=permissive\nSELINUXTYPE=targeted\n", "crypto-policies/config": "FIPS\n",
                           "logrotate.d/kube-proxy": "", "eks/release": ""}.items():
            self.put_file(f"etc/{path}", text)
        for path in "usr/lib/systemd/system/systemd-journald.service", "usr/lib/systemd/system/eks-config.service", "var/log/x":
            self.put_file(path)
        self.answer("rpm", "printf '%s\\n' chrony sudo audit")
        self.answer("systemctl", "[ $1 != is-enabled ] || echo enabled")
        for _ in range(2):
            self.put_file("boot/config-6.12.40-63.amzn2023.x86_64", "CONFIG_CRYPTO_FIPS=y\n")
            self.succeeds(self.step("apply-variants", VARIANTS="fedramp,cis"))
            text = self.succeeds(self.step("check-controls", VARIANTS="fedramp,cis"))
        self.assertRegex(text, r"check-controls: 1\d\d controls are met, \d\d are waived")
        tree = self.tree()
        self.assertTrue(tree["etc/ssh/sshd_config"][1].startswith(b"Include /etc/ssh/sshd_config.d/*.conf\n"))
        self.assertIn(b"ClientAliveInterval 60\n", tree["etc/ssh/sshd_config.d/10-eks-variants.conf"][1])
        self.assertIn(b"-w /etc/shadow -p wa -k identity\n", tree["etc/audit/rules.d/60-eks-variants.rules"][1])
        self.assertNotIn(b"apparmor", tree["etc/default/grub"][1])
        self.assertEqual(self.calls().count("fips-mode-setup --enable"), 2)
        self.put_file("etc/crypto-policies/config", "LEGACY\n")
        self.answer("rpm", "printf '%s\\n' chrony sudo audit telnet-server")
        self.fails(self.step("check-controls", VARIANTS="fedramp,cis"), "al2023:1.9 ", "al2023:2.2.13 ", "fedramp: SC-8,SC-13 ")

    def put_kontain(self, *programs):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in programs:
                script = f'#!/bin/sh\necho {name} >>"{self.directory}/calls"\nexit ${{KKM_STATUS:-0}}\n'.encode()
                info = tarfile.TarInfo(f"bin/{name}")
                info.size = len(script)
                archive.addfile(info, io.BytesIO(script))
        self.bucket.put("releases/v0.9.9/kontain_bin.tar.gz", buffer.getvalue())
        return {"VARIANTS": "kontain", "KONTAIN_VERSION": "v0.9.9", "KONTAIN_SHA256": sha256(buffer.getvalue()),
                "KONTAIN_RELEASES": f"{self.bucket.url}/releases"}

    def test_kontain(self):
        variables = self.put_kontain("km", "krun", "krun-label-trigger", "kkm.run")
        self.fails(self.step("apply-variants", **variables | {"KONTAIN_SHA256": "0" * 64}), "has the SHA-256")
        self.assertFalse((self.root / "opt/kontain/bin/krun").exists())
        self.fails(self.step("apply-variants", **variables, KKM_STATUS="1"), "KKM cannot be built", "pti and xsave")
        self.calls()
        self.succeeds(self.step("apply-variants", **variables))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install kernel6.12-devel-", "dnf --assumeyes --quiet install dkms", "kkm.run")
        self.assertTrue(os.access(self.root / "opt/kontain/bin/krun", os.X_OK))
        self.put_file("etc/modules-load.d/kkm.conf", "kkm\n")  # as its installer leaves it
        self.succeeds(self.step("apply-variants", **variables))
        self.assertNotIn("kkm.run", self.calls())
        variables = self.put_kontain("km", "kkm.run")
        shutil.rmtree(self.root / "opt/kontain")
        self.fails(self.step("apply-variants", **variables), "has no bin/krun")

    def test_a_container_instance_of_ecs(self):
        variables = self.put_kontain("km", "krun", "krun-label-trigger", "kkm.run")
        self.succeeds(self.step("apply-variants", **variables | {"VARIANTS": "ecs-kontain"}))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install dkms gcc make docker ecs-init", "kkm.run",
                             "systemctl enable docker.service", "systemctl enable ecs.service")
        for name in "node.disabled", "docker.enabled":
            self.assertTrue((self.root / "usr/lib/eks" / name).exists())
        self.assertEqual(tomllib.loads((self.root / "usr/lib/eks/node.d/50-ecs-kontain.toml").read_text()),
                         {"docker": {"defaultRuntime": "krun-label-trigger"}})

    def sign_installer(self):
        """A key, and an installer of EFA that it has signed. The fingerprint of the key."""
        home = self.directory / "gnupg"
        home.mkdir(mode=0o700)
        gpg = ("gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        self.addCleanup(self.run_program, "gpgconf", "--homedir", home, "--kill", "all")
        self.succeeds(self.run_program(*gpg, "--quick-generate-key", "test@example.org", "ed25519", "sign", "never"))
        listed = self.succeeds(self.run_program(*gpg, "--with-colons", "--list-keys"))
        buffer = io.BytesIO()
        script = f'#!/bin/sh\necho installer "$@" >>"{self.directory}/calls"\n'.encode()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            info = tarfile.TarInfo("aws-efa-installer/efa_installer.sh")
            info.size, info.mode = len(script), 0o755
            archive.addfile(info, io.BytesIO(script))
        file = self.directory / "installer"
        file.write_bytes(buffer.getvalue())
        self.succeeds(self.run_program(*gpg, "--detach-sign", file))
        self.succeeds(self.run_program(*gpg, "--armor", "--output", self.directory / "key", "--export"))
        self.bucket.put("releases/aws-efa-installer-1.2.3.tar.gz", buffer.getvalue())
        self.bucket.put("releases/aws-efa-installer-1.2.3.tar.gz.sig", Path(f"{file}.sig").read_bytes())
        self.bucket.put("releases/aws-efa-installer.key", (self.directory / "key").read_bytes())
        return re.search(r"^fpr:+(\w+):", listed, re.MULTILINE)[1]

    def test_efa(self):
        fingerprint = self.sign_installer()
        variables = {"VARIANTS": "efa", "EFA_VERSION": "1.2.3", "EFA_INSTALLER": f"{self.bucket.url}/releases"}
        self.fails(self.step("apply-variants", **variables),
                   "is not signed with the key 4E9091BCBB97A96B26B15E59A05480B1DD2D3CCC")
        self.assertNotIn("installer --minimal --yes", self.calls())
        self.succeeds(self.step("apply-variants", EFA_FINGERPRINT=fingerprint, **variables))
        calls = self.calls()
        self.assert_in_order(calls, "grubby --update-kernel=ALL --args=intel_idle.max_cstate=1 processor.max_cstate=1",
                             "installer --minimal --yes", "rpm --erase --nodeps efa-nv-peermem")
        (self.packer / "variants/mine.list").write_text("summary mine\nrun mine\n")
        (self.packer / "provisioners/variants/mine").write_text("dkms my driver\n")
        self.answer("dkms", "")
        self.succeeds(self.step("apply-variants", EFA_FINGERPRINT=fingerprint, **variables | {"VARIANTS": "efa,mine"}))
        self.assert_in_order(self.calls(), "dkms my driver", "installer --minimal --yes")  # AWS installs it after the drivers
        (self.packer / "variants/mine.list").write_text("summary mine\nincludes gpu-nvidia\n")
        for others in "gpu-nvidia-proprietary", "mine":
            self.succeeds(self.step("apply-variants", EFA_FINGERPRINT=fingerprint, **variables | {"VARIANTS": f"efa,{others}"}))
            self.assertNotIn("rpm --erase --nodeps efa-nv-peermem", self.calls())
        for others in "gpu-nvidia", "gpu-nvidia-all", "gpu-nvidia-proprietary", "gpu-nvidia-grid":
            self.succeeds(self.run_program("bash", self.packer / "provisioners/variants/install-efa", EFA_FINGERPRINT=fingerprint,
                                           **self.variables | variables | {"VARIANTS": f"efa,{others}"}))
            calls = self.calls()
            self.assertIn("installer --minimal --yes", calls)
            self.assertNotIn("rpm --erase --nodeps efa-nv-peermem", calls, others)
        self.bucket.objects["releases/aws-efa-installer-1.2.3.tar.gz"] += b"x"
        self.fails(self.step("apply-variants", EFA_FINGERPRINT=fingerprint, **variables), "is not signed with the key")
        self.assertNotIn("installer --minimal --yes", self.calls())

    def test_labels(self):
        for name in "usr/bin", "usr/libexec", "etc/systemd/system", "etc/eks", "opt/cni/bin":
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.answer("selinuxenabled", "")
        self.answer("matchpathcon", 'shift; for path; do echo "$path verified."; done')
        self.succeeds(self.step("label-files"))
        self.assert_in_order(self.calls(), "selinuxenabled", f"restorecon -R {self.root}/usr/bin", "matchpathcon -V")
        self.answer("matchpathcon", 'shift; for path; do echo "$path has context a, should be b"; done')
        self.fails(self.step("label-files"), "another label than SELinux's policy says", "should be b")
        self.answer("matchpathcon", "exit 2")
        self.fails(self.step("label-files"), "the labels are not checked")
        (self.commands / "matchpathcon").unlink()
        if not shutil.which("matchpathcon", path=self.environment["PATH"]):
            self.fails(self.step("label-files"), "there is no program matchpathcon", "install the package libselinux-utils")
        (self.commands / "restorecon").unlink()
        if not shutil.which("restorecon", path=self.environment["PATH"]):
            self.succeeds(self.step("label-files"))


class PackageTest(PackerTest):
    """What the packages do when they are removed, on a directory that stands for a machine; tests/boot/packages_test.py has one."""

    def forget(self):
        text = (self.packer / "packages/forget").read_text()
        script = "set -e\n" + re.sub(r"(?<![\w/*])/(etc|proc|run|var)/", rf"{self.directory}/\1/", text)
        return self.run_program("sh", "-c", script, PATH=f"{self.directory}/commands:{self.environment['PATH']}")

    def test_libraries_that_amazon_linux_lacks(self):
        commands = self.directory / "commands"
        commands.mkdir()
        (self.directory / "meson.build").write_text("        version: '1',\n")
        stubs = {"meson": 'mkdir -p "$DESTDIR/usr/bin" "$DESTDIR/etc"\ncd "$DESTDIR/usr/bin"\ncase "$*" in *host*) touch host ;; *compat*) touch imds ;;'
                 " *) install -m 755 /dev/null eksnode; touch host imds ;; esac",
                 "readelf": 'for file; do :; done\n[ "${file##*/}" = eksnode ] && printf "  0x0060:   Name: %s  Flags: none\\n" $NEEDS', "rpmbuild": "", "ninja": ""}
        for name, text in stubs.items():
            (commands / name).write_text(f"#!/bin/sh\n{text}\n")
            (commands / name).chmod(0o755)
        for needs, newest in ("GLIBC_2.4 GLIBC_2.34 GLIBCXX_3.4.9 GLIBCXX_3.4.29", ""), ("GLIBC_2.34 GLIBC_2.38", "GLIBC_2.38"), (
                "GLIBC_2.34 GLIBCXX_3.4.30 GLIBCXX_3.4.9", "GLIBCXX_3.4.30"), ("", ""):
            done = self.run_program(self.packer / "packages/build", "rpm", "--from", self.directory, "--maintainer", "Nobody <nobody@example.org>", "--output",
                                    self.directory / "output", NEEDS=needs, PATH=f"{commands}:{self.environment['PATH']}")
            if not needs:
                self.fails(done, "readelf says nothing")
            elif newest:
                self.fails(done, f"the programs need {newest}, and Amazon Linux 2023 has {newest.partition('_')[0]}_", "--suite bookworm")
            else:
                self.succeeds(done)

    def test_swap_is_turned_off_before_its_file_is_removed(self):
        (self.directory / "commands").mkdir()
        # as the kernel, which keeps a file that is swapped to
        for name, text in {"rm": f'! grep -qs "eks/swap " {self.directory}/proc/swaps || exit 1\nexec /bin/rm "$@"',
                           "swapoff": f'[ "$1" = {self.directory}/var/lib/eks/swap ] && [ -z "$FULL" ] && : >{self.directory}/proc/swaps'}.items():
            (self.directory / "commands" / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.directory / "commands" / name).chmod(0o755)
        for full in "yes", "":
            for path, text in {"var/lib/eks/swap": "", "run/eks/node.json": "", "etc/eks/node.d/x": "",
                               "proc/swaps": f"Filename Type\n{self.directory}/var/lib/eks/swap file 1 0 -2\n"}.items():
                (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
                (self.directory / path).write_text(text)
            self.environment["FULL"] = full
            done = self.forget()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((self.directory / "var/lib/eks").exists(), bool(full))
            self.assertEqual("cannot be turned off" in done.stderr and "files remain in" in done.stderr, bool(full), done.stderr)
        self.assertEqual(done.stderr, "")


class BuildTest(MachineTest):
    """Packer itself works through the template, over ssh on loopback, with the stand-ins at the other end."""

    def setUp(self):
        super().setUp()
        self.become("debian12")
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        self.output, self.key = self.directory / "output", self.directory / "key"
        self.output.mkdir()
        self.succeeds(self.run_program("ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", self.key))
        shutil.rmtree(self.work)
        # the variant cis looks at what every Debian has
        for path, text in {"passwd": "root:x:0:0:root:/root:/bin/bash\n", "group": "root:x:0:\n", "shadow": "root:!:19000::::::\n",
                           "pam.d/common-auth": "auth required pam_unix.so\n", "chrony/sources.d/eks.sources": ""}.items():
            self.put_file(f"etc/{path}", text)
        for path in "usr/lib/systemd/timesyncd.conf.d/80-eks.conf", "usr/lib/systemd/system/systemd-journald.service", "var/log/x":
            self.put_file(path)
        (self.root / "etc/shadow").chmod(0o640)
        os.chown(self.root / "etc/shadow", 0, grp.getgrnam("shadow").gr_gid)
        self.answer("dpkg-query", "printf 'installed %s\\n' apparmor sudo libpam-runtime libpam-modules; " + ANSWERS["dpkg-query"])
        self.start_sshd()

    def start_sshd(self):
        """One that knows this test's key only, and gives its sessions the environment of the stand-ins."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        environment = " ".join(f"{name}={self.variables[name]}" for name in ("IMAGE_ROOT", "PATH", "CNI_RELEASES", "GITHUB", "CHECKSUMS"))
        config = self.directory / "sshd_config"
        config.write_text(f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.key}\nAuthorizedKeysFile {self.key}.pub\n"
                          f"PidFile none\nStrictModes no\nUsePAM no\nSetEnv {environment}\n"
                          "PermitRootLogin prohibit-password\nPubkeyAcceptedAlgorithms +ssh-rsa\nHostKeyAlgorithms +ssh-rsa\n")
        log = open(self.directory / "sshd.log", "w")
        self.addCleanup(log.close)
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)

    def build_image(self, environment=None, **variables):
        return self.make(
            "k8s", builder="null", os="debian12", ssh_host="127.0.0.1", ssh_port=self.port, ssh_private_key_file=self.key,
            ssh_username=pwd.getpwuid(os.geteuid()).pw_name, remote_folder=self.directory, working_dir=self.work,
            output_directory=self.output, ami_name="test", enable_ssm_agent="false", binary_endpoint=self.bucket.url,
            kernel="6.1", **BUILD, **variables, environment=environment)

    def assertNothingIsLeft(self):
        """Of Packer and of the environment of the build, on the machine."""
        self.assertFalse(self.work.exists())
        self.assertEqual([path.name for kind in ("script*", "varfile*") for path in self.directory.glob(kind)], [])
        for file in self.directory.rglob("*"):
            if file.is_file() and file.name != "sshd.log":
                self.assertNotIn(SECRET.encode(), file.read_bytes(), file)

    def test_build(self):
        self.bucket.private, self.bucket.token = True, TOKEN
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        (self.packer / "variants/mine.list").write_text("summary mine\nmodule sctp\n")
        self.answer("eksnode", ANSWERS["eksnode"] + '\n[ "$1" != validate-image ] || echo sudo >"$IMAGE_ROOT/var/log/sudo.log"')
        done = self.build_image(keys, variant="mine")
        text = self.succeeds(done) + done.stderr
        self.assertNotIn(SECRET, text)
        self.assertNotIn(TOKEN, text)
        tree = self.tree()
        self.assertEqual(tree["etc/eks/kubelet-version.txt"][1], b"Kubernetes v1.34.1\n")
        self.assertEqual(tree["etc/modules-load.d/eks-variants.conf"][1], b"sctp\n")
        self.assertIn("opt/cni/bin/bridge", tree)
        self.assertNotIn("var/log/sudo.log", tree)
        info = json.loads((self.output / "test-version-info.json").read_text())
        self.assertEqual(info["build"]["variants"], "mine,cis")
        self.assertIn(b"PermitRootLogin no\n", tree["etc/ssh/sshd_config.d/10-eks-variants.conf"][1])
        self.assertEqual(json.loads((self.output / "test.spdx.json").read_text())["name"], "test")
        for name in "manifest.json", "test-manifest.json":
            build = json.loads((self.output / name).read_text())["builds"][0]
            self.assertEqual(build["custom_data"], {"arch": "x86_64", "kubernetes_build_date": "2025-11-13", "kubernetes_version": "1.34.1",
                                                    "os": "debian12", "variants": "mine,cis"})
        self.assertNothingIsLeft()

    def test_a_working_directory_of_somebody_else_is_refused(self):
        self.work.mkdir(mode=0o777)
        os.chown(self.work, 65534, -1)
        done = self.build_image()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"remove '{self.work}' on this machine", done.stdout)  # Packer prints what the machine says there
        self.assertEqual(list(self.work.iterdir()), [])

    def test_a_build_that_fails(self):
        self.bucket.put("1.34.1/2025-11-13/bin/linux/amd64/kubelet.sha256", "0" * 64)
        self.bucket.private, self.bucket.token = True, TOKEN
        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n")
        done = self.build_image({"AWS_SHARED_CREDENTIALS_FILE": str(file)})
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        file.unlink()
        self.assertIn("kubelet has the SHA-256", done.stdout + done.stderr)
        self.assertIn("the file is damaged or was replaced", done.stdout + done.stderr)
        self.assertEqual(list(self.output.iterdir()), [])
        self.assertNothingIsLeft()


def run_side_by_side(names):
    """Each class in a process of its own; what one prints comes at once, when it has ended."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        status = 0
        for done in pool.map(lambda name: subprocess.run(
                [sys.executable, "-IB", __file__, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False), names):
            print(done.stdout, end="")
            status = status or done.returncode
        return status


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(run_side_by_side(["FrontEndTest", "BuildTest", "ProvisionerTest", "TemplateTest", "PackageTest"]))
    unittest.main()
