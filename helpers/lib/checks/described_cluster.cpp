// SPDX-License-Identifier: Apache-2.0
#include "checks/described_cluster.hpp"

#include <array>

#include <fmt/format.h>

#include "checks/check_cluster.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

constexpr std::array<std::string_view, 3> needed{
        "cluster.apiServerEndpoint", "cluster.certificateAuthority", "cluster.cidr"};

bool is_given(const Json& tree, std::string_view key)
{
        const auto* value = find_path(tree, key);
        return value != nullptr && *value != "";
}

bool is_lacking(const Json& tree, std::string_view key)
{
        return !is_given(tree, key) &&
               !(key == "cluster.cidr" && is_given(tree, "kubelet.config.clusterDNS"));
}

} // namespace

std::vector<std::string> keys_to_ask_for(const Json& tree)
{
        std::vector<std::string> keys;
        if (is_given(tree, "cluster.name"))
                for (const auto& key : needed)
                        if (is_lacking(tree, key))
                                keys.emplace_back(key);
        return keys;
}

void complete_cluster(Json& tree, Marks& marks, const Json& described, std::vector<Note>& notes)
{
        for (const auto& [name, value] : described.items()) {
                const auto key = key_path("cluster", name);
                if (!is_given(tree, key)) {
                        tree["cluster"][name] = value;
                        marks[key] = {std::string(described_by)};
                } else if (const auto& configured = tree["cluster"][name]; configured != value) {
                        const bool is_long = name == "certificateAuthority";
                        notes.push_back({Level::warning,
                                fmt::format(
                                        "{}: {}{} differs from what EKS says of the cluster{}, proceeding",
                                        place_of(marks, key, {"configuration"}).text(), key,
                                        is_long ? "" : " = " + shown_json(configured),
                                        is_long ? "" : ", " + shown_json(value))});
                }
        }
}

Problems problems_of_completed(
        const Json& tree, const Marks& marks, const Json& imds, std::vector<Note>& notes)
{
        Problems problems;
        for (const auto& key : keys_to_ask_for(tree))
                problems.add({std::string(described_by)}, key, "", "missing in the answer of EKS",
                        fmt::format("Set {}", key));
        check_cluster(tree, imds, CheckReport(marks, problems, notes));
        return problems;
}

} // namespace eks
