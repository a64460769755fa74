// SPDX-License-Identifier: Apache-2.0
// What a node says of itself when it registers: its labels and taints.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/labels.hpp"
#include "node/node.hpp"

namespace eks {

using Labels = std::map<std::string, std::string>;

// node.labels and node.taints with the facts filled in. Throws Error (config_invalid) for a fact that is not
// there or a value that is none; eks-config has found these before.
Labels configured_labels(const NodeInputs& node);
std::vector<Taint> configured_taints(const NodeInputs& node);

} // namespace eks
