// SPDX-License-Identifier: Apache-2.0
// The swap of this machine: what the kernel uses, and what eks-swap has turned on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

// Of /proc/swaps.
struct SwapArea {
        std::string path;
        std::uint64_t size = 0; // bytes
        std::uint64_t used = 0;
        bool operator==(const SwapArea&) const = default;
};
std::vector<SwapArea> swap_areas(std::string_view text);
std::vector<SwapArea> swap_areas(const Root& root);

// "/dev/zram0, /swap"
std::string names_of(const std::vector<SwapArea>& areas);

// What eks-swap has been asked for in this boot, and what it has turned on.
inline constexpr std::string_view swap_record_path = "/run/eks/swap";
struct SwapRecord {
        std::string kind; // "zram", "off"; empty: nothing
        std::string path; // empty: it is not on
        bool operator==(const SwapRecord&) const = default;
};
// The path of the file that eks-swap has made on the instance store, for later boots: the configuration may
// not name it then.
inline constexpr std::string_view swap_on_store_path = "/var/lib/eks/swap-on-instance-store";
std::string swap_on_store(const Root& root);

SwapRecord parse_swap_record(std::string_view text);
SwapRecord swap_record(const Root& root);
std::string render_swap_record(const SwapRecord& record);

} // namespace eks
