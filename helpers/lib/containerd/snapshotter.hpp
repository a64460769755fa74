// SPDX-License-Identifier: Apache-2.0
// What unpacks images: overlayfs, which is containerd's own, or soci-snapshotter.
#pragma once

#include <string>
#include <vector>

#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view soci_program = "/usr/bin/soci-snapshotter-grpc";

// Whether it is soci-snapshotter on this machine, by containerd.snapshotter and featureGates.FastImagePull.
// The notes say what was chosen and why, if somebody asked for it or could wonder. Throws Error:
// config_syntax.
bool choose_soci(const NodeInputs& node, std::vector<Note>& notes);

} // namespace eks
