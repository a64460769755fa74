// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "net/credentials.hpp"
#include "verbs/token/token.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode token --cluster-name NAME [--region REGION] [--fips] [--dualstack] [--root DIR]\n"
        "\n"
        "Print the credential that kubelet shows the API server: kubelet's exec plugin.\n"
        "\n"
        "  --cluster-name NAME  the cluster (--cluster-id is the same: on Outposts its id counts)\n"
        "  --region REGION      where STS is asked (default: AWS_REGION, else the instance's)\n"
        "  --fips, --dualstack  which endpoint of STS\n"
        "  --root DIR           prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 1 no credentials; 2 usage; 69 no metadata service; see eksnode-token(1).\n";

constexpr auto facts = "/run/eks/imds.json";
constexpr std::chrono::seconds imds_timeout{10};

std::string cluster_of(const Arguments& arguments)
{
        auto names = arguments.all("cluster-name");
        for (auto& id : arguments.all("cluster-id"))
                names.push_back(std::move(id));

        if (names.size() != 1)
                throw Error(failure::usage,
                        names.empty() ? "no cluster is named" : "more than one cluster is named",
                        "Give one --cluster-name");

        return names.front();
}

std::string region_of(const Arguments& arguments, const Root& root)
{
        if (const auto given = arguments.last("region"))
                return *given;
        if (auto given = environment("AWS_REGION"); !given.empty())
                return given;

        const auto text = read_file_if_exists(root(facts));
        const auto known = try_parse_json(text.value_or(""));
        if (known.is_object() && known.contains("region") && known["region"].is_string())
                return known["region"];

        throw Error(failure::usage, fmt::format("no region is named, and '{}' has none", facts),
                "Give --region, or set AWS_REGION");
}

int print_token(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const auto root = arguments.root();
        const auto version = exec_api_version(environment("KUBERNETES_EXEC_INFO"));
        TokenRequest request{
                cluster_of(arguments), region_of(arguments, root), endpoint_kind_from_environment()};

        // With a kernel in FIPS mode, the FIPS endpoint is used if it exists; elsewhere its name would not
        // resolve.
        request.endpoint.fips = request.endpoint.fips || arguments.has("fips") ||
                                (fips_kernel(root) && has_fips_endpoint(request.region));
        request.endpoint.dual_stack = request.endpoint.dual_stack || arguments.has("dualstack");
        const auto credentials = aws_credentials({.endpoint = imds_endpoint(), .timeout = imds_timeout});
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        fmt::print("{}", render_exec_credential(version, eks_token(request, credentials, now), now));

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("token", usage, argc, argv, [&] {
                return print_token(Arguments::parse(argc, argv,
                        {"cluster-name=", "cluster-id=", "region=", "fips", "dualstack", "root="}));
        });
}
