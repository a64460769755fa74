// SPDX-License-Identifier: Apache-2.0
// eks-swap: turns on the swap of the key `swap`, or turns all swap off.
// Reads: /run/eks/node.json, /proc/swaps, /proc/meminfo, /sys. Writes: /run/eks/swap, a zram device or a
// file, whose first page describes it. Again: swap that is on stays on; a file of an earlier boot is used
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "config/swap_settings.hpp"
#include "steps/swap/header.hpp"
#include "systemd/start_unit.hpp"
#include "systemd/step.hpp"

namespace eks {

// What only a kernel does.
struct SwapCalls {
        std::function<int(const std::string& path, int flags)> on; // errno, or 0
        std::function<int(const std::string& path)> off;
        std::function<std::string(const std::string& directory)> filesystem; // "xfs"; "" one not named here
        std::function<bool(const std::string& directory)> is_mount_point;
};
SwapCalls swap_calls_of_kernel();

// Turn on what the settings say, and off what an earlier run with other settings has turned on. Nothing or
// `off` in the settings: see eks-swap.service(8). `memory` is the machine's, in bytes.
// Throws Error: swap_failed, manager_unreachable, file_io.
void set_up_swap(Context& context, const std::optional<SwapSettings>& settings, std::uint64_t memory,
        const StartUnit& start, const SwapCalls& calls);

} // namespace eks
