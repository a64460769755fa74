# SPDX-License-Identifier: Apache-2.0
"""The tables, the manual page and the scripts of packer/, which must agree with each other."""

import importlib.machinery
import importlib.util
import re

from fixture import SOURCE, PackerTest

# Every variable of AWS's templates for AL2 and AL2023.
AWS_VARIABLES = """additional_yum_repos ami_component_description ami_description ami_name ami_regions ami_users arch
associate_public_ip_address aws_access_key_id aws_region aws_secret_access_key aws_session_token binary_bucket_name
binary_bucket_region cache_container_images cleanup_image cni_plugin_version containerd_version creator custom_endpoint_ec2
docker_version enable_accelerator enable_efa enable_fips encrypted iam_instance_profile install_containerd_from_s3 instance_type
kernel_version kms_key_id kubernetes_build_date kubernetes_version launch_block_device_mappings_volume_size nodeadm_build_image
nvidia_driver_major_version nvidia_driver_version nvidia_grid_runfile_bucket_name nvidia_repository_url pause_container_image
pause_container_version pull_cni_from_github remote_folder runc_version security_group_id sonobuoy_e2e_registry
source_ami_filter_name source_ami_id source_ami_owners ssh_interface ssh_username ssm_agent_version subnet_id
temporary_key_pair_type temporary_security_group_source_cidrs user_data_file volume_type working_dir""".split()


class TableTest(PackerTest):
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

        for unit, systems, _ in self.table("masked-units.tsv"):
            if "al2023" in systems:
                yield "masked-units.tsv", unit

        source = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()
        for line in [*re.search(r'"al2023" = \{\n(.*?)\}', source, re.DOTALL)[1].splitlines(), *re.findall(r'.*"al2023-ami.*', source)]:
            if line.strip():
                yield "template/amazon-ebs.pkr.hcl", line.strip()

    def test_the_makefile_is_thin(self):
        text = (self.packer / "Makefile").read_text()
        self.assertLessEqual(len(text.splitlines()), 60)
        self.assertNotRegex(text, r"(?m)^define|\$\((eval|call|foreach|shell)\b")

    def test_the_front_end_and_the_builder_agree_on_versions(self):
        """Both have ranges: one in Python, one in bash."""
        versions = ("1.6.20", "1.7.0", "1.7.27-1.amzn2023", "2.0", "2.0.0", "2.1.4-1.amzn2023.0.1", "580.95.05", "10.0", "6.12.40", "1.34.10")
        wishes = ("latest", "2.*", "1*", "*", ">=1.7", ">1.7", "<2", "<=2.0", "=2.0", ">=1.7,<2.1", ">=1.7, <10", ">=", "2.0", "580.*", "~1", "<2.1.4")
        script = "".join(f"is_version_of '{version}' '{wish}' && echo 1 || echo 0\n" for version in versions for wish in wishes)
        told = self.succeeds(self.run_program("bash", "-c", f". {self.packer}/lib/versions.sh\n{script}")).split()

        loader = importlib.machinery.SourceFileLoader("front_end", str(self.packer / "image"))
        front_end = importlib.util.module_from_spec(importlib.util.spec_from_loader("front_end", loader))
        loader.exec_module(front_end)
        pairs = [(version, wish) for version in versions for wish in wishes]
        self.assertEqual({pair for pair in pairs if front_end.is_version_of(*pair)}, {pair for pair, answer in zip(pairs, told) if answer == "1"})

    def test_scripts_are_formatted(self):
        scripts = [file for name in ("lib", "provisioners") for file in (self.packer / name).rglob("*")
                   if file.is_file() and file.suffix != ".tsv"]
        self.succeeds(self.run_program("shfmt", "-i", "8", "-d", *scripts))

    def test_the_tag_is_the_path_in_the_bucket(self):
        text = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()

        path = re.search(r' kubernetes += "(.*)"', text)[1]
        self.assertTrue(path.endswith("/bin/linux/${local.bucket_arch}"), path)
        self.assertEqual(re.search(r"bucket_arch += (.*)", text)[1], 'var.arch == "x86_64" ? "amd64" : "arm64"')

    def test_the_tag_has_all_variants(self):
        text = (self.packer / "template/amazon-ebs.pkr.hcl").read_text()
        self.assertEqual(re.search(r"(?m)^    variants += (.*)$", text)[1], "local.variants")

    def test_every_variable_of_aws_templates_exists_or_is_explained(self):
        variables, rows = self.template_variables(), self.table("variables.tsv")
        for name, new, text in rows:
            self.assertTrue(text, name)
            self.assertTrue(new == "-" or new in variables, name)
            self.assertNotIn(name, variables)
        self.assertEqual([name for name in AWS_VARIABLES if name not in variables and name not in [row[0] for row in rows]], [])

    def test_the_steps_are_the_provisioners(self):
        steps = self.steps()
        files = {file.name for file in (self.packer / "provisioners").iterdir() if file.is_file()}
        self.assertEqual(set(steps) | {"restart-into-kernel", "remove-traces"}, files)
        self.assertEqual({step: steps.count(step) for step in steps if steps.count(step) > 1}, {"settle-machine": 2})
        self.assertEqual(steps[0], "settle-machine")
        self.assertLess(steps.index("clean-up"), steps.index("write-version-info"))

        given = re.findall(r'(?m)^    "([A-Z0-9_]+)=', (self.packer / "template/image.pkr.hcl").read_text())
        self.assertEqual(given, sorted(set(given)))

        for file in (self.packer / "provisioners").rglob("*"):
            if file.is_file():
                for line in re.findall(r"(?m)^need (.*)$", file.read_text()):
                    self.assertLessEqual(set(line.split()), set(given), file.name)

    def test_the_table_of_al2023_has_every_line(self):
        rows = self.table("al2023.tsv")
        self.assertEqual(rows, sorted(rows))
        self.assertLessEqual({check.removesuffix(", names of AWS's") for *_, check in rows}, {"real", "stand-in", "not run"})

        found = set(self.lines_for_al2023())
        whole = {file for file, line, _ in rows if line == "*"}
        self.assertEqual({(file, line) for file, line, _ in rows}, {(file, "*" if file in whole else line) for file, line in found})

    def test_the_manual_is_complete(self):
        page = "".join((SOURCE / f"man/eks-image{part}.7.scd").read_text() for part in ("", "-variables", "-content"))
        entries = {word for line in re.findall(r"(?m)^([*_].*)$", page) for word in re.findall(r"\*([\w-]+)\*", line)}

        own = {name for _, name, *_ in self.table("front-end.tsv")} - {"MINOR"}
        steps = {file.name for file in (self.packer / "provisioners").iterdir() if file.is_file()}
        variants = {file.stem for file in (self.packer / "variants").iterdir()}

        self.assertEqual((own | steps | variants | set(self.template_variables())) - entries, set())

    def test_masked_units_are_needed_by_none_of_ours(self):
        units = self.table("masked-units.tsv")
        self.assertEqual(units, sorted(units))

        ours = "".join(file.read_text() for folder in ("units", "dropins", "generators") for file in (SOURCE / folder).rglob("*")
                       if file.suffix in (".in", ".service", ".target", ".timer", ".socket", ".conf", ".cpp"))
        page = (SOURCE / "man/eks-image-content.7.scd").read_text().replace("\\_", "_")

        for unit, systems, reason in units:
            self.assertLessEqual(set(systems.split()), {"al2023", "debian"})
            self.assertNotRegex(ours, rf"(?m)^(?:Wants|Requires|BindsTo|After)=.*\b{re.escape(unit)}", unit)
            self.assertIn(f"|  {unit}\n:  {systems.replace(' ', ', ')}\n:  {reason}\n", page)

        self.assertFalse({"fstrim.timer", "logrotate.timer", "systemd-tmpfiles-clean.timer"} & {unit for unit, *_ in units})

    def test_what_is_the_same_as_in_the_official_image(self):
        """Packages that a step installs, parameters that a drop-in sets, files that a step or a package has."""
        text = "".join(file.read_text() for file in (self.packer / "provisioners").iterdir() if file.is_file())
        sources = text + "".join((SOURCE / name).read_text() for name in ("helpers/compat/meson.build", "dropins/meson.build"))
        parameters = dict(re.findall(r"(?m)^-?([a-z][\w.-]+) = (\S+)$", "".join(file.read_text() for file in (SOURCE / "dropins/sysctl.d").iterdir())))

        def numbers(value):
            return {n for part in value.split(",") for n in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)}

        rows = self.table("official.tsv")
        self.assertEqual(len({(kind, name) for kind, name, *_ in rows}), len(rows))
        for kind, name, value, here in rows:
            with self.subTest(name):
                self.assertTrue(here)
                if here == "same" and kind == "package":
                    self.assertRegex(text, rf"(?m)(?<![\w-]){re.escape(name)}(?![\w-])")
                elif here == "same" and kind == "sysctl":
                    self.assertEqual(numbers(parameters[name]), numbers(value))
                elif here == "same":
                    self.assertIn(name.rpartition("/")[2], sources)

    def test_the_default_releases_are_pinned(self):
        table = dict(self.table("lib/checksums.tsv"))
        files = {"cni_plugin_version": "cni-plugins-linux-{1}-{0}.tgz", "crictl_version": "crictl-{0}-linux-{1}.tar.gz"}

        versions = set()

        for file in (self.packer / "versions").glob("*.pkrvars.hcl"):  # those of a Kubernetes version replace the defaults
            versions.update(re.findall(r'(?m)^(cni_plugin_version|crictl_version)\s*= "(.*)"$', file.read_text()))

        self.assertEqual({variable for variable, _ in versions}, set(files))

        for variable, version in versions:
            for arch in "amd64", "arm64":
                self.assertRegex(table.get(files[variable].format(version, arch), ""), "^[0-9a-f]{64}$", f"{variable} {version} {arch}")
