# SPDX-License-Identifier: Apache-2.0
"""The sandbox image, registries and mirrors."""

import base64
import json
import re
import shutil
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from node import Node, pause_archive, run
from support import ImageTest, on_each_containerd

TLS_FRONT_UNIT = """\
[Unit]
After=fake-aws.service
Before=containerd.service

[Service]
Type=notify
ExecStart=/usr/bin/python3 -I /usr/local/lib/tls-front /etc/tls-front/not-yet.pem 3 /etc/tls-front/valid.pem /run/tls-front.log
"""


def self_signed(pem, begins):
    """A certificate for localhost that is valid for 30 days from then on, and its key."""
    days = [f"{day:%Y%m%d%H%M%SZ}" for day in (begins, begins + timedelta(days=30))]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config").write_text(
            f"[ca]\ndefault_ca = ca\n[ca]\ndatabase = {folder}/index\nnew_certs_dir = {folder}\nrand_serial = yes\n"
            "default_md = sha256\npolicy = policy\nx509_extensions = names\n[policy]\ncommonName = supplied\n"
            "[names]\nsubjectAltName = DNS:localhost\n")
        Path(folder, "index").touch()
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=localhost", "-keyout", f"{folder}/key", "-out", f"{folder}/request", capture_output=True)
        run("openssl", "ca", "-batch", "-notext", "-selfsign", "-config", f"{folder}/config", "-keyfile", f"{folder}/key", "-in",
            f"{folder}/request", "-startdate", days[0], "-enddate", days[1], "-out", f"{folder}/crt", capture_output=True)
        pem.write_text(Path(folder, "crt").read_text() + Path(folder, "key").read_text())


@on_each_containerd
class Pulls(ImageTest):
    """What each containerd answers in its own words."""

    def test_without_an_archive_the_image_comes_from_ecr(self):
        node = self.ecr_node()
        self.assertActive(node, "eks-node.target", self.UNIT, "kubelet.service")
        self.assertRegex(node.output("containerd", "config", "dump"),
                         rf"""sandbox(_image)? = ["']{re.escape(self.PAUSE)}["']""")
        self.assertEqual(self.images(node)[self.PAUSE], "yes")
        self.assertIn("pulled and pinned", node.show(self.UNIT, "StatusText")["StatusText"])

        journal = json.dumps(node.journal())
        for secret in ("pa55phrase", base64.b64encode(b"AWS:pa55phrase").decode(), "wJalrXUtnFEMI"):
            self.assertNotIn(secret, journal)

        # There and pinned: nothing is asked of anybody.
        before = node.file("/run/fake-aws.log").read_text()
        node.systemctl("stop", "registry.service")
        node.systemctl("restart", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.PAUSE} present and pinned")
        self.assertEqual(node.file("/run/fake-aws.log").read_text(), before)

        # It vanishes: the next run brings it back.
        node.systemctl("start", "registry.service")
        node.output("ctr", "-n", "k8s.io", "images", "remove", self.PAUSE)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(self.images(node)[self.PAUSE], "yes")
        self.assertCalm(node)

    def test_wrong_credentials_end_it_early(self):
        node = self.ecr_node(password="wrong")
        record = self.failure(node, self.UNIT)
        self.assertEqual(record["EKS_FAILURE"], "image-refused")
        self.assertIn("instance's role", record["EKS_REMEDY"])
        self.assertActive(node, "kubelet.service")  # it only wants the image

    def test_an_image_that_does_not_exist_ends_it_at_once(self):
        node = self.ecr_node("eks/other:1")
        self.assertEqual(self.failure(node, self.UNIT)["EKS_FAILURE"], "image-absent")


class Images(ImageTest):
    def test_an_archive_brings_a_vanished_image_back_without_a_network(self):
        node = self.booted()
        name = "localhost/kubernetes/pause:latest"
        self.assertEqual(self.images(node)[name], "yes")
        node.output("ctr", "-n", "k8s.io", "images", "remove", name)
        node.systemctl("restart", self.UNIT)
        self.assertEqual(self.images(node)[name], "yes")

    def test_an_archive_comes_before_the_registry_of_its_image(self):
        node = self.node()
        (node.root / "etc/eks/pause.tar").write_bytes(pause_archive(self.PAUSE))
        node.write("etc/eks/containerd.d/pause.toml",
                   f'[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "{self.PAUSE}"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertEqual(node.show(self.UNIT, "StatusText")["StatusText"], f"{self.PAUSE} imported and pinned")
        self.assertEqual(self.images(node)[self.PAUSE], "yes")

        self.stand_in_only("1.35 has no such flag")
        self.assertEqual(node.kubelet()["flags"]["pod-infra-container-image"], self.PAUSE)

    def test_a_certificate_that_is_not_valid_yet_is_asked_for_again(self):
        """As where the clock is behind until it is synchronised. All else that verification finds wrong ends the step at once."""
        def prepare(node):
            folder = node.root / "etc/tls-front"
            folder.mkdir()

            for name, days in ("not-yet", 365), ("valid", -1):
                self_signed(folder / f"{name}.pem", datetime.now(timezone.utc) + timedelta(days=days))

            with open(node.root / "etc/ssl/certs/ca-certificates.crt", "a") as trusted:
                trusted.writelines(re.sub("-----BEGIN PRIVATE.*", "", (folder / f"{name}.pem").read_text(), flags=re.DOTALL)
                                   for name in ("not-yet", "valid"))

            shutil.copy(Path(__file__).with_name("tls-front"), node.root / "usr/local/lib/tls-front")
            node.write("etc/systemd/system/tls-front.service", TLS_FRONT_UNIT)
            node.link("etc/systemd/system/multi-user.target.wants/tls-front.service", "../tls-front.service")
            node.write(f"etc/systemd/system/{self.UNIT}.d/zz-tls.conf",
                       "[Service]\nEnvironment=AWS_ENDPOINT_URL_ECR=https://localhost:8443\n")

        node = self.ecr_node(prepare=prepare)
        self.assertActive(node, "eks-node.target", self.UNIT)
        self.assertEqual(node.file("/run/tls-front.log").read_text().splitlines(), [*["failed"] * 3, "done"])
        self.assertEqual(self.images(node)[self.PAUSE], "yes")

    def test_a_registry_that_is_down_ends_it_at_the_deadline(self):
        node = self.ecr_node(registry=False, timeout=4)
        record = self.failure(node, self.UNIT)
        self.assertEqual((record["EKS_FAILURE"], record["EKS_EXIT_STATUS"]), ("image-pull", "69"))
        self.assertIn("could not be pulled in 4 s", record["MESSAGE"])
        self.assertActive(node, "kubelet.service")

    def test_images_are_pulled_pinned_and_cached_by_hand(self):
        node = self.node()
        node.registry("127.0.0.1:5000", "team/app:1", login="user:pa55phrase")
        node.write("login", "user:pa55phrase")
        node.write("open", "user:pa55phrase")
        (node.root / "login").chmod(0o600)
        node.boot()
        name = "localhost:5000/team/app:1"
        refused = node.call("eksnode", "images", "pull", name)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("The registry wants a login", refused.stderr)
        self.assertEqual(node.call("eksnode", "images", "pull", "--login=/open", name).returncode, 78)
        self.assertEqual(node.call("eksnode", "images", "pin", name).returncode, 1)
        self.assertEqual(node.output("eksnode", "images", "pull", "--login=/login", name), name + "\n")
        self.assertEqual(self.images(node)[name], "no")

        node.output("eksnode", "images", "pin", name)
        self.assertEqual(self.images(node)[name], "yes")

    def test_an_image_comes_through_a_mirror(self):
        node = self.node()
        node.registry("127.0.0.1:5000", "team/app:1")
        node.write("etc/eks/token", "X-Token: top-secret\n")
        (node.root / "etc/eks/token").chmod(0o600)
        file = "/etc/containerd/certs.d/registry.example/hosts.toml"
        node.write("etc/eks/node.toml", '[registry.mirrors."registry.example"]\nendpoints = ["http://127.0.0.1:5000"]\n'
                   'insecure = true\nheadersFile = "/etc/eks/token"\n')
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-registry-mirrors.service", "kubelet.service")
        self.assertEqual(node.output("stat", "-c%a", file), "600\n")

        name = "registry.example/team/app:1"
        self.assertEqual(node.output("eksnode", "images", "pull", "--pin", name), name + "\n")
        self.assertEqual(self.images(node)[name], "yes")
        self.assertNotIn("top-secret", json.dumps(node.journal()))

        # It goes away, and with it the directory that would keep the registry from the mirrors of _default.
        (node.file("/etc/eks/node.toml")).write_text("")
        containerd = node.show("containerd.service", "MainPID")
        node.systemctl("reload", "eks-config")
        node.systemctl("restart", "eks-registry-mirrors")
        self.assertFalse(node.file(file).parent.exists())
        self.assertEqual(node.show("containerd.service", "MainPID"), containerd)

    def test_a_mirror_sees_our_certificate_and_header_and_we_its(self):
        node = self.node()
        node.registry("127.0.0.1:443", "team/app:1", host="mirror.example", login="user:pa55phrase", mutual=True)
        node.write("etc/eks/token", "Authorization: Basic " + base64.b64encode(b"user:pa55phrase").decode())
        (node.root / "etc/eks/token").chmod(0o600)
        settings = ('[registry.mirrors."registry.example"]\nendpoints = ["https://Mirror.example/"]\n'
                    'ca = "/etc/registry/authority.crt"\nclientCertificate = "/etc/registry/client.crt"\n'
                    'clientKey = "/etc/registry/client.key"\nheadersFile = "/etc/eks/token"\n')
        node.write("etc/eks/node.toml", settings)
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-registry-mirrors.service")

        name = "registry.example/team/app:1"
        self.assertEqual(node.output("eksnode", "images", "pull", name), name + "\n")

        without_key = node.call("python3", "-c", "import ssl, urllib.request\nurllib.request.urlopen('https://mirror.example'"
                             ", context=ssl.create_default_context(cafile='/etc/registry/authority.crt'))")
        self.assertRegex(without_key.stderr, "certificate.required|bad.certificate")

        # Where the mirror stands for the registry too, that one is asked in the same way: a mirror that only takes
        # pushes is not asked for images at all.
        node.file("/etc/eks/node.toml").write_text(
            settings + 'capabilities = ["push"]\nserver = "https://mirror.example"\n')
        node.systemctl("reload", "eks-config")
        node.systemctl("restart", "eks-registry-mirrors")
        self.assertEqual(node.output("eksnode", "images", "pull", name), name + "\n")

        node.file("/etc/eks/token").write_text("Authorization: Basic d3Jvbmc6d3Jvbmc=\n")
        node.systemctl("restart", "eks-registry-mirrors")
        refused = node.call("eksnode", "images", "pull", name)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("refused to give", refused.stderr)

    def test_without_mirrors_their_step_is_skipped(self):
        node = self.booted()
        self.assertEqual(node.show("eks-registry-mirrors.service", "ConditionResult")["ConditionResult"], "no")


class CachedImages(ImageTest):
    CONTAINERD = "2"  # as on the images that are built today

    def test_images_are_cached_under_the_names_of_every_region(self):
        node = self.ecr_node(*self.CACHED)
        node.file("/srv/aws/faults.json").write_text(json.dumps(
            [{"path": "/addons/supported-versions", "body": json.dumps(self.ADDONS)}, *json.loads(
                node.file("/srv/aws/faults.json").read_text())]))
        command = ["env", "AWS_ENDPOINT_URL=http://169.254.169.254", "eksnode", "images", "cache"]
        listed = node.output(*command, "--kubernetes-version=1.34", "--dry-run")
        self.assertEqual(list(self.images(node)).count(self.PAUSE), 1)

        cached = node.output(*command, "--kubernetes-version=1.34", timeout=180)
        self.assertEqual(cached, listed.replace("cni-init:v1.21.1-eksbuild.3", "cni-init:v1.21.1-eksbuild.2"))
        self.assertEqual(node.output(*command, "--kubernetes-version=1.34", timeout=180), cached)  # replaces nothing by nothing
        self.assertEqual([line for line in cached.splitlines() if "\t" not in line],
                         [f"{self.HOST}/{path}" for path in self.CACHED])

        images = self.images(node)
        names = {line.split("\t")[0] for line in cached.splitlines()}

        for path in self.CACHED:
            self.assertIn(f"602401143452.dkr.ecr-fips.us-east-1.amazonaws.com/{path}", names)
            self.assertIn(f"590381155156.dkr.ecr.eu-south-1.amazonaws.com/{path}", names)

        self.assertIn(f"{self.HOST}/amazon-k8s-cni:v1.20.4", names)
        self.assertEqual({images.get(name) for name in names}, {"yes"})

        none = node.call(*command, "--kubernetes-version=1.99")
        self.assertEqual(none.returncode, 1, none)
        self.assertIn("no version of the add-on 'kube-proxy' for Kubernetes 1.99", none.stderr)
