// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/validate.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/secrets.hpp"
#include "checks/check_report.hpp"
#include "checks/find_problems.hpp"
#include "config/known_keys.hpp"
#include "containerd/config_versions.hpp"
#include "containerd/user_settings.hpp"
#include "node/kubelet_gates.hpp"
#include "node/locked_gates.hpp"
#include "node/max_pods.hpp"
#include "node/trusted_certificates.hpp"
#include "node/version_notes.hpp"
#include "steps/plan.hpp"
#include "verbs/validate/kubelet_schema.hpp"

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

// The problems of values that have no place of their own in the tables.
void check_spec(const NodeSpec& spec, bool knows_kubelet, const Strictness& how, Problems& problems,
        std::vector<Note>& notes)
{
        try {
                check_user_configs(spec, notes);
        } catch (const Error& e) {
                problems.add(e);
        }

        if (!knows_kubelet) // else eks-kubelet-config says it
                for (const auto& conflict : gate_conflicts(spec, {}))
                        notes.push_back({Level::warning, conflict.text + ", proceeding", true});

        if (const auto wrong =
                        wrong_expression(spec.kubelet.max_pods_expression)) { // a node continues without
                if (how.strict)
                        problems.add(
                                *wrong, "See eks-kubelet-config.service(8) for what an expression may hold");
                else
                        notes.push_back({Level::warning, *wrong + ", ignoring"});
        }
}

// An instance as good as any, where none is given. What depends on its other facts is not checked.
InstanceFacts example_facts()
{
        return {.instance_id = "i-0123456789abcdef0",
                .instance_type = "m5.large",
                .region = "us-west-2",
                .availability_zone = "us-west-2a",
                .local_hostname = "ip-10-0-0-1.us-west-2.compute.internal",
                .local_ipv4 = "10.0.0.1"};
}

// The version of a daemon of this machine, if that is known; an error is left to the step that needs it.
std::optional<Version> version_of(
        const Root& root, const char* file, Version (*ask)(const Root&), const Strictness& how)
{
        if (!how.node && !exists(root(file))) // a laptop's daemons are not the node's
                return std::nullopt;

        try {
                return ask(root);
        } catch (const Error&) {
                return std::nullopt;
        }
}

// The daemons of this machine as far as they are known; else the oldest and the newest ones that eksnode
// knows.
std::vector<Versions> versions_to_check(
        const Root& root, const std::optional<Version>& kubelet, const Strictness& how)
{
        std::vector<Versions> all{{.kubelet = oldest_kubelet, .containerd = oldest_containerd},
                {.kubelet = newest_kubelet, .containerd = newest_containerd}};
        const auto containerd = version_of(root, "/etc/eks/containerd-version.txt", containerd_version, how);

        for (auto& versions : all)
                versions = {.kubelet = kubelet.value_or(versions.kubelet),
                        .containerd = containerd.value_or(versions.containerd)};

        return all;
}

// The key that a message is about, without the place in front of it.
std::string_view key_in(std::string_view text)
{
        if (place_in_message(text).line > 0)
                text.remove_prefix(text.find(": ") + 2);
        return text.substr(0, std::min(text.find(" = "), text.find(": ")));
}

using Keys = std::set<std::string, std::less<>>;

// The keys that the checks have refused.
Keys keys_in(const Problems& problems)
{
        Keys keys;
        for (const auto& problem : problems.all())
                keys.emplace(key_in(problem.text));
        return keys;
}

// A step stops at a value that the checks have refused, and says so in its own words.
bool is_known(const Keys& refused, std::string_view text)
{
        const std::string key(key_in(text));
        return refused.contains(key) || std::ranges::any_of(std::array{'.', '['}, [&](char separator) {
                const auto below = refused.lower_bound(key + separator);
                return below != refused.end() && below->starts_with(key + separator);
        });
}

// Whether the table of the boot has the gate too; only such a gate has findings by version.
bool is_about_locked_gate(std::string_view subject)
{
        constexpr std::string_view map = "featureGates.";
        const auto at = subject.find(map);
        return at != subject.npos && std::ranges::any_of(locked_gates(), [&](const LockedGate& gate) {
                return gate.name == subject.substr(at + map.size());
        });
}

// What kubelet would refuse or ignore: the one that is known, else each version that eksnode knows. Then a
// finding of the older ones only is left out: a newer field is no mistake.
void check_kubelet(const Root& root, const KubeletSpec& kubelet, const Marks& marks,
        const std::optional<Version>& version, Problems& problems, std::vector<Note>& notes)
{
        const auto schema = KubeletSchema::of(root);
        if (!schema) {
                notes.push_back({Level::warning,
                        "kubelet's fields, flags and feature gates are not checked: eksnode's own files are not "
                        "in " + root("/usr/share/eks")});
                return;
        }

        // A newer one than the table is judged by the newest there, and may accept what that refuses.
        const bool is_newer = version && version->minor > newest_kubelet.minor;
        if (is_newer)
                notes.push_back(newer_version_note("kubelet", *version, newest_kubelet));
        const auto newest = version ? std::clamp(version->minor, oldest_kubelet.minor, newest_kubelet.minor)
                                    : newest_kubelet.minor;
        const auto oldest = version ? newest : oldest_kubelet.minor;

        const auto found = schema->check(kubelet, newest);
        std::map<std::string, unsigned> since; // the oldest of the versions that find the same key wrong
        for (const auto& finding : found)
                since[finding.subject()] = newest;

        for (auto minor = newest; minor-- > oldest;)
                for (const auto& finding : schema->check(kubelet, minor))
                        if (const auto key = since.find(finding.subject());
                                key != since.end() && key->second == minor + 1 && !finding.ignored)
                                key->second = minor;

        const CheckReport report(marks, problems, notes);
        const auto refused = keys_in(problems);
        Keys told;
        const auto tell = [&](const KubeletFinding& finding, bool certain, const std::string& wrong) {
                const auto subject = finding.subject();
                if (!version && is_about_locked_gate(subject)) // check_spec() has told it
                        return;
                if (is_known(refused, finding.key) || is_known(told, subject))
                        return;
                if (!finding.uncertain) // else what is certain about it, or around it, is told too
                        told.insert(subject);
                if (certain && !finding.ignored && !finding.uncertain && !is_newer)
                        report.problem(finding.key, finding.value, wrong, finding.remedy);
                else
                        report.doubt(finding.key, finding.value, wrong,
                                finding.ignored ? "ignoring" : "proceeding");
        };

        const auto minor = version ? std::optional(version->minor) : std::nullopt;
        for (const auto& finding : schema->unknown_names(kubelet, minor))
                tell(finding, true, finding.wrong);

        for (const auto& finding : found) {
                const bool by_all = since.at(finding.subject()) == oldest;
                const bool says_when = by_all || finding.wrong.find(" from 1.") != std::string::npos;
                tell(finding, by_all,
                        says_when ? finding.wrong
                                  : fmt::format("kubelet 1.{} and later: {}", since.at(finding.subject()),
                                            finding.wrong));
        }
}

// The problems and warnings of the steps themselves. A node that has one of the versions must have them all,
// so those count that each version gives. Without eksnode's own files, those of a step are not
// checked. Other errors that are not of the configuration are those of this machine.
void check_steps(NodeInputs node, const std::optional<Version>& kubelet, bool has_facts,
        const Strictness& how, const std::vector<Layer>& layers, Problems& problems,
        std::vector<Note>& notes)
{
        const auto versions = versions_to_check(node.root, kubelet, how);
        std::map<std::string_view, std::size_t> refusals; // of a step
        std::map<std::string, std::size_t> doubts;

        std::vector<PlannedStep> last;

        for (const auto& candidate : versions) {
                node.versions = candidate;
                last = plan_steps(node);
                for (const auto& step : last) {
                        const bool wrong = step.error && step.error->failure().status == Errc::bad_config;
                        refusals[step.name] += wrong ? 1 : 0;

                        std::set<std::string> texts;
                        for (const auto& note : step.plan.notes)
                                texts.insert(note.text);
                        for (const auto& text : texts)
                                ++doubts[text];
                }
        }

        const auto is_of_configuration = [&](const std::string& text) {
                const auto place = place_in_message(text);
                return std::ranges::any_of(
                        layers, [&](const Layer& layer) { return layer.source == place.source; });
        };

        const auto refused = keys_in(problems);
        std::unordered_set<std::string> noted;
        for (const auto& note : notes)
                noted.insert(note.text);

        for (const auto& step : last) {
                const bool elsewhere = step.of_machine && !how.node;
                const auto failed = step.error ? step.error->failure().name : std::string_view();
                if (failed == failure::facts_missing.name && has_facts)
                        problems.add(step.problems);

                if (failed == failure::vendor_file.name || failed == failure::internal.name) {
                        const auto text = fmt::format(
                                "the files of {} are not checked: {}", step.name, step.error->what());
                        if (how.strict)
                                problems.add(text, step.error->remedy());
                        else
                                notes.push_back({Level::warning,
                                        Error(step.error->failure(), text, step.error->remedy())
                                                .full_text()});
                }

                if (refusals[step.name] == versions.size())
                        for (const auto& [text, remedy] : step.problems.all()) {
                                if (elsewhere)
                                        notes.push_back({Level::warning,
                                                fmt::format("{}; on a node this is an error", text)});
                                else if (!is_known(refused, text))
                                        problems.add(text, remedy);
                        }

                for (const auto& note : step.plan.notes)
                        if (note.level == Level::warning && doubts[note.text] == versions.size() &&
                                is_of_configuration(note.text) && noted.insert(note.text).second)
                                notes.push_back(note);
        }
}

} // namespace

Findings check_configuration(const Root& root, Resolved resolved, const Json& imds, const Strictness& how)
{
        add_bootstrap_dns(resolved, imds);
        auto notes = std::exchange(resolved.merged.notes, {});

        // On a node a script will have named the cluster.
        const bool later = !how.node && resolved.has_scripts && names_no_cluster(resolved);
        const auto no_cluster = how.complete && !later ? missing_cluster(resolved) : std::nullopt;
        Problems problems;
        auto spec = find_problems(resolved, imds, problems, notes, how.complete && !later && !no_cluster);

        if (no_cluster)
                problems.add(no_cluster->what(), no_cluster->remedy());
        if (later && !resolved.names_call) // with a call in sight, main() remarks on it
                notes.push_back({Level::warning, no_cluster_but_scripts(resolved), true});

        if (const auto without_step = keys_without_a_step(resolved.merged); how.node)
                problems.add(without_step);
        else
                for (const auto& text : without_step.texts())
                        notes.push_back({Level::warning, text + "; a node does not start with it", true});

        const auto& merged = resolved.merged;

        // A step would say it again.
        const auto found =
                trusted_certificates(root, std::exchange(spec.host.trust, {}), std::time(nullptr));
        problems.add(found.problems);
        notes.insert(notes.end(), found.notes.begin(), found.notes.end());

        for (const auto& missing : found.missing) {
                if (how.node)
                        problems.add(missing.text, missing.remedy);
                else // this need not be the node
                        notes.push_back({Level::warning,
                                fmt::format("{}; it is not checked here, and on a node this is an error",
                                        missing.text)});
        }

        NodeInputs node{.root = root,
                .spec = std::move(spec),
                .facts = imds.is_object() ? instance_facts(imds, how.imds) : example_facts(),
                .versions = {},
                .credential_provider = credential_provider_path(),
                .lacks_cluster = std::ranges::any_of(std::array{"cluster.name", "cluster.apiServerEndpoint",
                                                             "cluster.certificateAuthority"},
                        [&](const char* key) { return find_path(merged.tree, key) == nullptr; })};
        const auto kubelet =
                how.kubelet ? how.kubelet
                            : version_of(root, "/etc/eks/kubelet-version.txt", kubelet_version, how);
        check_spec(node.spec, kubelet.has_value(), how, problems, notes);
        check_kubelet(root, node.spec.kubelet, merged.marks, kubelet, problems, notes);

        if (how.steps)
                check_steps(node, kubelet, imds.is_object(), how, resolved.layers, problems, notes);
        if (how.strict)
                refuse_doubts(notes, problems);
        const auto sources = sources_of(resolved);
        problems.sort_by_place(sources);
        sort_by_place(notes, sources);

        return {std::move(problems), std::move(notes)};
}

} // namespace eks
