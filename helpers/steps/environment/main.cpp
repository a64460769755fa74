// SPDX-License-Identifier: Apache-2.0
#include "steps/environment/api_server.hpp"
#include "steps/environment/environment_step.hpp"
#include "systemd/daemons.hpp"
#include "systemd/manager.hpp"

namespace {

using namespace eks;
using namespace std::chrono_literals;

// What is reached without the proxy depends on the cluster. eks-cluster has a time limit of its own.
NodeInputs load_when_known(Context& context, Manager& manager)
{
        auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
        if (!node.spec.host.proxy.is_given() || !node.lacks_cluster)
                return node;

        constexpr auto asks = "eks-cluster.service";
        constexpr auto again = 10s;

        // eks-cluster waits for a cluster that is being created for at most 20 min; more is of something
        // else.
        constexpr auto limit = 30min;
        const auto end = std::chrono::steady_clock::now() + limit;
        context.wait_until(limit, "the step fails");
        context.awaiting("Waiting for eks-cluster: the API server may have to be reached without the proxy");

        while (!manager.wait_for_job(asks, again) && std::chrono::steady_clock::now() < end)
                notify_extend_timeout(3 * static_cast<unsigned>(again.count()));

        return load_node_inputs(context.root());
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-environment",
                                .purpose = "give services the environment variables of the configuration",
                                .access = environment_access(),
                                .connect = connect_to_manager,
                                // The others of the variables are restarted by the step itself.
                                .read_by = {containerd_unit, kubelet_unit, soci_unit}},
                argc, argv, [](Context& context) {
                        if (!context.root().prefix().empty()) { // as in tests: there is no manager
                                context.apply(plan_environment(load_node_inputs(context.root())));
                                return;
                        }

                        Manager manager;
                        const auto node = load_when_known(context, manager);
                        context.apply(look_api_server_up(node));
                        take_over_environment(context, manager, node);
                });
}
