// SPDX-License-Identifier: Apache-2.0
// eksnode runtimes: the runtime handlers of this machine, and their RuntimeClasses.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "config/node_spec.hpp"
#include "config/sources.hpp"
#include "containerd/runtimes.hpp"
#include "steps/docker-runtimes/docker_runtimes.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode runtimes [--config SOURCE]... [--root DIR] [--runtimeclass [--all]]\n"
        "                        [--docker]\n"
        "\n"
        "List the container runtimes that are described, and which of them this machine can run.\n"
        "\n"
        "  --config SOURCE  a file, a directory, or user-data:FILE; repeatable, in order\n"
        "                   (default: the layers of this node, see eks-node.toml(5))\n"
        "  --root DIR       prefix of every path that is read\n"
        "  --runtimeclass   print the RuntimeClass manifests of those that are available\n"
        "  --all            and of the others\n"
        "  --docker         print what Docker's daemon.json is given (JSON)\n"
        "\n"
        "Exit status: 0; 78 bad configuration; 1 a file is missing or broken; 2 usage; see\n"
        "eksnode-runtimes(1).\n";

std::string state(const RuntimeHandlers& handlers, const RuntimeHandler& handler)
{
        if (!handler.rendered)
                return "-";
        return handler.name == handlers.default_name ? "default" : "available";
}

int list_runtimes(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");
        if (arguments.has("all") && !arguments.has("runtimeclass"))
                throw Error(failure::usage, "--all is for --runtimeclass", "See --help");

        const auto root = arguments.root();
        const auto sources = arguments.all("config");
        const auto resolved = sources.empty() ? resolve_node_layers(root) : resolve_sources(root, sources);
        debug_layers(resolved);
        const auto& merged = resolved.merged;
        merged.problems.throw_if_any(failure::config_invalid);

        const auto spec = node_spec(merged.tree, merged.marks);
        const auto& settings = spec.containerd.runtimes;

        if (arguments.has("docker")) {
                std::vector<Note> notes;
                const auto keys = docker_keys(
                        root, docker_handlers(root, settings), spec.host.docker_runtime,
                        [&] { return docker_version(root); }, notes);

                for (const auto& note : notes)
                        fmt::print(stderr, "{}\n", hide_secrets(note.text));
                fmt::print("{}\n", keys.dump(4));
                return 0;
        }

        const auto handlers = runtime_handlers(root, settings);
        for (const auto& handler : handlers.all)
                debug(fmt::format("{} ({}) is {}: {}", handler.name, handler.place.text(),
                        handler.rendered ? "written" : "left out", handler.reason));

        if (arguments.has("runtimeclass")) {
                std::string text;
                for (const auto& handler : handlers.all)
                        if (handler.rendered || arguments.has("all"))
                                text += (text.empty() ? "" : "---\n") + runtime_class(handler);
                fmt::print("{}", text);
                return 0;
        }

        std::size_t width = 0;
        for (const auto& handler : handlers.all)
                width = std::max(width, handler.name.size());

        for (const auto& handler : handlers.all)
                fmt::print("{:<{}}  {:<9}  {}\n", handler.name, width, state(handlers, handler),
                        handler.reason.empty() ? handler.descriptor["about"].get<std::string>()
                                               : handler.reason);

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("runtimes", usage, argc, argv, [&] {
                return list_runtimes(
                        Arguments::parse(argc, argv, {"config=", "root=", "runtimeclass", "all", "docker"}));
        });
}
