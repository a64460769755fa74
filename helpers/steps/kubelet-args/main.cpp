// SPDX-License-Identifier: Apache-2.0
#include "base/restart_daemons.hpp"
#include "steps/kubelet-args/kubelet_args.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubelet-args",
                                .purpose = "write kubelet's command line",
                                .access = {.reads = {"/boot", "/etc/ld.so.cache", "/etc/os-release", "/lib",
                                                   "/lib64", "/proc/cpuinfo", "/proc/driver/nvidia",
                                                   "/proc/sys/kernel/osrelease", "/run/eks", "/sys/block",
                                                   "/sys/bus/pci", "/sys/class/dmi", "/sys/class/net",
                                                   "/sys/devices", "/sys/fs/selinux",
                                                   "/sys/module/intel_idle", "/usr/lib", "/usr/lib64"},
                                        .writes = {"/etc/eks/kubelet", "/var/lib/eks"},
                                        .devices = {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2",
                                                "/dev/nvidia3", "/dev/nvidia4", "/dev/nvidia5",
                                                "/dev/nvidia6", "/dev/nvidia7", "/dev/nvidiactl"},
                                        .loads_libraries = true}, // NVML
                                .take_over = restart_if_running({kubelet_unit})},
                argc, argv, [](Context& context) {
                        context.apply(plan_kubelet_args(load_node_inputs(context.root())));
                });
}
