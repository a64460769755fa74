// SPDX-License-Identifier: Apache-2.0
// Node configuration as it comes from one place, whatever its format: a tree in the shape of NodeConfig's spec,
// and for every key the line it stands on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/step.hpp"

namespace eks {

using Json = nlohmann::json;

struct Where {
        std::string source; // "/etc/eks/node.toml", "user data"
        int line = 0;       // from 1; 0 is unknown
        int column = 0;

        std::string text() const; // "user data, line 3, column 5"
        bool operator==(const Where&) const = default;
};

// Key path ("kubelet.config.evictionHard.\"memory.available\"") to place.
using Marks = std::map<std::string, Where>;

struct Layer {
        std::string source;
        Json tree = Json::object();
        Marks marks;
        std::vector<Note> notes; // what was ignored, and why
};

// "parent.key"; a key with dots or blanks is quoted.
std::string key_path(std::string_view parent, std::string_view key);

// A NodeConfig document, YAML or JSON, as `kind: NodeConfig` of node.eks.aws/v1alpha1. Unknown fields are noted.
// Throws Error (config_syntax, config_invalid) with line and column.
Layer parse_node_config(std::string_view text, const std::string& source);

// Our TOML: the keys of NodeConfig's spec at the top level. Unknown keys are an Error that names the nearest known one.
Layer parse_node_toml(std::string_view text, const std::string& source);

// What user data is, by its first bytes; for a message when it is not what we can read.
std::string_view describe_user_data(std::string_view text);

} // namespace eks
