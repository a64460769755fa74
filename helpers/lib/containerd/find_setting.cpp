// SPDX-License-Identifier: Apache-2.0
#include "containerd/find_setting.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace eks {

namespace {

using Path = SettingPath;

std::string plugin_id(std::string_view name)
{
        return name == "cri"       ? plugin::cri
               : name == "images"  ? plugin::images
               : name == "runtime" ? plugin::runtime
                                   : std::string(name);
}

Path pattern_of(std::string_view text)
{
        Path path;
        if (const auto colon = text.find(':'); colon != std::string_view::npos) {
                path = {"plugins", plugin_id(text.substr(0, colon))};
                text.remove_prefix(colon + 1);
        }

        for (const auto part : split(text, '/'))
                path.emplace_back(part);

        return path;
}

// The parts that "*" and "..." match, in order; nothing if the path does not match.
std::optional<Path> match(const Path& pattern, const Path& path)
{
        Path wild;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
                if (i >= path.size())
                        return std::nullopt;

                if (pattern[i] == "...") {
                        wild.insert(wild.end(), path.begin() + static_cast<std::ptrdiff_t>(i), path.end());
                        return wild;
                }

                if (pattern[i] == "*")
                        wild.push_back(path[i]);
                else if (pattern[i] != path[i])
                        return std::nullopt;
        }

        return path.size() == pattern.size() ? std::optional(wild) : std::nullopt;
}

const std::vector<SettingPatterns>& patterns()
{
        static const auto made = [] {
                std::vector<SettingPatterns> all;
                for (const auto& row : setting_rows())
                        all.push_back({&row, pattern_of(row.two),
                                pattern_of(row.three == "=" ? row.two : row.three)});
                return all;
        }();
        return made;
}

struct RenamedPatterns {
        Path four;
        Path three;
};

// Every setting is looked up here, so the patterns are made once.
const std::vector<RenamedPatterns>& renamed_patterns()
{
        static const auto made = [] {
                std::vector<RenamedPatterns> all;
                for (const auto& entry : renamed_settings())
                        all.push_back({pattern_of(entry.four), pattern_of(entry.three)});
                return all;
        }();
        return made;
}

bool starts_as(const Path& pattern, const Path& path, std::size_t length)
{
        for (std::size_t i = 0; i < length; ++i)
                if (pattern[i] != "*" && pattern[i] != path[i])
                        return false;
        return true;
}

} // namespace

SettingPath fill(const SettingPath& pattern, const SettingPath& wild)
{
        Path path;
        auto next = wild.begin();

        for (const auto& part : pattern) {
                if (part == "...")
                        path.insert(path.end(), next, wild.end());
                else
                        path.push_back(part == "*" ? *next++ : part);
        }

        return path;
}

SettingPath without_schema_4(const SettingPath& path)
{
        if (path.size() <= 2 || path.front() != "plugins") // too short for a setting of a plugin
                return path;
        for (const auto& entry : renamed_patterns())
                if (const auto wild = match(entry.four, path))
                        return fill(entry.three, *wild);
        return path;
}

std::optional<FoundSetting> find_setting(const SettingPath& path, SettingPath SettingPatterns::*side)
{
        for (const auto& entry : patterns())
                if (!(entry.*side).empty())
                        if (auto wild = match(entry.*side, path))
                                return FoundSetting{&entry, std::move(*wild)};
        return std::nullopt;
}

std::string_view wrong_shape(SettingPath& path)
{
        if (path.size() <= 2 && path.front() == "plugins")
                return "must be a table";

        for (const auto& entry : patterns())
                for (const auto* pattern : {&entry.two, &entry.three}) {
                        if (!starts_as(*pattern, path, std::min(pattern->size(), path.size())))
                                continue;
                        if (path.size() < pattern->size())
                                return "must be a table";

                        if (!pattern->empty()) {
                                path.resize(pattern->size());
                                return expected(entry.row->shape);
                        }
                }

        return {};
}

std::string nearest_setting(const SettingPath& path)
{
        for (std::size_t length = 1; length <= path.size(); ++length) {
                std::vector<std::string> beside; // names that may be at this place
                bool is_known = false;

                for (const auto& entry : patterns())
                        for (const auto* pattern : {&entry.two, &entry.three}) {
                                if (pattern->size() < length || !starts_as(*pattern, path, length - 1))
                                        continue;
                                const auto& name = (*pattern)[length - 1];
                                is_known =
                                        is_known || name == path[length - 1] || name == "*" || name == "...";
                                beside.push_back(name);
                        }

                if (!is_known)
                        return did_you_mean(path[length - 1], beside);
        }

        return {};
}

bool is_known_plugin(const std::string& id)
{
        const auto is_it = [&](const Path& side) { return side.size() > 1 && side[1] == id; };
        return std::ranges::any_of(patterns(),
                [&](const SettingPatterns& entry) { return is_it(entry.two) || is_it(entry.three); });
}

} // namespace eks
