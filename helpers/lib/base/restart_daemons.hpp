// SPDX-License-Identifier: Apache-2.0
// For a step that writes what daemons read when they start. On a machine that becomes a node while it runs,
// they may run before the step does.
#pragma once

#include <string_view>
#include <vector>

#include "base/daemons.hpp"
#include "base/step.hpp"

namespace eks {

class Manager;

// Empty, as in a boot, if none of these units runs now. Otherwise the step connects to the manager and calls
// restart_daemons().
Step::TakeOver restart_if_running(const std::vector<std::string_view>& daemons);

// Have the manager restart each of these daemons that was started before a file of this step was written;
// does not wait. The job starts when the steps that the daemon waits for have ended. With containers, only
// kubelet is restarted; the others, and all of them without a manager, are a warning.
void restart_daemons(Context& context, const std::vector<std::string_view>& daemons, bool with_containers,
        Manager* manager);

// Whether containerd, or the containerd that Docker starts, has a task.
bool has_containers(const Root& root);

} // namespace eks
