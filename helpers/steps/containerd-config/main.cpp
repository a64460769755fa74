// SPDX-License-Identifier: Apache-2.0
#include "base/fs.hpp"
#include "base/restart_daemons.hpp"
#include "containerd/snapshotter.hpp"
#include "steps/containerd-config/containerd_config.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        Access access{.reads = {"/etc/eks", "/proc/cpuinfo", "/proc/sys", "/run/eks", "/sys/bus/pci",
                              "/sys/devices", "/usr/lib/eks", "/usr/share/eks"},
                .writes = {"/etc/containerd", "/var/lib/eks"}};
        // Directories in this list are created, and most machines do not need this one.
        if (exists(std::string(soci_program)) || exists("/etc/soci-snapshotter-grpc"))
                access.writes.push_back("/etc/soci-snapshotter-grpc");
        return run_step({.name = "eks-containerd-config",
                                .purpose = "write containerd's configuration",
                                .access = access,
                                .take_over = restart_if_running({containerd_unit, soci_unit})},
                argc, argv, [](Context& context) {
                        context.apply(plan_containerd_config(
                                load_node_inputs(context.root(), ClusterNeed::as_configured)));
                });
}
