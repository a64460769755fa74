// SPDX-License-Identifier: Apache-2.0
#include "config/layer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

std::string Where::text() const
{
        if (line == 0)
                return source;
        return fmt::format("{}, line {}, column {}", source, line, column);
}

std::string key_path(std::string_view parent, std::string_view key)
{
        const bool bare = !key.empty() && std::ranges::all_of(key, [](unsigned char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '/';
        });
        auto name = bare ? std::string(key) : Json(key).dump(-1, ' ', false, Json::error_handler_t::replace);
        return parent.empty() ? name : fmt::format("{}.{}", parent, name);
}

std::string_view describe_user_data(std::string_view text)
{
        constexpr std::string_view gzip_magic = "\x1f\x8b";
        if (trim(text).empty())
                return "is empty";
        if (text.starts_with("#!"))
                return "is a script";
        if (text.starts_with("#cloud-config"))
                return "is a cloud-config";
        if (text.starts_with(gzip_magic))
                return "is compressed with gzip";
        if (text.starts_with("MIME-Version:") || text.starts_with("Content-Type: multipart"))
                return "is a MIME multipart document";
        return "is not a NodeConfig";
}

} // namespace eks
