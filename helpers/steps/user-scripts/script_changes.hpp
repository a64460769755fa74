// SPDX-License-Identifier: Apache-2.0
// Applies the scripts' changes of the configuration before kubelet's first start. They are checked first: a
// configuration that cannot be rendered is ignored, and stops nothing.
#pragma once

#include <chrono>

#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::chrono::seconds time_to_take_over{240};

// Resolve the configuration again, and take over what differs; see steps/changes.hpp. Throws Error
// (user_scripts_refused) for rejected changes, after all others have been applied.
void take_over_changes(Context& context, Manager& manager);

} // namespace eks
