# SPDX-License-Identifier: Apache-2.0
"""What the suite must not do to others, and what others must not learn from it."""

import base64
import hashlib
import io
import json
import stat
import tarfile

import support
from escape import ESCAPES, FILE, EscapeTest
from support import BootTest, RENDERED
from node import TESTS, node_config, packages_listed


CONFINED_LESS = "a60cb806c3f64c6aa732c62b1e861db5"


def status_of(node, unit, pid=None) -> dict:
    """/proc/PID/status of the process that a unit runs now."""
    pid = pid or node.wait_for(lambda: int(node.show(unit, "MainPID")["MainPID"]), f"{unit} to run")
    lines = node.file(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


class Confinement(BootTest):
    def test_a_waiting_step_has_no_capability_and_a_filter(self):
        node = self.node()
        node.write("srv/aws/faults.json", json.dumps([{"path": "/latest/api/token", "hang": True}]))
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and node.call("systemctl", "is-active", "eks-imds").stdout == "activating\n",
                      "eks-imds to wait")
        filters = int(status_of(node, "init.scope", 1)["Seccomp_filters"])  # those of the container
        status = node.wait_for(lambda: (s := status_of(node, "eks-imds.service")) and
                               int(s["Seccomp_filters"]) == filters + 1 and s, "a filter of its own")

        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], "1")

    def drive_the_manager_without_capabilities(self, version, *packages, bus):
        """A step sets the manager's environment, and another restarts what a script has changed: over D-Bus if it is there,
        else by the manager's own socket."""
        node = self.node([package.root for what in ([*packages, "--list-bus"] if bus else packages)
                          for package in packages_listed(support.IMAGE.cache, what)])
        with open(node.root / "etc/passwd", "a") as users:
            users.write("messagebus:x:101:101::/nonexistent:/usr/sbin/nologin\n")
        node.write("etc/systemd/system/cloud-final.service",
                   "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'until test -e /run/go; do sleep .1; done'\n")
        node.link("etc/systemd/system/multi-user.target.wants/cloud-final.service", "../cloud-final.service")
        node.user_data("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
                       "Content-Type: application/node.eks.aws\n\n" +
                       node_config(node.image.ca, "  instance: {environment: {default: {OF_A_STEP: 'yes'}}}\n") +
                       "\n--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ntrue\n--b--\n")
        node.boot(wait=False)
        node.wait_for(lambda: node.leader() and node.call("systemctl", "is-active", "eks-user-scripts").stdout ==
                      "activating\n", "eks-user-scripts to wait")
        node.wait_for(lambda: not any(int(status_of(node, "eks-user-scripts.service")[c], 16)
                                      for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), "no capability")
        node.write("etc/eks/node.d/50-script.toml", '[kubelet]\nflags = ["--node-labels=of-a-script=yes"]\n')
        node.output("touch", "/run/go")
        node.wait_until_booted()
        self.assertActive(node, "eks-user-scripts.service", "eks-node.target")
        self.assertEqual(node.kubelet()["flags"]["node-labels"].get("of-a-script"), "yes")
        self.assertIn("OF_A_STEP=yes", node.output("systemctl", "show-environment").splitlines())
        self.assertRegex(node.output("systemctl", "--version"), rf"^systemd {version}\b")
        self.assertEqual(node.file("/run/dbus/system_bus_socket").exists(), bus)

        if bus:
            self.assertActive(node, "dbus.service")
        self.ask_in_the_sandbox_of_each_step(node)

    def ask_in_the_sandbox_of_each_step(self, node):
        """Every step that drives the manager may do so, whatever its unit takes from it: a program in its place starts a unit."""
        node.write("etc/systemd/system/witness@.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
        steps = [block.split(":")[0] for block in (TESTS / "golden/chain.txt").read_text().split("\n\n")
                 if "asks the manager" in " ".join(block.split())]
        self.assertGreater(len(steps), 8)

        for step in steps:
            node.write(f"etc/systemd/system/{step}.service.d/ask.conf",
                       "[Unit]\nConditionPathExists=\nAssertPathExists=\nConditionVirtualization=\n"
                       f"[Service]\nExecStart=\nExecStart=/usr/bin/systemctl start --no-block witness@{step}.service\n")

        node.output("systemctl", "daemon-reload")
        for step in steps:
            with self.subTest(step=step):
                node.output("systemctl", "restart", "--job-mode=ignore-dependencies", f"{step}.service")
                node.wait_for_unit(f"witness@{step}.service", timeout=10)

    def test_the_manager_asks_for_no_capability(self):
        for version, packages in (252, []), (257, ["--list-systemd"]):
            for bus in False, True:
                with self.subTest(systemd=version, bus=bus):
                    self.drive_the_manager_without_capabilities(version, *packages, bus=bus)


class Escapes(EscapeTest):
    # The directory where it may make files, and what it may do. Whose programs map code; nobody runs what it writes, but its
    # programs could.
    STEPS = {"eks-ca": ("/etc/kubernetes/pki", set()), "eks-config": ("/run/eks", {"map-written"}),
             "eks-containerd-config": ("/etc/containerd", set()), "eks-credential-provider": ("/etc/eks", set()),
             "eks-environment": ("/run/eks", {"map-written"}), "eks-imds": ("/run/eks", set()),
             "eks-kubeconfig": ("/var/lib/kubelet", set()), "eks-kubelet-args": ("/etc/eks", set()),
             "eks-kubelet-config": ("/etc/kubernetes", set()), "eks-shutdown": ("/run/systemd/logind.conf.d", set())}
    # These are no steps of the chain, and have their sandbox from systemd: the directory, and a file that it may read.
    BESIDE = {"eks-join": ("/run/eks", "/etc/machine-id"), "eks-retry": ("/run/eks/done/eks-retry", "")}

    def test_a_step_cannot_get_out(self):
        node = self.node()
        self.prepare_escapes(node, *self.STEPS, *self.BESIDE, "control")
        node.write("etc/systemd/system/eks-join.service.d/soon.conf", "[Service]\nEnvironment=EKS_JOIN_TIMEOUT=1\n")
        node.user_data(node_config(node.image.ca, "  kubelet: {config: {shutdownGracePeriod: 5m}}\n"
                                                  "  instance: {environment: {default: {A: b}}}\n"))
        node.write("etc/systemd/system/control.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
        node.boot()
        self.assertActive(node, "eks-node.target", *(f"{step}.service" for step in self.STEPS))

        self.arm(node)
        for step, (own, allowed) in self.STEPS.items():
            with self.subTest(step=step):
                self.own_directory(node, own)
                node.output("systemctl", "reload", step)
                self.assertConfined(node, step, allowed)

        for unit, (own, readable) in self.BESIDE.items():
            with self.subTest(unit=unit):
                self.own_directory(node, own, readable)
                node.output("systemctl", "restart", unit)
                node.wait_for(lambda unit=unit: len(self.results(node, "--identifier", unit)) == len(ESCAPES), f"the end of {unit}")
                self.assertConfined(node, unit)

        self.assertEqual((node.file(FILE).stat().st_mode & 0o7777, node.file(FILE).read_text()), (0o644, "content"))

        # A service that is not confined does all of it.
        node.output("systemctl", "start", "control")
        self.assertEqual(self.results(node, "--unit", "control"), dict.fromkeys(ESCAPES, "allowed"))
        self.assertEqual(node.file(FILE).stat().st_mode & 0o4000, 0)  # chown has taken it again


class Permissions(BootTest):
    def test_the_permissions_of_rendered_files_are_repaired(self):
        node = self.booted()
        path = "/etc/kubernetes/pki/ca.crt"
        node.output("chmod", "666", path, "/etc/kubernetes/kubelet/config.json")
        node.output("chown", "1000:1000", "/var/lib/kubelet/kubeconfig")
        node.reboot()
        self.assertActive(node, "eks-node.target")

        for file in RENDERED:
            status = node.file(file).stat()
            self.assertEqual((status.st_mode & 0o022, status.st_uid), (0, 0), file)

        record = next(r for r in node.journal("--unit", "eks-ca") if r.get("EKS_PATH") == path)
        self.assertEqual((record["PRIORITY"], record["MESSAGE"]),
                         ("4", f"'{path}' had mode 0666: its permissions are repaired, proceeding"))


# Runs eksnode logs to a pipe: its memory in KiB, and the bundle in base64.
MEASURE = """
import base64, re, subprocess, sys
with subprocess.Popen(["eksnode", "logs", "--output", "-", *sys.argv[1:]], stdout=subprocess.PIPE) as logs:
    data, memory = b"", 0
    while piece := logs.stdout.read1():
        data += piece
        if found := re.search(r"VmHWM:\\s+(\\d+)", open(f"/proc/{logs.pid}/status").read()):
            memory = max(memory, int(found[1]))
print(memory, base64.b64encode(data).decode())
sys.exit(logs.returncode)
"""


class Secrets(BootTest):
    """Secrets in every input of a node, and then a look at all that it says and at every file that anybody can read."""

    MARK = "QXJZ7VKW"
    URL = f"https://user:{MARK}@mirror.example/"
    CONFIG = f"""\
[plugins."io.containerd.grpc.v1.cri".registry.configs."registry.example".auth]
username = "user"
password = "{MARK}"
"""

    def plant(self, node, mistake=""):
        profile = (node.root / "srv/aws/profile.json").read_text()
        for credential in ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "EXAMPLE-SESSION-TOKEN"):
            profile = profile.replace(credential, f"{self.MARK}{credential}")
        node.write("srv/aws/profile.json", profile)
        config = "".join(f"      {line}\n" for line in self.CONFIG.splitlines())
        node.user_data(node_config(node.image.ca, f"  containerd:\n    config: |\n{config}{mistake}"))
        node.write("etc/eks/mirror.headers", f"Authorization: Bearer {self.MARK}\n")
        node.write("etc/eks/credential-providers.d/50-site.json", json.dumps({
            "name": "site", "matchImages": ["registry.example"], "defaultCacheDuration": "1m",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "args": ["--token", self.MARK],
            "env": [{"name": "TOKEN", "value": self.MARK}]}))
        node.write("etc/eks/image-credential-provider/site", "#!/bin/sh\nexit 1\n")
        (node.root / "etc/eks/image-credential-provider/site").chmod(0o755)
        node.write("etc/eks/node.d/50-mirrors.toml", '[registry.mirrors."docker.io"]\nendpoints = ["https://mirror.example"]\n'
                   'headersFile = "/etc/eks/mirror.headers"\n')

        for planted in ("mirror.headers", "credential-providers.d/50-site.json"):
            (node.root / "etc/eks" / planted).chmod(0o600)

    def assertSecret(self, node):
        # The kernel's command line is the manager's own here, and everybody can read both.
        journal = [line for line in node.output("journalctl", "--boot", "--output=export", "--no-pager", "--all").splitlines()
                   if not line.startswith("_CMDLINE=")]
        for what, text in (("journal", "\n".join(journal)),
                           ("console", node.console.read_text(errors="replace")),
                           ("units", node.output("systemctl", "show", "*", "--all")),
                           ("manager", node.output("systemctl", "show")),
                           ("status", node.call("eksnode", "status").stdout)):
            self.assertNotIn(self.MARK, text, what)

        for top in ("etc", "run", "var/lib/eks", "var/lib/kubelet"):
            for path in node.file(top).rglob("*"):
                try:
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IROTH and status.st_size < 1 << 24:
                        self.assertNotIn(self.MARK.encode(), path.read_bytes(), f"{path}, mode {status.st_mode & 0o777:o}")
                except FileNotFoundError:
                    pass

    def test_a_node_that_works(self):
        node = self.node()
        self.plant(node)
        node.boot("eks.node=1", "eks.debug")
        self.assertActive(node, "eks-node.target", "eks-registry-mirrors.service")

        for path in ("/etc/containerd/config.toml", "/etc/eks/image-credential-provider/config.json",
                     "/etc/containerd/certs.d/docker.io/hosts.toml", "/run/eks/user-data"):
            self.assertIn(self.MARK, node.file(path).read_text(), f"{path} has lost what was planted")

        self.assertSecret(node)

        # Now in what others say too, for the support bundle.
        node.output("systemd-run", "--unit=planted", "--", "/usr/bin/python3", "-c", "import time; time.sleep(600)", "--password",
                    self.MARK)
        node.output("systemd-run", "--unit=planted-says", "--service-type=oneshot", "--", "/usr/bin/echo",
                    f"a-unit-says token={self.MARK}")
        node.output("journalctl", "--sync")

        with self.subTest("a bundle"):
            self.assertBundle(node)
        with self.subTest("the log collector of AL2"):
            self.assertOldCollector(node)
        with self.subTest("a full disk"):
            self.assertFullDisk(node)
        with self.subTest("daemons hang"):
            self.assertHungDaemons(node)

    def unpack(self, data) -> dict:
        """The texts of a bundle by name, none of which holds a secret."""
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            files = {m.name.removeprefix("./"): archive.extractfile(m).read().decode(errors="replace") for m in archive}
        for name, text in files.items():
            self.assertNotIn(self.MARK, text, name)
        return files

    def bundle(self, node, *arguments):
        """A bundle through a pipe, its problems, and the memory of the program itself, in KiB."""
        done = node.call("/usr/bin/python3", "-c", MEASURE, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        memory, data = done.stdout.split()
        files = self.unpack(base64.b64decode(data))
        return files, files.get("errors.txt", "").splitlines(), int(memory)

    def assertBundle(self, node):
        files, problems, memory = self.bundle(node, "--without", "ipamd/")
        self.assertLess(memory, 64 << 10)
        self.assertEqual([p for p in problems if not p.startswith(("kernel/", "modinfo/", "storage/", "networking/", "sysctls/"))], [])

        for name, kept in {
                "eksnode/status.txt": "● eks-node.target", "eksnode/diagnosis.txt": "kubelet", "eksnode/diagnosis.json": '"checks"', "eksnode/config.toml": "my-cluster", "eksnode/origins.txt": "cluster.name: user data",
                "eksnode/user-data.txt": f"SHA-256 {hashlib.sha256(node.file('/run/eks/user-data').read_bytes()).hexdigest()}",
                "eksnode/eks.log": "eks-ca", "kubelet/kubelet.log": "Started", "kubelet/config.json": "kubeReserved",
                "kubelet/kubelet_service.txt": "ExecStart=", "containerd/containerd-log.txt": "containerd",
                "containerd/config.toml": "username = '…'", "containerd/containerd-images.txt": "pause:latest",
                "containerd/containerd-config.txt": "sandbox_image", "containerd/certs.d/docker.io/hosts.toml": "mirror.example",
                "system/services.txt": "kubelet.service", "system/systemd-analyze.svg": "<svg", "system/ps.txt": "time.sleep(600) --password …",
                "var_log/journal.log": "a-unit-says token=", "index.html": 'src="system/systemd-analyze.svg"'}.items():
            self.assertIn(kept, files.get(name, "(absent)"), name)

    def assertOldCollector(self, node):
        path = node.output("/etc/eks/log-collector-script/eks-log-collector.sh", "--ignore_introspection=true",
                           "--ignore_metrics=true").strip()
        self.assertRegex(path, r"^/var/log/eks_i-1234567890abcdef0_\d{4}-\d\d-\d\d_\d{4}-UTC_[\w.]+\.tar\.gz$")
        self.assertEqual(node.file(path).stat().st_mode & 0o777, 0o600)
        self.assertFalse([name for name in self.unpack(node.file(path).read_bytes()) if name.startswith("ipamd/")])

    def assertFullDisk(self, node):
        node.output("mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", "/mnt")
        done = node.call("eksnode", "logs", "--output", "/mnt/a.tar.gz")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write '/mnt/a.tar.gz': No space left on device", done.stderr)
        self.assertIn("eksnode logs --output -", done.stderr)
        self.assertEqual(node.output("ls", "-A", "/mnt"), "")

        node.output("umount", "/mnt")

    def assertHungDaemons(self, node):
        units = ("containerd.service", "kubelet.service")
        node.output("systemctl", "kill", "--kill-whom=main", "--signal=SIGSTOP", *units)

        try:
            files, problems, _ = self.bundle(node, "--timeout", "2s")
        finally:
            node.output("systemctl", "kill", "--kill-whom=main", "--signal=SIGCONT", *units)

        self.assertTrue([p for p in problems if p.startswith("containerd/containerd-tasks.txt: `ctr") and "deadline" in p], problems)

        for name in "kubelet/kubelet.log", "containerd/containerd-log.txt", "index.html":
            self.assertIn(name, files)

    def test_a_node_that_fails(self):
        for mistake in (f"    unknown: [{self.MARK}\n", f"  kubelet:\n    config: {self.URL}\n",
                        f"  instance:\n    environment: {{default: {{TOKEN: [{self.MARK}]}}}}\n"):
            node = self.node()
            self.plant(node, mistake)
            node.boot("eks.node=1", "eks.debug", f"eks.cluster.apiServerEndpoint={self.URL}")
            self.assertKubeletDown(node)
            self.failure(node, "eks-config.service")
            self.assertSecret(node)


class OtherPeople(BootTest):
    def test_a_foreign_unit_whose_name_begins_with_eks_is_left_alone(self):
        node = self.node()
        node.write("etc/systemd/system/eks-foreign-agent.service",
                   "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
        node.write("etc/systemd/system/host-check.service",
                   "[Service]\nType=oneshot\nSuccessExitStatus=1\nExecStart=/usr/bin/eksnode host check\n")
        node.landlock = False  # nspawn's filter refuses it then
        node.boot("eks.node=1", "eks.debug")
        self.assertActive(node, "eks-node.target")

        # Without Landlock the steps work, and one of them says it once.
        notices = [r for r in node.journal("PRIORITY=5") if r.get("MESSAGE_ID") == CONFINED_LESS]
        self.assertEqual([r["EKS_STEP"] for r in notices], ["eks-config"])
        self.assertIn("Landlock", notices[0]["MESSAGE"])

        node.systemctl("reload", "eks-config")
        self.assertEqual(len(node.journal(f"MESSAGE_ID={CONFINED_LESS}")), 1)

        # As a child of the manager, which has the filter.
        node.output("systemctl", "start", "host-check")
        checked = "\n".join(r["MESSAGE"] for r in node.journal("--unit", "host-check"))
        self.assertRegex(checked, r"(?m)^warning +landlock ")

        foreign = node.show("eks-foreign-agent.service", "CapabilityBoundingSet", "DropInPaths", "Environment",
                            "NoNewPrivileges", "RuntimeDirectory")
        self.assertIn("cap_sys_admin", foreign.pop("CapabilityBoundingSet"))
        self.assertEqual(foreign, {"DropInPaths": "", "Environment": "", "NoNewPrivileges": "no", "RuntimeDirectory": ""})

        ours = node.show("eks-ca.service", "CapabilityBoundingSet", "Environment", "NoNewPrivileges")
        self.assertEqual(ours, {"CapabilityBoundingSet": "", "NoNewPrivileges": "yes",
                                "Environment": "EKS_UNIT=eks-ca.service EKS_LOG_LEVEL=debug"})


class Installation(BootTest):
    def test_an_installation_on_a_running_machine_changes_nothing_before_the_next_boot(self):
        node = self.booted("quiet")  # a container is no node by itself
        node.write("usr/lib/eks/node.enabled", "")  # as the hardware says it of an EC2 instance
        node.output("mkdir", "-p", "/run/eks")
        node.output("touch", "/run/eks/installed")
        node.output("systemctl", "daemon-reload")
        node.output("systemctl", "start", "containerd")
        self.assertEqual(node.show("containerd.service", "ActiveState")["ActiveState"], "active")
        self.assertEqual(self.starts(node, "eks-imds.service"), 0)
        self.assertNotIn("eks-", node.show("containerd.service", "Requires")["Requires"])

        node.reboot()
        self.assertActive(node, "eks-node.target")

        # On a node, what is removed and installed again finds the steps done.
        node.output("touch", "/run/eks/installed")
        node.output("systemctl", "daemon-reload")
        self.assertIn("eks-containerd-config.service", node.show("containerd.service", "Requires")["Requires"])
        self.assertActive(node, "eks-node.target")
