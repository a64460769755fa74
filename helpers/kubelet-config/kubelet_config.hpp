// SPDX-License-Identifier: Apache-2.0
// eks-kubelet-config: kubelet's configuration file, and the user's settings as a drop-in that kubelet merges
// over it. Reads: /run/eks/node.json, /run/eks/imds.json, the vendor file, the instance type table, CPUs in
// sysfs. Writes: /etc/kubernetes/kubelet/config.json (and the link kubelet-config.json),
// config.json.d/40-nodeadm.conf. Again: the same facts, the same files.
#pragma once

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view kubelet_config_template = "/usr/share/eks/kubelet/config.json";
inline constexpr std::string_view kubelet_config_path = "/etc/kubernetes/kubelet/config.json";
inline constexpr std::string_view kubelet_config_directory = "/etc/kubernetes/kubelet/config.json.d";

// Throws Error (facts_missing, vendor_file).
StepPlan plan_kubelet_config(const NodeInputs& node);

// CPU that is kept from pods, in milliCPU, for a machine of so many milliCPU: 6 % of the first core, 1 % of
// the second, 0.5 % of the third and fourth, 0.25 % of the rest, each rounded down. Source: the EKS images.
unsigned reserved_millicpus(unsigned total);

// Memory that is kept from pods, in MiB: 255 and 11 a pod. Source: the EKS images.
constexpr unsigned reserved_memory_mib(unsigned max_pods)
{
        return 11 * max_pods + 255;
}

} // namespace eks
