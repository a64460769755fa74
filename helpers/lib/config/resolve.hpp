// SPDX-License-Identifier: Apache-2.0
// From the places where configuration may be to the one configuration of this node.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"
#include "config/layer.hpp"

namespace eks {

inline constexpr std::string_view admin_config_path = "/etc/eks/node.toml";
inline constexpr std::string_view user_data_path = "/run/eks/user-data";

inline constexpr std::size_t config_limit = 1U << 20U; // bytes of one document; EC2 user data ends at 16 KiB

// User data as EC2 hands it out. `source` names it in messages.
Layer parse_user_data(std::string_view bytes, const std::string& source);

// A configuration file by its name: *.toml is ours, *.yaml, *.yml and *.json are NodeConfig. `path` is a real path.
Layer load_config_file(const std::string& path);

struct Resolved {
        Layer merged;                   // what won, with the place of each value
        std::vector<std::string> tried; // every source and what it held, for the message when nothing is complete
};

// The layers of a node, in order: admin file, user data. Absent ones are skipped. Throws Error.
Resolved resolve_node_layers(const Root& root);

// The given sources in order: a file, a directory, or "user-data:FILE". Throws Error; a missing one is an Error.
Resolved resolve_sources(const std::vector<std::string>& sources);

// Throws Error (config_missing, config_invalid) naming everything that is missing or wrong.
void validate(const Resolved& resolved);

} // namespace eks
