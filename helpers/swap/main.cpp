// SPDX-License-Identifier: Apache-2.0
#include "node/memory.hpp"
#include "node/node.hpp"
#include "offline/verbs.hpp"
#include "swap.hpp"

int eks::swap_step(int argc, char** argv)
{
        return run_step({.name = "eks-swap",
                                .purpose = "turn on the configured swap, or turn swap off",
                                .access = {.reads = {"/run/eks"},
                                        .writes = {"/run/eks", "/var/lib/eks"},
                                        .changes = {"/"}, // the instance store may be mounted anywhere
                                        .asks_manager = true,
                                        .swaps = true}},
                argc, argv, [](Context& context) {
                        const auto& root = context.root();
                        const auto node = load_node_inputs(root, ClusterNeed::as_configured);
                        const auto& swap = node.spec.host.swap;
                        // On a large machine, counting takes time.
                        const bool needs_memory = swap && swap->is_on() && swap->percent > 0;
                        set_up_swap(context, swap, needs_memory ? online_memory_mib(root) << 20U : 0,
                                start_by_manager(), swap_calls_of_kernel());
                });
}
