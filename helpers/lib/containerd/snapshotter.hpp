// SPDX-License-Identifier: Apache-2.0
// The snapshotter that unpacks images: containerd's own overlayfs, or soci-snapshotter.
#pragma once

#include <string>
#include <vector>

#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view soci_program = "/usr/bin/soci-snapshotter-grpc";

// Whether it is soci-snapshotter on this machine, by containerd.snapshotter and featureGates.FastImagePull.
// Notes explain the choice if it was configured or is not obvious. Throws Error: config_syntax.
bool choose_soci(const NodeInputs& node, std::vector<Note>& notes);

} // namespace eks
