// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "steps/nvidia/nvidia.hpp"
#include "systemd/manager.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{60};
constexpr std::chrono::seconds unit_margin{10};

void set_up_driver(Context& context)
{
        const auto limit = environment_seconds("EKS_NVIDIA_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + unit_margin).count()));

        const auto gpus = known_devices(context.root()).nvidia_gpus;
        if (!gpus.empty())
                context.apply(plan_nvidia(context.root(), gpus));
        load_nvidia(context, gpus, start_by_manager(), limit);
        make_nvidia_nodes(context);
        check_nvidia_gpus(context, gpus);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-nvidia",
                        .purpose = "load the driver of NVIDIA's GPUs and make its device nodes",
                        .access = {.reads = {"/etc/eks", "/lib/modules", "/proc/devices", "/proc/driver",
                                           "/proc/sys/kernel/osrelease", "/sys/bus/pci", "/sys/class/dmi",
                                           "/sys/devices", "/sys/module", "/usr/lib/modules",
                                           "/var/lib/dkms", "/var/lib/dkms-archive"},
                                .writes = {"/run/eks", "/run/modprobe.d"},
                                .asks_manager = true,
                                .makes_devices = true},
                        .connect = connect_to_manager},
                argc, argv, set_up_driver);
}
