// SPDX-License-Identifier: Apache-2.0
#include "containerd_config.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-containerd-config",
                        .purpose = "write containerd's configuration",
                        .access = {.reads = {"/etc/eks", "/proc/cpuinfo", "/proc/sys", "/run/eks",
                                           "/sys/bus/pci", "/sys/devices", "/usr/lib/eks", "/usr/share/eks"},
                                .writes = {"/etc/containerd", "/var/lib/eks"}}},
                argc, argv, [](Context& context) {
                        context.apply(plan_containerd_config(load_node_inputs(context.root())));
                });
}
