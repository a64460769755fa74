// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "node/shutdown_period.hpp"
#include "steps/shutdown/shutdown.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        std::optional<Logind> logind;

        return run_step({.name = "eks-shutdown",
                                .purpose = "let kubelet delay a shutdown for as long as it is configured to",
                                .access = shutdown_access(),
                                .connect = [&] { logind.emplace(); }},
                argc, argv, [&](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        context.apply(plan_shutdown(node));
                        if (logind)
                                take_over_logind(
                                        context, *logind, other_shutdown_period(node.spec.kubelet.config));
                });
}
