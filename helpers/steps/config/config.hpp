// SPDX-License-Identifier: Apache-2.0
// eks-config: merge every layer, validate, resolve.
// Reads: /usr/lib/eks/node.d, /etc/eks, /run/eks/user-data, /run/eks/imds.json, the kernel command line, the
// version files. Writes: /run/eks/node.json, /run/eks/enabled/*. Again: the same layers, the same files.
#pragma once

#include "config/sources.hpp"
#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

struct ConfigPlan {
        StepPlan plan;
        Decisions decided;
};

// Every optional step has a gate, a file below /run/eks/enabled/ that its unit has as a condition. Throws
// Error (config_missing, config_invalid, step_missing).
ConfigPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions);

// What the step may touch.
Access config_access();

} // namespace eks
