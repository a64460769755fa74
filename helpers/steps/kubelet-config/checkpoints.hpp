// SPDX-License-Identifier: Apache-2.0
// kubelet's checkpoints of the static CPU manager and the memory manager describe the CPUs and memory of one
// instance. kubelet does not start with those of another instance, which an image made from a node contains.
// Reads and writes: the checkpoints below /var/lib/kubelet, and the record of their instance in
// /var/lib/eks. Again: nothing to do.
#pragma once

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view checkpoint_owner = "/var/lib/eks/kubelet-checkpoints";

// Remove the checkpoints unless they are of this instance in its present form (an instance can be stopped
// and started with another type), and record that new ones are of this instance. Throws Error (file_io).
void drop_foreign_checkpoints(Context& context, const InstanceFacts& facts);

} // namespace eks
