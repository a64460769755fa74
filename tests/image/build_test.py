# SPDX-License-Identifier: Apache-2.0
"""Packer itself works through the template, over ssh on loopback, with the stand-ins at the other end."""

import grp
import json
import os
import pwd
import shutil
import socket
import subprocess

from bucket import KEY_ID, SECRET, TOKEN
from fixture import ANSWERS, BUILD, FOLDER, MachineTest


class BuildTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.become("debian12")
        self.add_packages("debian12-x86_64", "eksnode_1-1_amd64.deb")
        self.output, self.key = self.directory / "output", self.directory / "key"
        self.output.mkdir()
        self.succeeds(self.run_program("ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", self.key))
        shutil.rmtree(self.work)

        # the variant cis looks at what every Debian has
        for path, text in {"passwd": "root:x:0:0:root:/root:/bin/bash\n", "group": "root:x:0:\n", "shadow": "root:!:19000::::::\n",
                           "pam.d/common-auth": "auth required pam_unix.so\n", "chrony/sources.d/eks.sources": ""}.items():
            self.put_file(f"etc/{path}", text)

        for path in "usr/lib/systemd/timesyncd.conf.d/80-eks.conf", "usr/lib/systemd/system/systemd-journald.service", "var/log/x":
            self.put_file(path)
        (self.root / "etc/shadow").chmod(0o640)
        os.chown(self.root / "etc/shadow", 0, grp.getgrnam("shadow").gr_gid)
        self.answer("dpkg-query", "printf 'installed %s\\n' apparmor sudo libpam-runtime libpam-modules; " + ANSWERS["dpkg-query"])

        self.start_sshd()

    def start_sshd(self):
        """One that knows this test's key only, and gives its sessions the environment of the stand-ins."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)

        environment = " ".join(f"{name}={self.variables[name]}" for name in ("IMAGE_ROOT", "PATH", "CNI_RELEASES", "GITHUB", "CHECKSUMS"))
        config = self.directory / "sshd_config"
        config.write_text(f"""ListenAddress 127.0.0.1:{self.port}
HostKey {self.key}
HostKeyAlgorithms +ssh-rsa
AuthorizedKeysFile {self.key}.pub
PubkeyAcceptedAlgorithms +ssh-rsa
PermitRootLogin prohibit-password
PidFile none
SetEnv {environment}
StrictModes no
UsePAM no
""")

        log = open(self.directory / "sshd.log", "w")
        self.addCleanup(log.close)
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)

    def build_image(self, environment=None, **variables):
        return self.make(
            "k8s", builder="null", os="debian12", ssh_host="127.0.0.1", ssh_port=self.port, ssh_private_key_file=self.key,
            ssh_username=pwd.getpwuid(os.geteuid()).pw_name, remote_folder=self.directory, working_dir=self.work,
            output_directory=self.output, ami_name="test", enable_ssm_agent="false", binary_endpoint=self.bucket.url,
            kernel="6.1", **BUILD, **variables, environment=environment)

    def assert_nothing_is_left(self):
        """Nothing of Packer and of the environment of the build is left on the machine."""
        self.assertFalse(self.work.exists())
        self.assertEqual([path.name for kind in ("script*", "varfile*") for path in self.directory.glob(kind)], [])
        for file in self.directory.rglob("*"):
            if file.is_file() and file.name != "sshd.log":
                self.assertNotIn(SECRET.encode(), file.read_bytes(), file)

    def test_a_build_makes_an_image_and_leaves_nothing_behind(self):
        self.bucket.private, self.bucket.token = True, TOKEN
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        self.write_variant("mine", "module sctp")
        self.answer("eksnode", ANSWERS["eksnode"] + '\n[ "$1" != validate-image ] || echo sudo >"$IMAGE_ROOT/var/log/sudo.log"')
        done = self.build_image(keys, variant="mine")
        text = self.succeeds(done) + done.stderr
        self.assertNotIn(SECRET, text)
        self.assertNotIn(TOKEN, text)

        tree = self.tree()
        self.assertEqual(tree["etc/eks/kubelet-version.txt"][1], b"Kubernetes v1.34.1\n")
        self.assertEqual(tree["etc/modules-load.d/eks-variants.conf"][1], b"sctp\n")
        self.assertIn(b"PermitRootLogin no\n", tree["etc/ssh/sshd_config.d/10-eks-variants.conf"][1])
        self.assertIn("opt/cni/bin/bridge", tree)
        self.assertNotIn("var/log/sudo.log", tree)

        info = json.loads((self.output / "test-version-info.json").read_text())
        self.assertEqual(info["build"]["variants"], "mine,cis")
        self.assertEqual(json.loads((self.output / "test.spdx.json").read_text())["name"], "test")

        for name in "manifest.json", "test-manifest.json":
            build = json.loads((self.output / name).read_text())["builds"][0]
            self.assertEqual(build["custom_data"], {"arch": "x86_64", "kubernetes_build_date": "2025-11-13", "kubernetes_version": "1.34.1",
                                                    "os": "debian12", "variants": "mine,cis"})

        self.assert_nothing_is_left()

    def test_a_working_directory_of_another_user_is_refused(self):
        self.work.mkdir(mode=0o777)
        os.chown(self.work, 65534, -1)
        done = self.build_image()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"remove '{self.work}' on this machine", done.stdout)  # Packer prints what the machine says there
        self.assertEqual(list(self.work.iterdir()), [])

    def test_a_build_that_fails_leaves_nothing_behind(self):
        self.bucket.put(f"{FOLDER}/kubelet.sha256", "0" * 64)
        self.bucket.private, self.bucket.token = True, TOKEN
        done = self.build_image(self.write_credentials())
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        self.assertIn("kubelet has the SHA-256", done.stdout + done.stderr)

        (self.directory / "credentials").unlink()
        self.assertEqual(list(self.output.iterdir()), [])
        self.assert_nothing_is_left()
