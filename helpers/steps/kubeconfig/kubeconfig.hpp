// SPDX-License-Identifier: Apache-2.0
// eks-kubeconfig: the address of the API server, and kubelet's authentication.
// Reads: /run/eks/node.json, /run/eks/imds.json, the vendor template. Writes: /var/lib/kubelet/kubeconfig,
// or bootstrap-kubeconfig for a local cluster on an Outpost. Again: the same values, the same file.
#pragma once

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view kubeconfig_template = "/usr/share/eks/kubelet/kubeconfig.yaml";

// The template with ${server}, ${cluster} (the id of a local cluster on an Outpost, else the name),
// ${region} and ${command} replaced by quoted strings and ${args} by a list of such: the command is the one
// that kubeconfig.auth chose. Throws Error (vendor_file) for any other ${…} in it, (facts_missing) without a
// region.
StepPlan plan_kubeconfig(const NodeInputs& node);

// A warning if the chosen program is missing. It is about this machine, so it is not part of the plan.
std::vector<Note> token_program_notes(const NodeInputs& node);

// What the step may touch.
Access kubeconfig_access();

} // namespace eks
