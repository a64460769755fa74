# SPDX-License-Identifier: Apache-2.0
"""The drivers of an image: their versions, and what the variants gpu-nvidia-all and neuron do for several kinds of devices, in the
image and at boot. dkms is the real one, in directories. Packages, NVIDIA's installer and its modules are stand-ins."""

import os
import tarfile
from pathlib import Path

from bucket import sha256
from fixture import MachineTest

KERNEL = "6.12.40-63.amzn2023.x86_64"
GRID_RUNFILE = "grid-19/NVIDIA-Linux-x86_64-580.95.05-grid-aws.run"
LIST_OF_GPUS = "usr/share/nvidia-driver-assistant/supported-gpus/supported-gpus.json"
GPUS = """{"chips": [
    {"devid": "0x1eb8", "name": "Tesla T4", "features": ["dpycbh", "kernelopen"]},
    {"devid": "0x2330", "subdeviceid": "0x16C0", "name": "H100", "features": ["kernelopen"]},
    {"devid": "0x1DB1", "name": "Tesla V100", "features": ["cudaruntime"]}, {"devid": "0x1DB2", "name": "Tesla V100"}]}"""
# It makes the source of a module, of one kind, for dkms.
MODULE_SOURCE = """mkdir -p {root}/usr/src/nvidia-$version
echo "{kind} $version" >{root}/usr/src/nvidia-$version/nvidia.c
cat >{root}/usr/src/nvidia-$version/dkms.conf <<END
PACKAGE_NAME="nvidia"
PACKAGE_VERSION="$version"
BUILT_MODULE_NAME[0]="nvidia"
DEST_MODULE_LOCATION[0]="/kernel/drivers/video"
MAKE[0]="${{MAKE_WITH:-cp}} nvidia.c nvidia.ko"
CLEAN="true"
END
"""


class DriverTest(MachineTest):
    def write_manifest(self, **variables):
        """What the manifest lists: the units, and each file with its checksum."""
        self.succeeds(self.step("write-manifest", **variables))
        found = self.manifest()
        return found["enabled"], {file["path"]: file["sha256"] for file in found["files"] if "sha256" in file}


class NvidiaTest(DriverTest):
    def setUp(self):
        super().setUp()
        for path in f"lib/modules/{KERNEL}", "usr/src", "var/lib/dkms", "kernel-source/include":
            (self.root / path).mkdir(parents=True)

        self.answer("uname", f"case $1 in -r) echo {KERNEL} ;; -s) echo Linux ;; *) echo ${{MACHINE:-x86_64}} ;; esac")
        self.answer("depmod", "")
        self.answer("rpm", "exit 1")  # dkms asks it for the architecture of the kernel
        self.answer("dkms", f"exec /usr/sbin/dkms --dkmstree={self.root}/var/lib/dkms --sourcetree={self.root}/usr/src "
                    f'--installtree={self.root}/lib/modules --kernelsourcedir={self.root}/kernel-source "$@"')

        list_of_gpus = self.root / LIST_OF_GPUS
        sources = {kind: MODULE_SOURCE.format(root=self.root, kind=kind) for kind in ("open", "proprietary", "grid")}

        self.answer("dnf", f"""words=$*
            version=${{words##*-dkms-}}
            case "$*" in
            *repoquery*kmod-nvidia-open-dkms) printf '%s\\n' 575.57.08 580.95.05 580.105.08 590.48.01 ;;
            *install*kmod-nvidia-open-dkms-*) {sources["open"]};;
            *remove*kmod-nvidia-open-dkms) ! [ -e {self.root}/usr/src/nvidia-5* ] ;;
            *install*kmod-nvidia-latest-dkms-*) {sources["proprietary"]};;
            *nvidia-driver-assistant) mkdir -p {list_of_gpus.parent}; echo '{GPUS}' >{list_of_gpus} ;;
            esac""")

        self.variables |= {"VARIANTS": "gpu-nvidia-all", "NVIDIA_DRIVER_VERSION": "580.*"}

        installer = f'echo grid "$@" >>"{self.directory}/calls"\nversion=580.95.05\n{sources["grid"]}'
        self.bucket.put(GRID_RUNFILE, installer)
        self.grid = {"NVIDIA_GRID_RUNFILE": GRID_RUNFILE, "NVIDIA_GRID_RUNFILE_BUCKET_NAME": "binaries", "NVIDIA_GRID_SHA256": sha256(installer.encode())}

        # Other tests have repositories.
        lines = (self.packer / "variants/nvidia-toolkit.list").read_text().splitlines()
        self.write_variant("nvidia-toolkit", *(line for line in lines if not line.startswith(("repository", "summary"))))

    def apply_all(self, **variables):
        return self.apply("gpu-nvidia-all", **variables)

    def archived(self):
        """What each archive has been compiled from."""
        found = {}
        for file in sorted((self.root / "var/lib/dkms-archive").rglob("*.tar.gz")):
            with tarfile.open(file) as tar:
                module = next(name for name in tar.getnames() if name.endswith("/nvidia.ko"))
                found[f"{file.parent.name}/{file.name}"] = tar.extractfile(module).read().decode().strip()
                self.assertIn(KERNEL, module)

        return found

    def kmod_util(self, *words):
        return self.run_program(self.root / "usr/bin/kmod-util", *words, **self.variables)

    def test_an_image_carries_all_modules_and_a_node_loads_one(self):
        self.succeeds(self.apply_all(**self.grid))
        calls = self.calls()
        self.assertEqual(self.archived(), {
            "nvidia/nvidia-580.95.05.tar.gz": "proprietary 580.95.05", "nvidia-open/nvidia-open-580.95.05.tar.gz": "open 580.95.05",
            "nvidia-open-grid/nvidia-open-grid-580.95.05.tar.gz": "grid 580.95.05"})
        self.assertEqual([*(self.root / "usr/src").iterdir(), *(self.root / "var/lib/dkms").glob("nvidia*"),
                          *(self.root / f"lib/modules/{KERNEL}").rglob("*.ko*")], [])  # the node decides

        hotfixes = "dnf --quiet --setopt=*.module_hotfixes=true --assumeyes "
        self.assert_in_order(
            calls, f"grid --silent --dkms --kernel-module-type=open --tmpdir {self.work}", f"{hotfixes}install kmod-nvidia-open-dkms-580.95.05",
            f"{hotfixes}remove kmod-nvidia-open-dkms", f"{hotfixes}install kmod-nvidia-latest-dkms-580.95.05",
            f"{hotfixes}install nvidia-driver-cuda-580.95.05 nvidia-fabricmanager-580.95.05 nvidia-imex-580.95.05 nvidia-persistenced-580.95.05",
            "systemctl enable nvidia-fabricmanager.service")

        # NVLink of B200 and newer
        self.assertTrue([call for call in calls if " install " in call and call.endswith(" infiniband-diags libibumad nvlsm")])
        self.assertEqual(self.read("etc/modules-load.d/eks-variants.conf"), "ib_umad\n")

        # eks-nvidia reads it so
        self.assertEqual(self.read("etc/eks/nvidia-open-supported-devices-580.txt"), "0x1EB8 Tesla T4\n0x2330 H100\n")

        # `eksnode validate-image` looks for them
        _, files = self.write_manifest()
        for path in "usr/bin/kmod-util", *(f"var/lib/dkms-archive/{archive}" for archive in self.archived()):
            self.assertEqual(files.get(f"/{path}"), sha256((self.root / path).read_bytes()), path)

        self.answer("rpm", "")  # no packages
        self.succeeds(self.step("write-sbom", CRICTL_VERSION=""))
        self.answer("rpm", "exit 1")
        modules = {one["name"]: one for one in self.bill_of_materials()}

        for archive in self.archived():
            one = modules[archive.partition("/")[0]]
            self.assertEqual(one["versionInfo"], "580.95.05")
            self.assertEqual(one["checksums"][0]["checksumValue"], sha256((self.root / "var/lib/dkms-archive" / archive).read_bytes()))

        self.calls()
        self.succeeds(self.apply_all(**self.grid))
        self.assertFalse([call for call in self.calls() if call.startswith(("grid", "dkms")) or "kmod-nvidia" in call and "install" in call])

        # nvidia-module.service
        for module, kind in ("nvidia-open", "open"), ("nvidia", "proprietary"), ("nvidia-open-grid", "grid"):
            self.succeeds(self.kmod_util("load", module))
            self.succeeds(self.kmod_util("load", module))
            self.assertTrue((self.root / f"var/lib/dkms/{module}/kernel-{KERNEL}-x86_64").is_symlink(), "eks-nvidia looks for it")
            installed = list((self.root / f"lib/modules/{KERNEL}").rglob("nvidia.ko"))
            self.assertEqual([file.read_text() for file in installed], [f"{kind} 580.95.05\n"])
            self.succeeds(self.step_of_dkms("remove", "-m", module, "-v", "580.95.05", "--all"))

        self.fails(self.kmod_util("load", "nouveau"), "there is no archive of the kernel module 'nouveau'")
        self.fails(self.kmod_util("build", "nvidia"), "usage: kmod-util load MODULE")

    def step_of_dkms(self, *words):
        return self.run_program(self.commands / "dkms", *words, **self.variables)

    def put_packages(self, repository):
        """Stubs of NVIDIA's packages, which conflict as those do: two have the same files, and others need one version of them."""
        assistant = f"mkdir -p %{{buildroot}}/{Path(LIST_OF_GPUS).parent}\necho '{GPUS}' >%{{buildroot}}/{LIST_OF_GPUS}\n"
        for version in "580.95.05", "590.48.01":
            for kind, name, header in ("open", "open", "Conflicts: kmod-nvidia-latest-dkms\n"), ("proprietary", "latest", ""):
                install = "MAKE_WITH='${MAKE_WITH:-cp}'\n" + MODULE_SOURCE.format(root="%{buildroot}", kind=kind)  # the variable of the machine
                self.put_rpms(repository, [f"kmod-nvidia-{name}-dkms"], version, header=f"{header}Provides: nvidia-kmod = {version}\n",
                              files="/usr/src/*", install=install)

            self.put_rpms(repository, ["nvidia-driver-cuda", "nvidia-fabricmanager", "nvidia-imex", "nvidia-persistenced"], version,
                          header=f"Requires: nvidia-kmod = {version}\n")
            self.put_rpms(repository, ["nvidia-driver-assistant"], version, files=f"/{LIST_OF_GPUS}", install=assistant)

    def test_a_build_that_failed_is_repeated_with_the_real_dnf(self):
        repository = self.directory / "repository"
        self.put_packages(repository)
        self.answer_with_dnf(self.root, repository, "--noplugins")

        def install(wanted, **variables):
            return self.step("variants/install-nvidia-modules", NVIDIA_DRIVER_VERSION=wanted, **variables)

        self.fails(install("latest", MAKE_WITH="false"), "the kernel module nvidia-open 590.48.01 cannot be built")
        self.fails(install("latest", MAKE_WITH="grep -q open nvidia.c && cp"), "the kernel module nvidia 590.48.01 cannot be built")

        self.answer("python3", "exit 1")
        self.fails(install("latest"))

        (self.commands / "python3").unlink()
        version = "580.95.05"
        self.succeeds(install("580.*"))

        self.assertEqual(self.archived(), {f"nvidia/nvidia-{version}.tar.gz": f"proprietary {version}",
                                           f"nvidia-open/nvidia-open-{version}.tar.gz": f"open {version}"})

        self.assertEqual(sorted(name for name in self.installed(self.root) if "assistant" not in name), [f"{name}-{version}" for name in (
            "kmod-nvidia-latest-dkms", "nvidia-driver-cuda", "nvidia-fabricmanager", "nvidia-imex", "nvidia-persistenced")])
        self.assertEqual([*(self.root / "usr/src").iterdir(), *(self.root / "var/lib/dkms").glob("nvidia*")], [])

    def test_an_image_without_the_grid_driver_has_two_modules(self):
        self.succeeds(self.apply_all())
        self.assertEqual(self.archived(), {"nvidia/nvidia-580.105.08.tar.gz": "proprietary 580.105.08",
                                           "nvidia-open/nvidia-open-580.105.08.tar.gz": "open 580.105.08"})
        self.succeeds(self.apply_all(NVIDIA_DRIVER_VERSION="latest"))  # another version replaces the first
        self.assertEqual(sorted(self.archived()), ["nvidia-open/nvidia-open-590.48.01.tar.gz", "nvidia/nvidia-590.48.01.tar.gz"])

    def test_arm64_has_no_grid_driver(self):
        self.variables |= {"ARCH": "arm64", "MACHINE": "aarch64"}
        self.fails(self.apply_all(**self.grid), "NVIDIA has the GRID driver for x86_64 only", "leave nvidia_grid_runfile empty")

        self.succeeds(self.apply_all())
        self.assertEqual(self.archived(), {"nvidia/nvidia-580.105.08.tar.gz": "proprietary 580.105.08",
                                           "nvidia-open/nvidia-open-580.105.08.tar.gz": "open 580.105.08"})

        self.succeeds(self.kmod_util("load", "nvidia"))
        self.assertTrue((self.root / f"var/lib/dkms/nvidia/kernel-{KERNEL}-aarch64").is_symlink())

    def test_wrong_drivers_and_versions_are_refused(self):
        self.fails(self.apply_all(**self.grid | {"NVIDIA_GRID_SHA256": "0" * 64}), "has the SHA-256")
        self.fails(self.apply_all(**self.grid, NVIDIA_DRIVER_VERSION="590.*"), "nvidia_driver_version=590.*",
                   "say nvidia_driver_version=580.95.05")

        other = self.grid | {"NVIDIA_GRID_RUNFILE": "NVIDIA-Linux-x86_64-580.1.1-grid-aws.run"}
        self.fails(self.apply_all(**other), "there are no packages of NVIDIA's driver 580.1.1", "580.105.08 590.48.01")
        self.fails(self.apply_all(**self.grid | {"NVIDIA_GRID_RUNFILE": "driver.run"}), "does not name its version")

        self.fails(self.apply_all(NVIDIA_DRIVER_VERSION=">=600"), "no package kmod-nvidia-open-dkms has a version that is >=600")
        self.fails(self.apply_all(MAKE_WITH="false"), f"the kernel module nvidia-open 580.105.08 cannot be built for the kernel {KERNEL}", "make.log")
        self.assertEqual(self.archived(), {})


class NeuronTest(DriverTest):
    def setUp(self):
        super().setUp()
        self.put_file("installed", "2.22.2.0")
        self.answer("dnf", """case "$*" in
            *repoquery*) printf '2.%s.0\\n' 20.1 21.37 21.4 22.2 ;;
            *downloadonly*) for word; do case $word in --downloaddir=*) dir=${word#*=} ;; esac; done
                touch "$dir/${@: -1}-1.noarch.rpm" "$dir/kernel6.12-headers-6.12.40.rpm" ;;
            esac""")
        self.answer("rpm", f"""case "$*" in
            *--checksig*) echo "$2: digests ${{SIGNED-signatures }}OK" ;;
            *--query*) cat {self.root}/installed ;;
            *--erase*) declare -F update-pciids >/dev/null || exit 1; rm {self.root}/installed ;;
            *--install*) update-pciids; echo 2.21.37.0 >{self.root}/installed ;;
            esac""")

    def fallback(self, **variables):
        return self.step("variants/install-neuron-fallback", **variables)

    def boot(self, device=None):
        if device:
            self.put_file("sys/bus/pci/devices/0000:00:1f.0/vendor", "0x1d0f\n")
            self.put_file("sys/bus/pci/devices/0000:00:1f.0/device", f"{device}\n")
        return self.run_program(self.root / "etc/eks/neuron-package-install.sh", **self.variables)

    def test_inf1_gets_its_own_driver(self):
        for _ in range(2):
            self.succeeds(self.fallback())
            cached = [path.name for path in (self.root / "var/cache/eks/packages").iterdir()]
            self.assertEqual(cached, ["aws-neuronx-dkms-2.21.37.0-1.noarch.rpm"])

        self.assertEqual(len([call for call in self.calls() if "--downloadonly" in call]), 1)

        unit = self.read("etc/systemd/system/neuron-package-install.service")
        self.assertIn("Before=eks-neuron.service", unit)  # which comes after it

        enabled, files = self.write_manifest(VARIANTS="neuron")
        self.assertIn("neuron-package-install.service", enabled)

        for path in f"var/cache/eks/packages/{cached[0]}", "etc/systemd/system/neuron-package-install.service", "etc/eks/neuron-package-install.sh":
            self.assertEqual(files.get(f"/{path}"), sha256((self.root / path).read_bytes()), path)

        self.succeeds(self.boot())  # no device
        self.succeeds(self.boot("0x7164"))  # trn1
        self.assertEqual(self.read("installed"), "2.22.2.0")

        self.put_file("sys/module/neuron/version", "2.22.2.0\n")
        self.answer("modprobe", "")
        self.calls()
        self.succeeds(self.boot("0x7064"))
        self.assert_in_order(self.calls(), "modprobe --remove neuron", "rpm --erase aws-neuronx-dkms",
                             f"rpm --install {self.root}/var/cache/eks/packages/aws-neuronx-dkms-2.21.37.0-1.noarch.rpm")

        self.succeeds(self.boot("0x7067"))
        self.assertFalse([call for call in self.calls() if "--erase" in call])

    def test_an_unsigned_or_missing_driver_is_refused(self):
        self.fails(self.fallback(SIGNED=""), "is not signed with a key that this machine trusts")
        self.assertFalse((self.root / "var/cache/eks/packages").exists())

        self.succeeds(self.fallback(ARCH="arm64"))
        self.assertFalse((self.root / "etc/eks/neuron-package-install.sh").exists())

        (self.root / "etc/eks").mkdir()
        self.assertNotIn("neuron-package-install.service", self.write_manifest(VARIANTS="neuron", ARCH="arm64")[0])

        self.succeeds(self.fallback())
        os.unlink(self.root / "var/cache/eks/packages/aws-neuronx-dkms-2.21.37.0-1.noarch.rpm")
        self.fails(self.boot("0x7065"), "inf1 needs version 2.21")

        self.answer("dnf", "echo 2.22.2.0")
        self.fails(self.fallback(), "there is no package aws-neuronx-dkms 2.21")


class VersionTest(MachineTest):
    """The variants that have one kind of driver."""

    def test_nvidia_drivers_are_packages_or_the_grid_installer(self):
        self.succeeds(self.apply("gpu-nvidia-proprietary"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet module enable nvidia-driver:580-dkms",
                             "dnf --assumeyes --quiet install dkms nvidia-container-toolkit kmod-nvidia-latest-dkms-580.105.08")

        for arch, name in ("arm64", "sbsa"), ("x86_64", "x86_64"):
            for variants in "gpu-nvidia", "cuda":
                self.succeeds(self.apply(variants, ARCH=arch))
                self.assertIn(f"/compute/cuda/repos/amzn2023/{name}\n", self.read("etc/yum.repos.d/cuda-amzn2023.repo"))

        installer = f'echo grid "$@" >>"{self.directory}/calls"; exit ${{GRID_STATUS:-0}}\n'
        self.bucket.put(GRID_RUNFILE, installer)
        grid = {"NVIDIA_GRID_RUNFILE": GRID_RUNFILE, "NVIDIA_GRID_RUNFILE_BUCKET_NAME": "binaries"}

        self.fails(self.apply("gpu-nvidia-grid", **grid), "the variable nvidia_grid_sha256")
        self.fails(self.apply("gpu-nvidia-grid", **grid, NVIDIA_GRID_SHA256="0" * 64), "has the SHA-256")

        grid["NVIDIA_GRID_SHA256"] = sha256(installer.encode())
        self.fails(self.apply("gpu-nvidia-grid", **grid, GRID_STATUS="1"), "cannot build the GRID driver for the kernel 6.12.40-63")

        self.calls()
        self.succeeds(self.apply("gpu-nvidia-grid", **grid))
        self.assertIn(f"grid --silent --dkms --kernel-module-type=open --tmpdir {self.work}", self.calls())

        self.succeeds(self.apply("gpu-nvidia-grid", **grid))
        self.assertFalse([call for call in self.calls() if call.startswith("grid")])

    def test_ranges_of_driver_versions_find_the_newest_package(self):
        self.succeeds(self.apply("gpu-nvidia,cuda"))
        calls = self.calls()
        self.assertTrue([call for call in calls if " install " in call and " infiniband-diags libibumad nvlsm " in call])
        self.assert_in_order(
            calls, "dnf --assumeyes --quiet module enable nvidia-driver:580-open",
            "dnf --assumeyes --quiet install dkms nvidia-container-toolkit kmod-nvidia-open-dkms-580.105.08 nvidia-driver-cuda-580.105.08",
            "systemctl enable nvidia-fabricmanager.service")
        self.assertEqual(self.read("etc/modules-load.d/eks-variants.conf"), "ib_umad\n")

        for wanted, package in {
            "13.0": "13-0", "12.8.1": "12-8-12.8.1", "12.*": "12-9-12.9.1", ">=12.8,<12.9": "12-8-12.8.1", "latest": "13-0-13.0.0",
        }.items():
            self.succeeds(self.apply("cuda", CUDA_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install cuda-toolkit-{package}", self.calls())

        for wanted, version in (">=580.66,<580.105", "580.95.05"), ("latest", "590.48.01"), ("580.65.06", "580.65.06"):
            self.succeeds(self.apply("gpu-nvidia", NVIDIA_DRIVER_VERSION=wanted))
            calls = "\n".join(self.calls())
            self.assertIn(f"module enable nvidia-driver:{version[:3]}-open\n", calls)
            for package in "kmod-nvidia-open-dkms", "nvidia-fabricmanager", "nvidia-imex":
                self.assertIn(f" {package}-{version}", calls)

        for wanted, version in {"latest": "2.22.0.0", "<2.20": "2.9.0.0", "2.21.*": "2.21.0.0"}.items():
            self.succeeds(self.apply("neuron", NEURON_DRIVER_VERSION=wanted))
            self.assertTrue([call for call in self.calls() if f" aws-neuronx-dkms-{version} " in call], wanted)

        self.fails(self.apply("neuron", NEURON_DRIVER_VERSION=">=3"), "no package aws-neuronx-dkms has a version that is >=3",
                   "say neuron_driver_version=VERSION")

        self.calls()
        self.fails(self.apply("cuda", CUDA_VERSION=""), "the variable cuda_version of the template")
        self.assertEqual([call for call in self.calls() if "install" in call], [])
