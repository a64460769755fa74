// SPDX-License-Identifier: Apache-2.0
#include "edits.hpp"

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/fs.hpp"

namespace eks {

namespace {

// What `edited` has that `base` has not, or has otherwise; maps recurse.
Json difference(const Json& base, const Json& edited, const std::string& path, std::vector<Note>& notes)
{
        auto found = Json::object();
        for (const auto& [key, value] : edited.items()) {
                const auto was = base.find(key);
                if (was == base.end() || value.is_object() != was->is_object()) {
                        found[key] = value;
                } else if (value.is_object()) {
                        if (auto below = difference(*was, value, key_path(path, key), notes); !below.empty())
                                found[key] = std::move(below);
                } else if (value != *was) {
                        found[key] = value;
                }
        }
        for (const auto& [key, value] : base.items())
                if (!edited.contains(key))
                        notes.push_back({Level::warning,
                                fmt::format(
                                        "'{}' does not have {}, which eksnode sets all the same, ignoring",
                                        kubelet_config_link, key_path(path, key))});
        return found;
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
        const auto edited = Json::parse(*text, nullptr, false);
        if (!edited.is_object())
                throw Error(failure::config_syntax, fmt::format("'{}' is not JSON", kubelet_config_link),
                        "Mend the script that edits it");
        const auto ours = Json::parse(*base, nullptr, false);
        auto found = difference(ours.is_object() ? ours : Json::object(), edited, "", notes);
        found.erase("kind"); // of every such file
        found.erase("apiVersion");
        return found;
}

} // namespace eks
