// SPDX-License-Identifier: Apache-2.0
#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/problems.hpp"

namespace eks {

namespace {

constexpr std::array table{
        SchemaKey{"cluster.apiServerEndpoint", ValueKind::text},
        SchemaKey{"cluster.certificateAuthority", ValueKind::text},
        SchemaKey{"cluster.cidr", ValueKind::text},
        SchemaKey{"cluster.enableOutpost", ValueKind::boolean},
        SchemaKey{"cluster.name", ValueKind::text},
        SchemaKey{"containerd.baseRuntimeSpec", ValueKind::free_map},
        SchemaKey{"containerd.config", ValueKind::toml_text},
        SchemaKey{"featureGates", ValueKind::switches},
        SchemaKey{"kubelet.config", ValueKind::free_map},
        SchemaKey{"kubelet.flags", ValueKind::flags},
};

std::string_view expected(ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return "must be a string";
        case ValueKind::boolean:
                return "must be true or false";
        case ValueKind::flags:
                return "must be a list of strings";
        case ValueKind::switches:
                return "must be a map of names to true or false";
        case ValueKind::free_map:
                return "must be a map";
        }
        return "";
}

bool fits(const Json& value, ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return value.is_string();
        case ValueKind::boolean:
                return value.is_boolean();
        case ValueKind::flags:
                return value.is_array() && std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
        case ValueKind::switches:
                return value.is_object() && std::ranges::all_of(value, [](const Json& v) { return v.is_boolean(); });
        case ValueKind::free_map:
                return value.is_object();
        }
        return false;
}

class Checker {
public:
        Checker(Layer& layer, std::string_view prefix, UnknownKeys unknown)
                : layer_(&layer), prefix_(prefix), unknown_(unknown)
        {
        }

        void check(Json& node, const std::string& path)
        {
                for (auto item = node.begin(); item != node.end();) {
                        const auto key = key_path(path, item.key());
                        const auto entry = std::ranges::find(table, key, &SchemaKey::path);
                        const bool leads_somewhere = std::ranges::any_of(
                                table, [&](const SchemaKey& k) { return k.path.starts_with(key + "."); });
                        if (item->is_null() && (entry != table.end() || leads_somewhere)) {
                                item = node.erase(item); // YAML's "kubelet:" with nothing below it
                                continue;
                        }
                        if (entry == table.end() && !leads_somewhere) {
                                unknown(key);
                                item = node.erase(item);
                                continue;
                        }
                        if (entry != table.end() && !fits(*item, entry->kind))
                                problem(key, *item, expected(entry->kind));
                        else if (leads_somewhere && !item->is_object())
                                problem(key, *item, "must be a map");
                        else if (leads_somewhere)
                                check(*item, key);
                        ++item;
                }
        }

        void finish() const { problems_.throw_if_any(failure::config_invalid); }

private:
        Where where(const std::string& key) const
        {
                const auto mark = layer_->marks.find(key);
                return mark != layer_->marks.end() ? mark->second : Where{layer_->source};
        }

        void problem(const std::string& key, const Json& value, std::string_view wrong)
        {
                const auto shown = value.is_string() ? value.get<std::string>() : value.dump();
                problems_.add(where(key), fmt::format("{}{}", prefix_, key), shown, wrong,
                        "See eks-node.toml(5) for every key and its type");
        }

        void unknown(const std::string& key)
        {
                std::vector<std::string> names;
                for (const auto& entry : table)
                        names.emplace_back(entry.path);
                const auto near = nearest(key, names);
                const auto hint = near ? fmt::format("; did you mean '{}{}'?", prefix_, *near) : std::string();
                if (unknown_ == UnknownKeys::refused)
                        problems_.add(where(key), fmt::format("{}{}", prefix_, key), "", "unknown key" + hint,
                                "See eks-node.toml(5) for every key");
                else
                        layer_->notes.push_back({Level::warning,
                                fmt::format("{}: {}{} is not a field that eksnode acts on{}, ignoring",
                                        where(key).text(), prefix_, key, hint)});
        }

        Layer* layer_;
        std::string_view prefix_;
        UnknownKeys unknown_;
        Problems problems_;
};

// The value at a schema path ("kubelet.flags"); schema paths have no quoted keys.
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

Json& make_path(Json& tree, std::string_view path)
{
        Json* node = &tree;
        for (const auto part : split(path, '.'))
                node = &(*node)[std::string(part)];
        return *node;
}

void copy_marks(Layer& under, const Layer& over, const std::string& key)
{
        for (auto mark = over.marks.lower_bound(key); mark != over.marks.end(); ++mark) {
                const auto& name = mark->first;
                if (!name.starts_with(key))
                        break;
                if (name.size() == key.size() || name[key.size()] == '.' || name[key.size()] == '[')
                        under.marks[name] = mark->second;
        }
}

} // namespace

std::span<const SchemaKey> schema() { return table; }

void check_layer(Layer& layer, std::string_view prefix, UnknownKeys unknown)
{
        Checker checker(layer, prefix, unknown);
        checker.check(layer.tree, "");
        checker.finish();
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
        for (const auto& entry : table) {
                const Json* value = find_path(over.tree, entry.path);
                if (value == nullptr)
                        continue;
                const std::string key(entry.path);
                if (entry.kind == ValueKind::text && value->get_ref<const std::string&>().empty())
                        continue;
                if (entry.kind == ValueKind::toml_text && trim(value->get_ref<const std::string&>()).empty())
                        continue;
                const Json* present = find_path(under.tree, entry.path);
                if (entry.kind == ValueKind::boolean && present != nullptr && !value->get<bool>())
                        continue;
                auto& target = make_path(under.tree, entry.path);
                switch (entry.kind) {
                case ValueKind::text:
                case ValueKind::boolean:
                        target = *value;
                        break;
                case ValueKind::flags:
                        for (const auto& flag : *value)
                                target.push_back(flag);
                        break;
                case ValueKind::switches:
                case ValueKind::free_map:
                        if (target.is_null())
                                target = Json::object();
                        deep_merge(target, *value);
                        break;
                case ValueKind::toml_text:
                        const auto mark = over.marks.find(key);
                        target.push_back({{"text", *value}, {"source", mark != over.marks.end() ? mark->second.text()
                                                                                                 : over.source}});
                        break;
                }
                copy_marks(under, over, key);
        }
}

} // namespace eks
