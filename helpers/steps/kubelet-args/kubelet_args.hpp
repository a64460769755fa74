// SPDX-License-Identifier: Apache-2.0
// eks-kubelet-args: kubelet's command line, as the environment file that kubelet.service reads.
// Reads: /run/eks/node.json, /run/eks/imds.json, and, for labels, the hardware. Writes:
// /etc/eks/kubelet/environment. Again: the same facts, the same file.
#pragma once

#include <string>
#include <vector>

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error (facts_missing, node_name_invalid, config_invalid for a label that is invalid with its
// facts).
StepPlan plan_kubelet_args(const NodeInputs& node);

// Arguments as one value of an EnvironmentFile=, which systemd splits into the same arguments again (`$NAME`
// in ExecStart=). They may contain blanks, quotes and backslashes. They must begin with '-' and hold no line
// breaks.
std::string environment_value(const std::vector<std::string>& arguments);

// What the step may touch.
Access kubelet_args_access();

} // namespace eks
