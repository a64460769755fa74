// SPDX-License-Identifier: Apache-2.0
#include "base/restart_daemons.hpp"
#include "steps/kubeconfig/kubeconfig.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubeconfig",
                                .purpose = "write kubelet's kubeconfig",
                                .access = {.reads = {"/run/eks", "/usr/share/eks"},
                                        .writes = {"/var/lib/kubelet", "/var/lib/eks"}},
                                .take_over = restart_if_running({kubelet_unit})},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root());
                        auto plan = plan_kubeconfig(node);
                        plan.notes = token_program_notes(node);
                        context.apply(plan);
                });
}
