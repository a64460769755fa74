// SPDX-License-Identifier: Apache-2.0
#include "config/command_layer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/sources.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

constexpr std::string_view stamp = "# instance: ";

} // namespace

std::optional<std::string> instance_of_layer(std::string_view text)
{
        const auto line = text.substr(0, text.find('\n'));
        if (!line.starts_with(stamp))
                return std::nullopt;
        return std::string(trim(line.substr(stamp.size())));
}

std::optional<std::string> known_instance(const Root& root)
{
        const auto text = read_file_if_exists(root(imds_path));
        const auto facts = Json::parse(text.value_or(""), nullptr, false);
        const auto id = facts.find("instanceId");
        if (!facts.is_object() || id == facts.end() || !id->is_string())
                return std::nullopt;
        return id->get<std::string>();
}

bool was_called(const Root& root)
{
        const auto instance = known_instance(root);
        return std::ranges::any_of(
                drop_ins(root, {std::string(command_layers)}, {".toml"}), [&](const std::string& path) {
                        return instance &&
                               instance == instance_of_layer(read_file(root(path), config_limit));
                });
}

std::string render_command_layer(const CommandLayer& layer)
{
        return fmt::format(
                "{}{}\n"
                "# What {} was called with, as eks-node.toml(5). The next call replaces this file.\n"
                "{}",
                stamp, layer.instance, layer.command, TomlDocument::from_tree(layer.tree).text());
}

void write_command_layer(const Root& root, const CommandLayer& layer, Durability durability)
{
        write_atomically(root(fmt::format("{}/{}.toml", command_layers, layer.command)),
                render_command_layer(layer), 0600, durability);
}

} // namespace eks
