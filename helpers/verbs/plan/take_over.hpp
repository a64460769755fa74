// SPDX-License-Identifier: Apache-2.0
// Applies a changed configuration to a running node: runs the steps again, in order, and then restarts only
// the daemons that read changed files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "systemd/manager.hpp"
#include "verbs/plan/changes.hpp"

namespace eks {

// Called with a line for each action ("reloaded eks-config.service").
using Say = std::function<void(const std::string& line)>;

// Throws Error (apply_failed) at the first action that fails: its remedy lists the actions that were done
// before it and those that were not. A daemon that does not run is not started: it reads its files when it
// starts.
void take_over(Manager& manager, const Changes& changes, const Say& say);

// Daemons that still use old files because an apply failed in the middle. They are recorded in
// /run/eks/apply-pending until they are restarted, by eksnode or otherwise.
std::vector<std::string> pending_restarts(const Root& root, Manager& manager);

} // namespace eks
