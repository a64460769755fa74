// SPDX-License-Identifier: Apache-2.0
// Finds the row of the table of settings for a path of a configuration.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/setting_table.hpp"
#include "document/layer.hpp"

namespace eks {

using SettingPath = std::vector<std::string>;

// A row with its two sides as paths, including "*" and "...".
struct SettingPatterns {
        const SettingRow* row;
        SettingPath two;
        SettingPath three;
};

struct FoundSetting {
        const SettingPatterns* patterns;
        SettingPath wild; // what "*" and "..." stand for, in order
};

// The place in schema 3 of a setting that schema 4 has in another one; other paths stay.
SettingPath without_schema_4(const SettingPath& path);

// `side` is &SettingPatterns::two or three.
std::optional<FoundSetting> find_setting(const SettingPath& path, SettingPath SettingPatterns::*side);

// A pattern with these parts in place of "*" and "...".
SettingPath fill(const SettingPath& pattern, const SettingPath& wild);

// The error text for the shape of a path that is in no row: "must be a table" if settings below it are
// known, or the required type of a known setting above it, to which the path is cut.
std::string_view wrong_shape(SettingPath& path);

// "; did you mean '…'?" for the first part of an unknown path that is in no row, or nothing.
std::string nearest_setting(const SettingPath& path);

// Whether the table has a setting of that plugin.
bool is_known_plugin(const std::string& id);

} // namespace eks
