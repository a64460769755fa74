// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/command_line.hpp"
#include "base/error.hpp"
#include "node/ecr.hpp"
#include "node/node.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode images registry [--region R] [--fips] [--dualstack] [--root DIR]\n"
        "\n"
        "The registry that EKS keeps a region's images in.\n"
        "\n"
        "  --region R   (default: the region of this node, from /run/eks/imds.json)\n"
        "  --fips       its FIPS name (default: if the kernel is in FIPS mode and that name resolves)\n"
        "  --dualstack  the name that has IPv6 addresses too\n"
        "  --root DIR   prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 1 a file is missing or broken; 2 usage; see eksnode-images(1).\n";

std::string region(const Arguments& arguments, const Root& root)
{
        if (const auto given = arguments.last("region"))
                return *given;
        return require(instance_facts(load_imds(root)).region, "region");
}

int print_registry(const Arguments& arguments)
{
        const Root root(arguments.last("root").value_or(""));
        const auto registry = ecr_registry(root, region(arguments, root));
        const bool fips = arguments.has("fips");
        const bool dual_stack = arguments.has("dualstack");
        if (fips && !registry.fips)
                fmt::print(stderr,
                        "eksnode images: no FIPS name is known in '{}', so this one may not exist, "
                        "proceeding\n",
                        registry.region);
        const auto host = fips || dual_stack ? ecr_host(registry, fips, dual_stack)
                                             : ecr_host_for_kernel(registry, fips_kernel(root), resolves);
        if (!host)
                throw Error(failure::usage,
                        fmt::format("the registries of partition '{}' have no dual-stack names",
                                registry.partition),
                        "Leave --dualstack out");
        fmt::print("{}\n", *host);
        return 0;
}

int images(const Arguments& arguments)
{
        const auto& words = arguments.positional();
        if (words.size() == 1 && words[0] == "registry")
                return print_registry(arguments);
        throw Error(failure::usage,
                words.empty() ? "nothing to do was given"
                              : fmt::format("unknown argument '{}'", words.back()),
                "See --help");
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("images", usage, argc, argv, [&] {
                return images(Arguments::parse(argc, argv, {"region=", "fips", "dualstack", "root="}));
        });
}
