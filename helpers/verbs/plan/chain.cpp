// SPDX-License-Identifier: Apache-2.0
#include "verbs/plan/chain.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view ours = "eks-";
constexpr std::string_view service = ".service";
// "  reads    /a /b"; "" without words.
std::string row(std::string_view title, const std::vector<std::string>& words)
{
        constexpr std::size_t width = 120;
        constexpr std::string_view indent = "          ";
        return words.empty() ? "" : wrapped(fmt::format("  {:<8}", title), words, indent, width) + "\n";
}

std::vector<std::string> sorted(const Json& list)
{
        auto texts = list.get<std::vector<std::string>>();
        std::ranges::sort(texts);
        return texts;
}

} // namespace

ChainUnit parse_unit(const std::string& name, const std::string& text)
{
        ChainUnit unit{.name = name, .description = {}, .conditions = {}, .after = {}};
        for (const auto line : lines(text)) {
                const auto equals = line.find('=');
                if (equals == line.npos || line.starts_with('#'))
                        continue;

                const auto key = line.substr(0, equals);
                const auto value = line.substr(equals + 1);
                if (key == "Description")
                        unit.description = value;
                else if (key.starts_with("Condition"))
                        unit.conditions.emplace_back(line);
                else if (key == "After")
                        for (const auto word : split(value, ' '))
                                if (word.starts_with(ours) && word.ends_with(service))
                                        unit.after.emplace_back(
                                                word.substr(0, word.size() - service.size()));
        }

        std::ranges::sort(unit.after);
        return unit;
}

std::vector<ChainUnit> in_order(std::map<std::string, ChainUnit> units)
{
        std::vector<ChainUnit> ordered;
        while (!units.empty()) {
                const auto is_free = [&](const auto& entry) {
                        return std::ranges::none_of(entry.second.after,
                                [&](const auto& other) { return units.contains(other); });
                };

                auto next = std::ranges::find_if(units, is_free);
                if (next == units.end())
                        next = units.begin(); // a cycle, which systemd-analyze verify tells
                ordered.push_back(std::move(next->second));
                units.erase(next);
        }

        return ordered;
}

std::string render_chain(
        const std::vector<ChainUnit>& units, const std::function<Json(const std::string& name)>& describe)
{
        std::string text;
        for (const auto& unit : units) {
                const auto step = describe(unit.name);
                const auto purpose =
                        step.is_object() ? step.at("purpose").get<std::string>() : unit.description;
                text += fmt::format("{}{}: {}\n", text.empty() ? "" : "\n", unit.name, purpose);
                text += row("if", unit.conditions);
                text += row("after", unit.after);

                if (!step.is_object())
                        continue;

                text += row("reads", sorted(step.at("reads")));
                text += row("writes", sorted(step.at("writes")));
                text += row("devices", sorted(step.at("devices")));

                if (!step.at("may").empty())
                        text += row("may", {join(sorted(step.at("may")), ", ")});
                text += row("read by", sorted(step.at("read_by")));
        }

        return text;
}

} // namespace eks
