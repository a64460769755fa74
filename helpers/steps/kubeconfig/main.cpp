// SPDX-License-Identifier: Apache-2.0
#include "steps/kubeconfig/kubeconfig.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubeconfig",
                                .purpose = "write kubelet's kubeconfig",
                                .access = kubeconfig_access(),
                                .read_by = {kubelet_unit}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root());
                        auto plan = plan_kubeconfig(node);
                        plan.notes = token_program_notes(node);
                        context.apply(plan);
                });
}
