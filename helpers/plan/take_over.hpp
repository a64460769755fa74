// SPDX-License-Identifier: Apache-2.0
// A changed configuration, taken over by a node that runs: the steps again, in order, and then only those
// daemons that read what changed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/manager.hpp"
#include "changes.hpp"

namespace eks {

// Called with a line for each thing that was done ("reloaded eks-config.service").
using Say = std::function<void(const std::string& line)>;

// Throws Error (apply_failed) at the first action that fails: its remedy says what was done before it and
// what was not done. A daemon that does not run stays as it is: it reads its files when it starts.
void take_over(Manager& manager, const Changes& changes, const Say& say);

// Daemons that run on files from before a take-over that failed in the middle. They are remembered in
// /run/eks/apply-pending until they are restarted, no matter by whom.
std::vector<std::string> pending_restarts(const Root& root, Manager& manager);

} // namespace eks
