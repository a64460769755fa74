// SPDX-License-Identifier: Apache-2.0
// A command that has said which cluster this is a node of wants kubelet to run when it returns.
#pragma once

#include <string>

#include "base/manager.hpp"

namespace eks {

// Where the bootstrap stands when such a command has left its layer.
enum class Standing {
        early, // nothing can be started yet, or it is who called us that holds it up: the boot goes on by
               // itself
        ahead, // the configuration has still to be resolved, by who waits for it or by whoever starts it
        awaits_scripts, // it was resolved without the layer, and is again before kubelet starts
        resolved,       // it was, and nobody looks again
};
Standing standing_of_node(Manager& manager);

// Start eks-node.target if nobody has, and wait until kubelet's program runs, as `systemctl start kubelet`
// did on Amazon Linux 2, and for a few seconds more until it is ready. Throws Error (node_not_started) with
// the unit that failed, or at the deadline.
void wait_for_kubelet(Manager& manager);

} // namespace eks
