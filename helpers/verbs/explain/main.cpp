// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "checks/described_cluster.hpp"
#include "node/node.hpp"
#include "verbs/explain/explain.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode explain [--config SOURCE]... [--root DIR] KEY\n"
        "\n"
        "Show the value of a configuration key, the layer, file and line that set it, and the values\n"
        "that it overrides. KEY is one such as kubelet.config.maxPods; a part with a dot in it is quoted.\n"
        "With profile, every profile is listed; with facts, the facts of this instance and their sources.\n"
        "\n"
        "  --config SOURCE  a file, a directory, or user-data:FILE; repeatable, in order\n"
        "                   (default: the layers of this node, see eks-node.toml(5))\n"
        "  --root DIR       prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 78 bad configuration; 1 a file cannot be read; 2 no such key; see\n"
        "eksnode-explain(1).\n";

// The answer of EKS is a layer below all others.
void add_answer_of_eks(const Root& root, Resolved& resolved)
{
        auto& merged = resolved.merged;
        if (keys_to_ask_for(merged.tree).empty())
                return;

        auto described = described_cluster(root, merged.tree["cluster"]["name"]);
        if (!described)
                return;

        described->erase("name");
        Layer layer{.source = std::string(described_by)};
        std::vector<Note> notes; // by eks-cluster
        complete_cluster(layer.tree, layer.marks, *described, notes);
        complete_cluster(merged.tree, merged.marks, *described, notes);
        resolved.layers.insert(resolved.layers.begin(), std::move(layer));
}

int explain_key(const Arguments& arguments)
{
        if (arguments.positional().size() != 1)
                throw Error(failure::usage, "one KEY is needed", "See --help");

        const auto root = arguments.root();
        if (arguments.positional().front() == "facts") {
                fmt::print("{}", explain_facts(load_imds(root)));
                return 0;
        }

        const auto sources = arguments.all("config");
        auto resolved = sources.empty() ? resolve_node_layers(root) : resolve_sources(root, sources);
        debug_layers(resolved);
        resolved.merged.problems.throw_if_any(failure::config_invalid);
        add_answer_of_eks(root, resolved);
        const auto generated = generated_settings(root, resolved);
        const auto& key = arguments.positional().front();
        fmt::print("{}", key == "profile"
                                 ? explain_profile(root, resolved)
                                 : explain(resolved, key, generated,
                                           reasoning(root, resolved, key) + edited_setting(root, key)));

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("explain", usage, argc, argv, [&] {
                return explain_key(Arguments::parse(argc, argv, {"config=", "root="}));
        });
}
