// SPDX-License-Identifier: Apache-2.0
#include "checks/check_report.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "document/reader.hpp"

namespace eks {

Where CheckReport::where(std::string_view key) const
{
        return nearest_place(*marks_, std::string(key), {"configuration"});
}

void CheckReport::problem(
        std::string_view key, std::string_view value, std::string_view wrong, std::string remedy) const
{
        problems_->add(where(key), key, value, wrong, std::move(remedy));
}

void CheckReport::doubt(
        std::string_view key, std::string_view value, std::string_view wrong, std::string_view fate) const
{
        note(Level::warning, key, value, fmt::format("{}, {}", wrong, fate));
        notes_->back().strict = true;
}

void CheckReport::note(
        Level level, std::string_view key, std::string_view value, std::string_view text) const
{
        const auto given =
                value.empty() || names_secret(key) ? std::string() : fmt::format(" = \"{}\"", plain(value));
        notes_->push_back(
                {level, fmt::format("{}: {}{}: {}", where(key).text(), shown_key(key), given, text)});
}

std::string plain(std::string_view word)
{
        constexpr std::size_t limit = 80; // characters, as of the values that Problems shows
        const auto whole = without_secrets(word);
        auto text = whole.substr(0, limit);
        std::ranges::replace_if(
                text, [](char c) { return c < ' ' || c > '~'; }, '?');
        return whole.size() > limit ? text + "…" : text;
}

std::string ticked(std::string_view word)
{
        return fmt::format("'{}'", plain(word));
}

const Json* member(const Json* object, std::string_view key)
{
        if (object == nullptr || !object->is_object())
                return nullptr;
        const auto found = object->find(key);
        return found != object->end() && !found->is_null() ? &*found : nullptr;
}

const std::string* text_member(const Json* object, std::string_view key)
{
        const auto* found = member(object, key);
        return found != nullptr ? found->get_ptr<const std::string*>() : nullptr;
}

std::vector<std::string> texts(const Json* list)
{
        std::vector<std::string> result;
        if (list != nullptr && list->is_array())
                for (const auto& item : *list)
                        if (item.is_string())
                                result.push_back(item.get<std::string>());
        return result;
}

} // namespace eks
