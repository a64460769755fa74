// SPDX-License-Identifier: Apache-2.0
// The small commands that the EKS images of Amazon Linux 2 and 2023 had, with their options, output and exit
// statuses. Each is a main(); the names are links to a program that holds what they need.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace eks {

int get_ecr_uri_command(int argc, char** argv);
int imds_command(int argc, char** argv);
int log_collector_command(int argc, char** argv);
int max_pods_calculator_command(int argc, char** argv);
int vercmp_command(int argc, char** argv);

struct CompatCommand {
        std::string_view name; // of the link
        int (*run)(int argc, char** argv);
};

inline constexpr std::array compat_commands{CompatCommand{"eks-log-collector.sh", log_collector_command},
        CompatCommand{"get-ecr-uri.sh", get_ecr_uri_command}, CompatCommand{"imds", imds_command},
        CompatCommand{"max-pods-calculator.sh", max_pods_calculator_command},
        CompatCommand{"vercmp", vercmp_command}};

// The name by which a program was called, without directories.
std::string_view called_name(int argc, char** argv);

} // namespace eks
