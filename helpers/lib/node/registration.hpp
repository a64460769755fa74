// SPDX-License-Identifier: Apache-2.0
// What a node says of itself when it registers: its labels and taints.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checks/labels.hpp"
#include "node/node.hpp"

namespace eks {

using Labels = std::map<std::string, std::string>;

// node.labels and node.taints with the facts filled in. Throws Error (config_invalid) for a fact that is not
// there or a value that is none; eks-config has found these before.
Labels configured_labels(const NodeInputs& node);
std::vector<Taint> configured_taints(const NodeInputs& node);

// instance.nodeName with the facts filled in, empty if there is none. Throws as above.
std::string configured_node_name(const NodeInputs& node);

// The name that EC2's private DNS has for the instance, whatever domain the VPC's DHCP options gave to
// `local_hostname`: ip-A-B-C-D or i-ID in the domain of the region. EKS admits a node by no other name. A
// host name of another form stays as it is; of several, the first counts.
std::string ec2_private_name(std::string_view local_hostname, std::string_view region);

} // namespace eks
