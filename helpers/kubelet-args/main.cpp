// SPDX-License-Identifier: Apache-2.0
#include "kubelet_args.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubelet-args",
                                .purpose = "write kubelet's command line",
                                .access = {.reads = {"/run/eks", "/sys/bus/pci", "/sys/devices"},
                                        .writes = {"/etc/eks/kubelet", "/var/lib/eks"}}},
                argc, argv, [](Context& context) {
                        context.apply(plan_kubelet_args(load_node_inputs(context.root())));
                });
}
