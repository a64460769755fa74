// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "steps/neuron/neuron.hpp"
#include "systemd/manager.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-neuron",
                                .purpose = "load the driver of AWS's Neuron devices",
                                .access = {.reads = {"/dev", "/sys/bus/pci", "/sys/devices", "/sys/module"},
                                        .writes = {},
                                        .asks_manager = true},
                                .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        constexpr std::chrono::seconds usual{30};
                        const auto limit = environment_seconds("EKS_NEURON_TIMEOUT", usual);
                        notify_extend_timeout(static_cast<unsigned>((limit + usual).count()));
                        load_neuron(
                                context, known_devices(context.root()).neuron, start_by_manager(), limit);
                });
}
