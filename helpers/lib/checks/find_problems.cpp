// SPDX-License-Identifier: Apache-2.0
#include "checks/find_problems.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "checks/checks.hpp"
#include "checks/described_cluster.hpp"
#include "config/known_keys.hpp"
#include "config/profile.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

// Whether a value is empty: "", [], {}, null, and values that contain nothing else.
bool is_empty(const Json& value)
{
        if (value.is_structured())
                return std::ranges::all_of(value, is_empty);
        return value.is_null() || (value.is_string() && trim(value.get_ref<const std::string&>()).empty());
}

constexpr std::string_view see_migrate =
        "Scripts run on the node, and may call /etc/eks/bootstrap.sh or nodeadm there. `eksnode migrate -- "
        "ARGUMENTS...` prints what a call of bootstrap.sh with these arguments sets, as a file for --config";

} // namespace

std::string no_cluster_but_scripts(const Resolved& resolved)
{
        return fmt::format("{}: no cluster is configured; the node fails unless a script calls "
                           "/etc/eks/bootstrap.sh or nodeadm",
                join(resolved.tried, ", "));
}

Error refused_call_error(const RefusedCall& call, const Failure& failure)
{
        return {failure,
                fmt::format(
                        "no cluster is configured; {} was called and refused: {}", call.command, call.cause),
                call.remedy.empty() ? "Correct the call in the script" : call.remedy};
}

std::vector<std::string> script_remarks(const Resolved& resolved)
{
        std::vector<std::string> remarks;
        if (!resolved.has_scripts)
                return remarks;

        if (names_no_cluster(resolved))
                remarks.push_back(no_cluster_but_scripts(resolved));

        if (resolved.names_bootstrap)
                remarks.emplace_back(
                        "a script names /etc/eks/bootstrap.sh: `eksnode migrate -- ARGUMENTS...` prints "
                        "what a call with these arguments sets");

        return remarks;
}

void add_bootstrap_dns(Resolved& resolved, const Json& imds)
{
        constexpr const char* key = "kubelet.config.clusterDNS";
        auto& merged = resolved.merged;
        if (!resolved.has_bootstrap_call || !imds.is_object() ||
                keys_to_ask_for(merged.tree) != std::vector<std::string>{"cluster.cidr"})
                return;

        bool ten = false;
        for (const auto& interface : imds.value("interfaces", Json::array()))
                if (interface.is_object() && interface.value("mac", Json()) == imds.value("mac", Json()))
                        for (const auto& range : interface.value("vpcIpv4Cidrs", Json::array()))
                                ten = ten || (range.is_string() &&
                                                     range.get_ref<const std::string&>().starts_with("10."));
        const auto* const address = ten ? "172.20.0.10" : "10.100.0.10";
        merged.tree["kubelet"]["config"]["clusterDNS"] = {address};
        merged.marks[key] = {"bootstrap.sh's rule for this VPC"};
        merged.notes.push_back({Level::info,
                fmt::format(
                        "{} = {}: the call of bootstrap.sh does not name the cluster's service range, so "
                        "it is derived from the VPC's",
                        key, address)});
}

Problems keys_without_a_step(const Layer& merged)
{
        Problems problems;
        for (const auto& entry : schema()) {
                const auto* value = entry.instead.empty() ? nullptr : find_path(merged.tree, entry.path);
                if (value == nullptr || is_empty(*value))
                        continue;

                const std::string key(entry.path);
                problems.add(place_at_or_below(merged.marks, key).value_or(Where{merged.source}), key,
                        value->is_string() ? value->get<std::string>() : "",
                        "no step of this version of eksnode acts on it", std::string(entry.instead));
        }

        return problems;
}

std::optional<Error> missing_cluster(const Resolved& resolved)
{
        const auto& merged = resolved.merged;
        if (!merged.problems.empty() || !names_no_cluster(resolved))
                return std::nullopt;

        const auto missing = [](const std::string& what, const std::string& remedy) {
                return Error(failure::config_missing, what, remedy);
        };

        if (const auto cluster = merged.misplaced.find("cluster"); cluster != merged.misplaced.end())
                return missing(fmt::format("{}: cluster is at the top level", cluster->second.text()),
                        "Put it under 'spec:'");

        const auto sources = join(resolved.tried, ", ");
        if (const auto& call = resolved.refused_call)
                return refused_call_error(*call, failure::config_missing);

        const auto* profile = find_path(merged.tree, "profile");
        const auto chosen = profile != nullptr ? profile->get<std::string>() : std::string();

        const bool none = std::ranges::all_of(
                resolved.layers, [&](const Layer& layer) { return is_in_profile(layer.source, chosen); });
        const auto what = fmt::format(
                "{} in: {}", none ? "no configuration for this node" : "no cluster is configured", sources);
        const std::string set_name =
                "Set cluster.name to the name of the EKS cluster; in a NodeConfig it is spec.cluster.name";
        if (resolved.has_scripts)
                return missing(what,
                        none ? std::string(see_migrate) : fmt::format("{}. {}", set_name, see_migrate));

        return missing(what,
                none ? "Put a NodeConfig into the instance's user data, or configure /etc/eks/node.toml"
                     : set_name);
}

NodeSpec find_problems(const Resolved& resolved, const Json& imds, Problems& problems,
        std::vector<Note>& notes, bool complete)
{
        const auto& tree = resolved.merged.tree;
        const auto sources = join(resolved.tried, ", ");

        if (complete)
                if (const auto missing = missing_cluster(resolved))
                        throw *missing;

        problems.add(resolved.merged.problems);

        // EKS is asked for what is missing of a cluster with a name. If an AL2 call does not name the range,
        // the address of the DNS service follows from the facts.
        auto asked = keys_to_ask_for(tree);
        if (resolved.has_bootstrap_call && imds.is_null() && asked.size() == 1)
                std::erase(asked, "cluster.cidr");

        if (complete && !asked.empty() && resolved.merged.problems.empty())
                notes.push_back({Level::info,
                        fmt::format(
                                "{} {} not configured: on the node, eks-cluster asks EKS about the cluster '{}'",
                                join(asked, ", "), asked.size() == 1 ? "is" : "are",
                                tree["cluster"]["name"].get_ref<const std::string&>())});

        // A wrong type has been reported already.
        const auto refused = [&](std::string_view key) {
                return std::ranges::any_of(resolved.merged.refused, [&](const std::string& wrong) {
                        return key == wrong || key.starts_with(wrong + ".");
                });
        };

        if (complete && find_path(tree, "cluster.name") == nullptr && !refused("cluster.name"))
                problems.add(nearest_place(resolved.merged.marks, "cluster.name", {sources}), "cluster.name",
                        "", "missing", "Set cluster.name to the name of the EKS cluster");

        auto spec = node_spec(tree, resolved.merged.marks, problems);
        check_values(spec, resolved.merged, imds, problems, notes);

        return spec;
}

NodeSpec validate(const Resolved& resolved, const Json& imds, std::vector<Note>& notes)
{
        Problems problems;
        auto spec = find_problems(resolved, imds, problems, notes);
        problems.sort_by_place(sources_of(resolved));
        problems.throw_if_any(failure::config_invalid);
        return spec;
}

} // namespace eks
