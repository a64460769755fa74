// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"
#include "steps/instance-store/description.hpp"
#include "steps/instance-store/machine.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode storage plan [--disks FILE] [--json] [--config SOURCE]... [--root DIR]\n"
        "\n"
        "Show what eks-instance-store would do to the disks of the instance store, without doing it.\n"
        "\n"
        "  --disks FILE     a description of disks (default: this machine's disks)\n"
        "  --json           as JSON\n"
        "  --config SOURCE  a file, a directory, or user-data:FILE; repeatable, in order\n"
        "                   (default: the layers of this node, see eks-node.toml(5))\n"
        "  --root DIR       prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 78 bad configuration; 69 a disk is missing; 1 a disk is in use or not ours;\n"
        "2 usage; see eksnode-storage(1).\n";

// Of this machine, whose record of disks that are being written names it; "" before eks-imds has run.
std::string instance_id()
{
        const Root machine;
        return exists(machine("/run/eks/imds.json")) ? instance_facts(load_imds(machine)).instance_id : "";
}

int storage(const Arguments& arguments)
{
        if (arguments.positional() != std::vector<std::string>{"plan"})
                throw Error(failure::usage, "give one command: plan", "See --help");

        const auto root = arguments.root();
        const auto sources = arguments.all("config");
        const auto resolved = sources.empty() ? resolve_node_layers(root) : resolve_sources(root, sources);
        debug_layers(resolved);
        resolved.merged.problems.throw_if_any(failure::config_invalid);
        const auto settings = node_spec(resolved.merged.tree, resolved.merged.marks).storage.local;
        StoragePlan plan;

        if (!settings) {
                plan.notes.emplace_back("instance.localStorage.strategy is not configured");
        } else if (const auto file = arguments.last("disks")) {
                const auto description = try_parse_json(read_file(*file));
                plan = plan_storage(*settings, storage_facts(description));
        } else {
                plan = plan_storage(*settings, StorageMachine(*settings, instance_id()).look());
        }

        if (arguments.has("json"))
                fmt::print("{}\n", storage_plan_as_json(plan).dump(2));
        else
                fmt::print("{}", show_storage_plan(plan));

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("storage", usage, argc, argv, [&] {
                return storage(Arguments::parse(argc, argv, {"disks=", "json", "config=", "root="}));
        });
}
