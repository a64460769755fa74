// SPDX-License-Identifier: Apache-2.0
#include "validate.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "ca.hpp"
#include "checks/find_problems.hpp"
#include "config/known_keys.hpp"
#include "containerd/user_settings.hpp"
#include "node/locked_gates.hpp"
#include "node/max_pods.hpp"
#include "node/trusted_certificates.hpp"

namespace eks {

namespace {

// A note says how a node treats the key, which does not apply here.
void refuse_doubts(std::vector<Note>& notes, Problems& problems)
{
        std::erase_if(notes, [&](const Note& note) {
                std::string_view text = note.text;
                for (const std::string_view fate : {", ignoring", ", proceeding"})
                        if (text.ends_with(fate))
                                text.remove_suffix(fate.size());
                if (note.strict)
                        problems.add(std::string(text), "Correct or remove it, or check without --strict");
                return note.strict;
        });
}

} // namespace

Findings check_configuration(const Root& root, Resolved resolved, const Json& imds, const Strictness& how)
{
        add_bootstrap_dns(resolved, imds);
        auto notes = std::exchange(resolved.merged.notes, {});
        // On a node a script will have named the cluster.
        const bool later = !how.node && resolved.has_scripts && names_no_cluster(resolved);
        auto problems = find_problems(resolved, imds, notes, how.complete && !later);
        if (const auto without_step = keys_without_a_step(resolved.merged); how.node)
                problems.add(without_step);
        else
                for (const auto& missing : without_step.texts())
                        notes.push_back({Level::warning, missing + "; a node does not start with it", true});

        // The errors of the steps, without the files and facts of a node.
        const auto refused = [&](const std::function<void(const NodeSpec&)>& check) {
                try {
                        check(node_spec(resolved.merged.tree, resolved.merged.marks));
                } catch (const Error& e) {
                        problems.add(e.what(), e.remedy());
                }
        };
        if (problems.empty()) {
                const auto& merged = resolved.merged;
                const auto found = trusted_certificates(
                        root, trust_sources(merged.tree, merged.marks, problems), std::time(nullptr));
                problems.add(found.problems);
                notes.insert(notes.end(), found.notes.begin(), found.notes.end());
                for (const auto& missing : found.missing) {
                        if (how.node)
                                problems.add(missing.text, "Put the file there, or remove the item");
                        else // this need not be the node
                                notes.push_back({Level::info, missing.text + "; not checked"});
                }
        }
        const bool has_cluster = std::ranges::all_of(
                std::array{"cluster.name", "cluster.apiServerEndpoint", "cluster.certificateAuthority"},
                [&](const char* key) { return find_path(resolved.merged.tree, key) != nullptr; });
        if (problems.empty() && has_cluster) {
                refused([&](const NodeSpec& spec) {
                        const auto plan = plan_ca({.root = root,
                                .spec = spec,
                                .facts = {},
                                .versions = {},
                                .credential_provider = {}});
                        notes.insert(notes.end(), plan.notes.begin(), plan.notes.end());
                });
                refused([&](const NodeSpec& spec) { check_user_configs(spec, notes); });
                if (!how.node) // eks-kubelet-config knows kubelet
                        refused([&](const NodeSpec& spec) {
                                for (const auto& conflict : locked_gate_conflicts(spec, {}))
                                        notes.push_back(
                                                {Level::warning, conflict.text + ", proceeding", true});
                        });
                refused([&](const NodeSpec& spec) { // a node continues without it
                        if (const auto wrong = wrong_expression(spec.kubelet.max_pods_expression)) {
                                if (how.strict)
                                        problems.add(*wrong, "See eks-kubelet-config.service(8) for what an "
                                                             "expression may hold");
                                else
                                        notes.push_back({Level::warning, *wrong + ", ignoring"});
                        }
                });
        }
        if (how.strict)
                refuse_doubts(notes, problems);
        return {std::move(problems), std::move(notes)};
}

std::string text_of(const Findings& findings)
{
        std::string text;
        for (const auto& note : findings.notes)
                text += fmt::format("{}: {}\n", note.level <= Level::warning ? "warning" : "note",
                        hide_secrets(note.text));
        const auto& problems = findings.problems.all();
        for (std::size_t i = 0; i < problems.size(); ++i) {
                text += fmt::format("error: {}\n", problems[i].text);
                const bool same = i + 1 < problems.size() && problems[i].remedy == problems[i + 1].remedy;
                if (!same && !problems[i].remedy.empty())
                        text += fmt::format("hint: {}\n", problems[i].remedy);
        }
        return text;
}

} // namespace eks
