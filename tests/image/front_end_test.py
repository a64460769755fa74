# SPDX-License-Identifier: Apache-2.0
"""The goals of the Makefile that start no build."""

import re
import subprocess
import tomllib

from fixture import BUILD, SOURCE, FrontEndTest, write_program


class GoalTest(FrontEndTest):
    def test_help_lists_everything_and_clean_removes_what_was_made(self):
        text, makefile = self.succeeds(self.make("help")), (self.packer / "Makefile").read_text()
        for goal in re.findall(r"(?m)^([a-z0-9-]+):", makefile):
            self.assertRegex(text, rf"(?m)^  {goal} +\w")
        own = re.search(r"(?m)^own_variables := (.*)$", makefile)[1].split()
        for name in [*own, "containerd_version", "qemu_image"]:
            self.assertRegex(text, rf"(?m)^  {name} +\w")

        (self.packer / "x-manifest.json").touch()
        self.succeeds(self.make("template"))
        self.succeeds(self.make("clean"))
        self.succeeds(self.make("clean"))
        self.assertFalse((self.packer / ".template").exists() or (self.packer / "x-manifest.json").exists())

    def test_files_are_found_from_where_make_is_called(self):
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "image.toml").write_text('volume_type = "gp2"\n')

        # the recipe of the manual page, whose output is a configuration
        recipe = re.search(r"(?m)^\$ (make .* plan config=image\.toml) from=\S+ >again\.toml", (SOURCE / "man/eks-image.7.scd").read_text())[1]
        command = [*recipe.replace(" packer ", f" {self.packer} ").split(), *(f"{n}={v}" for n, v in BUILD.items())]
        done = subprocess.run(command, cwd=elsewhere, env=self.environment | {"PWD": str(elsewhere), "AWS_ENDPOINT_URL_S3": self.bucket.url},
                              capture_output=True, text=True, check=False)

        self.assertRegex(self.succeeds(done), r'(?m)^volume_type = "gp2" ')
        self.assertNotRegex(done.stdout, r"(?m)^make\b")
        self.assertEqual(tomllib.loads(done.stdout)["volume_type"], "gp2")

        self.fails(self.make("plan", config="none.toml"), "cannot read the image configuration 'none.toml'", "relative to the folder")

    def test_the_examples_of_the_manual(self):
        page = (SOURCE / "man/eks-image-variables.7.scd").read_text()
        [variables] = re.findall(r"(?ms)^```\n(os .*?)^```$", page)
        goal, minor, name = re.search(r"(?m)^\$ make -C packer (plan) (k8s=\S+) PACKER_VARIABLE_FILE=(\S+)$", page).groups()
        (self.directory / name).write_text(variables)
        done = self.make(goal, **dict([minor.split("=")]), PACKER_VARIABLE_FILE=self.directory / name)
        plan = tomllib.loads(self.succeeds(done))
        self.assertEqual(plan["os"], "debian12")
        self.assertLessEqual(tomllib.loads(variables).items(), plan.items())

        page = (SOURCE / "man/eks-image.7.scd").read_text()
        [configuration] = re.findall(r"(?ms)^```\n(k8s = .*?)^```$", page)
        (self.directory / "image.toml").write_text(configuration)
        self.succeeds(self.make("validate", config=self.directory / "image.toml", **BUILD))

        page = (SOURCE / "man/eks-image-content.7.scd").read_text()
        words = re.search(r"(?m)^\$ make -C packer 1\.34 (.*)$", page)[1].split()
        self.succeeds(self.make("validate", **BUILD, **dict(word.split("=") for word in words)))

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
        self.write_variant("mine", "conflicts efa")
        build = {"PACKER_BINARY": self.fake_packer()}
        self.fails(self.make("1.34", variant="mine,efa", **build), "'mine' and 'efa' cannot be combined")
        self.fails(self.make("1.34", variant="../x", **build), "'../x' cannot be the name of a variant")

        self.write_variant("mine", "pakages al2023 x")
        self.fails(self.make("1.34", variant="mine", **build), "has a line that means nothing: pakages al2023 x")

    def test_packages_are_built_for_the_system_and_its_libraries(self):
        write_program(self.packer / "packages/build", 'echo "$@"')
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
