# SPDX-License-Identifier: Apache-2.0
"""eksnode diagnose on a node whose API server and kubelet's health are those of a stand-in, broken in one way after the other."""

import base64
import json
import subprocess
import tempfile
from pathlib import Path

import support
from node import node_config
from support import BootTest

# The API server: /livez, and the node as a file has it. And kubelet's healthz, which the stand-in kubelet lacks.
SERVER = """\
import http.server, json, ssl, threading

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = (200, {}) if self.path == "/livez" else json.load(open("/run/api.json"))
        if self.path.startswith("/api/v1/nodes/") and not self.headers.get("Authorization", "").startswith("Bearer k8s-aws-v1."):
            status, body = 401, {}
        self.answer(status, json.dumps(body))

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass

class Health(Api):
    def do_GET(self):
        text = open("/run/healthz").read()
        self.answer(200 if text == "ok" else 500, text)

def serve(port, handler, pem=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()

serve(6443, Api, "/srv/api.pem")
serve(10248, Health)
"""
UNIT = "[Unit]\nDescription=Stand-in of an API server\nAfter=fake-aws.service\n[Service]\nExecStart=/usr/bin/python3 /srv/api-server\n"
READY = {"status": {"conditions": [{"type": "Ready", "status": "True", "message": "kubelet is posting ready status"}]}}
NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False", "message":
                                        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
                                        "message:Network plugin returns error: cni plugin not initialized"}]}}
ENVIRONMENT = [f"AWS_ENDPOINT_URL_{name}=http://169.254.169.254/" for name in ("ECR", "S3", "EC2", "STS", "EKS")]


def server_certificate(folder: Path) -> str:
    """The CA in base64; folder/pem has a certificate of it for 127.0.0.1, and its key."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "365", "-subj", "/CN=kubernetes", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *key, "-subj", "/CN=kube-apiserver", "-keyout", "server.key", "-out", "server.csr")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "365",
            "-extfile", "san", "-out", "server.crt")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "0", "-out", "old.crt")
    (folder / "pem").write_text((folder / "server.crt").read_text() + (folder / "server.key").read_text())
    return base64.b64encode((folder / "ca.crt").read_bytes()).decode()


class Diagnose(BootTest):
    def diagnose(self, node, *words, variables=()):
        """The checks by name; of several with one name, the worst, which is the first that is not ok."""
        result = node.call("env", *ENVIRONMENT, *variables, "eksnode", "diagnose", "--json", *words)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        checks = {}
        for check in json.loads(result.stdout)["checks"]:
            if check["name"] not in checks or checks[check["name"]]["state"] == "ok":
                checks[check["name"]] = check
        self.assertEqual(result.returncode, int(any(c["state"] == "problem" for c in checks.values())), result.stdout)
        return checks

    def assertFound(self, node, name, state, found, remedy="", **options):
        check = self.diagnose(node, name, **options)[name]
        self.assertEqual(check["state"], state, check)
        self.assertRegex(check["found"], found)
        if remedy:
            self.assertRegex(check["remedy"], remedy)

    def test_each_cause_is_found(self):
        scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        ca = server_certificate(scratch)
        node = self.node()
        good = node_config(ca).replace("https://example.com", "https://127.0.0.1:6443")
        node.user_data(good)

        def configure(text):
            node.file("/run/eks/user-data").write_text(text)
            node.output("systemctl", "reload", "eks-config")

        node.write("/srv/api.pem", (scratch / "pem").read_text())
        node.write("/srv/api-server", SERVER)
        node.write("/etc/systemd/system/api-server.service", UNIT)
        node.link("/etc/systemd/system/multi-user.target.wants/api-server.service", "../api-server.service")
        node.boot()
        self.assertActive(node, "eks-node.target", "api-server.service")
        node.file("/run/api.json").write_text(json.dumps([200, READY]))
        node.file("/run/healthz").write_text("ok")
        node.write("/etc/cni/net.d/10-aws.conflist", "{}")

        with self.subTest("a healthy node"):
            checks = self.diagnose(node)
            wrong = {name: c for name, c in checks.items() if c["state"] == "problem" and not name.startswith("host: ")}
            self.assertEqual(wrong, {})
            for name in ("imds", "api-server", "credentials", "membership", "ecr", "s3", "containerd", "sandbox-image", "kubelet", "cni",
                         "files", "certificates", "max-pods"):
                self.assertEqual(checks[name]["state"], "ok", checks[name])

            self.assertIn("not needed", checks["eks"]["found"])
            text = node.call("env", *ENVIRONMENT, "eksnode", "diagnose", "api-server", "kubelet").stdout
            self.assertEqual(text, "● Nothing was found that hinders this node\n2 checks ok; --all shows them\n")

        for name, answer, state, found, remedy in (
                ("401", [401, {}], "problem", "the cluster does not accept the role '.*': 401", "access entry of type EC2_LINUX"),
                ("403", [403, {}], "problem", "but not as the node", "system:node:"),
                ("404", [404, {}], "problem", "the cluster knows no node '", "eksnode status"),
                ("NotReady", [200, NOT_READY], "problem", "registered, but not Ready: .*cni plugin not initialized", "aws-node"),
                ("a cloud controller", [200, {**READY, "spec": {"taints": [
                    {"key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule"}]}}], "warning",
                 "has the taint node.cloudprovider.kubernetes.io/uninitialized", "cloud controller"),
                ("a rule", [200, {**READY, "spec": {"taints": [{"key": "readiness.k8s.io/network", "effect": "NoSchedule"}]}}],
                 "warning", "has the taint readiness.k8s.io/network", "nodereadinessrules"),
                ("no condition", [200, {}], "warning", "has no condition Ready yet", "")):
            with self.subTest(name):
                node.file("/run/api.json").write_text(json.dumps(answer))
                self.assertFound(node, "membership", state, found, remedy)

        with self.subTest("kubelet is not well"):
            node.file("/run/healthz").write_text("syncloop not running")
            self.assertFound(node, "kubelet", "problem", "it says that it is not healthy: status 500", "curl .*journalctl -b -u kubelet")

        with self.subTest("the API server does not listen"):
            node.output("systemctl", "stop", "api-server")
            self.assertFound(node, "api-server", "problem", "onnect", "security groups")
            self.assertFound(node, "membership", "unknown", "the API server does not answer")
            self.assertFound(node, "kubelet", "problem", "it runs, but does not answer", "eksnode status")

        with self.subTest("the CA is of another cluster"):
            configure(good.replace(ca, support.IMAGE.ca))
            node.output("systemctl", "start", "api-server")
            node.wait_for(lambda: self.diagnose(node, "api-server")["api-server"]["found"].find("certificate") >= 0, "the refusal")
            self.assertFound(node, "api-server", "problem", "certificate", "of different clusters")

        with self.subTest("nobody knows the API server's name, and the proxy does not listen"):
            node.write("/etc/eks/node.d/50-site.toml", "[proxy]\nhttps = 'http://127.0.0.1:3128'\nhttp = 'http://127.0.0.1:3128'\n")
            configure(good.replace("https://127.0.0.1:6443", "https://nowhere.example"))
            self.assertFound(node, "dns", "problem", "nowhere.example", "DNS")
            self.assertFound(node, "proxy", "problem", "127.0.0.1:3128: Connection refused", "security group")
            self.assertFound(node, "api-server", "problem", "3128")  # kubelet goes through it, too

        with self.subTest("the node itself has the API server's name, as on an Outpost that is cut off"):
            node.output("sh", "-c", "echo '127.0.0.1\tother nowhere.example # ours' >>/etc/hosts")
            self.assertFound(node, "dns", "ok", "nowhere.example is in /etc/hosts")
            node.file("/etc/eks/node.d/50-site.toml").unlink()
            configure(good)

        with self.subTest("the metadata service is silent"):
            node.file("/srv/aws/faults.json").write_text(json.dumps([{"path": "*", "hang": True}]))
            self.assertFound(node, "imds", "problem", "no usable answer", "hop limit|HttpPutResponseHopLimit|agent")
            self.assertFound(node, "credentials", "problem", "metadata service")
            node.file("/srv/aws/faults.json").write_text("[]")

        with self.subTest("a service of AWS cannot be reached"):
            self.assertFound(node, "ecr", "warning", "127.0.0.1:9", "images of ECR", variables=["AWS_ENDPOINT_URL_ECR=http://127.0.0.1:9/"])

        with self.subTest("somebody else may write the kubeconfig"):
            node.output("chmod", "0666", "/var/lib/kubelet/kubeconfig")
            self.assertFound(node, "files", "warning", "/var/lib/kubelet/kubeconfig has owner 0 and mode 0666", "chown root")
            node.output("chmod", "0644", "/var/lib/kubelet/kubeconfig")

        with self.subTest("kubelet's serving certificate"):
            self.assertNotIn("serving", self.diagnose(node, "certificates")["certificates"]["found"])
            path = "/var/lib/kubelet/pki/kubelet-server-current.pem"
            node.output("mkdir", "-p", "/var/lib/kubelet/pki")
            pem = node.file("/srv/api.pem").read_text()
            node.file(path).write_text(pem)
            text = node.call("env", *ENVIRONMENT, "eksnode", "diagnose", "--all", "certificates").stdout
            self.assertIn(f"kubelet's serving certificate, '{path}', is valid", text)
            node.file(path).write_text((scratch / "old.crt").read_text() + (scratch / "server.key").read_text())
            self.assertFound(node, "certificates", "problem", "serving certificate, .*: expired on", "kubectl get csr")
            node.file(path).unlink()

        with self.subTest("more pods than addresses, with the VPC CNI and with another plugin"):
            node.write("/etc/eks/node.d/50-site.toml", "[kubelet.config]\nmaxPods = 240\n")
            configure(good)
            self.assertFound(node, "max-pods", "warning", "kubelet admits 240 pods", "VPC CNI.*prefix delegation")
            node.write("/etc/cni/net.d/05-cilium.conflist", '{"name": "cilium", "plugins": [{"type": "cilium-cni"}]}')
            self.assertFound(node, "max-pods", "ok", "'/etc/cni/net.d/05-cilium.conflist' is not the VPC CNI's")
            node.write("/etc/cni/net.d/05-cilium.conflist", '{"name": "cilium", "plugins": [{"type": "aws-cni"}, {"type": "cilium-cni"}]}')
            self.assertFound(node, "max-pods", "warning", "kubelet admits 240 pods")
            node.file("/etc/cni/net.d/05-cilium.conflist").unlink()
            node.file("/etc/eks/node.d/50-site.toml").unlink()
            configure(good)

        with self.subTest("a disk is full"):
            node.output("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/var/log")
            node.call("sh", "-c", "dd if=/dev/zero of=/var/log/fill bs=1k count=60")
            self.assertFound(node, "disks", "problem", r"/var/log: \d %", "kubelet evicts pods")
            node.output("mount", "-o", "remount,ro", "/var/log")
            self.assertFound(node, "disks", "ok", "the space")
            node.output("umount", "/var/log")

        with self.subTest("no CNI plugin"):
            node.file("/etc/cni/net.d/10-aws.conflist").unlink()
            self.assertFound(node, "cni", "warning", "nothing is in /etc/cni/net.d", "aws-node")

        with self.subTest("daemons do not run, and something has kubelet's port"):
            node.output("systemctl", "stop", "kubelet", "containerd")
            self.assertFound(node, "kubelet", "problem", "kubelet.service does not run", "eksnode status")
            self.assertFound(node, "containerd", "problem", "containerd.sock", "systemctl status containerd")
            self.assertFound(node, "ports", "problem", "something listens at port 10248", "ss -ltnp")

        with self.subTest("usage"):
            result = node.call("eksnode", "diagnose", "dsn")
            self.assertEqual(result.returncode, 2)
            self.assertIn("did you mean 'dns'?", result.stderr)
            self.assertIn("membership", node.output("eksnode", "diagnose", "--list"))

    def test_a_machine_that_is_no_node_has_unknown_answers_and_no_false_ones(self):
        node = self.node()
        node.write("/etc/eks/node.disabled", "")
        node.boot("quiet")
        checks = self.diagnose(node)
        for name in ("dns", "api-server", "membership", "max-pods"):
            self.assertEqual(checks[name]["state"], "unknown", checks[name])
        self.assertEqual(checks["imds"]["state"], "ok")
        self.assertRegex(node.call("eksnode", "diagnose").stdout.splitlines()[0], "^× .*kubelet")
