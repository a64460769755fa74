# SPDX-License-Identifier: Apache-2.0
"""Scripts in user data, which cloud-init runs."""


import support
from node import node_config, pause_archive
from support import BootTest


CLOUD_FINAL = """\
[Unit]
Description=Stand-in for cloud-init's last stage
DefaultDependencies=no
{order}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /srv/user-script
TimeoutStartSec=60s
"""


class UserScripts(BootTest):
    ORDERS = {"after multi-user.target": "After=multi-user.target",
              "before multi-user.target": "After=network.target\nBefore=multi-user.target"}

    def node_with_script(self, order, script, prepare=lambda node: None):
        node = self.node()
        prepare(node)
        node.user_data(self.mime(("text/x-shellscript", "#!/bin/sh\n" + script),
                                 ("application/node.eks.aws", node_config(support.IMAGE.ca))))
        node.write("/srv/user-script", script)
        node.write("/etc/systemd/system/cloud-final.service", CLOUD_FINAL.format(order=order))
        node.write("/etc/systemd/system/cloud-init.target", "[Unit]\nDescription=Stand-in for cloud-init.target\n"
                                                            "DefaultDependencies=no\n")
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-init.target", "../cloud-init.target")
        node.link("/etc/systemd/system/cloud-init.target.wants/cloud-final.service", "../cloud-final.service")
        node.boot()
        manager = " ".join(r.get("MESSAGE", "") for r in node.journal("_PID=1"))
        self.assertNotIn("ordering cycle", manager)

        return node

    def test_without_scripts_nothing_waits(self):
        node = self.booted()
        self.assertEqual(node.show("eks-user-scripts.service", "ConditionResult")["ConditionResult"], "no")

    def test_kubelet_starts_after_the_scripts_with_what_they_changed(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d\n"
                  "printf '[kubelet.config]\\nmaxPods = 21\\n' > /etc/eks/node.d/50-script.toml\n"
                  "sed -i s,https://example.com,https://edited.example, /var/lib/kubelet/kubeconfig\n")
        for name, order in self.ORDERS.items():
            with self.subTest(name):
                node = self.node_with_script(order, script)
                self.assertActive(node, "eks-node.target", "kubelet.service", "eks-user-scripts.service", "cloud-final.service")

                kubelet = node.kubelet()
                self.assertEqual(kubelet["config"]["maxPods"], 21)
                self.assertEqual(kubelet["kubeconfig"]["cluster"]["server"], "https://edited.example")

                ended = int(node.show("cloud-final.service", "ActiveEnterTimestampMonotonic").popitem()[1])
                began = int(node.show("kubelet.service", "InactiveExitTimestampMonotonic").popitem()[1])
                self.assertLess(ended, began)
                self.assertEqual(self.starts(node, "kubelet.service"), 1)
                self.assertEqual(self.starts(node, "containerd.service"), 1)

                # Only what the change concerns ran again.
                self.assertIn("eks-kubelet-config", node.show("eks-user-scripts.service", "StatusText")["StatusText"])
                self.assertNotIn("eks-ca", node.show("eks-user-scripts.service", "StatusText")["StatusText"])

    def test_a_script_that_changes_containerd_s_configuration_restarts_it(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d; printf '[containerd]\\nconfig = \"oom_score = -500\"\\n'"
                  " > /etc/eks/node.d/50-script.toml\n")
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        self.assertActive(node, "eks-node.target", "kubelet.service", "containerd.service")
        self.assertIn("oom_score = -500", node.output("containerd", "config", "dump"))
        self.assertEqual(self.starts(node, "containerd.service"), 2)
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_a_script_that_sets_variables_of_containerd_restarts_it(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d; printf '[instance.environment]\\ncontainerd.SITE_A = \"b c\"\\n'"
                  " > /etc/eks/node.d/50-script.toml\n")
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "eks-environment.service", "containerd.service")

        pid = node.show("containerd.service", "MainPID")["MainPID"]
        self.assertIn(b"\0SITE_A=b c\0", b"\0" + node.file(f"/proc/{pid}/environ").read_bytes())
        self.assertEqual((self.starts(node, "containerd.service"), self.starts(node, "kubelet.service")), (2, 1))

    def test_a_script_that_breaks_a_layer_fails_the_step_and_not_the_node(self):
        script = "sleep 1; mkdir -p /etc/eks/node.d; echo '[clutser]' > /etc/eks/node.d/50-script.toml\n"
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        record = self.failure(node, "eks-user-scripts.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("user-scripts-refused", "78"))

        refusal = [r["MESSAGE"] for r in node.journal("--unit", "eks-config") if r.get("EKS_RESULT") == "failed"]
        self.assertIn("/etc/eks/node.d/50-script.toml, line 1", refusal[0])
        self.assertActive(node, "kubelet.service")
        self.assertEqual(node.kubelet()["config"]["maxPods"], 58)

    def test_a_script_that_breaks_containerd_s_drop_in_stops_nothing(self):
        script = ("sleep 1; mkdir -p /etc/eks/containerd.d; echo '[grpc' > /etc/eks/containerd.d/50-script.toml\n"
                  "mkdir -p /etc/eks/node.d; printf '[kubelet.config]\\nmaxPods = 21\\n' > /etc/eks/node.d/50-script.toml\n")
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
        record = self.failure(node, "eks-user-scripts.service")
        self.assertEqual(record["EKS_FAILURE"], "user-scripts-refused")
        self.assertIn("eks-containerd-config refuses it: ", record["MESSAGE"])
        self.assertIn("/etc/eks/containerd.d/50-script.toml", record["MESSAGE"])
        self.assertActive(node, "eks-node.target", "kubelet.service", "containerd.service", "eks-containerd-config.service")
        self.assertEqual(self.starts(node, "containerd.service"), 1)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 21)  # what is right counts

    def test_a_script_that_restarts_containerd_is_waited_for(self):
        for call in ("systemctl restart containerd", "systemctl restart eks-ca", "systemctl --no-block start kubelet"):
            with self.subTest(call):
                script = (f"{call}; sleep 2; mkdir -p /etc/eks/node.d\n"
                          "printf '[kubelet.config]\\nmaxPods = 21\\n' > /etc/eks/node.d/50-script.toml\n")
                node = self.node_with_script(self.ORDERS["after multi-user.target"], script)
                self.assertActive(node, "eks-node.target", "kubelet.service", "eks-user-scripts.service")
                self.assertEqual(self.starts(node, "kubelet.service"), 1)
                self.assertEqual(node.kubelet()["config"]["maxPods"], 21)

    def test_a_script_opens_and_closes_gates(self):
        before = "[sysctl]\nnet.core.somaxconn = 1234\n"
        after = '[registry.mirrors."registry.example"]\nendpoints = ["https://mirror.example"]\n'
        script = f"sleep 1; rm /etc/eks/node.d/10-before.toml; cat > /etc/eks/node.d/50-script.toml <<'E'\n{after}E\n"
        node = self.node_with_script(self.ORDERS["after multi-user.target"], script,
                                     lambda node: node.write("/etc/eks/node.d/10-before.toml", before))
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "eks-registry-mirrors.service")
        self.assertFalse(node.file("/run/sysctl.d/99-zz-eks.conf").exists())
        self.assertIn("https://mirror.example",
                      node.file("/etc/containerd/certs.d/registry.example/hosts.toml").read_text())
        self.assertEqual(self.starts(node, "containerd.service"), 1)

    def test_a_script_gives_containerd_a_volume(self):
        def prepare(node):
            node.disk_of_script = node.disk()
            node.write("/srv/volume.toml", f"[containerd.volume]\ndevice = '{node.disk_of_script}'\n")

        node = self.node_with_script(self.ORDERS["after multi-user.target"],
                                     "sleep 1; mkdir -p /etc/eks/node.d; cp /srv/volume.toml /etc/eks/node.d/50-script.toml\n",
                                     prepare)
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "eks-containerd-volume.service",
                          "eks-sandbox-image.service")
        self.assertEqual(node.output("findmnt", "--noheadings", "--output=SOURCE", "/var/lib/containerd").strip(),
                         node.disk_of_script)
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_a_script_brings_the_sandbox_image(self):
        image, archive = "registry.example/pause:1", "/etc/eks/pause.tar"

        def prepare(node):
            (node.root / archive.lstrip("/")).unlink()
            node.write("/etc/eks/containerd.d/50-pause.toml",
                       f'[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "{image}"\n')
            node.write("/srv/pause.tar", "")
            (node.root / "srv/pause.tar").write_bytes(pause_archive(image))

        node = self.node_with_script(self.ORDERS["after multi-user.target"], f"sleep 1; mv /srv/pause.tar {archive}\n", prepare)
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "eks-sandbox-image.service")
        self.assertEqual(self.starts(node, "containerd.service"), 1)
        self.assertIn(image, node.output("ctr", "-n", "k8s.io", "images", "list"))

    def test_a_sandbox_image_that_takes_long_is_looked_for_once(self):
        def prepare(node):
            node.write("/etc/systemd/system/eks-sandbox-image.service.d/slow.conf", "[Service]\nExecStartPre=/bin/sleep 3\n")

        node = self.node_with_script(self.ORDERS["after multi-user.target"], "true\n", prepare)
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "eks-sandbox-image.service")
        self.assertEqual(self.starts(node, "eks-sandbox-image.service"), 1)

    def test_masked_steps_stay_so(self):
        script = ("sleep 1; mkdir -p /etc/eks/node.d; printf '[containerd]\\nconfig = \"oom_score = -500\"\\n[sysctl]\\n"
                  "net.core.somaxconn = 1234\\n' > /etc/eks/node.d/50-script.toml\n")

        def prepare(node):
            for step in "sandbox-image", "sysctl":
                node.link(f"/etc/systemd/system/eks-{step}.service", "/dev/null")

        node = self.node_with_script(self.ORDERS["after multi-user.target"], script, prepare)
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service", "kubelet.service")
        self.assertIn("oom_score = -500", node.output("containerd", "config", "dump"))

    def test_what_a_script_put_in_the_place_of_a_link_is_taken_over(self):
        path = "/etc/kubernetes/kubelet/kubelet-config.json"
        node = self.node_with_script(self.ORDERS["after multi-user.target"],
                                     f"sleep 1; sed s/58/33/ {path} > /tmp/new; mv /tmp/new {path}\n")
        self.assertActive(node, "eks-node.target", "eks-user-scripts.service")
        self.assertTrue(node.file(path).is_symlink())
        self.assertFalse(node.file(path + ".user-edited").exists())
        self.assertEqual(node.kubelet()["config"]["maxPods"], 33)
        self.assertEqual(self.starts(node, "kubelet.service"), 1)
        self.assertIn("eks-kubelet-edits", node.show("eks-user-scripts.service", "StatusText")["StatusText"])

    def test_a_script_may_call_us_without_a_deadlock(self):
        for name, order in self.ORDERS.items():
            for call in ("systemctl restart kubelet", "systemctl start kubelet.service", "eksnode config --format json",
                         "systemctl enable --now eks-node.target", "systemctl start eks-node.target",
                         "eksnode set containerd.config='oom_score = -500' && eksnode apply"):
                with self.subTest(f"{call}, {name}"):
                    node = self.node_with_script(order, f"sleep 0.5; {call} > /srv/out 2>&1; echo $? >> /srv/out\n")
                    self.assertActive(node, "eks-node.target", "kubelet.service", "cloud-final.service")
                    self.assertEqual(node.file("/srv/out").read_text().split()[-1], "0", node.file("/srv/out").read_text())

    def test_scripts_that_do_not_end_are_given_up(self):
        node = self.node()
        node.write("/etc/systemd/system/eks-user-scripts.service.d/limit.conf",
                   "[Service]\nEnvironment=EKS_USER_SCRIPTS_TIMEOUT=1\n")
        node.user_data("#cloud-config\nruncmd: [sleep 20]\n")
        node.write("/etc/eks/node.yaml", "")
        node.write("/etc/eks/node.d/50-node.yaml", node_config(support.IMAGE.ca))
        node.write("/srv/user-script", "sleep 20\n")
        node.write("/etc/systemd/system/cloud-final.service", CLOUD_FINAL.format(order="After=network.target"))
        node.link("/etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        node.boot(wait=False)
        node.wait_for(node.kubelet_runs, "kubelet", 20)
        record = self.failure(node, "eks-user-scripts.service")
        self.assertEqual(record["EKS_FAILURE"], "user-scripts-timeout")
        self.assertActive(node, "kubelet.service")
