// SPDX-License-Identifier: Apache-2.0
// What the step does, action by action.
#pragma once

#include <chrono>

#include "config/local_storage.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error: what next_actions() and StorageMachine throw.
void set_up_instance_store(Context& context, const LocalStorage& settings, const std::string& instance,
        std::chrono::milliseconds limit);

} // namespace eks
