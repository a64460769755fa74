// SPDX-License-Identifier: Apache-2.0
// eks-config: merge every layer, validate, resolve.
// Reads: /usr/lib/eks/node.d, /etc/eks, /run/eks/user-data, /run/eks/imds.json, the kernel command line, the
// version files. Writes: /run/eks/node.json, /run/eks/enabled/*. Again: the same layers, the same files.
#pragma once

#include "base/step.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"

namespace eks {

// Every optional step has a gate, a file below /run/eks/enabled/ that its unit has as a condition. Throws
// Error (config_missing, config_invalid, step_missing).
StepPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions);

// The sandbox image if nobody but kubelet's command line keeps it from kubelet's garbage collection:
// containerd before 1.7.3 does not report what is pinned. "" otherwise, and if containerd's configuration is
// broken.
std::string spared_image(const NodeInputs& node);

} // namespace eks
