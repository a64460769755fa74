// SPDX-License-Identifier: Apache-2.0
// NodeConfig documents: YAML as Kubernetes' tools read it (YAML 1.1 scalars), or JSON.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/text.hpp"
#include "config/layer.hpp"
#include "config/problems.hpp"
#include "config/schema.hpp"
#include "config/user_data.hpp"

namespace eks {

namespace {

constexpr std::string_view api_version = "node.eks.aws/v1alpha1";
constexpr std::size_t depth_limit = 64;     // levels; NodeConfig needs fewer than ten
constexpr std::size_t node_limit = 100'000; // values after aliases are followed: an alias bomb stops here

[[noreturn]] void syntax_error(const Where& where, std::string_view what)
{
        throw Error(failure::config_syntax, fmt::format("{}: {}", where.text(), what),
                "Mend the document; `eksnode validate FILE` checks it anywhere");
}

std::optional<Json> number(std::string_view text)
{
        if (text.starts_with('_'))
                return std::nullopt;
        std::string digits;
        std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '_'; });
        std::string_view rest = digits;
        const bool negative = rest.starts_with('-');
        if (negative || rest.starts_with('+'))
                rest.remove_prefix(1);
        if (rest.empty() || !(rest.front() == '.' || (rest.front() >= '0' && rest.front() <= '9')))
                return std::nullopt;
        int base = 10;
        std::string_view magnitude = rest;
        if (rest.starts_with("0x") || rest.starts_with("0o") || rest.starts_with("0b")) {
                base = rest[1] == 'x' ? 16 : rest[1] == 'o' ? 8 : 2;
                magnitude.remove_prefix(2);
        } else if (rest.size() > 1 && rest.front() == '0' &&
                   rest.find_first_not_of("01234567") == rest.npos) {
                base = 8; // YAML 1.1: a leading zero is octal
        }
        if (magnitude.starts_with('-')) // a sign stands in front of the prefix or nowhere
                return std::nullopt;
        if (const auto value = parse_int<std::int64_t>(magnitude, base))
                return negative ? -*value : *value;
        if (rest == ".inf" || rest == ".Inf" || rest == ".INF" || base != 10)
                return std::nullopt; // JSON has no infinity; kubelet would refuse it anyway
        double real = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), real);
        if (error != std::errc() || end != rest.data() + rest.size())
                return std::nullopt;
        return negative ? -real : real;
}

Json plain_scalar(const std::string& text)
{
        static constexpr std::array nulls{"", "~", "null", "Null", "NULL"};
        static constexpr std::array trues{
                "y", "Y", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
        static constexpr std::array falses{
                "n", "N", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
        if (std::ranges::find(nulls, text) != nulls.end())
                return nullptr;
        if (std::ranges::find(trues, text) != trues.end())
                return true;
        if (std::ranges::find(falses, text) != falses.end())
                return false;
        return number(text).value_or(Json(text));
}

class Converter {
public:
        explicit Converter(Layer& layer) : layer_(&layer) {}

        Json convert(const YAML::Node& node, const std::string& key, std::size_t depth = 0)
        {
                const auto here = where(node);
                if (depth > depth_limit || ++nodes_ > node_limit)
                        syntax_error(here,
                                fmt::format("more than {} levels or {} values", depth_limit, node_limit));
                layer_->marks[key] = here;
                switch (node.Type()) {
                case YAML::NodeType::Scalar:
                        return node.Tag() == "!" || node.Tag().ends_with(":str")
                                       ? Json(node.Scalar())
                                       : plain_scalar(node.Scalar());
                case YAML::NodeType::Sequence: {
                        auto list = Json::array();
                        for (const auto& item : node)
                                list.push_back(
                                        convert(item, fmt::format("{}[{}]", key, list.size()), depth + 1));
                        return list;
                }
                case YAML::NodeType::Map:
                        return convert_map(node, key, depth);
                default:
                        return nullptr;
                }
        }

        Where where(const YAML::Node& node) const
        {
                const auto mark = node.Mark();
                return mark.is_null() ? Where{layer_->source}
                                      : Where{layer_->source, mark.line + 1, mark.column + 1};
        }

private:
        Json convert_map(const YAML::Node& node, const std::string& key, std::size_t depth)
        {
                auto map = Json::object();
                for (const auto& item : node) // "<<": what it brings yields to the map's own keys
                        if (item.first.IsScalar() && item.first.Scalar() == "<<")
                                merge_key(map, item.second, key, depth);
                for (const auto& item : node) {
                        if (!item.first.IsScalar())
                                syntax_error(where(item.first), "a key must be a plain word");
                        const auto& name = item.first.Scalar();
                        if (name == "<<")
                                continue;
                        map[name] = convert(item.second, key_path(key, name), depth + 1);
                        // The line of the key is where a reader looks first.
                        layer_->marks[key_path(key, name)] = where(item.first);
                }
                return map;
        }

        void merge_key(Json& map, const YAML::Node& from, const std::string& key, std::size_t depth)
        {
                if (depth > depth_limit)
                        syntax_error(where(from), fmt::format("more than {} levels", depth_limit));
                if (from.IsSequence()) {
                        for (auto i = from.size(); i-- > 0;) // the first of a list wins
                                merge_key(map, from[i], key, depth + 1);
                } else if (from.IsMap()) {
                        map.update(convert(from, key, depth + 1));
                } else {
                        syntax_error(where(from), "'<<' must name a map");
                }
        }

        Layer* layer_;
        std::size_t nodes_ = 0;
};

Where at_byte(std::string_view text, std::size_t byte, const std::string& source)
{
        const auto before = text.substr(0, std::min(byte, text.size()));
        const auto line_start = before.rfind('\n');
        return {source, static_cast<int>(std::ranges::count(before, '\n')) + 1,
                static_cast<int>(
                        line_start == before.npos ? before.size() : before.size() - line_start - 1) +
                        1};
}

Json load_yaml(const std::string& text, Layer& layer)
{
        Converter converter(layer);
        try {
                return converter.convert(YAML::Load(text), "");
        } catch (const YAML::Exception& e) {
                syntax_error({layer.source, e.mark.line + 1, e.mark.column + 1}, "not YAML: " + e.msg);
        }
}

Json load_json(std::string text, Layer& layer)
{
        Json document;
        try {
                const auto within_limits = [&](int depth, Json::parse_event_t, const Json&) {
                        if (static_cast<std::size_t>(depth) > depth_limit)
                                syntax_error(
                                        {layer.source}, fmt::format("more than {} levels", depth_limit));
                        return true;
                };
                document = Json::parse(text, within_limits);
        } catch (const Json::out_of_range& e) {
                syntax_error({layer.source}, "a number that is too large");
        } catch (const Json::parse_error& e) {
                const std::string_view what = e.what();
                const auto colon = what.find(": ");
                syntax_error(at_byte(text, e.byte > 0 ? e.byte - 1 : 0, layer.source),
                        fmt::format("not JSON: {}", what.substr(colon == what.npos ? 0 : colon + 2)));
        }
        // JSON is YAML for the purpose of knowing lines, but for tabs, which YAML refuses as indentation.
        // Inside JSON strings they cannot occur.
        std::ranges::replace(text, '\t', ' ');
        try {
                load_yaml(text, layer);
        } catch (const Error&) {
                layer.marks.clear(); // lines are a courtesy: without them the document is still right
        }
        return document;
}

// Keep the marks below `spec`, without that prefix: the keys of a layer are those of our TOML too.
Marks below_spec(const Marks& marks)
{
        Marks kept;
        constexpr std::string_view prefix = "spec.";
        for (const auto& [key, where] : marks)
                if (key.starts_with(prefix))
                        kept.emplace(key.substr(prefix.size()), where);
        return kept;
}

} // namespace

Json parse_map(std::string_view text, Layer& layer)
{
        check_text(text, layer.source);
        auto document = trim(text).starts_with('{') ? load_json(std::string(text), layer)
                                                    : load_yaml(std::string(text), layer);
        if (!document.is_object())
                throw Error(failure::config_syntax,
                        fmt::format("{} is not a map of keys to values", layer.source),
                        "Give a document such as eks-node.toml(5) shows");
        return document;
}

Layer parse_node_config(std::string_view text, const std::string& source)
{
        Layer layer{.source = source};
        const auto document = parse_map(text, layer);

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

        for (const auto& [key, value] : document.items())
                if (key != "apiVersion" && key != "kind" && key != "metadata" && key != "spec")
                        layer.notes.push_back({Level::warning,
                                fmt::format("{}: {} is not a field of NodeConfig, ignoring", source, key),
                                true});
        auto spec = document.value("spec", Json::object());
        if (!spec.is_object())
                throw Error(failure::config_invalid, fmt::format("{}: spec: must be a map", source));
        layer.marks = below_spec(layer.marks);
        layer.tree = std::move(spec);
        check_layer(layer, Dialect::node_config);
        return layer;
}

} // namespace eks
