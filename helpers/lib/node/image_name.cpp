// SPDX-License-Identifier: Apache-2.0
#include "node/image_name.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/addresses.hpp"

namespace eks {

namespace {

// The limits of github.com/distribution/reference, which containerd uses.
constexpr std::size_t name_limit = 255; // bytes, of host and path
constexpr std::size_t tag_limit = 128;
constexpr std::size_t shortest_digest = 32;

struct Algorithm {
        std::string_view name;
        std::size_t digits;
};
constexpr std::array algorithms{Algorithm{"sha256", 64}, Algorithm{"sha384", 96}, Algorithm{"sha512", 128}};

bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

bool is_alphanumeric(char c)
{
        return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

bool is_all(std::string_view text, bool (*is_right)(char))
{
        return !text.empty() && std::ranges::all_of(text, is_right);
}

// Labels of letters, digits and dashes inside; or an address; and perhaps a port.
bool is_host(std::string_view text)
{
        if (!is_authority(text))
                return false;
        if (text.starts_with('['))
                return true;

        const auto labels = split(text.substr(0, text.find(':')), '.');
        return std::ranges::all_of(labels, [](std::string_view label) {
                return is_all(label, [](char c) { return is_alphanumeric(c) || c == '-'; }) &&
                       label.front() != '-' && label.back() != '-';
        });
}

// Lower-case words, with one dot, one or two underscores or any number of dashes between them.
bool is_component(std::string_view text)
{
        const auto is_separator = [](char c) { return c == '.' || c == '_' || c == '-'; };
        if (text.empty() || is_separator(text.front()) || is_separator(text.back()))
                return false;

        for (std::size_t i = 0; i < text.size();) {
                const auto first = text[i];
                const auto end = std::min(text.find_first_not_of(first, i), text.size());

                if (!is_separator(first)) {
                        if (!is_lower(first) && !is_digit(first))
                                return false;
                        ++i;
                        continue;
                }

                if ((first == '.' && end - i > 1) || (first == '_' && end - i > 2) ||
                        is_separator(text[end]))
                        return false;

                i = end;
        }

        return true;
}

bool is_repository(std::string_view text)
{
        const auto components = split(text, '/');
        return !components.empty() && std::ranges::all_of(components, is_component);
}

bool is_tag(std::string_view text)
{
        return is_all(text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; }) &&
               text.front() != '.' && text.front() != '-' && text.size() <= tag_limit;
}

bool is_digest(std::string_view text)
{
        const auto colon = text.find(':');
        if (colon == text.npos)
                return false;

        const auto name = text.substr(0, colon);
        const auto hash = text.substr(colon + 1);
        const auto* known = std::ranges::find(algorithms, name, &Algorithm::name);

        return is_all(name, [](char c) { return is_lower(c) || is_digit(c); }) && is_lower(name[0]) &&
               is_all(hash, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }) &&
               (known != algorithms.end() ? hash.size() == known->digits : hash.size() >= shortest_digest);
}

// The first part is a host if it has a form that only hosts have.
bool names_host(std::string_view first)
{
        return first.find_first_of(".:") != first.npos || first == "localhost" ||
               std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; });
}

} // namespace

ImageName parse_image_name(std::string_view text)
{
        ImageName name{.host = "docker.io", .path = {}, .suffix = {}};
        auto rest = text;
        const auto slash = rest.find('/');
        if (slash != rest.npos && names_host(rest.substr(0, slash))) {
                name.host = rest.substr(0, slash);
                rest.remove_prefix(slash + 1);
        }

        if (name.host == "index.docker.io") // its former name
                name.host = "docker.io";
        const auto digest = rest.find('@');
        const auto tagged = rest.substr(0, digest);
        const auto colon = tagged.find(':');
        name.path = tagged.substr(0, colon);

        if (name.host == "docker.io" && name.path.find('/') == name.path.npos)
                name.path.insert(0, "library/");

        if (!is_host(name.host) || !is_repository(name.path) ||
                name.host.size() + 1 + name.path.size() > name_limit ||
                (colon != tagged.npos && !is_tag(tagged.substr(colon + 1))) ||
                (digest != rest.npos && !is_digest(rest.substr(digest + 1))))
                throw Error(failure::usage, fmt::format("'{}' is not the name of an image", text),
                        "Give one such as registry.example.com/team/app:1.2");

        if (digest != rest.npos)
                name.suffix = rest.substr(digest);
        else
                name.suffix = colon != tagged.npos ? tagged.substr(colon) : ":latest";

        return name;
}

} // namespace eks
