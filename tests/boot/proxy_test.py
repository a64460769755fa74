# SPDX-License-Identifier: Apache-2.0
"""A node behind a real proxy, whose log says what came through it."""

import base64
import json
import stat

import support
from eks_cluster_test import NODE_CONFIG, described
from node import packages_listed
from support import ImageTest

UNIT = "eks-environment.service"
TOML = "/etc/eks/node.d/50-proxy.toml"
LOG = "/run/tinyproxy.log"
URL = "http://127.0.0.1:3128"
USER, PASSWORD = "site-node", "hush-4c.7e"  # tinyproxy takes no other characters
PROXY_UNIT = """\
[Unit]
Before=eks-imds.service containerd.service

[Service]
Type=exec
ExecStart=/usr/bin/tinyproxy -d -c /etc/tinyproxy.conf
"""
PROXY = "Port 3128\nListen 127.0.0.1\nTimeout 60\nLogLevel Info\nMaxClients 50\n" + f'LogFile "{LOG}"\n'
API = "eks.example.com"
TO_PROXY = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]


class Proxy(ImageTest):
    def proxied(self, settings, login=False, user_data="", files=(), mode=0o600, scheme="http", domain="aws.example"):
        """A node that asks EKS for its cluster and pulls its sandbox image. Both have names that the proxy resolves."""
        node = self.node([package.root for package in packages_listed(support.IMAGE.cache, "--list-proxy")])
        (node.root / "etc/eks/pause.tar").unlink()
        node.registry("0.0.0.0:443", "eks/pause:3.10", host=self.HOST, login="AWS:pa55phrase")
        node.write("/etc/hosts", f"127.0.0.1 localhost {self.HOST}\n169.254.169.254 eks.{domain} ecr.{domain}\n10.9.8.7 {API}\n"
                   "127.0.0.1 far.example near.corp.internal near.corp.example\n")
        answer = {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pa55phrase").decode(), "expiresAt": 1.7e9}]}
        node.write("/srv/aws/faults.json", json.dumps([{"path": "/", "method": "POST", "body": json.dumps(answer)}]))
        node.write("/srv/aws/clusters.json", json.dumps({"my-cluster": {"cluster": described()}}))

        for unit, service in (self.UNIT, "ecr"), ("eks-cluster.service", "eks"):
            url = f"{scheme if service == 'eks' else 'http'}://{service}.{domain}"
            node.write(f"/etc/systemd/system/{unit}.d/endpoint.conf", f"[Service]\nEnvironment=AWS_ENDPOINT_URL_{service.upper()}={url}\n")

        node.write("/etc/tinyproxy.conf", PROXY + (f"BasicAuth {USER} {PASSWORD}\n" if login else ""))
        node.write("/etc/systemd/system/tinyproxy.service", PROXY_UNIT)
        node.link("/etc/systemd/system/multi-user.target.wants/tinyproxy.service", "../tinyproxy.service")

        # kubelet gets its token, for which the credentials of the role are asked for.
        node.write("/etc/systemd/system/kubelet.service.d/50-exec.conf", "[Service]\nEnvironment=STAND_IN_EXEC=1\n")
        node.write(TOML, settings)

        for path, text in files:
            node.write(path, text)
            (node.root / path.lstrip("/")).chmod(mode)

        node.user_data(NODE_CONFIG.format(name="my-cluster") + user_data)
        node.boot()

        return node

    def environ(self, node, unit) -> dict:
        pid = node.show(unit, "MainPID")["MainPID"]
        text = node.file(f"/proc/{pid}/environ").read_text()
        return dict(item.split("=", 1) for item in text.split("\0") if item)

    def came_through(self, node) -> str:
        return node.file(LOG).read_text()

    def ask(self, node, unit, url):
        """As a program does that has the environment of this unit."""
        variables = [f"{name}={value}" for name, value in self.environ(node, unit).items() if "proxy" in name.lower()]
        node.call("env", *variables, "python3", "-c", f"import urllib.request; urllib.request.urlopen('{url}', timeout=5)")

    def assertThrough(self, node):
        """The calls to EKS and ECR and the pull came through the proxy, and nothing that must not, as what the token needs."""
        for name in API, "far.example":
            self.ask(node, "kubelet.service", f"https://{name}/")
        log = self.came_through(node)

        for request in ("GET http://eks.aws.example/clusters/my-cluster ", "POST http://ecr.aws.example/ ", f"CONNECT {self.HOST}:443 "):
            self.assertIn(request, log)
        self.assertNotIn("169.254.", log.replace("opensock: opening connection to 169.254.169.254", "")
                         .replace("[169.254.169.254]", "").replace("169.254.169.254:80", ""))
        self.assertIn("CONNECT far.example:443 ", log)

        for direct in "/latest/", API:
            self.assertNotIn(direct, log)
        if not support.IMAGE.real_kubelet:
            self.assertTrue(node.kubelet()["credential"]["token"].startswith("k8s-aws-v1."))

    def assertHidden(self, node, secret):
        reported = {"journal": node.output("journalctl", "--boot", "--all", "--output=verbose"),
                "console": node.console.read_text(errors="replace"),
                "units": node.output("systemctl", "show", "*"), "manager": node.output("systemctl", "show-environment"),
                "status": node.output("eksnode", "status"), "plan": node.output("eksnode", "plan"),
                "explain": node.output("eksnode", "explain", "proxy.https"),
                "arguments": node.output("ps", "-eww", "-o", "args")}
        for where, text in reported.items():
            self.assertNotIn(secret, text, where)

        for folder in "/run", "/etc", "/var/lib/eks", "/var/lib/kubelet":
            for path in node.call("grep", "--recursive", "--files-with-matches", "--devices=skip", "--no-messages",
                                  "--fixed-strings", secret, folder).stdout.splitlines():
                mode = node.file(path).stat().st_mode
                self.assertFalse(stat.S_IMODE(mode) & stat.S_IROTH and path not in ("/etc/tinyproxy.conf", TOML), path)

    def test_daemons_and_our_own_calls_use_it_and_what_is_near_does_not(self):
        node = self.proxied(f'[proxy]\nhttp = "{URL}"\nhttps = "{URL}"\nnoProxy = [".corp.example", "192.0.2.0/24"]\n')
        self.assertActive(node, "eks-node.target", UNIT, self.UNIT, "eks-cluster.service")
        self.assertThrough(node)

        for unit in "containerd.service", "kubelet.service":
            environ = self.environ(node, unit)
            self.assertEqual({name: environ[name] for name in TO_PROXY}, dict.fromkeys(TO_PROXY, URL))
            self.assertEqual(environ["NO_PROXY"], environ["no_proxy"])

            near = environ["NO_PROXY"].split(",")
            vpc = json.loads(node.file("/run/eks/imds.json").read_text())["interfaces"][0]["vpcIpv4Cidrs"]
            self.assertTrue(vpc)

            for item in ["localhost", "127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "169.254.170.23", "169.254.169.123",
                         "169.254.169.253", *vpc, "10.96.0.0/16", API, ".internal", ".svc", ".cluster.local", ".corp.example",
                         "192.0.2.0/24"]:
                self.assertIn(item, near)

        # What containerd makes of it: the same registry under other names, and at addresses of the VPC and of the cluster.
        node.write("/login", "AWS:pa55phrase")
        node.file("/login").chmod(0o600)

        near = ["near.corp.internal", "near.corp.example", "172.16.200.7", "10.96.0.77"]
        for name in "far.example", *near:
            if name[0].isdigit():
                node.output("ip", "address", "add", f"{name}/32", "dev", "lo")
            node.write(f"/etc/containerd/certs.d/{name}/hosts.toml", f'[host."https://{name}"]\nskip_verify = true\n')
            node.output("eksnode", "images", "pull", "--login=/login", f"{name}/eks/pause:3.10")

        log = self.came_through(node)
        self.assertIn("CONNECT far.example:443 ", log)

        for name in near:
            self.assertNotIn(name, log)
        self.assertNotIn("HTTPS_PROXY", self.environ(node, "systemd-journald.service"))
        self.assertEqual(node.output("eksnode", "apply"), "nothing to do: the node has this configuration\n")

        # Another API server, which is not in the VPC, and then no proxy at all.
        node.file("/etc/hosts").write_text(node.file("/etc/hosts").read_text() + "203.0.113.7 public.example\n")
        node.write(TOML, node.file(TOML).read_text() + '[cluster]\napiServerEndpoint = "https://public.example"\n')
        node.output("eksnode", "apply", timeout=120)
        self.assertNotIn("example.com", self.environ(node, "kubelet.service")["NO_PROXY"])
        self.assertNotIn("public.example", self.environ(node, "kubelet.service")["NO_PROXY"])

        node.write(TOML, "")
        node.output("eksnode", "apply", timeout=120)

        for unit in "containerd.service", "kubelet.service":
            self.assertEqual([name for name in self.environ(node, unit) if "proxy" in name.lower()], [])
        for path in "/run/eks/private-api-server", "/run/eks/environment/kubelet", f"/run/eks/environment/{self.UNIT}":
            self.assertFalse(node.file(path).exists(), path)

    def test_its_login_comes_from_a_file_and_is_seen_nowhere(self):
        node = self.proxied(f'[proxy]\nhttp = "{URL}"\nhttps = "{URL}"\ncredentialsFile = "/etc/eks/proxy-login"\n', login=True,
                            files=[("/etc/eks/proxy-login", f"{USER}:{PASSWORD}\n")])
        self.assertActive(node, "eks-node.target", UNIT, self.UNIT, "eks-cluster.service")
        self.assertThrough(node)
        self.assertIn(f"{USER}:{PASSWORD}@127", self.environ(node, "containerd.service")["HTTPS_PROXY"])

        for secret in PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            self.assertHidden(node, secret)

    def test_its_login_may_be_a_credential_or_in_the_url(self):
        url = URL.replace("127", f"{USER}:hush%2D4c%2E7e@127")
        for name, settings, files in (
                ("credential", f'[proxy]\nhttp = "{URL}"\nhttps = "{URL}"\ncredentialsFile = "site.proxy"\n',
                 [("/srv/site.proxy", f"{USER}:{PASSWORD}")] + [
                     (f"/etc/systemd/system/{unit}.d/login.conf", "[Service]\nLoadCredential=site.proxy:/srv/site.proxy\n")
                     for unit in (UNIT, "eks-cluster.service")]),
                ("URL", f'[proxy]\nhttp = "{url}"\nhttps = "{url}"\n', [])):
            with self.subTest(name):
                node = self.proxied(settings, login=True, files=files)
                self.assertActive(node, "eks-node.target", UNIT)
                self.assertThrough(node)
                self.assertHidden(node, PASSWORD)
                self.assertHidden(node, "hush%2D4c")

    def test_a_login_that_is_wrong_or_that_others_may_read(self):
        settings = f'[proxy]\nhttp = "{URL}"\nhttps = "{URL}"\ncredentialsFile = "/etc/eks/proxy-login"\n'
        for password, mode, scheme, failure, reported in (
                ("wrong-hush", 0o600, "http", "aws-refused", "http://eks.aws.example"),
                ("wrong-hush", 0o600, "https", "endpoint-unusable", "the proxy refuses it with status 40"),
                (PASSWORD, 0o644, "http", "config-invalid", "'/etc/eks/proxy-login' may be read by others than root")):
            with self.subTest(failure):
                node = self.proxied(settings, login=True, files=[("/etc/eks/proxy-login", f"{USER}:{password}\n")], mode=mode,
                                    scheme=scheme)
                record = self.failure(node, "eks-cluster.service")
                self.assertEqual(record["EKS_FAILURE"], failure)
                self.assertIn(reported, record["MESSAGE"])
                self.assertKubeletDown(node)
                self.assertNotIn(password, node.output("journalctl", "--boot", "--all", "--output=verbose"))

    def test_the_variables_of_all_services_are_our_proxy_too(self):
        """NO_PROXY is computed for our own calls, unless it is given. The names of the APIs end in .internal."""
        variables = f"http_proxy: '{URL}', HTTPS_PROXY: '{URL}'"
        settings = "  instance:\n    environment:\n      default: {%s}\n"
        node = self.proxied("", user_data=settings % variables, domain="aws.internal")
        self.assertActive(node, "eks-node.target", UNIT, self.UNIT, "eks-cluster.service")

        log = self.came_through(node)
        self.assertIn(f"CONNECT {self.HOST}:443 ", log)  # containerd has the proxy, and no NO_PROXY
        self.assertNotIn("aws.internal", log)

        for unit in "containerd.service", "kubelet.service":
            environ = self.environ(node, unit)
            self.assertEqual({name: value for name, value in environ.items() if "proxy" in name.lower()},
                             {"http_proxy": URL, "HTTPS_PROXY": URL})

        self.assertEqual(node.output("eksnode", "apply"), "nothing to do: the node has this configuration\n")

        # An admin's stands.
        image = f"{self.HOST}/eks/pause:3.10"
        node.output("systemctl", "set-environment", "NO_PROXY=169.254.169.254")
        node.output("ctr", "-n", "k8s.io", "images", "remove", "--sync", image)
        node.systemctl("restart", self.UNIT)
        login = "POST http://ecr.aws.internal/ "
        logins = self.came_through(node).count(login)
        self.assertGreater(logins, 0)

        node.output("systemctl", "unset-environment", "NO_PROXY")

        node.user_data(NODE_CONFIG.format(name="my-cluster") + settings % f"{variables}, NO_PROXY: '169.254.169.254,{API}'")
        node.output("eksnode", "apply", "--fetch", timeout=120)
        self.assertFalse(node.file(f"/run/eks/environment/{self.UNIT}").exists())

        node.output("ctr", "-n", "k8s.io", "images", "remove", "--sync", image)
        for unit in "eks-cluster.service", self.UNIT:
            node.systemctl("restart", unit)
        self.assertActive(node, "eks-node.target", self.UNIT)

        log = self.came_through(node)
        self.assertIn("GET http://eks.aws.internal/clusters/my-cluster ", log)
        self.assertGreater(log.count(login), logins)
