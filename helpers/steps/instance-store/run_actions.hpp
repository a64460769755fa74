// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "steps/instance-store/action.hpp"

namespace eks {

// Run the commands of actions side by side. All have ended before the first failure is thrown, which names
// the disks of the others. Throws Error: failure_of() the action, storage_timeout.
void run_actions(const std::vector<StorageAction>& actions);

} // namespace eks
