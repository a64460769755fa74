// SPDX-License-Identifier: Apache-2.0
#include "steps/containerd-config/containerd_config.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-containerd-config",
                                .purpose = "write containerd's configuration",
                                .access = containerd_config_access(),
                                .read_by = {containerd_unit, soci_unit}},
                argc, argv, [](Context& context) {
                        context.apply(plan_containerd_config(
                                load_node_inputs(context.root(), ClusterNeed::as_configured)));
                });
}
