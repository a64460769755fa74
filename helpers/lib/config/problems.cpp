// SPDX-License-Identifier: Apache-2.0
#include "config/problems.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::size_t shown_value = 80; // characters of a bad value that help to find it

std::string printable(std::string_view value)
{
        auto shown = Json(std::string(value.substr(0, shown_value)))
                             .dump(-1, ' ', true, Json::error_handler_t::replace);
        return value.size() > shown_value ? shown + "…" : shown;
}

} // namespace

void Problems::add(const Where& where, std::string_view key, std::string_view value, std::string_view wrong,
        std::string remedy)
{
        texts_.push_back(value.empty() ? fmt::format("{}: {}: {}", where.text(), key, wrong)
                                       : fmt::format("{}: {} = {}: {}", where.text(), key, printable(value), wrong));
        if (std::ranges::find(remedies_, remedy) == remedies_.end())
                remedies_.push_back(std::move(remedy));
}

void Problems::throw_if_any(const Failure& failure) const
{
        if (!texts_.empty())
                throw Error(failure, join(texts_, "; "), join(remedies_, ". "));
}

} // namespace eks
