// SPDX-License-Identifier: Apache-2.0
// eks-log-collector.sh, which is not implemented yet. It prints that, and the commands to use instead.
#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "compat/commands.hpp"

namespace eks {

namespace {

constexpr int not_there_yet = 3; // used for nothing else

constexpr std::array<std::string_view, 3> options{
        "--eks_hybrid", "--ignore_introspection", "--ignore_metrics"};

constexpr auto usage =
        "usage: eks-log-collector.sh [--ignore_introspection=true|false] [--ignore_metrics=true|false]\n"
        "                            [--eks_hybrid=true|false]\n"
        "\n"
        "  --ignore_introspection  do not ask the VPC CNI for its state\n"
        "  --ignore_metrics        do not ask the VPC CNI for its metrics\n"
        "  --eks_hybrid            do not ask the instance metadata service\n"
        "  --help                  print this\n"
        "\n"
        "This version collects no logs yet, and ends with status 3. See eks-log-collector.sh(8).\n";

} // namespace

int log_collector_command(int argc, char** argv)
{
        for (int i = 1; i < argc; ++i) {
                const std::string_view argument = argv[i];
                if (argument == "--help") {
                        fmt::print("{}", usage);
                        return 0;
                }
                if (std::ranges::find(options, argument.substr(0, argument.find('='))) == options.end()) {
                        fmt::print(stderr, "Parameter not found: '{}'\n\n{}", argument, usage);
                        return 1;
                }
        }
        fmt::print(stderr, "eks-log-collector.sh: this version of eksnode collects no logs yet. "
                           "`eksnode status` shows what failed, and `journalctl -b -u 'eks-*' -u containerd "
                           "-u kubelet` the log messages\n");
        return not_there_yet;
}

std::string_view called_name(int argc, char** argv)
{
        const std::string_view name = argc > 0 ? argv[0] : "";
        return name.substr(name.rfind('/') + 1); // npos + 1 is 0
}

} // namespace eks
