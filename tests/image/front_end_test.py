# SPDX-License-Identifier: Apache-2.0
"""The goals of the Makefile that start no build."""

import json
import re
import subprocess
import tomllib

from fixture import BUILD, SOURCE, FrontEndTest, write_program


class GoalTest(FrontEndTest):
    def test_help_lists_everything_and_clean_removes_what_was_made(self):
        text, rows = self.succeeds(self.make("help")), self.table("front-end.tsv")
        for name in [*(row[1] for row in rows), "containerd_version", "qemu_image"]:
            self.assertRegex(text, rf"(?m)^  {name} +\w")

        # every goal of the Makefile has a line there, and each line is a goal
        goals = re.search(r"(?m)^goals := ((?:.*\\\n)*.*)$", (self.packer / "Makefile").read_text())[1].replace("\\\n", " ").split()
        self.assertEqual(sorted([*goals, "MINOR"]), sorted(name for kind, name, *_ in rows if kind == "goal"))

        (self.packer / "x-manifest.json").touch()
        self.succeeds(self.make("template"))
        self.succeeds(self.make("-n", "clean"))
        self.assertTrue((self.packer / ".template").exists() and (self.packer / "x-manifest.json").exists())
        self.succeeds(self.make("clean"))
        self.succeeds(self.make("-n", "template"))
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
        self.assertEqual(plan["os"], "debian13")
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

    def test_an_image_is_compared_with_that_of_aws(self):
        text = self.succeeds(self.make("compare"))
        self.assertIn("package  kernel-devel: only with a variant that builds modules\n", text)
        self.assertNotIn("same", text.replace("the same", ""))

        rows = [row for row in self.table("official.tsv") if row[3] == "same"]
        packages = {name: f"{value or 1}-1.amzn2023" for kind, name, value, _ in rows if kind == "package"}
        file = self.directory / "x-version-info.json"
        file.write_text(json.dumps({"packages": packages, "build": {}}))
        self.assertEqual(self.succeeds(self.make("compare", **{"with": file})), text)

        packages["containerd"] = "2.1.4-1.amzn2023"
        del packages["jq"]
        file.write_text(json.dumps({"packages": packages}))
        more = self.succeeds(self.make("compare", **{"with": file}))
        self.assertIn("package  containerd: 2.1.4-1.amzn2023 (AWS: 2.2.4)\n", more)
        self.assertIn("package  jq: missing\n", more)

        file.write_text(json.dumps({"files": [{"path": name} for kind, name, *_ in rows if kind == "file" and name != "/etc/eks/pause.tar"]}))
        self.assertIn("file     /etc/eks/pause.tar: missing\n", self.succeeds(self.make("compare", **{"with": file})))

        for content in "[]", "{", '{"files": [1]}':
            file.write_text(content)
            self.fails(self.make("compare", **{"with": file}), "is no version-info.json or image.json", "which a build has written")

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


class EcsTest(FrontEndTest):
    def test_an_image_for_ecs_is_of_no_kubernetes_version(self):
        self.bucket.objects.clear()
        self.add_packages()
        packer = {"PACKER_BINARY": self.fake_packer()}
        text = self.succeeds(self.make("check", variants="ecs", **packer))
        self.assertIn("kubernetes  none, it is for ECS\n", text)
        self.assertEqual(self.bucket.requests, [])

        plan = self.plan(variants="ecs", arch="arm64")
        self.assertEqual([plan[name] for name in ("kubernetes_version", "pause_container_image", "crictl_version", "cni_plugin_version")], [""] * 4)
        self.assertRegex(plan["ami_name"], r"^eksnode-al2023-arm64-ecs-v\d{8}$")
        self.assertFalse(plan["enable_credential_provider"])
        self.succeeds(self.make("validate", variants="ecs"))  # with the real Packer

        for words, variables, *expected in (
            (["1.34"], {}, "of no Kubernetes version", "run: make build variants=ecs"), (["plan"], {"k8s": "1.34"}, "of no Kubernetes version"),
            (["plan"], {"kubernetes_version": "1.34.1"}, "leave kubernetes_version= out"),
            (["plan"], {"pause_container_image": "a.example/b:1"}, "leave pause_container_image= out"),
            (["check"], {"cache_container_images": "true"}, "are for nodes of EKS"), (["plan"], {"os": "debian13"}, "is for al2023, not for debian13"),
        ):
            with self.subTest(variables):
                self.fails(self.make(*words, **{"variants": "ecs"} | packer | variables), *expected)
        for more in "gpu-nvidia", "gpu-nvidia-all", "neuron":
            for name in "ecs", "ecs-kontain":
                self.fails(self.make("plan", variants=f"{name},{more}"), f"the variants 'ecs' and '{more}' cannot be combined")
        self.fails(self.make("plan", variants="ecs-kontain", arch="arm64"), "the variant 'kontain' is for x86_64, not for arm64")

    def test_the_families_of_awss_images_for_ecs_are_answered_by_name(self):
        families = self.table("families.tsv")
        self.assertLessEqual({"al1", "al2", "al2arm", "al2gpu", "al2inf"}, {name for name, *_ in families})
        self.assertEqual({name for name, *_ in families} & {file.stem for file in (self.packer / "variants").iterdir()}, set())
        for name, what, instead in families:
            with self.subTest(name):
                for done in self.make(name), self.make("build", variants=name):
                    self.fails(done, f"{name} is {what}", instead)
        self.assertEqual(self.bucket.requests, [])
        self.assertEqual(self.make("alx").returncode, 2)

        # what it says works
        for words in {line for *_, line in families for line in re.findall(r"make build (variants=ecs(?: arch=arm64)?)", line)}:
            self.succeeds(self.make("plan", *words.split()))
