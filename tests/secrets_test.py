#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No secret of an input is said, whatever is wrong with the input, and none reaches a file that everybody can read.

usage: secrets_test.py SOURCE HELPERS-DIR

One secret is planted in every kind of input. Each input is given as it is, and with every mistake of a kind that people
make near the secret: cut short there, a stray character before or behind it, no quotes, another type, another key. What a
program says, and the files that it writes, are searched for the secret."""

import base64
import contextlib
import email.mime.multipart
import email.mime.text
import importlib.machinery
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE, HELPERS = Path(sys.argv[1]), Path(sys.argv[2])
MARK = "QXJZ7VKW"
SECRET = MARK * 3  # a mistake in the middle leaves whole marks on both sides
URL = f"https://user:{SECRET}@mirror.example/path?token={SECRET}"
BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()
MARKS = [MARK, BASIC[8:24]]

CA = next(line.split()[1] for line in (SOURCE / "tests/golden/common/root/run/eks/user-data").read_text().splitlines()
          if "certificateAuthority" in line)

CLUSTER = f"""\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    apiServerEndpoint: https://example.com
    certificateAuthority: {CA}
    cidr: 10.100.0.0/16
"""
CONTAINERD = f"""\
[plugins."io.containerd.grpc.v1.cri".registry.configs."registry.example".auth]
username = "user"
password = "{SECRET}"
auth = "{BASIC}"
[plugins."io.containerd.grpc.v1.cri".registry.headers]
X-Token = ["{SECRET}"]
[proxy_plugins.site]
type = "snapshot"
address = "{URL}"
"""


def indented(text, blanks):
    return "".join(f"{' ' * blanks}{line}\n" for line in text.splitlines())


def mime(*parts):
    message = email.mime.multipart.MIMEMultipart()
    for subtype, text in parts:
        part = email.mime.text.MIMEText(text, subtype, "ascii")
        part.replace_header("Content-Type", f"{subtype}; charset=us-ascii")
        message.attach(part)
    return message.as_string()


NODE_CONFIG = (CLUSTER + "  containerd:\n    config: |\n" + indented(CONTAINERD, 6) + f"""\
    baseRuntimeSpec:
      process:
        env: ["SITE_TOKEN={SECRET}"]
  kubelet:
    flags:
    - --node-labels=a=b
    - --image-service-endpoint={URL}
    - --manifest-url-header="Authorization:Bearer {SECRET}"
    config:
      staticPodURL: {URL}
      staticPodURLHeader:
        Authorization: [Bearer {SECRET}]
  instance:
    environment:
      default:
        HTTPS_PROXY: {URL}
        SITE_TOKEN: {SECRET}
""")
SHELL = f"""\
#!/bin/bash
export HTTPS_PROXY={URL}
curl -H "Authorization: Bearer {SECRET}" https://example.com/
/etc/eks/bootstrap.sh my-cluster --apiserver-endpoint {URL}
"""
# Calls that are refused: what they would set is printed on purpose.
CALLS = [("c", "--container-runtime", URL), ("c", "--kubelet-extra-args", f'--token="{SECRET}'),
         ("c", "--kubelet-extra-args", f"a {SECRET}"), (f"--password={SECRET}", "--ip-family", "x"),
         ("c", SECRET, f"{SECRET}", "--ip-family", "x"), (f"c\n{SECRET}",)]
# Calls that are accepted: what they set is printed, and no warning may repeat it.
WARNED = [("c", "--use-max-pods", URL), ("c", "--enable-local-outpost", URL), ("c", SECRET), ("c", f"--password={SECRET}"),
          ("c", "--docker-config-json", f'{{"auth": "{SECRET}"}}'), ("c", "--containerd-config-file", URL),
          ("c", "--pause-container-account", SECRET), ("--token", SECRET, "c")]
MIRRORS = f"""\
[registry.mirrors."docker.io"]
endpoints = ["{URL}", "https://mirror.example"]
server = "{URL}"
ca = "{URL}"
headersFile = "{URL}"
"""
ADMIN = f"""\
[cluster]
apiServerEndpoint = "{URL}"
[containerd]
config = '''
{CONTAINERD}'''
[instance.environment.default]
HTTPS_PROXY = "{URL}"
SITE_TOKEN = "{SECRET}"
[kubelet.credentialProviderConfig]
providers = [{{ name = "site", matchImages = ["{URL}"], env = [{{ name = "TOKEN", value = "{SECRET}" }}], args = ["{SECRET}"] }}]
"""
PROXY = f"""\
[proxy]
http = "http://user:{SECRET}@proxy.example:3128"
https = "http://user:{SECRET}@proxy.example:3128"
noProxy = [".internal.example"]
"""
TRUST = f"""\
[trust]
certificates = ['''
-----BEGIN PRIVATE KEY-----
{SECRET}
-----END PRIVATE KEY-----
''', "/etc/eks/corp.pem"]
"""
PROVIDER = f"""\
name: site
matchImages: ["{URL}"]
defaultCacheDuration: 10m
apiVersion: credentialprovider.kubelet.k8s.io/v1
args: [--token, {SECRET}]
env:
- name: SITE_TOKEN
  value: {SECRET}
"""
JSON_CONFIG = json.dumps({
    "apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig",
    "spec": {"cluster": {"apiServerEndpoint": URL}, "containerd": {"config": CONTAINERD},
             "instance": {"environment": {"default": {"SITE_TOKEN": SECRET}}}}}, indent=1)

INSTANCE = json.loads((SOURCE / "tests/golden/common/root/run/eks/imds.json").read_text())["instanceId"]

# Where an input lies in the node, and the programs that look at it.
CHAIN = ["eks-config", "eks-containerd-config", "eks-registry-mirrors", "eks-credential-provider", "eks-kubelet-args",
         "eks-kubelet-config", "eks-kubeconfig", "eks-environment", "eks-ca", "eks-docker-runtimes", "eks-trust"]
INPUTS = {
    "run/eks/user-data": {
        "NodeConfig": NODE_CONFIG, "shell": SHELL, "JSON": JSON_CONFIG,
        "MIME": mime(("application/node.eks.aws", NODE_CONFIG), ("text/x-shellscript", SHELL)),
        "cloud-config": f"#cloud-config\npassword: {SECRET}\nchpasswd: {{ list: ['root:{SECRET}'] }}\n",
    },
    "etc/eks/node.toml": {"mirrors": MIRRORS, "settings": ADMIN, "proxy": PROXY, "trust": TRUST},
    "etc/eks/corp.pem": {"key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"},
    "etc/eks/node.d/50-site.yaml": {"NodeConfig": NODE_CONFIG},
    "etc/eks/containerd.d/50-site.toml": {"TOML": CONTAINERD},
    "etc/eks/credential-providers.d/50-site.yaml": {"provider": PROVIDER},
    "etc/eks/proxy-login": {"login": f"user:{SECRET}\n"},
    "etc/eks/site.headers": {"headers": f"X-Token: {SECRET}\nAuthorization: Basic {BASIC}\n"},
    "proc/cmdline": {"options": f"quiet eks.instance.environment.default.SITE_TOKEN={SECRET} eks.containerd.config={SECRET} "
                                f"eks.cluster.apiServerEndpoint={URL}\n"},
    # What an earlier call left, which the next one compares itself with.
    "var/lib/eks/commands.d/bootstrap.toml": {"call": f"# instance: {INSTANCE}, call 1\n{ADMIN}"},
    "var/lib/eks/commands.d/nodeadm.toml": {"call": f"# instance: {INSTANCE}, call 2\n{ADMIN}"},
    "etc/docker/daemon.json": {"JSON": json.dumps({"proxies": {"http-proxy": URL}, "auth": SECRET}, indent=1)},
}
USES_HEADERS = '[registry.mirrors."docker.io"]\nendpoints = ["https://mirror.example"]\nheadersFile = "/etc/eks/site.headers"\n'


WHOLE = "as it is"


def mistakes(text, most):
    """The text itself, and what becomes of it by one slip near one of the first secrets."""
    yield WHOLE, text
    places = [at for at in range(len(text)) if text.startswith(SECRET, at)][:most]
    for number, at in enumerate(places):
        begin, end = text.rfind("\n", 0, at) + 1, at + len(SECRET)
        line_end = text.find("\n", end) % (len(text) + 1)
        key_end = max(text.rfind(c, begin, at) for c in "=: ")
        name = f"secret {number}"
        yield f"{name}: cut short", text[:at + len(MARK) * 2]
        yield f"{name}: the line is cut short", text[:at + len(MARK) * 2] + text[line_end:]

        for stray in "\"'[*@\\\t":
            yield f"{name}: {stray!r} before it", text[:at] + stray + text[at:]
            yield f"{name}: {stray!r} behind it", text[:end] + stray + text[end:]

        for stray in "[{":
            yield f"{name}: {stray!r} at the line's beginning", text[:begin] + stray + text[begin:]
        yield f"{name}: a line break in it", text[:at + len(MARK)] + "\n" + text[at + len(MARK):]
        yield f"{name}: without quotes", text[:begin] + text[begin:line_end].replace('"', "").replace("'", "") + text[line_end:]
        yield f"{name}: with single quotes", text[:begin] + text[begin:line_end].replace('"', "'") + text[line_end:]

        for value in (f"true{SECRET}", f"1{SECRET}", f"*{SECRET}", f"!{SECRET} x", f"[{SECRET}]", f"{{a: {SECRET}}}",
                      f"{{ a = \"{SECRET}\" }}", f"[\"{SECRET}\", 1]", f"\"{SECRET}\n\"", f"\"{SECRET}\" {SECRET}",
                      f"\"\\{SECRET}\"", f"user:{SECRET}@host", f"https://user:{SECRET}", f"http://user:a b{SECRET}@host"):
            yield f"{name}: {value!r} in its place", text[:key_end + 1] + value + text[line_end:]

        yield f"{name}: the key is another", text[:begin] + text[begin:key_end].rstrip("=: ") + "x" + text[key_end:]
        yield f"{name}: the key twice", text[:line_end] + "\n" + text[begin:line_end] + text[line_end:]
        yield f"{name}: it is the key", text[:begin] + f"{SECRET} {SECRET}" + text[line_end:]


class Search:
    def __init__(self, scratch):
        self.scratch = scratch
        self.looked_at = threading.local()
        self.found = []
        self.runs = 0
        golden = importlib.machinery.SourceFileLoader("golden", str(SOURCE / "tests/golden/run"))
        golden_module = importlib.util.module_from_spec(importlib.util.spec_from_loader("golden", golden))
        golden.exec_module(golden_module)
        self.template = scratch / "template"
        golden_module.make_root(self.template, SOURCE, SOURCE / "tests/golden/reference-1.35")

        for path, text in {"etc/eks/kubelet-version.txt": "1.35.0\n", "etc/eks/containerd-version.txt": "1.7.27\n",
                           "proc/cmdline": "quiet\n", "run/eks/user-data": NODE_CONFIG}.items():
            self.write(self.template, path, text)

        provider = self.template / "etc/eks/image-credential-provider/ecr-credential-provider"
        provider.parent.mkdir(parents=True, exist_ok=True)
        provider.write_text("")
        provider.chmod(0o755)

    @staticmethod
    def write(root, path, text):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o600)

    def look(self, what, where, text):
        for mark in MARKS:
            if mark in text:
                line = next(line for line in text.splitlines() if mark in line)
                at = line.index(mark)
                self.found.append(f"{what}: {where}: …{line[max(0, at - 100):at + 40]}…")
                return

    def run(self, what, program, *arguments, prints=True):
        """Without `prints` standard output is left out: what was given is printed there on purpose."""
        self.runs += 1
        done = subprocess.run([str(HELPERS / program), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "EKS_LOG_LEVEL": "debug"})
        if done.returncode < 0:
            self.found.append(f"{what}: {program} is killed by signal {-done.returncode}")
        self.look(what, program, ((done.stdout if prints else b"") + done.stderr).decode(errors="replace"))

    @contextlib.contextmanager
    def node(self, path, text, is_written):
        """A root with an input. The steps write; what only looks takes the files of the template as they are, and one root a thread."""
        root = None if is_written else getattr(self.looked_at, "root", None)
        if not root:
            root = Path(tempfile.mkdtemp(dir=self.scratch))
            shutil.copytree(self.template, root, symlinks=True, dirs_exist_ok=True,
                            copy_function=shutil.copy2 if is_written else os.link)
            if not is_written:
                self.looked_at.root = root

        inputs = {}
        if path != "run/eks/user-data":
            inputs["run/eks/user-data"] = CLUSTER
        if path.endswith("proxy-login"):
            inputs["etc/eks/node.toml"] = '[proxy]\nhttps = "http://proxy.example"\ncredentialsFile = "/etc/eks/proxy-login"\n'
        if path.endswith("corp.pem"):
            inputs["etc/eks/node.toml"] = '[trust]\ncertificates = ["/etc/eks/corp.pem"]\n'
        if path.endswith(".headers"):
            inputs["etc/eks/node.toml"] = USES_HEADERS
        inputs[path] = text
        for where, content in inputs.items():
            self.write(root, where, content)
        yield root

        if is_written:
            shutil.rmtree(root)
            return

        for where in inputs:
            (root / where).unlink()
            if (self.template / where).exists():
                os.link(self.template / where, root / where)

    def try_input(self, case):
        path, name, mistake, text = case
        what = f"{path} ({name}), {mistake}"

        is_written = mistake == WHOLE or path == "etc/docker/daemon.json"
        with self.node(path, text, is_written) as root:
            self.run_all(what, path, mistake, root)
            if is_written:
                self.try_steps(what, root)

    def run_all(self, what, path, mistake, root):
        if path.startswith(("run/eks/user-data", "etc/eks/node")):
            self.run(what, "eksnode-validate", "--strict", "--root", root,
                     f"user-data:{root / path}" if "user-data" in path else root / path)
            source = f"file://{root / path}".replace(" ", "%20")
            self.run(what, "nodeadm", "config", "check", "--config-source", source)
            if mistake == WHOLE or "cut short" in mistake:
                self.run(what, "nodeadm", "config", "dump", "-c", source, prints=False)

        self.run(what, "eksnode-plan", "--root", root)
        if mistake == WHOLE:
            self.run(what, "eksnode-apply", "--dry-run", "--root", root)
            for value in URL, "https://p.example":  # which another layer contradicts
                self.run(what, "eksnode-set", "--root", root, f"kubelet.config.staticPodURL={value}")
            self.run(what, "eksnode-set", "--root", root, f"instance.environment.default.SITE_TOKEN={SECRET}")
            self.run(what, "eksnode-migrate", "--", "my-cluster", "--apiserver-endpoint", URL, "--b64-cluster-ca", SECRET,
                     "--kubelet-extra-args", f"--image-service-endpoint={URL}", "--container-runtime", URL)

    def try_steps(self, what, root):
        given = set(root.rglob("*"))
        for step in CHAIN:
            self.run(what, step, "--root", root)

        for file in root.rglob("*"):
            if file not in given and file.is_file() and file.stat().st_mode & stat.S_IROTH:
                # The command line of kubelet is in /proc for everybody, and so are its flags: eks-kubelet-args(8).
                if not str(file).endswith("etc/eks/kubelet/environment"):
                    self.look(what, f"{file.relative_to(root)}, mode {file.stat().st_mode & 0o777:o}",
                              file.read_text(errors="replace"))


def main():
    with tempfile.TemporaryDirectory(prefix="eks-secrets-") as scratch:
        search = Search(Path(scratch))
        cases = [(path, name, mistake, text) for path, texts in INPUTS.items() for name, whole in texts.items()
                 for mistake, text in mistakes(whole, 2 if name == "MIME" or path == "etc/eks/node.d/50-site.yaml" else 8)]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(search.try_input, cases))
        for arguments in CALLS:
            search.run(f"a call of bootstrap.sh, {arguments[1:2]}", "eksnode-migrate", "--", *arguments)
        for arguments in WARNED:
            search.run(f"a call of bootstrap.sh, {arguments[:2]}", "eksnode-migrate", "--", *arguments, prints=False)
        for finding in sorted(search.found):
            print(finding)
        print(f"{len(cases)} inputs, {search.runs} runs, {len(search.found)} times a secret was found")
        sys.exit(bool(search.found))


if __name__ == "__main__":
    main()
