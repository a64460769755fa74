# SPDX-License-Identifier: Apache-2.0
"""The variants: what a list of one makes of a machine, and the programs that they run."""

import os
import shutil
import tomllib

from bucket import sha256
from fixture import SOURCE, ARMOUR, KEY, KEY_FINGERPRINT, MachineTest, archive, write_program

OTHER_KEY = ARMOUR.format("""mDMEXgvhABYJKwYBBAHaRw8BAQdAAaeCt5j3vQcB3Fox4dZlTA0aqc7XqUT/VMe+
Novt9vi0D3R3b0BleGFtcGxlLm9yZ4iQBBMWCAA4FiEETVTB9ybKnqHu/jkclJq/
WH2qT5IFAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQlJq/WH2q
T5IRcgEAskb/jXiJsmS+fncGmI1U0tQ6OL4wT6grlrDImWwJCH0A/2d70CrzI94H
WTa1B1D5pDOQvs8UCspB0nyehncGGjgB
=0Osj
""")


# The files of Kontain's archives, as its build and its own images have them.
KONTAIN_0_9_9 = ("bin/km", "bin/km_cli", "bin/krun", "bin/krun-label-trigger", "bin/kkm.run", "shim/containerd-shim-krun-v2")
KONTAIN_0_9_4 = ("km/km", "container-runtime/krun", "container-runtime/krun-label-trigger", "cloud/k8s/deploy/shim/containerd-shim-krun-v2", "kkm.run",
                 "bin/docker_config.sh", "bin/km_cli")


class VariantTest(MachineTest):
    def put_kontain(self, *programs, version="v0.9.9"):
        """A release of Kontain with these programs, and the variables that name it."""
        self.put_file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu xsave avx pti\n")
        data = archive({name: f'#!/bin/sh\necho {name.rpartition("/")[2]} >>"{self.directory}/calls"\nexit ${{KKM_STATUS:-0}}\n' for name in programs})
        self.bucket.put(f"releases/{version}/kontain_bin.tar.gz", data)
        return {"KONTAIN_VERSION": version, "KONTAIN_SHA256": sha256(data), "KONTAIN_RELEASES": self.releases}

    def test_a_variant_is_applied_twice_with_the_same_result(self):
        self.put_file("etc/default/grub", 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 quiet"\n')
        self.write_variant("mine", "kernel-argument quiet", "kernel-argument psi=1", "module ib_umad", "module sctp", "enable mine.service",
                           "stream al2023 mine:1", "packages al2023 one two", "packages debian three", "packages debian13 four",
                           "packages@debian12 debian five", "run mine", "run mine")
        program = write_program(self.packer / "provisioners/variants/mine", f"""cat >/dev/null
            echo script >>"{self.directory}/calls"
            install -D -m 0644 "$(dirname "$0")/mine-files/20-mine.toml" '{self.root}/etc/eks/node.d/20-mine.toml'""", "/bin/bash")
        (program.parent / "mine-files").mkdir()
        (program.parent / "mine-files/20-mine.toml").write_text("# of a file next to the script\n")

        for _ in range(2):
            self.succeeds(self.apply("mine"))
            self.assert_in_order(
                self.calls(), "dnf --assumeyes --quiet module reset mine", "dnf --assumeyes --quiet module enable mine:1",
                "dnf --assumeyes --quiet install one two", "grubby --update-kernel=ALL --args=quiet psi=1", "script", "script", "systemctl enable mine.service")
            self.assertEqual(self.read("etc/default/grub"), 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 quiet psi=1"\n')
            self.assertEqual(self.read("etc/modules-load.d/eks-variants.conf"), "ib_umad\nsctp\n")
            self.assertEqual(self.read("etc/eks/node.d/20-mine.toml"), "# of a file next to the script\n")

        # each Debian has its own items and those of every Debian
        for system, packages in ("debian13", "three four"), ("debian12", "three five"):
            self.become(system)
            self.succeeds(self.apply("mine"))
            calls = self.calls()
            self.assertTrue(calls[0].endswith(f" install {packages}"), calls)
        self.assertIn("update-grub ", calls)
        self.assertFalse((self.root / "etc/default/grub.d").exists())  # the arguments are there already

        if self.remove_command("update-grub"):
            self.assertIn("there is no bootloader", self.succeeds(self.apply("mine")))

        self.fails(self.apply("fips"), "the variant 'fips' is for al2023, not for debian12")

    def test_variants_turn_on_labels_of_their_hardware(self):
        file = self.root / "usr/lib/eks/node.d/20-labels.toml"
        expected = {"nvidia-toolkit": {"gpuLabels": True, "hardwareLabels": True}, "neuron": {"hardwareLabels": True},
                    "efa": {"hardwareLabels": True}}
        for name, labels in expected.items():
            lines = (self.packer / f"variants/{name}.list").read_text().splitlines()
            self.write_variant(f"mine-{name}", *(line for line in lines if line.startswith("line ")))
            file.unlink(missing_ok=True)
            self.succeeds(self.apply(f"mine-{name}"))
            self.assertEqual(tomllib.loads(file.read_text()), {"node": labels})

        for _ in range(2):  # together, and again
            self.succeeds(self.apply("mine-neuron,mine-nvidia-toolkit,mine-efa"))
            self.assertEqual(tomllib.loads(file.read_text()), {"node": expected["nvidia-toolkit"]})

        for name in "gpu-nvidia", "gpu-nvidia-all", "gpu-nvidia-grid", "gpu-nvidia-proprietary":
            self.assertIn("includes nvidia-toolkit\n", (self.packer / f"variants/{name}.list").read_text())

    def test_a_repository_of_debian_needs_a_key_and_its_fingerprint(self):
        self.become("debian12")
        line = f"repository debian12 mine https://repository.example/ {self.releases}/key.asc"
        self.write_variant("mine", f"{line} {KEY_FINGERPRINT}")
        self.succeeds(self.apply("mine"))
        self.assertEqual(self.read("etc/apt/sources.list.d/mine.list"),
                         "deb [signed-by=/etc/apt/keyrings/mine.asc] https://repository.example/ ./\n")
        self.assertEqual(self.read("etc/apt/keyrings/mine.asc"), KEY)

        # a package's script may read its standard input
        self.answer("apt-get", "cat >/dev/null")
        self.write_variant("mine", f"{line} {KEY_FINGERPRINT}", f"{line.replace('mine', 'other')} {KEY_FINGERPRINT}")
        self.succeeds(self.apply("mine"))
        self.assertTrue((self.root / "etc/apt/sources.list.d/other.list").exists())

        del self.bucket.objects["releases/key.asc"]
        self.fails(self.apply("mine"), "cannot fetch")

        self.write_variant("mine", line)
        self.fails(self.apply("mine"), "the variant 'mine' has a repository without the fingerprint of its key")

    def test_a_repository_with_another_key_is_refused(self):
        self.succeeds(self.apply("neuron"))
        self.assertEqual(self.read("etc/pki/rpm-gpg/RPM-GPG-KEY-neuron"), KEY)
        self.assertIn("\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-neuron\n", self.read("etc/yum.repos.d/neuron.repo"))

        self.calls()
        shutil.rmtree(self.root / "etc/yum.repos.d")

        for text in OTHER_KEY, KEY + OTHER_KEY, "<html>":
            self.bucket.put("releases/key.asc", text)
            self.fails(self.apply("neuron"), "releases/key.asc has the key '", f"not {KEY_FINGERPRINT}")

        self.assertEqual([call for call in self.calls() if call.startswith("dnf")], [])
        self.assertFalse((self.root / "etc/yum.repos.d").exists())

    def test_fips_mode_needs_a_kernel_that_has_it(self):
        self.fails(self.apply("fips"), "the kernel 6.12.40-63.amzn2023.x86_64 has no FIPS mode", "kernel_version=")
        self.assertNotIn("fips-mode-setup --enable", self.calls())

        self.put_file("boot/config-6.12.40-63.amzn2023.x86_64", "CONFIG_CRYPTO=y\nCONFIG_CRYPTO_FIPS=y\n")
        self.succeeds(self.apply("fips"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install crypto-policies", "fips-mode-setup --enable")

        self.put_file("etc/crypto-policies/config", "DEFAULT\n")
        self.fails(self.step("check-controls", VARIANTS="fips"), "holds in_file /etc/crypto-policies/config ^FIPS is not in force")

        self.put_file("etc/crypto-policies/config", "FIPS\n")
        kernel = "6.12.40-63.amzn2023.x86_64"
        self.answer("lsinitrd", f"[ \"$*\" != '--mod {self.root}/boot/initramfs-{kernel}.img' ] || printf '%s\\n' systemd fips kernel-modules")
        grubby = (self.commands / "grubby").read_text()
        for info, modules, good in (('args="ro"', "fips", False), ('args="ro fips=1 quiet"', "other", False), ('args="ro fips=10"', "fips", False),
                                    ('args="ro fips=1 quiet"', "fips", True)):
            (self.commands / "grubby").write_text(grubby + f"\n[ $1 != --info ] || printf '%s\\n' 'index=0' '{info}'\n")
            self.answer("lsinitrd", f"[ \"$*\" != '--mod {self.root}/boot/initramfs-{kernel}.img' ] || printf '%s\\n' systemd {modules} kernel-modules")
            done = self.step("check-controls", VARIANTS="fips")
            self.assertEqual(done.returncode == 0, good, done.stderr)
            self.assertEqual("holds fips_kernel is not in force" in done.stderr, not good)

        # and of an instance that runs
        self.put_file("etc/eks/release", 'VARIANTS="fips"\n')
        self.answer("uname", f"echo {kernel}")
        for argument, enabled, state in ("fips=1", "1", "met"), ("fips=0", "1", "broken"), ("fips=1", "0", "broken"):
            self.put_file("proc/cmdline", f"ro {argument} quiet\n")
            self.put_file("proc/sys/crypto/fips_enabled", f"{enabled}\n")
            text = self.succeeds(self.step_with("check-controls", "--running"))
            self.assertEqual([line.split("\t")[0] for line in text.splitlines()], ["met", state], text)

        self.answer("fips-mode-setup", "exit 1")
        self.fails(self.apply("fips"), "cannot be switched to FIPS mode")

    def test_controls_of_an_instance_are_those_of_its_kernel(self):
        self.write_variant("live", "control 1 a parameter", "sysctl kernel.mine 1", "control 2 a mount", "mount /tmp tmpfs nodev,noexec,mode=1777",
                           "control 3 a module", "module-off cramfs", "control 4 an argument", "kernel-argument audit=1",
                           "control 5 a unit", "mask x.service", "control 6 waived", "waived it is not for this machine at all")
        self.answer("systemctl", "[ $1 != --quiet ] || exit 3")
        self.succeeds(self.apply("live"))
        self.put_file("etc/eks/release", 'VARIANTS="live"\n')
        files = {"proc/sys/kernel/mine": "1\n", "proc/self/mounts": "tmpfs /tmp tmpfs rw,nodev,noexec 0 0\n", "proc/modules": "cram 1\n",
                 "proc/cmdline": "ro audit=1\n"}

        def states():
            text = self.succeeds(self.step_with("check-controls", "--running"))
            return "".join(line[0] for line in text.splitlines())

        self.answer("systemd-detect-virt", "exit 1")
        for path, text in files.items():
            self.put_file(path, text)
        self.assertEqual(states(), "mmmmmw")

        for index, (path, wrong) in enumerate({"proc/sys/kernel/mine": "0\n", "proc/self/mounts": "tmpfs /tmp tmpfs rw,nodev 0 0\n",
                                               "proc/modules": "cramfs 1\n", "proc/cmdline": "ro audit=10\n"}.items()):
            self.put_file(path, wrong)
            self.assertEqual(states(), "mmmmmw"[:index] + "b" + "mmmmmw"[index + 1:], path)
            self.answer("systemd-detect-virt", "")  # a container has the kernel of its host
            self.assertEqual(states(), "mmmmmw", path)
            self.answer("systemd-detect-virt", "exit 1")
            self.put_file(path, files[path])

        self.answer("systemctl", "")
        self.assertEqual(states(), "mmmmbw")

    def test_al2023_is_hardened_and_checked(self):
        """With the files of such a machine; controls_test.py has a real Debian."""
        for path, text in {"passwd": "root:x:0:0:root:/root:/bin/bash\nhalt:x:7:0:halt:/sbin:/sbin/halt\n", "group": "root:x:0:\n",
                           "shadow": "root:*LOCK*:19000::::::\n", "dnf/dnf.conf": "[main]\ngpgcheck=1\n", "ssh/sshd_config": "X11Forwarding no\n",
                           "selinux/config": "SELINUX=permissive\nSELINUXTYPE=targeted\n", "crypto-policies/config": "FIPS\n",
                           "logrotate.conf": "compress\n", "logrotate.d/kube-proxy": "/var/log/kube-proxy.log {\n rotate 1\n copytruncate\n}\n", "eks/release": ""}.items():
            self.put_file(f"etc/{path}", text)

        for path in "usr/lib/systemd/system/systemd-journald.service", "usr/lib/systemd/system/eks-config.service", "var/log/x":
            self.put_file(path)

        self.answer("rpm", "printf '%s\\n' chrony sudo audit logrotate")
        self.answer("systemctl", "[ $1 != is-enabled ] || echo enabled")

        grubby = (self.commands / "grubby").read_text()
        (self.commands / "grubby").write_text(grubby + "\n[ $1 != --info ] || echo 'args=\"fips=1\"'\n")
        self.answer("lsinitrd", "echo fips")

        for _ in range(2):
            self.put_file("boot/config-6.12.40-63.amzn2023.x86_64", "CONFIG_CRYPTO_FIPS=y\n")
            self.succeeds(self.apply("fedramp,cis"))
            text = self.succeeds(self.step("check-controls", VARIANTS="fedramp,cis"))

        self.assertRegex(text, r"check-controls: 1\d\d controls are met, \d\d are waived")

        tree = self.tree()
        self.assertTrue(tree["etc/ssh/sshd_config"][1].startswith(b"Include /etc/ssh/sshd_config.d/*.conf\n"))
        self.assertIn(b"ClientAliveInterval 60\n", tree["etc/ssh/sshd_config.d/10-eks-variants.conf"][1])
        self.assertIn(b"-w /etc/shadow -p wa -k identity\n", tree["etc/audit/rules.d/60-eks-variants.rules"][1])
        self.assertNotIn(b"apparmor", tree["etc/default/grub"][1])
        self.assertEqual(self.calls().count("fips-mode-setup --enable"), 2)

        self.put_file("etc/crypto-policies/config", "LEGACY\n")
        self.answer("rpm", "printf '%s\\n' chrony sudo audit telnet-server")
        self.fails(self.step("check-controls", VARIANTS="fedramp,cis"), "al2023:1.9 ", "al2023:2.2.13 ", "fedramp: SC-8,SC-13 ")

    def test_kontain_is_installed_once(self):
        variables = self.put_kontain(*KONTAIN_0_9_9)
        self.fails(self.apply("kontain", **variables | {"KONTAIN_SHA256": "0" * 64}), "has the SHA-256")
        self.assertFalse((self.root / "opt/kontain/bin/krun").exists())
        self.fails(self.apply("kontain", **variables, KKM_STATUS="1"), "KKM cannot be built", "pti and xsave")

        self.calls()
        self.succeeds(self.apply("kontain", **variables))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install kernel6.12-devel-", "dnf --assumeyes --quiet install dkms", "kkm.run")
        self.assertTrue(os.access(self.root / "opt/kontain/bin/krun", os.X_OK))

        self.put_file("etc/modules-load.d/kkm.conf", "kkm\n")  # as its installer leaves it
        self.succeeds(self.apply("kontain", **variables))
        self.assertNotIn("kkm.run", self.calls())

        variables = self.put_kontain("bin/km", "bin/kkm.run")
        shutil.rmtree(self.root / "opt/kontain")
        self.fails(self.apply("kontain", **variables), "has no bin/krun or container-runtime/krun")

    def test_each_layout_of_kontains_archives_is_installed_alike(self):
        programs = {"bin/km", "bin/km_cli", "bin/krun", "bin/krun-label-trigger", "bin/kkm.run"}
        for version, files in ("v0.9.9", KONTAIN_0_9_9), ("v0.9.4", KONTAIN_0_9_4):
            for shim in "false", "true":
                with self.subTest(version=version, shim=shim):
                    shutil.rmtree(self.root / "opt", ignore_errors=True)
                    self.succeeds(self.apply("ecs-kontain", ENABLE_KONTAIN_SHIM=shim, **self.put_kontain(*files, version=version)))
                    folder = self.root / "opt/kontain"
                    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
                    self.assertEqual(found - programs, {"shim/containerd-shim-krun-v2"} if shim == "true" else set())
                    self.assertEqual(programs - found, set())
                    self.assertEqual({path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}, {0o755})
                    self.assertEqual((self.root / "usr/lib/eks/node.d/50-kontain-shim.toml").exists(), shim == "true")
                    self.assertEqual(self.read("etc/eks/kontain-version.txt"), f"{version}\n")

        # the shipped descriptor names the shim where it is
        descriptor = tomllib.loads((SOURCE / "helpers/data/share/runtimes.d/krun-shim.toml").read_text())
        self.assertTrue((self.root / descriptor["runtime_path"][1:]).exists())

        # the first releases of v0.9.4 had no module; without its trigger, Docker could not decide
        self.fails(self.apply("kontain", **self.put_kontain(*set(KONTAIN_0_9_4) - {"kkm.run"})), "has no bin/kkm.run or kkm.run")
        few = self.put_kontain(*set(KONTAIN_0_9_4) - {"container-runtime/krun-label-trigger", "bin/km_cli"})
        self.fails(self.apply("ecs-kontain", **few), "has no bin/krun-label-trigger")
        self.assertIn("has no km_cli", self.succeeds(self.apply("kontain", **few)))

    def test_kontain_is_refused_before_it_is_fetched_where_its_module_cannot_run(self):
        variables = self.put_kontain(*KONTAIN_0_9_9)
        self.bucket.requests.clear()
        for flags, missing in ("fpu xsave avx", "pti"), ("fpu pti xsaveopt", "xsave"), ("fpu", "pti"):
            self.put_file("proc/cpuinfo", f"flags\t\t: {flags}\n")
            self.fails(self.apply("kontain", **variables), f"no flag {missing}, which KKM needs", "instance_type=TYPE")

        self.put_file("proc/cpuinfo", "flags\t\t: pti xsave\n")
        self.answer("uname", "echo 4.14.355-275.570.amzn2.x86_64")
        self.fails(self.step_with("variants/install-kontain", **variables), "KKM needs a kernel of 5.0 or newer, and this is 4.14.355")
        self.assertEqual([path for path, *_ in self.bucket.requests if "kontain" in path], [])

    def test_a_container_instance_of_ecs_has_no_kubelet(self):
        variables = {"VARIANTS": "ecs,cis", "KUBERNETES_VERSION": "", "KUBERNETES_BUILD_DATE": "", "PAUSE_CONTAINER_IMAGE": "", "CNI_PLUGIN_VERSION": "",
                     "CRICTL_VERSION": "", "ENABLE_CREDENTIAL_PROVIDER": "false"}
        self.put_file("etc/passwd")
        for name in self.steps():
            if name not in ("check-controls", "validate-image"):  # of cis, which this machine lacks the files for
                self.succeeds(self.step(name, **variables))

        self.assertIn("systemctl enable ecs.service", self.calls())
        for path in "usr/bin/kubelet", "etc/eks/kubelet-version.txt", "etc/eks/image-credential-provider", "usr/lib/eks/node.d/50-ecs-kontain.toml":
            self.assertFalse((self.root / path).exists(), path)
        self.assertTrue((self.root / "usr/lib/eks/node.disabled").exists())
        self.assertFalse({"kubernetes", "credential-provider", "pause", "cni-plugins", "crictl"} & set(self.manifest()["wanted"]))
        self.assertIn("docker.service", self.manifest()["enabled"])
        self.assertNotIn("kubelet", self.version_info()["binaries"])
        self.assertNotIn("kubelet", [package["name"] for package in self.bill_of_materials()])

    def test_a_container_instance_of_ecs_is_no_node(self):
        variables = self.put_kontain(*KONTAIN_0_9_9)
        self.succeeds(self.apply("ecs-kontain", **variables))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install docker ecs-init dkms gcc make", "kkm.run",
                             "systemctl enable docker.service", "systemctl enable ecs.service")

        for name in "node.disabled", "docker.enabled":
            self.assertTrue((self.root / "usr/lib/eks" / name).exists())
        self.assertEqual(tomllib.loads(self.read("usr/lib/eks/node.d/50-ecs-kontain.toml")),
                         {"docker": {"defaultRuntime": "krun-label-trigger"}})

    def test_the_efa_installer_must_be_signed_and_comes_after_drivers(self):
        variables = self.put_efa_installer()
        fingerprint = variables.pop("EFA_FINGERPRINT")
        self.fails(self.apply("efa", **variables), "is not signed with the key 4E9091BCBB97A96B26B15E59A05480B1DD2D3CCC")

        self.assertNotIn("installer --minimal --yes", self.calls())

        variables["EFA_FINGERPRINT"] = fingerprint
        self.succeeds(self.apply("efa", **variables))
        self.assert_in_order(self.calls(), "grubby --update-kernel=ALL --args=intel_idle.max_cstate=1 processor.max_cstate=1",
                             "installer --minimal --yes", "rpm --erase --nodeps efa-nv-peermem")

        self.write_variant("mine", "run mine")
        (self.packer / "provisioners/variants/mine").write_text("dkms my driver\n")
        self.answer("dkms", "")
        self.succeeds(self.apply("efa,mine", **variables))
        self.assert_in_order(self.calls(), "dkms my driver", "installer --minimal --yes")  # AWS installs it after the drivers

        self.write_variant("mine", "includes gpu-nvidia")
        for others in "gpu-nvidia-proprietary", "mine":
            self.succeeds(self.apply(f"efa,{others}", **variables))
            self.assertNotIn("rpm --erase --nodeps efa-nv-peermem", self.calls())

        for others in "gpu-nvidia", "gpu-nvidia-all", "gpu-nvidia-proprietary", "gpu-nvidia-grid":
            self.succeeds(self.step("variants/install-efa", VARIANTS=f"efa,{others}", **variables))
            calls = self.calls()
            self.assertIn("installer --minimal --yes", calls)
            self.assertNotIn("rpm --erase --nodeps efa-nv-peermem", calls, others)

        self.bucket.objects["releases/aws-efa-installer-1.2.3.tar.gz"] += b"x"
        self.fails(self.apply("efa", **variables), "is not signed with the key")
        self.assertNotIn("installer --minimal --yes", self.calls())
