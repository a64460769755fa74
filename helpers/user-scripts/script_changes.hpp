// SPDX-License-Identifier: Apache-2.0
// What scripts changed of the configuration is taken over before kubelet's first start. It is looked at
// first: what cannot be rendered is not acted on, and stops nothing.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/manager.hpp"
#include "plan.hpp"

namespace eks {

inline constexpr std::chrono::seconds time_to_take_over{240};

// A step that has to run again, or cannot.
struct Affected {
        std::string step;
        std::string error; // why its files cannot be rendered; "" if they can
};

// The steps of which a file would come out differently from what they rendered last, or is no longer what
// they put there: a link that points elsewhere.
std::vector<Affected> affected_steps(const Root& root, const std::vector<PlannedStep>& steps);

// Resolve the configuration again and run the affected steps, and those whose gate has opened or closed.
// Throws Error (user_scripts_refused) for what is refused, after all else has been taken over.
void take_over_changes(Context& context, Manager& manager);

} // namespace eks
