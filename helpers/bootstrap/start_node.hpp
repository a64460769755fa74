// SPDX-License-Identifier: Apache-2.0
// Start the node after a command has written its layer.
#pragma once

#include <chrono>
#include <string>

#include "base/manager.hpp"

namespace eks {

// Where the bootstrap stands when such a command has left its layer.
enum class Standing {
        early, // nothing can be started yet, or the boot waits for our caller: it goes on afterwards
        ahead, // the configuration has not been resolved yet
        awaits_scripts, // it was resolved without the layer, and is again before kubelet starts
        resolved,       // it was, and nobody looks again
};
Standing standing_of_node(Manager& manager);

// Start eks-node.target if nobody has, and wait until kubelet's program runs, as `systemctl start kubelet`
// did on Amazon Linux 2, and for a few seconds more until it is ready. Throws Error (node_not_started) with
// the unit that failed, or at the deadline.
void wait_for_kubelet(Manager& manager);

// How long that may take: Karpenter gives a node up after this time as well.
inline constexpr std::chrono::minutes start_timeout{15};

// The node runs with the layer that was written after `standing` was looked at. Whoever resolved the
// configuration may have done so just before that, so a node that is on its way takes the layer over as well
// once kubelet runs; if it has it already, that changes nothing. Not for Standing::early.
template <typename TakeOver>
void start_with(Manager& manager, Standing standing, const TakeOver& take_over)
{
        if (standing != Standing::resolved)
                wait_for_kubelet(manager);
        take_over();
        wait_for_kubelet(manager);
}

} // namespace eks
