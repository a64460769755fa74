// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/manager.hpp"
#include "base/step.hpp"
#include "node/node.hpp"
#include "steps/instance-store/machine.hpp"
#include "steps/instance-store/set_up.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{30};
constexpr std::chrono::seconds unit_margin{600}; // for mkfs, and for copies

void use_instance_store(Context& context)
{
        const auto document = load_node_document(context.root());
        Problems problems;
        const auto settings = local_storage(document.tree["spec"], document.marks, problems);
        problems.throw_if_any(failure::config_invalid);
        if (!settings) {
                context.did("the instance store is not configured", false);
                return;
        }
        const auto limit = environment_seconds("EKS_INSTANCE_STORE_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + unit_margin).count()));
        set_up_instance_store(
                context, *settings, instance_facts(load_imds(context.root())).instance_id, limit);
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
