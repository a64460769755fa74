// SPDX-License-Identifier: Apache-2.0
#include "config/kubelet_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

ReservationSettings reservation_settings(const Json& tree)
{
        ReservationSettings settings;
        settings.policy = tree.value("policy", settings.policy);

        if (tree.contains("memoryLimitPercent"))
                settings.memory_limit_percent = tree.at("memoryLimitPercent").get<unsigned>();
        settings.system_reserved = tree.value("systemReserved", settings.system_reserved);
        settings.eviction_hard = tree.value("evictionHard", settings.eviction_hard);
        return settings;
}

// The places of a key and of what is below it.
void add_places(const Marks& all, const std::string& key, Marks& found)
{
        for (auto mark = all.lower_bound(key); mark != all.end() && mark->first.starts_with(key); ++mark)
                found.insert(*mark);
}

Marks places_of_gates(const Marks& all)
{
        Marks found;
        add_places(all, "kubelet.config.featureGates", found);
        add_places(all, "kubelet.flags", found);
        return found;
}

KubeletFlags flags_of(const Json& kubelet, const Configured& given)
{
        auto flags = parse_kubelet_flags(kubelet.value("flags", std::vector<std::string>()));
        for (std::size_t i = 0; i < flags.arguments.size(); ++i) {
                const auto key = fmt::format("kubelet.flags[{}]", i);
                if (std::ranges::any_of(flags.arguments[i], [](char c) {
                            return c != '\t' && has_control_characters({&c, 1});
                    }))
                        given.problems.add(place_of(given.marks, key, {"configuration"}), key,
                                flags.arguments[i], "holds a line break or control character",
                                "Write each flag as one list item on one line");
        }

        return flags;
}

} // namespace

KubeletSpec kubelet_spec(const Configured& given)
{
        const auto& kubelet = given.table("kubelet");
        return {.config = kubelet.value("config", Json::object()),
                .config_replaces = kubelet.value("configMode", std::string()) == "replace",
                .flags = flags_of(kubelet, given),
                .places = places_of_gates(given.marks),
                .credential_provider_config = kubelet.value("credentialProviderConfig", Json::object()),
                .max_pods_expression = {kubelet.value("maxPodsExpression", std::string()),
                        given.source("kubelet.maxPodsExpression")},
                .max_pods_limit = kubelet.value("maxPodsLimit", std::string()),
                .reservations = reservation_settings(kubelet.value("reservations", Json::object()))};
}

} // namespace eks
