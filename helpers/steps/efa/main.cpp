// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "steps/efa/efa.hpp"
#include "systemd/manager.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-efa",
                        .purpose = "load the driver of Elastic Fabric Adapters, set huge pages aside",
                        .access = {.reads = {"/proc/meminfo", "/sys/bus/pci", "/sys/devices", "/sys/module"},
                                .writes = {},
                                .devices = {"/sys/kernel/mm/hugepages"},
                                .asks_manager = true},
                        .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        constexpr std::chrono::seconds usual{30};
                        const auto limit = environment_seconds("EKS_EFA_TIMEOUT", usual);
                        notify_extend_timeout(static_cast<unsigned>((limit + usual).count()));
                        load_efa(context, known_devices(context.root()).efa, start_by_manager(), limit);
                        set_huge_pages(context);
                });
}
