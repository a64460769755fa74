// SPDX-License-Identifier: Apache-2.0
// eks-environment: gives services the environment variables of the configuration.
// Reads: /run/eks/node.json. Writes: /run/eks/environment/, drop-ins in /run/systemd/system/, the
// environment of the service manager. Again: the same files, and nothing is reloaded or restarted.
#pragma once

#include <string_view>

#include "node/proxy.hpp"
#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

// The files, and a drop-in for each service whose unit does not read its file already. Those of services
// that the configuration no longer names are absent.
StepPlan plan_environment(const NodeInputs& node);

// Put the plan in place; give the manager the variables of all services, and remove those of the last run;
// reload it if drop-ins changed; restart services that were started before their variables existed.
// containerd, soci-snapshotter and kubelet are left alone: they start after this step, and `eksnode apply`
// restarts them. Throws Error (file_io, manager_unreachable).
void take_over_environment(Context& context, Manager& manager, const NodeInputs& node);

// What the step may touch.
Access environment_access();

} // namespace eks
