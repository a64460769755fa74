# SPDX-License-Identifier: Apache-2.0
"""The variables of an image: on the command line, in files of variables, in image configurations and in plans."""

import json
import re
import shutil
import tomllib

from fixture import BUILD, FrontEndTest, write_program


class VariableTest(FrontEndTest):
    def test_variables_of_the_command_line_reach_packer(self):
        arguments, command = self.dry_run(
            "k8s", kubernetes_version="1.14.9", kubernetes_build_date="2020-01-22", arch="aarch64", region="eu-west-1",
            kernel="6.12.40", source_ami_id="ami-1", aws_region="eu-west-1", variant="efa", enable_fips="true",
            enable_accelerator="neuron", ami_description="it's one", binary_bucket_name="mine", PACKER_BINARY="/opt/packer")
        self.assertEqual(self.bucket.requests, [])

        for name, value in {
            "kubernetes_version": "1.14.9", "kubernetes_build_date": "2020-01-22", "arch": "arm64", "kernel_version": "6.12.40",
            "binary_bucket_region": "eu-west-1", "variants": "efa,fips,neuron", "instance_type": "m6g.xlarge",
            "source_ami_id": "ami-1", "binary_bucket_name": "mine",
        }.items():
            self.assertEqual(arguments[name], value, name)

        self.assertIn(r"-var 'ami_description=it'\''s one'", command)
        self.assertTrue(command.startswith("/opt/packer build "), command)
        self.assertNotIn("/versions/1.14", command)

    def test_variables_of_the_environment_are_ignored(self):
        others = {"arch": "sparc", "variant": "x", "kubernetes_version": "0.0.1", "instance_type": "t1.micro", "os": "dos"}
        arguments, _ = self.dry_run("1.34", environment=others)
        self.assertEqual((arguments["arch"], arguments["os"], arguments["instance_type"]), ("x86_64", "al2023", "m5.xlarge"))
        self.assertEqual(arguments["kubernetes_version"], "1.34.10")
        self.assertNotIn("variants", arguments)

    def test_the_default_region_of_the_environment_is_taken(self):
        region = {"AWS_DEFAULT_REGION": "eu-central-1"}
        done = self.make("plan", **BUILD, environment=region)
        self.assertRegex(self.succeeds(done), r'(?m)^aws_region = "eu-central-1" +# AWS_DEFAULT_REGION$')
        self.assertEqual(done.stderr, "packer: aws_region=eu-central-1, from AWS_DEFAULT_REGION\n")
        self.assertEqual(self.dry_run("k8s", environment=region, **BUILD)[0]["aws_region"], "eu-central-1")

        done = self.make("plan", aws_region="us-east-1", **BUILD, environment=region)
        self.assertRegex(self.succeeds(done), r'(?m)^aws_region = "us-east-1" ')
        self.assertEqual(done.stderr, "")

        plan = self.plan(config=self.write_config('aws_region = "us-east-1"\n'), **BUILD, environment=region)
        self.assertEqual(plan["aws_region"], "us-east-1")

    def test_an_empty_public_address_leaves_the_choice_to_the_subnet(self):
        self.assertNotIn("associate_public_ip_address", self.succeeds(self.make("-n", "1.34", associate_public_ip_address="")))
        self.assertIn("-var 'associate_public_ip_address=false'", self.succeeds(self.make("-n", "1.34", associate_public_ip_address="false")))

    def test_secrets_on_the_command_line_are_refused(self):
        for name in "aws_access_key_id", "aws_secret_access_key", "aws_session_token":
            done = self.make("1.34", **{name: "do-not-print"})
            self.fails(done, name, f"export {name.upper()}")
            self.assertNotIn("do-not-print", done.stdout + done.stderr)

    def test_a_file_of_variables(self):
        for name, text in {
            "mine.pkrvars.hcl": 'arch = "arm64"\nkubernetes_version = "1.34.1"\nami_description = "arch = x"\n',
            "mine.json": '{\n  "arch": "arm64",\n  "kubernetes_version": "1.34.1"\n}\n',
        }.items():
            with self.subTest(name):
                (self.directory / name).write_text(text)
                arguments, _ = self.dry_run("build", PACKER_VARIABLE_FILE=self.directory / name)
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
        arguments, command = self.dry_run("build", PACKER_VARIABLE_FILE=file, kernel_version="6.12")

        self.assertEqual(arguments["variants"], "cuda,fips,gpu-nvidia")
        self.assertEqual((arguments["kernel_version"], arguments["binary_bucket_region"]), ("6.12", "eu-west-1"))
        self.assertIn("""-var 'ami_description=a "b" \\ c'""", command)

        for name in "user_data_file", "associate_public_ip_address", "kernel", "enable_fips":
            self.assertNotIn(f"-var '{name}=", command)

        arguments, _ = self.dry_run("build", PACKER_VARIABLE_FILE=file, config=self.write_config('kernel_version = "6.18"\nenable_fips = false\n'))
        self.assertEqual((arguments["kernel_version"], arguments["variants"]), ("6.18", "cuda,gpu-nvidia"))

        file.write_text("""{
            "docker_version": "20",
            "nvidia_driver_major_version": "580",
            "arhc": "x",
            "enable_cis": "off",
            "aws_secret_access_key": "x",
            "arch": ["x"]}""")
        self.bucket.requests.clear()
        self.fails(self.make("-n", "build", PACKER_VARIABLE_FILE=file),
                   f"{file}, line 2: there is no variable 'docker_version' here",
                   f"{file}, line 3: there is no variable 'nvidia_driver_major_version' here, it is nvidia_driver_version",
                   f"{file}, line 4: there is no variable 'arhc', did you mean 'arch'?", f"{file}, line 5: 'enable_cis' must be true or false",
                   f"{file}, line 6: there is no variable 'aws_secret_access_key' in a file, export AWS_SECRET_ACCESS_KEY",
                   f"{file}, line 7: this is not NAME = VALUE", "nothing is built from")
        self.assertEqual(self.bucket.requests, [])


class ConfigurationTest(FrontEndTest):
    def test_an_image_configuration(self):
        text = r"""# mine
k8s = "1.34"
arch="arm64"
containerd_version = "2.1.*" # a pattern
enable_aws_cli = true
launch_block_device_mappings_volume_size = 30
ami_description = "it's # $HOME, \u0028one)"
"""
        config = self.write_config(text + 'kubernetes_version = "1.34.1"\nvariants = "efa"\n')
        arguments, command = self.dry_run("build", config=config, containerd_version="2.2.*")

        for name, value in {
            "arch": "arm64", "kubernetes_version": "1.34.1", "kubernetes_build_date": "2025-11-13", "variants": "efa",
            "containerd_version": "2.2.*", "enable_aws_cli": "true", "launch_block_device_mappings_volume_size": "30",
        }.items():
            self.assertEqual(arguments[name], value, name)

        self.assertIn(r"-var 'ami_description=it'\''s # $HOME, (one)'", command)

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
        self.assertEqual(self.plan(config=self.write_config(text)), plan)

    def test_an_older_python_reads_configurations_in_hcl_and_json(self):
        write_program(self.directory / "python/tomllib.py", "raise ImportError")
        older = {"PYTHONPATH": str(self.directory / "python")}
        self.fails(self.make("plan", config=self.write_config('k8s = "1.34"\n'), environment=older),
                   "image configurations in TOML need Python 3.11 or newer", "NAME.pkrvars.hcl or NAME.json")

        for name, text in {"image.pkrvars.hcl": '# mine\nk8s = "1.34" // newest\n\nenable_cis = false\ncreator = "a \\"b\\""\nami_tags = null\n',
                           "image.json": json.dumps({"k8s": "1.34", "enable_cis": False, "creator": 'a "b"', "ami_tags": None})}.items():
            (self.directory / name).write_text(text)
            plan = self.plan(config=self.directory / name, environment=older)
            self.assertEqual((plan["kubernetes_version"], plan["enable_cis"], plan["creator"]), ("1.34.10", False, 'a "b"'))

        for line in 'creator = "${var.x}"', "creator = me", "k8s = 1.34", 'arch = ["arm64"]', "creator = <<END":
            (self.directory / "image.pkrvars.hcl").write_text(f"\n{line}\n")
            self.fails(self.make("plan", config=self.directory / "image.pkrvars.hcl"), "image.pkrvars.hcl, line 2: this is not NAME = VALUE")

    def test_a_configuration_has_the_names_of_the_command_line(self):
        config = self.write_config("""
            k8s = "1.34"
            variant = "efa"
            kernel = "6.1"
            region = "eu-west-1"
            enable_fips = true
            enable_accelerator = "neuron"
""")
        text = self.succeeds(self.make("plan", config=config))
        plan = tomllib.loads(text)
        self.assertEqual((plan["variants"], plan["kernel_version"], plan["binary_bucket_region"]), ("efa,fips,neuron", "6.1", "eu-west-1"))
        self.assertFalse({"k8s", "variant", "kernel", "region", "enable_fips"} & set(plan))
        self.assertEqual(self.plan(config=self.write_config(text)), plan)
        self.assertEqual(self.plan(config=config, kernel_version="6.12")["kernel_version"], "6.12")

    def test_what_the_package_has_shows_the_same_plans(self):
        installed, rules = self.directory / "installed", (self.packer / "meson.build").read_text()
        names = re.findall(r"'([^']+)'", "".join(re.findall(r"(?m)^install_\w+\((.*?)install_dir:", rules)))
        for name in names:
            (installed / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (self.packer / name).is_dir() else shutil.copy)(self.packer / name, installed / name)

        more = {"variants": "kontain", "os": "debian12", "k8s": ">=1.33,<1.35", "kernel": "6.1", "kontain_version": "v0.9.9", **BUILD}
        for variables in BUILD, {"k8s": "1.34", "variants": "stig,efa"}, {"arch": "mips"}, {"variants": "none"}, {"arhc": "arm64"}, more:
            with self.subTest(variables):
                here = self.make("plan", **variables)
                self.packer, checkout = installed, self.packer
                there = self.make("plan", **variables)
                self.packer = checkout
                self.assertEqual(here.stdout.replace(str(self.packer.parent), ""), there.stdout.replace(str(installed.parent), ""))
                self.assertEqual((here.returncode, here.stderr.replace(str(checkout), "")), (there.returncode, there.stderr.replace(str(installed), "")))

        self.succeeds(self.make("plan", **BUILD))  # of the checkout, again

    def test_a_plan_refuses_values_that_no_image_can_have(self):
        for name, value, expected in (
            ("enable_cis", "off", "this is true or false"),
            ("launch_block_device_mappings_volume_size", "abc", "this is a number"), ("launch_block_device_mappings_volume_size", "3", "at least 4"),
            ("volume_type", "io1", "The volume_type must be gp3 or gp2"), ("efa_version", "new", "The efa_version must be latest or a version"),
            ("runc_version", "", "The runc_version must be"),
        ):
            with self.subTest(name=name, value=value):
                self.fails(self.make("plan", k8s="1.34", **{name: value}), expected)

        plan = self.plan(k8s="1.34", ami_description='a "b" \\ c')
        self.assertEqual(plan["ami_description"], 'a "b" \\ c')

        others = {"variants": "x,,y", "creator": "me"}  # mean something else there
        self.assertEqual(self.plan(k8s="1.34", environment=others, efa_version="1.2.3")["variants"], "")

    def test_the_schema_of_image_configurations(self):
        schema = json.loads(self.succeeds(self.make("schema")))
        self.assertFalse(schema["additionalProperties"])

        plan = self.plan(**BUILD)
        types = {str: "string", bool: "boolean", int: "integer"}

        for name, value in plan.items():
            self.assertEqual(schema["properties"][name]["type"], types[type(value)], name)
            self.assertTrue(schema["properties"][name]["description"])

        self.assertIn("nvidia_driver_version", schema["properties"])
        self.assertNotIn("aws_secret_access_key", schema["properties"])

    def test_mistakes_in_an_image_configuration(self):
        config = self.write_config("""arhc = "x"

containerd_versions = "1"
banana = 1
aws_secret_access_key = "x"
efa_version = [1]
[image]
os = "al2023"
""")
        self.fails(self.make("-n", "build", config=config),
                   f"{config}, line 1: there is no variable 'arhc', did you mean 'arch'?",
                   f"{config}, line 3: there is no variable 'containerd_versions', did you mean 'containerd_version'?",
                   f"{config}, line 4: there is no variable 'banana'", "make schema",
                   f"{config}, line 5: there is no variable 'aws_secret_access_key' in a file", f"{config}, line 6: this is not NAME = VALUE",
                   f"{config}, line 7: this is not NAME = VALUE")

        for text, line in ('os = "al2023"\n\nos = "al2023"\n', 3), ('arch = "arm64"\nos = al2023\n', 2), ('os = "al2023\n', 1):
            config = self.write_config(text)
            self.fails(self.make("-n", "build", config=config), f"{config}, line {line}: this is not NAME = VALUE")

        config = self.write_config("""enable_cis = "off"
kernel = "6.1"
kernel_version = "6.1"
launch_block_device_mappings_volume_size = "a"
ami_name = 1
docker_version = "20"
""")
        self.fails(self.make("-n", "build", config=config),
                   "line 1: 'enable_cis' must be true or false", "line 3: 'kernel_version' is there twice, it is 'kernel', too",
                   "line 4: 'launch_block_device_mappings_volume_size' must be a number",
                   "line 5: 'ami_name' must be a string in quotation marks", "line 6: there is no variable 'docker_version' here")
        self.assertEqual(self.bucket.requests, [])

        self.fails(self.make("-n", "build", config="/proc/nonexistent"), "cannot read the image configuration '/proc/nonexistent'")

    def test_a_plan_from_version_info_makes_the_same_image(self):
        """From what write-version-info writes; test_all_steps_on_al2023 compares this file with it."""
        file = self.directory / "test-version-info.json"
        build = {**BUILD, "os": "al2023", "arch": "arm64", "binary_bucket_name": "mine", "binary_bucket_region": "eu-west-1", "cni_plugin_version": "",
                 "aws_region": "eu-central-1", "nerdctl_version": "*", "soci_snapshotter_version": "0.*",
                 "variants": "neuron,efa,cis", "kernel": "6.12.40-63.114.amzn2023.aarch64", "source_ami_id": "ami-0ba5e"}

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

        def write_info():
            file.write_text(json.dumps({"build": build, "binaries": {"runc": "9"}, "packages": packages}, indent=2))

        write_info()

        config = self.write_config('containerd_version = "2.*"\ncreator = "me"\nkernel = "6.1"\nenable_cis = false\nvariants = "fips"\n')

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
            self.assertEqual(plan[name], {"true": True, "false": False}.get(value, value), name)

        for name in "kernel_version", *others:
            self.assertRegex(text_of_plan, rf"(?m)^{name} = .* # {file}$")

        # its base image is in another region
        self.fails(self.make("plan", **{"from": file}, aws_region="us-east-1"), f"ami-0ba5e of '{file}' is in eu-central-1: say source_ami_id= ")

        plan = self.plan(**{"from": file}, aws_region="us-east-1", source_ami_id="")
        self.assertEqual((plan["aws_region"], plan["source_ami_id"]), ("us-east-1", ""))

        # a plan is a configuration of that region
        config = self.write_config(text_of_plan)
        self.fails(self.make("plan", config=config, aws_region="us-east-1"), f"ami-0ba5e of '{config}' is in eu-central-1: say source_ami_id= ")

        for words in {}, {"aws_region": "us-east-1", "source_ami_id": "ami-0123"}, {"aws_region": "us-east-1", "source_ami_id": ""}:
            self.succeeds(self.make("plan", config=config, **words))

        del build["aws_region"]
        write_info()
        self.fails(self.make("plan", **{"from": file}), "region", "ami-0ba5e", "say aws_region=REGION")

        for words in {"aws_region": "us-east-1"}, {"source_ami_id": ""}:
            self.succeeds(self.make("plan", **{"from": file}, **words))

        # values that are empty, and those of Debian
        build["aws_region"] = "eu-central-1"
        nothing = dict.fromkeys(("crictl_version", "credential_provider_version", "nvidia_grid_runfile", "pause_container_image", "ssm_agent_sha256"), "")
        build |= nothing | {"enable_ssm_agent": "true", "ssm_agent_version": "3.*", "arch": "x86_64"}
        write_info()

        plan = self.plan(**{"from": file})

        for name, value in {**nothing, "enable_ssm_agent": True, "ssm_agent_version": "3.4"}.items():
            self.assertEqual(plan[name], value, name)

        build |= {"os": "debian12", "arch": "x86_64", "variants": "", "kernel": "6.1.0-28-cloud-amd64", "source_ami_id": "",
                  "nerdctl_version": "2.1.2", "soci_snapshotter_version": "0.11.1", "enable_ssm_agent": "false", "ssm_agent_version": ""}
        packages = {"containerd": "1.6.20~ds1-1", "runc": "1.1.5", "eksnode": "1-1"}
        write_info()
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        done = self.make("plan", **{"from": file})
        plan = tomllib.loads(self.succeeds(done))

        self.assertEqual((plan["kernel_version"], plan["enable_cis"], plan["variants"], plan["aws_region"]), ("", False, "", "us-west-2"))
        self.assertEqual((plan["nerdctl_version"], plan["soci_snapshotter_version"]), ("2.1.2", "0.11.1"))
        self.assertEqual(done.stderr, "")

        packages["eksnode"] = "1-1+deb13"
        write_info()
        self.assertEqual(self.make("plan", **{"from": file}).stderr, "")

        packages["eksnode"] = "2-1"
        write_info()
        self.assertRegex(self.make("plan", **{"from": file}).stderr, f"warning: .* 1-1, and the image of {file} has 2-1")

        file.write_text("{}")
        self.fails(self.make("plan", **{"from": file}), "nothing is built from")
        self.fails(self.make("plan", **{"from": "/proc/nonexistent"}), "there is no file '/proc/nonexistent'", "from=NAME-version-info.json")
