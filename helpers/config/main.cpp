// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "await_call.hpp"
#include "base/fs.hpp"
#include "config.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        std::optional<ScriptsObserver> observer;
        return run_step(
                {.name = "eks-config",
                        .purpose = "merge, validate and resolve the node's configuration",
                        .access = {.reads = {"/etc/containerd", "/etc/eks", "/etc/hosts", "/etc/kubernetes",
                                           "/usr/lib/eks", "/usr/share/eks", "/run/eks", "/var/lib/eks",
                                           "/proc/cmdline", "/proc/meminfo", "/proc/sys/crypto", "/proc/1",
                                           "/sys/devices/system"},
                                .writes = {"/run/eks"},
                                .runs_programs = true}, // runs a daemon that has no version file
                        .connect = [&] { observer.emplace(); },
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
                });
}
