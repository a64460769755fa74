// SPDX-License-Identifier: Apache-2.0
// eks-registry-mirrors: containerd's hosts.toml for every registry that has mirrors.
// Reads: /run/eks/node.json, the files that hold headers. Writes:
// /etc/containerd/certs.d/REGISTRY/hosts.toml, which containerd reads at each pull. Again: the same files;
// those of mirrors that are gone are removed.
#pragma once

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error (config_invalid) for a file of headers that is absent or malformed; its content is not shown.
StepPlan plan_registry_mirrors(const NodeInputs& node);

// What the step may touch.
Access registry_mirrors_access();

} // namespace eks
