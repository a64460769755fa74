// SPDX-License-Identifier: Apache-2.0
#include "config/configured_facts.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace eks {

namespace {

bool is_word(std::string_view text, std::string_view further)
{
        return !text.empty() && std::ranges::all_of(text, [&](char c) {
                return is_digit(c) || (c >= 'a' && c <= 'z') || further.find(c) != further.npos;
        });
}

} // namespace

std::string region_of_zone(std::string_view zone)
{
        // Up to the first number, which ends a word of its own.
        const auto* digit = std::ranges::find_if(zone, is_digit);
        const auto length = static_cast<std::size_t>(digit - zone.begin());
        if (digit == zone.end() || length < 2 || zone[length - 1] != '-' || !is_word(zone, "-"))
                return {};
        return std::string(zone.substr(0, length + 1));
}

std::string wrong_fact(std::string_view name, std::string_view value)
{
        if (name == "instanceId")
                return value.starts_with("i-") && is_word(value.substr(2), "")
                               ? ""
                               : "not the id of an instance, such as i-0123456789abcdef0";

        if (name == "instanceType") {
                const auto dot = value.find('.');
                return dot != value.npos && is_word(value.substr(0, dot), "-") &&
                                       is_word(value.substr(dot + 1), "-")
                               ? ""
                               : "not an instance type, such as m5.large";
        }

        if (name == "availabilityZone")
                return !region_of_zone(value).empty() && region_of_zone(value) != value
                               ? ""
                               : "not an availability zone, such as us-west-2a";
        if (name == "region")
                return region_of_zone(value) == value && !value.empty() ? ""
                                                                        : "not a region, such as us-west-2";

        return is_word(value, "-.") ? "" : "not the name of a host";
}

} // namespace eks
