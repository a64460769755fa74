// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/kubelet_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace eks {

namespace {

struct Scale {
        std::string_view name;
        double factor;
};

// The longer names first.
constexpr std::array durations{Scale{"ns", 1e-9}, Scale{"us", 1e-6}, Scale{"\u00b5s", 1e-6},
        Scale{"\u03bcs", 1e-6}, Scale{"ms", 1e-3}, Scale{"s", 1}, Scale{"m", 60}, Scale{"h", 3600}};

constexpr std::array quantities{Scale{"n", 1e-9}, Scale{"u", 1e-6}, Scale{"m", 1e-3}, Scale{"", 1},
        Scale{"k", 1e3}, Scale{"M", 1e6}, Scale{"G", 1e9}, Scale{"T", 1e12}, Scale{"P", 1e15},
        Scale{"E", 1e18}, Scale{"Ki", 0x1p10}, Scale{"Mi", 0x1p20}, Scale{"Gi", 0x1p30}, Scale{"Ti", 0x1p40},
        Scale{"Pi", 0x1p50}, Scale{"Ei", 0x1p60}};

// Removes digits with an optional point from the front: "12", "1.5", ".5", "2.".
std::optional<double> take_number(std::string_view& text)
{
        double number = 0;
        const auto length = std::min(text.find_first_not_of("0123456789."), text.size());
        const auto [end, error] =
                std::from_chars(text.data(), text.data() + length, number, std::chars_format::fixed);
        if (error != std::errc() || end != text.data() + length)
                return std::nullopt;

        text.remove_prefix(length);
        return number;
}

double take_sign(std::string_view& text)
{
        const bool negative = text.starts_with('-');
        if (negative || text.starts_with('+'))
                text.remove_prefix(1);
        return negative ? -1 : 1;
}

} // namespace

std::optional<double> go_duration(std::string_view text)
{
        const auto sign = take_sign(text);
        if (text == "0")
                return 0;
        if (text.empty())
                return std::nullopt;

        double total = 0;
        while (!text.empty()) {
                const auto number = take_number(text);
                const auto* const unit = std::ranges::find_if(
                        durations, [&](const Scale& scale) { return text.starts_with(scale.name); });
                if (!number || unit == durations.end())
                        return std::nullopt;

                text.remove_prefix(unit->name.size());
                total += *number * unit->factor;
        }

        return sign * total;
}

std::optional<double> quantity(std::string_view text)
{
        const auto sign = take_sign(text);
        const auto number = take_number(text);
        if (!number)
                return std::nullopt;

        if (const auto* const scale = std::ranges::find(quantities, text, &Scale::name);
                scale != quantities.end())
                return sign * *number * scale->factor;

        if (!text.starts_with('e') && !text.starts_with('E'))
                return std::nullopt;
        text.remove_prefix(text.starts_with("e+") || text.starts_with("E+") ? 2 : 1);
        const auto exponent = parse_int<int>(text);

        return exponent ? std::optional(sign * *number * std::pow(10, *exponent)) : std::nullopt;
}

bool is_cpu_set(std::string_view text)
{
        return std::ranges::all_of(split(text, ','), [](std::string_view part) {
                const auto ends = split(part, '-');
                const auto first = ends.empty() ? std::nullopt : parse_int<unsigned>(ends.front());
                const auto last = ends.empty() ? std::nullopt : parse_int<unsigned>(ends.back());
                return ends.size() <= 2 && first && last && *first <= *last;
        });
}

} // namespace eks
