// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "node/node.hpp"
#include "steps/instance-store/machine.hpp"
#include "steps/instance-store/set_up.hpp"
#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{30};
constexpr std::chrono::seconds unit_margin{600}; // for mkfs, and for copies

void use_instance_store(Context& context)
{
        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
        const auto& settings = node.spec.storage.local;
        if (!settings) {
                context.did("the instance store is not configured", false);
                return;
        }

        const auto limit = environment_seconds("EKS_INSTANCE_STORE_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + unit_margin).count()));
        set_up_instance_store(context, *settings, node.facts.instance_id, limit);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-instance-store",
                                .purpose = "make and mount the array of the instance store's disks",
                                .access = {.reads = {"/run/eks"},
                                        .writes = {"/run/eks", "/var/lib/eks"},
                                        .changes = {"/"}, // see confine.cpp
                                        .asks_manager = true,
                                        .administers = true,
                                        .runs_programs = true},
                                .connect = connect_to_manager},
                argc, argv, use_instance_store);
}
