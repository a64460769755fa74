// SPDX-License-Identifier: Apache-2.0
// Applies a changed configuration to a node: runs the steps again, in order, and then restarts only the
// daemons that read changed files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "steps/changes.hpp"
#include "systemd/manager.hpp"

namespace eks {

// Called with a line for each action ("reloaded eks-config.service").
using Say = std::function<void(const std::string& line)>;

// Throws Error (apply_failed) at the first action that fails: its remedy lists the actions that were done
// before it and those that were not. A daemon that does not run is not started: it reads its files when it
// starts.
void take_over(Manager& manager, const Changes& changes, const Say& say);

// How the actions are done before kubelet's first start.
struct BeforeKubelet {
        Say say;
        Say refuse;                    // called with what failed; the other actions are done all the same
        std::function<void()> waiting; // called again and again while a job takes long
};
void take_over_before_kubelet(Manager& manager, const Changes& changes, const BeforeKubelet& how);

// Daemons that still use old files because an apply failed in the middle. They are recorded in
// /run/eks/apply-pending until they are restarted, by eksnode or otherwise.
std::vector<std::string> pending_restarts(const Root& root, Manager& manager);

} // namespace eks
