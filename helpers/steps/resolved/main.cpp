// SPDX-License-Identifier: Apache-2.0
#include "steps/resolved/resolved.hpp"
#include "systemd/manager.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-resolved",
                        .purpose = "give systemd-resolved the node's name servers and search domains",
                        .access = resolved_access(),
                        .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        context.apply(
                                plan_resolved(load_node_inputs(context.root(), ClusterNeed::as_configured)));
                        Manager manager;
                        take_over_resolved(context, manager);
                });
}
