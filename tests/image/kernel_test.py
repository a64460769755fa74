# SPDX-License-Identifier: Apache-2.0
"""The kernel of an image, its arguments, and the restart into it."""

from fixture import MachineTest


class KernelTest(MachineTest):
    def test_a_kernel_is_installed_held_and_made_the_default(self):
        self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
        self.assertEqual([call for call in self.calls() if "install" in call or "--set-default" in call], [])

        self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.12.9"))
        self.assert_in_order(self.calls(), "dnf --assumeyes --quiet install kernel6.12-6.12.9[.-]*",
                             "grubby --set-default /boot/vmlinuz-6.12.9-1.amzn2023.x86_64")
        self.assertFalse((self.root / "etc/default/grub").exists())  # not in EC2

        self.put_file("sys/hypervisor/uuid", "ec2f0000-1234\n")
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="", ARCH="arm64"))
        self.assertFalse((self.root / "etc/default/grub").exists())

        for _ in range(2):
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
            self.assertEqual(self.read("etc/default/grub"), 'GRUB_CMDLINE_LINUX="clocksource=tsc tsc=reliable"\n')

        self.fails(self.step("install-kernel", KERNEL_VERSION="6.12.4"), "is not installed")  # only 6.12.40 is

        for wanted in "6.12.*", ">=6.2,<6.18":
            self.calls()
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assert_in_order(self.calls(), "dnf --quiet versionlock delete kernel*", "dnf --assumeyes --quiet install kernel6.12-6.12.40-63.amzn2023[.-]*",
                                 "dnf --quiet versionlock add kernel6.12", "grubby --set-default /boot/vmlinuz-6.12.40-63.amzn2023.x86_64")

        for wanted, package in {"latest": "kernel6.18-6.18.2-1.amzn2023", "<6.12": "kernel-6.1.9-1.amzn2023"}.items():
            self.answer("rpm", f"echo {package.split('-', 1)[1]}.x86_64")
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"dnf --assumeyes --quiet install {package}[.-]*", self.calls())

        self.fails(self.step("install-kernel", KERNEL_VERSION=">=7"), "there is no kernel >=7 for this machine")

        self.answer("dnf", "exit 1")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.1"), "there is no kernel 6.1 for this machine", "list kernel'")

        self.become("debian12")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.99"), "there is no kernel 6.99")

        self.calls()
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.12"))
        calls = self.calls()
        self.assertIn("apt-mark hold linux-image-6.12.9-cloud-amd64", calls)
        self.assertIn("apt-mark hold linux-image-cloud-amd64", calls)
        self.assertNotIn("apt-mark hold linux-image-amd64", calls)  # which was removed

        for wanted, package in {"latest": "6.12.9", "6.1.*": "6.1.0-28", ">=6.1,<6.12": "6.1.0-28"}.items():
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=wanted))
            self.assertIn(f"apt-mark hold linux-image-{package}-cloud-amd64", self.calls())

        self.fails(self.step("install-kernel", KERNEL_VERSION=">=7"), "there is no kernel >=7")

        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64":
            self.put_file(f"boot/vmlinuz-{name}")
        self.fails(self.step("install-kernel", KERNEL_VERSION="6.1.0-9"), "has the kernel 6.1.0-28-cloud-amd64, too", "say kernel_version=6.1.0-28,")
        self.assertIn("the kernel is 6.1.0-28-cloud-amd64", self.succeeds(self.step("install-kernel", KERNEL_VERSION="6.1")))

        self.calls()
        self.succeeds(self.step("install-kernel", KERNEL_VERSION="", KERNEL="6.1.0-9-cloud-amd64"))
        calls = self.calls()

        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64", "cloud-amd64":
            self.assertIn(f"apt-mark hold linux-image-{name}", calls)

    def test_kernel_arguments_are_added_to_those_of_the_base_image(self):
        self.write_variant("mine", "kernel-argument quiet", "kernel-argument psi=1")
        self.put_file("etc/default/grub", "GRUB_CMDLINE_LINUX='quiet dyndbg=\"file x +p\"' # of a base image\nGRUB_TIMEOUT=0\n")

        for _ in range(2):
            self.succeeds(self.apply("mine"))
            self.assertEqual(self.read("etc/default/grub"), 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="quiet dyndbg=\\"file x +p\\" psi=1"\n')

        # the files of Debian's cloud images, and one that sets everything anew
        files = {"grub": 'GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\nGRUB_CMDLINE_LINUX="console=tty0 psi=1"\n',
                 "grub.d/10_cloud.cfg": "GRUB_DISABLE_LINUX_UUID=true\n",
                 "grub.d/20_console.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0"\n',
                 "grub.d/50-mine.cfg": 'GRUB_CMDLINE_LINUX="console=ttyS1"\n'}

        self.become("debian12")

        for name, text in files.items():
            self.put_file(f"etc/default/{name}", text)
        self.put_file("sys/hypervisor/uuid", "ec2f0000-1234\n")

        # grub-mkconfig reads them so.
        read = 'cd "$0" && . ./grub && for file in grub.d/*.cfg; do . "./$file"; done && echo "$GRUB_CMDLINE_LINUX"'
        for _ in range(2):
            self.succeeds(self.apply("mine"))
            self.succeeds(self.step("install-kernel", KERNEL_VERSION=""))
            self.assertEqual({name: self.read(f"etc/default/{name}") for name in files}, files)
            self.assertEqual(self.succeeds(self.run_program("sh", "-euc", read, self.root / "etc/default")),
                             "console=ttyS1 quiet psi=1 clocksource=tsc tsc=reliable\n")

        self.put_file("etc/default/grub.d/no-number.cfg", 'GRUB_CMDLINE_LINUX=""\n')
        self.fails(self.apply("mine"), "kernels do not get the argument quiet", "rename it in the base image")

    def test_the_machine_restarts_only_into_another_kernel(self):
        self.succeeds(self.step("restart-into-kernel"))
        self.assertNotIn("systemctl reboot", self.calls())

        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.1"))
        self.assertIn("systemctl reboot", self.calls())

        self.become("debian12")
        self.succeeds(self.step("restart-into-kernel"))  # a machine without a kernel of its own
        self.assertNotIn("systemctl reboot", self.calls())

        for name in "6.1.0-9-cloud-amd64", "6.1.0-28-cloud-amd64":
            self.put_file(f"boot/vmlinuz-{name}")
        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.0-28-cloud-amd64"))
        self.assertNotIn("systemctl reboot", self.calls())

        self.succeeds(self.step("restart-into-kernel", KERNEL="6.1.0-9-cloud-amd64"))
        self.assertIn("systemctl reboot", self.calls())
