// SPDX-License-Identifier: Apache-2.0
// eksnode migrate: a call of bootstrap.sh as configuration, with the same code as the command.
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "checks/described_cluster.hpp"
#include "checks/find_problems.hpp"
#include "compat/bootstrap/call.hpp"
#include "compat/bootstrap/options.hpp"
#include "config/sources.hpp"
#include "verbs/config/show_config.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode migrate [--format toml|nodeconfig] [--root DIR] -- ARGUMENT...\n"
        "\n"
        "Print the configuration that a call of Amazon Linux 2's /etc/eks/bootstrap.sh with these arguments\n"
        "stands for. Environment variables that bootstrap.sh looks at count too. Nothing is changed.\n"
        "\n"
        "  --format FORMAT  toml (default), or nodeconfig (YAML)\n"
        "  --root DIR       read files that the arguments name below DIR, such as the root of an image\n"
        "\n"
        "Exit status: 0; 78 a call that bootstrap.sh refuses; 2 usage; see eksnode-migrate(1).\n";

int migrate(const Arguments& arguments)
{
        const auto format = arguments.last("format").value_or("toml");
        if (format != "toml" && format != "nodeconfig")
                throw Error(failure::usage, fmt::format("--format {}: unknown", format),
                        "Give toml or nodeconfig");
        if (arguments.positional().empty())
                throw Error(failure::usage, "no arguments of bootstrap.sh were given", "Give them after --");

        auto call = bootstrap_call(0, nullptr);

        // This machine's way to AWS is not the node's.
        std::erase_if(
                call.environment, [](const auto& variable) { return is_query_variable(variable.first); });
        call.arguments = arguments.positional();

        if (arguments.has("root")) // else the text of a file would be that of this machine
                call.read = [&](const std::string& path) {
                        return read_file(arguments.root()(path), config_limit);
                };

        const auto layer = parse_bootstrap_call(call);
        if (!layer)
                throw Error(failure::usage, "--help is not a call of bootstrap.sh",
                        "Give the arguments of a call after --");

        for (const auto& note : layer->notes)
                fmt::print(stderr, "warning: {}\n", hide_secrets(note.text));
        for (const auto& problem : keys_without_a_step(*layer).texts())
                fmt::print(stderr, "warning: {}; the call fails\n", problem);

        if (keys_to_ask_for(layer->tree) == std::vector<std::string>{"cluster.cidr"})
                fmt::print(stderr,
                        "warning: kubelet.config.clusterDNS is left out: for this call it is 172.20.0.10 on a node "
                        "whose VPC has a range that begins with 10, else 10.100.0.10\n");

        if (format == "toml") {
                fmt::print("{}", config_as_toml(layer->tree));
                return 0;
        }

        std::vector<std::string> left_out;
        fmt::print("{}", config_as_node_config(layer->tree, left_out));

        for (const auto& key : left_out)
                fmt::print(stderr, "warning: NodeConfig has no place for {}, left out\n", key);

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("migrate", usage, argc, argv, [&] {
                try {
                        return migrate(Arguments::parse(argc, argv, {"format=", "root="}));
                } catch (const Error& e) {
                        if (std::string_view(e.what()).starts_with("unknown option"))
                                throw Error(
                                        e.failure(), e.what(), "Put `--` before bootstrap.sh's arguments");
                        throw;
                }
        });
}
