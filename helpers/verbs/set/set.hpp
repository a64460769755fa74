// SPDX-License-Identifier: Apache-2.0
// eksnode set and unset: keys of the configuration in an admin's drop-in that only they write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"

namespace eks {

// The whole verbs, each with its command line; they return its exit status.
int run_set(int argc, char** argv);
int run_unset(int argc, char** argv);

// Its name sorts after numbered drop-ins.
inline constexpr std::string_view set_path = "/etc/eks/node.d/zz-eksnode-set.toml";

struct Setting {
        std::vector<std::string> parts; // of the key
        std::string key;                // as key_path() writes it
        Json value;
};

// The parts of KEY, checked against the table of keys. Parts with dots in them are quoted, except after a
// map of names to texts, such as node.labels. Throws Error (config_invalid) that names the nearest key.
Setting parse_key(std::string_view text);

// KEY=VALUE. A value is TOML; text needs no quotes. Throws Error (config_invalid, config_syntax, usage).
Setting parse_setting(const std::string& argument);

// Throws Error (config_invalid) if the key is below one that is not a map.
void set_value(Json& tree, const Setting& setting);

const Json* value_at(const Json& tree, const std::vector<std::string>& parts);

// The file of such a tree; "" if it is empty.
std::string render_settings(const Json& tree);

// The present content of the file; an empty map if there is none. Throws Error (config_syntax, file_io).
Json read_settings(const std::string& path);

} // namespace eks
