// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

std::string environment(const char* name)
{
        const char* text = std::getenv(name);
        return text != nullptr ? text : "";
}

std::chrono::seconds environment_seconds(const char* name, std::chrono::seconds otherwise)
{
        constexpr unsigned day = 86400;
        const auto text = environment(name);
        if (text.empty())
                return otherwise;

        const auto seconds = parse_int<unsigned>(text).value_or(0);
        if (seconds < 1 || seconds > day)
                throw Error(failure::usage, fmt::format("{}={}: not a number of seconds", name, text),
                        fmt::format("Give 1 to {}", day));

        return std::chrono::seconds(seconds);
}

std::vector<std::pair<std::string, std::string>> parse_environment_file(std::string_view text)
{
        std::vector<std::pair<std::string, std::string>> variables;
        while (!text.empty()) {
                const auto sign = std::min(text.find("=\""), text.size());
                std::string value;

                auto end = sign + 2;
                for (; end < text.size() && text[end] != '"'; ++end) {
                        if (text[end] == '\\')
                                ++end;
                        if (end < text.size())
                                value += text[end];
                }

                variables.emplace_back(text.substr(0, sign), std::move(value));
                text.remove_prefix(std::min(end + 2, text.size())); // the quote and the end of the line
        }

        return variables;
}

} // namespace eks
