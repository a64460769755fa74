// SPDX-License-Identifier: Apache-2.0
// The labels and taints with which a node registers.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/labels.hpp"
#include "node/node.hpp"

namespace eks {

using Labels = std::map<std::string, std::string>;

// node.labels and node.taints with the facts filled in. Throws Error (config_invalid) for an absent fact or
// an invalid value; eks-config reports these earlier.
Labels configured_labels(const NodeInputs& node);
std::vector<Taint> configured_taints(const NodeInputs& node);

// instance.nodeName with the facts filled in, empty if there is none. Throws as above.
std::string configured_node_name(const NodeInputs& node);

// The instance's name in EC2's private DNS, also if the VPC's DHCP options gave `local_hostname` another
// domain: ip-A-B-C-D or i-ID in the domain of the region. EKS admits a node by no other name. A host name of
// another form is kept; of several names, the first counts.
std::string ec2_private_name(std::string_view local_hostname, std::string_view region);

} // namespace eks
