// SPDX-License-Identifier: Apache-2.0
#include "node/shutdown_period.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace eks {

namespace {

constexpr double longest = 24 * 60 * 60;

struct Unit {
        std::string_view name;
        double seconds;
};

// The longer names first.
constexpr std::array units{Unit{"ns", 1e-9}, Unit{"us", 1e-6}, Unit{"\u00b5s", 1e-6}, Unit{"\u03bcs", 1e-6},
        Unit{"ms", 1e-3}, Unit{"s", 1}, Unit{"m", 60}, Unit{"h", 3600}};

// A duration as Go writes it: 2m30s, 1.5h.
std::optional<double> parse_duration(std::string_view text)
{
        double total = 0;
        if (text.empty())
                return std::nullopt;

        while (!text.empty()) {
                double number = 0;
                const auto [end, error] = std::from_chars(
                        text.data(), text.data() + text.size(), number, std::chars_format::fixed);

                if (error != std::errc() || number < 0)
                        return std::nullopt;

                text.remove_prefix(static_cast<std::size_t>(end - text.data()));
                const Unit* found = nullptr;
                for (const auto& unit : units)
                        if (found == nullptr && text.starts_with(unit.name))
                                found = &unit;

                if (found == nullptr)
                        return std::nullopt;

                text.remove_prefix(found->name.size());
                total += number * found->seconds;
        }

        return total;
}

} // namespace

std::optional<std::chrono::seconds> shutdown_period(const Json& kubelet_config)
{
        if (!kubelet_config.is_object())
                return std::nullopt;

        double seconds = 0;

        if (const auto classes = kubelet_config.find("shutdownGracePeriodByPodPriority");
                classes != kubelet_config.end() && classes->is_array()) {
                for (const auto& item : *classes)
                        if (const auto period = item.is_object() ? item.find("shutdownGracePeriodSeconds")
                                                                 : item.end();
                                period != item.end() && period->is_number())
                                seconds += period->get<double>();
        } else if (const auto period = kubelet_config.find("shutdownGracePeriod");
                   period != kubelet_config.end() && period->is_string()) {
                seconds = parse_duration(period->get_ref<const std::string&>()).value_or(0);
        }

        seconds = std::ceil(seconds);
        if (!(seconds >= 1) || seconds > longest)
                return std::nullopt;

        return std::chrono::seconds(static_cast<long>(seconds));
}

std::optional<std::chrono::seconds> other_shutdown_period(const Json& kubelet_config)
{
        const auto period = shutdown_period(kubelet_config);
        return period == default_shutdown_period ? std::nullopt : period;
}

} // namespace eks
