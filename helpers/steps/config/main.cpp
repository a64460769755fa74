// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "steps/config/await_call.hpp"
#include "steps/config/config.hpp"
#include "systemd/manager.hpp"
#include "systemd/start_unit.hpp"

namespace {

using namespace eks;

// The directory of eks-retry.service, which stays: a step has failed in this boot.
constexpr std::string_view failed_before = "/run/eks/done/eks-retry";

// They were skipped if this step had failed, and only udev would start them. They wait for this step to end.
void start_interfaces(Context& context, Manager& manager)
{
        try {
                start_skipped_interfaces(manager);
        } catch (const Error& e) {
                context.log().warning(fmt::format(
                        "eks-interface@ is not started for network interfaces that were skipped before: {}, "
                        "proceeding",
                        e.what()));
        }
}

} // namespace

int main(int argc, char** argv)
{
        std::optional<ScriptsObserver> observer;
        std::optional<Manager> manager; // only after a failure

        return run_step({.name = "eks-config",
                                .purpose = "merge, validate and resolve the node's configuration",
                                .access = config_access(),
                                .connect =
                                        [&] {
                                                observer.emplace();
                                                if (exists(std::string(failed_before)))
                                                        manager.emplace();
                                        },
                                .reports_confinement = !exists(std::string(node_path))}, // once a boot
                argc, argv, [&](Context& context) {
                        const auto& root = context.root();
                        auto resolved = resolve_node_layers(root);
                        if (observer && awaits_call(resolved)) {
                                const StepPlan remarks{.notes = resolved.merged.notes};
                                context.apply(remarks); // they may say why no call will come
                                resolved = await_call(context, *observer);
                                std::erase_if(resolved.merged.notes, [&](const Note& note) {
                                        return std::ranges::count(remarks.notes, note.text, &Note::text) > 0;
                                });
                        }

                        context.apply(plan_config(root, std::move(resolved), load_imds(root),
                                {.kubelet = kubelet_version(root), .containerd = containerd_version(root)})
                                              .plan);

                        if (manager)
                                start_interfaces(context, *manager);
                });
}
