// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-args/kubelet_args.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubelet-args",
                                .purpose = "write kubelet's command line",
                                .access = kubelet_args_access(),
                                .read_by = {kubelet_unit}},
                argc, argv, [](Context& context) {
                        context.apply(plan_kubelet_args(load_node_inputs(context.root())));
                });
}
