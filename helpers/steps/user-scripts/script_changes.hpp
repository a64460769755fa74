// SPDX-License-Identifier: Apache-2.0
// Applies the scripts' changes of the configuration before kubelet's first start. They are checked first: a
// configuration that cannot be rendered is ignored, and stops nothing.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "systemd/manager.hpp"
#include "systemd/step.hpp"
#include "verbs/plan/plan.hpp"

namespace eks {

inline constexpr std::chrono::seconds time_to_take_over{240};

// A step that has to run again, or cannot.
struct Affected {
        std::string step;
        std::string error; // why its files cannot be rendered; "" if they can
};

// The steps with a file that would differ from its last rendering, or that is no longer the file they wrote,
// such as a link that points elsewhere.
std::vector<Affected> affected_steps(const Root& root, const std::vector<PlannedStep>& steps);

// Resolve the configuration again and run the affected steps, and those whose gate has opened or closed.
// Throws Error (user_scripts_refused) for rejected changes, after all others have been applied.
void take_over_changes(Context& context, Manager& manager);

} // namespace eks
