// SPDX-License-Identifier: Apache-2.0
#include "steps/trust/trust.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-trust",
                                .purpose = "put the node's certificates into the system's store",
                                .access = trust_access(),
                                .read_by = {containerd_unit, docker_unit, soci_unit}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        const auto plan = plan_trust(node);
                        update_store(context, plan.certificates);
                        context.apply(plan.step);
                });
}
