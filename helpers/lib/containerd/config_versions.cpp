// SPDX-License-Identifier: Apache-2.0
#include "containerd/config_versions.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "containerd/find_setting.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

using Path = SettingPath;

// Calls f with the path, in schema 2 or 3, and the key of every value that is not a table. An empty table
// has no effect.
using Visit = std::function<void(const Path&, const std::string&, const Json&)>;

void each_setting(const Json& table_node, Path& path, const std::string& key, const Visit& f)
{
        for (const auto& [name, value] : table_node.items()) {
                path.push_back(name);
                const auto child = key_path(key, name);
                if (value.is_object())
                        each_setting(value, path, child, f);
                else
                        f(without_schema_4(path), child, value);
                path.pop_back();
        }
}

void each_setting(const Layer& layer, const Visit& f)
{
        Path path;
        each_setting(layer.tree, path, "", f);
}

std::string shown(const Path& path)
{
        std::string key;
        for (const auto& name : path)
                key = key_path(key, name);
        return key;
}

// The part to name in a note: an unknown plugin is named only once.
Path unknown_part(const Path& path)
{
        const bool of_plugin = path.size() > 2 && path.front() == "plugins";
        if (of_plugin && !is_known_plugin(path[1]))
                return {path[0], path[1]};
        return path;
}

// Notes each unknown setting, or plugin, once.
class Unknown {
public:
        Unknown(const Layer& layer, std::vector<Note>& notes) : layer_(&layer), notes_(&notes) {}

        void note(const Path& path)
        {
                const auto key = shown(unknown_part(path));
                const auto place = place_of(layer_->marks, key, {layer_->source});
                if (!place.source.empty() && noted_.insert(key).second)
                        notes_->push_back({Level::warning,
                                fmt::format(
                                        "{}: {}: not a containerd setting that eksnode knows{}, proceeding",
                                        place.text(), key,
                                        noted_.size() > hints_limit ? "" : nearest_setting(path)),
                                true});
        }

private:
        static constexpr std::size_t hints_limit = 20; // comparing names takes longest

        const Layer* layer_;
        std::vector<Note>* notes_;
        std::set<std::string> noted_;
};

// Plugins of CRI in every schema, and its short name in schema 1.
constexpr std::array<std::string_view, 4> cri_plugins{"cri", plugin::cri, plugin::images, plugin::runtime};

void note_disabled_cri(
        const Layer& layer, const std::string& key, const Json& value, std::vector<Note>& notes)
{
        if (key != "disabled_plugins" || !value.is_array())
                return;

        for (std::size_t i = 0; i < value.size(); ++i)
                if (std::ranges::find(cri_plugins, value_text(value[i])) != cri_plugins.end())
                        notes.push_back({Level::warning,
                                fmt::format(
                                        "{}: {} = {}: kubelet cannot work without this plugin: remove it "
                                        "from the list, proceeding",
                                        place_of(layer.marks, fmt::format("{}[{}]", key, i),
                                                place_of(layer.marks, key, {layer.source}))
                                                .text(),
                                        key, shown_json(value[i])),
                                true});
}

// False, and a problem, for a type that containerd does not start with. `row` is the setting's, if it is
// known.
bool is_right(const Layer& layer, const SettingRow* row, Path path, const std::string& key,
        const Json& value, Problems& problems)
{
        const auto length = path.size();
        const auto wrong = row == nullptr            ? wrong_shape(path)
                           : fits(value, row->shape) ? std::string_view()
                                                     : expected(row->shape);
        if (wrong.empty())
                return true;

        const bool is_below = path.size() < length; // a table is there
        const auto named = is_below ? shown(path) : key;
        problems.add(fmt::format("{}: {}{}: {}", place_of(layer.marks, named, {layer.source}).text(), named,
                             is_below || names_secret(named) ? "" : " = " + shown_json(value), wrong),
                "Give it as containerd's documents do: containerd would not start with this");

        return false;
}

class Translator {
public:
        Translator(const Layer& layer, const Version& containerd, std::vector<Note>& notes, Marks* places)
                : layer_(&layer), containerd_(containerd), three_(schema_for(containerd) == 3),
                  notes_(&notes), places_(places), unknown_(layer, notes)
        {
        }

        Json run()
        {
                each_setting(*layer_, [&](const Path& path, const std::string& key, const Json& value) {
                        if (key != "version")
                                take(path, key, value);
                });

                problems_.throw_if_any(failure::config_invalid);
                if (places_ != nullptr)
                        for (const auto& [now, key] : origin_)
                                (*places_)[now] = where(key);

                return std::move(result_);
        }

private:
        static constexpr auto use_2 = "Remove what is named, or use containerd 2.x";

        void take(const Path& path, const std::string& key, const Json& value)
        {
                auto here = three_ ? &SettingPatterns::three : &SettingPatterns::two;
                auto other_schema = three_ ? &SettingPatterns::two : &SettingPatterns::three;
                const auto found = find_setting(path, here);
                const auto other = found ? std::nullopt : find_setting(path, other_schema);

                const auto* row = found ? found->patterns->row : other ? other->patterns->row : nullptr;
                if (!is_right(*layer_, row, path, key, value, problems_))
                        return;
                note_disabled_cri(*layer_, key, value, *notes_);
                if (row != nullptr && is_taken_apart(*row, key, value))
                        return;

                if (other) {
                        move(*other, here, key, value);
                        return;
                }

                if (row == nullptr)
                        unknown_.note(path);
                else if (is_left_out(*row, key))
                        return;

                put(path, key, value);
        }

        // Settings with another form in some versions, or that would undo our settings.
        bool is_taken_apart(const SettingRow& row, const std::string& key, const Json& value)
        {
                if (row.two == "imports" && !three_ && !value.empty() &&
                        value != Json{"/etc/containerd/config.toml"}) { // itself: `containerd config dump`
                        problems_.add(where(key), key, "",
                                fmt::format("containerd {} puts the tables of such a file in the place of "
                                            "ours: runtimes and the sandbox image would be lost",
                                        containerd_.text()),
                                "Put the files into /etc/eks/containerd.d/, whose tables are merged");
                        return true;
                }

                // From 2.1 on a list of directories, before it one. 2.1 still takes one, but warns.
                const bool has_list = containerd_ >= Version{2, 1, 0};
                const auto cni = [&](const char* name) {
                        return Path{"plugins", three_ ? plugin::runtime : plugin::cri, "cni", name};
                };

                if (row.three == "runtime:cni/bin_dir" && has_list) {
                        if (value != "") // which means the default
                                put(cni("bin_dirs"), key, Json::array({value}));
                        return true;
                }

                if (row.three != "runtime:cni/bin_dirs" || has_list)
                        return false;

                if (value.size() == 1)
                        put(cni("bin_dir"), key, value.front());
                else
                        refuse(key, three_ ? "Name one directory, or use containerd 2.1 or later" : use_2);

                return true;
        }

        void move(const FoundSetting& found, Path SettingPatterns::*side, const std::string& key,
                const Json& value)
        {
                const auto& to = found.patterns->*side;
                if (!to.empty()) {
                        if (!is_left_out(*found.patterns->row, key))
                                put(fill(to, found.wild), key, value);
                        return;
                }

                if (!three_)
                        refuse(key, use_2);
                else if (!says_nothing(value))
                        notes_->push_back({Level::warning,
                                fmt::format("{}: {}: containerd {} has no such setting{}, ignoring",
                                        where(key).text(), key, containerd_.text(),
                                        found.patterns->row->hint.empty()
                                                ? ""
                                                : fmt::format(" (use {})", found.patterns->row->hint))});
        }

        void refuse(const std::string& key, const char* remedy)
        {
                problems_.add(where(key), key, "",
                        fmt::format(
                                "containerd {} has no such setting, and none like it", containerd_.text()),
                        remedy);
        }

        // `containerd config default` of 1.x has many of these; leaving them out changes nothing.
        static bool says_nothing(const Json& value)
        {
                return value == Json("") || value == false || value == 0 ||
                       (value.is_array() && value.empty());
        }

        // Settings that are too new for the daemon, which ignores them or warns. Those of others are kept
        // with a note; for ours the result is true.
        bool is_left_out(const SettingRow& row, const std::string& key)
        {
                if (!row.is_too_new_for(containerd_))
                        return false;

                const auto place = where(key);
                if (place.source.empty())
                        return true;

                notes_->push_back({Level::warning,
                        fmt::format("{}: {}: containerd {} does not read it, {}.{} and later do, proceeding",
                                place.text(), key, containerd_.text(), containerd_.major, row.minor)});

                return false;
        }

        void put(const Path& path, const std::string& key, const Json& value)
        {
                Json* node = &result_;
                for (const auto& name : path) {
                        if (node->is_null())
                                *node = Json::object();
                        if (!node->is_object())
                                break;
                        node = &(*node)[name];
                }

                const auto [first, is_first] = origin_.emplace(shown(path), key);
                if (!node->is_null() && (*node != value || is_first))
                        problems_.add(where(key), key, "",
                                fmt::format("the same setting as {} ({}), with another value", first->second,
                                        where(first->second).text()),
                                "Give it once");
                else
                        *node = value;
        }

        Where where(const std::string& key) const { return place_of(layer_->marks, key, {layer_->source}); }

        const Layer* layer_;
        Version containerd_;
        bool three_;
        std::vector<Note>* notes_;
        Marks* places_;
        Unknown unknown_;
        Json result_ = Json::object();
        std::map<std::string, std::string> origin_; // new place, old place
        Problems problems_;
};

void check_version(const Layer& layer)
{
        const auto version = layer.tree.value("version", Json(3));
        if (version == 2 || version == 3 || version == 4)
                return;

        throw Error(failure::config_invalid,
                fmt::format(
                        "{}: version = {}: eksnode knows schema 2, 3 and 4 of containerd's configuration",
                        place_of(layer.marks, "version", {layer.source}).text(), version.dump()),
                "Write the settings in one of them");
}

} // namespace

const Schema& schema_of(int version)
{
        using Pointer = Json::json_pointer;
        static const Schema two{2, Pointer("/plugins") / plugin::cri / "containerd",
                Pointer("/plugins") / plugin::cri / "enable_cdi",
                Pointer("/plugins") / plugin::cri / "registry", {"plugins", plugin::cri, "sandbox_image"},
                {"plugins", plugin::cri, "containerd", "snapshotter"}};
        static const Schema three{3, Pointer("/plugins") / plugin::runtime / "containerd",
                Pointer("/plugins") / plugin::runtime / "enable_cdi",
                Pointer("/plugins") / plugin::images / "registry",
                {"plugins", plugin::images, "pinned_images", "sandbox"},
                {"plugins", plugin::images, "snapshotter"}};

        return version == 3 ? three : two;
}

int schema_for(const Version& containerd)
{
        return containerd.major >= 2 ? 3 : 2;
}

Layer parse_containerd_config(const std::string& text, const std::string& source)
{
        auto layer = TomlDocument::parse(text, source).layer(source);
        layer.problems.throw_if_any(failure::config_invalid);
        return layer;
}

Json translate(const Layer& layer, const Version& containerd, std::vector<Note>& notes, Marks* places)
{
        check_version(layer);
        return Translator(layer, containerd, notes, places).run();
}

void check_known(const Layer& layer, std::vector<Note>& notes)
{
        check_version(layer);
        Unknown unknown(layer, notes);
        Problems problems;
        each_setting(layer, [&](const Path& path, const std::string& key, const Json& value) {
                if (key == "version")
                        return;

                auto found = find_setting(path, &SettingPatterns::two);
                if (!found)
                        found = find_setting(path, &SettingPatterns::three);

                if (!is_right(layer, found ? found->patterns->row : nullptr, path, key, value, problems))
                        return;
                note_disabled_cri(layer, key, value, notes);
                if (!found)
                        unknown.note(path);
        });

        problems.throw_if_any(failure::config_invalid);
}

} // namespace eks
