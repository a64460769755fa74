// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "steps/join/join.hpp"
#include "systemd/manager.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_limit{900}; // after which Karpenter replaces a node
constexpr std::chrono::seconds stop_time{5};
constexpr auto joined_target = "eks-joined.target";

void join(Context& context)
{
        // It has stayed active if kubelet was restarted: systemd propagates a stop to it, but no restart.
        const bool of_machine = context.root().prefix().empty();
        if (of_machine)
                Manager().run_job("StopUnit", joined_target, stop_time);

        watch_join(context, environment_seconds("EKS_JOIN_TIMEOUT", default_limit));
        if (of_machine)
                Manager().queue_job("StartUnit", joined_target);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-join",
                        .purpose = "watch the node join the cluster",
                        .access = {.reads = {"/etc/eks/kubelet", "/etc/machine-id", "/run/eks/imds.json",
                                           "/run/eks/node.json", "/run/log/journal", "/var/log/journal"},
                                .writes = {"/run/eks"},
                                .asks_manager = true,
                                .internet = true}, // the metadata service names the role; healthz
                        .connect = connect_to_manager},
                argc, argv, join);
}
