// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "config/sources.hpp"
#include "verbs/config/show_config.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode config [--format toml|json|nodeconfig | --origins] [--config SOURCE]... [--root DIR]\n"
        "\n"
        "Show the resolved configuration: all layers merged.\n"
        "\n"
        "  --format FORMAT  toml (default), json, or nodeconfig (YAML)\n"
        "  --origins        the place that set each key, without its value\n"
        "  --config SOURCE  a file, a directory, or user-data:FILE; repeatable, in order\n"
        "                   (default: the layers of this node, see eks-node.toml(5))\n"
        "  --root DIR       prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 78 bad configuration; 1 a file cannot be read; 2 usage; see eksnode-config(1).\n";

int show_config(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const auto format = arguments.last("format").value_or("toml");
        const auto root = arguments.root();
        const auto sources = arguments.all("config");
        const auto resolved = sources.empty() ? resolve_node_layers(root) : resolve_sources(root, sources);
        debug_layers(resolved);
        resolved.merged.problems.throw_if_any(failure::config_invalid);

        for (const auto& note : resolved.merged.notes)
                fmt::print(stderr, "warning: {}\n", hide_secrets(note.text));
        const auto& tree = resolved.merged.tree;

        if (arguments.has("origins")) {
                for (const auto& [key, place] : resolved.merged.marks)
                        fmt::print("{}: {}\n", key, place.text());
                return 0;
        }

        if (format == "toml") {
                fmt::print("{}", config_as_toml(tree));
        } else if (format == "json") {
                fmt::print("{}", config_as_json(tree));
        } else if (format == "nodeconfig") {
                std::vector<std::string> left_out;
                fmt::print("{}", config_as_node_config(tree, left_out));
                for (const auto& key : left_out)
                        fmt::print(stderr, "warning: NodeConfig has no place for {}, left out\n", key);
        } else {
                throw Error(failure::usage, fmt::format("--format {}: unknown", format),
                        "Give toml, json or nodeconfig");
        }

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("config", usage, argc, argv, [&] {
                return show_config(Arguments::parse(argc, argv, {"format=", "origins", "config=", "root="}));
        });
}
