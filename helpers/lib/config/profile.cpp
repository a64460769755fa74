// SPDX-License-Identifier: Apache-2.0
#include "config/profile.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/sources.hpp"
#include "document/reader.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

constexpr std::string_view suffix = ".toml";
constexpr const char* manual = "See eks-profile(5) for what a profile may hold";

constexpr std::array sections{KnownKey{"description", Shape::text}, KnownKey{"kubelet", Shape::map},
        KnownKey{"sysctl", Shape::map}};
constexpr std::array kubelet_keys{KnownKey{"kubelet.config", Shape::map}};
const std::array<std::string, 3> all_keys{"description", "kubelet.config", "sysctl"};

void refuse_other_keys(Layer& layer)
{
        const auto wrong = [&](const std::string& key, std::string_view what) {
                layer.problems.add(place_of(layer.marks, key, {layer.source}), key, "", what, manual);
        };

        KeyRules rules{.keys = sections,
                .unknown =
                        [&](const std::string& key) {
                                const auto hint = did_you_mean(key, all_keys);
                                wrong(key,
                                        "not a key of a profile" +
                                                (hint.empty() ? ", which has description, kubelet.config and sysctl"
                                                              : hint));
                        },
                .wrong = [&](const auto& key, const auto&, const auto& what) { wrong(key, what); }};
        keep_known(layer.tree, rules);
        rules.keys = kubelet_keys;

        if (layer.tree.contains("kubelet"))
                keep_known(layer.tree["kubelet"], rules, "kubelet");
}

} // namespace

std::vector<ProfileFile> profile_files(const Root& root, std::vector<Note>* notes)
{
        std::vector<ProfileFile> files;
        for (const auto& path : drop_ins(root, {std::string(vendor_profiles), std::string(admin_profiles)},
                     {std::string(suffix)}, notes)) {
                const auto name = path.substr(path.rfind('/') + 1);
                files.push_back({name.substr(0, name.size() - suffix.size()), path});
        }

        return files;
}

Profile parse_profile(std::string_view text, const std::string& path)
{
        Profile profile{.description = {}, .layer = TomlDocument::parse(text, path).layer(path)};
        auto& layer = profile.layer;
        refuse_other_keys(layer);

        if (layer.tree.contains("description")) {
                profile.description = layer.tree["description"];
                layer.tree.erase("description");
        }

        return profile;
}

std::optional<Profile> find_profile(const Root& root, const std::string& chosen,
        const std::optional<Where>& where, std::vector<Note>& notes)
{
        const auto files = profile_files(root, &notes);
        const auto file = std::ranges::find(files, chosen, &ProfileFile::name);

        const auto path = file != files.end()       ? file->path
                          : chosen.starts_with('/') ? chosen
                                                    : std::string();
        if (!path.empty())
                if (const auto text = read_file_if_exists(root(path), config_limit))
                        return parse_profile(*text, path);
        if (!where)
                return std::nullopt;

        Profile none{.description = {}, .layer = {.source = where->source}};
        if (!path.empty()) {
                none.layer.problems.add(*where, "profile", chosen, "no such file",
                        "Put the file there, or name a profile of this image");
                return none;
        }

        std::vector<std::string> names;
        for (const auto& known : files)
                names.push_back(known.name);
        none.layer.problems.add(*where, "profile", chosen, "no such profile" + did_you_mean(chosen, names),
                fmt::format("Give the absolute path of a file, or one of the profiles here: {}",
                        names.empty() ? "none" : join(names, ", ")));

        return none;
}

bool is_in_profile(const std::string& source, std::string_view chosen)
{
        const auto below = [&](std::string_view directory) {
                return source.starts_with(std::string(directory) + "/");
        };
        return below(vendor_profiles) || below(admin_profiles) || source == chosen;
}

} // namespace eks
