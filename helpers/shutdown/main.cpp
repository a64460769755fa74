// SPDX-License-Identifier: Apache-2.0
#include "node/shutdown_period.hpp"
#include "offline/verbs.hpp"
#include "shutdown.hpp"

int eks::shutdown_step(int argc, char** argv)
{
        return run_step({.name = "eks-shutdown",
                                .purpose = "let kubelet delay a shutdown for as long as it is configured to",
                                .access = {.reads = {"/run/eks"},
                                        .writes = {"/run/systemd/logind.conf.d"},
                                        .connects = true}}, // D-Bus
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        context.apply(plan_shutdown(node));
                        if (!context.root().prefix().empty())
                                return;
                        Manager manager;
                        take_over_logind(context, manager, other_shutdown_period(node.spec.kubelet.config));
                });
}
