// SPDX-License-Identifier: Apache-2.0
#include "document/layer.hpp"

#include <algorithm>

#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

Where parse_place(const std::string& text)
{
        constexpr std::string_view line_mark = ", line ";
        constexpr std::string_view column_mark = ", column ";
        const auto column_at = text.rfind(column_mark);

        const auto line_at = column_at == text.npos ? text.npos : text.rfind(line_mark, column_at);
        if (line_at == text.npos)
                return {text};

        const std::string_view all(text);
        const auto line_begin = line_at + line_mark.size();

        const auto line = parse_int<int>(all.substr(line_begin, column_at - line_begin));
        const auto column = parse_int<int>(all.substr(column_at + column_mark.size()));
        if (!line || !column)
                return {text};

        return {text.substr(0, line_at), *line, *column};
}

Where place_in_message(std::string_view text)
{
        auto place = parse_place(std::string(text.substr(0, text.find(": "))));
        const auto inner = place.source.find(" (");
        if (inner == place.source.npos || !place.source.ends_with(')'))
                return place;
        return parse_place(place.source.substr(inner + 2, place.source.size() - inner - 3));
}

Where place_of(const Marks& marks, const std::string& key, Where otherwise)
{
        const auto mark = marks.find(key);
        return mark != marks.end() ? mark->second : std::move(otherwise);
}

std::optional<Where> place_at_or_below(const Marks& marks, const std::string& key)
{
        if (const auto mark = marks.find(key); mark != marks.end())
                return mark->second;
        const auto below = marks.lower_bound(key + ".");
        if (below == marks.end() || !below->first.starts_with(key + "."))
                return std::nullopt;
        return below->second;
}

namespace {

// A tree without the secrets that are recognisable by the names of their keys or by their form.
Json masked(const Json& value)
{
        if (value.is_string())
                return without_secrets(value.get_ref<const std::string&>());

        auto result = value;
        if (value.is_object())
                for (const auto& [key, item] : value.items())
                        result[key] =
                                names_secret(key) || without_secrets(key) != key ? Json("…") : masked(item);

        if (value.is_array())
                for (auto& item : result)
                        item = masked(item);

        return result;
}

} // namespace

std::string quoted(const std::string& text)
{
        const bool plain = std::ranges::all_of(
                text, [](unsigned char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
        return plain ? '"' + text + '"' : Json(text).dump();
}

std::string value_text(const Json& value)
{
        return value.is_string() ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string shown_json(const Json& value)
{
        if (value.is_string())
                return shown_value(value.get_ref<const std::string&>());
        const auto text = masked(value).dump(-1, ' ', true, Json::error_handler_t::replace);
        constexpr std::size_t limit = 80; // bytes, ASCII all
        return text.size() > limit ? text.substr(0, limit) + "…" : text;
}

bool holds_secret(const Json& value)
{
        if (const auto* text = value.get_ptr<const std::string*>())
                return hide_secrets(*text) != *text;
        if (!value.is_structured())
                return false;

        for (const auto& [key, item] : value.items())
                if ((value.is_object() && !item.empty() && names_secret(key)) || holds_secret(item))
                        return true;

        return false;
}

std::string key_path(std::string_view parent, std::string_view key)
{
        const bool bare = !key.empty() && std::ranges::all_of(key, [](unsigned char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '/';
        });

        std::string path(parent);
        if (!parent.empty())
                path += '.';

        return bare ? path.append(key)
                    : path + Json(key).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string key_path(Json::json_pointer pointer)
{
        if (pointer.empty())
                return {};
        const auto name = pointer.back();
        pointer.pop_back();
        return key_path(key_path(std::move(pointer)), name);
}

} // namespace eks
