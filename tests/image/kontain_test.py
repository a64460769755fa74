# SPDX-License-Identifier: Apache-2.0
"""eks-kontain(7): its commands are those that `make help-kontain` prints, and what they call knows their options."""

import re
import shlex

from fixture import SOURCE, FrontEndTest

# Of eksctl, in pkg/ctl/cmdutils and pkg/ctl/create of its sources.
COMMON = {"name", "region", "version", "cluster", "profile", "tags", "config-file", "timeout"}
EKSCTL = {
    "cluster": COMMON | {"without-nodegroup", "zones", "vpc-cidr", "write-kubeconfig", "kubeconfig"},
    "nodegroup": COMMON | {"managed", "node-ami", "node-ami-family", "node-type", "nodes", "nodes-min", "nodes-max", "ssh-access", "ssh-public-key",
                           "node-volume-size", "node-labels", "node-private-networking", "spot"},
}
SWITCHES = {"without-nodegroup", "ssh-access", "managed", "spot"}


class KontainTest(FrontEndTest):
    def commands(self):
        text = self.succeeds(self.make("-s", "help-kontain"))
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def test_the_manual_has_the_commands_that_help_prints(self):
        page = (SOURCE / "man/eks-kontain.7.scd").read_text().replace(" \\\\\n    ", " ")
        shown = re.findall(r"(?m)^\$ (.*)$", page)
        commands = self.commands()
        self.assertGreater(len(commands), 5)
        self.assertEqual([command for command in commands if command not in shown], [])

    def test_eksctl_knows_the_options(self):
        seen = {}
        for words in (shlex.split(command) for command in self.commands()):
            if words[0] != "eksctl":
                continue

            self.assertEqual(words[1], "create")
            options = [word[2:].partition("=") for word in words[3:]]
            self.assertEqual([name for name, *_ in options if name not in EKSCTL[words[2]]], [])
            self.assertEqual([name for name, sign, value in options if name not in SWITCHES and not (sign and value)], [])
            seen[words[2]] = {name: value for name, _, value in options}

        self.assertIn("without-nodegroup", seen["cluster"])
        self.assertEqual((seen["cluster"]["name"], seen["cluster"]["region"]), (seen["nodegroup"]["cluster"], seen["nodegroup"]["region"]))
        self.assertEqual([seen["nodegroup"][name] for name in ("nodes", "nodes-min", "nodes-max", "managed")], ["1", "1", "1", "false"])

    def test_the_commands_of_make_are_right(self):
        text = re.sub(r"\\\\\n *", "", (SOURCE / "man/eks-kontain.7.scd").read_text())
        calls = {line for line in re.findall(r"(?m)^(?:\$ )?make -C packer (.*)$", "\n".join([*self.commands(), text])) if line != "packages"}
        self.assertGreaterEqual(len(calls), 2)
        self.bucket.put_build("1.34.9", "2026-01-01", "amd64")
        for call in calls:
            goal, *words = call.replace("$KONTAIN_SHA256", "0" * 64).split()
            with self.subTest(call):
                done = self.make("plan", *words, *(["k8s=1.34"] if goal == "1.34" else []))
                self.succeeds(done)
                self.assertNotIn("a build will be refused", done.stderr)

    def test_show_variant_prints_all_that_it_adds(self):
        text = self.succeeds(self.make("-s", "show-variant", variant="ecs-kontain"))
        self.assertEqual(re.findall(r"(?m)^(\S+), packer/variants/", text), ["ecs", "kontain", "ecs-kontain"])
        self.assertIn("    packages al2023 dkms gcc make\n", text)
        self.assertRegex(text, r"    run install-kontain\n        # Install the release KONTAIN_VERSION")
        items = [line for name in ("ecs", "kontain", "ecs-kontain") for line in (self.packer / f"variants/{name}.list").read_text().splitlines()]
        self.assertEqual([line for line in items if not line.startswith("#") and f"    {line}\n" not in text], [])

        self.fails(self.make("show-variant"), "no variant is given")
        self.fails(self.make("show-variant", variant="nonsense"), "there is no variant 'nonsense'")
        self.succeeds(self.make("-s", "show-variant", variant="cis,efa", enable_cis="false"))
