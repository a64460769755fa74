// SPDX-License-Identifier: Apache-2.0
#include "node/version.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

std::optional<unsigned> take_number(std::string_view& text)
{
        std::size_t length = 0;
        while (length < text.size() && is_digit(text[length]))
                ++length;
        const auto number = parse_int<unsigned>(text.substr(0, length));
        text.remove_prefix(length);
        return number;
}

} // namespace

std::string Version::text() const
{
        return fmt::format("{}.{}.{}", major, minor, patch);
}

std::optional<Version> find_version(std::string_view text)
{
        for (std::size_t at = 0; at < text.size(); ++at) {
                if (!is_digit(text[at]) || (at > 0 && (is_digit(text[at - 1]) || text[at - 1] == '.')))
                        continue;

                auto rest = text.substr(at);
                Version version;

                const auto major = take_number(rest);
                if (!major || !rest.starts_with('.'))
                        continue;

                rest.remove_prefix(1);
                const auto minor = take_number(rest);
                if (!minor)
                        continue;

                version.major = *major;
                version.minor = *minor;

                if (rest.starts_with('.')) {
                        rest.remove_prefix(1);
                        version.patch = take_number(rest).value_or(0);
                }

                return version;
        }
        return std::nullopt;
}

} // namespace eks
