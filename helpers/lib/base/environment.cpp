// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"

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

} // namespace eks
