# SPDX-License-Identifier: Apache-2.0
"""Scripts for Amazon Linux 2 as cloud-init itself runs them: they call /etc/eks/bootstrap.sh.

cloud-init is Debian's, with a NoCloud seed of the user data that the fake AWS gives. It is a layer of these nodes only,
so that all others boot without it."""

import fcntl
import json
import shutil
from pathlib import Path

import support
from node import node_config, packages_listed
from support import BootTest

INSTANCE = "i-1234567890abcdef0"  # of tests/profiles/reference.json
STAGES = {"22.4": ["cloud-init-local", "cloud-init", "cloud-config", "cloud-final"],
          "25": ["cloud-init-local", "cloud-init-main", "cloud-init-network", "cloud-config", "cloud-final"]}
# No more modules than the user data of these tests need: each takes time.
CONFIG = """\
datasource_list: [ NoCloud ]
network: {config: disabled}
cloud_init_modules: [bootcmd, write_files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_per_boot, scripts_user, final_message]
system_info: {distro: debian}
output: {all: "| tee -a /var/log/cloud-init-output.log"}
"""
CONFIG_WARNING = "2643fc222a424143a305cb5e58f27fea"
LAYER = "/var/lib/eks/commands.d/bootstrap.toml"
EDITS_LAYER = "/var/lib/eks/commands.d/bootstrap-edits.toml"
KUBELET_CONFIG = "/etc/kubernetes/kubelet/kubelet-config.json"


def layers(version):
    """Folders with the files of cloud-init, its units as its package enables them."""
    root = support.SCRATCH / f"cloud-init-{version}"
    with open(f"{root}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nodes of several workers share it
        if root.exists():
            return [root]

        work = Path(f"{root}.new")
        for package in packages_listed(support.IMAGE.cache, "--list-cloud-init", version):
            shutil.copytree(package.root, work, symlinks=True, dirs_exist_ok=True)
        wants = work / "etc/systemd/system/cloud-init.target.wants"
        wants.mkdir(parents=True)

        for stage in STAGES[version]:
            (wants / f"{stage}.service").symlink_to(f"/lib/systemd/system/{stage}.service")
        (work / "usr/bin/nc").symlink_to("nc.openbsd")  # as update-alternatives does
        shutil.rmtree(work / "etc/cloud/cloud.cfg.d")
        (work / "etc/cloud/cloud.cfg").write_text(CONFIG)
        work.rename(root)

    return [root]


class CloudInitTest(BootTest):
    CLOUD_INIT = "22.4"

    def cloud_node(self, user_data, prepare=lambda node: None):
        node = self.node(layers(self.CLOUD_INIT))
        node.user_data(user_data)
        node.write("/var/lib/cloud/seed/nocloud/user-data", user_data)
        node.write("/var/lib/cloud/seed/nocloud/meta-data", f"instance-id: {INSTANCE}\n")
        prepare(node)
        node.boot()
        reported = " ".join(r.get("MESSAGE", "") for r in node.journal("_PID=1"))
        self.assertNotIn("ordering cycle", reported)

        return node

    def assertCalled(self, node, starts=1):
        """The scripts have ended well, and kubelet runs since it was started once."""
        log = node.call("cat", "/var/log/cloud-init-output.log").stdout
        self.assertEqual(node.show("cloud-final.service", "Result")["Result"], "success", log)
        self.assertActive(node, "eks-node.target", "kubelet.service", "eks-config.service")
        self.assertEqual(self.starts(node, "kubelet.service"), starts, log)
        self.assertEqual(node.output("systemctl", "list-units", "--failed", "--plain", "--no-legend"), "")

    def assertWarned(self):
        """A script that fails beside a NodeConfig is named, and the node comes up."""
        node = self.cloud_node(self.mime(("application/node.eks.aws", node_config(support.IMAGE.ca)),
                                         ("text/x-shellscript", "#!/bin/bash\nexit 7\n")))
        self.assertActive(node, "eks-node.target", "kubelet.service", "eks-user-scripts.service")
        reported = [r["MESSAGE"] for r in node.journal("--unit", "eks-user-scripts", "--priority", "warning")]
        self.assertEqual(len(reported), 1, reported)
        self.assertRegex(reported[0], r"^scripts in the user data failed: part-00\d; /var/log/cloud-init-output.log")

    def call(self, *more):
        return (f"/etc/eks/bootstrap.sh my-cluster --apiserver-endpoint https://example.com --b64-cluster-ca {support.IMAGE.ca} "
                + " ".join(["--dns-cluster-ip 10.100.0.10", *more]))

    def labels(self, node):
        return node.kubelet()["labels"]


class Scripts(CloudInitTest):
    def test_karpenter_s(self):
        node = self.cloud_node(self.mime(
            ("text/x-shellscript; charset=\"us-ascii\"", "#!/bin/bash\nmkdir -p /srv/of-the-team\n"),
            ("text/x-shellscript; charset=\"us-ascii\"", f"""\
#!/bin/bash -xe
exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1
/etc/eks/bootstrap.sh 'my-cluster' --apiserver-endpoint 'https://example.com' --b64-cluster-ca '{support.IMAGE.ca}' \\
--dns-cluster-ip '10.100.0.10' \\
--use-max-pods false \\
--kubelet-extra-args '--node-labels="karpenter.sh/nodepool=batch,team=a" --max-pods=29'
""")))
        self.assertCalled(node)
        self.assertEqual(self.labels(node), {"karpenter.sh/nodepool": "batch", "team": "a"})
        self.assertEqual(node.kubelet()["config"]["maxPods"], 29)
        self.assertTrue((node.root / "srv/of-the-team").is_dir())
        self.assertEqual(node.show("eks-user-scripts.service", "ConditionResult")["ConditionResult"], "no")

        # The same node after a reboot: its scripts do not run again.
        node.reboot()
        self.assertCalled(node)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 29)

    def test_eksctl_s(self):
        # As a template may leave it: cloud-init ignores blank lines before the first word, and its upper case.
        node = self.cloud_node("""\

#Cloud-Config
write_files:
  - path: /etc/eksctl/kubelet.env
    content: |
      CLUSTER_NAME=my-cluster
      API_SERVER_URL=https://example.com
      B64_CLUSTER_CA=%s
      CLUSTER_DNS=10.100.0.10
      NODE_LABELS=alpha.eksctl.io/cluster-name=my-cluster
      NODE_TAINTS=
  - path: /var/lib/cloud/scripts/eksctl/bootstrap.al2.sh
    permissions: '0755'
    content: |
      #!/bin/bash
      set -o errexit
      set -o pipefail
      set -o nounset
      source /etc/eksctl/kubelet.env
      CONFIG=/etc/kubernetes/kubelet/kubelet-config.json
      echo "$(jq '.shutdownGracePeriod = "45s"' "$CONFIG")" > "$CONFIG"
      /etc/eks/bootstrap.sh "$CLUSTER_NAME" --apiserver-endpoint "$API_SERVER_URL" --b64-cluster-ca "$B64_CLUSTER_CA" \\
        --dns-cluster-ip "$CLUSTER_DNS" --kubelet-extra-args "--node-labels=$NODE_LABELS --register-with-taints=$NODE_TAINTS"
      touch /srv/ended
runcmd:
  - [/var/lib/cloud/scripts/eksctl/bootstrap.al2.sh]
""" % support.IMAGE.ca)
        self.assertCalled(node)
        self.assertEqual(self.labels(node), {"alpha.eksctl.io/cluster-name": "my-cluster"})
        self.assertEqual(node.kubelet()["config"]["shutdownGracePeriod"], "45s")
        self.assertTrue((node.root / "srv/ended").exists())

    def test_terraform_s(self):
        # As EKS Blueprints has it, without an empty line before the script: cloud-init runs it all the same.
        node = self.cloud_node(f"""\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"
#!/bin/bash
set -ex
cat > /etc/profile.d/bootstrap.sh <<'END'
#!/bin/bash
export CONTAINER_RUNTIME="containerd"
export USE_MAX_PODS=false
export KUBELET_EXTRA_ARGS="--v=3"
echo "this is for nobody to see"
END
sed -i '/^set -o errexit/a\\\\nsource /etc/profile.d/bootstrap.sh' /etc/eks/bootstrap.sh
sed -i 's/KUBELET_EXTRA_ARGS=$2/KUBELET_EXTRA_ARGS="$2 $KUBELET_EXTRA_ARGS"/' /etc/eks/bootstrap.sh
B64_CLUSTER_CA={support.IMAGE.ca}
API_SERVER_URL=https://example.com
/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args '--node-labels=team=web' --b64-cluster-ca $B64_CLUSTER_CA \\
  --apiserver-endpoint $API_SERVER_URL --ip-family ipv4 --service-ipv4-cidr 10.100.0.0/16
echo done > /srv/ended
--//--
""")
        self.assertCalled(node)

        left = [r for r in node.journal("--unit", "eks-config.service") if "left to cloud-init" in r.get("MESSAGE", "")]
        self.assertEqual([r["MESSAGE_ID"] for r in left], [CONFIG_WARNING])
        self.assertIn("user data, line 6, column 1", left[0]["MESSAGE"])
        self.assertEqual(self.labels(node), {"team": "web"})
        self.assertTrue((node.root / "srv/ended").exists())
        self.assertFalse((node.root / "etc/eks/bootstrap.sh").is_symlink())  # sed has put a copy there

        log = (node.root / "var/log/cloud-init-output.log").read_text()
        self.assertIn("INFO: '/etc/profile.d/bootstrap.sh' sets CONTAINER_RUNTIME, KUBELET_EXTRA_ARGS, USE_MAX_PODS\n", log)
        self.assertNotIn("this is for nobody to see", log)
        self.assertEqual(node.kubelet()["flags"]["v"], 3)
        self.assertEqual(node.kubelet()["config"]["maxPods"], 110)

    def test_a_managed_group_s(self):
        node = self.cloud_node(self.mime(
            ("text/cloud-config", "#cloud-config\nruncmd:\n  - touch /srv/runcmd\n"),
            ("text/x-shellscript", f"""\
#!/bin/bash
set -ex
B64_CLUSTER_CA={support.IMAGE.ca}
API_SERVER_URL=https://example.com
K8S_CLUSTER_DNS_IP=10.100.0.10
/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args '--node-labels=eks.amazonaws.com/capacityType=SPOT \
--max-pods=17' --b64-cluster-ca $B64_CLUSTER_CA --apiserver-endpoint $API_SERVER_URL --dns-cluster-ip $K8S_CLUSTER_DNS_IP \
--use-max-pods false
""")))
        self.assertCalled(node)
        self.assertEqual(self.labels(node), {"eks.amazonaws.com/capacityType": "SPOT"})
        self.assertEqual(node.kubelet()["config"]["maxPods"], 17)
        self.assertTrue((node.root / "srv/runcmd").exists())

    def test_a_boothook_is_too_early_to_wait(self):
        node = self.cloud_node(f"#cloud-boothook\n#!/bin/bash\nset -e\n{self.call()}\necho called > /srv/ended\n")
        self.assertCalled(node)
        self.assertTrue((node.root / "srv/ended").exists())
        node.reboot()  # a boothook runs at every boot
        self.assertCalled(node)

    def test_a_call_beside_a_node_config_ends_the_waiting(self):
        node = self.cloud_node(self.mime(
            ("application/node.eks.aws", node_config(support.IMAGE.ca, "  kubelet:\n    config: {maxPods: 44}\n")),
            ("text/x-shellscript", "#!/bin/bash\nset -e\nsleep 1\n" + self.call("--kubelet-extra-args --node-labels=team=b")
             + "\nsystemctl is-active kubelet > /srv/kubelet\nsleep 1\ntouch /srv/ended\n")))
        self.assertCalled(node)
        self.assertEqual(self.labels(node), {"team": "b"})
        self.assertEqual(node.kubelet()["config"]["maxPods"], 44)
        self.assertEqual((node.root / "srv/kubelet").read_text(), "active\n")
        self.assertTrue((node.root / "srv/ended").exists())

    def test_what_a_script_changes_before_its_call_counts(self):
        node = self.cloud_node(f"""\
#!/bin/bash
set -ex
jq '.kubeAPIQPS = 50 | .evictionHard."memory.available" = "300Mi"' {KUBELET_CONFIG} > /tmp/kubelet-config.json
mv /tmp/kubelet-config.json {KUBELET_CONFIG}
mkdir -p /etc/eks/nodeadm.d
cat > /etc/eks/nodeadm.d/team.yaml <<'END'
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    config: {{podsPerCore: 7}}
END
export DNS_CLUSTER_IP=10.100.0.53
/etc/eks/bootstrap.sh my-cluster --apiserver-endpoint https://example.com --b64-cluster-ca {support.IMAGE.ca}
mkdir -p /etc/containerd/certs.d
systemctl restart containerd
touch /srv/ended
""")
        config = node.kubelet()["config"]
        self.assertEqual(config["kubeAPIQPS"], 50)
        self.assertEqual(config["evictionHard"]["memory.available"], "300Mi")
        self.assertEqual(config["podsPerCore"], 7)
        self.assertEqual(config["clusterDNS"], ["10.100.0.53"])
        self.assertTrue((node.root / "srv/ended").exists())
        self.assertCalled(node, starts=2)  # once with the call, and again with containerd
        self.assertEqual((node.root / KUBELET_CONFIG.lstrip("/")).readlink(), Path("config.json"))
        self.assertFalse((node.root / f"{KUBELET_CONFIG.lstrip('/')}.user-edited").exists())

    def test_containerd_and_docker_of_multi_user_target_do_not_hold_scripts_up(self):
        def enable(node):
            node.link("/etc/systemd/system/multi-user.target.wants/containerd.service", "/lib/systemd/system/containerd.service")

        node = self.cloud_node(f"#!/bin/bash\nset -e\n{self.call()}\n", enable)
        self.assertCalled(node)


class FailedScripts(CloudInitTest):
    def test_a_script_that_fails(self):
        self.assertWarned()


class WithoutACall(CloudInitTest):
    def test_the_failure_is_coded_when_the_scripts_have_ended(self):
        node = self.cloud_node("#!/bin/bash\necho /etc/eks/bootstrap.sh is for another day\nexit 3\n")
        record = self.failure(node, "eks-config.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("call-missing", "78"))
        self.assertIn("have ended without a call of /etc/eks/bootstrap.sh or nodeadm; failed: part-001", record["MESSAGE"])
        self.assertKubeletDown(node)

        # An admin calls it by hand.
        result = node.call("sh", "-c", self.call())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertActive(node, "kubelet.service")

    def test_a_call_that_was_refused_is_repeated(self):
        node = self.cloud_node("#!/bin/bash\n/etc/eks/bootstrap.sh my-cluster --ip-family ipv5\n")
        record = self.failure(node, "eks-config.service")
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("call-missing", "78"))
        self.assertRegex(record["MESSAGE"], "no cluster is configured; bootstrap.sh was called and refused: .*--ip-family.*ipv5")
        self.assertIn("Write ipv4 or ipv6", record["MESSAGE"])

        # nodeadm's calls count, too, and a good one ends it.
        self.assertNotEqual(node.call("nodeadm", "init", "--unheard-of").returncode, 0)
        self.assertIn("unheard-of", node.file("/run/eks/call-refused").read_text())

        result = node.call("sh", "-c", self.call())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertActive(node, "kubelet.service")
        self.assertFalse(node.file("/run/eks/call-refused").exists())

    def test_while_it_waits_the_status_says_for_what(self):
        node = self.node(layers(self.CLOUD_INIT))
        text = f"#!/bin/bash\nwhile [ ! -e /srv/go ]; do sleep .1; done\n{self.call()}\n"
        node.user_data(text)
        node.write("/var/lib/cloud/seed/nocloud/user-data", text)
        node.write("/var/lib/cloud/seed/nocloud/meta-data", f"instance-id: {INSTANCE}\n")
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and "bootstrap.sh" in
                      node.call("systemctl", "show", "eks-config", "--property=StatusText").stdout, "eks-config to wait")
        node.write("/srv/go", "")
        node.wait_until_booted()
        self.assertCalled(node)

    def test_a_script_that_waits_for_us_is_not_waited_for(self):
        node = self.cloud_node(f"#!/bin/bash\nsystemctl restart containerd\necho $? > /srv/status\n{self.call()}\n")
        self.assertNotEqual((node.root / "srv/status").read_text(), "0\n")
        self.assertActive(node, "eks-node.target", "kubelet.service", "containerd.service")
        failures = [r["EKS_FAILURE"] for r in node.journal("--unit", "eks-config.service") if r.get("EKS_RESULT") == "failed"]
        self.assertEqual(failures, ["call-missing"])
        self.assertEqual(self.starts(node, "kubelet.service"), 1)

    def test_a_node_config_that_a_script_writes_ends_the_waiting_too(self):
        node = self.cloud_node("#!/bin/bash\nset -e\nmkdir -p /etc/eks/nodeadm.d\ncat > /etc/eks/nodeadm.d/own.yaml <<'END'\n"
                               + node_config(support.IMAGE.ca) + "END\nsystemctl start kubelet\n")
        self.assertCalled(node)


class OnARunningNode(BootTest):
    """Calls from a terminal, without cloud-init."""

    def bootstrap(self, node, *arguments):
        return node.call("/etc/eks/bootstrap.sh", *arguments)

    def test_calls(self):
        node = self.booted()
        self.assertActive(node, "eks-node.target")

        with self.subTest("a bad call writes nothing"):
            for arguments in ["--ip-family"], ["c", "--b64-cluster-ca", "no base64!"], ["c", "--kubelet-extra-args", "--a 'b"]:
                result = self.bootstrap(node, *arguments)
                self.assertEqual(result.returncode, 1)
                self.assertIn("[eks-bootstrap] ERROR: ", result.stderr)

            self.assertFalse((node.root / LAYER.lstrip("/")).exists())

            record = node.journal("EKS_STEP=eks-bootstrap")[-1]
            self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("config-invalid", "1"))

        with self.subTest("not root"):
            result = node.call("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/etc/eks/bootstrap.sh", "c")
            self.assertEqual(result.returncode, 1)
            self.assertIn("only root", result.stderr)

        with self.subTest("a call is applied"):
            result = self.bootstrap(node, "my-cluster", "--kubelet-extra-args", "--node-labels=team=c")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(node.kubelet()["labels"], {"team": "c"})
            self.assertEqual(self.starts(node, "kubelet.service"), 2)
            self.assertEqual(self.starts(node, "containerd.service"), 1)

        with self.subTest("the same call again changes nothing"):
            self.assertEqual(self.bootstrap(node, "my-cluster", "--kubelet-extra-args", "--node-labels=team=c").returncode, 0)
            self.assertEqual(self.starts(node, "kubelet.service"), 2)

        with self.subTest("of two calls the later one counts"):
            result = self.bootstrap(node, "my-cluster", "--kubelet-extra-args", "--node-labels=team=d", "--unheard-of", "x")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn('was "--node-labels=team=c", and is "--node-labels=team=d" now', result.stderr)
            self.assertIn('"--unheard-of": unknown option', result.stderr)
            self.assertEqual(node.kubelet()["labels"], {"team": "d"})

        with self.subTest("what the node refuses leaves the layer of before"):
            layer = (node.root / LAYER.lstrip("/")).read_text()
            file = node.file(KUBELET_CONFIG)
            edited = json.dumps(json.loads(file.read_text()) | {"kubeAPIQPS": 77})
            file.unlink()
            file.write_text(edited)
            result = self.bootstrap(node, "my-cluster", "--apiserver-endpoint", "ftp://example.com")
            self.assertEqual(result.returncode, 1)
            self.assertIn("the node could not apply this call", result.stderr)
            self.assertEqual((node.root / LAYER.lstrip("/")).read_text(), layer)
            self.assertFalse(file.is_symlink())
            self.assertEqual(file.read_text(), edited)
            self.assertFalse(node.file(EDITS_LAYER).exists())
            self.assertActive(node, "kubelet.service")

        with self.subTest("and a call that goes through takes the edits over"):
            self.assertEqual(self.bootstrap(node, "my-cluster", "--kubelet-extra-args", "--node-labels=team=d").returncode, 0)
            self.assertEqual(node.kubelet()["config"]["kubeAPIQPS"], 77)
            self.assertTrue(file.is_symlink())

        with self.subTest("calls at the same time come one after the other"):
            calls = [f"/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args --node-labels=team={team} 2> /tmp/{team} &"
                     for team in "efg"]
            node.output("bash", "-c", "\n".join(calls) + "\nfor i in 1 2 3; do wait -n || exit 1; done")
            reported = [node.file(f"/tmp/{team}").read_text() for team in "efg"]
            self.assertTrue(any("waiting for another call of bootstrap.sh or nodeadm to end" in text for text in reported), reported)

            label = node.kubelet()["labels"]["team"]
            self.assertIn(f"team={label}", node.file(LAYER).read_text())

        with self.subTest("another instance made from this disk"):
            profile = json.loads((node.root / "srv/aws/profile.json").read_text())
            text = json.dumps(profile).replace(INSTANCE, "i-0000000000000000f")
            (node.root / "srv/aws/profile.json").write_text(text)
            node.reboot()
            self.assertActive(node, "eks-node.target")
            self.assertEqual(node.kubelet()["labels"], {})

            reported = [r["MESSAGE"] for r in node.journal("--unit", "eks-config")]
            self.assertTrue(any("is of instance" in text for text in reported), reported)


    def test_a_call_while_eks_config_ends_counts(self):
        """It has read the layers, and is not active yet."""
        node = self.node()
        node.user_data(node_config(support.IMAGE.ca))
        node.write("/etc/systemd/system/eks-config.service.d/hold.conf", "[Service]\nExecStartPost=sleep 2\n")
        node.write("/etc/systemd/system/caller.service",
                   "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStartPre=sh -c 'until test -e /run/eks/node.json; do sleep .1; done'\n"
                   "ExecStart=/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args --node-labels=team=late\n")
        node.link("/etc/systemd/system/multi-user.target.wants/caller.service", "../caller.service")
        node.boot()
        self.assertActive(node, "caller.service", "kubelet.service", "eks-node.target")
        self.assertEqual(node.kubelet()["labels"], {"team": "late"})


class WithTrixieSCloudInit(CloudInitTest):
    """25.x runs all stages in one process, and orders its units differently."""
    CLOUD_INIT = "25"

    def test_a_script_and_no_cycle(self):
        node = self.cloud_node(self.mime(("text/x-shellscript", f"#!/bin/bash\nset -ex\n{self.call()}\ntouch /srv/ended\n")))
        self.assertCalled(node)
        self.assertTrue((node.root / "srv/ended").exists())

    def test_without_a_call(self):
        node = self.cloud_node("#!/bin/bash\nexit 4\n")
        record = self.failure(node, "eks-config.service")
        self.assertEqual(record["EKS_FAILURE"], "call-missing")
        self.assertIn("; failed: part-001", record["MESSAGE"])

    def test_a_script_that_fails(self):
        self.assertWarned()

    def test_a_boothook(self):
        node = self.cloud_node(f"#cloud-boothook\n#!/bin/bash\nset -e\n{self.call()}\n")
        self.assertCalled(node)
