// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia-clocks/nvidia_clocks.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ask_in_child.hpp"
#include "base/text.hpp"
#include "node/nvml.hpp"

namespace eks {

namespace {

// Lists of clocks in MHz are longer with each generation of GPUs; this is several times the longest.
constexpr unsigned most_clocks = 1024;
constexpr unsigned enabled = 1;
constexpr unsigned disabled = 0;

constexpr const char* see_driver =
        "`nvidia-smi -q` and `journalctl -b -k -g NVRM` show the state of the driver";

bool is_unsupported(int status)
{
        return status == Nvml::not_supported || status == Nvml::absent;
}

void check(int status, const char* function, unsigned gpu)
{
        if (status != 0 && !is_unsupported(status))
                throw Error(failure::nvidia_clocks_failed,
                        fmt::format("GPU {}: {} gives {}", gpu, function, status), see_driver);
}

// One line: "GPU 0: 2619 MHz of memory, 1980 MHz of graphics".
std::string set_clocks(const Nvml& nvml, unsigned index)
{
        using Device = Nvml::Device;
        Device device = nullptr;

        const auto found =
                nvml.call<int(unsigned, Device*)>("nvmlDeviceGetHandleByIndex_v2", index, &device);
        if (found != 0)
                throw Error(failure::nvidia_clocks_failed,
                        fmt::format("GPU {}: nvmlDeviceGetHandleByIndex_v2 gives {}", index, found),
                        see_driver);

        check(nvml.call<int(Device, unsigned)>("nvmlDeviceSetPersistenceMode", device, enabled),
                "nvmlDeviceSetPersistenceMode", index);

        std::array<unsigned, most_clocks> clocks{};
        unsigned count = clocks.size();
        auto status = nvml.call<int(Device, unsigned*, unsigned*)>(
                "nvmlDeviceGetSupportedMemoryClocks", device, &count, clocks.data());
        check(status, "nvmlDeviceGetSupportedMemoryClocks", index);

        if (is_unsupported(status) || count == 0)
                return fmt::format("GPU {}: has no clocks to be set", index);

        const auto memory = *std::max_element(clocks.begin(), clocks.begin() + count);
        count = clocks.size();
        status = nvml.call<int(Device, unsigned, unsigned*, unsigned*)>(
                "nvmlDeviceGetSupportedGraphicsClocks", device, memory, &count, clocks.data());
        check(status, "nvmlDeviceGetSupportedGraphicsClocks", index);

        if (is_unsupported(status) || count == 0)
                return fmt::format("GPU {}: has no clocks to be set", index);

        const auto graphics = *std::max_element(clocks.begin(), clocks.begin() + count);

        check(nvml.call<int(Device, unsigned, unsigned)>(
                      "nvmlDeviceSetDefaultAutoBoostedClocksEnabled", device, disabled, 0U),
                "nvmlDeviceSetDefaultAutoBoostedClocksEnabled", index);
        status = nvml.call<int(Device, unsigned, unsigned)>(
                "nvmlDeviceSetApplicationsClocks", device, memory, graphics);
        check(status, "nvmlDeviceSetApplicationsClocks", index);

        if (is_unsupported(status))
                return fmt::format("GPU {}: chooses its clocks itself", index);

        return fmt::format("GPU {}: {} MHz of memory, {} MHz of graphics", index, memory, graphics);
}

std::vector<std::string> set_all(const std::string& path)
{
        const Nvml nvml(path);
        unsigned count = 0;
        if (const auto status = nvml.call<int(unsigned*)>("nvmlDeviceGetCount_v2", &count); status != 0)
                throw Error(failure::nvidia_clocks_failed,
                        fmt::format("nvmlDeviceGetCount_v2 gives {}", status), see_driver);

        std::vector<std::string> done;
        for (unsigned i = 0; i < count; ++i)
                done.push_back(set_clocks(nvml, i));

        return done;
}

} // namespace

void set_nvidia_clocks(Context& context, const std::string& nvml, std::chrono::milliseconds deadline)
{
        context.wait_until(deadline, "the step fails");
        context.awaiting("Waiting for the driver to set the clocks of the GPUs");

        const auto answer = ask_in_child([&] { return set_all(nvml); }, deadline);
        if (!answer.wrong.empty())
                throw Error(failure::nvidia_clocks_failed,
                        fmt::format("the clocks of the GPUs were not set by '{}': {}", nvml, answer.wrong),
                        see_driver);

        for (const auto& line : answer.lines)
                context.did(line, true);
}

} // namespace eks
