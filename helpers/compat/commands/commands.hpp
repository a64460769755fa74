// SPDX-License-Identifier: Apache-2.0
// The commands that the EKS images of Amazon Linux 2 and 2023 had, with their options, output and exit
// statuses. Each is a main(); their names are links to compat-commands.
#pragma once

#include <array>
#include <string_view>

namespace eks {

int bootstrap_command(int argc, char** argv);
int cache_pause_container_command(int argc, char** argv);
int get_ecr_uri_command(int argc, char** argv);
int imds_command(int argc, char** argv);
int log_collector_command(int argc, char** argv);
int max_pods_calculator_command(int argc, char** argv);
int nodeadm_command(int argc, char** argv);
int vercmp_command(int argc, char** argv);

struct CompatCommand {
        std::string_view name; // of the link
        int (*run)(int argc, char** argv);
};

inline constexpr std::array compat_commands{CompatCommand{"bootstrap.sh", bootstrap_command},
        CompatCommand{"cache-pause-container", cache_pause_container_command},
        CompatCommand{"eks-log-collector.sh", log_collector_command},
        CompatCommand{"get-ecr-uri.sh", get_ecr_uri_command}, CompatCommand{"imds", imds_command},
        CompatCommand{"max-pods-calculator.sh", max_pods_calculator_command},
        CompatCommand{"nodeadm", nodeadm_command}, CompatCommand{"vercmp", vercmp_command}};

} // namespace eks
