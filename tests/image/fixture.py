# SPDX-License-Identifier: Apache-2.0
"""What the tests of packer/ share: a copy of packer/ and its programs, a bucket, and directories that stand for machines, with
stand-ins for what changes a machine."""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
import unittest
from pathlib import Path

import jsonschema

from bucket import KEY_ID, REGION, SECRET, TOKEN, Bucket, sha256

SOURCE = Path(__file__).resolve().parents[2]
PACKER = SOURCE / "packer"
BUILD = {"kubernetes_version": "1.34.1", "kubernetes_build_date": "2025-11-13"}
FOLDER = "1.34.1/2025-11-13/bin/linux/amd64"  # of that build in the bucket

# A public key and its fingerprint.
ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}-----END PGP PUBLIC KEY BLOCK-----\n"
KEY = ARMOUR.format("""mDMEXgvhABYJKwYBBAHaRw8BAQdAixnQlGcYV6mJ3UlETgRHpZ0C3hKUMSy4ILpQ
mFYvmKy0D29uZUBleGFtcGxlLm9yZ4iQBBMWCAA4FiEE80olTlmCPmYz1arcDjiX
uuPVtA8FAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQDjiXuuPV
tA/6HQEA1gpDa9YPRmJdu4oXHyP4H92IYMGMCu61XdhjlIERuCkBAJ7cQkTutai3
tcg1uC5GiFP2c/uS29wOU7lYuYSPsVMB
=gFR8
""")
KEY_FINGERPRINT = "F34A254E59823E6633D5AADC0E3897BAE3D5B40F"

# What a machine answers to the commands that would change it or are not those of this machine. Each call is logged first.
ANSWERS = {
    "apt-cache": """case $1 in
        madison) printf ' %s | 1.6.20~ds1-1 | x\\n %s | 1.6.24~ds1-1 | x\\n' "$2" "$2" ;;
        pkgnames) printf 'linux-image-%s\\n' 6.1.0-9-cloud-amd64 6.1.0-28-cloud-amd64 6.1.0-28-amd64 6.12.9-cloud-amd64 ;;
        esac""",
    "apt-get": "",
    "apt-mark": "",
    "cache-pause-container": 'printf archive >"$4"',
    "chown": "",
    "ctr": "",
    "containerd": "echo containerd github.com/containerd/containerd 2.1.4 0123abcd",
    "dnf": """case "$*" in *none*) exit 1 ;;
        *--downloadonly*) for word; do case $word in --downloaddir=*) touch "${word#*=}/${@: -1}-1.noarch.rpm" ;; esac; done ;;
        *repoquery*kernel\\*) printf '%s\\n' 'kernel 6.1.9-1.amzn2023' 'kernel6.12 6.12.9-1.amzn2023' 'kernel6.12 6.12.40-63.amzn2023' \\
                'kernel6.12-devel 6.12.99-1.amzn2023' 'kernel-livepatch-6.1.9 1.0-1' 'kernel6.18 6.18.2-1.amzn2023' ;;
        *repoquery*nvidia*) printf '580.%s\\n' 65.06 105.08 95.05; echo 590.48.01 ;;
        *repoquery*cuda*) printf '%s\\n' 12.8.1 12.9.1 13.0.0 ;;
        *repoquery*neuronx*) printf '2.%s.0.0\\n' 9 21 22 ;;
        *repoquery*ssm*) printf '3.3.%s-1.amzn2023\\n' 987.0 2299.0 ;;
        *repoquery*soci*) echo 0.9.0-1.amzn2023 ;;
        *repoquery*) printf '%s-1.amzn2023\\n' 1.7.27 2.1.4 ;;
        esac""",
    "dpkg-query": """case "$*" in
        *linux-image-\\[a-z\\]*) printf '%s\\n' 'installed linux-image-cloud-amd64' 'config-files linux-image-amd64'; exit ;;
        *pkg:*) printf '%s\\t%s\\t%s\\tpkg:deb/debian/%s@%s?arch=amd64\\t-\\t-\\n' installed bash 5.2 bash 5.2 config-files old 1 old 1 \\
                installed eksnode-host 2 eksnode-host 2 installed g++ 1:2~3 g++ 1:2~3; exit ;;
        esac
        printf 'installed\\tbash\\t5.2.15-2\\ninstalled\\tcontainerd\\t1.6.20\\nconfig-files\\told\\t1\\n'""",
    "eksnode": """case $1 in versions) echo '{"containerd": "2.1.4"}' ;; esac""",
    "fips-mode-setup": "",
    "journalctl": "",
    "grubby": "case $1 in --default-kernel) echo /boot/vmlinuz-6.12.40-63.amzn2023.x86_64 ;; esac",
    "restorecon": "",
    "rpm": """case "$*" in
        *purl*|*pkg:*) printf '%s\\t%s\\tpkg:rpm/amzn/%s@%s?arch=%s\\t-\\t-\\t%s\\n' bash 5.2.15-1 bash 5.2.15-1 x86_64 'Amazon Linux' \\
                libstdc++ 11 libstdc++ 11 x86_64 'Amazon Linux' gpg-pubkey 1-2 gpg-pubkey 1-2 '(none)' '(none)' dkms-x 1-1 dkms-x 1-1 noarch NVIDIA ;;
        *--all*) printf 'bash\\t5.2.15-1.amzn2023\\nzlib\\t1.2\\n' ;;
        *--queryformat*kernel6.12) printf '%s\\n' 6.12.9-1.amzn2023.x86_64 6.12.40-63.amzn2023.x86_64 ;;
        *--checksig*) echo "$2: digests signatures OK" ;;
        *gnupg2-minimal*) exit 1 ;;
        esac""",
    "runc": "echo runc version 1.3.0",
    "selinuxenabled": "exit 1",
    "systemctl": "",
    "uname": "case $1 in -r) echo ${KERNEL:-6.12.40-63.amzn2023.x86_64} ;; *) echo x86_64 ;; esac",
    "unpigz": "",
    "update-grub": "",
}


def archive(files, mode=0o644):
    """A compressed archive of these names and texts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), mode
            tar.addfile(info, io.BytesIO(text.encode()))

    return buffer.getvalue()


def write_program(path, text, shell="/bin/sh"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shell}\n{text}\n")
    path.chmod(0o755)
    return path


class PackerTest(unittest.TestCase):
    """A copy of packer/ in a directory of the test."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="image-test.")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.packer = self.directory / "packer"
        shutil.copytree(PACKER, self.packer, ignore=shutil.ignore_patterns(".template"))

        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.directory),
                            "CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1", "FETCH_RETRIES": "0"}

    def run_program(self, *command, **variables):
        return subprocess.run([str(word) for word in command], env=self.environment | variables, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
                              cwd=self.packer)

    def make(self, *words, environment=None, **variables):
        return self.run_program("make", *words, *(f"{n}={v}" for n, v in variables.items()), **(environment or {}))

    def succeeds(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fails(self, done, *expected):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in expected:
            self.assertIn(text, done.stderr)

    def start_bucket(self):
        bucket = Bucket()
        self.addCleanup(bucket.server_close)
        self.addCleanup(bucket.shutdown)

        bucket.put_build("1.33.5", "2025-11-13", "amd64", "arm64")
        bucket.put_build("1.34.1", "2025-09-19", "amd64", "arm64")
        bucket.put_build("1.34.1", "2025-11-13", "amd64", "arm64")
        bucket.put_build("1.34.10", "2025-10-01", "amd64")
        bucket.put_build("1.34.10", "2025-12-02", "amd64")

        bucket.put("1.34.10/2025-12-02/bin/windows/amd64/kubelet.exe", "")
        bucket.put("1.34.10/2025-12-20/bin/windows/amd64/kubelet.exe", "")  # newer than all for Linux
        bucket.put("1.34.11/2025-12-20/bin/windows/amd64/kubelet.exe", "")
        bucket.put("1.34.10/manifest.json", "{}")
        bucket.put("containerd/containerd-1.7.rpm", "")
        bucket.put("cloudformation/x.yaml", "")

        return bucket

    def write_credentials(self, token=TOKEN):
        """A file of credentials, and the environment that names it."""
        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
                        + (f"aws_session_token = {token}\n" if token else ""))
        return {"AWS_SHARED_CREDENTIALS_FILE": str(file)}

    def write_variant(self, name, *lines):
        """The list of a variant."""
        (self.packer / f"variants/{name}.list").write_text("".join(f"{line}\n" for line in (f"summary {name}", *lines)))

    def add_packages(self, where="al2023-x86_64", name="eksnode-1-1.x86_64.rpm"):
        """The three packages of one version."""
        directory = self.directory / "build/packages" / where
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()

        others = re.sub(r"(?<=_)(amd64|arm64)(?=\.deb)|(?<=\.)(x86_64|aarch64)(?=\.rpm)", lambda found: "all" if found[1] else "noarch", name)

        for package in "eksnode-host", "eksnode-compat":
            (directory / re.sub("^eksnode(?=[-_][0-9])", package, others)).touch()

    def template_variables(self):
        """The declarations of the template's variables, by name."""
        text = (self.packer / "template/variables.pkr.hcl").read_text()
        return dict(re.findall(r'(?ms)^variable "(\w+)" \{\n(.*?)^\}$', text))

    def steps(self):
        """The provisioners in their order, but for the restart and the end."""
        text = (self.packer / "template/image.pkr.hcl").read_text()
        return re.findall(r'"([a-z-]+)"', text[text.index("before_restart"):text.index("working_dir")])

    def table(self, name):
        """The rows of a table of packer/."""
        return [line.split("\t") for line in (self.packer / name).read_text().splitlines() if not line.startswith("#")]

    def fake_packer(self, version="1.11.2", more=":"):
        """A Packer that says this version, writes down how it is called and runs `more`."""
        return write_program(self.directory / f"packer-{version}", f"""[ "$1" = version ] && echo "Packer v{version}" && exit
            printf "%s\\n" "$@" >>{self.directory}/calls
            {more}""")


class FrontEndTest(PackerTest):
    """The front end, with a bucket."""

    def setUp(self):
        super().setUp()
        self.bucket = self.start_bucket()

    def make(self, *words, environment=None, **variables):
        return super().make(*words, environment={"AWS_ENDPOINT_URL_S3": self.bucket.url, **(environment or {})}, **variables)

    def dry_run(self, *words, **variables):
        """What Packer would be called with: its variables, and the whole command."""
        text = self.succeeds(self.make("-n", *words, **variables))
        command = next(line for line in text.splitlines() if " build " in line)
        return dict(re.findall(r"-var '(\w+)=([^']*)'", command)), command

    def plan(self, **variables):
        return tomllib.loads(self.succeeds(self.make("plan", **variables)))

    def write_config(self, text):
        file = self.directory / "image.toml"
        file.write_text(text)
        return file


class MachineTest(PackerTest):
    """A directory that stands for a machine, and a bucket."""

    def setUp(self):
        super().setUp()
        self.root, self.work, self.commands = (self.directory / name for name in ("root", "work", "commands"))
        (self.root / "etc").mkdir(parents=True)
        (self.work / "packages").mkdir(parents=True)

        for name, text in ANSWERS.items():
            self.answer(name, text)
        self.put_file("usr/share/eks/sshd/50-eks-ciphers.conf", "Ciphers aes256-ctr\n")  # of eksnode-host

        self.bucket = self.start_bucket()
        self.releases = f"{self.bucket.url}/releases"
        self.bucket.put("releases/key.asc", KEY)

        for file in (self.packer / "variants").glob("*.list"):
            file.write_text(re.sub(r"(?m)^(repository (?:\S+ ){3}).*$", rf"\1{self.releases}/key.asc {KEY_FINGERPRINT}", file.read_text()))
        self.put_cni()
        self.put_release("kubernetes-sigs/cri-tools/releases/download/v1.34.0", "crictl-v1.34.0-linux-amd64.tar.gz",
                         "crictl-v1.34.0-linux-amd64.tar.gz.sha256", "crictl", sums="{sum}")

        self.variables = {
            "ARCH": "x86_64", "AWS_ENDPOINT_URL_S3": self.bucket.url, "AWS_REGION": REGION, "BINARY_BUCKET_NAME": "binaries",
            "BINARY_BUCKET_REGION": REGION, "CACHE_CONTAINER_IMAGES": "false",
            "CHECKSUMS": os.devnull,  # the releases of these tests are none of those that are pinned
            "CNI_PLUGIN_VERSION": "v1.6.2", "CNI_RELEASES": self.releases, "CONTAINERD_VERSION": "2.*", "CONTAINERD_VOLUME_SIZE": "0", "CRICTL_VERSION": "v1.34.0",
            "CUDA_VERSION": "12.9", "EFA_VERSION": "latest", "EKS_IMDS_ENDPOINT": self.bucket.url, "ENABLE_AUTHENTICATOR": "false",
            "ENABLE_AWS_CLI": "false", "ENABLE_CREDENTIAL_PROVIDER": "true", "ENABLE_KONTAIN_SHIM": "false", "ENABLE_SSM_AGENT": "true", "GITHUB": self.releases, "IMAGE_NAME": "test",
            "IMAGE_ROOT": str(self.root), "KERNEL_VERSION": "6.12", "KUBERNETES_BUILD_DATE": "2025-11-13", "KUBERNETES_VERSION": "1.34.1",
            "NERDCTL_VERSION": "*", "NEURON_DRIVER_VERSION": "2.*", "NVIDIA_DRIVER_VERSION": "580.*",
            "PATH": f"{self.commands}:{self.environment['PATH']}",
            "PAUSE_CONTAINER_IMAGE": "public.ecr.aws/eks-distro/kubernetes/pause:3.10", "PULL_CNI_FROM_GITHUB": "true",
            "RUNC_VERSION": "*", "SOCI_SNAPSHOTTER_VERSION": "0.*", "SSM_AGENT_SHA256": "", "SSM_AGENT_VERSION": "", "VARIANTS": "",
            "WORKING_DIR": str(self.work),
        }
        self.put_file("etc/logrotate.conf", "#compress\ninclude /etc/logrotate.d\n")
        self.become("al2023")

    def become(self, system):
        suffix = "rpm" if system == "al2023" else "deb"
        identity = "ID=amzn\nVERSION_ID=2023\n" if system == "al2023" else f"ID=debian\nVERSION_ID={system[-2:]}\n"
        self.put_file("etc/os-release", identity)
        (self.work / f"packages/eksnode-1.{suffix}").touch()
        if system != "al2023":
            self.variables |= {"CONTAINERD_VERSION": "1.6.2*", "KERNEL_VERSION": "6.1", "ENABLE_SSM_AGENT": "false"}

    def answer(self, name, text):
        """From here on, the machine answers so to a command."""
        write_program(self.commands / name, f'echo "{name} $*" >>"{self.directory}/calls"\n{text}', "/bin/bash")

    def remove_command(self, name):
        """Whether the machine lacks the command now. This machine may have it."""
        (self.commands / name).unlink()
        return not shutil.which(name, path=self.environment["PATH"])

    def put_file(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path):
        return (self.root / path).read_text()

    def put_cni(self, extra=b""):
        """The CNI plugins; with `extra`, their checksum is wrong."""
        name, data = "cni-plugins-linux-amd64-v1.6.2.tgz", archive({"./bridge": "", "./loopback": ""})
        for place in f"releases/v1.6.2/{name}", f"{FOLDER}/{name}":
            self.bucket.put(place, data + extra)
            self.bucket.put(f"{place}.sha256", f"{sha256(data)}  {name}\n")

    def put_release(self, place, name, listing, *programs, sums="0000  other\n{sum}  {name}\n"):
        data = archive({program: f"#!/bin/sh\necho {program}\n" for program in programs})
        self.bucket.put(f"releases/{place}/{name}", data)
        self.bucket.put(f"releases/{place}/{listing}", sums.format(sum=sha256(data), name=name))

    def put_efa_installer(self):
        """An installer of EFA, and the variables that trust the key which has signed it."""
        home = self.directory / "gnupg"
        home.mkdir(mode=0o700)
        gpg = ("gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        self.addCleanup(self.run_program, "gpgconf", "--homedir", home, "--kill", "all")
        self.succeeds(self.run_program(*gpg, "--quick-generate-key", "test@example.org", "ed25519", "sign", "never"))

        file, key = self.directory / "installer", self.directory / "installer.key"
        script = f'#!/bin/sh\necho installer "$@" >>"{self.directory}/calls"\n'
        file.write_bytes(archive({"aws-efa-installer/efa_installer.sh": script}, 0o755))
        self.succeeds(self.run_program(*gpg, "--detach-sign", file))
        self.succeeds(self.run_program(*gpg, "--armor", "--output", key, "--export"))

        for name, part in {".key": key, "-1.2.3.tar.gz": file, "-1.2.3.tar.gz.sig": Path(f"{file}.sig")}.items():
            self.bucket.put(f"releases/aws-efa-installer{name}", part.read_bytes())

        listed = self.succeeds(self.run_program(*gpg, "--with-colons", "--list-keys"))

        return {"EFA_VERSION": "1.2.3", "EFA_INSTALLER": self.releases, "EFA_FINGERPRINT": re.search(r"(?m)^fpr:+(\w+):", listed)[1]}

    def put_rpms(self, repository, names, version, release="1.amzn2023", header="", files="", install=""):
        """Stubs of packages of one version. createrepo_c is left to the caller."""
        spec = self.directory / "stub.spec"
        spec.write_text(
            f"Name: stub\nVersion: {version}\nRelease: {release}\nSummary: stub\nLicense: none\nBuildArch: noarch\n%description\nstub\n" + "".join(
                f"%package -n {name}\nSummary: stub\n{header}%description -n {name}\nstub\n%files -n {name}\n{files}\n" for name in names)
            + f"%install\nversion={version}\n{install}")
        self.succeeds(self.run_program("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {self.directory}/work-rpm",
                                       "--define", f"_rpmdir {repository}", spec))

    def answer_with_dnf(self, root, repository, option):
        """From here on, the machine has the dnf of this machine, which installs from the repository into the root."""
        self.succeeds(self.run_program("createrepo_c", "--quiet", repository))
        self.answer("dnf", f"exec {shutil.which('dnf')} --installroot={root} --releasever=2023 --nogpgcheck --repo=stubs "
                    f'--repofrompath=stubs,file://{repository} {option} --setopt=cachedir={self.directory}/dnf-cache "$@"')

    def installed(self, root):
        """NAME-VERSION of each package."""
        return self.succeeds(self.run_program("rpm", f"--root={root}", "--query", "--all", "--queryformat", "%{NAME}-%{VERSION} ")).split()

    def step(self, name, **variables):
        return self.run_program("bash", self.packer / "provisioners" / name, **(self.variables | variables))

    def step_with(self, name, *words, **variables):
        return self.run_program("bash", self.packer / "provisioners" / name, *words, **(self.variables | variables))

    def apply(self, variants, **variables):
        return self.step("apply-variants", VARIANTS=variants, **variables)

    def build(self, **variables):
        """Run all steps. What they called."""
        for name in self.steps():
            self.succeeds(self.step(name, **variables))
        return self.calls()

    def calls(self):
        """What was called since the last time."""
        file = self.directory / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def tree(self):
        """Every file with its mode and content, without the time of the build."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            if path.name == "release":
                content = re.sub(rb"BUILD_TIME=.*", b"", content)
            found[str(path.relative_to(self.root))] = (oct(path.lstat().st_mode), content)

        return found

    def manifest(self):
        return json.loads(self.read("etc/eks/image.json"))

    def version_info(self):
        return json.loads((self.work / "version-info.json").read_text())

    def bill_of_materials(self):
        """The packages of sbom.spdx.json, which keeps to its schema."""
        bom = json.loads((self.work / "sbom.spdx.json").read_text())
        jsonschema.validate(bom, json.loads(Path(__file__).with_name("spdx-2.3.schema.json").read_text()))
        self.assertEqual((bom["spdxVersion"], bom["dataLicense"], bom["name"]), ("SPDX-2.3", "CC0-1.0", self.variables["IMAGE_NAME"]))

        ids = [package["SPDXID"] for package in bom["packages"]]
        self.assertEqual(ids, [relation["relatedSpdxElement"] for relation in bom["relationships"]])
        self.assertEqual(len(ids), len(set(ids)))

        return bom["packages"]

    def assert_in_order(self, calls, *expected):
        """A call that begins with each of these, in this order."""
        position = 0
        for text in expected:
            found = [n for n, call in enumerate(calls) if n >= position and call.startswith(text)]
            self.assertTrue(found, f"no '{text}' from call {position} on in\n" + "\n".join(calls))
            position = found[0] + 1
