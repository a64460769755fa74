// SPDX-License-Identifier: Apache-2.0
// eksnode max-pods: the calculator of AWS's EKS images, max-pods-calculator.sh, from a table instead of
// EC2's API.
#pragma once

#include <functional>
#include <string>

#include "base/arguments.hpp"

namespace eks {

// The options of the verb. Throws Error (usage).
Arguments parse_max_pods_arguments(int argc, char** argv);

// The output of the verb. `ask_imds` fetches the instance type if /run/eks/imds.json does not exist. Throws
// Error: usage, also for a type or family that is not in the table; config_invalid for a wrong expression;
// vendor_file; what `ask_imds` throws.
std::string max_pods_output(const Arguments& arguments, const std::function<std::string()>& ask_imds);

// The instance type from the metadata service, within 5 s. Throws Error: those of ImdsClient, imds_answer.
std::string instance_type_from_imds();

} // namespace eks
