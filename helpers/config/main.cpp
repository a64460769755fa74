// SPDX-License-Identifier: Apache-2.0
#include "await_call.hpp"
#include "config.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-config",
                        .purpose = "merge, validate and resolve the node's configuration",
                        .access = {.reads = {"/etc/containerd", "/etc/eks", "/etc/hosts", "/etc/kubernetes",
                                           "/usr/lib/eks", "/usr/share/eks", "/run/eks", "/var/lib/eks",
                                           "/proc/cmdline", "/proc/meminfo", "/proc/sys/crypto", "/proc/1",
                                           "/sys/devices/system"},
                                .writes = {"/run/eks"},
                                .runs_programs = true, // runs a daemon that has no version file
                                .connects = true}},    // the manager knows whether scripts still run
                argc, argv, [](Context& context) {
                        const auto& root = context.root();
                        auto resolved = resolve_node_layers(root);
                        if (root.prefix().empty() && awaits_call(resolved))
                                resolved = await_call(context);
                        context.apply(plan_config(root, std::move(resolved), load_imds(root),
                                {.kubelet = kubelet_version(root), .containerd = containerd_version(root)})
                                              .plan);
                });
}
