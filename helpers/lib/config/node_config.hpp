// SPDX-License-Identifier: Apache-2.0
// The two formats of node configuration.
#pragma once

#include <string>
#include <string_view>

#include "document/layer.hpp"

namespace eks {

// A NodeConfig document, YAML or JSON, as `kind: NodeConfig` of node.eks.aws/v1alpha1. Unknown fields are
// only noted, because AWS may add more. Throws Error (config_syntax, config_invalid) with line and column if
// it is not a NodeConfig; invalid values are in Layer::problems.
Layer parse_node_config(std::string_view text, const std::string& source);

// Our TOML: the keys of NodeConfig's spec at the top level, and more. Unknown keys are problems that name
// the nearest known one. Throws Error (config_syntax).
Layer parse_node_toml(std::string_view text, const std::string& source);

} // namespace eks
