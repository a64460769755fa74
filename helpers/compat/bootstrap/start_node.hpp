// SPDX-License-Identifier: Apache-2.0
// Start the node after a command has written its layer.
#pragma once

#include <chrono>
#include <string>

#include "systemd/manager.hpp"

namespace eks {

// The state of the bootstrap when a command has written its layer.
enum class Standing {
        early, // nothing can be started yet, or the boot waits for our caller and continues afterwards
        ahead, // the configuration has not been resolved yet
        awaits_scripts, // it was resolved without the layer, and will be resolved again before kubelet
                        // starts
        resolved,       // it was resolved without the layer, and will not be resolved again
};
Standing standing_of_node(Manager& manager);

// Start eks-node.target unless it has been started, and wait until kubelet's program runs, as `systemctl
// start kubelet` did on Amazon Linux 2, and for a few seconds more until it is ready. Throws Error
// (node_not_started) with the unit that failed, or at the deadline.
void wait_for_kubelet(Manager& manager);

// The time limit: eks-cluster waits 20 minutes for a cluster that is being created.
inline constexpr std::chrono::minutes start_timeout{25};

// The node runs with the layer that was written after `standing` was looked at. The configuration may have
// been resolved just before the layer was written, so the layer is applied again once kubelet runs. This
// changes nothing if the node has it already. Not for Standing::early.
template <typename TakeOver>
void start_with(Manager& manager, Standing standing, const TakeOver& take_over)
{
        if (standing != Standing::resolved)
                wait_for_kubelet(manager);
        take_over();
        wait_for_kubelet(manager);
}

} // namespace eks
