// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "verbs/max-pods/max_pods.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode max-pods --instance-type TYPE | --instance-type-from-imds [OPTION]...\n"
        "       eksnode max-pods --table [FAMILY]...\n"
        "\n"
        "How many pods an instance type runs, as AWS's max-pods-calculator.sh computes it, but offline.\n"
        "\n"
        "  --instance-type TYPE             such as m5.large\n"
        "  --instance-type-from-imds        that of this instance\n"
        "  --cni-version V                  of the VPC CNI; before 1.9.0 it has no prefixes\n"
        "  --cni-prefix-delegation-enabled  it assigns prefixes, where the type is Nitro-based\n"
        "  --cni-custom-networking-enabled  the primary network interface serves no pods\n"
        "  --cni-max-eni N                  it uses at most so many network interfaces\n"
        "  --show-max-allowed               without the limit of 110 up to 30 vCPUs, 250 above\n"
        "  --expression E                   the result of a maxPodsExpression\n"
        "  --table [FAMILY]...              every type of the families, or of all, in every mode\n"
        "  --root DIR                       prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 1 a file is broken; 2 usage, unknown type; 69 no metadata service; 78 wrong\n"
        "expression; see eksnode-max-pods(1).\n";

} // namespace

int main(int argc, char** argv)
{
        return run_verb("max-pods", usage, argc, argv, [&] {
                fmt::print("{}",
                        max_pods_output(parse_max_pods_arguments(argc, argv), instance_type_from_imds));
                return 0;
        });
}
