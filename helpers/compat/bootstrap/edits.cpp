// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/edits.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "compat/bootstrap/bootstrap.hpp"
#include "compat/bootstrap/call.hpp"
#include "document/toml.hpp"
#include "systemd/systemd_words.hpp"

namespace eks {

namespace {

// The values of `edited` that `base` lacks or that differ from it; maps recurse.
Json difference(const Json& base, const Json& edited, std::string_view file, const std::string& path,
        std::vector<Note>& notes)
{
        auto found = Json::object();
        for (const auto& [key, value] : edited.items()) {
                const auto known = base.find(key);
                const bool both_maps = known != base.end() && value.is_object() && known->is_object();

                if (both_maps) {
                        auto below = difference(*known, value, file, key_path(path, key), notes);
                        if (!below.empty())
                                found[key] = std::move(below);
                } else if (known == base.end() || value != *known) {
                        found[key] = value;
                }
        }

        for (const auto& [key, value] : base.items())
                if (!edited.contains(key))
                        notes.push_back({Level::warning, fmt::format("'{}' lacks {}; eksnode sets it again",
                                                                 file, key_path(path, key))});

        return found;
}

// The text of a file if it differs from the vendor's; nothing if it is the same or absent.
std::optional<std::string> edited_text(
        const Root& root, std::string_view path, std::string_view vendor, std::string& base)
{
        auto text = read_file_if_exists(root(path));
        auto given = read_file_if_exists(root(vendor));
        if (!text || !given || text == given)
                return std::nullopt;
        base = *std::move(given);
        return text;
}

constexpr std::string_view containerd_vendor_file = "/usr/share/eks/containerd/config-2.toml";
constexpr std::string_view max_pods_vendor_file = "/usr/share/eks/eni-max-pods.txt";
constexpr std::string_view kubelet_unit_vendor_file = "/usr/share/eks/containerd/kubelet-containerd.service";
constexpr std::string_view sandbox_unit_vendor_file = "/usr/share/eks/containerd/sandbox-image.service";

// The second word of the line that begins with the type, as bootstrap.sh looked it up.
std::string max_pods_in(std::string_view table, std::string_view type)
{
        for (const auto line : lines(table)) {
                const auto row = trim(line);
                const auto end = row.find_first_of(" \t");
                if (end != row.npos && row.substr(0, end) == type)
                        return std::string(trim(row.substr(end)));
        }
        return {};
}

// The settings of a unit's file by their name with "=". A line that ends with a backslash continues.
std::multimap<std::string, std::string> settings_of_unit(std::string_view text)
{
        std::multimap<std::string, std::string> settings;
        std::string setting;

        for (const auto line : lines(text)) {
                const auto part = trim(line);
                if (part.starts_with('#') || part.starts_with(';'))
                        continue;

                setting += part;
                if (setting.ends_with('\\')) {
                        setting.back() = ' ';
                        continue;
                }

                if (const auto end = setting.find('='); end != setting.npos)
                        settings.emplace(setting.substr(0, end + 1), trim(setting.substr(end + 1)));
                setting.clear();
        }

        return settings;
}

struct UnitEdits {
        std::vector<std::string> flags; // that were added to kubelet's command line, or have another value
        std::set<std::string> others;   // names of the settings that differ otherwise
};

UnitEdits edits_of_unit(std::string_view base, std::string_view edited)
{
        constexpr const char* command = "ExecStart=";
        auto before = settings_of_unit(base);
        auto after = settings_of_unit(edited);

        UnitEdits edits;

        const auto old_words =
                split_as_systemd(before.count(command) == 1 ? before.find(command)->second : "").words;
        auto words = split_as_systemd(after.count(command) == 1 ? after.find(command)->second : "").words;
        for (const auto& word : old_words)
                if (const auto found = std::ranges::find(words, word); found != words.end())
                        words.erase(found);
                else
                        edits.others.insert(command);

        std::vector<std::string> strays;
        for (auto& flag : join_flags(words, strays))
                if (flag.find('$') == flag.npos) // systemd would expand a variable, but not in kubelet.flags
                        edits.flags.push_back(std::move(flag));
                else
                        strays.push_back(std::move(flag));

        if (!strays.empty())
                edits.others.insert(command);

        before.erase(command);
        after.erase(command);

        for (const auto* settings : {&before, &after})
                for (const auto& [name, value] : *settings) {
                        const auto same = std::pair<const std::string, std::string>(name, value);
                        if (std::ranges::count(before, same) != std::ranges::count(after, same))
                                edits.others.insert(name);
                }

        return edits;
}

} // namespace

Json edits_of_kubelet_config(const Root& root, std::vector<Note>& notes)
{
        const auto text = read_file_if_exists(root(kubelet_config_link));
        if (!text)
                return Json::object();

        auto base = read_file_if_exists(root(fmt::format("{}{}", rendered_directory, kubelet_config_path)));
        if (!base)
                base = read_file_if_exists(root(kubelet_config_template));
        if (!base || text == base)
                return Json::object();

        const auto edited = try_parse_json(*text);
        if (!edited.is_object())
                throw Error(failure::config_syntax, fmt::format("'{}' is not JSON", kubelet_config_link),
                        "Correct the script that edits it");

        const auto ours = try_parse_json(*base);
        auto found =
                difference(ours.is_object() ? ours : Json::object(), edited, kubelet_config_link, "", notes);
        found.erase("kind"); // of every such file
        found.erase("apiVersion");

        return found;
}

Json edits_of_files(const Root& root, const std::string& instance_type, std::vector<Note>& notes)
{
        auto tree = Json::object();
        if (auto edits = edits_of_kubelet_config(root, notes); !edits.empty())
                tree["kubelet"]["config"] = std::move(edits);

        std::string base;
        if (const auto text = edited_text(root, containerd_config_edited, containerd_vendor_file, base)) {
                const std::string source(containerd_config_edited);
                const auto edited = TomlDocument::parse(without_sandbox_image(*text), source).layer(source);
                const auto ours = TomlDocument::parse(base, source).layer(source);

                auto found = difference(ours.tree, edited.tree, source, "", notes);
                if (!found.empty()) {
                        found["version"] = edited.tree.value("version", ours.tree["version"]);
                        tree["containerd"]["config"] = TomlDocument::from_tree(found).text();
                }
        }

        if (const auto text = edited_text(root, max_pods_edited, max_pods_vendor_file, base))
                if (const auto pods = max_pods_in(*text, instance_type);
                        !pods.empty() && pods != max_pods_in(base, instance_type))
                        tree["kubelet"]["maxPodsExpression"] = pods;

        if (const auto text = edited_text(root, kubelet_unit_edited, kubelet_unit_vendor_file, base)) {
                const auto edits = edits_of_unit(base, *text);
                if (!edits.flags.empty())
                        tree["kubelet"]["flags"] = edits.flags;

                const std::vector<std::string> others(edits.others.begin(), edits.others.end());
                if (!others.empty())
                        notes.push_back({Level::warning,
                                fmt::format(
                                        "'{}': only flags added to ExecStart= have an effect; changes of "
                                        "{} have none, ignoring; put them into a drop-in in "
                                        "'/etc/systemd/system/kubelet.service.d'",
                                        kubelet_unit_edited, join(others, ", "))});
        }

        if (edited_text(root, sandbox_unit_edited, sandbox_unit_vendor_file, base))
                notes.push_back({Level::warning,
                        fmt::format("'{}' was edited, which has no effect, ignoring; set the image in "
                                    "'{}', and other settings of the unit with `systemctl edit "
                                    "eks-sandbox-image`",
                                sandbox_unit_edited, containerd_config_edited)});

        return tree;
}

std::string without_sandbox_image(std::string_view text)
{
        std::string kept;
        for (const auto line : lines(text))
                if (line.find("SANDBOX_IMAGE") == line.npos)
                        kept += fmt::format("{}\n", line);
        return kept;
}

void add_edits(const Root& root, std::string_view layer, const std::string& instance, const Json& edits,
        Durability durability)
{
        if (edits.empty())
                return;

        auto tree = layer_of_instance(root, layer, instance);
        if (!tree.is_object())
                tree = Json::object();
        tree.merge_patch(edits);
        const auto name = layer.substr(layer.rfind('/') + 1);
        write_command_layer(root,
                {.command = std::string(name.substr(0, name.rfind('.'))),
                        .instance = instance,
                        .tree = tree},
                durability);
}

} // namespace eks
