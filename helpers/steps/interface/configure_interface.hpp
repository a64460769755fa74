// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "steps/interface/networkd.hpp"
#include "systemd/step.hpp"

namespace eks {

// What eks-interface does for the interface that $EKS_INTERFACE_NAME names. Throws Error: usage,
// facts_missing, file_io, daemon_refused, manager_unreachable, and for an interface of the host that was
// attached later what ImdsClient throws.
// Without `networkd`, as in tests, it is taken for one that does not run.
void configure_interface(Context& context, Networkd* networkd);

} // namespace eks
