// SPDX-License-Identifier: Apache-2.0
#include "node/image_name.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr std::size_t name_limit = 1024; // bytes; registries take 255 for the path and 128 for the tag

bool is_plain(std::string_view text, std::string_view also)
{
        return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
                return std::isalnum(c) || also.find(static_cast<char>(c)) != also.npos;
        });
}

} // namespace

ImageName parse_image_name(std::string_view text)
{
        ImageName name;
        auto rest = text;
        const auto slash = rest.find('/');
        const auto first = rest.substr(0, slash);
        if (slash != rest.npos && (first.find_first_of(".:") != first.npos || first == "localhost")) {
                name.host = first;
                rest.remove_prefix(slash + 1);
        } else {
                name.host = "docker.io";
        }
        const auto digest = rest.find('@');
        const auto colon = rest.substr(0, digest).rfind(':');
        const auto end = std::min({digest, colon, rest.size()});
        name.path = rest.substr(0, end);
        name.suffix = rest.substr(end);
        const auto tag = colon == rest.npos ? std::string_view() : rest.substr(0, digest).substr(colon + 1);
        const auto hash = digest == rest.npos ? std::string_view() : rest.substr(digest + 1);

        const bool path_is_lower =
                std::ranges::none_of(name.path, [](unsigned char c) { return std::isupper(c); });
        if (text.size() > name_limit || !is_plain(name.host, ".:-[]") || !is_plain(name.path, "._/-") ||
                !path_is_lower || name.path.starts_with('/') || name.path.ends_with('/') ||
                name.path.find("//") != name.path.npos || (colon != rest.npos && !is_plain(tag, "._-")) ||
                (digest != rest.npos && (!is_plain(hash, ":") || hash.find(':') == hash.npos)))
                throw Error(failure::usage, fmt::format("'{}' is not the name of an image", text),
                        "Give one such as registry.example.com/team/app:1.2");
        if (name.suffix.empty())
                name.suffix = ":latest";
        if (name.host == "docker.io" && name.path.find('/') == name.path.npos)
                name.path.insert(0, "library/");
        return name;
}

} // namespace eks
