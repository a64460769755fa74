// SPDX-License-Identifier: Apache-2.0
// The keys `swap` and `swapSize`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/local_storage.hpp"

namespace eks {

struct SwapSettings {
        enum class Kind { off, zram, store, file };

        Kind kind = Kind::off;
        std::string name;        // "instance-store"
        unsigned percent = 0;    // of the memory; 0: `bytes` is the size
        std::uint64_t bytes = 0; // 0 with a percentage: no limit
        std::string directory;   // of the file; "" without an instance store
        std::string source;      // for messages: "user data, line 3, column 5"

        bool is_on() const { return kind != Kind::off; }
        bool is_file() const { return kind == Kind::store || kind == Kind::file; }
        // In bytes, on a machine with so much memory.
        std::uint64_t size(std::uint64_t memory) const;
};

// The file of `file` is in this directory.
inline constexpr std::string_view swap_directory = "/var/lib/eks";
inline constexpr std::string_view swap_file_path = "/var/lib/eks/swap";

// Nothing if no layer says anything of swap. Invalid values are added to `problems`.
std::optional<SwapSettings> swap_settings(const Json& tree, const Marks& marks,
        const std::optional<LocalStorage>& storage, Problems& problems);

} // namespace eks
