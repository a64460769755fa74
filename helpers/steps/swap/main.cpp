// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/confine_writes.hpp"
#include "node/memory.hpp"
#include "node/node.hpp"
#include "steps/swap/swap.hpp"
#include "systemd/manager.hpp"
#include "systemd/swaps.hpp"

namespace {

using namespace eks;

// The zram device, and the directories of the present file and of an earlier one.
void confine_to(const Context& context, const std::optional<SwapSettings>& settings)
{
        std::vector<std::string> written{"/dev", "/run/eks", "/sys", std::string(swap_directory)};
        if (settings && !settings->directory.empty())
                written.push_back(settings->directory);
        for (const auto& area : swap_areas(context.root())) // swapoff() opens it for writing
                written.push_back(area.path);

        for (const auto& path : {swap_record(context.root()).path, swap_on_store(context.root())})
                if (path.ends_with("/swap"))
                        written.push_back(path.substr(0, path.rfind('/')));

        if (const auto missing = confine_writes(written); !missing.empty())
                context.log().write(Level::debug, missing);
}

void use_swap(Context& context)
{
        const auto& root = context.root();
        const auto node = load_node_inputs(root, ClusterNeed::as_configured);

        const auto& swap = node.spec.host.swap;
        if (root.prefix().empty())
                confine_to(context, swap);

        context.log().debug(swap ? fmt::format("swap is '{}' ({})", swap->name, swap->source)
                                 : "swap is not set: what an earlier boot turned on is turned off");

        // On a large machine, counting takes time.
        const bool needs_memory = swap && swap->is_on() && swap->percent > 0;
        set_up_swap(context, swap, needs_memory ? online_memory_mib(root) << 20U : 0, start_by_manager(),
                swap_calls_of_kernel());
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-swap",
                                .purpose = "turn on the configured swap, or turn swap off",
                                .access = {.reads = {"/run/eks"},
                                        .writes = {"/run/eks", "/var/lib/eks"},
                                        .changes = {"/"}, // the instance store may be mounted anywhere
                                        .asks_manager = true,
                                        .swaps = true},
                                .connect = connect_to_manager},
                argc, argv, use_swap);
}
