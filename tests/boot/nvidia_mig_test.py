# SPDX-License-Identifier: Apache-2.0
"""eks-nvidia-mig with an nvidia-smi that plays a GPU, whose state is below /dev,
where the step may write, and of one boot as that of a real one."""

from devices_test import program
from nvidia_test import DRIVER, Machine

UNIT = "eks-nvidia-mig.service"
TOML = "/etc/eks/node.toml"
LOG = "/dev/gpu/log"
SMI = """\
#!/bin/sh
mkdir -p /dev/gpu
[ -e /dev/gpu/hangs ] && exec sleep infinity
case "$*" in
--query-gpu*) [ -e /dev/gpu/enabled ] && echo '0, Enabled' || echo '0, Disabled' ;;
"-i 0 -mig 1") touch /dev/gpu/enabled; echo "$*" >> /dev/gpu/log ;;
"mig -lgip") echo '|   0  MIG 1g.5gb        19     7/7        4.75       No     14     0     0   |'
        echo '|   0  MIG 3g.20gb        9     2/2        19.62      No     42     2     0   |' ;;
"mig -lgi"|"mig -lci") [ -s /dev/gpu/instances ] || { echo 'No GPU instances found: Not Found'; exit 6; }
        cat /dev/gpu/instances ;;
"mig -dgi -i 0") rm /dev/gpu/instances; echo "$*" >> /dev/gpu/log ;;
"mig -cgi"*) echo "$*" >> /dev/gpu/log
        for kind in $(echo "$3" | tr , ' '); do echo "|   0  MIG $kind          19        9          2:1     |"; done >> /dev/gpu/instances ;;
esac
"""


class Mig(Machine):
    def divided(self, profile, smi=SMI, prepare=lambda node: None):
        node = self.machine(DRIVER)
        prepare(node)
        program(node, "usr/bin/nvidia-smi", smi)
        program(node, "usr/bin/nvidia-ctk", '#!/bin/sh\nmkdir -p /run/cdi\nnvidia-smi mig -lgi > "${3#--output=}"\n')
        node.write(TOML, f'[nvidia.mig]\nprofile = "{profile}"\n')
        node.boot()
        return node

    def test_a_gpu_is_divided_before_kubelet_starts(self):
        node = self.divided("3g.20gb, 1g.5gb:2")
        self.assertActive(node, "eks-node.target", UNIT, "eks-nvidia-cdi.service")
        self.assertEqual(node.file(LOG).read_text(), "-i 0 -mig 1\nmig -cgi 3g.20gb,1g.5gb,1g.5gb -C -i 0\n")
        self.assertLess(self.when(node, UNIT, "ActiveEnterTimestampMonotonic"),
                        self.when(node, "kubelet.service", "InactiveExitTimestampMonotonic"))
        self.assertIn("MIG 3g.20gb", node.file("/run/cdi/nvidia.yaml").read_text())

        # Again: nothing is changed. A change of the key is for the next boot.
        node.systemctl("restart", UNIT)
        self.assertEqual(node.show(UNIT, "StatusText")["StatusText"], "GPU 0: 2 of 1g.5gb, 1 of 3g.20gb")
        self.assertEqual(len(node.file(LOG).read_text().splitlines()), 2)

        node.file(TOML).write_text('[nvidia.mig]\nprofile = "all-1g.5gb"\n')
        self.assertIn("nvidia.mig.profile changes: that takes effect when the machine boots again",
                      node.output("eksnode", "apply"))
        self.assertEqual(len(node.file(LOG).read_text().splitlines()), 2)

    def test_an_unknown_profile_and_a_driver_that_hangs_do_not_keep_kubelet_down(self):
        node = self.divided("all-1g.10gb")
        record = self.failure(node, UNIT)
        self.assertEqual(record["EKS_FAILURE"], "nvidia-mig-invalid")
        self.assertIn(f"{TOML}, line 2, column 1: nvidia.mig.profile: GPU 0 has no profile '1g.10gb'; its profiles are 1g.5gb, 3g.20gb", record["MESSAGE"])
        self.assertActive(node, "eks-node.target")

        node.file("/dev/gpu/hangs").touch()
        node.file(f"/run/systemd/system/{UNIT}.d").mkdir(parents=True)
        node.file(f"/run/systemd/system/{UNIT}.d/limit.conf").write_text("[Service]\nEnvironment=EKS_NVIDIA_TIMEOUT=1\n")
        node.systemctl("daemon-reload")
        self.assertNotEqual(node.call("systemctl", "restart", UNIT).returncode, 0)

        failed = [r for r in node.journal("--unit", UNIT) if r.get("EKS_RESULT") == "failed"][-1]
        self.assertEqual(failed["EKS_FAILURE"], "nvidia-mig-failed")
        self.assertIn("did not end within 1 s", failed["MESSAGE"])
        self.assertActive(node, "eks-node.target")

    def test_a_driver_that_hangs_at_boot_does_not_keep_kubelet_down(self):
        node = self.divided("all-1g.5gb", "#!/bin/sh\ncase $1 in --query-gpu*) exec sleep infinity ;; esac\n", lambda node: node.write(
            f"/etc/systemd/system/{UNIT}.d/limit.conf", "[Service]\nEnvironment=EKS_NVIDIA_TIMEOUT=1\n"))
        self.assertIn("did not end within 1 s", self.failure(node, UNIT)["MESSAGE"])
        self.assertActive(node, "eks-node.target", "kubelet.service")
