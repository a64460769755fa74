// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "node/node.hpp"
#include "steps/nvidia-mig/nvidia_mig.hpp"

namespace {

using namespace eks;

constexpr const char* nvidia_smi = "/usr/bin/nvidia-smi";
constexpr std::chrono::seconds default_timeout{120};
constexpr std::chrono::seconds unit_margin{10};

void divide(Context& context)
{
        const auto limit = environment_seconds("EKS_NVIDIA_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + unit_margin).count()));
        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);

        const auto& profile = node.spec.host.mig;
        if (!profile)
                return context.did("nvidia.mig.profile is not set: the GPUs stay as they are", false);

        const auto program = context.root()(nvidia_smi);
        if (!exists(program))
                throw Error(failure::nvidia_mig_failed, fmt::format("'{}' is not installed", nvidia_smi),
                        "Use an image that has NVIDIA's tools, or remove nvidia.mig.profile");

        divide_gpus(
                context, *profile,
                [&](const std::vector<std::string>& arguments, std::chrono::milliseconds left) {
                        std::vector<std::string> command{program};
                        command.insert(command.end(), arguments.begin(), arguments.end());
                        return run_program(command, left);
                },
                limit);
}

} // namespace

int main(int argc, char** argv)
{
        // nvidia-smi opens the GPUs' nodes and makes those of instances; the driver lets only a process with
        // CAP_SYS_ADMIN divide a GPU.
        return run_step({.name = "eks-nvidia-mig",
                                .purpose = "divide NVIDIA's GPUs into instances",
                                .access = {.reads = {"/dev", "/run/eks", "/run/nvidia-persistenced"},
                                        .writes = {},
                                        .changes = {"/dev"},
                                        .administers = true,
                                        .runs_programs = true,
                                        .changes_attributes = true,
                                        .connects = true,
                                        .makes_devices = true}},
                argc, argv, divide);
}
