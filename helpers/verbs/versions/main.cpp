// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "verbs/versions/versions.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode versions [--installed] [--json] [--root DIR]\n"
        "\n"
        "Print the versions of kubelet, containerd, the kernel, drivers and so on. On an image that packer/\n"
        "has built, compare them with the versions that the build was asked for.\n"
        "\n"
        "  --installed  only print what is installed\n"
        "  --json       print JSON\n"
        "  --root DIR   prefix of every path that is read, and of the programs that are run\n"
        "\n"
        "Exit status: 0 all as wanted; 1 a version differs or is missing; 2 usage; see eksnode-versions(1).\n";

int show(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const auto root = arguments.root();
        const auto installed = installed_versions(root);
        const bool json = arguments.has("json");
        if (arguments.has("installed") && json) {
                fmt::print("{}\n", Json(installed).dump(4, ' ', false, Json::error_handler_t::replace));
                return 0;
        }

        const auto manifest = arguments.has("installed") ? std::nullopt : read_manifest(root);
        const auto components = compare_versions(installed, manifest);
        fmt::print("{}", json ? render_versions_as_json(components, manifest.has_value())
                              : render_versions(components));

        if (!manifest && !arguments.has("installed"))
                fmt::print(stderr, "eksnode versions: there is no '{}': nothing to compare with\n",
                        root(manifest_path));

        return std::ranges::any_of(components, &Component::is_wrong) ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("versions", usage, argc, argv, [&] {
                return show(Arguments::parse(argc, argv, {"installed", "json", "root="}));
        });
}
