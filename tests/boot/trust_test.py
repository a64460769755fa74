# SPDX-License-Identifier: Apache-2.0
"""eks-trust with Debian's update-ca-certificates: a registry and an API of AWS whose certificates only a node with the key
trusts, by real containerd and by our own program."""

import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import support
from eks_cluster_test import NODE_CONFIG, described
from images_test import self_signed
from node import node_config, run
from support import BootTest

UNIT = "eks-trust.service"
TOML = "/etc/eks/node.d/50-trust.toml"
HOST = "registry.corp.example"
NAME = f"{HOST}/team/app:1"
# A mirror of another registry, without the key `ca`: containerd takes the system's store.
MIRRORED = "registry.example/team/app:1"
MIRROR = f'[registry.mirrors."registry.example"]\nendpoints = ["https://{HOST}"]\nserver = "https://{HOST}"\n'
SOURCES = "/usr/local/share/ca-certificates"
LINKS = "/etc/ssl/certs"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
STAMP = "/var/lib/eks/trust"
NOTHING = "nothing to do: the node has this configuration\n"
TLS_FRONT_UNIT = """\
[Unit]
After=fake-aws.service
Before=containerd.service

[Service]
Type=notify
ExecStart=/usr/bin/python3 -I /usr/local/lib/tls-front /etc/eks-api.pem 0 /etc/eks-api.pem /run/tls-front.log
"""


def certificate_of(path) -> str:
    return run("openssl", "x509", "-in", path, capture_output=True, text=True).stdout


def settings(*items) -> str:
    return "[trust]\ncertificates = [" + ", ".join(json.dumps(item) for item in items) + "]\n"


class Trust(BootTest):
    def site(self):
        """A node that asks EKS over TLS, and may pull from a registry, both with certificates that no store has."""
        node = self.node()
        node.registry("127.0.0.1:443", "team/app:1", host=HOST)
        shutil.rmtree(node.root / "etc/containerd/certs.d")
        shutil.copy(node.root / "etc/registry/authority.crt", node.root / "etc/eks/corp.pem")
        self_signed(node.root / "etc/eks-api.pem", datetime.now(timezone.utc) - timedelta(days=1))
        shutil.copy(Path(__file__).with_name("tls-front"), node.root / "usr/local/lib/tls-front")
        node.write("/etc/systemd/system/tls-front.service", TLS_FRONT_UNIT)
        node.link("/etc/systemd/system/multi-user.target.wants/tls-front.service", "../tls-front.service")
        node.write("/srv/aws/clusters.json", json.dumps({"my-cluster": {"cluster": described()}}))
        node.write("/etc/systemd/system/eks-cluster.service.d/endpoint.conf",
                   "[Service]\nEnvironment=AWS_ENDPOINT_URL_EKS=https://localhost:8443\n")
        node.write("/etc/eks/node.d/40-mirror.toml", MIRROR)
        node.user_data(NODE_CONFIG.format(name="my-cluster"))

        return node

    def ours(self, node) -> list:
        return sorted(path.name for path in node.file(SOURCES).glob("eks-trust-*"))

    def pull(self, node, name=NAME) -> str:
        """What a pull by containerd says, or nothing if it works."""
        node.call("ctr", "-n", "k8s.io", "images", "remove", "--sync", NAME, MIRRORED)
        pulled = node.call("timeout", "4", "eksnode", "images", "pull", name)
        return pulled.stderr if pulled.returncode else ""

    def assertTrusted(self, node, *certificates):
        bundle = node.file(BUNDLE).read_text()
        self.assertGreater(bundle.count("BEGIN CERTIFICATE"), 100)  # those of the distribution stay
        for text in certificates:
            self.assertEqual(bundle.count(text), 1)

    def assertAsDistributed(self, node, *certificates):
        bundle = node.file(BUNDLE).read_text()
        self.assertGreater(bundle.count("BEGIN CERTIFICATE"), 100)

        for text in certificates:
            self.assertNotIn(text, bundle)
        self.assertEqual(self.ours(node), [])
        self.assertEqual([path.name for path in node.file(LINKS).iterdir() if "eks-trust" in (path.name if not path.is_symlink()
                                                                                                else str(path.readlink()))], [])
        self.assertFalse(node.file(STAMP).exists())

    def test_a_company_s_authority_is_trusted_from_the_first_connection_on(self):
        node = self.site()
        corp, api = certificate_of(node.root / "etc/eks/corp.pem"), certificate_of(node.root / "etc/eks-api.pem")
        node.write(TOML, settings("/etc/eks/corp.pem", api))
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT, "eks-cluster.service")
        self.assertTrusted(node, corp, api)
        self.assertEqual(len(self.ours(node)), 2)
        self.assertEqual(self.pull(node), "")
        self.assertEqual(self.pull(node, MIRRORED), "")
        self.assertNotIn("ca =", node.file("/etc/containerd/certs.d/registry.example/hosts.toml").read_text())
        self.assertEqual(set(node.file("/run/tls-front.log").read_text().split()), {"done"})
        self.assertCalm(node)

        reported = [r["MESSAGE"] for r in node.journal("--unit", UNIT)]
        self.assertIn("'CN = localhost': not a CA certificate; replace it or remove it, proceeding", "\n".join(reported))

        # Again: nothing is run.
        before = node.file(BUNDLE).stat().st_mtime_ns
        node.systemctl("reload", UNIT)
        self.assertIn("the store has these certificates, 1 file unchanged", [r["MESSAGE"] for r in node.journal("--unit", UNIT)])
        self.assertEqual(node.file(BUNDLE).stat().st_mtime_ns, before)
        self.assertEqual(node.output("eksnode", "apply"), NOTHING)

        # One goes while the node runs, and the daemons read the store anew.
        containerd = node.show("containerd.service", "MainPID")
        node.write(TOML, settings(api))
        shown = node.output("eksnode", "apply", timeout=120)
        self.assertLess(shown.index("ran eks-trust.service"), shown.index("restarted containerd.service"))
        self.assertNotEqual(node.show("containerd.service", "MainPID"), containerd)
        self.assertTrusted(node, api)
        self.assertEqual(len(self.ours(node)), 1)
        self.assertIn("certificate", self.pull(node))
        self.assertIn("certificate", self.pull(node, MIRRORED))
        self.assertEqual(node.output("eksnode", "apply"), NOTHING)

        # The other at the next boot.
        node.write(TOML, "")
        node.user_data(node_config(support.IMAGE.ca))
        node.reboot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertAsDistributed(node, corp, api)

        node.output("eksnode", "apply")  # closes the gate
        self.assertFalse(node.file("/run/eks/enabled/trust").exists())
        self.assertEqual(node.show(UNIT, "ActiveState"), {"ActiveState": "inactive"})

        # The first at once, and away again.
        node.write(TOML, settings("/etc/eks/corp.pem"))
        node.output("eksnode", "apply", timeout=120)
        self.assertTrusted(node, corp)
        self.assertEqual(self.pull(node), "")

        node.write(TOML, "")
        node.output("eksnode", "apply", timeout=120)
        self.assertAsDistributed(node, corp)
        self.assertIn("certificate", self.pull(node))
        self.assertEqual(node.output("eksnode", "apply"), NOTHING)

    def test_what_is_no_certificate_keeps_kubelet_down_and_is_named(self):
        node = self.node()
        key = run("openssl", "genpkey", "-algorithm", "ed25519", capture_output=True, text=True).stdout
        node.write("/etc/eks/corp.pem", key)
        node.write(TOML, settings("/etc/eks/corp.pem"))
        node.boot()
        record = self.failure(node, UNIT)
        self.assertEqual(record["EKS_FAILURE"], "certificate-invalid")
        self.assertIn(f"{TOML}, line 2, column", record["MESSAGE"])
        self.assertIn("'/etc/eks/corp.pem'): holds a private key", record["MESSAGE"])
        self.assertKubeletDown(node)
        self.assertNotIn(key.splitlines()[1], node.output("journalctl", "--boot", "--all", "--output=verbose"))

        refused = node.call("eksnode", "apply")
        self.assertEqual(refused.returncode, 78)
        self.assertIn("holds a private key", refused.stderr)

        # The tool fails: /etc cannot be written.
        node.file("/etc/eks/corp.pem").write_text(certificate_of(self.any_certificate(node)))
        node.write("/etc/systemd/system/eks-trust.service.d/read-only.conf", "[Service]\nReadOnlyPaths=/etc/ssl\n")
        node.systemctl("daemon-reload")
        self.assertNotEqual(node.call("systemctl", "restart", UNIT).returncode, 0)

        failed = [r for r in node.journal("--unit", UNIT) if r.get("EKS_RESULT") == "failed"][-1]
        self.assertEqual(failed["EKS_FAILURE"], "trust-store-failed")
        self.assertIn("/usr/sbin/update-ca-certificates failed with status", failed["MESSAGE"])
        self.assertIn("Read-only file system", failed["MESSAGE"])

        # Repaired, and started as the message says.
        node.file("/etc/systemd/system/eks-trust.service.d/read-only.conf").unlink()
        node.systemctl("daemon-reload")
        node.systemctl("start", "eks-node.target")
        self.assertActive(node, "eks-node.target", UNIT)

    def any_certificate(self, node):
        path = node.dir / "any.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
            "/CN=any", "-keyout", "/dev/null", "-out", path, capture_output=True)
        return path

    def test_killed_anywhere_it_is_done_again(self):
        """Also if the distribution's tool is killed, before it has replaced the bundle."""
        node = self.node()
        support.let_be_killed(node, UNIT)
        node.write("/etc/eks/corp.pem", certificate_of(self.any_certificate(node)))
        node.write("/etc/eks/node.toml", settings("/etc/eks/corp.pem"))
        names = (node.root / "etc/ca-certificates.conf").read_text().splitlines()
        few = [name for name in names if name.endswith(".crt")][:3]  # the tool takes a second with all of them
        node.write("/etc/ca-certificates.conf", "\n".join(few) + "\n")
        node.user_data(node_config(support.IMAGE.ca))
        node.boot("quiet")
        node.output("systemctl", "start", "eks-config.service")
        given = node.file("/run/eks/node.json").read_text()
        without = json.loads(given)
        del without["spec"]["trust"]
        without = json.dumps(without)

        def state():
            return (node.file(BUNDLE).read_text(), self.ours(node), node.file(STAMP).exists(),
                    sorted(path.name for path in node.file(LINKS).iterdir()),
                    sorted(path.name for path in node.file(SOURCES).iterdir()), node.file("/run/eks/trust.pem").exists())

        def run_step(document, point=None, program="eks-trust"):
            node.file("/run/eks/node.json").write_text(document)
            support.kill_at(node, point, program, parent=program != "eks-trust")
            node.call("systemctl", "restart", UNIT)
            support.kill_at(node, None)
            return node.show(UNIT, "Result")["Result"]

        for document in given, without, given:  # the first removal also drops the certificates that are no longer listed
            self.assertEqual(run_step(document), "success")
        trusted = state()
        self.assertEqual(run_step(without), "success")

        clean = state()
        self.assertNotEqual(clean, trusted)

        for begin, document, end in (without, given, trusted), (given, without, clean):
            for point in range(1, 40):
                self.assertEqual(run_step(begin), "success")
                if run_step(document, point) == "success":
                    break
                with self.subTest(point=point, adds=document == given):
                    self.assertEqual(run_step(document), "success")
                    self.assertEqual(state(), end)

            self.assertGreater(point, 6)
            self.assertEqual(run_step(begin), "success")
            self.assertEqual(run_step(document, 1, "openssl"), "exit-code")
            self.assertEqual(run_step(document), "success")
            self.assertEqual(state(), end)
