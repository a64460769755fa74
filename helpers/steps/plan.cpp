// SPDX-License-Identifier: Apache-2.0
#include "steps/plan.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "checks/described_cluster.hpp"
#include "checks/find_problems.hpp"
#include "net/sigv4.hpp"
#include "steps/config/config.hpp"
#include "steps/steps.hpp"

namespace eks {

namespace {

// Whether all values of the cluster are known. Throws the errors that eks-cluster would report.
bool complete_from_eks(const Root& root, std::optional<Json> described, Layer& merged, const Json& imds,
        std::vector<Note>& notes)
{
        if (keys_to_ask_for(merged.tree).empty())
                return true;

        if (!described)
                described = described_cluster(root, merged.tree["cluster"]["name"]);
        if (!described)
                return false;

        complete_cluster(merged.tree, merged.marks, *described, notes);
        problems_of_completed(merged.tree, merged.marks, imds, notes).throw_if_any(failure::config_invalid);

        return true;
}

} // namespace

std::vector<PlannedStep> plan_steps(const NodeInputs& node)
{
        std::vector<PlannedStep> steps;
        for (const auto& step : planned_steps()) {
                // What a proxy is not used for depends on the cluster.
                const bool of_proxy = step.name == "eks-environment" && node.spec.host.proxy.is_given();
                if (node.lacks_cluster && (step.need == ClusterNeed::complete || of_proxy)) {
                        steps.push_back({step.name,
                                {.files = {},
                                        .notes = {{Level::info, "its files depend on what EKS says of the "
                                                                "cluster; see eks-cluster.service(8)"}}},
                                std::nullopt});
                        continue;
                }

                try {
                        steps.push_back({step.name, step.plan(node), std::nullopt});
                } catch (const Error& e) {
                        steps.push_back({step.name, {}, e});
                        steps.back().problems.add(e);
                        steps.back().of_machine = dynamic_cast<const MachineError*>(&e) != nullptr;
                } catch (const std::exception& e) {
                        steps.push_back({step.name, {}, Error(failure::internal, without_input(e.what()))});
                }
        }

        return steps;
}

std::vector<PlannedStep> plan_node(const Root& root, Resolved resolved, const Json& imds,
        const Versions& versions, const std::optional<Json>& described, std::string_view imds_source)
{
        const auto facts = in_context("instance metadata", failure::facts_missing,
                [&] { return instance_facts(imds, imds_source); });
        add_bootstrap_dns(resolved, imds);
        auto config = plan_config(root, resolved, imds, versions);
        std::vector<PlannedStep> steps{{"eks-config", std::move(config.plan), std::nullopt}};
        const bool lacks_cluster =
                !complete_from_eks(root, described, resolved.merged, imds, steps.front().plan.notes);
        const NodeInputs node{.root = root,
                .spec = node_spec(resolved.merged.tree, resolved.merged.marks),
                .facts = facts,
                .versions = versions,
                .credential_provider = credential_provider_path(),
                .decided = config.decided,
                .lacks_cluster = lacks_cluster};
        auto planned = plan_steps(node);
        std::ranges::move(planned, std::back_inserter(steps));

        return steps;
}

std::string list_files(const std::vector<PlannedStep>& steps)
{
        std::map<std::string, std::string> rows;
        for (const auto& step : steps)
                for (const auto& file : step.plan.files) {
                        if (file.kind == File::Kind::absent)
                                continue;
                        const bool link = file.kind == File::Kind::link;
                        rows[file.path] = fmt::format("{}\t{}\t{}\t{}\t{}\n", file.path,
                                link ? "link" : fmt::format("{:04o}", file.mode), file.content.size(),
                                link ? "-> " + file.content : sha256(file.content), step.name);
                }

        std::string text = "PATH\tMODE\tSIZE\tSHA256\tSTEP\n";
        for (const auto& [path, row] : rows)
                text += row;

        return text;
}

void write_files(const std::vector<PlannedStep>& steps, const std::string& directory)
{
        for (const auto& step : steps)
                for (const auto& file : step.plan.files) {
                        const auto path = directory + file.path;
                        if (file.kind == File::Kind::regular)
                                write_atomically(path, file.content, file.mode, Durability::unsynced);
                        else if (file.kind == File::Kind::link)
                                link_atomically(path, file.content);
                }
}

} // namespace eks
