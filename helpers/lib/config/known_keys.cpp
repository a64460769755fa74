// SPDX-License-Identifier: Apache-2.0
#include "config/known_keys.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace eks {

namespace {

class Checker {
public:
        Checker(Layer& layer, Dialect dialect) : layer_(&layer), dialect_(dialect)
        {
                for (const auto& entry : schema())
                        if (dialect == Dialect::toml || entry.node_config)
                                keys_.push_back(entry);
        }

        void check()
        {
                keep_known(layer_->tree,
                        {.keys = keys_,
                                .unknown = [&](const auto& key) { unknown(key); },
                                .wrong = [&](const auto& key, const auto& value,
                                                 const auto& what) { problem(key, value, what); },
                                .settle = [&](auto& value, const auto& key,
                                                  const auto* known) { return settle(value, key, known); }});
        }

private:
        // The ignored parts of a value: YAML's "kubelet:" with nothing below it; and by nodeadm a null
        // inside a list or map, which is the empty value of its type, and a mount that it does not know.
        bool settle(Json& value, const std::string& key, const KnownKey* known)
        {
                if (value.is_null())
                        return false;
                if (known == nullptr || dialect_ == Dialect::toml)
                        return true;

                if (known->path == "instance.localStorage.strategy" && value.is_string())
                        for (const auto choice : named_choices(known->choices)) // nodeadm ignores case
                                if (lower(choice) == lower(value.get_ref<const std::string&>()))
                                        value = choice;

                const bool map = value.is_object() && holds_more(known->shape);
                if (known->shape == Shape::map || (!map && !value.is_array()))
                        return true;

                if (known->shape == Shape::environment) {
                        for (auto& variables : value)
                                if (variables.is_object())
                                        std::ranges::replace(variables, Json(), Json(""));
                        return true;
                }

                for (auto& item : value)
                        if (item.is_null())
                                item = known->shape == Shape::toggles ? Json(false) : Json("");

                if (known->shape == Shape::list && !known->choices.empty())
                        drop_unknown_choices(value, key, named_choices(known->choices));

                return true;
        }

        void drop_unknown_choices(
                Json& list, const std::string& key, const std::vector<std::string_view>& choices)
        {
                for (std::size_t i = 0; i < list.size(); ++i) {
                        const auto* text = list[i].get_ptr<const std::string*>();
                        if (text == nullptr || text->empty() ||
                                std::ranges::find(choices, *text) != choices.end())
                                continue;

                        const auto item = fmt::format("{}[{}]", key, i);
                        doubt(fmt::format("{}: {} = {}: not one of {}, ignoring", where(item).text(),
                                shown(item), shown_json(list[i]), fmt::join(choices, ", ")));
                        list[i] = ""; // the other items keep their places
                }
        }

        std::string shown(const std::string& key) const
        {
                return (dialect_ == Dialect::toml ? "" : "spec.") + shown_key(key);
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

        void doubt(std::string text) { layer_->notes.push_back({Level::warning, std::move(text), true}); }

        void unknown(const std::string& key)
        {
                constexpr int hinted = 100; // unknown keys of one layer; more are not typing slips
                const auto hint = ++unknown_ > hinted
                                          ? std::string()
                                          : nearest_key_hint(key, dialect_ == Dialect::toml ? "" : "spec.");
                if (dialect_ == Dialect::toml)
                        layer_->problems.add(where(key), shown(key), "", "unknown key" + hint,
                                "See eks-node.toml(5) for every key");
                else
                        doubt(fmt::format(
                                "{}: {} is unknown and ignored{}", where(key).text(), shown(key), hint));
        }

        Layer* layer_;
        Dialect dialect_;
        std::vector<KnownKey> keys_;
        int unknown_ = 0; // keys
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
                value == nullptr || !value->is_object()) { // the old value is replaced as a whole
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

// In our TOML an empty item of kubelet.flags has no meaning.
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

// An empty text or list counts as absent, except in maps.
bool says_something(const Json& value, const SchemaKey& entry)
{
        if (entry.shape == Shape::text)
                return !trim(value.get_ref<const std::string&>()).empty();
        return entry.shape != Shape::list || entry.merge == MergeRule::append || !value.empty();
}

} // namespace

const SchemaKey* find_schema_key(std::string_view path)
{
        for (const auto& entry : schema()) {
                if (path == entry.path ||
                        (holds_more(entry.shape) && path.starts_with(std::string(entry.path) + ".")))
                        return &entry;
        }
        return nullptr;
}

std::string nearest_key_hint(std::string_view key, std::string_view prefix)
{
        // Also the tables that hold keys: "kubelet" of "kubelet.flags".
        static const auto names = [] {
                std::set<std::string> paths;
                for (const auto& entry : schema())
                        for (auto path = std::string(entry.path); !path.empty();
                                path.resize(path.find('.') == path.npos ? 0 : path.rfind('.')))
                                paths.insert(path);
                return std::vector<std::string>(paths.begin(), paths.end());
        }();
        return did_you_mean(key, names, prefix);
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
        Checker(layer, dialect).check();
        if (dialect == Dialect::toml) // in a NodeConfig, an empty argument is written with quotes
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
        under.misplaced.insert(over.misplaced.begin(), over.misplaced.end());

        for (const auto& entry : schema()) {
                const std::string key(entry.path);
                const Json* value = find_path(over.tree, key);
                if (value == nullptr || !says_something(*value, entry))
                        continue;

                const Json* present = find_path(under.tree, key);
                if (entry.merge == MergeRule::keep_true && present != nullptr && !value->get<bool>())
                        continue;

                auto& target = make_path(under.tree, key);

                switch (entry.merge) {
                case MergeRule::replace:
                case MergeRule::keep_true:
                        target = *value;
                        break;
                case MergeRule::append:
                        append_flags(under, over, key, target, *value);
                        continue;
                case MergeRule::deep:
                        if (target.is_null())
                                target = Json::object();
                        deep_merge(target, *value);
                        break;
                case MergeRule::documents: {
                        const auto source = place_of(over.marks, key, {over.source}).text();
                        target.push_back({{"text", *value}, {"source", source}});
                        break;
                }
                }

                copy_marks(under, over, key);
        }
}

} // namespace eks
