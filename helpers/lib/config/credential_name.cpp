// SPDX-License-Identifier: Apache-2.0
#include "config/credential_name.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace eks {

bool is_credential_name(std::string_view name)
{
        return !name.empty() && !name.starts_with('.') && std::ranges::all_of(name, [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
        });
}

bool is_path_below(std::string_view path, std::span<const std::string_view> directories)
{
        return is_absolute_path(path) && path.find("/../") == path.npos && !path.ends_with('/') &&
               std::ranges::any_of(
                       directories, [&](std::string_view directory) { return path.starts_with(directory); });
}

} // namespace eks
