// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia-clocks/nvidia_clocks.hpp"

#include <fmt/format.h>

#include "node/nvml.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds deadline{60}; // below TimeoutStartSec=; eight GPUs take some
constexpr unsigned most_gpus = 16;

std::vector<std::string> devices()
{
        std::vector<std::string> paths{"/dev/nvidiactl", "/dev/nvidia-modeset"};
        for (unsigned i = 0; i < most_gpus; ++i)
                paths.push_back(fmt::format("/dev/nvidia{}", i));
        return paths;
}

void set_clocks(Context& context)
{
        const auto nvml = nvml_library(context.root());
        if (nvml.empty())
                return context.did("libnvidia-ml.so.1 is not installed: the clocks stay as they are", false);
        set_nvidia_clocks(context, nvml, deadline);
}

} // namespace

int main(int argc, char** argv)
{
        // The driver lets only a process with CAP_SYS_ADMIN change a GPU, and the daemon for persistence is
        // asked by its socket.
        return run_step({.name = "eks-nvidia-clocks",
                                .purpose = "let NVIDIA's GPUs run at their highest clocks",
                                .access = {.reads = {"/etc/ld.so.cache", "/lib", "/lib64", "/proc", "/sys",
                                                   "/usr/lib", "/usr/lib64"},
                                        .writes = {},
                                        .devices = devices(),
                                        .administers = true,
                                        .loads_libraries = true,
                                        .connects = true}},
                argc, argv, set_clocks);
}
