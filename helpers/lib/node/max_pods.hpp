// SPDX-License-Identifier: Apache-2.0
// How many pods a node runs: what its instance type and the VPC CNI have addresses for, or what its user
// says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view instance_types_path = "/usr/share/eks/instance-types.tsv";

// kubelet's own default, used for a type that no table knows.
inline constexpr unsigned default_max_pods = 110;

struct InstanceType {
        unsigned max_enis = 0;     // network interfaces of the default network card
        unsigned ipv4_per_eni = 0; // addresses of each, the primary one included
};

// A row of the table that is installed with us. Throws Error (vendor_file) if the row is malformed.
std::optional<InstanceType> find_instance_type(const Root& root, std::string_view type);

// The VPC CNI with secondary addresses: every interface keeps one address for itself, and two pods
// (aws-node, kube-proxy) use the host's network. Source: AWS, "Maximum Pods per Node".
constexpr unsigned standard_max_pods(const InstanceType& type)
{
        return type.max_enis * (type.ipv4_per_eni - 1) + 2;
}

struct MaxPods {
        unsigned computed = 0; // ours, what config.json says
        // What kubelet goes by once the user's settings are merged: its --max-pods, else
        // kubelet.config.maxPods, else ours.
        unsigned effective = 0;
        std::string why; // where `effective` comes from, for people
};

// The node's configuration has been validated. Throws Error (facts_missing, vendor_file).
MaxPods max_pods(const NodeInputs& node, std::vector<Note>& notes);

} // namespace eks
