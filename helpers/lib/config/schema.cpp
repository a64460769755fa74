// SPDX-License-Identifier: Apache-2.0
#include "config/schema.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace eks {

namespace {

class Checker {
public:
        Checker(Layer& layer, Dialect dialect) : layer_(&layer), dialect_(dialect) {}

        void check(Json& node, const std::string& path)
        {
                for (auto item = node.begin(); item != node.end();)
                        item = keep(*item, key_path(path, item.key())) ? std::next(item) : node.erase(item);
        }

private:
        bool keep(Json& value, const std::string& key)
        {
                const auto entry = std::ranges::find(schema(), key, &SchemaKey::path);
                const bool known =
                        entry != schema().end() && (dialect_ == Dialect::toml || entry->node_config);
                const bool leads_somewhere = std::ranges::any_of(
                        schema(), [&](const SchemaKey& k) { return k.path.starts_with(key + "."); });
                if (value.is_null() && (known || leads_somewhere))
                        return false; // YAML's "kubelet:" with nothing below it
                if (!known && !leads_somewhere) {
                        unknown(key);
                        return false;
                }
                if (known && dialect_ == Dialect::node_config)
                        settle(value, key, *entry);
                if (known)
                        return fits(value, key, *entry);
                if (!value.is_object()) {
                        problem(key, value, "must be a map");
                        return false;
                }
                check(value, key);
                return true;
        }

        // What nodeadm reads over in a value: a null inside a list or map is the empty value of its type,
        // and a mount that it does not know has no effect.
        void settle(Json& value, const std::string& key, const SchemaKey& entry)
        {
                const bool map = value.is_object() && holds_more(entry.kind);
                if (entry.kind == ValueKind::free_map || (!map && !value.is_array()))
                        return;
                if (entry.kind == ValueKind::environment) {
                        for (auto& variables : value)
                                if (variables.is_object())
                                        std::ranges::replace(variables, Json(), Json(""));
                        return;
                }
                for (auto& item : value)
                        if (item.is_null())
                                item = entry.kind == ValueKind::switches ? Json(false) : Json("");
                if (entry.kind == ValueKind::list && !entry.choices.empty())
                        drop_unknown_choices(value, key, split(entry.choices, '|'));
        }

        void drop_unknown_choices(
                Json& list, const std::string& key, const std::vector<std::string_view>& choices)
        {
                for (std::size_t i = 0; i < list.size(); ++i) {
                        const auto* text = list[i].get_ptr<const std::string*>();
                        if (text == nullptr || text->empty() ||
                                std::ranges::find(choices, *text) != choices.end())
                                continue;
                        doubt(fmt::format("{}[{}]", key, i), list[i],
                                fmt::format("none of {}, ignoring", fmt::join(choices, ", ")));
                        list[i] = ""; // the others keep their places
                }
        }

        // Whether a value is of its key's kind; each thing in it that is not becomes a problem of its own.
        bool fits(const Json& value, const std::string& key, const SchemaKey& entry)
        {
                const auto must = [&](bool right) {
                        if (!right)
                                problem(key, value, expected(entry.kind));
                        return right;
                };
                const auto is_boolean = [&](const Json& item, const std::string& name) {
                        if (!item.is_boolean())
                                problem(name, item, expected(ValueKind::toggle));
                        return item.is_boolean();
                };
                const auto is_text = [&](const Json& item, const std::string& name) {
                        return is_choice(item, name, entry.choices);
                };
                const auto is_text_map = [&](const Json& item, const std::string& name) {
                        if (!item.is_object() && !item.is_null())
                                problem(name, item, expected(ValueKind::text_map));
                        return item.is_null() || (item.is_object() && all_fit(item, name, is_text));
                };
                switch (entry.kind) {
                case ValueKind::text:
                case ValueKind::toml_text:
                        return is_text(value, key);
                case ValueKind::boolean:
                case ValueKind::toggle:
                        return must(value.is_boolean());
                case ValueKind::count:
                        return must(value.is_number_integer() && value >= 0 && value <= max_count);
                case ValueKind::list:
                case ValueKind::flags:
                        return must(value.is_array()) && all_fit(value, key, is_text);
                case ValueKind::switches:
                        return must(value.is_object()) && all_fit(value, key, is_boolean);
                case ValueKind::text_map:
                        return must(value.is_object()) && all_fit(value, key, is_text);
                case ValueKind::environment:
                        return must(value.is_object()) && all_fit(value, key, is_text_map);
                case ValueKind::free_map:
                        return must(value.is_object());
                }
                return false;
        }

        // Of a list or map; all are looked at.
        static bool all_fit(const Json& values, const std::string& key,
                const std::function<bool(const Json&, const std::string&)>& fits_here)
        {
                bool all = true;
                for (const auto& [name, value] : values.items())
                        all = fits_here(value, values.is_array() ? fmt::format("{}[{}]", key, name)
                                                                 : key_path(key, name)) &&
                              all;
                return all;
        }

        bool is_choice(const Json& value, const std::string& key, std::string_view choices)
        {
                if (!value.is_string()) {
                        problem(key, value, expected(ValueKind::text));
                        return false;
                }
                const auto& text = value.get_ref<const std::string&>();
                const auto allowed = split(choices, '|');
                const bool fits_here =
                        choices.empty() || text.empty() || std::ranges::find(allowed, text) != allowed.end();
                if (!fits_here)
                        problem(key, value, fmt::format("must be one of {}", fmt::join(allowed, ", ")));
                return fits_here;
        }

        std::string shown(const std::string& key) const
        {
                return (dialect_ == Dialect::toml ? "" : "spec.") + key;
        }

        Where where(const std::string& key) const { return place_of(layer_->marks, key, {layer_->source}); }

        void problem(const std::string& key, const Json& value, std::string_view wrong)
        {
                layer_->refused.insert(key);
                const auto given =
                        names_secret(key) ? std::string() : fmt::format(" = {}", shown_json(value));
                layer_->problems.add(
                        fmt::format("{}: {}{}: {}", where(key).text(), shown(key), given, wrong),
                        "See eks-node.toml(5) for every key and its type");
        }

        void doubt(const std::string& key, const Json& value, std::string_view wrong)
        {
                layer_->notes.push_back({Level::warning,
                        fmt::format(
                                "{}: {} = {}: {}", where(key).text(), shown(key), shown_json(value), wrong),
                        true});
        }

        void unknown(const std::string& key)
        {
                const auto hint = nearest_key_hint(key, dialect_ == Dialect::toml ? "" : "spec.");
                if (dialect_ == Dialect::toml)
                        layer_->problems.add(where(key), shown(key), "", "unknown key" + hint,
                                "See eks-node.toml(5) for every key");
                else
                        layer_->notes.push_back({Level::warning,
                                fmt::format("{}: {} is not a field that eksnode knows{}, ignoring",
                                        where(key).text(), shown(key), hint),
                                true});
        }

        Layer* layer_;
        Dialect dialect_;
};

Json& make_path(Json& tree, std::string_view path)
{
        Json* node = &tree;
        for (const auto part : split(path, '.'))
                node = &(*node)[std::string(part)];
        return *node;
}

void erase_marks(Marks& marks, const std::string& prefix)
{
        const auto first = marks.lower_bound(prefix);
        auto last = first;
        while (last != marks.end() && last->first.starts_with(prefix))
                ++last;
        marks.erase(first, last);
}

void copy_marks(Layer& under, const Layer& over, const std::string& key)
{
        if (const auto* value = find_path(under.tree, key);
                value == nullptr || !value->is_object()) { // nothing of the old remains
                erase_marks(under.marks, key + "[");
                erase_marks(under.marks, key + ".");
        }
        for (auto mark = over.marks.lower_bound(key); mark != over.marks.end(); ++mark) {
                const auto& name = mark->first;
                if (!name.starts_with(key))
                        break;
                if (name.size() == key.size() || name[key.size()] == '.' || name[key.size()] == '[')
                        under.marks[name] = mark->second;
        }
}

// Lists of flags grow: the marks of what is appended move along.
void append_flags(Layer& under, const Layer& over, const std::string& key, Json& target, const Json& value)
{
        if (target.is_null())
                target = Json::array(); // an empty list is one too
        for (std::size_t i = 0; i < value.size(); ++i) {
                if (const auto mark = over.marks.find(fmt::format("{}[{}]", key, i));
                        mark != over.marks.end())
                        under.marks[fmt::format("{}[{}]", key, target.size())] = mark->second;
                target.push_back(value[i]);
        }
        if (const auto mark = over.marks.find(key); mark != over.marks.end())
                under.marks[key] = mark->second;
}

// In our TOML an empty item of kubelet.flags is a layer's way to say nothing.
void drop_empty_flags(Layer& layer)
{
        const auto* given = find_path(layer.tree, "kubelet.flags");
        if (given == nullptr)
                return;
        const auto item_key = [](std::size_t i) { return fmt::format("kubelet.flags[{}]", i); };
        auto kept = Json::array();
        for (std::size_t i = 0; i < given->size(); ++i) {
                auto mark = layer.marks.extract(item_key(i));
                if ((*given)[i] == "")
                        continue;
                if (mark) {
                        mark.key() = item_key(kept.size());
                        layer.marks.insert(std::move(mark));
                }
                kept.push_back((*given)[i]);
        }
        layer.tree["kubelet"]["flags"] = std::move(kept);
}

// An empty value of a typed key says nothing; in free maps it does.
bool says_something(const Json& value, ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return !trim(value.get_ref<const std::string&>()).empty();
        case ValueKind::list:
                return !value.empty();
        default:
                return true;
        }
}

} // namespace

std::string_view expected(ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return "must be a string";
        case ValueKind::boolean:
        case ValueKind::toggle:
                return "must be true or false";
        case ValueKind::count:
                return "must be a whole number, 0 or more";
        case ValueKind::list:
        case ValueKind::flags:
                return "must be a list of strings";
        case ValueKind::switches:
                return "must be a map of names to true or false";
        case ValueKind::text_map:
                return "must be a map of strings";
        case ValueKind::environment:
                return "must be a map of services to maps of variables to strings";
        case ValueKind::free_map:
                return "must be a map";
        }
        return "";
}

const SchemaKey* find_schema_key(std::string_view path)
{
        for (const auto& entry : schema()) {
                if (path == entry.path ||
                        (holds_more(entry.kind) && path.starts_with(std::string(entry.path) + ".")))
                        return &entry;
        }
        return nullptr;
}

std::string nearest_key_hint(std::string_view key, std::string_view prefix)
{
        std::vector<std::string> names;
        for (const auto& entry : schema())
                names.emplace_back(entry.path);
        const auto near = nearest(key, names);
        return near ? fmt::format("; did you mean '{}{}'?", prefix, *near) : std::string();
}

const Json* find_path(const Json& tree, std::string_view path)
{
        const Json* node = &tree;
        for (const auto part : split(path, '.')) {
                if (!node->is_object())
                        return nullptr;
                const auto child = node->find(part);
                if (child == node->end())
                        return nullptr;
                node = &*child;
        }
        return node;
}

bool erase_path(Json& tree, std::span<const std::string> parts)
{
        const auto child = tree.is_object() && !parts.empty() ? tree.find(parts.front()) : tree.end();
        if (child == tree.end())
                return false;
        if (parts.size() > 1 && !erase_path(*child, parts.subspan(1)))
                return false;
        if (parts.size() == 1 || child->empty())
                tree.erase(child);
        return true;
}

void check_layer(Layer& layer, Dialect dialect)
{
        Checker(layer, dialect).check(layer.tree, "");
        if (dialect == Dialect::toml) // in a NodeConfig, an empty argument stands between quotes
                drop_empty_flags(layer);
}

void deep_merge(Json& under, const Json& over)
{
        if (!under.is_object() || !over.is_object()) {
                under = over;
                return;
        }
        for (const auto& [key, value] : over.items())
                deep_merge(under[key], value);
}

void merge_layer(Layer& under, const Layer& over)
{
        under.notes.insert(under.notes.end(), over.notes.begin(), over.notes.end());
        under.problems.add(over.problems);
        under.refused.insert(over.refused.begin(), over.refused.end());
        for (const auto& entry : schema()) {
                const std::string key(entry.path);
                const Json* value = find_path(over.tree, key);
                if (value == nullptr || !says_something(*value, entry.kind))
                        continue;
                const Json* present = find_path(under.tree, key);
                if (entry.kind == ValueKind::boolean && present != nullptr && !value->get<bool>())
                        continue;
                auto& target = make_path(under.tree, key);
                switch (entry.kind) {
                case ValueKind::text:
                case ValueKind::boolean:
                case ValueKind::toggle:
                case ValueKind::count:
                case ValueKind::list:
                        target = *value;
                        break;
                case ValueKind::flags:
                        append_flags(under, over, key, target, *value);
                        continue;
                case ValueKind::switches:
                case ValueKind::text_map:
                case ValueKind::environment:
                case ValueKind::free_map:
                        if (target.is_null())
                                target = Json::object();
                        deep_merge(target, *value);
                        break;
                case ValueKind::toml_text: {
                        const auto source = place_of(over.marks, key, {over.source}).text();
                        target.push_back({{"text", *value}, {"source", source}});
                        break;
                }
                }
                copy_marks(under, over, key);
        }
}

} // namespace eks
