// SPDX-License-Identifier: Apache-2.0
#include "document/problems.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "document/layer.hpp"

namespace eks {

std::string shown_value(std::string_view given)
{
        const auto value = without_secrets(given);
        constexpr std::size_t limit = 80; // bytes that help to find it

        const bool cut = value.size() > limit;
        auto end = cut ? limit : value.size();
        while (cut && end > 0 &&
                (static_cast<unsigned char>(value[end]) & 0xc0U) == 0x80U) // not within a character
                --end;
        const auto text = Json(value.substr(0, end)).dump(-1, ' ', true, Json::error_handler_t::replace);

        return cut ? text + "…" : text;
}

std::string Where::text() const
{
        if (line == 0)
                return source;
        return source + ", line " + std::to_string(line) + ", column " + std::to_string(column);
}

void Problems::add(const Where& where, std::string_view key, std::string_view value, std::string_view wrong,
        std::string remedy)
{
        add(value.empty() || names_secret(key)
                        ? fmt::format("{}: {}: {}", where.text(), shown_key(key), wrong)
                        : fmt::format("{}: {} = {}: {}", where.text(), shown_key(key), shown_value(value),
                                  wrong),
                std::move(remedy));
}

void Problems::add(std::string text, std::string remedy)
{
        text = hide_secrets(text);
        if (texts_.insert(text).second)
                all_.push_back({std::move(text), std::move(remedy)});
}

void Problems::add(const Problems& other)
{
        for (const auto& [text, remedy] : other.all_)
                add(text, remedy);
}

void Problems::add(const Error& error)
{
        if (const auto* all = dynamic_cast<const InvalidConfiguration*>(&error))
                add(all->problems());
        else
                add(error.what(), error.remedy());
}

namespace {

// Sorts messages by the places in their texts.
template <typename Message>
void sort_messages(std::vector<Message>& all, const std::vector<std::string>& sources)
{
        struct Placed {
                std::size_t source;
                Where where;
                Message message;
        };

        std::vector<Placed> placed;
        placed.reserve(all.size());

        for (auto& message : all) {
                auto where = place_in_message(message.text);
                const auto source = std::ranges::find(sources, where.source) - sources.begin();
                placed.push_back({static_cast<std::size_t>(source), std::move(where), std::move(message)});
        }

        std::ranges::stable_sort(placed, {}, [](const Placed& one) {
                return std::tie(one.source, one.where.source, one.where.line, one.where.column);
        });

        for (std::size_t i = 0; i < placed.size(); ++i)
                all[i] = std::move(placed[i].message);
}

} // namespace

void Problems::sort_by_place(const std::vector<std::string>& sources)
{
        sort_messages(all_, sources);
}

void sort_by_place(std::vector<Note>& notes, const std::vector<std::string>& sources)
{
        sort_messages(notes, sources);
}

std::vector<std::string> Problems::texts() const
{
        std::vector<std::string> texts;
        for (const auto& problem : all_)
                texts.push_back(problem.text);
        return texts;
}

std::vector<std::string> Problems::remedies() const
{
        std::vector<std::string> remedies;
        for (const auto& problem : all_)
                if (std::ranges::find(remedies, problem.remedy) == remedies.end())
                        remedies.push_back(problem.remedy);
        return remedies;
}

void Problems::throw_if_any(const Failure& failure) const
{
        if (all_.empty())
                return;

        constexpr std::size_t shown = 20; // in one message; `eksnode validate` lists all
        const auto first = std::span(all_).first(std::min(all_.size(), shown));

        // A remedy stands once, behind the last of its problems. That of the last one is the error's own.
        std::string text;
        for (std::size_t i = 0; i < first.size(); ++i) {
                const auto& [wrong, remedy] = first[i];
                const auto after = first.subspan(i + 1);
                const bool again = std::ranges::find(after, remedy, &Problem::remedy) != after.end();
                text += i > 0 ? "; " + wrong : wrong;
                if (!again && !after.empty() && !remedy.empty())
                        text += fmt::format("{} {}", wrong.ends_with('?') ? "" : ".", remedy);
        }

        if (all_.size() > shown)
                text += fmt::format("; and {} more", all_.size() - shown);

        throw InvalidConfiguration(failure, text, first.back().remedy, *this);
}

} // namespace eks
