// SPDX-License-Identifier: Apache-2.0
#include "base/manager.hpp"
#include "steps/kubelet-edits/kubelet_edits.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-kubelet-edits",
                        .purpose = "apply the changes in kubelet-config.json",
                        // All that the steps read whose files it plans again; tests/lint/access.py compares.
                        .access = {.reads = {"/boot", "/etc/containerd", "/etc/credstore", "/etc/eks",
                                           "/etc/gai.conf", "/etc/host.conf", "/etc/hosts",
                                           "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/os-release",
                                           "/etc/pki", "/etc/resolv.conf", "/etc/ssl", "/etc/sysctl.conf",
                                           "/etc/sysctl.d", "/lib", "/lib64", "/opt", "/proc/1",
                                           "/proc/cmdline", "/proc/cpuinfo", "/proc/driver/nvidia",
                                           "/proc/meminfo", "/proc/swaps", "/proc/sys", "/run/credentials",
                                           "/run/credstore", "/run/sysctl.d", "/run/systemd", "/sys",
                                           "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/share",
                                           "/usr/share", "/var/lib/kubelet"},
                                .writes = {"/etc/kubernetes", "/run/eks", "/var/lib/eks"},
                                .devices = {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2", "/dev/nvidia3",
                                        "/dev/nvidia4", "/dev/nvidia5", "/dev/nvidia6", "/dev/nvidia7",
                                        "/dev/nvidiactl"},
                                .asks_manager = true,
                                .loads_libraries = true},
                        .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        Manager manager;
                        take_over_kubelet_edits(context, manager);
                });
}
