// SPDX-License-Identifier: Apache-2.0
// eks-resolved: gives systemd-resolved the name servers and search domains of the configuration.
// Reads: /run/eks/node.json. Writes: /run/systemd/resolved.conf.d/40-eks.conf. Again: the same file, and
// systemd-resolved is left alone.
#pragma once

#include "node/node.hpp"
#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

// The same name as nodeadm's.
inline constexpr std::string_view resolved_drop_in = "/run/systemd/resolved.conf.d/40-eks.conf";

// The drop-in; absent if the configuration has neither. The same bytes as nodeadm's.
StepPlan plan_resolved(const NodeInputs& node);

// Let systemd-resolved read the drop-in if it was started before the drop-in was written: by a reload if
// possible (systemd 256), else by a restart. A machine without it gets a warning. Throws Error:
// resolver_failed if it does not come back, manager_unreachable.
void take_over_resolved(Context& context, Manager& manager);

// What the step may touch.
Access resolved_access();

} // namespace eks
