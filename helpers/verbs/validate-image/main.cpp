// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/error.hpp"
#include "verbs/validate-image/validate_image.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode validate-image [--running [--controls] [--changes]] [--sizes] [--json] [--root DIR]\n"
        "\n"
        "Compare this machine with the manifest that the image build wrote: files, access rights, units,\n"
        "versions, the kernel and its modules, free space, and what is left of the builder. Print the sizes\n"
        "of the components.\n"
        "\n"
        "  --running   this machine is a node: leave out what only a sealed image must have, and the sizes\n"
        "  --controls  with --running: check that what the image's variants harden is in force\n"
        "  --changes   with --running: print the files that have changed since the first boot, by owner\n"
        "  --sizes     print the sizes with --running too\n"
        "  --json      print JSON\n"
        "  --root DIR  prefix of every path that is read, and of the programs that are run\n"
        "\n"
        "Exit status: 0 no problem; 1 a problem; 2 usage; 78 no manifest; see eksnode-validate-image(1).\n";

int validate(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        for (const auto* option : {"changes", "controls"})
                if (arguments.has(option) && !arguments.has("running"))
                        throw Error(failure::usage, fmt::format("--{} is for a machine that runs", option),
                                "Say --running, too");

        const auto root = arguments.root();
        const auto manifest = read_manifest(root);
        if (!manifest)
                throw Error(failure::config_missing, fmt::format("there is no '{}'", root(manifest_path)),
                        "Use a machine whose image packer/ has built. `eksnode host check` checks any machine");

        const auto stage = arguments.has("running") ? Stage::running : Stage::sealed;
        auto checks = validate_image(root, *manifest, stage);
        const auto append = [&](const std::vector<Check>& more) {
                checks.insert(checks.end(), more.begin(), more.end());
        };
        if (arguments.has("controls"))
                append(check_controls(root));
        if (arguments.has("changes"))
                append(checks_of_changes(changed_files(root, *manifest)));

        const auto sizes = stage == Stage::sealed || arguments.has("sizes") ? component_sizes(root)
                                                                            : std::vector<Size>();
        fmt::print("{}", arguments.has("json") ? render_validation_as_json(checks, sizes)
                                               : render_validation(checks, sizes));

        return std::ranges::count(checks, Check::State::problem, &Check::state) > 0 ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("validate-image", usage, argc, argv, [&] {
                return validate(Arguments::parse(
                        argc, argv, {"changes", "controls", "json", "root=", "running", "sizes"}));
        });
}
