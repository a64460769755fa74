// SPDX-License-Identifier: Apache-2.0
#include "verbs/explain/explain.hpp"

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/drop_ins.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/profile.hpp"
#include "node/max_pods.hpp"
#include "node/registration.hpp"
#include "node/reservations.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

constexpr std::string_view kubelet_prefix = "kubelet.config.";

// Keys as key_path() writes them: bare words, or quoted where a word holds a dot.
std::vector<std::string> parts_of(std::string_view key)
{
        std::vector<std::string> parts;
        while (!key.empty()) {
                if (key.starts_with('"')) {
                        const auto end = key.find('"', 1);
                        parts.emplace_back(key.substr(1, end == key.npos ? end : end - 1));
                        key.remove_prefix(end == key.npos ? key.size() : end + 1);
                } else {
                        const auto end = key.find('.');
                        parts.emplace_back(key.substr(0, end));
                        key.remove_prefix(end == key.npos ? key.size() : end);
                }
                if (key.starts_with('.'))
                        key.remove_prefix(1);
        }

        return parts;
}

const Json* value_at(const Json& tree, std::string_view key)
{
        const Json* node = &tree;
        for (const auto& part : parts_of(key)) {
                if (!node->is_object() || !node->contains(part))
                        return nullptr;
                node = &node->at(part);
        }

        return node;
}

// The labels and taints that contain facts, as the node registers them.
std::string registered(const NodeInputs& node, const std::string& key)
{
        std::string text;
        if (key == "node.taints") {
                for (const auto& [name, value, effect] : configured_taints(node))
                        text += fmt::format(" {}{}{}:{}", name, value.empty() ? "" : "=", value, effect);
        } else {
                const auto parts = parts_of(key);
                for (const auto& [name, value] : configured_labels(node))
                        if (parts.size() == 2 || parts.back() == name)
                                text += fmt::format(" {}={}", name, value);
        }

        return text.empty() ? text : fmt::format("  on this node:{}\n", text);
}

// Variables of services may be passwords, so only their names are shown. Of a proxy, the login is not.
Json shown(const SchemaKey& entry, Json value)
{
        if (entry.path.starts_with("proxy.") && value.is_string())
                return without_secrets(value.get_ref<const std::string&>());

        if (entry.path == "trust.certificates") { // of which one may be a private key, by mistake
                if (value.is_string())
                        return without_secrets(value.get_ref<const std::string&>());
                for (auto& item : value)
                        item = shown(entry, std::move(item));
                return value;
        }

        if (entry.path != "instance.environment")
                return value;
        if (!value.is_structured())
                return "(hidden)";

        for (auto& item : value)
                item = shown(entry, std::move(item));

        return value;
}

// The huge pages that the kernel has set aside, of what the configuration names.
std::string pages_on_node(const Root& root, const NodeSpec& spec)
{
        std::string text;
        for (const auto& pages : spec.host.huge_pages)
                if (const auto present = read_file_if_exists(root(pages.name)))
                        text += fmt::format("  on this node: {} = {}\n", pages.name, trim(*present));
        return text;
}

// What systemd gives a unit that limits its tasks by nothing of its own, and the file that says so.
std::string task_limit(const Root& root)
{
        constexpr std::string_view name = "DefaultTasksMax=";
        std::string found;

        for (const auto& path : drop_ins(root,
                     {"/usr/lib/systemd/system.conf.d", "/usr/local/lib/systemd/system.conf.d",
                             "/run/systemd/system.conf.d", "/etc/systemd/system.conf.d"},
                     {".conf"})) {
                const auto text = read_file_if_exists(root(path), drop_in_limit).value_or("");
                for (const auto line : lines(text))
                        if (line.starts_with(name))
                                found = fmt::format("  tasks of a container: {}, from {}\n",
                                        line.substr(name.size()), path);
        }

        return found;
}

// The limits of containers, as containerd reads them.
std::string limits_there(const Root& root, const std::string& key)
{
        constexpr auto path = "/etc/containerd/base-runtime-spec.json";
        const auto document = try_parse_json(read_file_if_exists(root(path)).value_or(""));

        const auto* const limits = value_at(document, "process.rlimits");
        if (limits == nullptr || !limits->is_array())
                return {};

        std::string text;
        for (const auto& limit : *limits) {
                const auto name = lower(limit.value("type", std::string()));
                if (key == "limits" || name == "rlimit_" + parts_of(key).back())
                        text += fmt::format("  on this node: {} {}:{}, from {}\n", name,
                                limit.value("soft", std::uint64_t{0}), limit.value("hard", std::uint64_t{0}),
                                path);
        }

        return text;
}

std::string text_of_notes(const std::vector<Note>& notes)
{
        std::string text;
        for (const auto& note : notes)
                text += fmt::format("  {}\n", note.text);
        return text;
}

// What the configuration and the facts come to where the other settings are unknown.
Json computed_settings(const Root& root, const Resolved& resolved)
{
        try {
                const NodeInputs node{.root = root,
                        .spec = node_spec(resolved.merged.tree, resolved.merged.marks),
                        .facts = instance_facts(load_imds(root)),
                        .versions = {},
                        .credential_provider = {}};

                StepPlan plan;
                const auto pods = max_pods(node, plan.notes);
                Json settings{{"maxPods", pods.computed}};
                if (auto kept = generated_reservations(node, pods.effective, plan); !kept.empty())
                        settings["kubeReserved"] = std::move(kept);
                return settings;
        } catch (const std::exception&) {
                return nullptr;
        }
}

} // namespace

Json generated_settings(const Root& root, const Resolved& resolved)
{
        try {
                auto node = load_node_inputs(root, ClusterNeed::as_configured);
                node.spec = node_spec(resolved.merged.tree, resolved.merged.marks);
                StepPlan plan;
                return generated_kubelet_config(node, plan);
        } catch (const std::exception&) { // no node here, or an incomplete configuration
                return computed_settings(root, resolved);
        }
}

std::string edited_setting(const Root& root, const std::string& key)
{
        if (!key.starts_with(kubelet_prefix))
                return {};

        const auto path = std::string(kubelet_config_path);
        const auto present = read_file_if_exists(root(path));
        const auto ours = read_file_if_exists(root(std::string(rendered_directory) + path));
        if (!present || !ours || present == ours)
                return {};

        const auto document = try_parse_json(*present);
        const auto* value = value_at(document, std::string_view(key).substr(kubelet_prefix.size()));

        return fmt::format("  '{}' was edited by hand, and {}\n", path,
                value == nullptr ? "lacks it" : "has the value " + value->dump());
}

std::vector<Opinion> opinions(const Resolved& resolved, const std::string& key, const Json& generated)
{
        std::vector<Opinion> all;
        const auto* entry = find_schema_key(key);
        const auto* mode = find_path(resolved.merged.tree, "kubelet.configMode");

        // With "replace" that file holds the user's settings alone.
        if (key.starts_with(kubelet_prefix) && (mode == nullptr || *mode != "replace"))
                if (const auto* value =
                                value_at(generated, std::string_view(key).substr(kubelet_prefix.size())))
                        all.push_back({*value, {"eksnode's own"}});

        for (const auto& layer : resolved.layers) {
                const auto* value = value_at(layer.tree, key);

                // Values that merging ignores: an empty text, and a false after a true.
                const bool empty = value != nullptr && value->is_string() &&
                                   value->get_ref<const std::string&>().empty();

                const bool ignored = entry != nullptr && entry->path == key &&
                                     ((entry->merge == MergeRule::replace && empty) ||
                                             (entry->merge == MergeRule::keep_true && value != nullptr &&
                                                     *value == false && !all.empty()));
                if (value == nullptr || ignored)
                        continue;

                all.push_back({*value, place_of(layer.marks, key, {layer.source})});
        }

        return all;
}

std::string reasoning(const Root& root, const Resolved& resolved, const std::string& key)
{
        const auto below = [&](std::string_view map) {
                return key == map || key.starts_with(fmt::format("{}.", map));
        };

        if ((key == "swap" || key == "swapSize") && exists(root(swap_record_path))) {
                const auto areas = swap_areas(root);
                return fmt::format("  on this node: {}\n", areas.empty() ? "none" : names_of(areas));
        }

        if (below("limits"))
                return limits_there(root, key) + (key == "limits" ? task_limit(root) : "");

        const bool reserved = below("kubelet.config.kubeReserved");
        if (!reserved && !below("hugepages") && !below("node.labels") && key != "kubelet.config.maxPods" &&
                key != "node.taints")
                return {};

        try {
                auto spec = node_spec(resolved.merged.tree, resolved.merged.marks);
                if (below("hugepages"))
                        return pages_on_node(root, spec);

                const NodeInputs node{.root = root,
                        .spec = std::move(spec),
                        .facts = instance_facts(load_imds(root)),
                        .versions = {},
                        .credential_provider = {}};
                if (key.starts_with("node."))
                        return registered(node, key);
                if (node.spec.kubelet.config_replaces)
                        return {};
                std::vector<Note> notes;
                const auto pods = max_pods(node, notes);
                if (!reserved)
                        return fmt::format("  computed: {}, {}\n{}", pods.computed, pods.computed_why,
                                text_of_notes(notes));
                if (!below("kubelet.config.kubeReserved.cpu") &&
                        !below("kubelet.config.kubeReserved.memory") && key != "kubelet.config.kubeReserved")
                        return {};
                const auto kept = kube_reserved(node, pods.effective, notes);
                return fmt::format("  {}computed by the {} ({} pods: {})\n",
                        key == "kubelet.config.kubeReserved" ? "cpu and memory are " : "", kept.why,
                        pods.effective, pods.why);
        } catch (const std::exception&) { // no node here, or an incomplete configuration
                return {};
        }
}

std::string explain_profile(const Root& root, const Resolved& resolved)
{
        const auto chosen = opinions(resolved, "profile", {});
        auto text = chosen.empty() ? fmt::format("profile = \"{}\"\n  from eksnode's own default\n",
                                             default_profile)
                                   : explain(resolved, "profile", {});
        text += "\nprofiles:\n";

        for (const auto& [name, path] : profile_files(root)) {
                std::string about;
                try {
                        about = parse_profile(read_file(root(path)), path).description;
                } catch (const Error& e) {
                        about = e.what();
                }

                text += fmt::format(
                        "  {}: {}\n    {}\n", name, about.empty() ? "no description" : about, path);
        }

        return text;
}

std::string explain_facts(const Json& imds)
{
        const auto sources = imds.value("sources", Json::object());
        std::string text;

        for (const auto& [name, value] : imds.items())
                if (name != "sources")
                        text += fmt::format("{} = {}\n  from {}\n", name, value.dump(),
                                sources.value(name, std::string("the instance metadata service")));
        if (const auto user_data = sources.value("userData", std::string()); !user_data.empty())
                text += fmt::format("user data\n  from {}\n", user_data);

        return text;
}

std::string explain(const Resolved& resolved, const std::string& key, const Json& generated,
        const std::string& reasoning)
{
        const auto* entry = find_schema_key(key);
        if (entry == nullptr)
                throw Error(failure::usage,
                        fmt::format("'{}' is not a configuration key{}", key, nearest_key_hint(key, "")),
                        "See eks-node.toml(5) for every key");

        auto all = opinions(resolved, key, generated);
        for (auto& opinion : all)
                opinion.value = shown(*entry, std::move(opinion.value));
        if (all.empty())
                return fmt::format("{} is not set\n{}", key, reasoning);

        std::string text;
        if (entry->adds_up()) {
                text = fmt::format("{}, in this order:\n", key);
                for (const auto& [value, where] : all)
                        text += fmt::format("  {}\n    from {}\n", value.dump(), where.text());
                return text;
        }

        Json merged;
        for (const auto& opinion : all)
                deep_merge(merged, opinion.value);
        const auto& last = all.back();
        const bool is_merged = all.size() > 1 && last.value.is_object();
        text = fmt::format("{} = {}\n", key, merged.dump());
        text += is_merged ? fmt::format("  {} from {}\n", last.value.dump(), last.where.text())
                          : fmt::format("  from {}\n", last.where.text());

        for (std::size_t i = all.size() - 1; i-- > 0;)
                text += fmt::format("  {} {} from {}\n",
                        is_merged && all[i].value.is_object() ? "merged over" : "instead of",
                        all[i].value.dump(), all[i].where.text());

        return text + reasoning;
}

} // namespace eks
