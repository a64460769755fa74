// SPDX-License-Identifier: Apache-2.0
#include "config/node_config.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/toml.hpp"
#include "systemd/systemd_words.hpp"

namespace eks {

namespace {

constexpr std::string_view api_version = "node.eks.aws/v1alpha1";

// Keep the marks below `spec`, without that prefix: the keys of a layer are those of our TOML too.
Marks below_spec(Marks marks)
{
        Marks kept;
        constexpr std::string_view prefix = "spec.";
        for (auto mark = marks.lower_bound(std::string(prefix));
                mark != marks.end() && mark->first.starts_with(prefix);) {
                auto node = marks.extract(mark++);
                node.key().erase(0, prefix.size());
                kept.insert(kept.end(), std::move(node));
        }

        return kept;
}

bool is_key_of_spec(std::string_view key)
{
        return std::ranges::any_of(schema(), [&](const SchemaKey& entry) {
                return entry.node_config && entry.path.substr(0, entry.path.find('.')) == key;
        });
}

// nodeadm joins the items of a NodeConfig's kubelet.flags with blanks, and systemd splits them again: an
// item may hold several arguments, and quotes and backslashes have a meaning. A layer has one argument an
// item.
void take_flags_apart(Layer& layer)
{
        constexpr std::string_view key = "kubelet.flags";
        const auto* items = find_path(layer.tree, key);
        if (items == nullptr)
                return;

        const auto item_key = [&](std::size_t i) { return fmt::format("{}[{}]", key, i); };
        const auto doubt = [&](const Where& where, const std::string& text, std::string_view wrong) {
                layer.notes.push_back({Level::warning,
                        fmt::format("{}: spec.kubelet.flags = {}: {}, proceeding", where.text(),
                                shown_value(text), wrong),
                        true});
        };

        auto arguments = Json::array();
        Marks marks;

        for (std::size_t i = 0; i < items->size(); ++i) {
                const auto& text = (*items)[i].get_ref<const std::string&>();
                layer.flags_as_given.push_back(text);
                const auto where = place_of(layer.marks, item_key(i), {layer.source});
                auto [words, open] = split_as_systemd(text);

                if (open)
                        doubt(where, text, "a quote that is not closed ends with the item");
                if (trim(text).find('\n') != std::string_view::npos)
                        doubt(where, text, "a line break counts as a blank");

                for (auto& word : words) {
                        marks.emplace(item_key(arguments.size()), where);
                        arguments.push_back(std::move(word));
                }
        }

        for (std::size_t i = 0; i < items->size(); ++i)
                layer.marks.erase(item_key(i));
        layer.marks.merge(marks);
        layer.tree["kubelet"]["flags"] = std::move(arguments);
}

} // namespace

Layer parse_node_config(std::string_view text, const std::string& source)
{
        Layer layer{.source = source};
        auto document = parse_map(text, layer);

        Problems problems;
        const auto must_be = [&](const char* key, std::string_view wanted) {
                const auto found = document.value(key, Json());
                if (found == wanted)
                        return;

                if (found.is_null()) {
                        problems.add({source}, key, "", fmt::format("missing: must be '{}'", wanted),
                                "Give a NodeConfig of that version");
                        return;
                }

                problems.add(place_of(layer.marks, key, {source}), key,
                        found.is_string() ? found.get<std::string>() : found.dump(),
                        fmt::format("must be '{}'", wanted), "Give a NodeConfig of that version");
        };

        must_be("apiVersion", api_version);
        must_be("kind", "NodeConfig");
        problems.throw_if_any(failure::config_invalid);

        for (const auto& [key, value] : document.items()) {
                if (key == "apiVersion" || key == "kind" || key == "metadata" || key == "spec")
                        continue;

                const auto path = key_path("", key);
                const auto where = place_of(layer.marks, path, {source});
                const bool of_spec = is_key_of_spec(path);
                if (of_spec)
                        layer.misplaced.emplace(path, where);
                layer.notes.push_back({Level::warning,
                        fmt::format("{}: {} is {}", where.text(), shown_key(path),
                                of_spec ? "at the top level and ignored; put it under 'spec:'"
                                        : "not a field of NodeConfig, ignoring"),
                        true});
        }

        const auto given = document.find("spec");
        auto spec = given != document.end() && !given->is_null() ? std::move(*given) : Json::object();
        if (!spec.is_object())
                problems.add(place_of(layer.marks, "spec", {source}), "spec", "", "must be a map",
                        "Put the keys of the node, such as cluster, on lines of their own that are indented "
                        "below 'spec:'");
        problems.throw_if_any(failure::config_invalid);
        layer.marks = below_spec(std::move(layer.marks));
        layer.tree = std::move(spec);
        check_layer(layer, Dialect::node_config);
        take_flags_apart(layer);

        return layer;
}

Layer parse_node_toml(std::string_view text, const std::string& source)
{
        auto layer = TomlDocument::parse(text, source).layer(source);
        check_layer(layer, Dialect::toml);
        return layer;
}

} // namespace eks
