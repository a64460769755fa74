# SPDX-License-Identifier: Apache-2.0
"""A cluster that real kubelets join: etcd and an API server, on a private network to which nodes are connected.

Both programs run in a network namespace of their own, which ends with them. Nodes reach them over a bridge in it and
nothing else. The API server asks this process who sent a token, and we answer as EKS's authenticator does: the
signature is verified, and the caller is the node whose private DNS name EC2 gives. So the node authorizer and the
admission plugin NodeRestriction see what they would see on EKS."""

import base64
import concurrent.futures
import ctypes
import datetime
import http.client
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import yaml
from node import Node, node_config, run
from support import caller

BRIDGE = "cluster0"
ADDRESS = "172.16.32.1"  # in the subnet of tests/profiles/reference.json
NAME = "0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com".lower()
SERVICES = "10.100.0.0/16"

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

# What the tests ask: when a node registers and when it is Ready, and which of its requests were refused.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
    userGroups: ["system:nodes"]
    resources: [{group: "", resources: [nodes, nodes/status]}]
  - level: Metadata
    userGroups: ["system:nodes"]
  - level: None
"""

NETWORK_UNIT = """\
[Unit]
Description=The Node's Address in the Cluster's Network
Wants=network.target
Before=network.target fake-aws.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip address add {address}/20 dev host0
ExecStart=/usr/sbin/ip link set host0 up
ExecStart=/usr/sbin/ip route add default via {gateway}
"""

# Enough for the runtime to call its network ready. No pod of these tests has a network.
CNI = {"cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "loopback"}]}


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Network:
    """A network namespace: that of one thread, which runs what is to run inside it."""

    def __init__(self):
        self.thread = concurrent.futures.ThreadPoolExecutor(1, initializer=lambda: check(LIBC.unshare(CLONE_NEWNET)))
        for words in ("link set lo up", f"link add name {BRIDGE} type bridge",
                      f"address add {ADDRESS}/20 dev {BRIDGE}", f"link set {BRIDGE} up"):
            self.inside(run, "ip", *words.split())

    def inside(self, function, *arguments, **options):
        return self.thread.submit(function, *arguments, **options).result()

    def close(self):
        self.thread.shutdown()


def tokens(secrets: dict, nodes: dict, cluster: str):
    """The handler that answers the API server's question whose token that is. `nodes` has the user of each access key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                key, signed = caller(review["spec"]["token"], cluster, secrets)
                if abs(time.time() - signed) > 15 * 60:
                    raise AssertionError("the token is too old")
                status = {"authenticated": True,
                          "user": {"username": f"system:node:{nodes[key]}", "uid": key,
                                   "groups": ["system:bootstrappers", "system:nodes"]}}
            except Exception as error:  # whatever is wrong with a token, it is not a valid token
                status = {"authenticated": False, "error": str(error) or repr(error)}

            answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "status": status}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    return Handler


class Cluster:
    """Use as a context manager. `profile` is the instance whose credentials are those of a node."""

    def __init__(self, apiserver: Path, etcd: Path, profile: Path, scratch: Path):
        self.apiserver, self.etcd = apiserver.resolve(), etcd.resolve()
        self.dir = Path(tempfile.mkdtemp(prefix="cluster-", dir=scratch))
        facts = json.loads(profile.read_text())["meta-data"]
        self.node_address = facts["local-ipv4"]

        # EC2's name of the instance, which EKS asks EC2 for: not what the instance itself says.
        self.node_name = f"ip-{facts['local-ipv4'].replace('.', '-')}.{facts['placement/region']}.compute.internal"
        role = next(value for key, value in facts.items() if key.startswith("iam/security-credentials/"))
        self.secrets = {role["AccessKeyId"]: (role["SecretAccessKey"], role["Token"])}
        self.nodes = {role["AccessKeyId"]: self.node_name}
        self.processes = []

    def __enter__(self):
        self.network = Network()
        try:
            self.certificates()
            self.authenticator = self.network.inside(http.server.ThreadingHTTPServer, ("127.0.0.1", 0),
                                                     tokens(self.secrets, self.nodes, "my-cluster"))
            threading.Thread(target=self.authenticator.serve_forever, daemon=True).start()
            self.start_etcd()
            self.start_apiserver()
        except BaseException:
            self.__exit__()
            raise

        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        if hasattr(self, "authenticator"):
            self.authenticator.shutdown()
            self.authenticator.server_close()

        self.network.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def certificates(self):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]

        def make(name, subject, *more):
            run("openssl", "req", "-x509", *key, "-subj", subject, *more, "-keyout", self.dir / f"{name}.key",
                "-out", self.dir / f"{name}.crt", stderr=subprocess.DEVNULL)

        issued = ["-CA", self.dir / "ca.crt", "-CAkey", self.dir / "ca.key", "-addext", "basicConstraints=CA:FALSE"]
        make("ca", "/CN=kubernetes")
        make("server", "/CN=kube-apiserver", *issued, "-addext",
             f"subjectAltName=DNS:{NAME},DNS:kubernetes.default.svc,IP:{ADDRESS},IP:127.0.0.1,IP:10.100.0.1")
        make("admin", "/O=system:masters/CN=admin", *issued)
        make("accounts", "/CN=service-accounts")
        self.ca = base64.b64encode((self.dir / "ca.crt").read_bytes()).decode()
        self.tls = ssl.create_default_context(cafile=str(self.dir / "ca.crt"))
        self.tls.load_cert_chain(self.dir / "admin.crt", self.dir / "admin.key")

    def start(self, program: Path, *arguments):
        """A program in the network, which does not outlive it."""
        def begin():
            with open(self.dir / f"{program.name}.log", "wb") as log:
                return subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                        preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.processes.append(self.network.inside(begin))

    def wait_for(self, what: str, address: tuple, path: str, tls=None, timeout=120):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                if self.network.inside(fetch, address, "GET", path, tls)[0] == 200:
                    return
            except OSError:
                pass

            if self.processes[-1].poll() is not None:
                break

            time.sleep(0.1)

        log = "\n".join(path.read_text(errors="replace")[-3000:] for path in self.dir.glob("*.log"))
        raise RuntimeError(f"{what} does not start:\n{log}")

    def start_etcd(self):
        self.start(self.etcd, "--data-dir=etcd", "--unsafe-no-fsync", "--log-level=warn",
                   "--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
                   "--listen-peer-urls=http://127.0.0.1:2380")
        self.wait_for("etcd", ("127.0.0.1", 2379), "/health")

    def start_apiserver(self):
        (self.dir / "audit-policy.yaml").write_text(AUDIT_POLICY)
        (self.dir / "authenticator.yaml").write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "tokens",
            "clusters": [{"name": "tokens",
                          "cluster": {"server": f"http://127.0.0.1:{self.authenticator.server_address[1]}/"}}],
            "users": [{"name": "api", "user": {}}],
            "contexts": [{"name": "tokens", "context": {"cluster": "tokens", "user": "api"}}]}))
        self.audit = self.dir / "audit.log"
        self.start(self.apiserver, "--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0", "--secure-port=443",
                   f"--advertise-address={ADDRESS}", "--tls-cert-file=server.crt", "--tls-private-key-file=server.key",
                   "--client-ca-file=ca.crt", f"--service-cluster-ip-range={SERVICES}",
                   "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
                   "--authentication-token-webhook-config-file=authenticator.yaml",
                   "--authentication-token-webhook-version=v1", "--service-account-issuer=https://kubernetes.default.svc",
                   "--service-account-key-file=accounts.crt", "--service-account-signing-key-file=accounts.key",
                   f"--audit-log-path={self.audit}", "--audit-policy-file=audit-policy.yaml")
        self.wait_for("kube-apiserver", (ADDRESS, 443), "/readyz", self.tls)

        # The namespaces of leases and of pods are made a moment later.
        for namespace in ("kube-node-lease", "default"):
            self.wait_for("kube-apiserver", (ADDRESS, 443), f"/api/v1/namespaces/{namespace}", self.tls)

    def call(self, method: str, path: str, body=None):
        """Ask the API server as an administrator: (status, what it says)."""
        return self.network.inside(fetch, (ADDRESS, 443), method, path, self.tls, body)

    def node(self) -> dict | None:
        """The object of our node."""
        status, node = self.call("GET", f"/api/v1/nodes/{self.node_name}")
        return node if status == 200 else None

    def forget_node(self):
        for path in (f"/api/v1/nodes/{self.node_name}",
                     f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{self.node_name}"):
            self.call("DELETE", path)

    def requests(self, since=0.0) -> list[dict]:
        """Every request of a node so far, as the API server's audit log has it, with "time" in seconds."""
        events = [json.loads(line) for line in self.audit.read_text().splitlines()]
        for event in events:
            event["time"] = datetime.datetime.fromisoformat(event["stageTimestamp"].replace("Z", "+00:00")).timestamp()
        return [event for event in events if event["time"] >= since and event["stage"] == "ResponseComplete"]

    def milestones(self, since: float) -> dict[str, float]:
        """When our node was registered and when it was Ready, in seconds of the clock, as far as that has happened."""
        found = {}
        for event in self.requests(since):
            if event["responseStatus"]["code"] >= 300 or event["objectRef"].get("resource") != "nodes":
                continue

            if event["verb"] == "create":
                found.setdefault("registered", event["time"])
            conditions = event.get("requestObject", {}).get("status", {}).get("conditions", [])
            if any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions):
                found.setdefault("ready", event["time"])

        return found


def fetch(address, method, path, tls=None, body=None):
    connection = (http.client.HTTPSConnection(*address, timeout=30, context=tls) if tls
                  else http.client.HTTPConnection(*address, timeout=30))
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})

        response = connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")
    finally:
        connection.close()


class ClusterNode(Node):
    """A node on the network of a cluster, whose NodeConfig names that cluster."""

    def __init__(self, image, scratch, cluster: Cluster):
        super().__init__(image, scratch)
        self.cluster = cluster

    def __enter__(self):
        super().__enter__()
        self.write("etc/systemd/system/private-network.service",
                   NETWORK_UNIT.format(address=self.cluster.node_address, gateway=ADDRESS))
        self.link("etc/systemd/system/multi-user.target.wants/private-network.service", "../private-network.service")
        self.write("etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
        self.write("etc/cni/net.d/10-test.conflist", json.dumps(CNI))
        self.user_data(self.node_config())

        return self

    def node_config(self, **more) -> str:
        return node_config(self.cluster.ca, **more).replace("https://example.com", f"https://{NAME}")

    def start(self, console, *arguments):
        return self.cluster.network.inside(super().start, console, *arguments)

    def binds(self):
        return [*super().binds(), f"--network-bridge={BRIDGE}"]
