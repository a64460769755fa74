// SPDX-License-Identifier: Apache-2.0
#include "environment_step.hpp"
#include "offline/verbs.hpp"

int eks::environment_step(int argc, char** argv)
{
        return run_step({.name = "eks-environment",
                                .purpose = "give services the environment variables of the configuration",
                                .access = {.reads = {"/run/eks"},
                                        .writes = {"/run/eks/environment", "/run/systemd/system"},
                                        .asks_manager = true}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        if (!context.root().prefix().empty()) { // as in tests: there is no manager
                                context.apply(plan_environment(node));
                                return;
                        }
                        Manager manager;
                        take_over_environment(context, manager, node);
                });
}
