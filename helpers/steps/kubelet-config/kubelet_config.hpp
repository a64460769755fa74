// SPDX-License-Identifier: Apache-2.0
// eks-kubelet-config: kubelet's configuration file, and the user's settings as a drop-in that kubelet merges
// over it. Reads: /run/eks/node.json, /run/eks/imds.json, the vendor file, the instance type table, CPUs and
// memory in sysfs, /proc/meminfo, the link to iptables and its old tables in /proc/net. Writes:
// /etc/kubernetes/kubelet/config.json (and the link kubelet-config.json), config.json.d/40-nodeadm.conf.
// Again: the same facts, the same files.
#pragma once

#include "config/kubelet_files.hpp"
#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// All values that we set, before the user's settings. Adds notes and decisions to the plan. Throws Error
// (facts_missing, vendor_file).
Json generated_kubelet_config(const NodeInputs& node, StepPlan& plan);

// kubeReserved of that, for so many pods, which needs no version of kubelet; {} if it is left out.
Json generated_reservations(const NodeInputs& node, unsigned pods, StepPlan& plan);

// Throws Error (facts_missing, vendor_file).
StepPlan plan_kubelet_config(const NodeInputs& node);

// What the step may touch.
Access kubelet_config_access();

} // namespace eks
