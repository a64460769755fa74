# SPDX-License-Identifier: Apache-2.0
"""eks-environment: the environment of processes, and who can read it."""

import json

import support
from node import node_config
from support import BootTest

UNIT = "eks-environment.service"
DIRECTORY = "/run/eks/environment"
VALUES = {"PLAIN": "value", "EMPTY": "", "BLANKS": "  two  blanks  ", "QUOTES": "a \"b\" 'c' `d` ends\"",
          "SIGNS": "$HOME ${HOME} %n %% %% # ; = & | * ~ ! <>", "BACKSLASH": "\\a \\\\ \\n ends\\", "UTF8": "é 日本 🦆",
          "LINES": "first\nB=\"c\"\n\tlast\n"}
SECRET = "hush-5e1d"
UNIT_STARTED = "39f53479d3a045ac8e11786248231fbf"  # systemd's message id
AGENT = """\
[Service]
ExecStart=/bin/sleep infinity
"""


class Environment(BootTest):
    def environ(self, node, unit) -> dict:
        pid = node.show(unit, "MainPID")["MainPID"]
        text = node.file(f"/proc/{pid}/environ").read_bytes().decode()
        return dict(item.split("=", 1) for item in text.split("\0") if item)

    def reloads(self, node) -> int:
        return len([r for r in node.journal("_PID=1") if r["MESSAGE"].startswith(("Reloading.", "Reloading requested"))])

    def starts(self, node, unit) -> int:
        """Counted by the end of a start: an agent of Type=simple has no other record."""
        return len(node.journal(f"MESSAGE_ID={UNIT_STARTED}", f"UNIT={unit}"))

    def configured(self, environment):
        """A node with these variables, and an agent that starts long before they are known."""
        node = self.node()
        for name in "site-agent", "amazon-ssm-agent":
            node.write(f"/etc/systemd/system/{name}.service", AGENT)
            node.link(f"/etc/systemd/system/sysinit.target.wants/{name}.service", f"../{name}.service")

        self.give(node, environment)
        node.boot()
        self.assertActive(node, "eks-node.target", "site-agent.service", "amazon-ssm-agent.service")

        return node

    def give(self, node, environment):
        node.user_data(node_config(support.IMAGE.ca) + f"  instance:\n    environment: {json.dumps(environment, ensure_ascii=False)}\n")

    def messages(self, node):
        return [r["MESSAGE"] for r in node.journal("--unit", UNIT)]

    def test_every_value_reaches_its_service_unchanged_and_nobody_else(self):
        daemons = ["containerd", "kubelet", "amazon-ssm-agent", "site-agent"]
        node = self.configured({name: VALUES | {"OWN": name, "SITE_TOKEN": SECRET} for name in daemons})
        self.assertActive(node, UNIT)

        node.wait_for(lambda: "No jobs" in node.call("systemctl", "list-jobs").stdout, "the restarts")
        for name in daemons:
            environ = self.environ(node, f"{name}.service")
            self.assertEqual({key: environ.get(key) for key in VALUES}, VALUES, name)
            self.assertEqual((environ["OWN"], environ["SITE_TOKEN"]), (name, SECRET))
            self.assertEqual(node.file(f"{DIRECTORY}/{name}").stat().st_mode & 0o7777, 0o600)

        self.assertEqual(self.reloads(node), 1, "one for the drop-in of site-agent")
        self.assertEqual([self.starts(node, f"{name}.service") for name in daemons], [1, 1, 2, 2])
        self.assertNotIn("OWN", self.environ(node, "systemd-journald.service"))

        # Nobody is told of it.
        reported = [node.output("systemctl", "show", *(f"{name}.service" for name in daemons)),
                node.output("systemctl", "show-environment"), node.output("eksnode", "status"),
                node.output("eksnode", "explain", "instance.environment"), node.output("eksnode", "plan"),
                node.output("eksnode", "explain", "instance.environment.kubelet.SITE_TOKEN"),
                node.output("journalctl", "--boot", "--all", "--output=verbose"), node.console.read_text(errors="replace")]
        for text in reported:
            self.assertNotIn(SECRET, text)
            self.assertNotIn("two  blanks", text)

        # Again: no file changes, nothing is reloaded or restarted.
        pids = [node.show(f"{name}.service", "MainPID") for name in daemons]
        node.systemctl("reload", UNIT)
        self.assertEqual([node.show(f"{name}.service", "MainPID") for name in daemons], pids)
        self.assertEqual(self.reloads(node), 1)

    def test_variables_of_all_services_need_no_reload_and_go_again(self):
        node = self.configured({"default": VALUES | {"HTTPS_PROXY": f"http://user:{SECRET}@127.0.0.1:3128", "no_proxy": "*"}})
        self.assertActive(node, UNIT)
        self.assertEqual(self.reloads(node), 0)

        services = ["containerd.service", "kubelet.service", "amazon-ssm-agent.service"]
        node.wait_for(lambda: self.starts(node, services[-1]) == 2, "the agent's restart")

        for unit in services:
            environ = self.environ(node, unit)
            self.assertEqual({key: environ.get(key) for key in VALUES}, VALUES, unit)

        for text in node.output("journalctl", "--boot", "--all", "--output=verbose"), node.output("eksnode", "status"):
            self.assertNotIn(SECRET, text)
        node.call("systemctl", "set-environment", "OF_THE_ADMIN=1")

        self.give(node, {"default": {"PLAIN": "other"}, "site-agent": {"OWN": "1"}})
        done = node.output("eksnode", "apply", "--fetch", timeout=120)
        self.assertNotIn(SECRET, done)
        self.assertIn("restarted containerd.service", done)

        for unit in services:
            environ = node.wait_for(lambda unit=unit: "QUOTES" not in (e := self.environ(node, unit)) and e, "the old to go")
            self.assertEqual((environ["PLAIN"], environ["OF_THE_ADMIN"]), ("other", "1"))
            self.assertNotIn("HTTPS_PROXY", environ)

        self.assertEqual(self.environ(node, "site-agent.service")["OWN"], "1")

        node.user_data(node_config(support.IMAGE.ca))
        node.output("eksnode", "apply", "--fetch", timeout=120)
        node.wait_for(lambda: "No jobs" in node.call("systemctl", "list-jobs").stdout, "the restarts")

        for unit in [*services, "site-agent.service"]:
            environ = self.environ(node, unit)
            self.assertEqual({"PLAIN", "OWN", *VALUES} & environ.keys(), set(), unit)

        self.assertEqual(list(node.file(DIRECTORY).iterdir()), [])
        self.assertFalse(node.file("/run/systemd/system/site-agent.service.d").exists())
        self.assertEqual(node.show("site-agent.service", "EnvironmentFiles"), {})
        self.assertEqual(node.show(UNIT, "ActiveState")["ActiveState"], "inactive")
        self.assertEqual(node.output("eksnode", "apply"), "nothing to do: the node has this configuration\n")

    def test_what_has_no_effect_is_named_and_the_node_starts(self):
        node = self.configured({"no-such-agent": {"A": SECRET}, "kubelet.service": {"A": SECRET}, "a/b": {"A": SECRET},
                                "kubelet": {"A-B": SECRET, "BELL": f"{SECRET}\a", "GOOD": "1"}})
        self.assertActive(node, UNIT)
        self.assertEqual(self.environ(node, "kubelet.service")["GOOD"], "1")

        warnings = [r["MESSAGE"] for r in node.journal("--unit", "eks-config.service", "--unit", UNIT, "--priority=warning")]
        for text in ("instance.environment.\"kubelet.service\": the name of a service is given without .service",
                     "instance.environment.a/b: not the name of a service",
                     "instance.environment.kubelet.A-B: not the name of an environment variable",
                     "instance.environment.kubelet.BELL: the value holds a control character",
                     "no-such-agent.service is not installed; install it, or remove the key"):
            self.assertTrue(any(text in reported for reported in warnings), (text, warnings))

        self.assertNotIn(SECRET, node.output("journalctl", "--boot", "--all", "--output=verbose"))

    def test_without_the_key_it_is_skipped(self):
        node = self.configured({})
        self.assertEqual(node.show(UNIT, "ActiveState", "ConditionResult"),
                         {"ActiveState": "inactive", "ConditionResult": "no"})
        self.assertEqual(self.reloads(node), 0)
        self.assertEqual(self.starts(node, "amazon-ssm-agent.service"), 1)
        self.assertFalse(node.file(DIRECTORY).exists())
