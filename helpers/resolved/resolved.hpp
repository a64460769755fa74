// SPDX-License-Identifier: Apache-2.0
// eks-resolved: the name servers and search domains of the configuration, for systemd-resolved.
// Reads: /run/eks/node.json. Writes: /run/systemd/resolved.conf.d/40-eks.conf. Again: the same file, and
// systemd-resolved is left alone.
#pragma once

#include "base/manager.hpp"
#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

// The name that nodeadm gives it.
inline constexpr std::string_view resolved_drop_in = "/run/systemd/resolved.conf.d/40-eks.conf";

// The drop-in; it is absent where the configuration names neither. The same bytes as nodeadm's.
StepPlan plan_resolved(const NodeInputs& node);

// Let systemd-resolved read the drop-in, if it runs since before that was written: by a reload where it can
// (systemd 256), else by a restart. A machine without it gets a warning. Throws Error: resolver_failed if it
// does not come back, manager_unreachable.
void take_over_resolved(Context& context, Manager& manager);

} // namespace eks
