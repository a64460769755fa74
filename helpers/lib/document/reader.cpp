// SPDX-License-Identifier: Apache-2.0
#include "document/reader.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace eks {

namespace {

using Fits = std::function<bool(const Json&, const std::string&)>;

// The items of a list or map; all are checked.
bool all_fit(const Json& values, const std::string& key, const Fits& fits_here)
{
        bool all = true;
        for (const auto& [name, value] : values.items())
                all = fits_here(value,
                              values.is_array() ? fmt::format("{}[{}]", key, name) : key_path(key, name)) &&
                      all;
        return all;
}

} // namespace

std::string_view expected(Shape shape)
{
        switch (shape) {
        case Shape::any:
                return "";
        case Shape::text:
                return "must be a string";
        case Shape::text_or_list:
                return "must be a string or a list of strings";
        case Shape::list:
                return "must be a list of strings";
        case Shape::number:
                return "must be a whole number";
        case Shape::count:
                return "must be a whole number, 0 or more";
        case Shape::toggle:
                return "must be true or false";
        case Shape::map:
                return "must be a map";
        case Shape::text_map:
                return "must be a map of strings";
        case Shape::toggles:
                return "must be a map of names to true or false";
        case Shape::environment:
                return "must be a map of services to maps of variables to strings";
        case Shape::text_maps:
                return "must be a list of maps of strings";
        }
        return "";
}

std::vector<std::string_view> named_choices(std::string_view choices)
{
        auto names = split(choices, '|');
        std::erase(names, "");
        return names;
}

bool check_value(const Json& value, const std::string& key, const KnownKey& known, const Wrong& wrong)
{
        const auto must = [&](bool right) {
                if (!right)
                        wrong(key, value, std::string(expected(known.shape)));
                return right;
        };

        const auto each_is = [&](Shape shape) -> Fits {
                return [&wrong, shape, choices = known.choices](const Json& item, const std::string& name) {
                        return check_value(item, name, {name, shape, choices}, wrong);
                };
        };

        switch (known.shape) {
        case Shape::any:
                return true;
        case Shape::text: {
                if (!must(value.is_string()))
                        return false;

                const auto allowed = split(known.choices, '|');
                const bool chosen =
                        allowed.empty() ||
                        std::ranges::find(allowed, value.get_ref<const std::string&>()) != allowed.end();
                if (!chosen)
                        wrong(key, value,
                                fmt::format(
                                        "must be one of {}", fmt::join(named_choices(known.choices), ", ")));
                return chosen;
        }
        case Shape::text_or_list:
                return value.is_string() || (must(value.is_array() && !value.empty()) &&
                                                    all_fit(value, key, each_is(Shape::text)));
        case Shape::list:
                return must(value.is_array()) && all_fit(value, key, each_is(Shape::text));
        case Shape::number:
                return must(value.is_number_integer());
        case Shape::count:
                return must(value.is_number_integer() && value >= 0 && value <= max_count);
        case Shape::toggle:
                return must(value.is_boolean());
        case Shape::map:
                return must(value.is_object());
        case Shape::text_map:
                return must(value.is_object()) && all_fit(value, key, each_is(Shape::text));
        case Shape::toggles:
                return must(value.is_object()) && all_fit(value, key, each_is(Shape::toggle));
        case Shape::environment:
                return must(value.is_object()) &&
                       all_fit(value, key, [&](const Json& item, const auto& name) {
                               return item.is_null() || each_is(Shape::text_map)(item, name);
                       });
        case Shape::text_maps:
                return must(value.is_array()) && all_fit(value, key, each_is(Shape::text_map));
        }

        return false;
}

bool fits(const Json& value, Shape shape)
{
        return check_value(value, "", {"", shape}, [](const auto&, const auto&, const auto&) {});
}

void keep_known(Json& tree, const KeyRules& rules, const std::string& parent)
{
        const auto keep = [&](Json& value, const std::string& key) {
                const auto found = std::ranges::find(rules.keys, key, &KnownKey::path);
                const auto* known = found != rules.keys.end() ? &*found : nullptr;
                const bool leads_to_one =
                        known == nullptr &&
                        std::ranges::any_of(rules.keys,
                                [below = key + "."](const auto& k) { return k.path.starts_with(below); });
                if (known == nullptr && !leads_to_one) {
                        rules.unknown(key);
                        return false;
                }

                if (rules.settle && !rules.settle(value, key, known))
                        return false;
                if (known != nullptr)
                        return check_value(value, key, *known, rules.wrong);
                if (!check_value(value, key, {key, Shape::map}, rules.wrong))
                        return false;

                keep_known(value, rules, key);
                return true;
        };

        for (auto item = tree.begin(); item != tree.end();)
                item = keep(*item, key_path(parent, item.key())) ? std::next(item) : tree.erase(item);
}

Where nearest_place(const Marks& marks, std::string key, Where otherwise)
{
        while (!key.empty()) {
                if (auto place = place_at_or_below(marks, key))
                        return *std::move(place);
                const auto end = key.find_last_of(".[");
                key.resize(end == key.npos ? 0 : end);
        }
        return otherwise;
}

TableReader::TableReader(
        const Json& table, std::string path, const Marks& marks, Where otherwise, Problems& problems)
        : table_(&table), path_(std::move(path)), marks_(&marks),
          otherwise_(place_of(marks, path_, std::move(otherwise))), problems_(&problems)
{
}

std::string TableReader::path_of(std::string_view key) const
{
        return key.empty() ? path_ : key_path(path_, key);
}

Where TableReader::where(std::string_view key) const
{
        return place_of(*marks_, path_of(key), otherwise_);
}

void TableReader::wrong(
        std::string_view key, std::string_view value, std::string_view what, std::string remedy) const
{
        problems_->add(where(key), path_of(key), value, what, std::move(remedy));
}

void TableReader::wrong(std::string_view key, std::string_view what, std::string remedy) const
{
        const auto* value = find(key);
        wrong(key, value == nullptr || value->is_structured() ? "" : value_text(*value), what,
                std::move(remedy));
}

const Json* TableReader::find(std::string_view key) const
{
        const auto found = table_->is_object() ? table_->find(key) : table_->end();
        return found != table_->end() ? &*found : nullptr;
}

std::string TableReader::text(std::string_view key, const TextRule& rule) const
{
        const auto* value = find(key);
        if (value == nullptr)
                return {};
        if (value->is_string() && rule.is_right(value->get_ref<const std::string&>()))
                return *value;

        wrong(key, value_text(*value), fmt::format("must be {}", rule.expected),
                fmt::format("Give {}", rule.expected));
        return {};
}

std::vector<std::string> TableReader::list(std::string_view key, const TextRule& rule) const
{
        const auto* value = find(key);
        if (value == nullptr)
                return {};

        const auto is_wrong = [&](const Json& item) {
                return !item.is_string() || !rule.is_right(item.get_ref<const std::string&>());
        };

        const auto bad = value->is_array() ? std::ranges::find_if(*value, is_wrong) : value->end();
        if (value->is_array() && bad == value->end())
                return *value;

        wrong(key, value_text(value->is_array() && bad->is_string() ? *bad : *value),
                fmt::format("must be a list, each item {}", rule.expected),
                fmt::format("Give {}, in quotes", rule.expected));

        return {};
}

bool TableReader::toggle(std::string_view key) const
{
        const auto* value = find(key);
        if (value == nullptr)
                return false;
        if (value->is_boolean())
                return *value;

        wrong(key, value_text(*value), expected(Shape::toggle), "Give true or false");
        return false;
}

void TableReader::refuse_unknown(std::span<const std::string> known) const
{
        for (const auto& [key, value] : table_->items())
                if (std::ranges::find(known, key) == known.end())
                        wrong(key, "", "unknown key" + did_you_mean(key, known),
                                fmt::format("The keys are {}", join(known, ", ")));
}

} // namespace eks
