// SPDX-License-Identifier: Apache-2.0
#include "verbs/set/set.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

constexpr auto header =
        "# Written by `eksnode set` and `eksnode unset`, which keep no comments; see eksnode-set(1).\n";
constexpr const char* argument_name = "VALUE";

// Bare words between dots, or quoted ones.
std::vector<std::string> parts_of(std::string_view key)
{
        std::vector<std::string> parts;
        const auto wrong = [&] {
                return Error(failure::config_invalid, fmt::format("'{}' is not a key", key),
                        "Write it as kubelet.config.maxPods; a part with a dot in it is quoted");
        };

        for (auto rest = key;;) {
                const char quote = rest.empty() ? '\0' : rest.front();
                const bool quoted = quote == '"' || quote == '\'';

                const auto end = quoted ? rest.find(quote, 1) : std::min(rest.find('.'), rest.size());
                if (end == rest.npos)
                        throw wrong();

                const auto part = quoted ? rest.substr(1, end - 1) : rest.substr(0, end);
                rest.remove_prefix(quoted ? end + 1 : end);

                if (part.empty() || (!rest.empty() && rest.front() != '.'))
                        throw wrong();

                parts.emplace_back(part);
                if (rest.empty())
                        return parts;

                rest.remove_prefix(1);
        }
}

std::string path_of(const std::vector<std::string>& parts)
{
        std::string path;
        for (const auto& part : parts)
                path = key_path(path, part);
        return path;
}

// The known key nearest to an unknown one, up to its first wrong part.
std::string hint_for(const std::vector<std::string>& parts)
{
        std::string prefix;
        for (std::size_t count = 1; count <= parts.size(); ++count) {
                prefix = key_path(prefix, parts[count - 1]);
                std::vector<std::string> known; // of as many parts

                for (const auto& entry : schema()) {
                        auto words = split(entry.path, '.');
                        words.resize(std::min(words.size(), count));
                        if (words.size() == count)
                                known.push_back(
                                        join(std::vector<std::string>(words.begin(), words.end()), "."));
                }

                if (std::ranges::find(known, prefix) != known.end())
                        continue;

                return did_you_mean(prefix, known);
        }

        return {};
}

// How many parts a key may have below one of this shape. Dots in a part do not separate.
std::size_t whole_parts(Shape shape)
{
        switch (shape) {
        case Shape::toggles:
        case Shape::text_map:
                return 1;
        case Shape::environment:
                return 2; // a service, and a variable
        default:
                return 0;
        }
}

bool is_quoted(std::string_view text)
{
        return !text.empty() && (text.front() == '"' || text.front() == '\'');
}

// One value of TOML; nothing if it is not valid.
std::optional<Json> toml_value(const std::string& text)
{
        const auto layer =
                TomlDocument::parse(fmt::format("value = {}\n", text), argument_name).layer(argument_name);
        if (layer.tree.size() != 1 || layer.tree.at("value").is_null())
                return std::nullopt;
        return layer.tree.at("value");
}

Json parse_value(const std::string& text, Shape shape, std::size_t below)
{
        const bool is_text = shape == Shape::text || (shape == Shape::text_map && below == 1) ||
                             (shape == Shape::environment && below == 2);
        const char first = text.empty() ? '\0' : text.front();

        if (text == "null")
                throw Error(failure::config_invalid, "null is not a value",
                        "`eksnode unset KEY` removes what `eksnode set` wrote; for the text, give KEY='\"null\"'");
        if (is_text && !is_quoted(text))
                return text;
        if (shape == Shape::list && first != '[')
                return Json::array({parse_value(text, Shape::text, 0)});

        if (is_quoted(text) || first == '[' || first == '{') { // meant as TOML: its errors are reported
                if (auto value = toml_value(text))
                        return std::move(*value);
                return text;
        }

        try {
                if (auto value = toml_value(text))
                        return std::move(*value);
        } catch (const Error&) { // text without quotes
        }

        return text;
}

// The '=' after the key, which may be quoted.
std::size_t end_of_key(std::string_view argument)
{
        char quote = '\0';
        for (std::size_t i = 0; i < argument.size(); ++i) {
                const char c = argument[i];
                if (quote != '\0')
                        quote = c == quote ? '\0' : quote;
                else if (c == '"' || c == '\'')
                        quote = c;
                else if (c == '=')
                        return i;
        }

        return argument.npos;
}

} // namespace

Setting parse_key(std::string_view text)
{
        Setting setting{.parts = parts_of(text), .key = {}, .value = nullptr};
        setting.key = path_of(setting.parts);

        const auto* entry = find_schema_key(setting.key);
        if (entry == nullptr)
                throw Error(failure::config_invalid,
                        fmt::format(
                                "'{}' is not a configuration key{}", setting.key, hint_for(setting.parts)),
                        "See eks-node.toml(5) for every key");

        // A shell removes the quotes of node.labels."example.com/team".
        const auto own = static_cast<std::size_t>(std::ranges::count(entry->path, '.')) + 1;
        const auto whole = whole_parts(entry->shape);
        while (whole > 0 && setting.parts.size() > own + whole) {
                auto last = setting.parts.back();
                setting.parts.pop_back();
                setting.parts.back() += "." + last;
        }

        setting.key = path_of(setting.parts);
        return setting;
}

Setting parse_setting(const std::string& argument)
{
        const auto equals = end_of_key(argument);
        if (equals == argument.npos)
                throw Error(failure::usage, fmt::format("'{}' is not KEY=VALUE", argument), "See --help");

        auto setting = parse_key(std::string_view(argument).substr(0, equals));
        const auto* entry = find_schema_key(setting.key);
        const auto own = static_cast<std::size_t>(std::ranges::count(entry->path, '.')) + 1;
        setting.value = parse_value(argument.substr(equals + 1), entry->shape, setting.parts.size() - own);

        return setting;
}

void set_value(Json& tree, const Setting& setting)
{
        auto* node = &tree;
        for (const auto& part : setting.parts) {
                if (!node->is_object() && !node->is_null())
                        throw Error(failure::config_invalid,
                                fmt::format("'{}' is below a key that already has a value", setting.key),
                                "Unset that key first");
                node = &(*node)[part];
        }

        *node = setting.value;
}

const Json* value_at(const Json& tree, const std::vector<std::string>& parts)
{
        const auto* node = &tree;
        for (const auto& part : parts) {
                if (!node->is_object() || !node->contains(part))
                        return nullptr;
                node = &node->at(part);
        }

        return node;
}

std::string render_settings(const Json& tree)
{
        return tree.empty() ? std::string() : header + TomlDocument::from_tree(tree).text();
}

Json read_settings(const std::string& path)
{
        const auto text = read_file_if_exists(path).value_or("");
        return TomlDocument::parse(text, path).layer(path).tree;
}

} // namespace eks
