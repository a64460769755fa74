// SPDX-License-Identifier: Apache-2.0
#include "config/profile.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/sources.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

constexpr std::string_view suffix = ".toml";
constexpr const char* manual = "See eks-profile(5) for what a profile may hold";

// Refuse every key of a map but the given ones, and those that have another type.
void keep_known(Layer& layer, Json& map, const std::string& above,
        const std::vector<std::pair<std::string, Json::value_t>>& known)
{
        for (auto item = map.begin(); item != map.end();) {
                const auto key = key_path(above, item.key());
                const auto where = place_of(layer.marks, key, {layer.source});
                const auto entry =
                        std::ranges::find(known, item.key(), [](const auto& k) { return k.first; });
                if (entry != known.end() && item->type() == entry->second) {
                        ++item;
                        continue;
                }
                if (entry != known.end()) {
                        layer.problems.add(where, key, "",
                                entry->second == Json::value_t::object ? "must be a map"
                                                                       : "must be a string",
                                manual);
                } else {
                        const std::array<std::string, 3> keys{"description", "kubelet.config", "sysctl"};
                        const auto near = nearest(key, keys);
                        layer.problems.add(where, key, "",
                                near ? fmt::format("no key of a profile; did you mean '{}'?", *near)
                                     : "no key of a profile, which has description, kubelet.config and "
                                       "sysctl",
                                manual);
                }
                item = map.erase(item);
        }
}

} // namespace

std::vector<ProfileFile> profile_files(const Root& root)
{
        std::vector<ProfileFile> files;
        for (const auto& path : drop_ins(root, {std::string(vendor_profiles), std::string(admin_profiles)},
                     {std::string(suffix)})) {
                const auto name = path.substr(path.rfind('/') + 1);
                files.push_back({name.substr(0, name.size() - suffix.size()), path});
        }
        return files;
}

Profile parse_profile(std::string_view text, const std::string& path)
{
        Profile profile{.description = {}, .layer = TomlDocument::parse(text, path).layer(path)};
        auto& layer = profile.layer;
        constexpr auto string = Json::value_t::string;
        constexpr auto object = Json::value_t::object;
        keep_known(
                layer, layer.tree, "", {{"description", string}, {"kubelet", object}, {"sysctl", object}});
        if (layer.tree.contains("kubelet"))
                keep_known(layer, layer.tree["kubelet"], "kubelet", {{"config", object}});
        if (layer.tree.contains("description")) {
                profile.description = layer.tree["description"];
                layer.tree.erase("description");
        }
        return profile;
}

std::optional<Profile> find_profile(
        const Root& root, const std::string& chosen, const std::optional<Where>& where)
{
        const auto files = profile_files(root);
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
        const auto near = nearest(chosen, names);
        none.layer.problems.add(*where, "profile", chosen,
                "no such profile" + (near ? fmt::format("; did you mean '{}'?", *near) : std::string()),
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
