// SPDX-License-Identifier: Apache-2.0
#include "config/toml.hpp"

#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/schema.hpp"

namespace eks {

struct TomlDocument::Table {
        toml::table root;
};

TomlDocument::TomlDocument(std::unique_ptr<Table> table) : table_(std::move(table)) {}
TomlDocument::TomlDocument(TomlDocument&&) noexcept = default;
TomlDocument& TomlDocument::operator=(TomlDocument&&) noexcept = default;
TomlDocument::~TomlDocument() = default;

namespace {

Where where_of(const toml::node& node, const std::string& source)
{
        const auto begin = node.source().begin;
        return {source, static_cast<int>(begin.line), static_cast<int>(begin.column)};
}

void merge_tables(toml::table& under, const toml::table& over)
{
        for (const auto& [key, value] : over) {
                auto* present = under.get_as<toml::table>(key.str());
                if (present != nullptr && value.is_table())
                        merge_tables(*present, *value.as_table());
                else
                        under.insert_or_assign(key, value);
        }
}

const toml::node* find(const toml::table& root, const std::vector<std::string>& path)
{
        const toml::node* node = &root;
        for (const auto& key : path) {
                const auto* table = node->as_table();
                node = table != nullptr ? table->get(key) : nullptr;
                if (node == nullptr)
                        return nullptr;
        }
        return node;
}

toml::table& make_tables(toml::table& root, const std::vector<std::string>& path)
{
        toml::table* table = &root;
        for (std::size_t i = 0; i + 1 < path.size(); ++i) {
                auto* child = table->get_as<toml::table>(path[i]);
                if (child == nullptr) {
                        table->insert_or_assign(path[i], toml::table{});
                        child = table->get_as<toml::table>(path[i]);
                }
                table = child;
        }
        return *table;
}

template <typename T>
std::string formatted(const T& value)
{
        std::ostringstream out;
        out << value;
        return out.str();
}

Json to_json(const toml::node& node, const std::string& key, Layer& layer)
{
        layer.marks[key] = where_of(node, layer.source);
        if (const auto* table = node.as_table()) {
                auto map = Json::object();
                for (const auto& [name, value] : *table) {
                        map[std::string(name.str())] = to_json(value, key_path(key, name.str()), layer);
                        const auto at = name.source().begin;
                        layer.marks[key_path(key, name.str())] = {
                                layer.source, static_cast<int>(at.line), static_cast<int>(at.column)};
                }
                return map;
        }
        if (const auto* array = node.as_array()) {
                auto list = Json::array();
                for (const auto& value : *array)
                        list.push_back(to_json(value, fmt::format("{}[{}]", key, list.size()), layer));
                return list;
        }
        if (const auto* text = node.as_string())
                return text->get();
        if (const auto* integer = node.as_integer())
                return integer->get();
        if (const auto* real = node.as_floating_point())
                return real->get();
        if (const auto* boolean = node.as_boolean())
                return boolean->get();
        // Dates have no JSON form; NodeConfig has none either, so the text will be refused with its line.
        if (const auto* date = node.as_date())
                return formatted(date->get());
        if (const auto* time = node.as_time())
                return formatted(time->get());
        return formatted(node.as_date_time()->get());
}

} // namespace

TomlDocument TomlDocument::parse(std::string_view text, const std::string& source)
{
        try {
                auto table = std::make_unique<Table>();
                table->root = toml::parse(text);
                return TomlDocument(std::move(table));
        } catch (const toml::parse_error& e) {
                const auto at = e.source().begin;
                throw Error(failure::config_syntax,
                        fmt::format("{}: not TOML: {}",
                                Where{source, static_cast<int>(at.line), static_cast<int>(at.column)}.text(),
                                e.description()),
                        "Mend that line");
        }
}

void TomlDocument::merge(const TomlDocument& over) { merge_tables(table_->root, over.table_->root); }

void TomlDocument::set(const std::vector<std::string>& path, const std::string& value)
{
        make_tables(table_->root, path).insert_or_assign(path.back(), value);
}

void TomlDocument::set(const std::vector<std::string>& path, bool value)
{
        make_tables(table_->root, path).insert_or_assign(path.back(), value);
}

void TomlDocument::rename(const std::vector<std::string>& path, const std::string& name)
{
        auto& parent = make_tables(table_->root, path);
        const auto* node = parent.get_as<toml::table>(path.back());
        if (node == nullptr || path.back() == name)
                return;
        toml::table moved = *node;
        parent.erase(path.back());
        parent.insert_or_assign(name, std::move(moved));
}

std::optional<std::string> TomlDocument::string_at(const std::vector<std::string>& path) const
{
        const auto* node = find(table_->root, path);
        return node != nullptr ? node->value_exact<std::string>() : std::nullopt;
}

std::optional<std::int64_t> TomlDocument::integer_at(const std::vector<std::string>& path) const
{
        const auto* node = find(table_->root, path);
        return node != nullptr ? node->value_exact<std::int64_t>() : std::nullopt;
}

bool TomlDocument::contains(const std::vector<std::string>& path) const
{
        return find(table_->root, path) != nullptr;
}

std::string TomlDocument::text() const
{
        std::ostringstream out;
        out << toml::toml_formatter{table_->root,
                toml::toml_formatter::default_flags & ~toml::format_flags::indentation};
        auto text = out.str();
        if (!text.ends_with('\n'))
                text += '\n';
        return text;
}

Layer TomlDocument::layer(const std::string& source) const
{
        Layer layer{.source = source};
        layer.tree = to_json(table_->root, "", layer);
        return layer;
}

Layer parse_node_toml(std::string_view text, const std::string& source)
{
        auto layer = TomlDocument::parse(text, source).layer(source);
        check_layer(layer, "", UnknownKeys::refused);
        return layer;
}

} // namespace eks
