# SPDX-License-Identifier: Apache-2.0
"""eks-nvidia on machines that seem to have a GPU: sysfs and /proc below a folder, and a modprobe that plays the driver."""

import support
from node import node_config
from support import BootTest

UNIT = "eks-nvidia.service"
ROOT = "/srv/gpu"
GPU = "0000:00:1e.0"

# What loading the driver brings about, in the folder. It takes longer than a node that does not wait for it.
DRIVER = f"""\
#!/bin/sh
echo "$1" >> {ROOT}/modprobe.log
mkdir -p {ROOT}/sys/module/$1
case $1 in
nvidia)
        sleep 1
        echo "195 nvidia" >> {ROOT}/proc/devices
        mkdir -p {ROOT}/proc/driver/nvidia/gpus/{GPU}
        echo "Device Minor: 0" > {ROOT}/proc/driver/nvidia/gpus/{GPU}/information
        echo "NVRM version: 580.159.03" > {ROOT}/proc/driver/nvidia/version ;;
nvidia_uvm) echo "235 nvidia-uvm" >> {ROOT}/proc/devices ;;
esac
"""

# Says what it may do, in place of dkms, which leaves a link for the kernel.
KMOD_UTIL = f"""\
#!/bin/sh
can_write() {{ : >"$1/written" 2>/dev/null && echo written || echo refused; }}
mkdir -p /lib/modules {ROOT}/var/lib/dkms/"$2"
{{
        echo "words=$*"
        echo "modules=$(can_write /lib/modules)"
        echo "sources=$(can_write /usr/src)"
        sed -n 's/^CapEff:.*[^0-9a-f]/capabilities=/p' /proc/self/status
        echo "interfaces=$(sed -n 's/^ *\\(.*\\):.*/\\1/p' /proc/net/dev | tr '\\n' ' ' | sed 's/ $//')"
}} >{ROOT}/installed
"""


class Machine(BootTest):
    """A node that seems to have a GPU."""

    def machine(self, modprobe, gpu=True, limit=30):
        node = self.node()
        device = f"{ROOT}/sys/bus/pci/devices/{GPU}"

        for name, text in {"vendor": "0x10de", "device": "0x2330", "class": "0x030200"}.items() if gpu else ():
            node.write(f"{device}/{name}", text + "\n")
        node.write(f"{ROOT}/proc/sys/kernel/osrelease", "6.12.0-test\n")
        node.write(f"{ROOT}/proc/devices", "Character devices:\n  1 mem\n")

        for folder in "dev", "lib/modules", "proc/driver", "sys/module":
            node.write(f"{ROOT}/{folder}/README", "")  # as each kernel has them: a step cannot be allowed what is not there
        node.write("usr/local/bin/load-driver", modprobe)
        (node.root / "usr/local/bin/load-driver").chmod(0o755)

        for module in "nvidia", "nvidia_modeset", "nvidia_uvm":
            node.write(f"etc/systemd/system/modprobe@{module}.service.d/test.conf",
                       "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=-/usr/local/bin/load-driver %i\n")

        node.write(f"etc/systemd/system/{UNIT}.d/test.conf",
                   f"[Service]\nEnvironment=EKS_ROOT={ROOT} EKS_NVIDIA_TIMEOUT={limit}\n")

        # The generator sees the container's real machine, which has no GPU.
        node.write("etc/eks/nvidia.enabled", "")
        node.user_data(node_config(support.IMAGE.ca))

        return node

    def when(self, node, unit, moment):
        return int(node.show(unit, moment)[moment])


class Nvidia(Machine):
    def test_the_driver_and_its_nodes_are_there_before_containerd(self):
        node = self.machine(DRIVER)
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)
        self.assertEqual(node.file(f"{ROOT}/modprobe.log").read_text().split(), ["nvidia", "nvidia_uvm", "nvidia_modeset"])

        for name in "nvidia0", "nvidiactl", "nvidia-modeset", "nvidia-uvm", "nvidia-uvm-tools":
            self.assertTrue(node.file(f"{ROOT}/dev/{name}").is_char_device(), name)
        self.assertIn("NVreg_CoherentGPUMemoryMode=driver", node.file(f"{ROOT}/run/modprobe.d/50-eks-nvidia.conf").read_text())

        done = self.when(node, UNIT, "ActiveEnterTimestampMonotonic")
        for unit in "containerd.service", "eks-kubelet-args.service", "kubelet.service":
            self.assertLess(done, self.when(node, unit, "InactiveExitTimestampMonotonic"), unit)
        self.assertGreater(self.when(node, "eks-nvidia-clocks.service", "InactiveExitTimestampMonotonic"),
                           self.when(node, "kubelet.service", "ActiveEnterTimestampMonotonic"))

        # Again: nothing is loaded or made, and kubelet runs on.
        kubelet = node.show("kubelet.service", "MainPID")
        node.systemctl("restart", UNIT)
        self.assertActive(node, UNIT, "eks-node.target")
        self.assertEqual(node.show(UNIT, "StatusText")["StatusText"],
                         "the driver is loaded, 5 device nodes exist, 1 file unchanged")
        self.assertEqual(node.show("kubelet.service", "MainPID"), kubelet)

    def test_an_image_with_several_drivers_installs_the_one_for_its_gpu(self):
        """nvidia-module.service runs in its own sandbox, before the driver is loaded."""
        node = self.machine(f"#!/bin/sh\ntest -e {ROOT}/installed || exit 1\n" + DRIVER.partition("\n")[2])
        for flavour in "nvidia", "nvidia-open":
            node.write(f"{ROOT}/var/lib/dkms-archive/{flavour}/README", "")
        node.write(f"{ROOT}/var/lib/dkms/README", "")
        node.write(f"{ROOT}/run/eks/README", "")
        node.write("etc/eks/nvidia-open-supported-devices-580.txt", "0x2330 H100\n")
        node.write(f"{ROOT}/etc/eks/nvidia-open-supported-devices-580.txt", "0x2330 H100\n")
        node.write("usr/bin/kmod-util", KMOD_UTIL)
        (node.root / "usr/bin/kmod-util").chmod(0o755)
        node.write("usr/src/README", "")

        # The step finds its choice below the folder of the GPU.
        node.write("etc/systemd/system/nvidia-module.service.d/test.conf",
                   f"[Unit]\nConditionPathExists=\nConditionPathExists={ROOT}/run/eks/nvidia-module\n"
                   f"[Service]\nEnvironmentFile=\nEnvironmentFile={ROOT}/run/eks/nvidia-module\n")
        node.boot()
        self.assertActive(node, "eks-node.target", UNIT)

        reported = dict(line.split("=", 1) for line in node.file(f"{ROOT}/installed").read_text().splitlines())
        self.assertEqual((reported["words"], reported["modules"], reported["sources"]), ("load nvidia-open", "written", "written"))

        capabilities = int(reported["capabilities"], 16)
        for name, bit in ("CAP_SYS_MODULE", 16), ("CAP_SYS_ADMIN", 21), ("CAP_NET_ADMIN", 12):
            self.assertEqual(capabilities >> bit & 1, 0, name)
        self.assertEqual(reported["interfaces"], "lo")
        self.assertIn("installed the kernel module 'nvidia-open'", node.show(UNIT, "StatusText")["StatusText"])

    def test_a_gpu_without_a_driver_does_not_keep_kubelet_down(self):
        node = self.machine("#!/bin/sh\n")
        node.boot()
        record = self.failure(node, UNIT)
        self.assertEqual(record["EKS_FAILURE"], "nvidia-driver-missing")
        self.assertIn(f"{GPU} (0x2330)", record["MESSAGE"])
        self.assertIn("/etc/eks/nvidia.disabled", record["EKS_REMEDY"])
        self.assertActive(node, "eks-configured.target", "eks-node.target")

        # The driver was installed, and the step is run again.
        node.file("/usr/local/bin/load-driver").write_text(DRIVER)
        node.systemctl("restart", UNIT)
        self.assertActive(node, UNIT)

    def test_a_driver_that_hangs_does_not_keep_kubelet_down(self):
        node = self.machine("#!/bin/sh\nexec sleep infinity\n", limit=2)
        node.boot()
        record = self.failure(node, UNIT)
        self.assertEqual(record["EKS_FAILURE"], "nvidia-driver-hangs")
        self.assertIn("within 2 seconds", record["MESSAGE"])
        self.assertActive(node, "eks-configured.target", "eks-node.target")

    def test_a_machine_that_should_have_a_gpu_and_has_none(self):
        node = self.machine(DRIVER, gpu=False)
        node.boot()
        self.assertEqual(self.failure(node, UNIT)["EKS_FAILURE"], "nvidia-gpu-missing")
        self.assertActive(node, "eks-node.target")
        self.assertFalse(node.file(f"{ROOT}/modprobe.log").exists())

    def test_a_node_without_a_gpu_does_not_know_it(self):
        node = self.booted()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.journal(f"UNIT={UNIT}"), [])
        self.assertNotIn(UNIT, node.show("eks-configured.target", "Wants")["Wants"].split())
