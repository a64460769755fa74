// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia-cdi/nvidia_cdi.hpp"
#include "systemd/manager.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        constexpr std::chrono::seconds deadline{130}; // above TimeoutStartSec= of nvidia-cdi.service

        return run_step({.name = "eks-nvidia-cdi",
                                .purpose = "have the CDI specification of NVIDIA's GPUs written",
                                .access = {.reads = {}, .writes = {}, .asks_manager = true},
                                .connect = connect_to_manager},
                argc, argv, [&](Context& context) {
                        Manager manager;
                        write_cdi(context, manager, deadline);
                });
}
