// SPDX-License-Identifier: Apache-2.0
// Runs at build time only: what people and editors read about the table of keys.
//
//     schema-documents node-config VERSION      JSON Schema of NodeConfig
//     schema-documents node-toml VERSION        JSON Schema of our TOML
//     schema-documents page < PAGE              PAGE with the keys in place of its line "; @KEYS@"
#include <iostream>
#include <regex>
#include <string>

#include <nlohmann/json.hpp>

#include "config/schema_table.hpp"

namespace {

using namespace eks;
using Json = nlohmann::ordered_json;

constexpr const char* draft = "https://json-schema.org/draft/2020-12/schema";

std::vector<std::string> split(std::string_view text, char separator)
{
        std::vector<std::string> parts;
        for (std::size_t end = 0; end != std::string_view::npos;) {
                end = text.find(separator);
                parts.emplace_back(text.substr(0, end));
                text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
        return parts;
}

std::string joined(const std::vector<std::string>& parts)
{
        std::string text;
        for (const auto& part : parts)
                text += (text.empty() ? "" : ", ") + part;
        return text;
}

// The type, and the rule by which a later layer is merged.
std::string_view type_and_rule(ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
                return "String, replaces.";
        case ValueKind::boolean:
                return "Boolean; a later true replaces, a false does not clear a true.";
        case ValueKind::toggle:
                return "Boolean, replaces.";
        case ValueKind::count:
                return "Whole number, replaces.";
        case ValueKind::list:
                return "List of strings, replaces.";
        case ValueKind::flags:
                return "List of strings, later ones are appended.";
        case ValueKind::switches:
                return "Map of booleans, merged name by name.";
        case ValueKind::text_map:
                return "Map of strings, merged name by name.";
        case ValueKind::environment:
                return "Map of services to maps of variables to strings, merged variable by variable.";
        case ValueKind::free_map:
                return "Map, merged deeply.";
        case ValueKind::toml_text:
                return "String that holds TOML; of layers, tables are merged and all else is replaced.";
        }
        return "";
}

std::string sentences(const SchemaKey& key)
{
        std::string text(key.about);
        if (!key.choices.empty())
                text += (key.kind == ValueKind::list ? " Of " : " One of ") +
                        joined(split(key.choices, '|')) + ".";
        if (!key.instead.empty())
                text += " No step of this version acts on it: a node does not start with it.";
        return text;
}

// Text as scdoc shows it: nothing in it is markup, but for words that are a page, a path or in ticks.
std::string escaped(const std::string& word)
{
        static const std::regex special(R"([\\_*])");
        return std::regex_replace(word, special, R"(\$&)");
}

std::string marked_up(const std::string& text)
{
        static const std::regex page(R"((\(?)([a-z][\w.-]*)(\(\d\))(.*))");
        static const std::regex ticked(R"((\(?)'(.+)'()([).,;:]*))");
        static const std::regex path(R"((\(?)(/\S*[^).,;:])()([).,;:]*))");
        std::string result;
        for (const auto& word : split(text, ' ')) {
                std::smatch match;
                const char* mark =
                        std::regex_match(word, match, path)                                            ? "_"
                        : std::regex_match(word, match, page) || std::regex_match(word, match, ticked) ? "*"
                                                                                                       : "";
                result += result.empty() ? "" : " ";
                result += *mark == '\0' ? escaped(word)
                                        : match.str(1) + mark + escaped(match[2]) + mark + match.str(3) +
                                                  match.str(4);
        }
        return result;
}

void write_keys(std::ostream& out)
{
        std::string_view separator;
        for (const auto& key : schema()) {
                out << separator << escaped(std::string(key.path)) << "\n\t" << type_and_rule(key.kind)
                    << ' ' << marked_up(sentences(key))
                    << (key.node_config ? "" : " TOML and kernel command line only.") << '\n';
                separator = "\n";
        }
}

int write_page(std::istream& page, std::ostream& out)
{
        bool written = false;
        for (std::string line; std::getline(page, line);) {
                if (line.starts_with("; @KEYS@")) {
                        write_keys(out);
                        written = true;
                } else {
                        out << line << '\n';
                }
        }
        return written ? 0 : 1;
}

Json type(const char* name, bool null)
{
        return null ? Json::array({name, "null"}) : Json(name);
}

// `null`: YAML's "key:" with nothing behind it is no error, and says nothing.
Json value_schema(const SchemaKey& key, bool null)
{
        Json text = {{"type", "string"}};
        if (!key.choices.empty()) {
                text["enum"] = split(key.choices, '|');
                text["enum"].push_back(""); // says nothing
        }
        if (!key.pattern.empty())
                text["pattern"] = key.pattern;
        switch (key.kind) {
        case ValueKind::text:
                if (null) {
                        text["type"] = type("string", null);
                        if (text.contains("enum"))
                                text["enum"].push_back(nullptr);
                }
                return text;
        case ValueKind::toml_text:
                return {{"type", type("string", null)}, {"contentMediaType", "application/toml"}};
        case ValueKind::boolean:
        case ValueKind::toggle:
                return {{"type", type("boolean", null)}};
        case ValueKind::count:
                return {{"type", type("integer", null)}, {"minimum", 0}, {"maximum", max_count}};
        case ValueKind::list:
        case ValueKind::flags:
                if (null) // nodeadm passes over a choice that it does not know
                        text = {{"type", type("string", null)}};
                return {{"type", type("array", null)}, {"items", text}};
        case ValueKind::switches:
                return {{"type", type("object", null)},
                        {"additionalProperties", {{"type", type("boolean", null)}}}};
        case ValueKind::text_map:
                return {{"type", type("object", null)}, {"additionalProperties", {{"type", "string"}}}};
        case ValueKind::environment:
                return {{"type", type("object", null)},
                        {"additionalProperties",
                                {{"type", type("object", null)},
                                        {"additionalProperties", {{"type", type("string", null)}}}}}};
        case ValueKind::free_map:
                return {{"type", type("object", null)}};
        }
        return {};
}

// The keys as a tree of objects. Strict: no other keys.
Json key_tree(bool toml)
{
        Json root = {{"type", "object"}, {"properties", Json::object()}};
        if (toml)
                root["additionalProperties"] = false;
        for (const auto& key : schema()) {
                if (!toml && !key.node_config)
                        continue;
                auto parts = split(key.path, '.');
                const auto leaf = parts.back();
                parts.pop_back();
                Json* node = &root;
                for (const auto& part : parts) {
                        auto& child = (*node)["properties"][part];
                        if (child.is_null()) {
                                child = {{"type", type("object", !toml)}, {"properties", Json::object()}};
                                if (toml)
                                        child["additionalProperties"] = false;
                        }
                        node = &child;
                }
                Json described = {{"description", sentences(key)}};
                described.update(value_schema(key, !toml));
                (*node)["properties"][leaf] = std::move(described);
        }
        return root;
}

Json head(const std::string& name, const std::string& version, const char* title)
{
        return {{"$schema", draft}, {"$id", "urn:eksnode:" + version + ":" + name}, {"title", title},
                {"$comment", "Generated from the table of keys of eksnode " + version + "."}};
}

Json toml_schema(const std::string& version)
{
        auto document = head("eks-node.toml", version, "eks-node.toml(5): the configuration of an EKS node");
        document.update(key_tree(true));
        return document;
}

Json node_config_schema(const std::string& version)
{
        auto document = head("node-config", version, "NodeConfig: the configuration of an EKS node");
        document.update(Json{{"type", "object"}, {"required", {"apiVersion", "kind"}},
                {"properties", {{"apiVersion", {{"const", "node.eks.aws/v1alpha1"}}},
                                       {"kind", {{"const", "NodeConfig"}}},
                                       {"metadata", {{"description", "Has no effect."}}},
                                       {"spec", key_tree(false)}}}});
        return document;
}

} // namespace

int main(int argc, char** argv)
{
        const std::string what = argc > 1 ? argv[1] : "";
        if (what == "page")
                return write_page(std::cin, std::cout);
        if (argc != 3 || (what != "node-config" && what != "node-toml"))
                return 2;
        std::cout << (what == "node-toml" ? toml_schema(argv[2]) : node_config_schema(argv[2])).dump(2)
                  << '\n';
        return 0;
}
