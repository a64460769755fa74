// SPDX-License-Identifier: Apache-2.0
#include "steps/imds/without_imds.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/configured_facts.hpp"
#include "config/known_keys.hpp"
#include "config/sources.hpp"
#include "net/endpoints.hpp"
#include "steps/imds/patience.hpp"

namespace eks {

namespace {

constexpr auto no_user_data = "the metadata service is off, and neither a credential eks.nodeconfig nor "
                              "/etc/eks/user-data is there";

// Throws Error (config_invalid) for a value that eks-config would reject: it would be in names of the node.
void add_configured_facts(const Resolved& resolved, LocalFacts& facts)
{
        Problems problems = resolved.merged.problems;

        for (const auto* name : configured_facts) {
                const auto key = fmt::format("facts.{}", name);
                const auto* value = find_path(resolved.merged.tree, key);
                if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty())
                        continue;

                const auto& text = value->get_ref<const std::string&>();
                const auto where = place_of(resolved.merged.marks, key, {resolved.merged.source});
                if (const auto wrong = wrong_fact(name, text); !wrong.empty())
                        problems.add(where, key, text, wrong, "Correct it, or remove the key");
                facts.add(name, text, where.text());
        }

        problems.throw_if_any(failure::config_invalid);
}

// What follows from other facts.
void add_derived_facts(const Resolved& resolved, LocalFacts& facts)
{
        facts.add("region", region_of_zone(facts.text("availabilityZone")), "availabilityZone");
        if (const auto* url = find_path(resolved.merged.tree, "cluster.apiServerEndpoint");
                url != nullptr && url->is_string())
                facts.add("region", region_of_endpoint(url->get_ref<const std::string&>()),
                        "cluster.apiServerEndpoint");
}

void add_partition(LocalFacts& facts)
{
        const auto& partition = partition_of(facts.text("region"));
        facts.add("partition", partition.name, "region");
        facts.add("domain", partition.domain, "region");
}

bool is_switched_off(const Resolved& resolved)
{
        const auto* value = find_path(resolved.merged.tree, "facts.metadataService");
        return value != nullptr && *value == "off";
}

// Nothing starts half configured: what is missing, with the ways out.
void require_all(const Root& root, const Resolved& resolved, const LocalFacts& facts, const std::string& off,
        const std::string& remedy)
{
        std::vector<std::string> missing;
        if (names_no_cluster(resolved) && !resolved.has_scripts && !is_cluster_named(root))
                missing.push_back(
                        fmt::format("no cluster is configured in: {}", join(resolved.tried, ", ")));
        for (const auto* name : {"instanceId", "region"})
                if (facts.text(name).empty())
                        missing.push_back(fmt::format("'{}' is not known", name));

        if (!missing.empty())
                throw Error(failure::imds_off, fmt::format("{}; {}", off, join(missing, "; ")),
                        fmt::format(
                                "{} the node what it lacks without the service: a NodeConfig in the "
                                "credential eks.nodeconfig, /etc/eks/user-data or /etc/eks/node.d/, and in "
                                "[facts] of /etc/eks/node.toml what the firmware does not tell, instanceId "
                                "and availabilityZone; see eks-imds.service(8)",
                                remedy.empty() ? "Give" : remedy + ". Or give"));
}

} // namespace

bool has_answers_of_service(const Root& root)
{
        const auto facts = try_parse_json(read_file_if_exists(root("/run/eks/imds.json")).value_or(""));
        return facts.is_object() && !facts.contains("sources");
}

std::optional<StepPlan> plan_without_imds(
        const Root& root, const KernelFacts& kernel, const std::string& off, const std::string& remedy)
{
        auto user_data = given_user_data(root);
        const auto resolve = [&] {
                const GivenUserData given{
                        user_data ? std::optional(user_data->bytes) : std::nullopt, no_user_data};
                return resolve_node_layers(root, {}, &given);
        };

        auto resolved = resolve();
        if (off.empty() && !is_switched_off(resolved))
                return std::nullopt;

        LocalFacts facts;
        add_configured_facts(resolved, facts);
        add_firmware_facts(root, facts);
        add_cloud_init_facts(root, facts);

        if (!user_data) {
                user_data = cached_user_data(root, facts.text("instanceId"));
                if (user_data) {
                        resolved = resolve();
                        add_configured_facts(resolved, facts);
                }
        }

        add_derived_facts(resolved, facts);
        add_network_facts(root, kernel, facts);
        add_partition(facts);
        const auto reason = off.empty() ? "the configuration says that the metadata service is off" : off;
        require_all(root, resolved, facts, reason, remedy);
        if (user_data)
                facts.add_source("userData", user_data->source);

        StepPlan plan;
        plan.files.push_back({.path = "/run/eks/imds.json",
                .content = facts.document().dump(2, ' ', false, Json::error_handler_t::replace) + "\n"});
        plan.files.push_back({.path = std::string(user_data_path),
                .content = user_data ? user_data->bytes : std::string(),
                .mode = 0600,
                .kind = user_data ? File::Kind::regular : File::Kind::absent});

        plan.notes.push_back({Level::notice,
                fmt::format("{}; the facts of instance {} are from this machine, the user data {}; see "
                            "`eksnode explain facts`",
                        reason, facts.text("instanceId"),
                        user_data ? fmt::format("from {}", user_data->source) : "is absent")});
        for (const auto* name : {"availabilityZone", "instanceType"})
                if (facts.text(name).empty())
                        plan.notes.push_back({Level::warning,
                                fmt::format(
                                        "'{0}' is not known without the metadata service; set facts.{0}, "
                                        "proceeding",
                                        name)});

        return plan;
}

} // namespace eks
