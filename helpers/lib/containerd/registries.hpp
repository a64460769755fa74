// SPDX-License-Identifier: Apache-2.0
// The registries for which containerd has mirrors.
#pragma once

#include <string>
#include <vector>

#include "node/node.hpp"

namespace eks {

// The file that containerd reads at each pull from the registry.
std::string hosts_file(const std::string& registry);

// The registries whose file we wrote before.
std::vector<std::string> rendered_registries(const Root& root);

// Whether there is any such file to write or to remove.
bool needs_registry_mirrors(const NodeInputs& node);

} // namespace eks
