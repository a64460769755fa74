// SPDX-License-Identifier: Apache-2.0
// get-ecr-uri.sh.
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "compat/commands/commands.hpp"
#include "compat/commands/compat.hpp"

namespace eks {

namespace {

constexpr auto usage =
        "usage: get-ecr-uri.sh REGION DOMAIN [ACCOUNT]\n"
        "\n"
        "Print the registry of Amazon ECR that EKS keeps the images of a region in, or that of an\n"
        "account in it. See get-ecr-uri.sh(8) and, for the current command, eksnode-images(1).\n";

} // namespace

std::string ecr_uri(const Root& root, const std::string& region, const std::string& domain,
        const std::string& account, bool fips_kernel, const Resolver& resolver)
{
        EcrRegistry registry{.region = region, .account = account};
        if (account.empty())
                registry = ecr_registry(root, region);
        registry.domain = domain;
        return ecr_host_for_kernel(registry, fips_kernel, resolver);
}

int get_ecr_uri_command(int argc, char** argv)
{
        if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
                fmt::print("{}", usage);
                return 0;
        }

        if (argc < 3) {
                fmt::print(stderr, "{}", usage);
                return 1;
        }

        try {
                const Root root(environment("EKS_ROOT"));
                fmt::print("{}\n", ecr_uri(root, argv[1], argv[2], argc > 3 ? argv[3] : "",
                                           fips_kernel(root), resolves));
                return 0;
        } catch (const std::exception& e) {
                fmt::print(stderr, "get-ecr-uri.sh: {}\n", e.what());
                return 1;
        }
}

} // namespace eks
