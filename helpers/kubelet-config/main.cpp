// SPDX-License-Identifier: Apache-2.0
#include "kubelet_config.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubelet-config",
                                .purpose = "write kubelet's configuration file and the user's drop-in",
                                .access = {.reads = {"/proc/meminfo", "/run/eks", "/sys/devices/system",
                                                   "/sys/fs/cgroup", "/usr/share/eks"},
                                        .writes = {"/etc/kubernetes/kubelet", "/var/lib/eks"}}},
                argc, argv, [](Context& context) {
                        context.apply(plan_kubelet_config(load_node_inputs(context.root())));
                });
}
