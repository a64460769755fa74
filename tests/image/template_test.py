# SPDX-License-Identifier: Apache-2.0
"""The template, with the Packer that is installed."""

import concurrent.futures
import http.server
import json
import os
import re
import shutil
import stat
import threading
import urllib.parse

from bucket import KEY_ID, SECRET
from fixture import BUILD, PackerTest

MINORS = tuple(f"1.{minor}" for minor in range(23, 37))


class TemplateTest(PackerTest):
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
        """A private key for ssh, which Packer reads."""
        key = self.directory / "key"
        if not key.exists():
            self.succeeds(self.run_program("openssl", "genrsa", "-traditional", "-out", key, "2048"))
        return key

    def start_ec2(self, region):
        """An EC2 without images: its URL, and the queries that it gets."""
        queries = []

        class Ec2(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                query = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                queries.append(query)
                action = query["Action"]
                found = "<imagesSet/>" if action == "DescribeImages" else f"<regionInfo><item><regionName>{region}</regionName></item></regionInfo>"
                body = f"<{action}Response>{found}</{action}Response>".encode()

                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ec2)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        return f"http://127.0.0.1:{server.server_address[1]}", queries

    def test_templates_are_formatted(self):
        for name in "template", "versions", "newer":
            self.succeeds(self.run_program("packer", "fmt", "-check", "-diff", self.packer / name))

    def test_every_version_and_system_is_valid(self):
        files = sorted(file.name for file in (self.packer / "versions").iterdir())
        self.assertEqual(files, [f"{minor}.pkrvars.hcl" for minor in MINORS] + ["default.pkrvars.hcl"])

        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in pool.map(lambda minor: self.validate("amazon-ebs", minor=minor), MINORS):
                self.succeeds(done)

        for system in "debian12", "debian13":
            self.succeeds(self.validate("amazon-ebs", os=system, kernel_version="", arch="arm64"))

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

    def test_a_volume_for_containerd(self):
        for variables in {"containerd_volume_size": "0"}, {}, {"containerd_volume_iops": "4000", "containerd_volume_throughput": "500"}, \
                {"containerd_volume_type": "gp2"}, {"containerd_volume_type": "io2", "containerd_volume_iops": "500", "encrypted": "true"}:
            with self.subTest(variables):
                self.succeeds(self.validate("amazon-ebs", **{"containerd_volume_size": "100"} | variables))

        # Packer checks its mapping, if there is one. It names what is wrong, and the second mapping of the image.
        wrong = {"containerd_volume_throughput": "125", "containerd_volume_type": "gp2"}
        self.succeeds(self.validate("amazon-ebs", containerd_volume_size="0", **wrong))
        done = self.validate("amazon-ebs", containerd_volume_size="100", **wrong)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout + done.stderr, "(?i)throughput")

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
            "source_ami_filter_name": "al2023;", "containerd_volume_size": "65537", "containerd_volume_type": "st1", "containerd_volume_iops": "99",
            "containerd_volume_throughput": "124",
        }
        done = self.validate("amazon-ebs", **bad)
        self.assertNotEqual(done.returncode, 0, done.stdout)

        refused = re.findall(r"^The (\w+) must", done.stdout + done.stderr, re.MULTILINE)
        self.assertEqual(sorted(refused), sorted(bad))

        variables = self.template_variables()
        self.assertEqual(sorted(name for name, body in variables.items() if "validation" in body), sorted(bad))

        # secrets, and names of files, which Packer looks for
        self.assertEqual({name for name, body in variables.items() if "validation" not in body and "bool" not in body}, {
            "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "output_directory", "package_directory", "qemu_image",
            "qemu_seed_directory", "ssh_private_key_file", "user_data_file"})

        for name, good in (
            ("kms_key_id", "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("kms_key_id", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("source_ami_filter_name", "my [golden]-image's *_?"),
        ):
            self.succeeds(self.validate("amazon-ebs", encrypted="true", **{name: good}))

    def test_every_variable_has_a_type_a_description_and_a_value(self):
        variables = self.template_variables()
        for name, body in variables.items():
            self.assertRegex(body, r"(?m)^  type +=", name)
            self.assertRegex(body, r'(?m)^  description += ".*\."$', name)

        with_default = {name for name, body in variables.items() if re.search(r"(?m)^  default +=", body)}

        defaults = self.values("default.pkrvars.hcl")
        self.assertEqual(len(defaults), len(set(defaults)))
        self.assertFalse(set(defaults) & with_default)
        self.assertEqual(set(defaults) | with_default | {"ami_name", "package_directory", *BUILD}, set(variables))

        for minor in MINORS:
            self.assertLessEqual(set(self.values(f"{minor}.pkrvars.hcl")), set(defaults))

        used = "".join(file.read_text() for file in (self.packer / "template").iterdir() if "variables" not in file.name)
        self.assertEqual([name for name in variables if f"var.{name}" not in used], [])

    def test_a_newer_packer_gets_newer_settings(self):
        self.succeeds(self.make("template"))
        files = lambda: {file.name: file.stat().st_ino for file in (self.packer / ".template").iterdir()}
        self.assertEqual(set(files()), {file.name for file in (self.packer / "template").iterdir()})

        first = files()
        self.succeeds(self.make("template"))
        self.assertEqual(files(), first)  # another build may be reading them

        newer = {"PACKER_BINARY": self.fake_packer()}
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

        # This Packer does not know them, and rejects nothing else.
        done = self.validate("amazon-ebs")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("metadata_options", done.stdout + done.stderr)
        self.assertNotIn("Argument or block definition required", done.stdout + done.stderr)

    def test_a_working_directory_of_another_user_is_refused(self):
        text = (self.packer / "template/image.pkr.hcl").read_text()
        block = text[text.index('provisioner "shell"'):text.index('provisioner "file"')]
        commands = [json.loads(line.strip().rstrip(",")) for line in re.search(r"inline = \[\n(.*?)\n    \]", block, re.DOTALL)[1].splitlines()]
        directory = self.directory / "var/worker"

        def run():  # as Packer runs the commands of `inline`
            script = "\n".join(commands).replace("${local.remove}", "rm -rf '${local.working_dir}'")
            return self.run_program("/bin/sh", "-e", "-c", script.replace("${local.working_dir}", str(directory)))

        self.succeeds(run())
        self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)

        (directory / "left-by-a-build").touch()
        self.succeeds(run())
        self.assertEqual([file.name for file in directory.iterdir()], ["packages"])

        os.chown(directory, 65534, -1)
        self.fails(run(), f"remove '{directory}'")

        shutil.rmtree(directory)
        directory.symlink_to(self.directory / "etc")
        self.fails(run(), f"remove '{directory}'")
        self.assertFalse((self.directory / "etc/packages").exists())
