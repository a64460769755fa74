// SPDX-License-Identifier: Apache-2.0
// eksnode config: the resolved configuration, in any of its formats.
#pragma once

#include <string>

#include "document/layer.hpp"

namespace eks {

// `tree` is that of a resolved Layer. Texts of containerd.config are merged into one. The result is the tree
// of an equivalent single document.
Json as_one_document(const Json& tree);

std::string config_as_toml(const Json& tree);
std::string config_as_json(const Json& tree);

// A NodeConfig in YAML; keys that only our TOML has are left out and named in `left_out`.
std::string config_as_node_config(const Json& tree, std::vector<std::string>& left_out);

} // namespace eks
