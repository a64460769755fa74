// SPDX-License-Identifier: Apache-2.0
// kubelet's checkpoints of the static CPU manager and the memory manager describe the CPUs and memory of one
// instance. With those of another one, which an image made from a node brings along, kubelet does not start.
// Reads and writes: the checkpoints below /var/lib/kubelet, and whose they are in /var/lib/eks. Again:
// nothing to do.
#pragma once

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view checkpoint_owner = "/var/lib/eks/kubelet-checkpoints";

// Remove the checkpoints unless they are of this instance as it is, for one that was stopped can come back
// with another type and other CPUs; and remember that what comes is. Throws Error (file_io).
void drop_foreign_checkpoints(Context& context, const InstanceFacts& facts);

} // namespace eks
