// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-config/checkpoints.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-kubelet-config",
                                .purpose = "write kubelet's configuration file and the user's drop-in",
                                .access = kubelet_config_access(),
                                .read_by = {kubelet_unit}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root());
                        drop_foreign_checkpoints(context, node.facts);
                        context.apply(plan_kubelet_config(node));
                });
}
