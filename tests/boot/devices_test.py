# SPDX-License-Identifier: Apache-2.0
"""What a node with devices has beside its driver: clocks and CDI of GPUs after kubelet, Neuron devices, fabric adapters.

eks-nvidia-clocks calls a library of NVIDIA's name; the others see sysfs and /proc below a folder."""

from node import TESTS, node_config, run
import support
from nvidia_test import DRIVER, GPU, Machine
from support import BootTest

ROOT = "/srv/devices"
PAGES = f"{ROOT}/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PERSISTENCED = "[Service]\nExecStart=/usr/bin/nvidia-persistenced\n"


def program(node, path, text):
    node.write(path, text)
    (node.root / path).chmod(0o755)


def with_persistenced(node):
    program(node, "usr/bin/nvidia-persistenced", "#!/bin/sh\nexec sleep infinity\n")
    node.write("etc/systemd/system/nvidia-persistenced.service", PERSISTENCED)
    node.link("etc/systemd/system/multi-user.target.wants/nvidia-persistenced.service", "../nvidia-persistenced.service")


def with_clocks(node):
    (node.root / "usr/lib64").mkdir(exist_ok=True)
    run("g++", "-std=c++20", "-shared", "-fPIC", "-o", node.root / "usr/lib64/libnvidia-ml.so.1",
        TESTS / "unit/node/fake_nvml.cpp")


class AfterKubelet(Machine):
    def test_clocks_persistence_and_cdi_after_kubelet(self):
        node = self.machine(DRIVER)
        with_persistenced(node)
        program(node, "usr/bin/nvidia-ctk", '#!/bin/sh\nmkdir -p /run/cdi\necho "$@" > "${3#--output=}"\n'
                'touch /usr/escaped /etc/escaped\ntrue\n')
        with_clocks(node)
        node.boot()
        self.assertActive(node, "eks-node.target", "eks-nvidia.service", "nvidia-persistenced.service")
        self.assertActive(node, "eks-nvidia-clocks.service", "nvidia-cdi.service")
        self.assertEqual(node.show("eks-nvidia-clocks.service", "StatusText")["StatusText"],
                         "GPU 0: 6251 MHz of memory, 1710 MHz of graphics, GPU 1: chooses its clocks itself")
        self.assertEqual(node.file("/run/cdi/nvidia.yaml").read_text(), "cdi generate --output=/run/cdi/nvidia.yaml\n")

        for folder in "usr", "etc":
            self.assertFalse(node.file(f"/{folder}/escaped").exists(), "nvidia-ctk is not confined")
        kubelet = self.when(node, "kubelet.service", "ActiveEnterTimestampMonotonic")

        for unit in "nvidia-persistenced.service", "eks-nvidia-clocks.service", "nvidia-cdi.service":
            self.assertGreater(self.when(node, unit, "InactiveExitTimestampMonotonic"), kubelet, unit)

    def test_a_failure_to_write_the_cdi_specification_is_reported(self):
        node = self.machine(DRIVER)
        program(node, "usr/bin/nvidia-ctk", "#!/bin/sh\necho 'no NVML' >&2\nexit 4\n")
        node.boot()
        self.assertActive(node, "eks-node.target")

        record = self.failure(node, "eks-nvidia-cdi.service")
        self.assertEqual(record["EKS_FAILURE"], "nvidia-cdi-failed")
        self.assertIn("nvidia-ctk failed with status 4", record["MESSAGE"])
        self.assertIn("journalctl -b -u nvidia-cdi", record["EKS_REMEDY"])

        # Repaired, and run again as the catalog says.
        program(node, "usr/bin/nvidia-ctk", '#!/bin/sh\nmkdir -p /run/cdi\necho "$@" > "${3#--output=}"\n')
        node.systemctl("restart", "eks-nvidia-cdi")
        self.assertActive(node, "eks-nvidia-cdi.service", "nvidia-cdi.service")

    def test_without_its_driver_a_gpu_has_no_clocks(self):
        node = self.machine("#!/bin/sh\n")
        node.boot()
        self.assertActive(node, "eks-node.target")
        for unit in "eks-nvidia-clocks.service", "nvidia-cdi.service":
            self.assertEqual(node.show(unit, "ActiveState", "ConditionResult"),
                             {"ActiveState": "inactive", "ConditionResult": "no"})

    def test_the_same_image_without_a_gpu(self):
        node = self.node()
        with_persistenced(node)
        node.boot()
        self.assertActive(node, "eks-node.target")
        self.assertEqual(node.show("nvidia-persistenced.service", "ActiveState", "ConditionResult"),
                         {"ActiveState": "inactive", "ConditionResult": "no"})
        self.assertEqual(node.journal("UNIT=eks-nvidia-clocks.service"), [])


class Amazon(BootTest):
    """Neuron devices and Elastic Fabric Adapters."""

    def machine(self, kind, device, effect, limit=30):
        node = self.node()
        for name, text in {"vendor": "0x1d0f", "device": device}.items():
            node.write(f"{ROOT}/sys/bus/pci/devices/{GPU}/{name}", text + "\n")
        for folder in "dev", "sys/devices", "sys/module":
            node.write(f"{ROOT}/{folder}/README", "")
        node.write(f"{ROOT}/proc/meminfo", "MemTotal:       134217728 kB\n")
        node.write(PAGES, "0\n")
        program(node, "usr/local/bin/load-driver", f"#!/bin/sh\ncd {ROOT}\nsleep 1\n{effect}\n")
        node.write(f"etc/systemd/system/modprobe@{kind}.service.d/test.conf",
                   "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=-/usr/local/bin/load-driver\n")
        node.write(f"etc/systemd/system/eks-{kind}.service.d/test.conf",
                   f"[Service]\nEnvironment=EKS_ROOT={ROOT} EKS_{kind.upper()}_TIMEOUT={limit}\n")
        node.write(f"etc/eks/{kind}.enabled", "")
        node.user_data(node_config(support.IMAGE.ca))
        node.boot()
        self.assertActive(node, "eks-node.target")

        return node

    def before(self, node, step, unit):
        moments = [int(node.show(u, m)[m]) for u, m in ((step, "ActiveEnterTimestampMonotonic"),
                                                        (unit, "InactiveExitTimestampMonotonic"))]
        self.assertLess(*moments)

    def test_an_adapter_has_its_driver_and_huge_pages_before_kubelet(self):
        node = self.machine("efa", "0xefa2", "mkdir sys/module/efa")
        self.assertActive(node, "eks-efa.service")
        self.assertEqual(node.file(PAGES).read_text(), "4096\n")

        self.before(node, "eks-efa.service", "containerd.service")
        self.assertEqual(node.show("containerd.service", "LimitMEMLOCK")["LimitMEMLOCK"], "infinity")

        node.systemctl("restart", "eks-efa.service")
        self.assertEqual(node.show("eks-efa.service", "StatusText")["StatusText"],
                         "found the driver, 4096 huge pages are set aside")

    def test_an_adapter_whose_driver_hangs(self):
        node = self.machine("efa", "0xefa2", "exec sleep infinity", limit=2)
        self.assertEqual(self.failure(node, "eks-efa.service")["EKS_FAILURE"], "efa-driver-failed")

    def test_neuron_devices_are_there_before_containerd(self):
        node = self.machine("neuron", "0x7264", "mkdir sys/module/neuron; touch dev/neuron0 dev/neuron1")
        self.assertActive(node, "eks-neuron.service")
        self.assertEqual(node.show("eks-neuron.service", "StatusText")["StatusText"], "loaded the driver; 2 device nodes")
        self.before(node, "eks-neuron.service", "containerd.service")

    def test_neuron_devices_without_a_driver(self):
        node = self.machine("neuron", "0x7264", ":")
        record = self.failure(node, "eks-neuron.service")
        self.assertEqual(record["EKS_FAILURE"], "neuron-driver-failed")
        self.assertIn("/etc/eks/neuron.disabled", record["EKS_REMEDY"])

    def test_a_node_without_them_does_not_know_them(self):
        node = self.booted()
        for unit in "eks-efa.service", "eks-neuron.service":
            self.assertEqual(node.journal(f"UNIT={unit}"), [])
        self.assertNotEqual(node.show("containerd.service", "LimitMEMLOCK")["LimitMEMLOCK"], "infinity")
