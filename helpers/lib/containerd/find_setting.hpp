// SPDX-License-Identifier: Apache-2.0
// Which row of the table of settings a path of a configuration belongs to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/setting_table.hpp"
#include "document/layer.hpp"

namespace eks {

using SettingPath = std::vector<std::string>;

// A row with its two sides as paths, "*" and "..." as they stand there.
struct SettingPatterns {
        const SettingRow* row;
        SettingPath two;
        SettingPath three;
};

struct FoundSetting {
        const SettingPatterns* patterns;
        SettingPath wild; // what "*" and "..." stand for, in order
};

// `side` is &SettingPatterns::two or three.
std::optional<FoundSetting> find_setting(const SettingPath& path, SettingPath SettingPatterns::*side);

// A pattern with that in the places of "*" and "...".
SettingPath fill(const SettingPath& pattern, const SettingPath& wild);

// What is wrong with the shape of a path that no row has: "must be a table" where others are known below it,
// or what a known setting above it must be, to which the path is cut.
std::string_view wrong_shape(SettingPath& path);

// Whether the table has a setting of that plugin.
bool is_known_plugin(const std::string& id);

} // namespace eks
