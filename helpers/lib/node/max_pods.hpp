// SPDX-License-Identifier: Apache-2.0
// How many pods a node can run: the number of addresses of its instance type with the VPC CNI, or the user's
// setting.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view instance_types_path = "/usr/share/eks/instance-types.tsv";

// kubelet's own default, used for an unknown type.
inline constexpr unsigned default_max_pods = 110;

struct InstanceType {
        unsigned max_enis = 0;     // network interfaces of the default network card
        unsigned ipv4_per_eni = 0; // addresses of each, the primary one included
        unsigned vcpus = 0;        // 0: unknown
        bool nitro = false;        // its hypervisor; not on bare metal, where EC2 names none
};

// A row of the table that is installed with eksnode. If the row lacks them, vCPUs follow from the size in
// the name (4 for xlarge, 4 N for Nxlarge and metal-Nxl), and every type but bare metal is Nitro. Both are
// true for every type since 2018, except for a few with values in the table. Throws Error (vendor_file) if
// the row is malformed.
std::optional<InstanceType> find_instance_type(const Root& root, std::string_view type);

struct NamedInstanceType {
        std::string name;
        InstanceType type;
};

// Every row, sorted by name. Throws as above.
std::vector<NamedInstanceType> instance_types(const Root& root);

// Whether the VPC CNI assigns prefixes to this type, by AWS's max-pods calculator: bare metal does not
// count.
constexpr bool assigns_prefixes(const InstanceType& type, const CniMode& cni)
{
        return cni.prefix_delegation && type.nitro;
}

// The number of pods that get addresses from the VPC CNI: every interface needs one address for itself, and
// two pods (aws-node, kube-proxy) use the host's network. With custom networking the primary interface
// serves no pods; with prefixes each further address is one of 16. Source: AWS, "Maximum Pods per Node" and
// the max-pods calculator of the EKS images.
constexpr unsigned cni_max_pods(const InstanceType& type, const CniMode& cni)
{
        auto enis = cni.max_enis > 0 ? std::min(cni.max_enis, type.max_enis) : type.max_enis;
        enis -= cni.custom_networking && enis > 0 ? 1 : 0;
        return enis * (type.ipv4_per_eni - 1) * (assigns_prefixes(type, cni) ? 16 : 1) + 2;
}

// The same with the CNI's defaults: nodeadm's value.
constexpr unsigned standard_max_pods(const InstanceType& type)
{
        return cni_max_pods(type, {});
}

// The maximum that AWS recommends for a machine with so many vCPUs. Source: as above.
constexpr unsigned recommended_max_pods(unsigned vcpus)
{
        return vcpus > 30 ? 250 : 110;
}

// kubelet.maxPodsExpression: ints named default_enis and ips_per_eni, as the type has them, and max_pods,
// the value without the expression. Throws Error (config_invalid) that begins with the place in the
// expression, also if the result is not from 1 to 2147483647.
unsigned evaluate_max_pods(std::string_view expression, const InstanceType& type, unsigned max_pods);

// The syntax or type error of kubelet.maxPodsExpression, with its place; nothing if it is valid or empty.
std::optional<std::string> wrong_expression(const Sourced& expression);

struct MaxPods {
        unsigned computed = 0; // our value, in config.json
        // The value that kubelet uses after the user's settings are merged: its --max-pods, else
        // kubelet.config.maxPods, else ours.
        unsigned effective = 0;
        std::string why; // the origin of `effective`, as text
        std::string computed_why;
};

// The node's configuration has been validated. Throws Error (facts_missing, vendor_file).
MaxPods max_pods(const NodeInputs& node, std::vector<Note>& notes);

} // namespace eks
