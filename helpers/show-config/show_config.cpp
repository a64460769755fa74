// SPDX-License-Identifier: Apache-2.0
#include "show_config.hpp"

#include <span>

#include <yaml-cpp/yaml.h>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "config/toml.hpp"

namespace eks {

namespace {

// As a single document would have written it: the texts of several layers become one.
Json as_one_document(const Json& tree)
{
        auto document = tree;
        const auto* texts = find_path(tree, "containerd.config");
        if (texts == nullptr || texts->empty())
                return document;
        std::string text = texts->front().at("text");
        if (texts->size() > 1) {
                auto merged = TomlDocument::parse(text, texts->front().at("source"));
                for (const auto& next : *texts)
                        merged.merge(
                                TomlDocument::parse(next.at("text").get<std::string>(), next.at("source")));
                text = merged.text();
        }
        document["containerd"]["config"] = text;
        return document;
}

void emit(YAML::Emitter& out, const Json& value)
{
        switch (value.type()) {
        case Json::value_t::object:
                out << YAML::BeginMap;
                for (const auto& [key, item] : value.items()) {
                        out << YAML::Key << key << YAML::Value;
                        emit(out, item);
                }
                out << YAML::EndMap;
                break;
        case Json::value_t::array:
                out << YAML::BeginSeq;
                for (const auto& item : value)
                        emit(out, item);
                out << YAML::EndSeq;
                break;
        case Json::value_t::string: {
                const auto& text = value.get_ref<const std::string&>();
                // Quoted, so that no reader takes "yes" or "0x10" for something else.
                out << (text.find('\n') != std::string::npos ? YAML::Literal : YAML::DoubleQuoted) << text;
                break;
        }
        case Json::value_t::null:
                out << YAML::Null;
                break;
        default:
                out << value.dump();
        }
}

} // namespace

std::string config_as_toml(const Json& tree)
{
        return TomlDocument::from_tree(as_one_document(tree)).text();
}

std::string config_as_json(const Json& tree)
{
        return as_one_document(tree).dump(2) + "\n";
}

std::string config_as_node_config(const Json& tree, std::vector<std::string>& left_out)
{
        auto spec = as_one_document(tree);
        for (const auto& entry : schema()) {
                if (entry.node_config || find_path(spec, entry.path) == nullptr)
                        continue;
                left_out.emplace_back(entry.path);
                auto* map = &spec;
                const auto parts = split(entry.path, '.');
                for (const auto part : std::span(parts).first(parts.size() - 1))
                        map = &map->at(std::string(part));
                map->erase(std::string(parts.back()));
        }
        YAML::Emitter out;
        out << YAML::BeginMap << YAML::Key << "apiVersion" << YAML::Value << "node.eks.aws/v1alpha1"
            << YAML::Key << "kind" << YAML::Value << "NodeConfig" << YAML::Key << "spec" << YAML::Value;
        emit(out, spec);
        out << YAML::EndMap;
        return std::string(out.c_str()) + "\n";
}

} // namespace eks
